#include "codec/pod.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* As the API server has it, shortened. */
static const char usual[] =
    "{\"metadata\":{\"name\":\"payments-6c7d9dc87b-kxqh2\",\"generateName\":\"payments-\",\"namespace\":\"shop\",\"uid\":\"pod-1\","
    "\"labels\":{\"app\":\"payments\",\"empty\":\"\",\"a\\u002fb\":\"x\\ty\"},\"annotations\":{\"big\":\"{\\\"x\\\":[1,2]}\"},"
    "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Thing\",\"name\":\"not-me\",\"uid\":\"t\"},"
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"payments-6c7d9dc87b\",\"uid\":\"rs-1\",\"controller\":true}],"
    "\"managedFields\":[{\"fieldsV1\":{\"f:metadata\":{\"f:name\":{}}}}]},"
    "\"spec\":{\"initContainers\":[{\"name\":\"setup\",\"ports\":[{\"name\":\"setup\",\"containerPort\":1}]},"
    "{\"name\":\"proxy\",\"ports\":[{\"name\":\"proxy\",\"containerPort\":15000}],\"restartPolicy\":\"Always\"}],"
    "\"containers\":[{\"name\":\"a\",\"ports\":[{\"name\":\"http\",\"containerPort\":8080,\"protocol\":\"TCP\"},"
    "{\"name\":\"dns\",\"containerPort\":53,\"protocol\":\"UDP\"},{\"containerPort\":6060}]},{\"name\":\"b\",\"ports\":null},"
    "{\"name\":\"c\",\"ports\":[{\"name\":\"metrics\",\"containerPort\":9090}]}],\"hostNetwork\":true},"
    "\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.7\",\"podIPs\":[{\"ip\":\"10.0.0.7\"}],"
    "\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\"},{\"type\":\"Ready\",\"status\":\"True\"}]}}";

static void test_usual(void **state)
{
    (void)state;
    gs_cleanup(gs_pod_free) gs_pod *p = NULL;
    gs_error err = {0};
    if (gs_pod_from_json(gs_str_of(usual), &p, &err) < 0)
        fail_msg("%s", err.msg);
    assert_string_equal(p->ns, "shop");
    assert_string_equal(p->name, "payments-6c7d9dc87b-kxqh2");
    assert_string_equal(p->uid, "pod-1");
    assert_string_equal(p->ip, "10.0.0.7");
    assert_string_equal(p->revision, "");
    assert_string_equal(p->owner_api_version, "apps/v1");
    assert_string_equal(p->owner_kind, "ReplicaSet");
    assert_string_equal(p->owner_name, "payments-6c7d9dc87b");
    assert_string_equal(p->owner_uid, "rs-1");
    assert_true(p->running && p->ready && p->host_network);
    assert_false(p->deleting || p->finished);
    static const char labels[] = "app\0payments\0empty\0\0a/b\0x\ty";
    assert_int_equal(p->labels.n, sizeof labels);
    assert_memory_equal(p->labels.p, labels, sizeof labels);
    assert_int_equal(p->n_ports, 4);
    assert_true(p->bytes < 500);
    static const struct {
        gs_port port;
        int number;
    } ports[] = {
        {{.name = "http"}, 8080}, {{.name = "metrics"}, 9090}, {{.name = "proxy"}, 15000}, {{.name = "setup"}, 0},
        {{.name = "dns"}, 0},     {{.name = ""}, 0},           {{.name = "none"}, 0},      {{.number = 1234}, 1234},
    };
    for (size_t i = 0; i < GS_LEN(ports); i++)
        assert_int_equal(gs_pod_port_number(p, &ports[i].port), ports[i].number);
}

#define META "\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}"

