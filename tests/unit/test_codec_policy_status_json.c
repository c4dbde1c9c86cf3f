#include "codec/policy_json.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Everything that a record may hold. */
static gs_heal_history history(void)
{
    gs_heal_history h = {.n_times = 2,
                         .action_times = {1767225600000, 1767225700000},
                         .last_failed = true,
                         .added_replicas = 1,
                         .scaled_to = 7,
                         .autoscaler = "payments-hpa",
                         .scaled_ms = 1767225600000,
                         .growth = -40,
                         .judged = true,
                         .incident = "payments-3fa94c07be"};
    h.workload = (gs_workload_ref){
        .api_version = "argoproj.io/v1alpha1", .kind = "Rollout", .ns = "shop", .name = "payments", .uid = "u1"};
    h.pending = (gs_pending){.set = true,
                             .recorded = true,
                             .id = "a1",
                             .incident = "payments-3fa94c07be",
                             .type = GS_ACTION_REPLACE,
                             .step = GS_STEP_ABORTING,
                             .from = 6,
                             .to = 8,
                             .autoscaler = "payments-hpa",
                             .min_available = 5,
                             .ready_s = 30,
                             .growth = 3600,
                             .begun_ms = 1767225700000,
                             .step_ms = 1767225731000,
                             .victims = {{"payments-1", "p1", true, -100}, {"payments-2", "p2", false, 0}},
                             .n_victims = 2,
                             .reason = "no pod got Ready"};
    return h;
}

static void patch(gs_buf *b, const char *rv, const gs_policy_status *s, const gs_heal_history *h, size_t n, bool with)
{
    gs_json_writer w;
    gs_buf_reset(b);
    gs_jw_init(&w, b);
    gs_policy_status_patch(&w, rv, s, h, n, with);
    assert_int_equal(gs_jw_finish(&w, NULL), 0);
}

#define HEALING                                                                                                                        \
    "\"healing\":{\"workloads\":[{\"apiVersion\":\"argoproj.io/v1alpha1\",\"kind\":\"Rollout\",\"name\":\"payments\","                 \
    "\"uid\":\"u1\",\"incident\":\"payments-3fa94c07be\",\"actionTimes\":[\"2026-01-01T00:00:00Z\","                                   \
    "\"2026-01-01T00:01:40Z\"],\"lastFailed\":true,\"addedReplicas\":1,\"scaledTo\":7,\"autoscaler\":\"payments-hpa\",\"scaledTime\":" \
    "\"2026-01-01T00:00:00Z\",\"growth\":-40,\"judged\":true,\"pending\":{\"id\":\"a1\",\"incident\":"                                 \
    "\"payments-3fa94c07be\",\"type\":\"Replace\",\"step\":\"Aborting\",\"from\":6,\"to\":8,\"autoscaler\":"                           \
    "\"payments-hpa\",\"minAvailable\":5,\"readySeconds\":30,\"growth\":3600,\"begunTime\":\"2026-01-01T00:01:40Z\","                  \
    "\"stepTime\":\"2026-01-01T00:02:11Z\",\"reason\":\"no pod got Ready\",\"victims\":[{\"name\":\"payments-1\","                     \
    "\"uid\":\"p1\",\"hadCost\":true,\"cost\":-100},{\"name\":\"payments-2\",\"uid\":\"p2\",\"hadCost\":false}]}}]}"
#define COUNTS(conditions)                                                                                             \
    "\"status\":{\"observedGeneration\":3,\"conditions\":[" conditions "],\"targets\":{\"matched\":6,\"sampled\":5,"   \
    "\"unreachable\":1,\"leaking\":2},\"openIncidents\":1"
#define READY                                                                                                            \
    "{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Valid\",\"message\":\"a \\\"b\\\"\",\"observedGeneration\":3," \
    "\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}"

static void test_status_patch(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_policy_status s = {
        .observed_generation = 3, .matched = 6, .sampled = 5, .unreachable = 1, .leaking = 2, .open_incidents = 1};
    gs_heal_history h[2] = {history(), {.workload = {.kind = "Deployment", .name = "idle", .uid = "u2"}}};
    (void)gs_condition_set(gs_condition_slot(s.conditions, 4, "Ready"), "True", "Valid", "a \"b\"", 3, 1767225600000);
    (void)gs_condition_slot(s.conditions, 4, "Collecting"); /* not set yet: not written */

    patch(&b, "77", &s, h, 2, true);
    assert_string_equal(b.p, "{\"metadata\":{\"resourceVersion\":\"77\"}," COUNTS(READY) "," HEALING "}}");
    patch(&b, NULL, &s, h, 2, false);
    assert_string_equal(b.p, "{" COUNTS(READY) "}}");
    patch(&b, NULL, &s, h + 1, 1, true);
    assert_string_equal(b.p, "{" COUNTS(READY) ",\"healing\":null}}");
    patch(&b, NULL, &s, NULL, 0, true);
    assert_string_equal(b.p, "{" COUNTS(READY) ",\"healing\":null}}");
}

