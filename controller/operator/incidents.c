/* Incidents and Events in the cluster. The engine's incident is the truth while we lead; its object is created once and
 * its status written when something changed, counts alone at most every GS_STATUS_COUNTS_MS. */
#include "base/log.h"
#include "base/mem.h"
#include "codec/incident_json.h"
#include "kube/meta.h"
#include "operator/op.h"
#include "wire/json_cursor.h"

#include <stdio.h>
#include <stdlib.h>

const gs_kube_resource OP_INCIDENTS = {"gostat.dev", "v1alpha1", "gostatincidents", true};

static const gs_kube_opts once = {.deadline_ms = -1};

static void incident_free(op_incident *at)
{
    gs_kube_cancel(at->call);
    free(at);
}

static op_incident *writer_of(op *o, gs_incident *i)
{
    if (!i->name[0])
        gs_incident_make_name(&i->workload, i->pattern_id, i->name);
    gs_autofree char *key = gs_sprintf("%s/%s", i->workload.ns, i->name);
    op_incident *at = gs_map_get(o->incidents, key);
    if (!at) {
        at = gs_alloc(sizeof *at);
        at->o = o;
        at->i = i;
        gs_map_put(o->incidents, key, at);
    }
    return at;
}

static void forget(op *o, op_incident *at)
{
    gs_autofree char *key = gs_sprintf("%s/%s", at->i->workload.ns, at->i->name);
    (void)gs_map_remove(o->incidents, key);
    gs_engine_forget_incident(o->engine, at->i->workload.ns, at->i->name);
    incident_free(at);
}

static gs_kube_path path_of(const op_incident *at, const char *sub)
{
    return (gs_kube_path){.resource = &OP_INCIDENTS, .ns = at->i->workload.ns, .name = at->i->name, .sub = sub};
}

static void write_incident(op_incident *at);

/* Nobody misses its record: it is over, or its policy is gone, as when the whole namespace goes. */
static bool abandoned(const op_incident *at)
{
    return at->i->resolved || !op_policy_get(at->o, at->i->workload.ns, at->i->policy_name);
}

static void failed(op_incident *at, const gs_error *err)
{
    gs_log_warn("cannot write an incident", "incident", at->i->name, "namespace", at->i->workload.ns, "error",
                err->msg);
    at->dirty = at->urgent = true;
    at->retry_ms = op_mono(at->o) + gs_rng_backoff(&at->o->rng, at->failures++, 800, 30000);
}

static void flush_notes(op_incident *at)
{
    const gs_workload_ref *w = &at->i->workload;
    gs_kube_object_ref workload = {w->api_version, w->kind, w->ns, w->name, w->uid, NULL};
    for (size_t k = 0; k < at->n_notes; k++) {
        gs_kube_event ev = {.regarding = {"gostat.dev/v1alpha1", "GostatIncident", w->ns, at->i->name, at->uid, NULL},
                            .related = &workload,
                            .type = at->notes[k].warning ? GS_KUBE_WARNING : GS_KUBE_NORMAL,
                            .reason = at->notes[k].reason,
                            .action = at->notes[k].action,
                            .note = at->notes[k].note};
        gs_kube_events_record(at->o->events, &ev);
    }
    at->n_notes = 0;
}

static void take_uid(op_incident *at, gs_str object)
{
    if (at->uid[0])
        return;
    (void)gs_json_find_string(object, (const char *[]){"metadata", "uid", NULL}, at->uid, sizeof at->uid);
    at->there = false;
    flush_notes(at);
}

static void on_created(void *ctx, const gs_kube_reply *reply)
{
    op_incident *at = ctx;
    at->call = NULL;
    op_on_reconciled(at->o, OP_RECONCILE_INCIDENT, reply->err.kind == GS_OK, op_mono(at->o) - at->began_ms);
    if (reply->err.kind == GS_CONFLICT && gs_streq(reply->reason, "AlreadyExists")) {
        at->there = true; /* ours, from before a lost answer: its name says that it is the same leak */
        write_incident(at);
        return;
    }
    if ((reply->err.kind == GS_NOT_FOUND || reply->err.kind == GS_REFUSED) && abandoned(at)) {
        forget(at->o, at); /* its namespace is gone, or going */
        return;
    }
    if (reply->err.kind != GS_OK) {
        failed(at, &reply->err);
        return;
    }
    at->failures = 0;
    take_uid(at, reply->body);
    write_incident(at);
}

