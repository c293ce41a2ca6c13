/* SPDX-License-Identifier: MIT */
/* Alerts to real programs: shell scripts that a test writes. */
#include "../fakes/receivers/receiver.h"

#include "base/cancel.h"
#include "base/error.h"

#include <sys/stat.h>

TestSuite(command, .timeout = 60);

/* A script in a directory of its own, which is also $0's directory and keeps what it writes. */
typedef struct {
    char *dir;
    char *path;
} Script;

static Script script_new(const char *lines)
{
    Script script = {.dir = scratch_dir()};
    script.path = g_build_filename(script.dir, "tell", NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\ncd %s || exit 99\n%s\n", script.dir, lines);
    cr_assert(g_file_set_contents(script.path, text, -1, NULL));
    cr_assert_eq(chmod(script.path, 0755), 0);
    return script;
}

static void script_end(Script *script)
{
    (void)files_remove_tree(AT_FDCWD, script->dir, NULL);
    g_free(script->dir);
    g_free(script->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Script, script_end)

/* What the script wrote into `name`; NULL: nothing.  Free it. */
static char *kept(const Script *script, const char *name)
{
    const Receiver files = {.dir = script->dir};
    return received(&files, name);
}

static AlertChannel channel_to(const char *command)
{
    return (AlertChannel){.name = "pager", .type = "command", .command = command, .timeout_s = 20};
}

/* One try, past spool and retries.  outcome_clear() it. */
static Outcome send_once(const char *command, const EventFacts *facts, int64_t limit_ms)
{
    const AlertChannel channel = channel_to(command);
    const Attempt attempt = {.limit_ms = limit_ms, .heed_signal = TRUE};
    g_autoptr(Event) event = event_new(facts);
    g_autoptr(GError) error = NULL;
    Outcome outcome = {0};
    cr_assert(alert_check_channel(&channel, &error), "%s", error != NULL ? error->message : "");
    channel_type("command")->send(&channel, event, &attempt, &outcome);
    return outcome;
}

static const EventFacts broken = {.type = EVENT_CHAIN_BROKEN,
                                  .instance = "shop",
                                  .backup = "20261122T020000Z-incr",
                                  .rule = "lsn-continuity",
                                  .summary = "the chain of shop is broken",
                                  .cause = "first line\nsecond line",
                                  .remedy = "look"};

Test(command, gives_the_event_in_the_environment_and_on_stdin)
{
    g_auto(Script) script = script_new("env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= | sort >env\n"
                                       "cat >stdin");
    g_auto(Outcome) outcome = send_once(script.path, &broken, 20000);
    cr_expect_eq(outcome.verdict, DELIVERY_DELIVERED, "%s", outcome.text);
    cr_expect_str_eq(outcome.text, "exit status 0");

    g_autofree char *env = kept(&script, "env");
    static const char *const wanted[] = {
        "LSNCHAIN_TYPE=chain_broken\n",
        "LSNCHAIN_SEVERITY=critical\n",
        "LSNCHAIN_INSTANCE=shop\n",
        "LSNCHAIN_INCIDENT=lsnchain/shop/chain_broken\n",
        "LSNCHAIN_BACKUP=20261122T020000Z-incr\n",
        "LSNCHAIN_RULE=lsn-continuity\n",
        "LSNCHAIN_SUMMARY=the chain of shop is broken\n",
        "LSNCHAIN_CAUSE=first line\n",
        "second line\n",
        "LSNCHAIN_REMEDY=look\n",
        "LSNCHAIN_HOST=",
        "LSNCHAIN_VERSION=" LSNCHAIN_VERSION "\n",
        "LSNCHAIN_ID=",
        "LSNCHAIN_TIMESTAMP=2",
        "LC_ALL=C\n",
        "PATH=",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
        expect_holds(env, wanted[i]);

    g_autofree char *text = kept(&script, "stdin");
    json_auto_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *cause = NULL;
    cr_assert_eq(json_unpack(body, "{s:{s:s}}", "data", "cause", &cause), 0, "%s", text);
    cr_expect_str_eq(cause, "first line\nsecond line");
}

Test(command, gives_nothing_of_our_own_environment)
{
    (void)g_setenv("LSNCHAIN_PASSWORD", "hunter2", TRUE);
    (void)g_setenv("LD_PRELOAD_OF_OURS", "x", TRUE);
    g_auto(Script) script = script_new("env >env");
    g_auto(Outcome) outcome = send_once(script.path, &broken, 20000);
    g_autofree char *env = kept(&script, "env");
    expect_lacks(env, "hunter2");
    expect_lacks(env, "LD_PRELOAD_OF_OURS");
    expect_holds(env, "LSNCHAIN_TYPE=");
}

Test(command, splits_its_arguments_as_a_shell_would_but_runs_none)
{
    g_auto(Script) script = script_new("for word; do echo \"<$word>\"; done >args");
    g_autofree char *command =
        g_strdup_printf("%s --to 'on call' \"$(touch hacked)\" ; `id` *", script.path);
    g_auto(Outcome) outcome = send_once(command, &broken, 20000);
    g_autofree char *args = kept(&script, "args");
    cr_expect_str_eq(args, "<--to>\n<on call>\n<$(touch hacked)>\n<;>\n<`id`>\n<*>\n");
    cr_expect_null(kept(&script, "hacked"));
}

Test(command, what_an_exit_status_means)
{
    static const struct {
        const char *lines;
        Delivery verdict;
        const char *text;
    } cases[] = {
        {"exit 0", DELIVERY_DELIVERED, "exit status 0"},
        {"echo sent >&2; exit 0", DELIVERY_DELIVERED, "exit status 0: sent"},
        {"exit 75", DELIVERY_AGAIN, "exit status 75"},
        {"echo trying; echo no line free >&2; exit 75", DELIVERY_AGAIN,
         "exit status 75: no line free"},
        {"exit 1", DELIVERY_REFUSED, "exit status 1"},
        {"exit 74", DELIVERY_REFUSED, "exit status 74"},
        {"exit 255", DELIVERY_REFUSED, "exit status 255"},
        {"exit 126", DELIVERY_DOWN, "exit status 126"},
        {"exit 127", DELIVERY_DOWN, "exit status 127"},
        {"kill -SEGV $$", DELIVERY_REFUSED, "ended by SIGSEGV"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Script) script = script_new(cases[i].lines);
        g_auto(Outcome) outcome = send_once(script.path, &broken, 20000);
        cr_expect_eq(outcome.verdict, cases[i].verdict, "%s: %d", cases[i].lines, outcome.verdict);
        cr_expect_str_eq(outcome.text, cases[i].text);
    }
}

Test(command, an_interpreter_that_is_missing_is_no_delivery)
{
    g_auto(Script) script = script_new("");
    cr_assert(g_file_set_contents(script.path, "#!/nonexistent/sh\n", -1, NULL));
    cr_assert_eq(chmod(script.path, 0755), 0);
    g_auto(Outcome) outcome = send_once(script.path, &broken, 20000);
    cr_expect_eq(outcome.verdict, DELIVERY_DOWN);
    expect_holds(outcome.text, script.path);
}

static void expect_ended(const Script *script, const char *name)
{
    g_autofree char *pid = kept(script, name);
    cr_assert_not_null(pid);
    cr_expect_lt(kill((pid_t)g_ascii_strtoll(pid, NULL, 10), 0), 0, "%s lives on", name);
}

Test(command, one_that_hangs_is_ended_with_its_children_and_tried_again)
{
    g_auto(Script) script = script_new("sleep 600 & echo $! >child\n"
                                       "echo $$ >self; echo dialling; wait; wait");
    g_auto(Outcome) outcome = send_once(script.path, &broken, 1000);
    cr_expect_eq(outcome.verdict, DELIVERY_AGAIN);
    expect_holds(outcome.text, "time limit");
    expect_holds(outcome.text, "dialling");
    expect_ended(&script, "self");
    expect_ended(&script, "child");
}

Test(command, one_that_ignores_its_end_is_killed)
{
    g_auto(Script) script = script_new("trap '' TERM; echo $$ >self; while :; do sleep 0.1; done");
    g_auto(Outcome) outcome = send_once(script.path, &broken, 500);
    cr_expect_eq(outcome.verdict, DELIVERY_AGAIN);
    expect_holds(outcome.text, "SIGKILL");
    expect_ended(&script, "self");
}

Test(command, does_not_wait_for_children_that_stay)
{
    g_auto(Script) script = script_new("sleep 600 & echo $! >child; exit 0");
    g_auto(Outcome) outcome = send_once(script.path, &broken, 20000);
    cr_expect_eq(outcome.verdict, DELIVERY_DELIVERED, "%s", outcome.text);
    expect_ended(&script, "child");
}

Test(command, one_that_floods_its_output_is_heard_to_its_end_and_shown_in_one_short_line)
{
    g_auto(Script) script =
        script_new("yes '\033[31mno line free' | head -c 20000000\n"
                   "yes x | tr -d '\\n' | head -c 1000000 >&2; printf '\\n\\n \\n' >&2; exit 1");
    g_auto(Outcome) outcome = send_once(script.path, &broken, 50000);
    cr_expect_eq(outcome.verdict, DELIVERY_REFUSED, "%s", outcome.text);
    cr_expect(g_str_has_prefix(outcome.text, "exit status 1: xxxxxxxx"), "%s", outcome.text);
    cr_expect_lt(strlen(outcome.text), 160);
    cr_expect_null(strpbrk(outcome.text, "\033\n"), "%s", outcome.text);
}

Test(command, what_it_says_is_shown_without_what_a_terminal_obeys)
{
    g_auto(Script) script =
        script_new("printf '\\033[2J\\377 red\\tand\\r\\302\\233 blue\\n'; exit 1");
    g_auto(Outcome) outcome = send_once(script.path, &broken, 20000);
    cr_expect_str_eq(outcome.text, "exit status 1: [2J\xef\xbf\xbd red and   blue");
}

Test(command, one_that_does_not_read_its_stdin_is_not_waited_for)
{
    g_autofree char *cause = g_strnfill(1024 * 1024, 'x');
    EventFacts facts = broken;
    facts.cause = cause;
    g_auto(Script) script = script_new("exit 0");
    g_auto(Outcome) outcome = send_once(script.path, &facts, 20000);
    cr_expect_eq(outcome.verdict, DELIVERY_DELIVERED, "%s", outcome.text);
}

Test(command, hostile_text_is_no_argument_and_no_command)
{
    g_autoptr(GString) cause = g_string_new("\xff\033[2J`touch hacked`\nLSNCHAIN_ID=forged\n");
    while (cause->len < 1024 * 1024)
        g_string_append(cause, "<!channel> $(touch hacked)\r\n");
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop;touch hacked",
                              .summary = "a\nb $(touch hacked) `touch hacked` ' \" \001 %s",
                              .cause = cause->str};
    g_auto(Script) script =
        script_new("echo $# >count; printf %s \"$LSNCHAIN_SUMMARY\" >summary\n"
                   "printf %s \"$LSNCHAIN_ID\" >id; printf %s \"$LSNCHAIN_CAUSE\" "
                   ">cause; env -0 | tr '\\0' '\\n' >env");
    g_auto(Outcome) outcome = send_once(script.path, &facts, 20000);
    cr_expect_eq(outcome.verdict, DELIVERY_DELIVERED, "%s", outcome.text);
    cr_expect_null(kept(&script, "hacked"));
    g_autofree char *count = kept(&script, "count");
    cr_expect_str_eq(count, "0\n");
    g_autofree char *summary = kept(&script, "summary");
    cr_expect_str_eq(summary, "a b $(touch hacked) `touch hacked` ' \" ? %s");
    g_autofree char *id = kept(&script, "id");
    expect_lacks(id, "forged");
    g_autofree char *whole = kept(&script, "cause");
    cr_expect_leq(strlen(whole), EVENT_CAUSE_BYTES);
    cr_expect(g_utf8_validate(whole, -1, NULL));
    cr_expect_null(strpbrk(whole, "\033\r"));
}

Test(command, what_cannot_be_run_is_a_configuration_error)
{
    g_auto(Script) script = script_new("exit 0");
    g_autofree char *data = g_build_filename(script.dir, "data", NULL);
    cr_assert(g_file_set_contents(data, "x", -1, NULL));
    cr_assert_eq(chmod(data, 0644), 0);
    g_autofree char *open_door = g_build_filename(script.dir, "open", NULL);
    cr_assert(g_file_set_contents(open_door, "#!/bin/sh\n", -1, NULL));
    cr_assert_eq(chmod(open_door, 0757), 0);
    g_autofree char *unbalanced = g_strconcat(script.path, " 'a", NULL);
    const struct {
        const char *command, *said;
    } cases[] = {
        {"", "cannot be read"},
        {NULL, "cannot be read"},
        {"tell", "absolute path"},
        {"./tell --now", "absolute path"},
        {unbalanced, "balanced"},
        {"/nonexistent/tell x", "/nonexistent/tell cannot be run"},
        {script.dir, "cannot be executed"},
        {data, "cannot be executed"},
        {open_door, "written by others"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const AlertChannel channel = channel_to(cases[i].command);
        g_autoptr(GError) error = NULL;
        cr_expect_not(alert_check_channel(&channel, &error), "%s", cases[i].command);
        cr_assert_not_null(error);
        cr_expect_eq(error_status(error), STATUS_CONFIG);
        expect_holds(error->message, "alert channel pager cannot work");
        expect_holds(error->message, cases[i].said);
    }
}

Test(command, after_a_signal_it_still_gets_its_one_short_try)
{
    cancel_install();
    (void)raise(SIGTERM);
    cr_assert_eq(cancel_signal(), SIGTERM);
    g_auto(Script) script = script_new("sleep 0.5; echo \"$LSNCHAIN_SUMMARY\" >told");
    g_auto(Desk) desk = open_desk();
    const AlertChannel channel = channel_to(script.path);
    spool_one(&desk, EVENT_BACKUP_FAILED, "stopped by a signal");
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    g_autofree char *told = kept(&script, "told");
    cr_expect_str_eq(told, "stopped by a signal\n");
}

Test(command, an_alert_that_it_refuses_stays_in_the_spool)
{
    g_auto(Script) script = script_new("echo x >>calls; [ -e well ]");
    g_auto(Desk) desk = open_desk();
    const AlertChannel channel = channel_to(script.path);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1);
    cr_expect_eq(still_spooled(&desk), 1);
    g_autofree char *said = warnings();
    expect_holds(said, "exit status 1");

    g_autofree char *well = g_build_filename(script.dir, "well", NULL);
    cr_assert(g_file_set_contents(well, "", -1, NULL));
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    g_autofree char *calls = kept(&script, "calls");
    cr_expect_str_eq(calls, "x\nx\n");
    cr_expect_eq(still_spooled(&desk), 0);
}
