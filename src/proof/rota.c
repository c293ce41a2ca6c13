/* SPDX-License-Identifier: MIT */
#include "proof/rota.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/replace.h"
#include "model/tablelist.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char file_name[] = "checked.tsv";
static const char headings[] = "schema\ttable\tfirst seen\tchecked\tmicroseconds\tbackup";
enum { COLUMNS = 6, SAVE_EVERY_US = 60 * G_USEC_PER_SEC };

struct Rota {
    char *directory;     /* NULL: not kept */
    GHashTable *entries; /* of RotaEntry: the key is the value */
};

static void entry_free(gpointer data)
{
    RotaEntry *entry = data;
    g_free(entry->schema);
    g_free(entry->name);
    g_free(entry->backup);
    g_free(entry);
}

static guint entry_hash(gconstpointer data)
{
    const RotaEntry *entry = data;
    return g_str_hash(entry->schema) * 31 + g_str_hash(entry->name);
}

static gboolean entry_equal(gconstpointer a, gconstpointer b)
{
    const RotaEntry *one = a;
    const RotaEntry *other = b;
    return g_str_equal(one->schema, other->schema) && g_str_equal(one->name, other->name);
}

static GHashTable *entries_new(void)
{
    return g_hash_table_new_full(entry_hash, entry_equal, entry_free, NULL);
}

static RotaEntry *find(GHashTable *entries, const char *schema, const char *name)
{
    const RotaEntry wanted = {.schema = (char *)schema, .name = (char *)name};
    return g_hash_table_lookup(entries, &wanted);
}

const RotaEntry *rota_find(const Rota *rota, const char *schema, const char *name)
{
    return find(rota->entries, schema, name);
}

/* ---- the file -------------------------------------------------------------------------------- */

static gboolean parse_line(GHashTable *entries, const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, "\t", -1);
    int64_t since = 0;
    int64_t at = 0;
    gint64 took_us = 0;
    if (g_strv_length(parts) != COLUMNS || !clock_parse(parts[2], &since) ||
        !clock_parse(parts[3], &at) ||
        !g_ascii_string_to_signed(parts[4], 10, 0, G_MAXINT64, &took_us, NULL))
        return FALSE;
    RotaEntry *entry = g_new0(RotaEntry, 1);
    entry->schema = tablelist_unescape(parts[0]);
    entry->name = tablelist_unescape(parts[1]);
    entry->since = since;
    entry->at = at;
    entry->took_us = took_us;
    entry->backup = g_strdup(parts[5]);
    (void)g_hash_table_add(entries, entry);
    return TRUE;
}

/* NULL: it makes no sense. */
static GHashTable *parse(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    if (lines[0] == NULL || !g_str_equal(lines[0], headings))
        return NULL;
    g_autoptr(GHashTable) entries = entries_new();
    for (char **line = lines + 1; *line != NULL; line++) {
        if (**line != '\0' && !parse_line(entries, *line))
            return NULL;
    }
    return g_steal_pointer(&entries);
}

Rota *rota_open(const char *directory)
{
    Rota *rota = g_new0(Rota, 1);
    rota->directory = g_strdup(directory);
    g_autofree char *path = directory != NULL ? g_build_filename(directory, file_name, NULL) : NULL;
    if (path != NULL && access(path, F_OK) == 0) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(GString) text = files_read_text(AT_FDCWD, path, TABLELIST_MOST, &failure);
        rota->entries = text != NULL ? parse(text->str) : NULL;
        if (rota->entries == NULL)
            log_notice("which tables earlier test restores checked is not known, they all have "
                       "their turn again: %s",
                       failure != NULL ? failure->message : path);
    }
    if (rota->entries == NULL)
        rota->entries = entries_new();
    return rota;
}

void rota_free(Rota *rota)
{
    if (rota == NULL)
        return;
    g_free(rota->directory);
    g_hash_table_unref(rota->entries);
    g_free(rota);
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    const RotaEntry *one = *(const RotaEntry *const *)a;
    const RotaEntry *other = *(const RotaEntry *const *)b;
    int schemas = strcmp(one->schema, other->schema);
    return schemas != 0 ? schemas : strcmp(one->name, other->name);
}

static GString *rota_text(const Rota *rota)
{
    guint n = 0;
    g_autofree gpointer *entries = g_hash_table_get_keys_as_array(rota->entries, &n);
    qsort(entries, n, sizeof entries[0], compare_entries);
    GString *text = g_string_new(headings);
    g_string_append_c(text, '\n');
    for (guint i = 0; i < n; i++) {
        const RotaEntry *entry = entries[i];
        g_autofree char *schema = tablelist_escape(entry->schema);
        g_autofree char *name = tablelist_escape(entry->name);
        g_autofree char *since = clock_format(entry->since);
        g_autofree char *at = clock_format(entry->at);
        g_string_append_printf(text, "%s\t%s\t%s\t%s\t%" G_GINT64_FORMAT "\t%s\n", schema, name,
                               since, at, entry->took_us, entry->backup);
    }
    return text;
}

