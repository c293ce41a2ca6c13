/* SPDX-License-Identifier: MIT */
#include "report/prometheus.h"

#include "model/vitals.h"

#include "sample.h"

enum { NOW = SAMPLE_SUNDAY + 2 * SAMPLE_DAY };

typedef struct {
    GPtrArray *backups;
    Backup *full;
    Backup *link;
    Vitals *vitals;
} Scene;

/* A full and an incremental, both proven; the last backup run went well. */
static Scene scene_new(void)
{
    Scene scene = {.backups = sample_backups()};
    scene.full = sample_add(scene.backups, SAMPLE_SUNDAY, NULL);
    scene.link = sample_add(scene.backups, SAMPLE_SUNDAY + SAMPLE_DAY, scene.full);
    scene.full->proof = scene.link->proof = PROOF_PREPARE;
    scene.full->proof_at = scene.link->proof_at = SAMPLE_SUNDAY + SAMPLE_DAY + 90;
    scene.full->files_at = SAMPLE_SUNDAY + 50;
    scene.link->files_at = SAMPLE_SUNDAY + SAMPLE_DAY + 50;
    backup_set_text(&scene.link->engine, "mariadb-backup");
    backup_set_text(&scene.link->engine_version, "10.11.14");
    scene.vitals = vitals_new("shop");
    scene.vitals->record = RECORD_SOUND;
    scene.vitals->runs[VITAL_BACKUP] = (LastRun){
        .started = SAMPLE_SUNDAY + SAMPLE_DAY,
        .finished = SAMPLE_SUNDAY + SAMPLE_DAY + 95,
        .spent = {.capture_seconds = 60, .publish_seconds = 5, .proof_seconds = -1},
    };
    return scene;
}

static void scene_clear(Scene *scene)
{
    vitals_free(scene->vitals);
    g_ptr_array_unref(scene->backups);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

/* The page about this scene, its catalog read. */
static GString *page_of(const Scene *scene)
{
    vitals_add_catalog(scene->vitals, scene->backups, SAMPLE_SUNDAY);
    vitals_judge(scene->vitals, NOW);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_ptr_array_add(all, scene->vitals);
    return prometheus_text(all, NOW);
}

static gboolean has_line(const GString *page, const char *line)
{
    g_autofree char *whole = g_strconcat("\n", line, "\n", NULL);
    return strstr(page->str, whole) != NULL;
}

static void expect_line(const GString *page, const char *line)
{
    cr_expect(has_line(page, line), "no line '%s' in:\n%s", line, page->str);
}

static void expect_absent(const GString *page, const char *part)
{
    cr_expect_null(strstr(page->str, part), "'%s' is in:\n%s", part, page->str);
}

static guint count_of(const GString *page, const char *part)
{
    guint count = 0;
    for (const char *at = page->str; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

Test(prometheus, says_help_and_type_once_before_the_samples_of_all_instances)
{
    g_auto(Scene) scene = scene_new();
    g_autoptr(Vitals) other = vitals_new("other");
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_ptr_array_add(all, scene.vitals);
    g_ptr_array_add(all, other);
    g_autoptr(GString) page = prometheus_text(all, NOW);
    cr_expect(
        strstr(page->str,
               "# HELP lsnchain_metrics_written_timestamp_seconds When this was written.\n"
               "# TYPE lsnchain_metrics_written_timestamp_seconds gauge\n"
               "lsnchain_metrics_written_timestamp_seconds{instance=\"shop\"} 1795485600\n"
               "lsnchain_metrics_written_timestamp_seconds{instance=\"other\"} 1795485600\n") !=
            NULL,
        "%s", page->str);
    cr_expect_eq(count_of(page, "# TYPE lsnchain_metrics_written_"), 1);
    cr_expect(g_str_has_suffix(page->str, "\n"));
}

Test(prometheus, gives_moments_and_sizes_as_the_catalog_has_them)
{
    g_auto(Scene) scene = scene_new();
    scene.link->bytes_stored = 5000000000;
    scene.link->bytes_new = 70;
    scene.vitals->backup_within = 3600;
    scene.vitals->proof_within = 7200;
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page, "lsnchain_backup_last_success_timestamp_seconds"
                      "{instance=\"shop\",type=\"full\"} 1795312860");
    expect_line(page, "lsnchain_backup_last_success_timestamp_seconds"
                      "{instance=\"shop\",type=\"incremental\"} 1795399260");
    expect_line(page, "lsnchain_newest_backup_timestamp_seconds{instance=\"shop\"} 1795399260");
    expect_line(page, "lsnchain_restorable_until_timestamp_seconds{instance=\"shop\"} 1795399260");
    expect_line(page, "lsnchain_proven_until_timestamp_seconds{instance=\"shop\"} 1795399260");
    expect_line(page, "lsnchain_oldest_restorable_timestamp_seconds{instance=\"shop\"} 1795312860");
    expect_line(page, "lsnchain_oldest_reading_timestamp_seconds{instance=\"shop\"} 1795312850");
    expect_line(page,
                "lsnchain_backup_next_expected_timestamp_seconds{instance=\"shop\"} 1795402860");
    expect_line(page,
                "lsnchain_proof_next_expected_timestamp_seconds{instance=\"shop\"} 1795406490");
    expect_line(page, "lsnchain_backup_last_size_bytes{instance=\"shop\"} 5000000000");
    expect_line(page, "lsnchain_backup_last_new_bytes{instance=\"shop\"} 70");
    expect_line(page, "lsnchain_backup_last_from_lsn{instance=\"shop\"} 100");
    expect_line(page, "lsnchain_backup_last_to_lsn{instance=\"shop\"} 200");
    expect_line(page, "lsnchain_chain_length{instance=\"shop\"} 2");
    expect_line(page, "lsnchain_build_info{instance=\"shop\",version=\"" LSNCHAIN_VERSION
                      "\",engine=\"mariadb-backup\",engine_version=\"10.11.14\"} 1");
}

Test(prometheus, tells_the_newest_the_restorable_and_the_proven_backup_apart)
{
    g_auto(Scene) scene = scene_new();
    Backup *broken = sample_add(scene.backups, SAMPLE_SUNDAY + 2 * SAMPLE_DAY, scene.link);
    backup_quarantine(broken, "lsn-continuity", "a gap", NOW);
    scene.link->proof = PROOF_NONE;
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page, "lsnchain_newest_backup_timestamp_seconds{instance=\"shop\"} 1795485660");
    expect_line(page, "lsnchain_restorable_until_timestamp_seconds{instance=\"shop\"} 1795399260");
    expect_line(page, "lsnchain_proven_until_timestamp_seconds{instance=\"shop\"} 1795312860");
}

Test(prometheus, expects_a_newer_proof_however_often_an_old_backup_is_proven_again)
{
    g_auto(Scene) scene = scene_new();
    scene.vitals->backup_within = 3600;
    scene.vitals->proof_within = 7200;
    scene.link->proof_at = NOW;
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page, /* the backup's end and both ages */
                "lsnchain_proof_next_expected_timestamp_seconds{instance=\"shop\"} 1795410060");
    expect_line(page,
                "lsnchain_proof_last_success_timestamp_seconds{instance=\"shop\"} 1795485600");
}

