/* SPDX-License-Identifier: MIT */
/*
 * options: the one table of all configuration keys.
 *
 * A row is the documentation: checks, `config show`, the commented sample, the reference page and
 * the help are made from it.  scripts/docs writes the files again.
 */
#ifndef LSNCHAIN_CONFIG_OPTIONS_H
#define LSNCHAIN_CONFIG_OPTIONS_H

#include <glib.h>
#include <stddef.h>

typedef enum {                      /* in the struct: */
               OPTION_TEXT,         /* char * */
               OPTION_PATH,         /* char *, absolute, without a '/' at its end */
               OPTION_PROGRAM,      /* char *, one of the words or an absolute path */
               OPTION_ARGUMENTS,    /* char *, text that can be split as a shell would */
               OPTION_SCHEMA,       /* char *, the name of a schema that needs no quotes in SQL */
               OPTION_URL,          /* char *, its scheme is one of the words */
               OPTION_SIGNING_KEYS, /* char *, one or two "whsec_..." with a space between */
               OPTION_WORD,         /* char *, one of the words */
               OPTION_CHOICE,       /* int, which one of the words, from 0 */
               OPTION_NAMES, /* char **, separated by commas, each as config_is_name() wants it */
               OPTION_FLAG,  /* gboolean, yes or no */
               OPTION_COUNT, /* int */
               OPTION_DURATION, /* int64_t, seconds */
               OPTION_SIZE,     /* uint64_t, bytes */
} OptionType;

/* Default and limits are text, read by the same code as what the user wrote. */
typedef struct {
    const char *section;
    const char *key;
    OptionType type;
    const char *fallback; /* NULL: the key must be given */
    const char *least;
    const char *most;
    const char *zero;      /* what 0 means where it stands outside the limits; NULL: it does not */
    const char *words;     /* allowed ones, separated by spaces */
    const char *example;   /* for the sample where the default says little; may be NULL */
    const char *used_by;   /* [alert]: the types it means something to; NULL: all */
    const char *needed_by; /* [alert]: the types that cannot do without it; NULL: none */
    gboolean secret;       /* never shown, never in argv; its file may not be read by others */
    size_t at;             /* where the value goes in the struct of its section */
    const char *sentence;
} Option;

typedef enum { SECTION_NAME_NONE, SECTION_NAME_MAY, SECTION_NAME_MUST } SectionName;

typedef struct {
    const char *word;
    SectionName name;    /* does a name follow, as in [instance shop]? */
    const char *example; /* its name in the sample */
    const char *sentence;
} OptionSection;

/* In the order of the documentation; both end with a row whose first field is NULL. */
const OptionSection *options_sections(void);
const Option *options_table(void);

const OptionSection *options_section(const char *word);

/* A key of [instance] is one of [global] too.  NULL: there is none; all of [assert] is free. */
const Option *options_find(const char *section, const char *key);

/* The names of all keys that may stand in a section, NULL-terminated; free the array alone. */
const char **options_keys(const char *section);

/* conf/lsnchain.conf.sample, docs/configuration.md, and the text of the help. */
void options_sample(GString *out);
void options_markdown(GString *out);
void options_help(GString *out);

#endif
