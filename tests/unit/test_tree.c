/* SPDX-License-Identifier: MIT */
#include "catalog/tree.h"

#include "catalog/checked.h"
#include "repo/sums.h"
#include "sample.h"

static char *root;
static Shelf *shelf;
static char *id;

static void set_up(void)
{
    root = sample_directory();
    shelf = sample_shelf(root);
    id = backup_make_id(SAMPLE_SUNDAY, BACKUP_FULL);
}

static void tear_down(void)
{
    g_free(id);
    shelf_free(shelf);
    sample_remove(root);
}

TestSuite(tree, .init = set_up, .fini = tear_down);

static char *facts_path(void)
{
    return g_build_filename("backups", id, FACTS_NAME, NULL);
}

static char *marks_path(void)
{
    return g_strconcat("marks/", id, ".ini", NULL);
}

/* A full with its facts in the tree. */
static Backup *store(void)
{
    Backup *backup = sample_backup(SAMPLE_SUNDAY, NULL);
    g_autofree char *name = shelf_backup(id);
    cr_assert(files_make_dirs(shelf->fd, name, 0750, NULL));
    autofd int fd = files_open_dir(shelf->fd, name, NULL);
    cr_assert(tree_write_facts(fd, backup, NULL));
    return backup;
}

static Backup *read_well(void)
{
    g_autoptr(GError) error = NULL;
    Backup *backup = tree_read(shelf, id, &error);
    cr_assert_not_null(backup, "%s", error != NULL ? error->message : "");
    return backup;
}

static void expect_unreadable(Status status, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Backup) backup = tree_read(shelf, id, &error);
    cr_expect_null(backup);
    sample_expect_error(error, status, part);
}

static void expect_same_fields(const Backup *a, const Backup *b, const Field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *left = field_text(&fields[i], a);
        g_autofree char *right = field_text(&fields[i], b);
        cr_expect(g_str_equal(left, right), "%s is '%s', was '%s'", fields[i].key, right, left);
    }
}

Test(tree, gives_back_facts_and_marks_as_they_were_written)
{
    g_autoptr(Backup) backup = store();
    backup_quarantine(backup, "timeline", "it was put back", SAMPLE_SUNDAY + 9);
    backup->pinned = TRUE;
    backup->bytes_new = 77;
    cr_assert(tree_write_marks(shelf, backup, NULL));
    g_autoptr(Backup) read = read_well();
    expect_same_fields(backup, read, backup_facts, backup_facts_count);
    expect_same_fields(backup, read, backup_marks, backup_marks_count);
}

Test(tree, has_all_marks_as_they_start_where_none_are_written)
{
    backup_free(store());
    g_autoptr(Backup) read = read_well();
    cr_expect(read->state == STATE_COMPLETE && read->proof == PROOF_NONE && !read->pinned);
    cr_expect(read->files_at == 0);
    cr_expect_str_eq(read->rule, "");
}

Test(tree, lets_nobody_write_facts_and_the_owner_marks)
{
    (void)umask(0);
    g_autoptr(Backup) backup = store();
    cr_assert(tree_write_marks(shelf, backup, NULL));
    g_autofree char *facts = facts_path();
    g_autofree char *marks = marks_path();
    cr_expect((sample_stat(shelf->path, facts).st_mode & 07777) == 0440);
    cr_expect((sample_stat(shelf->path, marks).st_mode & 07777) == 0640);
}

Test(tree, changes_marks_as_often_as_it_likes_and_removes_them)
{
    g_autoptr(Backup) backup = store();
    for (int level = PROOF_FILES; level <= PROOF_QUERIES; level++) {
        backup->proof = (ProofLevel)level;
        cr_assert(tree_write_marks(shelf, backup, NULL));
        g_autoptr(Backup) read = read_well();
        cr_expect(read->proof == backup->proof);
    }
    cr_expect(tree_remove_marks(shelf, id, NULL));
    g_autoptr(Backup) read = read_well();
    cr_expect(read->proof == PROOF_NONE);
    cr_expect(tree_remove_marks(shelf, id, NULL), "what is gone is gone");
}

