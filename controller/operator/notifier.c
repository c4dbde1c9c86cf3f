/* Who is told what: for each entry of a policy's spec.notify a queue of its own (notices.h). What is to be told follows from
 * the incidents that are open, so that a missed event or a restart loses none; events bring the words. */
#include "operator/notifier.h"

#include "base/log.h"
#include "base/mem.h"

/* What was found so shortly before a restart may have waited still to be told: whether it was is written nowhere, and a rare
 * duplicate is better than silence. Longer than OPENED waits for its evidence, a retry and a change of leaders. */
#define RECENT_MS 120000

static void destination_free(op_destination *d)
{
    op_notify_send_cancel(d->send);
    op_notices_done(&d->queue);
    free(d);
}

void op_notify_forget(op_policy *p)
{
    op_notifier *n = p->notifier;
    if (!n)
        return;
    for (size_t k = 0; k < n->n; k++)
        destination_free(n->v[k]);
    free(n);
    p->notifier = NULL;
}

static op_destination *destination_new(op_notifier *n, const gs_notify_spec *spec)
{
    op_destination *d = gs_alloc(sizeof *d);
    d->notifier = n;
    d->spec = *spec;
    d->since_ms = op_wall(n->policy->o);
    op_notices_init(&d->queue, op_notify_alerts(d)); /* one alert for each incident, and made for machines */
    return d;
}

/* The entry goes on as it is where it has the same name and type: its Secret or severity may be another one. */
static op_destination *take_over(op_notifier *n, const gs_notify_spec *spec)
{
    for (size_t k = 0; k < n->n; k++) {
        op_destination *d = n->v[k];
        if (!d || !gs_streq(d->spec.name, spec->name) || d->spec.type != spec->type)
            continue;
        n->v[k] = NULL;
        d->spec = *spec;
        return d;
    }
    return destination_new(n, spec);
}

/* An entry list that cannot be read now does not change what is in force. */
static op_notifier *notifier_of(op_policy *p)
{
    op_notifier *n = p->notifier;
    if (p->invalid || (!n && !p->p->n_notify))
        return n;
    if (!n) {
        n = p->notifier = gs_alloc(sizeof *n);
        n->policy = p;
    }
    op_destination *v[GS_MAX_NOTIFY];
    for (size_t k = 0; k < p->p->n_notify; k++)
        v[k] = take_over(n, &p->p->notify[k]);
    for (size_t k = 0; k < n->n; k++)
        if (n->v[k])
            destination_free(n->v[k]);
    n->n = p->p->n_notify;
    memcpy(n->v, v, n->n * sizeof *v);
    n->has_s3 = p->p->has_s3;
    n->s3 = p->p->s3;
    return n;
}

gs_incident *op_notify_incident(const op_destination *d, const char *name)
{
    const op_policy *p = d->notifier->policy;
    gs_autofree char *key = gs_sprintf("%s/%s", p->p->ns, name);
    const op_incident *at = gs_map_get(p->o->incidents, key);
    return at ? at->i : NULL;
}

void op_notify_count(op_destination *d, enum op_notify_outcome outcome, unsigned n)
{
    d->notifier->policy->o->notifications[d->spec.type][outcome] += n;
}

static void add(op_destination *d, const gs_incident *i, enum gs_notice_kind kind, const char *text, int64_t wait_ms)
{
    unsigned dropped = op_notices_add(&d->queue, i->name, kind, text, wait_ms, op_mono(d->notifier->policy->o));
    op_notify_count(d, OP_NOTIFY_DROPPED, dropped);
}

/* How long OPENED waits for a link to the evidence. */
static int64_t evidence_wait(const op_destination *d, const gs_incident *i)
{
    return d->notifier->has_s3 && !gs_incident_has_evidence(i) ? OP_NOTICES_EVIDENCE_MS : 0;
}

/* What this destination knows of an incident; NULL: nothing yet, though where it is worth its while it is about to be told
 * in these words. Chat services were told of what an earlier controller found; Alertmanager forgets, and is told again. */
static op_told *know(op_destination *d, const gs_incident *i, const char *text)
{
    op_told *t = op_notices_get(&d->queue, i->name);
    if (i->severity < d->spec.min_severity || (t && (i->resolved || !t->over || t->opened || d->queue.of == t)))
        return t;
    if (!t && !op_notify_alerts(d) && (i->resolved || i->detection_ms < d->since_ms - RECENT_MS))
        return op_notices_known(&d->queue, i->name);
    if (i->resolved)
        return NULL;
    add(d, i, GS_NOTICE_OPENED, text, evidence_wait(d, i));
    return NULL;
}

