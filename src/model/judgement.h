/* SPDX-License-Identifier: MIT */
/*
 * judgement: the backups while retention judges them.  Of retention.c, period.c and doubt.c alone.
 *
 * Each backup becomes a Link that knows what chain.h would find out by walking down the chain, for
 * of thousands of backups this is asked again and again.  A rule keeps a link by giving it its name
 * and a sentence; the first one that does is the one that is told.  What no rule has kept in the
 * end goes.
 */
#ifndef LSNCHAIN_MODEL_JUDGEMENT_H
#define LSNCHAIN_MODEL_JUDGEMENT_H

#include "model/retention.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const char *id;
    GPtrArray *links; /* Link, sorted */
} Group;

typedef struct {
    const Backup *backup;
    const Group *group; /* its chain */
    gboolean there;     /* not missing */
    gboolean sound;     /* chain_sound() */
    gboolean proven;    /* chain_proven(), as `status` means it */
    gboolean passed;    /* ever proven, however long ago it was read */
    int64_t read_at;    /* when the longest unread link of its chain was read; 0: one never was */
    const char *rule;   /* that keeps it; NULL: none so far */
    char *sentence;
} Link;

typedef struct {
    const RetentionRules *rules;
    const RetentionFacts *facts;
    GPtrArray *backups; /* sorted */
    GPtrArray *links;   /* Link, the same order */
    GPtrArray *groups;  /* Group, oldest first */
    GHashTable *by_id;  /* id to Link */
    const Link *newest_sound;
} Judgement;

Judgement judgement_look(const GPtrArray *backups, const RetentionRules *rules,
                         const RetentionFacts *facts);
void judgement_clear(Judgement *judgement);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Judgement, judgement_clear)

/* NULL: it is a full, or its parent is not known. */
Link *judgement_parent(const Judgement *judgement, const Link *link);
/* That of the newest full; NULL: there is none. */
const Group *judgement_newest_chain(const Judgement *judgement);

void link_keep(Link *link, const char *rule, const char *format, ...) G_GNUC_PRINTF(3, 4);

typedef gboolean LinkIsFn(const Link *link);
gboolean link_is_sound(const Link *link);
gboolean link_is_passed(const Link *link);
gboolean link_is_proven(const Link *link);
gboolean link_is_kept(const Link *link);

gboolean group_has(const Group *group, LinkIsFn *is);
void group_keep(const Group *group, const char *rule, const char *sentence);
/* What cannot be restored is kept by rules of its own. */
void group_keep_sound(const Group *group, const char *rule, const char *sentence);

/* The rules that keep one backup of each period; see period.c. */
void period_keep_days(Judgement *judgement);
void period_keep_weekly(Judgement *judgement);
void period_keep_monthly(Judgement *judgement);
void period_keep_yearly(Judgement *judgement);

/* What withholds everything that is due; see doubt.c. */
typedef struct {
    const char *rule; /* NULL: nothing does */
    char *sentence;
    gboolean alarming; /* it is a trouble of its own, not just a proof that is still to come */
} Doubt;

Doubt doubt_look(const Judgement *judgement);
void doubt_clear(Doubt *doubt);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Doubt, doubt_clear)

#endif
