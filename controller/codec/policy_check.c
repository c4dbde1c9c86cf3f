/* The rules of crds/gostat.dev_gostatpolicies.yaml that are written there in CEL, with the same messages. */
#include "codec/policy_internal.h"

#include <stdio.h>

/* ---- selector ---- */

static bool label_key(gs_str key)
{
    const char *slash = key.n ? memchr(key.p, '/', key.n) : NULL;
    gs_str name = slash ? (gs_str){slash + 1, key.n - (size_t)(slash + 1 - key.p)} : key;
    gs_str prefix = {key.p, slash ? (size_t)(slash - key.p) : 0};
    if (slash && !(gs_of_chars(prefix, true, "-.") && (gs_is_lower(prefix.p[0]) || gs_is_digit(prefix.p[0]))))
        return false;
    return name.n <= 63 && gs_is_name(name, false, "-_.");
}

#define LABEL_KEY                                                                                                      \
    "must be a label key: an optional DNS prefix and '/', then at most 63 letters, digits, '-', '_' and '.'"

static int check_expression(const struct gs_policy_expression *e, size_t i, gs_error *err)
{
    char path[64];
    if (!label_key(gs_str_of(e->key))) {
        (void)snprintf(path, sizeof path, "spec.selector.matchExpressions[%zu].key", i);
        return gs_policy_bad(err, path, LABEL_KEY ", got \"%.64s\"", e->key);
    }
    bool wants = e->op == GS_SEL_IN || e->op == GS_SEL_NOT_IN;
    if (wants == (e->n_values > 0))
        return 0;
    (void)snprintf(path, sizeof path, "spec.selector.matchExpressions[%zu].values", i);
    return wants ? gs_policy_bad(err, path,
                                 "operator In or NotIn needs values: name at least one, or use Exists or DoesNotExist")
                 : gs_policy_bad(err, path,
                                 "operator Exists or DoesNotExist takes no values: remove them, or use In or NotIn");
}

static int check_selector(const gs_policy_doc *d, bool needed, gs_error *err)
{
    if (needed && !d->has_selector)
        return gs_policy_bad(err, "spec.selector", "is required");
    if (needed && d->n_labels + d->n_expressions == 0)
        return gs_policy_bad(err, "spec.selector", "must not be empty: set matchLabels or matchExpressions");
    for (size_t i = 0; i < d->n_labels; i++) {
        gs_str value = gs_str_of(d->labels[i].value);
        if (!label_key(gs_str_of(d->labels[i].key)))
            return gs_policy_bad(err, "spec.selector.matchLabels", "each key " LABEL_KEY ", got \"%.64s\"",
                                 d->labels[i].key);
        if (value.n && !gs_is_name(value, false, "-_."))
            return gs_policy_bad(
                err, "spec.selector.matchLabels",
                "a value must be a label value: letters, digits, '-', '_' and '.', beginning and ending with a "
                "letter or digit, got \"%s\"",
                d->labels[i].value);
    }
    int r = 0;
    for (size_t i = 0; i < d->n_expressions && r == 0; i++)
        r = check_expression(&d->expressions[i], i, err);
    return r;
}

/* ---- endpoint ---- */

static int check_port(const gs_port *p, const char *path, gs_error *err)
{
    gs_str name = gs_str_of(p->name);
    bool letter = false;
    if (p->number)
        return 0;
    for (size_t i = 0; i < name.n; i++)
        letter = letter || gs_is_lower(name.p[i]);
    if (letter && gs_is_name(name, true, "-") && !gs_contains(name, "--"))
        return 0;
    return gs_policy_bad(
        err, path,
        "must be a number from 1 to 65535, or a container port's name: at most 15 lower-case letters, digits and "
        "single '-', with a letter among them, got \"%s\"",
        p->name);
}

static int check_path(const char *value, const char *path, gs_error *err)
{
    gs_str rest = gs_str_of(value), part;
    bool ok = rest.n > 1 && rest.p[0] == '/' && !gs_contains(rest, "..");
    for (rest = ok ? (gs_str){rest.p + 1, rest.n - 1} : (gs_str){NULL, 0}; gs_next_part(&rest, '/', &part);)
        ok = ok && gs_of_chars(part, false, "._~-");
    if (ok)
        return 0;
    return gs_policy_bad(
        err, path,
        "must begin with '/', not end with it, and hold no '..', '//', query or escape: for example /debug/pprof, "
        "got \"%.64s\"",
        value);
}

