/* Policies as the cluster has them. Read cluster.h first. */
#ifndef GS_CLI_POLICIES_H
#define GS_CLI_POLICIES_H

#include "cli/cluster.h"
#include "core/policy.h"

extern const gs_kube_resource GS_SECRETS;

/* One policy, the caller's. object: its bytes are appended, where not NULL. One that the controller cannot read either is
 * GS_EXIT_FAULT, err->kind GS_TERMINAL. */
enum gs_exit gs_policies_get(gs_cluster *c, const char *ns, const char *name, gs_policy **ret, gs_buf *object,
                             gs_error *err);

#endif
