#include "codec/workload.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define META(generation)                                                                                               \
    "\"metadata\":{\"name\":\"web\",\"uid\":\"u-1\",\"resourceVersion\":\"77\",\"generation\":" generation "}"
#define SELECTOR "\"selector\":{\"matchLabels\":{\"app\":\"web\"}}"
#define DEPLOYMENT(spec, status) "{" META("3") ",\"spec\":{\"replicas\":4," SELECTOR spec "},\"status\":{" status "}}"
#define SEEN "\"observedGeneration\":3"

/* What each kind says, and above all whether it is rolling. */
static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum gs_workload_kind kind;
        const char *object;
        gs_workload_facts f;
        const char *selector;
        bool observed;
    } cases[] = {
        {"a Deployment",
         GS_WORKLOAD_DEPLOYMENT,
         DEPLOYMENT(",\"template\":{\"metadata\":{\"annotations\":{\"x\":\"y\",\"" GS_RESTARTED_AT_KEY
                    "\":\"2026-01-01T00:00:00Z\"}}}",
                    SEEN ",\"replicas\":4,\"updatedReplicas\":4,\"availableReplicas\":3"),
         {.scalable = true,
          .can_replace = true,
          .can_restart = true,
          .replicas = 4,
          .available = 3,
          .restarted_at = "2026-01-01T00:00:00Z"},
         "app=web",
         true},
        {"that scales up: no rollout",
         GS_WORKLOAD_DEPLOYMENT,
         DEPLOYMENT("", SEEN ",\"replicas\":3,\"updatedReplicas\":3,\"availableReplicas\":3"),
         {.scalable = true, .can_replace = true, .can_restart = true, .replicas = 4, .available = 3},
         "app=web",
         true},
        {"with old pods",
         GS_WORKLOAD_DEPLOYMENT,
         DEPLOYMENT("", SEEN ",\"replicas\":5,\"updatedReplicas\":2"),
         {.scalable = true, .can_replace = true, .can_restart = true, .replicas = 4, .rolling = true},
         "app=web",
         true},
        {"not observed",
         GS_WORKLOAD_DEPLOYMENT,
         DEPLOYMENT("", "\"observedGeneration\":2,\"replicas\":4,\"updatedReplicas\":4"),
         {.scalable = true, .can_replace = true, .can_restart = true, .replicas = 4, .rolling = true},
         "app=web",
         false},
        {"paused, and nothing else known",
         GS_WORKLOAD_DEPLOYMENT,
         "{" META("0") ",\"spec\":{\"paused\":true,\"selector\":null,\"template\":null},\"status\":null}",
         {.scalable = true, .can_replace = true, .can_restart = true, .paused = true},
         "",
         true},
        {"a StatefulSet",
         GS_WORKLOAD_STATEFULSET,
         DEPLOYMENT("", SEEN ",\"replicas\":4,\"updatedReplicas\":4,\"availableReplicas\":4,\"currentRevision\":\"a\","
                             "\"updateRevision\":\"a\""),
         {.scalable = true, .can_restart = true, .replicas = 4, .available = 4},
         "app=web",
         true},
        {"one pod away, same revision",
         GS_WORKLOAD_STATEFULSET,
         DEPLOYMENT("",
                    SEEN ",\"replicas\":4,\"updatedReplicas\":3,\"currentRevision\":\"a\",\"updateRevision\":\"a\""),
         {.scalable = true, .can_restart = true, .replicas = 4},
         "app=web",
         true},
        {"half way",
         GS_WORKLOAD_STATEFULSET,
         DEPLOYMENT("",
                    SEEN ",\"replicas\":4,\"updatedReplicas\":3,\"currentRevision\":\"a\",\"updateRevision\":\"b\""),
         {.scalable = true, .can_restart = true, .replicas = 4, .rolling = true},
         "app=web",
         true},
        {"as far as its partition",
         GS_WORKLOAD_STATEFULSET,
         DEPLOYMENT(",\"updateStrategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":1}}",
                    SEEN ",\"replicas\":4,\"updatedReplicas\":3,\"currentRevision\":\"a\",\"updateRevision\":\"b\""),
         {.scalable = true, .can_restart = true, .replicas = 4},
         "app=web",
         true},
        {"OnDelete",
         GS_WORKLOAD_STATEFULSET,
         DEPLOYMENT(",\"updateStrategy\":{\"type\":\"OnDelete\"}",
                    SEEN ",\"replicas\":4,\"updatedReplicas\":0,\"currentRevision\":\"a\",\"updateRevision\":\"b\""),
         {.scalable = true, .replicas = 4},
         "app=web",
         true},
        {"a DaemonSet OnDelete",
         GS_WORKLOAD_DAEMONSET,
         DEPLOYMENT(",\"updateStrategy\":{\"type\":\"OnDelete\"}", SEEN ",\"desiredNumberScheduled\":7"),
         {.replicas = 7},
         "app=web",
         true},
        {"a DaemonSet",
         GS_WORKLOAD_DAEMONSET,
         DEPLOYMENT("", SEEN ",\"desiredNumberScheduled\":7,\"currentNumberScheduled\":6,\"updatedNumberScheduled\":6,"
                             "\"numberAvailable\":5"),
         {.can_restart = true, .replicas = 7, .available = 5},
         "app=web",
         true},
        {"a DaemonSet with old pods",
         GS_WORKLOAD_DAEMONSET,
         DEPLOYMENT("", SEEN ",\"desiredNumberScheduled\":7,\"currentNumberScheduled\":7,\"updatedNumberScheduled\":6"),
         {.can_restart = true, .replicas = 7, .rolling = true},
         "app=web",
         true},
        {"a ReplicaSet",
         GS_WORKLOAD_REPLICASET,
         DEPLOYMENT("", SEEN ",\"replicas\":4,\"availableReplicas\":4"),
         {.scalable = true, .replicas = 4, .available = 4},
         "app=web",
         true},
        {"a Scale",
         GS_WORKLOAD_SCALE,
         "{" META("9") ",\"spec\":{\"replicas\":4},\"status\":{\"replicas\":4,\"selector\":\"app=web,tier in (a,b)\"}}",
         {.scalable = true, .replicas = 4, .available = -1},
         "app=web,tier in (a,b)",
         true},
        {"a Scale to zero that tells no selector",
         GS_WORKLOAD_SCALE,
         "{" META("9") ",\"spec\":{},\"status\":{\"replicas\":0}}",
         {.scalable = true, .available = -1},
         "",
         true},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_workload_facts f, want = cases[k].f;
        gs_workload_meta m;
        gs_error err = {0};
        if (gs_workload_from_json(gs_str_of(cases[k].object), cases[k].kind, &f, &m, &err) < 0)
            fail_msg("%s: %s", cases[k].name, err.msg);
        if (f.scalable != want.scalable || f.can_replace != want.can_replace || f.can_restart != want.can_restart ||
            f.replicas != want.replicas || f.available != want.available || f.paused != want.paused ||
            f.rolling != want.rolling || !gs_streq(f.restarted_at, want.restarted_at) || f.gone || f.n_pods)
            fail_msg("%s: %d %d %d, %d replicas, %d available, paused %d, rolling %d, \"%s\"", cases[k].name,
                     f.scalable, f.can_replace, f.can_restart, f.replicas, f.available, f.paused, f.rolling,
                     f.restarted_at);
        assert_string_equal(m.uid, "u-1");
        assert_string_equal(m.version, "77");
        assert_string_equal(m.selector, cases[k].selector);
        assert_int_equal(m.observed, cases[k].observed);
    }
}

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *api_version, *kind;
        enum gs_workload_kind want;
    } cases[] = {
        {"apps/v1", "Deployment", GS_WORKLOAD_DEPLOYMENT},
        {"apps/v1", "StatefulSet", GS_WORKLOAD_STATEFULSET},
        {"apps/v1", "DaemonSet", GS_WORKLOAD_DAEMONSET},
        {"apps/v1", "ReplicaSet", GS_WORKLOAD_REPLICASET},
        {"apps/v1", "", GS_WORKLOAD_OTHER},
        {"apps/v2", "Deployment", GS_WORKLOAD_OTHER},
        {"x.io/v1", "Deployment", GS_WORKLOAD_OTHER},
        {"v1", "Pod", GS_WORKLOAD_OTHER},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++)
        assert_int_equal(gs_workload_kind_of(cases[k].api_version, cases[k].kind), cases[k].want);
}

