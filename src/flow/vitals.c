/* SPDX-License-Identifier: MIT */
#include "flow/vitals.h"

#include "alert/alert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/replace.h"
#include "catalog/checked.h"
#include "config/ini.h"
#include "flow/alerts.h"
#include "flow/history.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static const char file_name[] = "status.ini";
static const char lock_name[] = "status.lock";
static const char head[] = "status"; /* the section that holds the checksum */

enum { FILE_LIMIT = 64 * 1024, LOCK_WAIT_S = 30 };

/* What the file says. */
typedef struct {
    int64_t written;
    LastRun runs[VITAL_RUNS];
    gboolean newer; /* a later program wrote it */
} Record;

static Record record_none(void)
{
    Record record = {0};
    for (VitalRun run = VITAL_BACKUP; run < VITAL_RUNS; run++)
        record.runs[run].spent = (RunSpent)RUN_SPENT_NOTHING;
    return record;
}

/* ---- text ------------------------------------------------------------------------------------ */

typedef enum { TIME, SIGNED, UNSIGNED, STATUS, BOOT } KeyType;

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
    {KEY(SIGNED, "capture_seconds", spent.capture_seconds)},
    {KEY(SIGNED, "publish_seconds", spent.publish_seconds)},
    {KEY(SIGNED, "proof_seconds", spent.proof_seconds)},
    {KEY(UNSIGNED, "bytes_plain", spent.bytes_plain)},
    {KEY(UNSIGNED, "bytes_stored", spent.bytes_stored)},
    {KEY(UNSIGNED, "bytes_new", spent.bytes_new)},
    {KEY(TIME, "succeeded", succeeded)},
    {KEY(TIME, "running_since", running_since)},
    {KEY(SIGNED, "pid", process.pid)},
    {KEY(UNSIGNED, "pid_started", process.ticks)},
    {KEY(BOOT, "boot_id", process.boot)},
};
/* clang-format on */

static void *place(const Key *key, const LastRun *last)
{
    return (char *)(uintptr_t)last + key->at;
}

static void append_value(const Key *key, const LastRun *last, GString *text)
{
    const void *at = place(key, last);
    g_autofree char *time = key->type == TIME ? clock_format(*(const int64_t *)at) : NULL;
    switch (key->type) {
    case TIME:
        g_string_append(text, time);
        break;
    case SIGNED:
        g_string_append_printf(text, "%" PRId64, *(const int64_t *)at);
        break;
    case UNSIGNED:
        g_string_append_printf(text, "%" PRIu64, *(const uint64_t *)at);
        break;
    case STATUS:
        g_string_append_printf(text, "%d", *(const int *)at);
        break;
    case BOOT:
    default:
        g_string_append(text, at);
        break;
    }
}

static gboolean parse_value(const Key *key, const char *value, LastRun *last)
{
    void *at = place(key, last);
    guint64 number = 0;
    switch (key->type) {
    case TIME:
        return clock_parse(value, at);
    case SIGNED:
        return g_ascii_string_to_signed(value, 10, -1, G_MAXINT64, at, NULL);
    case UNSIGNED:
        return g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, at, NULL);
    case STATUS:
        if (!g_ascii_string_to_unsigned(value, 10, 0, 255, &number, NULL))
            return FALSE;
        *(int *)at = (int)number;
        return TRUE;
    case BOOT:
    default:
        return g_strlcpy(at, value, sizeof last->process.boot) < sizeof last->process.boot;
    }
}

static void append_run(VitalRun run, const LastRun *last, GString *text)
{
    if (last->finished == 0 && last->running_since == 0)
        return;
    g_string_append_printf(text, "\n[%s]\n", vitals_run_word(run));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_string_append_printf(text, "%s = ", keys[i].key);
        append_value(&keys[i], last, text);
        g_string_append_c(text, '\n');
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

static gboolean take_head(Record *record, const char *key, const char *value, GError **error)
{
    if (key == NULL)
        return TRUE;
    if (g_str_equal(key, "written") && !clock_parse(value, &record->written))
        return fail(error, STATUS_CATALOG, "the value of %s makes no sense", key);
    if (!g_str_equal(key, "format") || checked_format(value, "this status file", error))
        return TRUE;
    record->newer =
        g_ascii_string_to_unsigned(value, 10, CHECKED_FORMAT + 1, G_MAXUINT32, NULL, NULL);
    return FALSE;
}

static gboolean take_entry(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    Record *record = data;
    if (g_str_equal(section, head))
        return take_head(record, key, value, error);
    VitalRun run = vitals_run_of(section);
    if (run == VITAL_NONE || key == NULL)
        return TRUE;
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (g_str_equal(keys[i].key, key) && !parse_value(&keys[i], value, &record->runs[run]))
            return fail(error, STATUS_CATALOG, "the value of %s makes no sense", key);
    }
    return TRUE;
}

