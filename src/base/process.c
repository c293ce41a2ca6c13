/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    SMALL = 4096,
    START_FIELD = 20, /* of /proc/PID/stat, counted from the state behind the name */
};

static void read_boot(char *boot, size_t size)
{
    g_autoptr(GString) text =
        files_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", SMALL, NULL);
    g_strlcpy(boot, text != NULL ? g_strstrip(text->str) : "", size);
}

/* 0: not known. */
static uint64_t read_ticks(int64_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/stat", pid);
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, SMALL, NULL);
    const char *name_end = text != NULL ? strrchr(text->str, ')') : NULL;
    if (name_end == NULL)
        return 0;
    g_auto(GStrv) fields = g_strsplit(name_end + 1, " ", -1);
    guint64 ticks = 0;
    if (g_strv_length(fields) > START_FIELD)
        (void)g_ascii_string_to_unsigned(fields[START_FIELD], 10, 0, G_MAXUINT64, &ticks, NULL);
    return ticks;
}

Process process_self(void)
{
    Process self = {.pid = getpid()};
    self.ticks = read_ticks(self.pid);
    read_boot(self.boot, sizeof self.boot);
    return self;
}

gboolean process_same(const Process *a, const Process *b)
{
    return a->pid == b->pid && a->ticks == b->ticks && g_str_equal(a->boot, b->boot);
}

gboolean process_lives(const Process *process)
{
    char boot[sizeof process->boot];
    read_boot(boot, sizeof boot);
    if (process->pid <= 0 ||
        (*boot != '\0' && *process->boot != '\0' && !g_str_equal(boot, process->boot)))
        return FALSE;
    if (kill((pid_t)process->pid, 0) < 0 && errno == ESRCH)
        return FALSE;
    uint64_t ticks = read_ticks(process->pid);
    return ticks == 0 || process->ticks == 0 || ticks == process->ticks;
}