static void selectors(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *want; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"null", ""},
        {"{}", ""},
        {"{\"matchLabels\":null,\"matchExpressions\":null}", ""},
        {"{\"matchLabels\":{\"app\":\"web\",\"a.b/c\":\"\"}}", "app=web,a.b/c="},
        {"{\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"In\",\"values\":[\"a\",\"b\"]},"
         "{\"key\":\"old\",\"operator\":\"NotIn\",\"values\":[\"x\"]},{\"key\":\"here\",\"operator\":\"Exists\"},"
         "{\"key\":\"gone\",\"operator\":\"DoesNotExist\",\"values\":null}],\"matchLabels\":{\"app\":\"web\"}}",
         "tier in (a,b),old notin (x),here,!gone,app=web"},
        {"{\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"In\",\"values\":[]}]}", NULL},
        {"{\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"In\"}]}", NULL},
        {"{\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"Gt\",\"values\":[\"1\"]}]}", NULL},
        {"{\"matchExpressions\":[{\"operator\":\"Exists\"}]}", NULL},
        {"{\"matchLabels\":{\"app\":\"web,tier=a\"}}", NULL}, /* would be read as another selector */
        {"{\"matchLabels\":{\"a=b,c\":\"d\"}}", NULL},
        {"{\"matchExpressions\":[{\"key\":\"x in (y)\",\"operator\":\"Exists\"}]}", NULL},
        {"{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"In\",\"values\":[\"a)\"]}]}", NULL},
        {"{\"matchLabels\":{\"app\":7}}", NULL},
        {"[]", NULL},
        {"{\"matchLabels\"", NULL},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        char text[256];
        gs_error err = {0};
        int rc = gs_label_selector_text(gs_str_of(cases[k].selector), text, sizeof text, &err);
        if ((rc == 0) != (cases[k].want != NULL) || (rc == 0 && !gs_streq(text, cases[k].want)))
            fail_msg("%s: %d \"%s\" %s", cases[k].selector, rc, text, err.msg);
    }
    char small[8];
    assert_true(
        gs_label_selector_text(GS_STR("{\"matchLabels\":{\"application\":\"web\"}}"), small, sizeof small, NULL) < 0);
}

