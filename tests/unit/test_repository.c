/* SPDX-License-Identifier: MIT */
#include "repo/repository.h"

#include "sample.h"

#define OTHER_UUID "11111111-2222-4333-8444-555555555555"

static char *root;
static char *path;
static char *state;

static void set_up(void)
{
    root = sample_directory();
    path = g_build_filename(root, "repo", NULL);
    state = g_build_filename(root, "state", NULL);
}

static void tear_down(void)
{
    g_free(path);
    g_free(state);
    sample_remove(root);
}

TestSuite(repository, .init = set_up, .fini = tear_down);

static void put_marker(const char *uuid)
{
    g_autofree char *text = g_strdup_printf(
        "[repository]\nformat = 1\nuuid = %s\ncreated = 2026-11-22T02:00:00Z\n", uuid);
    sample_write(path, "lsnchain.repo", text);
}

static void put_remembered(const char *uuid)
{
    g_autofree char *text = g_strconcat(uuid, "\n", NULL);
    sample_write(state, "repository", text);
}

static char *remembered(void)
{
    if (!sample_exists(state, "repository"))
        return g_strdup("");
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(state, "repository", text);
    return g_strdup(g_strstrip(text->str));
}

static Repository *init_well(gboolean accept, InitOutcome wanted)
{
    InitOutcome outcome = INIT_UNCHANGED;
    g_autoptr(GError) error = NULL;
    Repository *repository = repository_init(path, state, accept, &outcome, &error);
    cr_assert_not_null(repository, "%s", error != NULL ? error->message : "");
    cr_expect(outcome == wanted, "outcome %d, not %d", outcome, wanted);
    return repository;
}

static void expect_init_refused(gboolean accept, Status status, const char *part)
{
    InitOutcome outcome = INIT_UNCHANGED;
    g_autoptr(GError) error = NULL;
    cr_expect_null(repository_init(path, state, accept, &outcome, &error));
    sample_expect_error(error, status, part);
}

static void expect_open_refused(Status status, const char *part)
{
    g_autoptr(GError) error = NULL;
    cr_expect_null(repository_open(path, &error));
    sample_expect_error(error, status, part);
}

Test(repository, is_created_remembered_and_then_left_alone)
{
    g_autoptr(Repository) made = init_well(FALSE, INIT_CREATED);
    cr_expect(g_uuid_string_is_valid(made->uuid));
    cr_expect(made->created > SAMPLE_SUNDAY - 3650 * (int64_t)SAMPLE_DAY);
    cr_expect(made->owner == geteuid());
    g_autofree char *known = remembered();
    cr_expect_str_eq(known, made->uuid);
    cr_expect((sample_stat(root, "state").st_mode & 07777) == 0700);

    struct stat before = sample_stat(path, "lsnchain.repo");
    for (int accept = 0; accept < 2; accept++) {
        g_autoptr(Repository) again = init_well(accept, INIT_UNCHANGED);
        cr_expect_str_eq(again->uuid, made->uuid);
    }
    cr_expect(sample_stat(path, "lsnchain.repo").st_ino == before.st_ino);
}

typedef enum { NONE, ONE, OTHER } Which;

