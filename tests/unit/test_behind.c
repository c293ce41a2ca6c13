/* SPDX-License-Identifier: MIT */
#include "seal/behind.h"

#include "base/files.h"
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PIECE = 64 << 10, MOST_WAITING = 64 };

static char *root;
static int failure; /* errno of each wait for the disk; 0: it goes well */
static atomic_bool held;
static atomic_uint waits;
static _Atomic uint64_t forgotten;
static _Atomic uint64_t longest;
static GString *waited; /* INODE OFFSET LENGTH of each, a line each */

/* The disk, as slow and as bad as a test wants it. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags)
{
    if ((flags & SYNC_FILE_RANGE_WAIT_AFTER) == 0)
        return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
    while (held)
        g_usleep(1000);
    waits++;
    struct stat status;
    (void)fstat(fd, &status);
    longest = MAX(longest, (uint64_t)length);
    g_string_append_printf(waited, "%lu %ld %ld\n", (unsigned long)status.st_ino, (long)offset,
                           (long)length);
    if (failure != 0) {
        errno = failure;
        return -1;
    }
    return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
}

int posix_fadvise(int fd, off_t offset, off_t length, int advice)
{
    if (advice == POSIX_FADV_DONTNEED)
        forgotten += (uint64_t)length;
    return (int)syscall(SYS_fadvise64, fd, offset, length, advice);
}

static void set_up(void)
{
    root = sample_directory();
    waited = g_string_new(NULL);
}

static void tear_down(void)
{
    sample_remove(root);
    (void)g_string_free(waited, TRUE);
}

TestSuite(behind, .init = set_up, .fini = tear_down, .timeout = 20);

static Behind *start(void)
{
    autofd int dir_fd = files_open_dir(AT_FDCWD, root, NULL);
    Behind *behind = behind_new(dir_fd);
    cr_assert_not_null(behind);
    return behind;
}

static int make(const char *name)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    return fd;
}

/* Pieces `from` to `to` of the file. */
static void write_pieces(Behind *behind, int fd, guint from, guint to)
{
    static uint8_t bytes[PIECE];
    for (guint i = from; i < to; i++) {
        memset(bytes, (int)(i % 251) + 1, PIECE);
        cr_assert(files_write(fd, bytes, PIECE));
        behind_write(behind, fd, (uint64_t)i * PIECE, PIECE);
    }
}

static guint open_descriptors(void)
{
    guint count = 0;
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    while (g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

Test(behind, takes_pieces_of_a_file_that_is_closed_and_removed_at_once_and_leaves_no_descriptor)
{
    guint before = open_descriptors();
    Behind *behind = start();
    int fd = make("t.ibd");
    write_pieces(behind, fd, 0, 48);
    (void)close(fd);
    g_autofree char *path = g_build_filename(root, "t.ibd", NULL);
    (void)unlink(path);
    cr_expect_eq(behind_free(behind, FALSE), 0);
    cr_expect(forgotten == 48 * PIECE, "%" G_GUINT64_FORMAT, (uint64_t)forgotten);
    cr_expect_eq(open_descriptors(), before);
}

Test(behind, leaves_bytes_as_they_are)
{
    Behind *behind = start();
    autofd int fd = make("t.ibd");
    write_pieces(behind, fd, 0, 300);
    cr_expect_eq(behind_free(behind, FALSE), 0);
    for (guint i = 0; i < 300; i++) {
        uint8_t byte = 0;
        cr_assert_eq(pread(fd, &byte, 1, (off_t)i * PIECE + 77), 1);
        cr_expect_eq(byte, i % 251 + 1);
    }
}

Test(behind, tells_what_the_disk_did_not_take_and_does_not_let_it_be_forgotten)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT};
    autofd int fd = make("t.ibd");
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        Behind *behind = start();
        failure = errors[i];
        write_pieces(behind, fd, 0, 4);
        cr_expect_eq(behind_free(behind, FALSE), errors[i]);
        cr_expect(forgotten == 0);
    }
}

