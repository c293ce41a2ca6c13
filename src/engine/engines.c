/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include "base/error.h"
#include "engine/family.h"

#include <string.h>

/* `auto` tries them in this order. */
static const EngineFamily *const families[] = {&mariadb_backup_family};

enum { VERSION_LIMIT_US = 30 * G_USEC_PER_SEC };

/* ---- finding one ------------------------------------------------------------------------------
 */

static void collect(ProcStream stream, const char *line, void *data)
{
    enum { ENOUGH = 4096 };
    GString *text = data;
    (void)stream;
    if (text->len < ENOUGH)
        g_string_append_printf(text, "%.1000s\n", line);
}

static GString *ask_version(const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *const argv[] = {path, "--version", NULL};
    const ProcSpec spec = {.argv = argv,
                           .env = proc_plain_env(),
                           .out_fd = -1,
                           .on_line = collect,
                           .data = text,
                           .limit_us = VERSION_LIMIT_US};
    ProcEnd end;
    if (!proc_run(&spec, &end, error))
        return NULL;
    if (end.status != 0 || end.stop != PROC_BY_ITSELF) {
        g_autofree char *how = proc_end_text(&end);
        (void)fail(error, STATUS_UNFIT, "%s --version failed: %s", path, how);
        return NULL;
    }
    return g_steal_pointer(&text);
}

/* "mariadb-backup based on MariaDB server 10.11.19-MariaDB debian-linux-gnu (x86_64)" */
static char *version_of(const EngineFamily *family, const char *text)
{
    const char *at = strstr(text, family->version_mark);
    if (at == NULL)
        return NULL;
    at += strlen(family->version_mark);
    size_t length = strcspn(at, " \t\n");
    return length > 0 && g_ascii_isdigit(at[0]) ? g_strndup(at, length) : NULL;
}

static Engine *recognise(const char *path, GError **error)
{
    g_autoptr(GString) text = ask_version(path, error);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        char *version = version_of(families[i], text->str);
        if (version == NULL)
            continue;
        Engine *engine = g_new0(Engine, 1);
        engine->family = families[i];
        engine->path = g_strdup(path);
        engine->name = g_strdup(families[i]->name);
        engine->version = version;
        return engine;
    }
    (void)fail(
        error, STATUS_UNFIT,
        "%s is no backup engine that we know: %s" HINT("give `engine` the path of mariadb-backup"),
        path, g_strstrip(text->str));
    return NULL;
}

static char *find_installed(const char *wanted)
{
    gboolean any = strcmp(wanted, "auto") == 0;
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        for (const char *const *program = families[i]->programs; *program != NULL; program++) {
            g_autoptr(GError) missing = NULL;
            char *path =
                any || strcmp(wanted, *program) == 0 ? proc_find(*program, &missing) : NULL;
            if (path != NULL)
                return path;
        }
    }
    return NULL;
}

Engine *engine_find(const char *wanted, GError **error)
{
    g_autofree char *path = strchr(wanted, '/') != NULL ? g_strdup(wanted) : find_installed(wanted);
    if (path == NULL) {
        (void)fail(error, STATUS_UNFIT,
                   "no backup engine is installed (engine = %s)" HINT(
                       "install mariadb-backup, or give `engine` its path"),
                   wanted);
        return NULL;
    }
    return recognise(path, error);
}

void engine_free(Engine *engine)
{
    if (engine == NULL)
        return;
    g_free(engine->path);
    g_free(engine->name);
    g_free(engine->version);
    g_free(engine);
}

/* ---- versions ---------------------------------------------------------------------------------
 */

/* "10.11" of "10.11.19-MariaDB"; NULL when it does not look like a version.  Free it. */
static char *series(const char *version)
{
    size_t major = strspn(version, "0123456789");
    if (major == 0 || version[major] != '.')
        return NULL;
    size_t minor = strspn(version + major + 1, "0123456789");
    return minor > 0 ? g_strndup(version, major + 1 + minor) : NULL;
}

static gboolean same_series(const char *one, const char *other)
{
    g_autofree char *a = series(one);
    g_autofree char *b = series(other);
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

gboolean engine_fits(const Engine *engine, const char *server_version, gboolean server_is_mariadb,
                     GError **error)
{
    if (engine->family->mariadb != server_is_mariadb)
        return fail(error, STATUS_UNFIT,
                    "%s cannot back up a server of version %s" HINT("it is for %s servers only"),
                    engine->name, server_version,
                    engine->family->mariadb ? "MariaDB" : "MySQL and Percona");
    if (!same_series(engine->version, server_version)) {
        g_autofree char *wanted = series(server_version);
        return fail(error, STATUS_UNFIT,
                    "%s %s does not fit the server's version %s" HINT(
                        "install %s of the series %s, or give `engine` its path"),
                    engine->name, engine->version, server_version, engine->name,
                    wanted != NULL ? wanted : "of the server");
    }
    return TRUE;
}

gboolean engine_extends(const EngineBuild *parent, const EngineBuild *next, char **why)
{
    *why = NULL;
    if (strcmp(parent->engine, next->engine) != 0)
        *why = g_strdup_printf("the chain was taken with %s, the engine is now %s", parent->engine,
                               next->engine);
    else if (!same_series(parent->engine_version, next->engine_version))
        *why = g_strdup_printf("the chain was taken with %s %s, the engine is now %s",
                               parent->engine, parent->engine_version, next->engine_version);
    else if (!same_series(parent->server_version, next->server_version))
        *why = g_strdup_printf("the chain was taken from a server of version %s, it is now %s",
                               parent->server_version, next->server_version);
    return *why == NULL;
}

EngineBuild engine_build(const Engine *engine, const char *server_version)
{
    return (EngineBuild){engine->name, engine->version, server_version};
}

const char *const *engine_privileges(const Engine *engine, gboolean checkpoint_first)
{
    return checkpoint_first ? engine->family->checkpoint_privileges : engine->family->privileges;
}
