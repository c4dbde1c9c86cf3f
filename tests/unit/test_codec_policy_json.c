#include "codec/policy_json.h"

#include "base/clock.h"
#include "core/stack.h"
#include "wire/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SEL "\"selector\":{\"matchLabels\":{\"app\":\"payments\"}}"
#define END "\"endpoint\":{\"pprof\":{\"port\":6060}}"
#define SECRET "\"credentialsSecretRef\":{\"name\":\"gostat-s3\"}"
#define S3_OF(more)                                                                                                    \
    "\"snapshot\":{\"s3\":{\"endpoint\":\"https://s3.example.com\",\"bucket\":\"gostat\"," SECRET more "}}"
#define S3_AT(url) "\"snapshot\":{\"s3\":{\"endpoint\":\"" url "\",\"bucket\":\"gostat\"," SECRET "}}"
#define BUCKET(name)                                                                                                   \
    "\"snapshot\":{\"s3\":{\"endpoint\":\"https://s3.example.com\",\"bucket\":\"" name "\"," SECRET "}}"
#define RULE(text) SEL "," END ",\"detection\":{" text "}"
#define TOLERANCE(text) RULE("\"tolerance\":{" text "}")
#define SNAPSHOT(text) SEL "," END ",\"snapshot\":{" text "}"
#define ACTIONS(list) SEL "," END ",\"healing\":{\"actions\":[" list "]}"

static int decode(const char *spec, bool strict, bool need, gs_policy **ret, gs_error *err)
{
    char text[8192];
    (void)snprintf(
        text, sizeof text,
        "{\"apiVersion\":\"gostat.dev/v1alpha1\",\"kind\":\"GostatPolicy\",\"metadata\":{\"name\":\"payments\","
        "\"namespace\":\"shop\"},\"spec\":{%s}}",
        spec);
    return gs_policy_from_json(gs_str_of(text), strict, need, ret, err);
}

/* The file of the API's documentation, as far as it is obeyed. */
static const char whole[] =
    "apiVersion: gostat.dev/v1alpha1\n"
    "kind: GostatPolicy\n"
    "metadata:\n"
    "  name: payments\n"
    "  namespace: shop\n"
    "  uid: 0f0f\n"
    "  resourceVersion: \"12345\"\n"
    "  generation: 3\n"
    "  creationTimestamp: \"2026-01-01T00:00:01Z\"\n"
    "  deletionTimestamp: \"2026-01-02T00:00:01Z\"\n"
    "  finalizers: [example.com/other, gostat.dev/undo]\n"
    "  labels: {a: b}\n"
    "  managedFields: [{manager: kubectl}]\n"
    "spec:\n"
    "  mode: Enforce\n"
    "  suspend: true\n"
    "  selector:\n"
    "    matchLabels: {app: payments, tier: \"\"}\n"
    "    matchExpressions:\n"
    "    - {key: example.com/track, operator: In, values: [stable, canary]}\n"
    "    - {key: debug, operator: DoesNotExist}\n"
    "  endpoint:\n"
    "    scheme: HTTP\n"
    "    pprof: {port: 7070, path: /a/b}\n"
    "    metrics: {port: metrics, path: /m}\n"
    "  sampling: {intervalSeconds: 10, timeoutSeconds: 3, profileIntervalSeconds: 60}\n"
    "  detection:\n"
    "    growth: {enabled: false, periods: 4, percentPerMinute: 20}\n"
    "    surge: {goroutines: 100, percent: 50, windowSeconds: 60}\n"
    "    blocked: {goroutines: 7}\n"
    "    floor: {enabled: false, windowSeconds: 60, windows: 8}\n"
    "    baseline: {enabled: false, staticGoroutines: 50, samples: 10, percentile: 75}\n"
    "    tolerance: {class: Custom, permille: 35}\n"
    "    resources: {cpuPercent: 80, cpuForSeconds: 60, goroutines: 0, heapInuseBytes: 1048576}\n"
    "    leakProfile: Never\n"
    "  snapshot:\n"
    "    profiles: [CPU, GoroutineLeak, Trace]\n"
    "    cpuSeconds: 30\n"
    "    traceSeconds: 3\n"
    "    retention: {highDays: 30, lowDays: 2, maxBytes: 1048576}\n"
    "    fullDumpMaxGoroutines: 100\n"
    "    s3:\n"
    "      endpoint: https://s3.example.com:9000\n"
    "      region: eu-west-1\n"
    "      bucket: my.bucket\n"
    "      prefix: prod/eu\n"
    "      addressing: Path\n"
    "      credentialsSecretRef: {name: gostat-s3}\n"
    "      caSecretRef: {name: ca, key: tls.crt}\n"
    "      serverSideEncryption: aws:kms\n"
    "      kmsKeyId: alias/gostat\n"
    "      presignSeconds: 3600\n"
    "  healing:\n"
    "    minGrade: Proven\n"
    "    actions:\n"
    "    - {type: Replace, replace: {maxPods: 2, readySeconds: 5}}\n"
    "    - {type: ScaleOut, scaleOut: {step: 2, maxReplicas: 10, holdSeconds: 30}}\n"
    "    - {type: Restart}\n"
    "    - {type: Evict, evict: {maxPods: 3}}\n"
    "    limits: {cooldownSeconds: 60, maxActionsPerHour: 9, minAvailablePercent: 50, "
    "maxAddedReplicas: 7}\n"
    "    windows:\n"
    "    - {name: freeze, effect: Deny, schedule: 0 20 * * 5, durationMinutes: 600, "
    "timeZone: Asia/Shanghai}\n"
    "    - {name: day, effect: Allow, schedule: 30 8 1-7 JAN *, durationMinutes: 1}\n"
    "  notify:\n"
    "  - {name: oncall, type: WeCom, urlSecretRef: {name: alerts, key: wecom}, minSeverity: P0}\n"
    "  - name: hook\n"
    "    type: Webhook\n"
    "    urlSecretRef: {name: alerts, key: url}\n"
    "    hmacSecretRef: {name: signing, key: k.1}\n"
    "status: {observedGeneration: 3}\n";

