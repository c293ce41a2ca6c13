/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include "base/error.h"
#include "engine/family.h"

#include <string.h>

/* `auto` tries them in this order. */
static const EngineFamily *const families[] = {&mariadb_backup_family, &xtrabackup_family};

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

/* Runs it with this one option; what it says goes to `on_line`. */
static gboolean ask(const char *path, const char *option, ProcLineFn *on_line, void *data,
                    ProcEnd *end, GError **error)
{
    const char *const argv[] = {path, option, NULL};
    const ProcSpec spec = {.argv = argv,
                           .env = proc_plain_env(),
                           .out_fd = -1,
                           .on_line = on_line,
                           .data = data,
                           .limit_us = VERSION_LIMIT_US};
    return proc_run(&spec, end, error);
}

static GString *ask_version(const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    ProcEnd end;
    g_autoptr(GError) unable = NULL;
    if (!ask(path, "--version", collect, text, &end, &unable)) {
        (void)fail(error, error_status(unable), "%s" HINT("`engine` is the program or its path"),
                   unable->message);
        return NULL;
    }
    if (end.status != 0 || end.stop != PROC_BY_ITSELF) {
        g_autofree char *how = proc_end_text(&end);
        Status status = end.stop == PROC_LIMIT ? STATUS_TIMEOUT : STATUS_UNFIT;
        (void)fail(error, status,
                   "%s --version failed: %s%s%s" HINT("does it run by hand? `engine` is its path"),
                   path, how, text->len > 0 ? "\n" : "", g_strstrip(text->str));
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

typedef struct {
    const char *option;
    gboolean listed;
} Listing;

static void look_for(ProcStream stream, const char *line, void *data)
{
    Listing *listing = data;
    (void)stream;
    listing->listed |= strstr(line, listing->option) != NULL;
}

/* An engine that has no help to give is not told what it may not know. */
static gboolean lists(const char *path, const char *option)
{
    Listing listing = {option, FALSE};
    ProcEnd end;
    g_autoptr(GError) unable = NULL;
    return ask(path, "--help", look_for, &listing, &end, &unable) && listing.listed;
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
        engine->calls_home = families[i]->stay_home != NULL && lists(path, families[i]->stay_home);
        return engine;
    }
    char *said = g_strstrip(text->str);
    said[strcspn(said, "\n")] = '\0';
    (void)fail(error, STATUS_UNFIT,
               "%s is no backup engine that we know: %s" HINT(
                   "give `engine` the path of mariadb-backup or xtrabackup"),
               path, said);
    return NULL;
}

static gboolean is_for(const EngineFamily *family, EngineServer server)
{
    return server == ENGINE_FOR_ANY || family->mariadb == (server == ENGINE_FOR_MARIADB);
}

/* A host may have the engines of both families: with `auto` the server decides. */
static char *find_installed(const char *wanted, EngineServer server)
{
    gboolean any = strcmp(wanted, "auto") == 0;
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (any && !is_for(families[i], server))
            continue;
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

static gboolean fail_missing(const char *wanted, EngineServer server, GError **error)
{
    if (strcmp(wanted, "auto") != 0)
        return fail(error, STATUS_UNFIT,
                    "no engine %s is installed" HINT(
                        "`engine` is auto, mariadb-backup, xtrabackup or the path of one"),
                    wanted);
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (server != ENGINE_FOR_ANY && is_for(families[i], server))
            return fail(error, STATUS_UNFIT,
                        "no backup engine for %s servers is installed (engine = auto)" HINT(
                            "install %s, or give `engine` its path"),
                        families[i]->servers, families[i]->name);
    }
    return fail(error, STATUS_UNFIT,
                "no backup engine is installed (engine = auto)" HINT(
                    "install mariadb-backup or Percona XtraBackup, or give `engine` its path"));
}

Engine *engine_find(const char *wanted, EngineServer server, GError **error)
{
    g_autofree char *path =
        strchr(wanted, '/') != NULL ? g_strdup(wanted) : find_installed(wanted, server);
    if (path == NULL) {
        (void)fail_missing(wanted, server, error);
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

/* The number at *at, of at most six digits; *at then stands behind it. */
static gboolean take_number(const char **at, unsigned *number)
{
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > 6)
        return FALSE;
    *number = (unsigned)g_ascii_strtoull(*at, NULL, 10);
    *at += digits;
    return TRUE;
}

gboolean engine_version_parse(const char *text, EngineVersion *version)
{
    *version = (EngineVersion){0};
    const char *at = text;
    if (!take_number(&at, &version->major) || *at++ != '.' || !take_number(&at, &version->minor))
        return FALSE;
    if (*at == '.' && g_ascii_isdigit(at[1])) {
        at++;
        if (!take_number(&at, &version->patch))
            return FALSE;
    }
    if (*at == '-' && g_ascii_isdigit(at[1])) {
        at++;
        return take_number(&at, &version->build);
    }
    return TRUE;
}

gboolean engine_version_same_series(const EngineVersion *a, const EngineVersion *b)
{
    return a->major == b->major && a->minor == b->minor;
}

int engine_version_compare(const EngineVersion *a, const EngineVersion *b)
{
    const unsigned ours[] = {a->major, a->minor, a->patch, a->build};
    const unsigned theirs[] = {b->major, b->minor, b->patch, b->build};
    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++) {
        if (ours[i] != theirs[i])
            return ours[i] < theirs[i] ? -1 : 1;
    }
    return 0;
}

gboolean engine_fits(const Engine *engine, const char *server_version, gboolean server_is_mariadb,
                     GError **error)
{
    const EngineFamily *family = engine->family;
    EngineVersion tool;
    EngineVersion server;
    if (family->mariadb != server_is_mariadb)
        return fail(error, STATUS_UNFIT,
                    "%s cannot back up a server of version %s" HINT("it is for %s servers only"),
                    engine->name, server_version, family->servers);
    if (!engine_version_parse(server_version, &server))
        return fail(error, STATUS_UNFIT, "the server's version %s is none that we understand",
                    server_version);
    if (!engine_version_parse(engine->version, &tool) ||
        !engine_version_same_series(&tool, &server))
        return fail(error, STATUS_UNFIT,
                    "%s %s does not fit the server's version %s" HINT(
                        "install %s of the series %u.%u, or give `engine` its path"),
                    engine->name, engine->version, server_version, engine->name, server.major,
                    server.minor);
    if (family->takes != NULL && !family->takes(&tool, &server))
        return fail(error, STATUS_UNFIT,
                    "%s %s refuses servers of version %s" HINT(
                        "install the newest %s of the series %u.%u, or give `engine` its path"),
                    engine->name, engine->version, server_version, engine->name, server.major,
                    server.minor);
    return TRUE;
}

static gboolean one_chain(const EngineFamily *family, const char *older, const char *newer)
{
    EngineVersion a;
    EngineVersion b;
    return engine_version_parse(older, &a) && engine_version_parse(newer, &b) &&
           engine_version_same_series(&a, &b) &&
           (family->continues == NULL || family->continues(&a, &b));
}

static const EngineFamily *family_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (strcmp(families[i]->name, name) == 0)
            return families[i];
    }
    return NULL;
}

