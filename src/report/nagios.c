/* SPDX-License-Identifier: MIT */
#include "report/nagios.h"

#include "base/units.h"

#include <inttypes.h>
#include <string.h>

/* In bytes, line breaks included; together below 4096. */
enum {
    FIRST_LIMIT = 512,    /* the text of the first line */
    LINE_LIMIT = 320,     /* a further line */
    FIGURES_LIMIT = 1536, /* of the first line */
    TEXT_LIMIT = 3968,
};

static const char *const words[] = {
    [GRAVITY_NOTE] = "OK",
    [GRAVITY_WARNING] = "WARNING",
    [GRAVITY_UNKNOWN] = "UNKNOWN",
    [GRAVITY_CRITICAL] = "CRITICAL",
};

static const int statuses[] = {
    [GRAVITY_NOTE] = NAGIOS_OK,
    [GRAVITY_WARNING] = NAGIOS_WARNING,
    [GRAVITY_UNKNOWN] = NAGIOS_UNKNOWN,
    [GRAVITY_CRITICAL] = NAGIOS_CRITICAL,
};

struct Nagios {
    GPtrArray *problems[GRAVITY_CRITICAL + 1]; /* char *, each with its instance */
    GPtrArray *instances;                      /* char *, how each is doing */
    GPtrArray *figures;                        /* char *, 'label'=value;… */
    char *common;                              /* figures of all instances together */
    GHashTable *told;                          /* sentences of all instances together */
};

Nagios *nagios_new(void)
{
    Nagios *nagios = g_new0(Nagios, 1);
    for (Gravity gravity = GRAVITY_NOTE; gravity <= GRAVITY_CRITICAL; gravity++)
        nagios->problems[gravity] = g_ptr_array_new_with_free_func(g_free);
    nagios->instances = g_ptr_array_new_with_free_func(g_free);
    nagios->figures = g_ptr_array_new_with_free_func(g_free);
    nagios->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return nagios;
}

void nagios_free(Nagios *nagios)
{
    if (nagios == NULL)
        return;
    for (Gravity gravity = GRAVITY_NOTE; gravity <= GRAVITY_CRITICAL; gravity++)
        g_ptr_array_unref(nagios->problems[gravity]);
    g_ptr_array_unref(nagios->instances);
    g_ptr_array_unref(nagios->figures);
    g_hash_table_destroy(nagios->told);
    g_free(nagios->common);
    g_free(nagios);
}

/* ---- text of others -------------------------------------------------------------------------- */

static gunichar harmless(gunichar c)
{
    switch (c) {
    case '|':
        return '/';
    case '<':
        return '(';
    case '>':
        return ')';
    case '\n':
    case '\r':
    case '\t':
    case 0x2028: /* line separator */
    case 0x2029: /* paragraph separator */
        return ' ';
    default:
        return g_unichar_isprint(c) ? c : '?';
    }
}

/* One line of no more than `limit` bytes, cut at a character. */
static char *one_line(const char *text, size_t limit)
{
    static const char cut[] = "...";
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *line = g_string_new(NULL);
    size_t fits = 0;
    for (const char *p = valid; *p != '\0' && line->len <= limit; p = g_utf8_next_char(p)) {
        if (line->len + sizeof cut - 1 <= limit)
            fits = line->len;
        g_string_append_unichar(line, harmless(g_utf8_get_char(p)));
    }
    if (line->len > limit) {
        g_string_truncate(line, fits);
        g_string_append(line, cut);
    }
    return g_string_free(line, FALSE);
}

/* ---- figures --------------------------------------------------------------------------------- */

/* A label may be any text but '=' and, unless it is doubled, the quote around it. */
static void append_label(GString *text, const char *instance, const char *name)
{
    g_autofree char *plain =
        *instance != '\0' ? g_strconcat(instance, "_", name, NULL) : g_strdup(name);
    g_autofree char *label = one_line(plain, LINE_LIMIT);
    g_strdelimit(label, "=", '_');
    g_auto(GStrv) parts = g_strsplit(label, "'", -1);
    g_autofree char *doubled = g_strjoinv("''", parts);
    g_string_append_printf(text, "'%s'=", doubled);
}

