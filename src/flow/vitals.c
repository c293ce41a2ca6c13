/* SPDX-License-Identifier: MIT */
#include "flow/vitals.h"

#include "alert/alert.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/replace.h"
#include "flow/alerts.h"
#include "flow/history.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

static const char file_name[] = "status.json";
static const char lock_name[] = "status.lock";

enum { FORMAT = 1, FILE_LIMIT = 16 * 1024 * 1024, LOCK_WAIT_S = 30, MOST_STATUS = 255 };

/* The file, and what it says of one instance. */
typedef struct {
    json_t *root;   /* NULL: there is none, or not a sound one */
    gboolean newer; /* a later program wrote it */
    gboolean noted; /* it has an entry of the instance */
    int64_t written;
    LastRun runs[VITAL_RUNS];
} Record;

static Record record_none(void)
{
    Record record = {0};
    for (VitalRun run = VITAL_BACKUP; run < VITAL_RUNS; run++) {
        record.runs[run].exit_status = -1;
        record.runs[run].spent = (RunSpent)RUN_SPENT_NOTHING;
    }
    return record;
}

static void record_clear(Record *record)
{
    json_decref(record->root);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Record, record_clear)

/* ---- a run as JSON --------------------------------------------------------------------------- */

typedef enum { TIME, NUMBER, STATUS, TEXT } KeyType;

typedef struct {
    const char *key;
    KeyType type;
    size_t at; /* in LastRun */
} Key;

#define KEY(type, key, field) key, type, offsetof(LastRun, field)

/* clang-format off */
static const Key keys[] = {
    {KEY(TIME, "started", started)},
    {KEY(TIME, "finished", finished)},
    {KEY(STATUS, "exit_status", exit_status)},
    {KEY(NUMBER, "capture_seconds", spent.capture_seconds)},
    {KEY(NUMBER, "publish_seconds", spent.publish_seconds)},
    {KEY(NUMBER, "proof_seconds", spent.proof_seconds)},
    {KEY(NUMBER, "bytes_plain", spent.bytes_plain)},
    {KEY(NUMBER, "bytes_stored", spent.bytes_stored)},
    {KEY(NUMBER, "bytes_new", spent.bytes_new)},
    {KEY(TIME, "succeeded", succeeded)},
    {KEY(TIME, "running_since", running_since)},
    {KEY(NUMBER, "pid", process.pid)},
    {KEY(NUMBER, "pid_started", process.ticks)},
    {KEY(TEXT, "boot_id", process.boot)},
};
/* clang-format on */

/* null: not known. */
static json_t *number_json(int64_t number)
{
    return number >= 0 ? json_integer(number) : json_null();
}

static json_t *time_json(int64_t time)
{
    g_autofree char *text = clock_format(time);
    return time != 0 ? json_string(text) : json_null();
}

static json_t *value_json(KeyType type, const void *at)
{
    switch (type) {
    case TIME:
        return time_json(*(const int64_t *)at);
    case NUMBER:
        return number_json(*(const int64_t *)at);
    case STATUS:
        return number_json(*(const int *)at);
    case TEXT:
    default:
        return json_string(at);
    }
}

static json_t *run_json(const LastRun *last)
{
    json_t *object = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const void *at = (const char *)last + keys[i].at;
        json_object_set_new(object, keys[i].key, value_json(keys[i].type, at));
    }
    return object;
}

static gboolean take_value(KeyType type, const json_t *value, void *at)
{
    const char *text = json_string_value(value);
    int64_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    switch (type) {
    case TIME:
        return text != NULL && clock_parse(text, at);
    case NUMBER:
        *(int64_t *)at = number;
        return number >= 0;
    case STATUS:
        *(int *)at = (int)number;
        return number >= 0 && number <= MOST_STATUS;
    case TEXT:
    default:
        return text != NULL && g_strlcpy(at, text, PROCESS_BOOT_SIZE) < PROCESS_BOOT_SIZE;
    }
}

static gboolean take_run(const json_t *object, LastRun *last)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const json_t *value = json_object_get(object, keys[i].key);
        void *at = (char *)last + keys[i].at;
        if (value != NULL && !json_is_null(value) && !take_value(keys[i].type, value, at))
            return FALSE;
    }
    return json_is_object(object) && (last->finished == 0 || last->exit_status >= 0);
}

