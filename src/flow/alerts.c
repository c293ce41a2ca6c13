/* SPDX-License-Identifier: MIT */
#include "flow/alerts.h"

#include "base/clock.h"
#include "base/error.h"
#include "config/nearest.h"
#include "flow/run.h"

static const char house[] = "lsnchain/"; /* every key begins so, and nobody needs to type it */

static const char *short_key(const char *key)
{
    return g_str_has_prefix(key, house) ? key + sizeof house - 1 : key;
}

static IncidentsOf kind_of(const char *instance)
{
    return *instance != '\0' ? INCIDENTS_OF_INSTANCE : INCIDENTS_OF_NONE;
}

Incidents *alerts_look(const char *state_dir, const char *instance, GError **error)
{
    g_autofree char *dir = g_build_filename(state_dir, instance, NULL);
    return incidents_peek(dir, kind_of(instance), error);
}

static gboolean add_keys(const char *state_dir, const char *instance, GPtrArray *keys,
                         GError **error)
{
    g_autoptr(Incidents) incidents = alerts_look(state_dir, instance, error);
    for (guint i = 0; incidents != NULL && i < incidents_open(incidents)->len; i++) {
        g_autofree char *key = incident_key(incidents_open(incidents)->pdata[i], instance);
        g_ptr_array_add(keys, g_strdup(short_key(key)));
    }
    return incidents != NULL;
}

/* Which of the open ones are meant.  NULL: it is not clear. */
static GPtrArray *choose(const GPtrArray *open, const char *key, GError **error)
{
    g_autoptr(GPtrArray) chosen = g_ptr_array_new();
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    for (guint i = 0; i < open->len; i++) {
        if (key == NULL || g_str_equal(key, "all") || g_str_equal(short_key(key), open->pdata[i]))
            g_ptr_array_add(chosen, open->pdata[i]);
        g_ptr_array_add(words, open->pdata[i]);
    }
    g_ptr_array_add(words, NULL);
    g_autofree char *all = g_strjoinv(", ", (char **)words->pdata);
    if (key == NULL && open->len > 1)
        (void)fail(error, STATUS_USAGE, "%u incidents are open" HINT("say which, or all: %s"),
                   open->len, all);
    else if (key != NULL && !g_str_equal(key, "all") && chosen->len == 0 && open->len > 0)
        (void)fail(error, STATUS_USAGE, "no incident %s is open" HINT("the nearest is %s"), key,
                   nearest_word(short_key(key), (const char *const *)words->pdata));
    else if (key != NULL && !g_str_equal(key, "all") && chosen->len == 0)
        (void)fail(error, STATUS_USAGE, "no incident %s is open" HINT("none is"), key);
    else
        return g_steal_pointer(&chosen);
    return NULL;
}

static gboolean acknowledge(const char *state_dir, const char *instance, const GPtrArray *chosen,
                            GPtrArray *done, GError **error)
{
    g_autofree char *dir = g_build_filename(state_dir, instance, NULL);
    g_autoptr(Incidents) incidents = incidents_load(dir, kind_of(instance), error);
    guint before = done->len;
    for (guint i = 0; incidents != NULL && i < incidents_open(incidents)->len; i++) {
        Incident *incident = incidents_open(incidents)->pdata[i];
        g_autofree char *key = incident_key(incident, instance);
        if (!g_ptr_array_find_with_equal_func((GPtrArray *)(guintptr)chosen, short_key(key),
                                              g_str_equal, NULL))
            continue;
        if (incident->acknowledged_at == 0)
            incident->acknowledged_at = clock_now();
        g_ptr_array_add(done, g_steal_pointer(&key));
    }
    return incidents != NULL && (done->len == before || incidents_save(incidents, error));
}

gboolean alerts_acknowledge(const char *state_dir, const char *const *instances, const char *key,
                            GPtrArray *done, GError **error)
{
    g_autoptr(GPtrArray) open = g_ptr_array_new_with_free_func(g_free);
    for (const char *const *one = instances; *one != NULL; one++) {
        if (!add_keys(state_dir, *one, open, error))
            return FALSE;
    }
    g_autoptr(GPtrArray) chosen = choose(open, key, error);
    if (chosen == NULL)
        return FALSE;
    for (const char *const *one = instances; *one != NULL && chosen->len > 0; one++) {
        if (!acknowledge(state_dir, *one, chosen, done, error))
            return FALSE;
    }
    return TRUE;
}
