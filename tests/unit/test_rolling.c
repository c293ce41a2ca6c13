/* SPDX-License-Identifier: MIT */
#include "proof/rolling.h"

#include "base/log.h"
#include "catalog/tree.h"
#include "prepare/place.h"
#include "repo/sums.h"
#include "sample.h"

/*
 * An engine in a few lines of shell: what it applies is appended to shop/orders.ibd, so the file
 * tells what the base has gone through; what it was asked stands in engine.calls.  A file beside it
 * makes it fail: engine.refuses (once: it is gone then), engine.loses (a table), engine.dies.  With
 * engine.percona it is an xtrabackup, which closes a chain unless it is told --apply-log-only.
 */
static const char engine_script[] =
    "#!/bin/sh\n"
    "[ -e \"$0.percona\" ] && percona=1\n"
    "for word in \"$@\"; do case $word in\n"
    "--version) [ -n \"$percona\" ] && echo 'xtrabackup version 8.0.35-33 based on MySQL server "
    "8.0.35 Linux (x86_64) (revision id: 8b4c1a23)' && exit 0\n"
    "echo 'mariadb-backup based on MariaDB server 10.11.19-MariaDB "
    "debian-linux-gnu (x86_64)'; exit 0 ;;\n"
    "--help) exit 0 ;;\n"
    "--target-dir=*) base=${word#*=} ;;\n"
    "--incremental-dir=*) incr=${word#*=} ;;\n"
    "--apply-log-only) open=1 ;;\n"
    "esac; done\n"
    "from=${incr:-$base}\n"
    "basename \"$from\" >>\"$0.calls\"\n"
    "if [ -e \"$0.refuses\" ]; then rm \"$0.refuses\"; rm -f \"$base/shop/orders.ibd\"; exit 1; "
    "fi\n"
    "if [ -e \"$0.dies\" ]; then kill -9 $$; fi\n"
    "[ -z \"$incr\" ] || cat \"$incr/shop/orders.ibd.delta\" >>\"$base/shop/orders.ibd\"\n"
    "if [ -e \"$0.loses\" ] && [ -n \"$incr\" ]; then rm \"$base/shop/orders.ibd\"; fi\n"
    "grep -q full-prepared \"$base/xtrabackup_checkpoints\" && exit 1\n"
    "state=log-applied; [ -n \"$percona\" ] && [ -z \"$open\" ] && state=full-prepared\n"
    "sed \"s/^backup_type.*/backup_type = $state/\" \"$from/xtrabackup_checkpoints\" "
    ">\"$base/c\" && mv \"$base/c\" \"$base/xtrabackup_checkpoints\"\n"
    "echo \"2026-11-22  2:00:00 0 [Note] InnoDB: End of log at LSN=$(sed -n "
    "'s/^last_lsn = //p' \"$from/xtrabackup_checkpoints\")\" >&2\n"
    "stamp='[00] 2026-11-22 02:00:00'\n"
    "[ -n \"$percona\" ] && stamp='2026-11-22T02:00:00.000000-00:00 0 [Note] [MY-011825] "
    "[Xtrabackup]'\n"
    "echo \"$stamp completed OK!\" >&2\n";

enum { LINKS = 4 };

static char *root;
static char *directory; /* where the rolling base is */
static Shelf *shelf;
static Engine *engine;
static GPtrArray *week;

static void put(GPtrArray *sums, const char *at, const char *name, const char *text)
{
    uint8_t sum[DIGEST_BYTES];
    g_autofree char *hex = digest_text(text, strlen(text));
    cr_assert(digest_from_hex(hex, sum));
    sample_write(at, name, text);
    sums_add(sums, name, sum);
}

/* A published backup, as far as a prepare looks at it. */
static void publish(Backup *link, const char *rows)
{
    g_autofree char *name = shelf_backup(link->id);
    g_autofree char *at = g_build_filename(shelf->path, name, NULL);
    g_autofree char *checkpoints =
        g_strdup_printf("backup_type = %s\nfrom_lsn = %u\nto_lsn = %u\nlast_lsn = %u\n",
                        link->type == BACKUP_FULL ? "full-backuped" : "incremental",
                        (unsigned)link->from_lsn, (unsigned)link->to_lsn, (unsigned)link->last_lsn);
    g_autoptr(GPtrArray) sums = sums_new();
    put(sums, at, "data/shop/orders.frm", "frm");
    put(sums, at, link->type == BACKUP_FULL ? "data/shop/orders.ibd" : "data/shop/orders.ibd.delta",
        rows);
    put(sums, at, "data/xtrabackup_checkpoints", checkpoints);
    put(sums, at, "tables.tsv", "shop\torders\tInnoDB\tsmall\tboth\n");
    sums_sort(sums);
    g_autoptr(GString) text = sums_text(sums);
    sample_write(at, SUMS_NAME, text->str);
    g_autofree char *sum = digest_text(text->str, text->len);
    backup_set_text(&link->sums, sum);
    link->bytes_plain = link->bytes_stored = 1000;
    autofd int fd = files_open_dir(AT_FDCWD, at, NULL);
    cr_assert(tree_write_facts(fd, link, NULL));
}

