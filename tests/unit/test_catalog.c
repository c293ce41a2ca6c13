/* SPDX-License-Identifier: MIT */
#include "catalog/catalog.h"

#include "catalog/checked.h"
#include "sample.h"

static char *root;
static Shelf *shelf;

static void set_up(void)
{
    root = sample_directory();
    shelf = sample_shelf(root);
}

static void tear_down(void)
{
    shelf_free(shelf);
    sample_remove(root);
}

TestSuite(catalog, .init = set_up, .fini = tear_down, .timeout = 120);

static Catalog *parse(const GString *text)
{
    g_autoptr(GError) error = NULL;
    Catalog *catalog = catalog_parse(text, "catalog.ini", &error);
    cr_assert_not_null(catalog, "%s", error != NULL ? error->message : "");
    return catalog;
}

static Catalog *read_well(char **damage)
{
    g_autoptr(GError) error = NULL;
    Catalog *catalog = catalog_read(shelf, damage, &error);
    cr_assert_not_null(catalog, "%s", error != NULL ? error->message : "");
    return catalog;
}

static void expect_unreadable(const char *part)
{
    g_autofree char *damage = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Catalog) catalog = catalog_read(shelf, &damage, &error);
    cr_expect_null(catalog);
    sample_expect_error(error, STATUS_CATALOG, part);
    cr_expect_not_null(strstr(error->message, "hint: "), "no hint: %s", error->message);
}

/* A small catalog: a full and its incremental. */
static Catalog *small_catalog(void)
{
    Catalog *catalog = catalog_new("shop");
    catalog->generation = 118;
    Backup *full = sample_backup(SAMPLE_SUNDAY, NULL);
    catalog_add(catalog, full);
    catalog_add(catalog, sample_backup(SAMPLE_SUNDAY + SAMPLE_DAY, full));
    return catalog;
}

static void put(const char *name, const GString *text)
{
    sample_write(shelf->path, name, text->str);
}

static void put_both(const Catalog *catalog)
{
    g_autoptr(GString) text = catalog_text(catalog);
    put("catalog.ini", text);
    put("catalog.ini.copy", text);
}

/* The text with `from` replaced by `to` and a checksum that is right again. */
static GString *with(const GString *text, const char *from, const char *to)
{
    g_autoptr(GString) body = g_string_new(strstr(text->str, "\nformat") + 1);
    cr_assert(g_string_replace(body, from, to, 1) == 1, "no %s", from);
    return checked_wrap("catalog", g_steal_pointer(&body));
}

/* ---- text ------------------------------------------------------------------------------------ */

static void draw_fields(GRand *random, Backup *backup, const Field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *at = (char *)backup + fields[i].at;
        if (fields[i].type == FIELD_TEXT) {
            g_autofree char *text = sample_hostile(random);
            backup_set_text(at, text);
        } else if (fields[i].type == FIELD_NUMBER) {
            *(uint64_t *)at = ((uint64_t)g_rand_int(random) << 32) | g_rand_int(random);
        } else if (fields[i].type == FIELD_TIME) {
            *(int64_t *)at = g_rand_int(random);
        } else {
            *(int *)at = g_rand_int_range(random, 0, 2);
        }
    }
}

static void draw_extras(GRand *random, GPtrArray *extras, const char *prefix)
{
    for (int left = g_rand_int_range(random, 0, 4); left > 0; left--) {
        g_autofree char *key = g_strdup_printf("%s%d", prefix, left);
        g_autofree char *text = sample_hostile(random);
        backup_add_extra(extras, key, text);
    }
}

static Backup *draw_backup(GRand *random, int64_t time, const Backup *parent)
{
    g_autoptr(Backup) plain = sample_backup(time, parent);
    Backup *backup = backup_copy(plain);
    draw_fields(random, backup, backup_facts, backup_facts_count);
    draw_fields(random, backup, backup_marks, backup_marks_count);
    backup->type = plain->type;
    backup_set_text(&backup->chain, plain->chain);
    backup_set_text(&backup->parent, plain->parent);
    backup_set_text(&backup->sums, plain->sums);
    draw_extras(random, backup->extra_facts, "param_");
    draw_extras(random, backup->extra_marks, "mark_of_tomorrow_");
    return backup;
}

