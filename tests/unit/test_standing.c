/* SPDX-License-Identifier: MIT */
#include "proof/standing.h"

#include "base/digest.h"
#include "catalog/checked.h"
#include "sample.h"

static const Engine engine = {.name = (char[]){"mariadb-backup"},
                              .version = (char[]){"10.11.19-MariaDB"}};
static const Engine newer = {.name = (char[]){"mariadb-backup"},
                             .version = (char[]){"10.11.20-MariaDB"}};

static char *root;
static int root_fd;
static GPtrArray *week; /* a full and three incrementals */

static void set_up(void)
{
    root = sample_directory();
    root_fd = files_open_dir(AT_FDCWD, root, NULL);
    cr_assert(root_fd >= 0);
    week = sample_backups();
    const Backup *parent = NULL;
    for (int day = 0; day < 4; day++) {
        Backup *link = sample_add(week, SAMPLE_SUNDAY + day * SAMPLE_DAY, parent);
        g_autofree char *sums = g_strnfill(DIGEST_HEX, (char)('a' + day));
        backup_set_text(&link->sums, sums);
        parent = link;
    }
}

static void tear_down(void)
{
    g_ptr_array_unref(week);
    (void)close(root_fd);
    sample_remove(root);
}

TestSuite(standing, .init = set_up, .fini = tear_down, .timeout = 60);

static Standing *stand(guint count)
{
    g_autofree char *touched = g_strnfill(DIGEST_HEX, '0');
    return standing_new(&engine, week, count, "", touched);
}

static gboolean believed(const char *text, size_t length)
{
    g_autoptr(GString) copy = g_string_new_len(text, (gssize)length);
    g_autoptr(GError) error = NULL;
    g_autoptr(Standing) standing = standing_parse(copy, &error);
    cr_assert((standing == NULL) == (error != NULL));
    cr_assert(error == NULL || error_status(error) == STATUS_CATALOG);
    return standing != NULL;
}

static void expect_same(const Standing *a, const Standing *b)
{
    g_autoptr(GString) text_a = standing_text(a);
    g_autoptr(GString) text_b = standing_text(b);
    cr_expect_str_eq(text_a->str, text_b->str);
}

Test(standing, is_read_back_as_it_was_written)
{
    g_autoptr(Standing) three = stand(3);
    cr_assert(standing_write(root_fd, three, NULL));
    g_autoptr(Standing) read = standing_read(root_fd, NULL);
    cr_assert_not_null(read);
    expect_same(read, three);
    cr_expect(standing_holds(read, week) == 3);
    cr_expect(standing_is_of(read, &engine));
    cr_expect_not(standing_is_of(read, &newer));

    g_autoptr(Standing) half = standing_new(&engine, week, 2, "20261124T020000Z-incr", "");
    cr_assert(standing_write(root_fd, half, NULL));
    g_autoptr(Standing) again = standing_read(root_fd, NULL);
    cr_assert_not_null(again);
    cr_expect_str_eq(again->half, "20261124T020000Z-incr");
}

Test(standing, that_is_not_there_is_no_error)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Standing) none = standing_read(root_fd, &error);
    cr_expect_null(none);
    cr_expect_null(error);
}

Test(standing, is_not_believed_when_its_text_was_cut_anywhere)
{
    g_autoptr(Standing) standing = stand(4);
    g_autoptr(GString) text = standing_text(standing);
    cr_assert(believed(text->str, text->len));
    for (size_t length = 0; length < text->len; length++)
        cr_expect_not(believed(text->str, length), "cut after %zu bytes", length);
}

Test(standing, is_not_believed_when_a_letter_was_changed_added_or_lost)
{
    g_autoptr(Standing) standing = stand(4);
    g_autoptr(GString) text = standing_text(standing);
    for (size_t at = 0; at < text->len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            g_autoptr(GString) other = g_string_new_len(text->str, (gssize)text->len);
            other->str[at] = (char)(other->str[at] ^ (1 << bit));
            cr_expect_not(believed(other->str, other->len), "bit %d of byte %zu", bit, at);
        }
        g_autoptr(GString) more = g_string_new_len(text->str, (gssize)text->len);
        g_string_insert_c(more, (gssize)at, text->str[at]);
        cr_expect_not(believed(more->str, more->len), "byte %zu twice", at);
        g_string_erase(more, (gssize)at, 2);
        cr_expect_not(believed(more->str, more->len), "byte %zu lost", at);
    }
    g_string_append_c(text, '\n');
    cr_expect_not(believed(text->str, text->len), "a line more");
}

