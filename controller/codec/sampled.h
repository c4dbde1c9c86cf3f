/* Whether a pod is sampled under the policy that its workload belongs to, and why not. Pure; any thread. */
#ifndef GS_CODEC_SAMPLED_H
#define GS_CODEC_SAMPLED_H

#include "codec/pod.h"
#include "core/policy.h"

/* The first that holds, in this order. */
enum gs_unsampled {
    GS_SAMPLED,
    GS_UNSAMPLED_ENDED,        /* it is being deleted, or has Succeeded or Failed */
    GS_UNSAMPLED_UNSELECTED,   /* no policy, or one whose selector does not match it */
    GS_UNSAMPLED_SUSPENDED,    /* spec.suspend, or the policy is being deleted */
    GS_UNSAMPLED_HOST_NETWORK, /* it is on the host's network, and the policy does not allow that */
    GS_UNSAMPLED_PORT,         /* no container port is what spec.endpoint says */
    GS_UNSAMPLED_STARTING,     /* not Running yet, or without an address */
};

typedef struct gs_pod_ports {
    int pprof, metrics; /* 0: it has no such port, or none is asked for */
} gs_pod_ports;

/* p: NULL for none. */
enum gs_unsampled gs_pod_sampled(const gs_policy *p, const gs_pod *pod, gs_pod_ports *ret);
/* The ports of spec.endpoint that it has; false where it has none of them. */
bool gs_pod_endpoint(const gs_policy *p, const gs_pod *pod, gs_pod_ports *ret);

#endif
