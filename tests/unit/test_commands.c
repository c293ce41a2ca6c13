/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "sample.h"

#define ROOT TEST_DATA "/../../.."

/* "config show" is cmd_config_show() in cmd_config.c, and config-show.md. */
static char *with_dashes(const char *name, char dash)
{
    return g_strdelimit(g_strdup(name), " ", dash);
}

static char *read_file(const char *path)
{
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, 1 << 20, NULL);
    return text != NULL ? g_strdup(text->str) : NULL;
}

Test(commands, have_a_file_with_their_function_each)
{
    for (const Command *command = commands_table(); command->name != NULL; command++) {
        g_autofree char *function = with_dashes(command->name, '_');
        g_auto(GStrv) words = g_strsplit(command->name, " ", 2);
        g_autofree char *path = g_strconcat(ROOT "/src/cli/cmd_", words[0], ".c", NULL);
        g_autofree char *text = read_file(path);
        cr_assert_not_null(text, "%s is not there", path);
        g_autofree char *head = g_strconcat("\ngboolean cmd_", function, "(App *app, ", NULL);
        cr_expect_not_null(strstr(text, head), "%s has no cmd_%s()", path, function);
        cr_expect_not_null(command->run, "%s does nothing", command->name);
    }
}

Test(commands, have_a_page_each)
{
    for (const Command *command = commands_table(); command->name != NULL; command++) {
        g_autofree char *name = with_dashes(command->name, '-');
        g_autofree char *path = g_strconcat(ROOT "/docs/commands/", name, ".md", NULL);
        g_autofree char *text = read_file(path);
        cr_expect_not_null(text, "docs/commands/%s.md is not there", name);
        cr_expect(text == NULL || strstr(text, command->name) != NULL, "%s.md is of another one",
                  name);
    }
}

Test(commands, are_what_the_pages_are_about)
{
    g_autoptr(GDir) dir = g_dir_open(ROOT "/docs/commands", 0, NULL);
    cr_assert_not_null(dir, "docs/commands is not there");
    for (const char *page = g_dir_read_name(dir); page != NULL; page = g_dir_read_name(dir)) {
        gboolean found = g_str_equal(page, "README.md") || !g_str_has_suffix(page, ".md");
        for (const Command *command = commands_table(); command->name != NULL; command++) {
            g_autofree char *name = with_dashes(command->name, '-');
            g_autofree char *file = g_strconcat(name, ".md", NULL);
            found = found || g_str_equal(page, file);
        }
        cr_expect(found, "docs/commands/%s is a page of no command", page);
    }
}

static gboolean print_overview(void *data)
{
    (void)data;
    command_print_overview();
    return TRUE;
}

static gboolean print_help(void *data)
{
    command_print_help(data);
    return TRUE;
}

Test(commands, stand_in_the_overview_with_their_sentence)
{
    g_autofree char *overview = sample_stdout(print_overview, NULL);
    for (const Command *command = commands_table(); command->name != NULL; command++) {
        g_autofree char *line =
            g_strdup_printf("\n  %-15s  %s\n", command->name, command->sentence);
        cr_expect_not_null(strstr(overview, line), "no line of %s", command->name);
    }
    cr_expect_not_null(strstr(overview, "Exit status"));
}

Test(commands, tell_each_of_their_options_in_their_help)
{
    for (const Command *command = commands_table(); command->name != NULL; command++) {
        g_autofree char *help = sample_stdout(print_help, (void *)(uintptr_t)command);
        cr_expect_not_null(strstr(help, command->sentence));
        cr_expect_not_null(strstr(help, command->help));
        cr_expect_not_null(strstr(help, "--output"));
        g_auto(GStrv) lines = g_strsplit(help, "\n", -1);
        for (char **line = lines; *line != NULL; line++)
            cr_expect(g_utf8_strlen(*line, -1) <= 100, "%s: too wide: %s", command->name, *line);
    }
}

static const Command *find(const char *words, char ***args, GError **error)
{
    static char *argv[8];
    static char **split;
    g_clear_pointer(&split, g_strfreev);
    split = g_strsplit(words, " ", -1);
    memcpy(argv, split, (g_strv_length(split) + 1) * sizeof *argv);
    return command_find(argv, args, error);
}

Test(commands, are_found_by_all_their_words)
{
    for (const Command *command = commands_table(); command->name != NULL; command++) {
        g_autofree char *line = g_strconcat(command->name, " ARGUMENT", NULL);
        char **args = NULL;
        cr_expect(find(line, &args, NULL) == command, "%s", line);
        cr_assert_not_null(args);
        cr_expect_str_eq(args[1], "ARGUMENT");
        cr_expect_null(args[2]);
    }
}

Test(commands, are_refused_with_the_nearest_one)
{
    static const struct {
        const char *words;
        const char *said;
    } cases[] = {
        {"bakcup", "the nearest is backup"},          {"lst", "the nearest is list"},
        {"statsu --nagios", "the nearest is status"}, {"", "see: lsnchain --help"},
        {"config", "there is no command config"},     {"config hide", "there is no command config"},
        {"Backup", "there is no command Backup"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char **args = NULL;
        g_autoptr(GError) error = NULL;
        cr_expect_null(find(cases[i].words, &args, &error), "'%s'", cases[i].words);
        sample_expect_error(error, STATUS_USAGE, cases[i].said);
    }
    char *none[] = {NULL};
    char **args = NULL;
    g_autoptr(GError) error = NULL;
    cr_expect_null(command_find(none, &args, &error));
    sample_expect_error(error, STATUS_USAGE, "no command");
}

Test(commands, have_names_that_do_not_hide_each_other)
{
    for (const Command *a = commands_table(); a->name != NULL; a++) {
        for (const Command *b = a + 1; b->name != NULL; b++) {
            g_autofree char *prefix = g_strconcat(a->name, " ", NULL);
            cr_expect_str_neq(a->name, b->name);
            cr_expect_not(g_str_has_prefix(b->name, prefix), "%s hides %s", a->name, b->name);
        }
    }
}
