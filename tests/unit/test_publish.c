/* SPDX-License-Identifier: MIT */
#include "repo/publish.h"

#include "base/log.h"
#include "base/proc.h"
#include "repo/contents.h"
#include "repo/sums.h"
#include "sample.h"

#include <errno.h>
#include <sys/syscall.h>

static char *root;
static Shelf *shelf;
static char *rsync;

enum { NAMES = 12 };

static dev_t bad_device; /* its disk did not take all that was written; 0: all did */

int syncfs(int fd)
{
    struct stat status;
    if (bad_device == 0 || fstat(fd, &status) < 0 || status.st_dev != bad_device)
        return (int)syscall(SYS_syncfs, fd);
    errno = EIO;
    return -1;
}

static void set_up(void)
{
    root = sample_directory();
    shelf = sample_shelf(root);
    rsync = proc_find("rsync", NULL);
    cr_assert_not_null(rsync);
    log_show(LOG_ERROR);
}

static void tear_down(void)
{
    g_free(rsync);
    shelf_free(shelf);
    sample_remove(root);
}

TestSuite(publish, .init = set_up, .fini = tear_down, .timeout = 60);

static char *day_id(int day)
{
    return backup_make_id(SAMPLE_SUNDAY + day * SAMPLE_DAY, BACKUP_FULL);
}

static char *capture_path(const char *id)
{
    return g_build_filename(root, ".scratch", id, NULL);
}

static void put(GPtrArray *sums, const char *capture, const char *name, const char *text)
{
    uint8_t sum[DIGEST_BYTES];
    g_autofree char *hex = digest_text(text, strlen(text));
    cr_assert(digest_from_hex(hex, sum));
    sample_write(capture, name, text);
    sums_add(sums, name, sum);
}

static char *table_name(int i)
{
    return g_strdup_printf("data/shop/t%02d.ibd.lz4", i);
}

/* A capture as the engine leaves it: every file new, with a time of now and a fraction of it. */
static void capture_at(const char *path, int day, const char *changed)
{
    g_autofree char *id = day_id(day);
    g_autoptr(GPtrArray) sums = sums_new();
    for (int i = 0; i < NAMES; i++) {
        g_autofree char *name = table_name(i);
        g_autofree char *text = g_strdup_printf("table %d %s", i, i == 0 ? changed : "as ever");
        put(sums, path, name, text);
    }
    g_autofree char *facts = g_strdup_printf("facts of %s", id);
    put(sums, path, "tables.tsv", changed);
    sample_write(path, FACTS_NAME, facts);
    sums_sort(sums);
    g_autoptr(GString) text = sums_text(sums);
    sample_write(path, SUMS_NAME, text->str);
}

static char *capture(int day, const char *changed)
{
    g_autofree char *id = day_id(day);
    char *path = capture_path(id);
    capture_at(path, day, changed);
    return path;
}

static gboolean publish_from(const char *path, int day, const char *const *against,
                             Published *published, GError **error)
{
    g_autofree char *id = day_id(day);
    const PublishSpec spec = {shelf, id, path, against, rsync};
    return publish_tree(&spec, published, error) && publish_flush(shelf, error) &&
           publish_commit(shelf, id, error);
}

static gboolean publish_day(int day, const char *const *against, Published *published,
                            GError **error)
{
    g_autofree char *id = day_id(day);
    g_autofree char *path = capture_path(id);
    return publish_from(path, day, against, published, error);
}

/* Publishes a capture of that day against the days given, ended by -1, and forgets the capture. */
static Published publish(int day, const char *changed, const int *days)
{
    g_autoptr(GPtrArray) against = g_ptr_array_new_with_free_func(g_free);
    for (; *days >= 0; days++)
        g_ptr_array_add(against, day_id(*days));
    g_ptr_array_add(against, NULL);
    g_autofree char *path = capture(day, changed);
    g_autoptr(GError) error = NULL;
    Published published;
    cr_assert(publish_day(day, (const char *const *)against->pdata, &published, &error), "%s",
              error != NULL ? error->message : "");
    cr_assert(files_remove_tree(AT_FDCWD, path, NULL));
    return published;
}

static struct stat stored(int day, const char *name)
{
    g_autofree char *id = day_id(day);
    g_autofree char *path = g_build_filename("backups", id, name, NULL);
    return sample_stat(shelf->path, path);
}

static void expect_whole(int day)
{
    g_autofree char *id = day_id(day);
    g_autoptr(GError) error = NULL;
    autofd int fd = shelf_open_backup(shelf, id, &error);
    g_autoptr(GPtrArray) sums = fd >= 0 ? sums_read(fd, id, "", &error) : NULL;
    cr_assert_not_null(sums, "%s", error != NULL ? error->message : "");
    const Contents contents = {.fd = fd, .id = id, .sums = sums, .read = CONTENTS_ALL};
    cr_expect(contents_check(&contents, &error), "%s", error != NULL ? error->message : "");
}

