/* The policies of the cluster: as the API server has them, in force or not, and what is to be written about them. */
#include "base/log.h"
#include "base/mem.h"
#include "edge/zoneinfo.h"
#include "kube/meta.h"
#include "operator/op.h"

#include <stdio.h>
#include <stdlib.h>

const gs_kube_resource OP_POLICIES = {"gostat.dev", "v1alpha1", "gostatpolicies", true};

static void policy_free(op_policy *p)
{
    gs_kube_cancel(p->status_call);
    gs_kube_cancel(p->finalizer_call);
    op_record_forget(p);
    op_secret_forget(p);
    op_access_forget(p);
    op_audit_forget(p);
    op_notify_forget(p);
    op_retention_forget(p);
    gs_policy_free(p->p);
    free(p->invalid);
    free(p->key);
    free(p);
}

op_policy *op_policy_get(const op *o, const char *ns, const char *name)
{
    gs_autofree char *key = gs_sprintf("%s/%s", ns, name);
    return gs_map_get(o->policies, key);
}

bool op_policy_runs(const op_policy *p)
{
    return p->p && !p->invalid && !p->p->suspend && !p->p->deleting;
}

bool op_policy_may_act(const op_policy *p)
{
    gs_error why;
    return op_policy_runs(p) && (!p->p->has_s3 || (p->secret_ok && op_bounds_store(p, &why) == 0));
}

void op_policy_dirty(op_policy *p)
{
    p->dirty = true;
}

/* As it applies here: with the time zones it names, and held to what the operator allows. */
static int read_policy(const op *o, gs_str object, gs_policy **ret, char limited[GS_LIMITED_LEN], gs_error *err)
{
    gs_cleanup(gs_policy_free) gs_policy *p = NULL;
    int rc = gs_policy_from_json(object, false, true, &p, err);
    if (!rc)
        rc = gs_zoneinfo_attach(p, err);
    if (!rc)
        rc = op_bounds_hold(o, p, limited, err);
    if (rc)
        return rc;
    if (op_undoing(o))
        p->suspend = p->deleting = true;
    *ret = gs_take(p);
    return 0;
}

/* The engine gets a policy of its own, decoded from the same bytes. */
static void enforce(op_policy *p, gs_str object)
{
    gs_policy *copy = NULL;
    char limited[GS_LIMITED_LEN];
    if (read_policy(p->o, object, &copy, limited, NULL))
        return;
    gs_engine_set_policy(p->o->engine, copy);
    p->in_force = true;
}

/* What an earlier controller did to workloads under this policy. */
static void adopt(op_policy *p, gs_str object)
{
    gs_autofree gs_heal_history *v = NULL;
    size_t n = 0;
    gs_error err;
    p->adopted = true;
    op_audit_adopt(p, object);
    if (gs_history_from_json(object, &v, &n, &err) < 0) {
        p->unreadable = true;
        gs_log_error("cannot read what was done under a policy: its finalizer stays until someone has looked", "policy",
                     p->key, "error", err.msg);
        return;
    }
    p->n_listed = n;
    for (size_t k = 0; k < n; k++)
        gs_engine_adopt_history(p->o->engine, p->p->name, &v[k]);
    (void)gs_policy_status_from_json(object, &p->written, NULL);
    p->status = p->written;
    p->ever_written = true;
}

static void take_invalid(op_policy *p, const gs_kube_meta *m, const char *why)
{
    gs_policy *shell = gs_policy_new(); /* enough to say so in its status */
    (void)gs_str_copy(shell->ns, sizeof shell->ns, m->ns);
    (void)gs_str_copy(shell->name, sizeof shell->name, m->name);
    (void)gs_str_copy(shell->uid, sizeof shell->uid, m->uid);
    shell->generation = m->generation;
    shell->deleting = m->deletion_timestamp.n > 0 || op_undoing(p->o);
    shell->has_finalizer = gs_kube_has_finalizer(m, GS_POLICY_FINALIZER);
    gs_policy_free(p->p);
    p->p = shell;
    free(p->invalid);
    p->invalid = gs_strdup(why);
}

/* What was done under a policy that is invalid now is taken back all the same; nothing else is done by it. */
static void let_rest(op_policy *p)
{
    gs_policy *rest = gs_policy_new();
    (void)gs_str_copy(rest->ns, sizeof rest->ns, gs_str_of(p->p->ns));
    (void)gs_str_copy(rest->name, sizeof rest->name, gs_str_of(p->p->name));
    (void)gs_str_copy(rest->uid, sizeof rest->uid, gs_str_of(p->p->uid));
    rest->deleting = p->p->deleting;
    rest->suspend = op_undoing(p->o);
    gs_engine_set_policy(p->o->engine, rest);
}

static bool secrets_differ(const gs_policy *a, const gs_policy *b)
{
    return !a || a->has_s3 != b->has_s3 || !gs_streq(a->s3.credentials_secret, b->s3.credentials_secret) ||
           !gs_streq(a->s3.ca_secret, b->s3.ca_secret) || !gs_streq(a->s3.ca_key, b->s3.ca_key);
}

