/* SPDX-License-Identifier: MIT */
#include "server/login.h"

#include "base/error.h"
#include "base/files.h"
#include "base/proc.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static Login *parse(const char *lines, GError **error)
{
    g_autofree char *text = g_strconcat("[client]\nuser = backup\n", lines, NULL);
    return login_parse("/etc/shop.cnf", text, error);
}

Test(optionfile, reads_values_as_both_parsers_of_the_field_do)
{
    static const struct {
        const char *written;
        const char *password;
    } cases[] = {
        {"password=plain", "plain"},
        {"  password  =  plain  ", "plain"},
        {"password=\"ab#cd\"", "ab#cd"},
        {"password='ab#cd'", "ab#cd"},
        {"password=\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"password='it\\'s'", "it's"},
        {"password=\"it's\"", "it's"},
        {"password=\" spaces \"", " spaces "},
        {"password=a\\sb\\tc\\nd", "a b\tc\nd"},
        {"password=a\\qb", "a\\qb"},
        {"password=a=b", "a=b"},
        {"password=\"\"", ""},
        {"password=", ""},
        {"password", ""},
        {"password=a;b", "a;b"},
        {"password=trailing\\", "trailing\\"},
        {"password=\xc3\xa4\xf0\x9f\x98\x80", "\xc3\xa4\xf0\x9f\x98\x80"},
        {"password=one\npassword=two", "two"},
        {"password=one\r\n", "one"},
        {"# password=no\n; password=no\npassword=yes", "yes"},
        {"password=yes\n[mysqld]\npassword=no", "yes"},
        {"[client-server]\npassword=yes", "yes"},
        {"", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Login) login = parse(cases[i].written, &error);
        cr_assert_not_null(login, "%s: %s", cases[i].written, error ? error->message : "");
        cr_expect_str_eq(login->password, cases[i].password);
        cr_expect_str_eq(login->user, "backup");
    }
}

Test(optionfile, refuses_what_the_parsers_disagree_on_with_file_and_line_but_never_the_value)
{
    static const char *const cases[] = {
        "password=sesame#cd",
        "password=sesame #cd",
        "password=\"sesame",
        "password=\"sesame\" x",
        "password=\"sesame\" #x",
        "password='sesame\"",
        "password=\"ses\"ame\"",
        "password=\"sesame\\\"",
        "!include /etc/sesame",
        "!includedir /etc/sesame",
        "[client",
        "port=70000",
        "port=x",
        "port=-1",
        "ssl-mode=MAYBE",
        "pasword=sesame",
        "protocol=tcp",
        "loose-password=sesame",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Login) login = parse(cases[i], &error);
        cr_assert_null(login, "%s", cases[i]);
        cr_expect(error_status(error) == STATUS_CONFIG);
        cr_expect(g_str_has_prefix(error->message, "/etc/shop.cnf:3: "), "%s", error->message);
        gboolean shown = cases[i][0] == '!';
        cr_expect(shown == (strstr(error->message, "sesame") != NULL), "%s", error->message);
    }
}

Test(optionfile, refuses_a_value_of_absurd_length)
{
    g_autofree char *filler = g_strnfill(5000, 'x');
    g_autofree char *line = g_strconcat("password=", filler, NULL);
    g_autoptr(Login) login = parse(line, NULL);
    cr_expect_null(login);
}

Test(optionfile, wants_a_user)
{
    static const char *const texts[] = {"", "[mysqld]\nuser=mysql\n", "user=outside\n",
                                        "[client]\nuser=\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Login) login = login_parse("f", texts[i], &error);
        cr_expect_null(login);
        cr_expect(error_status(error) == STATUS_CONFIG);
    }
}

