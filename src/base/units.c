/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <string.h>

/* A number without sign and the one letter behind it; '\0' where there is none. */
static gboolean split(const char *text, uint64_t *number, char *letter)
{
    size_t length = strlen(text);
    if (length == 0)
        return FALSE;
    char last = text[length - 1];
    *letter = g_ascii_isdigit(last) ? '\0' : last;
    g_autofree char *digits = g_strndup(text, *letter == '\0' ? length : length - 1);
    return g_ascii_string_to_unsigned(digits, 10, 0, G_MAXINT64, number, NULL);
}

static gboolean scale(const char *text, const char *letters, const uint64_t *factors,
                      uint64_t *result)
{
    uint64_t number = 0;
    char letter = '\0';
    if (!split(text, &number, &letter))
        return FALSE;
    uint64_t factor = 1;
    if (letter != '\0') {
        const char *at = strchr(letters, letter);
        if (at == NULL)
            return FALSE;
        factor = factors[at - letters];
    }
    if (number > (uint64_t)G_MAXINT64 / factor)
        return FALSE;
    *result = number * factor;
    return TRUE;
}

gboolean units_parse_duration(const char *text, int64_t *seconds)
{
    static const uint64_t factors[] = {1, 60, 3600, 86400, 604800};
    uint64_t result = 0;
    if (!scale(text, "smhdw", factors, &result))
        return FALSE;
    if (result != 0 && g_ascii_isdigit(text[strlen(text) - 1])) /* 90: of what? */
        return FALSE;
    *seconds = (int64_t)result;
    return TRUE;
}

gboolean units_parse_size(const char *text, uint64_t *bytes)
{
    static const uint64_t factors[] = {1ULL << 10, 1ULL << 20, 1ULL << 30, 1ULL << 40};
    return scale(text, "KMGT", factors, bytes);
}

char *units_size(uint64_t bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (bytes < 1024)
        return g_strdup_printf("%" G_GUINT64_FORMAT " B", bytes);
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < G_N_ELEMENTS(names)) {
        value /= 1024;
        unit++;
    }
    return g_strdup_printf("%.1f %s", value, names[unit]);
}

char *units_duration(int64_t seconds)
{
    int64_t minutes = seconds / 60;
    int64_t hours = minutes / 60;
    if (minutes == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "s", seconds);
    if (hours == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "m %02" G_GINT64_FORMAT "s", minutes,
                               seconds % 60);
    if (hours < 24)
        return g_strdup_printf("%" G_GINT64_FORMAT "h %02" G_GINT64_FORMAT "m", hours,
                               minutes % 60);
    return g_strdup_printf("%" G_GINT64_FORMAT "d %02" G_GINT64_FORMAT "h", hours / 24, hours % 24);
}
