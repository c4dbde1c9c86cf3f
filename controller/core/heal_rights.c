/* What each action needs to be allowed. An action that is begun and then forbidden would leave pods scaled up and set back
 * again, so that is known before. */
#include "core/heal_internal.h"

#include <stdio.h>

#define RETRY_MS 60000 /* as long as an answer is believed: workload/rights.h */

static unsigned bit(enum gs_right r)
{
    return 1u << r;
}

/* Whoever sets the number of pods. */
static unsigned scaling(const gs_workload_facts *f)
{
    return bit(f->autoscaler[0] ? GS_RIGHT_PATCH_AUTOSCALER : GS_RIGHT_PATCH_SCALE);
}

static unsigned of_action(enum gs_action_type type, const gs_workload_facts *f)
{
    switch (type) {
    case GS_ACTION_SCALE_OUT:
        return f->scalable ? scaling(f) : 0;
    case GS_ACTION_REPLACE: /* under an autoscaler nobody chooses which pods go when the scale goes back: they are evicted */
        return f->can_replace ? scaling(f) | bit(f->autoscaler[0] ? GS_RIGHT_EVICT : GS_RIGHT_PATCH_PODS) : 0;
    case GS_ACTION_EVICT:
        return bit(GS_RIGHT_EVICT);
    case GS_ACTION_RESTART:
        return f->can_restart ? bit(GS_RIGHT_PATCH_WORKLOAD) : 0;
    }
    return 0;
}

unsigned gs_heal_rights(enum gs_action_type type, const gs_workload_facts *f)
{
    unsigned rights = of_action(type, f);
    bool known = !f->plural[0] || gs_streq(f->group, "apps");
    return rights && !known ? rights | bit(GS_RIGHT_GET_SCALE) : rights;
}

void gs_heal_right(enum gs_right r, const gs_workload_facts *f, gs_right_words *ret)
{
    switch (r) {
    case GS_RIGHT_GET_SCALE:
        *ret = (gs_right_words){"get", f->group, f->plural, "scale"};
        break;
    case GS_RIGHT_PATCH_SCALE:
        *ret = (gs_right_words){"patch", f->group, f->plural, "scale"};
        break;
    case GS_RIGHT_PATCH_AUTOSCALER:
        *ret = (gs_right_words){"patch", "autoscaling", "horizontalpodautoscalers", ""};
        break;
    case GS_RIGHT_PATCH_PODS:
        *ret = (gs_right_words){"patch", "", "pods", ""};
        break;
    case GS_RIGHT_EVICT:
        *ret = (gs_right_words){"create", "", "pods", "eviction"};
        break;
    case GS_RIGHT_PATCH_WORKLOAD:
        *ret = (gs_right_words){"patch", f->group, f->plural, ""};
        break;
    }
}

/* How it is given. */
static const char *remedy(enum gs_right r, const gs_workload_facts *f)
{
    if (r == GS_RIGHT_PATCH_PODS)
        return "chart value rbac.pods, or kubectl apply -k manifests/actions";
    if (r == GS_RIGHT_PATCH_WORKLOAD)
        return "chart value rbac.restart, or kubectl apply -k manifests/actions";
    if ((r == GS_RIGHT_GET_SCALE || r == GS_RIGHT_PATCH_SCALE) && !gs_streq(f->group, "apps"))
        return "add its group to chart value rbac.scaleGroups";
    return "chart value rbac.create, or kubectl apply -k manifests";
}

void heal_check_rights(enum gs_action_type type, const gs_incident *i, const gs_workload_facts *f, gs_plan *ret)
{
    unsigned missing = gs_heal_rights(type, f) & f->lacks;
    for (enum gs_right r = 0; r < GS_RIGHTS && !ret->refusal; r++) {
        gs_right_words w;
        if (!(missing & bit(r)))
            continue;
        gs_heal_right(r, f, &w);
        heal_refusal(ret, GS_REFUSAL_RIGHT, RETRY_MS, "gostat may not %s %.60s%s%.60s%s%s in namespace %s: %s", w.verb,
                     w.resource, w.group[0] ? "." : "", w.group, w.sub[0] ? "/" : "", w.sub, i->workload.ns,
                     remedy(r, f));
    }
}