static const int nothing[] = {-1};

/* A capture of that day on another file system. */
static char *capture_elsewhere(int day)
{
    char *path = g_strdup("/dev/shm/lsnchain-XXXXXX");
    cr_assert_not_null(g_mkdtemp(path), "the test needs /dev/shm");
    capture_at(path, day, "first");
    return path;
}

Test(publish, takes_from_another_file_system_nothing_that_its_disk_did_not_take)
{
    static const char *const against[] = {NULL};
    g_autofree char *path = capture_elsewhere(0);
    struct stat elsewhere = sample_stat(path, "");
    struct stat here = sample_stat(root, "");
    cr_assert(elsewhere.st_dev != here.st_dev, "the test needs two file systems");
    Published published;
    g_autoptr(GError) error = NULL;
    bad_device = elsewhere.st_dev;
    cr_assert_not(publish_from(path, 0, against, &published, &error));
    cr_expect_eq(error_status(error), STATUS_STORAGE);
    cr_expect_not_null(strstr(error->message, path), "%s", error->message);
    g_clear_error(&error);

    bad_device = 0;
    cr_assert(publish_from(path, 0, against, &published, &error), "%s", error->message);
    cr_expect_eq(published.linked, 0);
    expect_whole(0);
    cr_assert(files_remove_tree(AT_FDCWD, path, NULL));
}

Test(publish, stores_the_first_backup_as_it_was_captured)
{
    Published published = publish(0, "first", nothing);
    cr_expect(published.files == NAMES + 1);
    cr_expect(published.linked == 0 && published.planned == 0);
    cr_expect(published.bytes_new > 0);
    expect_whole(0);
}

Test(publish, links_all_but_what_has_changed)
{
    Published first = publish(0, "first", nothing);
    Published second = publish(1, "other", (const int[]){0, -1});
    cr_expect(second.files == NAMES + 1);
    cr_expect(second.planned == NAMES - 1 && second.linked == NAMES - 1, "%u of %u linked",
              (unsigned)second.linked, (unsigned)second.planned);
    cr_expect(second.bytes_new == strlen("table 0 other"), "only what is sealed counts");
    cr_expect(second.bytes_new < first.bytes_new);
    expect_whole(0);
    expect_whole(1);
    for (int i = 0; i < NAMES; i++) {
        g_autofree char *name = table_name(i);
        gboolean same = stored(0, name).st_ino == stored(1, name).st_ino;
        cr_expect(same == (i > 0), "%s", name);
        cr_expect(stored(1, name).st_nlink == (i > 0 ? 2u : 1u), "%s", name);
    }
    cr_expect(log_warnings()->len == 0);
}

Test(publish, links_to_whichever_of_several_has_the_content)
{
    publish(0, "first", nothing);
    publish(1, "other", nothing);
    Published third = publish(2, "first", (const int[]){1, 0, -1});
    cr_expect(third.planned == NAMES + 1 && third.linked == NAMES + 1);
    cr_expect(third.bytes_new == 0);
    cr_expect(stored(2, "tables.tsv").st_ino == stored(0, "tables.tsv").st_ino);
    g_autofree char *name = table_name(5);
    cr_expect(stored(2, name).st_ino == stored(1, name).st_ino, "the best comes first");
    expect_whole(2);
}

Test(publish, links_along_a_chain_of_days)
{
    publish(0, "a", nothing);
    for (int day = 1; day < 5; day++) {
        Published published = publish(day, "a", (const int[]){day - 1, -1});
        cr_expect(published.linked == NAMES + 1 && published.bytes_new == 0, "day %d", day);
    }
    cr_expect(stored(4, "tables.tsv").st_nlink == 5);
}

Test(publish, gives_each_content_one_time_in_whole_seconds)
{
    publish(0, "first", nothing);
    publish(1, "other", (const int[]){0, -1});
    g_autofree char *changed = table_name(0);
    g_autofree char *kept = table_name(1);
    struct stat times[] = {stored(0, changed), stored(1, changed),   stored(0, kept),
                           stored(1, kept),    stored(1, SUMS_NAME), stored(1, FACTS_NAME)};
    static const int days[] = {0, 1, 0, 0, 1, 1};
    for (size_t i = 0; i < G_N_ELEMENTS(days); i++) {
        cr_expect(times[i].st_mtim.tv_sec == SAMPLE_SUNDAY + days[i] * SAMPLE_DAY, "file %zu", i);
        cr_expect(times[i].st_mtim.tv_nsec == 0, "file %zu has a fraction", i);
    }
}

