/* A GostatPolicy by descriptor tables; bounds and defaults as in crds/gostat.dev_gostatpolicies.yaml. */
#include "codec/policy_json.h"

#include "base/clock.h"
#include "base/mem.h"
#include "codec/policy_internal.h"

typedef gs_policy_doc doc;

/* ---- metadata: what the API server adds is known, but not read ---- */

#define UNREAD(key, i)                                                                                                 \
    {                                                                                                                  \
        GS_FIELD_RAW(doc, key, unread[i])                                                                              \
    }

static const gs_json_field metadata[] = {
    {GS_FIELD_STRING(doc, "name", policy.name)},
    {GS_FIELD_STRING(doc, "namespace", policy.ns)},
    {GS_FIELD_STRING(doc, "uid", policy.uid)},
    {GS_FIELD_STRING(doc, "resourceVersion", policy.resource_version)},
    {GS_FIELD_INT(doc, "generation", policy.generation, 0, INT64_MAX)},
    {GS_FIELD_STRING(doc, "creationTimestamp", created)},
    {GS_FIELD_RAW(doc, "deletionTimestamp", deleted), .has = GS_AT(doc, has_deleted)},
    {GS_FIELD_RAW(doc, "finalizers", finalizers), .has = GS_AT(doc, has_finalizers)},
    UNREAD("labels", 0),
    UNREAD("annotations", 1),
    UNREAD("managedFields", 2),
    UNREAD("ownerReferences", 3),
    UNREAD("generateName", 4),
    UNREAD("selfLink", 5),
    UNREAD("deletionGracePeriodSeconds", 6),
    {0},
};

static const gs_json_field object[] = {
    {GS_FIELD_STRING(doc, "apiVersion", api_version)},
    {GS_FIELD_STRING(doc, "kind", kind)},
    {GS_FIELD_RAW(doc, "metadata", metadata)},
    {GS_FIELD_RAW(doc, "spec", spec), .required = true},
    {GS_FIELD_RAW(doc, "status", status)},
    {0},
};

/* ---- spec ---- */

static const char *const modes[] = {"Observe", "DryRun", "Enforce", NULL};
static const char *const schemes[] = {"HTTP", "HTTPS", NULL};
static const char *const operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};
static const char *const profiles[] = {"Goroutine", "GoroutineLeak", "Heap", "CPU", "Trace", NULL};
static const char *const encryptions[] = {"AES256", "aws:kms", NULL}; /* as enum gs_sse, behind NONE */
static const char *const addressings[] = {"Path", "VirtualHost", NULL};
static const char *const classes[] = {"Payment", "Cache", "Login", "Search", "Custom", NULL};
static const char *const leak_profiles[] = {"Never", "Auto", NULL}; /* false and true */

enum gs_profile_kind gs_policy_profile_kind(int at)
{
    static const enum gs_profile_kind kinds[] = {GS_PROFILE_GOROUTINE, GS_PROFILE_LEAK, GS_PROFILE_HEAP, GS_PROFILE_CPU,
                                                 GS_PROFILE_TRACE};
    return kinds[at];
}

typedef struct gs_policy_label label;
static const gs_json_field match_label[] = {
    {GS_FIELD_STRING(label, "key", key)},
    {GS_FIELD_STRING(label, "value", value)},
    {0},
};

typedef struct gs_policy_expression expression;
static const gs_json_field match_expression[] = {
    {GS_FIELD_STRING(expression, "key", key), .required = true},
    {GS_FIELD_ENUM(expression, "operator", op, operators), .required = true},
    {GS_FIELD_LIST(expression, "values", values, n_values, GS_TYPE_STRING)},
    {0},
};

static const gs_json_field selector[] = {
    {GS_FIELD_PAIRS(doc, "matchLabels", labels, n_labels, match_label)},
    {GS_FIELD_LIST(doc, "matchExpressions", expressions, n_expressions, GS_TYPE_OBJECT), .table = match_expression},
    {0},
};

