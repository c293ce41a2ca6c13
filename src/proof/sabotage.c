/* SPDX-License-Identifier: MIT */
#include "proof/sabotage.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "catalog/tree.h"
#include "prepare/place.h"
#include "proof/copy.h"
#include "repo/sums.h"
#include "seal/unseal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char data_prefix[] = "data/";
static const char sealed_suffix[] = ".lz4";

/* The private copy, and what is known of its links. */
typedef struct {
    const ProofSpec *spec;
    Place *place;
    Shelf *shelf;
    GPtrArray *path;  /* Backup *, copies: a harm may change what is known of a link */
    gboolean *harmed; /* for each link of spec->path: its copy is not as it was */
} Victim;

static void victim_clear(Victim *victim)
{
    g_clear_pointer(&victim->path, g_ptr_array_unref);
    g_clear_pointer(&victim->harmed, g_free);
    g_clear_pointer(&victim->shelf, shelf_free);
    g_clear_pointer(&victim->place, place_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Victim, victim_clear)

static void free_result(gpointer data)
{
    SabotageResult *result = data;
    g_free(result->told);
    g_free(result);
}

static void free_backup(gpointer backup)
{
    backup_free(backup);
}

/* ---- the copy -------------------------------------------------------------------------------- */

static gboolean copy_link(const Victim *victim, const Backup *link, GError **error)
{
    g_autofree char *name = shelf_backup(link->id);
    autofd int from_fd = shelf_open_backup(victim->spec->shelf, link->id, error);
    return from_fd >= 0 && files_remove_tree(victim->shelf->fd, name, error) &&
           copy_tree(from_fd, victim->shelf->fd, name, error);
}

static gboolean check_room(const Victim *victim, GError **error)
{
    uint64_t needed = prepare_room(victim->spec->path);
    for (guint i = 0; i < victim->spec->path->len; i++) {
        const Backup *link = victim->spec->path->pdata[i];
        needed += link->bytes_stored;
    }
    return files_check_room(victim->shelf->fd, place_path(victim->place), needed,
                            "a copy of the chain and its restore",
                            "make room there, or set proof_dir", error);
}

static gboolean make_victim(const ProofSpec *spec, Victim *victim, GError **error)
{
    const Backup *last = spec->path->pdata[spec->path->len - 1];
    victim->spec = spec;
    victim->harmed = g_new0(gboolean, spec->path->len);
    victim->place = place_make(spec->directory, last->id, spec->command, error);
    if (victim->place == NULL)
        return FALSE;
    gboolean created = FALSE;
    const char *root = place_path(victim->place);
    if (!shelf_init(root, spec->shelf->instance, &created, error))
        return FALSE;
    victim->shelf = shelf_open(root, spec->shelf->instance, error);
    if (victim->shelf == NULL || !check_room(victim, error))
        return FALSE;
    for (guint i = 0; i < spec->path->len; i++) {
        if (!cancel_check(error) || !copy_link(victim, spec->path->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/*
 * Of all links as they are known, none of them changed by an earlier harm.  What the originals have
 * passed is not true of them: a link that was prepared before is not blamed when an engine fails.
 */
static void know_links(Victim *victim)
{
    g_clear_pointer(&victim->path, g_ptr_array_unref);
    victim->path = g_ptr_array_new_with_free_func(free_backup);
    for (guint i = 0; i < victim->spec->path->len; i++) {
        Backup *copy = backup_copy(victim->spec->path->pdata[i]);
        copy->proof = PROOF_NONE;
        g_ptr_array_add(victim->path, copy);
    }
}

/* ---- tools for harm -------------------------------------------------------------------------- */

static Backup *link_at(const Victim *victim, guint index)
{
    return victim->path->pdata[index];
}

/* The link that is to be harmed: what is done to its copy is undone afterwards. */
static Backup *harm_link(Victim *victim, guint index)
{
    victim->harmed[index] = TRUE;
    return link_at(victim, index);
}

/* The sums of a copied link, and a descriptor of its directory. */
static GPtrArray *open_link(const Victim *victim, const Backup *link, int *link_fd, GError **error)
{
    *link_fd = shelf_open_backup(victim->shelf, link->id, error);
    return *link_fd >= 0 ? sums_read(*link_fd, link->id, link->sums, error) : NULL;
}

/*
 * Of "data/shop/orders.ibd.lz4" the length of "data/shop/orders."; 0: it is not the file of an
 * InnoDB table.  Engines call one that was made during the capture ".new" in the stream.
 */
static size_t stem_length(const char *name)
{
    static const char *const kinds[] = {".ibd", ".ibd.delta", ".new", ".new.delta"};
    g_autofree char *plain = g_strdup(name);
    if (g_str_has_suffix(plain, sealed_suffix))
        plain[strlen(plain) - strlen(sealed_suffix)] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_has_suffix(plain, kinds[i]))
            return strlen(plain) - strlen(kinds[i]) + 1;
    }
    return 0;
}

/* The file of an InnoDB table that has only this one. */
static gboolean is_table(const char *name)
{
    return g_str_has_prefix(name, data_prefix) && strchr(name + strlen(data_prefix), '/') != NULL &&
           strchr(name, '#') == NULL && stem_length(name) > 0;
}

/* In a schema of the user's own. */
static gboolean is_users(const char *name)
{
    static const char *const not_users[] = {"mysql/", "sys/", "performance_schema/"};
    if (!is_table(name))
        return FALSE;
    const char *plain = name + strlen(data_prefix);
    for (size_t i = 0; i < G_N_ELEMENTS(not_users); i++) {
        if (g_str_has_prefix(plain, not_users[i]))
            return FALSE;
    }
    return TRUE;
}

/* The first InnoDB table of the user's own that has a file in this link; NULL: none. */
static const SumLine *find_table(const GPtrArray *sums)
{
    for (guint i = 0; i < sums->len; i++) {
        const SumLine *line = sums->pdata[i];
        if (is_users(line->name))
            return line;
    }
    return NULL;
}

/* The largest of its stored data files. */
static const SumLine *find_largest(int link_fd, const GPtrArray *sums)
{
    const SumLine *largest = NULL;
    off_t size = 1; /* half of one byte is none */
    for (guint i = 0; i < sums->len; i++) {
        const SumLine *line = sums->pdata[i];
        struct stat status;
        if (!g_str_has_prefix(line->name, data_prefix) ||
            fstatat(link_fd, line->name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            status.st_size <= size)
            continue;
        largest = line;
        size = status.st_size;
    }
    return largest;
}

static gboolean open_for_harm(int link_fd, const char *name, int *fd, off_t *size, GError **error)
{
    struct stat status;
    *fd = openat(link_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0 || fstat(*fd, &status) < 0)
        return fail_storage(error, "cannot open the copy of %s: %s", name, g_strerror(errno));
    *size = status.st_size;
    return TRUE;
}

static gboolean flip_byte(int fd, off_t at, GError **error)
{
    uint8_t byte = 0;
    if (pread(fd, &byte, 1, at) != 1)
        return fail_storage(error, "cannot read a copied file: %s", g_strerror(errno));
    byte = (uint8_t)~byte;
    if (pwrite(fd, &byte, 1, at) != 1)
        return fail_storage(error, "cannot write a copied file: %s", g_strerror(errno));
    return TRUE;
}

/* Makes sums and facts of the link fit again, as if it had been taken so. */
static gboolean refit(int link_fd, Backup *link, const GPtrArray *sums, GError **error)
{
    g_autoptr(GString) text = sums_text(sums);
    g_autofree char *sum = digest_text(text->str, text->len);
    backup_set_text(&link->sums, sum);
    return files_remove_tree(link_fd, SUMS_NAME, error) &&
           files_remove_tree(link_fd, FACTS_NAME, error) &&
           copy_write_text(link_fd, SUMS_NAME, text, error) &&
           tree_write_facts(link_fd, link, error);
}

/* ---- the harms ------------------------------------------------------------------------------- */

static gboolean drop_link(Victim *victim, GError **error)
{
    g_autofree char *name = shelf_backup(harm_link(victim, 1)->id);
    return files_remove_tree(victim->shelf->fd, name, error);
}

static gboolean flip_stored(Victim *victim, GError **error)
{
    const Backup *full = harm_link(victim, 0);
    autofd int link_fd = -1;
    g_autoptr(GPtrArray) sums = open_link(victim, full, &link_fd, error);
    if (sums == NULL)
        return FALSE;
    const SumLine *line = find_largest(link_fd, sums);
    autofd int fd = -1;
    off_t size = 0;
    return open_for_harm(link_fd, line->name, &fd, &size, error) && flip_byte(fd, size / 2, error);
}

static gboolean cut_stored(Victim *victim, GError **error)
{
    const Backup *last = harm_link(victim, victim->path->len - 1);
    autofd int link_fd = -1;
    g_autoptr(GPtrArray) sums = open_link(victim, last, &link_fd, error);
    if (sums == NULL)
        return FALSE;
    const SumLine *line = find_largest(link_fd, sums);
    autofd int fd = -1;
    off_t size = 0;
    if (!open_for_harm(link_fd, line->name, &fd, &size, error))
        return FALSE;
    return ftruncate(fd, size / 2) == 0 ||
           fail_storage(error, "cannot cut the copy of %s: %s", line->name, g_strerror(errno));
}

static gboolean swap_links(Victim *victim, GError **error)
{
    g_autofree char *one = shelf_backup(harm_link(victim, 1)->id);
    g_autofree char *other = shelf_backup(harm_link(victim, 2)->id);
    int fd = victim->shelf->fd;
    return renameat2(fd, one, fd, other, RENAME_EXCHANGE) == 0 ||
           fail_storage(error, "cannot exchange two copied links: %s", g_strerror(errno));
}

/* Every file of it in the last link: an engine takes a table that is not there for a dropped one.
 */
static gboolean lose_table(Victim *victim, GError **error)
{
    Backup *last = harm_link(victim, victim->path->len - 1);
    autofd int link_fd = -1;
    g_autoptr(GPtrArray) sums = open_link(victim, last, &link_fd, error);
    if (sums == NULL)
        return FALSE;
    const SumLine *table = find_table(sums);
    g_autofree char *stem = g_strndup(table->name, stem_length(table->name));
    for (guint i = sums->len; i > 0; i--) {
        const SumLine *line = sums->pdata[i - 1];
        if (!g_str_has_prefix(line->name, stem))
            continue;
        if (!files_remove_tree(link_fd, line->name, error))
            return FALSE;
        g_ptr_array_remove_index(sums, i - 1);
    }
    return refit(link_fd, last, sums, error);
}

/* One byte in each 4 KiB behind the first three pages, which say what the file is. */
static gboolean spoil_pages(int fd, uint64_t page, GError **error)
{
    enum { STEP = 4096 };
    struct stat status;
    if (fstat(fd, &status) < 0)
        return fail_storage(error, "cannot look at a copied file: %s", g_strerror(errno));
    for (off_t at = (off_t)(3 * page) + STEP / 2; at < status.st_size; at += STEP) {
        if (!flip_byte(fd, at, error))
            return FALSE;
    }
    return TRUE;
}

/* The stored file becomes the unsealed one, spoiled: a backup may hold either. */
static gboolean spoil_stored(int link_fd, uint64_t page, SumLine *line, GError **error)
{
    static const char draft[] = ".spoiled";
    g_autofree char *stored = g_strdup(line->name);
    autofd int fd = copy_create(link_fd, draft, error);
    if (fd < 0 || !unseal_one(link_fd, stored, fd, error) || !spoil_pages(fd, page, error) ||
        !files_remove_tree(link_fd, stored, error) ||
        !digest_file(link_fd, draft, line->sum, NULL, error))
        return FALSE;
    if (g_str_has_suffix(line->name, sealed_suffix))
        line->name[strlen(line->name) - strlen(sealed_suffix)] = '\0';
    return renameat(link_fd, draft, link_fd, line->name) == 0 ||
           fail_storage(error, "cannot rename a copied file: %s", g_strerror(errno));
}

typedef struct {
    SumLine *line;
    off_t size;
} Target;

static int largest_first(gconstpointer a, gconstpointer b)
{
    const Target *left = a;
    const Target *right = b;
    return left->size > right->size ? -1 : left->size < right->size;
}

static GArray *find_targets(int link_fd, const GPtrArray *sums)
{
    GArray *targets = g_array_new(FALSE, FALSE, sizeof(Target));
    for (guint i = 0; i < sums->len; i++) {
        struct stat status;
        Target target = {.line = sums->pdata[i]};
        if (!is_table(target.line->name) || fstatat(link_fd, target.line->name, &status, 0) < 0)
            continue;
        target.size = status.st_size;
        g_array_append_val(targets, target);
    }
    g_array_sort(targets, largest_first);
    return targets;
}

/*
 * The largest tables, for what is in the redo log of a full is good again after its prepare: a
 * small or new table may be there as a whole.
 */
static gboolean spoil_tables(Victim *victim, GError **error)
{
    enum { MOST_PAGE = 65536, USUAL_PAGE = 16384, ENOUGH = 64 << 20 };
    Backup *full = harm_link(victim, 0);
    g_ptr_array_set_size(victim->path, 1); /* a later link may bring good pages again */
    autofd int link_fd = -1;
    g_autoptr(GPtrArray) sums = open_link(victim, full, &link_fd, error);
    if (sums == NULL)
        return FALSE;
    uint64_t page = g_ascii_strtoull(backup_param(full, "page_size"), NULL, 10);
    page = page > 0 && page <= MOST_PAGE ? page : USUAL_PAGE;
    g_autoptr(GArray) targets = find_targets(link_fd, sums);
    off_t spoiled = 0;
    for (guint i = 0; i < targets->len && spoiled < ENOUGH; i++) {
        const Target *target = &g_array_index(targets, Target, i);
        if (!spoil_stored(link_fd, page, target->line, error))
            return FALSE;
        spoiled += target->size;
    }
    sums_sort(sums);
    return refit(link_fd, full, sums, error);
}

/* ---- what each harm needs -------------------------------------------------------------------- */

static gboolean has_table(const Victim *victim, guint index)
{
    const Backup *link = link_at(victim, index);
    autofd int link_fd = -1;
    g_autoptr(GPtrArray) sums = open_link(victim, link, &link_fd, NULL);
    return sums != NULL && find_table(sums) != NULL;
}

typedef struct {
    const char *name;
    const char *harm;
    guint links;      /* so many the chain must have */
    ProofLevel level; /* the lowest that can notice */
    gboolean in_last; /* an InnoDB table of the user's own must be in the last link ... */
    gboolean in_full; /* ... or in the full */
    gboolean (*hurt)(Victim *victim, GError **error);
} Sabotage;

/* clang-format off */
static const Sabotage sabotages[] = {
    {"missing-link", "an incremental is gone", 2, PROOF_FILES, .hurt = drop_link},
    {"flipped-byte", "one byte of a stored file is another", 1, PROOF_FILES, .hurt = flip_stored},
    {"cut-file", "a stored file is cut in the middle", 1, PROOF_FILES, .hurt = cut_stored},
    {"swapped-links", "two incrementals have changed places", 3, PROOF_FILES, .hurt = swap_links},
    {"lost-table", "a table is gone, and every sum is right", 1, PROOF_PREPARE, .in_last = TRUE,
     .hurt = lose_table},
    {"spoiled-pages", "pages of the largest tables are damaged, and every sum is right", 1, PROOF_QUERIES,
     .in_full = TRUE, .hurt = spoil_tables},
};
/* clang-format on */

/* What this chain lacks for the harm, as a sentence to free; NULL: nothing. */
static char *lacks(const Victim *victim, const Sabotage *sabotage)
{
    guint links = victim->path->len;
    if (links < sabotage->links)
        return g_strdup_printf("it needs a chain of %u links, and this one has %u", sabotage->links,
                               links);
    if (victim->spec->level < sabotage->level)
        return g_strdup_printf("only the level %s can notice it",
                               proof_level_word(sabotage->level));
    if ((sabotage->in_last && !has_table(victim, links - 1)) ||
        (sabotage->in_full && !has_table(victim, 0)))
        return g_strdup("it needs an InnoDB table with a file of its own");
    return NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static gboolean prove(const Victim *victim, SabotageResult *result, GError **error)
{
    ProofSpec spec = *victim->spec;
    g_autofree char *directory = g_build_filename(place_path(victim->place), "proof", NULL);
    spec.shelf = victim->shelf;
    spec.path = victim->path;
    spec.base = BASE_FRESH;
    spec.directory = directory;
    spec.rota = NULL;
    spec.tick = NULL;
    g_auto(ProofResult) proof = {0};
    g_autoptr(GError) failure = NULL;
    if (proof_run(&spec, &proof, &failure)) {
        result->told = g_strdup("the proof passed");
        return TRUE;
    }
    if (proof.failed == NULL) {
        g_propagate_prefixed_error(error, g_steal_pointer(&failure), "%s: ", result->name);
        return FALSE;
    }
    result->noticed = TRUE;
    result->noticed_at = proof.failed_level;
    result->told = error_sentence(failure);
    return TRUE;
}

/* Every link as it was, for the next harm. */
static gboolean heal(Victim *victim, GError **error)
{
    for (guint i = 0; i < victim->spec->path->len; i++) {
        if (victim->harmed[i] && !copy_link(victim, victim->spec->path->pdata[i], error))
            return FALSE;
        victim->harmed[i] = FALSE;
    }
    return TRUE;
}

static gboolean try_one(Victim *victim, const Sabotage *sabotage, SabotageResult *result,
                        GError **error)
{
    result->name = sabotage->name;
    result->harm = sabotage->harm;
    know_links(victim);
    result->told = lacks(victim, sabotage);
    if (result->told != NULL)
        return TRUE;
    result->tried = TRUE;
    log_detail("sabotage: %s", sabotage->harm);
    if (!sabotage->hurt(victim, error)) {
        g_prefix_error(error, "cannot do the sabotage %s: ", sabotage->name);
        return FALSE;
    }
    return prove(victim, result, error) && heal(victim, error);
}

GPtrArray *sabotage_run(const ProofSpec *spec, GError **error)
{
    g_auto(Victim) victim = {0};
    if (!make_victim(spec, &victim, error))
        return NULL;
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(free_result);
    for (size_t i = 0; i < G_N_ELEMENTS(sabotages); i++) {
        SabotageResult *result = g_new0(SabotageResult, 1);
        g_ptr_array_add(results, result);
        if (!cancel_check(error) || !try_one(&victim, &sabotages[i], result, error))
            return NULL;
    }
    return g_steal_pointer(&results);
}