static void find_engine(void)
{
    g_autofree char *path = g_build_filename(root, "engine", NULL);
    cr_assert(chmod(path, 0755) == 0);
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&engine, engine_free);
    engine = engine_find(path, ENGINE_FOR_ANY, &error);
    cr_assert_not_null(engine, "%s", error != NULL ? error->message : "");
}

static void set_up(void)
{
    root = sample_directory();
    directory = g_build_filename(root, "proof", NULL);
    shelf = sample_shelf(root);
    week = sample_backups();
    const Backup *parent = NULL;
    for (int day = 0; day < LINKS; day++) {
        Backup *link = sample_add(week, SAMPLE_SUNDAY + day * SAMPLE_DAY, parent);
        g_autofree char *rows = g_strdup_printf("%d", day);
        publish(link, rows);
        parent = link;
    }
    sample_write(root, "engine", engine_script);
    find_engine();
    log_show(LOG_ERROR);
}

static void tear_down(void)
{
    engine_free(engine);
    g_ptr_array_unref(week);
    shelf_free(shelf);
    g_free(directory);
    sample_remove(root);
}

TestSuite(rolling, .init = set_up, .fini = tear_down, .timeout = 120);

/* The first `count` links of the week. */
static GPtrArray *path_of(guint count)
{
    GPtrArray *path = g_ptr_array_new();
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(path, week->pdata[i]);
    return path;
}

typedef struct {
    gboolean done;
    gboolean fresh;
    Prepared prepared;
    guint steps;
    GError *error;
} Rolled;