Test(optionfile, reads_where_the_server_is_and_how_to_encrypt)
{
    static const struct {
        const char *lines;
        LoginTls tls;
    } cases[] = {
        {"", LOGIN_TLS_PREFERRED},
        {"ssl-mode=REQUIRED", LOGIN_TLS_REQUIRED},
        {"ssl_mode=verify_ca", LOGIN_TLS_VERIFY},
        {"ssl-mode=VERIFY_IDENTITY\nssl", LOGIN_TLS_VERIFY},
        {"ssl", LOGIN_TLS_REQUIRED},
        {"ssl=0", LOGIN_TLS_PREFERRED},
        {"skip-ssl", LOGIN_TLS_DISABLED},
        {"ssl-verify-server-cert", LOGIN_TLS_VERIFY},
        {"ssl-verify-server-cert=off", LOGIN_TLS_PREFERRED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Login) login = parse(cases[i].lines, NULL);
        cr_assert_not_null(login, "%s", cases[i].lines);
        cr_expect(login->tls == cases[i].tls, "%s: %u", cases[i].lines, login->tls);
    }
    g_autoptr(Login) login =
        parse("host=db\nport=3307\nsocket=/run/s\nssl_ca=/ca\nssl-cert=/c\nssl-key=/k\n", NULL);
    cr_assert_not_null(login);
    cr_expect_str_eq(login->host, "db");
    cr_expect(login->port == 3307);
    cr_expect_str_eq(login->socket, "/run/s");
    cr_expect_str_eq(login->ssl_ca, "/ca");
    cr_expect_str_eq(login->ssl_key, "/k");
}

/* ---- the file itself
 * -------------------------------------------------------------------------------- */

static char *file_new(const char *text, mode_t mode)
{
    char *path = NULL;
    int fd = g_file_open_tmp("lsnchain-optionfile-XXXXXX", &path, NULL);
    cr_assert(fd >= 0 && files_write(fd, text, strlen(text)) && fchmod(fd, mode) == 0);
    (void)close(fd);
    return path;
}

Test(optionfile, is_refused_when_anybody_else_could_read_it)
{
    static const struct {
        mode_t mode;
        gboolean good;
    } cases[] = {{0600, TRUE},  {0400, TRUE},  {0700, TRUE},  {0640, FALSE}, {0604, FALSE},
                 {0620, FALSE}, {0666, FALSE}, {0601, FALSE}, {0610, FALSE}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = file_new("[client]\nuser=a\n", cases[i].mode);
        g_autoptr(GError) error = NULL;
        g_autoptr(Login) login = login_read(path, &error);
        cr_expect((login != NULL) == cases[i].good, "%o: %s", cases[i].mode,
                  error ? error->message : "");
        cr_expect(cases[i].good || strstr(error->message, "hint: chmod 600 /") != NULL);
        (void)unlink(path);
    }
}

Test(optionfile, is_refused_when_it_is_a_directory_a_device_absent_or_no_text)
{
    static const char *const paths[] = {"/tmp", "/dev/null", "/nonexistent/x", "/proc/self/mem"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Login) login = login_read(paths[i], &error);
        cr_expect_null(login, "%s", paths[i]);
        cr_expect(error_status(error) == STATUS_CONFIG);
    }
    g_autofree char *huge = g_strnfill(70000, '\n');
    g_autofree char *path = file_new(huge, 0600);
    g_autoptr(Login) login = login_read(path, NULL);
    cr_expect_null(login);
    (void)unlink(path);
}

