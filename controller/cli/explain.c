/* `gostat explain POLICY`: what a policy selects, what becomes of it, and what stands in the way of its next action. What is
 * decided is asked of the controller's own functions (codec/sampled, core/heal), on facts that the user may read. */
#include "cli/explain.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "edge/zoneinfo.h"
#include "wire/json_cursor.h"

static const gs_subcommand description = {
    .name = "explain",
    .arguments = "POLICY",
    .min_args = 1,
    .max_args = 1,
    .about =
        "Tells what a policy selects, by workload; why pods are not sampled; its conditions and what to do about them;\n"
        "whether its Secrets are in order; and for each open incident the action that would come next, with all that\n"
        "stands in its way, and until when.\n"
        "\n"
        "It decides by the controller's own functions on what you may read. What is not yours to read is said, and left\n"
        "out. Flags of the controller (ceilings, destinations) are not known here: the conditions tell of those.\n",
    .common = GS_COMMON_CLUSTER | GS_COMMON_OUTPUT,
    .examples = "explain payments -n shop\n"
                "explain payments -n shop -o json | jq '.incidents[].inTheWay'\n",
    .exit_ok = "explained, whatever was found",
    .exit_fault = "there is no such policy, or the API server cannot be reached",
};

static void done(gs_explained *x)
{
    gs_owners_free(x->owners);
    gs_kube_discovery_free(x->discovery);
    for (size_t k = 0; k < x->n_pods; k++)
        gs_pod_free(x->pods[k]);
    free(x->pods);
    for (size_t k = 0; k < x->n_all; k++)
        gs_policy_free(x->all[k]);
    free(x->all);
    free(x->workloads);
    free(x->history);
    free(x->open);
    gs_incidents_done(&x->incidents);
    gs_policy_free(x->p);
    gs_zoneinfo_free();
    free(x);
}
GS_DEFINE_CLEANUP(gs_explained *, done)

static enum gs_exit read_policy(gs_cluster *c, gs_explained *x, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf object = GS_BUF(GS_MAX_REPLY_BYTES);
    gs_str bytes, selector, status;
    enum gs_exit code = gs_policies_get(c, c->ns, c->line.args[0], &x->p, &object, err);
    if (code)
        return code;
    bytes = gs_buf_str(&object);
    x->seen = gs_json_find(bytes, (const char *[]){"status", NULL}, &status) && status.n > 2;
    if (!gs_json_find(bytes, (const char *[]){"spec", "selector", NULL}, &selector))
        selector = GS_STR("{}");
    if (gs_zoneinfo_attach(x->p, err) || gs_policy_status_from_json(bytes, &x->status, err) ||
        gs_history_from_json(bytes, &x->history, &x->n_history, err) ||
        gs_label_selector_text(selector, x->selector, sizeof x->selector, err)) {
        (void)gs_error_wrap(err, GS_TERMINAL, "policy %s", x->p->name);
        return GS_EXIT_FAULT;
    }
    return GS_EXIT_OK;
}

static enum gs_exit run(gs_cluster *c, void *own, gs_error *err)
{
    gs_cleanup(done) gs_explained *x = gs_alloc(sizeof *x);
    (void)own;
    enum gs_exit code = read_policy(c, x, err);
    if (!code)
        code = gs_explain_pods(c, x, err);
    if (!code)
        code = gs_explain_secrets(c, x, err);
    if (!code)
        code = gs_explain_heal(c, x, err);
    if (code)
        return code;
    if (c->line.form != GS_FORM_TABLE)
        return gs_explain_json(c, x, err);
    gs_explain_text(c, x);
    return GS_EXIT_OK;
}

int gs_cmd_explain(int argc, char **argv)
{
    return gs_cluster_main(&description, argc, argv, run, NULL);
}