/* `value` below 0: it is not known.  `critical` and `warning` 0: there is no such limit. */
static char *figure(const char *instance, const char *name, int64_t value, const char *unit,
                    int64_t warning, int64_t critical)
{
    GString *text = g_string_new(NULL);
    append_label(text, instance, name);
    if (value < 0)
        g_string_append_c(text, 'U');
    else
        g_string_append_printf(text, "%" PRId64 "%s", value, unit);
    g_string_append_c(text, ';');
    if (warning > 0)
        g_string_append_printf(text, "%" PRId64, warning);
    g_string_append_c(text, ';');
    if (critical > 0)
        g_string_append_printf(text, "%" PRId64, critical);
    g_string_append(text, ";0");
    return g_string_free(text, FALSE);
}

static int64_t age_of(int64_t then, int64_t now)
{
    return then == 0 ? -1 : MAX(0, now - then);
}

static void add_figures(Nagios *nagios, const Vitals *vitals, int64_t now)
{
    const Health *health = &vitals->health;
    const char *name = vitals->instance;
    int64_t backup = health->restorable != NULL ? health->restorable->finished : 0;
    int64_t until = health->restorable != NULL ? health->restorable->data_until : 0;
    int64_t proof = health->proven != NULL ? health->proven->proof_at : 0;
    int64_t links = vitals->catalog_known ? (int64_t)vitals->chain_length : -1;
    GPtrArray *figures = nagios->figures;
    g_ptr_array_add(figures,
                    figure(name, "backup_age", age_of(backup, now), "s", 0, vitals->backup_within));
    g_ptr_array_add(figures,
                    figure(name, "proof_age", age_of(proof, now), "s", 0, vitals->proof_within));
    g_ptr_array_add(figures, figure(name, "restorable_age", age_of(until, now), "s", 0, 0));
    g_ptr_array_add(figures, figure(name, "chain_length", links, "", 0, 0));
    if (nagios->common != NULL)
        return;
    g_autofree char *waiting = figure("", "undelivered", vitals->undelivered, "", 0, 0);
    g_autofree char *room = figure("", "repository_free", vitals->free_bytes, "B", 0, 0);
    nagios->common = g_strdup_printf("%s %s", waiting, room);
}

/* ---- add ------------------------------------------------------------------------------------- */

static void add_problem(Nagios *nagios, const char *instance, const Problem *problem)
{
    GPtrArray *list = nagios->problems[problem->gravity];
    if (problem->common && !g_hash_table_add(nagios->told, g_strdup(problem->sentence)))
        return;
    g_ptr_array_add(list, problem->common ? g_strdup(problem->sentence)
                                          : g_strdup_printf("%s: %s", instance, problem->sentence));
}

static void add_instance(Nagios *nagios, const Vitals *vitals, int64_t now)
{
    const Backup *backup = vitals->health.restorable;
    const Backup *proven = vitals->health.proven;
    g_autofree char *age = units_duration(backup != NULL ? MAX(0, now - backup->finished) : 0);
    g_autofree char *proof = units_duration(proven != NULL ? MAX(0, now - proven->proof_at) : 0);
    g_ptr_array_add(nagios->instances,
                    g_strdup_printf("%s: newest good backup %s%s, newest proof %s%s",
                                    vitals->instance, backup != NULL ? age : "none",
                                    backup != NULL ? " old" : "", proven != NULL ? proof : "none",
                                    proven != NULL ? " old" : ""));
}

/* Who may not see the state may not see the rest either: nothing is said of what it looks like. */
static void add_foreign(Nagios *nagios, const Vitals *vitals)
{
    const Problem problem = {GRAVITY_UNKNOWN, FALSE, vitals->record_why};
    add_problem(nagios, vitals->instance, &problem);
}

void nagios_add(Nagios *nagios, const Vitals *vitals, int64_t now)
{
    if (vitals->record == RECORD_FOREIGN) {
        add_foreign(nagios, vitals);
        return;
    }
    const GPtrArray *problems = vitals->health.problems;
    for (guint i = 0; i < problems->len; i++)
        add_problem(nagios, vitals->instance, problems->pdata[i]);
    add_instance(nagios, vitals, now);
    add_figures(nagios, vitals, now);
}

