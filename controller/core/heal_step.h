/* What a begun action does next: a pure function from what is recorded of it and what the API server says now. It is asked
 * again after each thing done, by the controller that began it or by one that found it: each answer is safe to carry out
 * twice.
 *
 *   ScaleOut  Intended: SET_SCALE (or SET_HPA_MIN) -> END
 *   Replace   Intended: SET_SCALE up -> RECORD Surged: WAIT until k more are Ready for readySeconds -> RECORD Marking: MARK each victim, every
 *             unmarked pod is assigned, Running and Ready, and one ReplicaSet above 0 -> RECORD Removing: SET_SCALE down,
 *             WAIT until the marked pods are gone (another one went: that is the outcome, Failed) -> RECORD Restoring:
 *             MARK back what is still there -> END
 *             with an HPA: SET_HPA_MIN up, wait, Removing: EVICT, wait until as many are Ready again, Restoring: SET_HPA_MIN back
 *   Evict     Intended: EVICT each, WAIT while a PodDisruptionBudget refuses, until they are gone -> END
 *   Restart   Intended: RESTART with the recorded time -> END
 *   Aborting  marks off, scale or minimum back (where nobody else changed it) -> END Failed with the recorded reason
 *
 * Someone else's change of scale meanwhile, a rollout that begins, a workload that goes, pods that do not get Ready within
 * GS_REPLACE_TIMEOUT_MS: ABORTING with its reason, or END where nothing is to be put back. A rollout is one that is paused,
 * or a second ReplicaSet above 0; a status that merely lags behind the spec (`rolling`) is waited for. */
#ifndef GS_CORE_HEAL_STEP_H
#define GS_CORE_HEAL_STEP_H

#include "core/heal.h"

#define GS_REPLACE_TIMEOUT_MS 600000 /* beside readySeconds: for new pods to get Ready, and for marked ones to go */
#define GS_EVICT_TIMEOUT_MS 600000   /* a budget that allows none for so long: Failed */
#define GS_STALE_MS 600000 /* an intent that was not begun within this is not begun: windows and leaks have changed */
#define GS_STEP_POLL_MS 2000
#define GS_DELETION_COST (-2147483647) /* lower than any that people set; kept apart from INT32_MIN */

enum gs_do {
    GS_DO_RECORD,      /* step and reason into the status, then ask again */
    GS_DO_SET_SCALE,   /* n, with the resourceVersion of the facts as precondition */
    GS_DO_SET_HPA_MIN, /* n, the same */
    GS_DO_MARK,        /* pod, cost n; has_cost false: take the annotation off. Precondition: the pod's uid */
    GS_DO_EVICT,       /* pod, precondition: its uid. A 429 answers as blocked in the next question */
    GS_DO_RESTART,     /* the pod template's annotation restartedAt = begun_ms in RFC 3339 */
    GS_DO_WAIT,        /* n milliseconds, then facts anew */
    GS_DO_END          /* outcome and reason */
};

typedef struct gs_next {
    enum gs_do what;
    enum gs_step step;       /* RECORD */
    int n;                   /* SET_*: the number; MARK: the cost; WAIT: milliseconds */
    bool has_cost;           /* MARK */
    const gs_victim *victim; /* MARK, EVICT: in the pending */
    enum gs_outcome outcome; /* END */
    char reason[160];        /* END, RECORD of ABORTING; of WAIT what is waited for, for the condition Healing */
} gs_next;

/* p->set and p->recorded. wanted: the policy still allows it (Enforce, not suspended, not being deleted, no undo of all
 * asked for); where not, and it has not come to REMOVING, it is aborted. blocked: a PodDisruptionBudget refused the last
 * eviction. facts are newer than all that was done before. */
void gs_heal_step(const gs_pending *p, const gs_workload_facts *f, bool wanted, bool blocked, int64_t wall_ms,
                  gs_next *ret);

/* What an ended action leaves in the history: added replicas of a ScaleOut, its time. pending is cleared. */
void gs_heal_conclude(gs_heal_history *h, enum gs_outcome outcome, int64_t cooldown_s, int64_t wall_ms);

#endif
