/* Pods, and what they answer through the API server's pod proxy, with the rights of whoever asks (get pods/proxy). The proxy
 * drops Authorization headers and has no client certificate to show: pods that want one refuse. Read cluster.h first. */
#ifndef GS_CLI_PODS_H
#define GS_CLI_PODS_H

#include "cli/cluster.h"
#include "codec/pod.h"
#include "core/policy.h"

/* Zero-initialised is empty; freed with gs_pods_done. */
typedef struct gs_pods {
    gs_pod **v;
    size_t n, cap;
} gs_pods;
void gs_pods_done(gs_pods *l);
GS_DEFINE_CLEANUP_VALUE(gs_pods, gs_pods_done)
/* All of a namespace; NULL: of all. */
enum gs_exit gs_pods_list(gs_cluster *c, const char *ns, gs_pods *ret, gs_error *err);

/* What owns the pod, for people: a Deployment rather than its ReplicaSet, by the name that such have. name is cut. */
typedef struct gs_pod_owner {
    const char *kind;
    char name[GS_OBJECT_LEN];
} gs_pod_owner;
void gs_pod_find_owner(const gs_pod *p, gs_pod_owner *ret);

/* Policies, the older first, which is the one that has a pod. Zero-initialised is empty. */
typedef struct gs_policies {
    gs_policy **v;
    size_t n, cap;
} gs_policies;
void gs_policies_done(gs_policies *l);
GS_DEFINE_CLEANUP_VALUE(gs_policies, gs_policies_done)
/* Those of a namespace (NULL: of all) that can be read: one that the controller cannot read either selects nothing. */
enum gs_exit gs_policies_list(gs_cluster *c, const char *ns, gs_policies *ret, gs_error *err);
/* The one that selects the pod; NULL: none. */
const gs_policy *gs_policies_of_pod(const gs_policies *l, const gs_pod *p);

#define GS_PROXY_REASON_LEN 200
/* Whether this policy's pods can be asked through the proxy; ret_reason says why not. */
bool gs_proxy_possible(const gs_policy *p, char ret_reason[GS_PROXY_REASON_LEN]);

typedef struct gs_proxy_get {
    const char *ns, *pod;
    int port;
    bool https;        /* the API server does not look at the pod's certificate */
    const char *path;  /* "/metrics" */
    const char *query; /* or NULL */
    int64_t timeout_ms, idle_timeout_ms;
    size_t max_bytes;
    int (*on_data)(void *ctx, const char *p, size_t n, gs_error *err); /* as of gs_kube_stream */
    gs_kube_done done;
    void *ctx;
} gs_proxy_get;
/* At most 16 at once, the others wait in order (kube/client.h). Strings are copied. */
void gs_proxy_start(gs_cluster *c, const gs_proxy_get *g);

/* Why it failed, in a few words: "the pod answers 404"; "connection refused". False: this is no matter of one pod but of
 * the cluster or of rights, see gs_cluster_explain. */
bool gs_proxy_reason(const gs_kube_reply *reply, char ret_reason[GS_PROXY_REASON_LEN]);
extern const gs_kube_resource GS_POD_PROXY; /* for messages about rights */

#endif
