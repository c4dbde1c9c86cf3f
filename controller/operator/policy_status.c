/* What is written about a policy: conditions and counts through the status subresource, and the finalizer while
 * something is to be undone. Facts that have not changed are not rewritten; counts at most every GS_STATUS_COUNTS_MS. */
#include "base/log.h"
#include "base/mem.h"
#include "kube/meta.h"
#include "operator/op.h"
#include "wire/json_cursor.h"

#include <stdio.h>

static void set(const op_policy *p, gs_policy_status *s, const char *type, const char *status, const char *reason,
                const char *message)
{
    gs_condition *c = gs_condition_slot(s->conditions, GS_LEN(s->conditions), type);
    (void)gs_condition_set(c, status, reason, message, p->p->generation, op_wall(p->o));
}

#define IN_THE_CLEAR                                                                                                    \
    "spec.endpoint.authorization is sent over plain HTTP: whoever can read the network between the controller and the " \
    "pods can read it"

static bool in_the_clear(const gs_endpoint_spec *e)
{
    return !e->https && (e->bearer_secret[0] || e->basic_secret[0]);
}

/* It is as its owner wrote it, but for what the operator allows less of. */
static void accepted(const op_policy *p, gs_policy_status *s)
{
    const char *parts[] = {p->p->suspend ? "suspended by spec.suspend" : "",
                           in_the_clear(&p->p->endpoint) ? IN_THE_CLEAR : "", p->limited, "", op_notify_refused(p)};
    char above[160], message[320] = "";
    if (p->above) {
        (void)snprintf(above, sizeof above,
                       "%d of %d pods are not sampled: the operator allows %d (--max-pods-per-policy)", p->above,
                       p->matched, p->o->ceiling.max_pods);
        parts[3] = above;
    }
    for (size_t k = 0, n = 0; k < GS_LEN(parts); k++, n = strlen(message))
        if (parts[k][0])
            (void)snprintf(message + n, sizeof message - n, "%s%s", n ? "; " : "", parts[k]);
    set(p, s, "Ready", "True", parts[2][0] || parts[3][0] || parts[4][0] ? "Limited" : "Accepted", message);
}

static void ready(const op_policy *p, gs_policy_status *s)
{
    char message[320];
    const char *reason, *why;
    gs_error refused;
    if (p->invalid) {
        set(p, s, "Ready", "False", "Invalid", p->invalid);
    } else if (op_bounds_store(p, &refused) < 0) {
        set(p, s, "Ready", "False", "DestinationRefused", refused.msg);
    } else if (op_policy_needs_secret(p) && !p->secret_ok) {
        set(p, s, "Ready", p->secret_checked_ms ? "False" : "Unknown",
            p->secret_checked_ms ? p->secret_reason : "Checking",
            p->secret_checked_ms ? p->secret_message : "reading the Secret of spec.snapshot.s3");
    } else if (op_access_trouble(p, &reason, &why)) {
        set(p, s, "Ready", gs_streq(reason, "Checking") ? "Unknown" : "False", reason, why);
    } else if (p->overlapped) {
        (void)snprintf(message, sizeof message,
                       "%d of %d pods belong to workloads that the older policy %.200s selects", p->overlapped,
                       p->matched, p->overlap_with);
        set(p, s, "Ready", "False", "Overlap", message);
    } else if (p->matched && p->without_port == p->matched) {
        const gs_port *port = &p->p->endpoint.pprof_port;
        (void)snprintf(message, sizeof message, "none of %d pods has a container port named %s (spec.endpoint)",
                       p->matched, port->name[0] ? port->name : p->p->endpoint.metrics_port.name);
        set(p, s, "Ready", "False", "PortNotFound", message);
    } else {
        accepted(p, s);
    }
}

#define HOST_NETWORK                                                                                                   \
    "pods on the host's network are sampled only with spec.allowHostNetwork, and where the operator allows it "        \
    "(--allow-host-network)"

static void collecting(const op_policy *p, gs_policy_status *s, const gs_policy_facts *f)
{
    char message[320] = "";
    const char *reason, *why;
    if (p->p->suspend) {
        set(p, s, "Collecting", "False", "Suspended", "spec.suspend is set");
    } else if (!op_policy_runs(p)) {
        set(p, s, "Collecting", "False", "NotReady", "nothing is sampled while the policy is not ready");
    } else if (op_access_trouble(p, &reason, &why)) {
        set(p, s, "Collecting", "False", reason, why);
    } else if (!p->matched) {
        set(p, s, "Collecting", "False", "NoPods", "spec.selector matches no pod of this namespace");
    } else if (p->host_network == p->matched) {
        set(p, s, "Collecting", "False", "HostNetwork", HOST_NETWORK);
    } else if (f->unreachable) {
        (void)snprintf(message, sizeof message, "%d of %d pods: %.290s", f->unreachable, f->targets,
                       f->unreachable_example);
        set(p, s, "Collecting", f->sampled ? "True" : "False", "PodsUnreachable", message);
    } else if (!f->sampled) {
        set(p, s, "Collecting", "False", "Starting", "no sample yet");
    } else {
        if (p->host_network)
            (void)snprintf(message, sizeof message, "%d of %d pods are not sampled: " HOST_NETWORK, p->host_network,
                           p->matched);
        set(p, s, "Collecting", "True", "Sampling", message);
    }
}

