/* SPDX-License-Identifier: MIT */
#include "report/expiry.h"

#include "base/clock.h"
#include "base/units.h"
#include "report/table.h"

static json_t *id_json(const Backup *backup)
{
    return backup != NULL ? report_string(backup->id) : json_null();
}

static json_t *moment_json(const Backup *backup)
{
    g_autofree char *text = backup != NULL ? clock_format(backup->data_until) : NULL;
    return text != NULL ? report_string(text) : json_null();
}

static char *moment_text(const Backup *backup)
{
    return backup != NULL ? clock_format(backup->data_until) : g_strdup("never");
}

static gboolean is_in(const GPtrArray *ids, const char *id)
{
    for (guint i = 0; i < ids->len; i++) {
        if (g_str_equal(ids->pdata[i], id))
            return TRUE;
    }
    return FALSE;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *fate_json(const Fate *fate)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(fate->backup->id));
    json_object_set_new(object, "chain", report_string(fate->backup->chain));
    json_object_set_new(object, "kept", json_boolean(fate->kept));
    json_object_set_new(object, "rule", report_string(fate->rule));
    json_object_set_new(object, "reason", report_string(fate->sentence));
    return object;
}

static json_t *pair_json(const Backup *const pair[2])
{
    if (pair[0] == NULL)
        return json_null();
    json_t *object = json_object();
    int64_t seconds = retention_moment(pair[1]) - retention_moment(pair[0]);
    json_object_set_new(object, "seconds", json_integer(seconds));
    json_object_set_new(object, "from", id_json(pair[0]));
    json_object_set_new(object, "until", id_json(pair[1]));
    return object;
}

static json_t *points_json(const RestorePoints *points)
{
    json_t *object = json_object();
    json_object_set_new(object, "count", json_integer(points->count));
    json_object_set_new(object, "earliest", moment_json(points->earliest));
    json_object_set_new(object, "earliest_id", id_json(points->earliest));
    json_object_set_new(object, "newest", moment_json(points->newest));
    json_object_set_new(object, "newest_id", id_json(points->newest));
    json_object_set_new(object, "densest", pair_json(points->densest));
    json_object_set_new(object, "widest", pair_json(points->widest));
    return object;
}

static json_t *withheld_json(const Retention *retention)
{
    if (retention->due == 0 || retention->withheld == NULL)
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "rule", report_string(retention->rule));
    json_object_set_new(object, "reason", report_string(retention->withheld));
    return object;
}

