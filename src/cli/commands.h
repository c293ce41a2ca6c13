/* SPDX-License-Identifier: MIT */
/*
 * commands: one row for each command.
 *
 * A row says what the command finds ready; it is prepared here, in one order, so that no command
 * can forget it.  `args` of a command starts with its own name and ends with NULL.
 */
#ifndef LSNCHAIN_CLI_COMMANDS_H
#define LSNCHAIN_CLI_COMMANDS_H

#include "cli/app.h"

#include <glib.h>

typedef gboolean CommandFn(App *app, char **args, GError **error);

typedef struct {
    const char *name;      /* "config show" is one command */
    const char *arguments; /* for the help */
    const char *sentence;
    unsigned needs;
    CommandFn *run;
    const char *help; /* its options, a line each; "" when it has none */
} Command;

/* The rows end with one whose name is NULL. */
const Command *commands_table(void);

/* The command that argv names, and where its own words start; STATUS_USAGE. */
const Command *command_find(char **argv, char ***args, GError **error);

gboolean command_run(const Command *command, App *app, char **args, GError **error);

/* `lsnchain --help`, and that of one command. */
void command_print_overview(void);
void command_print_help(const Command *command);

CommandFn cmd_init;
CommandFn cmd_check;
CommandFn cmd_backup;
CommandFn cmd_list;
CommandFn cmd_show;
CommandFn cmd_status;
CommandFn cmd_verify;
CommandFn cmd_open;
CommandFn cmd_restore;
CommandFn cmd_expire;
CommandFn cmd_remove;
CommandFn cmd_pin;
CommandFn cmd_unpin;
CommandFn cmd_why;
CommandFn cmd_impact;
CommandFn cmd_catalog_check;
CommandFn cmd_catalog_rebuild;
CommandFn cmd_config_show;
CommandFn cmd_alert_test;
CommandFn cmd_alert_list;
CommandFn cmd_alert_ack;
CommandFn cmd_alert_flush;

/* A test alert along every route, and what each channel answered; `alert test`, and after a
 * sabotage. */
gboolean cmd_try_channels(App *app, GError **error);

/* What pin and unpin have in common. */
gboolean cmd_set_pin(App *app, char **args, gboolean pinned, GError **error);

#endif
