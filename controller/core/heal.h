/* What may be done about an incident: a pure function from the policy, the incident, the workload's facts and history
 * to the next action, or to a refusal with its reason. */
#ifndef GS_CORE_HEAL_H
#define GS_CORE_HEAL_H

#include "core/incident.h"

/* The fixed list of reasons, as they stand in status and Events. */
enum gs_refusal {
    GS_REFUSAL_NONE,
    GS_REFUSAL_MODE,         /* ModeObserve */
    GS_REFUSAL_SUSPENDED,    /* Suspended */
    GS_REFUSAL_NO_ACTIONS,   /* NoActions: the policy lists none, or all were tried */
    GS_REFUSAL_GRADE,        /* GradeTooLow */
    GS_REFUSAL_EVIDENCE,     /* EvidenceMissing */
    GS_REFUSAL_KIND,         /* NotScalable: the workload's kind has no scale */
    GS_REFUSAL_GONE,         /* WorkloadGone */
    GS_REFUSAL_AUTOSCALER,   /* Autoscaler: an HPA targets the workload */
    GS_REFUSAL_ZERO,         /* ScaledToZero */
    GS_REFUSAL_MAX_REPLICAS, /* MaxReplicas */
    GS_REFUSAL_COOLDOWN,     /* Cooldown */
    GS_REFUSAL_PENDING,      /* ActionPending: an earlier one has no outcome yet */
    GS_REFUSAL_ADDED,        /* AlreadyScaled: what an earlier ScaleOut added is not taken back yet */
    GS_REFUSAL_NO_CLUSTER,   /* NoCluster: `watch` has nothing to act on */
    GS_REFUSAL_COUNT_
};
const char *gs_refusal_name(enum gs_refusal r);

/* What the API server says of the workload just now. */
typedef struct gs_workload_facts {
    bool scalable;
    bool gone;
    int replicas;                   /* spec */
    char autoscaler[GS_OBJECT_LEN]; /* name of the HPA that targets it; "" for none */
} gs_workload_facts;

/* An action between intent and outcome, as it stands in the policy's status. */
typedef struct gs_pending {
    bool set;
    char id[16];
    char incident[GS_OBJECT_LEN];
    enum gs_action_type type;
    int from, to;
} gs_pending;

/* What was done to one workload: kept in the policy's status, so that a restart forgets nothing. */
#define GS_MAX_ACTION_TIMES 64
typedef struct gs_heal_history {
    gs_workload_ref workload;
    int64_t action_times[GS_MAX_ACTION_TIMES]; /* wall, of the last hour or the cooldown, oldest first */
    size_t n_times;
    int added_replicas;           /* by ScaleOut, not yet taken back */
    int scaled_to;                /* what that ScaleOut set */
    char incident[GS_OBJECT_LEN]; /* for which it was done */
    gs_pending pending;
} gs_heal_history;

typedef struct gs_plan {
    enum gs_refusal refusal; /* NONE: act */
    enum gs_action_type type;
    int from, to;
    int64_t retry_ms;  /* from now; -1: only when something changes */
    char message[160]; /* of a refusal: what stands in the way */
} gs_plan;

/* Whether there is anything to plan for, without asking for facts: mode, suspend, grade, evidence, actions left, cooldown. */
void gs_heal_precheck(const gs_policy *p, const gs_incident *i, const gs_heal_history *h, int64_t wall_ms,
                      gs_plan *ret);
/* The whole decision. */
void gs_heal_plan(const gs_policy *p, const gs_incident *i, const gs_workload_facts *f, const gs_heal_history *h,
                  int64_t wall_ms, gs_plan *ret);

/* Taking a ScaleOut back: the replicas to set, or -1 where someone else changed the scale meanwhile (left alone). */
int gs_heal_undo(const gs_heal_history *h, const gs_workload_facts *f);

/* An intent that a controller left behind: what to do about it now. */
enum gs_resume {
    GS_RESUME_DO,      /* the scale is still as it was: do it */
    GS_RESUME_DONE,    /* the scale is what was intended: it was done */
    GS_RESUME_GIVE_UP, /* neither: someone else changed it */
};
enum gs_resume gs_heal_resume(const gs_heal_history *h, const gs_workload_facts *f);

/* Drops times older than an hour and the cooldown; adds now. */
void gs_history_add_time(gs_heal_history *h, int64_t wall_ms, int64_t cooldown_s);

/* Evidence of this occurrence is stored. */
bool gs_incident_has_evidence(const gs_incident *i);

#endif
