/* SPDX-License-Identifier: MIT */
#include "server/grants.h"

#include <string.h>

static const char everything[] = "*.*";
static const char all[] = "ALL PRIVILEGES";

struct Grants {
    GHashTable *given;   /* "RELOAD ON *.*", "SELECT ON performance_schema.log_status" */
    GHashTable *revoked; /* the same, of MySQL's partial revokes */
    gboolean has_role;
};

Grants *grants_new(void)
{
    Grants *grants = g_new0(Grants, 1);
    grants->given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    grants->revoked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return grants;
}

void grants_free(Grants *grants)
{
    if (grants == NULL)
        return;
    g_hash_table_unref(grants->given);
    g_hash_table_unref(grants->revoked);
    g_free(grants);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The first `word` outside of backquotes and brackets; NULL: there is none. */
static const char *find_outside(const char *text, const char *word)
{
    gboolean quoted = FALSE;
    int depth = 0;
    for (; *text != '\0'; text++) {
        if (!quoted && depth == 0 && g_str_has_prefix(text, word))
            return text;
        if (*text == '`')
            quoted = !quoted;
        else if (!quoted && (*text == '(' || *text == ')'))
            depth += *text == '(' ? 1 : -1;
    }
    return NULL;
}

/* "`performance_schema`.*" without its quotes; a name that holds a quote is none of ours. */
static char *object_name(const char *from, const char *to)
{
    GString *name = g_string_new(NULL);
    for (; from < to; from++) {
        if (*from != '`')
            g_string_append_c(name, *from);
    }
    return g_string_free(name, FALSE);
}

/* "SELECT (a), INSERT": what is granted on columns is no privilege on their table. */
static void add_privileges(GHashTable *set, const char *from, const char *to, const char *object)
{
    g_autofree char *list = g_strndup(from, (size_t)(to - from));
    for (const char *rest = list; rest != NULL;) {
        const char *comma = find_outside(rest, ",");
        g_autofree char *one =
            comma != NULL ? g_strndup(rest, (size_t)(comma - rest)) : g_strdup(rest);
        g_autofree char *name = g_ascii_strup(g_strstrip(one), -1);
        if (strchr(name, '(') == NULL)
            (void)g_hash_table_add(set, g_strdup_printf("%s ON %s", name, object));
        rest = comma != NULL ? comma + 1 : NULL;
    }
}

void grants_add(Grants *grants, const char *row)
{
    gboolean revokes = g_str_has_prefix(row, "REVOKE ");
    if (!revokes && !g_str_has_prefix(row, "GRANT "))
        return; /* MariaDB's SET DEFAULT ROLE ... */
    const char *list = row + strlen(revokes ? "REVOKE " : "GRANT ");
    const char *on = find_outside(list, " ON ");
    const char *end = on != NULL ? find_outside(on, revokes ? " FROM " : " TO ") : NULL;
    if (end == NULL) {
        grants->has_role = grants->has_role || (*list == '`' && !revokes);
        return;
    }
    g_autofree char *object = object_name(on + strlen(" ON "), end);
    add_privileges(revokes ? grants->revoked : grants->given, list, on, object);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static gboolean is_in(GHashTable *set, const char *privilege, const char *object)
{
    g_autofree char *one = g_strdup_printf("%s ON %s", privilege, object);
    g_autofree char *any = g_strdup_printf("%s ON %s", all, object);
    return g_hash_table_contains(set, one) || g_hash_table_contains(set, any);
}

gboolean grants_have(const Grants *grants, const char *needed)
{
    g_auto(GStrv) parts = g_strsplit(needed, " ON ", 2);
    if (parts[1] == NULL)
        return is_in(grants->given, parts[0], everything);
    const char *dot = strchr(parts[1], '.');
    g_autofree char *schema = g_strndup(parts[1], dot != NULL ? (size_t)(dot - parts[1]) : 0);
    g_autofree char *whole = g_strconcat(schema, ".*", NULL);
    if (is_in(grants->given, parts[0], parts[1]) || is_in(grants->given, parts[0], whole))
        return TRUE;
    return is_in(grants->given, parts[0], everything) && !is_in(grants->revoked, parts[0], whole);
}

gboolean grants_have_role(const Grants *grants)
{
    return grants->has_role;
}

/* ---- to type --------------------------------------------------------------------------------- */

static void append_quoted(GString *out, const char *name, size_t length)
{
    g_string_append_c(out, '`');
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '`')
            g_string_append_c(out, '`');
        g_string_append_c(out, name[i]);
    }
    g_string_append_c(out, '`');
}

char *grants_quoted_user(const char *user)
{
    GString *out = g_string_new(NULL);
    const char *at = strrchr(user, '@'); /* a user's name may hold one, a host's not */
    append_quoted(out, user, at != NULL ? (size_t)(at - user) : strlen(user));
    if (at != NULL) {
        g_string_append_c(out, '@');
        append_quoted(out, at + 1, strlen(at + 1));
    }
    return g_string_free(out, FALSE);
}

char *grants_to_type(const GPtrArray *missing, const char *user)
{
    g_autofree char *to = grants_quoted_user(user);
    g_autoptr(GString) global = g_string_new(NULL);
    g_autoptr(GString) tables = g_string_new(NULL);
    for (guint i = 0; i < missing->len; i++) {
        const char *one = missing->pdata[i];
        if (strstr(one, " ON ") == NULL)
            g_string_append_printf(global, "%s%s", global->len > 0 ? ", " : "", one);
        else
            g_string_append_printf(tables, "%sGRANT %s TO %s;", tables->len > 0 ? " " : "", one,
                                   to);
    }
    if (global->len == 0)
        return g_strdup(tables->str);
    return g_strdup_printf("GRANT %s ON *.* TO %s;%s%s", global->str, to,
                           tables->len > 0 ? " " : "", tables->str);
}
