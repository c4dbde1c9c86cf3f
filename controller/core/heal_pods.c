/* Questions about a workload's pods. */
#include "core/heal_internal.h"

#include <stdlib.h>

void gs_workload_facts_done(gs_workload_facts *f)
{
    free(f->pods);
    *f = (gs_workload_facts){0};
}

const gs_pod_facts *heal_pod(const gs_workload_facts *f, const char *name)
{
    for (size_t k = 0; k < f->n_pods; k++)
        if (gs_streq(f->pods[k].name, name))
            return &f->pods[k];
    return NULL;
}

const gs_pod_facts *heal_victim(const gs_workload_facts *f, const gs_victim *v)
{
    const gs_pod_facts *pod = heal_pod(f, v->name); /* a StatefulSet's next pod has the same name */
    return pod && gs_streq(pod->uid, v->uid) ? pod : NULL;
}

bool heal_stays(const gs_workload_facts *f, const gs_victim *v)
{
    const gs_pod_facts *pod = heal_victim(f, v);
    return pod && !pod->terminating;
}

bool heal_is_victim(const gs_pending *p, const gs_pod_facts *pod)
{
    for (size_t k = 0; k < p->n_victims; k++)
        if (gs_streq(p->victims[k].uid, pod->uid))
            return true;
    return false;
}

bool heal_serves(const gs_pod_facts *pod)
{
    return pod->assigned && pod->running && pod->ready && !pod->terminating;
}

int heal_serving(const gs_workload_facts *f)
{
    int n = 0;
    for (size_t k = 0; k < f->n_pods; k++)
        n += heal_serves(&f->pods[k]);
    return n;
}

int heal_available(const gs_workload_facts *f)
{
    int serving = heal_serving(f);
    return f->available < serving ? f->available : serving;
}
