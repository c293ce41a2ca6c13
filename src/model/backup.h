/* SPDX-License-Identifier: MIT */
/*
 * backup: one capture, full or incremental, with its facts and its marks.
 *
 * Facts were true when it was taken and never change; marks were learned later.  The tables
 * backup_facts and backup_marks name every one of them once: the catalog reads and writes them,
 * JSON shows them, under the same names.
 *
 * Times are seconds since the epoch (0: not known), sizes bytes, LSNs as the server counts them.
 * Strings are never NULL: "" is "none".
 */
#ifndef LSNCHAIN_MODEL_BACKUP_H
#define LSNCHAIN_MODEL_BACKUP_H

#include <glib.h>
#include <stdint.h>

typedef enum { BACKUP_FULL, BACKUP_INCREMENTAL } BackupType;
typedef enum { STATE_COMPLETE, STATE_QUARANTINED, STATE_MISSING } BackupState;
typedef enum { PROOF_NONE, PROOF_FILES, PROOF_PREPARE, PROOF_SERVER, PROOF_QUERIES } ProofLevel;

/*
 * A key that no table knows: a parameter of the server (`param_…`), or one of a newer version.  It
 * never changes, and may stand in the lists of several backups.
 */
typedef struct {
    const char *key;
    const char *value;
} BackupExtra;

typedef struct {
    char *id;

    /* facts */
    BackupType type;
    char *chain;
    char *parent; /* "" for a full */
    uint64_t from_lsn;
    uint64_t to_lsn;
    uint64_t last_lsn;
    char *server_uuid;
    char *server_version;
    int64_t server_started;
    char *engine;
    char *engine_version;
    int64_t started;
    int64_t finished;
    int64_t data_until;
    uint64_t files;
    uint64_t bytes_plain;
    uint64_t bytes_stored;
    uint64_t frame;
    char *binlog_file;
    uint64_t binlog_pos;
    char *gtid;
    char *canary;
    char *canary_schema; /* where it was written; "" by versions that did not say */
    char *datadir_id;
    char *sums;
    char *full_rule;
    char *full_reason;
    GPtrArray *extra_facts; /* BackupExtra, in the order of the file */

    /* marks */
    BackupState state;
    char *rule;
    char *reason;
    int64_t quarantined_at;
    uint64_t bytes_new;
    int64_t files_at;
    ProofLevel proof;
    int64_t proof_at;
    uint64_t proof_seconds;
    char *proof_engine;
    ProofLevel proof_failed;
    int64_t proof_failed_at;
    char *proof_failed_reason;
    gboolean pinned;
    GPtrArray *extra_marks;
} Backup;

typedef enum { FIELD_TEXT, FIELD_NUMBER, FIELD_TIME, FIELD_WORD } FieldType;

typedef struct {
    const char *key;
    FieldType type;
    const char *const *words; /* of FIELD_WORD, indexed by the value, NULL-terminated */
    size_t at;                /* offset in Backup */
} Field;

/* NULL: no field of that table has this key. */
const Field *field_find(const Field *fields, size_t count, const char *key);

extern const Field backup_facts[];
extern const size_t backup_facts_count;
extern const Field backup_marks[];
extern const size_t backup_marks_count;

Backup *backup_new(const char *id);
void backup_free(Backup *backup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Backup, backup_free)

Backup *backup_copy(const Backup *backup);

/* Each gets the marks of the other, those too that we do not know. */
void backup_swap_marks(Backup *a, Backup *b);

/* The mark that ends all trust in it: nobody takes it as a parent or hard-links to its files. */
void backup_quarantine(Backup *backup, const char *rule, const char *reason, int64_t now);

/*
 * What stands before the unknown key of a fact or a mark where both stand together, in the catalog
 * and in JSON, and its name alone would mean something else: "facts." or "marks.".  "" for most.
 */
#define BACKUP_SCOPE_FACTS "facts."
#define BACKUP_SCOPE_MARKS "marks."
const char *backup_extra_scope(const Backup *backup, gboolean mark, const char *key);

/* Takes the place of the text in a field; `text` is copied.  The one way to set a text. */
void backup_set_text(char **field, const char *text);

/* Value of a field as it stands in a file: one line, without control characters. */
void field_append(const Field *field, const Backup *backup, GString *text);
/* The same; free it. */
char *field_text(const Field *field, const Backup *backup);
/* FALSE: not a value of this field. */
gboolean field_parse(const Field *field, Backup *backup, const char *text);

GPtrArray *backup_extras_new(void);
void backup_add_extra(GPtrArray *extras, const char *key, const char *value);
/* One that stands in another list. */
void backup_share_extra(GPtrArray *extras, const BackupExtra *extra);
/* "" where there is none.  `name` without "param_". */
const char *backup_param(const Backup *backup, const char *name);

/* "20261122T020000Z-full".  Free it. */
char *backup_make_id(int64_t seconds, BackupType type);
/* The time and type in an id; FALSE: not an id. */
gboolean backup_parse_id(const char *id, int64_t *seconds, BackupType *type);

const char *backup_type_word(BackupType type);
const char *proof_level_word(ProofLevel level);
/* FALSE: no such level. */
gboolean proof_level_parse(const char *word, ProofLevel *level);

/* `backups` are sorted by id, as everywhere.  NULL: there is none. */
const Backup *backup_find(const GPtrArray *backups, const char *id);
/* For g_ptr_array_sort(). */
int backup_compare(gconstpointer a, gconstpointer b);

#endif
