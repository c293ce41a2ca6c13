/* SPDX-License-Identifier: MIT */
#include "model/fence.h"

#include "base/clock.h"
#include "model/chain.h"
#include "model/gtid.h"

#include <inttypes.h>
#include <string.h>

static void breach_free(gpointer data)
{
    Breach *breach = data;
    g_free(breach->sentence);
    g_free(breach);
}

static GPtrArray *breaches_new(void)
{
    return g_ptr_array_new_with_free_func(breach_free);
}

G_GNUC_PRINTF(4, 0)
static void add_breach(GPtrArray *broken, const char *rule, gboolean unknown, const char *format,
                       va_list args)
{
    Breach *breach = g_new0(Breach, 1);
    breach->rule = rule;
    breach->unknown = unknown;
    breach->sentence = g_strdup_vprintf(format, args);
    g_ptr_array_add(broken, breach);
}

G_GNUC_PRINTF(4, 5)
static void require(GPtrArray *broken, gboolean holds, const char *rule, const char *format, ...)
{
    if (holds)
        return;
    va_list args;
    va_start(args, format);
    add_breach(broken, rule, FALSE, format, args);
    va_end(args);
}

/* As require(), for what only says that nothing can be said. */
G_GNUC_PRINTF(4, 5)
static void require_witness(GPtrArray *broken, gboolean holds, const char *rule, const char *format,
                            ...)
{
    if (holds)
        return;
    va_list args;
    va_start(args, format);
    add_breach(broken, rule, TRUE, format, args);
    va_end(args);
}

static void require_parent(GPtrArray *broken, const GPtrArray *backups, const Backup *parent)
{
    g_autofree char *why = NULL;
    gboolean sound = chain_sound(backups, parent, &why);
    require(broken, sound, "parent-present", "%s", why);
}

static void require_identity(GPtrArray *broken, const Backup *parent, const Witness *witness)
{
    gboolean both_seen = *parent->datadir_id != '\0' && *witness->datadir_id != '\0';
    require(broken, !both_seen || g_str_equal(parent->datadir_id, witness->datadir_id),
            "server-identity", "the data directory is another one than that of %s (%s, it was %s)",
            parent->id, witness->datadir_id, parent->datadir_id);
    require_witness(broken, both_seen, "server-identity",
                    "the data directory cannot be seen, so it cannot be compared with that of %s",
                    parent->id);
    require(broken,
            !witness->uuid_identifies || g_str_equal(parent->server_uuid, witness->server_uuid),
            "server-identity", "this is server %s, %s came from %s", witness->server_uuid,
            parent->id, parent->server_uuid);
}

const char *const fence_parameters[FENCE_PARAMETERS] = {"page_size", "data_file_path",
                                                        "undo_tablespaces"};

/* The engine makes an incremental then that cannot be prepared, or makes none. */
static void require_parameters(GPtrArray *broken, const Backup *parent, const Witness *witness)
{
    for (size_t i = 0; i < FENCE_PARAMETERS; i++) {
        const char *then = backup_param(parent, fence_parameters[i]);
        const char *now = witness->parameters[i];
        require(broken, now == NULL || *then == '\0' || g_str_equal(then, now), "parameters",
                "the server was restarted with innodb_%s = %s, it was %s when %s was taken",
                fence_parameters[i], now, then, parent->id);
    }
}

/* Without a canary the server's own start is the only witness of an unbroken timeline. */
static void require_start(GPtrArray *broken, const Backup *parent, const Witness *witness)
{
    g_autofree char *then = clock_format(parent->server_started);
    g_autofree char *now = clock_format(witness->started);
    require_witness(broken,
                    parent->server_started != 0 && parent->server_started == witness->started,
                    "timeline",
                    "the server has restarted since %s (started %s, then %s), and nothing tells "
                    "whether its data were put back in between",
                    parent->id, now, *then != '\0' ? then : "unknown");
}

