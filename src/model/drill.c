/* SPDX-License-Identifier: MIT */
#include "model/drill.h"

static void step_free(gpointer data)
{
    DrillStep *step = data;
    g_free(step->id);
    g_free(step);
}

Drill *drill_new(const char *backup, const char *chain, DrillKind kind)
{
    Drill *drill = g_new0(Drill, 1);
    drill->backup = g_strdup(backup);
    drill->chain = g_strdup(chain);
    drill->kind = kind;
    drill->failure = g_strdup("");
    drill->steps = g_ptr_array_new_with_free_func(step_free);
    drill->rpo_s = -1;
    drill->engine = g_strdup("");
    drill->server = g_strdup("");
    drill->host = g_strdup("");
    return drill;
}

DrillStep *drill_add_step(Drill *drill, const char *id, BackupType type)
{
    DrillStep *step = g_new0(DrillStep, 1);
    step->id = g_strdup(id);
    step->type = type;
    g_ptr_array_add(drill->steps, step);
    return step;
}

void drill_free(Drill *drill)
{
    g_free(drill->backup);
    g_free(drill->chain);
    g_free(drill->failure);
    g_ptr_array_unref(drill->steps);
    g_free(drill->engine);
    g_free(drill->server);
    g_free(drill->host);
    g_free(drill);
}