/* `record` comes as record_none(). */
static gboolean read_file(const char *path, Record *record, GError **error)
{
    const IniReader reader = {STATUS_CATALOG, take_entry, record};
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, FILE_LIMIT, error);
    return text != NULL && checked_verify(text, head, path, error) &&
           ini_read(text->str, text->len, path, &reader, error);
}

static gboolean write_file(const Run *run, Record *record, GError **error)
{
    record->written = clock_now();
    g_autofree char *written = clock_format(record->written);
    g_autoptr(GString) body = g_string_new(NULL);
    g_string_printf(body, "format = %d\nwritten = %s\n", CHECKED_FORMAT, written);
    for (VitalRun kind = VITAL_BACKUP; kind < VITAL_RUNS; kind++)
        append_run(kind, &record->runs[kind], body);
    g_autoptr(GString) file = checked_wrap(head, body);
    g_autofree char *directory = run_state_path(run, "");
    autofd int fd = files_open_dir(AT_FDCWD, directory, error);
    return fd >= 0 && replace_file(fd, file_name, file, 0600, error);
}

static gboolean is_absent(const char *path)
{
    return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) < 0 && errno == ENOENT;
}

/* ---- write ----------------------------------------------------------------------------------- */

typedef void RecordEditFn(LastRun *last, const void *data);

static gboolean change(const Run *run, VitalRun kind, RecordEditFn *edit, const void *data,
                       GError **error)
{
    g_autofree char *directory = run_state_path(run, "");
    g_autofree char *path = run_state_path(run, file_name);
    g_autofree char *lock_path = run_state_path(run, lock_name);
    if (!files_make_dirs(AT_FDCWD, directory, 0700, error))
        return FALSE;
    g_autoptr(Lock) lock = lock_take(lock_path, LOCK_RECORD, LOCK_EXCLUSIVE, run->command,
                                     LOCK_WAIT_S * (int64_t)G_USEC_PER_SEC, error);
    if (lock == NULL)
        return FALSE;
    Record record = record_none();
    g_autoptr(GError) damage = NULL;
    if (!is_absent(path) && !read_file(path, &record, &damage)) {
        if (record.newer) {
            g_propagate_error(error, g_steal_pointer(&damage));
            return FALSE;
        }
        log_warning("%s: the record of the last runs starts anew", damage->message);
        record = record_none();
    }
    edit(&record.runs[kind], data);
    return write_file(run, &record, error);
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

/* ---- read ------------------------------------------------------------------------------------ */

static gboolean is_foreign(const Run *run)
{
    struct stat status;
    return stat(run->state_dir, &status) == 0 && status.st_uid != geteuid() &&
           faccessat(AT_FDCWD, run->state_dir, R_OK | X_OK, AT_EACCESS) < 0;
}

static void read_record(const Run *run, Vitals *vitals)
{
    Record record = record_none();
    g_autoptr(GError) error = NULL;
    g_free(vitals->record_path);
    vitals->record_path = run_state_path(run, file_name);
    vitals->record = RECORD_SOUND;
    if (is_foreign(run)) {
        vitals->record = RECORD_FOREIGN;
        vitals->record_why =
            g_strdup_printf("the state directory %s is another user's", run->state_dir);
    } else if (is_absent(vitals->record_path)) {
        vitals->record = RECORD_ABSENT;
    } else if (!read_file(vitals->record_path, &record, &error)) {
        vitals->record = RECORD_DAMAGED;
        vitals->record_why = error_sentence(error);
        record = record_none();
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
