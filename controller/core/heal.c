/* What may be done, by the facts. */
#include "core/heal.h"

#include "core/heal_internal.h"

#define SOON_MS 15000 /* what pods and rollouts change by themselves */
#define LATER_MS 60000

static bool possible(enum gs_action_type type, const gs_incident *i, const gs_workload_facts *f)
{
    switch (type) {
    case GS_ACTION_SCALE_OUT:
        return f->scalable;
    case GS_ACTION_REPLACE:
        return f->can_replace;
    case GS_ACTION_EVICT:
        return !gs_streq(i->workload.kind, "Pod");
    case GS_ACTION_RESTART:
        return f->can_restart;
    }
    return false;
}

/* The first one that the workload's kind can do; those before it are noted in ret->passed. Refused where there is none. */
static const gs_action_spec *possible_action(const gs_policy *p, const gs_incident *i, const gs_workload_facts *f,
                                             gs_plan *ret)
{
    const gs_action_spec *a = heal_next_action(p, i, 0);
    while (a && !possible(a->type, i, f)) {
        ret->passed |= 1u << a->type;
        a = heal_next_action(p, i, (size_t)(a - p->actions) + 1);
    }
    if (a) {
        ret->type = a->type;
        return a;
    }
    char message[160];
    gs_heal_impossible(ret->type, i->workload.kind, message); /* of the first one */
    heal_refusal(ret, GS_REFUSAL_KIND, -1, "%s", message);
    return NULL;
}

/* With facts. */

static int min_available(const gs_policy *p, const gs_workload_facts *f)
{
    return (int)(((int64_t)p->limits.min_available_percent * f->replicas + 99) / 100);
}

