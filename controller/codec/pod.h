/* A Pod object (JSON bytes of the API server) to what the engine needs of it: some 500 bytes, in one allocation. */
#ifndef GS_CODEC_POD_H
#define GS_CODEC_POD_H

#include "base/err.h"
#include "core/incident.h"

typedef struct gs_pod_port {
    const char *name; /* "" where the port has none */
    int number;
} gs_pod_port;

typedef struct gs_pod {
    const char *ns, *name, *uid, *ip; /* ip "" until it has one */
    const char *revision;             /* label pod-template-hash, else controller-revision-hash; "" for neither */
    const char *owner_api_version, *owner_kind, *owner_name, *owner_uid; /* the controlling owner; "" for none */
    gs_labels labels;
    gs_pod_port *ports; /* of all containers, init containers with restartPolicy Always included */
    size_t n_ports;
    /* Bytes that its running containers may use in all: 0 where one of them has no limit, or none that can be read. */
    uint64_t memory_limit;
    uint32_t cpu_limit_milli; /* the same of the CPU, in thousandths of a core */
    bool running;             /* phase Running */
    bool ready;               /* condition Ready */
    bool deleting;            /* deletionTimestamp is set */
    bool host_network;
    bool finished; /* phase Succeeded or Failed */
    size_t bytes;  /* of this allocation */
} gs_pod;

int gs_pod_from_json(gs_str object, gs_pod **ret, gs_error *err);
void gs_pod_free(gs_pod *p);
GS_DEFINE_CLEANUP(gs_pod *, gs_pod_free)
/* The number of a container port by number or name; 0: the pod has no such port. A number always stands for itself. */
int gs_pod_port_number(const gs_pod *p, const gs_port *port);

#endif
