/* SPDX-License-Identifier: MIT */
#include "seal/behind.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    PIECE_LEAST = 64 << 10, /* the asking costs more than a smaller one brings */
    PIECE_MOST = 8 << 20,   /* of which the disk has two at a time */
    WAITING_MOST = 64,      /* each holds a descriptor */
};

typedef struct {
    int fd; /* its own */
    dev_t device;
    ino_t inode;
    uint64_t offset;
    uint64_t length;
} Piece;

struct Behind {
    GThread *thread;

    GMutex lock;
    GCond came; /* a piece, or the end */
    GQueue waiting;
    gboolean end;

    int failure; /* errno of the first; the thread's */
};

static gboolean is_remote(int dir_fd)
{
    struct statfs status;
    if (fstatfs(dir_fd, &status) < 0)
        return FALSE;
    switch ((unsigned)status.f_type) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case CEPH_SUPER_MAGIC:
    case AFS_SUPER_MAGIC:
    case V9FS_MAGIC:
    case FUSE_SUPER_MAGIC:
        return TRUE;
    default:
        return FALSE;
    }
}

static void piece_free(gpointer data)
{
    Piece *piece = data;
    (void)close(piece->fd);
    g_free(piece);
}

/* Under the lock: the first one that waits, or so much of it as is good at a time. */
static Piece *take_piece(Behind *behind)
{
    Piece *piece = g_queue_peek_head(&behind->waiting);
    int fd = piece->length > PIECE_MOST ? fcntl(piece->fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0)
        return g_queue_pop_head(&behind->waiting);
    Piece *first = g_memdup2(piece, sizeof *piece);
    first->fd = fd;
    first->length = PIECE_MOST;
    piece->offset += PIECE_MOST;
    piece->length -= PIECE_MOST;
    return first;
}

/* NULL: the end. */
static Piece *next_piece(Behind *behind)
{
    g_mutex_lock(&behind->lock);
    while (behind->waiting.length == 0 && !behind->end)
        g_cond_wait(&behind->came, &behind->lock);
    Piece *piece = behind->waiting.length > 0 ? take_piece(behind) : NULL;
    g_mutex_unlock(&behind->lock);
    return piece;
}

static void begin_piece(const Piece *piece)
{
    (void)sync_file_range(piece->fd, (off64_t)piece->offset, (off64_t)piece->length,
                          SYNC_FILE_RANGE_WRITE);
}

/* What the disk did not take is not forgotten, so that nobody reads what was there before. */
static void end_piece(Behind *behind, Piece *piece)
{
    const unsigned whole =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (sync_file_range(piece->fd, (off64_t)piece->offset, (off64_t)piece->length, whole) == 0)
        (void)posix_fadvise(piece->fd, (off_t)piece->offset, (off_t)piece->length,
                            POSIX_FADV_DONTNEED);
    else if (behind->failure == 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT))
        behind->failure = errno; /* any other: this file system knows no ranges */
    piece_free(piece);
}

static gpointer work(gpointer data)
{
    Behind *behind = data;
    Piece *begun = NULL;
    Piece *piece;
    while ((piece = next_piece(behind)) != NULL) {
        begin_piece(piece);
        if (begun != NULL)
            end_piece(behind, begun);
        begun = piece;
    }
    if (begun != NULL)
        end_piece(behind, begun);
    return NULL;
}

Behind *behind_new(int dir_fd)
{
    if (is_remote(dir_fd))
        return NULL;
    Behind *behind = g_new0(Behind, 1);
    g_mutex_init(&behind->lock);
    g_cond_init(&behind->came);
    g_queue_init(&behind->waiting);
    behind->thread = g_thread_new("behind", work, behind);
    return behind;
}

int behind_free(Behind *behind, gboolean drop)
{
    if (behind == NULL)
        return 0;
    g_mutex_lock(&behind->lock);
    behind->end = TRUE;
    if (drop)
        g_queue_clear_full(&behind->waiting, piece_free);
    g_cond_signal(&behind->came);
    g_mutex_unlock(&behind->lock);
    (void)g_thread_join(behind->thread);
    int failure = behind->failure;
    g_cond_clear(&behind->came);
    g_mutex_clear(&behind->lock);
    g_free(behind);
    return failure;
}

/* Under the lock: to a piece that waits and ends where this one begins.  On a slow disk they grow.
 */
static gboolean add_to_waiting(Behind *behind, const Piece *piece)
{
    for (GList *at = behind->waiting.tail; at != NULL; at = at->prev) {
        Piece *other = at->data;
        if (other->inode == piece->inode && other->device == piece->device &&
            other->offset + other->length == piece->offset) {
            other->length += piece->length;
            return TRUE;
        }
    }
    return FALSE;
}

/* Under the lock.  With too many files at once, the rest is left to the final flush. */
static void add(Behind *behind, int fd, Piece piece)
{
    if (add_to_waiting(behind, &piece) || behind->waiting.length >= WAITING_MOST)
        return;
    piece.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (piece.fd < 0)
        return;
    g_queue_push_tail(&behind->waiting, g_memdup2(&piece, sizeof piece));
    g_cond_signal(&behind->came);
}

/* A page that is not full yet comes with what fills it. */
void behind_write(Behind *behind, int fd, uint64_t offset, uint64_t length)
{
    uint64_t first = offset - offset % PAGE;
    uint64_t end = (offset + length) - (offset + length) % PAGE;
    struct stat status;
    if (behind == NULL || end < first + PIECE_LEAST || fstat(fd, &status) < 0)
        return;
    g_mutex_lock(&behind->lock);
    add(behind, fd, (Piece){-1, status.st_dev, status.st_ino, first, end - first});
    g_mutex_unlock(&behind->lock);
}
