/* Words of the API for what an incident is, rests on and had done to it. */
#include "core/incident.h"

const char *gs_reason_name(unsigned reason)
{
    switch (reason) {
    case GS_REASON_FLOOR:
        return "FloorRises";
    case GS_REASON_SITE:
        return "SiteGrows";
    case GS_REASON_COUNTS:
        return "CountsSurvive";
    case GS_REASON_IDS:
        return "IdsSurvive";
    case GS_REASON_LEAK:
        return "LeakProfile";
    case GS_REASON_LEAK_AGAIN:
        return "LeakProfileGrows";
    case GS_REASON_CPU:
        return "CpuHigh";
    case GS_REASON_GOROUTINES:
        return "GoroutinesHigh";
    case GS_REASON_HEAP:
        return "HeapHigh";
    default:
        return "";
    }
}

const char *gs_reason_words(unsigned reason)
{
    switch (reason) {
    case GS_REASON_FLOOR:
        return "the lowest count of each time window is above the one before";
    case GS_REASON_SITE:
        return "a later profile has more goroutines at this site than an earlier one";
    case GS_REASON_COUNTS:
        return "the earlier goroutines are still there: the pod never had clearly fewer";
    case GS_REASON_IDS:
        return "two dumps show the same goroutines, by their ids";
    case GS_REASON_LEAK:
        return "the runtime's leak profile names this site";
    case GS_REASON_LEAK_AGAIN:
        return "the runtime's leak profile names it again, with more goroutines";
    case GS_REASON_CPU:
        return "CPU use stays above detection.resources.cpuPercent";
    case GS_REASON_GOROUTINES:
        return "the number of goroutines stays above detection.resources.goroutines";
    case GS_REASON_HEAP:
        return "the heap stays above detection.resources.heapInuseBytes";
    default:
        return "";
    }
}

const char *gs_incident_type_name(enum gs_incident_type t)
{
    static const char *const names[] = {"GoroutineLeak", "Resource"};
    return names[t];
}

const char *gs_outcome_name(enum gs_outcome o)
{
    static const char *const names[] = {"Pending", "Succeeded", "Failed", "Undone", "Refused", "Ineffective"};
    return names[o];
}

const char *gs_phase_name(enum gs_phase p)
{
    static const char *const names[] = {"Open", "Mitigating", "Resolved"};
    return names[p];
}
