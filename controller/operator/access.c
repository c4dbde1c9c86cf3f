/* How the pods of each policy are asked. The Secrets that spec.endpoint names are read when the policy comes into force, and
 * anew every GS_SECRET_RECHECK_MS. What was read last is used on while the API server cannot be asked; where it says that a
 * Secret is gone, or is no good any more, the pods are not asked at all, and the policy's conditions say why. */
#include "operator/op.h"

#include "base/log.h"
#include "base/mem.h"
#include "codec/access.h"

#include <stdlib.h>

struct op_access {
    op_policy *p;
    gs_endpoint_spec spec;
    gs_access *access; /* as in force; NULL: plain HTTP, as nobody */
    bool ok;
    int64_t checked_ms; /* mono; 0: never */
    char reason[48], message[320];
    /* the reading under way */
    op_secret_get *get;
    enum gs_access_secret at;
    gs_access_parts parts;
};

static void read_next(struct op_access *a);

static void put_in_force(struct op_access *a, gs_access *access)
{
    gs_access_unref(a->access);
    a->access = access;
    gs_engine_set_access(a->p->o->engine, a->p->p->ns, a->p->p->name, access);
}

/* The first time, the policy's pods have waited for it. */
static void note_checked(struct op_access *a)
{
    bool first = !a->checked_ms;
    a->checked_ms = op_mono(a->p->o);
    op_policy_dirty(a->p);
    if (first)
        op_reconcile_policy(a->p->o, a->p);
}

static void succeed(struct op_access *a)
{
    gs_access *fresh = gs_access_build(&a->spec, &a->parts);
    gs_access_parts_done(&a->parts);
    if (a->ok && gs_access_same(a->access, fresh)) {
        gs_access_unref(fresh);
    } else {
        if (a->ok)
            gs_log_info("what a policy's pods are asked with has changed", "policy", a->p->key);
        put_in_force(a, fresh);
    }
    a->ok = true;
    note_checked(a);
}

static void fail(struct op_access *a, const char *reason, gs_error *err)
{
    bool unknown = err->kind == GS_TRANSIENT || err->status == 401;
    gs_access_parts_done(&a->parts);
    if (!unknown || !a->ok) {
        (void)gs_error_wrap(err, GS_TERMINAL, "%s", gs_access_secret_field(&a->spec, a->at));
        a->ok = false;
        (void)gs_str_copy(a->reason, sizeof a->reason, gs_str_of(reason));
        (void)gs_str_copy(a->message, sizeof a->message, gs_str_of(err->msg));
        put_in_force(a, gs_access_refuse(a->message));
    }
    note_checked(a);
}

static void on_secret(void *ctx, gs_str object, const char *reason, const gs_error *why)
{
    struct op_access *a = ctx;
    gs_error err = *why;
    a->get = NULL;
    if (err.kind == GS_OK && gs_access_take(&a->spec, a->at, object, &a->parts, &err) < 0)
        reason = "SecretIncomplete";
    if (err.kind != GS_OK) {
        fail(a, reason, &err);
        return;
    }
    a->at++;
    read_next(a);
}

static void read_next(struct op_access *a)
{
    while (a->at < GS_ACCESS_SECRETS && !gs_access_secret_name(&a->spec, a->at)[0])
        a->at++;
    if (a->at < GS_ACCESS_SECRETS)
        a->get = op_secret_get_start(a->p->o, a->p->p->ns, gs_access_secret_name(&a->spec, a->at), on_secret, a);
    else
        succeed(a);
}

static bool names_secrets(const gs_endpoint_spec *e)
{
    for (int s = 0; s < GS_ACCESS_SECRETS; s++)
        if (gs_access_secret_name(e, s)[0])
            return true;
    return false;
}

void op_access_forget(op_policy *p)
{
    struct op_access *a = gs_take(p->access);
    if (!a)
        return;
    op_secret_get_cancel(a->get);
    gs_access_parts_done(&a->parts);
    gs_access_unref(a->access);
    free(a);
}

/* What was in force with other fields is not used for a moment longer. */
void op_access_set(op_policy *p)
{
    bool runs = op_policy_runs(p);
    if (runs && p->access && gs_access_spec_same(&p->access->spec, &p->p->endpoint)) {
        gs_engine_set_access(p->o->engine, p->p->ns, p->p->name, p->access->access);
        return;
    }
    op_access_forget(p);
    gs_cleanup(gs_access_unref) gs_access *none = gs_access_refuse("the Secrets of spec.endpoint are not read yet");
    gs_engine_set_access(p->o->engine, p->p->ns, p->p->name, none);
    if (!runs)
        return;
    p->access = gs_alloc(sizeof *p->access);
    p->access->p = p;
    p->access->spec = p->p->endpoint;
    read_next(p->access);
}

void op_access_tick(op_policy *p)
{
    struct op_access *a = p->access;
    if (!a || a->get || !names_secrets(&a->spec) || op_mono(p->o) - a->checked_ms < GS_SECRET_RECHECK_MS)
        return;
    a->at = 0;
    read_next(a);
}

bool op_access_checked(const op_policy *p)
{
    return !p->access || p->access->checked_ms;
}

bool op_access_trouble(const op_policy *p, const char **ret_reason, const char **ret_message)
{
    const struct op_access *a = p->access;
    if (!a || a->ok)
        return false;
    *ret_reason = a->checked_ms ? a->reason : "Checking";
    *ret_message = a->checked_ms ? a->message : "reading the Secrets of spec.endpoint";
    return true;
}
