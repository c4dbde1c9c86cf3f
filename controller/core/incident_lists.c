/* The bounded lists of an incident: what was done about it, and what was kept of it. */
#include "core/incident.h"

#include <stdio.h>

gs_action *gs_incident_add_action(gs_incident *i, enum gs_action_type type, int64_t wall_ms)
{
    if (i->n_actions == GS_MAX_INCIDENT_ACTIONS) {
        size_t k = 0; /* a refusal first: an action forgotten would be done again */
        while (k < i->n_actions && i->actions[k].outcome != GS_OUTCOME_REFUSED)
            k++;
        k = k < i->n_actions ? k : 0;
        memmove(i->actions + k, i->actions + k + 1, (--i->n_actions - k) * sizeof i->actions[0]);
    }
    gs_action *a = &i->actions[i->n_actions++];
    *a = (gs_action){.type = type, .time_ms = wall_ms};
    (void)snprintf(a->id, sizeof a->id, "a%d", ++i->action_seq);
    return a;
}

void gs_action_add_pod(gs_action *a, gs_str name)
{
    size_t n = strlen(a->pods), between = n > 0;
    if (name.n && !memchr(name.p, ' ', name.n) && n + between + name.n < sizeof a->pods)
        (void)snprintf(a->pods + n, sizeof a->pods - n, "%s%.*s", between ? " " : "", (int)name.n, name.p);
}

static bool kind_comes_again(const gs_incident *i, size_t k)
{
    for (size_t other = k + 1; other < i->n_evidence; other++)
        if (gs_streq(i->evidence[k].kind, i->evidence[other].kind))
            return true;
    return false;
}

/* Which piece makes room: of an earlier occurrence before one of this, and the newest of a kind last; of those the oldest. */
static size_t spare_evidence(const gs_incident *i)
{
    size_t best = 0;
    int best_rank = -1;
    for (size_t k = 0; k < i->n_evidence; k++) {
        int rank = 2 * (i->evidence[k].time_ms < i->detection_ms) + kind_comes_again(i, k);
        if (rank > best_rank) {
            best_rank = rank;
            best = k;
        }
    }
    return best;
}

void gs_incident_add_evidence(gs_incident *i, const gs_evidence *e)
{
    if (i->n_evidence == GS_MAX_INCIDENT_EVIDENCE) {
        size_t k = spare_evidence(i);
        memmove(i->evidence + k, i->evidence + k + 1, (--i->n_evidence - k) * sizeof i->evidence[0]);
    }
    i->evidence[i->n_evidence++] = *e;
}
