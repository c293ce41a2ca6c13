/* SPDX-License-Identifier: MIT */
#include "config/config.h"
#include "config/nearest.h"
#include "config/options.h"
#include "config/value.h"

#include <criterion/criterion.h>
#include <string.h>

static gboolean allows(const char *section, const char *key, const char *text)
{
    const Option *option = options_find(section, key);
    cr_assert_not_null(option, "%s in [%s]", key, section);
    return value_set(option, text, NULL);
}

/* clang-format off */
static const struct {
    const char *section;
    const char *key;
    const char *good[6];
    const char *bad[12];
} limits[] = {
    {"global", "repository", {"/srv", "/", "/a b/"}, {"", "srv", "user@host:/srv", "./srv", "~/srv"}},
    {"instance", "scratch_dir", {"", "/scratch"}, {"scratch", " /scratch"}},
    {"instance", "defaults_file", {"/etc/shop.cnf"}, {"", "shop.cnf"}},
    {"instance", "engine", {"auto", "xtrabackup", "mariadb-backup", "/opt/x"}, {"", "Auto", "mysqldump", "x/y", "/opt/"}},
    {"instance", "server_binary", {"auto", "/usr/sbin/mariadbd"}, {"", "mariadbd"}},
    {"instance", "engine_options", {"", "--a='b c' --d"}, {"--a='b", "--a=\""}},
    {"instance", "nice", {"0", "19"}, {"-1", "20", ""}},
    {"instance", "io_priority", {"normal", "low", "idle"}, {"", "high", "Low"}},
    {"instance", "parallel", {"1", "2", "64"}, {"0", "65", "-1", "", "two", "2.5", "2K", "0x2", "99999999999999999999", "2 "}},
    {"instance", "max_incrementals", {"0", "1000"}, {"1001", "-1", ""}},
    {"instance", "throttle", {"0", "64K", "65536", "1T", "100M"}, {"1", "65535", "2T", "100MB", "100m", "-1", "", "M"}},
    {"instance", "prepare_memory", {"16M", "512M", "1T"}, {"0", "15M", "2T", "", "512Mi"}},
    {"instance", "lock_timeout", {"1s", "60s", "1h", "60m"}, {"0", "0s", "61m", "60", "1H", "", "-5s", "1.5m", "s"}},
    {"instance", "stall_timeout", {"1s", "30m", "1d"}, {"0", "2d", "30"}},
    {"instance", "backup_max_time", {"0", "0s", "1s", "30d"}, {"31d", "5w", "never"}},
    {"instance", "full_every", {"1m", "7d", "1w"}, {"59s", "0", "367d", "7"}},
    {"instance", "compression", {"lz4", "none"}, {"", "zstd", "LZ4", "lz4 none"}},
    {"instance", "compression_level", {"1", "12"}, {"0", "13"}},
    {"instance", "verify_after", {"none", "files", "prepare", "server", "queries"}, {"", "all", "file"}},
    {"instance", "full_after_break", {"next", "same"}, {"", "never"}},
    {"instance", "checkpoint_first", {"yes", "no"}, {"", "true", "1", "YES", "on"}},
    {"instance", "canary", {"auto", "yes", "no"}, {"", "maybe"}},
    {"instance", "canary_schema", {"lsnchain", "_a1", "Z"}, {"", "1a", "a-b", "a`b", "a.b", "\xc3\xa4"}},
    {"instance", "keep_chains", {"0", "4"}, {"-1", "100001", "4d"}},
    {"instance", "keep_quarantined", {"0", "30d"}, {"30", "59m"}},
    {"instance", "reseed_every", {"0", "1", "1000"}, {"1001", "never"}},
    {"instance", "ping", {"healthchecks", "plain"}, {"", "no", "healthchecks.io", "Plain"}},
    {"instance", "ping_url", {"", "https://h/x", "http://h"}, {"h/x", "ftp://h/x", "https://", "https:///x", "https://h/a b", "smtp://h"}},
    {"alert", "type", {"smtp", "webhook", "slack", "teams", "pagerduty"}, {"", "mail", "smtp webhook"}},
    {"alert", "url", {"", "smtp://h:587", "smtps://h", "https://h/x", "http://127.0.0.1:80/x", "https://[::1]:8/x"}, {"h", "file:///etc/passwd", "https://h:99999/", "gopher://h"}},
    {"alert", "tls", {"required", "none"}, {"", "try"}},
    {"alert", "timeout", {"1s", "5m"}, {"0", "301s", "6m"}},
    {"alert", "secret", {"", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
     {"secret", "whsec_", "whsec_c2hvcnQ=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La*LaSw",
      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw  whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
    {"route", "critical", {"", "mail", "mail, oncall", "a,b"}, {"mail,", ",", "mail oncall", "Mail", "a,,b"}},
};
/* clang-format on */

Test(options, allow_what_is_within_their_limits_and_nothing_else)
{
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(limits[i].good) && limits[i].good[k] != NULL; k++)
            cr_expect(allows(limits[i].section, limits[i].key, limits[i].good[k]),
                      "%s = %s was refused", limits[i].key, limits[i].good[k]);
        for (size_t k = 0; k < G_N_ELEMENTS(limits[i].bad) && limits[i].bad[k] != NULL; k++)
            cr_expect_not(allows(limits[i].section, limits[i].key, limits[i].bad[k]),
                          "%s = %s was allowed", limits[i].key, limits[i].bad[k]);
    }
}

Test(options, spell_a_path_in_one_way)
{
    static const char *const cases[][2] = {
        {"/", "/"},         {"//", "/"},         {"/./", "/"},           {"/a//b/", "/a/b"},
        {"/a/./b", "/a/b"}, {"//a/b/.", "/a/b"}, {"/a/../b", "/a/../b"}, {"/.a/b.", "/.a/b."},
    };
    const Option *option = options_find("instance", "metrics_file");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        InstanceConfig instance = {0};
        cr_expect(value_set(option, cases[i][0], &instance));
        cr_expect_str_eq(instance.metrics_file, cases[i][1], "%s became %s", cases[i][0],
                         instance.metrics_file);
        value_clear(option, &instance);
    }
}