static Catalog *draw_catalog(GRand *random)
{
    Catalog *catalog = catalog_new("shop");
    catalog->generation = g_rand_int(random);
    draw_extras(random, catalog->extras, "head_of_tomorrow_");
    const Backup *last = NULL;
    for (int left = g_rand_int_range(random, 0, 12); left > 0; left--) {
        const Backup *parent = g_rand_boolean(random) ? last : NULL;
        Backup *backup = draw_backup(random, SAMPLE_SUNDAY - left * SAMPLE_DAY, parent);
        catalog_add(catalog, backup);
        last = backup;
    }
    return catalog;
}

Test(catalog, gives_the_same_bytes_again_whatever_stands_in_it)
{
    for (guint32 seed = 1; seed <= 300; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(Catalog) drawn = draw_catalog(random);
        g_autoptr(GString) text = catalog_text(drawn);
        g_autoptr(GError) error = NULL;
        g_autoptr(Catalog) read = catalog_parse(text, "catalog.ini", &error);
        cr_assert_not_null(read, "seed %u: %s", seed, error != NULL ? error->message : "");
        g_autoptr(GString) again = catalog_text(read);
        cr_assert(g_string_equal(text, again), "seed %u:\n%s\n%s", seed, text->str, again->str);
        cr_assert(read->generation == drawn->generation);
        cr_assert(read->backups->len == drawn->backups->len);
    }
}

Test(catalog, keeps_every_number_and_time_as_it_was)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(42);
    for (int round = 0; round < 50; round++) {
        g_autoptr(Catalog) catalog = catalog_new("shop");
        Backup *drawn = draw_backup(random, SAMPLE_SUNDAY, NULL);
        drawn->to_lsn = G_MAXUINT64;
        drawn->proof = PROOF_QUERIES;
        drawn->pinned = TRUE;
        catalog_add(catalog, drawn);
        g_autoptr(GString) text = catalog_text(catalog);
        g_autoptr(Catalog) read = parse(text);
        const Backup *found = catalog_find(read, drawn->id);
        cr_assert_not_null(found);
        cr_expect(found->to_lsn == G_MAXUINT64 && found->binlog_pos == drawn->binlog_pos);
        cr_expect(found->started == drawn->started && found->files_at == drawn->files_at);
        cr_expect(found->proof == PROOF_QUERIES && found->pinned);
        cr_expect(found->state == drawn->state && found->bytes_new == drawn->bytes_new);
    }
}

Test(catalog, is_sorted_whatever_the_order_of_adding)
{
    g_autoptr(Catalog) catalog = catalog_new("shop");
    static const int days[] = {3, 0, 2, 4, 1};
    for (size_t i = 0; i < G_N_ELEMENTS(days); i++)
        catalog_add(catalog, sample_backup(SAMPLE_SUNDAY + days[i] * SAMPLE_DAY, NULL));
    for (int day = 0; day < 5; day++) {
        const Backup *backup = catalog->backups->pdata[day];
        cr_expect(backup->started == SAMPLE_SUNDAY + day * SAMPLE_DAY);
        cr_expect(catalog_find(catalog, backup->id) == backup);
    }
    cr_expect_null(catalog_find(catalog, "20261122T020000Z-incr"));
}

Test(catalog, notices_every_flipped_bit)
{
    g_autoptr(Catalog) catalog = small_catalog();
    g_autoptr(GString) text = catalog_text(catalog);
    for (size_t i = 0; i < text->len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            g_autoptr(GError) error = NULL;
            text->str[i] = (char)(text->str[i] ^ (1 << bit));
            g_autoptr(Catalog) read = catalog_parse(text, "catalog.ini", &error);
            cr_assert(read == NULL, "bit %d of byte %zu", bit, i);
            cr_assert(error_status(error) == STATUS_CATALOG, "%s", error->message);
            text->str[i] = (char)(text->str[i] ^ (1 << bit));
        }
    }
    g_autoptr(Catalog) sound = parse(text);
    cr_expect(sound->backups->len == 2);
}

