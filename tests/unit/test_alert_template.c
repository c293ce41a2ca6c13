/* SPDX-License-Identifier: MIT */
#include "alert/template.h"

#include "../fakes/receivers/receiver.h"

#include "base/error.h"

static void init(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(template, .init = init, .timeout = 60);

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* A template of this text in a directory of its own. */
typedef struct {
    char *dir;
    char *path;
} File;

static File write_file(const char *text)
{
    File file = {.dir = scratch_dir()};
    file.path = g_build_filename(file.dir, "body.json", NULL);
    cr_assert(g_file_set_contents(file.path, text, -1, NULL));
    return file;
}

static void remove_file(File *file)
{
    (void)files_remove_tree(AT_FDCWD, file->dir, NULL);
    g_free(file->dir);
    g_free(file->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(File, remove_file)

static Event *hostile_event(void)
{
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop",
                              .summary = "a \"b\" \\ {{cause}} \", \"x\": 1, \"",
                              .cause = "one\ntwo"};
    return event_new(&facts);
}

Test(template, fills_in_what_the_event_says)
{
    static const struct {
        const char *text, *filled;
    } cases[] = {
        {"{\"text\": \"{{severity}}: {{ instance }}\"}", "{\"text\":\"critical: shop\"}"},
        {"[\"{{type}}\", 1, 2.5, 0.1, true, null]", "[\"chain_broken\",1,2.5,0.1,true,null]"},
        {"{\"a\": {\"b\": [{\"c\": \"{{cause}}\"}]}}", "{\"a\":{\"b\":[{\"c\":\"one\\ntwo\"}]}}"},
        {"[\"{{backup}}|{{rule}}|{{remedy}}\"]", "[\"||\"]"},
        {"{\"z\": 1, \"a\": 2}", "{\"z\":1,\"a\":2}"},
        {"[\"{{incident}}\"]", "[\"lsnchain/shop/chain_broken\"]"},
        {"[\"é {} } {\"]", "[\"é {} } {\"]"},
    };
    g_autoptr(Event) event = hostile_event();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(File) file = write_file(cases[i].text);
        g_autoptr(GError) error = NULL;
        g_autofree char *filled = template_fill(file.path, event, &error);
        cr_assert_not_null(filled, "%s", error != NULL ? error->message : "");
        cr_expect_str_eq(filled, cases[i].filled);
    }
}

Test(template, lets_no_text_out_of_its_string)
{
    static const char *const texts[] = {
        "{\"a\": \"{{summary}}\"}",
        "{\"a\": \"\\u007b{summary}}\"}",
        "{\"a\": \"\\\\{{summary}}\"}",
        "{\"a\": \"\\\"{{summary}}{{summary}}\"}",
    };
    g_autoptr(Event) event = hostile_event();
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_auto(File) file = write_file(texts[i]);
        g_autofree char *filled = template_fill(file.path, event, NULL);
        cr_assert_not_null(filled);
        json_auto_t *body = json_loads(filled, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(body);
        cr_expect_eq(json_object_size(body), 1, "%s", filled);
        expect_holds(json_string_value(json_object_get(body, "a")), event->summary);
    }
}

Test(template, refuses_what_it_cannot_fill_in_and_says_where)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"{\"a\": 1,\n \"b\": \"{{sumary}}\"}", "body.json:2: there is no placeholder {{sumary}}"},
        {"{\"a\":\n\n\"{{summary\"}", "body.json:3: there is no placeholder {{...}}"},
        {"{\"a\": \"{{}}\"}", "body.json:1: there is no placeholder {{}}"},
        {"{\"a\": \"{{Summary}}\"}", "body.json:1: there is no placeholder {{...}}"},
        {"{\n\"a\": {{severity}}}", "body.json:2: this is no JSON"},
        {"{\"a\": \"\\{{severity}}\"}", "body.json:1: this is no JSON"},
        {"{\"a\": 1,\n\"a\": 2}", "body.json:2: this is no JSON"},
        {"{\"a\": PLANTED}", "body.json:1: this is no JSON"},
        {"", "this is no JSON"},
        {"\"{{summary}}\"", "this is no JSON"},
        {"{\"{{instance}}\": 1}", "body.json: a key holds a placeholder"},
        {"{\"a\": \"\xff\"}", "this is no JSON"},
        {"{\"a\": \"\\u0000\"}", "this is no JSON"},
    };
    g_autoptr(Event) event = hostile_event();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(File) file = write_file(cases[i].text);
        g_autoptr(GError) error = NULL;
        g_autofree char *filled = template_fill(file.path, event, &error);
        cr_assert_null(filled, "%s", cases[i].text);
        cr_expect_eq(error_status(error), STATUS_CONFIG);
        expect_holds(error->message, cases[i].error);
        expect_lacks(error->message, "PLANTED");
    }
}

