/* SPDX-License-Identifier: MIT */
#include "report/drill_verdict.h"

#include "base/units.h"
#include "model/chain.h"

DrillVerdict drill_verdict(const DrillProof *proof)
{
    gboolean level_reached = proof->drill->reached >= proof->drill->asked;
    if (*proof->drill->failure == '\0' && level_reached)
        return VERDICT_PASSED;
    return proof->blamed != NULL ? VERDICT_FAILED : VERDICT_NOT_REACHED;
}

const Backup *drill_verdict_backup(const DrillProof *proof)
{
    if (proof->path == NULL || proof->path->len == 0)
        return NULL;
    return proof->path->pdata[proof->path->len - 1];
}

int64_t drill_verdict_read_since(const DrillProof *proof)
{
    return proof->reread_every_s > 0 ? proof->drill->at - proof->reread_every_s : 0;
}

gboolean drill_verdict_proven(const DrillProof *proof)
{
    const Backup *backup = drill_verdict_backup(proof);
    return backup != NULL && chain_proven(proof->path, backup, drill_verdict_read_since(proof));
}

int64_t drill_verdict_restore_us(const Drill *drill)
{
    gboolean passed = *drill->failure == '\0';
    if (drill->kind == DRILL_RESTORE)
        return passed ? drill->took_us : -1;
    /* a table or an answer that is wrong was found after the restore */
    gboolean restored = drill->reached >= (passed ? PROOF_PREPARE : PROOF_SERVER);
    if (!restored || !drill->fresh || drill->steps->len == 0)
        return -1;
    int64_t took = drill->start_us;
    for (guint i = 0; i < drill->steps->len; i++) {
        const DrillStep *step = drill->steps->pdata[i];
        took += step->unseal_us + step->prepare_us;
    }
    return took;
}

const Drill *drill_verdict_measured(const DrillProof *proof)
{
    if (drill_verdict_restore_us(proof->drill) >= 0)
        return proof->drill;
    for (guint i = proof->history != NULL ? proof->history->len : 0; i > 0; i--) {
        const Drill *drill = proof->history->pdata[i - 1];
        if (drill_verdict_restore_us(drill) >= 0)
            return drill;
    }
    return NULL;
}

const char *drill_verdict_no_rpo(const DrillProof *proof)
{
    if (proof->exam == NULL)
        return "no server was asked for the canary row";
    if (!proof->exam->canary_wanted)
        return "no canary row was written before this backup";
    return proof->exam->canary_found ? "the drill ended before it" : "its canary row was not found";
}

const char *drill_fit_word(TableFit fit)
{
    static const char *const words[] = {
        [TABLE_SAME] = "same",   [TABLE_COMING_OR_GOING] = "coming_or_going", [TABLE_LOST] = "lost",
        [TABLE_EXTRA] = "extra", [TABLE_OTHER_ENGINE] = "other_engine",
    };
    return words[fit];
}

const char *drill_check_word(CheckEnd check)
{
    static const char *const words[] = {
        [CHECK_NOT_DONE] = "not_done",
        [CHECK_NEEDLESS] = "needless",
        [CHECK_PASSED] = "passed",
        [CHECK_FAILED] = "failed",
    };
    return words[check];
}

gboolean drill_table_at_fault(const ExamTable *table)
{
    return (table->fit != TABLE_SAME && table->fit != TABLE_COMING_OR_GOING) ||
           table->check == CHECK_FAILED;
}

const char *drill_way_text(const Drill *drill)
{
    if (drill->kind == DRILL_RESTORE)
        return "a restore";
    if (drill->fresh)
        return "from the full on, into a fresh private copy";
    return "on the copy of the last drill, to which the new links were added";
}

char *drill_rpo_text(const Drill *drill)
{
    return drill->rpo_s >= 0 ? units_duration(drill->rpo_s) : g_strdup("–");
}