static const gs_json_field port[] = {
    {GS_FIELD_INT(gs_port, "number", number, 1, 65535)},
    {GS_FIELD_STRING(gs_port, "name", name)},
    {0},
};

static const gs_json_field pprof[] = {
    {GS_FIELD_INT_OR_STRING(doc, "port", policy.endpoint.pprof_port, port), .required = true},
    {GS_FIELD_STRING(doc, "path", policy.endpoint.pprof_path)},
    {0},
};

static const gs_json_field metrics[] = {
    {GS_FIELD_INT_OR_STRING(doc, "port", policy.endpoint.metrics_port, port), .required = true},
    {GS_FIELD_STRING(doc, "path", policy.endpoint.metrics_path)},
    {0},
};

static const gs_json_field endpoint_ca[] = {
    {GS_FIELD_STRING(doc, "name", policy.endpoint.ca_secret), .required = true},
    {GS_FIELD_STRING(doc, "key", policy.endpoint.ca_key)},
    {0},
};

static const gs_json_field client_cert[] = {
    {GS_FIELD_STRING(doc, "name", policy.endpoint.cert_secret), .required = true},
    {0},
};

static const gs_json_field tls[] = {
    {GS_FIELD_INLINE(doc, "caSecretRef", endpoint_ca), .has = GS_AT(doc, has_endpoint_ca)},
    {GS_FIELD_STRING(doc, "serverName", policy.endpoint.server_name), .has = GS_AT(doc, has_server_name)},
    {GS_FIELD_INLINE(doc, "clientCertSecretRef", client_cert), .has = GS_AT(doc, has_cert)},
    {GS_FIELD_BOOL(doc, "insecureSkipVerify", policy.endpoint.insecure)},
    {0},
};

static const gs_json_field bearer[] = {
    {GS_FIELD_STRING(doc, "name", policy.endpoint.bearer_secret), .required = true},
    {GS_FIELD_STRING(doc, "key", policy.endpoint.bearer_key), .required = true},
    {0},
};

static const gs_json_field basic[] = {
    {GS_FIELD_STRING(doc, "name", policy.endpoint.basic_secret), .required = true},
    {0},
};

static const gs_json_field authorization[] = {
    {GS_FIELD_INLINE(doc, "bearerTokenSecretRef", bearer), .has = GS_AT(doc, has_bearer)},
    {GS_FIELD_INLINE(doc, "basicAuthSecretRef", basic), .has = GS_AT(doc, has_basic)},
    {0},
};

static const gs_json_field endpoint[] = {
    {GS_FIELD_ENUM(doc, "scheme", scheme, schemes)},
    {GS_FIELD_INLINE(doc, "pprof", pprof), .required = true},
    {GS_FIELD_INLINE(doc, "metrics", metrics), .has = GS_AT(doc, policy.endpoint.has_metrics)},
    {GS_FIELD_INLINE(doc, "tls", tls), .has = GS_AT(doc, has_tls)},
    {GS_FIELD_INLINE(doc, "authorization", authorization), .has = GS_AT(doc, has_authorization)},
    {0},
};

static const gs_json_field sampling[] = {
    {GS_FIELD_INT(doc, "intervalSeconds", policy.interval_s, 1, 300)},
    {GS_FIELD_INT(doc, "timeoutSeconds", policy.timeout_s, 1, 60)},
    {GS_FIELD_INT(doc, "profileIntervalSeconds", policy.profile_interval_s, 10, 86400)},
    {0},
};

static const gs_json_field growth[] = {
    {GS_FIELD_BOOL(doc, "enabled", policy.detection.growth.enabled)},
    {GS_FIELD_INT(doc, "periods", policy.detection.growth.periods, 2, 15)},
    {GS_FIELD_INT(doc, "percentPerMinute", policy.detection.growth.percent_per_minute, 1, 1000)},
    {0},
};

