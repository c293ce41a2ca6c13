/* SPDX-License-Identifier: MIT */
#include "alert/names.h"

gboolean names_have(Names names, const char *name)
{
    return names != NULL && g_strv_contains(names, name);
}

gboolean names_empty(Names names)
{
    return names == NULL || *names == NULL;
}

static void add(GPtrArray *list, const char *name)
{
    if (!g_ptr_array_find_with_equal_func(list, name, g_str_equal, NULL))
        g_ptr_array_add(list, g_strdup(name));
}

static char **finish(GPtrArray *list)
{
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

char **names_join(Names first, Names second)
{
    GPtrArray *list = g_ptr_array_new();
    for (; first != NULL && *first != NULL; first++)
        add(list, *first);
    for (; second != NULL && *second != NULL; second++)
        add(list, *second);
    return finish(list);
}

char **names_without(Names first, Names second)
{
    GPtrArray *list = g_ptr_array_new();
    for (; first != NULL && *first != NULL; first++) {
        if (!names_have(second, *first))
            add(list, *first);
    }
    return finish(list);
}

char *names_text(Names names)
{
    return names != NULL ? g_strjoinv(", ", (char **)(guintptr)names) : g_strdup("");
}

char **names_parse(const char *text)
{
    GPtrArray *list = g_ptr_array_new();
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (*g_strstrip(*part) != '\0')
            add(list, *part);
    }
    return finish(list);
}
