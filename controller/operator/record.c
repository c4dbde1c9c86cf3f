/* What is about to be done and what was done, written into the policy's status:
 *   read the policy -> (an intent:) put our finalizer on -> patch the status, with the version just read as precondition
 * A conflict reads again. All that the policy's other workloads have on record, and the head of the audit chain with the
 * lines that say why, go with it: either all of it is there, or nothing. What the engine holds changes only once the API
 * server has it. Of one policy only one record is written at a time, in the order they came. Where a workload went to
 * another policy, or all that was done to it is spent, the list alone is written anew. */
#include "base/mem.h"
#include "kube/meta.h"
#include "operator/act.h"
#include "wire/json_cursor.h"

#include <stdlib.h>

#define MAX_ROUNDS 8 /* conflicts until we give up for now */
#define LOST_MS 2000 /* between looks whether a write whose answer was lost is there */

struct op_record {
    op *o;
    op_record *later; /* o->records: in the order they came */
    bool running;
    char policy[GS_OBJECT_LEN], policy_uid[GS_UID_LEN];
    gs_heal_history *h, next; /* h NULL: of next only the namespace counts */
    size_t n_listed;
    bool intent, allowed;
    bool lost; /* the answer to the intent: it may be there */
    char version[GS_VERSION_LEN];
    unsigned rounds;
    uint64_t audit;
    gs_kube_call *call;
    gs_timer *begin;
    void (*done)(void *ctx, const gs_error *err);
    void *ctx;
};

static void read_policy(op_record *r);

static const char *ns_of(const op_record *r)
{
    return r->next.workload.ns;
}

static bool of_policy(const op_record *r, const char *ns, const char *policy)
{
    return gs_streq(ns_of(r), ns) && gs_streq(r->policy, policy);
}

/* NULL: it is gone, or another one has its name. */
static op_policy *policy_of(const op_record *r)
{
    op_policy *p = op_policy_get(r->o, ns_of(r), r->policy);
    return p && gs_streq(p->p->uid, r->policy_uid) ? p : NULL;
}

bool op_record_running(const op *o, const op_policy *p)
{
    for (const op_record *r = o->records; r; r = r->later)
        if (r->running && of_policy(r, p->p->ns, p->p->name))
            return true;
    return false;
}

/* Begins the oldest one of this policy, unless one is under way or its status is being written. */
void op_record_next(op *o, const char *ns, const char *policy)
{
    const op_policy *p = op_policy_get(o, ns, policy);
    op_record *first = NULL;
    for (op_record *r = o->records; r; r = r->later) {
        if (!of_policy(r, ns, policy))
            continue;
        if (r->running)
            return;
        if (!first)
            first = r;
    }
    if (!first || (p && p->status_call))
        return;
    first->running = true;
    gs_timer_set(first->begin, 0);
}

void op_record_cancel(op_record *r)
{
    if (!r)
        return;
    op_record **at = &r->o->records;
    while (*at != r)
        at = &(*at)->later;
    *at = r->later;
    gs_kube_cancel(r->call);
    gs_timer_free(r->begin);
    free(r);
}

static void end(op_record *r, const gs_error *err)
{
    op *o = r->o;
    char ns[GS_NAMESPACE_LEN], policy[GS_OBJECT_LEN];
    void (*done)(void *, const gs_error *) = r->done;
    void *ctx = r->ctx;
    memcpy(ns, ns_of(r), sizeof ns);
    memcpy(policy, r->policy, sizeof policy);
    if (err->kind == GS_OK && r->h)
        *r->h = r->next;
    op_record_cancel(r);
    op_record_next(o, ns, policy);
    done(ctx, err);
}

static void end_well(op_record *r)
{
    gs_error ok = {0};
    end(r, &ok);
}

/* An intent is there or it is not: where an answer was lost it is asked for until that is known. */
static void end_badly(op_record *r, gs_error err)
{
    if (r->intent && r->lost) {
        gs_timer_set(r->begin, LOST_MS);
        return;
    }
    if (r->intent)
        err.kind = GS_REFUSED;
    end(r, &err);
}

static bool again(op_record *r, const gs_error *err)
{
    if (err->kind != GS_CONFLICT || ++r->rounds > MAX_ROUNDS)
        return false;
    read_policy(r);
    return true;
}

static const gs_kube_opts once = {.deadline_ms = -1};

