#include "base/limits.h"
#include "base/mem.h"
#include "cli/explain.h"
#include "codec/access.h"
#include "codec/secret.h"

#include <stdio.h>

/* One Secret that the policy names, and what it must hold. */
typedef struct wanted {
    const char *field, *name;
    const char *const *keys;   /* ended by NULL; or, where it is NULL ... */
    bool ca;                   /* they are certificates to trust */
    const gs_endpoint_spec *e; /* ... what this endpoint needs of it */
    enum gs_access_secret which;
} wanted;

static int check_access(const wanted *w, gs_str object, gs_error *err)
{
    gs_access_parts parts = {0};
    int rc = gs_access_take(w->e, w->which, object, &parts, err);
    gs_access_parts_done(&parts);
    return rc;
}

/* The Secret is labelled, and has a value under each of the keys. */
static int check(const wanted *w, gs_str object, gs_error *err)
{
    if (!w->keys)
        return check_access(w, object, err);
    int rc = gs_secret_usable(object, w->name, err);
    for (const char *const *key = w->keys; !rc && *key; key++) {
        gs_cleanup(gs_buf_wipe) gs_buf value = {0};
        rc = w->ca ? gs_secret_need_ca(object, w->name, *key, &value, err)
                   : gs_secret_need(object, w->name, *key, &value, err);
    }
    return rc;
}

/* Who may not read Secrets is told so, and the rest is explained all the same. */
static enum gs_exit look_at(gs_cluster *c, gs_explained *x, const wanted *w, gs_error *err)
{
    const char *name = w->name;
    gs_cleanup(gs_buf_wipe) gs_buf object = GS_BUF(GS_MAX_REPLY_BYTES);
    gs_error why = {0};
    if (!name[0] || x->n_secrets == GS_EXPLAIN_SECRETS)
        return GS_EXIT_OK;
    gs_kube_path path = {.resource = &GS_SECRETS, .ns = c->ns, .name = name};
    enum gs_exit code = gs_cluster_get(c, &path, &object, &why);
    bool missing = code == GS_EXIT_FAULT && why.kind == GS_NOT_FOUND;
    if (code && code != GS_EXIT_RIGHTS && !missing) {
        *err = why;
        return code;
    }
    gs_explained_secret *s = &x->secrets[x->n_secrets++];
    (void)gs_str_copy(s->field, sizeof s->field, gs_str_of(w->field));
    (void)gs_str_copy(s->name, sizeof s->name, gs_str_of(name));
    if (!code && check(w, gs_buf_str(&object), &why) == 0)
        return GS_EXIT_OK;
    s->state = code == GS_EXIT_RIGHTS ? GS_SECRET_NOT_CHECKED : GS_SECRET_WRONG;
    if (missing)
        (void)snprintf(s->message, sizeof s->message, "there is no Secret %s in namespace %s", name, c->ns);
    else
        (void)gs_str_copy(s->message, sizeof s->message,
                          gs_str_of(code ? "you may not read Secrets here; the condition Ready tells what the "
                                           "controller found"
                                         : why.msg));
    return GS_EXIT_OK;
}

static enum gs_exit look(gs_cluster *c, gs_explained *x, const char *field, const char *name, const char *const keys[],
                         gs_error *err)
{
    return look_at(c, x, &(wanted){.field = field, .name = name, .keys = keys}, err);
}

static enum gs_exit look_at_access(gs_cluster *c, gs_explained *x, gs_error *err)
{
    const gs_endpoint_spec *e = &x->p->endpoint;
    enum gs_exit code = GS_EXIT_OK;
    for (int k = 0; k < GS_ACCESS_SECRETS && !code; k++) {
        enum gs_access_secret which = (enum gs_access_secret)k;
        wanted w = {
            .field = gs_access_secret_field(e, which), .name = gs_access_secret_name(e, which), .e = e, .which = which};
        code = look_at(c, x, &w, err);
    }
    return code;
}

enum gs_exit gs_explain_secrets(gs_cluster *c, gs_explained *x, gs_error *err)
{
    const gs_policy *p = x->p;
    enum gs_exit code = look_at_access(c, x, err);
    char field[160];
    if (p->has_s3 && !code) {
        code = look(c, x, "spec.snapshot.s3.credentialsSecretRef", p->s3.credentials_secret,
                    (const char *const[]){"accessKeyId", "secretAccessKey", NULL}, err);
        if (!code)
            code = look_at(c, x,
                           &(wanted){.field = "spec.snapshot.s3.caSecretRef",
                                     .name = p->s3.ca_secret,
                                     .keys = (const char *const[]){p->s3.ca_key, NULL},
                                     .ca = true},
                           err);
    }
    for (size_t k = 0; k < p->n_notify && !code; k++) {
        const gs_notify_spec *n = &p->notify[k];
        (void)snprintf(field, sizeof field, "spec.notify[%s].urlSecretRef", n->name);
        code = look(c, x, field, n->url_secret, (const char *const[]){n->url_key, NULL}, err);
        (void)snprintf(field, sizeof field, "spec.notify[%s].hmacSecretRef", n->name);
        if (!code)
            code = look(c, x, field, n->hmac_secret, (const char *const[]){n->hmac_key, NULL}, err);
    }
    return code;
}
