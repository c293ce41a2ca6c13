/* SPDX-License-Identifier: MIT */
#include "seal/name.h"

#include <string.h>

static gboolean is_dots(const char *part, size_t length)
{
    return (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.');
}

static const char *part_fault(const char *part, size_t length)
{
    if (length == 0)
        return "has an empty component";
    if (is_dots(part, length))
        return "has a component of dots";
    if (length > NAME_PART_MOST)
        return "has a component of more than 255 bytes, which no file system takes";
    return NULL;
}

const char *name_fault(const char *name, size_t length)
{
    if (length == 0)
        return "is empty";
    if (length > NAME_MOST)
        return "is too long";
    if (name[0] == '/')
        return "is absolute";

    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        if (g_ascii_iscntrl(name[i]) || name[i] == '\\')
            return "has a character that no server writes";
        if (name[i] != '/')
            continue;
        const char *fault = part_fault(name + start, i - start);
        if (fault != NULL)
            return fault;
        start = i + 1;
    }
    return part_fault(name + start, length - start);
}

gboolean name_is_sealed(const char *name)
{
    return g_str_has_suffix(name, NAME_SUFFIX);
}

gboolean name_can_be_sealed(const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t component = strlen(slash != NULL ? slash + 1 : name);
    return component + strlen(NAME_SUFFIX) <= NAME_PART_MOST;
}

char *name_show(const char *name, size_t length)
{
    g_autofree char *text = g_strndup(name, MIN(length, NAME_MOST));
    return g_strescape(text, NULL);
}
