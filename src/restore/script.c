/* SPDX-License-Identifier: MIT */
#include "restore/script.h"

/* Made by the build from RESTORE.sh; no compiler has to take a string that long in one piece. */
static const char *const lines[] = {
#include "restore/script.inc"
};

GString *restore_script(void)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        g_string_append(text, lines[i]);
    return text;
}
