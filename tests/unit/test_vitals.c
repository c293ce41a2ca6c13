/* SPDX-License-Identifier: MIT */
#include "flow/vitals.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "sample.h"

#include <jansson.h>

enum { HOUR = 3600, DAY = SAMPLE_DAY, NOW = SAMPLE_SUNDAY + DAY + 2 * HOUR };

/* ---- the judgement --------------------------------------------------------------------------- */

typedef struct {
    GPtrArray *backups;
    Backup *full;
    Backup *link;
    Vitals *vitals;
} Scene;

/* A full and an incremental of two hours ago, both proven, and every run well: nothing is wrong. */
static Scene scene_new(void)
{
    Scene scene = {.backups = sample_backups(), .vitals = vitals_new("shop")};
    scene.full = sample_add(scene.backups, SAMPLE_SUNDAY, NULL);
    scene.link = sample_add(scene.backups, SAMPLE_SUNDAY + DAY, scene.full);
    scene.full->proof = scene.link->proof = PROOF_PREPARE;
    scene.full->files_at = scene.full->proof_at = scene.full->finished;
    scene.link->files_at = scene.link->proof_at = scene.link->finished;
    Vitals *vitals = scene.vitals;
    vitals->record = RECORD_SOUND;
    vitals->written = NOW - HOUR;
    vitals->backup_within = 26 * HOUR;
    vitals->proof_within = 8 * DAY;
    vitals->undelivered = 0;
    LastRun *backup = &vitals->runs[VITAL_BACKUP];
    backup->started = NOW - 2 * HOUR;
    backup->finished = backup->succeeded = NOW - HOUR;
    return scene;
}

