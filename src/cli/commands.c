/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/error.h"
#include "config/nearest.h"

#include <stdio.h>
#include <string.h>

enum {
    CONFIG = 1 << 0,
    CONFIG_OR_BARE = 1 << 1, /* --repository=DIR will do */
    REPOSITORY = 1 << 2,     /* its marker was seen: before that not even a lock is written */
    WRITES = 1 << 3,         /* it is the remembered one, and ours */
    ALARMS = 1 << 4,         /* when one of these fails, people are told */
    ANSWERS = 1 << 5,        /* what it prints is what it is for: -q does not silence it, and an
                                answer is a success whatever it says */

    NO_CATALOG = 1 << 6, /* it is there to mend it */
    MONITORS = 1 << 7,   /* it knows --nagios: what else is missing is then what it tells */
    METRICS = 1 << 8,    /* no run that is noted, but what Prometheus is told changes with it */

    READS = CONFIG_OR_BARE | REPOSITORY,
};

static const struct {
    unsigned need;
    gboolean (*prepare)(App *app, GError **error);
} steps[] = {
    {CONFIG, app_load_config},
    {CONFIG_OR_BARE, app_load_config_or_bare},
    {REPOSITORY, app_find_repository},
    {WRITES, app_check_writes},
};

/* clang-format off */
static const Command commands[] = {
    {"init", "", "create the repository and a place for each instance", CONFIG, cmd_init,
     "  --accept            take the repository that is there instead of the one remembered\n"},
    {"check", "", "see whether tonight's backup would work", CONFIG | METRICS, cmd_check, ""},
    {"backup", "", "take one backup now", CONFIG | REPOSITORY | WRITES | ALARMS, cmd_backup,
     "  --type=TYPE         auto, full or incremental (auto)\n"
     "  --dry-run           say what would be done, change nothing\n"},
    {"list", "", "chains and their links", READS | ANSWERS, cmd_list, ""},
    {"show", "ID", "one backup, every fact and mark", READS | ANSWERS, cmd_show, ""},
    {"status", "", "newest backup, restorable until, proven until, what is wrong",
     READS | ANSWERS | MONITORS, cmd_status,
     "  --nagios            judge all of it, as a plugin of Nagios or Icinga does: exit 0 to 3\n"},
    {"verify", "[ID|latest|--all]", "prove that a backup restores", READS | WRITES, cmd_verify,
     "  --level=LEVEL       files, prepare, server or queries (that of verify_after)\n"
     "  --all               every backup, the longest unread first\n"
     "  --fresh             from the full on, whatever the rolling base holds\n"
     "  --max-time=D        begin no further backup and no further CHECK TABLE after this time; what\n"
     "                      is left is reported\n"
     "  --report=FILE       a page about this drill, and FILE's JSON beside it\n"
     "  --sabotage          harm private copies, and see that each harm is noticed\n"},
    {"restore", "[ID|latest] --target-dir=DIR", "bring a backup back into a new directory", READS,
     cmd_restore,
     "  --target-dir=DIR    a directory that is absent or empty\n"
     "  --owner=USER[:GROUP]  give the files to this user\n"
     "  --memory=SIZE       memory for the engine's recovery (prepare_memory)\n"
     "  --to-time=T         the state at T; refused while binary logs are not archived\n"
     "  --dry-run           say what would be done, change nothing\n"},
    {"open", "[ID|latest]", "a read-only server on a backup, until you interrupt it",
     READS | WRITES | ANSWERS, cmd_open,
     "  --socket=PATH       a name for the server's socket; must not exist\n"},
    {"expire", "", "remove what no rule keeps", CONFIG | REPOSITORY | WRITES, cmd_expire,
     "  --explain           say of each backup which rule keeps or releases it, and what is left\n"
     "  --dry-run           say what would go, change nothing\n"},
    {"remove", "ID", "remove a backup and what hangs on it",
     CONFIG | REPOSITORY | WRITES | METRICS, cmd_remove,
     "  --force             although a floor of retention holds it; never while it is read\n"
     "  --dry-run           say what would go and what would be lost, change nothing\n"},
    {"pin", "ID", "keep a backup and its chain until it is unpinned",
     CONFIG | REPOSITORY | WRITES, cmd_pin, ""},
    {"unpin", "ID", "let the rules decide again", CONFIG | REPOSITORY | WRITES, cmd_unpin, ""},
    {"why", "[ID]", "why this was a full, why it does not restore, what to do now", READS | ANSWERS,
     cmd_why, ""},
    {"impact", "PATH|ID", "which restore points are lost without it", READS | ANSWERS, cmd_impact,
     ""},
    {"catalog check", "", "compare the catalog and its copy with the tree", READS | NO_CATALOG,
     cmd_catalog_check, ""},
    {"catalog rebuild", "", "make the catalog again from the tree",
     CONFIG | REPOSITORY | WRITES | NO_CATALOG | METRICS, cmd_catalog_rebuild, ""},
    {"config show", "", "values and where each came from", CONFIG | ANSWERS, cmd_config_show, ""},
    {"alert test", "", "send a test alert along every route", CONFIG | METRICS, cmd_alert_test, ""},
    {"alert list", "", "open incidents, and alerts that wait", CONFIG | ANSWERS, cmd_alert_list, ""},
    {"alert ack", "[KEY|all]", "hold back the repeats of an incident until it ends", CONFIG,
     cmd_alert_ack, ""},
    {"alert flush", "", "bring the alerts that wait to their channels now", CONFIG | METRICS,
     cmd_alert_flush, ""},
    {NULL, NULL, NULL, 0, NULL, NULL},
};
/* clang-format on */

