/* The scale of a workload, and the record of what was done to it.
 *
 * One chain of calls serves acting, undoing and resuming:
 *   read the policy -> put our finalizer on -> write the intent -> read the scale -> look for an HPA -> set the scale
 *   -> read the policy -> write the outcome
 * Every write has the resourceVersion of the read before it as precondition; a conflict goes back to that read. Where
 * the outcome of a write is not known, the chain answers PENDING, and resume finds out: the history in memory changes only
 * once the API server has it. */
#include "base/log.h"
#include "base/mem.h"
#include "kube/list.h"
#include "kube/meta.h"
#include "operator/op.h"
#include "wire/json_cursor.h"

#include <stdio.h>
#include <stdlib.h>

const gs_kube_resource OP_HPAS = {"autoscaling", "v2", "horizontalpodautoscalers", true};

#define MAX_ROUNDS 8 /* conflicts until we give up for now */

enum purpose { FACTS, SCALE_OUT, RESUME, UNDO };

typedef struct act {
    op *o;
    char id[24]; /* its key in o->acts */
    enum purpose purpose;
    gs_workload_ref workload;
    char policy[GS_OBJECT_LEN];
    int64_t cooldown_s;
    gs_heal_history *h; /* the engine's; changed only once recorded */
    gs_heal_history next;
    gs_act_result result;
    gs_workload_facts facts;
    char policy_version[32], scale_version[32];
    bool intended; /* the intent is in the policy's status, or on its way there */
    bool scaled;   /* the scale is as wanted: the outcome is to be recorded */
    int target;    /* replicas to set */
    unsigned rounds;
    gs_kube_call *call;
    gs_kube_list *list;
    void (*on_facts)(void *arg, const gs_workload_facts *f, const gs_error *err);
    void (*on_done)(void *arg, const gs_act_result *r);
    void *arg;
} act;

static void read_policy(act *a);
static void read_scale(act *a);

static void act_free(act *a)
{
    gs_kube_cancel(a->call);
    gs_kube_list_cancel(a->list);
    free(a);
}

static void end(act *a, enum gs_outcome outcome, const char *reason)
{
    void (*done)(void *, const gs_act_result *) = a->on_done;
    void *arg = a->arg;
    gs_act_result r = {.outcome = outcome};
    (void)gs_str_copy(r.reason, sizeof r.reason, gs_str_of(reason));
    (void)gs_map_remove(a->o->acts, a->id);
    act_free(a);
    done(arg, &r);
}

static void end_facts(act *a, const gs_error *err)
{
    void (*done)(void *, const gs_workload_facts *, const gs_error *) = a->on_facts;
    void *arg = a->arg;
    gs_workload_facts f = a->facts;
    (void)gs_map_remove(a->o->acts, a->id);
    act_free(a);
    done(arg, &f, err);
}

/* A step that failed. Before the intent is written nothing was done; after it, resume finds out. */
static void fail(act *a, bool recorded, const gs_error *err)
{
    if (a->purpose == FACTS)
        end_facts(a, err);
    else if (a->purpose == SCALE_OUT && !recorded) {
        a->h->pending = (gs_pending){0};
        end(a, GS_OUTCOME_REFUSED, err->msg);
    } else {
        end(a, GS_OUTCOME_PENDING, err->msg);
    }
}

static bool again(act *a, const gs_error *err, void (*step)(act *a))
{
    if (err->kind != GS_CONFLICT || ++a->rounds > MAX_ROUNDS)
        return false;
    step(a);
    return true;
}

static const gs_kube_opts once = {.deadline_ms = -1};

static gs_kube_path policy_path(const act *a, const char *sub)
{
    return (gs_kube_path){.resource = &OP_POLICIES, .ns = a->workload.ns, .name = a->policy, .sub = sub};
}

static gs_kube_path scale_path(const act *a)
{
    static const gs_kube_resource deployments = {"apps", "v1", "deployments", true};
    static const gs_kube_resource statefulsets = {"apps", "v1", "statefulsets", true};
    static const gs_kube_resource replicasets = {"apps", "v1", "replicasets", true};
    const gs_kube_resource *r = NULL;
    if (gs_streq(a->workload.api_version, "apps/v1"))
        r = gs_streq(a->workload.kind, "Deployment")    ? &deployments
            : gs_streq(a->workload.kind, "StatefulSet") ? &statefulsets
            : gs_streq(a->workload.kind, "ReplicaSet")  ? &replicasets
                                                        : NULL;
    return (gs_kube_path){.resource = r, .ns = a->workload.ns, .name = a->workload.name, .sub = "scale"};
}

