#include "cli/explain.h"

#include <limits.h>

const char *gs_explain_why(unsigned why)
{
    static const char *const words[GS_EXPLAIN_WHY] = {
        [GS_SAMPLED] = "sampled",
        [GS_UNSAMPLED_ENDED] = "ended, or being deleted",
        [GS_UNSAMPLED_UNSELECTED] = "not selected",
        [GS_UNSAMPLED_SUSPENDED] = "spec.suspend is set, or the policy is being deleted",
        [GS_UNSAMPLED_HOST_NETWORK] = "on the host's network",
        [GS_UNSAMPLED_PORT] = "no container port is what spec.endpoint says",
        [GS_UNSAMPLED_STARTING] = "not Running yet, or without an address",
        [GS_WHY_OTHER_POLICY] = "an older policy selects pods of this workload",
        [GS_WHY_UNKNOWN] = "its workload cannot be told: you may not read its owner, or that is gone",
    };
    return words[why] ? words[why] : "";
}

const char *gs_explain_fix(const gs_condition *c)
{
    static const struct {
        const char *reason, *fix;
    } fixes[] = {
        {"Invalid", "correct the field that the message names"},
        {"SecretNotFound", "create the Secret in the policy's namespace, with the label gostat.dev/usable=true"},
        {"SecretNotUsable", "label the Secret as the message says"},
        {"SecretIncomplete", "add the key that the message names to the Secret"},
        {"SecretUnreadable", "the controller's role must allow get on Secrets in this namespace (chart: rbac)"},
        {"Overlap", "narrow spec.selector so that no workload is selected twice, or delete the older policy"},
        {"PortNotFound", "give a containerPort this name in the pod template, or name the port by its number"},
        {"NotReady", "see the condition Ready"},
        {"NoPods", "compare spec.selector with the labels: kubectl get pods --show-labels"},
        {"HostNetwork",
         "set spec.allowHostNetwork where the operator allows it, or move the pods off the host's network"},
        {"PodsUnreachable",
         "check spec.endpoint, that the program serves net/http/pprof on all addresses, and NetworkPolicies"},
        {"Suspended", "remove spec.suspend to go on"},
        {"EvidenceFailing", "make the store take what the message says; nothing is healed without evidence"},
        {"Observe", "set spec.mode to DryRun or Enforce to go further"},
    };
    if (gs_streq(c->status, "True") && !gs_streq(c->reason, "PodsUnreachable"))
        return "";
    for (size_t k = 0; k < GS_LEN(fixes); k++)
        if (gs_streq(fixes[k].reason, c->reason))
            return fixes[k].fix;
    return "";
}

bool gs_explain_past(enum gs_refusal r, gs_policy *p, gs_heal_history *h, bool *evidence)
{
    switch (r) {
    case GS_REFUSAL_MODE:
        p->mode = GS_MODE_ENFORCE;
        return true;
    case GS_REFUSAL_SUSPENDED:
        p->suspend = false;
        return true;
    case GS_REFUSAL_GRADE:
        p->min_grade = GS_GRADE_NONE;
        return true;
    case GS_REFUSAL_EVIDENCE:
        *evidence = true;
        return true;
    case GS_REFUSAL_HOLDING:
        h->judged = true;
        return true;
    case GS_REFUSAL_COOLDOWN:
        p->limits.cooldown_s = 0;
        return true;
    case GS_REFUSAL_BUDGET:
        p->limits.max_actions_per_hour = INT_MAX;
        return true;
    case GS_REFUSAL_WINDOW:
    case GS_REFUSAL_DENIED:
        p->n_windows = 0;
        return true;
    default:
        return false;
    }
}
