/* SPDX-License-Identifier: MIT */
#include "model/readiness.h"

#include "base/units.h"

#include <inttypes.h>
#include <string.h>

enum {
    UPTIME_TELLS_S = 600, /* before, what is written is the start itself */
    REDO_ENOUGH_S = 300,  /* a redo log that lasts so long is not overrun while it is copied */
    OTHER_FILES = 64,     /* what an engine has open besides tables */
    DDL_LONG_S = 10,
    REPLICA_LAG_S = 15 * 60,
    COMPRESSES_TO = 8, /* data hardly compress to less than this part */
};

void finding_free(Finding *finding)
{
    if (finding == NULL)
        return;
    g_free(finding->text);
    g_free(finding->hint);
    g_free(finding);
}

void session_free(gpointer data)
{
    Session *session = data;
    g_free(session->user);
    g_free(session->state);
    g_free(session->text);
    g_free(session);
}

void replica_source_free(gpointer data)
{
    ReplicaSource *source = data;
    g_free(source->name);
    g_free(source->failure);
    g_free(source);
}

void replica_facts_clear(ReplicaFacts *facts)
{
    g_clear_pointer(&facts->sources, g_ptr_array_unref);
    g_clear_pointer(&facts->grant, g_free);
}

/* The text is the finding's from now on. */
static Finding *finding_new(FindingWeight weight, char *text, char *hint)
{
    Finding *finding = g_new0(Finding, 1);
    finding->weight = weight;
    finding->text = text;
    finding->hint = hint;
    return finding;
}

static Finding *refuse(Status status, char *text, char *hint)
{
    Finding *finding = finding_new(FINDING_REFUSES, text, hint);
    finding->status = status;
    return finding;
}

static Finding *good(char *text)
{
    return finding_new(FINDING_GOOD, text, g_strdup(""));
}

/* ---- who we are ------------------------------------------------------------------------------ */

Finding *readiness_user(const UserFacts *facts)
{
    const char *at = strrchr(facts->current, '@'); /* a user's name may hold one, a host's not */
    size_t length = at != NULL ? (size_t)(at - facts->current) : strlen(facts->current);
    gboolean same =
        length == strlen(facts->wanted) && strncmp(facts->current, facts->wanted, length) == 0;
    if (same)
        return good(g_strdup(facts->current));
    if (*facts->proxy != '\0')
        return good(g_strdup_printf("%s, as proxy of %s", facts->wanted, facts->current));
    return refuse(STATUS_SERVER,
                  g_strdup_printf("we log in as %s, but the server takes us for %s", facts->wanted,
                                  length > 0 ? facts->current : "an anonymous user"),
                  g_strdup_printf("create %s for the host that we come from, or drop the "
                                  "anonymous user",
                                  facts->wanted));
}

/* ---- redo log -------------------------------------------------------------------------------- */

static double redo_rate(const RedoFacts *facts)
{
    double rate = 0;
    if (facts->uptime_s >= UPTIME_TELLS_S)
        rate = (double)facts->written / (double)facts->uptime_s;
    if (facts->sample_us > 0)
        rate = MAX(rate, (double)facts->sampled * 1e6 / (double)facts->sample_us);
    if (facts->between_s > 0)
        rate = MAX(rate, (double)facts->between_backups / (double)facts->between_s);
    return rate;
}

Finding *readiness_redo(const RedoFacts *facts)
{
    double rate = redo_rate(facts);
    gboolean measured =
        facts->uptime_s >= UPTIME_TELLS_S || facts->sample_us > 0 || facts->between_s > 0;
    if (facts->capacity == 0 || !measured)
        return finding_new(FINDING_UNKNOWN,
                           g_strdup("not known: the server tells us neither the size of its redo "
                                    "log nor how fast it is written"),
                           g_strdup(""));
    g_autofree char *size = units_size(facts->capacity);
    if (rate < 1)
        return good(g_strdup_printf("%s, and next to nothing is written", size));

    int64_t lasts = (int64_t)MIN((double)facts->capacity / rate, (double)G_MAXINT32);
    g_autofree char *speed = units_size((uint64_t)rate);
    g_autofree char *lasting = units_duration(lasts);
    g_autofree char *took = units_duration(facts->capture_s);
    g_autofree char *compared =
        facts->capture_s > 0 ? g_strdup_printf("; the last capture took %s", took) : g_strdup("");
    char *text = g_strdup_printf("%s last for %s at %s a second%s", size, lasting, speed, compared);
    gboolean outlasts = facts->capture_s > 0 && lasts >= facts->capture_s;
    if (outlasts || lasts >= REDO_ENOUGH_S)
        return good(text);
    return finding_new(FINDING_WORRIES, text,
                       g_strdup("the engine may not keep up with it: enlarge the redo log "
                                "(innodb_log_file_size, or MySQL's innodb_redo_log_capacity), or "
                                "back up when less is written"));
}

