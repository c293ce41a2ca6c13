/* SPDX-License-Identifier: MIT */
#include "flow/tables.h"

#include "base/error.h"
#include "engine/tables.h"
#include "model/tablelist.h"
#include "seal/name.h"
#include "seal/unseal.h"

#include <string.h>

enum { NAMED_IN_ERROR = 5, PAR_MOST = 8 << 20 /* 8192 parts with long names */ };

/* "data/shop/orders.ibd.lz4" is "shop/orders.ibd" to the engine.  Free it. */
static char *plain_name(const SealedFile *file)
{
    const char *name = file->name + strlen(NAME_DATA);
    size_t length = strlen(name);
    if (name_is_sealed(name))
        length -= strlen(NAME_SUFFIX);
    return g_strndup(name, length);
}

static int compare_tables(const ServerTable *a, const ServerTable *b)
{
    int order = strcmp(a->schema, b->schema);
    return order != 0 ? order : strcmp(a->name, b->name);
}

/* `old` before, `new` after the capture; one of them may be NULL. */
typedef void SeenFn(const ServerTable *old, const ServerTable *new, void *data);

/* Both lists are sorted: one walk over the two. */
static void each_seen(const Observed *before, const Observed *after, SeenFn *each, void *data)
{
    guint i = 0;
    guint j = 0;
    while (i < before->tables->len || j < after->tables->len) {
        const ServerTable *old = i < before->tables->len ? before->tables->pdata[i] : NULL;
        const ServerTable *new = j < after->tables->len ? after->tables->pdata[j] : NULL;
        int order = old == NULL ? 1 : new == NULL ? -1 : compare_tables(old, new);
        each(order <= 0 ? old : NULL, order >= 0 ? new : NULL, data);
        i += order <= 0;
        j += order >= 0;
    }
}

typedef struct {
    const Engine *engine;
    const EngineFiles *files;
    GString *named;
    guint missing;
} Completeness;

static void check_table(const ServerTable *old, const ServerTable *new, void *data)
{
    Completeness *check = data;
    if (old == NULL || new == NULL)
        return;
    g_autofree char *file = engine_table_missing(check->engine, check->files, new);
    /* one that got another engine meanwhile is there with the files of the one or of the other */
    g_autofree char *other =
        file != NULL ? engine_table_missing(check->engine, check->files, old) : NULL;
    if (file == NULL || other == NULL)
        return;
    if (check->missing++ < NAMED_IN_ERROR)
        g_string_append_printf(check->named, "%s%s.%s (%s)", check->missing > 1 ? ", " : "",
                               new->schema, new->name, file);
}

/* A tablespace that was there all the time, of a table or of one part of it. */
static void check_spaces(Completeness *check, const GPtrArray *before, const GPtrArray *after)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; before != NULL && i < before->len; i++) {
        ServerTablespace *space = before->pdata[i];
        (void)g_hash_table_insert(known, space->name, space);
    }
    for (guint i = 0; after != NULL && i < after->len; i++) {
        const ServerTablespace *space = after->pdata[i];
        const ServerTablespace *old = g_hash_table_lookup(known, space->name);
        if (old == NULL || old->space_id != space->space_id ||
            engine_tablespace_there(check->files, space->name))
            continue;
        if (check->missing++ < NAMED_IN_ERROR)
            g_string_append_printf(check->named, "%s%s.ibd", check->missing > 1 ? ", " : "",
                                   space->name);
    }
}

/* Is this the file of that table, or of a part of it? */
static gboolean is_file_of(const ServerTablespace *space, const ServerTable *table)
{
    g_autofree char *schema = engine_file_name(table->schema);
    g_autofree char *name = engine_file_name(table->name);
    g_autofree char *stem = g_strconcat(schema, "/", name, NULL);
    if (g_ascii_strncasecmp(space->name, stem, strlen(stem)) != 0)
        return FALSE;
    char next = space->name[strlen(stem)];
    return next == '\0' || next == '#';
}

char *tables_too_long(const Observed *observed)
{
    for (guint i = 0; i < observed->spaces->len; i++) {
        const ServerTablespace *space = observed->spaces->pdata[i];
        if (engine_tablespace_fits(space->name))
            continue;
        const ServerTable *table = NULL;
        for (guint t = 0; t < observed->tables->len && table == NULL; t++) {
            if (is_file_of(space, observed->tables->pdata[t]))
                table = observed->tables->pdata[t];
        }
        return g_strdup_printf("the file with the changes of %s%s%s would have a name of more than "
                               "255 bytes, which no file system takes",
                               table != NULL ? table->schema : "", table != NULL ? "." : "",
                               table != NULL ? table->name : space->name);
    }
    return NULL;
}

static gboolean folds_names(const Observed *observed)
{
    const char *value = server_facts_param(&observed->facts, "lower_case_table_names");
    return value != NULL && !g_str_equal(value, "0");
}

/* What lives in a tablespace with others has no file of its own to look for. */
static void add_shared(EngineFiles *files, const Observed *observed)
{
    if (observed->without_file == NULL)
        return;
    GHashTableIter each;
    gpointer name = NULL;
    g_hash_table_iter_init(&each, observed->without_file);
    while (g_hash_table_iter_next(&each, &name, NULL))
        engine_files_add_shared(files, name);
}

