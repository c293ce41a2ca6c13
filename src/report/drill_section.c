/* SPDX-License-Identifier: MIT */
#include "report/drill_section.h"

#include "base/units.h"
#include "report/drill_tables.h"
#include "report/drill_time.h"
#include "report/drill_verdict.h"
#include "report/html.h"

#include <inttypes.h>

enum { LINKS_MOST = 60 };

static const char *const verdict_words[] = {
    [VERDICT_PASSED] = "✓ Passed",
    [VERDICT_FAILED] = "✗ Failed",
    [VERDICT_NOT_REACHED] = "✗ Not proven",
};

static const char *const verdict_classes[] = {
    [VERDICT_PASSED] = "verdict pass",
    [VERDICT_FAILED] = "verdict fail",
    [VERDICT_NOT_REACHED] = "verdict warn",
};

static char *number(uint64_t count)
{
    return g_strdup_printf("%" PRIu64, count);
}

static char *duration_or(int64_t seconds, const char *otherwise)
{
    return seconds >= 0 ? units_duration(seconds) : g_strdup(otherwise);
}

/* ---- verdict --------------------------------------------------------------------------------- */

static const char *passed_text(ProofLevel level)
{
    static const char *const texts[] = {
        [PROOF_NONE] = "Nothing was asked of it.",
        [PROOF_FILES] = "Every stored byte was read and matches its checksum. The backup was not "
                        "restored in this drill.",
        [PROOF_PREPARE] = "The backup was unsealed, and the engine prepared it up to its very LSN. "
                          "No server was started on it in this drill.",
        [PROOF_SERVER] = "The backup was restored, a server started on it, and its list of tables "
                         "is the one that was recorded with the backup.",
        [PROOF_QUERIES] = "The backup was restored, a server started on it, its list of tables is "
                          "the one that was recorded with the backup, and every question it was "
                          "asked had the expected answer.",
    };
    return texts[level];
}

static void add_failure(GString *out, const DrillProof *proof, DrillVerdict verdict)
{
    const Drill *drill = proof->drill;
    html_markup(out, "<p class=\"message\">");
    html_text(out, *drill->failure != '\0' ? drill->failure : "the level was not reached");
    html_markup(out, "</p>\n<p>");
    if (drill->reached == PROOF_NONE)
        html_text(out, "It passed no level in this drill. ");
    else
        html_print(out, "It passed the level %s, and not the one above. ",
                   proof_level_word(drill->reached));
    if (verdict == VERDICT_FAILED)
        html_print(out, "To blame: %s.", proof->blamed);
    else
        html_text(out, "The drill could not be carried out to its end, which blames no backup. "
                       "What was not reached is not proven.");
    html_markup(out, "</p>\n");
    if (proof->remedy == NULL)
        return;
    html_markup(out, "<p><strong>What to do:</strong> ");
    html_text(out, proof->remedy);
    html_markup(out, "</p>\n");
}

static void add_success(GString *out, const DrillProof *proof)
{
    html_element(out, "p", NULL, passed_text(proof->drill->reached));
    if (proof->exam == NULL || proof->exam->left == 0)
        return;
    html_markup(out, "<p>");
    html_print(out,
               "CHECK TABLE did not come to %u tables in this drill; their last check is below.",
               proof->exam->left);
    html_markup(out, "</p>\n");
}

/* The level that was passed, that failed, or that was asked for in vain. */
static ProofLevel decisive_level(const Drill *drill, DrillVerdict verdict)
{
    if (verdict == VERDICT_PASSED)
        return drill->reached;
    return verdict == VERDICT_FAILED ? MIN(drill->reached + 1, drill->asked) : drill->asked;
}

static void add_verdict(GString *out, const DrillProof *proof)
{
    DrillVerdict verdict = drill_verdict(proof);
    g_string_append_printf(out, "<div class=\"%s\"><p class=\"headline\">",
                           verdict_classes[verdict]);
    html_print(out, "%s at level %s", verdict_words[verdict],
               proof_level_word(decisive_level(proof->drill, verdict)));
    html_markup(out, "</p>\n");
    if (verdict != VERDICT_PASSED)
        add_failure(out, proof, verdict);
    else
        add_success(out, proof);
    html_markup(out, "</div>\n");
}

