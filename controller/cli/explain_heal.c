/* What would be done about each open incident. gs_heal_plan names the first thing that stands in the way; here it is asked
 * again as if that were not there, until it comes to the action itself, or to something that nothing leads past. */
#include "base/mem.h"
#include "cli/explain.h"

#include <stdarg.h>
#include <stdio.h>

/* Copies that obstacles are taken away from. They borrow what the originals own. */
typedef struct supposed {
    gs_policy p;
    gs_heal_history h;
    bool has_history, evidence;
} supposed;

typedef struct looking {
    gs_cluster *c;
    void (*use)(void *ctx, const gs_found *found, const gs_error *err);
    void *ctx;
    bool done;
} looking;

static void on_look(void *ctx, const gs_found *found, const gs_error *err)
{
    looking *l = ctx;
    l->use(l->ctx, found, err);
    l->done = true;
    gs_loop_stop(l->c->loop);
}

typedef struct planning {
    const gs_cluster *c;
    gs_explained_incident *e;
    supposed *s;
    int64_t wall_ms;
} planning;

/* NULL: there is no room for more. */
static gs_obstacle *add(gs_explained_incident *e, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static gs_obstacle *add(gs_explained_incident *e, const char *reason, const char *fmt, ...)
{
    va_list args;
    if (e->n_in_the_way == GS_EXPLAIN_OBSTACLES)
        return NULL;
    gs_obstacle *o = &e->in_the_way[e->n_in_the_way++];
    o->reason = reason;
    va_start(args, fmt);
    (void)vsnprintf(o->message, sizeof o->message, fmt, args);
    va_end(args);
    return o;
}

/* True where it is to be asked again. */
static bool note(planning *n, const gs_plan *plan)
{
    gs_explained_incident *e = n->e;
    gs_obstacle *o = add(e, gs_refusal_name(plan->refusal), "%s", plan->message);
    if (!o)
        return false;
    o->until_ms = plan->refusal == GS_REFUSAL_COOLDOWN || plan->refusal == GS_REFUSAL_BUDGET ||
                          plan->refusal == GS_REFUSAL_WINDOW || plan->refusal == GS_REFUSAL_DENIED ||
                          plan->refusal == GS_REFUSAL_HOLDING
                      ? (plan->retry_ms > 0 ? n->wall_ms + plan->retry_ms : 0)
                      : 0;
    bool none = plan->refusal == GS_REFUSAL_NO_ACTIONS;
    (void)gs_str_copy(e->action, sizeof e->action, gs_str_of(none ? "" : gs_action_name(plan->type)));
    n->s->has_history = true; /* an empty one is as good as none */
    return gs_explain_past(plan->refusal, &n->s->p, &n->s->h, &n->s->evidence);
}

static const gs_heal_history *history(const supposed *s)
{
    return s->has_history ? &s->h : NULL;
}

static void plan_it(void *ctx, const gs_found *found, const gs_error *err)
{
    planning *n = ctx;
    gs_autofree gs_plan *plan = gs_alloc(sizeof *plan);
    if (err->kind) {
        gs_error why = *err;
        bool forbidden = gs_cluster_explain(n->c, "get", NULL, NULL, &why) == GS_EXIT_RIGHTS;
        if (forbidden)
            (void)gs_error_wrap(&why, GS_REFUSED, "it depends on what you may not read");
        (void)gs_str_copy(n->e->unknown, sizeof n->e->unknown, gs_str_of(why.msg));
        return;
    }
    do
        gs_heal_plan(&n->s->p, n->e->l->i, &found->f, history(n->s), n->s->evidence, 0, n->wall_ms, plan);
    while (plan->refusal && note(n, plan));
    if (plan->refusal)
        return;
    gs_heal_describe(&plan->intent, n->e->next);
    n->e->intent = plan->intent;
    (void)gs_str_copy(n->e->action, sizeof n->e->action, gs_str_of(gs_action_name(plan->type)));
}

/* Whether facts are worth asking for; notes what is in the way without them. */
static bool precheck(planning *n)
{
    gs_autofree gs_plan *plan = gs_alloc(sizeof *plan);
    do
        gs_heal_precheck(&n->s->p, n->e->l->i, history(n->s), n->s->evidence, n->wall_ms, plan);
    while (plan->refusal && note(n, plan));
    return !plan->refusal;
}

/* NULL: the policy selects no pod of it. */
static const gs_explained_workload *find(const gs_explained *x, const gs_workload_ref *w)
{
    for (size_t k = 0; k < x->n_workloads; k++)
        if (gs_streq(x->workloads[k].ref.uid, w->uid))
            return &x->workloads[k];
    return NULL;
}

static bool some_unknown(const gs_explained *x)
{
    for (size_t k = 0; k < x->n_workloads; k++)
        if (!x->workloads[k].ref.kind[0])
            return true;
    return false;
}

/* What Ready says without keeping the policy from acting where it can. */
static bool is_partial(const char *reason)
{
    return gs_streq(reason, "Overlap") || gs_streq(reason, "PortNotFound");
}

/* Without these the controller does not even plan: operator/actuator.c, policy_rests. */
static void check_policy(const gs_explained *x, gs_explained_incident *e)
{
    const gs_incident *i = e->l->i;
    const gs_explained_workload *w = find(x, &i->workload);
    if (!x->seen)
        (void)add(e, "NoController", "no controller has looked at the policy yet");
    for (size_t k = 0; k < x->n_secrets; k++)
        if (x->secrets[k].state == GS_SECRET_WRONG && strncmp(x->secrets[k].field, "spec.snapshot.", 14) == 0)
            (void)add(e, "Secret", "%s", x->secrets[k].message);
    for (size_t k = 0; k < GS_LEN(x->status.conditions); k++) {
        const gs_condition *c = &x->status.conditions[k];
        if (gs_streq(c->type, "Ready") && gs_streq(c->status, "False") && !is_partial(c->reason))
            (void)add(e, "NotReady", "%s: %.100s", c->reason, c->message);
    }
    if (w && !gs_streq(w->owner->uid, x->p->uid))
        (void)add(e, "OtherPolicy", "the workload belongs to the older policy %.100s", w->owner->name);
    else if (!w && !some_unknown(x))
        (void)add(e, "NotSelected", "the policy selects no pod of the workload now");
}

/* The user's own rights say nothing of the controller's: what it found missing when it last looked does. */
static void check_rights(gs_explained_incident *e)
{
    const gs_incident *i = e->l->i;
    const char *name = gs_refusal_name(GS_REFUSAL_RIGHT);
    const gs_action *last = i->n_actions ? &i->actions[i->n_actions - 1] : NULL;
    size_t n = strlen(name);
    if (last && last->outcome == GS_OUTCOME_REFUSED && last->time_ms >= i->detection_ms &&
        strncmp(last->reason, name, n) == 0 && strncmp(last->reason + n, ": ", 2) == 0)
        (void)add(e, name, "%s", last->reason + n + 2);
}

static void explain(gs_cluster *c, const gs_explained *x, gs_explained_incident *e)
{
    gs_incident *i = e->l->i;
    gs_autofree supposed *s = gs_alloc(sizeof *s);
    planning n = {.c = c, .e = e, .s = s, .wall_ms = c->wall_ms};
    s->p = *x->p;
    s->evidence = gs_incident_has_evidence(i);
    for (size_t k = 0; k < x->n_history; k++)
        if (gs_streq(x->history[k].workload.uid, i->workload.uid)) {
            s->h = x->history[k];
            s->has_history = true;
        }
    for (size_t k = 0; k < i->n_pods; k++)
        i->pods[k].adopted = false; /* what the status says is what the controller has seen */
    const gs_explained_workload *w = find(x, &i->workload);
    check_policy(x, e);
    check_rights(e);
    if (!precheck(&n))
        return;
    looking l = {.c = c, .use = plan_it, .ctx = &n};
    (void)gs_look_start(&(gs_look_options){.kube = c->kube,
                                           .discovery = x->discovery,
                                           .owners = x->owners,
                                           .workload = &i->workload,
                                           .pods = w ? w->selected : 0,
                                           .done = on_look,
                                           .ctx = &l});
    gs_cluster_wait(c, &l.done);
}

enum gs_exit gs_explain_heal(gs_cluster *c, gs_explained *x, gs_error *err)
{
    enum gs_exit code = gs_incidents_list(c, c->ns, &x->incidents, err);
    if (code)
        return code;
    x->open = gs_allocn(x->incidents.n + 1, sizeof *x->open);
    for (size_t k = 0; k < x->incidents.n; k++) {
        const gs_listed *l = &x->incidents.v[k];
        if (l->i->resolved || !gs_streq(l->i->policy_name, x->p->name))
            continue;
        gs_explained_incident *e = &x->open[x->n_open++];
        e->l = l;
        explain(c, x, e);
        if ((code = gs_explain_budgets(c, e, err)))
            break;
    }
    return code;
}