static void rolled_clear(Rolled *rolled)
{
    g_clear_error(&rolled->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rolled, rolled_clear)

static Rolled roll(guint count, gboolean anew)
{
    Rolled rolled = {0};
    g_autoptr(GPtrArray) path = path_of(count);
    g_autoptr(Drill) drill = drill_new("x", "x", DRILL_VERIFY);
    const PrepareSpec spec = {.shelf = shelf,
                              .path = path,
                              .engine = engine,
                              .memory = 1 << 20,
                              .workers = 1,
                              .log_fd = -1,
                              .drill = drill};
    g_autoptr(Rolling) rolling = rolling_open(directory, "verify", &rolled.error);
    cr_assert_not_null(rolling, "%s", rolled.error != NULL ? rolled.error->message : "");
    rolled.done =
        rolling_roll(rolling, &spec, anew, &rolled.prepared, &rolled.fresh, &rolled.error);
    cr_assert(rolled.done == (rolled.error == NULL));
    cr_expect(rolled.done == rolling_stands_at(rolling, path));
    rolled.steps = drill->steps->len;
    return rolled;
}

static void expect_rolled(const Rolled *rolled, gboolean fresh, guint held, guint read)
{
    cr_assert(rolled->done, "%s", rolled->error != NULL ? rolled->error->message : "");
    cr_expect(rolled->fresh == fresh, "fresh: %d", rolled->fresh);
    cr_expect(rolled->prepared.links_held == held, "held: %u", rolled->prepared.links_held);
    cr_expect(rolled->prepared.links_read == read, "read: %u", rolled->prepared.links_read);
    cr_expect(rolled->steps == read, "steps: %u", rolled->steps);
    cr_expect_null(rolled->prepared.failed);
}

/* What the base has gone through: "0123" after all four links. */
static void expect_rows(const char *rows)
{
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(directory, "rolling/base/shop/orders.ibd", text);
    cr_expect_str_eq(text->str, rows);
    cr_expect_not(sample_exists(directory, "rolling/incr"));
}

static void expect_nothing_left(void)
{
    cr_expect_not(sample_exists(directory, "rolling/base"));
    cr_expect_not(sample_exists(directory, "rolling/incr"));
    cr_expect_not(sample_exists(directory, "rolling/state.ini"));
}

static void expect_calls(const char *calls)
{
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(root, "engine.calls", text);
    for (char *c = text->str; *c != '\0'; c++)
        *c = *c == '\n' ? ' ' : *c;
    cr_expect_str_eq(g_strstrip(text->str), calls);
}

static void expect_warnings(guint count)
{
    cr_expect(log_warnings()->len == count, "%u warnings", log_warnings()->len);
}

Test(rolling, applies_each_new_link_once_and_reads_no_other)
{
    for (guint count = 1; count <= LINKS; count++) {
        g_auto(Rolled) rolled = roll(count, FALSE);
        expect_rolled(&rolled, count == 1, count - 1, 1);
    }
    expect_rows("0123");
    expect_calls("base incr incr incr");
    expect_warnings(0);
}

Test(rolling, catches_up_when_some_nights_had_no_proof)
{
    g_auto(Rolled) first = roll(1, FALSE);
    g_auto(Rolled) later = roll(LINKS, FALSE);
    expect_rolled(&later, FALSE, 1, LINKS - 1);
    expect_rows("0123");
}

Test(rolling, stays_open_for_the_next_link_where_an_engine_could_close_it)
{
    sample_write(root, "engine.percona", "");
    find_engine();
    cr_assert_str_eq(engine->name, "xtrabackup");
    for (guint count = 1; count <= 3; count++) {
        g_auto(Rolled) rolled = roll(count, FALSE);
        expect_rolled(&rolled, count == 1, count - 1, 1);
    }
    expect_rows("012");
    expect_calls("base incr incr");
}

Test(rolling, does_nothing_when_it_stands_there_unless_it_is_wanted_anew)
{
    g_auto(Rolled) first = roll(2, FALSE);
    g_auto(Rolled) again = roll(2, FALSE);
    expect_rolled(&again, FALSE, 2, 0);
    expect_calls("base incr");
    g_auto(Rolled) anew = roll(2, TRUE);
    expect_rolled(&anew, TRUE, 0, 2);
    expect_calls("base incr base incr");
    expect_rows("01");
}

Test(rolling, begins_anew_with_the_full_where_the_path_is_another)
{
    g_auto(Rolled) first = roll(3, FALSE);
    g_auto(Rolled) shorter = roll(2, FALSE);
    expect_rolled(&shorter, TRUE, 0, 2);
    expect_rows("01");

    Backup *full = week->pdata[0];
    publish(full, "another full ");
    g_auto(Rolled) other = roll(3, FALSE);
    expect_rolled(&other, TRUE, 0, 3);
    expect_rows("another full 12");
    expect_warnings(0);
}

Test(rolling, begins_anew_with_another_build_of_the_engine)
{
    g_auto(Rolled) first = roll(2, FALSE);
    g_free(engine->version);
    engine->version = g_strdup("10.11.20-MariaDB");
    g_auto(Rolled) rolled = roll(3, FALSE);
    expect_rolled(&rolled, TRUE, 0, 3);
}

Test(rolling, does_not_trust_a_base_that_somebody_else_has_touched)
{
    g_auto(Rolled) first = roll(2, FALSE);
    sample_write(directory, "rolling/base/shop/orders.ibd", "forged ");
    g_auto(Rolled) rolled = roll(3, FALSE);
    expect_rolled(&rolled, TRUE, 0, 3);
    expect_rows("012");
    expect_warnings(1);
}

Test(rolling, does_not_trust_a_state_that_was_edited)
{
    g_auto(Rolled) first = roll(2, FALSE);
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(directory, "rolling/state.ini", text);
    text->str[text->len - 2] = text->str[text->len - 2] == 'a' ? 'b' : 'a';
    sample_write(directory, "rolling/state.ini", text->str);
    g_auto(Rolled) rolled = roll(3, FALSE);
    expect_rolled(&rolled, TRUE, 0, 3);
    expect_warnings(1);
}

Test(rolling, takes_a_failure_on_the_old_base_for_the_fault_of_the_base)
{
    g_auto(Rolled) first = roll(2, FALSE);
    sample_write(root, "engine.refuses", "");
    g_auto(Rolled) rolled = roll(3, FALSE);
    expect_rolled(&rolled, TRUE, 0, 3);
    expect_rows("012");
    expect_calls("base incr incr base incr incr");
    expect_warnings(1);
}

Test(rolling, blames_the_link_that_fails_on_a_fresh_copy_too)
{
    g_auto(Rolled) first = roll(2, FALSE);
    sample_write(root, "engine.loses", "");
    g_auto(Rolled) rolled = roll(3, FALSE);
    cr_assert_not(rolled.done);
    sample_expect_error(rolled.error, STATUS_ENGINE, "shop");
    cr_expect(rolled.prepared.failed == week->pdata[2]);
    cr_expect(rolled.prepared.failed_level == PROOF_PREPARE);
    cr_expect(rolled.fresh);
    expect_nothing_left();
}

Test(rolling, blames_nobody_when_the_engine_was_killed_and_does_not_try_again)
{
    g_auto(Rolled) first = roll(2, FALSE);
    sample_write(root, "engine.dies", "");
    g_auto(Rolled) rolled = roll(3, FALSE);
    cr_assert_not(rolled.done);
    cr_expect(error_status(rolled.error) == STATUS_FAILED);
    cr_expect_null(rolled.prepared.failed);
    expect_calls("base incr incr");
    expect_nothing_left();
}

Test(rolling, blames_nobody_when_there_is_no_room_to_make_the_base_anew)
{
    g_auto(Rolled) first = roll(2, FALSE);
    Backup *full = week->pdata[0];
    full->bytes_plain = G_MAXUINT64 / 4;
    sample_write(root, "engine.refuses", "");
    g_auto(Rolled) rolled = roll(3, FALSE);
    cr_assert_not(rolled.done);
    cr_expect(error_status(rolled.error) == STATUS_STORAGE);
    cr_expect_null(rolled.prepared.failed);
    expect_nothing_left();
}

Test(rolling, blames_a_link_whose_bytes_do_not_match_and_keeps_the_base)
{
    g_auto(Rolled) first = roll(2, FALSE);
    const Backup *third = week->pdata[2];
    g_autofree char *name = g_strdup_printf("backups/%s/data/shop/orders.ibd.delta", third->id);
    sample_write(shelf->path, name, "x");
    g_auto(Rolled) rolled = roll(3, FALSE);
    cr_assert_not(rolled.done);
    cr_expect(error_status(rolled.error) == STATUS_VERIFY);
    cr_expect(rolled.prepared.failed == third);
    cr_expect(rolled.prepared.failed_level == PROOF_FILES);
    expect_rows("01");
    expect_calls("base incr");

    sample_write(shelf->path, name, "2");
    g_auto(Rolled) mended = roll(3, FALSE);
    expect_rolled(&mended, FALSE, 2, 1);
    expect_rows("012");
}

Test(rolling, keeps_the_base_when_there_is_no_room_for_the_link)
{
    g_auto(Rolled) first = roll(2, FALSE);
    Backup *third = week->pdata[2];
    third->bytes_plain = G_MAXUINT64 / 4;
    g_auto(Rolled) rolled = roll(3, FALSE);
    cr_assert_not(rolled.done);
    cr_expect(error_status(rolled.error) == STATUS_STORAGE);
    cr_expect_null(rolled.prepared.failed);
    expect_rows("01");
}

static gboolean roll_third(void *data)
{
    (void)data;
    g_auto(Rolled) rolled = roll(3, FALSE);
    return rolled.done;
}

static gboolean roll_anew(void *data)
{
    (void)data;
    g_auto(Rolled) rolled = roll(3, TRUE);
    return rolled.done;
}

/* Where a roll can be killed, and whether the base was whole then. */
static const struct {
    const char *at;
    gboolean whole;
} deaths[] = {
    {"prepare.unsealed", TRUE},   {"replace.written", TRUE},  {"replace.renamed", FALSE},
    {"rolling.marked", FALSE},    {"prepare.applied", FALSE}, {"rolling.flushed", FALSE},
    {"replace.written:2", FALSE},
};

Test(rolling, needs_no_hand_after_a_kill_at_any_step)
{
    for (size_t i = 0; i < G_N_ELEMENTS(deaths); i++) {
        g_auto(Rolled) first = roll(2, TRUE);
        sample_die_at(deaths[i].at, roll_third, NULL);
        g_auto(Rolled) rolled = roll(3, FALSE);
        cr_expect(rolled.fresh == !deaths[i].whole, "%s", deaths[i].at);
        expect_rolled(&rolled, !deaths[i].whole, deaths[i].whole ? 2 : 0, deaths[i].whole ? 1 : 3);
        expect_rows("012");
    }
    expect_warnings(0);
}

Test(rolling, is_whole_when_it_was_killed_after_the_last_step)
{
    static const char *const late[] = {"replace.renamed:2", "rolling.settled"};
    for (size_t i = 0; i < G_N_ELEMENTS(late); i++) {
        g_auto(Rolled) first = roll(2, TRUE);
        sample_die_at(late[i], roll_third, NULL);
        g_auto(Rolled) rolled = roll(3, FALSE);
        expect_rolled(&rolled, FALSE, 3, 0);
        expect_rows("012");
    }
}

Test(rolling, needs_no_hand_after_a_kill_while_it_is_made_anew)
{
    static const char *const points[] = {"rolling.disowned", "rolling.marked",  "rolling.marked:3",
                                         "prepare.unsealed", "prepare.applied", "rolling.flushed"};
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
        g_auto(Rolled) first = roll(2, TRUE);
        sample_die_at(points[i], roll_anew, NULL);
        g_auto(Rolled) rolled = roll(3, FALSE);
        expect_rolled(&rolled, TRUE, 0, 3);
        expect_rows("012");
    }
    expect_warnings(0);
}

