/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <string.h>
#include <time.h>

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

/* ---- our own two forms, by hand: a catalog of 10,000 backups holds 80,000 times ----------------
 */

enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, PARTS };

/* What stands behind each part; '\0': nothing. */
static const char rfc_3339[PARTS] = {'-', '-', 'T', ':', ':', 'Z'};
static const char of_id[PARTS] = {'\0', '\0', 'T', '\0', '\0', 'Z'};

/* Since 1970, of a day in the Gregorian calendar; years are counted from March, so leap days end
 * them. */
static int64_t days_until(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

static gboolean is_moment(const int parts[PARTS])
{
    int month = parts[MONTH];
    if (parts[YEAR] < 1 || month < 1 || month > 12 || parts[DAY] < 1 || parts[HOUR] > 23 ||
        parts[MINUTE] > 59 || parts[SECOND] > 59)
        return FALSE;
    int64_t next =
        month < 12 ? days_until(parts[YEAR], month + 1, 1) : days_until(parts[YEAR] + 1, 1, 1);
    return days_until(parts[YEAR], month, parts[DAY]) < next;
}

/* `end` gets what stands behind it; FALSE: not of this form, or no moment of any day. */
static gboolean read_form(const char *text, const char separators[PARTS], int64_t *seconds,
                          const char **end)
{
    int parts[PARTS] = {0};
    for (int i = 0; i < PARTS; i++) {
        for (int left = i == YEAR ? 4 : 2; left > 0; left--, text++) {
            if (!g_ascii_isdigit(*text))
                return FALSE;
            parts[i] = parts[i] * 10 + (*text - '0');
        }
        if (separators[i] != '\0' && *text++ != separators[i])
            return FALSE;
    }
    if (!is_moment(parts))
        return FALSE;
    int64_t days = days_until(parts[YEAR], parts[MONTH], parts[DAY]);
    *seconds = ((days * 24 + parts[HOUR]) * 60 + parts[MINUTE]) * 60 + parts[SECOND];
    *end = text;
    return TRUE;
}

static char *write_digits(char *at, int number, int count)
{
    for (int i = count - 1; i >= 0; i--, number /= 10)
        at[i] = (char)('0' + number % 10);
    return at + count;
}

static char *write_form(int64_t seconds, const char separators[PARTS])
{
    enum { YEAR_MOST = 9999, FORM_LIMIT = 4 + 5 * 2 + PARTS + 1 };
    time_t time = (time_t)seconds;
    struct tm when;
    if (gmtime_r(&time, &when) == NULL || when.tm_year < 1 - 1900 ||
        when.tm_year > YEAR_MOST - 1900)
        return g_strdup("");
    const int parts[PARTS] = {when.tm_year + 1900, when.tm_mon + 1, when.tm_mday,
                              when.tm_hour,        when.tm_min,     when.tm_sec};
    char *text = g_malloc(FORM_LIMIT);
    char *at = text;
    for (int i = 0; i < PARTS; i++) {
        at = write_digits(at, parts[i], i == YEAR ? 4 : 2);
        if (separators[i] != '\0')
            *at++ = separators[i];
    }
    *at = '\0';
    return text;
}

/* ---- the whole ------------------------------------------------------------------------------- */

char *clock_format(int64_t seconds)
{
    return seconds == 0 ? g_strdup("") : write_form(seconds, rfc_3339);
}

gboolean clock_parse(const char *text, int64_t *seconds)
{
    const char *end = NULL;
    *seconds = 0;
    if (*text == '\0')
        return TRUE;
    if (read_form(text, rfc_3339, seconds, &end) && *end == '\0')
        return TRUE;
    *seconds = 0;
    /* without an offset a time would mean another moment on every host */
    g_autoptr(GDateTime) when = g_date_time_new_from_iso8601(text, NULL);
    if (when == NULL || strchr(text, 'T') == NULL)
        return FALSE;
    *seconds = g_date_time_to_unix(when);
    return TRUE;
}

char *clock_format_id(int64_t seconds)
{
    return write_form(seconds, of_id);
}

gboolean clock_parse_id(const char *text, int64_t *seconds)
{
    const char *end = NULL;
    return read_form(text, of_id, seconds, &end);
}