static const gs_json_field surge[] = {
    {GS_FIELD_BOOL(doc, "enabled", policy.detection.surge.enabled)},
    {GS_FIELD_INT(doc, "goroutines", policy.detection.surge.goroutines, 1, 10000000)},
    {GS_FIELD_INT(doc, "percent", policy.detection.surge.percent, 1, 1000)},
    {GS_FIELD_INT(doc, "windowSeconds", policy.detection.surge.window_s, 30, 3600)},
    {0},
};

static const gs_json_field blocked[] = {
    {GS_FIELD_BOOL(doc, "enabled", policy.detection.blocked.enabled)},
    {GS_FIELD_INT(doc, "goroutines", policy.detection.blocked.goroutines, 1, 10000000)},
    {0},
};

static const gs_json_field floor_rule[] = {
    {GS_FIELD_BOOL(doc, "enabled", policy.detection.floor.enabled)},
    {GS_FIELD_INT(doc, "windowSeconds", policy.detection.floor.window_s, 1, 3600)},
    {GS_FIELD_INT(doc, "windows", policy.detection.floor.windows, 2, 8)},
    {0},
};

static const gs_json_field baseline[] = {
    {GS_FIELD_BOOL(doc, "enabled", policy.detection.baseline.enabled)},
    {GS_FIELD_INT(doc, "staticGoroutines", policy.detection.baseline.static_goroutines, 1, 1000000000)},
    {GS_FIELD_INT(doc, "samples", policy.detection.baseline.samples, 5, 30)},
    {GS_FIELD_INT(doc, "percentile", policy.detection.baseline.percentile, 50, 99)},
    {0},
};

static const gs_json_field tolerance[] = {
    {GS_FIELD_ENUM(doc, "class", policy.detection.tolerance.class, classes)},
    {GS_FIELD_INT(doc, "permille", policy.detection.tolerance.permille, 0, 1000), .has = GS_AT(doc, has_permille)},
    {0},
};

static const gs_json_field resources[] = {
    {GS_FIELD_BOOL(doc, "enabled", policy.detection.resources.enabled)},
    {GS_FIELD_INT(doc, "cpuPercent", policy.detection.resources.cpu_percent, 0, 1000)},
    {GS_FIELD_INT(doc, "cpuForSeconds", policy.detection.resources.cpu_for_s, 10, 3600)},
    {GS_FIELD_INT(doc, "goroutines", policy.detection.resources.goroutines, 0, 10000000)},
    {GS_FIELD_INT(doc, "heapInuseBytes", policy.detection.resources.heap_inuse, 0, INT64_C(1) << 50)},
    {0},
};

static const gs_json_field detection[] = {
    {GS_FIELD_INLINE(doc, "growth", growth)},
    {GS_FIELD_INLINE(doc, "surge", surge)},
    {GS_FIELD_INLINE(doc, "blocked", blocked)},
    {GS_FIELD_INLINE(doc, "floor", floor_rule)},
    {GS_FIELD_INLINE(doc, "baseline", baseline)},
    {GS_FIELD_INLINE(doc, "tolerance", tolerance)},
    {GS_FIELD_INLINE(doc, "resources", resources)},
    {GS_FIELD_ENUM(doc, "leakProfile", leak_profile, leak_profiles)},
    {0},
};

static const gs_json_field credentials[] = {
    {GS_FIELD_STRING(doc, "name", policy.s3.credentials_secret), .required = true},
    {0},
};

static const gs_json_field ca[] = {
    {GS_FIELD_STRING(doc, "name", policy.s3.ca_secret), .required = true},
    {GS_FIELD_STRING(doc, "key", policy.s3.ca_key)},
    {0},
};

