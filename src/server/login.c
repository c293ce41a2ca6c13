/* SPDX-License-Identifier: MIT */
#include "server/login.h"

#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    FILE_LIMIT = 64 * 1024,
    VALUE_LIMIT = 1024, /* the server's parser cuts lines at 4096 bytes; escaping doubles them */
};

typedef struct {
    const char *path;
    unsigned line;
    gboolean ours; /* in a group that we read */
    Login *login;
} Reader;

G_GNUC_PRINTF(3, 4)
static gboolean refuse(const Reader *reader, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);
    return fail(error, STATUS_CONFIG, "%s:%u: %s", reader->path, reader->line, sentence);
}

/* ---- values ---------------------------------------------------------------------------------- */

static const char escapes[][2] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'},  {'b', '\b'},
                                  {'s', ' '},  {'"', '"'},  {'\'', '\''}, {'\\', '\\'}};

/* An escape that is none stays as it is, backslash and all: so do both parsers. */
static char *unescape(const char *text, size_t length)
{
    GString *plain = g_string_sized_new(length);
    for (size_t i = 0; i < length; i++) {
        char found = '\0';
        for (size_t k = 0; text[i] == '\\' && i + 1 < length && k < G_N_ELEMENTS(escapes); k++) {
            if (escapes[k][0] == text[i + 1])
                found = escapes[k][1];
        }
        g_string_append_c(plain, found != '\0' ? found : text[i]);
        if (found != '\0')
            i++;
    }
    return g_string_free(plain, FALSE);
}

static void append_escaped(GString *out, const char *value)
{
    g_string_append_c(out, '"');
    for (const char *at = value; *at != '\0'; at++) {
        char letter = '\0';
        for (size_t k = 0; k < G_N_ELEMENTS(escapes); k++) {
            if (escapes[k][1] == *at && *at != ' ' && *at != '\'')
                letter = escapes[k][0];
        }
        if (letter != '\0')
            g_string_append_c(out, '\\');
        g_string_append_c(out, letter != '\0' ? letter : *at);
    }
    g_string_append_c(out, '"');
}

/* The length of what stands between the quotes, or -1 when they do not end with the value. */
static ssize_t quoted_length(const char *value)
{
    size_t i = 1;
    while (value[i] != '\0' && value[i] != value[0])
        i += value[i] == '\\' && value[i + 1] != '\0' ? 2 : 1;
    return value[i] == value[0] && value[i + 1] == '\0' ? (ssize_t)i - 1 : -1;
}

static gboolean read_value(const Reader *reader, const char *key, const char *raw, char **value,
                           GError **error)
{
    if (strlen(raw) > VALUE_LIMIT)
        return refuse(reader, error, "the value of %s is longer than %d bytes", key, VALUE_LIMIT);
    if (raw[0] == '"' || raw[0] == '\'') {
        ssize_t length = quoted_length(raw);
        if (length < 0)
            return refuse(reader, error,
                          "the quotes around the value of %s do not match" HINT(
                              "write it in double quotes, with \\\" and \\\\ for \" and \\, "
                              "and nothing after them"),
                          key);
        *value = unescape(raw + 1, (size_t)length);
        return TRUE;
    }
    if (strchr(raw, '#') != NULL)
        return refuse(reader, error,
                      "the value of %s has a '#', which some programs take for a comment" HINT(
                          "put it in double quotes; put a comment on a line of its own"),
                      key);
    *value = unescape(raw, strlen(raw));
    return TRUE;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static const struct {
    const char *key;
    size_t at;
} texts[] = {
    {"user", offsetof(Login, user)},       {"password", offsetof(Login, password)},
    {"host", offsetof(Login, host)},       {"socket", offsetof(Login, socket)},
    {"ssl-ca", offsetof(Login, ssl_ca)},   {"ssl-cert", offsetof(Login, ssl_cert)},
    {"ssl-key", offsetof(Login, ssl_key)},
};

static const struct {
    const char *word;
    LoginTls tls;
} tls_modes[] = {
    {"PREFERRED", LOGIN_TLS_PREFERRED},    {"DISABLED", LOGIN_TLS_DISABLED},
    {"REQUIRED", LOGIN_TLS_REQUIRED},      {"VERIFY_CA", LOGIN_TLS_VERIFY},
    {"VERIFY_IDENTITY", LOGIN_TLS_VERIFY},
};

static gboolean set_tls_mode(const Reader *reader, const char *word, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(tls_modes); i++) {
        if (g_ascii_strcasecmp(tls_modes[i].word, word) == 0) {
            reader->login->tls = tls_modes[i].tls;
            return TRUE;
        }
    }
    return refuse(reader, error,
                  "ssl-mode is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or "
                  "VERIFY_IDENTITY, not %s",
                  word);
}

