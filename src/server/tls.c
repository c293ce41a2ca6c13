/* SPDX-License-Identifier: MIT */
#include "server/tls.h"

/* Nobody listens on a socket: TLS there only if it is asked for. */
static gboolean is_wanted(const Login *login)
{
    gboolean local = login->socket != NULL || login->host == NULL;
    return login->tls >= LOGIN_TLS_REQUIRED || (login->tls == LOGIN_TLS_PREFERRED && !local);
}

#ifdef MARIADB_PACKAGE_VERSION /* Connector/C */

/* "Enforce" means "try": without TLS on the server it goes on in the clear, so the caller looks. */
static void set_mode(MYSQL *mysql, const Login *login)
{
    my_bool use = is_wanted(login) ? 1 : 0;
    my_bool verify = login->tls == LOGIN_TLS_VERIFY ? 1 : 0;
    (void)mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &use);
    (void)mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

#else /* libmysqlclient 8.0 and later */

/*
 * A server that hashes passwords with SHA-256 wants them encrypted; without TLS its own public key
 * does that.  Connector/C asks for the key by itself.
 */
static void set_mode(MYSQL *mysql, const Login *login)
{
    static const unsigned modes[] = {[LOGIN_TLS_PREFERRED] = SSL_MODE_PREFERRED,
                                     [LOGIN_TLS_DISABLED] = SSL_MODE_DISABLED,
                                     [LOGIN_TLS_REQUIRED] = SSL_MODE_REQUIRED,
                                     [LOGIN_TLS_VERIFY] = SSL_MODE_VERIFY_IDENTITY};
    unsigned mode = is_wanted(login) ? modes[login->tls] : (unsigned)SSL_MODE_DISABLED;
    bool ask_for_key = login->tls < LOGIN_TLS_REQUIRED;
    (void)mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
    (void)mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &ask_for_key);
}

#endif

void tls_set(MYSQL *mysql, const Login *login)
{
    if (is_wanted(login)) {
        (void)mysql_options(mysql, MYSQL_OPT_SSL_KEY, login->ssl_key);
        (void)mysql_options(mysql, MYSQL_OPT_SSL_CERT, login->ssl_cert);
        (void)mysql_options(mysql, MYSQL_OPT_SSL_CA, login->ssl_ca);
    }
    set_mode(mysql, login);
}