#define HPA(meta, target, spec)                                                                                        \
    "{\"metadata\":{\"name\":\"scaler\",\"resourceVersion\":\"5\"" meta "},\"spec\":{\"scaleTargetRef\":{" target      \
    "}" spec "}}"
#define WEB "\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"web\""

static void autoscalers(void **state)
{
    (void)state;
    static const gs_workload_ref w = {.api_version = "apps/v1", .kind = "Deployment", .ns = "shop", .name = "web"};
    static const struct {
        const char *name, *object;
        bool mine, keda;
        int min, max;
    } cases[] = {
        {"ours", HPA("", WEB, ",\"minReplicas\":2,\"maxReplicas\":9"), true, false, 2, 9},
        {"without a minimum", HPA("", WEB, ",\"minReplicas\":null,\"maxReplicas\":9"), true, false, 1, 9},
        {"another version of the group",
         HPA("", "\"apiVersion\":\"apps/v1beta1\",\"kind\":\"Deployment\",\"name\":\"web\"", ""), true, false, 1, 0},
        {"no version", HPA("", "\"kind\":\"Deployment\",\"name\":\"web\"", ""), true, false, 1, 0},
        {"another group", HPA("", "\"apiVersion\":\"x.io/v1\",\"kind\":\"Deployment\",\"name\":\"web\"", ""), false,
         false, 0, 0},
        {"another kind", HPA("", "\"kind\":\"StatefulSet\",\"name\":\"web\"", ""), false, false, 0, 0},
        {"another name", HPA("", "\"kind\":\"Deployment\",\"name\":\"web2\"", ""), false, false, 0, 0},
        {"KEDA's by its owner",
         HPA(",\"ownerReferences\":[{\"kind\":\"Thing\",\"uid\":\"t\"},{\"kind\":\"ScaledObject\",\"uid\":\"k\",\"controller\":true}]",
             WEB, ""),
         true, true, 1, 0},
        {"KEDA's by its label", HPA(",\"labels\":{\"scaledobject.keda.sh/name\":\"so\"}", WEB, ""), true, true, 1, 0},
        {"owned, but not controlled", HPA(",\"ownerReferences\":[{\"kind\":\"ScaledObject\",\"uid\":\"k\"}]", WEB, ""),
         true, false, 1, 0},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_workload_facts f = {0};
        char version[GS_VERSION_LEN] = "";
        gs_error err = {0};
        if (gs_autoscaler_from_json(gs_str_of(cases[k].object), &w, &f, version, &err) < 0)
            fail_msg("%s: %s", cases[k].name, err.msg);
        if (!gs_streq(f.autoscaler, cases[k].mine ? "scaler" : "") || !gs_streq(version, cases[k].mine ? "5" : "") ||
            f.keda != cases[k].keda || f.hpa_min != cases[k].min || f.hpa_max != cases[k].max)
            fail_msg("%s: \"%s\" %d %d..%d", cases[k].name, f.autoscaler, f.keda, f.hpa_min, f.hpa_max);
    }
}

