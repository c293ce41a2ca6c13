/* SPDX-License-Identifier: MIT */
#include "model/forecast.h"

#include "base/units.h"
#include "model/chain.h"
#include "model/drill.h"

enum {
    NEWEST_OF_LINK = 5,   /* so many measurements of one link count ... */
    NEWEST_OF_STAGE = 15, /* ... and so many of all links */
};

typedef enum { UNSEAL, PREPARE, STAGES } Stage;

/* How the work of a step grows: the guess that is scaled. */
typedef struct {
    double fixed_us;
    double file_us;
    double mib_us;
} Shape;

/* As measured on two cores and an SSD; only the relations between them matter. */
static const Shape shapes[STAGES][2] = {
    [UNSEAL] = {[BACKUP_FULL] = {5e3, 40, 600}, [BACKUP_INCREMENTAL] = {5e3, 40, 600}},
    [PREPARE] = {[BACKUP_FULL] = {3e5, 20, 50}, [BACKUP_INCREMENTAL] = {3e5, 60, 2500}},
};
static const Shape finish_shape = {5e4, 10, 300};

/* What the measured time is of what the shape says, newest first. */
typedef struct {
    GArray *factors[STAGES][2]; /* double */
    GArray *finish;
} Samples;

/* Of one link, in microseconds; 0: not measured. */
typedef struct {
    GArray *times[STAGES]; /* double, newest first */
} Own;

struct Pace {
    GHashTable *own; /* id to Own * */
    Samples samples;
};

static double shape_us(const Shape *shape, uint64_t files, uint64_t bytes)
{
    return shape->fixed_us + shape->file_us * (double)files +
           shape->mib_us * (double)bytes / (double)(1 << 20);
}

static int compare_doubles(gconstpointer a, gconstpointer b)
{
    double one = *(const double *)a;
    double other = *(const double *)b;
    return (one > other) - (one < other);
}

/* 0: there is nothing. */
static double median(const GArray *values)
{
    if (values == NULL || values->len == 0)
        return 0;
    g_autoptr(GArray) sorted = g_array_copy((GArray *)(uintptr_t)values);
    g_array_sort(sorted, compare_doubles);
    guint middle = sorted->len / 2;
    double upper = g_array_index(sorted, double, middle);
    return sorted->len % 2 == 1 ? upper : (g_array_index(sorted, double, middle - 1) + upper) / 2;
}

static void add_up_to(GArray *values, guint most, double value)
{
    if (values->len < most)
        g_array_append_val(values, value);
}

/* ---- learning -------------------------------------------------------------------------------- */

static void own_free(gpointer data)
{
    Own *own = data;
    for (int stage = 0; stage < STAGES; stage++)
        g_array_unref(own->times[stage]);
    g_free(own);
}

static GArray *doubles_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(double));
}

static Own *find_or_add(Pace *pace, const char *id)
{
    Own *own = g_hash_table_lookup(pace->own, id);
    if (own != NULL)
        return own;
    own = g_new0(Own, 1);
    for (int stage = 0; stage < STAGES; stage++)
        own->times[stage] = doubles_new();
    g_hash_table_insert(pace->own, g_strdup(id), own);
    return own;
}

static void learn_step(Pace *pace, const DrillStep *step)
{
    const int64_t times[STAGES] = {[UNSEAL] = step->unseal_us, [PREPARE] = step->prepare_us};
    Own *own = find_or_add(pace, step->id);
    for (int stage = 0; stage < STAGES; stage++) {
        if (times[stage] <= 0)
            continue;
        double us = (double)times[stage];
        double guess = shape_us(&shapes[stage][step->type], step->files, step->bytes_plain);
        add_up_to(own->times[stage], NEWEST_OF_LINK, us);
        add_up_to(pace->samples.factors[stage][step->type], NEWEST_OF_STAGE, us / guess);
    }
}