/* Nothing to undo or to finish, and its cooldown is over. */
static bool spent(const gs_heal_history *h, int64_t cooldown_s, int64_t wall_ms)
{
    int64_t keep = cooldown_s * 1000 > 3600000 ? cooldown_s * 1000 : 3600000;
    return !h->pending.set && h->added_replicas <= 0 &&
           (!h->n_times || h->action_times[h->n_times - 1] < wall_ms - keep);
}

/* What another act plans, and has not begun to record, is not to be recorded by this one. */
static bool only_planned(const op *o, const gs_heal_history *h)
{
    for (gs_map_it it = {0}; gs_map_next(o->acts, &it);) {
        const act *b = it.value;
        if (b->h == h)
            return b->purpose == SCALE_OUT && !b->intended;
    }
    return false;
}

/* The histories of a policy as its status has them, this act's own in its new form. */
static int write_history(const act *a, const gs_heal_history *mine, gs_buf *out, gs_error *err)
{
    const gs_heal_history *all[16 * GS_MAX_HISTORIES];
    const gs_policy *p = gs_engine_policy(a->o->engine, a->workload.ns, a->policy);
    const op_policy *op_p = op_policy_get(a->o, a->workload.ns, a->policy);
    if (!p || !op_p)
        return gs_error_set(err, GS_NOT_FOUND, "the policy is gone");
    size_t n_all = gs_engine_histories(a->o->engine, p, all, GS_LEN(all)), n = 0;
    gs_autofree gs_heal_history *v = gs_allocn(n_all + 1, sizeof *v);
    v[n++] = *mine;
    for (size_t k = 0; k < n_all; k++) {
        if (all[k] == a->h || spent(all[k], p->cooldown_s, op_wall(a->o)))
            continue;
        v[n] = *all[k];
        if (only_planned(a->o, all[k]))
            v[n].pending = (gs_pending){0};
        n++;
    }
    if (n > GS_MAX_HISTORIES)
        return gs_error_set(err, GS_REFUSED,
                            "the policy's status holds what was done to %d workloads already: select "
                            "fewer with each policy",
                            GS_MAX_HISTORIES);
    gs_json_writer w;
    gs_jw_init(&w, out);
    gs_policy_status_patch(&w, a->policy_version, &op_p->status, v, n, true);
    return gs_jw_finish(&w, err);
}

static void on_outcome_written(void *ctx, const gs_kube_reply *reply)
{
    act *a = ctx;
    a->call = NULL;
    if (reply->err.kind == GS_OK) {
        *a->h = a->next;
        end(a, a->result.outcome, a->result.reason);
    } else if (!again(a, &reply->err, read_policy)) {
        fail(a, true, &reply->err);
    }
}

/* The scale is as it should be, or will not be: that is written down. */
static void conclude(act *a, enum gs_outcome outcome, const char *reason)
{
    a->scaled = true;
    a->result.outcome = outcome;
    (void)gs_str_copy(a->result.reason, sizeof a->result.reason, gs_str_of(reason));
    a->next = *a->h;
    if (a->purpose == UNDO) {
        a->next.added_replicas = a->next.scaled_to = 0;
        a->next.incident[0] = 0;
    } else {
        const gs_pending *p = &a->h->pending;
        if (outcome == GS_OUTCOME_SUCCEEDED) {
            a->next.added_replicas = p->to - p->from;
            a->next.scaled_to = p->to;
            memcpy(a->next.incident, p->incident, sizeof a->next.incident);
            gs_history_add_time(&a->next, op_wall(a->o), a->cooldown_s);
        }
        a->next.pending = (gs_pending){0};
    }
    read_policy(a);
}

/* A token that ran out is renewed; and what was added stays on record until it is taken back. */
static bool refused_for_good(const act *a, const gs_error *err)
{
    return a->purpose != UNDO && err->status != 401 && (err->kind == GS_REFUSED || err->kind == GS_TERMINAL);
}

