/* Shared by the files of engine/healer*; nobody else includes it. */
#ifndef GS_ENGINE_HEALER_INTERNAL_H
#define GS_ENGINE_HEALER_INTERNAL_H

#include "engine/state.h"

/* What a call of the actuator is about; the workload stays while it is under way (w->call). */
typedef struct heal_call {
    workload *w;
    char incident[GS_OBJECT_LEN]; /* by name: the incident may be forgotten meanwhile */
    gs_pending what;              /* the action; not set: only facts are asked for */
    enum gs_outcome outcome;      /* of an undo, where it comes to be one, and why */
    char reason[160];
} heal_call;

/* healer.c */
gs_incident *heal_incident(const workload *w, const char *name); /* NULL: forgotten */
gs_action *heal_action(gs_incident *i, const char *id);          /* NULL: not listed; of NULL too */
heal_call *heal_begin(workload *w, const char *incident);
void heal_finish(heal_call *c); /* the policy may have been removed meanwhile */
/* An action has come to an end: noted, told, and the next one may be looked at. */
void heal_ended(heal_call *c, enum gs_outcome outcome, const char *reason);

/* healer_undo.c */
/* Judges, takes back, or finds that neither is due: then false. */
bool heal_look_after(workload *w);
void heal_drop_action(gs_incident *i, gs_action *a); /* as if it had never been listed */
/* What an earlier controller left: actions without an outcome, an outcome without its action, a record of nothing. */
void heal_settle(workload *w);

/* healer_tell.c */
void heal_state(workload *w, const char *reason, const char *message); /* of the condition Healing */
void heal_quiet_state(workload *w, const gs_plan *plan); /* the same where nothing was ever done, and nobody is told */
void heal_refuse(workload *w, gs_incident *i, const gs_plan *plan);
void heal_pass_over(workload *w, gs_incident *i, const gs_plan *plan);
void heal_dry_run(workload *w, gs_incident *i, const gs_plan *plan);
void heal_decision(workload *w, enum gs_decision_kind kind, const gs_incident *i, const gs_pending *p,
                   enum gs_outcome outcome, const char *message);
/* Goroutines per hour and leaking pod: the mean over the listed pods of the slope of their samples since then (monotonic;
 * 0: since each began to grow). False: no listed pod has enough of them. */
bool heal_growth(const workload *w, const gs_incident *i, int64_t since_ms, int *ret);

#endif