static void save(const Rota *rota)
{
    if (rota->directory == NULL)
        return;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) text = rota_text(rota);
    autofd int fd = files_open_dir(AT_FDCWD, rota->directory, &failure);
    if (fd < 0 || !replace_file(fd, file_name, text, 0600, &failure))
        log_warning("which tables were checked cannot be kept: %s", failure->message);
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

typedef struct {
    ExamTable *table;
    RotaEntry *entry;
    int64_t expected_us; /* as last time, else by its size */
} Turn;

/* At some 100 MB/s; of an incremental the class is that of its changes, so this is a guess. */
static int64_t guess_us(const char *size_class)
{
    static const struct {
        const char *word;
        int64_t seconds;
    } guesses[] = {{"64M", 1}, {"1G", 10}, {"16G", 160}, {"more", 1600}};
    for (size_t i = 0; i < G_N_ELEMENTS(guesses); i++) {
        if (g_str_equal(size_class, guesses[i].word))
            return guesses[i].seconds * G_USEC_PER_SEC;
    }
    return g_str_equal(size_class, "1M") ? 1 : 0;
}

/* A clock that was wrong for one round must not keep a table waiting for years. */
static void forget_the_future(RotaEntry *entry, int64_t now)
{
    entry->since = MIN(entry->since, now);
    entry->at = entry->at <= now ? entry->at : 0;
}

/* Who is no longer there drops out, who is new comes in. */
static void call_the_roll(Rota *rota, const RotaRound *round)
{
    GHashTable *present = entries_new();
    for (guint i = 0; i < round->tables->len; i++) {
        const ExamTable *table = round->tables->pdata[i];
        RotaEntry *entry = find(rota->entries, table->schema, table->name);
        if (entry != NULL) {
            (void)g_hash_table_steal(rota->entries, entry);
        } else {
            entry = g_new0(RotaEntry, 1);
            entry->schema = g_strdup(table->schema);
            entry->name = g_strdup(table->name);
            entry->backup = g_strdup("");
            entry->since = round->now;
        }
        forget_the_future(entry, round->now);
        (void)g_hash_table_add(present, entry);
    }
    g_hash_table_unref(rota->entries);
    rota->entries = present;
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_turns(gconstpointer a, gconstpointer b)
{
    const Turn *one = a;
    const Turn *other = b;
    int order = compare_numbers(one->entry->at, other->entry->at); /* 0: never */
    if (order == 0)
        order = compare_numbers(one->expected_us, other->expected_us);
    return order != 0 ? order
                      : compare_entries((gconstpointer)&one->entry, (gconstpointer)&other->entry);
}

static int64_t waiting_since(const Turn *turn)
{
    return turn->entry->at != 0 ? turn->entry->at : turn->entry->since;
}

static void longest_waiting_first(GArray *turns)
{
    guint longest = 0;
    for (guint i = 1; i < turns->len; i++) {
        if (waiting_since(&g_array_index(turns, Turn, i)) <
            waiting_since(&g_array_index(turns, Turn, longest)))
            longest = i;
    }
    if (longest == 0)
        return;
    Turn first = g_array_index(turns, Turn, longest);
    g_array_remove_index(turns, longest);
    g_array_prepend_val(turns, first);
}

static GArray *line_up(const Rota *rota, const RotaRound *round)
{
    GArray *turns = g_array_new(FALSE, FALSE, sizeof(Turn));
    for (guint i = 0; i < round->tables->len; i++) {
        ExamTable *table = round->tables->pdata[i];
        RotaEntry *entry = find(rota->entries, table->schema, table->name);
        Turn turn = {table, entry, entry->at != 0 ? entry->took_us : guess_us(table->size_class)};
        g_array_append_val(turns, turn);
    }
    g_array_sort(turns, compare_turns);
    longest_waiting_first(turns);
    return turns;
}

static gboolean fits(const RotaRound *round, const Turn *turn)
{
    return round->until_us == 0 || round->clock() + turn->expected_us < round->until_us;
}

static void note(const RotaRound *round, const Turn *turn)
{
    turn->entry->at = round->now;
    turn->entry->took_us = turn->table->check_us;
    g_free(turn->entry->backup);
    turn->entry->backup = g_strdup(round->backup);
}

gboolean rota_go_round(Rota *rota, const RotaRound *round, GError **error)
{
    call_the_roll(rota, round);
    g_autoptr(GArray) turns = line_up(rota, round);
    gboolean good = TRUE;
    int64_t saved = round->clock();
    for (guint i = 0; i < turns->len && good; i++) {
        const Turn *turn = &g_array_index(turns, Turn, i);
        if (i > 0 && !fits(round, turn))
            continue;
        good = round->check(turn->table, round->data, error);
        if (turn->table->check != CHECK_NOT_DONE)
            note(round, turn);
        if (round->clock() - saved > SAVE_EVERY_US) {
            save(rota);
            saved = round->clock();
        }
    }
    save(rota);
    return good;
}
