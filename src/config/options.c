/* SPDX-License-Identifier: MIT */
#include "config/options.h"

#include "config/config.h"

#define GLOBAL(field)   .section = "global", .key = #field, .at = offsetof(Config, field)
#define INSTANCE(field) .section = "instance", .key = #field, .at = offsetof(InstanceConfig, field)
#define ALERT(field)    .section = "alert", .key = #field, .at = offsetof(AlertConfig, field)
#define ROUTE(field)    .section = "route", .key = #field, .at = offsetof(RouteConfig, field)

/* clang-format off */
static const OptionSection sections[] = {
    {"global", SECTION_NAME_NONE, NULL,
     "What holds for all. Any key of [instance] may stand here too, as the default of all "
     "instances."},
    {"instance", SECTION_NAME_MUST, "shop",
     "One database server that is backed up. A name is 1 to 32 of a-z, 0-9, '_' and '-', and "
     "begins with a letter or a digit."},
    {"assert", SECTION_NAME_MUST, "shop",
     "Queries of your own for the test restore of this instance, under names of your own: each "
     "holds when the first value of its first row is true. See assertions.md."},
    {"alert", SECTION_NAME_MUST, "mail",
     "One way to reach people or machines."},
    {"route", SECTION_NAME_MAY, NULL,
     "Which alerts hear of what. [route INSTANCE] replaces all of [route] for one instance."},
    {NULL, SECTION_NAME_NONE, NULL, NULL},
};