/* A file of the backup itself says which parts a table has. */
static gboolean add_parts(EngineFiles *files, const char *name, int dir_fd, GError **error)
{
    g_autofree char *path = g_strconcat(NAME_DATA, name, NULL);
    g_autoptr(GString) text = unseal_small(dir_fd, path, PAR_MOST, error);
    if (text == NULL)
        return FALSE;
    g_auto(GStrv) parts = engine_part_names(text);
    if (parts == NULL)
        return fail(error, STATUS_ENGINE,
                    "the backup's %s makes no sense" HINT("can the server open that table? "
                                                          "then run it again"),
                    name);
    engine_files_add_parts(files, name, parts);
    return TRUE;
}

static gboolean add_files(EngineFiles *files, const SealedTree *tree, int dir_fd, GError **error)
{
    for (guint i = 0; i < tree->files->len; i++) {
        g_autofree char *name = plain_name(tree->files->pdata[i]);
        engine_files_add(files, name);
        if (g_str_has_suffix(name, ENGINE_PAR_SUFFIX) && !add_parts(files, name, dir_fd, error))
            return FALSE;
    }
    return TRUE;
}

gboolean tables_check_complete(const Engine *engine, const Observed *before, const Observed *after,
                               const SealedTree *tree, int dir_fd, GError **error)
{
    g_autoptr(EngineFiles) files = engine_files_new(folds_names(before));
    if (!add_files(files, tree, dir_fd, error))
        return FALSE;
    add_shared(files, before);
    add_shared(files, after);
    g_autoptr(GString) named = g_string_new(NULL);
    Completeness check = {engine, files, named, 0};
    each_seen(before, after, check_table, &check);
    if (check.missing == 0) /* else the same would be named twice */
        check_spaces(&check, before->spaces, after->spaces);
    return check.missing == 0 ||
           fail(error, STATUS_ENGINE,
                "the engine said it was done, but %u tables are not in its stream: %s%s" HINT(
                    "run it again, best after a checkpoint (`checkpoint_first`): DDL during the "
                    "capture, or a tablespace imported just before it, can make the engine lose "
                    "tables"),
                check.missing, named->str, check.missing > NAMED_IN_ERROR ? ", …" : "");
}

/* ---- tables.tsv ------------------------------------------------------------------------------ */

/* Bytes of all files of a table, under "schema/table" as its files are named. */
static GHashTable *sizes_by_table(const SealedTree *tree)
{
    GHashTable *sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < tree->files->len; i++) {
        const SealedFile *file = tree->files->pdata[i];
        g_autofree char *name = plain_name(file);
        char *slash = strchr(name, '/');
        if (slash == NULL)
            continue;
        slash[strcspn(slash, ".#")] = '\0'; /* table.ibd, table#P#p0.ibd */
        uint64_t *size = g_hash_table_lookup(sizes, name);
        if (size == NULL) {
            size = g_new0(uint64_t, 1);
            g_hash_table_insert(sizes, g_strdup(name), size);
        }
        *size += file->plain_bytes;
    }
    return sizes;
}

static const char *size_class(uint64_t bytes)
{
    static const struct {
        uint64_t most;
        const char *word;
    } classes[] = {{0, "empty"},
                   {1ULL << 20, "1M"},
                   {1ULL << 26, "64M"},
                   {1ULL << 30, "1G"},
                   {1ULL << 34, "16G"}};
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
        if (bytes <= classes[i].most)
            return classes[i].word;
    }
    return "more";
}

typedef struct {
    GString *text;
    GHashTable *sizes;
} Listing;

static void append_seen(const Listing *listing, const ServerTable *table, Seen seen)
{
    g_autofree char *schema = engine_file_name(table->schema);
    g_autofree char *name = engine_file_name(table->name);
    g_autofree char *key = g_strconcat(schema, "/", name, NULL);
    const uint64_t *size = g_hash_table_lookup(listing->sizes, key);
    const ListedTable listed = {
        .schema = table->schema,
        .name = table->name,
        .engine = (char *)server_table_kind(table),
        .size_class = (char *)size_class(size != NULL ? *size : 0),
        .seen = seen,
    };
    tablelist_append(listing->text, &listed);
}

/* One that got another engine meanwhile is in the backup with the one or with the other. */
static void append_table(const ServerTable *old, const ServerTable *new, void *data)
{
    gboolean same =
        old != NULL && new != NULL &&g_str_equal(server_table_kind(old), server_table_kind(new));
    if (same)
        append_seen(data, new, SEEN_BOTH);
    else if (old != NULL)
        append_seen(data, old, SEEN_BEFORE);
    if (!same && new != NULL)
        append_seen(data, new, SEEN_AFTER);
}

GString *tables_text(const Observed *before, const Observed *after, const SealedTree *tree)
{
    g_autoptr(GHashTable) sizes = sizes_by_table(tree);
    Listing listing = {tablelist_new(), sizes};
    each_seen(before, after, append_table, &listing);
    return listing.text;
}
