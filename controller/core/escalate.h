/* How closely a pod is looked at: idle, profiled some times in quick succession on suspicion, watched over the policy's
 * windows while something rises, tracked while an incident lists it, or left alone for a while after a suspicion that
 * came to nothing. Plain value; zero-initialised is idle. */
#ifndef GS_CORE_ESCALATE_H
#define GS_CORE_ESCALATE_H

#include "base/str.h"

enum gs_look { GS_LOOK_IDLE, GS_LOOK_PROFILING, GS_LOOK_WATCHING, GS_LOOK_TRACKING, GS_LOOK_HOLD };

typedef struct gs_escalation {
    enum gs_look look;
    unsigned taken;    /* profiles of this suspicion */
    unsigned failures; /* in a row */
    unsigned rules;    /* enum gs_rule that raised it */
    int64_t next_ms;   /* when the next profile is due, or the hold ends; monotonic */
    double held_at;    /* goroutines when the hold began */
} gs_escalation;

/* The gaps between profiles, in milliseconds. */
typedef struct gs_pace {
    int64_t profiling; /* on suspicion */
    int64_t watching;
    int64_t tracking;
    int64_t hold;
} gs_pace;

/* For a sampling interval and floor windows of these lengths: profiles on suspicion an eighth of a window apart, at most
 * 5 s; while watched three in a window; tracked every 15 s at most; held for half a window, at most 60 s. Nothing is
 * faster than the samples. */
gs_pace gs_pace_of(int64_t interval_ms, int64_t window_ms);

enum gs_prospect {
    GS_PROSPECT_NONE,
    GS_PROSPECT_RISES, /* something rises */
    GS_PROSPECT_LISTED /* an open incident lists the pod */
};

#define GS_PROFILES_ON_SUSPICION 3
#define GS_PROFILE_FAILURES 3 /* then the suspicion is dropped and held */

/* A rule fired. True where that begins an escalation: the first profile is due at once. A hold ends early where the
 * process has a quarter and 10 goroutines more than when it began. */
bool gs_escalate_suspect(gs_escalation *e, unsigned rules, double goroutines, int64_t now_ms);
/* A profile came in. */
void gs_escalate_profiled(gs_escalation *e, enum gs_prospect prospect, double goroutines, const gs_pace *pace,
                          int64_t now_ms);
void gs_escalate_failed(gs_escalation *e, enum gs_prospect prospect, const gs_pace *pace, int64_t now_ms);
/* The process is a new one, or the incident that listed the pod is over. */
void gs_escalate_reset(gs_escalation *e);
/* An incident lists the pod (a controller that restarted): look at it regularly. */
void gs_escalate_track(gs_escalation *e, int64_t now_ms);
/* When the next profile is due; -1: none. */
int64_t gs_escalate_due(const gs_escalation *e);

#endif