static gboolean is_yes(const char *value)
{
    static const char *const words[] = {"", "1", "on", "true", "yes"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(words[i], value) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Only ever stricter: `ssl` after `ssl-mode=VERIFY_CA` must not loosen it. */
static gboolean set_flag(const Reader *reader, const char *value, LoginTls tls)
{
    if (is_yes(value))
        reader->login->tls = MAX(reader->login->tls, tls);
    return TRUE;
}

static gboolean set_port(const Reader *reader, const char *value, GError **error)
{
    guint64 port = 0;
    if (!g_ascii_string_to_unsigned(value, 10, 0, 65535, &port, NULL))
        return refuse(reader, error, "port is a number up to 65535, not %s", value);
    reader->login->port = (unsigned)port;
    return TRUE;
}

static gboolean set_key(const Reader *reader, const char *key, char *value, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (strcmp(texts[i].key, key) == 0) {
            char **at = (char **)(void *)((char *)reader->login + texts[i].at);
            g_free(*at);
            *at = g_strdup(value);
            return TRUE;
        }
    }
    if (strcmp(key, "port") == 0)
        return set_port(reader, value, error);
    if (strcmp(key, "ssl-mode") == 0)
        return set_tls_mode(reader, value, error);
    if (strcmp(key, "ssl") == 0)
        return set_flag(reader, value, LOGIN_TLS_REQUIRED);
    if (strcmp(key, "ssl-verify-server-cert") == 0)
        return set_flag(reader, value, LOGIN_TLS_VERIFY);
    if (strcmp(key, "skip-ssl") == 0)
        return set_flag(reader, value, LOGIN_TLS_DISABLED);
    return refuse(reader, error,
                  "we do not know the key %s" HINT(
                      "keep this file to user, password, host, port, socket and ssl-*"),
                  key);
}

/* ---- the file -------------------------------------------------------------------------------- */

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
}

static gboolean read_pair(const Reader *reader, char *line, GError **error)
{
    char *equals = strchr(line, '=');
    char *raw = equals != NULL ? equals + 1 : line + strlen(line);
    if (equals != NULL)
        *equals = '\0';
    const char *key = g_strdelimit(g_strstrip(line), "_", '-');
    char *value = NULL;
    if (!read_value(reader, key, g_strstrip(raw), &value, error))
        return FALSE;
    gboolean done = set_key(reader, key, value, error);
    wipe(value);
    g_free(value);
    return done;
}

