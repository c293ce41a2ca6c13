/* SPDX-License-Identifier: MIT */
/* Recorded logs and the fakes meet the judge.  full.log and the others were written by
 * mariadb-backup 10.11.19; most lines on single files were left out. */
#include "engine/judge.h"

#include "base/error.h"
#include "base/files.h"
#include "engine/family.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define DATA TEST_DATA "/mariadb-backup/"

static const Engine engine = {&mariadb_backup_family, NULL, (char *)(size_t) "mariadb-backup", NULL,
                              FALSE};

static void play(EngineLog *log, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int64_t now = 1000000;
    for (char **line = lines; *line != NULL; line++)
        engine_log_line(log, *line, now += 1000);
}

static char *recorded(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_strconcat(DATA, name, ".log", NULL);
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, 1024 * 1024, &error);
    cr_assert_not_null(text, "%s", error != NULL ? error->message : "");
    return g_strdup(text->str);
}

static EngineRun run_of(const char *name, int status, int number)
{
    EngineRun run = {.user = g_strdup("backup")};
    engine_log_init(&run.log, mariadb_backup_family.log, NULL);
    run.end.status = number != 0 ? -1 : status;
    run.end.signal = number;
    g_autofree char *text = recorded(name);
    play(&run.log, text);
    return run;
}

/* A good full run; each test changes the one thing that it is about. */
static EngineRun good_run(void)
{
    return run_of("full", 0, 0);
}

static void expect_capture(const EngineRun *run, Status status, const char *words)
{
    g_autoptr(GError) error = NULL;
    gboolean good = engine_judge_capture(&engine, run, &error);
    cr_expect(good == (status == STATUS_OK), "judged %s", good ? "good" : error->message);
    cr_expect(error_status(error) == status, "status %u instead of %u: %s", error_status(error),
              status, error != NULL ? error->message : "");
    if (error != NULL && words != NULL)
        cr_expect(strstr(error->message, words) != NULL, "\"%s\" lacks \"%s\"", error->message,
                  words);
}

Test(judge, accepts_a_good_full_and_a_good_incremental)
{
    static const char *const names[] = {"full", "incremental"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_auto(EngineRun) run = run_of(names[i], 0, 0);
        expect_capture(&run, STATUS_OK, NULL);
    }
}

