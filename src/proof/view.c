/* SPDX-License-Identifier: MIT */
#include "proof/view.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "proof/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum {
    RESERVE = 64 << 20, /* for new redo, temporary tables and logs of the server */
    KEPT_FREE = 32 << 20,
    BLOCK = 512,
};

typedef enum { VIEW_OVERLAY, VIEW_CLONE, VIEW_COPY } ViewKind;

static const char *const words[] = {
    [VIEW_OVERLAY] = "overlay", [VIEW_CLONE] = "clone", [VIEW_COPY] = "copy"};

struct View {
    ViewSpec spec;
    ViewKind kind;
    int work_fd;
    char *path;
    char *changes;
    char *scratch;
    char *stage;     /* NULL: the owner can reach `work` */
    GPtrArray *dirs; /* on the stage */
    ProcMount mounts[2];
    ProcCage cage;
};

static const char view_name[] = "view";
static const char changes_name[] = "changes";
static const char scratch_name[] = "scratch";

/* ---- how large is it? -------------------------------------------------------------------------
 */

typedef struct {
    uint64_t all;     /* bytes on disk */
    uint64_t certain; /* of files that every start opens for writing */
    uint64_t largest; /* of the tables that it may open */
    char *sample;     /* a file that is not empty; NULL: there is none */
} Size;

static void size_clear(Size *size)
{
    g_free(size->sample);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Size, size_clear)

static gboolean is_table(const char *name)
{
    return g_str_has_suffix(name, ".ibd") && strchr(name, '/') != NULL;
}

/* What has no leave to be written is not copied; see owner_freeze(). */
static gboolean add_size(int root_fd, const char *name, const struct stat *status, void *data,
                         GError **error)
{
    Size *size = data;
    (void)root_fd;
    if (!S_ISREG(status->st_mode))
        return cancel_check(error);
    uint64_t bytes = (uint64_t)status->st_blocks * BLOCK;
    size->all += bytes;
    if (is_table(name))
        size->largest = MAX(size->largest, bytes);
    else if ((status->st_mode & S_IWUSR) != 0)
        size->certain += bytes;
    if (size->sample == NULL && bytes > 0)
        size->sample = g_strdup(name);
    return TRUE;
}

static gboolean check_room(const View *view, uint64_t needed, const char *what, GError **error)
{
    return files_check_room(view->work_fd, view->spec.work, needed + RESERVE, what,
                            "make room there, or choose another directory with proof_dir", error);
}

gboolean view_has_room(const View *view)
{
    uint64_t free_bytes = 0;
    return !files_free_space(view->work_fd, &free_bytes, NULL) || free_bytes >= KEPT_FREE;
}

/* ---- the cage ---------------------------------------------------------------------------------
 */

/* May everybody pass this directory? */
static gboolean is_open(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && (status.st_mode & S_IXOTH) != 0;
}

/*
 * The first directory on the way to `work` where the owner may not pass.  An empty one can take its
 * place for him: what he could not reach anyway is all that this hides.
 */
static char *find_barrier(const char *work)
{
    for (const char *slash = strchr(work + 1, '/');; slash = strchr(slash + 1, '/')) {
        g_autofree char *path =
            slash != NULL ? g_strndup(work, (gsize)(slash - work)) : g_strdup(work);
        if (!is_open(path))
            return g_steal_pointer(&path);
        if (slash == NULL)
            return NULL;
    }
}

/* The directories from the stage down to `path`. */
static void add_dirs(GPtrArray *dirs, const char *stage, const char *path)
{
    size_t from = strlen(stage);
    while (path[from] == '/') {
        size_t length = from + 1 + strcspn(path + from + 1, "/");
        g_autofree char *dir = g_strndup(path, length);
        if (!g_ptr_array_find_with_equal_func(dirs, dir, g_str_equal, NULL))
            g_ptr_array_add(dirs, g_strdup(dir));
        from = length;
    }
}