static void on_status(void *ctx, const gs_kube_reply *reply)
{
    op_incident *at = ctx;
    at->call = NULL;
    op_on_reconciled(at->o, OP_RECONCILE_INCIDENT, reply->err.kind == GS_OK, op_mono(at->o) - at->began_ms);
    if (reply->err.kind == GS_NOT_FOUND && abandoned(at)) {
        forget(at->o, at);
    } else if (reply->err.kind == GS_NOT_FOUND) { /* someone deleted the record of an open leak: it is made again */
        at->uid[0] = 0;
        at->there = false;
        at->dirty = at->urgent = true;
    } else if (reply->err.kind != GS_OK) {
        failed(at, &reply->err);
    } else {
        at->failures = 0;
        take_uid(at, reply->body);
        op_actuator_go_on(at->o);
    }
}

bool op_incidents_written(const op *o, const gs_workload_ref *w)
{
    for (gs_map_it it = {0}; gs_map_next(o->incidents, &it);) {
        const op_incident *at = it.value;
        if (!at->i->resolved && gs_streq(at->i->workload.uid, w->uid) && gs_streq(at->i->workload.ns, w->ns) &&
            (at->call || at->urgent || !at->uid[0]))
            return false;
    }
    return true;
}

static void write_incident(op_incident *at)
{
    op *o = at->o;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_json_writer w;
    gs_error err;
    bool create = !at->uid[0] && !at->there;
    at->began_ms = op_mono(o);
    gs_jw_init(&w, &b);
    if (create)
        gs_incident_object(&w, at->i);
    else
        gs_incident_status_patch(&w, at->i);
    if (gs_jw_finish(&w, &err) < 0) {
        failed(at, &err);
        return;
    }
    gs_kube_path path = path_of(at, create ? NULL : "status");
    if (create) {
        path.name = NULL;
        at->call = gs_kube_create(o->kube, &path, gs_buf_str(&b), &once, on_created, at);
        return;
    }
    at->dirty = at->urgent = false;
    at->written_ms = op_mono(o);
    at->call = gs_kube_patch(o->kube, &path, gs_buf_str(&b), &once, on_status, at);
}

static void consider(op_incident *at)
{
    int64_t now = op_mono(at->o);
    if (at->call || at->deleting || !at->dirty || now < at->retry_ms || !at->o->synced)
        return;
    if (!at->urgent && now - at->written_ms < GS_STATUS_COUNTS_MS)
        return;
    write_incident(at);
}

void op_incident_changed(op *o, gs_incident *i, bool urgent)
{
    op_incident *at = writer_of(o, i);
    at->dirty = true;
    at->urgent = at->urgent || urgent;
    consider(at);
}

static void note(op_incident *at, bool warning, const char *reason, const char *action, const char *text)
{
    if (at->n_notes == GS_LEN(at->notes))
        return;
    struct op_note *n = &at->notes[at->n_notes++];
    n->warning = warning;
    (void)gs_str_copy(n->reason, sizeof n->reason, gs_str_of(reason));
    (void)gs_str_copy(n->action, sizeof n->action, gs_str_of(action));
    (void)gs_str_copy(n->note, sizeof n->note, gs_str_of(text));
    if (at->uid[0])
        flush_notes(at);
}

void op_incident_event(op *o, enum gs_event e, const gs_workload_ref *w, const char *pod, const gs_incident *i,
                       const char *reason)
{
    gs_log(e == GS_EVENT_SUSPECTED ? GS_LOG_DEBUG : GS_LOG_INFO, gs_engine_event_name(e), "namespace", w->ns, "kind",
           w->kind, "name", w->name, "pod", pod ? pod : "", "incident", i ? i->name : "", "grade",
           i ? gs_grade_name(i->grade) : "", "reason", reason, NULL);
    if (!i || !i->name[0])
        return;
    gs_autofree char *key = gs_sprintf("%s/%s", w->ns, i->name);
    op_incident *at = gs_map_get(o->incidents, key);
    if (!at)
        return;
    op_notify_event(o, e, i, reason);
    bool leak = i->type == GS_INCIDENT_LEAK;
    gs_autofree char *graded = gs_sprintf("%s. %s", gs_grade_name(i->grade), reason);
    switch (e) {
    case GS_EVENT_INCIDENT:
        note(at, true, !leak ? "ResourceHigh" : i->occurrences > 1 ? "LeakIsBack" : "LeakFound", "Detect", graded);
        break;
    case GS_EVENT_RESOLVED:
        note(at, false, leak ? "LeakResolved" : "ResourceResolved", "Resolve", reason);
        break;
    case GS_EVENT_ACTION:
        note(at, false, "ActionTaken", "Heal", reason);
        break;
    case GS_EVENT_REFUSED:
        note(at, true, "ActionRefused", "Heal", reason);
        break;
    case GS_EVENT_GRADED:
        if (at->uid[0] && i->grade >= GS_GRADE_PROBABLE) /* else LeakFound is about to say so */
            note(at, true, i->grade == GS_GRADE_PROVEN ? "LeakProven" : "LeakProbable", "Grade", graded);
        break;
    case GS_EVENT_SUSPECTED: /* nobody is told */
        break;
    }
}

