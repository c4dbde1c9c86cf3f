/* The rules of spec.snapshot: what is kept, where and for how long. */
#include "codec/policy_internal.h"

#include <stdio.h>

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
        *ret_ip = *ret_ip && (gs_is_digit(rest.p[i]) || rest.p[i] == '.');
    return gs_is_name(rest, false, ".-");
}

/* Four numbers with dots between. */
static bool like_ip(gs_str s)
{
    gs_str part;
    int n = 0;
    for (; gs_next_part(&s, '.', &part); n++)
        for (size_t i = 0; i < part.n || part.n == 0; i++)
            if (part.n == 0 || !gs_is_digit(part.p[i]))
                return false;
    return n == 4;
}

static bool prefix_ok(gs_str rest)
{
    gs_str part;
    if (rest.n == 0)
        return true;
    if (gs_contains(rest, ".."))
        return false;
    while (gs_next_part(&rest, '/', &part))
        if (!gs_of_chars(part, false, "._-") || part.p[0] == '.')
            return false;
    return true;
}

static int check_store(const gs_s3_spec *s, gs_error *err)
{
    gs_str bucket = gs_str_of(s->bucket), host;
    bool ip = false;
    if (!store_url(gs_str_of(s->endpoint), &host, &ip))
        return gs_policy_bad(
            err, "spec.snapshot.s3.endpoint",
            "must be http:// or https://, a host and at most a port, with no user, path, query or '/' at the end: "
            "for example https://s3.example.com, got \"%.64s\"",
            s->endpoint);
    if (!gs_is_name(gs_str_of(s->region), true, "-"))
        return gs_policy_bad(err, "spec.snapshot.s3.region",
                             "must be lower-case letters, digits and '-': for example us-east-1, got \"%.64s\"",
                             s->region);
    if (!gs_is_name(bucket, true, ".-") || gs_contains(bucket, "..") || like_ip(bucket))
        return gs_policy_bad(
            err, "spec.snapshot.s3.bucket",
            "must be 3 to 63 lower-case letters, digits, '-' and single '.', begin and end with a letter or digit, "
            "and be no IP address, got \"%s\"",
            s->bucket);
    if (!prefix_ok(gs_str_of(s->prefix)))
        return gs_policy_bad(
            err, "spec.snapshot.s3.prefix",
            "must be names of letters, digits, '-', '_' and '.' with single '/' between, none beginning with '.', no "
            "'/' at either end and no '..': for example prod/eu, got \"%.64s\"",
            s->prefix);
    if (s->addressing == GS_ADDRESSING_VIRTUAL_HOST && ip)
        return gs_policy_bad(
            err, "spec.snapshot.s3.addressing",
            "VirtualHost puts the bucket before the host name, which an IP address has not: use Path, or an endpoint "
            "with a name");
    if (s->addressing == GS_ADDRESSING_VIRTUAL_HOST && gs_str_starts(gs_str_of(s->endpoint), "https://") &&
        gs_contains(bucket, "."))
        return gs_policy_bad(err, "spec.snapshot.s3.addressing",
                             "VirtualHost over https needs a bucket without '.', or no certificate matches: use Path");
    return 0;
}

static int check_secrets(const gs_policy_doc *d, gs_error *err)
{
    const gs_s3_spec *s = &d->policy.s3;
    int r = gs_policy_check_secret(s->credentials_secret, "spec.snapshot.s3.credentialsSecretRef.name", err);
    if (r == 0 && d->has_ca)
        r = gs_policy_check_secret(s->ca_secret, "spec.snapshot.s3.caSecretRef.name", err);
    if (r == 0 && d->has_ca)
        r = gs_policy_check_key(s->ca_key, "spec.snapshot.s3.caSecretRef.key", err);
    return r;
}

static int check_encryption(const gs_policy_doc *d, gs_error *err)
{
    if (!d->has_kms_key)
        return 0;
    if (!d->has_sse || d->sse != GS_SSE_KMS - GS_SSE_AES256)
        return gs_policy_bad(err, "spec.snapshot.s3.kmsKeyId",
                             "is for serverSideEncryption aws:kms: set that, or leave kmsKeyId out");
    if (!gs_of_chars(gs_str_of(d->policy.s3.kms_key_id), false, ":/_.-"))
        return gs_policy_bad(err, "spec.snapshot.s3.kmsKeyId",
                             "must be a key's id, alias or ARN: letters, digits, ':', '/', '_', '.' and '-', got "
                             "\"%.64s\"",
                             d->policy.s3.kms_key_id);
    return 0;
}

static int check_retention(const gs_retention *r, gs_error *err)
{
    if (r->high_days >= r->medium_days && r->medium_days >= r->low_days)
        return 0;
    return gs_policy_bad(
        err, "spec.snapshot.retention",
        "highDays (7 if left out) must be at least mediumDays (3), and that at least lowDays (1): what "
        "is worse is not kept for less long; got %d, %d and %d",
        r->high_days, r->medium_days, r->low_days);
}

/* Of each incident there is evidence of these kinds, or can be. */
static bool serves_all(enum gs_profile_kind kind, bool leak_profile)
{
    return kind == GS_PROFILE_LEAK ? leak_profile : kind != GS_PROFILE_TRACE;
}

static int check_enforce(const gs_policy_doc *d, gs_error *err)
{
    bool served = d->n_profiles == 0;
    if (!d->policy.has_s3)
        return gs_policy_bad(
            err, "spec.snapshot.s3",
            "is required in mode Enforce: nothing is healed before its evidence is stored. Set snapshot.s3, or mode "
            "to DryRun or Observe");
    for (size_t i = 0; i < d->n_profiles; i++)
        served = served || serves_all(gs_policy_profile_kind(d->profiles[i]), d->leak_profile);
    if (served)
        return 0;
    return gs_policy_bad(
        err, "spec.snapshot.profiles",
        "must name, in mode Enforce, one that can be had of every incident: Goroutine, Heap, CPU, or GoroutineLeak with "
        "detection.leakProfile Auto. Nothing is healed before its evidence is stored");
}

static int check_profiles(const gs_policy_doc *d, gs_error *err)
{
    for (size_t i = 0; i < d->n_profiles; i++)
        for (size_t k = 0; k < i; k++)
            if (d->profiles[i] == d->profiles[k]) {
                char path[64];
                (void)snprintf(path, sizeof path, "spec.snapshot.profiles[%zu]", i);
                return gs_policy_bad(err, path, "is given twice: name each profile once");
            }
    return 0;
}

int gs_policy_check_snapshot(const gs_policy_doc *d, gs_error *err)
{
    int r = d->policy.has_s3 ? check_store(&d->policy.s3, err) : 0;
    if (r == 0 && d->policy.has_s3)
        r = check_secrets(d, err);
    if (r == 0)
        r = check_encryption(d, err);
    if (r == 0)
        r = check_retention(&d->policy.retention, err);
    if (r == 0)
        r = check_profiles(d, err);
    if (r == 0 && d->policy.mode == GS_MODE_ENFORCE)
        r = check_enforce(d, err);
    return r;
}