/* All of marker x remembered x --accept. */
Test(repository, answers_every_combination_of_marker_and_memory)
{
    static const char *const uuids[] = {NULL, "00000000-1111-4222-8333-444444444444", OTHER_UUID};
    static const struct {
        Which marker;
        Which memory;
        gboolean accept;
        int outcome; /* -1: refused */
    } cases[] = {
        {NONE, NONE, FALSE, INIT_CREATED},
        {NONE, NONE, TRUE, INIT_CREATED},
        {NONE, ONE, FALSE, -1},
        {NONE, ONE, TRUE, -1},
        {ONE, NONE, FALSE, INIT_REMEMBERED},
        {ONE, NONE, TRUE, INIT_REMEMBERED},
        {ONE, ONE, FALSE, INIT_UNCHANGED},
        {ONE, ONE, TRUE, INIT_UNCHANGED},
        {ONE, OTHER, FALSE, -1},
        {ONE, OTHER, TRUE, INIT_ACCEPTED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        cr_assert(files_remove_tree(AT_FDCWD, path, NULL) &&
                  files_remove_tree(AT_FDCWD, state, NULL));
        if (cases[i].marker != NONE)
            put_marker(uuids[cases[i].marker]);
        if (cases[i].memory != NONE)
            put_remembered(uuids[cases[i].memory]);
        g_autofree char *before = remembered();
        InitOutcome outcome = INIT_UNCHANGED;
        g_autoptr(GError) error = NULL;
        g_autoptr(Repository) repository =
            repository_init(path, state, cases[i].accept, &outcome, &error);
        g_autofree char *after = remembered();
        if (cases[i].outcome < 0) {
            cr_expect_null(repository, "case %zu was taken", i);
            sample_expect_error(error, STATUS_REFUSED, path);
            cr_expect_str_eq(after, before);
            cr_expect(cases[i].marker != NONE || !sample_exists(path, "lsnchain.repo"));
            continue;
        }
        cr_assert_not_null(repository, "case %zu: %s", i, error != NULL ? error->message : "");
        cr_expect((int)outcome == cases[i].outcome, "case %zu: outcome %d", i, outcome);
        cr_expect_str_eq(after, repository->uuid);
        cr_expect(repository_check_remembered(repository, state, NULL));
        cr_expect(cases[i].marker == NONE || g_str_equal(repository->uuid, uuids[cases[i].marker]));
    }
}

Test(repository, is_written_only_when_it_is_the_one_remembered)
{
    put_marker(OTHER_UUID);
    g_autoptr(Repository) repository = repository_open(path, NULL);
    cr_assert_not_null(repository);
    g_autoptr(GError) unknown = NULL;
    cr_expect_not(repository_check_remembered(repository, state, &unknown));
    sample_expect_error(unknown, STATUS_REFUSED, "hint: run: lsnchain init");

    put_remembered("00000000-1111-4222-8333-444444444444");
    g_autoptr(GError) wrong = NULL;
    cr_expect_not(repository_check_remembered(repository, state, &wrong));
    sample_expect_error(wrong, STATUS_REFUSED, OTHER_UUID);
    sample_expect_error(wrong, STATUS_REFUSED, "00000000-1111-4222-8333-444444444444");
    sample_expect_error(wrong, STATUS_REFUSED, "--accept");

    put_remembered("");
    cr_expect_not(repository_check_remembered(repository, state, NULL), "an empty memory fits all");
    put_remembered(OTHER_UUID);
    cr_expect(repository_check_remembered(repository, state, NULL));
}

Test(repository, is_not_there_without_its_marker)
{
    expect_open_refused(STATUS_REFUSED, path);
    cr_assert(mkdir(path, 0750) == 0);
    expect_open_refused(STATUS_REFUSED, "is the disk mounted?");
    cr_expect_not(sample_exists(path, "lock"), "something was written");
}

Test(repository, is_not_made_of_a_directory_with_other_things)
{
    sample_write(path, "holiday.jpg", "x");
    expect_init_refused(FALSE, STATUS_REFUSED, "holiday.jpg");
    expect_init_refused(TRUE, STATUS_REFUSED, "holiday.jpg");
    cr_expect_not(sample_exists(path, "lsnchain.repo"));
    cr_expect_not(sample_exists(state, "repository"));
}

Test(repository, is_made_on_a_fresh_disk_and_after_a_killed_init)
{
    sample_write(path, "lost+found/x", "");
    sample_write(path, ".lsnchain.repo.new", "[repo");
    repository_free(init_well(FALSE, INIT_CREATED));
    cr_expect_not(sample_exists(path, ".lsnchain.repo.new"));
}

static gboolean init(void *data)
{
    (void)data;
    InitOutcome outcome = INIT_UNCHANGED;
    g_autoptr(Repository) repository = repository_init(path, state, FALSE, &outcome, NULL);
    return repository != NULL;
}

Test(repository, needs_no_hand_after_a_death_while_it_was_made)
{
    static const char *const points[] = {"replace.written:1", "replace.renamed:1",
                                         "replace.written:2", "replace.renamed:2"};
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
        cr_assert(files_remove_tree(AT_FDCWD, path, NULL) &&
                  files_remove_tree(AT_FDCWD, state, NULL));
        sample_die_at(points[i], init, NULL);
        cr_expect(init(NULL), "after %s", points[i]);
        g_autoptr(Repository) repository = repository_open(path, NULL);
        cr_assert_not_null(repository);
        cr_expect(repository_check_remembered(repository, state, NULL), "after %s", points[i]);
    }
}

Test(repository, refuses_a_damaged_marker_and_one_of_a_newer_program)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        {"", "damaged"},
        {"[repository]\nformat = 1\n", "damaged"},
        {"[repository]\nuuid = " OTHER_UUID "\n", "damaged"},
        {"[repository]\nformat = 1\nuuid = me\n", "damaged"},
        {"[repository]\nformat = 0\nuuid = " OTHER_UUID "\n", "format"},
        {"[repository]\nformat = 2\nuuid = " OTHER_UUID "\n", "use a newer lsnchain"},
        {"[repository]\nformat = 1\nuuid = " OTHER_UUID "\ncreated = then\n", "created"},
        {"uuid = " OTHER_UUID "\n", "lsnchain.repo"},
        {"[repository]\nformat = 1\nuuid = " OTHER_UUID "\nuuid = " OTHER_UUID "\n", "twice"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        sample_write(path, "lsnchain.repo", cases[i].text);
        expect_open_refused(STATUS_CATALOG, cases[i].said);
        expect_init_refused(TRUE, STATUS_CATALOG, cases[i].said);
        cr_expect_not(sample_exists(state, "repository"), "case %zu is remembered", i);
    }
}