/* FALSE: it makes no sense, and `record` is as it was. */
static gboolean take_entry(const json_t *entry, Record *record)
{
    Record said = *record;
    if (!take_value(TIME, json_object_get(entry, "written"), &said.written))
        return FALSE;
    for (VitalRun kind = VITAL_BACKUP; kind < VITAL_RUNS; kind++) {
        const json_t *object = json_object_get(entry, vitals_run_word(kind));
        if (object != NULL && !take_run(object, &said.runs[kind]))
            return FALSE;
    }
    *record = said;
    return TRUE;
}

/* ---- the file -------------------------------------------------------------------------------- */

static char *checksum_of(const json_t *instances)
{
    g_autofree char *text = json_dumps(instances, JSON_COMPACT | JSON_SORT_KEYS);
    return digest_text(text, strlen(text));
}

static json_t *load(const char *path, gboolean *newer, GError **error)
{
    int format = 0;
    const char *checksum = NULL;
    json_t *instances = NULL;
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, FILE_LIMIT, error);
    if (text == NULL)
        return NULL;
    json_auto_t *root = json_loadb(text->str, text->len, JSON_REJECT_DUPLICATES, NULL);
    *newer = json_unpack(root, "{s:i}", "format", &format) == 0 && format > FORMAT;
    if (*newer) {
        (void)fail(error, STATUS_CATALOG,
                   "%s has format %d, this program knows %d" HINT("use a newer lsnchain"), path,
                   format, FORMAT);
        return NULL;
    }
    if (format != FORMAT ||
        json_unpack(root, "{s:s, s:o}", "checksum", &checksum, "instances", &instances) != 0 ||
        !json_is_object(instances)) {
        (void)fail(error, STATUS_CATALOG, "%s is no status file, or a damaged one", path);
        return NULL;
    }
    g_autofree char *sum = checksum_of(instances);
    if (g_str_equal(sum, checksum))
        return g_steal_pointer(&root);
    (void)fail(error, STATUS_CATALOG, "%s is damaged: its checksum does not match", path);
    return NULL;
}

static gboolean is_absent(const char *path)
{
    return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) < 0 && errno == ENOENT;
}

/* `record` comes as record_none(). */
static gboolean read_file(const Run *run, const char *path, Record *record, GError **error)
{
    if (is_absent(path))
        return TRUE;
    record->root = load(path, &record->newer, error);
    if (record->root == NULL)
        return FALSE;
    const char *name = run->config->name;
    const json_t *entry = json_object_get(json_object_get(record->root, "instances"), name);
    record->noted = entry != NULL;
    return !record->noted || take_entry(entry, record) ||
           fail(error, STATUS_CATALOG, "%s makes no sense in what it says of %s", path, name);
}

/* The object of this name, made where there is none; belongs to `parent`. */
static json_t *member(json_t *parent, const char *name)
{
    if (!json_is_object(json_object_get(parent, name)))
        json_object_set_new(parent, name, json_object());
    return json_object_get(parent, name);
}

/* What it says of others, and keys that are not ours, stays. */
static gboolean write_file(const Run *run, VitalRun kind, Record *record, GError **error)
{
    if (record->root == NULL)
        record->root = json_pack("{s:i, s:s}", "format", FORMAT, "checksum", "");
    json_t *instances = member(record->root, "instances");
    json_t *entry = member(instances, run->config->name);
    json_object_set_new(entry, "written", time_json(clock_now()));
    json_object_update_new(member(entry, vitals_run_word(kind)), run_json(&record->runs[kind]));
    g_autofree char *sum = checksum_of(instances);
    json_object_set_new(record->root, "checksum", json_string(sum));
    g_autofree char *text = json_dumps(record->root, JSON_INDENT(1));
    g_autoptr(GString) file = g_string_new(text);
    g_string_append_c(file, '\n');
    autofd int fd = files_open_dir(AT_FDCWD, run->state_dir, error);
    return fd >= 0 && replace_file(fd, file_name, file, 0600, error);
}

/* ---- write ----------------------------------------------------------------------------------- */

typedef void RecordEditFn(LastRun *last, const void *data);