static gs_policy *read_whole(void)
{
    gs_cleanup(gs_buf_done) gs_buf json = GS_BUF(1 << 20);
    gs_policy *p = NULL;
    gs_error err = {0};
    assert_int_equal(gs_yaml_to_json(gs_str_of(whole), &json, &err), 0);
    if (gs_policy_from_json(gs_buf_str(&json), true, true, &p, &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

static void test_whole(void **state)
{
    (void)state;
    gs_cleanup(gs_policy_free) gs_policy *p = read_whole();
    assert_string_equal(p->ns, "shop");
    assert_string_equal(p->name, "payments");
    assert_string_equal(p->uid, "0f0f");
    assert_string_equal(p->resource_version, "12345");
    assert_int_equal(p->generation, 3);
    assert_int_equal(p->created_ms, 1767225601000);
    assert_true(p->deleting && p->has_finalizer && p->suspend);
    assert_int_equal(p->mode, GS_MODE_ENFORCE);
    assert_int_equal(p->selector.n, 4);
    gs_labels yes = {"app\0payments\0tier\0\0example.com/track\0canary", 44};
    assert_true(gs_selector_matches(&p->selector, yes));
    gs_labels no = {"app\0payments\0tier\0\0example.com/track\0canary\0debug\0001", 52};
    assert_false(gs_selector_matches(&p->selector, no));
    assert_int_equal(p->endpoint.pprof_port.number, 7070);
    assert_string_equal(p->endpoint.pprof_path, "/a/b");
    assert_true(p->endpoint.has_metrics);
    assert_int_equal(p->endpoint.metrics_port.number, 0);
    assert_string_equal(p->endpoint.metrics_port.name, "metrics");
    assert_string_equal(p->endpoint.metrics_path, "/m");
    assert_int_equal(p->interval_s, 10);
    assert_int_equal(p->timeout_s, 3);
    assert_int_equal(p->profile_interval_s, 60);
    assert_false(p->detection.growth.enabled);
    assert_int_equal(p->detection.growth.periods, 4);
    assert_int_equal(p->detection.growth.percent_per_minute, 20);
    assert_true(p->detection.surge.enabled);
    assert_int_equal(p->detection.surge.goroutines, 100);
    assert_int_equal(p->detection.surge.percent, 50);
    assert_int_equal(p->detection.surge.window_s, 60);
    assert_int_equal(p->detection.blocked.goroutines, 7);
    assert_false(p->detection.floor.enabled || p->detection.baseline.enabled || p->detection.leak_profile);
    assert_int_equal(p->detection.floor.window_s, 60);
    assert_int_equal(p->detection.floor.windows, 8);
    assert_int_equal(p->detection.baseline.static_goroutines, 50);
    assert_int_equal(p->detection.baseline.samples, 10);
    assert_int_equal(p->detection.baseline.percentile, 75);
    assert_int_equal(p->detection.tolerance.class, GS_CLASS_CUSTOM);
    assert_int_equal(p->detection.tolerance.permille, 35);
    assert_true(p->detection.resources.enabled);
    assert_int_equal(p->detection.resources.cpu_percent, 80);
    assert_int_equal(p->detection.resources.cpu_for_s, 60);
    assert_int_equal(p->detection.resources.goroutines, 0);
    assert_int_equal(p->detection.resources.heap_inuse, 1048576);
}

static void test_whole_snapshot(void **state)
{
    (void)state;
    gs_cleanup(gs_policy_free) gs_policy *p = read_whole();
    assert_true(p->has_s3);
    assert_int_equal(p->snapshot_kinds, 1u << GS_PROFILE_LEAK | 1u << GS_PROFILE_CPU | 1u << GS_PROFILE_TRACE);
    assert_int_equal(p->cpu_s, 30);
    assert_int_equal(p->trace_s, 3);
    assert_int_equal(p->full_dump_max, 100);
    assert_string_equal(p->s3.endpoint, "https://s3.example.com:9000");
    assert_string_equal(p->s3.region, "eu-west-1");
    assert_string_equal(p->s3.bucket, "my.bucket");
    assert_string_equal(p->s3.prefix, "prod/eu");
    assert_string_equal(p->s3.credentials_secret, "gostat-s3");
    assert_string_equal(p->s3.ca_secret, "ca");
    assert_string_equal(p->s3.ca_key, "tls.crt");
    assert_int_equal(p->s3.sse, GS_SSE_KMS);
    assert_string_equal(p->s3.kms_key_id, "alias/gostat");
    assert_int_equal(p->s3.presign_s, 3600);
    assert_int_equal(p->retention.high_days, 30);
    assert_int_equal(p->retention.medium_days, 3);
    assert_int_equal(p->retention.low_days, 2);
    assert_int_equal(p->retention.max_bytes, 1048576);
}

static void test_whole_healing(void **state)
{
    (void)state;
    static const enum gs_action_type types[] = {GS_ACTION_REPLACE, GS_ACTION_SCALE_OUT, GS_ACTION_RESTART,
                                                GS_ACTION_EVICT};
    gs_cleanup(gs_policy_free) gs_policy *p = read_whole();
    assert_int_equal(p->min_grade, GS_GRADE_PROVEN);
    assert_int_equal(p->n_actions, 4);
    for (size_t i = 0; i < p->n_actions; i++)
        assert_int_equal(p->actions[i].type, types[i]);
    assert_int_equal(p->actions[0].replace.max_pods, 2);
    assert_int_equal(p->actions[0].replace.ready_s, 5);
    assert_int_equal(p->actions[1].scale_out.step, 2);
    assert_int_equal(p->actions[1].scale_out.max_replicas, 10);
    assert_int_equal(p->actions[1].scale_out.hold_s, 30);
    assert_int_equal(p->actions[1].scale_out.max_hold_s, 7200);
    assert_int_equal(p->actions[3].evict.max_pods, 3);
    assert_int_equal(p->limits.cooldown_s, 60);
    assert_int_equal(p->limits.max_actions_per_hour, 9);
    assert_int_equal(p->limits.min_available_percent, 50);
    assert_int_equal(p->limits.max_added_replicas, 7);
    assert_int_equal(p->n_windows, 2);
    assert_string_equal(p->windows[0].name, "freeze");
    assert_true(p->windows[0].deny && !p->windows[1].deny);
    assert_string_equal(p->windows[0].schedule, "0 20 * * 5");
    assert_int_equal(p->windows[0].cron.hours, 1 << 20);
    assert_int_equal(p->windows[0].cron.weekdays, 1 << 5);
    assert_int_equal(p->windows[0].duration_min, 600);
    assert_string_equal(p->windows[0].time_zone, "Asia/Shanghai");
    assert_string_equal(p->windows[1].time_zone, "UTC");
    assert_int_equal(p->windows[1].cron.months, 1 << 1);
    assert_null(p->windows[0].zone);
}

static void test_whole_notify(void **state)
{
    (void)state;
    gs_cleanup(gs_policy_free) gs_policy *p = read_whole();
    assert_int_equal(p->n_notify, 2);
    assert_string_equal(p->notify[0].name, "oncall");
    assert_int_equal(p->notify[0].type, GS_NOTIFY_WECOM);
    assert_string_equal(p->notify[0].url_secret, "alerts");
    assert_string_equal(p->notify[0].url_key, "wecom");
    assert_string_equal(p->notify[0].hmac_secret, "");
    assert_int_equal(p->notify[0].min_severity, GS_SEVERITY_P0);
    assert_int_equal(p->notify[1].type, GS_NOTIFY_WEBHOOK);
    assert_string_equal(p->notify[1].hmac_secret, "signing");
    assert_string_equal(p->notify[1].hmac_key, "k.1");
    assert_int_equal(p->notify[1].min_severity, GS_SEVERITY_LOW);
}

static void test_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        bool need;
    } specs[] = {
        {SEL "," END, true},
        {"", false}, /* `watch` */
        {SEL "," END ",\"sampling\":{},\"detection\":{\"growth\":{},\"surge\":null},\"healing\":{\"limits\":{}},"
             "\"snapshot\":{\"profiles\":[\"GoroutineLeak\",\"Goroutine\"]}",
         true},
        {RULE("\"floor\":{},\"baseline\":{},\"tolerance\":{},\"leakProfile\":null"), true},
    };
    for (size_t i = 0; i < GS_LEN(specs); i++) {
        gs_cleanup(gs_policy_free) gs_policy *p = NULL;
        gs_error err = {0};
        if (decode(specs[i].spec, true, specs[i].need, &p, &err) < 0)
            fail_msg("%s", err.msg);
        assert_int_equal(p->mode, GS_MODE_OBSERVE);
        assert_false(p->suspend || p->deleting || p->has_finalizer || p->has_s3 || p->endpoint.has_metrics);
        assert_int_equal(p->endpoint.pprof_port.number, 6060);
        assert_string_equal(p->endpoint.pprof_path, "/debug/pprof");
        assert_int_equal(p->interval_s, 5);
        assert_int_equal(p->timeout_s, 2);
        assert_int_equal(p->profile_interval_s, 300);
        assert_true(p->detection.growth.enabled && p->detection.surge.enabled && p->detection.blocked.enabled);
        assert_int_equal(p->detection.growth.periods, 3);
        assert_int_equal(p->detection.growth.percent_per_minute, 15);
        assert_int_equal(p->detection.surge.goroutines, 5000);
        assert_int_equal(p->detection.surge.percent, 30);
        assert_int_equal(p->detection.surge.window_s, 300);
        assert_int_equal(p->detection.blocked.goroutines, 100);
        assert_true(p->detection.floor.enabled && p->detection.baseline.enabled && p->detection.leak_profile);
        assert_int_equal(p->detection.floor.window_s, 120);
        assert_int_equal(p->detection.floor.windows, 4);
        assert_int_equal(p->detection.baseline.static_goroutines, 2000);
        assert_int_equal(p->detection.baseline.samples, 30);
        assert_int_equal(p->detection.baseline.percentile, 90);
        assert_int_equal(p->detection.tolerance.class, GS_CLASS_PAYMENT);
        assert_int_equal(p->detection.tolerance.permille, 20);
        assert_int_equal(p->snapshot_kinds, 1u << GS_PROFILE_GOROUTINE | 1u << GS_PROFILE_LEAK);
        assert_int_equal(p->cpu_s, 120);
        assert_int_equal(p->trace_s, 5);
        assert_true(p->detection.resources.enabled);
        assert_int_equal(p->detection.resources.cpu_percent, 90);
        assert_int_equal(p->detection.resources.cpu_for_s, 180);
        assert_int_equal(p->detection.resources.goroutines, 5000);
        assert_int_equal(p->detection.resources.heap_inuse, 536870912);
        assert_int_equal(p->full_dump_max, 5000);
        assert_int_equal(p->min_grade, GS_GRADE_PROBABLE);
        assert_true(p->n_actions == 0 && p->n_windows == 0 && p->n_notify == 0);
        assert_int_equal(p->limits.cooldown_s, 600);
        assert_int_equal(p->limits.max_actions_per_hour, 4);
        assert_int_equal(p->limits.min_available_percent, 75);
        assert_int_equal(p->limits.max_added_replicas, 5);
        assert_int_equal(p->retention.high_days, 7);
        assert_int_equal(p->retention.medium_days, 3);
        assert_int_equal(p->retention.low_days, 1);
        assert_int_equal(p->retention.max_bytes, 10737418240);
        assert_int_equal(p->s3.presign_s, 86400);
        assert_int_equal(p->s3.sse, GS_SSE_NONE);
    }
}

/* Settings of actions that are left out. */
static void test_action_defaults(void **state)
{
    (void)state;
    gs_cleanup(gs_policy_free) gs_policy *p = NULL;
    gs_error err = {0};
    if (decode(ACTIONS("{\"type\":\"ScaleOut\",\"scaleOut\":{\"maxReplicas\":3}},{\"type\":\"Replace\"},"
                       "{\"type\":\"Evict\",\"evict\":{}}"),
               true, true, &p, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(p->actions[0].scale_out.step, 1);
    assert_int_equal(p->actions[0].scale_out.hold_s, 600);
    assert_int_equal(p->actions[0].scale_out.max_hold_s, 7200);
    assert_int_equal(p->actions[1].replace.max_pods, 1);
    assert_int_equal(p->actions[1].replace.ready_s, 30);
    assert_int_equal(p->actions[2].evict.max_pods, 1);
}

/* The tolerance that counts, with what is left out. */
static void test_tolerance(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        enum gs_class class;
        int permille;
    } cases[] = {
        {TOLERANCE(""), GS_CLASS_PAYMENT, 20},
        {TOLERANCE("\"class\":\"Cache\""), GS_CLASS_CACHE, 50},
        {TOLERANCE("\"class\":\"Login\""), GS_CLASS_LOGIN, 5},
        {TOLERANCE("\"class\":\"Search\""), GS_CLASS_SEARCH, 5},
        {TOLERANCE("\"class\":\"Cache\",\"permille\":50"), GS_CLASS_CACHE, 50},
        {TOLERANCE("\"class\":\"Custom\",\"permille\":0"), GS_CLASS_CUSTOM, 0},
        {TOLERANCE("\"class\":\"Custom\",\"permille\":1000"), GS_CLASS_CUSTOM, 1000},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_policy_free) gs_policy *p = NULL;
        gs_error err = {0};
        if (decode(cases[i].spec, true, true, &p, &err) < 0)
            fail_msg("%s: %s", cases[i].spec, err.msg);
        assert_int_equal(p->detection.tolerance.class, cases[i].class);
        assert_int_equal(p->detection.tolerance.permille, cases[i].permille);
    }
}

static const struct {
    const char *name, *spec;
    const char *error; /* NULL: accepted */
} specs[] = {
    {"selector missing", END, "spec.selector: is required"},
    {"endpoint missing", SEL, "spec.endpoint: is required"},
    {"pprof missing", SEL ",\"endpoint\":{}", "spec.endpoint.pprof: is required"},
    {"port missing", SEL ",\"endpoint\":{\"pprof\":{}}", "spec.endpoint.pprof.port: is required"},
    {"empty selector", "\"selector\":{}," END, "spec.selector: must not be empty"},
    {"empty labels", "\"selector\":{\"matchLabels\":{}}," END, "spec.selector: must not be empty"},
    {"expression alone", "\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"}]}," END, NULL},
    {"bad operator", "\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Equals\"}]}," END,
     "spec.selector.matchExpressions[0].operator: must be one of In, NotIn, Exists, DoesNotExist; got \"Equals\""},
    {"In without values", "\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}," END,
     "spec.selector.matchExpressions[0].values: operator In or NotIn needs values"},
    {"Exists with values",
     "\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"b\"]}]}," END,
     "spec.selector.matchExpressions[0].values: operator Exists or DoesNotExist takes no values"},
    {"no operator", "\"selector\":{\"matchExpressions\":[{\"key\":\"a\"}]}," END,
     "spec.selector.matchExpressions[0].operator: is required"},
    {"bad key", "\"selector\":{\"matchLabels\":{\"a b\":\"c\"}}," END, "spec.selector.matchLabels: each key must be"},
    {"bad prefix", "\"selector\":{\"matchLabels\":{\"A.b/c\":\"c\"}}," END,
     "spec.selector.matchLabels: each key must be"},
    {"two slashes", "\"selector\":{\"matchLabels\":{\"a/b/c\":\"c\"}}," END,
     "spec.selector.matchLabels: each key must be"},
    {"bad value", "\"selector\":{\"matchLabels\":{\"a\":\"-c\"}}," END, "spec.selector.matchLabels: a value must be"},
    {"label of a number", "\"selector\":{\"matchLabels\":{\"a\":5}}," END,
     "spec.selector.matchLabels.a: expected a string"},
    {"mode", SEL "," END ",\"mode\":\"Kill\"", "spec.mode: must be one of Observe, DryRun, Enforce; got \"Kill\""},
    {"Enforce without store", SEL "," END ",\"mode\":\"Enforce\"", "spec.snapshot.s3: is required in mode Enforce"},
    {"Enforce with store", SEL "," END ",\"mode\":\"Enforce\"," S3_OF(""), NULL},
    {"DryRun without store", SEL "," END ",\"mode\":\"DryRun\"", NULL},
    {"interval 0", SEL "," END ",\"sampling\":{\"intervalSeconds\":0}",
     "spec.sampling.intervalSeconds: must be 1..300, got 0"},
    {"interval 301", SEL "," END ",\"sampling\":{\"intervalSeconds\":301}", "must be 1..300, got 301"},
    {"interval 1.5", SEL "," END ",\"sampling\":{\"intervalSeconds\":1.5}",
     "spec.sampling.intervalSeconds: expected a whole"},
    {"timeout above interval", SEL "," END ",\"sampling\":{\"intervalSeconds\":5,\"timeoutSeconds\":6}",
     "spec.sampling.timeoutSeconds: (2 if left out) must be at most sampling.intervalSeconds"},
    {"default timeout above interval", SEL "," END ",\"sampling\":{\"intervalSeconds\":1}",
     "spec.sampling.timeoutSeconds:"},
    {"profile interval", SEL "," END ",\"sampling\":{\"profileIntervalSeconds\":9}", "must be 10..86400, got 9"},
    {"periods", SEL "," END ",\"detection\":{\"growth\":{\"periods\":1}}",
     "spec.detection.growth.periods: must be 2..15, got 1"},
    {"surge window below interval",
     SEL "," END ",\"sampling\":{\"intervalSeconds\":60},\"detection\":{\"surge\":{\"windowSeconds\":30}}",
     "spec.detection.surge.windowSeconds:"},
    {"surge off, window below interval",
     SEL "," END
         ",\"sampling\":{\"intervalSeconds\":60},\"detection\":{\"surge\":{\"enabled\":false,\"windowSeconds\":30}}",
     NULL},
    {"blocked", SEL "," END ",\"detection\":{\"blocked\":{\"goroutines\":10000001}}", "must be 1..10000000"},
    {"floor window 0", RULE("\"floor\":{\"windowSeconds\":0}"),
     "spec.detection.floor.windowSeconds: must be 1..3600, got 0"},
    {"floor window 3601", RULE("\"floor\":{\"windowSeconds\":3601}"), "must be 1..3600, got 3601"},
    {"floor window below interval",
     SEL "," END ",\"sampling\":{\"intervalSeconds\":61},\"detection\":{\"floor\":{\"windowSeconds\":60}}",
     "spec.detection.floor.windowSeconds: (120 if left out) must be at least sampling.intervalSeconds, or a window holds "
     "no sample: raise it, or lower the interval; got 60 and 61"},
    {"default floor window below interval", SEL "," END ",\"sampling\":{\"intervalSeconds\":121}",
     "spec.detection.floor.windowSeconds:"},
    {"floor off, window below interval",
     SEL "," END ",\"sampling\":{\"intervalSeconds\":300},\"detection\":{\"floor\":{\"enabled\":false}}", NULL},
    {"floor window of one interval",
     SEL "," END ",\"sampling\":{\"intervalSeconds\":60},\"detection\":{\"floor\":{\"windowSeconds\":60}}", NULL},
    {"one floor window", RULE("\"floor\":{\"windows\":1}"), "spec.detection.floor.windows: must be 2..8, got 1"},
    {"nine floor windows", RULE("\"floor\":{\"windows\":9}"), "spec.detection.floor.windows: must be 2..8, got 9"},
    {"floor enabled", RULE("\"floor\":{\"enabled\":1}"), "spec.detection.floor.enabled: expected true or false"},
    {"baseline limit 0", RULE("\"baseline\":{\"staticGoroutines\":0}"),
     "spec.detection.baseline.staticGoroutines: must be 1..1000000000, got 0"},
    {"baseline limit too high", RULE("\"baseline\":{\"staticGoroutines\":1000000001}"),
     "spec.detection.baseline.staticGoroutines: must be 1..1000000000, got 1000000001"},
    {"four samples", RULE("\"baseline\":{\"samples\":4}"), "spec.detection.baseline.samples: must be 5..30, got 4"},
    {"31 samples", RULE("\"baseline\":{\"samples\":31}"), "spec.detection.baseline.samples: must be 5..30, got 31"},
    {"percentile 49", RULE("\"baseline\":{\"percentile\":49}"),
     "spec.detection.baseline.percentile: must be 50..99, got 49"},
    {"percentile 100", RULE("\"baseline\":{\"percentile\":100}"), "must be 50..99, got 100"},
    {"baseline enabled", RULE("\"baseline\":{\"enabled\":\"no\"}"),
     "spec.detection.baseline.enabled: expected true or false"},
    {"bounds of the new rules",
     RULE("\"baseline\":{\"staticGoroutines\":1000000000,\"samples\":5,\"percentile\":99},\"floor\":{\"windows\":2}"),
     NULL},
    {"class", TOLERANCE("\"class\":\"Shop\""),
     "spec.detection.tolerance.class: must be one of Payment, Cache, Login, Search, Custom; got \"Shop\""},
    {"permille -1", TOLERANCE("\"permille\":-1"), "spec.detection.tolerance.permille: must be 0..1000, got -1"},
    {"permille 1001", TOLERANCE("\"class\":\"Custom\",\"permille\":1001"), "must be 0..1000, got 1001"},
    {"Custom without permille", TOLERANCE("\"class\":\"Custom\""),
     "spec.detection.tolerance.permille: is required with class Custom: for example permille: 20"},
    {"permille of another class", TOLERANCE("\"permille\":50"),
     "spec.detection.tolerance.permille: is for class Custom, the other classes have their own (Payment 20, Cache 50, "
     "Login and Search 5): leave it out, or set class to Custom; got 50 with class Payment"},
    {"permille 0 of a named class", TOLERANCE("\"class\":\"Login\",\"permille\":0"), "got 0 with class Login"},
    {"leak profile", RULE("\"leakProfile\":\"Always\""),
     "spec.detection.leakProfile: must be one of Never, Auto; got \"Always\""},
    {"rule of resources that is none", RULE("\"resources\":{\"memory\":1}"),
     "spec.detection.resources.memory: no such field"},
    {"full dump -1", SNAPSHOT("\"fullDumpMaxGoroutines\":-1"),
     "spec.snapshot.fullDumpMaxGoroutines: must be 0..100000, got -1"},
    {"full dump too large", SNAPSHOT("\"fullDumpMaxGoroutines\":100001"), "must be 0..100000, got 100001"},
    {"full dump never", SNAPSHOT("\"fullDumpMaxGoroutines\":0"), NULL},
    {"a profile twice", SNAPSHOT("\"profiles\":[\"GoroutineLeak\",\"GoroutineLeak\"]"),
     "spec.snapshot.profiles[1]: is given twice"},
    {"six profiles", SNAPSHOT("\"profiles\":[\"Goroutine\",\"GoroutineLeak\",\"Heap\",\"CPU\",\"Trace\",\"Heap\"]"),
     "spec.snapshot.profiles: must have at most 5"},
    {"scheme", SEL ",\"endpoint\":{\"scheme\":\"GRPC\",\"pprof\":{\"port\":1}}",
     "spec.endpoint.scheme: must be one of HTTP, HTTPS; got \"GRPC\""},
    {"port 0", SEL ",\"endpoint\":{\"pprof\":{\"port\":0}}", "spec.endpoint.pprof.port: must be 1..65535, got 0"},
    {"port 65536", SEL ",\"endpoint\":{\"pprof\":{\"port\":65536}}", "must be 1..65535, got 65536"},
    {"port true", SEL ",\"endpoint\":{\"pprof\":{\"port\":true}}",
     "spec.endpoint.pprof.port: must be a whole number or a string"},
    {"port without letter", SEL ",\"endpoint\":{\"pprof\":{\"port\":\"6060\"}}",
     "spec.endpoint.pprof.port: must be a number from"},
    {"port --", SEL ",\"endpoint\":{\"pprof\":{\"port\":\"a--b\"}}", "spec.endpoint.pprof.port: must be a number from"},
    {"port too long", SEL ",\"endpoint\":{\"pprof\":{\"port\":\"a123456789012345\"}}",
     "spec.endpoint.pprof.port: must have at most 15"},
    {"port empty", SEL ",\"endpoint\":{\"pprof\":{\"port\":\"\"}}", "spec.endpoint.pprof.port: must be a number from"},
    {"metrics port", SEL ",\"endpoint\":{\"pprof\":{\"port\":1},\"metrics\":{\"port\":\"A\"}}",
     "spec.endpoint.metrics.port:"},
    {"metrics without port", SEL ",\"endpoint\":{\"pprof\":{\"port\":1},\"metrics\":{}}",
     "spec.endpoint.metrics.port: is required"},
    {"path with query", SEL ",\"endpoint\":{\"pprof\":{\"port\":1,\"path\":\"/a?b\"}}",
     "spec.endpoint.pprof.path: must begin with '/'"},
    {"path with ..", SEL ",\"endpoint\":{\"pprof\":{\"port\":1,\"path\":\"/a/..\"}}", "spec.endpoint.pprof.path:"},
    {"path with //", SEL ",\"endpoint\":{\"pprof\":{\"port\":1,\"path\":\"//a\"}}", "spec.endpoint.pprof.path:"},
    {"path ends with /", SEL ",\"endpoint\":{\"pprof\":{\"port\":1,\"path\":\"/a/\"}}", "spec.endpoint.pprof.path:"},
    {"path /", SEL ",\"endpoint\":{\"pprof\":{\"port\":1,\"path\":\"/\"}}", "spec.endpoint.pprof.path:"},
    {"path relative", SEL ",\"endpoint\":{\"pprof\":{\"port\":1,\"path\":\"a\"}}", "spec.endpoint.pprof.path:"},
    {"path empty", SEL ",\"endpoint\":{\"pprof\":{\"port\":1,\"path\":\"\"}}", "spec.endpoint.pprof.path:"},
    {"path of injected request", SEL ",\"endpoint\":{\"pprof\":{\"port\":1,\"path\":\"/a\\r\\nX: y\"}}",
     "spec.endpoint.pprof.path:"},
    {"no profiles", SEL "," END ",\"snapshot\":{\"profiles\":[]}", "spec.snapshot.profiles: must have at least 1"},
    {"store: http, port", SEL "," END "," S3_AT("http://10.0.0.1:9000"), NULL},
    {"store: IPv6", SEL "," END "," S3_AT("https://[fd00::1]:9000"), NULL},
    {"store: IPv6, no port", SEL "," END "," S3_AT("https://[fd00::1]"), NULL},
    {"store: path", SEL "," END "," S3_AT("https://s3/x"), "spec.snapshot.s3.endpoint: must be http://"},
    {"store: slash", SEL "," END "," S3_AT("https://s3/"), "spec.snapshot.s3.endpoint:"},
    {"store: user", SEL "," END "," S3_AT("https://me@s3"), "spec.snapshot.s3.endpoint:"},
    {"store: port 0", SEL "," END "," S3_AT("https://s3:0"), "spec.snapshot.s3.endpoint:"},
    {"store: port 65536", SEL "," END "," S3_AT("https://s3:65536"), "spec.snapshot.s3.endpoint:"},
    {"store: port empty", SEL "," END "," S3_AT("https://s3:"), "spec.snapshot.s3.endpoint:"},
    {"store: two ports", SEL "," END "," S3_AT("https://s3:1:2"), "spec.snapshot.s3.endpoint:"},
    {"store: ftp", SEL "," END "," S3_AT("ftp://s3"), "spec.snapshot.s3.endpoint:"},
    {"store: no host", SEL "," END "," S3_AT("https://"), "spec.snapshot.s3.endpoint:"},
    {"store: open bracket", SEL "," END "," S3_AT("https://[fd00::1"), "spec.snapshot.s3.endpoint:"},
    {"store: behind bracket", SEL "," END "," S3_AT("https://[fd00::1]x"), "spec.snapshot.s3.endpoint:"},
    {"store: empty brackets", SEL "," END "," S3_AT("https://[]"), "spec.snapshot.s3.endpoint:"},
    {"store: line feed", SEL "," END "," S3_AT("https://s3\\nx"), "spec.snapshot.s3.endpoint:"},
    {"bucket short", SEL "," END "," BUCKET("ab"), "spec.snapshot.s3.bucket: must have at least 3"},
    {"bucket upper", SEL "," END "," BUCKET("Abc"), "spec.snapshot.s3.bucket:"},
    {"bucket ..", SEL "," END "," BUCKET("a..c"), "spec.snapshot.s3.bucket:"},
    {"bucket IP", SEL "," END "," BUCKET("10.0.0.1"), "spec.snapshot.s3.bucket:"},
    {"bucket of five numbers", SEL "," END "," BUCKET("1.2.3.4.5"), NULL},
    {"bucket of letters and numbers", SEL "," END "," BUCKET("a.2.3.4"), NULL},
    {"no credentials", SEL "," END ",\"snapshot\":{\"s3\":{\"endpoint\":\"https://s3\",\"bucket\":\"abc\"}}",
     "spec.snapshot.s3.credentialsSecretRef: is required"},
    {"Secret's name",
     SEL "," END ",\"snapshot\":{\"s3\":{\"endpoint\":\"https://s3\",\"bucket\":\"abc\","
         "\"credentialsSecretRef\":{\"name\":\"A_b\"}}}",
     "spec.snapshot.s3.credentialsSecretRef.name: must be a Secret's name"},
    {"region", SEL "," END "," S3_OF(",\"region\":\"US East\""), "spec.snapshot.s3.region:"},
    {"prefix", SEL "," END "," S3_OF(",\"prefix\":\"prod/eu\""), NULL},
    {"prefix: slash first", SEL "," END "," S3_OF(",\"prefix\":\"/prod\""), "spec.snapshot.s3.prefix:"},
    {"prefix: slash last", SEL "," END "," S3_OF(",\"prefix\":\"prod/\""), "spec.snapshot.s3.prefix:"},
    {"prefix: ..", SEL "," END "," S3_OF(",\"prefix\":\"a/../b\""), "spec.snapshot.s3.prefix:"},
    {"prefix: hidden", SEL "," END "," S3_OF(",\"prefix\":\".a\""), "spec.snapshot.s3.prefix:"},
    {"prefix: empty", SEL "," END "," S3_OF(",\"prefix\":\"\""), "spec.snapshot.s3.prefix:"},
    {"CA key", SEL "," END "," S3_OF(",\"caSecretRef\":{\"name\":\"a\",\"key\":\"a/b\"}"),
     "spec.snapshot.s3.caSecretRef.key:"},
    {"CA without name", SEL "," END "," S3_OF(",\"caSecretRef\":{}"), "spec.snapshot.s3.caSecretRef.name: is required"},
    {"virtual host", SEL "," END "," S3_OF(",\"addressing\":\"VirtualHost\""), NULL},
    {"virtual host of an IP",
     SEL "," END ",\"snapshot\":{\"s3\":{\"endpoint\":\"http://10.0.0.1:9000\",\"bucket\":\"abc\"," SECRET
         ",\"addressing\":\"VirtualHost\"}}",
     "spec.snapshot.s3.addressing: VirtualHost puts the bucket"},
    {"virtual host, dotted bucket",
     SEL "," END ",\"snapshot\":{\"s3\":{\"endpoint\":\"https://s3.a\",\"bucket\":\"a.c\"," SECRET
         ",\"addressing\":\"VirtualHost\"}}",
     "spec.snapshot.s3.addressing: VirtualHost over https"},
    {"action without settings", ACTIONS("{\"type\":\"ScaleOut\"}"), "spec.healing.actions[0].scaleOut: is required"},
    {"action without maximum", ACTIONS("{\"type\":\"ScaleOut\",\"scaleOut\":{}}"),
     "spec.healing.actions[0].scaleOut.maxReplicas: is required"},
    {"step 0", ACTIONS("{\"type\":\"ScaleOut\",\"scaleOut\":{\"step\":0,\"maxReplicas\":3}}"),
     "step: must be 1..100, got 0"},
    {"action unknown", ACTIONS("{\"type\":\"Delete\"}"),
     "spec.healing.actions[0].type: must be one of ScaleOut, Replace, Evict, Restart;"},
    {"five actions",
     ACTIONS(
         "{\"type\":\"ScaleOut\",\"scaleOut\":{\"maxReplicas\":3}},{\"type\":\"ScaleOut\",\"scaleOut\":"
         "{\"maxReplicas\":3}},{\"type\":\"ScaleOut\",\"scaleOut\":{\"maxReplicas\":3}},{\"type\":\"ScaleOut\",\"scaleOut\":"
         "{\"maxReplicas\":3}},{\"type\":\"ScaleOut\",\"scaleOut\":{\"maxReplicas\":3}}"),
     "spec.healing.actions: must have at most 4"},
    {"grade", SEL "," END ",\"healing\":{\"minGrade\":\"Certain\"}",
     "spec.healing.minGrade: must be one of Suspected, Probable, Proven; got \"Certain\""},
    {"cooldown 0", SEL "," END ",\"healing\":{\"limits\":{\"cooldownSeconds\":0}}",
     "cooldownSeconds: must be 1..86400, got 0"},
    {"typing error", SEL "," END ",\"sampling\":{\"intervalSecond\":5}", "spec.sampling.intervalSecond: no such field"},
    {"twice", SEL "," SEL "," END, "spec.selector: is given twice"},
    {"suspend", SEL "," END ",\"suspend\":\"yes\"", "spec.suspend: expected true or false"},
};