static void on_scaled(void *ctx, const gs_kube_reply *reply)
{
    act *a = ctx;
    a->call = NULL;
    if (reply->err.kind == GS_OK)
        conclude(a, a->purpose == UNDO ? GS_OUTCOME_UNDONE : GS_OUTCOME_SUCCEEDED, "");
    else if (refused_for_good(a, &reply->err))
        conclude(a, GS_OUTCOME_FAILED, reply->err.msg);
    else if (!again(a, &reply->err, read_scale))
        fail(a, true, &reply->err);
}

static void set_scale(act *a, int replicas)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(4096);
    (void)gs_buf_addf(&b, "{\"metadata\":{\"resourceVersion\":\"%s\"},\"spec\":{\"replicas\":%d}}", a->scale_version,
                      replicas);
    gs_kube_path path = scale_path(a);
    gs_log_info("setting the scale", "namespace", a->workload.ns, "kind", a->workload.kind, "name", a->workload.name,
                "why", a->purpose == UNDO ? "take back" : "scale out");
    a->call = gs_kube_patch(a->o->kube, &path, gs_buf_str(&b), &once, on_scaled, a);
}

/* An intent of before a restart, or of some retries ago: its policy may have another mind now. */
static bool still_wanted(const act *a)
{
    const gs_policy *p = gs_engine_policy(a->o->engine, a->workload.ns, a->policy);
    return p && p->mode == GS_MODE_ENFORCE && !p->suspend && !p->deleting;
}

/* All facts are there: what is to be done about the scale? */
static void decide(act *a)
{
    char reason[160];
    if (a->purpose == UNDO) {
        int to = gs_heal_undo(a->h, &a->facts), back = a->h->scaled_to - a->h->added_replicas;
        if (to >= 0) {
            set_scale(a, to);
        } else if (!a->facts.gone && a->facts.replicas == back) {
            conclude(a, GS_OUTCOME_UNDONE, "");
        } else {
            if (a->facts.gone)
                (void)snprintf(reason, sizeof reason, "NotUndone: the workload is gone");
            else if (a->facts.autoscaler[0])
                (void)snprintf(reason, sizeof reason, "NotUndone: HorizontalPodAutoscaler %.80s owns the scale now",
                               a->facts.autoscaler);
            else
                (void)snprintf(reason, sizeof reason, "NotUndone: someone else set the scale to %d", a->facts.replicas);
            conclude(a, GS_OUTCOME_SUCCEEDED, reason);
        }
        return;
    }
    enum gs_resume what = gs_heal_resume(a->h, &a->facts);
    if (what == GS_RESUME_DONE && a->purpose == SCALE_OUT && a->rounds == 0)
        what = GS_RESUME_GIVE_UP; /* not by us: we have not asked yet. After a conflict it is ours: libcurl sends a
                                   * request again where a kept-alive connection died before the answer came */
    if (what == GS_RESUME_DO && !still_wanted(a)) {
        conclude(a, GS_OUTCOME_FAILED, "PolicyChanged: the policy does not allow it any more");
    } else if (what == GS_RESUME_DO) {
        set_scale(a, a->h->pending.to);
    } else if (what == GS_RESUME_DONE) {
        conclude(a, GS_OUTCOME_SUCCEEDED, "");
    } else {
        if (a->facts.gone)
            (void)snprintf(reason, sizeof reason, "WorkloadGone: it does not exist any more");
        else if (a->facts.autoscaler[0])
            (void)snprintf(reason, sizeof reason, "Autoscaler: HorizontalPodAutoscaler %.80s owns the scale",
                           a->facts.autoscaler);
        else
            (void)snprintf(reason, sizeof reason, "ScaleChanged: found %d replicas, expected %d", a->facts.replicas,
                           a->h->pending.from);
        conclude(a, GS_OUTCOME_FAILED, reason);
    }
}

static void facts_known(act *a)
{
    gs_error ok = {0};
    if (a->purpose == FACTS)
        end_facts(a, &ok);
    else
        decide(a);
}

static int on_hpa(void *ctx, gs_str object, gs_error *err)
{
    act *a = ctx;
    char kind[64], name[GS_OBJECT_LEN];
    (void)err;
    if (gs_json_find_string(object, (const char *[]){"spec", "scaleTargetRef", "kind", NULL}, kind, sizeof kind) &&
        gs_json_find_string(object, (const char *[]){"spec", "scaleTargetRef", "name", NULL}, name, sizeof name) &&
        gs_streq(kind, a->workload.kind) && gs_streq(name, a->workload.name))
        (void)gs_json_find_string(object, (const char *[]){"metadata", "name", NULL}, a->facts.autoscaler,
                                  sizeof a->facts.autoscaler);
    return 0;
}

