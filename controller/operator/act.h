/* Between the files of the actuator: record.c writes down, act_do.c does one thing, act_run.c puts them in order, actuator.c
 * is what the engine calls. */
#ifndef GS_OPERATOR_ACT_H
#define GS_OPERATOR_ACT_H

#include "operator/op.h"
#include "workload/facts.h"

/* ---- record.c ---- */

typedef struct op_record op_record;
typedef struct op_record_options {
    const char *policy, *policy_uid; /* in the workload's namespace */
    gs_heal_history *h; /* becomes *next once the API server has it; NULL: the others are written, as they are */
    const gs_heal_history *next;
    /* The finalizer is put on first, and nothing is written where the policy is gone or being deleted. */
    bool intent;
    bool allowed; /* of an intent: the policy wants it; else it is only found out whether it was written before */
    /* GS_OK: *h is as next. Of an intent GS_REFUSED: it is not there. Else any other: not known, to be tried again. */
    void (*done)(void *ctx, const gs_error *err);
    void *ctx;
} op_record_options;
/* done is called once, never from within start. */
op_record *op_record_start(op *o, const op_record_options *options);
void op_record_cancel(op_record *r); /* NULL is fine */

/* ---- act_do.c ---- */

/* Carries out SET_SCALE, SET_HPA_MIN, MARK, EVICT or RESTART once, on the condition that nothing has changed since it was
 * looked at. done is never called from within. */
gs_kube_call *op_do(op *o, const gs_workload_ref *w, const gs_found *found, const gs_pending *p, const gs_next *next,
                    gs_kube_done done, void *ctx);
/* The same for the number alone: of the autoscaler's minimum, or of the scale. */
gs_kube_call *op_do_set(op *o, const gs_workload_ref *w, const gs_found *found, bool autoscaler, int n,
                        gs_kube_done done, void *ctx);

/* ---- act_run.c ---- */

enum op_purpose { OP_ACT_FACTS, OP_ACT_ADVANCE, OP_ACT_UNDO, OP_ACT_RECORD };

/* One call of the actuator. In o->acts until it is answered, which frees it. */
typedef struct op_act {
    op *o;
    char id[24]; /* its key in o->acts */
    enum op_purpose purpose;
    gs_workload_ref workload;
    char policy[GS_OBJECT_LEN], policy_uid[GS_UID_LEN];
    int64_t cooldown_s;
    gs_heal_history *h; /* the engine's; changed only once recorded */
    gs_act_result result;
    bool blocked;     /* a PodDisruptionBudget refused the last eviction */
    int64_t waits_ms; /* FACTS, mono: until then for the incident's record; 0: not */
    unsigned rounds, things;
    gs_look *look;
    op_record *record;
    gs_kube_call *call;
    void (*on_facts)(void *arg, const gs_workload_facts *f, const gs_error *err);
    void (*on_done)(void *arg, const gs_act_result *r);
    void *arg;
} op_act;
void op_act_intend(op_act *a);     /* records the history's pending action, and goes on as look */
void op_act_look(op_act *a);       /* at the workload; then does what the purpose asks for */
void op_act_write_down(op_act *a); /* records the history as it is */
void op_act_free(op_act *a);

#endif
