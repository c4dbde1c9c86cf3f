/* What `gostat explain` finds about one policy. Shared by explain*.c; nobody else includes it. */
#ifndef GS_CLI_EXPLAIN_H
#define GS_CLI_EXPLAIN_H

#include "cli/incidents.h"
#include "cli/policies.h"
#include "codec/policy_json.h"
#include "codec/sampled.h"
#include "workload/facts.h"

#define GS_EXPLAIN_WHY 10     /* enum gs_unsampled, and that it belongs to another policy, or to nobody knows what */
#define GS_WHY_OTHER_POLICY 8 /* behind those of enum gs_unsampled */
#define GS_WHY_UNKNOWN 9
#define GS_EXPLAIN_OBSTACLES 10
#define GS_EXPLAIN_SECRETS 32

/* A workload with pods that the policy selects. */
typedef struct gs_explained_workload {
    gs_workload_ref ref;                         /* kind "": it could not be told */
    int selected;                                /* pods */
    int of[GS_EXPLAIN_WHY];                      /* by what becomes of them */
    char example[GS_EXPLAIN_WHY][GS_OBJECT_LEN]; /* one of them */
    const gs_policy *owner;                      /* the oldest policy that selects any of its pods */
} gs_explained_workload;

enum gs_secret_state { GS_SECRET_OK, GS_SECRET_WRONG, GS_SECRET_NOT_CHECKED };
typedef struct gs_explained_secret {
    char field[160], name[GS_OBJECT_LEN];
    enum gs_secret_state state;
    char message[520];
} gs_explained_secret;

typedef struct gs_obstacle {
    const char *reason; /* of enum gs_refusal, or what keeps the controller from even planning: explain_heal.c */
    char message[200];
    int64_t until_ms; /* wall, when it goes away by itself; 0: not known, or not by itself */
} gs_obstacle;

/* What the controller would do about an open incident now, by its own functions. */
typedef struct gs_explained_incident {
    const gs_listed *l;
    gs_obstacle in_the_way[GS_EXPLAIN_OBSTACLES]; /* all that is, in the order in which they are looked at */
    size_t n_in_the_way;
    char action[16];         /* the next one of the policy; "" where none is left */
    char next[GS_HEAL_TEXT]; /* the action, were nothing in the way; "" where there is none, or it is not known */
    char unknown[520];       /* why it is not known; "" */
    gs_pending intent;       /* the same, where next is set */
    char budget[320];        /* a PodDisruptionBudget that would hold it up; "" */
} gs_explained_incident;

typedef struct gs_explained {
    gs_policy *p;
    gs_policy **all; /* of the namespace, valid ones; all[k] may be the same policy as p in another copy */
    size_t n_all, cap_all;
    char selector[GS_LABEL_SELECTOR_LEN];
    gs_policy_status status;
    bool seen; /* a controller has written a status */
    gs_heal_history *history;
    size_t n_history;
    gs_pod **pods; /* that some policy selects */
    size_t n_pods, cap_pods;
    gs_explained_workload *workloads;
    size_t n_workloads, cap_workloads;
    gs_explained_secret secrets[GS_EXPLAIN_SECRETS];
    size_t n_secrets;
    gs_incidents incidents;
    gs_explained_incident *open;
    size_t n_open;
    gs_kube_discovery *discovery;
    gs_owners *owners;
} gs_explained;

/* explain_pods.c: fills in all, pods, workloads. Leaves discovery and owners behind. */
enum gs_exit gs_explain_pods(gs_cluster *c, gs_explained *x, gs_error *err);
/* explain_heal.c: fills in incidents, open. */
enum gs_exit gs_explain_heal(gs_cluster *c, gs_explained *x, gs_error *err);
/* explain_budgets.c */
enum gs_exit gs_explain_budgets(gs_cluster *c, gs_explained_incident *e, gs_error *err);
/* explain_secrets.c */
enum gs_exit gs_explain_secrets(gs_cluster *c, gs_explained *x, gs_error *err);

/* explain_words.c */
const char *gs_explain_why(unsigned why);          /* why such pods are not sampled */
const char *gs_explain_fix(const gs_condition *c); /* "" where nothing is to be done */
/* Takes the obstacle away from copies of policy and history, to see what is behind it. False: nothing can. */
bool gs_explain_past(enum gs_refusal r, gs_policy *p, gs_heal_history *h, bool *evidence);

/* explain_text.c, explain_json.c */
void gs_explain_text(gs_cluster *c, const gs_explained *x);
enum gs_exit gs_explain_json(gs_cluster *c, const gs_explained *x, gs_error *err);

#endif
