/* Words of the API, of Events and of the audit log for what is decided. */
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
        [GS_REFUSAL_PENDING] = "ActionPending",
        [GS_REFUSAL_COOLDOWN] = "Cooldown",
        [GS_REFUSAL_BUDGET] = "MaxActionsPerHour",
        [GS_REFUSAL_NAMESPACE] = "NamespaceBudget",
        [GS_REFUSAL_WINDOW] = "OutsideWindow",
        [GS_REFUSAL_DENIED] = "DeniedByWindow",
        [GS_REFUSAL_HOLDING] = "Holding",
        [GS_REFUSAL_NO_CLUSTER] = "NoCluster",
        [GS_REFUSAL_GONE] = "WorkloadGone",
        [GS_REFUSAL_KIND] = "ActionNotPossible",
        [GS_REFUSAL_ZERO] = "ScaledToZero",
        [GS_REFUSAL_PAUSED] = "RolloutPaused",
        [GS_REFUSAL_ROLLING] = "RolloutUnfinished",
        [GS_REFUSAL_KEDA] = "Autoscaler",
        [GS_REFUSAL_AUTOSCALER_MAX] = "AutoscalerMaximum",
        [GS_REFUSAL_ADDED] = "AlreadyScaled",
        [GS_REFUSAL_MAX_REPLICAS] = "MaxReplicas",
        [GS_REFUSAL_MAX_ADDED] = "MaxAddedReplicas",
        [GS_REFUSAL_UNAVAILABLE] = "MinAvailable",
        [GS_REFUSAL_NO_PODS] = "NoLeakingPods",
        [GS_REFUSAL_NOT_ALL] = "NotAllLeak",
        [GS_REFUSAL_RIGHT] = "RightMissing",
    };
    return names[r];
}

const char *gs_step_name(enum gs_step s)
{
    static const char *const names[GS_STEPS] = {"Intended", "Surged", "Marking", "Removing", "Restoring", "Aborting"};
    return names[s];
}

void gs_heal_impossible(enum gs_action_type type, const char *kind, char ret[160])
{
    switch (type) {
    case GS_ACTION_SCALE_OUT:
        (void)snprintf(ret, 160, "a %s has no scale to set", kind);
        break;
    case GS_ACTION_REPLACE:
        (void)snprintf(ret, 160, "Replace is for Deployments: which pod of a %s goes cannot be chosen", kind);
        break;
    case GS_ACTION_EVICT:
        (void)snprintf(ret, 160, "nothing would make a new %s where this one is evicted", kind);
        break;
    case GS_ACTION_RESTART:
        (void)snprintf(
            ret, 160, "no rollout follows the pod template of this %s (it has none, or updateStrategy OnDelete)", kind);
        break;
    }
}

void gs_heal_describe(const gs_pending *p, char ret[GS_HEAL_TEXT])
{
    bool counts = p->type == GS_ACTION_SCALE_OUT || p->type == GS_ACTION_REPLACE;
    char numbers[48] = "";
    if (counts)
        (void)snprintf(numbers, sizeof numbers, " %s%d -> %d", p->autoscaler[0] ? "minReplicas " : "", p->from, p->to);
    size_t n = (size_t)snprintf(ret, GS_HEAL_TEXT, "%s%s", gs_action_name(p->type), numbers);
    for (size_t k = 0; k < p->n_victims && n + 72 < GS_HEAL_TEXT; k++)
        n += (size_t)snprintf(ret + n, GS_HEAL_TEXT - n, "%s%.68s", k ? ", " : " of ", p->victims[k].name);
}