Test(publish, links_to_a_file_whose_time_has_a_fraction)
{
    publish(0, "first", nothing);
    g_autofree char *id = day_id(0);
    for (int i = 0; i < NAMES; i++) {
        g_autofree char *name = table_name(i);
        g_autofree char *path = g_build_filename(shelf->path, "backups", id, name, NULL);
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT},
                                         {.tv_sec = SAMPLE_SUNDAY, .tv_nsec = 123456789}};
        cr_assert(utimensat(AT_FDCWD, path, times, 0) == 0);
    }
    Published second = publish(1, "first", (const int[]){0, -1});
    cr_expect(second.linked == NAMES + 1, "%u linked", (unsigned)second.linked);
}

static gboolean expect_mode(int root_fd, const char *name, const struct stat *status, void *data,
                            GError **error)
{
    (void)root_fd, (void)data, (void)error;
    mode_t wanted = S_ISDIR(status->st_mode) ? 0550 : 0440;
    cr_expect((status->st_mode & 07777) == wanted, "%s is %o", name, status->st_mode & 07777);
    cr_expect(status->st_uid == geteuid(), "%s has another owner", name);
    return TRUE;
}

Test(publish, lets_nobody_write_below_a_backup)
{
    publish(0, "first", nothing);
    publish(1, "other", (const int[]){0, -1});
    cr_expect(files_walk(shelf->fd, "backups/20261122T020000Z-full", expect_mode, NULL, NULL));
    cr_expect(files_walk(shelf->fd, "backups/20261123T020000Z-full", expect_mode, NULL, NULL));
    cr_expect((stored(1, ".").st_mode & 07777) == 0550);
}

Test(publish, stores_anew_what_hangs_on_a_backup_that_cannot_be_read)
{
    publish(0, "first", nothing);
    cr_assert(files_remove_tree(shelf->fd, "backups/20261122T020000Z-full/" SUMS_NAME, NULL));
    Published second = publish(1, "first", (const int[]){0, 5, -1});
    cr_expect(second.planned == 0 && second.linked == 0);
    cr_expect(log_warnings()->len == 2, "%u warnings", log_warnings()->len);
    cr_expect(stored(1, "tables.tsv").st_nlink == 1);
    expect_whole(1);
}