/* ---- open files ------------------------------------------------------------------------------ */

Finding *readiness_open_files(uint64_t table_files, uint64_t limit, gboolean kept)
{
    char *text =
        g_strdup_printf("%" PRIu64 " table files, %" PRIu64 " may be open", table_files, limit);
    if (!kept || table_files + OTHER_FILES <= limit)
        return good(text);
    return refuse(STATUS_REFUSED, text,
                  g_strdup_printf("raise the hard limit to %" PRIu64
                                  " or more: LimitNOFILE= in the systemd unit, or ulimit -Hn",
                                  (table_files + OTHER_FILES) * 2));
}

/* ---- what others do -------------------------------------------------------------------------- */

/* Skips blanks and comments; a version comment ("/" "*!80000 ALTER ... ") is skipped as well. */
static const char *skip_blanks(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\r\n(");
        const char *end = NULL;
        if (g_str_has_prefix(text, "/*"))
            end = strstr(text, "*/");
        else if (*text == '#' || g_str_has_prefix(text, "-- "))
            end = strchr(text, '\n');
        else
            return text;
        if (end == NULL)
            return text + strlen(text);
        text = *end == '*' ? end + 2 : end + 1;
    }
}

static char *take_word(const char **text)
{
    *text = skip_blanks(*text);
    size_t length = 0;
    while (g_ascii_isalpha((*text)[length]) || (*text)[length] == '_')
        length++;
    char *word = g_ascii_strup(*text, (gssize)length);
    *text += length;
    return word;
}

static const char *const ddl_verbs[] = {"ALTER",    "CREATE", "DROP",   "OPTIMIZE",
                                        "TRUNCATE", "RENAME", "REPAIR", NULL};
/* What may stand between verb and object. */
static const char *const fillers[] = {"OR",       "REPLACE",   "ONLINE",
                                      "OFFLINE",  "IGNORE",    "UNIQUE",
                                      "FULLTEXT", "SPATIAL",   "NO_WRITE_TO_BINLOG",
                                      "LOCAL",    "TEMPORARY", NULL};
static const char *const objects[] = {"TABLE", "INDEX", "DATABASE", "SCHEMA", "TABLESPACE", NULL};

char *readiness_ddl_words(const char *text)
{
    g_autofree char *verb = take_word(&text);
    if (!g_strv_contains(ddl_verbs, verb))
        return NULL;
    g_autofree char *object = take_word(&text);
    while (g_strv_contains(fillers, object)) {
        g_free(object);
        object = take_word(&text);
    }
    if (strcmp(verb, "TRUNCATE") == 0 && !g_strv_contains(objects, object))
        return g_strdup("TRUNCATE TABLE"); /* TABLE may be left out */
    return g_strv_contains(objects, object) ? g_strdup_printf("%s %s", verb, object) : NULL;
}

static char *session_text(const Session *session, const char *what)
{
    g_autofree char *since = units_duration(session->seconds);
    return g_strdup_printf("connection %" PRIu64 " (%s): %s for %s%s%s", session->id, session->user,
                           what, since, *session->state != '\0' ? ", " : "", session->state);
}

