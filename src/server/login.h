/* SPDX-License-Identifier: MIT */
/*
 * login: the user's option file (`defaults_file`), read once by us.
 *
 * libmariadb and the server's own parser read the same file differently (an unquoted `ab#cd` is
 * `ab#cd` to one and `ab` to the other), so both our connection and the engine get what was read
 * here, the engine through a file of its own.  What the two parsers would disagree on is refused.
 *
 * Read: the groups [client] and [client-server]; the keys user, password, host, port, socket,
 * ssl-ca, ssl-cert, ssl-key, ssl-mode, ssl-verify-server-cert, ssl, skip-ssl; '-' and '_' are the
 * same.  Any other key in these groups is an error, other groups are skipped.
 *
 * A Login holds a password: it is never printed.
 */
#ifndef LSNCHAIN_SERVER_LOGIN_H
#define LSNCHAIN_SERVER_LOGIN_H

#include <glib.h>

typedef enum {
    LOGIN_TLS_PREFERRED, /* nothing said: TLS when both sides can */
    LOGIN_TLS_DISABLED,
    LOGIN_TLS_REQUIRED,
    LOGIN_TLS_VERIFY, /* VERIFY_CA and VERIFY_IDENTITY: the stricter of the two */
} LoginTls;

typedef struct {
    char *path;     /* of the option file, for messages */
    char *user;     /* always given */
    char *password; /* "" when none */
    char *host;     /* NULL: localhost */
    unsigned port;  /* 0: the default */
    char *socket;   /* NULL: the client library's default */
    char *ssl_ca;   /* these three NULL when not given */
    char *ssl_cert;
    char *ssl_key;
    LoginTls tls;
} Login;

/*
 * STATUS_CONFIG, with file and line, when it cannot be understood, and when the file is not a
 * regular one, does not belong to us or root, or can be read by anybody else.
 */
Login *login_read(const char *path, GError **error);

/* The text of the file alone; `path` is for messages.  For tests and for the function above. */
Login *login_parse(const char *path, const char *text, GError **error);

/*
 * The engine's private option file: group [client], mode 0600, quoted so that both parsers read
 * the same values.  `name` below `dir_fd` must not exist.
 */
gboolean login_write_option_file(const Login *login, int dir_fd, const char *name,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "backup@localhost (socket /run/mysqld/mysqld.sock)", for messages.  Free it. */
char *login_text(const Login *login);

/* Overwrites the password. */
void login_free(Login *login);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Login, login_free)

#endif
