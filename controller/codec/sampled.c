#include "codec/sampled.h"

bool gs_pod_endpoint(const gs_policy *p, const gs_pod *pod, gs_pod_ports *ret)
{
    const gs_endpoint_spec *e = &p->endpoint;
    ret->pprof = gs_pod_port_number(pod, &e->pprof_port);
    ret->metrics = e->has_metrics ? gs_pod_port_number(pod, &e->metrics_port) : 0;
    return ret->pprof || ret->metrics;
}

enum gs_unsampled gs_pod_sampled(const gs_policy *p, const gs_pod *pod, gs_pod_ports *ret)
{
    *ret = (gs_pod_ports){0};
    if (pod->deleting || pod->finished)
        return GS_UNSAMPLED_ENDED;
    if (!p || !gs_selector_matches(&p->selector, pod->labels))
        return GS_UNSAMPLED_UNSELECTED;
    if (p->suspend || p->deleting)
        return GS_UNSAMPLED_SUSPENDED;
    if (pod->host_network && !p->allow_host_network)
        return GS_UNSAMPLED_HOST_NETWORK;
    if (!gs_pod_endpoint(p, pod, ret))
        return GS_UNSAMPLED_PORT;
    return pod->running && pod->ip[0] ? GS_SAMPLED : GS_UNSAMPLED_STARTING;
}
