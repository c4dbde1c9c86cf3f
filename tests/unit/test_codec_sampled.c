/* Why pods are not sampled. */
#include "base/mem.h"
#include "codec/policy_json.h"
#include "codec/sampled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define POD(labels, meta, spec, status)                                                                                \
    "{\"metadata\":{\"name\":\"p\",\"namespace\":\"shop\",\"uid\":\"u\",\"labels\":{" labels "}" meta "},\"spec\":{"   \
    "\"containers\":[{\"name\":\"c\",\"ports\":[{\"name\":\"http\",\"containerPort\":8080},{\"containerPort\":9090}]}" \
    "]" spec "},\"status\":{" status "}}"
#define OURS "\"app\":\"shop\""
#define RUNNING "\"phase\":\"Running\",\"podIP\":\"10.0.0.1\""

static gs_policy *policy(const char *endpoint)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(4096);
    gs_policy *p = NULL;
    gs_error err = {0};
    (void)gs_buf_addf(&b,
                      "{\"apiVersion\":\"gostat.dev/v1alpha1\",\"kind\":\"GostatPolicy\",\"metadata\":{\"name\":\"p\","
                      "\"namespace\":\"shop\"},\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"shop\"}},"
                      "\"endpoint\":%s}}",
                      endpoint);
    if (gs_policy_from_json(gs_buf_str(&b), true, true, &p, &err))
        fail_msg("%s", err.msg);
    return p;
}

#define HTTP "{\"pprof\":{\"port\":\"http\"}}"

static const struct {
    const char *name, *pod, *endpoint;
    bool suspend, deleting;
    enum gs_unsampled expected;
    int pprof, metrics;
} cases[] = {
    {"sampled", POD(OURS, "", "", RUNNING), HTTP, false, false, GS_SAMPLED, 8080, 0},
    {"by number", POD(OURS, "", "", RUNNING), "{\"pprof\":{\"port\":6060}}", false, false, GS_SAMPLED, 6060, 0},
    {"metrics too", POD(OURS, "", "", RUNNING), "{\"pprof\":{\"port\":\"http\"},\"metrics\":{\"port\":9090}}", false,
     false, GS_SAMPLED, 8080, 9090},
    {"only metrics", POD(OURS, "", "", RUNNING), "{\"pprof\":{\"port\":\"pprof\"},\"metrics\":{\"port\":\"http\"}}",
     false, false, GS_SAMPLED, 0, 8080},
    {"no such port", POD(OURS, "", "", RUNNING), "{\"pprof\":{\"port\":\"pprof\"}}", false, false, GS_UNSAMPLED_PORT, 0,
     0},
    {"other labels", POD("\"app\":\"cart\"", "", "", RUNNING), HTTP, false, false, GS_UNSAMPLED_UNSELECTED, 0, 0},
    {"suspended", POD(OURS, "", "", RUNNING), HTTP, true, false, GS_UNSAMPLED_SUSPENDED, 0, 0},
    {"the policy goes", POD(OURS, "", "", RUNNING), HTTP, false, true, GS_UNSAMPLED_SUSPENDED, 0, 0},
    {"host network", POD(OURS, "", ",\"hostNetwork\":true", RUNNING), HTTP, false, false, GS_UNSAMPLED_HOST_NETWORK, 0,
     0},
    {"pending", POD(OURS, "", "", "\"phase\":\"Pending\""), HTTP, false, false, GS_UNSAMPLED_STARTING, 8080, 0},
    {"no address", POD(OURS, "", "", "\"phase\":\"Running\""), HTTP, false, false, GS_UNSAMPLED_STARTING, 8080, 0},
    {"succeeded", POD(OURS, "", "", "\"phase\":\"Succeeded\""), HTTP, true, false, GS_UNSAMPLED_ENDED, 0, 0},
    {"deleted", POD(OURS, ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", "", RUNNING), HTTP, false, false,
     GS_UNSAMPLED_ENDED, 0, 0},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_policy_free) gs_policy *p = policy(cases[k].endpoint);
        gs_cleanup(gs_pod_free) gs_pod *pod = NULL;
        gs_pod_ports ports;
        gs_error err = {0};
        print_message("%s\n", cases[k].name);
        if (gs_pod_from_json(gs_str_of(cases[k].pod), &pod, &err))
            fail_msg("%s", err.msg);
        p->suspend = cases[k].suspend;
        p->deleting = cases[k].deleting;
        assert_int_equal(gs_pod_sampled(p, pod, &ports), cases[k].expected);
        assert_int_equal(ports.pprof, cases[k].pprof);
        assert_int_equal(ports.metrics, cases[k].metrics);
    }
}

static void test_no_policy(void **state)
{
    (void)state;
    gs_cleanup(gs_pod_free) gs_pod *pod = NULL;
    gs_pod_ports ports;
    assert_int_equal(gs_pod_from_json(GS_STR(POD(OURS, "", "", RUNNING)), &pod, NULL), 0);
    assert_int_equal(gs_pod_sampled(NULL, pod, &ports), GS_UNSAMPLED_UNSELECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_no_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