static const Option options[] = {
    {GLOBAL(repository), .type = OPTION_PATH, .example = "/srv/lsnchain",
     .sentence = "directory on this machine that holds all backups; made by `lsnchain init`"},
    {GLOBAL(state_dir), .type = OPTION_PATH, .fallback = "/var/lib/lsnchain",
     .sentence = "what lsnchain remembers beside the backups; losing it loses no backup"},

    {INSTANCE(defaults_file), .type = OPTION_PATH, .example = "/etc/lsnchain/shop.cnf",
     .sentence = "option file of mode 0600 with [client] user, password, and socket or host"},
    {INSTANCE(scratch_dir), .type = OPTION_PATH, .fallback = "",
     .sentence = "where captures are made; empty: REPOSITORY/.scratch; on the filesystem of the "
                 "repository publishing moves no data"},
    {INSTANCE(proof_dir), .type = OPTION_PATH, .fallback = "",
     .sentence = "where backups are prepared to prove them; empty: scratch_dir; needs room for one "
                 "data directory as it is on the server"},
    {INSTANCE(engine), .type = OPTION_PROGRAM, .fallback = "auto",
     .words = "auto xtrabackup mariadb-backup",
     .sentence = "the program that copies the data"},
    {INSTANCE(engine_options), .type = OPTION_ARGUMENTS, .fallback = "",
     .sentence = "passed on to the engine when it takes a backup; ours are refused"},
    {INSTANCE(prepare_options), .type = OPTION_ARGUMENTS, .fallback = "",
     .sentence = "passed on to the engine when it prepares a backup; ours are refused"},
    {INSTANCE(server_options), .type = OPTION_ARGUMENTS, .fallback = "",
     .sentence = "passed on to the throwaway server of a test restore; ours are refused"},
    {INSTANCE(server_binary), .type = OPTION_PROGRAM, .fallback = "auto", .words = "auto",
    
     .sentence = "the server that a test restore starts"},
    {INSTANCE(rsync), .type = OPTION_PROGRAM, .fallback = "rsync", .words = "rsync",
     .sentence = "the rsync that publishes"},
    {INSTANCE(parallel), .type = OPTION_COUNT, .fallback = "2", .least = "1", .most = "64",
     .sentence = "threads with which the engine reads and we seal"},
    {INSTANCE(workers), .type = OPTION_COUNT, .fallback = "8", .least = "1", .most = "64",
     .sentence = "the most threads of ours that check, unseal or seal: as many as there are "
                 "processors, but no more than this"},
    {INSTANCE(throttle), .type = OPTION_SIZE, .fallback = "0", .least = "64K", .most = "1T",
     .zero = "as fast as it goes",
     .sentence = "data copied in a second, until the engine begins to lock"},
    {INSTANCE(nice), .type = OPTION_COUNT, .fallback = "0", .least = "0", .most = "19",
     .sentence = "how far backups and proofs give way to other programs, as in nice(1); an engine "
                 "that waits for a processor holds its locks longer, so what seals gives way to it "
                 "by 10 more"},
    {INSTANCE(io_priority), .type = OPTION_CHOICE, .fallback = "normal",
     .words = "normal low idle",
     .sentence = "the same for the disk, as in ionice(1), where its scheduler knows priorities"},
    {INSTANCE(lock_timeout), .type = OPTION_DURATION, .fallback = "60s",
     .least = "1s", .most = "1h",
     .sentence = "longest time from the engine's DDL block to its end, or of waiting for it; then "
                 "the backup fails; a DDL lock that xtrabackup holds all the time does not count"},
    {INSTANCE(checkpoint_first), .type = OPTION_FLAG, .fallback = "no",
     .sentence = "ask the engine for a checkpoint before it copies: less redo in each link, but "
                 "its account needs SUPER"},
    {INSTANCE(compression), .type = OPTION_CHOICE, .fallback = "lz4", .words = "none lz4",
     .sentence = "how files are stored"},
    {INSTANCE(compression_level), .type = OPTION_COUNT, .fallback = "1",
     .least = "1", .most = "12",
     .sentence = "LZ4's level; below 3 what hardly compresses is stored as it is, from 3 on it is "
                 "slower and smaller"},
    {INSTANCE(full_every), .type = OPTION_DURATION, .fallback = "7d",
     .least = "1m", .most = "366d",
     .sentence = "age of the newest full at which `backup` takes the next one"},
    {INSTANCE(max_incrementals), .type = OPTION_COUNT, .fallback = "14",
     .least = "0", .most = "1000",
     .sentence = "incrementals on one full; then comes a full"},
    {INSTANCE(full_after_break), .type = OPTION_CHOICE, .fallback = "next", .words = "next same",
     .sentence = "which run takes the full when a chain is found broken after the capture"},
    {INSTANCE(restore_within), .type = OPTION_DURATION, .fallback = "0",
     .least = "1m", .most = "366d", .zero = "no target",
     .sentence = "longest restore that is wanted: a full is taken when the forecast passes it"},
    {INSTANCE(stall_timeout), .type = OPTION_DURATION, .fallback = "30m",
     .least = "1s", .most = "1d",
     .sentence = "an engine that neither sends, logs nor reads for so long is stopped"},
    {INSTANCE(backup_max_time), .type = OPTION_DURATION, .fallback = "0",
     .least = "1s", .most = "30d", .zero = "no limit",
     .sentence = "longest time for the capture of a backup; then it is stopped and fails"},
    {INSTANCE(verify_after), .type = OPTION_CHOICE, .fallback = "queries",
     .words = "none files prepare server queries",
     .sentence = "level to which each new backup is proven at once"},
    {INSTANCE(verify_max_time), .type = OPTION_DURATION, .fallback = "30m",
     .least = "1s", .most = "30d", .zero = "no limit",
     .sentence = "time for CHECK TABLE after a backup; what is left has its turn next time"},
    {INSTANCE(rolling_base), .type = OPTION_FLAG, .fallback = "yes",
     .sentence = "keep a prepared copy and roll it forward, so that a proof costs one link only"},
    {INSTANCE(prepare_memory), .type = OPTION_SIZE, .fallback = "512M",
     .least = "16M", .most = "1T",
     .sentence = "memory for the engine when it prepares; less where the host has not that much free"},
    {INSTANCE(canary), .type = OPTION_CHOICE, .fallback = "auto", .words = "auto yes no",
     .sentence = "write a row before each capture, by which the server shows later that it was not "
                 "put back; auto: unless it is read-only or a replica, or does not let us"},
    {INSTANCE(canary_schema), .type = OPTION_SCHEMA, .fallback = "lsnchain",
     .sentence = "schema of the table with that row; made on first use"},
    {INSTANCE(reread_every), .type = OPTION_DURATION, .fallback = "30d",
     .least = "1h", .most = "3660d",
     .sentence = "a stored file that was not read back for so long proves nothing any more"},
    {INSTANCE(reseed_every), .type = OPTION_COUNT, .fallback = "0",
     .least = "1", .most = "1000", .zero = "never",
     .sentence = "every so many fulls one stores all files anew, without hard links"},
    {INSTANCE(keep_chains), .type = OPTION_COUNT, .fallback = "4",
     .least = "0", .most = "100000",
     .sentence = "newest chains that stay; a backup stays when any keep_ rule keeps it, and its "
                 "chain with it; when all from here to keep_yearly are 0, nothing ever goes"},
    {INSTANCE(keep_days), .type = OPTION_COUNT, .fallback = "0",
     .least = "0", .most = "100000",
     .sentence = "days, back from the newest backup, of which all backups stay"},
    {INSTANCE(keep_weekly), .type = OPTION_COUNT, .fallback = "0",
     .least = "0", .most = "100000",
     .sentence = "newest weeks with a backup (UTC, from Monday) of which one stays"},
    {INSTANCE(keep_monthly), .type = OPTION_COUNT, .fallback = "0",
     .least = "0", .most = "100000",
     .sentence = "newest months with a backup of which one stays"},
    {INSTANCE(keep_yearly), .type = OPTION_COUNT, .fallback = "0",
     .least = "0", .most = "100000",
     .sentence = "newest years with a backup of which one stays"},
    {INSTANCE(keep_proven), .type = OPTION_COUNT, .fallback = "1",
     .least = "0", .most = "100000",
     .sentence = "newest proven chains that stay; unless it is 0, nothing goes while the newest "
                 "chain is not proven"},
    {INSTANCE(keep_quarantined), .type = OPTION_DURATION, .fallback = "30d",
     .least = "1h", .most = "3660d", .zero = "not at all",
     .sentence = "how long quarantined backups stay; the only copy of a restore point stays for "
                 "ever"},
    {INSTANCE(backup_within), .type = OPTION_DURATION, .fallback = "26h",
     .least = "1m", .most = "366d", .zero = "not watched",
     .sentence = "the newest good backup may be so old; an older one is overdue: an alarm"},
    {INSTANCE(proof_within), .type = OPTION_DURATION, .fallback = "8d",
     .least = "1m", .most = "3660d", .zero = "not watched",
     .sentence = "the proof of the newest proven backup may be so old; an older one, or none, is an "
                 "alarm"},
    {INSTANCE(repeat_after), .type = OPTION_DURATION, .fallback = "24h",
     .least = "1m", .most = "366d",
     .sentence = "an alert that still holds is sent again after so long; until then its repeats are "
                 "held back and counted"},
    {INSTANCE(ping_url), .type = OPTION_URL, .fallback = "", .words = "https http",
     .secret = TRUE,
     .sentence = "address of a dead man's switch that hears of each backup, and raises the alarm "
                 "when it hears nothing; an address for each instance"},
    {INSTANCE(ping), .type = OPTION_CHOICE, .fallback = "healthchecks",
     .words = "healthchecks plain",
     .sentence = "what the switch hears; healthchecks: that a backup begins, and its exit status, "
                 "as healthchecks.io takes them; plain: a GET after each good backup"},
    {INSTANCE(metrics_file), .type = OPTION_PATH, .fallback = "",
     .sentence = "file for Prometheus' textfile collector (NAME.prom), written when a run begins and "
                 "ends; several instances may share it"},

    {ALERT(type), .type = OPTION_WORD,
     .words = "smtp webhook slack teams pagerduty alertmanager servicenow command syslog",
     .example = "smtp",
     .sentence = "how it is told; each has a page in docs/alerts"},
    {ALERT(url), .type = OPTION_URL, .fallback = "", .words = "https http smtp smtps",
     .secret = TRUE, .example = "smtp://mail.example.org:587",
     .used_by = "smtp webhook slack teams pagerduty alertmanager servicenow",
     .needed_by = "smtp webhook slack teams alertmanager servicenow",
     .sentence = "where to; but for mail it is a credential, and only its host is ever shown"},
    {ALERT(user), .type = OPTION_TEXT, .fallback = "", .used_by = "smtp servicenow",
     .needed_by = "servicenow",
     .sentence = "name to log in with"},
    {ALERT(password), .type = OPTION_TEXT, .fallback = "", .secret = TRUE,
     .used_by = "smtp servicenow", .needed_by = "servicenow",
     .sentence = "password to log in with"},
    {ALERT(from), .type = OPTION_TEXT, .fallback = "", .example = "lsnchain@example.org",
     .used_by = "smtp", .needed_by = "smtp",
     .sentence = "sender of the mail"},
    {ALERT(to), .type = OPTION_TEXT, .fallback = "", .example = "dba@example.org",
     .used_by = "smtp", .needed_by = "smtp",
     .sentence = "receivers of the mail, with commas between"},
    {ALERT(tls), .type = OPTION_WORD, .fallback = "required", .words = "required none",
     .used_by = "smtp",
     .sentence = "encryption to the mail server; none only without a password"},
    {ALERT(ca_file), .type = OPTION_PATH, .fallback = "",
     .used_by = "smtp webhook slack teams pagerduty alertmanager servicenow",
     .sentence = "certificates to trust instead of the system's"},
    {ALERT(secret), .type = OPTION_SIGNING_KEYS, .fallback = "", .secret = TRUE,
     .used_by = "webhook",
     .sentence = "signs a webhook's requests"},
    {ALERT(body_file), .type = OPTION_PATH, .fallback = "", .used_by = "webhook",
     .sentence = "template of the body in JSON, with placeholders such as {{summary}}"},
    {ALERT(routing_key), .type = OPTION_TEXT, .fallback = "", .secret = TRUE,
     .used_by = "pagerduty", .needed_by = "pagerduty",
     .sentence = "integration key of a service with Events API v2"},
    {ALERT(fields), .type = OPTION_TEXT, .fallback = "", .used_by = "servicenow",
     .sentence = "more fields of a new incident: NAME=VALUE, with commas between"},
    {ALERT(command), .type = OPTION_ARGUMENTS, .fallback = "", .used_by = "command",
     .needed_by = "command",
     .sentence = "program to run, with its arguments; its path is absolute, no shell is involved"},
    {ALERT(socket), .type = OPTION_PATH, .fallback = "", .used_by = "syslog",
     .sentence = "where the system's log listens; empty: /dev/log"},
    {ALERT(timeout), .type = OPTION_DURATION, .fallback = "30s", .least = "1s", .most = "5m",
     .sentence = "longest time for one delivery"},

    {ROUTE(critical), .type = OPTION_NAMES, .fallback = "", .example = "mail",
     .sentence = "alerts for what must be seen now: a failed backup, a broken chain"},
    {ROUTE(warning), .type = OPTION_NAMES, .fallback = "", .example = "mail",
     .sentence = "alerts for what can wait until the morning"},
    {ROUTE(recovery), .type = OPTION_NAMES, .fallback = "", .example = "mail",
     .sentence = "of the channels that got an alert, those that are told when the trouble is over; "
                 "empty: all of them"},
    {.section = NULL},
};
/* clang-format on */

const OptionSection *options_sections(void)
{
    return sections;
}

const Option *options_table(void)
{
    return options;
}

const OptionSection *options_section(const char *word)
{
    for (const OptionSection *section = sections; section->word != NULL; section++) {
        if (g_str_equal(section->word, word))
            return section;
    }
    return NULL;
}

static gboolean may_stand_in(const Option *option, const char *section)
{
    return g_str_equal(option->section, section) ||
           (g_str_equal(section, "global") && g_str_equal(option->section, "instance"));
}

const Option *options_find(const char *section, const char *key)
{
    for (const Option *option = options; option->section != NULL; option++) {
        if (may_stand_in(option, section) && g_str_equal(option->key, key))
            return option;
    }
    return NULL;
}

const char **options_keys(const char *section)
{
    const char **keys = g_new0(const char *, G_N_ELEMENTS(options));
    size_t count = 0;
    for (const Option *option = options; option->section != NULL; option++) {
        if (may_stand_in(option, section))
            keys[count++] = option->key;
    }
    return keys;
}