static gboolean change(const Run *run, VitalRun kind, RecordEditFn *edit, const void *data,
                       GError **error)
{
    g_autofree char *path = g_build_filename(run->state_dir, file_name, NULL);
    g_autofree char *lock_path = g_build_filename(run->state_dir, lock_name, NULL);
    g_autoptr(Lock) lock = lock_take(lock_path, LOCK_RECORD, LOCK_EXCLUSIVE, run->command,
                                     LOCK_WAIT_S * (int64_t)G_USEC_PER_SEC, error);
    if (lock == NULL)
        return FALSE;
    g_auto(Record) record = record_none();
    g_autoptr(GError) damage = NULL;
    if (!read_file(run, path, &record, &damage)) {
        if (record.newer) {
            g_propagate_error(error, g_steal_pointer(&damage));
            return FALSE;
        }
        log_warning("%s: the record of the last runs starts anew", damage->message);
        json_object_del(json_object_get(record.root, "instances"), run->config->name);
    }
    edit(&record.runs[kind], data);
    return write_file(run, kind, &record, error);
}

static void note(const Run *run, VitalRun kind, RecordEditFn *edit, const void *data)
{
    g_autoptr(GError) error = NULL;
    if (kind == VITAL_NONE || !run->records || run->state_dir == NULL ||
        !run_owns_state(run->state_dir))
        return;
    if (!change(run, kind, edit, data, &error))
        log_warning("%s: %s is not up to date: %s", run->config->name, file_name, error->message);
}

static void begin(LastRun *last, const void *data)
{
    (void)data;
    if (last->running_since != 0 && process_lives(&last->process))
        return;
    last->running_since = clock_now();
    last->process = process_self();
}

void vitals_begin(const Run *run, VitalRun kind)
{
    note(run, kind, begin, NULL);
}

typedef struct {
    int64_t started;
    int exit_status;
    const RunSpent *spent;
} Ending;

static void end(LastRun *last, const void *data)
{
    const Ending *ending = data;
    const Process self = process_self();
    if (last->running_since != 0 &&
        (process_same(&last->process, &self) || !process_lives(&last->process))) {
        last->running_since = 0;
        last->process = (Process){0};
    }
    last->started = ending->started;
    last->finished = clock_now();
    last->exit_status = ending->exit_status;
    last->spent = *ending->spent;
    if (status_is_success(ending->exit_status))
        last->succeeded = last->finished;
}

void vitals_end(const Run *run, VitalRun kind, int64_t started, int exit_status)
{
    const Ending ending = {started, exit_status, &run->spent};
    note(run, kind, end, &ending);
}

static void warn(LastRun *last, const void *data)
{
    const int64_t *started = data;
    if (last->started == *started && last->exit_status == STATUS_OK)
        last->exit_status = STATUS_WARNINGS;
}

void vitals_warned(const Run *run, VitalRun kind, int64_t started)
{
    note(run, kind, warn, &started);
}

/* ---- read ------------------------------------------------------------------------------------ */

static gboolean is_foreign(const Run *run)
{
    struct stat status;
    return stat(run->state_dir, &status) == 0 && status.st_uid != geteuid() &&
           faccessat(AT_FDCWD, run->state_dir, R_OK | X_OK, AT_EACCESS) < 0;
}

static void read_record(const Run *run, Vitals *vitals)
{
    g_auto(Record) record = record_none();
    g_autoptr(GError) error = NULL;
    g_free(vitals->record_path);
    vitals->record_path = g_build_filename(run->state_dir, file_name, NULL);
    if (is_foreign(run)) {
        vitals->record = RECORD_FOREIGN;
        vitals->record_why =
            g_strdup_printf("the state directory %s is another user's", run->state_dir);
    } else if (!read_file(run, vitals->record_path, &record, &error)) {
        vitals->record = RECORD_DAMAGED;
        vitals->record_why = error_sentence(error);
    } else {
        vitals->record = record.noted ? RECORD_SOUND : RECORD_ABSENT;
    }
    vitals->written = record.written;
    memcpy(vitals->runs, record.runs, sizeof vitals->runs);
    for (VitalRun kind = VITAL_BACKUP; kind < VITAL_RUNS; kind++) {
        LastRun *last = &vitals->runs[kind];
        last->gone = last->running_since != 0 && !process_lives(&last->process);
    }
}

/* Of the instance, or of none: those of channels that take no alerts. */
static void read_incidents(const Run *run, const char *instance, Vitals *vitals)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Incidents) incidents = alerts_look(run->state_dir, instance, &error);
    const GPtrArray *open = incidents != NULL ? incidents_open(incidents) : NULL;
    for (guint i = 0; open != NULL && i < open->len; i++) {
        const Incident *incident = open->pdata[i];
        VitalIncident *added = vitals_add_incident(
            vitals, event_word(incident->type), event_severity(incident->type) == SEVERITY_CRITICAL,
            incident->since, incident->summary);
        added->common = *instance == '\0';
    }
    if (incidents != NULL)
        return;
    vitals->incidents_known = FALSE;
    if (vitals->alerts_why == NULL)
        vitals->alerts_why = error_sentence(error);
}