static bool kind_of(enum gs_event e, const gs_incident *i, enum gs_notice_kind *ret)
{
    switch (e) {
    case GS_EVENT_INCIDENT:
        *ret = GS_NOTICE_OPENED;
        return true;
    case GS_EVENT_GRADED:
        *ret = GS_NOTICE_GRADED;
        return i->grade >= GS_GRADE_PROBABLE;
    case GS_EVENT_ACTION:
    case GS_EVENT_REFUSED:
        *ret = GS_NOTICE_ACTION;
        return true;
    case GS_EVENT_RESOLVED:
        *ret = GS_NOTICE_RESOLVED;
        return true;
    case GS_EVENT_SUSPECTED:
        return false;
    }
    return false;
}

void op_notify_event(op *o, enum gs_event e, const gs_incident *i, const char *text)
{
    enum gs_notice_kind kind;
    op_policy *p = op_policy_get(o, i->workload.ns, i->policy_name);
    op_notifier *n = p ? notifier_of(p) : NULL;
    if (!n || !kind_of(e, i, &kind))
        return;
    for (size_t k = 0; k < n->n; k++) {
        op_destination *d = n->v[k];
        bool enough = i->severity >= d->spec.min_severity;
        if (kind == GS_NOTICE_OPENED && enough)
            add(d, i, kind, text, evidence_wait(d, i));
        else if (kind != GS_NOTICE_OPENED && know(d, i, text) && (enough || kind == GS_NOTICE_RESOLVED))
            add(d, i, kind, text, 0);
    }
}

/* An open incident that nobody speaks of just now. */
static void look_at(op_destination *d, const gs_incident *i)
{
    int64_t now = op_mono(d->notifier->policy->o);
    op_told *t = know(d, i, "");
    if (!t)
        return;
    if (t->opened && !evidence_wait(d, i))
        op_notices_hurry(t, now);
    bool quiet = !t->over && !t->opened && !t->later && d->queue.of != t;
    if (op_notify_alerts(d) && quiet && now - t->told_ms >= OP_ALERT_REPEAT_MS) {
        gs_autofree char *text = gs_strdup(t->text);
        add(d, i, GS_NOTICE_OPENED, text, 0);
    }
}

static void look_at_all(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->incidents, &it);) {
        const gs_incident *i = ((op_incident *)it.value)->i;
        const op_policy *p = i->resolved ? NULL : op_policy_get(o, i->workload.ns, i->policy_name);
        for (size_t k = 0; p && p->notifier && k < p->notifier->n; k++)
            look_at(p->notifier->v[k], i);
    }
}

static void give_up(op_destination *d)
{
    op_notice *n;
    const op_told *t;
    while (op_notices_expire(&d->queue, op_mono(d->notifier->policy->o), &n, &t)) {
        gs_log_warn("gave up a notification", "policy", d->notifier->policy->key, "notify", d->spec.name, "type",
                    gs_notify_name(d->spec.type), "incident", t->name, "event", gs_notice_kind_name(n->kind));
        op_notify_count(d, OP_NOTIFY_GIVEN_UP, 1);
        op_notice_free(n);
    }
}

/* Of an incident whose object is gone nothing is to be told. */
static void prune(op_destination *d)
{
    for (gs_map_it it = {0}; gs_map_next(d->queue.incidents, &it);) {
        op_told *t = it.value;
        if (!op_notify_incident(d, t->name))
            op_notices_forget(&d->queue, t);
    }
}

void op_notify_tick(op *o)
{
    if (!o->synced || o->stopping)
        return;
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);)
        (void)notifier_of(it.value);
    look_at_all(o);
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        const op_notifier *n = ((op_policy *)it.value)->notifier;
        for (size_t k = 0; n && k < n->n; k++) {
            give_up(n->v[k]);
            prune(n->v[k]);
            op_notify_pump(n->v[k]);
        }
    }
}

const char *op_notify_refused(const op_policy *p)
{
    const op_notifier *n = p->notifier;
    for (size_t k = 0; n && k < n->n; k++)
        if (n->v[k]->refused[0])
            return n->v[k]->refused;
    return "";
}

size_t op_notify_waiting(const op *o)
{
    size_t waiting = 0;
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        const op_notifier *n = ((op_policy *)it.value)->notifier;
        for (size_t k = 0; n && k < n->n; k++)
            waiting += op_notices_waiting(&n->v[k]->queue);
    }
    return waiting;
}
