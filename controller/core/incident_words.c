/* Words of the API for what an incident rests on. */
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
    default:
        return "";
    }
}