/* ---- sharing and sweeping -------------------------------------------------------------------- */

static Rolling *share(guint count)
{
    g_autoptr(GPtrArray) path = path_of(count);
    g_autoptr(GError) error = NULL;
    Rolling *rolling = rolling_share(directory, path, "open", &error);
    cr_assert_null(error);
    return rolling;
}

Test(rolling, is_shared_by_servers_only_where_it_stands)
{
    cr_expect_null(share(2), "there is none yet");
    g_auto(Rolled) first = roll(2, FALSE);
    cr_expect_null(share(1));
    cr_expect_null(share(3));
    g_autoptr(Rolling) one = share(2);
    g_autoptr(Rolling) two = share(2);
    cr_assert_not_null(one);
    cr_assert_not_null(two);
    g_autofree char *base = g_build_filename(directory, "rolling/base", NULL);
    cr_expect_str_eq(rolling_base(two), base);

    g_autoptr(GError) error = NULL;
    cr_expect_null(rolling_open(directory, "verify", &error));
    sample_expect_error(error, STATUS_LOCKED, "rolling.lock");
}

Test(rolling, can_be_looked_at_by_others_once_its_proof_has_a_server_on_it)
{
    g_auto(Rolled) first = roll(2, FALSE);
    g_autoptr(Rolling) proof = rolling_open(directory, "verify", NULL);
    cr_assert_not_null(proof);
    cr_expect_null(share(2), "it is being changed");
    cr_assert(rolling_downgrade(proof));
    g_autoptr(Rolling) other = share(2);
    cr_expect_not_null(other);
}

