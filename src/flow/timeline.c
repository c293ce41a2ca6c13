/* SPDX-License-Identifier: MIT */
#include "flow/timeline.h"

#include "base/error.h"
#include "base/log.h"
#include "server/canary.h"

enum { SERVER_TIMEOUT_S = 60 };

gboolean timeline_wants_canary(CanaryMode mode, const ServerFacts *facts)
{
    return mode == CANARY_YES || (mode == CANARY_AUTO && !facts->read_only && !facts->replica);
}

gboolean timeline_begin(const InstanceConfig *config, const Login *login, const ServerFacts *facts,
                        const char *backup, char **canary, GError **error)
{
    *canary = g_strdup("");
    if (!timeline_wants_canary(config->canary, facts))
        return TRUE;
    g_autoptr(Server) server = server_connect(login, SERVER_TIMEOUT_S, error);
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *refused = NULL;
    if (server == NULL ||
        !canary_write(server, config->canary_schema, uuid, backup, &refused, error))
        return FALSE;
    if (refused != NULL) {
        g_autofree char *grants = canary_grants(server, config->canary_schema);
        if (config->canary == CANARY_YES)
            return fail(error, STATUS_SERVER,
                        "the canary row cannot be written: %s" HINT("type: %s; or set canary = no"),
                        refused, grants);
        log_notice("no canary row is written, so a restart of the server will cost a full: %s",
                   refused);
        return TRUE;
    }
    g_free(*canary);
    *canary = g_steal_pointer(&uuid);
    return TRUE;
}

gboolean timeline_end(const InstanceConfig *config, Server *server, const char *canary,
                      const char *backup, GError **error)
{
    return *canary == '\0' || canary_stamp(server, config->canary_schema, canary, backup, error);
}

gboolean timeline_of_parent(const InstanceConfig *config, const Login *login, const Backup *parent,
                            CanaryState *state, GError **error)
{
    *state = CANARY_UNKNOWN;
    if (*parent->canary == '\0')
        return TRUE;
    g_autoptr(Server) server = server_connect(login, SERVER_TIMEOUT_S, error);
    CanaryRow row = {0};
    if (server == NULL || !canary_find(server, config->canary_schema, parent->canary, &row, error))
        return FALSE;
    if (row.known)
        *state = !row.written ? CANARY_GONE : row.stamped ? CANARY_STAMPED : CANARY_UNSTAMPED;
    return TRUE;
}

gboolean timeline_outlook(const InstanceConfig *config, Server *server, const ServerFacts *facts,
                          char **text, char **remedy, GError **error)
{
    *text = NULL;
    *remedy = NULL;
    if (!timeline_wants_canary(config->canary, facts)) {
        *text = g_strdup_printf("no row is written (%s), so a restart of the server costs a full",
                                config->canary == CANARY_NO ? "canary = no"
                                : facts->replica            ? "it is a replica"
                                                            : "it is read-only");
        return TRUE;
    }
    gboolean allowed = FALSE;
    if (!canary_allowed(server, config->canary_schema, &allowed, error))
        return FALSE;
    if (!allowed && config->canary == CANARY_YES) {
        g_autofree char *grants = canary_grants(server, config->canary_schema);
        return fail(error, STATUS_SERVER,
                    "the backup user may not write the canary row" HINT("type: %s"), grants);
    }
    *text = allowed ? g_strdup_printf("a row in %s before each capture", config->canary_schema)
                    : g_strdup("the backup user may not write its row, so a restart of the server "
                               "costs a full");
    *remedy = allowed ? NULL : canary_grants(server, config->canary_schema);
    return TRUE;
}