static void replicasets(void **state)
{
    (void)state;
    static const struct {
        const char *object, *owner;
        int replicas;
    } cases[] = {
        {"{\"metadata\":{\"uid\":\"r\",\"ownerReferences\":[{\"kind\":\"Deployment\",\"uid\":\"d\",\"controller\":true}]},"
         "\"spec\":{\"replicas\":3},\"status\":{\"replicas\":1}}",
         "d", 3},
        {"{\"metadata\":{\"uid\":\"r\",\"ownerReferences\":[{\"kind\":\"Deployment\",\"uid\":\"d\"}]},\"spec\":{\"replicas\":0},"
         "\"status\":{\"replicas\":2}}",
         "", 2}, /* scaled down, its pods are still there */
        {"{\"metadata\":{\"uid\":\"r\",\"ownerReferences\":null}}", "", 0},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_owned r;
        gs_error err = {0};
        if (gs_replicaset_from_json(gs_str_of(cases[k].object), &r, &err) < 0)
            fail_msg("%s", err.msg);
        assert_string_equal(r.uid, "r");
        assert_string_equal(r.owner_uid, cases[k].owner);
        assert_int_equal(r.replicas, cases[k].replicas);
    }
}

#define POD(meta, rest) "{\"metadata\":{\"name\":\"web-1\",\"uid\":\"p\",\"resourceVersion\":\"8\"" meta "}" rest "}"
#define READY(status, since)                                                                                                  \
    ",\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\"},{\"type\":\"Ready\"," \
    "\"status\":\"" status "\",\"lastTransitionTime\":" since                                                                 \
    "},{\"type\":\"x.io/of-any-length\",\"status\":\"True\"}]}"
#define COST(cost) ",\"annotations\":{\"" GS_DELETION_COST_KEY "\":" cost "}"

