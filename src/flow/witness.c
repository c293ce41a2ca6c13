/* SPDX-License-Identifier: MIT */
#include "flow/witness.h"

void observed_clear(Observed *observed)
{
    server_facts_clear(&observed->facts);
    g_clear_pointer(&observed->tables, g_ptr_array_unref);
}

gboolean observe(Server *server, Observed *observed, GError **error)
{
    if (!server_facts(server, &observed->facts, error))
        return FALSE;
    observed->tables = server_tables(server, error);
    return observed->tables != NULL && server_tables_complete(server, observed->tables, error);
}

Witness observed_witness(const Observed *observed)
{
    return (Witness){
        .server_uuid = observed->facts.uuid,
        .uuid_identifies = !observed->facts.mariadb,
        .datadir_id = observed->facts.datadir_id,
        .started = observed->facts.started,
        .lsn = observed->facts.lsn,
    };
}