static void test_specs(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(specs); i++) {
        gs_cleanup(gs_policy_free) gs_policy *p = NULL;
        gs_error err = {0};
        int r = decode(specs[i].spec, true, true, &p, &err);
        if (!specs[i].error && r < 0)
            fail_msg("%s: %s", specs[i].name, err.msg);
        if (specs[i].error && (r != -GS_TERMINAL || !strstr(err.msg, specs[i].error)))
            fail_msg("%s: %d \"%s\", expected \"%s\"", specs[i].name, r, err.msg, specs[i].error);
        assert_int_equal(p != NULL, r == 0);
    }
}

static void test_objects(void **state)
{
    (void)state;
#define SPEC "\"spec\":{" SEL "," END "}"
    static const struct {
        const char *name, *object;
        bool strict;
        const char *error;
    } cases[] = {
        {"from a list", "{\"metadata\":{\"name\":\"a\",\"x\":1}," SPEC ",\"y\":[]}", false, NULL},
        {"unknown in spec, not strict", "{\"spec\":{" SEL "," END ",\"later\":{\"a\":[1]}}}", false, NULL},
        {"strict needs a type", "{" SPEC "}", true, "apiVersion: must be gostat.dev/v1alpha1, got \"\""},
        {"another version", "{\"apiVersion\":\"gostat.dev/v2\"," SPEC "}", false, "apiVersion: must be"},
        {"another kind", "{\"kind\":\"Pod\"," SPEC "}", false, "kind: must be GostatPolicy, got \"Pod\""},
        {"unknown, strict", "{\"apiVersion\":\"gostat.dev/v1alpha1\",\"kind\":\"GostatPolicy\",\"spex\":1," SPEC "}",
         true, "spex: no such field"},
        {"no spec", "{\"metadata\":{}}", false, "spec: is required"},
        {"no object", "[]", false, "expected an object"},
        {"empty", "", false, "at byte 0"},
        {"cut", "{\"spec\":{", false, "the input ends"},
        {"bad time", "{\"metadata\":{\"creationTimestamp\":\"today\"}," SPEC "}", false,
         "metadata.creationTimestamp: must be a time"},
        {"null time", "{\"metadata\":{\"creationTimestamp\":null,\"deletionTimestamp\":null}," SPEC "}", false, NULL},
        {"bad finalizers", "{\"metadata\":{\"finalizers\":[1]}," SPEC "}", false, "metadata.finalizers: "},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_policy_free) gs_policy *p = NULL;
        gs_error err = {0};
        int r = gs_policy_from_json(gs_str_of(cases[i].object), cases[i].strict, true, &p, &err);
        if (!cases[i].error && r < 0)
            fail_msg("%s: %s", cases[i].name, err.msg);
        if (cases[i].error && (r != -GS_TERMINAL || !strstr(err.msg, cases[i].error)))
            fail_msg("%s: %d \"%s\"", cases[i].name, r, err.msg);
        assert_false(p && p->deleting);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),           cmocka_unit_test(test_whole_snapshot),
        cmocka_unit_test(test_whole_healing),   cmocka_unit_test(test_whole_notify),
        cmocka_unit_test(test_action_defaults), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_tolerance),       cmocka_unit_test(test_specs),
        cmocka_unit_test(test_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
