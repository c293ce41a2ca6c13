/* SPDX-License-Identifier: MIT */
#include "restore/script.h"

#include "base/proc.h"
#include "sample.h"

static GString *source(void)
{
    GString *text =
        files_read_text(AT_FDCWD, TEST_DATA "/../../../src/restore/RESTORE.sh", 1 << 20, NULL);
    cr_assert_not_null(text);
    return text;
}

Test(script, is_the_file_to_the_byte)
{
    g_autoptr(GString) wanted = source();
    g_autoptr(GString) built = restore_script();
    cr_expect_str_eq(built->str, wanted->str);
    cr_expect(g_string_equal(built, wanted));
    cr_expect(g_str_has_prefix(built->str, "#!/bin/sh\n"));
    cr_expect(g_str_has_suffix(built->str, "\n"));
}

Test(script, is_one_that_the_plain_shell_understands)
{
    char *root = sample_directory();
    g_autoptr(GString) built = restore_script();
    sample_write(root, "RESTORE.sh", built->str);
    g_autofree char *path = g_build_filename(root, "RESTORE.sh", NULL);
    const char *const argv[] = {"/bin/sh", "-n", path, NULL};
    const ProcSpec spec = {.argv = argv, .env = proc_plain_env(), .out_fd = -1};
    ProcEnd end;
    cr_assert(proc_run(&spec, &end, NULL));
    cr_expect(end.status == 0);
    sample_remove(root);
}
