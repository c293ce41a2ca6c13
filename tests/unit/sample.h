/* SPDX-License-Identifier: MIT */
/* sample: backups, directories and deaths for the tests of model, repo, catalog and report. */
#ifndef LSNCHAIN_TESTS_SAMPLE_H
#define LSNCHAIN_TESTS_SAMPLE_H

#include "base/error.h"
#include "base/files.h"
#include "model/backup.h"
#include "repo/shelf.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { SAMPLE_DAY = 86400, SAMPLE_SUNDAY = 1795312800 }; /* 2026-11-22T02:00:00Z */

/* A backup of this day that fits its parent (NULL: a full); every fact that a catalog demands. */
static inline Backup *sample_backup(int64_t time, const Backup *parent)
{
    BackupType type = parent == NULL ? BACKUP_FULL : BACKUP_INCREMENTAL;
    g_autofree char *id = backup_make_id(time, type);
    g_autofree char *sums = g_strnfill(64, 'a');
    Backup *backup = backup_new(id);
    backup->type = type;
    backup_set_text(&backup->chain, parent == NULL ? id : parent->chain);
    backup_set_text(&backup->parent, parent == NULL ? "" : parent->id);
    backup->from_lsn = parent == NULL ? 0 : parent->to_lsn;
    backup->to_lsn = backup->from_lsn + 100;
    backup->last_lsn = backup->to_lsn + 10;
    backup_set_text(&backup->server_uuid, "server-a");
    backup_set_text(&backup->datadir_id, "8:1:77");
    backup->server_started = SAMPLE_SUNDAY - SAMPLE_DAY;
    backup->started = time;
    backup->finished = backup->data_until = time + 60;
    backup_set_text(&backup->sums, sums);
    return backup;
}

static inline GPtrArray *sample_backups(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)backup_free);
}

/* Into its place among `backups`, which own it. */
static inline Backup *sample_add(GPtrArray *backups, int64_t time, const Backup *parent)
{
    Backup *backup = sample_backup(time, parent);
    g_ptr_array_add(backups, backup);
    g_ptr_array_sort(backups, backup_compare);
    return backup;
}

/* What a server, an engine or a user can come up with. */
static inline char *sample_hostile(GRand *random)
{
    static const char *const pieces[] = {
        "a",
        "orders",
        " ",
        "\t",
        "\n",
        "\r",
        "\x1b[2J",
        ";",
        " ; x",
        "#",
        "=",
        ":",
        "[",
        "]",
        "[catalog",
        "\"",
        "'",
        "\\",
        "%s",
        "%n",
        "\x7f",
        "\xc2\x85",
        "\xc2\x9b",
        "\xff",
        "\xe2\x82",
        "\xc3\xa9",
        "\xed\xa0",
        "\xe2\x80\xa8",
        "\xef\xbb\xbf",
        "\xf0\x9f\x92\xbe",
        "checksum",
        "0",
        "-1",
        "\x01",
        "\xc0\x80",
        "format = 2",
    };
    GString *text = g_string_new(NULL);
    for (int left = g_rand_int_range(random, 0, 12); left > 0; left--) {
        gint32 at = g_rand_int_range(random, 0, G_N_ELEMENTS(pieces));
        g_string_append(text, pieces[at]);
    }
    return g_string_free(text, FALSE);
}

static inline char *sample_directory(void)
{
    char *path = g_dir_make_tmp("lsnchain-XXXXXX", NULL);
    cr_assert_not_null(path);
    return path;
}

static inline void sample_remove(char *path)
{
    (void)files_remove_tree(AT_FDCWD, path, NULL);
    g_free(path);
}

/* Makes the file and its parents; an older one is replaced by a new inode. */
static inline void sample_write(const char *root, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    cr_assert(g_mkdir_with_parents(parent, 0755) == 0);
    (void)unlink(path);
    autofd int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    cr_assert(fd >= 0 && files_write(fd, text, strlen(text)), "cannot write %s", path);
}

static inline void sample_read(const char *root, const char *name, GString *text)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autoptr(GString) read = files_read_text(AT_FDCWD, path, 1 << 24, NULL);
    cr_assert_not_null(read, "cannot read %s", path);
    g_string_truncate(text, 0);
    g_string_append_len(text, read->str, (gssize)read->len);
}

static inline struct stat sample_stat(const char *root, const char *name)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    struct stat status;
    cr_assert(lstat(path, &status) == 0, "%s is not there", path);
    return status;
}

static inline gboolean sample_exists(const char *root, const char *name)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    return access(path, F_OK) == 0;
}

/* A repository with a place for `shop`. */
static inline Shelf *sample_shelf(const char *root)
{
    gboolean created = FALSE;
    g_autoptr(GError) error = NULL;
    cr_assert(shelf_init(root, "shop", &created, &error));
    Shelf *shelf = shelf_open(root, "shop", &error);
    cr_assert_not_null(shelf);
    return shelf;
}

static inline void sample_expect_error(const GError *error, Status status, const char *part)
{
    cr_assert_not_null(error, "no error that says '%s'", part);
    cr_expect(error_status(error) == status, "'%s' has status %d, not %d", error->message,
              error_status(error), status);
    cr_expect_not_null(strstr(error->message, part), "'%s' does not say '%s'", error->message,
                       part);
}

typedef gboolean SampleFn(void *data);

/* Runs `function` in a child that dies at `point`, as a power cut would make it. */
static inline void sample_die_at(const char *point, SampleFn *function, void *data)
{
    pid_t pid = fork();
    if (pid == 0) {
        g_setenv("LSNCHAIN_CRASH", point, TRUE);
        _exit(function(data) ? 0 : 1);
    }
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s was not passed", point);
}

/* What `function` prints on stdout.  Free it. */
static inline char *sample_stdout(SampleFn *function, void *data)
{
    (void)fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    FILE *file = tmpfile();
    cr_assert(kept >= 0 && file != NULL && dup2(fileno(file), STDOUT_FILENO) >= 0);
    (void)function(data);
    (void)fflush(stdout);
    cr_assert(dup2(kept, STDOUT_FILENO) >= 0);
    (void)close(kept);
    off_t length = lseek(fileno(file), 0, SEEK_END);
    char *printed = g_malloc0((gsize)length + 1);
    cr_assert(pread(fileno(file), printed, (size_t)length, 0) == length);
    (void)fclose(file);
    return printed;
}

#endif