Test(catalog, notices_every_cut_and_what_was_added)
{
    g_autoptr(Catalog) catalog = small_catalog();
    g_autoptr(GString) text = catalog_text(catalog);
    for (size_t length = 0; length < text->len; length++) {
        g_autoptr(GString) cut = g_string_new_len(text->str, (gssize)length);
        g_autoptr(Catalog) read = catalog_parse(cut, "catalog.ini", NULL);
        cr_assert_null(read, "cut to %zu bytes", length);
    }
    g_string_append_c(text, '\n');
    cr_expect_null(catalog_parse(text, "catalog.ini", NULL));
}

Test(catalog, keeps_keys_it_does_not_know_in_their_place)
{
    g_autoptr(Catalog) catalog = small_catalog();
    g_autoptr(GString) text = catalog_text(catalog);
    g_autoptr(GString) fact = with(text, "full_reason = \n", "full_reason = \nmoon = full\n");
    g_autoptr(GString) mark = with(fact, "pinned = no\n", "pinned = no\ntape = LTO \"7\"; a\n");
    g_autoptr(GString) head = with(mark, "instance = shop\n", "instance = shop\nsite = Köln\n");
    g_autoptr(Catalog) read = parse(head);
    const Backup *full = read->backups->pdata[0];
    cr_expect(full->extra_facts->len == 1 && full->extra_marks->len == 1);
    cr_expect(read->extras->len == 1);
    g_autoptr(GString) again = catalog_text(read);
    cr_expect_str_eq(again->str, head->str);
}

/* A newer version may know a fact that is called as a mark of ours, and the other way. */
Test(catalog, keeps_unknown_keys_that_are_called_as_something_else)
{
    static const char *const facts[] = {"state", "pinned", "id",     "proven",     "note",
                                        "moon",  "facts.", "marks.", "facts.type", "param_note"};
    static const char *const marks[] = {"type", "sums", "id",         "restorable",
                                        "note", "moon", "facts.type", "param_note"};
    g_autoptr(Catalog) catalog = small_catalog();
    Backup *full = catalog->backups->pdata[0];
    for (size_t i = 0; i < G_N_ELEMENTS(facts); i++)
        backup_add_extra(full->extra_facts, facts[i], "of a fact");
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
        backup_add_extra(full->extra_marks, marks[i], "of a mark");
    g_autoptr(GString) text = catalog_text(catalog);
    g_autoptr(Catalog) read = parse(text);
    const Backup *again = read->backups->pdata[0];
    cr_assert(again->extra_facts->len == G_N_ELEMENTS(facts));
    cr_assert(again->extra_marks->len == G_N_ELEMENTS(marks));
    for (size_t i = 0; i < G_N_ELEMENTS(facts); i++) {
        const BackupExtra *extra = again->extra_facts->pdata[i];
        cr_expect_str_eq(extra->key, facts[i]);
        cr_expect_str_eq(extra->value, "of a fact");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
        const BackupExtra *extra = again->extra_marks->pdata[i];
        cr_expect_str_eq(extra->key, marks[i]);
        cr_expect_str_eq(extra->value, "of a mark");
    }
    cr_expect_str_eq(backup_param(again, "note"), "of a fact");
    cr_expect(again->state == full->state && again->type == BACKUP_FULL && !again->pinned);
    g_autoptr(GString) same = catalog_text(read);
    cr_expect_str_eq(same->str, text->str);
}