/* Of many the one that has gone on for longest is named. */
Finding *readiness_ddl(const GPtrArray *sessions)
{
    const Session *longest = NULL;
    guint count = 0;
    for (guint i = 0; i < sessions->len; i++) {
        const Session *session = sessions->pdata[i];
        g_autofree char *words = readiness_ddl_words(session->text);
        if (words == NULL || session->seconds < DDL_LONG_S)
            continue;
        count++;
        if (longest == NULL || session->seconds > longest->seconds)
            longest = session;
    }
    if (longest == NULL)
        return good(g_strdup("no change of a table takes long"));
    g_autofree char *words = readiness_ddl_words(longest->text);
    g_autofree char *named = session_text(longest, words);
    char *text =
        count == 1 ? g_strdup(named) : g_strdup_printf("%s, and %u more", named, count - 1);
    return finding_new(FINDING_WORRIES, text,
                       g_strdup("the backup waits for it, or holds it up: better when it is done"));
}

static char *lock_words(const Session *session)
{
    static const struct {
        const char *starts;
        const char *words;
    } statements[] = {
        {"BACKUP STAGE", "BACKUP STAGE"},
        {"LOCK INSTANCE FOR BACKUP", "LOCK INSTANCE FOR BACKUP"},
        {"LOCK TABLES FOR BACKUP", "LOCK TABLES FOR BACKUP"},
        {"FLUSH TABLES WITH READ LOCK", "FLUSH TABLES WITH READ LOCK"},
        {"FLUSH NO_WRITE_TO_BINLOG TABLES", "FLUSH TABLES"},
        {"CLONE ", "CLONE"},
    };
    const char *text = skip_blanks(session->text);
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        size_t length = strlen(statements[i].starts);
        if (g_ascii_strncasecmp(text, statements[i].starts, length) == 0)
            return session_text(session, statements[i].words);
    }
    return NULL;
}

Finding *readiness_other_backup(BackupLock lock, const GPtrArray *sessions)
{
    g_autofree char *who = NULL;
    for (guint i = 0; i < sessions->len && who == NULL; i++)
        who = lock_words(sessions->pdata[i]);
    if (lock == BACKUP_LOCK_HELD)
        return refuse(STATUS_REFUSED,
                      g_strdup_printf("another backup holds the server's backup lock%s%s",
                                      who != NULL ? ": " : "", who != NULL ? who : ""),
                      g_strdup("wait for its end; SHOW PROCESSLIST shows who is connected"));
    if (who != NULL)
        return finding_new(FINDING_WORRIES, g_steal_pointer(&who),
                           g_strdup("another backup seems to run: wait for its end"));
    if (lock == BACKUP_LOCK_UNKNOWN)
        return finding_new(FINDING_UNKNOWN,
                           g_strdup("not known: no connection is taking a backup lock at this "
                                    "moment, but one that holds it already is not seen"),
                           g_strdup(""));
    return good(g_strdup("nobody holds the server's backup lock"));
}

/* ---- replica --------------------------------------------------------------------------------- */

static char *source_name(const ReplicaSource *source)
{
    return *source->name != '\0' ? g_strdup_printf("replication of '%s'", source->name)
                                 : g_strdup("replication");
}

/* NULL: nothing is wrong with it. */
static char *source_trouble(const ReplicaSource *source)
{
    g_autofree char *name = source_name(source);
    const char *colon = *source->failure != '\0' ? ": " : "";
    if (!source->sql_running)
        return g_strdup_printf("%s has stopped, a backup is of old data%s%s", name, colon,
                               source->failure);
    if (!source->io_running)
        return g_strdup_printf("%s gets nothing from its source%s%s", name, colon, source->failure);
    if (source->behind_s > REPLICA_LAG_S) {
        g_autofree char *behind = units_duration(source->behind_s);
        return g_strdup_printf("%s is %s behind its source", name, behind);
    }
    return NULL;
}

static char *source_text(const ReplicaSource *source)
{
    g_autofree char *name = source_name(source);
    if (source->behind_s < 0)
        return g_strdup_printf("%s runs, how far behind is not known", name);
    g_autofree char *behind = units_duration(source->behind_s);
    return g_strdup_printf("%s is %s behind its source", name, behind);
}

