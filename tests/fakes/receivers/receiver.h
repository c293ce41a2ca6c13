/* SPDX-License-Identifier: MIT */
/*
 * receiver: starts the receivers beside this file for a unit test, and what such a test needs.
 *
 * TEST_DATA is tests/unit/data.  A receiver dies with the test that started it.
 */
#ifndef LSNCHAIN_TESTS_RECEIVER_H
#define LSNCHAIN_TESTS_RECEIVER_H

#include "alert/alert.h"
#include "base/files.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

typedef struct {
    pid_t pid;
    char *dir; /* what it received; see the scripts */
    unsigned port;
} Receiver;

static inline pid_t start(const GPtrArray *argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execv(argv->pdata[0], (char **)argv->pdata);
        _exit(127);
    }
    cr_assert_gt(pid, 0);
    return pid;
}

/* The full path of a script beside this file.  Free it. */
static inline char *receiver_script(const char *name)
{
    g_autofree char *dir = g_canonicalize_filename(TEST_DATA "/../../fakes/receivers", NULL);
    return g_build_filename(dir, name, NULL);
}

static inline char *scratch_dir(void)
{
    char *dir = g_dir_make_tmp("lsnchain-alert-XXXXXX", NULL);
    cr_assert_not_null(dir);
    return dir;
}

/* Certificates as certificates.sh says; in one directory for all tests of a program's process. */
static inline char *make_certificates(void)
{
    char *dir = scratch_dir();
    g_autofree char *script = receiver_script("certificates.sh");
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, script);
    g_ptr_array_add(argv, dir);
    g_ptr_array_add(argv, NULL);
    int status = -1;
    cr_assert_gt(waitpid(start(argv), &status, 0), 0);
    cr_assert_eq(status, 0, "certificates.sh failed");
    return dir;
}

