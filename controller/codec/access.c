#include "codec/access.h"

#include "base/limits.h"
#include "base/mem.h"
#include "codec/secret.h"
#include "wire/digest.h"
#include "wire/pem.h"

const char *gs_access_secret_name(const gs_endpoint_spec *e, enum gs_access_secret s)
{
    switch (s) {
    case GS_ACCESS_CA:
        return e->ca_secret;
    case GS_ACCESS_CERT:
        return e->cert_secret;
    default:
        return e->bearer_secret[0] ? e->bearer_secret : e->basic_secret;
    }
}

const char *gs_access_secret_field(const gs_endpoint_spec *e, enum gs_access_secret s)
{
    switch (s) {
    case GS_ACCESS_CA:
        return "spec.endpoint.tls.caSecretRef";
    case GS_ACCESS_CERT:
        return "spec.endpoint.tls.clientCertSecretRef";
    default:
        return e->bearer_secret[0] ? "spec.endpoint.authorization.bearerTokenSecretRef"
                                   : "spec.endpoint.authorization.basicAuthSecretRef";
    }
}

bool gs_access_spec_same(const gs_endpoint_spec *a, const gs_endpoint_spec *b)
{
    return a->https == b->https && a->insecure == b->insecure && gs_streq(a->server_name, b->server_name) &&
           gs_streq(a->ca_secret, b->ca_secret) && gs_streq(a->ca_key, b->ca_key) &&
           gs_streq(a->cert_secret, b->cert_secret) && gs_streq(a->bearer_secret, b->bearer_secret) &&
           gs_streq(a->bearer_key, b->bearer_key) && gs_streq(a->basic_secret, b->basic_secret);
}

void gs_access_parts_done(gs_access_parts *p)
{
    gs_buf_wipe(&p->ca);
    gs_buf_wipe(&p->cert);
    gs_buf_wipe(&p->key);
    gs_buf_wipe(&p->authorization);
}

/* Whatever made the Secret may have ended it with a line end, which nobody means. */
static int take_line(gs_str object, const char *name, const char *key, gs_buf *out, gs_error *err)
{
    int rc = gs_secret_need(object, name, key, out, err);
    if (rc)
        return rc;
    while (out->n && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
        out->p[--out->n] = 0;
    if (!out->n)
        return gs_error_set(err, GS_TERMINAL, "Secret %s, key %s: is an empty line", name, key);
    return 0;
}

static int take_cert(const gs_endpoint_spec *e, gs_str object, gs_access_parts *p, gs_error *err)
{
    int rc = gs_secret_need_pem(object, e->cert_secret, "tls.crt", &p->cert, err);
    if (!rc)
        rc = gs_secret_need_pem(object, e->cert_secret, "tls.key", &p->key, err);
    if (!rc && gs_pem_check_pair(gs_buf_str(&p->cert), gs_buf_str(&p->key), err) < 0)
        rc = gs_error_wrap(err, GS_TERMINAL, "Secret %s, keys tls.crt and tls.key", e->cert_secret);
    return rc;
}

static int take_bearer(const gs_endpoint_spec *e, gs_str object, gs_access_parts *p, gs_error *err)
{
    gs_cleanup(gs_buf_wipe) gs_buf token = {0};
    int rc = take_line(object, e->bearer_secret, e->bearer_key, &token, err);
    for (size_t k = 0; !rc && k < token.n; k++)
        if (token.p[k] <= ' ' || token.p[k] > '~') /* it ends a header's value, or is none of RFC 6750's */
            rc = gs_error_set(err, GS_TERMINAL, "Secret %s, key %s: a token has no space, line end or other than ASCII",
                              e->bearer_secret, e->bearer_key);
    p->authorization = GS_BUF(GS_MAX_SECRET_VALUE + 64);
    if (!rc)
        rc = gs_buf_adds(&p->authorization, "Authorization: Bearer ");
    if (!rc)
        rc = gs_buf_add(&p->authorization, token.p, token.n);
    return rc;
}

static int take_basic(const gs_endpoint_spec *e, gs_str object, gs_access_parts *p, gs_error *err)
{
    gs_cleanup(gs_buf_wipe) gs_buf user = {0}, password = {0};
    int rc = take_line(object, e->basic_secret, "username", &user, err);
    if (!rc && strchr(user.p, ':'))
        rc = gs_error_set(err, GS_TERMINAL, "Secret %s, key username: a name has no ':'", e->basic_secret);
    if (!rc)
        rc = take_line(object, e->basic_secret, "password", &password, err);
    user.max = 2 * GS_MAX_SECRET_VALUE + 1;
    p->authorization = GS_BUF(4 * GS_MAX_SECRET_VALUE);
    if (!rc)
        rc = gs_buf_adds(&p->authorization, "Authorization: Basic ");
    if (!rc)
        rc = gs_buf_addf(&user, ":%s", password.p);
    if (!rc)
        rc = gs_base64_encode(gs_buf_str(&user), &p->authorization, err);
    return rc;
}

int gs_access_take(const gs_endpoint_spec *e, enum gs_access_secret s, gs_str object, gs_access_parts *p, gs_error *err)
{
    int rc = gs_secret_usable(object, gs_access_secret_name(e, s), err);
    if (rc)
        return rc;
    switch (s) {
    case GS_ACCESS_CA:
        return gs_secret_need_ca(object, e->ca_secret, e->ca_key, &p->ca, err);
    case GS_ACCESS_CERT:
        return take_cert(e, object, p, err);
    default:
        gs_buf_wipe(&p->authorization);
        return e->bearer_secret[0] ? take_bearer(e, object, p, err) : take_basic(e, object, p, err);
    }
}

static char *text(gs_buf *b)
{
    return b->n ? gs_buf_take(b) : NULL;
}

gs_access *gs_access_build(const gs_endpoint_spec *e, gs_access_parts *p)
{
    if (!e->https && !p->authorization.n)
        return NULL;
    gs_access a = {.https = e->https,
                   .insecure = e->insecure,
                   .ca_pem = text(&p->ca),
                   .cert_pem = text(&p->cert),
                   .key_pem = text(&p->key),
                   .server_name = e->server_name[0] ? gs_strdup(e->server_name) : NULL,
                   .authorization = text(&p->authorization)};
    return gs_access_new(&a);
}