Test(behind, does_not_take_for_a_failure_that_a_file_system_knows_no_ranges)
{
    Behind *behind = start();
    failure = ESPIPE;
    autofd int fd = make("t.ibd");
    write_pieces(behind, fd, 0, 4);
    cr_expect_eq(behind_free(behind, FALSE), 0);
}

Test(behind, lets_pieces_of_a_file_grow_while_the_disk_is_slow)
{
    Behind *behind = start();
    held = TRUE;
    guint before = open_descriptors();
    autofd int one = make("one.ibd");
    autofd int other = make("other.ibd");
    for (guint i = 0; i < 4 * MOST_WAITING; i++) {
        write_pieces(behind, one, i, i + 1);
        write_pieces(behind, other, i, i + 1);
    }
    cr_expect_leq(open_descriptors(), before + 10);
    held = FALSE;
    cr_expect_eq(behind_free(behind, FALSE), 0);
    cr_expect(forgotten == 8ULL * MOST_WAITING * PIECE, "%" G_GUINT64_FORMAT, (uint64_t)forgotten);
    cr_expect_lt(waits, 30);
    cr_expect(longest == 8 << 20, "%" G_GUINT64_FORMAT " at a time", (uint64_t)longest);
}

static char *line_of(int fd, guint piece)
{
    struct stat status;
    cr_assert_eq(fstat(fd, &status), 0);
    return g_strdup_printf("%lu %d %d\n", (unsigned long)status.st_ino, (int)piece * PIECE, PIECE);
}

Test(behind, joins_only_what_follows_in_the_same_file)
{
    Behind *behind = start();
    held = TRUE;
    g_autoptr(GString) wanted = g_string_new(NULL);
    autofd int one = make("one.ibd");
    autofd int other = make("other.ibd");
    const struct {
        int fd;
        guint piece;
    } pieces[] = {{one, 0}, {other, 1}, {one, 2}, {other, 0}, {one, 5}, {other, 4}};
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        behind_write(behind, pieces[i].fd, (uint64_t)pieces[i].piece * PIECE, PIECE);
        g_autofree char *line = line_of(pieces[i].fd, pieces[i].piece);
        g_string_append(wanted, line);
    }
    held = FALSE;
    cr_expect_eq(behind_free(behind, FALSE), 0);
    cr_expect_str_eq(waited->str, wanted->str);
}

static gpointer let_go(gpointer data)
{
    (void)data;
    g_usleep(100 * 1000);
    held = FALSE;
    return NULL;
}

Test(behind, holds_no_more_descriptors_than_it_may_and_does_not_wait_for_what_is_dropped)
{
    guint before = open_descriptors();
    Behind *behind = start();
    held = TRUE;
    for (guint i = 0; i < 3 * MOST_WAITING; i++) {
        g_autofree char *name = g_strdup_printf("t%u.ibd", i);
        autofd int fd = make(name);
        write_pieces(behind, fd, 0, 1);
    }
    cr_expect_leq(open_descriptors(), before + MOST_WAITING + 4);
    GThread *thread = g_thread_new("let go", let_go, NULL);
    cr_expect_eq(behind_free(behind, TRUE), 0);
    (void)g_thread_join(thread);
    cr_expect_leq(waits, 2);
    cr_expect_eq(open_descriptors(), before);
}

Test(behind, leaves_small_pieces_to_the_final_flush)
{
    Behind *behind = start();
    autofd int fd = make("t.frm");
    cr_assert(files_write(fd, "x", 1));
    behind_write(behind, fd, 0, 1);
    behind_write(behind, fd, 4096, PIECE - 1);
    cr_expect_eq(behind_free(behind, FALSE), 0);
    cr_expect_eq(waits, 0);
}

Test(behind, can_be_none)
{
    behind_write(NULL, -1, 0, PIECE);
    cr_expect_eq(behind_free(NULL, FALSE), 0);
}
