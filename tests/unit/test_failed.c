/* SPDX-License-Identifier: MIT */
#include "flow/failed.h"

#include "sample.h"

static void add_logs(const Run *run, const char *suffix, int n)
{
    for (int i = 0; i < n; i++) {
        g_autofree char *id = backup_make_id(SAMPLE_SUNDAY + i * SAMPLE_DAY, BACKUP_FULL);
        g_autofree char *path = failed_log_path(run, id, suffix, NULL);
        cr_assert(path != NULL && g_file_set_contents(path, "said", -1, NULL));
    }
}

static guint count_logs(const char *directory)
{
    guint count = 0;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    while (dir != NULL && g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

Test(failed, keeps_the_newest_logs_of_captures_and_of_test_restores_alike)
{
    char *state = sample_directory();
    const InstanceConfig config = {.name = (char *)(size_t) "shop"};
    const Run run = {.config = &config, .state_dir = state};
    g_autofree char *directory = g_build_filename(state, "shop", "failed", NULL);
    add_logs(&run, ".log", 15);
    add_logs(&run, ".verify.log", 15);
    failed_log_prune(&run);
    cr_expect(count_logs(directory) == 20, "%u", count_logs(directory));
    g_autofree char *oldest = backup_make_id(SAMPLE_SUNDAY, BACKUP_FULL);
    g_autofree char *newest = backup_make_id(SAMPLE_SUNDAY + 14 * SAMPLE_DAY, BACKUP_FULL);
    g_autofree char *gone = g_strconcat(oldest, ".verify.log", NULL);
    g_autofree char *kept = g_strconcat(newest, ".log", NULL);
    cr_expect_not(sample_exists(directory, gone));
    cr_expect(sample_exists(directory, kept));
    failed_log_prune(&run);
    cr_expect(count_logs(directory) == 20);
    sample_remove(state);
}