Test(catalog, refuses_what_contradicts_itself_although_its_sum_is_right)
{
    static const struct {
        const char *from;
        const char *to;
        const char *said;
    } cases[] = {
        {"format = 1", "format = 2", "use a newer lsnchain"},
        {"format = 1", "format = 4294967296", "not a format"},
        {"format = 1", "format = 0", "not a format"},
        {"format = 1\n", "", "format"},
        {"generation = 118", "generation = -1", "generation"},
        {"generation = 118", "generation = 18446744073709551616", "generation"},
        {"generation = 118\n", "", "generation"},
        {"[backup 20261123T020000Z-incr]",
         "[backup 20261123T020000Z-incr]\n[backup 20261122T020000Z-full]\nmoon = full\n"
         "[backup 20261123T020000Z-incr]",
         "20261122T020000Z-full"},
        {"[backup 20261122T020000Z-full]", "[backup yesterday]", "not a backup id"},
        {"[backup 20261122T020000Z-full]", "[backup 20261122T020000Z-incr]", "full"},
        {"[backup 20261122T020000Z-full]", "[backup 20261131T020000Z-full]", "not a backup id"},
        {"[backup 20261122T020000Z-full]", "[chain 20261122T020000Z-full]", "no section"},
        {"type = full", "type = differential", "type"},
        {"type = full\n", "type = full\ntype = full\n", "type"},
        {"type = full\n", "type = full\nfacts.type = full\n", "type is no unknown key"},
        {"pinned = no\n", "pinned = no\nmarks.pinned = yes\n", "pinned is no unknown key"},
        {"from_lsn = 0", "from_lsn = 0x10", "from_lsn"},
        {"to_lsn = 100", "to_lsn = 1e3", "to_lsn"},
        {"to_lsn = 100", "to_lsn = ", "to_lsn"},
        {"started = 2026-11-22T02:00:00Z", "started = yesterday", "started"},
        {"chain = 20261122T020000Z-full", "chain = 20261115T020000Z-full", "of its own"},
        {"parent = \n", "parent = 20261115T020000Z-full\n", "of its own"},
        {"parent = 20261122T020000Z-full", "parent = ", "no earlier parent"},
        {"parent = 20261122T020000Z-full", "parent = 20261123T020000Z-incr", "no earlier parent"},
        {"state = complete", "state = fine", "state"},
        {"pinned = no", "pinned = maybe", "pinned"},
        {"sums = aaaa", "sums = AAAA", "SHA256SUMS"},
        {"sums = aaaa", "sums = aaa", "SHA256SUMS"},
    };
    g_autoptr(Catalog) catalog = small_catalog();
    g_autoptr(GString) text = catalog_text(catalog);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) changed = with(text, cases[i].from, cases[i].to);
        g_autoptr(Catalog) read = catalog_parse(changed, "catalog.ini", &error);
        cr_expect(read == NULL, "%s was taken", cases[i].to);
        if (read == NULL)
            sample_expect_error(error, STATUS_CATALOG, cases[i].said);
    }
}

Test(catalog, names_file_and_line_of_what_makes_no_sense)
{
    g_autoptr(Catalog) catalog = small_catalog();
    g_autoptr(GString) text = catalog_text(catalog);
    g_autoptr(GString) changed = with(text, "from_lsn = 0", "from_lsn = x");
    g_autoptr(GError) error = NULL;
    cr_expect_null(catalog_parse(changed, "/srv/shop/catalog.ini", &error));
    sample_expect_error(error, STATUS_CATALOG, "/srv/shop/catalog.ini:11: ");
}

/* ---- files ----------------------------------------------------------------------------------- */

Test(catalog, is_empty_before_the_first_backup)
{
    g_autofree char *damage = NULL;
    g_autoptr(Catalog) catalog = read_well(&damage);
    cr_expect(catalog->generation == 0 && catalog->backups->len == 0);
    cr_expect_str_eq(catalog->instance, "shop");
    cr_expect_null(damage);
}

Test(catalog, is_damaged_when_it_is_gone_and_backups_are_there)
{
    g_autofree char *path = g_build_filename(shelf->path, "backups", "20261122T020000Z-full", NULL);
    cr_assert(mkdir(path, 0750) == 0);
    expect_unreadable("there are 1 backups");
    expect_unreadable("catalog rebuild");
}

Test(catalog, uses_the_sound_one_of_two_and_says_what_is_wrong_with_the_other)
{
    static const char *const names[] = {"catalog.ini", "catalog.ini.copy"};
    g_autoptr(Catalog) catalog = small_catalog();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        put_both(catalog);
        g_autoptr(GString) text = catalog_text(catalog);
        text->str[text->len / 2] ^= 4;
        put(names[i], text);
        g_autofree char *damage = NULL;
        g_autoptr(Catalog) read = read_well(&damage);
        cr_expect(read->generation == 118 && read->backups->len == 2);
        cr_assert_not_null(damage, "nothing is said of %s", names[i]);
        g_autofree char *where = g_strconcat(names[i], ":2: ", NULL);
        cr_expect_not_null(strstr(damage, where), "'%s' names no %s", damage, where);
    }
}

