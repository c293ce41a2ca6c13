/* SPDX-License-Identifier: MIT */
/* docs-writer: prints one of the pages that are made from tables.  For scripts/docs only. */
#include "config/options.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    static const struct {
        const char *page;
        void (*write)(GString *out);
    } pages[] = {
        {"sample", options_sample},
        {"markdown", options_markdown},
        {"help", options_help},
    };
    for (size_t i = 0; argc == 2 && i < G_N_ELEMENTS(pages); i++) {
        if (strcmp(argv[1], pages[i].page) != 0)
            continue;
        g_autoptr(GString) text = g_string_new(NULL);
        pages[i].write(text);
        return fputs(text->str, stdout) == EOF || fflush(stdout) == EOF ? 1 : 0;
    }
    (void)fputs("usage: docs-writer sample|markdown|help\n", stderr);
    return 2;
}