static void require_canary(GPtrArray *broken, const Backup *parent, const Witness *witness)
{
    require(broken, witness->canary != CANARY_GONE, "timeline",
            "the row that was written before %s is not there any more: the server was put back, or "
            "somebody dropped or emptied the table of canaries",
            parent->id);
    require(broken, witness->canary != CANARY_UNSTAMPED, "timeline",
            "the server was put back to a moment during %s: its row is there, but without the "
            "stamp it got afterwards",
            parent->id);
}

static void require_timeline(GPtrArray *broken, const Backup *parent, const Witness *witness)
{
    g_autofree char *lacking = gtid_lacking(witness->gtid, parent->gtid);
    require(broken, lacking == NULL, "timeline",
            "the server lacks the transaction %s, which %s has seen", lacking, parent->id);
    if (witness->canary == CANARY_UNKNOWN)
        require_start(broken, parent, witness);
    else
        require_canary(broken, parent, witness);
}

GPtrArray *fence_before_capture(const GPtrArray *backups, const Backup *parent,
                                const Witness *witness)
{
    GPtrArray *broken = breaches_new();
    require_parent(broken, backups, parent);
    require(broken, witness->cannot_extend == NULL, "version", "%s",
            witness->cannot_extend != NULL ? witness->cannot_extend : "");
    require(broken, witness->lsn >= parent->last_lsn, "lsn-regression",
            "the server is at LSN %" PRIu64 ", behind LSN %" PRIu64 " that %s has seen",
            witness->lsn, parent->last_lsn, parent->id);
    require_identity(broken, parent, witness);
    require_parameters(broken, parent, witness);
    require_timeline(broken, parent, witness);
    return broken;
}

GPtrArray *fence_after_capture(const GPtrArray *backups, const Backup *parent, const Backup *link,
                               const Witness *before, const Witness *after)
{
    GPtrArray *broken = breaches_new();

    require(broken, link->from_lsn <= link->to_lsn && link->to_lsn <= link->last_lsn, "lsn-order",
            "runs backwards: from LSN %" PRIu64 " to %" PRIu64 ", last %" PRIu64, link->from_lsn,
            link->to_lsn, link->last_lsn);
    require(broken, before->started == after->started, "timeline",
            "the server restarted during the capture");
    require(broken, g_str_equal(before->datadir_id, after->datadir_id), "server-identity",
            "the data directory was exchanged during the capture");
    require(broken, g_str_equal(before->server_uuid, after->server_uuid), "server-identity",
            "another server (%s) answers than before the capture (%s)", after->server_uuid,
            before->server_uuid);
    require(broken, !before->uuid_identifies || g_str_equal(link->server_uuid, before->server_uuid),
            "server-identity", "it holds the data of server %s, but server %s was to be backed up",
            link->server_uuid, before->server_uuid);
    if (parent == NULL)
        return broken;

    require_parent(broken, backups, parent);
    require(broken, link->from_lsn == parent->to_lsn, "lsn-continuity",
            "starts at LSN %" PRIu64 ", but its parent %s ends at %" PRIu64, link->from_lsn,
            parent->id, parent->to_lsn);
    require(broken, link->last_lsn >= parent->last_lsn, "lsn-order",
            "ends at LSN %" PRIu64 ", before its parent %s at %" PRIu64, link->last_lsn, parent->id,
            parent->last_lsn);
    return broken;
}

gboolean fence_broken(const GPtrArray *breaches)
{
    const Breach *gravest = fence_gravest(breaches);
    return gravest != NULL && !gravest->unknown;
}

const Breach *fence_gravest(const GPtrArray *breaches)
{
    for (guint i = 0; i < breaches->len; i++) {
        const Breach *breach = breaches->pdata[i];
        if (!breach->unknown)
            return breach;
    }
    return breaches->len > 0 ? breaches->pdata[0] : NULL;
}

char *fence_text(const GPtrArray *breaches)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < breaches->len; i++) {
        const Breach *breach = breaches->pdata[i];
        g_string_append_printf(text, "%s%s: %s", i > 0 ? "; " : "", breach->rule, breach->sentence);
    }
    return g_string_free(text, FALSE);
}