Test(tree, keeps_keys_it_does_not_know_in_their_file)
{
    g_autoptr(Backup) backup = store();
    backup_add_extra(backup->extra_facts, "param_innodb_page_size", "16384");
    backup_add_extra(backup->extra_facts, "pinned", "a fact of another version");
    backup_add_extra(backup->extra_marks, "type", "a mark of another version");
    backup_add_extra(backup->extra_marks, "tape", "LTO; 7");
    g_autofree char *name = shelf_backup(id);
    autofd int fd = files_open_dir(shelf->fd, name, NULL);
    cr_assert(tree_write_facts(fd, backup, NULL) && tree_write_marks(shelf, backup, NULL));
    g_autoptr(Backup) read = read_well();
    cr_expect_str_eq(backup_param(read, "innodb_page_size"), "16384");
    cr_expect_str_eq(backup_param(read, "innodb_data_file_path"), "");
    cr_expect(read->extra_facts->len == 2 && read->extra_marks->len == 2);
    cr_expect(read->type == BACKUP_FULL && !read->pinned);
}

static void expect_every_bit_noticed(const char *path)
{
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(shelf->path, path, text);
    for (size_t i = 0; i < text->len; i++) {
        g_autoptr(GError) error = NULL;
        int bit = (int)i % 7;
        text->str[i] = (char)(text->str[i] ^ (1 << bit));
        sample_write(shelf->path, path, text->str);
        g_autoptr(Backup) read = tree_read(shelf, id, &error);
        cr_assert(read == NULL, "bit %d of byte %zu of %s", bit, i, path);
        cr_assert(error_status(error) == STATUS_CATALOG, "%s", error->message);
        text->str[i] = (char)(text->str[i] ^ (1 << bit));
    }
    sample_write(shelf->path, path, text->str);
    backup_free(read_well());
}

Test(tree, notices_a_flipped_bit_in_every_byte)
{
    g_autoptr(Backup) backup = store();
    cr_assert(tree_write_marks(shelf, backup, NULL));
    g_autofree char *facts = facts_path();
    g_autofree char *marks = marks_path();
    expect_every_bit_noticed(facts);
    expect_every_bit_noticed(marks);
}

static void put(const char *path, const char *section, const char *body)
{
    g_autoptr(GString) text = checked_wrap(section, g_string_new(body));
    sample_write(shelf->path, path, text->str);
}

Test(tree, refuses_marks_that_make_no_sense)
{
    static const struct {
        const char *section;
        const char *body;
        const char *said;
    } cases[] = {
        {"marks", "format = 2\nproof = files\n", "use a newer lsnchain"},
        {"marks", "format = x\n", "format"},
        {"marks", "proof = files\n", "format"},
        {"facts", "format = 1\nproof = files\n", "[marks]"},
        {"marks", "format = 1\nproof = perfect\n", "proof"},
        {"marks", "format = 1\nproof_at = noon\n", "proof_at"},
        {"marks", "format = 1\n[facts]\nstate = complete\n", "facts"},
    };
    backup_free(store());
    g_autofree char *marks = marks_path();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        put(marks, cases[i].section, cases[i].body);
        expect_unreadable(STATUS_CATALOG, cases[i].said);
    }
    put(marks, "marks", "format = 1\ntape = 7\nproof = files\n");
    g_autoptr(Backup) read = read_well();
    cr_expect(read->proof == PROOF_FILES);
    cr_expect(read->extra_marks->len == 1 && read->extra_facts->len == 0);
}

Test(tree, refuses_facts_of_another_backup)
{
    backup_free(store());
    g_autofree char *there = shelf_backup(id);
    g_autofree char *late = backup_make_id(SAMPLE_SUNDAY + 1, BACKUP_FULL);
    g_autofree char *here = shelf_backup(late);
    cr_assert(renameat(shelf->fd, there, shelf->fd, here) == 0);
    g_autoptr(GError) error = NULL;
    cr_expect_null(tree_read(shelf, late, &error));
    sample_expect_error(error, STATUS_CATALOG, late);
}

Test(tree, says_whether_a_backup_is_gone_or_only_its_facts)
{
    expect_unreadable(STATUS_VERIFY, id);
    backup_free(store());
    g_autofree char *facts = facts_path();
    cr_assert(unlinkat(shelf->fd, facts, 0) == 0);
    expect_unreadable(STATUS_CATALOG, FACTS_NAME);
}

Test(tree, follows_no_link_to_a_backup_elsewhere)
{
    backup_free(store());
    g_autofree char *name = shelf_backup(id);
    cr_assert(renameat(shelf->fd, name, shelf->fd, "elsewhere") == 0);
    cr_assert(symlinkat("../elsewhere", shelf->fd, name) == 0);
    expect_unreadable(STATUS_VERIFY, id);
}
