/* The rules of crds/gostat.dev_gostatpolicies.yaml that are written there in CEL, with the same messages. */
#include "codec/policy_internal.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 3, 4))) static int bad(gs_error *err, const char *path, const char *fmt, ...)
{
    char what[320];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return gs_error_set(err, GS_TERMINAL, "%s: %s", path, what);
}

static bool lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool alnum(char c)
{
    return lower(c) || digit(c) || (c >= 'A' && c <= 'Z');
}

/* Not empty, and nothing but letters (lower case only where said so), digits and `more`. */
static bool of_chars(gs_str s, bool lower_only, const char *more)
{
    for (size_t i = 0; i < s.n; i++) {
        bool ok = lower_only ? lower(s.p[i]) || digit(s.p[i]) : alnum(s.p[i]);
        if (!ok && !(s.p[i] && strchr(more, s.p[i])))
            return false;
    }
    return s.n > 0;
}

/* The same, beginning and ending with a letter or digit. */
static bool is_name(gs_str s, bool lower_only, const char *more)
{
    return of_chars(s, lower_only, more) && alnum(s.p[0]) && alnum(s.p[s.n - 1]);
}

static bool contains(gs_str s, const char *what)
{
    return s.n && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* The next part of *rest up to a separator; false behind the last one. */
static bool next_part(gs_str *rest, char separator, gs_str *ret)
{
    if (!rest->p)
        return false;
    const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    *ret = (gs_str){rest->p, at ? (size_t)(at - rest->p) : rest->n};
    *rest = at ? (gs_str){at + 1, rest->n - ret->n - 1} : (gs_str){NULL, 0};
    return true;
}

/* ---- selector ---- */

static bool label_key(gs_str key)
{
    const char *slash = key.n ? memchr(key.p, '/', key.n) : NULL;
    gs_str name = slash ? (gs_str){slash + 1, key.n - (size_t)(slash + 1 - key.p)} : key;
    gs_str prefix = {key.p, slash ? (size_t)(slash - key.p) : 0};
    if (slash && !(of_chars(prefix, true, "-.") && (lower(prefix.p[0]) || digit(prefix.p[0]))))
        return false;
    return name.n <= 63 && is_name(name, false, "-_.");
}

#define LABEL_KEY                                                                                                      \
    "must be a label key: an optional DNS prefix and '/', then at most 63 letters, digits, '-', '_' and '.'"

static int check_expression(const struct gs_policy_expression *e, size_t i, gs_error *err)
{
    char path[64];
    if (!label_key(gs_str_of(e->key))) {
        (void)snprintf(path, sizeof path, "spec.selector.matchExpressions[%zu].key", i);
        return bad(err, path, LABEL_KEY ", got \"%.64s\"", e->key);
    }
    bool wants = e->op == GS_SEL_IN || e->op == GS_SEL_NOT_IN;
    if (wants == (e->n_values > 0))
        return 0;
    (void)snprintf(path, sizeof path, "spec.selector.matchExpressions[%zu].values", i);
    return wants ? bad(err, path, "operator In or NotIn needs values: name at least one, or use Exists or DoesNotExist")
                 : bad(err, path, "operator Exists or DoesNotExist takes no values: remove them, or use In or NotIn");
}

static int check_selector(const gs_policy_doc *d, bool needed, gs_error *err)
{
    if (needed && !d->has_selector)
        return bad(err, "spec.selector", "is required");
    if (needed && d->n_labels + d->n_expressions == 0)
        return bad(err, "spec.selector", "must not be empty: set matchLabels or matchExpressions");
    for (size_t i = 0; i < d->n_labels; i++) {
        gs_str value = gs_str_of(d->labels[i].value);
        if (!label_key(gs_str_of(d->labels[i].key)))
            return bad(err, "spec.selector.matchLabels", "each key " LABEL_KEY ", got \"%.64s\"", d->labels[i].key);
        if (value.n && !is_name(value, false, "-_."))
            return bad(err, "spec.selector.matchLabels",
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
        letter = letter || lower(name.p[i]);
    if (letter && is_name(name, true, "-") && !contains(name, "--"))
        return 0;
    return bad(
        err, path,
        "must be a number from 1 to 65535, or a container port's name: at most 15 lower-case letters, digits and "
        "single '-', with a letter among them, got \"%s\"",
        p->name);
}

static int check_path(const char *value, const char *path, gs_error *err)
{
    gs_str rest = gs_str_of(value), part;
    bool ok = rest.n > 1 && rest.p[0] == '/' && !contains(rest, "..");
    for (rest = ok ? (gs_str){rest.p + 1, rest.n - 1} : (gs_str){NULL, 0}; next_part(&rest, '/', &part);)
        ok = ok && of_chars(part, false, "._~-");
    if (ok)
        return 0;
    return bad(
        err, path,
        "must begin with '/', not end with it, and hold no '..', '//', query or escape: for example /debug/pprof, "
        "got \"%.64s\"",
        value);
}

static int check_endpoint(const gs_policy_doc *d, bool needed, gs_error *err)
{
    const gs_endpoint_spec *e = &d->policy.endpoint;
    if (needed && !d->has_endpoint)
        return bad(err, "spec.endpoint", "is required");
    int r = check_port(&e->pprof_port, "spec.endpoint.pprof.port", err);
    if (r == 0)
        r = check_path(e->pprof_path, "spec.endpoint.pprof.path", err);
    if (r == 0 && e->has_metrics)
        r = check_port(&e->metrics_port, "spec.endpoint.metrics.port", err);
    if (r == 0 && e->has_metrics)
        r = check_path(e->metrics_path, "spec.endpoint.metrics.path", err);
    return r;
}

/* ---- snapshot.s3 ---- */

/* Takes the URL apart: host without brackets. False where it is not http(s)://host[:port]. */
static bool store_url(gs_str url, gs_str *ret_host, bool *ret_ip)
{
    size_t scheme = gs_str_starts(url, "https://") ? 8 : gs_str_starts(url, "http://") ? 7 : 0;
    gs_str rest = {url.p + scheme, url.n - scheme}, port = {NULL, 0};
    uint64_t number = 1;
    if (!scheme || rest.n == 0)
        return false;
    const char *bracket = rest.p[0] == '[' ? memchr(rest.p, ']', rest.n) : NULL;
    const char *colon = bracket ? bracket + 1 : memchr(rest.p, ':', rest.n);
    if (colon && colon < rest.p + rest.n) {
        if (*colon != ':')
            return false;
        port = (gs_str){colon + 1, (size_t)(rest.p + rest.n - colon - 1)};
        rest.n = (size_t)(colon - rest.p);
    }
    if (port.p && (port.n == 0 || port.p[0] == '0' || !gs_str_u64(port, &number) || number > 65535))
        return false;
    *ret_host = bracket ? (gs_str){rest.p + 1, rest.n - 2} : rest;
    *ret_ip = bracket != NULL;
    if (bracket) {
        for (size_t i = 0; i < ret_host->n; i++)
            if (!strchr("0123456789abcdefABCDEF:.", ret_host->p[i]))
                return false;
        return ret_host->n > 0;
    }
    *ret_ip = true;
    for (size_t i = 0; i < rest.n; i++)
        *ret_ip = *ret_ip && (digit(rest.p[i]) || rest.p[i] == '.');
    return is_name(rest, false, ".-");
}

/* Four numbers with dots between. */
static bool like_ip(gs_str s)
{
    gs_str part;
    int n = 0;
    for (; next_part(&s, '.', &part); n++)
        for (size_t i = 0; i < part.n || part.n == 0; i++)
            if (part.n == 0 || !digit(part.p[i]))
                return false;
    return n == 4;
}

static bool prefix_ok(gs_str rest)
{
    gs_str part;
    if (rest.n == 0)
        return true;
    if (contains(rest, ".."))
        return false;
    while (next_part(&rest, '/', &part))
        if (!of_chars(part, false, "._-") || part.p[0] == '.')
            return false;
    return true;
}

static bool object_name(gs_str rest)
{
    gs_str part;
    while (next_part(&rest, '.', &part))
        if (!is_name(part, true, "-"))
            return false;
    return true;
}

#define SECRET_NAME                                                                                                    \
    "must be a Secret's name: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, "  \
    "got \"%.64s\""

static int check_s3(const gs_s3_spec *s, bool has_ca, gs_error *err)
{
    gs_str bucket = gs_str_of(s->bucket), host;
    bool ip = false;
    if (!store_url(gs_str_of(s->endpoint), &host, &ip))
        return bad(
            err, "spec.snapshot.s3.endpoint",
            "must be http:// or https://, a host and at most a port, with no user, path, query or '/' at the end: "
            "for example https://s3.example.com, got \"%.64s\"",
            s->endpoint);
    if (!is_name(gs_str_of(s->region), true, "-"))
        return bad(err, "spec.snapshot.s3.region",
                   "must be lower-case letters, digits and '-': for example us-east-1, got \"%.64s\"", s->region);
    if (!is_name(bucket, true, ".-") || contains(bucket, "..") || like_ip(bucket))
        return bad(
            err, "spec.snapshot.s3.bucket",
            "must be 3 to 63 lower-case letters, digits, '-' and single '.', begin and end with a letter or digit, "
            "and be no IP address, got \"%s\"",
            s->bucket);
    if (!prefix_ok(gs_str_of(s->prefix)))
        return bad(
            err, "spec.snapshot.s3.prefix",
            "must be names of letters, digits, '-', '_' and '.' with single '/' between, none beginning with '.', no "
            "'/' at either end and no '..': for example prod/eu, got \"%.64s\"",
            s->prefix);
    if (!object_name(gs_str_of(s->credentials_secret)))
        return bad(err, "spec.snapshot.s3.credentialsSecretRef.name", SECRET_NAME, s->credentials_secret);
    if (has_ca && !object_name(gs_str_of(s->ca_secret)))
        return bad(err, "spec.snapshot.s3.caSecretRef.name", SECRET_NAME, s->ca_secret);
    if (has_ca && !of_chars(gs_str_of(s->ca_key), false, "._-"))
        return bad(err, "spec.snapshot.s3.caSecretRef.key",
                   "must be a Secret's key: letters, digits, '-', '_' and '.', got \"%.64s\"", s->ca_key);
    if (s->addressing == GS_ADDRESSING_VIRTUAL_HOST && ip)
        return bad(
            err, "spec.snapshot.s3.addressing",
            "VirtualHost puts the bucket before the host name, which an IP address has not: use Path, or an endpoint "
            "with a name");
    if (s->addressing == GS_ADDRESSING_VIRTUAL_HOST && gs_str_starts(gs_str_of(s->endpoint), "https://") &&
        contains(bucket, "."))
        return bad(err, "spec.snapshot.s3.addressing",
                   "VirtualHost over https needs a bucket without '.', or no certificate matches: use Path");
    return 0;
}

/* ---- sampling and detection ---- */

static int check_tolerance(const gs_policy_doc *d, gs_error *err)
{
    enum gs_class class = d->policy.detection.tolerance.class;
    int permille = d->policy.detection.tolerance.permille;
    if (class == GS_CLASS_CUSTOM && !d->has_permille)
        return bad(err, "spec.detection.tolerance.permille",
                   "is required with class Custom: for example permille: 20, which is 2 percent");
    if (class != GS_CLASS_CUSTOM && d->has_permille && permille != gs_class_permille(class))
        return bad(
            err, "spec.detection.tolerance.permille",
            "is for class Custom, the other classes have their own (Payment 20, Cache 50, Login and Search 5): leave it "
            "out, or set class to Custom; got %d with class %s",
            permille, gs_class_name(class));
    return 0;
}

static int check_times(const gs_policy *p, gs_error *err)
{
    if (p->timeout_s > p->interval_s)
        return bad(err, "spec.sampling.timeoutSeconds",
                   "(2 if left out) must be at most sampling.intervalSeconds (5 if left out): lower it, or raise the "
                   "interval; got %d and %d",
                   p->timeout_s, p->interval_s);
    if (p->detection.surge.enabled && p->detection.surge.window_s < p->interval_s)
        return bad(
            err, "spec.detection.surge.windowSeconds",
            "(300 if left out) must be at least sampling.intervalSeconds, or the window holds no two samples: raise "
            "it, or lower the interval; got %d and %d",
            p->detection.surge.window_s, p->interval_s);
    if (p->detection.floor.enabled && p->detection.floor.window_s < p->interval_s)
        return bad(
            err, "spec.detection.floor.windowSeconds",
            "(120 if left out) must be at least sampling.intervalSeconds, or a window holds no sample: raise it, or "
            "lower the interval; got %d and %d",
            p->detection.floor.window_s, p->interval_s);
    return 0;
}

static int check_actions(const gs_policy_doc *d, gs_error *err)
{
    for (size_t i = 0; i < d->policy.n_actions; i++)
        if (!d->actions[i].has_scale_out) {
            char path[64];
            (void)snprintf(path, sizeof path, "spec.healing.actions[%zu].scaleOut", i);
            return bad(err, path, "is required with type ScaleOut: for example scaleOut: {maxReplicas: 10}");
        }
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
    if (r == 0 && p->has_s3)
        r = check_s3(&p->s3, d->has_ca, err);
    if (r == 0)
        r = check_actions(d, err);
    if (r < 0)
        return r;
    if (d->n_profiles == 2 && d->profiles[0] == d->profiles[1])
        return bad(err, "spec.snapshot.profiles[1]", "is given twice: name each profile once");
    if (p->mode == GS_MODE_ENFORCE && !p->has_s3)
        return bad(
            err, "spec.snapshot.s3",
            "is required in mode Enforce: nothing is healed before its evidence is stored. Set snapshot.s3, or mode "
            "to DryRun or Observe");
    return 0;
}