Test(catalog, uses_the_one_that_is_there_and_says_that_the_other_is_gone)
{
    static const char *const names[] = {"catalog.ini", "catalog.ini.copy"};
    g_autoptr(Catalog) catalog = small_catalog();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        put_both(catalog);
        cr_assert(unlinkat(shelf->fd, names[i], 0) == 0);
        g_autofree char *damage = NULL;
        g_autoptr(Catalog) read = read_well(&damage);
        cr_expect(read->backups->len == 2);
        cr_assert_not_null(damage, "nothing is said of %s", names[i]);
        cr_expect_not_null(strstr(damage, names[i]));
    }
}

Test(catalog, is_damaged_when_both_files_are)
{
    g_autoptr(Catalog) catalog = small_catalog();
    put_both(catalog);
    sample_write(shelf->path, "catalog.ini", "");
    sample_write(shelf->path, "catalog.ini.copy", "[catalog]\n");
    expect_unreadable("catalog.ini:1: ");
    expect_unreadable("catalog.ini.copy:1: ");
    expect_unreadable("catalog rebuild");
}

Test(catalog, takes_the_higher_generation_of_two_sound_ones)
{
    g_autoptr(Catalog) catalog = small_catalog();
    static const uint64_t pairs[][2] = {{7, 8}, {8, 7}, {9, 10}, {10, 9}};
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        catalog->generation = pairs[i][0];
        g_autoptr(GString) first = catalog_text(catalog);
        catalog->generation = pairs[i][1];
        g_autoptr(GString) copy = catalog_text(catalog);
        put("catalog.ini", first);
        put("catalog.ini.copy", copy);
        g_autofree char *damage = NULL;
        g_autoptr(Catalog) read = read_well(&damage);
        cr_expect(read->generation == MAX(pairs[i][0], pairs[i][1]));
        cr_expect_null(damage);
    }
}

Test(catalog, is_not_that_of_another_instance)
{
    g_autoptr(Catalog) catalog = small_catalog();
    g_free(catalog->instance);
    catalog->instance = g_strdup("bank");
    put_both(catalog);
    expect_unreadable("instance bank");
}

Test(catalog, is_no_directory_and_no_pipe)
{
    cr_assert(mkdirat(shelf->fd, "catalog.ini", 0750) == 0);
    cr_assert(mkfifoat(shelf->fd, "catalog.ini.copy", 0640) == 0);
    expect_unreadable("not a regular file");
}

/* ---- change ---------------------------------------------------------------------------------- */

static gboolean add_one(Catalog *catalog, void *data, GError **error)
{
    (void)error;
    catalog_add(catalog, sample_backup(*(const int64_t *)data, NULL));
    return TRUE;
}

static gboolean add_backup(void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Catalog) catalog = catalog_change(shelf, "test", add_one, data, &error);
    return catalog != NULL;
}

static void expect_both_alike(void)
{
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) copy = g_string_new(NULL);
    sample_read(shelf->path, "catalog.ini", first);
    sample_read(shelf->path, "catalog.ini.copy", copy);
    cr_expect(g_string_equal(first, copy), "the copy is another one");
}

Test(catalog, writes_both_files_and_one_generation_more)
{
    int64_t time = SAMPLE_SUNDAY;
    for (uint64_t generation = 1; generation <= 3; generation++, time += SAMPLE_DAY) {
        g_autoptr(Catalog) changed = catalog_change(shelf, "test", add_one, &time, NULL);
        cr_assert_not_null(changed);
        cr_expect(changed->generation == generation && changed->backups->len == generation);
        g_autofree char *damage = NULL;
        g_autoptr(Catalog) read = read_well(&damage);
        cr_expect(read->generation == generation && read->backups->len == generation);
        cr_expect_null(damage);
        expect_both_alike();
    }
}

static gboolean refuse(Catalog *catalog, void *data, GError **error)
{
    g_ptr_array_set_size(catalog->backups, 0);
    (void)data;
    return fail(error, STATUS_CHAIN, "no");
}