/* What a whole restore took beyond its steps. */
static void learn_finish(Pace *pace, const Drill *drill)
{
    double rest = (double)drill->took_us;
    double guess = finish_shape.fixed_us;
    for (guint i = 0; i < drill->steps->len; i++) {
        const DrillStep *step = drill->steps->pdata[i];
        rest -= (double)(step->unseal_us + step->prepare_us);
        guess += shape_us(&finish_shape, step->files, step->bytes_plain) - finish_shape.fixed_us;
    }
    add_up_to(pace->samples.finish, NEWEST_OF_STAGE, MAX(rest, 0) / guess);
}

/* What a server said of a copy does not make its preparation a bad one. */
static gboolean was_prepared(const Drill *drill)
{
    return *drill->failure == '\0' || drill->reached >= PROOF_PREPARE;
}

static void learn(Pace *pace, const Drill *drill)
{
    if (!was_prepared(drill))
        return;
    for (guint i = drill->steps->len; i > 0; i--)
        learn_step(pace, drill->steps->pdata[i - 1]);
    if (drill->kind == DRILL_RESTORE && drill->steps->len > 0)
        learn_finish(pace, drill);
}

Pace *pace_new(const GPtrArray *drills)
{
    Pace *pace = g_new0(Pace, 1);
    pace->own = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, own_free);
    pace->samples.finish = doubles_new();
    for (int stage = 0; stage < STAGES; stage++) {
        for (int type = 0; type < 2; type++)
            pace->samples.factors[stage][type] = doubles_new();
    }
    for (guint i = drills->len; i > 0; i--)
        learn(pace, drills->pdata[i - 1]);
    return pace;
}

void pace_free(Pace *pace)
{
    for (int stage = 0; stage < STAGES; stage++) {
        for (int type = 0; type < 2; type++)
            g_array_unref(pace->samples.factors[stage][type]);
    }
    g_array_unref(pace->samples.finish);
    g_hash_table_unref(pace->own);
    g_free(pace);
}

/* ---- forecasting ----------------------------------------------------------------------------- */

/*
 * 0: nothing is known.  A full says more of an incremental than nothing, but its prepare may have
 * had next to nothing to do: then the guess stands.
 */
static double factor_of(const Pace *pace, Stage stage, BackupType type)
{
    BackupType other = type == BACKUP_FULL ? BACKUP_INCREMENTAL : BACKUP_FULL;
    double own = median(pace->samples.factors[stage][type]);
    double others = median(pace->samples.factors[stage][other]);
    if (own > 0)
        return own;
    return others > 0 ? MAX(others, 1) : 0;
}

/* FALSE: nothing is known. */
static gboolean add_stage(const Pace *pace, Stage stage, const Backup *link, Forecast *forecast,
                          double *us)
{
    const Own *own = g_hash_table_lookup(pace->own, link->id);
    double measured = own != NULL ? median(own->times[stage]) : 0;
    if (measured > 0) {
        *us += measured;
        return TRUE;
    }
    forecast->basis = FORECAST_SCALED;
    double factor = factor_of(pace, stage, link->type);
    *us += factor * shape_us(&shapes[stage][link->type], link->files, link->bytes_plain);
    return factor > 0;
}

static double finish_us(const Pace *pace, const GPtrArray *path)
{
    double guess = finish_shape.fixed_us;
    for (guint i = 0; i < path->len; i++) {
        const Backup *link = path->pdata[i];
        guess += shape_us(&finish_shape, link->files, link->bytes_plain) - finish_shape.fixed_us;
    }
    double factor = pace->samples.finish->len > 0 ? median(pace->samples.finish)
                                                  : factor_of(pace, UNSEAL, BACKUP_FULL);
    return factor * guess;
}

static int64_t whole_seconds(double us)
{
    static const double most_s = 1e15;
    double seconds = us / G_USEC_PER_SEC;
    if (seconds >= most_s)
        return (int64_t)most_s;
    int64_t whole = (int64_t)seconds;
    return whole + ((double)whole < seconds ? 1 : 0);
}

