/* SPDX-License-Identifier: MIT */
#include "report/nagios.h"

#include "sample.h"

enum { NOW = SAMPLE_SUNDAY + SAMPLE_DAY };

/* An instance with one proven full of a day ago. */
static Vitals *vitals_of(const char *name, GPtrArray *backups)
{
    Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    full->proof = PROOF_PREPARE;
    full->files_at = full->proof_at = full->finished;
    Vitals *vitals = vitals_new(name);
    vitals_add_catalog(vitals, backups, SAMPLE_SUNDAY);
    vitals->backup_within = 93600;
    vitals->undelivered = 2;
    vitals->free_bytes = 1 << 20;
    return vitals;
}

/* An instance with these problems only, of which nothing else is known. */
static void add_unknown_instance(Nagios *nagios, const char *name, Gravity gravity,
                                 const char *sentence)
{
    g_autoptr(Vitals) vitals = vitals_new(name);
    if (sentence != NULL)
        (void)problem_add(vitals->health.problems, gravity, "%s", sentence);
    nagios_add(nagios, vitals, NOW);
}

static char *first_line(const Nagios *nagios)
{
    char *text = nagios_text(nagios);
    *strchr(text, '\n') = '\0';
    return text;
}

Test(nagios, says_that_all_is_well_with_the_figures)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    g_autoptr(Vitals) vitals = vitals_of("shop", backups);
    g_autoptr(Nagios) nagios = nagios_new();
    nagios_add(nagios, vitals, NOW);
    g_autofree char *text = nagios_text(nagios);
    cr_expect_str_eq(text,
                     "LSNCHAIN OK - shop: newest good backup 23h 59m old, newest proof 23h 59m old "
                     "| 'shop_backup_age'=86340s;;93600;0 'shop_proof_age'=86340s;;;0 "
                     "'shop_restorable_age'=86340s;;;0 'shop_chain_length'=1;;;0 "
                     "'undelivered'=2;;;0 'repository_free'=1048576B;;;0\n"
                     "shop: newest good backup 23h 59m old, newest proof 23h 59m old\n");
    cr_expect(nagios_status(nagios) == NAGIOS_OK);
}

Test(nagios, gives_no_figure_for_what_is_not_known)
{
    g_autoptr(Nagios) nagios = nagios_new();
    add_unknown_instance(nagios, "shop", GRAVITY_NOTE, NULL);
    g_autofree char *line = first_line(nagios);
    cr_expect_str_eq(line, "LSNCHAIN OK - shop: newest good backup none, newest proof none "
                           "| 'shop_backup_age'=U;;;0 'shop_proof_age'=U;;;0 "
                           "'shop_restorable_age'=U;;;0 'shop_chain_length'=U;;;0 "
                           "'undelivered'=U;;;0 'repository_free'=U;;;0");
}

Test(nagios, lets_the_gravest_problem_of_all_instances_count)
{
    static const struct {
        Gravity first;
        Gravity second;
        int status;
        const char *begins;
    } cases[] = {
        {GRAVITY_NOTE, GRAVITY_NOTE, NAGIOS_OK, "LSNCHAIN OK - 2 instances are well |"},
        {GRAVITY_NOTE, GRAVITY_WARNING, NAGIOS_WARNING, "LSNCHAIN WARNING - b: second |"},
        {GRAVITY_WARNING, GRAVITY_UNKNOWN, NAGIOS_UNKNOWN,
         "LSNCHAIN UNKNOWN - b: second (and 1 more) |"},
        {GRAVITY_UNKNOWN, GRAVITY_CRITICAL, NAGIOS_CRITICAL,
         "LSNCHAIN CRITICAL - b: second (and 1 more) |"},
        {GRAVITY_CRITICAL, GRAVITY_WARNING, NAGIOS_CRITICAL,
         "LSNCHAIN CRITICAL - a: first (and 1 more) |"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Nagios) nagios = nagios_new();
        add_unknown_instance(nagios, "a", cases[i].first, "first");
        add_unknown_instance(nagios, "b", cases[i].second, "second");
        g_autofree char *line = first_line(nagios);
        cr_expect(g_str_has_prefix(line, cases[i].begins), "%s", line);
        cr_expect(nagios_status(nagios) == cases[i].status, "%s", line);
    }
}

Test(nagios, knows_nothing_when_nothing_was_judged)
{
    g_autoptr(Nagios) nagios = nagios_new();
    cr_expect(nagios_status(nagios) == NAGIOS_UNKNOWN);
    g_autofree char *text = nagios_text(nagios);
    cr_expect_str_eq(text, "LSNCHAIN UNKNOWN - there is no instance to judge\n");
    nagios_add_unknown(nagios, "the configuration is wrong\nhint: mend it");
    g_autofree char *why = first_line(nagios);
    cr_expect_str_eq(why, "LSNCHAIN UNKNOWN - the configuration is wrong hint: mend it");
}

Test(nagios, says_nothing_but_whose_it_is_of_another_users_state)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    g_autoptr(Vitals) vitals = vitals_of("shop", backups);
    vitals->record = RECORD_FOREIGN;
    vitals->record_why = g_strdup("another user's");
    (void)problem_add(vitals->health.problems, GRAVITY_CRITICAL, "no repository");
    g_autoptr(Nagios) nagios = nagios_new();
    nagios_add(nagios, vitals, NOW);
    g_autofree char *text = nagios_text(nagios);
    cr_expect_str_eq(text, "LSNCHAIN UNKNOWN - shop: another user's\n"
                           "UNKNOWN shop: another user's\n");
    cr_expect(nagios_status(nagios) == NAGIOS_UNKNOWN);
}

