/* SPDX-License-Identifier: MIT */
/* How long an engine may be silent, and how long it may lock: run with scripts in its place. */
#include "engine/engine.h"

#include "engine/family.h"
#include "sample.h"

static char *root;

static void set_up(void)
{
    root = sample_directory();
}

static void tear_down(void)
{
    sample_remove(root);
}

TestSuite(run, .init = set_up, .fini = tear_down, .timeout = 60);

#define SAYS(text) "echo '[00] 2026-11-24 02:00:00 " text "' >&2; "
#define LOCKS      SAYS("Acquired locks for BACKUP STAGE BLOCK_DDL")
#define UNLOCKS    SAYS("All tables unlocked")

/* Runs `script` as an engine with these limits, and tells how it came to its end. */
static EngineStop run(const char *script, EngineCapture capture)
{
    sample_write(root, "engine", script);
    g_autofree char *path = g_build_filename(root, "engine", NULL);
    cr_assert(chmod(path, 0755) == 0);
    const Engine engine = {.family = &mariadb_backup_family, .path = path};
    autofd int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(Login) login = login_parse("x.cnf", "[client]\nuser=backup\n", NULL);
    g_autoptr(EngineHost) host = engine_host_make(fd, root, login, NULL, NULL);
    cr_assert_not_null(host);
    capture.engine = &engine;
    capture.host = host;
    capture.out_fd = -1;
    capture.log_fd = -1;
    g_auto(EngineRun) ran = {0};
    g_autoptr(GError) error = NULL;
    cr_assert(engine_capture(&capture, &ran, &error), "%s", error != NULL ? error->message : "");
    return ran.stop;
}

Test(run, an_engine_of_which_nothing_moves_is_stopped)
{
    cr_expect_eq(run("#!/bin/sh\nsleep 20", (EngineCapture){.stall_timeout_s = 1}), ENGINE_STALLED);
}

Test(run, an_engine_that_says_something_now_and_then_is_left_alone)
{
    const char *script =
        "#!/bin/sh\nfor i in 1 2 3 4 5 6 7; do sleep 0.5; " SAYS("still here") "done";
    cr_expect_eq(run(script, (EngineCapture){.stall_timeout_s = 2}), ENGINE_BY_ITSELF);
}

Test(run, an_engine_that_fell_silent_is_stopped_although_it_spoke)
{
    const char *script = "#!/bin/sh\n" SAYS("begins") "sleep 20";
    cr_expect_eq(run(script, (EngineCapture){.stall_timeout_s = 1}), ENGINE_STALLED);
}

static uint64_t one_more(void *data)
{
    uint64_t *bytes = data;
    return ++*bytes;
}

static uint64_t always_as_many(void *data)
{
    return *(uint64_t *)data;
}

Test(run, an_engine_that_sends_is_left_alone_until_it_sends_no_more)
{
    uint64_t bytes = 9;
    EngineCapture capture = {.stall_timeout_s = 1, .bytes = one_more, .data = &bytes};
    cr_expect_eq(run("#!/bin/sh\nsleep 2.5", capture), ENGINE_BY_ITSELF);
    capture.bytes = always_as_many;
    cr_expect_eq(run("#!/bin/sh\nsleep 20", capture), ENGINE_STALLED);
}

Test(run, an_engine_that_reads_much_in_silence_is_left_alone)
{
    const char *script = "#!/bin/sh\nexec dd if=/dev/zero of=/dev/null bs=1M status=none";
    const EngineCapture capture = {.stall_timeout_s = 2, .max_time_s = 4};
    cr_expect_eq(run(script, capture), ENGINE_TOO_LONG);
}

Test(run, an_engine_that_reads_no_more_than_its_log_copier_does_is_stopped)
{
    const char *script =
        "#!/bin/sh\nwhile :; do head -c 100000 /dev/zero >/dev/null; sleep 0.2; done";
    const EngineCapture capture = {.stall_timeout_s = 2, .max_time_s = 10};
    cr_expect_eq(run(script, capture), ENGINE_STALLED);
}

Test(run, a_lock_that_is_held_for_too_long_ends_the_run)
{
    const EngineCapture capture = {.lock_timeout_s = 1};
    cr_expect_eq(run("#!/bin/sh\n" LOCKS "sleep 20", capture), ENGINE_LOCKED);
}

Test(run, a_lock_that_was_released_counts_no_more)
{
    const EngineCapture capture = {.lock_timeout_s = 2};
    cr_expect_eq(run("#!/bin/sh\n" LOCKS UNLOCKS "sleep 3.5", capture), ENGINE_BY_ITSELF);
}