static void on_hpas(void *ctx, const gs_error *err, const char *resource_version)
{
    act *a = ctx;
    (void)resource_version;
    a->list = NULL;
    if (err->kind != GS_OK)
        fail(a, true, err);
    else
        facts_known(a);
}

static void on_scale(void *ctx, const gs_kube_reply *reply)
{
    act *a = ctx;
    gs_error err = reply->err;
    int64_t replicas = 0;
    a->call = NULL;
    a->facts = (gs_workload_facts){.scalable = true};
    char uid[GS_UID_LEN];
    if (err.kind == GS_OK &&
        (!gs_json_find_string(reply->body, (const char *[]){"metadata", "uid", NULL}, uid, sizeof uid) ||
         !gs_json_find_string(reply->body, (const char *[]){"metadata", "resourceVersion", NULL}, a->scale_version,
                              sizeof a->scale_version)))
        (void)gs_error_set(&err, GS_TERMINAL, "the scale of %s %s has no metadata", a->workload.kind, a->workload.name);
    if (err.kind == GS_NOT_FOUND || (err.kind == GS_OK && !gs_streq(uid, a->workload.uid))) {
        a->facts.gone = true; /* or another one of the same name */
        facts_known(a);
        return;
    }
    if (err.kind != GS_OK) {
        fail(a, true, &err);
        return;
    }
    (void)gs_json_find_int64(reply->body, (const char *[]){"spec", "replicas", NULL}, &replicas); /* absent: 0 */
    a->facts.replicas = (int)replicas;
    a->list = gs_kube_list_start(a->o->kube, &(gs_kube_list_options){.resource = &OP_HPAS,
                                                                     .ns = a->workload.ns,
                                                                     .deadline_ms = 10000,
                                                                     .on_item = on_hpa,
                                                                     .on_done = on_hpas,
                                                                     .ctx = a});
}

static void read_scale(act *a)
{
    gs_kube_path path = scale_path(a);
    if (a->o->stopping)
        return;
    if (!path.resource) {
        a->facts = (gs_workload_facts){.scalable = false};
        facts_known(a);
        return;
    }
    a->call = gs_kube_get(a->o->kube, &path, &(gs_kube_opts){.deadline_ms = 10000}, on_scale, a);
}

static void on_intent_written(void *ctx, const gs_kube_reply *reply)
{
    act *a = ctx;
    a->call = NULL;
    if (reply->err.kind == GS_OK) {
        a->rounds = 0;
        read_scale(a);
    } else {
        a->intended = reply->err.kind == GS_TRANSIENT; /* a lost answer: it may have been written */
        if (!again(a, &reply->err, read_policy))
            fail(a, a->intended, &reply->err);
    }
}

static void write_status(act *a)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_error err;
    if (write_history(a, a->scaled ? &a->next : a->h, &b, &err) < 0) {
        fail(a, a->scaled, &err);
        return;
    }
    gs_kube_path path = policy_path(a, "status");
    a->intended = true;
    a->call =
        gs_kube_patch(a->o->kube, &path, gs_buf_str(&b), &once, a->scaled ? on_outcome_written : on_intent_written, a);
}

static void on_finalizer(void *ctx, const gs_kube_reply *reply)
{
    act *a = ctx;
    a->call = NULL;
    if (reply->err.kind == GS_OK) {
        op_policy *p = op_policy_get(a->o, a->workload.ns, a->policy);
        if (p)
            p->p->has_finalizer = true;
        (void)gs_json_find_string(reply->body, (const char *[]){"metadata", "resourceVersion", NULL}, a->policy_version,
                                  sizeof a->policy_version);
        write_status(a);
    } else if (!again(a, &reply->err, read_policy)) {
        fail(a, false, &reply->err);
    }
}

