/* Secrets: read from the policy's own namespace only, and only if labelled for gostat: who may write policies is not
 * thereby allowed to send any Secret anywhere. Nothing of them is kept. */
#include "base/mem.h"
#include "codec/secret.h"
#include "operator/op.h"

#include <stdio.h>
#include <stdlib.h>

const gs_kube_resource OP_SECRETS = {"", "v1", "secrets", true};

struct op_secret_read {
    op *o;
    char ns[GS_NAMESPACE_LEN];
    gs_s3_spec s3;
    gs_kube_call *call;
    op_secret_done done;
    void *ctx;
    gs_buf access, secret, token, ca;
};

static const char *keep(gs_buf *b, const char *s)
{
    *b = GS_BUF(GS_MAX_SECRET_VALUE);
    return s && gs_buf_adds(b, s) == 0 ? b->p : NULL;
}

void op_keys_copy(op_keys *k, const gs_s3_credentials *c)
{
    k->cred = (gs_s3_credentials){.access_key = keep(&k->access, c->access_key),
                                  .secret_key = keep(&k->secret, c->secret_key),
                                  .session_token = keep(&k->token, c->session_token),
                                  .ca_pem = keep(&k->ca, c->ca_pem)};
}

void op_keys_done(op_keys *k)
{
    gs_buf_wipe(&k->access);
    gs_buf_wipe(&k->secret);
    gs_buf_wipe(&k->token);
    gs_buf_wipe(&k->ca);
}

static void release(op_secret_read *r)
{
    gs_buf_wipe(&r->access);
    gs_buf_wipe(&r->secret);
    gs_buf_wipe(&r->token);
    gs_buf_wipe(&r->ca);
    free(r);
}

static void finish(op_secret_read *r, const char *reason, const gs_error *err)
{
    gs_s3_credentials c = {.access_key = r->access.p,
                           .secret_key = r->secret.p,
                           .session_token = r->token.n ? r->token.p : NULL,
                           .ca_pem = r->ca.n ? r->ca.p : NULL};
    r->call = NULL;
    r->done(r->ctx, &c, reason, err);
    release(r);
}

static int usable(const char *ns, const char *name, const gs_kube_reply *reply, const char **ret_reason, gs_error *err)
{
    if (reply->err.kind == GS_NOT_FOUND) {
        *ret_reason = "SecretNotFound";
        return gs_error_set(err, GS_NOT_FOUND, "there is no Secret %s in namespace %s", name, ns);
    }
    if (reply->err.kind != GS_OK) {
        *ret_reason = "SecretUnreadable";
        *err = reply->err;
        return gs_error_wrap(err, GS_TRANSIENT, "Secret %s", name);
    }
    if (gs_secret_usable(reply->body, name, err) < 0) {
        *ret_reason = "SecretNotUsable";
        return -(int)err->kind;
    }
    return 0;
}

static void on_ca(void *ctx, const gs_kube_reply *reply)
{
    op_secret_read *r = ctx;
    gs_error err = {0};
    const char *reason = "";
    if (usable(r->ns, r->s3.ca_secret, reply, &reason, &err) == 0 &&
        gs_secret_need_ca(reply->body, r->s3.ca_secret, r->s3.ca_key, &r->ca, &err) < 0) {
        reason = "SecretIncomplete";
        (void)gs_error_wrap(&err, GS_TERMINAL, "spec.snapshot.s3.caSecretRef");
    }
    finish(r, reason, &err);
}

static gs_kube_call *ask(op *o, const char *ns, const char *name, gs_kube_done done, void *ctx)
{
    gs_kube_path path = {.resource = &OP_SECRETS, .ns = ns, .name = name};
    return gs_kube_get(o->kube, &path, &(gs_kube_opts){.deadline_ms = -1}, done, ctx);
}

static void on_credentials(void *ctx, const gs_kube_reply *reply)
{
    op_secret_read *r = ctx;
    gs_error err = {0};
    const char *reason = "";
    const char *name = r->s3.credentials_secret;
    if (usable(r->ns, name, reply, &reason, &err) == 0) {
        reason = "SecretIncomplete";
        (void)gs_secret_take_s3(reply->body, name, &r->access, &r->secret, &r->token, &err);
    }
    if (err.kind != GS_OK)
        finish(r, reason, &err);
    else if (r->s3.ca_secret[0])
        r->call = ask(r->o, r->ns, r->s3.ca_secret, on_ca, r);
    else
        finish(r, "", &err);
}