static const gs_json_field s3[] = {
    {GS_FIELD_STRING(doc, "endpoint", policy.s3.endpoint), .required = true},
    {GS_FIELD_STRING(doc, "region", policy.s3.region)},
    {GS_FIELD_STRING(doc, "bucket", policy.s3.bucket), .required = true, .min = 3, .max = 63},
    {GS_FIELD_STRING(doc, "prefix", policy.s3.prefix), .min = 1, .max = GS_PATH_LEN - 1},
    {GS_FIELD_ENUM(doc, "addressing", policy.s3.addressing, addressings)},
    {GS_FIELD_INLINE(doc, "credentialsSecretRef", credentials), .required = true},
    {GS_FIELD_INLINE(doc, "caSecretRef", ca), .has = GS_AT(doc, has_ca)},
    {GS_FIELD_ENUM(doc, "serverSideEncryption", sse, encryptions), .has = GS_AT(doc, has_sse)},
    {GS_FIELD_STRING(doc, "kmsKeyId", policy.s3.kms_key_id), .min = 1, .max = 255, .has = GS_AT(doc, has_kms_key)},
    {GS_FIELD_INT(doc, "presignSeconds", policy.s3.presign_s, 60, 604800)},
    {0},
};

static const gs_json_field retention[] = {
    {GS_FIELD_INT(doc, "highDays", policy.retention.high_days, 1, 3650)},
    {GS_FIELD_INT(doc, "mediumDays", policy.retention.medium_days, 1, 3650)},
    {GS_FIELD_INT(doc, "lowDays", policy.retention.low_days, 1, 3650)},
    {GS_FIELD_INT(doc, "maxBytes", policy.retention.max_bytes, 1 << 20, INT64_C(1) << 50)},
    {0},
};

static const gs_json_field snapshot[] = {
    {GS_FIELD_LIST(doc, "profiles", profiles, n_profiles, GS_TYPE_ENUM), .names = profiles, .min_items = 1},
    {GS_FIELD_INT(doc, "cpuSeconds", policy.cpu_s, 1, 600)},
    {GS_FIELD_INT(doc, "traceSeconds", policy.trace_s, 1, 60)},
    {GS_FIELD_INT(doc, "fullDumpMaxGoroutines", policy.full_dump_max, 0, 100000)},
    {GS_FIELD_INLINE(doc, "s3", s3), .has = GS_AT(doc, policy.has_s3)},
    {GS_FIELD_INLINE(doc, "retention", retention)},
    {0},
};

static const gs_json_field spec[] = {
    {GS_FIELD_ENUM(doc, "mode", policy.mode, modes)},
    {GS_FIELD_BOOL(doc, "suspend", policy.suspend)},
    {GS_FIELD_INLINE(doc, "selector", selector), .has = GS_AT(doc, has_selector)},
    {GS_FIELD_INLINE(doc, "endpoint", endpoint), .has = GS_AT(doc, has_endpoint)},
    {GS_FIELD_INLINE(doc, "sampling", sampling)},
    {GS_FIELD_INLINE(doc, "detection", detection)},
    {GS_FIELD_INLINE(doc, "snapshot", snapshot)},
    {GS_FIELD_INLINE(doc, "healing", gs_policy_healing_fields)},
    {GS_FIELD_LIST(doc, "notify", notify, n_notify, GS_TYPE_OBJECT), .table = gs_policy_notify_fields,
     .item = &gs_policy_notify_default},
    {GS_FIELD_BOOL(doc, "allowHostNetwork", policy.allow_host_network)},
    {0},
};

/* ---- the object ---- */

static int check_type(const doc *d, bool strict, gs_error *err)
{
    if ((strict || d->api_version[0]) && !gs_streq(d->api_version, GS_API_VERSION))
        return gs_error_set(err, GS_TERMINAL, "apiVersion: must be " GS_API_VERSION ", got \"%s\"", d->api_version);
    if ((strict || d->kind[0]) && !gs_streq(d->kind, GS_POLICY_KIND))
        return gs_error_set(err, GS_TERMINAL, "kind: must be " GS_POLICY_KIND ", got \"%s\"", d->kind);
    return 0;
}