/* ---- the numbers that count ------------------------------------------------------------------ */

/* Takes `value` and `note`. */
static void add_tile(GString *out, const char *name, char *value, char *note)
{
    html_markup(out, "<div class=\"tile\">");
    html_element(out, "dt", NULL, name);
    html_element(out, "dd", "value", value);
    html_element(out, "dd", "small", note);
    html_markup(out, "</div>\n");
    g_free(value);
    g_free(note);
}

static char *rpo_note(const DrillProof *proof)
{
    if (proof->drill->rpo_s >= 0)
        return g_strdup("what would have been lost at most, had the server died when this drill "
                        "ended; from the canary row that the restored server showed");
    return g_strdup(drill_verdict_no_rpo(proof));
}

static char *measured_note(const DrillProof *proof, const Drill *measured)
{
    if (measured == NULL)
        return g_strdup("no restore from the full on was timed so far");
    g_autofree char *at = html_time(measured->at);
    return g_strdup_printf("%s%s, %s of %s", measured == proof->drill ? "in this drill, " : "", at,
                           measured->kind == DRILL_RESTORE ? "a restore" : "a test restore",
                           measured->backup);
}

static char *forecast_note(const DrillProof *proof)
{
    if (proof->restore_within_s <= 0)
        return g_strdup("no target is set (restore_within)");
    g_autofree char *target = units_duration(proof->restore_within_s);
    if (proof->forecast_s < 0)
        return g_strdup_printf("target %s", target);
    return g_strdup_printf("target %s: %s", target,
                           proof->forecast_s <= proof->restore_within_s ? "✓ within it"
                                                                        : "✗ over it");
}

static void add_tiles(GString *out, const DrillProof *proof)
{
    const Backup *backup = drill_verdict_backup(proof);
    const Drill *measured = drill_verdict_measured(proof);
    gboolean passed = drill_verdict(proof) == VERDICT_PASSED;
    html_markup(out, "<dl class=\"tiles\">\n");
    add_tile(out, "Data until", html_time(backup != NULL ? backup->data_until : 0),
             g_strdup(passed ? "every commit up to then is in this backup"
                             : "of this backup, had it been proven"));
    add_tile(out, "RPO, measured", duration_or(proof->drill->rpo_s, "not measured"),
             rpo_note(proof));
    add_tile(out, "RTO, measured",
             measured != NULL ? html_took(drill_verdict_restore_us(measured))
                              : g_strdup("not measured"),
             measured_note(proof, measured));
    add_tile(out, "RTO, forecast of a restore now", duration_or(proof->forecast_s, "not known"),
             forecast_note(proof));
    html_markup(out, "</dl>\n");
}

/* ---- the ladder ------------------------------------------------------------------------------ */

/* What a drill on the copy of the last one did not do again. */
static const char *passed_word(const Drill *drill, ProofLevel level)
{
    if (drill->fresh || drill->asked < PROOF_PREPARE || level > PROOF_PREPARE)
        return "✓ passed";
    return drill->steps->len > 0 ? "✓ passed, for the new links" : "✓ passed, in an earlier drill";
}

static const char *level_result(const DrillProof *proof, ProofLevel level)
{
    if (level <= proof->drill->reached)
        return passed_word(proof->drill, level);
    if (level > proof->drill->asked)
        return "– not asked";
    if (level == proof->drill->reached + 1 && drill_verdict(proof) == VERDICT_FAILED)
        return "✗ failed";
    return "✗ not reached";
}