static void healing(const op_policy *p, gs_policy_status *s, const gs_policy_facts *f)
{
    char message[320];
    if (f->evidence_failing) {
        (void)snprintf(message, sizeof message, "no action without evidence: %.200s", f->evidence_error);
        set(p, s, "Healing", "False", "EvidenceFailing", message);
    } else if (f->to_undo) {
        set(p, s, "Healing", "True", f->heal_state[0] ? f->heal_state : "Acted",
            f->heal_message[0] ? f->heal_message : "replicas were added, and will be taken back");
    } else if (p->p->mode == GS_MODE_OBSERVE) {
        set(p, s, "Healing", "False", gs_refusal_name(GS_REFUSAL_MODE), "spec.mode is Observe: nothing is acted on");
    } else if (p->p->suspend) {
        set(p, s, "Healing", "False", gs_refusal_name(GS_REFUSAL_SUSPENDED), "spec.suspend is set");
    } else if (f->heal_state[0]) {
        set(p, s, "Healing", "False", f->heal_state, f->heal_message);
    } else {
        set(p, s, "Healing", "False", "Idle", "");
    }
}

void op_policy_status(op_policy *p, gs_policy_status *ret)
{
    op *o = p->o;
    gs_policy_facts f;
    gs_engine_policy_facts(o->engine, p->p, &f);
    if (op_undoing(o)) { /* all else stays as the controller saw it */
        healing(p, ret, &f);
        return;
    }
    op_reconcile_count(o, p);
    ret->observed_generation = p->p->generation;
    ret->matched = p->matched;
    ret->sampled = f.sampled;
    ret->unreachable = f.unreachable;
    ret->leaking = f.leaking;
    ret->open_incidents = f.open_incidents;
    ready(p, ret);
    collecting(p, ret, &f);
    if (f.open_incidents)
        set(p, ret, "Leaking", "True", "SiteGrows", f.worst);
    else
        set(p, ret, "Leaking", "False", "NoLeak", "");
    healing(p, ret, &f);
}

/* What a reader acts on: all but counts and the numbers in messages. */
static bool facts_differ(const gs_policy_status *a, const gs_policy_status *b)
{
    for (size_t k = 0; k < GS_LEN(a->conditions); k++)
        if (!gs_streq(a->conditions[k].status, b->conditions[k].status) ||
            !gs_streq(a->conditions[k].reason, b->conditions[k].reason) ||
            !gs_streq(a->conditions[k].type, b->conditions[k].type))
            return true;
    return a->observed_generation != b->observed_generation || a->open_incidents != b->open_incidents;
}

static bool counts_differ(const gs_policy_status *a, const gs_policy_status *b)
{
    for (size_t k = 0; k < GS_LEN(a->conditions); k++)
        if (!gs_streq(a->conditions[k].message, b->conditions[k].message))
            return true;
    return a->matched != b->matched || a->sampled != b->sampled || a->unreachable != b->unreachable ||
           a->leaking != b->leaking;
}

static void on_written(void *ctx, const gs_kube_reply *reply)
{
    op_policy *p = ctx;
    p->status_call = NULL;
    op_on_reconciled(p->o, OP_RECONCILE_POLICY, reply->err.kind == GS_OK, op_mono(p->o) - p->written_ms);
    op_record_next(p->o, p->p->ns, p->p->name);
    if (reply->err.kind == GS_OK) {
        p->failures = 0;
        op_audit_committed(p, p->audit_version);
        return;
    }
    if (reply->err.kind == GS_NOT_FOUND) /* deleted: the informer will say so */
        return;
    gs_log_warn("cannot write a policy's status", "policy", p->key, "error", reply->err.msg);
    p->ever_written = false;
    p->dirty = true;
    p->retry_ms = op_mono(p->o) + gs_rng_backoff(&p->o->rng, p->failures++, 800, 30000);
}