static gs_kube_path policy_path(const op_record *r, const char *sub)
{
    return (gs_kube_path){.resource = &OP_POLICIES, .ns = ns_of(r), .name = r->policy, .sub = sub};
}

/* ---- the status ---- */

#define ALL (16 * GS_MAX_HISTORIES)

/* The policy's histories that are worth a place in its status, but for that one. */
static size_t collect(op *o, const gs_policy *p, const gs_heal_history *but, const gs_heal_history *ret[ALL])
{
    size_t n_all = gs_engine_histories(o->engine, p, ret, ALL), n = 0;
    for (size_t k = 0; k < n_all; k++)
        if (ret[k] != but && !gs_history_spent(ret[k], p->limits.cooldown_s, op_wall(o)))
            ret[n++] = ret[k];
    return n;
}

/* The histories of a policy as its status has them, this one in its new form. */
static int write_history(op_record *r, gs_buf *out, gs_error *err)
{
    const gs_heal_history *others[ALL];
    op *o = r->o;
    const gs_policy *p = gs_engine_policy(o->engine, ns_of(r), r->policy);
    op_policy *at = policy_of(r);
    if (!p || !at)
        return gs_error_set(err, GS_NOT_FOUND, "the policy is gone");
    size_t n_others = collect(o, p, r->h, others), n = 0;
    gs_autofree gs_heal_history *v = gs_allocn(n_others + 1, sizeof *v);
    if (r->h)
        v[n++] = r->next;
    for (size_t k = 0; k < n_others; k++, n++) {
        v[n] = *others[k];
        if (!v[n].pending.recorded) /* only planned so far: its own record is to come */
            v[n].pending = (gs_pending){0};
    }
    r->n_listed = n;
    if (n > GS_MAX_HISTORIES)
        return gs_error_set(err, GS_REFUSED,
                            "the policy's status holds what was done to %d workloads already: select fewer with each "
                            "policy",
                            GS_MAX_HISTORIES);
    if (r->intent && op_audit_behind(at)) /* the line that says why would not be there with it */
        return gs_error_set(err, GS_REFUSED, "the audit log is behind: %zu lines wait", op_audit_behind(at));
    gs_policy_status status = at->status;
    status.audit = op_audit_head(at, &r->audit);
    gs_json_writer w;
    gs_jw_init(&w, out);
    gs_policy_status_patch(&w, r->version, &status, v, n, true);
    return gs_jw_finish(&w, err);
}

static void on_status(void *ctx, const gs_kube_reply *reply)
{
    op_record *r = ctx;
    r->call = NULL;
    if (reply->err.kind == GS_OK) {
        op_policy *at = policy_of(r);
        if (at) {
            op_audit_committed(at, r->audit);
            at->n_listed = r->n_listed;
        }
        end_well(r);
        return;
    }
    r->lost = reply->err.kind == GS_TRANSIENT; /* it may have been written */
    if (!again(r, &reply->err))
        end_badly(r, reply->err);
}

static void write_status(op_record *r)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_kube_path path = policy_path(r, "status");
    gs_error err;
    if (write_history(r, &b, &err) == 0)
        r->call = gs_kube_patch(r->o->kube, &path, gs_buf_str(&b), &once, on_status, r);
    else if (err.kind == GS_NOT_FOUND && !r->intent)
        end_well(r); /* nowhere to write it any more, but it has to be gone through with */
    else
        end_badly(r, err);
}

/* ---- the policy ---- */

static void on_finalizer(void *ctx, const gs_kube_reply *reply)
{
    op_record *r = ctx;
    r->call = NULL;
    if (reply->err.kind == GS_OK) {
        op_policy *p = policy_of(r);
        if (p)
            p->p->has_finalizer = true;
        (void)gs_json_find_string(reply->body, (const char *[]){"metadata", "resourceVersion", NULL}, r->version,
                                  sizeof r->version);
        write_status(r);
    } else if (!again(r, &reply->err)) {
        end_badly(r, reply->err);
    }
}

static void put_finalizer(op_record *r, gs_str policy)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_kube_path path = policy_path(r, NULL);
    gs_error err;
    if (op_finalizer_patch(policy, true, &b, &err) < 0)
        end_badly(r, err);
    else
        r->call = gs_kube_patch(r->o->kube, &path, gs_buf_str(&b), &once, on_finalizer, r);
}