static void set_stage(View *view)
{
    view->stage = view->spec.owner.other ? find_barrier(view->spec.work) : NULL;
    view->dirs = g_ptr_array_new_with_free_func(g_free);
    if (view->stage == NULL)
        return;
    add_dirs(view->dirs, view->stage, view->path);
    add_dirs(view->dirs, view->stage, view->spec.shared);
    g_ptr_array_add(view->dirs, NULL);
}

static void set_cage(View *view, gboolean apart)
{
    const Owner *owner = &view->spec.owner;
    size_t n = 0;
    if (view->kind == VIEW_OVERLAY)
        view->mounts[n++] = (ProcMount){.source = view->spec.base,
                                        .changes = view->changes,
                                        .scratch = view->scratch,
                                        .at = view->path};
    else if (view->stage != NULL)
        view->mounts[n++] = (ProcMount){.source = view->path, .at = view->path};
    if (view->stage != NULL)
        view->mounts[n++] = (ProcMount){.source = view->spec.shared, .at = view->spec.shared};
    view->cage = (ProcCage){
        .apart = apart,
        .stage = view->stage,
        .dirs = view->stage != NULL ? (const char *const *)view->dirs->pdata : NULL,
        .mounts = view->mounts,
        .n_mounts = apart ? n : 0,
        .other_user = owner->other,
        .uid = owner->uid,
        .gid = owner->gid,
    };
}

/* ---- a clone or a copy ------------------------------------------------------------------------
 */

/* FALSE: errno. */
static gboolean double_file(int from_dir, int to_dir, const char *name, const struct stat *status,
                            gboolean clone, const Owner *owner)
{
    autofd int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    autofd int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (from < 0 || to < 0)
        return FALSE;
    if (clone ? ioctl(to, FICLONE, from) < 0 : !copy_contents(from, to, status->st_size))
        return FALSE;
    return !owner->other || fchown(to, owner->uid, owner->gid) == 0;
}

static gboolean double_dir(int to_dir, const char *name, const Owner *owner)
{
    return mkdirat(to_dir, name, 0700) == 0 &&
           (!owner->other ||
            fchownat(to_dir, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) == 0);
}

typedef struct {
    const View *view;
    int to_dir;
} Doubling;

static gboolean double_one(int root_fd, const char *name, const struct stat *status, void *data,
                           GError **error)
{
    const Doubling *doubling = data;
    const View *view = doubling->view;
    gboolean done = TRUE;
    if (S_ISDIR(status->st_mode))
        done = double_dir(doubling->to_dir, name, &view->spec.owner);
    else if (S_ISREG(status->st_mode))
        done = double_file(root_fd, doubling->to_dir, name, status, view->kind == VIEW_CLONE,
                           &view->spec.owner);
    int failure = errno;
    return cancel_check(error) &&
           (done || fail_storage(error, "cannot make a %s of %s: %s", words[view->kind], name,
                                 g_strerror(failure)));
}

static gboolean double_all(const View *view, GError **error)
{
    autofd int to_dir = files_open_dir(view->work_fd, view_name, error);
    Doubling doubling = {view, to_dir};
    return to_dir >= 0 && files_walk(AT_FDCWD, view->spec.base, double_one, &doubling, error);
}