static void scene_clear(Scene *scene)
{
    vitals_free(scene->vitals);
    g_ptr_array_unref(scene->backups);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

/* "critical: …\n" and so on, gravest or not, in the order in which they were found. */
static char *judged_at(Scene *scene, int64_t now)
{
    static const char *const words[] = {"note", "warning", "unknown", "critical"};
    if (scene->vitals->catalog_why == NULL)
        vitals_add_catalog(scene->vitals, scene->backups, SAMPLE_SUNDAY);
    vitals_judge(scene->vitals, now);
    GString *text = g_string_new(NULL);
    const GPtrArray *problems = scene->vitals->health.problems;
    for (guint i = 0; i < problems->len; i++) {
        const Problem *problem = problems->pdata[i];
        g_string_append_printf(text, "%s: %s\n", words[problem->gravity], problem->sentence);
    }
    return g_string_free(text, FALSE);
}

static void expect_judged_at(Scene *scene, int64_t now, const char *expected)
{
    g_autofree char *text = judged_at(scene, now);
    cr_expect_str_eq(text, expected);
}

static void expect_judged(Scene *scene, const char *expected)
{
    expect_judged_at(scene, NOW, expected);
}

Test(vitals, finds_nothing_wrong_where_nothing_is)
{
    g_auto(Scene) scene = scene_new();
    expect_judged(&scene, "");
    cr_expect(scene.vitals->next_expected == scene.link->finished + 26 * HOUR);
    cr_expect(scene.vitals->chain_length == 2);
    cr_expect(scene.vitals->newest_full == scene.full);
    cr_expect(scene.vitals->newest_incremental == scene.link);
    cr_expect(scene.vitals->oldest_restorable == scene.full);
    cr_expect(scene.vitals->count[STATE_COMPLETE] == 2);
    cr_expect(scene.vitals->count[STATE_QUARANTINED] == 0);
}

Test(vitals, takes_a_backup_for_overdue_one_second_after_it_was_due)
{
    g_auto(Scene) due = scene_new();
    due.vitals->written = G_MAXINT64 / 2;
    expect_judged_at(&due, due.link->finished + 26 * HOUR, "");
    g_auto(Scene) late = scene_new();
    expect_judged_at(&late, late.link->finished + 26 * HOUR + 1,
                     "critical: the newest good backup is 1d 02h old (backup_within: 1d 02h)\n");
}

Test(vitals, does_not_count_a_newer_backup_that_cannot_be_restored)
{
    g_auto(Scene) scene = scene_new();
    backup_quarantine(scene.link, "timeline", "put back", NOW);
    scene.full->finished = NOW - 2 * DAY;
    g_autofree char *text = judged_at(&scene, NOW);
    cr_expect_not_null(strstr(text, "critical: the newest good backup is 2d 00h old"), "%s", text);
    cr_expect_not_null(strstr(text, "critical: the newest backup 20261123T020000Z-incr cannot be"));
    cr_expect_not_null(strstr(text, "warning: 20261123T020000Z-incr is quarantined"));
    cr_expect(scene.vitals->next_expected == scene.full->finished + 26 * HOUR);
}

Test(vitals, waits_for_a_first_backup_since_the_catalog_was_made)
{
    g_auto(Scene) scene = scene_new();
    g_ptr_array_set_size(scene.backups, 0);
    vitals_add_catalog(scene.vitals, scene.backups, SAMPLE_SUNDAY);
    scene.vitals->catalog_at = NOW - 26 * HOUR;
    g_autofree char *not_yet = vitals_backup_overdue(scene.vitals, NOW);
    cr_expect_null(not_yet);
    g_autofree char *overdue = vitals_backup_overdue(scene.vitals, NOW + 1);
    cr_expect_str_eq(overdue, "no good backup was taken for 1d 02h (backup_within: 1d 02h)");
    cr_expect(scene.vitals->next_expected == 0);
}

Test(vitals, takes_a_proof_for_overdue_one_second_after_it_was_due)
{
    g_auto(Scene) due = scene_new();
    due.vitals->backup_within = 0;
    expect_judged_at(&due, due.link->proof_at + 8 * DAY, "");
    g_auto(Scene) late = scene_new();
    late.vitals->backup_within = 0;
    expect_judged_at(&late, late.link->proof_at + 8 * DAY + 1,
                     "critical: the proof of the newest proven backup is 8d 00h old (proof_within: "
                     "8d 00h)\n");
}

Test(vitals, is_not_content_with_an_old_backup_that_is_proven_again_and_again)
{
    g_auto(Scene) scene = scene_new();
    scene.full->proof = PROOF_QUERIES;
    scene.link->proof = PROOF_NONE;
    scene.full->proof_at = NOW - HOUR;
    scene.full->finished = NOW - 9 * DAY - 2 * HOUR;
    expect_judged(&scene, "note: the newest restorable backup 20261123T020000Z-incr is not "
                          "proven\n");
    g_auto(Scene) older = scene_new();
    older.full->proof = PROOF_QUERIES;
    older.link->proof = PROOF_NONE;
    older.full->proof_at = NOW - HOUR;
    older.full->finished = NOW - 9 * DAY - 2 * HOUR - 1;
    g_autofree char *text = judged_at(&older, NOW);
    cr_expect_not_null(strstr(text, "critical: the newest proven backup is 9d 02h old, and nothing "
                                    "newer was proven"),
                       "%s", text);
}

Test(vitals, finds_it_critical_that_nothing_is_proven_unless_proofs_are_not_watched)
{
    static const char sentence[] = "no backup is proven to restore (lsnchain verify)\n";
    g_auto(Scene) scene = scene_new();
    scene.full->proof = scene.link->proof = PROOF_FILES;
    g_autofree char *watched = g_strconcat("critical: ", sentence, NULL);
    expect_judged(&scene, watched);
    g_auto(Scene) other = scene_new();
    other.full->proof = other.link->proof = PROOF_FILES;
    other.vitals->proof_within = 0;
    g_autofree char *note = g_strconcat("note: ", sentence, NULL);
    expect_judged(&other, note);
}

Test(vitals, cannot_tell_the_age_of_a_backup_that_is_ahead_of_the_clock)
{
    g_auto(Scene) scene = scene_new();
    expect_judged_at(&scene, scene.link->finished - 301,
                     "unknown: how old the newest backup is cannot be told: it is 5m 01s ahead of "
                     "the clock\n");
}

Test(vitals, finds_it_critical_that_no_run_is_on_record)
{
    g_auto(Scene) absent = scene_new();
    absent.vitals->record = RECORD_ABSENT;
    expect_judged(&absent, "critical: no run is on record in \n");
    g_auto(Scene) damaged = scene_new();
    damaged.vitals->record = RECORD_DAMAGED;
    damaged.vitals->record_why = g_strdup("a bit has flipped");
    expect_judged(&damaged, "critical: how the last runs ended is not known: a bit has flipped\n");
    g_auto(Scene) foreign = scene_new();
    foreign.vitals->record = RECORD_FOREIGN;
    foreign.vitals->record_why = g_strdup("another user's");
    expect_judged(&foreign, "unknown: how the last runs ended is not known: another user's\n");
    g_auto(Scene) old = scene_new();
    old.vitals->written = NOW - 26 * HOUR - 1;
    expect_judged(&old, "critical: no run was noted in  for 1d 02h\n");
    g_auto(Scene) bare = scene_new();
    bare.vitals->record = RECORD_NONE;
    bare.vitals->written = 0;
    expect_judged(&bare, "");
}

Test(vitals, finds_it_critical_that_the_catalog_is_not_known)
{
    g_auto(Scene) scene = scene_new();
    scene.vitals->catalog_why = g_strdup("is the disk mounted?");
    expect_judged(&scene, "critical: is the disk mounted?\n");
}

/* What the last run of a kind did, and what is to be said of it. */
typedef struct {
    VitalRun run;
    int exit_status;
    int64_t running_since;
    gboolean gone;
    int64_t backup_succeeded;
    const char *expected;
} RunCase;

Test(vitals, judges_how_the_last_runs_ended)
{
    static const RunCase cases[] = {
        {VITAL_BACKUP, 0, 0, FALSE, 0, ""},
        {VITAL_BACKUP, 3, 0, FALSE, 0, ""},
        {VITAL_BACKUP, 1, 0, FALSE, 0,
         "critical: the last backup failed with exit status 1 (failed) at 2026-11-23T03:00:00Z\n"},
        {VITAL_BACKUP, 20, 0, FALSE, 0,
         "critical: the last backup failed with exit status 20 (verify) at 2026-11-23T03:00:00Z\n"},
        {VITAL_BACKUP, 0, NOW - 60, FALSE, 0, ""},
        {VITAL_BACKUP, 0, NOW - 26 * HOUR, FALSE, 0, ""},
        {VITAL_BACKUP, 0, NOW - 26 * HOUR - 1, FALSE, 0,
         "warning: a backup has been running for 1d 02h\n"},
        {VITAL_BACKUP, 0, NOW - 60, TRUE, 0,
         "critical: the backup that began at 2026-11-23T03:59:00Z was killed: its process is "
         "gone\n"},
        {VITAL_VERIFY, 16, 0, FALSE, NOW - 3 * HOUR,
         "warning: the last verify failed with exit status 16 (storage) at "
         "2026-11-23T03:00:00Z\n"},
        {VITAL_VERIFY, 16, 0, FALSE, NOW - HOUR / 2, ""},
        {VITAL_EXPIRE, 0, NOW - 60, TRUE, NOW - 3 * HOUR,
         "warning: the expire that began at 2026-11-23T03:59:00Z was killed: its process is "
         "gone\n"},
        {VITAL_EXPIRE, 0, NOW - 60, TRUE, NOW, ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const RunCase *one = &cases[i];
        g_auto(Scene) scene = scene_new();
        LastRun *last = &scene.vitals->runs[one->run];
        last->started = NOW - 2 * HOUR;
        last->finished = NOW - HOUR;
        last->exit_status = one->exit_status;
        last->running_since = one->running_since;
        last->gone = one->gone;
        if (one->backup_succeeded != 0)
            scene.vitals->runs[VITAL_BACKUP].succeeded = one->backup_succeeded;
        expect_judged(&scene, one->expected);
    }
}

Test(vitals, judges_incidents_by_their_severity_and_alerts_that_wait)
{
    g_auto(Scene) scene = scene_new();
    (void)vitals_add_incident(scene.vitals, "chain_broken", TRUE, NOW, "the chain is broken");
    (void)vitals_add_incident(scene.vitals, "space_low", FALSE, NOW, "there is no room");
    (void)vitals_add_incident(scene.vitals, "proof_failed", TRUE, 0, "");
    scene.vitals->undelivered = 1;
    expect_judged(&scene,
                  "critical: chain_broken since 2026-11-23T04:00:00Z: the chain is broken\n"
                  "warning: space_low since 2026-11-23T04:00:00Z: there is no room\n"
                  "warning: which incidents are open is not known: incidents.ini is damaged\n"
                  "warning: 1 alert is not delivered yet\n");
}

Test(vitals, tells_of_dropped_alerts_for_a_week_and_of_what_it_cannot_know)
{
    g_auto(Scene) dropped = scene_new();
    dropped.vitals->dropped = 2;
    dropped.vitals->dropped_at = NOW - 7 * DAY;
    expect_judged(&dropped, "warning: alerts were dropped undelivered, the last at "
                            "2026-11-16T04:00:00Z: the spool was full\n");
    g_auto(Scene) long_ago = scene_new();
    long_ago.vitals->dropped = 2;
    long_ago.vitals->dropped_at = NOW - 7 * DAY - 1;
    expect_judged(&long_ago, "");
    g_auto(Scene) unread = scene_new();
    unread.vitals->alerts_why = g_strdup("cannot list the spool");
    expect_judged(&unread, "warning: which alerts are open is not known: cannot list the spool\n");
}

/* ---- the file -------------------------------------------------------------------------------- */

typedef struct {
    char *state;
    InstanceConfig *config;
    Run run;
} Place;

static Place place_new(void)
{
    Place place = {.state = sample_directory(), .config = config_default_instance("shop")};
    place.run = (Run){
        .config = place.config,
        .state_dir = place.state,
        .command = "backup",
        .records = TRUE,
        .spent = RUN_SPENT_NOTHING,
    };
    return place;
}

static void place_clear(Place *place)
{
    config_free_instance(place->config);
    sample_remove(place->state);
    log_reset();
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

Test(vitals, remembers_that_a_run_begins_and_how_it_ended)
{
    g_auto(Place) place = place_new();
    place.run.spent.capture_seconds = 12;
    place.run.spent.bytes_stored = 345;
    vitals_begin(&place.run, VITAL_BACKUP);
    g_autoptr(Vitals) running = vitals_read(&place.run, NULL, clock_now());
    cr_expect(running->record == RECORD_SOUND);
    cr_expect(running->runs[VITAL_BACKUP].running_since >= clock_now() - 60);
    cr_expect(running->runs[VITAL_BACKUP].finished == 0);
    cr_expect(running->runs[VITAL_BACKUP].process.pid == getpid());
    cr_expect(!running->runs[VITAL_BACKUP].gone);

    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 3);
    g_autoptr(Vitals) ended = vitals_read(&place.run, NULL, clock_now());
    const LastRun *last = &ended->runs[VITAL_BACKUP];
    cr_expect(last->running_since == 0 && last->process.pid == 0);
    cr_expect(last->started == SAMPLE_SUNDAY && last->exit_status == 3);
    cr_expect(last->finished >= clock_now() - 60 && last->succeeded == last->finished);
    cr_expect(last->spent.capture_seconds == 12 && last->spent.publish_seconds == -1);
    cr_expect(last->spent.bytes_stored == 345);
    cr_expect(ended->runs[VITAL_VERIFY].finished == 0);
    cr_expect((sample_stat(place.state, "status.json").st_mode & 0777) == 0600);
}

Test(vitals, keeps_the_last_success_when_a_run_fails)
{
    g_auto(Place) place = place_new();
    vitals_end(&place.run, VITAL_VERIFY, SAMPLE_SUNDAY - 1, 20);
    g_autoptr(Vitals) failed = vitals_read(&place.run, NULL, clock_now());
    cr_expect(failed->runs[VITAL_VERIFY].succeeded == 0 && failed->runs[VITAL_VERIFY].finished > 0);
    vitals_end(&place.run, VITAL_VERIFY, SAMPLE_SUNDAY, 0);
    vitals_end(&place.run, VITAL_VERIFY, SAMPLE_SUNDAY + 1, 20);
    vitals_end(&place.run, VITAL_EXPIRE, SAMPLE_SUNDAY + 2, 0);
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    const LastRun *last = &vitals->runs[VITAL_VERIFY];
    cr_expect(last->exit_status == 20 && last->started == SAMPLE_SUNDAY + 1);
    cr_expect(last->succeeded > 0);
    cr_expect(vitals->runs[VITAL_EXPIRE].started == SAMPLE_SUNDAY + 2);
}

static gboolean begin_and_die(void *data)
{
    const Place *place = data;
    vitals_begin(&place->run, VITAL_BACKUP);
    return raise(SIGKILL) == 0;
}

static void die_in_a_child(Place *place)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(begin_and_die(place) ? 0 : 1);
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

Test(vitals, sees_that_a_run_was_killed)
{
    g_auto(Place) place = place_new();
    die_in_a_child(&place);
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    cr_expect(vitals->runs[VITAL_BACKUP].gone);
    vitals_begin(&place.run, VITAL_BACKUP);
    g_autoptr(Vitals) next = vitals_read(&place.run, NULL, clock_now());
    cr_expect(!next->runs[VITAL_BACKUP].gone && next->runs[VITAL_BACKUP].running_since != 0);
}

Test(vitals, is_not_deceived_by_another_process_of_the_same_number)
{
    Process self = process_self();
    cr_expect(self.pid == getpid() && self.ticks > 0 && strlen(self.boot) == 36);
    cr_expect(process_lives(&self));
    Process earlier = self;
    earlier.ticks--;
    cr_expect(!process_lives(&earlier), "it started at another time");
    Process other_boot = self;
    other_boot.boot[0] = other_boot.boot[0] == '0' ? '1' : '0';
    cr_expect(!process_lives(&other_boot), "it ran before the last boot");
    Process init = {.pid = 1};
    cr_expect(process_lives(&init), "of which nothing more is known may live");
    Process none = {0};
    cr_expect(!process_lives(&none));
}

Test(vitals, does_not_write_over_the_mark_of_a_run_that_still_works)
{
    g_auto(Place) place = place_new();
    int pipe_fds[2];
    cr_assert(pipe(pipe_fds) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte = 0;
        (void)close(pipe_fds[1]);
        vitals_begin(&place.run, VITAL_BACKUP);
        _exit((int)read(pipe_fds[0], &byte, 1));
    }
    (void)close(pipe_fds[0]);
    LastRun last = {0};
    for (int tries = 0; last.running_since == 0 && tries < 3000; tries++) {
        g_usleep(10000);
        g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
        last = vitals->runs[VITAL_BACKUP];
    }
    vitals_begin(&place.run, VITAL_BACKUP);
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 11);
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    cr_expect(vitals->runs[VITAL_BACKUP].process.pid == pid);
    cr_expect(vitals->runs[VITAL_BACKUP].running_since == last.running_since);
    cr_expect(vitals->runs[VITAL_BACKUP].exit_status == 11);
    (void)close(pipe_fds[1]);
    cr_assert(waitpid(pid, NULL, 0) == pid);
}

Test(vitals, tells_an_absent_record_from_a_damaged_one)
{
    g_auto(Place) place = place_new();
    g_autoptr(Vitals) absent = vitals_read(&place.run, NULL, clock_now());
    cr_expect(absent->record == RECORD_ABSENT);
    cr_expect(!sample_exists(place.state, "status.lock"), "a look makes nothing");
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 0);
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(place.state, "status.json", text);
    for (size_t i = 0; i < text->len; i++) {
        g_autofree char *damaged = g_strndup(text->str, text->len);
        damaged[i] ^= 0x04;
        sample_write(place.state, "status.json", damaged);
        g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
        cr_expect(vitals->record == RECORD_DAMAGED, "a flipped bit at %zu is not noticed", i);
        cr_expect(vitals->written == 0 && vitals->runs[VITAL_BACKUP].finished == 0);
    }
}