Test(standing, is_not_believed_when_it_says_less_or_other_things_under_a_good_checksum)
{
    static const char *const bodies[] = {
        "",
        "format = 1\nengine = e\nhalf = \n[links]\n",
        "format = 1\nengine = e\ntouched = \n[links]\n",
        "format = 1\nhalf = \ntouched = \n[links]\n",
        "engine = e\nhalf = \ntouched = \n[links]\n",
        "format = 2\nengine = e\nhalf = \ntouched = \n[links]\n",
        "format = x\nengine = e\nhalf = \ntouched = \n[links]\n",
        "format = 1\nengine = e\nhalf = \nhalf = \ntouched = \n[links]\n",
        "format = 1\nengine = e\nhalf = \ntouched = \nsurprise = 1\n[links]\n",
        "format = 1\nengine = e\nhalf = \ntouched = \n[others]\n",
        "format = 1\nengine = e\nhalf = \ntouched = \n[others]\na = b\n",
        "format = 1\nengine = e\nhalf = \ntouched = \n[links]\na = b\na = c\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        g_autoptr(GString) text = checked_wrap("rolling", g_string_new(bodies[i]));
        cr_expect_not(believed(text->str, text->len), "%s", bodies[i]);
    }
    g_autoptr(GString) text = checked_wrap(
        "rolling", g_string_new("format = 1\nengine = e\nhalf = \ntouched = \n[links]\n"));
    cr_expect(believed(text->str, text->len), "the one that is right");
}

Test(standing, holds_links_of_this_path_with_these_sums_only)
{
    for (guint count = 0; count <= week->len; count++) {
        g_autoptr(Standing) standing = stand(count);
        cr_expect(standing_holds(standing, week) == count, "%u links", count);
    }
    g_autoptr(GPtrArray) two = g_ptr_array_new();
    g_ptr_array_add(two, week->pdata[0]);
    g_ptr_array_add(two, week->pdata[1]);
    g_autoptr(Standing) three = stand(3);
    cr_expect(standing_holds(three, two) == 0, "it stands behind the end of the path");

    g_autoptr(GPtrArray) branch = g_ptr_array_new();
    g_ptr_array_add(branch, week->pdata[0]);
    g_ptr_array_add(branch, week->pdata[2]);
    g_ptr_array_add(branch, week->pdata[3]);
    g_autoptr(Standing) both = stand(2);
    cr_expect(standing_holds(both, branch) == 0, "another link came in between");

    Backup *second = week->pdata[1];
    g_autofree char *other = g_strnfill(DIGEST_HEX, 'f');
    backup_set_text(&second->sums, other);
    cr_expect(standing_holds(both, week) == 0, "the link was exchanged");

    g_autoptr(Standing) half = standing_new(&engine, week, 1, second->id, "");
    cr_expect(standing_holds(half, week) == 0, "a link was being applied");
}

/* ---- looking --------------------------------------------------------------------------------- */

static char *look(void)
{
    g_autoptr(GError) error = NULL;
    char *sum = standing_look(root_fd, "base", &error);
    cr_assert_not_null(sum, "%s", error != NULL ? error->message : "");
    return sum;
}

static void make_base(void)
{
    g_autofree char *base = g_build_filename(root, "base", NULL);
    (void)files_remove_tree(AT_FDCWD, base, NULL);
    sample_write(root, "base/ibdata1", "system");
    sample_write(root, "base/shop/orders.ibd", "orders");
    sample_write(root, "base/shop/orders.frm", "frm");
}

static void overwrite(const char *path)
{
    autofd int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && files_write(fd, "ORDERS", 6));
}

static void overwrite_and_hide(const char *path)
{
    struct stat before;
    cr_assert(stat(path, &before) == 0);
    overwrite(path);
    const struct timespec times[] = {before.st_atim, before.st_mtim};
    cr_assert(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static void exchange(const char *path)
{
    g_autofree char *away = g_strconcat(path, ".away", NULL);
    cr_assert(rename(path, away) == 0 && symlink(away, path) == 0);
}

static void let_all_write(const char *path)
{
    cr_assert(chmod(path, 0666) == 0);
}

static void lose(const char *path)
{
    cr_assert(unlink(path) == 0);
}

static void rename_it(const char *path)
{
    g_autofree char *other = g_strconcat(path, "x", NULL);
    cr_assert(rename(path, other) == 0);
}

static void add_beside(const char *path)
{
    g_autofree char *other = g_strconcat(path, ".more", NULL);
    autofd int fd = open(other, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
}

Test(standing, sees_that_a_file_of_the_base_was_touched_however_well_it_was_hidden)
{
    static const struct {
        const char *what;
        void (*harm)(const char *path);
    } cases[] = {
        {"other bytes", overwrite},
        {"other bytes, and the old time of writing", overwrite_and_hide},
        {"a link in its place", exchange},
        {"another mode", let_all_write},
        {"gone", lose},
        {"another name", rename_it},
        {"a file more", add_beside},
    };
    g_autofree char *path = g_build_filename(root, "base/shop/orders.ibd", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        make_base();
        g_autofree char *before = look();
        g_usleep(20000); /* the kernel's clock for files is a coarse one */
        cases[i].harm(path);
        g_autofree char *after = look();
        cr_expect_str_neq(before, after, "%s", cases[i].what);
    }
}

Test(standing, sees_that_the_base_is_another_directory)
{
    make_base();
    g_autofree char *before = look();
    g_autofree char *base = g_build_filename(root, "base", NULL);
    exchange(base);
    g_autofree char *after = look();
    cr_expect_str_neq(before, after);
}

Test(standing, is_not_disturbed_by_who_only_reads)
{
    make_base();
    g_autofree char *before = look();
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(root, "base/shop/orders.ibd", text);
    g_usleep(20000);
    g_autofree char *after = look();
    cr_expect_str_eq(before, after);
}
