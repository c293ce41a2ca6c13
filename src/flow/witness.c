/* SPDX-License-Identifier: MIT */
#include "flow/witness.h"

#include "base/error.h"

void observed_clear(Observed *observed)
{
    server_facts_clear(&observed->facts);
    g_clear_pointer(&observed->tables, g_ptr_array_unref);
    g_clear_pointer(&observed->spaces, g_ptr_array_unref);
    g_clear_pointer(&observed->without_file, g_hash_table_unref);
}

gboolean observe(Server *server, Observed *observed, GError **error)
{
    if (!server_facts(server, &observed->facts, error))
        return FALSE;
    observed->tables = server_tables(server, error);
    if (observed->tables == NULL || !server_tables_complete(server, observed->tables, error))
        return FALSE;
    observed->without_file = server_tables_without_file(server, error);
    observed->spaces = observed->without_file != NULL ? server_tablespaces(server, error) : NULL;
    return observed->spaces != NULL;
}

Witness observed_witness(const Observed *observed)
{
    Witness witness = {
        .server_uuid = observed->facts.uuid,
        .uuid_identifies = !observed->facts.mariadb,
        .datadir_id = observed->facts.datadir_id,
        .started = observed->facts.started,
        .lsn = observed->facts.lsn,
        .gtid = observed->facts.gtid,
    };
    for (size_t i = 0; i < FENCE_PARAMETERS; i++)
        witness.parameters[i] = server_facts_param(&observed->facts, fence_parameters[i]);
    return witness;
}

gboolean observe_privileges(Server *server, const Engine *engine, gboolean checkpoint_first,
                            GError **error)
{
    g_autoptr(GPtrArray) needed = g_ptr_array_new();
    const char *const *of_engine = engine_privileges(engine, checkpoint_first);
    for (size_t i = 0; of_engine[i] != NULL; i++)
        g_ptr_array_add(needed, (gpointer)(uintptr_t)of_engine[i]);
    g_ptr_array_add(needed, (gpointer)(uintptr_t) "SHOW VIEW");
    g_ptr_array_add(needed, NULL);

    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *remedy = NULL;
    if (!server_privileges(server, (const char *const *)needed->pdata, missing, &remedy, error))
        return FALSE;
    if (missing->len == 0)
        return TRUE;
    guint count = missing->len;
    g_ptr_array_add(missing, NULL);
    g_autofree char *names = g_strjoinv(", ", (char **)missing->pdata);
    return fail(error, STATUS_SERVER,
                "the backup user lacks %u of the privileges it needs: %s" HINT("type: %s"), count,
                names, remedy);
}
