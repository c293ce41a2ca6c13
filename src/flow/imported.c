/* SPDX-License-Identifier: MIT */
#include "flow/imported.h"

#include "base/files.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char key[] = "innodb_ids";

typedef struct {
    guint64 table_id;
    guint64 space_id;
} Highest;

void imported_note(Backup *backup, const Observed *after)
{
    Highest highest = {0};
    for (guint i = 0; i < after->spaces->len; i++) {
        const ServerTablespace *space = after->spaces->pdata[i];
        highest.table_id = MAX(highest.table_id, space->table_id);
        highest.space_id = MAX(highest.space_id, space->space_id);
    }
    g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                             highest.table_id, highest.space_id);
    backup_add_extra(backup->extra_facts, key, value);
}

static gboolean read_highest(const Backup *backup, Highest *highest)
{
    for (guint i = 0; i < backup->extra_facts->len; i++) {
        const BackupExtra *extra = backup->extra_facts->pdata[i];
        if (strcmp(extra->key, key) != 0)
            continue;
        g_auto(GStrv) parts = g_strsplit(extra->value, ":", 2);
        return g_strv_length(parts) == 2 &&
               g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXUINT64, &highest->table_id, NULL) &&
               g_ascii_string_to_unsigned(parts[1], 10, 0, G_MAXUINT64, &highest->space_id, NULL);
    }
    return FALSE;
}

/* A page that says which one it is, but has the LSN 0: only an import writes such a thing. */
static gboolean is_imported_page(const uint8_t *header, uint64_t number)
{
    enum { NUMBER = 4, LSN = 16, SPACE = 34 };
    static const uint8_t zeros[8];
    guint32 own = 0;
    memcpy(&own, header + NUMBER, sizeof own);
    return GUINT32_FROM_BE(own) == number && memcmp(header + SPACE, zeros, 4) != 0 &&
           memcmp(header + LSN, zeros, 8) == 0;
}

/* The first pages of its file; a file that cannot be read tells nothing. */
static gboolean has_imported_page(const Observed *now, const ServerTablespace *space)
{
    enum { PAGES = 8, HEADER = 38 };
    g_autofree char *path = g_strconcat(now->facts.datadir, "/", space->name, ".ibd", NULL);
    autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *told = server_facts_param(&now->facts, "page_size");
    uint64_t page_size = told != NULL ? g_ascii_strtoull(told, NULL, 10) : 0;
    for (uint64_t i = 0; fd >= 0 && i < PAGES; i++) {
        uint8_t header[HEADER];
        if (pread(fd, header, sizeof header, (off_t)(i * page_size)) != (ssize_t)sizeof header)
            return FALSE;
        if (is_imported_page(header, i))
            return TRUE;
    }
    return FALSE;
}

char *imported_since(const Backup *parent, const Observed *now)
{
    Highest then = {0};
    if (!now->facts.mariadb || !read_highest(parent, &then))
        return NULL;
    for (guint i = 0; i < now->spaces->len; i++) {
        const ServerTablespace *space = now->spaces->pdata[i];
        /* a new table gets both numbers anew; an import keeps the tablespace that it discarded */
        if (space->table_id <= then.table_id)
            continue;
        if (space->space_id <= then.space_id || has_imported_page(now, space))
            return g_strdup_printf("the tablespace of %s was imported since %s, and an incremental "
                                   "does not see imported pages",
                                   space->name, parent->id);
    }
    return NULL;
}