void op_policy_write(op_policy *p)
{
    op *o = p->o;
    int64_t now = op_mono(o);
    if (!o->synced) /* what an earlier controller wrote stands until all is known again */
        return;
    if (op_undoing(o) && !op_audit_waiting(p)) /* it was not touched */
        return;
    if (p->status_call || op_record_running(o, p) || now < p->retry_ms || now - p->written_ms < GS_STATUS_MIN_MS)
        return;
    if (!p->dirty && !op_audit_waiting(p) && now - p->written_ms < GS_STATUS_COUNTS_MS)
        return;
    if (op_record_relist(p)) /* and then the rest */
        return;
    p->dirty = false;
    op_policy_status(p, &p->status);
    bool facts = !p->ever_written || facts_differ(&p->status, &p->written) || op_audit_waiting(p);
    bool counts = counts_differ(&p->status, &p->written) || op_audit_lags(p);
    if (!facts && !(counts && now - p->written_ms >= GS_STATUS_COUNTS_MS))
        return;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_json_writer w;
    gs_jw_init(&w, &b);
    p->status.audit = op_audit_head(p, &p->audit_version);
    gs_policy_status_patch(&w, NULL, &p->status, NULL, 0, false);
    p->status.audit = NULL; /* valid for now only */
    gs_error err;
    if (gs_jw_finish(&w, &err) < 0) {
        gs_log_error("cannot build a policy's status", "policy", p->key, "error", err.msg);
        return;
    }
    p->written = p->status;
    p->written_ms = now;
    p->ever_written = true;
    gs_kube_path path = {.resource = &OP_POLICIES, .ns = p->p->ns, .name = p->p->name, .sub = "status"};
    p->status_call = gs_kube_patch(o->kube, &path, gs_buf_str(&b), &(gs_kube_opts){.deadline_ms = -1}, on_written, p);
}

int op_finalizer_patch(gs_str object, bool want, gs_buf *out, gs_error *err)
{
    gs_kube_meta m;
    gs_json_writer w;
    if (gs_kube_meta_read(object, &m, err) < 0)
        return -(int)err->kind;
    gs_jw_init(&w, out);
    gs_jw_object(&w, NULL);
    gs_jw_object(&w, "metadata");
    gs_jw_strn(&w, "resourceVersion", m.resource_version);
    gs_jw_array(&w, "finalizers");
    gs_json_cursor c;
    gs_json_cursor_init(&c, m.finalizers.n ? m.finalizers : GS_STR("[]"));
    char name[GS_OBJECT_LEN + 64];
    if (gs_json_enter_array(&c))
        while (gs_json_next_element(&c))
            if (gs_json_read_string(&c, name, sizeof name) && !gs_streq(name, GS_POLICY_FINALIZER))
                gs_jw_str(&w, NULL, name);
    if (want)
        gs_jw_str(&w, NULL, GS_POLICY_FINALIZER);
    gs_jw_end(&w);
    gs_jw_end(&w);
    gs_jw_end(&w);
    if (gs_json_cursor_finish(&c, err) < 0)
        return -(int)err->kind;
    return gs_jw_finish(&w, err);
}

static void on_finalizer_removed(void *ctx, const gs_kube_reply *reply)
{
    op_policy *p = ctx;
    p->finalizer_call = NULL;
    if (reply->err.kind == GS_OK || reply->err.kind == GS_NOT_FOUND)
        p->p->has_finalizer = false;
    else
        p->retry_ms = op_mono(p->o) + 2000;
}

static void on_finalizer_read(void *ctx, const gs_kube_reply *reply)
{
    op_policy *p = ctx;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_error err = reply->err;
    p->finalizer_call = NULL;
    if (err.kind != GS_OK || op_finalizer_patch(reply->body, false, &b, &err) < 0) {
        p->retry_ms = op_mono(p->o) + 2000;
        return;
    }
    gs_policy_facts f;
    gs_engine_policy_facts(p->o->engine, p->p, &f);
    if (f.to_undo) /* an action began meanwhile */
        return;
    gs_kube_path path = {.resource = &OP_POLICIES, .ns = p->p->ns, .name = p->p->name};
    p->finalizer_call =
        gs_kube_patch(p->o->kube, &path, gs_buf_str(&b), &(gs_kube_opts){.deadline_ms = -1}, on_finalizer_removed, p);
}

/* Takes our finalizer off where nothing is to be undone any more. It is put on by the actuator, before it acts. */
void op_policy_finalizer(op_policy *p)
{
    op *o = p->o;
    if (!p->p->has_finalizer || p->finalizer_call || !o->synced || p->unreadable || op_mono(o) < p->retry_ms)
        return;
    bool left = p->p->deleting && gs_engine_undo_all(o->engine, p->p->ns, p->p->name);
    gs_policy_facts f;
    gs_engine_policy_facts(o->engine, p->p, &f);
    if (left || f.to_undo)
        return;
    gs_kube_path path = {.resource = &OP_POLICIES, .ns = p->p->ns, .name = p->p->name};
    p->finalizer_call = gs_kube_get(o->kube, &path, &(gs_kube_opts){.deadline_ms = -1}, on_finalizer_read, p);
}
