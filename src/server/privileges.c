/* SPDX-License-Identifier: MIT */
#include "server/grants.h"
#include "server/session.h"

static gboolean keep_grant(const Answer *row, void *data)
{
    if (row->values[0] == NULL)
        return FALSE;
    grants_add(data, row->values[0]);
    return TRUE;
}

/* A role that is not active does not count: the engine's session would not have it either. */
static char *what_to_type(const Server *server, const Grants *grants, const GPtrArray *missing)
{
    g_autofree char *text = grants_to_type(missing, server->user);
    if (!grants_have_role(grants))
        return g_steal_pointer(&text);
    g_autofree char *user = grants_quoted_user(server->user);
    g_auto(GStrv) parts = g_strsplit(server->dialect->default_role, "%s", 2);
    g_autofree char *role = g_strjoinv(user, parts);
    return g_strdup_printf("%s or, if a role has it: %s", text, role);
}

gboolean server_privileges(Server *server, const char *const *needed, GPtrArray *missing,
                           char **remedy, GError **error)
{
    *remedy = NULL;
    g_autoptr(Grants) grants = grants_new();
    if (!ask(server, "our privileges", "SHOW GRANTS", keep_grant, grants, error))
        return FALSE;
    for (; *needed != NULL; needed++) {
        if (!grants_have(grants, *needed))
            g_ptr_array_add(missing, g_strdup(*needed));
    }
    if (missing->len > 0)
        *remedy = what_to_type(server, grants, missing);
    return TRUE;
}
