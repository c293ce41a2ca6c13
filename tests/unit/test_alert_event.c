/* SPDX-License-Identifier: MIT */
#include "alert/event.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static Event *with_text(const char *text)
{
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = text,
                              .backup = text,
                              .rule = text,
                              .summary = text,
                              .cause = text,
                              .remedy = text};
    return event_new(&facts);
}

static void expect_harmless(const char *text, gboolean lines)
{
    cr_expect(g_utf8_validate(text, -1, NULL));
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        cr_expect(g_unichar_isprint(c) || g_unichar_isspace(c) || c > 0x7f, "U+%04X is left", c);
        cr_expect(c >= 0x20 || (lines && c == '\n'), "U+%04X is left", c);
        cr_expect(c < 0x7f || c > 0x9f, "U+%04X is left", c);
        cr_expect(c != 0x2028 && c != 0x202e && c != 0x2066, "U+%04X is left", c);
    }
}

Test(event, every_type_has_a_word_and_the_words_are_the_contract)
{
    static const struct {
        const char *word, *severity, *ended_by;
    } contract[] = {
        {"backup_failed", "critical", "backup_recovered"},
        {"backup_recovered", "recovery", "backup_recovered"},
        {"chain_broken", "critical", "chain_recovered"},
        {"chain_recovered", "recovery", "chain_recovered"},
        {"proof_failed", "critical", "proof_recovered"},
        {"proof_recovered", "recovery", "proof_recovered"},
        {"catalog_damaged", "critical", "catalog_recovered"},
        {"catalog_recovered", "recovery", "catalog_recovered"},
        {"space_low", "warning", "space_recovered"},
        {"space_recovered", "recovery", "space_recovered"},
        {"backup_overdue", "critical", "backup_recovered"},
        {"proof_overdue", "warning", "proof_recovered"},
        {"clock_moved", "warning", "clock_recovered"},
        {"clock_recovered", "recovery", "clock_recovered"},
        {"alert_undeliverable", "warning", "alert_recovered"},
        {"alert_recovered", "recovery", "alert_recovered"},
        {"alert_test", "warning", "alert_test"},
    };
    cr_assert_eq(EVENT_TYPES, G_N_ELEMENTS(contract));
    for (size_t i = 0; i < G_N_ELEMENTS(contract); i++) {
        EventType type = EVENT_TYPES;
        cr_assert(event_from_word(contract[i].word, &type), "%s", contract[i].word);
        const EventFacts facts = {.type = type};
        g_autoptr(Event) event = event_new(&facts);
        cr_expect_str_eq(severity_word(event->severity), contract[i].severity);
        cr_expect_str_eq(event_word(event_ended_by(type)), contract[i].ended_by);
    }
    EventType type = EVENT_TYPES;
    cr_expect_not(event_from_word("coffee_cold", &type));
}

Test(event, the_body_has_the_keys_of_the_contract_and_no_other)
{
    g_setenv("LSNCHAIN_CLOCK", "0", TRUE);
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop",
                              .backup = "20261122T020000Z-incr",
                              .rule = "lsn-continuity",
                              .summary = "the chain is broken",
                              .cause = "a\nb",
                              .remedy = "nothing"};
    g_autoptr(Event) event = event_new(&facts);
    event->timestamp = 1795312800;
    event->fires_until = 1795316400;
    g_free(event->host);
    event->host = g_strdup("db1");
    json_auto_t *body = event_json(event);
    g_autofree char *text = json_dumps(body, JSON_COMPACT);
    cr_expect_str_eq(text,
                     "{\"type\":\"chain_broken\",\"timestamp\":\"2026-11-22T02:00:00Z\",\"data\":{"
                     "\"severity\":\"critical\",\"instance\":\"shop\","
                     "\"backup\":\"20261122T020000Z-incr\",\"rule\":\"lsn-continuity\","
                     "\"summary\":\"the chain is broken\",\"cause\":\"a\\nb\","
                     "\"remedy\":\"nothing\",\"host\":\"db1\",\"version\":\"" LSNCHAIN_VERSION
                     "\",\"incident\":\"lsnchain/shop/chain_broken\","
                     "\"fires_until\":\"2026-11-22T03:00:00Z\"}}");
}

Test(event, comes_back_from_its_body_as_it_was)
{
    g_autoptr(Event) event = with_text("one — two\nthree");
    json_auto_t *body = event_json(event);
    g_autoptr(Event) again = event_from_json(event->id, body);
    cr_assert_not_null(again);
    json_auto_t *same = event_json(again);
    cr_expect(json_equal(body, same));
    cr_expect_str_eq(again->id, event->id);
    cr_expect_eq(again->severity, SEVERITY_CRITICAL);
    cr_expect_eq(again->fires_until, event->fires_until);
}