/* The policy as the API server has it holds this intent already: an earlier answer was lost. */
static bool is_there(const op_record *r, gs_str policy)
{
    gs_autofree gs_heal_history *v = NULL;
    size_t n = 0;
    if (gs_history_from_json(policy, &v, &n, NULL) < 0)
        return false;
    for (size_t k = 0; k < n; k++)
        if (gs_streq(v[k].workload.uid, r->next.workload.uid) && v[k].pending.set &&
            gs_streq(v[k].pending.id, r->next.pending.id) && gs_streq(v[k].pending.incident, r->next.pending.incident))
            return true;
    return false;
}

static void take_intent(op_record *r, gs_str policy, const gs_kube_meta *m)
{
    bool allowed = r->allowed && !m->deletion_timestamp.n, there = (r->lost || !allowed) && is_there(r, policy);
    gs_error err;
    r->lost = false;
    if (there) {
        end_well(r); /* where it is not allowed any more it is aborted from here on */
    } else if (!allowed) {
        (void)gs_error_set(&err, GS_REFUSED, "PolicyChanged: the policy does not allow it any more");
        end_badly(r, err);
    } else if (gs_kube_has_finalizer(m, GS_POLICY_FINALIZER)) {
        write_status(r);
    } else {
        put_finalizer(r, policy);
    }
}

static void on_policy(void *ctx, const gs_kube_reply *reply)
{
    op_record *r = ctx;
    gs_kube_meta m;
    gs_error err = reply->err;
    r->call = NULL;
    if (err.kind == GS_OK)
        (void)gs_kube_meta_read(reply->body, &m, &err);
    if (err.kind == GS_OK && !gs_str_is(m.uid, r->policy_uid))
        (void)gs_error_set(&err, GS_NOT_FOUND, "the policy is gone, another one has its name");
    if (err.kind == GS_OK && !gs_str_copy(r->version, sizeof r->version, m.resource_version))
        (void)gs_error_set(&err, GS_TERMINAL, "the policy's resourceVersion is too long");
    r->lost = r->lost && err.kind != GS_NOT_FOUND;
    if (err.kind == GS_OK && r->intent)
        take_intent(r, reply->body, &m);
    else if (err.kind == GS_OK)
        write_status(r);
    else if (err.kind == GS_NOT_FOUND && !r->intent)
        end_well(r);
    else
        end_badly(r, err);
}

static void read_policy(op_record *r)
{
    gs_kube_path path = policy_path(r, NULL);
    r->call = gs_kube_get(r->o->kube, &path, &(gs_kube_opts){.deadline_ms = 10000}, on_policy, r);
}

static void begin(void *ctx)
{
    read_policy(ctx);
}

op_record *op_record_start(op *o, const op_record_options *options)
{
    op_record *r = gs_alloc(sizeof *r), **at = &o->records;
    r->o = o;
    (void)gs_str_copy(r->policy, sizeof r->policy, gs_str_of(options->policy));
    (void)gs_str_copy(r->policy_uid, sizeof r->policy_uid, gs_str_of(options->policy_uid));
    r->h = options->h;
    r->next = *options->next;
    r->intent = options->intent;
    r->allowed = options->allowed;
    r->done = options->done;
    r->ctx = options->ctx;
    r->begin = gs_timer_new(o->loop, begin, r);
    while (*at)
        at = &(*at)->later;
    *at = r;
    op_record_next(o, ns_of(r), r->policy);
    return r;
}

/* ---- what does not belong there any more ---- */

static void on_relisted(void *ctx, const gs_error *err)
{
    op_policy *p = ctx;
    p->relist = NULL;
    if (err->kind != GS_OK)
        p->retry_ms = op_mono(p->o) + LOST_MS;
}

bool op_record_relist(op_policy *p)
{
    op *o = p->o;
    const gs_heal_history *listed[ALL];
    const gs_policy *in_force = gs_engine_policy(o->engine, p->p->ns, p->p->name);
    if (p->relist || !p->n_listed || !in_force || (o->lease && !gs_kube_lease_held(o->lease)) ||
        collect(o, in_force, NULL, listed) >= p->n_listed)
        return false;
    gs_heal_history none = {.added_replicas = 0};
    memcpy(none.workload.ns, p->p->ns, sizeof none.workload.ns);
    p->relist = op_record_start(
        o, &(op_record_options){
               .policy = p->p->name, .policy_uid = p->p->uid, .next = &none, .done = on_relisted, .ctx = p});
    return true;
}

void op_record_forget(op_policy *p)
{
    op_record_cancel(gs_take(p->relist));
}
