/* The audit log: one JSON line for each decision, each with the SHA-256 of the one before, a chain for each policy.
 *
 * {"schema":"gostat.dev/audit/v1","seq":1,"previous":"","time":"2026-01-01T00:00:29Z","decision":"Act","policy":{"namespace",
 * "name","uid","mode"},"workload":{"apiVersion","kind","name","uid"},"incident":"","grade":"","action":{"id","type","from","to",
 * "pods":[…]},"outcome":"","refusal":"","message":"","gostatVersion":""}
 *
 * action.type is "" where no action was chosen yet; action.morePods counts names that did not fit.
 * previous: "sha256:" and the hex digest over the bytes of the policy's line before, without its '\n'; "" for the first.
 * Lines of several policies may stand in one file. A line may stand there again, byte for byte: a controller that takes
 * over writes again what it cannot know to be written. Pure functions; any thread. */
#ifndef GS_CODEC_AUDIT_H
#define GS_CODEC_AUDIT_H

#include "base/err.h"
#include "codec/policy_json.h"
#include "core/heal_step.h"

/* As engine/ports.h has a decision; codec may not include that. */
typedef struct gs_audit_entry {
    const char *decision; /* "Act" "DryRun" "Refuse" "Outcome" "Withdrawn" "Undo" */
    const gs_policy *policy;
    const gs_workload_ref *workload;
    const char *incident, *grade; /* "" */
    const char *action_id;
    enum gs_action_type type;
    int from, to;
    const gs_victim *victims;
    size_t n_victims;
    const char *outcome, *refusal, *message;
    int64_t wall_ms;
} gs_audit_entry;

/* The next line of the chain, without '\n', of at most GS_AUDIT_LINE_LEN - 1 bytes (the message is cut); *head goes on:
 * digest and seq. tail is not touched. */
int gs_audit_line(const gs_audit_entry *e, gs_audit_head *head, gs_buf *out, gs_error *err);

/* Verification of files in the order they are given. Chains may begin in the middle (older files are elsewhere): what is
 * before is not vouched for, and reported as such. Found are: a changed line, a gap, a line out of order, a fork (two
 * different lines with one number), a line that is none. */
typedef struct gs_audit_check gs_audit_check;
typedef struct gs_audit_finding {
    const char *file; /* as given */
    uint64_t line;    /* from 1; 0: not of a line */
    char what[240];
} gs_audit_finding;
gs_audit_check *gs_audit_check_new(void (*found)(void *ctx, const gs_audit_finding *f), void *ctx);
void gs_audit_check_file(gs_audit_check *c, const char *name); /* the lines that follow are of this file */
void gs_audit_check_line(gs_audit_check *c, gs_str line);      /* without '\n' */
typedef struct gs_audit_totals {
    uint64_t lines, repeated, chains, findings, open; /* open: chains whose beginning is not there */
} gs_audit_totals;
void gs_audit_check_end(gs_audit_check *c, gs_audit_totals *ret); /* frees it */
/* A head that was noted elsewhere (a policy's status.auditHead): a finding, of "--head", where no line of any chain is that
 * one, so that lines are missing at an end. After the last line, before end. */
void gs_audit_check_head(gs_audit_check *c, const char *head);

#endif
