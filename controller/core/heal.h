/* What may be done about an incident: a pure function from the policy, the incident, the workload's facts and history
 * to the next action, or to a refusal with its reason. What a begun action does next is core/heal_step.h. */
#ifndef GS_CORE_HEAL_H
#define GS_CORE_HEAL_H

#include "core/incident.h"

/* The fixed list of reasons, as they stand in status, Events, notifications and the audit log. */
enum gs_refusal {
    GS_REFUSAL_NONE,
    GS_REFUSAL_MODE,           /* ModeObserve */
    GS_REFUSAL_SUSPENDED,      /* Suspended */
    GS_REFUSAL_NO_ACTIONS,     /* NoActions: the policy lists none, or all were tried in this occurrence */
    GS_REFUSAL_GRADE,          /* GradeTooLow */
    GS_REFUSAL_EVIDENCE,       /* EvidenceMissing: the snapshot is not stored and read back yet */
    GS_REFUSAL_PENDING,        /* ActionPending: an earlier one has no outcome yet */
    GS_REFUSAL_COOLDOWN,       /* Cooldown */
    GS_REFUSAL_BUDGET,         /* MaxActionsPerHour */
    GS_REFUSAL_NAMESPACE,      /* NamespaceBudget: the operator allows no more of them in this namespace */
    GS_REFUSAL_WINDOW,         /* OutsideWindow: no Allow window is open */
    GS_REFUSAL_DENIED,         /* DeniedByWindow: a Deny window is open */
    GS_REFUSAL_HOLDING,        /* Holding: a ScaleOut is not judged yet, the next action waits for that */
    GS_REFUSAL_NO_CLUSTER,     /* NoCluster: `watch` has nothing to act on */
    GS_REFUSAL_GONE,           /* WorkloadGone */
    GS_REFUSAL_KIND,           /* ActionNotPossible: the workload's kind cannot do this action */
    GS_REFUSAL_ZERO,           /* ScaledToZero */
    GS_REFUSAL_PAUSED,         /* RolloutPaused */
    GS_REFUSAL_ROLLING,        /* RolloutUnfinished */
    GS_REFUSAL_KEDA,           /* Autoscaler: KEDA owns the HPA, which owns the scale */
    GS_REFUSAL_AUTOSCALER_MAX, /* AutoscalerMaximum: the HPA is at maxReplicas */
    GS_REFUSAL_ADDED,          /* AlreadyScaled: what an earlier ScaleOut added is not taken back yet */
    GS_REFUSAL_MAX_REPLICAS,   /* MaxReplicas */
    GS_REFUSAL_MAX_ADDED,      /* MaxAddedReplicas */
    GS_REFUSAL_UNAVAILABLE,    /* MinAvailable: too few pods are available, or would be */
    GS_REFUSAL_NO_PODS,        /* NoLeakingPods: none that leaks is there any more */
    GS_REFUSAL_NOT_ALL,        /* NotAllLeak: Restart is for a whole revision that leaks */
    GS_REFUSAL_RIGHT,          /* RightMissing: the API server would not let the controller do this action here */
    GS_REFUSAL_COUNT_
};
const char *gs_refusal_name(enum gs_refusal r);

/* What the controller needs to be allowed in the workload's namespace. */
enum gs_right {
    GS_RIGHT_GET_SCALE, /* of kinds that are none of apps: those are read themselves */
    GS_RIGHT_PATCH_SCALE,
    GS_RIGHT_PATCH_AUTOSCALER,
    GS_RIGHT_PATCH_PODS,
    GS_RIGHT_EVICT,
    GS_RIGHT_PATCH_WORKLOAD
};
#define GS_RIGHTS 6

/* The same as the API server is asked for it: create, "", pods, eviction. Strings are constants, or those of the facts. */
typedef struct gs_right_words {
    const char *verb, *group, *resource, *sub; /* sub "" for none */
} gs_right_words;

/* A pod of the workload, as the API server has it just now. */
typedef struct gs_pod_facts {
    char name[GS_OBJECT_LEN], uid[GS_UID_LEN], revision[GS_REVISION_LEN];
    bool assigned, running, ready, terminating;
    int64_t ready_ms; /* wall: since when; 0: not Ready */
    bool has_cost;    /* controller.kubernetes.io/pod-deletion-cost */
    int cost;
} gs_pod_facts;