static json_t *expiry_json(const Expiry *expiry, const RestorePoints *points)
{
    json_t *object = json_object();
    json_t *fates = json_array();
    json_t *removed = json_array();
    for (guint i = 0; i < expiry->retention->fates->len; i++)
        json_array_append_new(fates, fate_json(expiry->retention->fates->pdata[i]));
    for (guint i = 0; i < expiry->removed->len; i++)
        json_array_append_new(removed, report_string(expiry->removed->pdata[i]));
    json_object_set_new(object, "dry_run", json_boolean(expiry->dry_run));
    json_object_set_new(object, "withheld", withheld_json(expiry->retention));
    json_object_set_new(object, "backups", fates);
    json_object_set_new(object, "removed", removed);
    json_object_set_new(object, "freed", json_integer((json_int_t)expiry->freed));
    json_object_set_new(object, "restore_points", points_json(points));
    return object;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_fates(const Report *report, const GPtrArray *fates)
{
    static const char *const headings[] = {"BACKUP", "", "RULE", "WHY", NULL};
    g_autoptr(Table) table = table_new(headings);
    for (guint i = 0; i < fates->len; i++) {
        const Fate *fate = fates->pdata[i];
        table_add(table, fate->backup->id);
        table_add(table, fate->kept ? "stays" : "goes");
        table_add(table, fate->rule);
        table_add(table, fate->sentence);
    }
    if (fates->len > 0)
        table_print(table, report, "  ");
}

static void print_pair(const Report *report, const char *what, const Backup *const pair[2])
{
    if (pair[0] == NULL)
        return;
    g_autofree char *apart = units_duration(retention_moment(pair[1]) - retention_moment(pair[0]));
    g_autofree char *from = moment_text(pair[0]);
    g_autofree char *until = moment_text(pair[1]);
    report_print(report, "  %s: %s, from %s to %s\n", what, apart, from, until);
}

static void print_points(const Report *report, const RestorePoints *points)
{
    g_autofree char *earliest = moment_text(points->earliest);
    g_autofree char *newest = moment_text(points->newest);
    report_print(report, "restore points afterwards: %u, the earliest %s, the newest %s\n",
                 points->count, earliest, newest);
    print_pair(report, "where they are densest", points->densest);
    print_pair(report, "where they are farthest apart", points->widest);
}

static void print_going(const Report *report, const Expiry *expiry)
{
    for (guint i = 0; i < expiry->retention->fates->len; i++) {
        const Fate *fate = expiry->retention->fates->pdata[i];
        gboolean gone = is_in(expiry->removed, fate->backup->id);
        if (!fate->kept && (gone || expiry->dry_run))
            report_print(report, "%s %s: %s\n", gone ? "removed" : "would remove", fate->backup->id,
                         fate->sentence);
    }
}

static void print_sum(const Report *report, const Expiry *expiry)
{
    const Retention *retention = expiry->retention;
    g_autofree char *size = units_size(expiry->freed);
    if (retention->withheld != NULL && retention->due > 0)
        report_print(report, "nothing goes, though %u backups would: %s\n", retention->due,
                     retention->withheld);
    else if (retention->due == 0)
        report_print(report, "nothing to remove: a rule keeps each of the %u backups\n",
                     retention->fates->len);
    else
        report_print(report, "%s %s\n", expiry->dry_run ? "would free" : "freed", size);
}

json_t *view_expiry(Report *report, const Expiry *expiry)
{
    const RestorePoints points = retention_points(expiry->backups, expiry->retention->fates);
    if (expiry->explain)
        print_fates(report, expiry->retention->fates);
    print_going(report, expiry);
    print_sum(report, expiry);
    if (expiry->explain)
        print_points(report, &points);
    return expiry_json(expiry, &points);
}

/* ---- by hand --------------------------------------------------------------------------------- */

static json_t *loss_json(const Backup *const points[2])
{
    if (points[0] == points[1])
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "from", moment_json(points[0]));
    json_object_set_new(object, "from_id", id_json(points[0]));
    json_object_set_new(object, "to", moment_json(points[1]));
    json_object_set_new(object, "to_id", id_json(points[1]));
    return object;
}

static void print_loss(const Report *report, const char *what, const Backup *const points[2],
                       gboolean removed)
{
    if (points[0] == points[1])
        return;
    g_autofree char *from = moment_text(points[0]);
    g_autofree char *to = moment_text(points[1]);
    report_print(report, "%s %s back from %s to %s\n", what, removed ? "went" : "would go", from,
                 to);
}

void view_riddance(Report *report, const Riddance *riddance)
{
    json_t *ids = json_array();
    json_t *floors = json_array();
    for (guint i = 0; i < riddance->doomed->len; i++) {
        const Backup *backup = riddance->doomed->pdata[i];
        json_array_append_new(ids, report_string(backup->id));
        report_print(report, "%s %s\n", riddance->removed ? "removed" : "would remove", backup->id);
    }
    for (guint i = 0; i < riddance->floors->len; i++)
        json_array_append_new(floors, fate_json(riddance->floors->pdata[i]));
    json_object_set_new(report->instance, "removed", json_boolean(riddance->removed));
    json_object_set_new(report->instance, "backups", ids);
    json_object_set_new(report->instance, "floors", floors);
    json_object_set_new(report->instance, "freed", json_integer((json_int_t)riddance->freed));
    json_object_set_new(report->instance, "restorable_loss", loss_json(riddance->restorable));
    json_object_set_new(report->instance, "proven_loss", loss_json(riddance->proven));

    for (guint i = 0; i < riddance->floors->len; i++) {
        const Fate *floor = riddance->floors->pdata[i];
        report_print(report, "a floor of retention (%s): %s\n", floor->rule, floor->sentence);
    }
    print_loss(report, "restorable until", riddance->restorable, riddance->removed);
    print_loss(report, "proven until", riddance->proven, riddance->removed);
    g_autofree char *size = units_size(riddance->freed);
    report_print(report, "%s %s\n", riddance->removed ? "freed" : "would free", size);
}