static void remove_policy(op *o, op_policy *p)
{
    gs_engine_remove_policy(o->engine, p->p->ns, p->p->name);
    for (gs_map_it it = {0}; gs_map_next(o->workloads, &it);) {
        op_workload *w = it.value;
        if (w->owner == p)
            w->owner = NULL;
    }
    (void)gs_map_remove(o->policies, p->key);
    op_record_forget(p);
    op_record_next(o, p->p->ns, p->p->name); /* one may wait for a status_call that goes with the policy */
    op_reconcile_policy(o, p);
    policy_free(p);
}

static int on_policy(void *ctx, gs_str object, gs_error *err)
{
    op_watch *watch = ctx;
    op *o = watch->o;
    gs_kube_meta m;
    if (gs_kube_meta_read(object, &m, err) < 0)
        return -(int)err->kind;
    gs_autofree char *key = gs_sprintf("%.*s/%.*s", (int)m.ns.n, m.ns.p, (int)m.name.n, m.name.p);
    op_policy *p = gs_map_get(o->policies, key);
    if (p && !gs_str_is(m.uid, p->p->uid)) {
        remove_policy(o, p);
        p = NULL;
    }
    if (!p) {
        if (gs_map_len(o->policies) >= GS_MAX_POLICIES)
            return gs_error_set(err, GS_NO_MEMORY, "over %d policies: use --namespace to watch fewer", GS_MAX_POLICIES);
        p = gs_alloc(sizeof *p);
        p->o = o;
        p->key = gs_strdup(key);
        gs_map_put(o->policies, p->key, p);
    }
    p->listing = watch->listing;
    gs_policy *fresh = NULL;
    gs_error why;
    bool news =
        !p->p || p->invalid || p->p->generation != m.generation || p->p->deleting != (m.deletion_timestamp.n > 0);
    if (read_policy(o, object, &fresh, p->limited, &why)) {
        take_invalid(p, &m, why.msg);
    } else {
        if (secrets_differ(p->invalid ? NULL : p->p, fresh)) {
            op_secret_forget(p);
            p->secret_ok = false;
            p->secret_checked_ms = 0;
        }
        free(gs_take(p->invalid));
        gs_policy_free(p->p);
        p->p = fresh;
        if (news)
            enforce(p, object);
    }
    if (p->invalid && !p->in_force)
        let_rest(p);
    if (!p->adopted)
        adopt(p, object);
    if (news) {
        op_access_set(p);
        op_policy_dirty(p);
        op_reconcile_policy(o, p);
        if (op_policy_needs_secret(p))
            op_secret_check(p);
    }
    return 0;
}

static void on_policy_deleted(void *ctx, gs_str object)
{
    op *o = ((op_watch *)ctx)->o;
    gs_kube_meta m;
    if (gs_kube_meta_read(object, &m, NULL) < 0)
        return;
    gs_autofree char *key = gs_sprintf("%.*s/%.*s", (int)m.ns.n, m.ns.p, (int)m.name.n, m.name.p);
    op_policy *p = gs_map_get(o->policies, key);
    if (p)
        remove_policy(o, p);
}

static void on_listed(void *ctx)
{
    op_watch *watch = ctx;
    for (gs_map_it it = {0}; gs_map_next(watch->o->policies, &it);) {
        op_policy *p = it.value;
        if (p->listing != watch->listing && op_watch_covers(watch, p->p->ns))
            remove_policy(watch->o, p);
    }
    op_watch_listed(watch);
}

void op_policies_watch(op *o, const char *ns)
{
    op_watch_start(o, ns,
                   &(gs_informer_options){.resource = &OP_POLICIES,
                                          .on_object = on_policy,
                                          .on_deleted = on_policy_deleted,
                                          .on_list_end = on_listed});
}

bool op_policy_needs_secret(const op_policy *p)
{
    gs_error why;
    return !p->invalid && p->p->has_s3 && !p->p->suspend && !p->p->deleting && op_bounds_store(p, &why) == 0;
}

/* Policies are few: each is looked at once a second, and written where something is due. */
void op_policies_tick(op *o)
{
    int64_t now = op_mono(o);
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        op_policy *p = it.value;
        if (op_policy_needs_secret(p) && (!p->secret_checked_ms || now - p->secret_checked_ms >= GS_SECRET_RECHECK_MS))
            op_secret_check(p);
        op_access_tick(p);
        op_policy_finalizer(p);
        op_policy_write(p);
    }
}

/* All Secrets that a policy waits for have been looked at once. */
bool op_policies_settled(const op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        const op_policy *p = it.value;
        if ((op_policy_needs_secret(p) && !p->secret_checked_ms) || !op_access_checked(p))
            return false;
    }
    return true;
}

void op_policies_free(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);)
        policy_free(it.value);
}
