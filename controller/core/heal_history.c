/* What was done to a workload: whether it helped, how it is taken back, when it may be forgotten. */
#include "core/heal_internal.h"

enum gs_heal_verdict gs_heal_judge(const gs_heal_history *h, const gs_workload_facts *f, int growth)
{
    /* An HPA's minimum may have been far below the replicas that ran: then the least that adding can do is asked for. */
    int64_t to = h->scaled_to, from = h->autoscaler[0] ? to - 1 : to - h->added_replicas;
    if (heal_available(f) < to)
        return GS_VERDICT_NOT_READY;
    bool lower = h->growth <= 0 || 2 * to * growth <= (to + from) * h->growth; /* 0: it was not known */
    return lower ? GS_VERDICT_KEEP : GS_VERDICT_NOT_LOWER;
}

int gs_heal_undo(const gs_heal_history *h, const gs_workload_facts *f)
{
    int to = h->scaled_to - h->added_replicas;
    if (f->gone || h->added_replicas <= 0 || to < 1)
        return -1;
    if (h->autoscaler[0])
        return !f->keda && gs_streq(f->autoscaler, h->autoscaler) && f->hpa_min == h->scaled_to ? to : -1;
    return !f->autoscaler[0] && f->replicas == h->scaled_to ? to : -1;
}

static int64_t keep_ms(int64_t cooldown_s)
{
    return cooldown_s * 1000 > 3600000 ? cooldown_s * 1000 : 3600000;
}

void gs_history_add_time(gs_heal_history *h, int64_t wall_ms, int64_t cooldown_s)
{
    int64_t since = wall_ms - keep_ms(cooldown_s);
    size_t drop = 0;
    while (drop < h->n_times && (h->action_times[drop] < since || h->n_times - drop >= GS_MAX_ACTION_TIMES))
        drop++;
    memmove(h->action_times, h->action_times + drop, (h->n_times - drop) * sizeof h->action_times[0]);
    h->n_times -= drop;
    h->action_times[h->n_times++] = wall_ms;
}

int64_t gs_history_newest_ms(const gs_heal_history *h)
{
    int64_t ms = h->n_times ? h->action_times[h->n_times - 1] : 0;
    ms = h->added_replicas > 0 && h->scaled_ms > ms ? h->scaled_ms : ms;
    return h->pending.set && h->pending.step_ms > ms ? h->pending.step_ms : ms;
}

bool gs_history_spent(const gs_heal_history *h, int64_t cooldown_s, int64_t wall_ms)
{
    return !h->pending.set && h->added_replicas <= 0 &&
           (!h->n_times || wall_ms - h->action_times[h->n_times - 1] > keep_ms(cooldown_s));
}