Test(prometheus, does_not_take_a_quarantined_backup_for_a_success)
{
    g_auto(Scene) scene = scene_new();
    backup_quarantine(scene.link, "lsn-continuity", "a gap", NOW);
    g_autoptr(GString) page = page_of(&scene);
    expect_absent(page, "type=\"incremental\"");
    expect_line(page, "lsnchain_newest_backup_timestamp_seconds{instance=\"shop\"} 1795399260");
    expect_line(page, "lsnchain_restorable_until_timestamp_seconds{instance=\"shop\"} 1795312860");
    expect_line(page, "lsnchain_catalog_backups{instance=\"shop\",state=\"quarantined\"} 1");
    expect_line(page, "lsnchain_catalog_backups{instance=\"shop\",state=\"complete\"} 1");
}

Test(prometheus, leaves_out_what_is_not_known)
{
    g_autoptr(Vitals) unknown = vitals_new("shop");
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_ptr_array_add(all, unknown);
    g_autoptr(GString) page = prometheus_text(all, NOW);
    expect_line(page, "lsnchain_catalog_readable{instance=\"shop\"} 0");
    expect_absent(page, "exit_code");
    expect_absent(page, "backup_last");
    expect_absent(page, "_until_");
    expect_absent(page, "chain_length");
    expect_absent(page, "catalog_backups");
    expect_absent(page, "incidents_");
    expect_absent(page, "alerts_");
    expect_absent(page, "repository_");
    expect_absent(page, "_expected_");
    expect_absent(page, "-1");
}

Test(prometheus, tells_a_run_that_went_well_from_one_that_failed)
{
    static const struct {
        int exit_status;
        const char *line;
    } cases[] = {{0, "1"}, {3, "1"}, {14, "0"}, {20, "0"}, {143, "0"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Scene) scene = scene_new();
        scene.vitals->runs[VITAL_BACKUP].exit_status = cases[i].exit_status;
        g_autoptr(GString) page = page_of(&scene);
        g_autofree char *code = g_strdup_printf(
            "lsnchain_backup_last_exit_code{instance=\"shop\"} %d", cases[i].exit_status);
        g_autofree char *status =
            g_strdup_printf("lsnchain_backup_last_status{instance=\"shop\"} %s", cases[i].line);
        expect_line(page, code);
        expect_line(page, status);
    }
}

