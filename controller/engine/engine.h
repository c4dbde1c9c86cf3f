/* The engine: which target is sampled when, what is suspicious, which profiles are fetched, which incident they belong
 * to, what is done about it. It keeps all state, and drives nothing by itself: its owner calls gs_engine_run when the
 * time that it armed has come. Loop thread only. */
#ifndef GS_ENGINE_ENGINE_H
#define GS_ENGINE_ENGINE_H

#include "engine/ports.h"

typedef struct gs_engine gs_engine;

gs_engine *gs_engine_new(const gs_ports *ports);
void gs_engine_free(gs_engine *e);
GS_DEFINE_CLEANUP(gs_engine *, gs_engine_free)

/* Does what is due, and arms the next time. */
void gs_engine_run(gs_engine *e);

/* Puts a policy into force, or its new version; p is the engine's from here on. Where sampling settings changed, its
 * targets are spread anew. */
void gs_engine_set_policy(gs_engine *e, gs_policy *p);
/* Ends a policy: its targets leave without their incidents being judged by it; what is left undone stays in history. */
void gs_engine_remove_policy(gs_engine *e, const char *ns, const char *name);
const gs_policy *gs_engine_policy(const gs_engine *e, const char *ns, const char *name);

/* How the pods of a policy in force are asked from now on; the engine takes a reference. NULL, as it begins: plain HTTP. */
void gs_engine_set_access(gs_engine *e, const char *ns, const char *policy, gs_access *a);

typedef struct gs_target_spec {
    const char *ns, *name, *uid; /* the pod; uid tells a new pod of the same name */
    const char *host;
    int metrics_port, pprof_port; /* as resolved for this pod; 0: the pod has no such port */
    const char *revision;         /* pod-template-hash; "" or NULL: none */
    uint64_t memory_limit;        /* bytes, of all containers; 0: none or not known */
    uint32_t cpu_limit_milli;     /* thousandths of a core, of all containers; 0: none or not known */
} gs_target_spec;

/* The pod is watched under this policy (in force) as part of this workload. Again with the same values: nothing
 * happens. */
void gs_engine_set_target(gs_engine *e, const char *policy, const gs_workload_ref *w, const gs_target_spec *t);
enum gs_leave {
    GS_LEAVE_GONE,      /* the pod is gone: it does not leak any more */
    GS_LEAVE_UNWATCHED, /* suspended, not selected any more: its incidents stay as they are */
};
void gs_engine_drop_target(gs_engine *e, const char *ns, const char *name, enum gs_leave why);

/* After a restart: an incident that was open or resolved, and what was done to a workload. Both before the policy's
 * targets. The engine owns i. */
void gs_engine_adopt_incident(gs_engine *e, gs_incident *i);
void gs_engine_adopt_history(gs_engine *e, const char *policy, const gs_heal_history *h);
/* All targets that exist are known: incidents whose pods are not among them may be settled from now on. */
void gs_engine_synced(gs_engine *e);
/* Forgets a resolved incident (it expired). */
void gs_engine_forget_incident(gs_engine *e, const char *ns, const char *name);

/* What a policy's status says. healing: the histories to be written, n of them; valid until the next call. */
typedef struct gs_policy_facts {
    int targets, sampled, unreachable, leaking, open_incidents;
    char worst[320];               /* "1 of 6 pods: shop/payments.(*pool).acquire"; "" where nothing leaks */
    char unreachable_example[300]; /* the last error of one unreachable target */
    bool evidence_failing;
    char evidence_error[200];
    char heal_state[48], heal_message[200]; /* reason and message of the condition Healing */
    bool to_undo;                           /* a finalizer is due */
} gs_policy_facts;
void gs_engine_policy_facts(gs_engine *e, const gs_policy *p, gs_policy_facts *ret);
size_t gs_engine_histories(gs_engine *e, const gs_policy *p, const gs_heal_history **ret, size_t max);
/* Takes back what was added under this policy, now (it is being deleted). True while something is left. */
bool gs_engine_undo_all(gs_engine *e, const char *ns, const char *name);

/* For metrics and tables. */
typedef struct gs_engine_stats {
    uint64_t samples, sample_errors, sample_skips, profiles, profile_errors, profile_bytes;
    uint64_t suspicions[GS_RULES];
    uint64_t incidents_opened, incidents_resolved, events[GS_EVENTS];
    uint64_t evidence_stored, evidence_errors, evidence_dropped;
    uint64_t pending_evidence_bytes;
    size_t policies, workloads, targets, groups, open_incidents;
    int64_t late_ms; /* how far behind its schedule the last group fired */
} gs_engine_stats;
void gs_engine_get_stats(const gs_engine *e, gs_engine_stats *ret);

typedef struct gs_target_view {
    const char *ns, *name;
    const gs_workload_ref *workload;
    double goroutines; /* < 0: no sample yet */
    double growth_ratio;
    bool unreachable;
    const char *error;   /* the last one; "" */
    const char *look;    /* "idle" "profiling" "watching" "tracking" "hold" */
    enum gs_grade grade; /* the worst incident that lists it */
    const char *leaf;    /* of that incident; "" */
} gs_target_view;
void gs_engine_each_target(const gs_engine *e, void (*fn)(void *ctx, const gs_target_view *v), void *ctx);

typedef struct gs_site_view {
    const gs_workload_ref *workload;
    const char *state, *leaf, *entry;
    uint64_t goroutines; /* of the pod profiled last */
    double blocked_seconds;
} gs_site_view;
void gs_engine_each_site(const gs_engine *e, void (*fn)(void *ctx, const gs_site_view *v), void *ctx);
void gs_engine_each_incident(const gs_engine *e, void (*fn)(void *ctx, const gs_incident *i), void *ctx);

#endif