op_secret_read *op_secret_read_start(op *o, const char *ns, const gs_s3_spec *s3, op_secret_done done, void *ctx)
{
    op_secret_read *r = gs_alloc(sizeof *r);
    r->o = o;
    (void)gs_str_copy(r->ns, sizeof r->ns, gs_str_of(ns));
    r->s3 = *s3;
    r->done = done;
    r->ctx = ctx;
    r->access = r->secret = r->token = r->ca = GS_BUF(GS_MAX_SECRET_VALUE);
    r->call = ask(o, r->ns, r->s3.credentials_secret, on_credentials, r);
    return r;
}

void op_secret_read_cancel(op_secret_read *r)
{
    if (!r)
        return;
    gs_kube_cancel(r->call);
    release(r);
}

struct op_secret_get {
    char ns[GS_NAMESPACE_LEN], name[GS_OBJECT_LEN];
    gs_kube_call *call;
    op_secret_got done;
    void *ctx;
};

static void on_got(void *ctx, const gs_kube_reply *reply)
{
    gs_autofree op_secret_get *g = ctx;
    gs_error err = {0};
    const char *reason = "";
    int rc = usable(g->ns, g->name, reply, &reason, &err);
    g->done(g->ctx, rc ? (gs_str){"", 0} : reply->body, reason, &err);
}

op_secret_get *op_secret_get_start(op *o, const char *ns, const char *name, op_secret_got done, void *ctx)
{
    op_secret_get *g = gs_alloc(sizeof *g);
    (void)gs_str_copy(g->ns, sizeof g->ns, gs_str_of(ns));
    (void)gs_str_copy(g->name, sizeof g->name, gs_str_of(name));
    g->done = done;
    g->ctx = ctx;
    g->call = ask(o, g->ns, g->name, on_got, g);
    return g;
}

void op_secret_get_cancel(op_secret_get *g)
{
    if (!g)
        return;
    gs_kube_cancel(g->call);
    free(g);
}

struct op_secret_value {
    char name[GS_OBJECT_LEN], key[GS_OBJECT_LEN];
    op_secret_get *get;
    op_secret_value_done done;
    void *ctx;
    gs_buf value;
};

static void value_release(op_secret_value *v)
{
    gs_buf_wipe(&v->value);
    free(v);
}

static void on_value(void *ctx, gs_str object, const char *reason, const gs_error *why)
{
    op_secret_value *v = ctx;
    gs_error err = *why;
    v->get = NULL;
    if (err.kind == GS_OK) {
        int rc = gs_secret_need(object, v->name, v->key, &v->value, &err);
        reason = rc ? "SecretIncomplete" : "";
    }
    v->done(v->ctx, err.kind == GS_OK ? gs_buf_str(&v->value) : (gs_str){"", 0}, reason, &err);
    value_release(v);
}

op_secret_value *op_secret_value_start(op *o, const char *ns, const char *name, const char *key,
                                       op_secret_value_done done, void *ctx)
{
    op_secret_value *v = gs_alloc(sizeof *v);
    (void)gs_str_copy(v->name, sizeof v->name, gs_str_of(name));
    (void)gs_str_copy(v->key, sizeof v->key, gs_str_of(key));
    v->done = done;
    v->ctx = ctx;
    v->get = op_secret_get_start(o, ns, name, on_value, v);
    return v;
}

void op_secret_value_cancel(op_secret_value *v)
{
    if (!v)
        return;
    op_secret_get_cancel(v->get);
    value_release(v);
}

static void on_checked(void *ctx, const gs_s3_credentials *c, const char *reason, const gs_error *err)
{
    op_policy *p = ctx;
    op *o = p->o;
    bool unknown = err->kind == GS_TRANSIENT || err->status == 401;
    (void)c;
    p->secret_read = NULL;
    p->secret_checked_ms = op_mono(o);
    if (unknown && p->secret_ok) /* the API server is away: what was true stays so until it says otherwise */
        return;
    p->secret_ok = err->kind == GS_OK;
    (void)gs_str_copy(p->secret_reason, sizeof p->secret_reason, gs_str_of(reason));
    (void)gs_str_copy(p->secret_message, sizeof p->secret_message, gs_str_of(err->kind == GS_OK ? "" : err->msg));
    op_policy_dirty(p);
}

void op_secret_check(op_policy *p)
{
    if (!p->secret_read)
        p->secret_read = op_secret_read_start(p->o, p->p->ns, &p->p->s3, on_checked, p);
}

void op_secret_forget(op_policy *p)
{
    op_secret_read_cancel(p->secret_read);
    p->secret_read = NULL;
}