Test(vitals, starts_a_damaged_record_anew_and_says_so)
{
    g_auto(Place) place = place_new();
    sample_write(place.state, "status.json", "{\"format\": 1}");
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 0);
    cr_expect(log_warnings()->len == 1);
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    cr_expect(vitals->record == RECORD_SOUND);
}

/* The file with this text in place of another, and a checksum that fits. */
static void rewrite(Place *place, const char *old, const char *with)
{
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(place->state, "status.json", text);
    cr_assert(g_string_replace(text, old, with, 1) == 1, "%s is not in %s", old, text->str);
    json_auto_t *root = json_loads(text->str, 0, NULL);
    g_autofree char *instances =
        json_dumps(json_object_get(root, "instances"), JSON_COMPACT | JSON_SORT_KEYS);
    g_autofree char *sum = digest_text(instances, strlen(instances));
    json_object_set_new(root, "checksum", json_string(sum));
    g_autofree char *written = json_dumps(root, 0);
    sample_write(place->state, "status.json", written);
}

Test(vitals, keeps_what_it_does_not_know_and_what_others_wrote)
{
    g_auto(Place) place = place_new();
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 20);
    rewrite(&place, "\"shop\": {",
            "\"other\": {\"written\": \"2026-11-22T00:00:00Z\", \"backup\": {\"started\": 7}},"
            "\"shop\": {\"moon\": [1.5, \"full\"],");
    rewrite(&place, "\"backup\": {\"started\": \"", "\"backup\": {\"mood\": 1, \"started\": \"");
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 0);
    vitals_end(&place.run, VITAL_EXPIRE, SAMPLE_SUNDAY, 0);
    cr_expect(log_warnings()->len == 0);
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    cr_expect(vitals->runs[VITAL_BACKUP].exit_status == 0);
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(place.state, "status.json", text);
    json_auto_t *root = json_loads(text->str, 0, NULL);
    int started = 0;
    int mood = 0;
    double moon = 0;
    cr_expect(json_unpack(root, "{s:{s:{s:{s:i}}, s:{s:[f], s:{s:i}}}}", "instances", "other",
                          "backup", "started", &started, "shop", "moon", &moon, "backup", "mood",
                          &mood) == 0,
              "%s", text->str);
    cr_expect(started == 7 && mood == 1 && moon > 1.4);
}