Test(prometheus, gives_the_stages_that_the_last_run_came_to)
{
    g_auto(Scene) scene = scene_new();
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page,
                "lsnchain_backup_last_duration_seconds{instance=\"shop\",stage=\"capture\"} 60");
    expect_line(page,
                "lsnchain_backup_last_duration_seconds{instance=\"shop\",stage=\"publish\"} 5");
    expect_line(page,
                "lsnchain_backup_last_duration_seconds{instance=\"shop\",stage=\"total\"} 95");
    expect_absent(page, "stage=\"proof\"");
}

Test(prometheus, shows_a_run_at_work_and_one_that_was_killed)
{
    g_auto(Scene) scene = scene_new();
    scene.vitals->runs[VITAL_BACKUP].running_since = NOW - 60;
    scene.vitals->runs[VITAL_VERIFY].running_since = NOW - 90;
    scene.vitals->runs[VITAL_VERIFY].gone = TRUE;
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page, "lsnchain_run_running{instance=\"shop\",command=\"backup\"} 1");
    expect_line(page, "lsnchain_run_running{instance=\"shop\",command=\"verify\"} 0");
    expect_line(page, "lsnchain_run_running{instance=\"shop\",command=\"expire\"} 0");
    expect_line(page, "lsnchain_run_killed{instance=\"shop\",command=\"backup\"} 0");
    expect_line(page, "lsnchain_run_killed{instance=\"shop\",command=\"verify\"} 1");
    expect_line(page, "lsnchain_run_started_timestamp_seconds"
                      "{instance=\"shop\",command=\"backup\"} 1795485540");
    expect_absent(page, "started_timestamp_seconds{instance=\"shop\",command=\"expire\"}");
}

Test(prometheus, forgets_a_verify_that_was_killed_when_a_good_backup_came_after_it)
{
    g_auto(Scene) scene = scene_new();
    for (VitalRun kind = VITAL_BACKUP; kind <= VITAL_VERIFY; kind++) {
        scene.vitals->runs[kind].running_since = NOW - 90;
        scene.vitals->runs[kind].gone = TRUE;
    }
    scene.vitals->runs[VITAL_BACKUP].succeeded = NOW - 60;
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page, "lsnchain_run_killed{instance=\"shop\",command=\"verify\"} 0");
    expect_line(page, "lsnchain_run_killed{instance=\"shop\",command=\"backup\"} 1");
}

Test(prometheus, counts_incidents_by_their_severity_and_the_alerts_that_wait)
{
    g_auto(Scene) scene = scene_new();
    vitals_add_incident(scene.vitals, "backup_failed", TRUE, NOW, "it failed");
    vitals_add_incident(scene.vitals, "chain_broken", TRUE, NOW, "it broke");
    vitals_add_incident(scene.vitals, "space_low", FALSE, NOW, "it is low");
    scene.vitals->incidents_known = TRUE;
    scene.vitals->undelivered = 0;
    scene.vitals->dropped = 7;
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page, "lsnchain_incidents_open{instance=\"shop\",severity=\"critical\"} 2");
    expect_line(page, "lsnchain_incidents_open{instance=\"shop\",severity=\"warning\"} 1");
    expect_line(page, "lsnchain_alerts_undelivered{instance=\"shop\"} 0");
    expect_line(page, "# TYPE lsnchain_alerts_dropped_total counter");
    expect_line(page, "lsnchain_alerts_dropped_total{instance=\"shop\"} 7");
}

Test(prometheus, escapes_what_an_engine_says_of_itself)
{
    g_auto(Scene) scene = scene_new();
    backup_set_text(&scene.link->engine, "a\"b\\c\nd");
    backup_set_text(&scene.link->engine_version, "\xff\"} 1\nlsnchain_x 1");
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page, "lsnchain_build_info{instance=\"shop\",version=\"" LSNCHAIN_VERSION
                      "\",engine=\"a\\\"b\\\\c\\nd\","
                      "engine_version=\"\xef\xbf\xbd\\\"} 1\\nlsnchain_x 1\"} 1");
    expect_absent(page, "\nlsnchain_x");
    cr_expect(g_utf8_validate(page->str, -1, NULL));
}

Test(prometheus, keeps_a_number_that_is_too_large_positive)
{
    g_auto(Scene) scene = scene_new();
    scene.link->to_lsn = G_MAXUINT64;
    g_autoptr(GString) page = page_of(&scene);
    expect_line(page, "lsnchain_backup_last_to_lsn{instance=\"shop\"} 9223372036854775807");
}
