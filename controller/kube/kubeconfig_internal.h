/* Shared by the files of kube/kubeconfig*; nobody else includes it. */
#ifndef GS_KUBE_KUBECONFIG_INTERNAL_H
#define GS_KUBE_KUBECONFIG_INTERNAL_H

#include "kube/config.h"
#include "wire/json.h"

/* A path that a kubeconfig names: relative ones start at its folder. The caller frees. */
char *gs_kubeconfig_beside(const char *kubeconfig, const char *path);

/* The "exec" of a user, into c->exec. c has the cluster already. */
int gs_kubeconfig_exec(const json_t *exec, const char *path, const json_t *cluster, gs_kube_config *c, gs_error *err);

#endif