Test(event, a_test_comes_back_with_the_severity_it_was_sent_with)
{
    for (Severity severity = SEVERITY_CRITICAL; severity <= SEVERITY_RECOVERY; severity++) {
        const EventFacts facts = {
            .type = EVENT_ALERT_TEST, .severity = &severity, .fires_until = 1795316400};
        g_autoptr(Event) event = event_new(&facts);
        json_auto_t *body = event_json(event);
        g_autoptr(Event) again = event_from_json(event->id, body);
        cr_assert_not_null(again);
        cr_expect_eq(again->severity, severity);
        cr_expect_eq(again->fires_until, 1795316400);
        cr_expect_str_eq(again->incident, "lsnchain/alert_test");
    }
}

Test(event, an_incident_has_one_key_from_its_alert_to_its_recovery)
{
    static const struct {
        EventType type;
        const char *instance, *part, *key;
    } cases[] = {
        {EVENT_BACKUP_FAILED, "shop", NULL, "lsnchain/shop/backup_failed"},
        {EVENT_BACKUP_RECOVERED, "shop", "", "lsnchain/shop/backup_failed"},
        {EVENT_BACKUP_OVERDUE, "shop", NULL, "lsnchain/shop/backup_overdue"},
        {EVENT_CHAIN_RECOVERED, "shop", NULL, "lsnchain/shop/chain_broken"},
        {EVENT_ALERT_UNDELIVERABLE, "", "mail", "lsnchain/alert_undeliverable/mail"},
        {EVENT_ALERT_RECOVERED, NULL, "mail", "lsnchain/alert_undeliverable/mail"},
        {EVENT_ALERT_TEST, NULL, NULL, "lsnchain/alert_test"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *key = event_incident(cases[i].type, cases[i].instance, cases[i].part);
        cr_expect_str_eq(key, cases[i].key);
    }
    const EventFacts facts = {.type = EVENT_BACKUP_RECOVERED,
                              .instance = "shop",
                              .incident = "lsnchain/shop/backup_overdue"};
    g_autoptr(Event) recovery = event_new(&facts);
    cr_expect_str_eq(recovery->incident, "lsnchain/shop/backup_overdue");
    cr_expect_eq(recovery->fires_until, recovery->timestamp, "what is over fires no more");
}

Test(event, takes_a_body_of_before_there_were_incidents)
{
    g_autoptr(Event) event = with_text("x");
    json_auto_t *body = event_json(event);
    json_object_del(json_object_get(body, "data"), "incident");
    json_object_del(json_object_get(body, "data"), "fires_until");
    g_autoptr(Event) again = event_from_json(event->id, body);
    cr_assert_not_null(again);
    cr_expect_str_eq(again->incident, "lsnchain/x/chain_broken");
    cr_expect_eq(again->fires_until, again->timestamp + EVENT_FIRES_S);
}

static void add_title(const char *title, const char *value, gboolean lines, void *data)
{
    g_string_append_printf(data, "%s%s=%s;", title, lines ? "*" : "", value);
}

Test(event, shows_what_is_known_and_leaves_out_what_is_not)
{
    const EventFacts facts = {
        .type = EVENT_BACKUP_FAILED, .instance = "shop", .cause = "a\nb", .summary = "s"};
    g_autoptr(Event) event = event_new(&facts);
    event->timestamp = 1795312800;
    g_free(event->host);
    event->host = g_strdup("db1");
    g_autoptr(GString) all = g_string_new(NULL);
    event_fields(event, add_title, all);
    cr_expect_str_eq(all->str, "Event=backup_failed;Instance=shop;Cause*=a\nb;Host=db1;"
                               "Time=2026-11-22T02:00:00Z;Incident=lsnchain/shop/backup_failed;");
}

Test(event, refuses_a_body_that_is_none)
{
    static const char *const bodies[] = {
        "[]",
        "{}",
        "{\"type\":\"chain_broken\"}",
        "{\"type\":1,\"timestamp\":\"\",\"data\":{}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        json_auto_t *body = json_loads(bodies[i], 0, NULL);
        g_autoptr(Event) event = event_from_json("id", body);
        cr_expect_null(event, "%s", bodies[i]);
    }
    g_autoptr(Event) event = with_text("x");
    json_auto_t *body = event_json(event);
    static const char *const ids[] = {"", "a.b", "a/b", "a\r\nb", "é"};
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
        cr_expect_null(event_from_json(ids[i], body), "%s", ids[i]);
    json_t *data = json_object_get(body, "data");
    json_object_set_new(data, "severity", json_string("loud"));
    cr_expect_null(event_from_json("id", body));
    json_object_set_new(data, "severity", json_string("critical"));
    g_autoptr(Event) sound = event_from_json("id", body);
    cr_expect_not_null(sound);
    json_object_set_new(data, "fires_until", json_string("tomorrow"));
    cr_expect_null(event_from_json("id", body));
    json_object_del(data, "fires_until");
    json_object_set_new(body, "type", json_string("coffee_cold"));
    cr_expect_null(event_from_json("id", body));
}

Test(event, hostile_text_becomes_harmless)
{
    static const char *const texts[] = {
        "shop\r\nBcc: all@example.org",
        "a\033[2Jb\007\177",
        "\xff\xfe\x80 broken",
        "cut \xe2\x82",
        "c1 \xc2\x9b[31m",
        "right \xe2\x80\xae to left, \xe2\x81\xa6 isolated, \xe2\x80\xa8 separated",
        "\xef\xbb\xbf<!channel> ${jndi:ldap://x} %s%n \"quoted\" \\ </script>",
        "\xed\xa0\x80 surrogate",
        "",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(Event) event = with_text(texts[i]);
        expect_harmless(event->instance, FALSE);
        expect_harmless(event->backup, FALSE);
        expect_harmless(event->rule, FALSE);
        expect_harmless(event->summary, FALSE);
        expect_harmless(event->cause, TRUE);
        expect_harmless(event->remedy, TRUE);
        json_auto_t *body = event_json(event);
        cr_expect_not_null(body);
    }
}

Test(event, random_bytes_become_harmless_and_fit)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (int round = 0; round < 2000; round++) {
        char text[400];
        size_t length = (size_t)g_rand_int_range(random, 0, sizeof text);
        for (size_t i = 0; i < length; i++)
            text[i] = (char)g_rand_int_range(random, 1, 256);
        text[length] = '\0';
        g_autoptr(Event) event = with_text(text);
        expect_harmless(event->summary, FALSE);
        expect_harmless(event->cause, TRUE);
        cr_expect_leq(g_utf8_strlen(event->summary, -1), EVENT_SUMMARY_CHARACTERS);
    }
}