static void check_workload(const gs_policy *p, const gs_workload_facts *f, gs_plan *ret)
{
    if (f->replicas == 0)
        heal_refusal(ret, GS_REFUSAL_ZERO, LATER_MS, "the workload is scaled to 0");
    else if (f->paused)
        heal_refusal(ret, GS_REFUSAL_PAUSED, SOON_MS, "its rollout is paused (spec.paused)");
    else if (f->replica_sets > 1)
        heal_refusal(ret, GS_REFUSAL_ROLLING, SOON_MS, "its rollout is not finished: %d ReplicaSets have pods",
                     f->replica_sets);
    else if (f->rolling)
        heal_refusal(ret, GS_REFUSAL_ROLLING, SOON_MS, "its rollout is not finished");
    else if (f->available < min_available(p, f))
        heal_refusal(ret, GS_REFUSAL_UNAVAILABLE, SOON_MS,
                     "%d of %d pods are available, limits.minAvailablePercent %d asks for %d", f->available,
                     f->replicas, p->limits.min_available_percent, min_available(p, f));
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* An HPA whose minimum someone has just raised has not come to it yet: what is planned now might lower it. */
static void check_autoscaler(const gs_workload_facts *f, gs_plan *ret)
{
    if (!ret->refusal && f->autoscaler[0] && f->replicas < f->hpa_min)
        heal_refusal(ret, GS_REFUSAL_ROLLING, SOON_MS,
                     "%d replicas, HorizontalPodAutoscaler %.60s goes to its minReplicas %d", f->replicas,
                     f->autoscaler, f->hpa_min);
}

static void check_keda(const gs_workload_facts *f, gs_plan *ret)
{
    if (f->autoscaler[0] && f->keda)
        heal_refusal(ret, GS_REFUSAL_KEDA, LATER_MS, "KEDA owns HorizontalPodAutoscaler %.80s, which owns the scale",
                     f->autoscaler);
    check_autoscaler(f, ret);
}

static void plan_scale_out(const gs_policy *p, const gs_scale_out *so, const gs_workload_facts *f,
                           const gs_heal_history *h, gs_plan *ret)
{
    int added = h ? h->added_replicas : 0;
    check_keda(f, ret);
    if (ret->refusal)
        return;
    if (added > 0 && added >= p->limits.max_added_replicas) {
        heal_refusal(ret, GS_REFUSAL_MAX_ADDED, LATER_MS,
                     "%d replicas were added and are not taken back yet, limits.maxAddedReplicas is %d", added,
                     p->limits.max_added_replicas);
    } else if (added > 0) {
        heal_refusal(ret, GS_REFUSAL_ADDED, LATER_MS, "the %d replicas of an earlier ScaleOut are not taken back yet",
                     added);
    } else if (f->replicas >= so->max_replicas) {
        heal_refusal(ret, GS_REFUSAL_MAX_REPLICAS, LATER_MS, "%d replicas, scaleOut.maxReplicas is %d", f->replicas,
                     so->max_replicas);
    } else if (f->autoscaler[0] && f->replicas >= f->hpa_max) {
        heal_refusal(ret, GS_REFUSAL_AUTOSCALER_MAX, LATER_MS,
                     "%d replicas, maxReplicas of HorizontalPodAutoscaler %.60s is %d", f->replicas, f->autoscaler,
                     f->hpa_max);
    } else {
        int to = least(least(f->replicas + so->step, so->max_replicas), f->replicas + p->limits.max_added_replicas);
        ret->from = f->autoscaler[0] ? f->hpa_min : f->replicas;
        ret->to = f->autoscaler[0] ? least(to, f->hpa_max) : to;
    }
}

static bool leaks(const gs_incident *i, const char *pod)
{
    for (size_t k = 0; k < i->n_pods; k++)
        if (gs_streq(i->pods[k].name, pod))
            return !i->pods[k].adopted && (i->type == GS_INCIDENT_RESOURCE || i->pods[k].leaking > 0);
    return false;
}

/* The worst pods that leak and are there, at most max. */
static void choose_victims(const gs_incident *i, const gs_workload_facts *f, int max, gs_pending *ret)
{
    for (size_t k = 0; k < i->n_pods && ret->n_victims < (size_t)max && ret->n_victims < GS_MAX_POD_VICTIMS; k++) {
        const gs_pod_facts *pod = heal_pod(f, i->pods[k].name);
        if (!pod || !leaks(i, pod->name) || !pod->assigned || !pod->running || pod->terminating)
            continue;
        gs_victim *v = &ret->victims[ret->n_victims++];
        memcpy(v->name, pod->name, sizeof v->name);
        memcpy(v->uid, pod->uid, sizeof v->uid);
        v->had_cost = pod->has_cost;
        v->cost = pod->cost;
    }
}

static void refuse_no_pods(gs_plan *ret)
{
    heal_refusal(ret, GS_REFUSAL_NO_PODS, SOON_MS, "none of the pods that leak is there and Running any more");
}

static void plan_replace(const gs_incident *i, const gs_replace *r, const gs_workload_facts *f, gs_plan *ret)
{
    check_keda(f, ret);
    if (ret->refusal)
        return;
    choose_victims(i, f, r->max_pods, &ret->intent);
    int to = f->replicas + (int)ret->intent.n_victims;
    if (!ret->intent.n_victims) {
        refuse_no_pods(ret);
    } else if (f->autoscaler[0] && to > f->hpa_max) {
        heal_refusal(ret, GS_REFUSAL_AUTOSCALER_MAX, LATER_MS,
                     "%d replicas and %d more, maxReplicas of HorizontalPodAutoscaler %.60s is %d", f->replicas,
                     to - f->replicas, f->autoscaler, f->hpa_max);
    } else {
        ret->from = f->autoscaler[0] ? f->hpa_min : f->replicas;
        ret->to = to;
        ret->intent.ready_s = r->ready_s;
    }
}

/* As many at once as the others allow. */
static void plan_evict(const gs_policy *p, const gs_incident *i, const gs_evict *e, const gs_workload_facts *f,
                       gs_plan *ret)
{
    gs_pending *in = &ret->intent;
    int floor = min_available(p, f), left = f->available;
    choose_victims(i, f, e->max_pods, in);
    if (!in->n_victims) {
        refuse_no_pods(ret);
        return;
    }
    size_t n = 0;
    for (; n < in->n_victims; n++) {
        left -= heal_serves(heal_victim(f, &in->victims[n]));
        if (left < floor)
            break;
    }
    in->n_victims = n;
    if (n == 0)
        heal_refusal(ret, GS_REFUSAL_UNAVAILABLE, SOON_MS,
                     "without one of them %d of %d pods would be available, limits.minAvailablePercent %d asks for %d",
                     left, f->replicas, p->limits.min_available_percent, floor);
}

/* Of the revision that leaks; of all where no single one does. */
static void plan_restart(const gs_incident *i, const gs_workload_facts *f, gs_plan *ret)
{
    int all = 0, leaking = 0;
    for (size_t k = 0; k < f->n_pods; k++) {
        const gs_pod_facts *pod = &f->pods[k];
        if (pod->terminating || (i->revision[0] && !gs_streq(pod->revision, i->revision)))
            continue;
        all++;
        leaking += leaks(i, pod->name);
    }
    if (!leaking)
        refuse_no_pods(ret);
    else if (leaking < all)
        heal_refusal(ret, GS_REFUSAL_NOT_ALL, LATER_MS,
                     "%d of %d pods leak, Restart is for a revision that leaks as a whole", leaking, all);
}

static void plan_action(const gs_policy *p, const gs_incident *i, const gs_action_spec *a, const gs_workload_facts *f,
                        const gs_heal_history *h, gs_plan *ret)
{
    switch (a->type) {
    case GS_ACTION_SCALE_OUT:
        plan_scale_out(p, &a->scale_out, f, h, ret);
        break;
    case GS_ACTION_REPLACE:
        plan_replace(i, &a->replace, f, ret);
        break;
    case GS_ACTION_EVICT:
        plan_evict(p, i, &a->evict, f, ret);
        break;
    case GS_ACTION_RESTART:
        plan_restart(i, f, ret);
        break;
    }
}

static void fill_intent(const gs_policy *p, const gs_incident *i, const gs_workload_facts *f, int growth, gs_plan *ret)
{
    gs_pending *in = &ret->intent;
    bool scales = ret->type == GS_ACTION_SCALE_OUT || ret->type == GS_ACTION_REPLACE;
    in->set = true;
    in->type = ret->type;
    in->from = ret->from;
    in->to = ret->to;
    in->min_available = min_available(p, f);
    in->growth = growth;
    memcpy(in->incident, i->name, sizeof in->incident);
    if (scales)
        memcpy(in->autoscaler, f->autoscaler, sizeof in->autoscaler);
}

void gs_heal_plan(const gs_policy *p, const gs_incident *i, const gs_workload_facts *f, const gs_heal_history *h,
                  bool evidence, int growth, int64_t wall_ms, gs_plan *ret)
{
    gs_heal_precheck(p, i, h, evidence, wall_ms, ret);
    if (ret->refusal)
        return;
    ret->from = ret->to = f->replicas; /* a refusal shows them too */
    if (f->gone) {
        heal_refusal(ret, GS_REFUSAL_GONE, -1, "the workload does not exist any more");
        return;
    }
    const gs_action_spec *a = possible_action(p, i, f, ret);
    if (a)
        heal_check_rights(a->type, i, f, ret); /* before what passes by itself: people have to see to it */
    if (!ret->refusal)
        check_workload(p, f, ret);
    if (!ret->refusal)
        plan_action(p, i, a, f, h, ret);
    if (!ret->refusal)
        fill_intent(p, i, f, growth, ret);
    else
        ret->intent = (gs_pending){0};
}
