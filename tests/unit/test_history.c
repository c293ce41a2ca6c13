/* SPDX-License-Identifier: MIT */
#include "flow/history.h"

#include "base/clock.h"
#include "base/log.h"

#include "sample.h"

static const InstanceConfig shop = {.name = (char *)(size_t) "shop"};

static Run run_in(const char *state)
{
    return (Run){.config = &shop, .state_dir = state, .command = "verify"};
}

static Drill *drill_of(const char *backup)
{
    Drill *drill = drill_new(backup, backup, DRILL_VERIFY);
    drill->at = clock_now();
    return drill;
}

static void add(const Run *run, const char *backup)
{
    g_autoptr(Drill) drill = drill_of(backup);
    g_autoptr(GError) error = NULL;
    cr_assert(history_add(run, drill, &error), "%s", error != NULL ? error->message : "");
}

static GPtrArray *drills_of(const Run *run)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *drills = history_read(run, &error);
    cr_assert(drills != NULL, "%s", error != NULL ? error->message : "");
    return drills;
}

static void expect_backup(const GPtrArray *drills, guint index, const char *backup)
{
    cr_assert(index < drills->len, "there are %u drills", drills->len);
    const Drill *drill = drills->pdata[index];
    cr_expect_str_eq(drill->backup, backup);
}

static void set(char **field, char *text)
{
    g_free(*field);
    *field = text;
}

static Drill *full_drill(void)
{
    Drill *drill = drill_new("20261123T020000Z-incr", "20261122T020000Z-full", DRILL_RESTORE);
    drill->at = clock_now();
    drill->asked = PROOF_QUERIES;
    drill->reached = PROOF_SERVER;
    set(&drill->failure, g_strdup("shop.orders: Corrupt"));
    drill->fresh = TRUE;
    drill->took_us = 12345678;
    drill->start_us = 1;
    drill->ask_us = 2;
    drill->copied_up = 3;
    drill->tables = 4;
    drill->checked = 5;
    drill->rpo_s = -1;
    set(&drill->engine, g_strdup("mariadb-backup 10.11.19-MariaDB"));
    set(&drill->server, g_strdup("10.11.19-MariaDB-log"));
    set(&drill->host, g_strdup("db1"));
    DrillStep *step = drill_add_step(drill, "20261122T020000Z-full", BACKUP_FULL);
    *step = (DrillStep){step->id, BACKUP_FULL, 1, 2, 3, 4, 5};
    step = drill_add_step(drill, "20261123T020000Z-incr", BACKUP_INCREMENTAL);
    *step = (DrillStep){step->id, BACKUP_INCREMENTAL, G_MAXUINT64, 7, 8, G_MAXINT64, 10};
    return drill;
}

static void expect_same_step(const DrillStep *step, const DrillStep *other)
{
    cr_expect_str_eq(step->id, other->id);
    cr_expect(step->type == other->type && step->files == other->files &&
                  step->bytes_stored == other->bytes_stored &&
                  step->bytes_plain == other->bytes_plain && step->unseal_us == other->unseal_us &&
                  step->prepare_us == other->prepare_us,
              "another step %s", step->id);
}

static void expect_same(const Drill *drill, const Drill *other)
{
    cr_expect_str_eq(drill->backup, other->backup);
    cr_expect_str_eq(drill->chain, other->chain);
    cr_expect_str_eq(drill->failure, other->failure);
    cr_expect_str_eq(drill->engine, other->engine);
    cr_expect_str_eq(drill->server, other->server);
    cr_expect_str_eq(drill->host, other->host);
    cr_expect(drill->kind == other->kind && drill->at == other->at &&
              drill->asked == other->asked && drill->reached == other->reached &&
              drill->fresh == other->fresh && drill->took_us == other->took_us &&
              drill->start_us == other->start_us && drill->ask_us == other->ask_us &&
              drill->copied_up == other->copied_up && drill->tables == other->tables &&
              drill->checked == other->checked && drill->rpo_s == other->rpo_s);
    cr_assert(drill->steps->len == other->steps->len, "%u steps", drill->steps->len);
    for (guint i = 0; i < drill->steps->len; i++)
        expect_same_step(drill->steps->pdata[i], other->steps->pdata[i]);
}