static int check_tls(const gs_policy_doc *d, gs_error *err)
{
    const gs_endpoint_spec *e = &d->policy.endpoint;
    int r = 0;
    if (d->has_tls && d->scheme == 0)
        return gs_policy_bad(err, "spec.endpoint.tls", "is for scheme HTTPS: set scheme to HTTPS, or leave tls out");
    if (d->has_endpoint_ca && e->insecure)
        return gs_policy_bad(
            err, "spec.endpoint.tls.insecureSkipVerify",
            "contradicts caSecretRef, since no certificate is verified with it: leave one of them out");
    if (d->has_endpoint_ca)
        r = gs_policy_check_secret(e->ca_secret, "spec.endpoint.tls.caSecretRef.name", err);
    if (r == 0 && d->has_endpoint_ca)
        r = gs_policy_check_key(e->ca_key, "spec.endpoint.tls.caSecretRef.key", err);
    if (r == 0 && d->has_server_name && !gs_is_object_name(gs_str_of(e->server_name)))
        r = gs_policy_bad(err, "spec.endpoint.tls.serverName",
                          "must be a DNS name: lower-case letters, digits, '-' and '.', beginning and ending with a "
                          "letter or digit, got \"%.64s\"",
                          e->server_name);
    if (r == 0 && d->has_cert)
        r = gs_policy_check_secret(e->cert_secret, "spec.endpoint.tls.clientCertSecretRef.name", err);
    return r;
}

static int check_authorization(const gs_policy_doc *d, gs_error *err)
{
    const gs_endpoint_spec *e = &d->policy.endpoint;
    if (d->has_authorization && d->has_bearer == d->has_basic)
        return gs_policy_bad(err, "spec.endpoint.authorization",
                             "must have exactly one of bearerTokenSecretRef and basicAuthSecretRef");
    if (d->has_basic)
        return gs_policy_check_secret(e->basic_secret, "spec.endpoint.authorization.basicAuthSecretRef.name", err);
    if (!d->has_bearer)
        return 0;
    int r = gs_policy_check_secret(e->bearer_secret, "spec.endpoint.authorization.bearerTokenSecretRef.name", err);
    return r ? r : gs_policy_check_key(e->bearer_key, "spec.endpoint.authorization.bearerTokenSecretRef.key", err);
}

static int check_endpoint(const gs_policy_doc *d, bool needed, gs_error *err)
{
    const gs_endpoint_spec *e = &d->policy.endpoint;
    if (needed && !d->has_endpoint)
        return gs_policy_bad(err, "spec.endpoint", "is required");
    int r = check_port(&e->pprof_port, "spec.endpoint.pprof.port", err);
    if (r == 0)
        r = check_path(e->pprof_path, "spec.endpoint.pprof.path", err);
    if (r == 0 && e->has_metrics)
        r = check_port(&e->metrics_port, "spec.endpoint.metrics.port", err);
    if (r == 0 && e->has_metrics)
        r = check_path(e->metrics_path, "spec.endpoint.metrics.path", err);
    if (r == 0)
        r = check_tls(d, err);
    return r ? r : check_authorization(d, err);
}

/* ---- sampling and detection ---- */

static int check_tolerance(const gs_policy_doc *d, gs_error *err)
{
    enum gs_class class = d->policy.detection.tolerance.class;
    int permille = d->policy.detection.tolerance.permille;
    if (class == GS_CLASS_CUSTOM && !d->has_permille)
        return gs_policy_bad(err, "spec.detection.tolerance.permille",
                             "is required with class Custom: for example permille: 20, which is 2 percent");
    if (class != GS_CLASS_CUSTOM && d->has_permille && permille != gs_class_permille(class))
        return gs_policy_bad(
            err, "spec.detection.tolerance.permille",
            "is for class Custom, the other classes have their own (Payment 20, Cache 50, Login and Search 5): leave it "
            "out, or set class to Custom; got %d with class %s",
            permille, gs_class_name(class));
    return 0;
}

static int check_times(const gs_policy *p, gs_error *err)
{
    if (p->timeout_s > p->interval_s)
        return gs_policy_bad(
            err, "spec.sampling.timeoutSeconds",
            "(2 if left out) must be at most sampling.intervalSeconds (5 if left out): lower it, or raise the "
            "interval; got %d and %d",
            p->timeout_s, p->interval_s);
    if (p->detection.surge.enabled && p->detection.surge.window_s < p->interval_s)
        return gs_policy_bad(
            err, "spec.detection.surge.windowSeconds",
            "(300 if left out) must be at least sampling.intervalSeconds, or the window holds no two samples: raise "
            "it, or lower the interval; got %d and %d",
            p->detection.surge.window_s, p->interval_s);
    if (p->detection.floor.enabled && p->detection.floor.window_s < p->interval_s)
        return gs_policy_bad(
            err, "spec.detection.floor.windowSeconds",
            "(120 if left out) must be at least sampling.intervalSeconds, or a window holds no sample: raise it, or "
            "lower the interval; got %d and %d",
            p->detection.floor.window_s, p->interval_s);
    return 0;
}

int gs_policy_check(const gs_policy_doc *d, bool need_selector, gs_error *err)
{
    const gs_policy *p = &d->policy;
    int r = check_selector(d, need_selector, err);
    if (r == 0)
        r = check_endpoint(d, need_selector, err);
    if (r == 0)
        r = check_times(p, err);
    if (r == 0)
        r = check_tolerance(d, err);
    if (r == 0)
        r = gs_policy_check_snapshot(d, err);
    if (r == 0)
        r = gs_policy_check_healing(d, err);
    return r;
}