static void add_ladder(GString *out, const DrillProof *proof)
{
    static const char *const headings[] = {"Level", "What it takes", "In this drill", NULL};
    static const char *const takes[] = {
        [PROOF_FILES] = "every stored file is read and matches its SHA-256; none is missing or "
                        "extra",
        [PROOF_PREPARE] = "the chain is unsealed into a private copy and the engine prepares it, "
                          "link by link, up to the recorded LSN",
        [PROOF_SERVER] = "a server without network starts on the restored copy, with exactly the "
                         "tables that were recorded",
        [PROOF_QUERIES] = "CHECK TABLE, the canary row and the configured assertions pass on that "
                          "server",
    };
    html_table_start(out, "Each level contains those before it", headings);
    for (ProofLevel level = PROOF_FILES; level <= PROOF_QUERIES; level++) {
        html_markup(out, "<tr>");
        html_row_heading(out, proof_level_word(level));
        html_cell(out, takes[level]);
        html_word(out, level_result(proof, level));
        html_markup(out, "</tr>\n");
    }
    html_table_end(out);
}

/* ---- circumstances --------------------------------------------------------------------------- */

static void add_source(GString *out, const Backup *backup)
{
    if (backup == NULL)
        return;
    html_fact_take(out, "Server that was backed up",
                   g_strdup_printf("%s, %s", backup->server_version, backup->server_uuid));
    html_fact_take(out, "Backed up with",
                   g_strdup_printf("%s %s", backup->engine, backup->engine_version));
}

static void add_circumstances(GString *out, const DrillProof *proof)
{
    const Drill *drill = proof->drill;
    html_markup(out, "<dl class=\"facts\">\n");
    html_fact(out, "Backup", drill->backup);
    html_fact(out, "Chain", drill->chain);
    html_fact(out, "Repository", proof->repository);
    add_source(out, drill_verdict_backup(proof));
    html_fact(out, "Drilled on", drill->host);
    html_fact(out, "Engine of the drill", *drill->engine != '\0' ? drill->engine : "none was run");
    html_fact(out, "Server of the drill",
              *drill->server != '\0' ? drill->server : "none was started");
    html_fact_take(out, "Ended", html_time(drill->at));
    html_fact_take(out, "Took", html_took(drill->took_us));
    html_fact(out, "How", drill_way_text(drill));
    html_fact_take(out, "Level",
                   g_strdup_printf("%s asked, %s reached", proof_level_word(drill->asked),
                                   proof_level_word(drill->reached)));
    html_fact(out, "Recorded in the catalog", proof->recorded ? "yes" : "no");
    html_fact(out, "Counts as proven now", drill_verdict_proven(proof) ? "✓ yes" : "✗ no");
    html_markup(out, "</dl>\n");
}

/* ---- the chain ------------------------------------------------------------------------------- */

static char *proof_text(const Backup *link)
{
    if (link->proof_failed != PROOF_NONE)
        return g_strdup_printf("✗ failed at %s", proof_level_word(link->proof_failed));
    return g_strdup(proof_level_word(link->proof));
}

static const char *state_text(const Backup *link)
{
    static const char *const texts[] = {
        [STATE_COMPLETE] = "complete",
        [STATE_QUARANTINED] = "✗ quarantined",
        [STATE_MISSING] = "✗ missing",
    };
    return texts[link->state];
}

static char *read_text(const Backup *link, int64_t read_since)
{
    g_autofree char *at = html_time(link->files_at);
    if (link->files_at == 0)
        return g_strdup("✗ not known");
    return g_strconcat(link->files_at < read_since ? "✗ " : "", at,
                       link->files_at < read_since ? ", overdue" : "", NULL);
}

static void add_link(GString *out, const DrillProof *proof, const Backup *link)
{
    gboolean blamed = proof->blamed != NULL && g_str_equal(link->id, proof->blamed);
    g_string_append(out, blamed ? "<tr class=\"bad\">" : "<tr>");
    html_row_heading(out, link->id);
    html_number_take(out, number(link->from_lsn));
    html_number_take(out, number(link->to_lsn));
    html_number_take(out, number(link->last_lsn));
    html_number_take(out, units_size(link->bytes_plain));
    html_number_take(out, units_size(link->bytes_stored));
    html_word_take(out, html_time(link->data_until));
    html_word_take(out, proof_text(link));
    html_word_take(out, read_text(link, drill_verdict_read_since(proof)));
    html_word(out, state_text(link));
    html_markup(out, "</tr>\n");
    if (link->state == STATE_COMPLETE || *link->reason == '\0')
        return;
    html_markup(out, "<tr class=\"bad\"><td colspan=\"10\">");
    html_print(out, "%s: %s", state_text(link), link->reason);
    html_markup(out, "</td></tr>\n");
}