Test(event, long_text_is_cut_at_a_character_and_says_so)
{
    for (size_t shift = 0; shift < 4; shift++) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (size_t i = 0; i < shift; i++)
            g_string_append_c(text, 'x');
        while (text->len < 1024 * 1024)
            g_string_append(text, "€");
        g_autoptr(Event) event = with_text(text->str);
        g_autofree char *mark = g_strdup_printf("… (cut, %zu bytes in all)", (size_t)text->len);
        cr_expect_leq(strlen(event->cause), EVENT_CAUSE_BYTES);
        cr_expect_geq(strlen(event->cause), EVENT_CAUSE_BYTES - 4);
        cr_expect(g_str_has_suffix(event->cause, mark));
        cr_expect_leq(strlen(event->remedy), EVENT_REMEDY_BYTES);
        cr_expect(g_utf8_validate(event->cause, -1, NULL));
        cr_expect_eq(g_utf8_strlen(event->summary, -1), EVENT_SUMMARY_CHARACTERS);
        cr_expect(g_str_has_suffix(event->summary, "…"));
    }
}

Test(event, a_summary_that_just_fits_is_not_cut)
{
    g_autofree char *text = g_strnfill(EVENT_SUMMARY_CHARACTERS, 'a');
    g_autoptr(Event) event = with_text(text);
    cr_expect_str_eq(event->summary, text);
    g_autofree char *cause = g_strnfill(EVENT_CAUSE_BYTES, 'a');
    g_autoptr(Event) longer = with_text(cause);
    cr_expect_str_eq(longer->cause, cause);
}

Test(event, ids_are_unique_and_sort_by_time_also_when_a_second_ends)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *last = g_strdup("");
    int64_t end_us = g_get_monotonic_time() + 1100000;
    while (g_get_monotonic_time() < end_us) {
        g_autoptr(Event) event = with_text("x");
        cr_assert(event_id_is_sound(event->id), "%s", event->id);
        cr_assert(g_hash_table_add(seen, g_strdup(event->id)), "%s twice", event->id);
        cr_assert_lt(strncmp(last, event->id, strlen("20261122T020000Z-000000")), 1, "%s after %s",
                     event->id, last);
        g_free(last);
        last = g_strdup(event->id);
    }
}