gboolean engine_extends(const EngineBuild *parent, const EngineBuild *next, char **why)
{
    *why = NULL;
    const EngineFamily *family = family_of(parent->engine);
    if (family == NULL || strcmp(parent->engine, next->engine) != 0)
        *why = g_strdup_printf("the chain was taken with %s, the engine is now %s", parent->engine,
                               next->engine);
    else if (!one_chain(family, parent->engine_version, next->engine_version))
        *why = g_strdup_printf("the chain was taken with %s %s, the engine is now %s",
                               parent->engine, parent->engine_version, next->engine_version);
    else if (!one_chain(family, parent->server_version, next->server_version))
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
    const EngineFamily *family = engine->family;
    return checkpoint_first && family->checkpoint_privileges != NULL ? family->checkpoint_privileges
                                                                     : family->privileges;
}

gboolean engine_check_checkpoint_first(const Engine *engine, gboolean checkpoint_first,
                                       GError **error)
{
    return !checkpoint_first || engine->family->checkpoint_privileges != NULL ||
           fail(error, STATUS_CONFIG,
                "%s has no way to ask for a checkpoint first" HINT("remove `checkpoint_first`"),
                engine->name);
}

gboolean engine_stream_has_holes(const Engine *engine)
{
    return engine->family->stream_has_holes;
}

gboolean engine_has_last_step(const Engine *engine)
{
    const EngineFamily *family = engine->family;
    return g_strcmp0(family->prepared_type, family->prepared_last_type) != 0;
}

/* Of an engine that nobody knows any more, MariaDB's. */
static gboolean is_mysqls(const char *engine)
{
    const EngineFamily *family = family_of(engine);
    return family != NULL && !family->mariadb;
}

const char *engine_server_program(const char *engine)
{
    return is_mysqls(engine) ? "mysqld" : "mariadbd";
}

const char *engine_client_program(const char *engine)
{
    return is_mysqls(engine) ? "mysql" : "mariadb";
}

const char *engine_dump_program(const char *engine)
{
    return is_mysqls(engine) ? "mysqldump" : "mariadb-dump";
}

const char *const *engine_undo_options(const char *engine)
{
    const EngineFamily *family = family_of(engine);
    return (family != NULL ? family : families[0])->undo_options;
}

/* Of "/usr/sbin/mysqld  Ver 8.0.36-28 for Linux on x86_64 (Percona Server ...)". */
static char *version_said(const char *said)
{
    const char *mark = strstr(said, " Ver ");
    const char *from = mark != NULL ? mark + strlen(" Ver ") : "";
    return g_strndup(from, strcspn(from, " \n"));
}

gboolean engine_server_fits(const char *engine, const char *data_version, const char *said,
                            GError **error)
{
    gboolean mariadb = !is_mysqls(engine);
    g_autofree char *version = version_said(said);
    EngineVersion program;
    EngineVersion data;
    if (!engine_version_parse(version, &program) || !engine_version_parse(data_version, &data))
        return fail(error, STATUS_UNFIT, "\"%s\" is no version of a server that we understand",
                    said);
    /* MySQL refuses data of a newer release, even of its own series */
    gboolean too_old = !mariadb && engine_version_compare(&program, &data) < 0;
    if ((strstr(said, "MariaDB") != NULL) == mariadb && !too_old &&
        engine_version_same_series(&program, &data))
        return TRUE;
    return fail(error, STATUS_UNFIT,
                "the server program is of version %s, the backup of %s" HINT(
                    "install one of the series %u.%u%s, or give `server_binary` its path"),
                version, data_version, data.major, data.minor, too_old ? " that is not older" : "");
}
