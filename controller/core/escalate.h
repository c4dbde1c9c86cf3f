/* How closely a pod is looked at: idle, profiled three times on suspicion, tracked while an incident lists it, or left
 * alone for a while after a suspicion that came to nothing. Plain value; zero-initialised is idle. */
#ifndef GS_CORE_ESCALATE_H
#define GS_CORE_ESCALATE_H

#include "base/str.h"

enum gs_look { GS_LOOK_IDLE, GS_LOOK_PROFILING, GS_LOOK_TRACKING, GS_LOOK_HOLD };

typedef struct gs_escalation {
    enum gs_look look;
    unsigned taken;    /* profiles of this suspicion */
    unsigned failures; /* in a row */
    unsigned rules;    /* enum gs_rule that raised it */
    int64_t next_ms;   /* when the next profile is due, or the hold ends; monotonic */
} gs_escalation;

#define GS_PROFILES_ON_SUSPICION 3
#define GS_PROFILE_GAP_MS 5000
#define GS_TRACK_GAP_MS 15000
#define GS_HOLD_MS 60000
#define GS_PROFILE_FAILURES 3 /* then the suspicion is dropped and held */

/* A rule fired. True where that begins an escalation: the first profile is due at once. */
bool gs_escalate_suspect(gs_escalation *e, unsigned rules, int64_t now_ms);
/* A profile came in. `listed`: an open incident lists the pod. */
void gs_escalate_profiled(gs_escalation *e, bool listed, int64_t now_ms);
void gs_escalate_failed(gs_escalation *e, bool listed, int64_t now_ms);
/* The process is a new one, or the incident that listed the pod is over. */
void gs_escalate_reset(gs_escalation *e);
/* An incident lists the pod (a controller that restarted): look at it regularly. */
void gs_escalate_track(gs_escalation *e, int64_t now_ms);
/* When the next profile is due; -1: none. */
int64_t gs_escalate_due(const gs_escalation *e);

#endif