enum { AT_ONCE = 4, RUNS_EACH = 20 };

static int run_often(Place *place, char letter)
{
    const char name[] = {letter, '\0'};
    g_free(place->config->name);
    place->config->name = g_strdup(name);
    for (int i = 1; i <= RUNS_EACH; i++)
        vitals_end(&place->run, VITAL_BACKUP, SAMPLE_SUNDAY + i, 0);
    return log_warnings()->len == 0 ? 0 : 1;
}

Test(vitals, loses_nothing_when_several_instances_write_at_the_same_time)
{
    g_auto(Place) place = place_new();
    for (int i = 0; i < AT_ONCE; i++) {
        if (fork() == 0)
            _exit(run_often(&place, (char)('a' + i)));
    }
    for (int i = 0; i < AT_ONCE; i++) {
        int status = 0;
        cr_expect(wait(&status) > 0 && status == 0, "one had to warn");
    }
    for (int i = 0; i < AT_ONCE; i++) {
        *place.config->name = (char)('a' + i);
        place.config->name[1] = '\0';
        g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
        cr_expect(vitals->record == RECORD_SOUND);
        cr_expect(vitals->runs[VITAL_BACKUP].started == SAMPLE_SUNDAY + RUNS_EACH);
    }
}

Test(vitals, counts_an_instance_without_an_entry_as_never_run)
{
    g_auto(Place) place = place_new();
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 0);
    rewrite(&place, "\"shop\"", "\"other\"");
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    cr_expect(vitals->record == RECORD_ABSENT && vitals->runs[VITAL_BACKUP].finished == 0);
}