static void read_spool(const Run *run, Vitals *vitals)
{
    g_autoptr(GError) error = NULL;
    unsigned unread = 0;
    SpoolDropped dropped = {0};
    g_autoptr(GPtrArray) waiting = spool_peek(run->state_dir, &unread, &error);
    if (waiting != NULL)
        vitals->undelivered = (int)(waiting->len + unread);
    if (waiting != NULL && spool_dropped(run->state_dir, &dropped, &error)) {
        vitals->dropped = (int64_t)MIN(dropped.count, (uint64_t)G_MAXINT64);
        vitals->dropped_at = dropped.last;
    }
    if (error != NULL && vitals->alerts_why == NULL)
        vitals->alerts_why = error_sentence(error);
}

static void read_catalog(const Run *run, const char *why, Vitals *vitals)
{
    struct stat status;
    vitals->catalog_why = g_strdup(run->catalog != NULL ? run->damage : why);
    if (run->catalog == NULL)
        return;
    if (run->shelf != NULL && fstatat(run->shelf->fd, "catalog.ini", &status, 0) == 0)
        vitals->catalog_at = status.st_mtime;
    vitals_add_catalog(vitals, run->catalog->backups, run_read_since(run));
}

static void forecast(const Run *run, Vitals *vitals)
{
    if (run->catalog == NULL)
        return;
    g_autoptr(Pace) pace = history_pace(run);
    const Outlook outlook = outlook_of(pace, run->catalog->backups);
    health_add_outlook(&vitals->health, &outlook, run->config->restore_within);
}

static void read_room(const Run *run, Vitals *vitals)
{
    uint64_t bytes = 0;
    if (run->shelf == NULL)
        return;
    if (files_free_space(run->shelf->fd, &bytes, NULL))
        vitals->free_bytes = (int64_t)MIN(bytes, (uint64_t)G_MAXINT64);
    if (files_filesystem_size(run->shelf->fd, &bytes, NULL))
        vitals->size_bytes = (int64_t)MIN(bytes, (uint64_t)G_MAXINT64);
}

static Vitals *join(const Run *run, const char *why)
{
    Vitals *vitals = vitals_new(run->config->name);
    read_catalog(run, why, vitals);
    read_room(run, vitals);
    if (run->state_dir != NULL) { /* without a configuration nobody said which ages are wanted */
        vitals->backup_within = run->config->backup_within;
        vitals->proof_within = run->config->proof_within;
        read_record(run, vitals);
    }
    if (vitals->record != RECORD_NONE && vitals->record != RECORD_FOREIGN) {
        vitals->incidents_known = TRUE;
        read_incidents(run, run->config->name, vitals);
        read_incidents(run, "", vitals);
        read_spool(run, vitals);
    }
    return vitals;
}

Vitals *vitals_read(const Run *run, const char *why, int64_t now)
{
    Vitals *vitals = join(run, why);
    forecast(run, vitals);
    vitals_judge(vitals, now);
    return vitals;
}

Vitals *vitals_glance(const Run *run, const char *why, int64_t now)
{
    Vitals *vitals = join(run, why);
    vitals_judge(vitals, now);
    return vitals;
}

/* ---- overdue --------------------------------------------------------------------------------- */

static const char *id_of(const Backup *backup)
{
    return backup != NULL ? backup->id : "";
}

void vitals_raise_overdue(const Run *run, const Vitals *vitals, int64_t now)
{
    g_autofree char *backup = vitals_backup_overdue(vitals, now);
    g_autofree char *proof = vitals_proof_overdue(vitals, now);
    g_autofree char *killed = vitals_backup_killed(vitals);
    const Health *health = &vitals->health;
    if (killed != NULL)
        run_raise_once(run, EVENT_BACKUP_FAILED, "", "the last backup was killed", killed);
    if (backup != NULL)
        run_raise(run, EVENT_BACKUP_OVERDUE, id_of(health->restorable), "",
                  "no good backup for too long", backup);
    if (proof != NULL)
        run_raise(run, EVENT_PROOF_OVERDUE, id_of(health->proven), "",
                  "no backup was proven for too long", proof);
}