Test(rolling, base_stays_when_leftovers_of_killed_proofs_are_swept)
{
    g_auto(Rolled) first = roll(2, FALSE);
    sample_write(directory, "20261122T020000Z-full.77/base/ibdata1", "left");
    cr_assert(place_sweep(directory, NULL));
    cr_expect_not(sample_exists(directory, "20261122T020000Z-full.77"));
    g_auto(Rolled) rolled = roll(3, FALSE);
    expect_rolled(&rolled, FALSE, 2, 1);
}

static void sweep(const GPtrArray *backups, gboolean wanted)
{
    g_autoptr(GError) error = NULL;
    cr_assert(rolling_sweep(directory, backups, wanted, &error), "%s",
              error != NULL ? error->message : "");
}

Test(rolling, base_is_removed_when_nobody_will_go_on_from_it)
{
    sweep(week, TRUE);
    g_auto(Rolled) first = roll(2, FALSE);
    sweep(week, TRUE);
    expect_rows("01");
    sweep(week, FALSE);
    expect_nothing_left();

    g_auto(Rolled) second = roll(2, FALSE);
    g_autoptr(GPtrArray) next = sample_backups();
    sample_add(next, SAMPLE_SUNDAY + 7 * SAMPLE_DAY, NULL);
    sweep(next, TRUE);
    expect_nothing_left();

    g_auto(Rolled) third = roll(2, FALSE);
    sample_die_at("rolling.marked", roll_third, NULL);
    sweep(week, TRUE);
    expect_nothing_left();
}

Test(rolling, base_counts_as_room_that_the_next_proof_has)
{
    cr_expect(rolling_bytes(directory) == 0);
    g_auto(Rolled) first = roll(2, FALSE);
    sample_write(directory, "rolling/incr/left", "x");
    uint64_t bytes = rolling_bytes(directory);
    cr_expect(bytes >= 4 * 4096 && bytes < 1 << 20, "%u", (unsigned)bytes);
}

Test(rolling, base_that_a_server_runs_on_is_not_swept)
{
    g_auto(Rolled) first = roll(2, FALSE);
    g_autoptr(Rolling) open = share(2);
    cr_assert_not_null(open);
    sweep(week, FALSE);
    expect_rows("01");
}