/* Does a file of the base share its blocks with one here?  Found out on one. */
static gboolean can_clone(const View *view, const Size *size)
{
    static const char probe[] = "probe";
    if (size->sample == NULL)
        return FALSE;
    autofd int base_fd = files_open_dir(AT_FDCWD, view->spec.base, NULL);
    autofd int from = base_fd >= 0 ? openat(base_fd, size->sample, O_RDONLY | O_CLOEXEC) : -1;
    autofd int to = openat(view->work_fd, probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    gboolean cloned = from >= 0 && to >= 0 && ioctl(to, FICLONE, from) == 0;
    (void)unlinkat(view->work_fd, probe, 0);
    return cloned;
}

/* ---- making it --------------------------------------------------------------------------------
 */

static gboolean make_dir(const View *view, const char *name, GError **error)
{
    if (double_dir(view->work_fd, name, &view->spec.owner))
        return TRUE;
    return fail_storage(error, "cannot create the directory %s/%s: %s", view->spec.work, name,
                        g_strerror(errno));
}

static gboolean try_overlay(View *view, const Size *size, gboolean clones, GError **error)
{
    view->kind = VIEW_OVERLAY;
    set_cage(view, TRUE);
    return proc_try_cage(&view->cage, error) &&
           check_room(view, clones ? 0 : size->certain + size->largest,
                      "what a server changes of the prepared backup", error);
}

/* Without namespaces it has only its uid, and must get to where we work by itself. */
static gboolean choose_cage(View *view, GError **error)
{
    g_autoptr(GError) why = NULL;
    set_cage(view, TRUE);
    if (proc_try_cage(&view->cage, &why))
        return TRUE;
    log_detail("the throwaway server shares our mounts and our network: %s", why->message);
    set_cage(view, FALSE);
    if (view->stage != NULL)
        return fail(error, STATUS_UNFIT,
                    "a server with the uid %u cannot get past %s" HINT(
                        "let root have mount and network namespaces (a container needs "
                        "CAP_SYS_ADMIN), or run lsnchain as an ordinary user"),
                    view->cage.uid, view->stage);
    return proc_try_cage(&view->cage, error);
}

static gboolean double_it(View *view, const Size *size, gboolean clones, GError **error)
{
    view->kind = clones ? VIEW_CLONE : VIEW_COPY;
    return choose_cage(view, error) &&
           check_room(view, clones ? 0 : size->all, "a copy of the prepared backup", error) &&
           double_all(view, error);
}

static gboolean make(View *view, GError **error)
{
    g_auto(Size) size = {0};
    if (!files_walk(AT_FDCWD, view->spec.base, add_size, &size, error) ||
        !make_dir(view, view_name, error) || !make_dir(view, changes_name, error) ||
        !make_dir(view, scratch_name, error))
        return FALSE;
    gboolean clones = can_clone(view, &size);
    g_autoptr(GError) why = NULL;
    if (try_overlay(view, &size, clones, &why))
        return TRUE;
    if (error_status(why) != STATUS_UNFIT) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    log_detail("no overlay in %s: %s", view->spec.work, why->message);
    if (double_it(view, &size, clones, error))
        return TRUE;
    g_prefix_error(error, "no overlay can be had there (%s), and ", why->message);
    return FALSE;
}

View *view_make(const ViewSpec *spec, GError **error)
{
    int work_fd = files_open_dir(AT_FDCWD, spec->work, error);
    if (work_fd < 0)
        return NULL;
    g_autoptr(View) view = g_new0(View, 1);
    view->spec = *spec;
    view->work_fd = work_fd;
    view->path = g_build_filename(spec->work, view_name, NULL);
    view->changes = g_build_filename(spec->work, changes_name, NULL);
    view->scratch = g_build_filename(spec->work, scratch_name, NULL);
    set_stage(view);
    return make(view, error) ? g_steal_pointer(&view) : NULL;
}

const char *view_path(const View *view)
{
    return view->path;
}

const ProcCage *view_cage(const View *view)
{
    return &view->cage;
}

const char *view_word(const View *view)
{
    return words[view->kind];
}

uint64_t view_changed(const View *view)
{
    g_auto(Size) size = {0};
    if (view->kind != VIEW_OVERLAY ||
        !files_walk(view->work_fd, changes_name, add_size, &size, NULL))
        return 0;
    return size.all;
}

void view_free(View *view)
{
    static const char *const names[] = {view_name, changes_name, scratch_name};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        if (!files_remove_tree(view->work_fd, names[i], &error))
            log_warning("the view of a throwaway server is still there: %s", error->message);
    }
    files_clear_fd(&view->work_fd);
    g_free(view->path);
    g_free(view->changes);
    g_free(view->scratch);
    g_free(view->stage);
    g_ptr_array_unref(view->dirs);
    g_free(view);
}