/* What the API server says of the workload just now. Zero-initialised is empty; freed with gs_workload_facts_done. */
typedef struct gs_workload_facts {
    bool gone;
    char group[GS_OBJECT_LEN], plural[GS_OBJECT_LEN]; /* of its kind; plural "": it cannot be written to */
    unsigned lacks;   /* 1u << enum gs_right: those that were asked about, and are not held */
    bool scalable;    /* it has a scale subresource */
    bool can_replace; /* apps/v1 Deployment: its ReplicaSets honour the deletion cost */
    bool can_restart; /* a rollout follows its pod template: apps/v1 Deployment, StatefulSet, DaemonSet, not OnDelete */
    int replicas;     /* spec; of a DaemonSet status.desiredNumberScheduled */
    int available;    /* of its pods: Ready; where the status counts them, what that says */
    bool paused, rolling; /* the rollout: paused, not finished (observed, updated, and one ReplicaSet above 0) */
    int replica_sets;     /* of a Deployment: those above 0 */
    char autoscaler[GS_OBJECT_LEN]; /* name of the HPA that targets it; "" for none */
    bool keda;                      /* which KEDA owns */
    int hpa_min, hpa_max;
    char restarted_at[40]; /* annotation kubectl.kubernetes.io/restartedAt of the pod template; "" */
    gs_pod_facts *pods;    /* by name */
    size_t n_pods;
} gs_workload_facts;
void gs_workload_facts_done(gs_workload_facts *f);
GS_DEFINE_CLEANUP_VALUE(gs_workload_facts, gs_workload_facts_done)

/* How far a begun action is: what is about to be done, or being waited for. Written down before it is done. */
enum gs_step {
    GS_STEP_INTENDED, /* ScaleOut: set the scale. Replace: add pods. Evict: evict. Restart: patch */
    GS_STEP_SURGED,   /* Replace: the scale was up, the new pods get Ready. Whoever sets it back now is somebody else */
    GS_STEP_MARKING,  /* Replace: the leaking pods get the lowest deletion cost */
    GS_STEP_REMOVING, /* Replace: the scale goes back (with an HPA: they are evicted), and the marked pods go */
    GS_STEP_RESTORING, /* Replace: earlier costs and the HPA's minimum are put back; the outcome is known */
    GS_STEP_ABORTING,  /* the same where it failed: marks off, scale back */
};
#define GS_STEPS 6
const char *gs_step_name(enum gs_step s); /* "Intended" "Surged" "Marking" "Removing" "Restoring" "Aborting" */

typedef struct gs_victim {
    char name[GS_OBJECT_LEN], uid[GS_UID_LEN];
    bool had_cost; /* before we marked it */
    int cost;
} gs_victim;

/* An action between intent and outcome, as it stands in the policy's status. */
typedef struct gs_pending {
    bool set;
    bool recorded; /* the API server has it; not so: nothing was begun */
    /* Not recorded: who began it has sent no write of it yet, so that what stands is not ours. False where that is not known,
     * as after a restart. */
    bool untouched;
    char id[16];
    char incident[GS_OBJECT_LEN];
    enum gs_action_type type;
    enum gs_step step;
    int from, to;                   /* replicas; with an HPA: its minReplicas */
    char autoscaler[GS_OBJECT_LEN]; /* whose minReplicas it is; "": the scale */
    int min_available;              /* pods that stay available meanwhile: limits.minAvailablePercent of the replicas */
    int ready_s;                    /* Replace */
    int growth;                     /* ScaleOut: goroutines per hour and leaking pod before it */
    int64_t begun_ms, step_ms;      /* wall */
    gs_victim victims[GS_MAX_POD_VICTIMS];
    size_t n_victims;
    char reason[160]; /* of ABORTING: what went wrong */
} gs_pending;