Test(optionfile, of_another_user_is_refused)
{
    if (geteuid() != 0)
        cr_skip_test("only root can give a file away");
    g_autofree char *path = file_new("[client]\nuser=a\n", 0600);
    cr_assert(chown(path, 65534, 65534) == 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(Login) login = login_read(path, &error);
    cr_expect_null(login);
    (void)unlink(path);
}

/* ---- the engine's own
 * --------------------------------------------------------------------------------- */

/* What we write is what we read: for every byte that a password may hold. */
Test(optionfile, written_for_the_engine_reads_back_the_same)
{
    g_autofree char *dir = g_dir_make_tmp("lsnchain-optionfile-XXXXXX", NULL);
    autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *path = g_build_filename(dir, "login.cnf", NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(42);
    for (int turn = 0; turn < 2000; turn++) {
        char password[40] = {0};
        static const char nasty[] = "\"\\'# \t\n\r\b;=[]ns!%";
        int length = g_rand_int_range(rand, 0, 39);
        for (int i = 0; i < length; i++)
            password[i] = g_rand_boolean(rand)
                              ? nasty[g_rand_int_range(rand, 0, (int)sizeof nasty - 1)]
                              : (char)g_rand_int_range(rand, 1, 255);
        g_autoptr(Login) login =
            parse("host=h\nport=3307\nsocket=/s\nssl-ca=/a\nssl-mode=VERIFY_CA", NULL);
        g_free(login->password);
        login->password = g_strdup(password);
        g_autoptr(GError) error = NULL;
        cr_assert(login_write_option_file(login, fd, "login.cnf", &error), "%s",
                  error ? error->message : "");
        g_autoptr(Login) again = login_read(path, &error);
        cr_assert_not_null(again, "%s", error ? error->message : "");
        cr_assert_str_eq(again->password, password);
        cr_assert_str_eq(again->user, "backup");
        cr_assert_str_eq(again->socket, "/s");
        cr_assert(again->port == 3307 && again->tls == LOGIN_TLS_VERIFY);
        cr_assert(unlink(path) == 0);
    }
    cr_expect(rmdir(dir) == 0);
}

static void collect(ProcStream from, const char *line, void *data)
{
    (void)from;
    g_string_append_printf(data, "%s\n", line);
}

/* The server's own parser, which the engine is built with. */
Test(optionfile, written_for_the_engine_is_understood_by_the_engines_parser)
{
    static const char *const passwords[] = {
        "plain", "ab#cd", "a\"b", "a'b", "a\\b", "a\\",  " a ", "\ta",          "a\nb",  ";a",
        "#",     "[x]",   "a=b",  "\\s", "\\n",  "\"\"", "''",  "\xc3\xa4\xff", "$(id)`"};
    for (size_t i = 0; i < G_N_ELEMENTS(passwords); i++) {
        g_autofree char *dir = g_dir_make_tmp("lsnchain-optionfile-XXXXXX", NULL);
        autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_autoptr(Login) login = parse("", NULL);
        g_free(login->password);
        login->password = g_strdup(passwords[i]);
        cr_assert(login_write_option_file(login, fd, "x", NULL));
        g_autofree char *file = g_strconcat("--defaults-file=", dir, "/x", NULL);
        const char *const argv[] = {"/usr/bin/my_print_defaults", file, "client", NULL};
        g_autoptr(GString) said = g_string_new(NULL);
        const ProcSpec spec = {
            .argv = argv, .env = proc_plain_env(), .out_fd = -1, .on_line = collect, .data = said};
        ProcEnd end;
        cr_assert(proc_run(&spec, &end, NULL) && end.status == 0);
        g_autofree char *expected = g_strdup_printf("--user=backup\n--password=%s\n", passwords[i]);
        cr_expect_str_eq(said->str, expected);
        cr_expect(unlinkat(fd, "x", 0) == 0 && rmdir(dir) == 0);
    }
}

Test(optionfile, for_the_engine_is_never_written_over_another_file)
{
    g_autofree char *dir = g_dir_make_tmp("lsnchain-optionfile-XXXXXX", NULL);
    autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(Login) login = parse("", NULL);
    (void)umask(0);
    cr_assert(login_write_option_file(login, fd, "x", NULL));
    struct stat status;
    cr_assert(fstatat(fd, "x", &status, 0) == 0);
    cr_expect((status.st_mode & 07777) == 0600);
    cr_expect_not(login_write_option_file(login, fd, "x", NULL));
    cr_expect(unlinkat(fd, "x", 0) == 0 && rmdir(dir) == 0);
}
