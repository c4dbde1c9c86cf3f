/* Secrets: read from the policy's own namespace only, and only if labelled for gostat: who may write policies is not
 * thereby allowed to send any Secret anywhere. Nothing of them is kept. */
#include "base/mem.h"
#include "kube/meta.h"
#include "operator/op.h"
#include "wire/digest.h"
#include "wire/json_cursor.h"

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

void op_wipe(gs_buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    gs_buf_done(b);
}

static void release(op_secret_read *r)
{
    op_wipe(&r->access);
    op_wipe(&r->secret);
    op_wipe(&r->token);
    op_wipe(&r->ca);
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

/* One value of a Secret; absent: *out stays empty. */
static int take(gs_str object, const char *key, gs_buf *out, gs_error *err)
{
    gs_str raw;
    if (!gs_json_find(object, (const char *[]){"data", key, NULL}, &raw) || raw.n < 2)
        return 0;
    return gs_base64_decode((gs_str){raw.p + 1, raw.n - 2}, out, err);
}

static int usable(op_secret_read *r, const char *name, const gs_kube_reply *reply, const char **ret_reason,
                  gs_error *err)
{
    gs_kube_meta meta;
    if (reply->err.kind == GS_NOT_FOUND) {
        *ret_reason = "SecretNotFound";
        return gs_error_set(err, GS_NOT_FOUND, "there is no Secret %s in namespace %s", name, r->ns);
    }
    if (reply->err.kind != GS_OK) {
        *ret_reason = "SecretUnreadable";
        *err = reply->err;
        return gs_error_wrap(err, GS_TRANSIENT, "Secret %s", name);
    }
    if (gs_kube_meta_read(reply->body, &meta, err) < 0 ||
        !gs_str_is(gs_kube_label(meta.labels, GS_USABLE_LABEL), "true")) {
        *ret_reason = "SecretNotUsable";
        return gs_error_set(err, GS_REFUSED,
                            "Secret %s lacks the label " GS_USABLE_LABEL
                            "=true: kubectl label secret %s " GS_USABLE_LABEL "=true",
                            name, name);
    }
    return 0;
}

static void on_ca(void *ctx, const gs_kube_reply *reply)
{
    op_secret_read *r = ctx;
    gs_error err = {0};
    const char *reason = "";
    if (usable(r, r->s3.ca_secret, reply, &reason, &err) == 0 && take(reply->body, r->s3.ca_key, &r->ca, &err) == 0 &&
        !r->ca.n) {
        reason = "SecretIncomplete";
        (void)gs_error_set(&err, GS_TERMINAL, "spec.snapshot.s3.caSecretRef: Secret %s has no key %s", r->s3.ca_secret,
                           r->s3.ca_key);
    }
    finish(r, reason[0] || err.kind == GS_OK ? reason : "SecretIncomplete", &err);
}

static void get(op_secret_read *r, const char *name, gs_kube_done done)
{
    gs_kube_path path = {.resource = &OP_SECRETS, .ns = r->ns, .name = name};
    r->call = gs_kube_get(r->o->kube, &path, &(gs_kube_opts){.deadline_ms = -1}, done, r);
}

static void on_credentials(void *ctx, const gs_kube_reply *reply)
{
    op_secret_read *r = ctx;
    gs_error err = {0};
    const char *reason = "";
    const char *name = r->s3.credentials_secret;
    if (usable(r, name, reply, &reason, &err) == 0) {
        reason = "SecretIncomplete";
        if (take(reply->body, "accessKeyId", &r->access, &err) == 0 &&
            take(reply->body, "secretAccessKey", &r->secret, &err) == 0 &&
            take(reply->body, "sessionToken", &r->token, &err) == 0) {
            if (!r->access.n || !r->secret.n)
                (void)gs_error_set(&err, GS_TERMINAL, "spec.snapshot.s3.credentialsSecretRef: Secret %s has no key %s",
                                   name, r->access.n ? "secretAccessKey" : "accessKeyId");
        }
    }
    if (err.kind != GS_OK)
        finish(r, reason, &err);
    else if (r->s3.ca_secret[0])
        get(r, r->s3.ca_secret, on_ca);
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
    get(r, r->s3.credentials_secret, on_credentials);
    return r;
}

void op_secret_read_cancel(op_secret_read *r)
{
    if (!r)
        return;
    gs_kube_cancel(r->call);
    release(r);
}

static void on_checked(void *ctx, const gs_s3_credentials *c, const char *reason, const gs_error *err)
{
    op_policy *p = ctx;
    op *o = p->o;
    bool before = op_policy_runs(p), unknown = err->kind == GS_TRANSIENT || err->status == 401;
    (void)c;
    p->secret_read = NULL;
    p->secret_checked_ms = op_mono(o);
    if (unknown && p->secret_ok) /* the API server is away: what was true stays so until it says otherwise */
        return;
    p->secret_ok = err->kind == GS_OK;
    (void)gs_str_copy(p->secret_reason, sizeof p->secret_reason, gs_str_of(reason));
    (void)gs_str_copy(p->secret_message, sizeof p->secret_message, gs_str_of(err->kind == GS_OK ? "" : err->msg));
    if (op_policy_runs(p) != before)
        op_reconcile_policy(o, p);
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