static void add_gap(GString *out, guint count)
{
    html_markup(out, "<tr><td colspan=\"10\">");
    html_print(out, "%u links between; the JSON file has them", count);
    html_markup(out, "</td></tr>\n");
}

static void add_chain(GString *out, const DrillProof *proof)
{
    static const char *const headings[] = {
        "Link",       ">From LSN", ">To LSN",         ">Last LSN", ">Data", ">Stored",
        "Data until", "Proof",     "Files last read", "State",     NULL};
    if (proof->path == NULL || proof->path->len == 0) {
        html_markup(out, "<p>A link of the chain is missing, so there is no way from a full to "
                         "this backup.</p>\n");
        return;
    }
    guint length = proof->path->len;
    guint folded = length > LINKS_MOST ? length - LINKS_MOST : 0;
    html_table_start(out, "From the full to the backup that was drilled", headings);
    for (guint i = 0; i < length; i++) {
        if (folded > 0 && i == LINKS_MOST / 2) {
            add_gap(out, folded);
            i += folded;
        }
        add_link(out, proof, proof->path->pdata[i]);
    }
    html_table_end(out);
}

/* ---- the section ----------------------------------------------------------------------------- */

static void add_exam(GString *out, const DrillProof *proof, gsize most)
{
    html_markup(out, "<h3>Tables</h3>\n");
    if (proof->exam == NULL) {
        html_markup(out, "<p>No server was asked in this drill, so nothing is said of single "
                         "tables.</p>\n");
        return;
    }
    drill_tables_add(out, proof->exam, most);
    html_markup(out, "<h3>Assertions</h3>\n");
    drill_tables_add_asserts(out, proof->exam);
}

void drill_section_add(GString *out, const DrillProof *proof, guint section, gsize most)
{
    g_string_append_printf(out, "<section id=\"drill-%u\">\n<h2>", section);
    html_print(out, "%s: %s", proof->instance, proof->drill->backup);
    html_markup(out, "</h2>\n");
    add_verdict(out, proof);
    add_tiles(out, proof);
    html_markup(out, "<h3>What was proven</h3>\n");
    add_ladder(out, proof);
    html_markup(out, "<h3>Where and with what</h3>\n");
    add_circumstances(out, proof);
    html_markup(out, "<h3>The chain</h3>\n");
    add_chain(out, proof);
    html_markup(out, "<h3>Timings</h3>\n");
    drill_time_add(out, proof->drill);
    add_exam(out, proof, most);
    html_markup(out, "</section>\n");
}

void drill_section_add_row(GString *out, const DrillProof *proof, guint section)
{
    const Backup *backup = drill_verdict_backup(proof);
    DrillVerdict verdict = drill_verdict(proof);
    g_string_append(out, verdict == VERDICT_PASSED ? "<tr>" : "<tr class=\"bad\">");
    html_row_heading(out, proof->instance);
    html_markup(out, "<td>");
    if (section > 0)
        g_string_append_printf(out, "<a href=\"#drill-%u\">", section);
    html_text(out, proof->drill->backup);
    g_string_append(out, section > 0 ? "</a></td>" : "</td>");
    html_word(out, verdict_words[verdict]);
    html_cell(out, proof_level_word(proof->drill->reached));
    html_word_take(out, html_time(backup != NULL ? backup->data_until : 0));
    html_number_take(out, drill_rpo_text(proof->drill));
    html_number_take(out, html_took(proof->drill->took_us));
    html_markup(out, "</tr>\n");
}