/* A file of day 0 that differs from day 1's, and has its size and the time day 1's will get. */
static void set_trap(const char *name)
{
    g_autofree char *id = day_id(0);
    g_autofree char *path = g_build_filename(shelf->path, "backups", id, name, NULL);
    const struct timespec times[] = {{.tv_nsec = UTIME_OMIT},
                                     {.tv_sec = SAMPLE_SUNDAY + SAMPLE_DAY}};
    cr_assert(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static void expect_trap_found(const char *name)
{
    static const char *const against[] = {"20261122T020000Z-full", NULL};
    publish(0, "first", nothing);
    set_trap(name);
    g_free(capture(1, "other"));
    g_autoptr(GError) error = NULL;
    Published published;
    cr_expect_not(publish_day(1, against, &published, &error), "%s of another day was linked",
                  name);
    sample_expect_error(error, STATUS_STORAGE, name);
    cr_expect_not(sample_exists(shelf->path, "backups/20261123T020000Z-full"));
    expect_whole(0);
}

Test(publish, refuses_a_link_to_another_content_of_the_same_size_and_time)
{
    expect_trap_found("data/shop/t00.ibd.lz4");
}

Test(publish, refuses_such_a_link_of_the_sums_too)
{
    expect_trap_found(SUMS_NAME);
}

Test(publish, refuses_such_a_link_of_the_facts_too)
{
    expect_trap_found(FACTS_NAME);
}

Test(publish, refuses_such_a_link_where_the_inode_has_more_names)
{
    static const char *const against[] = {"20261122T020000Z-full", NULL};
    publish(0, "first", nothing);
    g_autofree char *spare = g_build_filename(root, "spare", NULL);
    g_autofree char *file =
        g_build_filename(shelf->path, "backups/20261122T020000Z-full/data/shop/t00.ibd.lz4", NULL);
    cr_assert(link(file, spare) == 0);
    set_trap("data/shop/t00.ibd.lz4");
    g_free(capture(1, "other"));
    g_autoptr(GError) error = NULL;
    Published published;
    cr_expect_not(publish_day(1, against, &published, &error));
    sample_expect_error(error, STATUS_STORAGE, "data/shop/t00.ibd.lz4");
}

Test(publish, stores_again_what_it_could_not_link_and_says_so)
{
    static const char *const against[] = {"20261122T020000Z-full", NULL};
    publish(0, "first", nothing);
    if (geteuid() != 0)
        cr_skip_test("only root can give a file away");
    g_autofree char *file =
        g_build_filename(shelf->path, "backups/20261122T020000Z-full/data/shop/t03.ibd.lz4", NULL);
    cr_assert(chown(file, 65534, 65534) == 0); /* rsync links only what has the final owner */
    g_free(capture(1, "first"));
    g_autoptr(GError) error = NULL;
    Published published;
    cr_assert(publish_day(1, against, &published, &error), "%s",
              error != NULL ? error->message : "");
    cr_expect(published.planned == NAMES + 1 && published.linked == NAMES);
    cr_expect(published.bytes_new == strlen("table 3 as ever"));
    cr_expect(log_warnings()->len == 1);
    expect_whole(1);
}

Test(publish, refuses_what_is_neither_file_nor_directory)
{
    g_autofree char *path = capture(0, "first");
    g_autofree char *name = g_build_filename(path, "data/link", NULL);
    cr_assert(symlink("shop/t00.ibd.lz4", name) == 0);
    g_autoptr(GError) error = NULL;
    Published published;
    cr_expect_not(publish_day(0, (const char *const[]){NULL}, &published, &error));
    sample_expect_error(error, STATUS_STORAGE, "data/link");
}

Test(publish, never_replaces_a_backup)
{
    publish(0, "first", nothing);
    ino_t before = stored(0, "tables.tsv").st_ino;
    g_free(capture(0, "other"));
    g_autoptr(GError) error = NULL;
    Published published;
    cr_expect_not(publish_day(0, (const char *const[]){NULL}, &published, &error));
    sample_expect_error(error, STATUS_STORAGE, "20261122T020000Z-full");
    cr_expect(stored(0, "tables.tsv").st_ino == before);
    expect_whole(0);
}

/* A stand-in for rsync that says nothing good. */
static void use_rsync(const char *script)
{
    sample_write(root, "rsync", script);
    g_free(rsync);
    rsync = g_build_filename(root, "rsync", NULL);
    cr_assert(chmod(rsync, 0755) == 0);
}

Test(publish, believes_no_rsync_that_fails_or_says_nothing)
{
    static const struct {
        const char *script;
        Status status;
        const char *said;
    } cases[] = {
        {"#!/bin/sh\necho 'no space left' >&2\nexit 11\n", STATUS_STORAGE, "no space left"},
        {"#!/bin/sh\nexit 23\n", STATUS_STORAGE, "it said nothing"},
        {"#!/bin/sh\nexit 12\n", STATUS_TRANSFER, "exit status 12"},
        {"#!/bin/sh\nkill -KILL $$\n", STATUS_TRANSFER, "SIGKILL"},
        {"#!/bin/sh\nexit 0\n", STATUS_STORAGE, "20261122T020000Z-full"},
        {"#!/bin/sh\nfor to; do :; done\nmkdir -p \"$to\"\n", STATUS_STORAGE, "is not there"},
        {"#!/bin/sh\nfor to; do :; done\ncp -r --preserve=mode,timestamps "
         "\"${to%/.incoming*}/../.scratch/20261122T020000Z-full\" "
         "\"$to\" && rm -f \"$to/tables.tsv\"\n",
         STATUS_STORAGE, "tables.tsv"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = capture(0, "first");
        use_rsync(cases[i].script);
        g_autoptr(GError) error = NULL;
        Published published;
        cr_expect_not(publish_day(0, (const char *const[]){NULL}, &published, &error), "case %zu",
                      i);
        sample_expect_error(error, cases[i].status, cases[i].said);
        cr_expect_not(sample_exists(shelf->path, "backups/20261122T020000Z-full"));
        cr_assert(files_remove_tree(AT_FDCWD, path, NULL));
    }
}

static gboolean publish_second(void *data)
{
    static const char *const against[] = {"20261122T020000Z-full", NULL};
    (void)data;
    Published published;
    return publish_day(1, against, &published, NULL);
}

Test(publish, needs_no_hand_after_a_death_before_its_commit)
{
    static const char *const points[] = {"publish.aligned", "publish.copied", "publish.synced"};
    publish(0, "first", nothing);
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
        g_autofree char *path = capture(1, "other");
        sample_die_at(points[i], publish_second, NULL);
        cr_expect_not(sample_exists(shelf->path, "backups/20261123T020000Z-full"), "%s", points[i]);
        cr_expect(publish_second(NULL), "after %s", points[i]);
        expect_whole(0);
        expect_whole(1);
        cr_expect(stored(1, "data/shop/t07.ibd.lz4").st_ino ==
                  stored(0, "data/shop/t07.ibd.lz4").st_ino);
        cr_assert(files_remove_tree(AT_FDCWD, path, NULL));
        cr_assert(files_remove_tree(shelf->fd, "backups/20261123T020000Z-full", NULL));
    }
}

Test(publish, exists_from_the_rename_on)
{
    publish(0, "first", nothing);
    g_free(capture(1, "other"));
    sample_die_at("publish.renamed", publish_second, NULL);
    expect_whole(1);
    cr_expect_not(sample_exists(shelf->path, ".incoming/20261123T020000Z-full"));
}