Test(history, gives_back_every_number_of_a_drill)
{
    char *state = sample_directory();
    const Run run = run_in(state);
    g_autoptr(Drill) drill = full_drill();
    add(&run, "first");
    cr_assert(history_add(&run, drill, NULL));
    g_autoptr(GPtrArray) drills = drills_of(&run);
    cr_assert(drills->len == 2);
    expect_backup(drills, 0, "first");
    expect_same(drills->pdata[1], drill);
    sample_remove(state);
}

Test(history, keeps_what_a_server_said_whatever_it_said)
{
    char *state = sample_directory();
    const Run run = run_in(state);
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    for (guint i = 1; i <= 150; i++) {
        g_autoptr(Drill) drill = drill_of("x");
        set(&drill->failure, sample_hostile(random));
        set(&drill->server, sample_hostile(random));
        cr_assert(history_add(&run, drill, NULL));
        g_autoptr(GPtrArray) drills = drills_of(&run);
        cr_assert(drills->len == i, "after '%s' and '%s'", drill->failure, drill->server);
    }
    cr_expect(log_warnings()->len == 0);
    sample_remove(state);
}

Test(history, has_no_drills_before_the_first_and_records_none_without_a_state_directory)
{
    char *state = sample_directory();
    const Run run = run_in(state);
    const Run bare = run_in(NULL);
    g_autoptr(GPtrArray) none = drills_of(&run);
    cr_expect(none->len == 0);
    add(&bare, "x");
    g_autoptr(GPtrArray) still_none = drills_of(&bare);
    cr_expect(still_none->len == 0);
    sample_remove(state);
}

Test(history, keeps_the_newest_drills_and_numbers_them_on)
{
    enum { KEPT = 400 };
    char *state = sample_directory();
    const Run run = run_in(state);
    for (int i = 1; i <= KEPT + 3; i++) {
        g_autofree char *name = g_strdup_printf("b%d", i);
        add(&run, name);
    }
    g_autoptr(GPtrArray) drills = drills_of(&run);
    cr_expect(drills->len == KEPT, "%u", drills->len);
    expect_backup(drills, 0, "b4");
    expect_backup(drills, KEPT - 1, "b403");
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(state, "shop/history.ini", text);
    cr_expect_not_null(strstr(text->str, "[drill 403]\n"));
    sample_remove(state);
}

Test(history, forgets_what_is_older_than_two_years)
{
    static const int64_t ages[] = {740, 733, 731, 0};
    char *state = sample_directory();
    const Run run = run_in(state);
    for (size_t i = 0; i < G_N_ELEMENTS(ages); i++) {
        g_autofree char *name = g_strdup_printf("%d days", (int)ages[i]);
        g_autoptr(Drill) drill = drill_of(name);
        drill->at -= ages[i] * SAMPLE_DAY;
        cr_assert(history_add(&run, drill, NULL));
    }
    g_autoptr(GPtrArray) drills = drills_of(&run);
    cr_expect(drills->len == 2);
    expect_backup(drills, 0, "731 days");
    sample_remove(state);
}

/* The checksum made right again. */
static void write_body(const char *state, const char *body)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, body, -1);
    g_autofree char *text = g_strdup_printf("[history]\nchecksum = %s\n%s", sum, body);
    sample_write(state, "shop/history.ini", text);
}

Test(history, says_once_that_a_damaged_file_was_lost_and_starts_anew)
{
    static const char *const damaged[] = {
        "",
        "[history]\n",
        "[history]\nchecksum = 00\nformat = 1\n",
        "\x01\x02",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        char *state = sample_directory();
        const Run run = run_in(state);
        log_reset();
        sample_write(state, "shop/history.ini", damaged[i]);
        g_autoptr(GError) error = NULL;
        cr_expect_null(history_read(&run, &error));
        sample_expect_error(error, STATUS_CATALOG, "history.ini");
        add(&run, "new");
        cr_expect(log_warnings()->len == 1, "%u warnings", log_warnings()->len);
        add(&run, "newer");
        cr_expect(log_warnings()->len == 1, "said again");
        g_autoptr(GPtrArray) drills = drills_of(&run);
        cr_expect(drills->len == 2);
        expect_backup(drills, 0, "new");
        sample_remove(state);
    }
}