Finding *readiness_replica(const ReplicaFacts *facts)
{
    if (!facts->known)
        return finding_new(FINDING_UNKNOWN,
                           g_strdup("not known: we may not ask whether this is a replica"),
                           g_strdup(facts->grant));
    if (facts->sources->len == 0)
        return good(g_strdup("this is no replica"));
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean unknown = FALSE;
    for (guint i = 0; i < facts->sources->len; i++) {
        const ReplicaSource *source = facts->sources->pdata[i];
        char *trouble = source_trouble(source);
        if (trouble != NULL) {
            Finding *finding = finding_new(FINDING_WORRIES, trouble,
                                           g_strdup("see SHOW REPLICA STATUS on the server"));
            finding->needs_hand = TRUE;
            return finding;
        }
        g_autofree char *one = source_text(source);
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "", one);
        unknown = unknown || source->behind_s < 0;
    }
    return finding_new(unknown ? FINDING_UNKNOWN : FINDING_GOOD, g_strdup(text->str), g_strdup(""));
}

/* ---- room ------------------------------------------------------------------------------------ */

static uint64_t with_reserve(uint64_t bytes)
{
    return bytes + bytes / 10;
}

/* The data have grown since the last full: so has what they are stored in. */
static uint64_t grown(const RoomFacts *facts, uint64_t bytes)
{
    if (facts->incremental || facts->last_plain == 0 || facts->data_bytes <= facts->last_plain)
        return bytes;
    return (uint64_t)((double)bytes * (double)facts->data_bytes / (double)facts->last_plain);
}

/*
 * What the last backup of this type took says more than any guess.  Without one only what surely
 * cannot fit is refused.
 */
static uint64_t capture_room(const RoomFacts *facts)
{
    if (facts->last_stored > 0)
        return with_reserve(grown(facts, facts->last_stored));
    if (facts->incremental)
        return 0;
    return facts->compressed ? facts->data_bytes / COMPRESSES_TO : facts->data_bytes;
}

/* On another file system: what is not hard-linked there. */
static uint64_t shelf_room(const RoomFacts *facts)
{
    if (facts->captures_on_shelf)
        return 0;
    return facts->last_stored > 0 ? with_reserve(grown(facts, facts->last_new))
                                  : capture_room(facts);
}

static char *room_text(const char *directory, uint64_t has, uint64_t needs, const char *what)
{
    g_autofree char *free_text = units_size(has);
    g_autofree char *needed = units_size(needs);
    return g_strdup_printf("%s has %s free, %s needs about %s", directory, free_text, what, needed);
}

/* When it comes to the proof, the capture is gone and the backup is there. */
static Finding *proof_room(const RoomFacts *facts)
{
    if (!facts->proves)
        return NULL;
    uint64_t stays = facts->captures_on_shelf ? with_reserve(facts->last_new) : shelf_room(facts);
    uint64_t needed = with_reserve(MAX(facts->data_bytes, facts->proof_bytes));
    if (facts->proofs_on_shelf)
        needed += stays;
    if (facts->proofs_free >= needed)
        return NULL;
    return finding_new(
        FINDING_WORRIES, room_text(facts->proofs, facts->proofs_free, needed, "the proof"),
        g_strdup("make room there, set proof_dir elsewhere, or set verify_after = files"));
}

Finding *readiness_room(const RoomFacts *facts)
{
    uint64_t capture = capture_room(facts);
    uint64_t shelf = shelf_room(facts);
    if (facts->captures_free < capture)
        return refuse(STATUS_REFUSED,
                      room_text(facts->captures, facts->captures_free, capture, "this backup"),
                      g_strdup("make room there"));
    if (facts->shelf_free < shelf)
        return refuse(STATUS_REFUSED,
                      room_text(facts->shelf, facts->shelf_free, shelf, "this backup"),
                      g_strdup("make room there"));
    Finding *proof = proof_room(facts);
    if (proof != NULL)
        return proof;
    uint64_t needed = facts->captures_on_shelf ? capture : shelf;
    g_autofree char *has = units_size(facts->shelf_free);
    g_autofree char *wants = units_size(needed);
    g_autofree char *data = units_size(facts->data_bytes);
    return good(
        g_strdup_printf("%s free, the next backup needs about %s (%s of data)", has, wants, data));
}