void nagios_add_unknown(Nagios *nagios, const char *why)
{
    g_ptr_array_add(nagios->problems[GRAVITY_UNKNOWN], g_strdup(why));
}

/* ---- text ------------------------------------------------------------------------------------ */

static Gravity gravest(const Nagios *nagios)
{
    Gravity gravity = GRAVITY_CRITICAL;
    while (gravity > GRAVITY_NOTE && nagios->problems[gravity]->len == 0)
        gravity--;
    return gravity == GRAVITY_NOTE && nagios->instances->len == 0 ? GRAVITY_UNKNOWN : gravity;
}

int nagios_status(const Nagios *nagios)
{
    return statuses[gravest(nagios)];
}

static guint count_alarms(const Nagios *nagios)
{
    guint count = 0;
    for (Gravity gravity = GRAVITY_WARNING; gravity <= GRAVITY_CRITICAL; gravity++)
        count += nagios->problems[gravity]->len;
    return count;
}

static void append_first_line(const Nagios *nagios, GString *text)
{
    Gravity gravity = gravest(nagios);
    guint alarms = count_alarms(nagios);
    g_string_append_printf(text, "LSNCHAIN %s - ", words[gravity]);
    if (alarms > 0) {
        g_autofree char *first = one_line(nagios->problems[gravity]->pdata[0], FIRST_LIMIT);
        g_string_append(text, first);
        if (alarms > 1)
            g_string_append_printf(text, " (and %u more)", alarms - 1);
    } else if (nagios->instances->len == 1) {
        g_autofree char *only = one_line(nagios->instances->pdata[0], FIRST_LIMIT);
        g_string_append(text, only);
    } else if (nagios->instances->len > 1) {
        g_string_append_printf(text, "%u instances are well", nagios->instances->len);
    } else {
        g_string_append(text, "there is no instance to judge");
    }
}

/* As many whole figures as there is room for. */
static void append_figures(const Nagios *nagios, GString *text)
{
    if (nagios->common == NULL)
        return;
    size_t end = text->len + FIGURES_LIMIT - strlen(nagios->common);
    g_string_append(text, " |");
    for (guint i = 0; i < nagios->figures->len; i++) {
        const char *one = nagios->figures->pdata[i];
        if (text->len + 1 + strlen(one) > end)
            break;
        g_string_append_printf(text, " %s", one);
    }
    g_string_append_printf(text, " %s", nagios->common);
}

typedef struct {
    GString *text;
    guint left; /* lines that found no room */
} Page;

static void append_line(Page *page, const char *before, const char *sentence)
{
    static const char last[] = "and 4294967295 more lines\n";
    g_autofree char *line = one_line(sentence, LINE_LIMIT);
    if (page->left > 0 ||
        page->text->len + strlen(before) + strlen(line) + 1 + sizeof last > (size_t)TEXT_LIMIT)
        page->left++;
    else
        g_string_append_printf(page->text, "%s%s\n", before, line);
}

char *nagios_text(const Nagios *nagios)
{
    Page page = {.text = g_string_new(NULL)};
    append_first_line(nagios, page.text);
    append_figures(nagios, page.text);
    g_string_append_c(page.text, '\n');
    for (Gravity gravity = GRAVITY_CRITICAL; gravity > GRAVITY_NOTE; gravity--) {
        g_autofree char *before = g_strconcat(words[gravity], " ", NULL);
        for (guint i = 0; i < nagios->problems[gravity]->len; i++)
            append_line(&page, before, nagios->problems[gravity]->pdata[i]);
    }
    for (guint i = 0; i < nagios->instances->len; i++)
        append_line(&page, "", nagios->instances->pdata[i]);
    for (guint i = 0; i < nagios->problems[GRAVITY_NOTE]->len; i++)
        append_line(&page, "", nagios->problems[GRAVITY_NOTE]->pdata[i]);
    if (page.left > 0)
        g_string_append_printf(page.text, "and %u more lines\n", page.left);
    return g_string_free(page.text, FALSE);
}
