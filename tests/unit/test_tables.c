/* SPDX-License-Identifier: MIT */
#include "flow/tables.h"

#include "engine/family.h"
#include "engine/tables.h"
#include "sample.h"
#include "seal/name.h"
#include "stream.h"

static const EngineFamily mariadb = {.table_has_frm = TRUE};
static const Engine engine = {.family = &mariadb};

typedef struct {
    Observed before;
    Observed after;
    SealedTree *tree;
    TestDir dir;
} Scene;

static GPtrArray *tables_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)server_table_free);
}

static void file_free(gpointer file)
{
    sealed_file_free(file);
}

static Scene scene_new(void)
{
    Scene scene = {0};
    scene.before.tables = tables_new();
    scene.after.tables = tables_new();
    scene.before.facts.params = g_ptr_array_new();
    scene.after.facts.params = g_ptr_array_new();
    scene.tree = g_new0(SealedTree, 1);
    scene.tree->files = g_ptr_array_new_with_free_func(file_free);
    scene.dir = enter_dir();
    return scene;
}

static void scene_clear(Scene *scene)
{
    observed_clear(&scene->before);
    observed_clear(&scene->after);
    sealed_tree_free(scene->tree);
    leave_dir(&scene->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

static void see(Observed *observed, const char *schema, const char *name, const char *kind)
{
    g_ptr_array_add(observed->tables, server_table_new(schema, name, "BASE TABLE", kind));
}

static void see_both(Scene *scene, const char *schema, const char *name, const char *kind)
{
    see(&scene->before, schema, name, kind);
    see(&scene->after, schema, name, kind);
}

static void add_file(Scene *scene, const char *name, uint64_t bytes)
{
    SealedFile *file = g_new0(SealedFile, 1);
    file->name = g_strconcat(NAME_DATA, name, NULL);
    file->plain_bytes = bytes;
    g_ptr_array_add(scene->tree->files, file);
}

static void expect_text(const Scene *scene, const char *wanted)
{
    g_autoptr(GString) text = tables_text(&scene->before, &scene->after, scene->tree);
    g_autofree char *whole = g_strconcat("schema\ttable\tengine\tsize\tseen\n", wanted, NULL);
    cr_expect_str_eq(text->str, whole);
}

static void expect_complete(const Scene *scene)
{
    g_autoptr(GError) error = NULL;
    cr_expect(tables_check_complete(&engine, &scene->before, &scene->after, scene->tree,
                                    scene->dir.fd, &error),
              "%s", error != NULL ? error->message : "");
}

static void expect_missing(const Scene *scene, const char *part)
{
    g_autoptr(GError) error = NULL;
    cr_expect_not(tables_check_complete(&engine, &scene->before, &scene->after, scene->tree,
                                        scene->dir.fd, &error));
    sample_expect_error(error, STATUS_ENGINE, part);
}

Test(tables, says_of_each_table_when_it_was_seen)
{
    g_auto(Scene) scene = scene_new();
    see(&scene.before, "a", "gone", "InnoDB");
    see(&scene.after, "a", "made", "InnoDB");
    see_both(&scene, "a", "stays", "InnoDB");
    see(&scene.before, "b", "gone", "Aria");
    see_both(&scene, "c", "stays", "MyISAM");
    see(&scene.after, "d", "made", "InnoDB");
    expect_text(&scene, "a\tgone\tInnoDB\tempty\tbefore\n"
                        "a\tmade\tInnoDB\tempty\tafter\n"
                        "a\tstays\tInnoDB\tempty\tboth\n"
                        "b\tgone\tAria\tempty\tbefore\n"
                        "c\tstays\tMyISAM\tempty\tboth\n"
                        "d\tmade\tInnoDB\tempty\tafter\n");
}

Test(tables, lists_a_table_that_got_another_engine_meanwhile_with_each_when_it_had_it)
{
    g_auto(Scene) scene = scene_new();
    see(&scene.before, "a", "turns", "MyISAM");
    see(&scene.after, "a", "turns", "InnoDB");
    expect_text(&scene, "a\tturns\tMyISAM\tempty\tbefore\n"
                        "a\tturns\tInnoDB\tempty\tafter\n");
}

Test(tables, goes_by_the_schema_first_and_then_by_the_name)
{
    g_auto(Scene) scene = scene_new();
    see(&scene.before, "a", "z", "InnoDB");
    see(&scene.after, "b", "a", "InnoDB");
    see_both(&scene, "c", "m", "InnoDB");
    expect_text(&scene, "a\tz\tInnoDB\tempty\tbefore\n"
                        "b\ta\tInnoDB\tempty\tafter\n"
                        "c\tm\tInnoDB\tempty\tboth\n");
}

Test(tables, writes_only_headings_where_there_is_no_table)
{
    g_auto(Scene) scene = scene_new();
    expect_text(&scene, "");
    expect_complete(&scene);
}

Test(tables, gives_a_table_the_class_of_all_its_files)
{
    static const struct {
        uint64_t bytes;
        const char *class;
    } cases[] = {
        {0, "empty"},        {1, "1M"},
        {1ULL << 20, "1M"},  {(1ULL << 20) + 1, "64M"},
        {1ULL << 26, "64M"}, {(1ULL << 26) + 1, "1G"},
        {1ULL << 30, "1G"},  {(1ULL << 30) + 1, "16G"},
        {1ULL << 34, "16G"}, {(1ULL << 34) + 1, "more"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Scene) scene = scene_new();
        see_both(&scene, "shop", "t", "InnoDB");
        add_file(&scene, "shop/t.frm", cases[i].bytes / 3);
        add_file(&scene, "shop/t#P#p0.ibd.lz4", cases[i].bytes - cases[i].bytes / 3);
        add_file(&scene, "shop/t2.ibd.lz4", 1ULL << 40);
        add_file(&scene, "ibdata1.lz4", 1ULL << 40);
        g_autofree char *wanted = g_strdup_printf("shop\tt\tInnoDB\t%s\tboth\n", cases[i].class);
        expect_text(&scene, wanted);
    }
}

Test(tables, escapes_what_would_break_a_line)
{
    g_auto(Scene) scene = scene_new();
    see_both(&scene, "a\tb", "c\nd", "InnoDB");
    see_both(&scene, "e\\", "größe", "InnoDB");
    g_ptr_array_add(scene.after.tables, server_table_new("v", "w", "VIEW", ""));
    expect_text(&scene, "a\\tb\tc\\nd\tInnoDB\tempty\tboth\n"
                        "e\\\\\tgröße\tInnoDB\tempty\tboth\n"
                        "v\tw\tVIEW\tempty\tafter\n");
}

Test(tables, is_complete_with_the_files_of_each_engine)
{
    g_auto(Scene) scene = scene_new();
    see_both(&scene, "a-b", "con", "InnoDB");
    see_both(&scene, "shop", "aria", "Aria");
    see_both(&scene, "shop", "isam", "MyISAM");
    see_both(&scene, "shop", "parts", "InnoDB");
    static const char *const files[] = {
        "a@002db/con@@@.frm", "a@002db/con@@@.ibd.lz4", "shop/aria.frm", "shop/aria.MAD.lz4",
        "shop/aria.MAI",      "shop/isam.frm",          "shop/isam.MYD", "shop/isam.MYI",
        "shop/parts.frm",     "shop/parts#P#p0.ibd",    "ibdata1.lz4",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        add_file(&scene, files[i], 1);
    expect_complete(&scene);
}

Test(tables, misses_each_file_that_is_needed)
{
    static const char *const files[] = {"shop/t.frm", "shop/t.MYD.lz4", "shop/t.MYI"};
    for (size_t left_out = 0; left_out < G_N_ELEMENTS(files); left_out++) {
        g_auto(Scene) scene = scene_new();
        see_both(&scene, "shop", "t", "MyISAM");
        for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
            if (i != left_out)
                add_file(&scene, files[i], 1);
        }
        expect_missing(&scene, "shop.t (shop/t.");
    }
}

static void see_space(Observed *observed, const char *name, uint64_t space_id)
{
    if (observed->spaces == NULL)
        observed->spaces = g_ptr_array_new_with_free_func((GDestroyNotify)server_tablespace_free);
    ServerTablespace *space = g_new0(ServerTablespace, 1);
    space->name = g_strdup(name);
    space->space_id = space_id;
    g_ptr_array_add(observed->spaces, space);
}

Test(tables, misses_one_part_of_a_table_when_the_others_are_there)
{
    g_auto(Scene) scene = scene_new();
    see_both(&scene, "shop", "t", "InnoDB");
    add_file(&scene, "shop/t.frm", 1);
    add_file(&scene, "shop/t#P#p0.ibd", 1);
    see_space(&scene.before, "shop/t#P#p0", 7);
    see_space(&scene.before, "shop/t#P#p1", 8);
    see_space(&scene.after, "shop/t#P#p0", 7);
    see_space(&scene.after, "shop/t#P#p1", 9); /* made anew meanwhile: may be there or not */
    expect_complete(&scene);
    see_space(&scene.before, "shop/t#P#p2", 10);
    see_space(&scene.after, "shop/t#P#p2", 10);
    expect_missing(&scene, "shop/t#P#p2.ibd");
}

Test(tables, takes_a_table_with_the_files_of_its_old_or_its_new_engine)
{
    g_auto(Scene) scene = scene_new();
    see(&scene.before, "shop", "t", "InnoDB");
    see(&scene.after, "shop", "t", "MyISAM");
    add_file(&scene, "shop/t.frm", 1);
    expect_missing(&scene, "shop.t (shop/t.MYD)");
    add_file(&scene, "shop/t.ibd", 1);
    expect_complete(&scene);
}

Test(tables, takes_no_table_of_another_schema_for_it)
{
    g_auto(Scene) scene = scene_new();
    see_both(&scene, "shop", "t", "InnoDB");
    add_file(&scene, "shop/t.frm", 1);
    add_file(&scene, "bank/t.ibd", 1);
    add_file(&scene, "shop/t2.ibd", 1);
    expect_missing(&scene, "1 tables are not in its stream: shop.t (shop/t.ibd)");
}

Test(tables, looks_for_no_file_of_a_table_in_a_shared_tablespace)
{
    static const EngineFamily mysql = {0};
    const Engine of_mysql = {.family = &mysql};
    g_auto(Scene) scene = scene_new();
    see_both(&scene, "shop", "a-b", "InnoDB");
    see_both(&scene, "shop", "t", "InnoDB");
    see_both(&scene, "shop", "parts", "InnoDB");
    scene.before.without_file = g_hash_table_new(g_str_hash, g_str_equal);
    (void)g_hash_table_add(scene.before.without_file, (gpointer) "shop/a@002db");
    (void)g_hash_table_add(scene.before.without_file, (gpointer) "shop/parts#p#p1");
    add_file(&scene, "shop/parts#p#p0.ibd.delta.lz4", 1);
    g_autoptr(GError) error = NULL;
    cr_expect_not(
        tables_check_complete(&of_mysql, &scene.before, &scene.after, scene.tree, -1, &error));
    sample_expect_error(error, STATUS_ENGINE,
                        "1 tables are not in its stream: shop.t (shop/t.ibd)");
    add_file(&scene, "shop/t.ibd", 1);
    cr_expect(tables_check_complete(&of_mysql, &scene.before, &scene.after, scene.tree, -1, NULL));
}

Test(tables, looks_only_for_what_was_there_both_times)
{
    g_auto(Scene) scene = scene_new();
    see(&scene.before, "shop", "dropped", "InnoDB");
    see(&scene.after, "shop", "made", "InnoDB");
    expect_complete(&scene);
}

Test(tables, names_some_of_many_and_counts_all)
{
    g_auto(Scene) scene = scene_new();
    for (int i = 0; i < 7; i++) {
        g_autofree char *name = g_strdup_printf("t%d", i);
        see_both(&scene, "shop", name, "InnoDB");
    }
    expect_missing(&scene, "7 tables are not in its stream: shop.t0 (");
    expect_missing(&scene, "shop.t4 (shop/t4.frm), …");
    expect_missing(&scene, "hint: ");
}

/* What MariaDB 10.11 wrote for three parts p0, p1 and p2 of an Aria table. */
static const uint8_t three_parts[] = {
    8, 0,   0,   0, 0x69, 0x1a, 0x5a, 0x42, 3, 0, 0, 0, 0x2a, 0x2a, 0x2a, 0, 9, 0, 0, 0, 'p', '0',
    0, 'p', '1', 0, 'p',  '2',  0,    0,    0, 0, 0, 0, 0,    0,    0,    0, 0, 0, 0, 0, 0,   0};

static GString *par_file(void)
{
    return g_string_new_len((const char *)three_parts, sizeof three_parts);
}

Test(tables, reads_the_parts_of_a_table_and_refuses_each_other_file)
{
    g_autoptr(GString) file = par_file();
    g_auto(GStrv) names = engine_part_names(file);
    cr_assert_not_null(names);
    g_autofree char *joined = g_strjoinv(" ", names);
    cr_expect_str_eq(joined, "p0 p1 p2");
    for (gsize i = 0; i < 32; i++) { /* the words that the checksum is of */
        file->str[i] ^= 1;
        cr_expect_null(engine_part_names(file), "byte %zu changed", i);
        file->str[i] ^= 1;
    }
    for (gsize length = 0; length < 32; length++) {
        g_autoptr(GString) cut = g_string_new_len(file->str, (gssize)length);
        cr_expect_null(engine_part_names(cut), "%zu bytes", length);
    }
}

Test(tables, refuses_a_list_of_parts_that_has_fewer_names_than_parts)
{
    g_autoptr(GString) file = par_file();
    file->str[8] ^= 7; /* 4 parts */
    file->str[4] ^= 7;
    cr_expect_null(engine_part_names(file));
}

static void add_par(Scene *scene, const char *name)
{
    g_autofree char *path = g_strconcat(NAME_DATA, name, NULL);
    g_autofree char *directory = g_path_get_dirname(path);
    cr_assert(files_make_dirs(scene->dir.fd, directory, 0700, NULL));
    autofd int fd = openat(scene->dir.fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cr_assert(files_write(fd, three_parts, sizeof three_parts));
    add_file(scene, name, sizeof three_parts);
}

Test(tables, misses_a_part_that_the_list_of_parts_names)
{
    static const char *const files[] = {"shop/t.frm",      "shop/t#P#p0.MAD", "shop/t#P#p0.MAI",
                                        "shop/t#P#p1.MAD", "shop/t#P#p1.MAI", "shop/t#P#p2.MAD",
                                        "shop/t#P#p2.MAI"};
    for (size_t there = 3; there <= G_N_ELEMENTS(files); there += 2) {
        g_auto(Scene) scene = scene_new();
        see_both(&scene, "shop", "t", "Aria");
        add_par(&scene, "shop/t.par");
        for (size_t i = 0; i < there; i++)
            add_file(&scene, files[i], 1);
        if (there == G_N_ELEMENTS(files))
            expect_complete(&scene);
        else
            expect_missing(&scene, there == 3 ? "shop/t#P#p1.MAD" : "shop/t#P#p2.MAD");
    }
}

Test(tables, leaves_the_parts_of_innodb_to_its_own_list)
{
    g_auto(Scene) scene = scene_new();
    see_both(&scene, "shop", "t", "InnoDB");
    add_par(&scene, "shop/t.par");
    add_file(&scene, "shop/t.frm", 1);
    add_file(&scene, "shop/t#P#p0.ibd", 1);
    expect_complete(&scene);
}

Test(tables, know_which_names_are_too_long_for_a_file_of_changes)
{
    char name[300] = "schema/";
    memset(name + 7, 'n', 245);
    cr_expect(engine_tablespace_fits(name));
    name[7 + 245] = 'n';
    cr_expect_not(engine_tablespace_fits(name));
}