Test(repository, takes_keys_that_a_later_version_adds)
{
    sample_write(path, "lsnchain.repo",
                 "[repository]\nformat = 1\nuuid = " OTHER_UUID "\nsite = cellar\n");
    g_autoptr(Repository) repository = repository_open(path, NULL);
    cr_assert_not_null(repository);
    cr_expect_str_eq(repository->uuid, OTHER_UUID);
}

Test(repository, is_not_written_by_anybody_but_its_owner)
{
    if (geteuid() != 0)
        cr_skip_test("only root can give a file away");
    put_marker(OTHER_UUID);
    g_autofree char *marker = g_build_filename(path, "lsnchain.repo", NULL);
    cr_assert(chown(marker, 65534, 65534) == 0);
    g_autoptr(Repository) repository = repository_open(path, NULL);
    cr_assert_not_null(repository, "who reads need not own it");
    g_autoptr(GError) error = NULL;
    cr_expect_not(repository_check_owner(repository, &error));
    sample_expect_error(error, STATUS_REFUSED, "sudo -u nobody");
    expect_init_refused(FALSE, STATUS_REFUSED, "sudo -u nobody");
    cr_expect_not(sample_exists(state, "repository"), "a foreign one is remembered");

    cr_assert(chown(marker, 4242, 4242) == 0);
    g_autoptr(Repository) nameless = repository_open(path, NULL);
    g_autoptr(GError) unnamed = NULL;
    cr_expect_not(repository_check_owner(nameless, &unnamed));
    sample_expect_error(unnamed, STATUS_REFUSED, "sudo -u '#4242'");
}

Test(repository, may_be_reached_by_a_link_but_its_marker_is_none)
{
    put_marker(OTHER_UUID);
    g_autofree char *real = g_build_filename(root, "real", NULL);
    cr_assert(rename(path, real) == 0 && symlink("real", path) == 0);
    g_autoptr(Repository) repository = repository_open(path, NULL);
    cr_expect_not_null(repository, "many mount a disk elsewhere and link to it");

    g_autofree char *marker = g_build_filename(path, "lsnchain.repo", NULL);
    g_autofree char *kept = g_build_filename(root, "kept", NULL);
    cr_assert(rename(marker, kept) == 0 && symlink("../nowhere", marker) == 0);
    expect_open_refused(STATUS_CATALOG, "lsnchain.repo");
    expect_init_refused(FALSE, STATUS_REFUSED, "not empty");
}

Test(repository, has_a_place_for_an_instance_only_where_init_made_one)
{
    repository_free(init_well(FALSE, INIT_CREATED));
    g_autoptr(GError) error = NULL;
    cr_expect_null(shelf_open(path, "shop", &error));
    sample_expect_error(error, STATUS_REFUSED, "shop");
    gboolean created = FALSE;
    cr_assert(shelf_init(path, "shop", &created, NULL));
    cr_expect(created);
    cr_assert(shelf_init(path, "shop", &created, NULL));
    cr_expect_not(created);
    static const char *const below[] = {"backups", "marks", ".incoming", ".trash", "locks"};
    g_autoptr(Shelf) shelf = shelf_open(path, "shop", NULL);
    cr_assert_not_null(shelf);
    for (size_t i = 0; i < G_N_ELEMENTS(below); i++)
        cr_expect(S_ISDIR(sample_stat(shelf->path, below[i]).st_mode));
    g_autoptr(GPtrArray) names = shelf_instances(path, NULL);
    cr_assert(names != NULL && names->len == 1);
    cr_expect_str_eq(names->pdata[0], "shop");
}

Test(repository, lists_only_what_can_be_a_backup)
{
    cr_assert(mkdir(path, 0750) == 0);
    g_autoptr(Shelf) shelf = sample_shelf(path);
    static const char *const names[] = {"20261123T020000Z-incr",  "20261122T020000Z-full",
                                        "20261122T020000Z-fulls", "20261122T020000Z",
                                        "20261122T020000Z-full~", "20261131T020000Z-full",
                                        "20261122T020000-full",   "lost+found",
                                        "20261122T020000Z--full"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = shelf_backup(names[i]);
        cr_assert(mkdirat(shelf->fd, name, 0750) == 0);
    }
    g_autoptr(GPtrArray) ids = shelf_ids(shelf, "backups", NULL);
    cr_assert(ids != NULL && ids->len == 2, "%u ids", ids->len);
    cr_expect_str_eq(ids->pdata[0], "20261122T020000Z-full");
    cr_expect_str_eq(ids->pdata[1], "20261123T020000Z-incr");
}