Test(template, refuses_a_file_that_is_absent_too_long_or_no_file)
{
    g_autoptr(Event) event = hostile_event();
    g_autofree char *blanks = g_strnfill(64 * 1024 - 1, ' ');
    g_autofree char *most = g_strconcat(blanks, "[]", NULL);
    g_auto(File) longer = write_file(most);
    g_auto(File) longest = write_file(most + 1);
    g_autofree char *missing = g_strconcat(longer.dir, "/none", NULL);
    const char *const refused[] = {longer.path, longer.dir, missing};
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect_null(template_fill(refused[i], event, &error));
        cr_expect_eq(error_status(error), STATUS_CONFIG);
        expect_holds(error->message, refused[i]);
    }
    g_autofree char *filled = template_fill(longest.path, event, NULL);
    cr_expect_str_eq(filled, "[]");
}

#define HTTP(...) start_receiver("http_receiver.py", (const char *const[]){__VA_ARGS__, NULL})

static AlertReport send_to(const Receiver *receiver, const File *file)
{
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/hook", receiver->port);
    const AlertChannel channel = {
        .name = "hook", .type = "webhook", .url = url, .secret = SECRET, .body_file = file->path};
    spool_one(&desk, EVENT_CHAIN_BROKEN, "the chain is broken");
    return deliver_to_all(&desk, &channel, 1);
}

Test(template, signs_the_bytes_that_are_sent)
{
    g_auto(Receiver) receiver = HTTP("--secret", SECRET, "DIR", "204");
    g_auto(File) file = write_file("{\"title\": \"{{summary}}\",\n \"key\": \"{{id}}\"}");
    cr_expect_eq(send_to(&receiver, &file).done, 1);
    json_auto_t *body = received_json(&receiver, "1.body");
    cr_expect_eq(json_object_size(body), 2);
    cr_expect_str_eq(json_string_value(json_object_get(body, "title")), "the chain is broken");
    g_autofree char *headers = received(&receiver, "1.headers");
    g_autofree char *signature = received(&receiver, "1.signature");
    g_autofree char *line = g_strdup_printf("webhook-signature: %s\n", signature);
    g_autofree char *id =
        g_strdup_printf("webhook-id: %s\n", json_string_value(json_object_get(body, "key")));
    expect_holds(headers, line);
    expect_holds(headers, id);
}

Test(template, sends_nothing_where_the_file_is_wrong)
{
    g_auto(Receiver) receiver = HTTP("DIR", "204");
    g_auto(File) file = write_file("{\"title\": \"{{title}}\"}");
    cr_expect_eq(send_to(&receiver, &file).waiting, 1);
    cr_expect_eq(count_received(&receiver, ".body"), 0);
    g_autofree char *said = warnings();
    expect_holds(said, "body.json:1: there is no placeholder {{title}}");
}

Test(template, is_looked_at_before_anything_is_sent)
{
    g_auto(File) file = write_file("{\"title\": \"{{title}}\"}");
    AlertChannel channel = {
        .name = "hook", .type = "webhook", .url = "https://h/", .body_file = file.path};
    g_autoptr(GError) error = NULL;
    cr_expect_not(alert_check_channel(&channel, &error));
    cr_expect_eq(error_status(error), STATUS_CONFIG);
    expect_holds(error->message, "alert channel hook cannot work: its body_file is not usable: ");
    channel.body_file = "";
    cr_expect(alert_check_channel(&channel, NULL));
}
