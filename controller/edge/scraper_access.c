#include "edge/scraper_internal.h"

#include <stdio.h>

gs_scrape_pass gs_scrape_pass_of(const gs_scrape_target *t)
{
    const gs_access *a = t->access;
    if (!a)
        return (gs_scrape_pass){0};
    return (gs_scrape_pass){.tls = {.ca_pem = a->ca_pem,
                                    .cert_pem = a->cert_pem,
                                    .key_pem = a->key_pem,
                                    .server_name = a->server_name,
                                    .insecure = a->insecure},
                            .headers = {a->authorization}};
}

/* Words of libcurl and of the OpenSSL below it, and what they mean to the owner of a policy; the first that fits. */
static const struct {
    const char *words, *meaning;
} faults[] = {
    {"certificate has expired", "its certificate has expired: renew it"},
    {"certificate is not yet valid", "its certificate is not valid yet: check its dates, and the clocks"},
    {"CA certificate blob", "no CA certificate can be read: check the Secret of spec.endpoint.tls.caSecretRef"},
    {"certificate problem", "its certificate is not trusted: check spec.endpoint.tls.caSecretRef"},
    {"client certificate", "the client certificate cannot be used: check spec.endpoint.tls.clientCertSecretRef"},
    {"private key", "the client's key cannot be used: check spec.endpoint.tls.clientCertSecretRef"},
    {"wrong version number", "it does not speak TLS: check spec.endpoint.scheme, or the ports"},
    {"alert certificate", "it wants a client certificate: check spec.endpoint.tls.clientCertSecretRef"},
    {"alert bad certificate", "it refuses the client certificate: check spec.endpoint.tls.clientCertSecretRef"},
    {"alert unknown ca", "it does not trust the client certificate: check spec.endpoint.tls.clientCertSecretRef"},
    {"alert handshake failure", "it refuses the client: check spec.endpoint.tls.clientCertSecretRef"},
};

static int say(const gs_scrape_target *t, gs_error *err, const char *what)
{
    int status = err->status, shown = (int)strcspn(t->url, "?");
    (void)gs_error_set(err, t->access ? GS_TRANSIENT : err->kind, "GET %.*s: %s", shown, t->url, what);
    err->status = status;
    return -(int)err->kind;
}

static int say_name(const gs_scrape_target *t, gs_error *err)
{
    char what[400];
    if (!t->access->server_name)
        return say(t, err, "its certificate is not valid for its address: set spec.endpoint.tls.serverName");
    (void)snprintf(what, sizeof what, "its certificate is not valid for %s: check spec.endpoint.tls.serverName",
                   t->access->server_name);
    return say(t, err, what);
}

static int explain_tls(const gs_scrape_target *t, gs_error *err)
{
    const char *cause = strstr(err->msg, ": "); /* the URL before it may hold any of the words */
    if (!cause)
        return -(int)err->kind;
    if (strstr(cause, "subject name") || strstr(cause, "common name"))
        return say_name(t, err);
    for (size_t k = 0; k < GS_LEN(faults); k++)
        if (strstr(cause, faults[k].words))
            return say(t, err, faults[k].meaning);
    return -(int)err->kind;
}

int gs_scrape_check(const gs_scrape_target *t, const gs_http_reply *reply, gs_error *err)
{
    int rc = gs_http_check(reply, NULL, err);
    bool https = t->access && t->access->https;
    if (!rc)
        return 0;
    if (!reply->status)
        return https ? explain_tls(t, err) : rc;
    if (reply->status == 401)
        return say(t, err, "401: check spec.endpoint.authorization");
    if (reply->status == 403)
        return say(t, err, "403: check spec.endpoint.authorization");
    return rc;
}
