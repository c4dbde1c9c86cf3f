/* A GostatPolicy object (JSON bytes; YAML goes through wire/yaml first) to core/policy, and its status.
 * Pure functions; any thread. What they hand out is the caller's. */
#ifndef GS_CODEC_POLICY_JSON_H
#define GS_CODEC_POLICY_JSON_H

#include "base/err.h"
#include "core/heal_step.h"
#include "core/policy.h"
#include "wire/json_write.h"

#define GS_API_VERSION "gostat.dev/v1alpha1"
#define GS_POLICY_KIND "GostatPolicy"
/* On a policy while something is to be undone. */
#define GS_POLICY_FINALIZER "gostat.dev/undo"
/* Workloads in status.healing, as the CRD bounds them. */
#define GS_MAX_HISTORIES 64

/* Applies the API's defaults and bounds again, for sources that no API server has validated. Errors name the field by
 * its path, what it must be, and what it was. Unknown fields are refused where `strict`. `need_selector`: off for `watch`,
 * whose targets are named otherwise: spec.selector and spec.endpoint may then be left out. */
int gs_policy_from_json(gs_str object, bool strict, bool need_selector, gs_policy **ret, gs_error *err);

/* status.healing.workloads of a policy object: what was done, and what is pending. *ret is the caller's to free; NULL
 * and 0 where there is none. */
int gs_history_from_json(gs_str policy_object, gs_heal_history **ret, size_t *ret_n, gs_error *err);

#define GS_MAX_AUDIT_TAIL 16
#define GS_AUDIT_LINE_LEN 2048
/* Where the policy's audit chain is (codec/audit.h): the newest line's digest and number, and the lines that may not have
 * reached the log yet. */
typedef struct gs_audit_head {
    char head[72]; /* "sha256:" and 64 hex digits; "": no line yet */
    int64_t seq;   /* of that line, from 1 */
    char **tail;   /* n lines, oldest first, without '\n'; the last one is the head */
    size_t n;
} gs_audit_head;
void gs_audit_head_done(gs_audit_head *a);
GS_DEFINE_CLEANUP_VALUE(gs_audit_head, gs_audit_head_done)

/* The facts of a policy's status. Histories without times, additions or pending are left out. */
typedef struct gs_policy_status {
    int64_t observed_generation;
    gs_condition conditions[4]; /* Ready, Collecting, Leaking, Healing; "" type: left out */
    int matched, sampled, unreachable, leaking;
    int open_incidents;
    const gs_audit_head *audit; /* written where not NULL; not read, not owned */
} gs_policy_status;
/* status.auditHead, status.auditSequence and status.auditTail. */
int gs_audit_head_from_json(gs_str policy_object, gs_audit_head *ret, gs_error *err);
int gs_policy_status_from_json(gs_str policy_object, gs_policy_status *ret, gs_error *err); /* conditions and counts */
/* {"status":{...}} as merge patch; resource_version as precondition where not NULL. with_healing: the array is written
 * (it replaces the old one; none: it is removed), else it is left as it is. */
void gs_policy_status_patch(gs_json_writer *w, const char *resource_version, const gs_policy_status *s,
                            const gs_heal_history *healing, size_t n_healing, bool with_healing);

#endif