/* What the receiver kept under `name`; NULL: nothing.  Free it. */
static inline char *received(const Receiver *receiver, const char *name)
{
    g_autofree char *path = g_build_filename(receiver->dir, name, NULL);
    char *text = NULL;
    (void)g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

/* The same as JSON, which it must be.  json_decref() it. */
static inline json_t *received_json(const Receiver *receiver, const char *name)
{
    g_autofree char *text = received(receiver, name);
    json_t *body = json_loads(text != NULL ? text : "", JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(body, "%s: %s", name, text != NULL ? text : "(nothing)");
    return body;
}

static inline unsigned count_received(const Receiver *receiver, const char *suffix)
{
    unsigned count = 0;
    g_autoptr(GDir) dir = g_dir_open(receiver->dir, 0, NULL);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
        count += g_str_has_suffix(name, suffix) && *name != '.' ? 1 : 0;
    return count;
}

/* `words`: options, then "DIR" for its directory, then the rest; NULL-terminated. */
static inline Receiver start_receiver(const char *script, const char *const *words)
{
    Receiver receiver = {.dir = scratch_dir()};
    g_autofree char *path = receiver_script(script);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (char *)"/usr/bin/python3");
    g_ptr_array_add(argv, path);
    for (; *words != NULL; words++)
        g_ptr_array_add(argv, g_str_equal(*words, "DIR") ? receiver.dir : (char *)*words);
    g_ptr_array_add(argv, NULL);
    receiver.pid = start(argv);

    for (int i = 0; i < 400 && receiver.port == 0; i++) {
        if (waitpid(receiver.pid, NULL, WNOHANG) != 0)
            break;
        g_autofree char *port = received(&receiver, "port");
        receiver.port = port != NULL ? (unsigned)g_ascii_strtoull(port, NULL, 10) : 0;
        if (receiver.port == 0)
            g_usleep(50000);
    }
    cr_assert_gt(receiver.port, 0, "%s did not start", script);
    return receiver;
}

static inline void stop_receiver(Receiver *receiver)
{
    (void)kill(receiver->pid, SIGKILL);
    (void)waitpid(receiver->pid, NULL, 0);
    (void)files_remove_tree(AT_FDCWD, receiver->dir, NULL);
    g_clear_pointer(&receiver->dir, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Receiver, stop_receiver)

/* A spool in a state directory of its own. */
typedef struct {
    char *state;
    Spool *spool;
} Desk;

static inline Desk open_desk(void)
{
    Desk desk = {.state = scratch_dir()};
    desk.spool = spool_open(desk.state, NULL);
    cr_assert_not_null(desk.spool);
    return desk;
}

static inline void close_desk(Desk *desk)
{
    spool_free(desk->spool);
    (void)files_remove_tree(AT_FDCWD, desk->state, NULL);
    g_free(desk->state);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Desk, close_desk)

static inline void spool_facts(const Desk *desk, const EventFacts *facts)
{
    g_autoptr(Event) event = event_new(facts);
    cr_assert(spool_add(desk->spool, event, NULL, NULL));
}

static inline void spool_one(const Desk *desk, EventType type, const char *summary)
{
    const EventFacts facts = {.type = type, .instance = "shop", .summary = summary};
    spool_facts(desk, &facts);
}

static inline unsigned still_spooled(const Desk *desk)
{
    unsigned count = 0;
    cr_assert(spool_count(desk->spool, &count, NULL));
    return count;
}

static inline const AlertRoute *same_route(const char *instance, void *data)
{
    (void)instance;
    return data;
}

/* Every alert to every channel. */
static inline AlertReport deliver_to_all(const Desk *desk, const AlertChannel *channels,
                                         size_t count)
{
    g_autofree const char **names = g_new0(const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        names[i] = channels[i].name;
    AlertRoute route = {names, names, names};
    const AlertSetup setup = {channels, count, same_route, &route};
    AlertReport report;
    g_autoptr(GError) error = NULL;
    cr_assert(alert_deliver(desk->spool, &setup, &report, &error), "%s",
              error != NULL ? error->message : "");
    return report;
}

/* All warnings so far, one to a line.  Free it. */
static inline char *warnings(void)
{
    g_autoptr(GString) all = g_string_new(NULL);
    for (guint i = 0; i < log_warnings()->len; i++)
        g_string_append_printf(all, "%s\n", (const char *)log_warnings()->pdata[i]);
    return g_string_free(g_steal_pointer(&all), FALSE);
}

static inline void expect_holds(const char *text, const char *part)
{
    cr_expect(text != NULL && strstr(text, part) != NULL, "'%s' is not in: %s", part,
              text != NULL ? text : "(nothing)");
}

static inline void expect_lacks(const char *text, const char *part)
{
    cr_expect(text != NULL && strstr(text, part) == NULL, "'%s' is in: %s", part,
              text != NULL ? text : "(nothing)");
}

/* What a channel makes of an answer. */
typedef struct {
    const char *answer; /* as http_receiver.py takes it */
    const char *said;   /* in the warnings */
    unsigned done;      /* alerts that are delivered */
    unsigned tries;
} AnswerCase;

typedef AlertReport SendToFn(const Receiver *receiver, const EventFacts *facts);

static inline void expect_answers(const AnswerCase *cases, size_t count, SendToFn *send_to)
{
    const EventFacts facts = {.type = EVENT_BACKUP_FAILED, .summary = "x"};
    for (size_t i = 0; i < count; i++) {
        const char *answer = cases[i].answer;
        g_auto(Receiver) receiver =
            start_receiver("http_receiver.py", (const char *const[]){"DIR", answer, NULL});
        log_reset();
        cr_expect_eq(send_to(&receiver, &facts).done, cases[i].done, "%s", answer);
        cr_expect_eq(count_received(&receiver, ".body"), cases[i].tries, "%s", answer);
        g_autofree char *said = warnings();
        expect_holds(said, cases[i].said);
        expect_lacks(said, "PLANTED");
    }
}

#endif