Forecast forecast_path(const Pace *pace, const GPtrArray *path)
{
    Forecast forecast = {
        .backup = path->pdata[path->len - 1], .links = path->len, .basis = FORECAST_MEASURED};
    gboolean known = TRUE;
    double us = finish_us(pace, path);
    for (guint i = 0; i < path->len; i++) {
        const Backup *link = path->pdata[i];
        forecast.bytes_read += link->bytes_stored;
        forecast.bytes_written += link->bytes_plain;
        for (int stage = 0; stage < STAGES; stage++)
            known = add_stage(pace, (Stage)stage, link, &forecast, &us) && known;
    }
    if (!known)
        forecast.basis = FORECAST_UNKNOWN;
    forecast.seconds = known ? whole_seconds(us) : 0;
    return forecast;
}

const char *forecast_basis_word(ForecastBasis basis)
{
    static const char *const words[] = {
        [FORECAST_UNKNOWN] = "unknown",
        [FORECAST_SCALED] = "scaled",
        [FORECAST_MEASURED] = "measured",
    };
    return words[basis];
}

/* The newest incremental of this chain; else of any; NULL: there is none. */
static const Backup *last_incremental(const GPtrArray *backups, const char *chain)
{
    const Backup *any = NULL;
    for (guint i = backups->len; i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        if (backup->type != BACKUP_INCREMENTAL)
            continue;
        if (g_str_equal(backup->chain, chain))
            return backup;
        any = any != NULL ? any : backup;
    }
    return any;
}

Forecast forecast_next(const Pace *pace, const GPtrArray *backups, const Backup *link)
{
    const Backup *model = last_incremental(backups, link->chain);
    Backup next = {.id = (char *)(uintptr_t) "", .type = BACKUP_INCREMENTAL};
    if (model != NULL) {
        next.files = model->files;
        next.bytes_plain = model->bytes_plain;
        next.bytes_stored = model->bytes_stored;
    }
    g_autoptr(GPtrArray) path = chain_path(backups, link, NULL);
    if (path == NULL)
        return (Forecast){0};
    g_ptr_array_add(path, &next);
    Forecast forecast = forecast_path(pace, path);
    forecast.backup = link;
    return forecast;
}

Forecast forecast_full(const Pace *pace, const GPtrArray *backups, const Backup *link)
{
    g_autoptr(GPtrArray) path = chain_path(backups, link, NULL);
    if (path == NULL)
        return (Forecast){0};
    g_ptr_array_set_size(path, 1);
    return forecast_path(pace, path);
}

/* ---- outlook --------------------------------------------------------------------------------- */

Outlook outlook_of(const Pace *pace, const GPtrArray *backups)
{
    Outlook outlook = {0};
    for (guint i = backups->len; i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        if (!chain_sound(backups, backup, NULL))
            continue;
        g_autoptr(GPtrArray) path = chain_path(backups, backup, NULL);
        Forecast forecast = forecast_path(pace, path);
        if (outlook.latest.backup == NULL) {
            outlook.latest = forecast;
            outlook.full = forecast_full(pace, backups, backup);
        }
        if (outlook.worst.backup == NULL || forecast.seconds > outlook.worst.seconds)
            outlook.worst = forecast;
    }
    return outlook;
}

char *outlook_problem(const Outlook *outlook, int64_t within)
{
    if (within == 0 || outlook->latest.basis == FORECAST_UNKNOWN ||
        outlook->latest.seconds <= within)
        return NULL;
    g_autofree char *takes = units_duration(outlook->latest.seconds);
    g_autofree char *wanted = units_duration(within);
    g_autofree char *full = units_duration(outlook->full.seconds);
    if (outlook->full.seconds > within)
        return g_strdup_printf("restoring now takes about %s, restore_within is %s; a full alone "
                               "takes about %s, so that no chain can keep it",
                               takes, wanted, full);
    return g_strdup_printf("restoring now takes about %s, restore_within is %s; after a full taken "
                           "now about %s",
                           takes, wanted, full);
}
