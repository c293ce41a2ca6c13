/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include "base/error.h"
#include "base/files.h"
#include "config/access.h"
#include "config/options.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define GLOBAL   "[global]\nrepository = /r\n"
#define INSTANCE "[instance shop]\ndefaults_file = /d\n"
#define MAIL     "[alert mail]\ntype = smtp\nurl = smtp://h\nfrom = a@h\nto = b@h\n"

/* A directory as /etc/lsnchain, for one test. */
typedef struct {
    char *path;
} Etc;

static Etc etc_make(void)
{
    Etc etc = {g_dir_make_tmp("config-XXXXXX", NULL)};
    cr_assert_not_null(etc.path);
    return etc;
}

static void etc_clear(Etc *etc)
{
    (void)files_remove_tree(AT_FDCWD, etc->path, NULL);
    g_free(etc->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Etc, etc_clear)

static void etc_write(const Etc *etc, const char *name, const char *text, mode_t mode)
{
    g_autofree char *path = g_build_filename(etc->path, name, NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    cr_assert_eq(g_mkdir_with_parents(dir, 0755), 0);
    cr_assert(g_file_set_contents(path, text, -1, NULL));
    cr_assert_eq(g_chmod(path, mode), 0);
}

/* The configuration of a directory; or NULL, and the message without the path of the directory. */
static Config *etc_load(const Etc *etc, char **message)
{
    g_autoptr(GError) error = NULL;
    Config *config = config_load_directory(etc->path, &error);
    cr_assert_eq(config != NULL, error == NULL);
    if (error == NULL)
        return config;
    cr_expect_eq(error_status(error), STATUS_CONFIG, "%s", error->message);
    g_autofree char *prefix = g_strconcat(etc->path, "/", NULL);
    g_auto(GStrv) parts = g_strsplit(error->message, prefix, -1);
    *message = g_strjoinv("", parts);
    return NULL;
}

static Config *load_text(const char *text, char **message)
{
    g_auto(Etc) etc = etc_make();
    etc_write(&etc, "lsnchain.conf", text, 0600);
    return etc_load(&etc, message);
}

static Config *load_good(const char *text)
{
    g_autofree char *message = NULL;
    Config *config = load_text(text, &message);
    cr_assert_not_null(config, "%s", message);
    return config;
}

static void expect_error(const char *text, const char *wanted)
{
    g_autofree char *message = NULL;
    g_autoptr(Config) config = load_text(text, &message);
    cr_assert_null(config, "accepted: %s", text);
    cr_expect(strstr(message, wanted) != NULL, "wanted: %s\ngot: %s", wanted, message);
}

Test(config, reads_every_key_into_its_field)
{
    g_autofree char *text = NULL;
    cr_assert(g_file_get_contents(TEST_DATA "/config/full.conf", &text, NULL, NULL));
    g_autoptr(Config) config = load_good(text);
    cr_expect_str_eq(config->repository, "/srv/backups");
    cr_expect_str_eq(config->state_dir, "/var/lib/other");
    cr_assert_eq(config->instances->len, 1);
    const InstanceConfig *shop = config_instance(config, "shop");
    cr_expect_str_eq(shop->name, "shop");

    const struct {
        const char *got;
        const char *wanted;
    } texts[] = {
        {shop->defaults_file, "/etc/shop.cnf"},
        {shop->scratch_dir, "/scratch"},
        {shop->proof_dir, "/proof"},
        {shop->engine, "mariadb-backup"},
        {shop->engine_options, "--galera-info --innodb-log-checksums=\"a b\""},
        {shop->prepare_options, "--prepare-one"},
        {shop->server_options, "--server-one"},
        {shop->server_binary, "/usr/sbin/mariadbd"},
        {shop->rsync, "/usr/bin/rsync"},
        {shop->canary_schema, "canaries"},
        {shop->ping_url, "https://ping.example.org/c0ffee"},
        {shop->metrics_file, "/var/lib/node/lsnchain.prom"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        cr_expect_str_eq(texts[i].got, texts[i].wanted);

    const struct {
        const char *field;
        int64_t got;
        int64_t wanted;
    } numbers[] = {
        {"parallel", shop->parallel, 7},
        {"throttle", (int64_t)shop->throttle, 64 << 20},
        {"lock_timeout", shop->lock_timeout, 90},
        {"checkpoint_first", shop->checkpoint_first, TRUE},
        {"compression", shop->compression, COMPRESSION_NONE},
        {"compression_level", shop->compression_level, 9},
        {"full_every", shop->full_every, 14 * 86400},
        {"max_incrementals", shop->max_incrementals, 21},
        {"full_after_break", shop->full_after_break, FULL_AFTER_BREAK_SAME},
        {"restore_within", shop->restore_within, 4 * 3600},
        {"stall_timeout", shop->stall_timeout, 660},
        {"backup_max_time", shop->backup_max_time, 12 * 3600},
        {"verify_after", shop->verify_after, 2},
        {"verify_max_time", shop->verify_max_time, 780},
        {"rolling_base", shop->rolling_base, FALSE},
        {"prepare_memory", (int64_t)shop->prepare_memory, INT64_C(2) << 30},
        {"canary", shop->canary, CANARY_NO},
        {"reread_every", shop->reread_every, 15 * 86400},
        {"reseed_every", shop->reseed_every, 16},
        {"keep_chains", shop->keep_chains, 17},
        {"keep_days", shop->keep_days, 18},
        {"keep_weekly", shop->keep_weekly, 19},
        {"keep_monthly", shop->keep_monthly, 20},
        {"keep_yearly", shop->keep_yearly, 22},
        {"keep_proven", shop->keep_proven, 23},
        {"keep_quarantined", shop->keep_quarantined, 24 * 86400},
        {"repeat_after", shop->repeat_after, 25 * 3600},
        {"ping", shop->ping, 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        cr_expect_eq(numbers[i].got, numbers[i].wanted, "%s is %" G_GINT64_FORMAT, numbers[i].field,
                     numbers[i].got);
}

Test(config, reads_alerts_routes_and_asserts)
{
    g_autofree char *text = NULL;
    cr_assert(g_file_get_contents(TEST_DATA "/config/full.conf", &text, NULL, NULL));
    g_autoptr(Config) config = load_good(text);
    const AlertConfig *oncall = config_alert(config, "oncall");
    const AlertConfig *mail = config_alert(config, "mail");
    cr_assert(oncall != NULL && mail != NULL && config->alerts->len == 2);
    cr_expect_str_eq(oncall->type, "webhook");
    cr_expect_str_eq(oncall->url, "https://user:hunter1@alerts.example.org/hook/hunter2");
    cr_expect(g_str_has_prefix(oncall->secret, "whsec_MfKQ"));
    cr_expect_str_eq(oncall->user, "");
    cr_expect_str_eq(oncall->tls, "required");
    cr_expect_eq(oncall->timeout, 5);
    cr_expect_str_eq(mail->user, "backup");
    cr_expect_str_eq(mail->password, "hunter3 ; #still");
    cr_expect_str_eq(mail->from, "lsnchain@example.org");
    cr_expect_str_eq(mail->to, "dba@example.org, boss@example.org");
    cr_expect_str_eq(mail->tls, "none");
    cr_expect_str_eq(mail->ca_file, "/etc/ssl/our.pem");
    cr_expect_eq(mail->timeout, 30);

    const InstanceConfig *shop = config_instance(config, "shop");
    g_autofree char *critical = g_strjoinv("+", shop->route.critical);
    g_autofree char *warning = g_strjoinv("+", config->route.warning);
    cr_expect_str_eq(critical, "oncall+mail");
    cr_expect_str_eq(warning, "mail");
    cr_assert_eq(shop->asserts->len, 1);
    const AssertConfig *assertion = shop->asserts->pdata[0];
    cr_expect_str_eq(assertion->name, "orders-not-empty");
    cr_expect_str_eq(assertion->sql, "SELECT COUNT(*) > 0 FROM shop.orders ; not a # comment");
}

Test(config, gives_defaults_where_nothing_is_said)
{
    g_autoptr(InstanceConfig) instance = config_default_instance("shop");
    cr_expect_str_eq(instance->name, "shop");
    cr_expect_str_eq(instance->defaults_file, "");
    cr_expect_str_eq(instance->engine, "auto");
    cr_expect_eq(instance->parallel, 2);
    cr_expect_eq(instance->compression, COMPRESSION_LZ4);
    cr_expect_eq(instance->lock_timeout, 60);
    cr_expect_eq(instance->verify_after, 4);
    cr_expect_eq(instance->full_every, 7 * 86400);
    cr_expect_eq(instance->asserts->len, 0);
    cr_expect_null(instance->route.critical[0]);

    g_autoptr(Config) config = config_bare("/r/../s");
    cr_expect_str_eq(config->repository, "/s");
    cr_expect_str_eq(config->state_dir, "/var/lib/lsnchain");
    cr_expect_eq(config->instances->len, 0);
    cr_expect_null(config->route.critical[0]);
}

Test(config, lets_global_give_the_default_of_all_instances)
{
    g_autoptr(Config) config =
        load_good(GLOBAL "parallel = 8\ndefaults_file = /all\n"
                         "[instance a]\n[instance b]\nparallel = 3\ndefaults_file = /b\n");
    const InstanceConfig *a = config_instance(config, "a");
    const InstanceConfig *b = config_instance(config, "b");
    cr_expect_eq(a->parallel, 8);
    cr_expect_eq(b->parallel, 3);
    cr_expect_str_eq(a->defaults_file, "/all");
    cr_expect_str_eq(b->defaults_file, "/b");
    cr_expect_null(config_instance(config, "c"));
    cr_expect_eq(config->instances->pdata[0], a);
}

Test(config, replaces_the_whole_route_for_one_instance)
{
    g_autoptr(Config) config =
        load_good(GLOBAL "defaults_file = /d\n[instance a]\n[instance b]\n" MAIL
                         "[route]\ncritical = mail\nwarning = mail\n[route b]\nwarning = mail\n");
    const InstanceConfig *a = config_instance(config, "a");
    const InstanceConfig *b = config_instance(config, "b");
    cr_expect_eq(g_strv_length(a->route.critical), 1);
    cr_expect_eq(g_strv_length(b->route.critical), 0);
    cr_expect_eq(g_strv_length(b->route.warning), 1);
}

/* clang-format off */
static const struct {
    const char *text;
    const char *error;
} wrong[] = {
    {"", "lsnchain.conf: [global] needs the key repository\nhint: as in: repository = /srv/lsnchain"},
    {"[global]\n", "[global] needs the key repository"},
    {"[global]\nrepository =\n", "lsnchain.conf:2: repository =  in [global] is not allowed: it must be an absolute path"},
    {"[global]\nrepository = srv\n", "lsnchain.conf:2: repository = srv in [global] is not allowed: it must be an absolute path"},
    {"[global]\nrepository = user@host:/srv\n", "lsnchain.conf:2: repository = user@host:/srv is on another machine: it must be a directory of this one\nhint: to keep backups off the database host, run lsnchain on the backup host and let it pull the stream, or add copies"},
    {"[global]\nrepository = host:srv\n", "is on another machine"},
    {"[global]\nrepository = srv/a:b\n", "it must be an absolute path"},
    {"[global]\nrepository = rsync://host/srv\n", "is on another machine"},
    {GLOBAL "[instance shop]\n", "lsnchain.conf:3: [instance shop] needs the key defaults_file"},
    {GLOBAL INSTANCE "parallel = 65\n", "lsnchain.conf:5: parallel = 65 in [instance shop] is not allowed: it must be a whole number from 1 to 64"},
    {GLOBAL "parallel = 0\n", "lsnchain.conf:3: parallel = 0 in [global] is not allowed: it must be a whole number from 1 to 64"},
    {GLOBAL INSTANCE "lock_timeout = 60\n", "lsnchain.conf:5: lock_timeout = 60 in [instance shop] is not allowed: it must be a duration in s, m, h, d or w, from 1s to 1h"},
    {GLOBAL INSTANCE "prepare_memory = 1M\n", "it must be a size in bytes, or with K, M, G or T, from 16M to 1T"},
    {GLOBAL INSTANCE "verify_after = all\n", "it must be none, files, prepare, server or queries"},
    {GLOBAL INSTANCE "paralel = 2\n", "lsnchain.conf:5: unknown key \"paralel\" in [instance shop]; the nearest known one is \"parallel\""},
    {GLOBAL INSTANCE "Parallel = 2\n", "unknown key \"Parallel\" in [instance shop]; the nearest known one is \"parallel\""},
    {GLOBAL "repositry = /x\n", "the nearest known one is \"repository\""},
    {GLOBAL INSTANCE "repository = /x\n", "lsnchain.conf:5: unknown key \"repository\" in [instance shop]; it is one of [global]"},
    {GLOBAL "password = x\n", "unknown key \"password\" in [global]; it is one of [alert]"},
    {GLOBAL "[instnce shop]\n", "lsnchain.conf:3: unknown section [instnce]; the nearest known one is [instance]"},
    {GLOBAL "[Global]\n", "unknown section [Global]; the nearest known one is [global]"},
    {GLOBAL "[instance]\n", "lsnchain.conf:3: [instance] needs a name, as in [instance shop]"},
    {"[global x]\n", "lsnchain.conf:1: [global] takes no name, but here stands [global x]"},
    {GLOBAL "[instance Shop]\n", "\"Shop\" in [instance Shop] is no name"},
    {GLOBAL "[instance  shop]\n", "\" shop\" in [instance  shop] is no name"},
    {GLOBAL "[instance ../x]\n", "\"../x\" in [instance ../x] is no name"},
    {GLOBAL "[instance -x]\n", "is no name"},
    {GLOBAL "[instance abcdefghijabcdefghijabcdefghijabc]\n", "is no name"},
    {GLOBAL "repository = /r2\n", "lsnchain.conf:3: repository is given twice in [global]: first on line 2"},
    {GLOBAL INSTANCE "[assert shop]\nx =\n", "lsnchain.conf:6: the query in [assert shop] is empty"},
    {GLOBAL INSTANCE "[assert shpo]\nx = SELECT 1\n", "lsnchain.conf:5: [assert shpo] names the instance \"shpo\", which is unknown; the nearest known one is \"shop\""},
    {GLOBAL "[route shop]\n", "lsnchain.conf:3: [route shop] names the instance \"shop\", but there is no [instance ...] at all"},
    {GLOBAL MAIL "[route]\ncritical = mail, mial\n", "lsnchain.conf:9: critical in [route] names the alert \"mial\", which is unknown; the nearest known one is \"mail\""},
    {GLOBAL "[route]\ncritical = mail\n", "critical in [route] names the alert \"mail\", but there is no [alert ...] at all"},
    {GLOBAL "[alert a]\nurl = https://h\n", "lsnchain.conf:3: [alert a] needs the key type"},
    {GLOBAL "[alert a]\ntype = webhook\n", "lsnchain.conf:3: [alert a] needs the key url"},
    {GLOBAL "[alert a]\ntype = smtp\nurl = https://h/x\n", "the url in [alert a] does not fit type = smtp"},
    {GLOBAL "[alert a]\ntype = webhook\nurl = https://h\nfrom = a@h\n", "lsnchain.conf:6: from means nothing to type = webhook"},
    {GLOBAL "[alert a]\ntype = webhook\nurl = smtp://h\n", "the url in [alert a] does not fit type = webhook"},
    {GLOBAL "[alert a]\ntype = slack\n", "lsnchain.conf:3: [alert a] needs the key url with type = slack"},
    {GLOBAL "[alert a]\ntype = pagerduty\n", "lsnchain.conf:3: [alert a] needs the key routing_key with type = pagerduty"},
    {GLOBAL "[alert a]\ntype = slack\nurl = https://h\nrouting_key = x\n", "lsnchain.conf:6: routing_key means nothing to type = slack"},
    {GLOBAL "[alert a]\ntype = smtp\nurl = smtp://h\nfrom = a@h\n", "lsnchain.conf:3: [alert a] needs the key to with type = smtp"},
};
/* clang-format on */

Test(config, says_where_and_what_is_wrong)
{
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        expect_error(wrong[i].text, wrong[i].error);
}

Test(config, never_repeats_a_secret_in_an_error)
{
    static const char *const texts[] = {
        GLOBAL "[alert a]\nurl = hunter2\n",
        GLOBAL "[alert a]\nsecret = hunter2\n",
        GLOBAL "[alert a]\npasword = hunter2\n",
        GLOBAL "[alert a]\npassword = hunter2\npassword = hunter2\n",
        GLOBAL "[alert a]\npassword: hunter2\n",
        GLOBAL "[alert a]\ntype = smtp\nurl = https://h/hunter2\n",
        GLOBAL "ping_url = hunter2\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *message = NULL;
        g_autoptr(Config) config = load_text(texts[i], &message);
        cr_assert_null(config);
        cr_expect(strstr(message, "hunter2") == NULL, "%s", message);
    }
}

Test(config, cuts_a_huge_wrong_value_between_characters)
{
    g_autoptr(GString) text = g_string_new(GLOBAL INSTANCE "parallel = ");
    for (int i = 0; i < 1000; i++)
        g_string_append(text, "\xe2\x82\xac");
    g_autofree char *message = NULL;
    g_autoptr(Config) config = load_text(text->str, &message);
    cr_assert_null(config);
    cr_expect_lt(strlen(message), 500);
    cr_expect(g_utf8_validate(message, -1, NULL));
}

Test(config, reads_fragments_in_order_and_skips_leftovers)
{
    g_auto(Etc) etc = etc_make();
    etc_write(&etc, "lsnchain.conf", GLOBAL, 0644);
    etc_write(&etc, "conf.d/20-b.conf", "[instance b]\ndefaults_file = /b\n", 0644);
    etc_write(&etc, "conf.d/10-a.conf", "[instance a]\n", 0644);
    etc_write(&etc, "conf.d/15-a.conf", "[instance a]\ndefaults_file = /a\n", 0644);
    static const char *const leftovers[] = {"conf.d/.x.conf",         "conf.d/x.conf~",
                                            "conf.d/x.conf.dpkg-old", "conf.d/x.conf.dpkg-new",
                                            "conf.d/README",          "conf.d/.dpkg-x.conf"};
    for (size_t i = 0; i < G_N_ELEMENTS(leftovers); i++)
        etc_write(&etc, leftovers[i], "nonsense\n", 0666);

    g_autofree char *message = NULL;
    g_autoptr(Config) config = etc_load(&etc, &message);
    cr_assert_not_null(config, "%s", message);
    cr_assert_eq(config->instances->len, 2);
    cr_expect_str_eq(((InstanceConfig *)config->instances->pdata[0])->name, "a");
    cr_expect_str_eq(config_instance(config, "a")->defaults_file, "/a");
}

Test(config, reads_many_fragments_in_the_order_of_their_names)
{
    g_auto(Etc) etc = etc_make();
    etc_write(&etc, "lsnchain.conf", GLOBAL "defaults_file = /d\n", 0644);
    for (int i = 0; i < 30; i++) {
        int number = 10 + i * 7 % 30;
        g_autofree char *name = g_strdup_printf("conf.d/%d.conf", number);
        g_autofree char *text = g_strdup_printf("[instance i%d]\n", number);
        etc_write(&etc, name, text, 0644);
    }
    g_autofree char *message = NULL;
    g_autoptr(Config) config = etc_load(&etc, &message);
    cr_assert_not_null(config, "%s", message);
    for (guint i = 0; i < 30; i++) {
        const InstanceConfig *instance = config->instances->pdata[i];
        g_autofree char *wanted = g_strdup_printf("i%u", 10 + i);
        cr_expect_str_eq(instance->name, wanted);
    }
}

Test(config, refuses_a_key_that_two_files_give)
{
    g_auto(Etc) etc = etc_make();
    g_autofree char *message = NULL;
    etc_write(&etc, "lsnchain.conf", GLOBAL INSTANCE "parallel = 2\n", 0644);
    etc_write(&etc, "conf.d/x.conf", "\n[instance shop]\nparallel = 2\n", 0644);
    g_autoptr(Config) config = etc_load(&etc, &message);
    cr_assert_null(config);
    cr_expect_str_eq(message, "conf.d/x.conf:3: parallel in [instance shop] is given twice: "
                              "first at lsnchain.conf:5");
}

Test(config, refuses_a_missing_file_and_what_is_none)
{
    g_auto(Etc) etc = etc_make();
    g_autofree char *missing = NULL;
    g_autofree char *directory = NULL;
    g_autofree char *huge = NULL;
    cr_expect_null(etc_load(&etc, &missing));
    cr_expect(g_str_has_prefix(missing, "cannot open lsnchain.conf: No such file"), "%s", missing);
    cr_expect(strstr(missing, "\nhint: ") != NULL);

    etc_write(&etc, "lsnchain.conf/x", "", 0644);
    cr_expect_null(etc_load(&etc, &directory));
    cr_expect(g_str_has_prefix(directory, "lsnchain.conf is not a regular file"), "%s", directory);

    g_auto(Etc) other = etc_make();
    g_autofree char *text = g_strnfill((1 << 20) + 1, '\n');
    etc_write(&other, "lsnchain.conf", text, 0644);
    cr_expect_null(etc_load(&other, &huge));
    cr_expect(g_str_has_prefix(huge, "lsnchain.conf is not a regular file of at most"), "%s", huge);
}

Test(config, believes_only_files_of_root_or_ours_that_keep_their_secrets)
{
    enum { US = 1000, OTHER = 1001 };
    static const struct {
        uid_t owner;
        mode_t mode;
        gboolean secret;
        gboolean own_group;
        const char *error; /* NULL: fine */
    } cases[] = {
        {0, 0644, FALSE, FALSE, NULL},
        {US, 0644, FALSE, FALSE, NULL},
        {OTHER, 0600, FALSE, TRUE, "chown root '/c'"},
        {0, 0664, FALSE, TRUE, "chmod go-w '/c'"},
        {0, 0646, FALSE, TRUE, "chmod go-w '/c'"},
        {US, 0620, FALSE, TRUE, "chmod go-w '/c'"},
        {US, 0602, FALSE, TRUE, "chmod go-w '/c'"},
        {0, 0644, TRUE, TRUE, "chmod o= '/c'"},
        {0, 0604, TRUE, TRUE, "chmod o= '/c'"},
        {0, 0640, TRUE, FALSE, "chmod g= '/c'"},
        {0, 0640, TRUE, TRUE, NULL},
        {US, 0600, TRUE, FALSE, NULL},
        {US, 0400, TRUE, FALSE, NULL},
        {US, 0700, TRUE, FALSE, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct stat status = {
            .st_uid = cases[i].owner, .st_gid = OTHER, .st_mode = S_IFREG | cases[i].mode};
        g_autoptr(GError) error = NULL;
        gboolean good =
            access_check("/c", &status, cases[i].secret, US, cases[i].own_group, &error);
        cr_expect_eq(good, cases[i].error == NULL, "case %zu", i);
        cr_expect(good || strstr(error->message, cases[i].error) != NULL, "case %zu: %s", i,
                  error->message);
        cr_expect(good || error_status(error) == STATUS_CONFIG);
    }
    cr_expect(access_is_own_group(getegid()));
    cr_expect_not(access_is_own_group(54321));
}

Test(config, looks_at_owner_and_mode_of_real_files)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *error;
    } cases[] = {
        {GLOBAL, 0644, NULL},
        {GLOBAL, 0666, "chmod go-w"},
        {GLOBAL MAIL, 0644, NULL},
        {GLOBAL MAIL "password = x\n", 0644, "chmod o="},
        {GLOBAL MAIL "password = x\nuser = y\n" INSTANCE, 0644, "chmod o="},
        {GLOBAL MAIL "password = x\n", 0640, NULL},
        {GLOBAL MAIL "password =\n", 0644, NULL},
        {GLOBAL "[alert a]\ntype = webhook\nurl = https://h/x\n", 0644, "chmod o="},
        {GLOBAL "ping_url = https://h/x\n", 0644, "chmod o="},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Etc) etc = etc_make();
        g_autofree char *message = NULL;
        etc_write(&etc, "lsnchain.conf", cases[i].text, cases[i].mode);
        g_autoptr(Config) config = etc_load(&etc, &message);
        cr_expect_eq(config != NULL, cases[i].error == NULL, "case %zu: %s", i, message);
        cr_expect(config != NULL || strstr(message, cases[i].error) != NULL, "case %zu: %s", i,
                  message);
    }
}

/* A secret in one file says nothing about the mode of another. */
Test(config, asks_each_file_for_its_own_secrets_only)
{
    g_auto(Etc) etc = etc_make();
    g_autofree char *message = NULL;
    etc_write(&etc, "lsnchain.conf", GLOBAL MAIL, 0644);
    etc_write(&etc, "conf.d/a.conf", "[alert mail]\npassword = x\n", 0600);
    etc_write(&etc, "conf.d/b.conf", INSTANCE, 0644);
    g_autoptr(Config) config = etc_load(&etc, &message);
    cr_assert_not_null(config, "%s", message);
    cr_expect_str_eq(config_alert(config, "mail")->password, "x");
}

static void note_shown(const char *section, const char *key, const char *value, const char *source,
                       void *data)
{
    g_autofree char *base = g_path_get_basename(source);
    g_string_append_printf(data, "%s.%s=%s (%s)\n", section, key, value, base);
}

static char *show(const Config *config)
{
    GString *out = g_string_new("\n");
    config_show(config, note_shown, out);
    return g_string_free(out, FALSE);
}

Test(config, shows_each_value_with_where_it_came_from)
{
    g_autoptr(Config) config = load_good(GLOBAL "parallel = 8\n" INSTANCE "throttle = 1M\n"
                                                "[assert shop]\nx = SELECT 1\n");
    g_autofree char *got = show(config);
    static const char *const lines[] = {
        "\nglobal.repository=/r (lsnchain.conf:2)\n",
        "\nglobal.state_dir=/var/lib/lsnchain (default)\n",
        "\nglobal.parallel=8 (lsnchain.conf:3)\n",
        "\ninstance shop.parallel=8 (lsnchain.conf:3)\n",
        "\ninstance shop.throttle=1M (lsnchain.conf:6)\n",
        "\ninstance shop.lock_timeout=60s (default)\n",
        "\ninstance shop.scratch_dir= (default)\n",
        "\nassert shop.x=SELECT 1 (lsnchain.conf:8)\n",
        "\nroute.critical= (default)\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        cr_expect(strstr(got, lines[i]) != NULL, "%s is missing in %s", lines[i], got);
    cr_expect(strstr(got, "global.throttle") == NULL);

    g_autoptr(Config) bare = config_bare("/s");
    g_autofree char *shown = show(bare);
    cr_expect(strstr(shown, "\nglobal.repository=/s (command line)\n") != NULL, "%s", shown);
}

Test(config, shows_no_secret)
{
    g_autofree char *text = NULL;
    cr_assert(g_file_get_contents(TEST_DATA "/config/full.conf", &text, NULL, NULL));
    g_autoptr(Config) config = load_good(text);
    g_autofree char *got = show(config);
    cr_expect(strstr(got, "hunter") == NULL, "%s", got);
    cr_expect(strstr(got, "MfKQ") == NULL, "%s", got);
    cr_expect(strstr(got, "c0ffee") == NULL, "%s", got);
    cr_expect(strstr(got, "alert mail.password=(hidden) ") != NULL, "%s", got);
    cr_expect(strstr(got, "alert oncall.url=https://alerts.example.org/(hidden) ") != NULL);
    cr_expect(strstr(got, "alert oncall.password= (default)") != NULL);
}

/* Takes the '#' from the lines that `wanted` begins; NULL: from every key and section. */
static char *uncomment(const char *sample, const char *const *wanted)
{
    g_auto(GStrv) lines = g_strsplit(sample, "\n", -1);
    GString *out = g_string_new(NULL);
    for (char **line = lines; *line != NULL; line++) {
        gboolean setting = (*line)[0] == '#' && (*line)[1] != ' ' && (*line)[1] != '\0';
        gboolean chosen = wanted == NULL;
        for (size_t i = 0; setting && wanted != NULL && wanted[i] != NULL; i++)
            chosen = chosen || g_str_has_prefix(*line + 1, wanted[i]);
        g_string_append_printf(out, "%s\n", setting && chosen ? *line + 1 : *line);
    }
    return g_string_free(out, FALSE);
}

Test(config, runs_on_the_sample_with_two_lines_uncommented_and_with_all)
{
    static const char *const two[] = {"repository ", "defaults_file ", NULL};
    g_autoptr(GString) sample = g_string_new(NULL);
    options_sample(sample);
    g_autofree char *first = uncomment(sample->str, two);
    g_autofree char *all = uncomment(sample->str, NULL);
    g_autoptr(Config) few = load_good(first);
    g_autoptr(Config) full = load_good(all);
    cr_expect_not_null(config_instance(few, "shop"));
    cr_expect_eq(config_instance(full, "shop")->asserts->len, 1);
    cr_expect_eq(full->alerts->len, 1);

    /* what the sample calls a default is one */
    const InstanceConfig *written = config_instance(full, "shop");
    const InstanceConfig *silent = config_instance(few, "shop");
    cr_expect_eq(written->prepare_memory, silent->prepare_memory);
    cr_expect_eq(written->verify_after, silent->verify_after);
    cr_expect_eq(written->keep_quarantined, silent->keep_quarantined);
}

Test(config, survives_damaged_files)
{
    g_auto(Etc) etc = etc_make();
    g_autoptr(GRand) rand = g_rand_new_with_seed(4711);
    g_autofree char *text = NULL;
    gsize length = 0;
    cr_assert(g_file_get_contents(TEST_DATA "/config/full.conf", &text, &length, NULL));
    int good = 0;
    for (int i = 0; i < 1500; i++) {
        g_autofree char *damaged = g_strndup(text, length);
        for (int n = g_rand_int_range(rand, 1, 4); n > 0; n--)
            damaged[g_rand_int_range(rand, 0, (gint32)length)] =
                "[]=\n;#:, a/9\xc3"[g_rand_int_range(rand, 0, 13)];
        g_autofree char *message = NULL;
        etc_write(&etc, "lsnchain.conf", damaged, 0600);
        g_autoptr(Config) config = etc_load(&etc, &message);
        cr_assert(config != NULL || g_str_has_prefix(message, "lsnchain.conf:"), "%s", message);
        good += config != NULL ? 1 : 0;
    }
    cr_expect(good > 50 && good < 1450, "%d of 1500 were sound: this tests little", good);
}