Test(nagios, tells_what_is_common_to_all_instances_once)
{
    g_autoptr(Nagios) nagios = nagios_new();
    for (int i = 0; i < 2; i++) {
        g_autoptr(Vitals) vitals = vitals_new(i == 0 ? "a" : "b");
        problem_add(vitals->health.problems, GRAVITY_WARNING, "2 alerts wait")->common = TRUE;
        nagios_add(nagios, vitals, NOW);
    }
    g_autofree char *line = first_line(nagios);
    cr_expect(g_str_has_prefix(line, "LSNCHAIN WARNING - 2 alerts wait |"), "%s", line);
}

/* No byte of it may end a line, start figures, speak HTML, or be no character. */
static void expect_harmless(const char *text, guint lines)
{
    guint bars = 0;
    guint breaks = 0;
    cr_expect(g_utf8_validate(text, -1, NULL), "no UTF-8: %s", text);
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        bars += c == '|';
        breaks += c == '\n';
        cr_expect(c == '\n' || g_unichar_isprint(c), "U+%04X is in it", c);
        cr_expect(c != '<' && c != '>');
    }
    cr_expect(bars == 1, "%u bars: %s", bars, text);
    cr_expect(breaks == lines, "%u lines: %s", breaks, text);
}

Test(nagios, makes_text_of_others_harmless)
{
    static const char evil[] = "a|b 'x'=1;2;3\nOK - fine\r\t<!channel><b>\x1b[2J\xff\xe2\x80\xae"
                               "\xe2\x80\xa8\xc2\x85z";
    g_autoptr(Nagios) nagios = nagios_new();
    add_unknown_instance(nagios, "shop", GRAVITY_CRITICAL, evil);
    g_autofree char *text = nagios_text(nagios);
    expect_harmless(text, 3);
    cr_expect_not_null(strstr(text, "a/b 'x'=1;2;3 OK - fine  (!channel)(b)?[2J"));

    g_autoptr(GRand) random = g_rand_new_with_seed(6);
    for (int i = 0; i < 3000; i++) {
        g_autofree char *hostile = sample_hostile(random);
        g_autoptr(Nagios) one = nagios_new();
        add_unknown_instance(one, "shop", GRAVITY_WARNING, hostile);
        g_autofree char *told = nagios_text(one);
        expect_harmless(told, 3);
    }
}

Test(nagios, quotes_its_labels_as_the_guidelines_say)
{
    g_autoptr(Nagios) nagios = nagios_new();
    add_unknown_instance(nagios, "it's a=b|c", GRAVITY_NOTE, NULL);
    g_autofree char *line = first_line(nagios);
    cr_expect_not_null(strstr(line, "| 'it''s a_b/c_backup_age'=U;;;0 "), "%s", line);
}

Test(nagios, stays_below_four_kilobytes_and_counts_what_found_no_room)
{
    g_autoptr(Nagios) nagios = nagios_new();
    g_autofree char *huge = g_strnfill(1 << 20, 'x');
    for (int i = 0; i < 300; i++) {
        g_autofree char *name = g_strdup_printf("instance-with-a-long-name-%05d", i);
        g_autoptr(Vitals) vitals = vitals_new(name);
        for (int n = 0; n < 3; n++)
            (void)problem_add(vitals->health.problems, GRAVITY_CRITICAL, "%s", huge);
        nagios_add(nagios, vitals, NOW);
    }
    g_autofree char *text = nagios_text(nagios);
    cr_expect(strlen(text) < 4096, "%zu bytes", strlen(text));
    cr_expect_not_null(strstr(text, "(and 899 more) | '"));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint count = g_strv_length(lines);
    g_autofree char *last = g_strdup_printf("and %u more lines", 1200 - (count - 3));
    cr_expect_str_eq(lines[count - 2], last);
    cr_expect_not_null(strstr(lines[0], " 'undelivered'=U"), "the common ones are told first");
    cr_expect(g_str_has_suffix(lines[0], ";0"), "no figure is cut: %s", lines[0]);
}

Test(nagios, cuts_a_long_line_at_a_character)
{
    g_autoptr(GString) euros = g_string_new("x");
    while (euros->len < 5000)
        g_string_append(euros, "\xe2\x82\xac");
    for (guint shift = 0; shift < 4; shift++) {
        g_autoptr(Nagios) nagios = nagios_new();
        add_unknown_instance(nagios, "shop", GRAVITY_CRITICAL, euros->str);
        g_autofree char *text = nagios_text(nagios);
        expect_harmless(text, 3);
        cr_expect_not_null(strstr(text, "\xe2\x82\xac... |"));
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        size_t first = (size_t)(strstr(lines[0], " | ") - lines[0]);
        cr_expect(first - strlen("LSNCHAIN CRITICAL - ") <= 512, "%zu bytes", first);
        cr_expect(strlen(lines[1]) - strlen("CRITICAL ") <= 320, "%zu bytes", strlen(lines[1]));
        g_string_prepend(euros, "y");
    }
}
