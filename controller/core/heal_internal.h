/* Shared by the files of core/heal*; nobody else includes it. */
#ifndef GS_CORE_HEAL_INTERNAL_H
#define GS_CORE_HEAL_INTERNAL_H

#include "core/heal_step.h"

/* What a step is decided on, and where the answer goes. */
typedef struct heal_view {
    const gs_pending *p;
    const gs_workload_facts *f;
    bool wanted, blocked;
    int64_t wall_ms;
    gs_next *ret;
} heal_view;

/* heal_pods.c: of the facts. */
const gs_pod_facts *heal_pod(const gs_workload_facts *f, const char *name);      /* NULL: not there */
const gs_pod_facts *heal_victim(const gs_workload_facts *f, const gs_victim *v); /* the same pod; NULL: gone */
bool heal_stays(const gs_workload_facts *f, const gs_victim *v);                 /* it is there, and nothing ends it */
bool heal_is_victim(const gs_pending *p, const gs_pod_facts *pod);
bool heal_serves(const gs_pod_facts *pod); /* assigned, Running, Ready and not on its way out */
int heal_serving(const gs_workload_facts *f);
/* The pods that are available: what the status counts may lag behind the pods, and the other way round. */
int heal_available(const gs_workload_facts *f);

/* heal_check.c */
void heal_refusal(gs_plan *ret, enum gs_refusal r, int64_t retry_ms, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The first of the policy's actions from this index on that was not tried yet; NULL: none is left. */
const gs_action_spec *heal_next_action(const gs_policy *p, const gs_incident *i, size_t from);

/* heal_rights.c: refuses where one is missing. */
void heal_check_rights(enum gs_action_type type, const gs_incident *i, const gs_workload_facts *f, gs_plan *ret);

/* heal_step.c: answers. */
void heal_record(heal_view *v, enum gs_step step, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void heal_wait(heal_view *v, int64_t ms, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void heal_end(heal_view *v, enum gs_outcome outcome, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The replicas, or the HPA's minimum, whichever from and to are of; -1: someone else owns the scale now. */
int heal_now(const heal_view *v);
bool heal_is_set(const heal_view *v); /* to what the action wants; by us, as far as that is known */
void heal_set(heal_view *v, int n);
/* Why it cannot begin, or go on before anything was removed. False: nothing stands in the way. */
bool heal_unwanted(const heal_view *v, char ret_reason[160]); /* by the policy */
/* By someone else's scale; or rollout too. expected: the number that the scale may have beside p->to, or -1. */
bool heal_scale_disturbed(const heal_view *v, int expected, char ret_reason[160]);
bool heal_disturbed(const heal_view *v, int expected, char ret_reason[160]);
/* Nothing was done yet: waits for a rollout, or a status that lags behind someone's change of scale; ends where that takes
 * too long. False: there is none. In the middle of an action "not finished" may be of our own pods. */
bool heal_wait_rollout(heal_view *v);
/* Evicts the next victim that is there, while at least `floor` pods stay available; waits where that has to wait.
 * False: all are on their way. */
bool heal_evict_next(heal_view *v, int floor);
/* Waits until the last of them is gone. False: they are; or they are on their way, and take longer than the timeout. */
bool heal_wait_gone(heal_view *v, int64_t timeout_ms);

/* heal_replace.c */
void heal_replace(heal_view *v);

#endif
