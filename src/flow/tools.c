/* SPDX-License-Identifier: MIT */
#include "flow/tools.h"

#include "base/error.h"
#include "proof/trial.h"

void tools_clear(Tools *tools)
{
    g_clear_pointer(&tools->engine, engine_free);
    g_clear_pointer(&tools->prepare_options, g_strfreev);
    g_clear_pointer(&tools->server_options, g_strfreev);
}

static Engine *find_engine(const Run *run, const Backup *backup, GError **error)
{
    const char *wanted =
        g_str_equal(run->config->engine, "auto") ? backup->engine : run->config->engine;
    g_autoptr(Engine) engine = engine_find(wanted, ENGINE_FOR_ANY, error);
    if (engine == NULL)
        return NULL;
    const EngineBuild taken = {backup->engine, backup->engine_version, backup->server_version};
    const EngineBuild ours = engine_build(engine, backup->server_version);
    g_autofree char *why = NULL;
    if (!engine_extends(&taken, &ours, &why)) {
        (void)fail(error, STATUS_UNFIT,
                   "%s cannot prepare %s: %s" HINT("install the engine that took it"), engine->path,
                   backup->id, why);
        return NULL;
    }
    return g_steal_pointer(&engine);
}

gboolean tools_find(const Run *run, const Backup *backup, ProofLevel level, Tools *tools,
                    GError **error)
{
    const InstanceConfig *config = run->config;
    tools->engine = find_engine(run, backup, error);
    if (tools->engine == NULL)
        return FALSE;
    tools->prepare_options =
        engine_check_options(tools->engine, config->prepare_options, ENGINE_FOR_PREPARE, error);
    if (tools->prepare_options == NULL || level < PROOF_SERVER)
        return tools->prepare_options != NULL;
    tools->server_options = trial_check_options(config->server_options, error);
    return tools->server_options != NULL;
}