static void expect_nonsense(const char *old, const char *with)
{
    g_auto(Place) place = place_new();
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 0);
    rewrite(&place, "\"instances\": {", "\"instances\": {\"other\": {},");
    rewrite(&place, old, with);
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    cr_expect(vitals->record == RECORD_DAMAGED, "%s is believed", with);
    cr_expect(vitals->written == 0 && vitals->runs[VITAL_BACKUP].finished == 0);
    vitals_end(&place.run, VITAL_EXPIRE, SAMPLE_SUNDAY, 0);
    cr_expect(log_warnings()->len == 1);
    g_autoptr(Vitals) anew = vitals_read(&place.run, NULL, clock_now());
    cr_expect(anew->record == RECORD_SOUND && anew->runs[VITAL_BACKUP].finished == 0);
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(place.state, "status.json", text);
    cr_expect(strstr(text->str, "\"other\"") != NULL, "what was sound is lost");
}

Test(vitals, believes_no_entry_that_makes_no_sense_though_its_checksum_fits)
{
    expect_nonsense("\"written\"", "\"wirtten\"");
    expect_nonsense("\"exit_status\": 0", "\"exit_status\": 256");
    expect_nonsense("\"exit_status\": 0", "\"exit_status\": null");
    expect_nonsense("\"exit_status\": 0", "\"exit_status\": \"0\"");
    expect_nonsense("\"bytes_new\": 0", "\"bytes_new\": -2");
    expect_nonsense("\"started\": \"2", "\"started\": \"soon 2");
    expect_nonsense("\"boot_id\": \"", "\"boot_id\": \"0123456789012345678901234567890123456789");
    expect_nonsense("\"backup\": {", "\"verify\": 1, \"backup\": {");
}

