/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The one mutable global of the house: where the log goes has to be known everywhere. */
static struct {
    GMutex mutex;
    LogLevel level;
    GPtrArray *warnings;
    gboolean progress; /* a progress line stands on the terminal */
} sink = {.level = LOG_NOTICE};

static const char *const level_words[] = {"error: ", "warning: ", "", ""};

void log_show(LogLevel level)
{
    sink.level = level;
}

gboolean log_shows(LogLevel level)
{
    return level <= sink.level;
}

gboolean log_on_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

static void end_progress(void)
{
    if (sink.progress)
        fputs("\r\033[K", stderr);
    sink.progress = FALSE;
}

char *log_printable(const char *text)
{
    const char *odd = text;
    while ((*odd >= 0x20 && *odd < 0x7f) || *odd == '\n')
        odd++;
    if (*odd == '\0')
        return g_strdup(text);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *printable = g_string_sized_new(strlen(valid));
    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gboolean control = g_unichar_iscntrl(g_utf8_get_char(p)) && *p != '\n' && *p != '\t';
        if (control)
            g_string_append_c(printable, '?');
        else
            g_string_append_len(printable, p, g_utf8_next_char(p) - p);
    }
    return g_string_free(printable, FALSE);
}

static void print_safely(const char *text)
{
    g_autofree char *printable = log_printable(text);
    for (const char *p = printable; *p != '\0'; p++) {
        if (*p == '\n')
            fputs(p[1] != '\0' ? "\n  " : "", stderr);
        else
            fputc(*p, stderr);
    }
}

G_GNUC_PRINTF(2, 0)
static void say(LogLevel level, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);

    g_mutex_lock(&sink.mutex);
    if (level == LOG_WARNING) {
        if (sink.warnings == NULL)
            sink.warnings = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(sink.warnings, g_strdup(text));
    }
    if (log_shows(level)) {
        end_progress();
        fprintf(stderr, "lsnchain: %s", level_words[level]);
        print_safely(text);
        fputc('\n', stderr);
        fflush(stderr);
    }
    g_mutex_unlock(&sink.mutex);
}

#define SAY(name, level)                                                                           \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        say(level, format, args);                                                                  \
        va_end(args);                                                                              \
    }

SAY(log_error, LOG_ERROR)
SAY(log_warning, LOG_WARNING)
SAY(log_notice, LOG_NOTICE)
SAY(log_detail, LOG_DETAIL)

void log_progress(const char *line)
{
    if (!log_on_terminal() || !log_shows(LOG_NOTICE))
        return;
    g_mutex_lock(&sink.mutex);
    end_progress();
    if (line != NULL) {
        fputs(line, stderr);
        sink.progress = TRUE;
    }
    fflush(stderr);
    g_mutex_unlock(&sink.mutex);
}

const GPtrArray *log_warnings(void)
{
    if (sink.warnings == NULL)
        sink.warnings = g_ptr_array_new_with_free_func(g_free);
    return sink.warnings;
}

void log_reset(void)
{
    g_clear_pointer(&sink.warnings, g_ptr_array_unref);
}
