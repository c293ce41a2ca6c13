/* SPDX-License-Identifier: MIT */
/* The worst text there is, through every format that is not plain JSON of ours. */
#include "../fakes/receivers/receiver.h"

static void init(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(hostile, .init = init, .timeout = 120);

#define HTTP(...) start_receiver("http_receiver.py", (const char *const[]){__VA_ARGS__, NULL})

static const char template[] = "{\"title\": \"{{severity}} {{summary}} {{instance}} {{backup}}\","
                               " \"text\": \"{{cause}} {{remedy}} {{rule}} {{incident}}\"}";

static const struct {
    const char *type;
    const char *answer;
    const char *forbidden[6]; /* in what arrived, after JSON is read */
    size_t bytes;
} formats[] = {
    {"slack", "200=ok", {"<!channel>", "<@U123>", "<http", "\033", "\r"}, 40000},
    {"teams", "202", {" <!channel>", "](", " {{DATE", "\033", "\r"}, 14000},
    {"pagerduty", "202", {"\033", "\r", "\a"}, 20000},
    {"webhook", "204", {"\033", "\r", "\a"}, 20000},
};

static const char *const texts[] = {
    "<!channel> <@U123> @here",
    " <!channel> <http://e.example|x> [x](javascript:y) {{DATE(2017-02-14T06:00:00Z)}}",
    "a\r\nX-Injected: yes\r\n\r\n",
    "\xff\xfe\xc3(\xed\xa0\x80 broken",
    "\033[2J\a\001\177 \xe2\x80\xae txt.exe",
    "\"}, \"type\": \"forged\", \"x\": \"\\",
    "{{summary}} {{cause}} {{nothing}} ${x} %s %n",
    "\\\\\\\" ' ` $(reboot)",
};

static void expect_harmless(const json_t *node, const char *const *forbidden)
{
    const char *key = NULL;
    json_t *value = NULL;
    size_t index = 0;
    if (json_is_string(node)) {
        const char *text = json_string_value(node);
        cr_expect(g_utf8_validate(text, -1, NULL), "%s", text);
        for (; *forbidden != NULL; forbidden++)
            expect_lacks(text, *forbidden);
        return;
    }
    json_array_foreach((json_t *)node, index, value) expect_harmless(value, forbidden);
    json_object_foreach((json_t *)node, key, value) expect_harmless(value, forbidden);
}

static char *repeated(const char *text, size_t bytes)
{
    GString *all = g_string_new(NULL);
    while (all->len < bytes)
        g_string_append(all, text);
    return g_string_free(all, FALSE);
}

/* The text alone, and 1 MB of it, with names of 4 kB. */
static void try_text(const Receiver *receiver, size_t format, const char *body_file,
                     const char *text)
{
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/x", receiver->port);
    const AlertChannel channel = {.name = "chat",
                                  .type = formats[format].type,
                                  .url = url,
                                  .body_file = body_file,
                                  .routing_key = "0123456789abcdef0123456789abcdef"};
    g_autofree char *long_name = repeated(text, 4096);
    g_autofree char *tail = repeated(text, 1024 * 1024);
    const char *const names[] = {text, long_name};
    const char *const causes[] = {text, tail};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                                  .instance = names[i],
                                  .backup = names[i],
                                  .rule = names[i],
                                  .summary = names[i],
                                  .cause = causes[i],
                                  .remedy = causes[i],
                                  .incident = names[i]};
        spool_facts(&desk, &facts);
    }
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 2, "%s: %s", channel.type, text);
}

Test(hostile, text_arrives_as_text_and_within_the_limits_of_each_format)
{
    g_autofree char *dir = scratch_dir();
    g_autofree char *body_file = g_build_filename(dir, "body.json", NULL);
    cr_assert(g_file_set_contents(body_file, template, -1, NULL));
    for (size_t format = 0; format < G_N_ELEMENTS(formats); format++) {
        g_auto(Receiver) receiver = HTTP("DIR", formats[format].answer);
        gboolean webhook = g_str_equal(formats[format].type, "webhook");
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
            try_text(&receiver, format, webhook ? body_file : NULL, texts[i]);
        cr_assert_eq(count_received(&receiver, ".body"), 2 * G_N_ELEMENTS(texts));
        for (size_t i = 1; i <= 2 * G_N_ELEMENTS(texts); i++) {
            g_autofree char *name = g_strdup_printf("%zu.body", i);
            g_autofree char *bytes = received(&receiver, name);
            json_auto_t *body = received_json(&receiver, name);
            cr_expect_leq(strlen(bytes), formats[format].bytes, "%s", formats[format].type);
            expect_harmless(body, formats[format].forbidden);
        }
        cr_expect_eq(log_warnings()->len, 0);
    }
    (void)files_remove_tree(AT_FDCWD, dir, NULL);
}

Test(hostile, text_adds_no_header)
{
    for (size_t format = 0; format < G_N_ELEMENTS(formats) - 1; format++) {
        g_auto(Receiver) receiver = HTTP("DIR", formats[format].answer);
        try_text(&receiver, format, NULL, "a\r\nX-Injected: yes\r\n");
        g_autofree char *headers = received(&receiver, "1.headers");
        cr_assert_not_null(headers);
        g_autofree char *small = g_ascii_strdown(headers, -1);
        expect_lacks(small, "x-injected");
    }
}