const Command *commands_table(void)
{
    return commands;
}

/* Does argv begin with all words of this name?  Their number, or 0. */
static guint matches(const char *name, char **argv)
{
    g_auto(GStrv) words = g_strsplit(name, " ", -1);
    guint count = g_strv_length(words);
    for (guint i = 0; i < count; i++) {
        if (argv[i] == NULL || !g_str_equal(argv[i], words[i]))
            return 0;
    }
    return count;
}

static const char *nearest_command(const char *word)
{
    const char *names[G_N_ELEMENTS(commands)] = {NULL};
    for (size_t i = 0; commands[i].name != NULL; i++)
        names[i] = commands[i].name;
    return nearest_word(word, names);
}

const Command *command_find(char **argv, char ***args, GError **error)
{
    if (argv[0] == NULL) {
        (void)fail(error, STATUS_USAGE, "no command" HINT("see: lsnchain --help"));
        return NULL;
    }
    for (size_t i = 0; commands[i].name != NULL; i++) {
        guint words = matches(commands[i].name, argv);
        if (words == 0)
            continue;
        *args = argv + words - 1;
        return &commands[i];
    }
    const char *near = nearest_command(argv[0]);
    if (near != NULL)
        (void)fail(error, STATUS_USAGE,
                   "there is no command %s" HINT("see: lsnchain --help; the nearest is %s"),
                   argv[0], near);
    else
        (void)fail(error, STATUS_USAGE, "there is no command %s" HINT("see: lsnchain --help"),
                   argv[0]);
    return NULL;
}

static gboolean prepare(const Command *command, App *app, GError **error)
{
    unsigned needs = app->nagios != NULL ? CONFIG : command->needs;
    if (app->nagios != NULL && (command->needs & MONITORS) == 0)
        return fail(error, STATUS_USAGE, "--nagios goes with status only");
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        gboolean needed = (needs & steps[i].need) != 0;
        if (needed && !steps[i].prepare(app, error))
            return FALSE;
    }
    return TRUE;
}

gboolean command_run(const Command *command, App *app, char **args, GError **error)
{
    app->command = command->name;
    app->answers = (command->needs & ANSWERS) != 0;
    /* its options were not read yet; nobody is told of a dry run */
    gboolean rehearsal = g_strv_contains((const char *const *)args, "--dry-run");
    app->alarms = (command->needs & ALARMS) != 0 && !rehearsal;
    app->without_catalog = (command->needs & NO_CATALOG) != 0;
    app->metrics = (command->needs & METRICS) != 0 && !rehearsal;
    app->report.silent = app->quiet && !app->answers;
    g_autoptr(GError) failure = NULL;
    if (prepare(command, app, &failure))
        return command->run(app, args, error);
    if (!rehearsal)
        app_tell_failed(app, failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static const char globals[] =
    "  -c, --config=FILE   configuration (/etc/lsnchain/lsnchain.conf and conf.d)\n"
    "      --repository=DIR  no configuration, only this repository: list, show, status, verify,\n"
    "                      restore, open, why, impact\n"
    "  -i, --instance=NAME\n"
    "      --output=FORMAT text or json\n"
    "  -v, --verbose       more on stderr\n"
    "  -q, --quiet         only warnings and errors on stderr\n"
    "  -h, --help          this, or that of a command\n"
    "      --version\n";

void command_print_overview(void)
{
    puts("lsnchain takes, publishes and proves physical backups of MariaDB and MySQL.\n\n"
         "usage: lsnchain [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n");
    for (size_t i = 0; commands[i].name != NULL; i++)
        printf("  %-15s  %s\n", commands[i].name, commands[i].sentence);
    printf("\nOptions for all commands, before or after the command:\n%s\n", globals);
    puts("Exit status: 0 all went well, 3 done with warnings, everything else is a failure\n"
         "(docs/exit-codes.md). `lsnchain COMMAND --help` tells more of a command.");
}

void command_print_help(const Command *command)
{
    printf("lsnchain %s: %s\n\nusage: lsnchain [OPTIONS] %s%s%s%s\n", command->name,
           command->sentence, command->name, *command->help != '\0' ? " [OPTIONS]" : "",
           *command->arguments != '\0' ? " " : "", command->arguments);
    if (*command->help != '\0')
        printf("\n%s", command->help);
    printf("\nOptions for all commands:\n%s", globals);
}