static void on_policy(void *ctx, const gs_kube_reply *reply)
{
    act *a = ctx;
    gs_kube_meta m;
    gs_error err = reply->err;
    a->call = NULL;
    if (err.kind == GS_OK)
        (void)gs_kube_meta_read(reply->body, &m, &err);
    if (err.kind == GS_OK && !gs_str_copy(a->policy_version, sizeof a->policy_version, m.resource_version))
        (void)gs_error_set(&err, GS_TERMINAL, "the policy's resourceVersion is too long");
    if (err.kind == GS_OK && a->purpose == SCALE_OUT && !a->scaled && m.deletion_timestamp.n)
        (void)gs_error_set(&err, GS_REFUSED, "the policy is being deleted");
    if (err.kind != GS_OK) {
        if (err.kind == GS_NOT_FOUND && a->scaled) { /* nowhere to write it any more */
            *a->h = a->next;
            end(a, a->result.outcome, a->result.reason);
            return;
        }
        fail(a, a->scaled, &err);
        return;
    }
    if (a->scaled) {
        write_status(a);
    } else if (a->purpose == UNDO) {
        read_scale(a);
    } else if (gs_kube_has_finalizer(&m, GS_POLICY_FINALIZER) || m.deletion_timestamp.n) {
        write_status(a); /* the API server takes no new finalizer on what is being deleted */
    } else {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_OBJECT_BYTES);
        gs_kube_path path = policy_path(a, NULL);
        if (op_finalizer_patch(reply->body, true, &b, &err) < 0)
            fail(a, false, &err);
        else
            a->call = gs_kube_patch(a->o->kube, &path, gs_buf_str(&b), &once, on_finalizer, a);
    }
}

static void read_policy(act *a)
{
    gs_kube_path path = policy_path(a, NULL);
    if (a->o->stopping)
        return;
    a->call = gs_kube_get(a->o->kube, &path, &(gs_kube_opts){.deadline_ms = 10000}, on_policy, a);
}

static act *start(op *o, enum purpose purpose, const gs_workload_ref *w)
{
    act *a = gs_alloc(sizeof *a);
    a->o = o;
    a->purpose = purpose;
    a->workload = *w;
    (void)snprintf(a->id, sizeof a->id, "%llu", (unsigned long long)++o->seq);
    gs_map_put(o->acts, a->id, a);
    return a;
}

/* Nothing of a policy runs that is not ready: what it would do next is not even planned. */
static bool policy_rests(const op *o, const gs_workload_ref *w)
{
    gs_autofree char *key = gs_sprintf("%s/%s/%s/%s", w->ns, w->kind, w->name, w->uid);
    const op_workload *at = gs_map_get(o->workloads, key);
    return at && at->owner && !op_policy_runs(at->owner);
}

static void facts(void *ctx, const gs_workload_ref *w,
                  void (*done)(void *arg, const gs_workload_facts *f, const gs_error *err), void *arg)
{
    act *a = start(ctx, FACTS, w);
    gs_error err;
    a->on_facts = done;
    a->arg = arg;
    if (policy_rests(ctx, w)) {
        (void)gs_error_set(&err, GS_REFUSED, "the policy is not in force: see its condition Ready");
        end_facts(a, &err);
    } else {
        read_scale(a);
    }
}

static void change(op *o, enum purpose purpose, const gs_policy *p, gs_heal_history *h,
                   void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    act *a = start(o, purpose, &h->workload);
    (void)gs_str_copy(a->policy, sizeof a->policy, gs_str_of(p->name));
    a->cooldown_s = p->cooldown_s;
    a->h = h;
    a->on_done = done;
    a->arg = arg;
    read_policy(a);
}

static void scale_out(void *ctx, const gs_policy *p, gs_heal_history *h,
                      void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    change(ctx, SCALE_OUT, p, h, done, arg);
}

static void undo(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                 void *arg)
{
    change(ctx, UNDO, p, h, done, arg);
}

static void resume(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                   void *arg)
{
    change(ctx, RESUME, p, h, done, arg);
}

void op_actuator_init(op *o, gs_actuator *ret)
{
    *ret = (gs_actuator){.facts = facts, .scale_out = scale_out, .undo = undo, .resume = resume, .ctx = o};
}

/* A write that is under way may still arrive; its precondition and the recorded intent see to the rest. */
void op_actuator_stop(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->acts, &it);) {
        act *a = it.value;
        gs_kube_cancel(gs_take(a->call));
        gs_kube_list_cancel(gs_take(a->list));
    }
}

void op_actuator_free(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->acts, &it);)
        act_free(it.value);
    gs_map_free(o->acts);
    o->acts = NULL;
}