/* What was done to one workload: kept in the policy's status, so that a restart forgets nothing. */
#define GS_MAX_ACTION_TIMES 64
typedef struct gs_heal_history {
    gs_workload_ref workload;
    int64_t action_times[GS_MAX_ACTION_TIMES]; /* wall, of the last hour or the cooldown, oldest first */
    size_t n_times;
    bool last_failed; /* the action of the newest time */
    /* A ScaleOut in effect. */
    int added_replicas;             /* not yet taken back */
    int scaled_to;                  /* what it set: replicas, or the HPA's minReplicas */
    char autoscaler[GS_OBJECT_LEN]; /* whose; "": the scale */
    int64_t scaled_ms;              /* when */
    int growth;                     /* goroutines per hour and leaking pod before it */
    bool judged;                    /* its hold is over, and it helps */
    char incident[GS_OBJECT_LEN];   /* for which it was done */
    gs_pending pending;
} gs_heal_history;

typedef struct gs_plan {
    enum gs_refusal refusal; /* NONE: act */
    enum gs_action_type type;
    unsigned passed; /* 1u << enum gs_action_type: passed over, since the workload's kind cannot do them */
    int from, to;
    gs_pending intent; /* where not refused: to be recorded (set, not recorded); id and times are the caller's */
    int64_t retry_ms;  /* from now; -1: only when something changes */
    char message[200]; /* of a refusal: what stands in the way */
} gs_plan;

/* Whether there is anything to plan for, without asking for facts: mode, suspend, grade, evidence, actions left, pending,
 * hold, cooldown, budget, windows. evidence: the snapshot is complete, as the engine knows. */
void gs_heal_precheck(const gs_policy *p, const gs_incident *i, const gs_heal_history *h, bool evidence,
                      int64_t wall_ms, gs_plan *ret);
/* The whole decision. growth: goroutines per hour and leaking pod, now. */
void gs_heal_plan(const gs_policy *p, const gs_incident *i, const gs_workload_facts *f, const gs_heal_history *h,
                  bool evidence, int growth, int64_t wall_ms, gs_plan *ret);

/* The rights that the action needs on such a workload, as core/heal_step does it: 1u << enum gs_right. 0: not possible. */
unsigned gs_heal_rights(enum gs_action_type type, const gs_workload_facts *f);
void gs_heal_right(enum gs_right r, const gs_workload_facts *f, gs_right_words *ret);

/* After either of these: the operator's limit, over all policies of the namespace. times: of all actions there,
 * in any order; max 0: no limit. Sorts times. */
void gs_heal_namespace(int max, int64_t *times, size_t n, int64_t wall_ms, gs_plan *ret);

/* Why an action that was passed over is: "a DaemonSet has no scale to set". */
void gs_heal_impossible(enum gs_action_type type, const char *kind, char ret[160]);
/* The action in words: "Replace 4 -> 5 of payments-6c7d9dc87b-kxqh2". */
#define GS_HEAL_TEXT 320
void gs_heal_describe(const gs_pending *p, char ret[GS_HEAL_TEXT]);
/* The policy's ScaleOut; where it has none any more, the API's holds: what was added before is still judged and taken
 * back. */
const gs_scale_out *gs_heal_scale_out(const gs_policy *p);

/* A ScaleOut whose hold is over: did it help? The added pods must be Ready, and each pod's growth must be lower by at least
 * half of what spreading the same load over the added pods takes off: growth <= before * (1 - (1 - from / to) / 2). Of an HPA's minimum
 * from is taken as to - 1; where the growth before was not known, Ready is enough. */
enum gs_heal_verdict { GS_VERDICT_KEEP, GS_VERDICT_NOT_READY, GS_VERDICT_NOT_LOWER };
enum gs_heal_verdict gs_heal_judge(const gs_heal_history *h, const gs_workload_facts *f, int growth);

/* Taking a ScaleOut back: the replicas (or the HPA's minimum) to set, or -1 where someone else changed it meanwhile (left
 * alone). */
int gs_heal_undo(const gs_heal_history *h, const gs_workload_facts *f);

/* Drops times older than an hour and the cooldown; adds now. */
void gs_history_add_time(gs_heal_history *h, int64_t wall_ms, int64_t cooldown_s);
/* When it last changed, as far as it tells: of two records of one workload the newer one holds. */
int64_t gs_history_newest_ms(const gs_heal_history *h);
/* Nothing stands any more that someone would have to know: the record may go. */
bool gs_history_spent(const gs_heal_history *h, int64_t cooldown_s, int64_t wall_ms);

/* Evidence of this occurrence is stored. */
bool gs_incident_has_evidence(const gs_incident *i);

#endif