/* The first listing hands incidents to the engine, to go on with them; afterwards only deletions matter. */
static int on_incident(void *ctx, gs_str object, gs_error *err)
{
    op *o = ((op_watch *)ctx)->o;
    gs_incident *i = NULL;
    if (o->synced)
        return 0;
    gs_kube_meta m;
    if (gs_kube_meta_read(object, &m, err) < 0)
        return -(int)err->kind;
    gs_autofree char *key = gs_sprintf("%.*s/%.*s", (int)m.ns.n, m.ns.p, (int)m.name.n, m.name.p);
    if (gs_map_get(o->incidents, key))
        return 0; /* a listing that began again */
    int rc = gs_incident_from_json(object, &i, err);
    if (rc < 0)
        return rc;
    if (i->type == GS_INCIDENT_LEAK ? !i->n_patterns : !i->grade) {
        /* its controller died before it wrote the status: it will be found again */
        gs_incident_free(i);
        return 0;
    }
    op_incident *at = writer_of(o, i);
    (void)gs_str_copy(at->uid, sizeof at->uid, m.uid);
    gs_engine_adopt_incident(o->engine, i);
    return 0;
}

static void on_incident_deleted(void *ctx, gs_str object)
{
    op *o = ((op_watch *)ctx)->o;
    gs_kube_meta m;
    if (gs_kube_meta_read(object, &m, NULL) < 0)
        return;
    gs_autofree char *key = gs_sprintf("%.*s/%.*s", (int)m.ns.n, m.ns.p, (int)m.name.n, m.name.p);
    op_incident *at = gs_map_get(o->incidents, key);
    if (!at || !gs_str_is(m.uid, at->uid))
        return;
    if (abandoned(at)) {
        forget(o, at);
    } else {
        at->uid[0] = 0;
        at->dirty = at->urgent = true;
    }
}

static void on_listed(void *ctx)
{
    op_watch_listed(ctx);
}

void op_incidents_watch(op *o, const char *ns)
{
    op_watch_start(o, ns,
                   &(gs_informer_options){.resource = &OP_INCIDENTS,
                                          .on_object = on_incident,
                                          .on_deleted = on_incident_deleted,
                                          .on_list_end = on_listed});
}

static void on_expired(void *ctx, const gs_kube_reply *reply)
{
    op_incident *at = ctx;
    at->call = NULL;
    at->deleting = false;
    if (reply->err.kind != GS_OK && reply->err.kind != GS_NOT_FOUND) {
        failed(at, &reply->err);
    } else if (at->i->resolved) {
        forget(at->o, at);
    } else { /* the leak came back meanwhile */
        at->uid[0] = 0;
        at->dirty = at->urgent = true;
    }
}

bool op_incidents_settled(const op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->incidents, &it);) {
        const op_incident *at = it.value;
        if (at->call || (at->dirty && at->urgent))
            return false;
    }
    return true;
}

void op_incidents_tick(op *o)
{
    int64_t now = op_wall(o);
    for (gs_map_it it = {0}; gs_map_next(o->incidents, &it);) {
        op_incident *at = it.value;
        bool expired = at->i->resolved && at->i->resolution_ms && now - at->i->resolution_ms > o->opt.retention_ms;
        if (expired && at->uid[0] && !at->call && o->synced) {
            gs_kube_path path = path_of(at, NULL);
            at->deleting = true;
            at->call = gs_kube_delete(o->kube, &path, at->uid, NULL, &once, on_expired, at);
            continue;
        }
        consider(at);
    }
}

void op_incidents_free(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->incidents, &it);)
        incident_free(it.value);
    gs_map_free(o->incidents);
}
