#include "cli/policies.h"

#include "base/limits.h"
#include "codec/policy_json.h"

const gs_kube_resource GS_SECRETS = {"", "v1", "secrets", true};

enum gs_exit gs_policies_get(gs_cluster *c, const char *ns, const char *name, gs_policy **ret, gs_buf *object,
                             gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf own = GS_BUF(GS_MAX_REPLY_BYTES);
    gs_buf *to = object ? object : &own;
    gs_kube_path path = {.resource = &GS_POLICIES, .ns = ns, .name = name};
    enum gs_exit code = gs_cluster_get(c, &path, to, err);
    if (code == GS_EXIT_FAULT && err->kind == GS_NOT_FOUND)
        (void)gs_error_set(err, GS_NOT_FOUND, "there is no policy \"%.253s\" in namespace %s", name, ns);
    if (code)
        return code;
    if (gs_policy_from_json(gs_buf_str(to), false, true, ret, err)) {
        (void)gs_error_wrap(err, GS_TERMINAL, "policy %s", name);
        return GS_EXIT_FAULT;
    }
    return GS_EXIT_OK;
}
