#include "core/heal.h"

#include <stdio.h>

const char *gs_refusal_name(enum gs_refusal r)
{
    static const char *const names[GS_REFUSAL_COUNT_] = {
        [GS_REFUSAL_NONE] = "",
        [GS_REFUSAL_MODE] = "ModeObserve",
        [GS_REFUSAL_SUSPENDED] = "Suspended",
        [GS_REFUSAL_NO_ACTIONS] = "NoActions",
        [GS_REFUSAL_GRADE] = "GradeTooLow",
        [GS_REFUSAL_EVIDENCE] = "EvidenceMissing",
        [GS_REFUSAL_KIND] = "NotScalable",
        [GS_REFUSAL_GONE] = "WorkloadGone",
        [GS_REFUSAL_AUTOSCALER] = "Autoscaler",
        [GS_REFUSAL_ZERO] = "ScaledToZero",
        [GS_REFUSAL_MAX_REPLICAS] = "MaxReplicas",
        [GS_REFUSAL_COOLDOWN] = "Cooldown",
        [GS_REFUSAL_PENDING] = "ActionPending",
        [GS_REFUSAL_ADDED] = "AlreadyScaled",
        [GS_REFUSAL_NO_CLUSTER] = "NoCluster",
    };
    return names[r];
}

bool gs_incident_has_evidence(const gs_incident *i)
{
    for (size_t k = 0; k < i->n_evidence; k++)
        if (i->evidence[k].time_ms >= i->detection_ms)
            return true;
    return false;
}

/* How many of the policy's actions this occurrence has used up: each is tried once. */
static size_t tried(const gs_policy *p, const gs_incident *i)
{
    size_t n = 0;
    for (size_t k = 0; k < i->n_actions; k++) {
        const gs_action *a = &i->actions[k];
        n += a->time_ms >= i->detection_ms && a->outcome != GS_OUTCOME_REFUSED &&
             a->dry_run == (p->mode == GS_MODE_DRY_RUN);
    }
    return n;
}

static void refuse(gs_plan *ret, enum gs_refusal r, int64_t retry_ms, const char *message)
{
    ret->refusal = r;
    ret->retry_ms = retry_ms;
    (void)gs_str_copy(ret->message, sizeof ret->message, gs_str_of(message));
}

void gs_heal_precheck(const gs_policy *p, const gs_incident *i, const gs_heal_history *h, int64_t wall_ms, gs_plan *ret)
{
    *ret = (gs_plan){.retry_ms = -1};
    size_t next = tried(p, i);
    int64_t last = h && h->n_times ? h->action_times[h->n_times - 1] : 0;
    int64_t ready = last + p->cooldown_s * 1000;
    char message[160];
    if (p->mode == GS_MODE_OBSERVE) {
        refuse(ret, GS_REFUSAL_MODE, -1, "spec.mode is Observe: nothing is acted on");
    } else if (p->suspend) {
        refuse(ret, GS_REFUSAL_SUSPENDED, -1, "spec.suspend is set");
    } else if (next >= p->n_actions) {
        refuse(ret, GS_REFUSAL_NO_ACTIONS, -1,
               p->n_actions ? "all actions of the policy were tried" : "spec.healing.actions is empty");
    } else if (i->grade < p->min_grade) {
        (void)snprintf(message, sizeof message, "graded %s, spec.healing.minGrade is %s", gs_grade_name(i->grade),
                       gs_grade_name(p->min_grade));
        refuse(ret, GS_REFUSAL_GRADE, -1, message);
    } else if (p->has_s3 && !gs_incident_has_evidence(i)) {
        refuse(ret, GS_REFUSAL_EVIDENCE, -1, "the snapshot is not stored yet");
    } else if (h && h->pending.set) {
        refuse(ret, GS_REFUSAL_PENDING, 5000, "an earlier action has no outcome yet");
    } else if (last && wall_ms < ready) {
        (void)snprintf(message, sizeof message, "cooldown for another %lld s",
                       (long long)(ready - wall_ms + 999) / 1000);
        refuse(ret, GS_REFUSAL_COOLDOWN, ready - wall_ms, message);
    } else {
        ret->type = p->actions[next].type;
    }
}

void gs_heal_plan(const gs_policy *p, const gs_incident *i, const gs_workload_facts *f, const gs_heal_history *h,
                  int64_t wall_ms, gs_plan *ret)
{
    gs_heal_precheck(p, i, h, wall_ms, ret);
    if (ret->refusal)
        return;
    ret->from = ret->to = f->replicas; /* a refusal shows them too */
    const gs_scale_out *so = &p->actions[tried(p, i)].scale_out;
    char message[GS_OBJECT_LEN + 80];
    if (f->gone) {
        refuse(ret, GS_REFUSAL_GONE, -1, "the workload does not exist any more");
    } else if (!f->scalable) {
        (void)snprintf(message, sizeof message, "a %s has no scale", i->workload.kind);
        refuse(ret, GS_REFUSAL_KIND, -1, message);
    } else if (f->autoscaler[0]) {
        (void)snprintf(message, sizeof message, "HorizontalPodAutoscaler %s owns the scale", f->autoscaler);
        refuse(ret, GS_REFUSAL_AUTOSCALER, 60000, message);
    } else if (f->replicas == 0) {
        refuse(ret, GS_REFUSAL_ZERO, 60000, "the workload is scaled to 0");
    } else if (h && h->added_replicas > 0) {
        refuse(ret, GS_REFUSAL_ADDED, 60000, "an earlier ScaleOut is not taken back yet");
    } else if (f->replicas >= so->max_replicas) {
        (void)snprintf(message, sizeof message, "%d replicas, scaleOut.maxReplicas is %d", f->replicas,
                       so->max_replicas);
        refuse(ret, GS_REFUSAL_MAX_REPLICAS, 60000, message);
    } else {
        int to = f->replicas + so->step;
        ret->from = f->replicas;
        ret->to = to < so->max_replicas ? to : so->max_replicas;
    }
}

int gs_heal_undo(const gs_heal_history *h, const gs_workload_facts *f)
{
    if (f->gone || h->added_replicas <= 0 || f->autoscaler[0] || f->replicas != h->scaled_to)
        return -1;
    int to = h->scaled_to - h->added_replicas;
    return to >= 1 ? to : -1;
}

enum gs_resume gs_heal_resume(const gs_heal_history *h, const gs_workload_facts *f)
{
    if (!f->gone && f->replicas == h->pending.to)
        return GS_RESUME_DONE;
    if (!f->gone && f->scalable && !f->autoscaler[0] && f->replicas == h->pending.from)
        return GS_RESUME_DO;
    return GS_RESUME_GIVE_UP;
}

void gs_history_add_time(gs_heal_history *h, int64_t wall_ms, int64_t cooldown_s)
{
    int64_t keep = cooldown_s * 1000 > 3600000 ? cooldown_s * 1000 : 3600000;
    size_t drop = 0;
    while (drop < h->n_times && (h->action_times[drop] < wall_ms - keep || h->n_times - drop >= GS_MAX_ACTION_TIMES))
        drop++;
    memmove(h->action_times, h->action_times + drop, (h->n_times - drop) * sizeof h->action_times[0]);
    h->n_times -= drop;
    h->action_times[h->n_times++] = wall_ms;
}