Test(catalog, stays_as_it_is_when_the_change_is_refused)
{
    int64_t time = SAMPLE_SUNDAY;
    cr_assert(add_backup(&time));
    g_autoptr(GError) error = NULL;
    cr_expect_null(catalog_change(shelf, "test", refuse, NULL, &error));
    sample_expect_error(error, STATUS_CHAIN, "no");
    g_autoptr(Catalog) read = read_well(NULL);
    cr_expect(read->generation == 1 && read->backups->len == 1);
}

Test(catalog, mends_a_damaged_file_with_the_next_change)
{
    int64_t time = SAMPLE_SUNDAY;
    cr_assert(add_backup(&time));
    sample_write(shelf->path, "catalog.ini", "nonsense");
    time += SAMPLE_DAY;
    cr_assert(add_backup(&time));
    g_autofree char *damage = NULL;
    g_autoptr(Catalog) read = read_well(&damage);
    cr_expect(read->generation == 2 && read->backups->len == 2);
    cr_expect_null(damage);
    expect_both_alike();
}

enum { CHANGES = 40 };

static pid_t start_changer(int64_t time)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    for (int i = 0; i < CHANGES; i++, time += SAMPLE_DAY) {
        if (!add_backup(&time))
            _exit(1);
    }
    _exit(0);
}

Test(catalog, loses_no_update_of_two_processes_at_once)
{
    pid_t pids[] = {start_changer(SAMPLE_SUNDAY), start_changer(SAMPLE_SUNDAY + 3600)};
    for (size_t i = 0; i < G_N_ELEMENTS(pids); i++) {
        int status = 0;
        cr_assert(waitpid(pids[i], &status, 0) == pids[i]);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a change failed");
    }
    g_autoptr(Catalog) read = read_well(NULL);
    cr_expect(read->generation == 2 * CHANGES, "generation %u", (unsigned)read->generation);
    cr_expect(read->backups->len == 2 * CHANGES, "%u backups", read->backups->len);
}

Test(catalog, is_read_whole_and_without_complaint_after_a_death_at_any_point)
{
    static const struct {
        const char *point;
        uint64_t more; /* generations that the dead one had finished */
    } cases[] = {
        {"catalog.edited", 0},   {"replace.written:1", 0}, {"replace.renamed:1", 1},
        {"catalog.replaced", 1}, {"replace.written:2", 1}, {"replace.renamed:2", 1},
    };
    int64_t time = SAMPLE_SUNDAY;
    for (int first = 0; first < 2; first++) { /* the first change of all has no copy to fall on */
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
            if (first == 0) {
                (void)unlinkat(shelf->fd, "catalog.ini", 0);
                (void)unlinkat(shelf->fd, "catalog.ini.copy", 0);
            }
            g_autoptr(Catalog) before = read_well(NULL);
            time += SAMPLE_DAY;
            sample_die_at(cases[i].point, add_backup, &time);
            g_autofree char *damage = NULL;
            g_autoptr(Catalog) after = read_well(&damage);
            cr_expect(after->generation == before->generation + cases[i].more, "%s: generation %u",
                      cases[i].point, (unsigned)after->generation);
            cr_expect_null(damage, "%s: %s", cases[i].point, damage);

            time += SAMPLE_DAY;
            cr_expect(add_backup(&time), "%s: the next run needs a hand", cases[i].point);
            g_autoptr(Catalog) next = read_well(NULL);
            cr_expect(next->generation == after->generation + 1);
            cr_expect(next->backups->len == after->backups->len + 1);
            expect_both_alike();
        }
    }
}

Test(catalog, sweeps_what_killed_runs_were_writing_and_nothing_else)
{
    sample_write(shelf->path, "marks/.20261122T020000Z-full.ini.new", "half");
    sample_write(shelf->path, "marks/20261122T020000Z-full.ini", "whole");
    sample_write(shelf->path, ".catalog.ini.copy.new", "half");
    g_autoptr(GError) error = NULL;
    cr_expect(catalog_sweep(shelf, "test", &error), "%s", error != NULL ? error->message : "");
    cr_expect_not(sample_exists(shelf->path, "marks/.20261122T020000Z-full.ini.new"));
    cr_expect_not(sample_exists(shelf->path, ".catalog.ini.copy.new"));
    cr_expect(sample_exists(shelf->path, "marks/20261122T020000Z-full.ini"));
    cr_expect(sample_exists(shelf->path, ".incoming"));
}
