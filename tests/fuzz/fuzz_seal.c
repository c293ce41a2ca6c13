/* SPDX-License-Identifier: MIT */
/*
 * fuzz_seal: any bytes as an engine's stream, sealed into a directory: an end or a failure, nothing
 * outside the directory, and after an end exactly the files of the tree that is returned.
 */
#include "base/files.h"
#include "check.h"
#include "repair.h"
#include "seal/seal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean count_file(int root_fd, const char *name, const struct stat *status, void *data,
                           GError **error)
{
    (void)root_fd;
    (void)error;
    CHECK(S_ISREG(status->st_mode) || S_ISDIR(status->st_mode));
    CHECK(g_str_has_prefix(name, "data"));
    *(guint *)data += S_ISREG(status->st_mode) ? 1 : 0;
    return TRUE;
}

static void check_tree(const SealedTree *tree, int dir_fd, guint found)
{
    CHECK(tree->whole && found == tree->files->len);
    for (guint i = 0; i < tree->files->len; i++) {
        const SealedFile *file = tree->files->pdata[i];
        struct stat status;
        CHECK(fstatat(dir_fd, file->name, &status, AT_SYMLINK_NOFOLLOW) == 0);
        CHECK((uint64_t)status.st_size == file->stored_bytes);
    }
}

static void seal_one(const char *parent, const uint8_t *data, size_t size)
{
    g_autofree char *path = g_build_filename(parent, "capture", NULL);
    CHECK(files_make_dirs(AT_FDCWD, path, 0700, NULL));
    autofd int dir_fd = files_open_dir(AT_FDCWD, path, NULL);
    int fd = memfd_create("stream", MFD_CLOEXEC);
    CHECK(fd >= 0 && files_write(fd, data + 1, size - 1) && lseek(fd, 0, SEEK_SET) == 0);
    const SealSpec spec = {
        .stream_fd = fd,
        .dir_fd = dir_fd,
        .dialect = data[0] & 1 ? XBSTREAM_PERCONA : XBSTREAM_MARIADB,
        .compress = (data[0] & 2) == 0,
        .level = 1,
        .workers = 1,
    };
    g_autoptr(GError) error = NULL;
    Seal *seal = seal_start(&spec, &error);
    CHECK(seal != NULL);
    g_autoptr(SealedTree) tree = seal_finish(seal, &error);
    Status status = error_status(error) == STATUS_STORAGE ? STATUS_STORAGE : STATUS_ENGINE;
    check_failure(tree != NULL, error, status);
    check_plain(error);
    guint found = 0;
    CHECK(files_walk(AT_FDCWD, path, count_file, &found, NULL));
    if (tree != NULL)
        check_tree(tree, dir_fd, found);
    CHECK(files_remove_tree(AT_FDCWD, path, NULL));
    CHECK(rmdir(parent) == 0); /* nothing climbed out */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    g_autofree char *parent = g_dir_make_tmp("lsnchain-fuzz-XXXXXX", NULL);
    CHECK(parent != NULL);
    seal_one(parent, data, size);
    return 0;
}