static void test_status_round_trip(void **state)
{
    (void)state;
    static const char object[] = "{\"metadata\":{\"namespace\":\"shop\"}," COUNTS(READY) "," HEALING "}}";
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_policy_status s;
    gs_autofree gs_heal_history *h = NULL;
    size_t n;
    gs_error err = {0};
    assert_int_equal(gs_policy_status_from_json(gs_str_of(object), &s, &err), 0);
    assert_int_equal(gs_history_from_json(gs_str_of(object), &h, &n, &err), 0);
    assert_int_equal(n, 1);
    gs_heal_history want = history();
    assert_memory_equal(&h[0], &want, sizeof want);
    patch(&b, NULL, &s, h, n, true);
    assert_string_equal(b.p, "{" COUNTS(READY) "," HEALING "}}");
}

static void test_status_absent_or_bad(void **state)
{
    (void)state;
#define W(more) "{\"status\":{\"healing\":{\"workloads\":[{\"kind\":\"D\",\"name\":\"n\",\"uid\":\"u\"" more "}]}}}"
#define P(more) W(",\"pending\":{\"id\":\"a1\",\"incident\":\"i\",\"type\":\"Evict\",\"from\":1,\"to\":1" more "}")
#define V "{\"name\":\"p\",\"uid\":\"u\"}"
    static const struct {
        const char *name, *object;
        size_t n;
        const char *error;
    } cases[] = {
        {"no status", "{}", 0, NULL},
        {"null", "{\"status\":null}", 0, NULL},
        {"no healing", "{\"status\":{}}", 0, NULL},
        {"no workloads", "{\"status\":{\"healing\":{\"workloads\":null}}}", 0, NULL},
        {"least", W(""), 1, NULL},
        {"a later field", W(",\"later\":1"), 1, NULL},
        {"a later action", W(",\"pending\":{\"id\":\"a1\",\"incident\":\"i\",\"type\":\"Cordon\",\"from\":1,\"to\":1}"),
         0, "pending.type: must be one of ScaleOut, Replace, Evict, Restart"},
        {"a later step", P(",\"step\":\"Later\""), 0, "pending.step: must be one of Intended, Surged"},
        {"bad time of a step", P(",\"stepTime\":\"x\""), 0, "pending.stepTime: \"x\" is no time"},
        {"bad beginning", P(",\"begunTime\":\"x\""), 0, "pending.begunTime: \"x\" is no time"},
        {"bad time of a scale", W(",\"scaledTime\":\"x\""), 0, "workloads[].scaledTime: \"x\" is no time"},
        {"victim without uid", P(",\"victims\":[{\"name\":\"p\"}]"), 0, "victims[0].uid: is required"},
        {"nine victims", P(",\"victims\":[" V "," V "," V "," V "," V "," V "," V "," V "," V "]"), 0,
         "victims: must have at most 8"},
        {"bad time", W(",\"actionTimes\":[\"x\"]"), 0, "\"x\" is no time"},
        {"negative", W(",\"addedReplicas\":-1"), 0, "addedReplicas: must be 0.."},
        {"no list", "{\"status\":{\"healing\":{\"workloads\":{}}}}", 0, "expected an array"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_autofree gs_heal_history *h = NULL;
        size_t n = 0;
        gs_error err = {0};
        int r = gs_history_from_json(gs_str_of(cases[i].object), &h, &n, &err);
        if (cases[i].error ? r != -GS_TERMINAL || !strstr(err.msg, cases[i].error) : r != 0)
            fail_msg("%s: %d %s", cases[i].name, r, err.msg);
        assert_int_equal(n, cases[i].n);
    }
    gs_policy_status s;
    gs_error err = {0};
    assert_int_equal(gs_policy_status_from_json(GS_STR("{\"status\":null}"), &s, &err), 0);
    assert_int_equal(s.observed_generation, 0);
    assert_int_equal(gs_policy_status_from_json(GS_STR("{\"status\":{\"conditions\":[{\"type\":1}]}}"), &s, &err),
                     -GS_TERMINAL);
}

/* As 0.1 wrote it: no apiVersion, no times of steps; and it had an object "previous". */
static void test_old_record(void **state)
{
    (void)state;
    static const char object[] =
        "{\"metadata\":{\"namespace\":\"shop\"},\"status\":{\"healing\":{\"workloads\":[{\"kind\":\"Deployment\",\"name\":"
        "\"payments\",\"uid\":\"u1\",\"actionTimes\":[],\"addedReplicas\":0,\"scaledTo\":0,\"pending\":{\"id\":\"a1\","
        "\"incident\":\"i\",\"type\":\"ScaleOut\",\"step\":\"Intended\",\"from\":6,\"to\":7,\"previous\":{}}}]}}}";
    gs_autofree gs_heal_history *h = NULL;
    size_t n;
    gs_error err = {0};
    assert_int_equal(gs_history_from_json(gs_str_of(object), &h, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_string_equal(h->workload.api_version, "apps/v1");
    assert_string_equal(h->workload.ns, "shop");
    assert_true(h->pending.set && h->pending.recorded);
    assert_int_equal(h->pending.step, GS_STEP_INTENDED);
    assert_int_equal(h->pending.to, 7);
    assert_true(h->pending.begun_ms == 0 && h->pending.step_ms == 0 && h->scaled_ms == 0 && !h->judged);
}

/* ---- the audit chain ---- */

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define AUDIT                                                                                                          \
    "\"auditHead\":\"" DIGEST "\",\"auditSequence\":12,\"auditTail\":[\"{\\\"seq\\\":11}\",\"{\\\"seq\\\":12}\"]"

static void test_audit_round_trip(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_audit_head a = {.n = 0};
    gs_error err = {0};
    assert_int_equal(gs_audit_head_from_json(GS_STR("{\"status\":{" AUDIT "}}"), &a, &err), 0);
    assert_string_equal(a.head, DIGEST);
    assert_int_equal(a.seq, 12);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.tail[1], "{\"seq\":12}");
    gs_policy_status s = {.audit = &a};
    patch(&b, NULL, &s, NULL, 0, false);
    assert_non_null(strstr(b.p, ",\"openIncidents\":0," AUDIT "}}"));
    gs_audit_head_done(&a);
    assert_true(!a.head[0] && a.n == 0 && !a.tail);
    patch(&b, NULL, &s, NULL, 0, false); /* no line yet */
    assert_non_null(strstr(b.p, "\"auditHead\":null,\"auditSequence\":0,\"auditTail\":[]}}"));
}

static void test_audit_absent_or_bad(void **state)
{
    (void)state;
#define A(fields) "{\"status\":{" fields "}}"
    static const struct {
        const char *name, *object, *error;
    } cases[] = {
        {"no status", "{}", NULL},
        {"null status", "{\"status\":null}", NULL},
        {"nulls", A("\"auditHead\":null,\"auditTail\":null"), NULL},
        {"too short", A("\"auditHead\":\"sha256:00\""), "status.auditHead: must be sha256: and 64 hex digits"},
        {"upper case", A("\"auditHead\":\"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\""),
         "status.auditHead: must be"},
        {"another digest",
         A("\"auditHead\":\"sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""),
         "status.auditHead: must be"},
        {"negative", A("\"auditSequence\":-1"), "status.auditSequence: must be 0.."},
        {"tail of no texts", A("\"auditTail\":[1]"), "status.auditTail[0]: expected a string"},
        {"17 lines",
         A("\"auditTail\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]"),
         "status.auditTail: must have at most 16"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_audit_head a = {.seq = 7};
        gs_error err = {0};
        int r = gs_audit_head_from_json(gs_str_of(cases[i].object), &a, &err);
        if (cases[i].error ? r != -GS_TERMINAL || !strstr(err.msg, cases[i].error) : r != 0)
            fail_msg("%s: %d %s", cases[i].name, r, err.msg);
        assert_true(!a.head[0] && a.seq == 0 && a.n == 0 && !a.tail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_patch),         cmocka_unit_test(test_status_round_trip),
        cmocka_unit_test(test_status_absent_or_bad), cmocka_unit_test(test_old_record),
        cmocka_unit_test(test_audit_round_trip),     cmocka_unit_test(test_audit_absent_or_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
