/* SPDX-License-Identifier: MIT */
#include "engine/tables.h"

#include "engine/family.h"

#include <limits.h>
#include <string.h>

enum {
    FRM = 1 << 0,
    IBD = 1 << 1,
    MYD = 1 << 2,
    MYI = 1 << 3,
    MAD = 1 << 4,
    MAI = 1 << 5,
    CSV = 1 << 6,
    CSM = 1 << 7,
    ARZ = 1 << 8,
    MRG = 1 << 9,
};

/* From the first dot of a name on: a dot of an identifier is written "@002e". */
static const struct {
    const char *suffix;
    unsigned kind;
} suffixes[] = {
    {".frm", FRM}, {".ibd", IBD}, {".ibd.delta", IBD}, /* changed pages, in an incremental */
    {".new", IBD}, /* copied whole once more, after a DDL that was not logged */
    {".MYD", MYD}, {".MYI", MYI}, {".MAD", MAD},       {".MAI", MAI},
    {".CSV", CSV}, {".CSM", CSM}, {".ARZ", ARZ},       {".MRG", MRG},
};

/*
 * Engines not named here (MEMORY, BLACKHOLE, FEDERATED, ...) have their data elsewhere or nowhere.
 * A .sdi of MySQL is a copy of what stands in its dictionary, and nothing needs it.
 */
static const struct {
    const char *engine;
    unsigned kinds;
    gboolean has_frm; /* ARCHIVE: its .frm is written when the table is opened again */
} engines[] = {
    {"InnoDB", IBD, TRUE},    {"MyISAM", MYD | MYI, TRUE}, {"Aria", MAD | MAI, TRUE},
    {"CSV", CSV | CSM, TRUE}, {"ARCHIVE", ARZ, FALSE},     {"MRG_MyISAM", MRG, TRUE},
};

struct EngineFiles {
    gboolean fold;
    GHashTable *stems; /* "shop/orders", "shop/part#P#p0" -> kinds */
    GHashTable *parts; /* "shop/part" -> GPtrArray of the stems of its parts, owned by stems */
};

static void free_array(gpointer array)
{
    g_ptr_array_unref(array);
}

EngineFiles *engine_files_new(int lower_case_table_names)
{
    EngineFiles *files = g_new0(EngineFiles, 1);
    files->fold = lower_case_table_names != 0;
    files->stems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    files->parts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_array);
    return files;
}

void engine_files_free(EngineFiles *files)
{
    if (files == NULL)
        return;
    g_hash_table_unref(files->parts);
    g_hash_table_unref(files->stems);
    g_free(files);
}

static unsigned kind_of(const char *suffix)
{
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (strcmp(suffixes[i].suffix, suffix) == 0)
            return suffixes[i].kind;
    }
    return 0;
}

/* "#P#", or "#p#" where the server writes names in lower case. */
static const char *part_mark(const char *stem)
{
    const char *mark = strstr(stem, "#P#");
    return mark != NULL ? mark : strstr(stem, "#p#");
}

static void add_part(EngineFiles *files, const char *stem, const char *mark)
{
    g_autofree char *table = g_strndup(stem, (size_t)(mark - stem));
    GPtrArray *parts = g_hash_table_lookup(files->parts, table);
    if (parts == NULL) {
        parts = g_ptr_array_new();
        (void)g_hash_table_insert(files->parts, g_steal_pointer(&table), parts);
    }
    g_ptr_array_add(parts, (gpointer)stem);
}

static void add_kind(EngineFiles *files, const char *name, size_t length, unsigned kind)
{
    g_autofree char *plain = g_strndup(name, length);
    char *stem = files->fold ? g_ascii_strdown(plain, -1) : g_steal_pointer(&plain);
    gpointer key = NULL;
    gpointer kinds = NULL;
    gboolean known = g_hash_table_lookup_extended(files->stems, stem, &key, &kinds);
    const char *mark = known ? NULL : part_mark(stem);
    /* A stem that is known keeps its old key, and frees this one. */
    (void)g_hash_table_insert(files->stems, stem, GUINT_TO_POINTER(GPOINTER_TO_UINT(kinds) | kind));
    if (mark != NULL)
        add_part(files, stem, mark);
}

void engine_files_add(EngineFiles *files, const char *name)
{
    const char *slash = strchr(name, '/');
    const char *dot = slash != NULL ? strchr(slash, '.') : NULL;
    unsigned kind = dot != NULL ? kind_of(dot) : 0;
    if (kind == 0)
        return;
    add_kind(files, name, (size_t)(dot - name), kind);
}

void engine_files_add_parts(EngineFiles *files, const char *par_name, char *const *names)
{
    size_t length = strlen(par_name) - strlen(ENGINE_PAR_SUFFIX);
    for (; *names != NULL; names++) {
        g_autofree char *name = g_strdup_printf("%.*s#P#%s", (int)length, par_name, *names);
        add_kind(files, name, strlen(name), 0);
    }
}

void engine_files_add_shared(EngineFiles *files, const char *name)
{
    add_kind(files, name, strlen(name), IBD);
}

/* ---- what a table needs ---------------------------------------------------------------------- */

static unsigned kinds_of(const EngineFiles *files, const char *stem)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(files->stems, stem));
}

static char *name_missing(const char *stem, unsigned missing)
{
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (missing & suffixes[i].kind)
            return g_strconcat(stem, suffixes[i].suffix, NULL);
    }
    return NULL;
}

static char *data_missing(const EngineFiles *files, const char *stem, unsigned needed)
{
    const GPtrArray *parts = g_hash_table_lookup(files->parts, stem);
    if (parts == NULL)
        return name_missing(stem, needed & ~kinds_of(files, stem));
    for (guint i = 0; i < parts->len; i++) {
        const char *part = parts->pdata[i];
        if (needed == IBD && kinds_of(files, part) == 0)
            continue;
        char *missing = name_missing(part, needed & ~kinds_of(files, part));
        if (missing != NULL)
            return missing;
    }
    return NULL;
}

char *engine_table_missing(const Engine *engine, const EngineFiles *files, const ServerTable *table)
{
    g_autofree char *schema = engine_file_name(table->schema);
    g_autofree char *name = engine_file_name(table->name);
    g_autofree char *given = g_strconcat(schema, "/", name, NULL);
    g_autofree char *stem = files->fold ? g_ascii_strdown(given, -1) : g_strdup(given);

    unsigned needed = 0;
    gboolean has_frm = engine->family->table_has_frm;
    for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
        if (g_ascii_strcasecmp(engines[i].engine, table->engine) == 0) {
            needed = engines[i].kinds;
            has_frm = has_frm && engines[i].has_frm;
        }
    }
    if (has_frm && !(kinds_of(files, stem) & FRM))
        return g_strconcat(given, ".frm", NULL);
    return data_missing(files, stem, needed);
}

gboolean engine_tablespace_fits(const char *name)
{
    static const char longest[] = ".ibd.delta";
    const char *slash = strrchr(name, '/');
    return strlen(slash != NULL ? slash + 1 : name) + strlen(longest) <= NAME_MAX;
}

gboolean engine_tablespace_there(const EngineFiles *files, const char *name)
{
    g_autofree char *stem = files->fold ? g_ascii_strdown(name, -1) : g_strdup(name);
    return (kinds_of(files, stem) & IBD) != 0;
}
