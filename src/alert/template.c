/* SPDX-License-Identifier: MIT */
#include "alert/template.h"

#include "base/error.h"
#include "base/files.h"

#include <fcntl.h>
#include <string.h>

enum { TEMPLATE_BYTES = 64 * 1024, REAL_DIGITS = 15 };

static const char name_characters[] = " abcdefghijklmnopqrstuvwxyz_";

typedef struct {
    const char *path;
    json_t *values; /* text by name */
} Filling;

static json_t *values_of(const Event *event)
{
    json_auto_t *body = event_json(event);
    json_t *values = json_copy(json_object_get(body, "data"));
    json_object_set(values, "type", json_object_get(body, "type"));
    json_object_set(values, "timestamp", json_object_get(body, "timestamp"));
    json_object_set_new(values, "id", json_string(event->id));
    return values;
}

/* "severity, instance, ..." */
static char *all_names(const json_t *values)
{
    GString *names = g_string_new(NULL);
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)values, name, value)
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", name);
    return g_string_free(names, FALSE);
}

/*
 * What stands between the {{ at `open` and the next }}, without blanks; NULL: no name does.  `end`
 * is behind it.
 */
static char *name_at(const char *open, const char **end)
{
    const char *name = open + strlen("{{");
    size_t length = strspn(name, name_characters);
    if (!g_str_has_prefix(name + length, "}}"))
        return NULL;
    *end = name + length + strlen("}}");
    return g_strstrip(g_strndup(name, length));
}

static unsigned line_of(const char *text, const char *at)
{
    unsigned line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/* Before the text is taken for JSON, which knows no lines. */
static gboolean check_names(const Filling *filling, const char *text, GError **error)
{
    const char *end = NULL;
    for (const char *open = strstr(text, "{{"); open != NULL; open = strstr(end, "{{")) {
        g_autofree char *name = name_at(open, &end);
        if (name != NULL && json_object_get(filling->values, name) != NULL)
            continue;
        g_autofree char *names = all_names(filling->values);
        return fail(error, STATUS_CONFIG,
                    "%s:%u: there is no placeholder {{%s}}" HINT("there are: %s"), filling->path,
                    line_of(text, open), name != NULL ? name : "...", names);
    }
    return TRUE;
}

static char *fill_text(const json_t *values, const char *text)
{
    GString *out = g_string_new(NULL);
    const char *done = text;
    for (const char *open = strstr(text, "{{"); open != NULL; open = strstr(done, "{{")) {
        const char *end = open + strlen("{{");
        g_autofree char *name = name_at(open, &end);
        const json_t *value = name != NULL ? json_object_get(values, name) : NULL;
        g_string_append_len(out, done, open - done);
        if (value != NULL)
            g_string_append(out, json_string_value(value));
        else
            g_string_append_len(out, open, end - open);
        done = end;
    }
    g_string_append(out, done);
    return g_string_free(out, FALSE);
}

static gboolean fill(const Filling *filling, json_t *node, GError **error)
{
    const char *key = NULL;
    json_t *value = NULL;
    size_t index = 0;
    if (json_is_string(node)) {
        g_autofree char *text = fill_text(filling->values, json_string_value(node));
        json_string_set(node, text);
    }
    json_array_foreach(node, index, value)
    {
        if (!fill(filling, value, error))
            return FALSE;
    }
    json_object_foreach(node, key, value)
    {
        if (strstr(key, "{{") != NULL)
            return fail(error, STATUS_CONFIG, "%s: a key holds a placeholder: %s", filling->path,
                        key);
        if (!fill(filling, value, error))
            return FALSE;
    }
    return TRUE;
}

static char *fill_file(const Filling *filling, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GString) text = files_read_text(AT_FDCWD, filling->path, TEMPLATE_BYTES, &cause);
    if (text == NULL) {
        (void)fail(error, STATUS_CONFIG, "%s", cause->message);
        return NULL;
    }
    if (!check_names(filling, text->str, error))
        return NULL;

    json_error_t wrong;
    json_auto_t *body = json_loadb(text->str, text->len, JSON_REJECT_DUPLICATES, &wrong);
    if (body == NULL) {
        /* its longer text would repeat what stands there */
        (void)fail(error, STATUS_CONFIG,
                   "%s:%d: this is no JSON" HINT("a placeholder stands between quotes"),
                   filling->path, wrong.line);
        return NULL;
    }
    if (!fill(filling, body, error))
        return NULL;
    return json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
}

char *template_fill(const char *path, const Event *event, GError **error)
{
    json_auto_t *values = values_of(event);
    const Filling filling = {path, values};
    return fill_file(&filling, error);
}