static void pods(void **state)
{
    (void)state;
    static const struct {
        const char *name, *object;
        gs_pod_facts f;
        const char *owner;
        bool finished;
    } cases[] = {
        {"just made", POD("", ""), {.cost = 0}, "", false},
        {"serving",
         POD(",\"labels\":{\"pod-template-hash\":\"h\",\"controller-revision-hash\":\"c\"},\"ownerReferences\":[{\"uid\":\"x\"},"
             "{\"kind\":\"ReplicaSet\",\"uid\":\"r\",\"controller\":true}]",
             ",\"spec\":{\"nodeName\":\"n1\"}" READY("True", "\"1970-01-01T00:01:00Z\"")),
         {.revision = "h", .assigned = true, .running = true, .ready = true, .ready_ms = 60000},
         "r",
         false},
        {"a StatefulSet's, marked",
         POD(",\"labels\":{\"controller-revision-hash\":\"c\"}" COST("\"-2147483647\""), READY("True", "null")),
         {.revision = "c", .running = true, .ready = true, .has_cost = true, .cost = -2147483647},
         "",
         false},
        {"not ready",
         POD("", ",\"spec\":{\"nodeName\":\"\"}" READY("False", "\"1970-01-01T00:01:00Z\"")),
         {.running = true},
         "",
         false},
        {"terminating", POD(",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", ""), {.terminating = true}, "", false},
        {"not terminating", POD(",\"deletionTimestamp\":null", ""), {.cost = 0}, "", false},
        {"evicted by its node", POD("", ",\"status\":{\"phase\":\"Failed\"}"), {.cost = 0}, "", true},
        {"done", POD("", ",\"status\":{\"phase\":\"Succeeded\",\"conditions\":null}"), {.cost = 0}, "", true},
        {"a cost of 0", POD(COST("\"0\""), ""), {.has_cost = true}, "", false},
        {"a cost beyond 32 bits", POD(COST("\"2147483648\""), ""), {.has_cost = true}, "", false},
        {"a cost that is none", POD(COST("\"much\""), ""), {.has_cost = true}, "", false},
        {"no cost", POD(COST("null"), ""), {.cost = 0}, "", false},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_pod_seen p;
        const gs_pod_facts *f = &p.facts, *want = &cases[k].f;
        gs_error err = {0};
        if (gs_pod_facts_from_json(gs_str_of(cases[k].object), &p, &err) < 0)
            fail_msg("%s: %s", cases[k].name, err.msg);
        assert_string_equal(f->name, "web-1");
        assert_string_equal(f->uid, "p");
        assert_string_equal(p.version, "8");
        if (!gs_streq(f->revision, want->revision) || f->assigned != want->assigned || f->running != want->running ||
            f->ready != want->ready || f->terminating != want->terminating || f->ready_ms != want->ready_ms ||
            f->has_cost != want->has_cost || f->cost != want->cost || !gs_streq(p.owner_uid, cases[k].owner) ||
            p.finished != cases[k].finished)
            fail_msg("%s: \"%s\" %d %d %d %d since %lld, cost %d %d, owner \"%s\", finished %d", cases[k].name,
                     f->revision, f->assigned, f->running, f->ready, f->terminating, (long long)f->ready_ms,
                     f->has_cost, f->cost, p.owner_uid, p.finished);
    }
}

/* An error names the field. */
static void refused(void **state)
{
    (void)state;
    static const struct {
        int what;
        const char *object, *part;
    } cases[] = {
        {0, "{}", "metadata"},
        {0, "{\"metadata\":{\"uid\":\"u\"}}", "metadata.resourceVersion"},
        {0, "{" META("1") ",\"spec\":{\"replicas\":-1}}", "spec.replicas"},
        {0, "{" META("1") ",\"spec\":{\"selector\":7}}", "spec.selector"},
        {0, "{" META("1") ",\"status\":{\"updatedReplicas\":\"x\"}}", "status.updatedReplicas"},
        {1, "{" META("1") ",\"status\":{\"selector\":{}}}", "status.selector"},
        {2, HPA("", WEB, ",\"minReplicas\":1.5"), "spec.minReplicas"},
        {2, HPA(",\"ownerReferences\":[{\"kind\":7}]", WEB, ""), "metadata.ownerReferences[0].kind"},
        {2, "{\"metadata\":{\"resourceVersion\":\"1\"}}", "metadata.name"},
        {3, "{\"metadata\":{}}", "metadata.uid"},
        {4, "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}", "metadata.resourceVersion"},
        {4, POD("", ",\"status\":{\"conditions\":[7]}"), "status.conditions"},
        {4, POD("", ",\"status\":{\"conditions\":{}}"), "status.conditions"},
        {4, "[]", "at byte"},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_workload_facts f = {0};
        gs_workload_meta m;
        gs_workload_ref w = {0};
        gs_owned r;
        gs_pod_seen p;
        gs_error err = {0};
        char version[GS_VERSION_LEN];
        gs_str object = gs_str_of(cases[k].object);
        int rc = cases[k].what == 0   ? gs_workload_from_json(object, GS_WORKLOAD_DEPLOYMENT, &f, &m, &err)
                 : cases[k].what == 1 ? gs_workload_from_json(object, GS_WORKLOAD_SCALE, &f, &m, &err)
                 : cases[k].what == 2 ? gs_autoscaler_from_json(object, &w, &f, version, &err)
                 : cases[k].what == 3 ? gs_replicaset_from_json(object, &r, &err)
                                      : gs_pod_facts_from_json(object, &p, &err);
        if (rc != -GS_TERMINAL || !strstr(err.msg, cases[k].part))
            fail_msg("%s: %d \"%s\" does not name %s", cases[k].object, rc, err.msg, cases[k].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),       cmocka_unit_test(words),       cmocka_unit_test(selectors),
        cmocka_unit_test(autoscalers), cmocka_unit_test(replicasets), cmocka_unit_test(pods),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