Test(vitals, leaves_the_file_of_a_later_program_as_it_is)
{
    g_auto(Place) place = place_new();
    static const char later[] = "{\"format\": 2, \"instances\": [\"shop\"]}";
    sample_write(place.state, "status.json", later);
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 0);
    cr_expect(log_warnings()->len == 1);
    g_autoptr(GString) text = g_string_new(NULL);
    sample_read(place.state, "status.json", text);
    cr_expect_str_eq(text->str, later);
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    cr_expect(vitals->record == RECORD_DAMAGED);
    cr_expect(strstr(vitals->record_why, "has format 2") != NULL, "%s", vitals->record_why);
}

Test(vitals, notes_a_warning_that_came_late_only_with_a_success_of_its_own)
{
    g_auto(Place) place = place_new();
    vitals_end(&place.run, VITAL_BACKUP, SAMPLE_SUNDAY, 0);
    vitals_end(&place.run, VITAL_VERIFY, SAMPLE_SUNDAY, 20);
    vitals_end(&place.run, VITAL_EXPIRE, SAMPLE_SUNDAY + 1, 0);
    for (VitalRun kind = VITAL_BACKUP; kind < VITAL_RUNS; kind++)
        vitals_warned(&place.run, kind, SAMPLE_SUNDAY);
    g_autoptr(Vitals) vitals = vitals_read(&place.run, NULL, clock_now());
    cr_expect(vitals->runs[VITAL_BACKUP].exit_status == STATUS_WARNINGS);
    cr_expect(vitals->runs[VITAL_VERIFY].exit_status == STATUS_VERIFY);
    cr_expect(vitals->runs[VITAL_EXPIRE].exit_status == STATUS_OK, "that is another run's");
}

Test(vitals, writes_nothing_where_nothing_may_be_recorded)
{
    g_auto(Place) place = place_new();
    place.run.records = FALSE;
    vitals_begin(&place.run, VITAL_BACKUP);
    place.run.records = TRUE;
    vitals_begin(&place.run, VITAL_NONE);
    cr_expect(!sample_exists(place.state, "status.lock") &&
              !sample_exists(place.state, "status.json"));
}
