#include "core/escalate.h"

bool gs_escalate_suspect(gs_escalation *e, unsigned rules, int64_t now_ms)
{
    if (e->look == GS_LOOK_PROFILING || e->look == GS_LOOK_TRACKING) {
        e->rules |= rules;
        return false;
    }
    if (e->look == GS_LOOK_HOLD && now_ms < e->next_ms)
        return false;
    *e = (gs_escalation){.look = GS_LOOK_PROFILING, .rules = rules, .next_ms = now_ms};
    return true;
}

void gs_escalate_profiled(gs_escalation *e, bool listed, int64_t now_ms)
{
    e->failures = 0;
    if (e->look == GS_LOOK_PROFILING && ++e->taken < GS_PROFILES_ON_SUSPICION) {
        e->next_ms = now_ms + GS_PROFILE_GAP_MS;
    } else if (listed) {
        e->look = GS_LOOK_TRACKING;
        e->next_ms = now_ms + GS_TRACK_GAP_MS;
    } else if (e->look == GS_LOOK_PROFILING) {
        e->look = GS_LOOK_HOLD;
        e->next_ms = now_ms + GS_HOLD_MS;
    } else if (e->look == GS_LOOK_TRACKING) {
        gs_escalate_reset(e);
    }
}

void gs_escalate_failed(gs_escalation *e, bool listed, int64_t now_ms)
{
    if (e->look != GS_LOOK_PROFILING && e->look != GS_LOOK_TRACKING)
        return;
    e->failures++;
    if (listed) {
        e->look = GS_LOOK_TRACKING;
        e->next_ms = now_ms + GS_TRACK_GAP_MS;
    } else if (e->failures < GS_PROFILE_FAILURES) {
        e->next_ms = now_ms + GS_PROFILE_GAP_MS;
    } else {
        e->look = GS_LOOK_HOLD;
        e->next_ms = now_ms + GS_HOLD_MS;
    }
}

void gs_escalate_reset(gs_escalation *e)
{
    *e = (gs_escalation){0};
}

void gs_escalate_track(gs_escalation *e, int64_t now_ms)
{
    *e = (gs_escalation){.look = GS_LOOK_TRACKING, .next_ms = now_ms};
}

int64_t gs_escalate_due(const gs_escalation *e)
{
    return e->look == GS_LOOK_PROFILING || e->look == GS_LOOK_TRACKING ? e->next_ms : -1;
}