static gboolean read_line(Reader *reader, char *line, GError **error)
{
    (void)g_strstrip(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return TRUE;
    if (line[0] == '!')
        return refuse(reader, error,
                      "%s is not followed here" HINT("put the login into this file itself"), line);
    if (line[0] == '[') {
        char *end = strchr(line, ']');
        if (end == NULL)
            return refuse(reader, error, "a group has no closing bracket");
        *end = '\0';
        const char *group = g_strstrip(line + 1);
        reader->ours = strcmp(group, "client") == 0 || strcmp(group, "client-server") == 0;
        return TRUE;
    }
    return !reader->ours || read_pair(reader, line, error);
}

Login *login_parse(const char *path, const char *text, GError **error)
{
    g_autoptr(Login) login = g_new0(Login, 1);
    login->path = g_strdup(path);
    Reader reader = {.path = path, .login = login};
    if (g_str_has_prefix(text, "\xef\xbb\xbf")) /* a byte order mark */
        text += 3;

    gboolean fine = TRUE;
    while (fine && *text != '\0') {
        size_t length = strcspn(text, "\n");
        char *line = g_strndup(text, length);
        reader.line++;
        fine = read_line(&reader, line, error);
        explicit_bzero(line, length);
        g_free(line);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    if (!fine)
        return NULL;
    if (login->user == NULL || *login->user == '\0') {
        (void)fail(error, STATUS_CONFIG,
                   "%s names no user" HINT("write user=... under [client] in it"), path);
        return NULL;
    }
    if (login->password == NULL)
        login->password = g_strdup("");
    return g_steal_pointer(&login);
}

static gboolean check_file(const char *path, const struct stat *status, GError **error)
{
    if (!S_ISREG(status->st_mode))
        return fail(error, STATUS_CONFIG, "%s is not a regular file", path);
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return fail(error, STATUS_CONFIG,
                    "%s belongs to uid %u, neither to us nor to root" HINT("chown it to uid %u"),
                    path, status->st_uid, geteuid());
    if ((status->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return fail(error, STATUS_CONFIG,
                    "%s holds a password and has mode %04o" HINT("chmod 600 %s"), path,
                    status->st_mode & 07777, path);
    return TRUE;
}

Login *login_read(const char *path, GError **error)
{
    autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        (void)fail(error, STATUS_CONFIG, "cannot open the option file %s: %s", path,
                   g_strerror(errno));
        return NULL;
    }
    if (!check_file(path, &status, error))
        return NULL;
    char *text = g_malloc0(FILE_LIMIT + 1);
    ssize_t got = files_read(fd, text, FILE_LIMIT + 1);
    Login *login = NULL;
    if (got < 0)
        (void)fail(error, STATUS_CONFIG, "cannot read %s: %s", path, g_strerror(errno));
    else if (got > FILE_LIMIT || memchr(text, '\0', (size_t)got) != NULL)
        (void)fail(error, STATUS_CONFIG, "%s is no option file: too long, or not text", path);
    else
        login = login_parse(path, text, error);
    explicit_bzero(text, FILE_LIMIT + 1);
    g_free(text);
    return login;
}

/* ---- the engine's file ----------------------------------------------------------------------- */

/* In MariaDB's words and in MySQL's: in [client] an engine skips the words that it does not know.
 */
static const char *const tls_lines[] = {
    [LOGIN_TLS_PREFERRED] = "",
    [LOGIN_TLS_DISABLED] = "skip-ssl\nssl-mode=DISABLED\n",
    [LOGIN_TLS_REQUIRED] = "ssl\nssl-mode=REQUIRED\n",
    [LOGIN_TLS_VERIFY] = "ssl\nssl-verify-server-cert\nssl-mode=VERIFY_IDENTITY\n",
};

static GString *option_file(const Login *login)
{
    GString *out = g_string_sized_new(4096); /* not moved while it grows: it holds a password */
    g_string_append(out, "[client]\n");
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *value = G_STRUCT_MEMBER(char *, login, texts[i].at);
        if (value == NULL)
            continue;
        g_string_append_printf(out, "%s=", texts[i].key);
        append_escaped(out, value);
        g_string_append_c(out, '\n');
    }
    if (login->port != 0)
        g_string_append_printf(out, "port=%u\n", login->port);
    g_string_append(out, tls_lines[login->tls]);
    return out;
}

gboolean login_write_option_file(const Login *login, int dir_fd, const char *name, GError **error)
{
    autofd int fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_storage(error, "cannot create the engine's option file %s: %s", name,
                            g_strerror(errno));
    GString *text = option_file(login);
    gboolean written = fchmod(fd, 0600) == 0 && files_write(fd, text->str, text->len);
    int failure = errno;
    explicit_bzero(text->str, text->allocated_len);
    (void)g_string_free(text, TRUE);
    return written || fail_storage(error, "cannot write the engine's option file %s: %s", name,
                                   g_strerror(failure));
}

char *login_text(const Login *login)
{
    const char *host = login->host != NULL ? login->host : "localhost";
    if (login->socket != NULL)
        return g_strdup_printf("%s@%s (socket %s)", login->user, host, login->socket);
    if (login->port != 0)
        return g_strdup_printf("%s@%s (port %u)", login->user, host, login->port);
    return g_strdup_printf("%s@%s", login->user, host);
}

void login_free(Login *login)
{
    if (login == NULL)
        return;
    wipe(login->password);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(G_STRUCT_MEMBER(char *, login, texts[i].at));
    g_free(login->path);
    g_free(login);
}
