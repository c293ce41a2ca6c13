/* SPDX-License-Identifier: MIT */
/*
 * fuzz_words: any bytes as what an engine says and writes: its log, line by line, or its metadata
 * files, parted by form feeds.
 */
#include "check.h"
#include "engine/family.h"
#include "engine/judge.h"
#include "engine/metadata.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Engine engine = {.family = &mariadb_backup_family,
                              .name = (char *)"mariadb-backup",
                              .version = (char *)"10.11.19-MariaDB"};

/* A log may blame the keys of what is encrypted. */
static Status wanted_status(const GError *error)
{
    return error_status(error) == STATUS_KEY ? STATUS_KEY : STATUS_ENGINE;
}

/* As base/proc hands lines over: no newline, no zero byte. */
static void try_log(const char *text, size_t size)
{
    g_autofree char *copy = g_strndup(text, size);
    g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
    g_auto(EngineRun) run = {.user = g_strdup("backup")};
    engine_log_init(&run.log, engine.family->log, NULL);
    for (size_t i = 0; lines[i] != NULL; i++)
        engine_log_line(&run.log, lines[i], (int64_t)i + 1);
    CHECK(run.log.lines == g_strv_length(lines));

    g_autoptr(GError) error = NULL;
    gboolean good = engine_judge_capture(&engine, &run, &error);
    check_failure(good, error, wanted_status(error));
    CHECK(!good || (strstr(copy, "completed OK!") != NULL && strstr(copy, "[ERROR]") == NULL));
    g_autoptr(GError) other = NULL;
    gboolean prepared = engine_judge_prepare(&engine, &run, 226608, &other);
    check_failure(prepared, other, wanted_status(other));
    CHECK(!prepared || run.log.recovered_lsn == 226608);
    g_autofree char *errors = engine_log_errors(&run.log);
    CHECK(g_utf8_validate(errors, -1, NULL));
}

typedef struct {
    const char *at[5];
    size_t size[5];
} Files;

/* In this order: checkpoints, info, binary log, server's options, and old names for the first. */
static GString *read_one(const char *name, void *data, GError **error)
{
    static const char *const names[] = {"mariadb_backup_checkpoints", "mariadb_backup_info",
                                        "mariadb_backup_binlog_info", "backup-my.cnf",
                                        "xtrabackup_checkpoints"};
    const Files *files = data;
    (void)error;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(name, names[i]) && files->at[i] != NULL)
            return g_string_new_len(files->at[i], (gssize)files->size[i]);
    }
    return NULL;
}

static void try_metadata(const char *text, size_t size, gboolean incremental)
{
    Files files = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(files.at) && text != NULL; i++) {
        const char *next = memchr(text, '\f', size);
        files.at[i] = text;
        files.size[i] = next != NULL ? (size_t)(next - text) : size;
        size -= next != NULL ? files.size[i] + 1 : size;
        text = next != NULL ? next + 1 : NULL;
    }
    g_autoptr(GError) error = NULL;
    g_auto(EngineMetadata) metadata = {0};
    gboolean done = engine_read_metadata(&engine, incremental, read_one, &files, &metadata, &error);
    check_failure(done, error, STATUS_ENGINE);
    const EngineCheckpoints *found = &metadata.checkpoints;
    CHECK(!done || (found->to_lsn > 0 && found->last_lsn >= found->to_lsn));
    CHECK(!done || incremental || found->from_lsn == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    if (data[0] & 1)
        try_log(text, size - 1);
    else
        try_metadata(text, size - 1, (data[0] & 2) != 0);
    return 0;
}