static void test_states(void **state)
{
    (void)state;
    static const struct {
        const char *name, *object;
        bool running, ready, deleting, finished;
        const char *ip;
    } cases[] = {
        {"just made", "{" META "}", false, false, false, false, ""},
        {"nulls",
         "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"labels\":null,\"ownerReferences\":null,\"deletionTimestamp\":null},"
         "\"spec\":null,\"status\":{\"podIP\":null,\"conditions\":null}}",
         false, false, false, false, ""},
        {"pending", "{" META ",\"status\":{\"phase\":\"Pending\"}}", false, false, false, false, ""},
        {"not ready",
         "{" META
         ",\"status\":{\"phase\":\"Running\",\"podIP\":\"fd00::7\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
         "\"False\"}]}}",
         true, false, false, false, "fd00::7"},
        {"deleting",
         "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"status\":{\"phase\":"
         "\"Running\"}}",
         true, false, true, false, ""},
        {"succeeded", "{" META ",\"status\":{\"phase\":\"Succeeded\"}}", false, false, false, true, ""},
        {"failed", "{" META ",\"status\":{\"phase\":\"Failed\"}}", false, false, false, true, ""},
        {"unknown", "{" META ",\"status\":{\"phase\":\"Unknown\"}}", false, false, false, false, ""},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_pod_free) gs_pod *p = NULL;
        gs_error err = {0};
        if (gs_pod_from_json(gs_str_of(cases[i].object), &p, &err) < 0)
            fail_msg("%s: %s", cases[i].name, err.msg);
        assert_int_equal(p->running, cases[i].running);
        assert_int_equal(p->ready, cases[i].ready);
        assert_int_equal(p->deleting, cases[i].deleting);
        assert_int_equal(p->finished, cases[i].finished);
        assert_string_equal(p->ip, cases[i].ip);
        assert_string_equal(p->owner_kind, "");
        assert_int_equal(p->labels.n, 0);
        assert_null(gs_labels_get(p->labels, "app").p);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *object, *error;
    } cases[] = {
        {"empty", "", "pod: at byte 0"},
        {"no object", "[1]", "expected an object"},
        {"no name", "{\"metadata\":{\"uid\":\"u\"}}", "pod: metadata.name: is required"},
        {"no uid", "{\"metadata\":{\"name\":\"a\"}}", "pod: metadata.uid: is required"},
        {"cut", "{\"metadata\":{\"name\":\"a\"", "pod: "},
        {"name of a number", "{\"metadata\":{\"name\":1}}", "expected a string"},
        {"NUL", "{\"metadata\":{\"name\":\"a\\u0000b\",\"uid\":\"u\"}}", "NUL"},
        {"NUL in a label", "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"labels\":{\"a\":\"\\u0000\"}}}", "NUL"},
        {"NUL in a label's key", "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"labels\":{\"\\u0000\":\"\"}}}",
         "malformed label key"},
        {"more behind", "{" META "} x", "more behind"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_pod *p = NULL;
        gs_error err = {0};
        int r = gs_pod_from_json(gs_str_of(cases[i].object), &p, &err);
        if (r != -GS_TERMINAL || p || !strstr(err.msg, cases[i].error))
            fail_msg("%s: %d %s", cases[i].name, r, err.msg);
    }
}

/* Ports out of range or past the cap are left out; the pod is not. */
static void test_ports(void **state)
{
    (void)state;
    static char text[64 * 1024];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "{" META ",\"spec\":{\"containers\":[{\"ports\":[{\"containerPort\":0},"
                                "{\"containerPort\":65536},{\"containerPort\":-5}");
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ",{\"containerPort\":%d}", i + 1);
    (void)snprintf(text + n, sizeof text - n, "]}]}}");
    gs_cleanup(gs_pod_free) gs_pod *p = NULL;
    assert_int_equal(gs_pod_from_json(gs_str_of(text), &p, NULL), 0);
    assert_int_equal(p->n_ports, 256);
    assert_int_equal(p->ports[0].number, 1);
    assert_int_equal(p->ports[255].number, 256);
}

