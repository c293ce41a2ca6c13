/* SPDX-License-Identifier: MIT */
#include "flow/metrics.h"

#include "sample.h"

static void expect_doubt(const char *root, const char *name, const char *part)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *doubt = metrics_doubt(path);
    if (part == NULL)
        cr_expect_null(doubt, "%s", doubt);
    else
        cr_expect(doubt != NULL && strstr(doubt, part) != NULL, "%s", doubt);
}

Test(metrics, doubts_a_place_where_nothing_can_be_written_and_a_name_that_nobody_reads)
{
    char *root = sample_directory();
    expect_doubt(root, "lsnchain.prom", NULL);
    expect_doubt(root, "lsnchain.txt", "reads no file but *.prom");
    expect_doubt(root, "nowhere/lsnchain.prom", "No such file or directory");
    uid_t user = geteuid();
    cr_assert(chmod(root, 0555) == 0 && (user != 0 || seteuid(65534) == 0));
    expect_doubt(root, "lsnchain.prom", "Permission denied");
    cr_assert(seteuid(user) == 0 && chmod(root, 0700) == 0);
    sample_remove(root);
}