static int read_metadata(doc *d, gs_error *err)
{
    gs_policy *p = &d->policy;
    if (d->created[0] && !gs_time_parse(gs_str_of(d->created), &p->created_ms))
        return gs_error_set(err, GS_TERMINAL,
                            "metadata.creationTimestamp: must be a time such as 2026-01-01T00:00:00Z, "
                            "got \"%s\"",
                            d->created);
    p->deleting = d->has_deleted;
    if (d->has_finalizers) {
        gs_json_cursor c;
        char name[256];
        gs_json_cursor_init(&c, d->finalizers);
        if (gs_json_enter_array(&c))
            while (gs_json_next_element(&c))
                if (gs_json_read_string_cut(&c, name, sizeof name) && gs_streq(name, GS_POLICY_FINALIZER))
                    p->has_finalizer = true;
        if (gs_json_cursor_finish(&c, err) < 0)
            return gs_error_wrap(err, GS_TERMINAL, "metadata.finalizers");
    }
    return 0;
}

static void build(const doc *d, gs_policy *p)
{
    *p = d->policy;
    p->endpoint.https = d->scheme == 1;
    p->min_grade = (enum gs_grade)(d->min_grade + GS_GRADE_SUSPECTED);
    p->detection.leak_profile = d->leak_profile;
    if (!d->has_permille)
        p->detection.tolerance.permille = gs_class_permille(p->detection.tolerance.class);
    p->s3.sse = d->has_sse ? (enum gs_sse)(d->sse + GS_SSE_AES256) : GS_SSE_NONE;
    if (d->n_profiles) /* else the default */
        p->snapshot_kinds = 0;
    for (size_t i = 0; i < d->n_profiles; i++)
        p->snapshot_kinds |= 1u << gs_policy_profile_kind(d->profiles[i]);
    for (size_t i = 0; i < d->n_labels; i++) {
        gs_requirement *r = gs_selector_add(&p->selector, gs_str_of(d->labels[i].key), GS_SEL_IN);
        gs_requirement_add(r, gs_str_of(d->labels[i].value));
    }
    for (size_t i = 0; i < d->n_expressions; i++) {
        const expression *e = &d->expressions[i];
        gs_requirement *r = gs_selector_add(&p->selector, gs_str_of(e->key), e->op);
        for (size_t k = 0; k < e->n_values; k++)
            gs_requirement_add(r, gs_str_of(e->values[k]));
    }
}

int gs_policy_from_json(gs_str json, bool strict, bool need_selector, gs_policy **ret, gs_error *err)
{
    enum gs_json_unknown unknown = strict ? GS_UNKNOWN_REFUSE : GS_UNKNOWN_IGNORE;
    gs_cleanup(gs_policy_free) gs_policy *p = gs_policy_new();
    gs_autofree doc *d = gs_alloc(sizeof *d);
    d->policy = *p;
    d->min_grade = (int)p->min_grade - GS_GRADE_SUSPECTED;
    d->leak_profile = p->detection.leak_profile;
    (void)gs_str_copy(d->policy.s3.region, sizeof d->policy.s3.region, GS_STR("us-east-1"));
    (void)gs_str_copy(d->policy.s3.ca_key, sizeof d->policy.s3.ca_key, GS_STR("ca.crt"));
    (void)gs_str_copy(d->policy.endpoint.ca_key, sizeof d->policy.endpoint.ca_key, GS_STR("ca.crt"));
    int r = gs_json_map_decode_str(json, object, d, unknown, "", err);
    if (r == 0)
        r = check_type(d, strict, err);
    if (r == 0 && d->metadata.n)
        r = gs_json_map_decode_str(d->metadata, metadata, d, unknown, "metadata", err);
    if (r == 0)
        r = read_metadata(d, err);
    if (r == 0)
        r = gs_json_map_decode_str(d->spec, spec, d, unknown, "spec", err);
    if (r == 0)
        r = gs_policy_check(d, need_selector, err);
    if (r < 0)
        return r;
    build(d, p);
    r = gs_policy_build_healing(d, p, err);
    if (r == 0)
        *ret = gs_take(p);
    return r;
}