static void test_memory_limit(void **state)
{
    (void)state;
    static const struct {
        const char *name, *spec;
        uint64_t limit;
    } cases[] = {
        {"no containers", "{}", 0},
        {"one", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"64Mi\"}}}]}", 64 << 20},
        {"the sum",
         "{\"containers\":[{\"resources\":{\"requests\":{\"memory\":\"1\"},\"limits\":{\"memory\":\"64Mi\"}}},"
         "{\"resources\":{\"limits\":{\"memory\":\"1M\"}}}]}",
         (64 << 20) + 1000000},
        {"one has none", "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"64Mi\"}}},{\"name\":\"b\"}]}", 0},
        {"requests are no limit", "{\"containers\":[{\"resources\":{\"requests\":{\"memory\":\"1Gi\"}}}]}", 0},
        {"only CPU", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"1\"}}}]}", 0},
        {"a limit of 0 is none", "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"0\"}}}]}", 0},
        {"nulls", "{\"containers\":[{\"resources\":null},{\"resources\":{\"limits\":null}}]}", 0},
        {"init containers have ended",
         "{\"initContainers\":[{\"name\":\"a\"},{\"resources\":{\"limits\":{\"memory\":\"1Gi\"}}}],"
         "\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"2k\"}}}]}",
         2000},
        {"sidecars have not",
         "{\"initContainers\":[{\"restartPolicy\":\"Always\",\"resources\":{\"limits\":{\"memory\":\"1k\"}}}],"
         "\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"2k\"}}}]}",
         3000},
        {"a number", "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":4096}}}]}", 4096},
        {"no quantity", "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"lots\"}}}]}", 0},
        {"an object", "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":{\"a\":1}}}}]}", 0},
        {"an empty string", "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"\"}}}]}", 0},
        {"overflow",
         "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"7Ei\"}}},{\"resources\":{\"limits\":{\"memory\":"
         "\"7Ei\"}}},{\"resources\":{\"limits\":{\"memory\":\"7Ei\"}}}]}",
         0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_pod_free) gs_pod *p = NULL;
        gs_autofree char *object = gs_sprintf("{" META ",\"spec\":%s}", cases[i].spec);
        gs_error err = {0};
        if (gs_pod_from_json(gs_str_of(object), &p, &err) < 0)
            fail_msg("%s: %s", cases[i].name, err.msg);
        if (p->memory_limit != cases[i].limit)
            fail_msg("%s: %llu", cases[i].name, (unsigned long long)p->memory_limit);
    }
}

static void test_cpu_limit(void **state)
{
    (void)state;
    static const struct {
        const char *name, *spec;
        uint32_t limit;
    } cases[] = {
        {"cores", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"2\",\"memory\":\"64Mi\"}}}]}", 2000},
        {"thousandths", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"250m\"}}}]}", 250},
        {"a fraction", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"1.5\"}}}]}", 1500},
        {"a number", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":3}}}]}", 3000},
        {"the sum",
         "{\"initContainers\":[{\"restartPolicy\":\"Always\",\"resources\":{\"limits\":{\"cpu\":\"100m\"}}}],"
         "\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"400m\"}}},{\"resources\":{\"limits\":{\"cpu\":\"1\"}}}]}",
         1500},
        {"one has none", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"1\"}}},{\"name\":\"b\"}]}", 0},
        {"requests are no limit", "{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]}", 0},
        {"a limit of 0 is none", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"0\"}}}]}", 0},
        {"no quantity", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"all\"}}}]}", 0},
        {"too many", "{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"4294968\"}}}]}", 0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_pod_free) gs_pod *p = NULL;
        gs_autofree char *object = gs_sprintf("{" META ",\"spec\":%s}", cases[i].spec);
        gs_error err = {0};
        if (gs_pod_from_json(gs_str_of(object), &p, &err) < 0)
            fail_msg("%s: %s", cases[i].name, err.msg);
        if (p->cpu_limit_milli != cases[i].limit)
            fail_msg("%s: %u", cases[i].name, p->cpu_limit_milli);
    }
}

static void test_revision(void **state)
{
    (void)state;
    static const struct {
        const char *labels, *revision;
    } cases[] = {
        {"null", ""},
        {"{}", ""},
        {"{\"app\":\"pod-template-hash\"}", ""},
        {"{\"app\":\"a\",\"pod-template-hash\":\"6c7d9dc87b\"}", "6c7d9dc87b"},
        {"{\"controller-revision-hash\":\"web-5f\",\"app\":\"a\"}", "web-5f"},
        {"{\"controller-revision-hash\":\"web-5f\",\"pod-template-hash\":\"6c\"}", "6c"},
        {"{\"controller-revision-hash\":\"web-5f\",\"pod-template-hash\":\"\"}", "web-5f"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_pod_free) gs_pod *p = NULL;
        gs_autofree char *object =
            gs_sprintf("{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"labels\":%s}}", cases[i].labels);
        assert_int_equal(gs_pod_from_json(gs_str_of(object), &p, NULL), 0);
        assert_string_equal(p->revision, cases[i].revision);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_usual),        cmocka_unit_test(test_states),
                                       cmocka_unit_test(test_refused),      cmocka_unit_test(test_ports),
                                       cmocka_unit_test(test_memory_limit), cmocka_unit_test(test_cpu_limit),
                                       cmocka_unit_test(test_revision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