Test(history, finds_a_changed_byte_and_a_value_that_makes_no_sense)
{
    static const char *const bodies[] = {
        "format = 1\n\n[drill 1]\nkind = party\n",
        "format = 1\n\n[drill 1]\nat = yesterday\n",
        "format = 1\n\n[drill 1]\ntook_us = 1s\n",
        "format = 1\n\n[drill 1]\ntables = -1\n",
        "format = 1\n\n[drill 1]\nstep_1 = x full 1 2 3 4\n",
        "format = 1\n\n[drill 1]\nstep_1 = x half 1 2 3 4 5\n",
        "format = 1\n\n[drill 1]\nstep_1 = x full 1 2 3 4 -5\n",
        "format = 1\n\n[drill 2]\n\n[drill 1]\n",
        "format = 1\n\n[drill x]\n",
        "format = 1\n\n[other]\n",
        "format = none\n",
    };
    char *state = sample_directory();
    const Run run = run_in(state);
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        g_autoptr(GError) error = NULL;
        write_body(state, bodies[i]);
        cr_expect_null(history_read(&run, &error), "%s", bodies[i]);
        sample_expect_error(error, STATUS_CATALOG, "history.ini");
    }
    g_autoptr(GError) error = NULL;
    add(&run, "x");
    g_autofree char *path = g_build_filename(state, "shop", "history.ini", NULL);
    autofd int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && pwrite(fd, "9", 1, 120) == 1);
    cr_expect_null(history_read(&run, &error));
    sample_expect_error(error, STATUS_CATALOG, "checksum");
    sample_remove(state);
}

Test(history, keeps_the_keys_of_a_later_program_and_leaves_a_later_format_alone)
{
    char *state = sample_directory();
    const Run run = run_in(state);
    g_autofree char *now = clock_format(clock_now());
    g_autofree char *old =
        g_strdup_printf("[drill 7]\nbackup = old\nat = %s\nweather = rain\n", now);
    g_autofree char *body = g_strconcat("format = 1\n\n", old, NULL);
    write_body(state, body);
    add(&run, "new");
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(state, "shop/history.ini", text);
    cr_expect_not_null(strstr(text->str, old));
    cr_expect_not_null(strstr(text->str, "[drill 8]\nbackup = new\n"));

    write_body(state, "format = 2\n\n[drill 7]\n");
    g_autoptr(Drill) drill = drill_of("x");
    g_autoptr(GError) error = NULL;
    cr_expect_not(history_add(&run, drill, &error));
    sample_expect_error(error, STATUS_CATALOG, "newer lsnchain");
    sample_read(state, "shop/history.ini", text);
    cr_expect_not_null(strstr(text->str, "format = 2\n"), "it was overwritten");
    sample_remove(state);
}

Test(history, loses_no_drill_of_processes_that_end_at_the_same_time)
{
    enum { PROCESSES = 4, EACH = 25 };
    char *state = sample_directory();
    const Run run = run_in(state);
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            gboolean good = TRUE;
            for (int k = 0; k < EACH; k++) {
                g_autoptr(Drill) drill = drill_of("x");
                good = history_add(&run, drill, NULL) && good;
            }
            _exit(good ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        cr_assert(waitpid(pids[i], &status, 0) == pids[i]);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    g_autoptr(GPtrArray) drills = drills_of(&run);
    cr_expect(drills->len == PROCESSES * EACH, "%u", drills->len);
    sample_remove(state);
}

Test(history, stays_readable_when_the_chains_have_a_thousand_links)
{
    char *state = sample_directory();
    const Run run = run_in(state);
    g_autoptr(Drill) drill = drill_of("x");
    for (int i = 0; i < 1000; i++) {
        DrillStep *step = drill_add_step(drill, "20261123T020000Z-incr", BACKUP_INCREMENTAL);
        step->bytes_plain = G_MAXUINT64;
        step->unseal_us = step->prepare_us = G_MAXINT64;
    }
    for (int i = 0; i < 120; i++)
        cr_assert(history_add(&run, drill, NULL));
    cr_expect(sample_stat(state, "shop/history.ini").st_size <= 9 << 20);
    g_autoptr(GPtrArray) drills = drills_of(&run);
    cr_expect(drills->len > 50, "%u", drills->len);
    sample_remove(state);
}
