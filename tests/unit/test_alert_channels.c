/* SPDX-License-Identifier: MIT */
#include "alert/alert.h"
#include "alert/post.h"

#include "base/error.h"

#include <criterion/criterion.h>
#include <string.h>

static const AlertChannel mail = {.name = "mail",
                                  .type = "smtp",
                                  .url = "smtp://mail.example.org:587",
                                  .user = "lsnchain",
                                  .password = "PLANTED",
                                  .from = "lsnchain@example.org",
                                  .to = "dba@example.org, oncall@example.org"};

static const AlertChannel hook = {.name = "hook",
                                  .type = "webhook",
                                  .url = "https://user:PLANTED@alerts.example.org/PLANTED",
                                  .secret = "whsec_UExBTlRFRFBMQU5URURQTEFOVEVE"};

static void expect_sound(const AlertChannel *channel, const char *about)
{
    g_autoptr(GError) error = NULL;
    cr_expect(alert_check_channel(channel, &error), "%s: %s", about,
              error != NULL ? error->message : "");
}

static void expect_refused(const AlertChannel *channel, const char *about)
{
    g_autoptr(GError) error = NULL;
    cr_expect_not(alert_check_channel(channel, &error), "%s", about);
    cr_assert_not_null(error);
    cr_expect_eq(error_status(error), STATUS_CONFIG, "%s", about);
    cr_expect_not_null(strstr(error->message, channel->name), "%s", error->message);
    cr_expect_null(strstr(error->message, "PLANTED"), "%s", error->message);
}

Test(channels, accept_what_is_sound)
{
    expect_sound(&mail, "mail");
    expect_sound(&hook, "hook");
    AlertChannel relay = mail;
    relay.url = "smtp://127.0.0.1:25";
    relay.tls = "none";
    relay.user = relay.password = NULL;
    expect_sound(&relay, "a relay on this host");
    AlertChannel implicit = mail;
    implicit.url = "smtps://mail.example.org";
    implicit.tls = "required";
    expect_sound(&implicit, "smtps");
    AlertChannel plain = hook;
    plain.url = "http://127.0.0.1:8080/hook";
    plain.secret = "a passphrase";
    expect_sound(&plain, "http");
}

Test(channels, refuse_a_type_or_an_url_that_cannot_work)
{
    static const char *const types[] = {NULL, "", "pigeon", "SMTP"};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        AlertChannel channel = mail;
        channel.type = types[i];
        expect_refused(&channel, types[i]);
    }
    static const char *const urls[] = {
        NULL,          "",
        "PLANTED",     "file:///PLANTED",
        "https://",    "ftp://example.org/PLANTED",
        "smtp://a b/", "https://example.org/PLANTED\r\nX: y",
        "gopher://x/", "https://example.org:99999/PLANTED",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        AlertChannel one = mail;
        AlertChannel other = hook;
        one.url = other.url = urls[i];
        expect_refused(&one, urls[i]);
        expect_refused(&other, urls[i]);
    }
    AlertChannel crossed = mail;
    crossed.url = hook.url;
    expect_refused(&crossed, "smtp with https");
    AlertChannel missing = hook;
    missing.ca_file = "/nonexistent/ca.pem";
    expect_refused(&missing, "ca_file");
}

Test(channels, refuse_addresses_that_could_become_commands_or_headers)
{
    static const char *const addresses[] = {
        "",
        "root",
        "@example.org",
        "dba@",
        "dba @example.org",
        "dba@example.org\r\nRCPT TO:<all@example.org>",
        "dba@example.org\nBcc: all@example.org",
        "dba@example.org\t",
        "dba@example.org\001",
        "dba@ex\xc3\xa4mple.org",
        "The DBA <dba@example.org>",
        "\"d b a\"@example.org",
        "dba@example.org;all@example.org",
        "<dba@example.org>",
        "dba\177@example.org",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        AlertChannel from = mail;
        from.from = addresses[i];
        expect_refused(&from, addresses[i]);
        g_autofree char *list = g_strdup_printf("dba@example.org,%s ,b@example.org", addresses[i]);
        AlertChannel to = mail;
        to.to = list;
        if (g_str_equal(addresses[i], "dba@example.org\t"))
            continue; /* blanks around the commas of a list are none of an address */
        expect_refused(&to, addresses[i]);
    }
    AlertChannel two = mail;
    two.from = "a@example.org,b@example.org";
    expect_refused(&two, "two senders");
    AlertChannel nobody = mail;
    nobody.to = "";
    expect_refused(&nobody, "no recipient");
    nobody.to = NULL;
    expect_refused(&nobody, "no recipient");
}

Test(channels, refuse_a_password_in_clear_text)
{
    AlertChannel clear = mail;
    clear.tls = "none";
    expect_refused(&clear, "tls = none");
    AlertChannel unknown = mail;
    unknown.tls = "maybe";
    expect_refused(&unknown, "tls = maybe");
    AlertChannel half = mail;
    half.user = "";
    expect_refused(&half, "password without user");
    AlertChannel hidden = mail;
    hidden.url = "smtp://user:PLANTED@mail.example.org";
    expect_refused(&hidden, "user in the url");
}

Test(channels, refuse_a_secret_that_is_no_base64)
{
    static const char *const secrets[] = {"whsec_", "whsec_PLANTED!PLANTED",
                                          "whsec_UExBTlRFRA== whsec_PLANTED"};
    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++) {
        AlertChannel channel = hook;
        channel.secret = secrets[i];
        expect_refused(&channel, secrets[i]);
    }
}

Test(channels, show_no_more_of_an_url_than_where_it_goes)
{
    static const struct {
        const char *url, *place;
    } cases[] = {
        {"https://user:PLANTED@alerts.example.org/PLANTED?key=PLANTED#PLANTED",
         "https://alerts.example.org"},
        {"http://127.0.0.1:8080/PLANTED", "http://127.0.0.1:8080"},
        {"PLANTED", "a url that cannot be read"},
        {"", "a url that cannot be read"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *place = post_place(cases[i].url);
        cr_expect_str_eq(place, cases[i].place);
    }
}
