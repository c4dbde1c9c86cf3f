/* `gostat show INCIDENT`: all of one incident. What is beside the incident itself (the policy, its Secret) is read with the
 * user's own rights; the policy is left out where it cannot be had, and that is said. */
#include "cli/show.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/policies.h"
#include "codec/secret.h"
#include "edge/s3.h"

#include <stdio.h>

typedef struct options {
    bool links;
} options;

static int take(void *own, const char *name, const char *value, gs_error *err)
{
    options *o = own;
    (void)name;
    (void)value;
    (void)err;
    o->links = true;
    return 0;
}

static const gs_flag flags[] = {
    {"links", 0, NULL,
     "links to the evidence that work in a browser for spec.snapshot.s3.presignSeconds;\n"
     "they are signed here, with the policy's Secret, which you must be allowed to get"},
    {0},
};

static const gs_subcommand description = {
    .name = "show",
    .arguments = "INCIDENT",
    .min_args = 1,
    .max_args = 1,
    .about =
        "Tells all of one incident: what leaks and where (function, file, line), how sure that is and why, which pods\n"
        "show it, the stacks, the evidence and how to open it, what was done or refused and why, and what to do next.\n",
    .flags = flags,
    .common = GS_COMMON_CLUSTER | GS_COMMON_OUTPUT,
    .examples = "show payments-3fa94c07be -n shop\n"
                "show payments-3fa94c07be -n shop --links\n"
                "show payments-3fa94c07be -n shop -o yaml\n",
    .exit_ok = "shown",
    .exit_fault = "there is no such incident, the API server cannot be reached, or a link cannot be signed",
    .take = take,
};

void gs_show_s3(const gs_shown *s, const gs_evidence *e, char ret[GS_S3_NAME_LEN])
{
    bool known = s->policy && s->policy->has_s3;
    (void)snprintf(ret, GS_S3_NAME_LEN, "%s%s%s%s", known ? "s3://" : "", known ? s->policy->s3.bucket : "",
                   known ? "/" : "", e->key);
}

const char *gs_show_opener(const char *kind)
{
    if (gs_streq(kind, gs_profile_kind_name(GS_PROFILE_TRACE)))
        return "go tool trace";
    if (gs_streq(kind, gs_profile_kind_name(GS_PROFILE_DUMP)))
        return "gostat analyze";
    return "go tool pprof";
}

/* The policy is worth having, not worth failing for. */
static void read_policy(gs_cluster *c, gs_shown *s)
{
    const gs_incident *i = s->l->i;
    gs_error err = {0};
    if (!i->policy_name[0])
        (void)snprintf(s->policy_missing, sizeof s->policy_missing, "no policy watches it now");
    else if (gs_policies_get(c, i->workload.ns, i->policy_name, &s->policy, NULL, &err))
        (void)gs_str_copy(s->policy_missing, sizeof s->policy_missing, gs_str_of(err.msg));
}

static enum gs_exit sign(gs_cluster *c, gs_shown *s, const gs_s3_credentials *cred, gs_error *err)
{
    const gs_incident *i = s->l->i;
    s->link_s = s->policy->s3.presign_s;
    for (size_t k = 0; k < i->n_evidence; k++) {
        gs_cleanup(gs_buf_done) gs_buf link = GS_BUF(GS_MAX_NOTICE_URL);
        if (gs_s3_presign(&s->policy->s3, cred, i->evidence[k].key, c->wall_ms, s->link_s, &link, err))
            return GS_EXIT_FAULT;
        s->links[k] = gs_buf_take(&link);
    }
    return GS_EXIT_OK;
}

static enum gs_exit make_links(gs_cluster *c, gs_shown *s, gs_error *err)
{
    gs_cleanup(gs_buf_wipe) gs_buf object = GS_BUF(GS_MAX_REPLY_BYTES), access = GS_BUF(GS_MAX_SECRET_VALUE);
    gs_cleanup(gs_buf_wipe) gs_buf secret = GS_BUF(GS_MAX_SECRET_VALUE), token = GS_BUF(GS_MAX_SECRET_VALUE);
    if (!s->policy || !s->policy->has_s3) {
        (void)gs_error_set(err, GS_NOT_FOUND, "--links: %s",
                           s->policy ? "the policy has no spec.snapshot.s3" : s->policy_missing);
        return GS_EXIT_FAULT;
    }
    const char *name = s->policy->s3.credentials_secret;
    gs_kube_path path = {.resource = &GS_SECRETS, .ns = s->l->i->workload.ns, .name = name};
    enum gs_exit code = gs_cluster_get(c, &path, &object, err);
    if (code) {
        (void)gs_error_wrap(err, GS_REFUSED, "--links");
        return code;
    }
    if (gs_secret_usable(gs_buf_str(&object), name, err) ||
        gs_secret_take_s3(gs_buf_str(&object), name, &access, &secret, &token, err))
        return GS_EXIT_FAULT;
    gs_s3_credentials cred = {.access_key = access.p, .secret_key = secret.p, .session_token = token.p};
    return sign(c, s, &cred, err);
}

static enum gs_exit show(gs_cluster *c, const options *o, gs_shown *s, gs_error *err)
{
    read_policy(c, s);
    enum gs_exit code = o->links ? make_links(c, s, err) : GS_EXIT_OK;
    if (code)
        return code;
    gs_show_steps(s);
    if (c->line.form != GS_FORM_TABLE)
        return gs_show_json(c, s, err);
    gs_show_text(c, s);
    return GS_EXIT_OK;
}

static enum gs_exit run(gs_cluster *c, void *own, gs_error *err)
{
    gs_cleanup(gs_incidents_done) gs_incidents list = {0};
    gs_cleanup(gs_buf_done) gs_buf object = GS_BUF(GS_MAX_REPLY_BYTES);
    gs_kube_path path = {.resource = &GS_INCIDENTS, .ns = c->ns, .name = c->line.args[0]};
    enum gs_exit code = gs_cluster_get(c, &path, &object, err);
    if (code == GS_EXIT_FAULT && err->kind == GS_NOT_FOUND)
        (void)gs_error_set(err, GS_NOT_FOUND,
                           "there is no incident \"%.253s\" in namespace %s; %s incidents -n %s lists them",
                           c->line.args[0], c->ns, gs_program_name(), c->ns);
    if (code)
        return code;
    if (gs_incidents_add(&list, gs_buf_str(&object), err))
        return GS_EXIT_FAULT;
    gs_autofree gs_shown *s = gs_alloc(sizeof *s);
    s->l = &list.v[0];
    code = show(c, own, s, err);
    gs_policy_free(s->policy);
    for (size_t k = 0; k < GS_LEN(s->links); k++)
        free(s->links[k]);
    return code;
}

int gs_cmd_show(int argc, char **argv)
{
    options o = {0};
    return gs_cluster_main(&description, argc, argv, run, &o);
}
