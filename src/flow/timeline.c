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

/* A canary makes a chain last longer; a backup without one is as good. */
static gboolean go_without(const InstanceConfig *config, const char *why, const char *remedy,
                           GError **error)
{
    if (config->canary == CANARY_YES)
        return fail(error, STATUS_SERVER,
                    "the canary row cannot be written: %s" HINT("%s; or set canary = no"), why,
                    remedy);
    return TRUE;
}

static const char costs[] = "no canary row is written, so a restart of the server will cost a full";

static gboolean begin_without_rights(const InstanceConfig *config, const Server *server,
                                     const char *why, GError **error)
{
    g_autofree char *grants = canary_grants(server, config->canary_schema);
    g_autofree char *remedy = g_strdup_printf("type: %s", grants);
    if (!go_without(config, why, remedy, error))
        return FALSE;
    log_notice("%s: %s", costs, why);
    return TRUE;
}

static gboolean begin_without_table(const InstanceConfig *config, const char *why, GError **error)
{
    g_autofree char *remedy =
        g_strdup_printf("mend the table %s.canary, or drop it, which costs a full and an alarm",
                        config->canary_schema);
    if (!go_without(config, why, remedy, error))
        return FALSE;
    log_warning("%s: %s; %s", costs, why, remedy);
    return TRUE;
}

gboolean timeline_begin(const InstanceConfig *config, const Login *login, const ServerFacts *facts,
                        const char *backup, char **canary, GError **error)
{
    *canary = g_strdup("");
    if (!timeline_wants_canary(config->canary, facts))
        return TRUE;
    g_autoptr(Server) server = server_connect(login, SERVER_TIMEOUT_S, error);
    if (server == NULL)
        return FALSE;
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *refused = NULL;
    g_autoptr(GError) failure = NULL;
    if (!canary_write(server, config->canary_schema, uuid, backup, &refused, &failure))
        return begin_without_table(config, failure->message, error);
    if (refused != NULL)
        return begin_without_rights(config, server, refused, error);
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
    if (server == NULL)
        return FALSE;
    CanaryRow row = {0};
    g_autoptr(GError) failure = NULL;
    const char *schema =
        *parent->canary_schema != '\0' ? parent->canary_schema : config->canary_schema;
    if (!canary_find(server, schema, parent->canary, &row, &failure)) {
        log_warning("nothing is known of the canary row of %s: %s", parent->id, failure->message);
        return TRUE;
    }
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