Test(options, have_sound_rows)
{
    for (const Option *option = options_table(); option->section != NULL; option++) {
        gboolean number = option->type == OPTION_COUNT || option->type == OPTION_DURATION ||
                          option->type == OPTION_SIZE;
        cr_expect_eq(options_find(option->section, option->key), option, "%s is there twice",
                     option->key);
        cr_expect_not_null(options_section(option->section), "%s", option->key);
        cr_expect_eq(number, option->least != NULL && option->most != NULL, "%s", option->key);
        cr_expect(option->fallback == NULL || value_set(option, option->fallback, NULL),
                  "the default of %s is not allowed", option->key);
        cr_expect(option->fallback != NULL || option->example != NULL, "%s", option->key);
        cr_expect(!number || option->zero != NULL || !value_set(option, "0", NULL) ||
                      g_str_equal(option->least, "0"),
                  "%s", option->key);
        cr_expect_not(g_str_has_suffix(option->sentence, "."), "%s", option->key);
    }
}

Test(options, of_an_instance_may_stand_in_global_but_not_the_other_way)
{
    cr_expect_not_null(options_find("global", "parallel"));
    cr_expect_null(options_find("instance", "repository"));
    cr_expect_null(options_find("global", "password"));
    cr_expect_null(options_find("assert", "parallel"));
}

Test(options, say_what_is_allowed)
{
    static const struct {
        const char *section;
        const char *key;
        const char *allowed;
    } cases[] = {
        {"instance", "parallel", "a whole number from 1 to 64"},
        {"instance", "throttle",
         "a size in bytes, or with K, M, G or T, from 64K to 1T; 0: as fast as it goes"},
        {"instance", "verify_after", "none, files, prepare, server or queries"},
        {"instance", "engine", "auto, xtrabackup or mariadb-backup; or an absolute path"},
        {"instance", "checkpoint_first", "yes or no"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = value_allowed(options_find(cases[i].section, cases[i].key));
        cr_expect_str_eq(got, cases[i].allowed);
    }
}

Test(options, show_of_a_secret_address_only_scheme_and_host)
{
    static const struct {
        const char *section;
        const char *key;
        const char *value;
        const char *shown;
        gboolean secret;
    } cases[] = {
        {"alert", "url", "https://u:hunter2@h.org:8443/hunter2?hunter2#hunter2",
         "https://h.org/(hidden)", TRUE},
        {"alert", "url", "https://h.org", "https://h.org/(hidden)", TRUE},
        {"alert", "url", "smtp://u:hunter2@h.org", "smtp://h.org/(hidden)", TRUE},
        {"alert", "url", "smtp://h.org:587", "smtp://h.org:587", FALSE},
        {"instance", "ping_url", "https://h.org/hunter2", "https://h.org/(hidden)", TRUE},
        {"instance", "ping_url", "", "", FALSE},
        {"alert", "password", "hunter2", "(hidden)", TRUE},
        {"alert", "password", "", "", FALSE},
        {"alert", "routing_key", "hunter2", "(hidden)", TRUE},
        {"alert", "user", "hunter", "hunter", FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Option *option = options_find(cases[i].section, cases[i].key);
        g_autofree char *got = value_shown(option, cases[i].value);
        cr_expect_str_eq(got, cases[i].shown);
        cr_expect_eq(value_is_secret(option, cases[i].value), cases[i].secret, "%s",
                     cases[i].value);
    }
}

Test(options, find_the_nearest_word)
{
    static const char *const known[] = {"parallel", "proof_dir", "prepare_memory", NULL};
    static const char *const tied[] = {"p1", "p2", NULL};
    static const char *const none[] = {NULL};
    g_autofree char *huge = g_strnfill(1000000, 'p');
    cr_expect_str_eq(nearest_word("paralel", known), "parallel");
    cr_expect_str_eq(nearest_word("p______", tied), "p1");
    cr_expect_str_eq(nearest_word("proofdir", known), "proof_dir");
    cr_expect_str_eq(nearest_word("prepare-memory", known), "prepare_memory");
    cr_expect_str_eq(nearest_word("", known), "parallel");
    cr_expect_not_null(nearest_word(huge, known));
    cr_expect_null(nearest_word("x", none));
}

Test(options, are_all_in_the_sample_the_reference_and_the_help)
{
    g_autoptr(GString) sample = g_string_new(NULL);
    g_autoptr(GString) reference = g_string_new(NULL);
    g_autoptr(GString) help = g_string_new(NULL);
    options_sample(sample);
    options_markdown(reference);
    options_help(help);
    for (const Option *option = options_table(); option->section != NULL; option++) {
        g_autofree char *commented = g_strdup_printf("\n#%s =", option->key);
        g_autofree char *row = g_strdup_printf("\n| `%s` |", option->key);
        g_autofree char *entry = g_strdup_printf("\n  %s\n", option->key);
        cr_expect(strstr(sample->str, commented) != NULL, "%s is not in the sample", option->key);
        cr_expect(strstr(reference->str, row) != NULL, "%s is not in the page", option->key);
        cr_expect(strstr(help->str, entry) != NULL, "%s is not in the help", option->key);
    }
}