Test(judge, refuses_every_recorded_failure_and_says_what_to_do)
{
    static const struct {
        const char *log;
        int status;
        int number;
        const char *words;
    } cases[] = {
        {"wrong-password", 1, 0, "hint: check user and password"},
        {"missing-privileges", 1, 0, "hint: grant it"},
        {"no-server", 1, 0, "hint: is the server up"},
        {"unknown-option", 7, 0, "unknown variable 'bogus=1'"},
        {"killed", 0, SIGKILL, "ended by SIGKILL"},
        {"reader-gone", 1, 0, "Broken pipe"},
        {"ignored-option-file", 0, 0, "connected as root instead of backup"},
        {"prepare-wrong-base", 1, 0, "hint: this link does not belong on this base"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(EngineRun) run = run_of(cases[i].log, cases[i].status, cases[i].number);
        expect_capture(&run, STATUS_ENGINE, cases[i].words);
    }
}

Test(judge, believes_no_failed_log_even_with_status_0)
{
    static const char *const names[] = {
        "wrong-password", "missing-privileges", "no-server",          "unknown-option",
        "killed",         "reader-gone",        "prepare-wrong-base", "prepare-not-prepared"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_auto(EngineRun) run = run_of(names[i], 0, 0);
        expect_capture(&run, STATUS_ENGINE, NULL);
    }
}

Test(judge, wants_status_signal_and_marker_to_agree)
{
    g_auto(EngineRun) status = good_run();
    status.end.status = 1;
    expect_capture(&status, STATUS_ENGINE, "exit status 1");

    g_auto(EngineRun) ended = good_run();
    ended.end.signal = SIGSEGV;
    expect_capture(&ended, STATUS_ENGINE, "SIGSEGV");

    g_auto(EngineRun) unknown = good_run();
    unknown.end.stop = PROC_WATCH;
    expect_capture(&unknown, STATUS_ENGINE, NULL);
}

Test(judge, is_not_fooled_by_what_stands_around_the_marker)
{
    static const struct {
        const char *line;
        Status status;
    } cases[] = {
        {" (0.0 seconds); ", STATUS_OK},
        {"", STATUS_OK},
        {"recovered pages: 0% 14% 100% (0.0 seconds)", STATUS_OK},
        {"[00] 2026-11-22 02:00:00 and one thing more", STATUS_ENGINE},
        {"2026-11-22 02:00:00 0 [Note] InnoDB: not yet", STATUS_ENGINE},
        {"tables to flush: 1[00] 2026-11-22 02:00:00 completed OK!", STATUS_OK},
        {"tables to flush: 1[00] 2026-11-22 02:00:00 not completed OK!", STATUS_ENGINE},
        {"[01] 2026-11-22 02:00:00 ...[00] 2026-11-22 02:00:00 completed OK!", STATUS_OK},
        {"[00] 2026-11-22 02:00:00 completed OK![00] 2026-11-22 02:00:00 no", STATUS_ENGINE},
        {"2026-11-22 02:00:00 0 [ERROR] InnoDB: bad page", STATUS_ENGINE},
        {"[00] FATAL ERROR: 2026-11-22 02:00:00 no", STATUS_ENGINE},
        {"[00] FATAL ERROR: 2026-11-22 02:00:00 completed OK!", STATUS_ENGINE},
        {"[01] 2026-11-22 02:00:00 completed OK! ", STATUS_ENGINE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(EngineRun) run = good_run();
        engine_log_line(&run.log, cases[i].line, 0);
        expect_capture(&run, cases[i].status, NULL);
    }
}

Test(judge, voids_a_run_that_lost_track_of_a_table)
{
    static const char *const lines[] = {"[00] 2026-11-22 02:00:00 Failed to re-copy ./x/db.opt",
                                        "[00] 2026-11-22 02:00:00 Failed to remove ./x/t.MYD",
                                        "[00] 2026-11-22 02:00:00 Failed to rename ./x/t.MYD"};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_auto(EngineRun) run = good_run();
        engine_log_line(&run.log, lines[i], 0);
        engine_log_line(&run.log, "[00] 2026-11-22 02:00:00 completed OK!", 0);
        expect_capture(&run, STATUS_ENGINE, lines[i] + 25);
    }
}

Test(judge, does_not_mind_an_aria_table_that_was_dropped_meanwhile)
{
    g_auto(EngineRun) run = good_run();
    engine_log_line(&run.log, "[00] 2026-11-22 02:00:00 Error on aria table file open ./x/y.MAI",
                    0);
    engine_log_line(&run.log, "[00] 2026-11-22 02:00:00 completed OK!", 0);
    expect_capture(&run, STATUS_OK, NULL);
}

Test(judge, wants_to_know_as_whom_it_connected)
{
    g_auto(EngineRun) silent = {.user = g_strdup("backup")};
    engine_log_init(&silent.log, mariadb_backup_family.log, NULL);
    engine_log_line(&silent.log, "[00] 2026-11-22 02:00:00 completed OK!", 0);
    expect_capture(&silent, STATUS_ENGINE, "did not say as which user");

    g_auto(EngineRun) changed = good_run();
    engine_log_line(&changed.log,
                    "[00] 2026-11-22 02:00:00 Connecting to MariaDB server host: localhost, "
                    "user: root, password: set, port: not set",
                    0);
    engine_log_line(&changed.log, "[00] 2026-11-22 02:00:00 completed OK!", 0);
    expect_capture(&changed, STATUS_ENGINE, "instead of backup");
}

Test(judge, tells_a_limit_by_its_name)
{
    static const struct {
        EngineStop stop;
        Status status;
        const char *words;
    } cases[] = {
        {ENGINE_STALLED, STATUS_TIMEOUT, "nothing moved for 1m 30s"},
        {ENGINE_LOCKED, STATUS_TIMEOUT, "`lock_timeout`"},
        {ENGINE_TOO_LONG, STATUS_TIMEOUT, "longer than 1m 30s"},
        {ENGINE_GIVEN_UP, STATUS_ENGINE, "of no more use"},
        {ENGINE_CANCELLED, STATUS_FAILED, "asked to stop"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(EngineRun) run = good_run();
        run.stop = cases[i].stop;
        run.stop_limit_s = 90;
        expect_capture(&run, cases[i].status, cases[i].words);
    }
}

Test(judge, tells_when_a_stall_could_not_be_seen_for_sure)
{
    g_auto(EngineRun) run = good_run();
    run.stop = ENGINE_STALLED;
    run.stop_limit_s = 90;
    run.reads_hidden = TRUE;
    expect_capture(&run, STATUS_TIMEOUT, "/proc/PID/io is closed");
}

Test(judge, keeps_only_the_first_errors_for_the_message)
{
    g_auto(EngineRun) run = {.user = g_strdup("backup"), .end = {.status = 1}};
    engine_log_init(&run.log, mariadb_backup_family.log, NULL);
    for (int i = 0; i < 100; i++) {
        g_autofree char *line = g_strdup_printf("2026-11-22 02:00:00 0 [ERROR] number %d", i);
        engine_log_line(&run.log, line, 0);
    }
    g_autofree char *errors = engine_log_errors(&run.log);
    cr_expect_not_null(strstr(errors, "number 0"));
    cr_expect_null(strstr(errors, "number 5"));
    cr_expect_not_null(strstr(errors, "... and 95 more"));
}

Test(judge, reads_the_stages_and_the_moment_of_the_commit_lock)
{
    g_auto(EngineRun) run = good_run();
    cr_expect(run.log.stage == ENGINE_STAGE_RELEASED);
    cr_expect(run.log.ddl_locked_at > 0 && run.log.commit_locked_at > run.log.ddl_locked_at);
    cr_expect(run.log.released_at > run.log.commit_locked_at);
    cr_expect(run.log.consistent_utc > 1790000000, "%lld", (long long)run.log.consistent_utc);
}

static void expect_prepare(const char *name, int status, uint64_t last_lsn, gboolean good)
{
    g_autoptr(GError) error = NULL;
    g_auto(EngineRun) run = run_of(name, status, 0);
    gboolean judged = engine_judge_prepare(&engine, &run, last_lsn, &error);
    cr_expect(judged == good, "%s, %" G_GUINT64_FORMAT ": %s", name, last_lsn,
              error != NULL ? error->message : "good");
}

Test(judge, wants_a_prepare_to_reach_exactly_the_links_last_lsn)
{
    expect_prepare("prepare-full", 0, 0, FALSE);
    expect_prepare("prepare-incremental", 0, 226608, TRUE);
    expect_prepare("prepare-incremental", 0, 226607, FALSE);
    expect_prepare("prepare-incremental", 0, 226609, FALSE);
    expect_prepare("prepare-incremental", 1, 226608, FALSE);
    expect_prepare("prepare-wrong-base", 1, 226608, FALSE);
    expect_prepare("prepare-wrong-base", 0, 226608, FALSE);
    expect_prepare("full", 0, 226608, FALSE); /* a good log, but not of a prepare */
    expect_prepare("full", 0, 0, FALSE);
}

/* InnoDB writes " 2:15:33" where the tool writes "02:15:33": seen at seven o'clock. */
Test(judge, reads_how_far_a_prepare_came_at_any_hour_of_the_day)
{
    g_autofree char *text = recorded("prepare-incremental");
    for (int hour = 0; hour < 24; hour++) {
        g_autofree char *padded = g_strdup_printf("\n2026-11-23 %2d:", hour);
        g_autofree char *tools = g_strdup_printf("] 2026-11-23 %02d:", hour);
        g_autoptr(GString) log = g_string_new(text);
        cr_assert(g_string_replace(log, "\n2026-11-23 18:", padded, 0) > 0);
        cr_assert(g_string_replace(log, "] 2026-11-23 18:", tools, 0) > 0);
        g_auto(EngineRun) run = {.user = NULL};
        engine_log_init(&run.log, mariadb_backup_family.log, NULL);
        play(&run.log, log->str);
        g_autoptr(GError) error = NULL;
        cr_expect(engine_judge_prepare(&engine, &run, 226608, &error), "at %d o'clock: %s", hour,
                  error != NULL ? error->message : "");
    }
}

Test(judge, blames_the_keys_and_not_the_backup_when_what_is_encrypted_cannot_be_read)
{
    g_autoptr(GError) error = NULL;
    g_auto(EngineRun) run = run_of("prepare-wrong-key", 1, 0);
    cr_expect_not(engine_judge_prepare(&engine, &run, 44918, &error));
    cr_expect_eq(error_status(error), STATUS_KEY, "%s", error->message);
    cr_expect_not_null(strstr(error->message, "backup-my.cnf"));

    g_clear_error(&error);
    run.log.loads_keys = FALSE; /* the same words of what is not encrypted are damage */
    cr_expect_not(engine_judge_prepare(&engine, &run, 44918, &error));
    cr_expect_eq(error_status(error), STATUS_ENGINE);
}

Test(judge, tells_what_the_host_lacks_from_what_the_backup_lacks)
{
    static const struct {
        const char *line;
        gboolean host;
    } cases[] = {
        {"2026-11-22 02:00:00 0 [ERROR] InnoDB: Cannot map innodb_buffer_pool_size_max=209715200m",
         TRUE},
        {"2026-11-22 02:00:00 0 [ERROR] InnoDB: write: No space left on device", TRUE},
        {"2026-11-22 02:00:00 0 [ERROR] InnoDB: Database page corruption on disk", FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(EngineRun) run = good_run();
        engine_log_line(&run.log, cases[i].line, 0);
        cr_expect(run.log.host_failed == cases[i].host, "%s", cases[i].line);
    }
}

/* ---- the fakes ---------------------------------------------------------------------------------
 */

typedef struct {
    char *dir;
    Engine fake;
    EngineHost *host;
    int fd;
    int out_fd;
    int log_fd;
} Stage;

static void write_file(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    cr_assert(g_file_set_contents(path, text, -1, NULL));
}

static Stage stage_new(const char *behaviour)
{
    g_autoptr(GError) error = NULL;
    Stage stage = {.dir = g_dir_make_tmp("lsnchain-judge-XXXXXX", NULL)};
    stage.fake = engine;
    stage.fake.path = g_build_filename(stage.dir, "engine", NULL);
    cr_assert(symlink(TEST_DATA "/../../fakes/fake-mariadb-backup", stage.fake.path) == 0);
    write_file(stage.dir, "engine.behaviour", behaviour);
    write_file(stage.dir, "engine.replay", DATA "full.log");
    g_autoptr(Login) login = login_parse("x.cnf", "[client]\nuser=backup\n", &error);
    cr_assert_not_null(login);
    stage.fd = open(stage.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    stage.host = engine_host_make(stage.fd, stage.dir, login, NULL, &error);
    cr_assert_not_null(stage.host, "%s", error != NULL ? error->message : "");
    stage.out_fd = openat(stage.fd, "stream", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    stage.log_fd = openat(stage.fd, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return stage;
}

static void stage_clear(Stage *stage)
{
    cr_expect(engine_host_remove(stage->host, NULL));
    (void)close(stage->out_fd);
    (void)close(stage->log_fd);
    (void)close(stage->fd);
    cr_expect(files_remove_tree(AT_FDCWD, stage->dir, NULL));
    g_free(stage->fake.path);
    g_free(stage->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

static void count(void *data)
{
    (*(int *)data)++;
}

Test(judge, sees_through_every_fake)
{
    static const struct {
        const char *behaviour;
        Status status;
        const char *words;
    } cases[] = {
        {"pass", STATUS_OK, NULL},
        {"no-marker", STATUS_ENGINE, "did not say"},
        {"marker-exit-1", STATUS_ENGINE, "exit status 1"},
        {"error-exit-0", STATUS_ENGINE, "[ERROR]"},
        {"recopy", STATUS_ENGINE, "Failed to re-copy"},
        {"late-line", STATUS_ENGINE, "did not say"},
        {"stall", STATUS_TIMEOUT, "nothing moved for 2s"},
        {"signal", STATUS_ENGINE, "SIGSEGV"},
        {"lock", STATUS_TIMEOUT, "blocked DDL"},
        {"other-user", STATUS_ENGINE, "as root instead of backup"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Stage) stage = stage_new(cases[i].behaviour);
        g_auto(EngineRun) run = {0};
        int locking = 0;
        const EngineCapture capture = {.engine = &stage.fake,
                                       .host = stage.host,
                                       .parallel = 1,
                                       .out_fd = stage.out_fd,
                                       .log_fd = stage.log_fd,
                                       .lock_timeout_s = 1,
                                       .stall_timeout_s = 2,
                                       .locking = count,
                                       .data = &locking};
        cr_assert(engine_capture(&capture, &run, &error), "%s", error ? error->message : "");
        expect_capture(&run, cases[i].status, cases[i].words);
        gboolean locked = strcmp(cases[i].behaviour, "stall") != 0;
        cr_expect(locking == (locked ? 1 : 0), "%s: told %d times", cases[i].behaviour, locking);
    }
}

Test(judge, kills_a_fake_that_takes_no_sigterm)
{
    g_autoptr(GError) error = NULL;
    g_auto(Stage) stage = stage_new("ignore-term");
    g_auto(EngineRun) run = {0};
    const EngineCapture capture = {.engine = &stage.fake,
                                   .host = stage.host,
                                   .out_fd = stage.out_fd,
                                   .log_fd = -1,
                                   .max_time_s = 1};
    cr_assert(engine_capture(&capture, &run, &error));
    cr_expect(run.end.signal == SIGKILL, "signal %d", run.end.signal);
    expect_capture(&run, STATUS_TIMEOUT, "longer than 1s");
}

Test(judge, cuts_a_flood_of_log_and_still_reads_it_to_its_end)
{
    g_autoptr(GError) error = NULL;
    g_auto(Stage) stage = stage_new("flood");
    g_auto(EngineRun) run = {0};
    const EngineCapture capture = {.engine = &stage.fake,
                                   .host = stage.host,
                                   .out_fd = stage.out_fd,
                                   .log_fd = stage.log_fd,
                                   .max_time_s = 60};
    cr_assert(engine_capture(&capture, &run, &error));
    struct stat status;
    cr_assert(fstat(stage.log_fd, &status) == 0);
    cr_expect(run.log_cut);
    cr_expect(status.st_size <= 65 * 1024 * 1024, "%lld bytes", (long long)status.st_size);
    expect_capture(&run, STATUS_OK, NULL);
}

static gboolean at_once(void *data)
{
    (void)data;
    return TRUE;
}

Test(judge, stops_when_something_else_failed)
{
    g_autoptr(GError) error = NULL;
    g_auto(Stage) stage = stage_new("stall");
    g_auto(EngineRun) run = {0};
    const EngineCapture capture = {.engine = &stage.fake,
                                   .host = stage.host,
                                   .out_fd = stage.out_fd,
                                   .log_fd = -1,
                                   .give_up = at_once};
    cr_assert(engine_capture(&capture, &run, &error));
    cr_expect(run.stop == ENGINE_GIVEN_UP);
    expect_capture(&run, STATUS_ENGINE, "of no more use");
}

static void expect_hidden(const char *log, const char *secret, const char *shown)
{
    g_autoptr(GError) error = NULL;
    g_auto(Stage) stage = stage_new("pass");
    write_file(stage.dir, "engine.replay", log);
    g_auto(EngineRun) run = {0};
    const EngineCapture capture = {
        .engine = &stage.fake, .host = stage.host, .out_fd = stage.out_fd, .log_fd = stage.log_fd};
    cr_assert(engine_capture(&capture, &run, &error));
    g_autoptr(GString) text = files_read_text(stage.fd, "log", 1024 * 1024, &error);
    cr_assert_not_null(text);
    cr_expect_null(strstr(text->str, secret));
    cr_expect_not_null(strstr(text->str, shown));
}

Test(judge, keeps_no_hash_of_a_password_in_the_log)
{
    expect_hidden(DATA "missing-privileges.log", "PASSWORD", "IDENTIFIED (hidden)");
}

Test(judge, keeps_no_password_of_a_key_file_in_the_log)
{
    expect_hidden(DATA "prepare-wrong-key.log", "planted", "_filekey=(hidden)");
}
