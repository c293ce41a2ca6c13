/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <string.h>

static int64_t shift(void)
{
#ifdef LSNCHAIN_TESTING
    const char *text = g_getenv("LSNCHAIN_CLOCK");
    return text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;
#else
    return 0;
#endif
}

int64_t clock_now(void)
{
    /* not time(): it lags a few milliseconds behind what files and other clocks say */
    return g_get_real_time() / G_USEC_PER_SEC + shift();
}

static char *format_utc(int64_t seconds, const char *format)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(seconds);
    return when != NULL ? g_date_time_format(when, format) : g_strdup("");
}

char *clock_format(int64_t seconds)
{
    return seconds == 0 ? g_strdup("") : format_utc(seconds, "%Y-%m-%dT%H:%M:%SZ");
}

gboolean clock_parse(const char *text, int64_t *seconds)
{
    *seconds = 0;
    if (*text == '\0')
        return TRUE;
    /* without an offset a time would mean another moment on every host */
    g_autoptr(GDateTime) when = g_date_time_new_from_iso8601(text, NULL);
    if (when == NULL || strchr(text, 'T') == NULL)
        return FALSE;
    *seconds = g_date_time_to_unix(when);
    return TRUE;
}

char *clock_format_id(int64_t seconds)
{
    return format_utc(seconds, "%Y%m%dT%H%M%SZ");
}

gboolean clock_parse_id(const char *text, int64_t *seconds)
{
    static const size_t length = sizeof "YYYYMMDDTHHMMSSZ" - 1;
    if (strnlen(text, length) < length)
        return FALSE;
    g_autofree char *stamp = g_strndup(text, length);
    int64_t parsed = 0;
    if (!clock_parse(stamp, &parsed))
        return FALSE;
    g_autofree char *again = clock_format_id(parsed);
    if (!g_str_equal(again, stamp)) /* one moment has one id */
        return FALSE;
    *seconds = parsed;
    return TRUE;
}
