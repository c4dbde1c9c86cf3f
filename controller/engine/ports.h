/* What the engine needs of the world, as structs of function pointers. The engine knows neither Kubernetes nor files;
 * operator/ and cli/ fill these in, tests pass fakes. All calls and all answers happen on the loop thread; an answer
 * may come within the call. Every asynchronous call is answered exactly once. Policies, incidents and endpoints that a
 * call is given are read within it only: they may change or go before its answer. gs_engine_free forgets its samples and
 * profiles itself; who implements evidence and actuator ends what is under way there before freeing the engine. */
#ifndef GS_ENGINE_PORTS_H
#define GS_ENGINE_PORTS_H

#include "base/buf.h"
#include "base/clock.h"
#include "core/heal_step.h"
#include "core/incident.h"
#include "core/series.h"
#include "core/target.h"

/* L1: one pool for each group of targets. */
typedef struct gs_sample_source {
    void *(*pool_new)(void *ctx);
    void (*pool_free)(void *ctx, void *pool); /* cancels what is under way, without answering */
    /* total: the profile's total line instead of /metrics. */
    void (*sample)(void *ctx, void *pool, const gs_endpoint *e, bool total,
                   void (*done)(void *arg, const gs_sample *s, const gs_error *err), void *arg);
    void *ctx;
} gs_sample_source;

/* L2, L3 and L4: a profile of this kind, decoded off the loop thread. done owns profile and raw (the bytes as the pod
 * sent them). err->kind GS_NOT_FOUND: the pod does not offer this kind. */
typedef struct gs_profile_source {
    void (*fetch)(void *ctx, const gs_endpoint *e, enum gs_profile_kind kind,
                  void (*done)(void *arg, gs_profile *p, gs_buf *raw, const gs_error *err), void *arg);
    void (*forget)(void *ctx, void *arg); /* ends the calls with this arg, without answering */
    void *ctx;
} gs_profile_source;

/* Evidence: keeps `raw`, a profile of this kind, where it can be read back, and answers once the store itself has confirmed it. raw stays valid
 * until then. One try: the engine retries. */
typedef struct gs_evidence_store {
    /* whether this kind of evidence of the policy's incidents is kept */
    bool (*wanted)(void *ctx, const gs_policy *p, enum gs_profile_kind kind);
    void (*put)(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                uint64_t goroutines, gs_str raw, int64_t wall_ms,
                void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg);
    /* Fetches this kind from the pod (e; pprof port and path) and stores it as it arrives, never held whole; done as of put.
     * For GS_PROFILE_GOROUTINE, HEAP, CPU and TRACE. seconds: of CPU and TRACE. err->kind GS_NOT_FOUND: the pod does not
     * offer it; GS_TERMINAL: it never gives it (over the cap, something else); GS_TRANSIENT: this time it failed; GS_REFUSED:
     * the store failed, or what leads to it, in whatever way. Nothing stays behind where it fails. One at a time for each
     * pod; the engine sees to that. i stays until the answer, or forget. */
    void (*take)(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, const gs_endpoint *e,
                 enum gs_profile_kind kind, int seconds, int64_t wall_ms,
                 void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg);
    void (*forget)(void *ctx, void *arg); /* ends the takes with this arg, without answering */
    void *ctx;
} gs_evidence_store;

typedef struct gs_act_result {
    /* SUCCEEDED, UNDONE or FAILED; PENDING: it goes on, or its outcome is not known: advance again after retry_ms; REFUSED:
     * nothing was recorded and nothing done, the engine tries again */
    enum gs_outcome outcome;
    int64_t retry_ms;
    char reason[160]; /* of PENDING: what is waited for */
} gs_act_result;

/* Acts on workloads. NULL in `watch`: there is nothing to act on. */
typedef struct gs_actuator {
    /* f is valid within done. */
    void (*facts)(void *ctx, const gs_workload_ref *w,
                  void (*done)(void *arg, const gs_workload_facts *f, const gs_error *err), void *arg);
    /* Carries h->pending on as far as it goes without waiting for pods: records the intent with a precondition where it is
     * not recorded yet, does what core/heal_step says, records each step before it is taken, and the outcome with what it
     * leaves in h. The same after a restart. h is the engine's; the actuator changes it as recorded and nothing else does
     * meanwhile. */
    void (*advance)(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                    void *arg);
    /* Takes h->added_replicas back, unless someone else changed the scale; clears it in both cases, and says which. */
    void (*undo)(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                 void *arg);
    /* Records h as it is (judged); with a precondition. */
    void (*record)(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                   void *arg);
    void *ctx;
} gs_actuator;

enum gs_event {
    GS_EVENT_SUSPECTED,
    GS_EVENT_GRADED,
    GS_EVENT_INCIDENT,
    GS_EVENT_RESOLVED,
    GS_EVENT_ACTION,
    GS_EVENT_REFUSED
};
#define GS_EVENTS 6
const char *gs_engine_event_name(enum gs_event e); /* "suspected" … */

/* What was decided about an incident, for the audit log; never lost, unlike Events. */
enum gs_decision_kind {
    GS_DECISION_ACT,     /* an action is about to be begun: its intent is recorded with this line */
    GS_DECISION_DRY_RUN, /* it would have been */
    GS_DECISION_REFUSE,
    GS_DECISION_OUTCOME, /* an action ended; WITHDRAWN: its intent could not be recorded, nothing was done */
    GS_DECISION_WITHDRAWN,
    GS_DECISION_UNDO /* a ScaleOut was taken back, or left because someone else changed the scale */
};
#define GS_DECISIONS 6

typedef struct gs_decision {
    enum gs_decision_kind kind;
    const gs_policy *policy;
    const gs_incident *incident; /* NULL: forgotten meanwhile */
    const gs_workload_ref *workload;
    const char *action_id; /* "" of a refusal */
    enum gs_action_type type;
    int from, to;
    const gs_victim *victims;
    size_t n_victims;
    enum gs_outcome outcome; /* of OUTCOME and UNDO */
    enum gs_refusal refusal;
    const char *message; /* "" or why */
    int64_t wall_ms;
} gs_decision;

/* Tells people. `incident` is NULL for suspicions; `target` may be NULL where the workload as a whole is meant. */
typedef struct gs_recorder {
    void (*event)(void *ctx, enum gs_event e, const gs_workload_ref *w, const char *target, const gs_incident *i,
                  const char *reason);
    /* Something of the incident that a reader sees has changed. urgent: more than counts. The name is given here where
     * it has none yet. */
    void (*incident)(void *ctx, gs_incident *i, bool urgent);
    void (*policy)(void *ctx, const gs_policy *p);     /* its counts or its healing record have changed */
    void (*decision)(void *ctx, const gs_decision *d); /* NULL: nobody keeps them */
    void *ctx;
} gs_recorder;

typedef struct gs_ports {
    gs_clock clock;
    void (*arm)(void *ctx, int64_t at_mono_ms); /* call gs_engine_run at this time (an earlier arming is void) */
    void *arm_ctx;
    uint64_t seed; /* for spreading */
    gs_sample_source samples;
    gs_profile_source profiles;
    gs_evidence_store evidence;
    const gs_actuator *actuator;
    gs_recorder recorder;
} gs_ports;

#endif
