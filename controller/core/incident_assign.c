/* Which incident the grown sites of a profile belong to, and which of them names it. */
#include "core/incident.h"

/* Does x name the leak better than y? */
static bool names_better(const gs_grown *x, const gs_grown *y)
{
    if (x->site->user != y->site->user)
        return x->site->user;
    if (x->site->count != y->site->count)
        return x->site->count > y->site->count;
    return strcmp(x->site->id, y->site->id) < 0;
}

const gs_grown *gs_incident_primary(const gs_growth *grown)
{
    uint64_t most = 0;
    enum gs_grade grade = GS_GRADE_NONE;
    const gs_grown *best = NULL;
    for (size_t k = 0; k < grown->n; k++)
        grade = grown->v[k].grade > grade ? grown->v[k].grade : grade;
    for (size_t k = 0; k < grown->n; k++)
        if (grown->v[k].grade == grade && grown->v[k].site->count > most)
            most = grown->v[k].site->count;
    for (size_t k = 0; k < grown->n; k++) {
        const gs_grown *g = &grown->v[k];
        if (g->grade == grade && g->site->count * 2 >= most && (!best || names_better(g, best)))
            best = g;
    }
    return best;
}

gs_incident *gs_incident_assign(gs_incident *const *list, size_t n, const gs_growth *grown, const char *pod,
                                int64_t wall_ms)
{
    gs_incident *attach = NULL, *again = NULL;
    const char *primary = gs_incident_primary(grown)->site->id;
    for (size_t k = 0; k < n; k++) {
        gs_incident *i = list[k];
        if (i->type != GS_INCIDENT_LEAK)
            continue;
        if (gs_streq(i->pattern_id, primary)) {
            if (!i->resolved)
                return i;
            again = i;
        }
        if (i->resolved)
            continue;
        for (size_t g = 0; g < grown->n; g++)
            if (gs_incident_pattern(i, grown->v[g].site->id) >= 0)
                return i;
        if (gs_incident_find_pod(i, pod) && wall_ms - i->detection_ms < GS_ATTACH_MS)
            attach = i;
    }
    return attach ? attach : again;
}
