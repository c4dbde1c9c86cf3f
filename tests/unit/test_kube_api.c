/* Paths, failures, retries: the pure parts of the client. */
#include "kube/api.h"
#include "kube/retry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const gs_kube_resource pods = {"", "v1", "pods", true};
static const gs_kube_resource nodes = {"", "v1", "nodes", false};
static const gs_kube_resource deployments = {"apps", "v1", "deployments", true};

static void urls(void **state)
{
    (void)state;
    static const struct {
        gs_kube_path path;
        const char *query, *expected; /* expected NULL: refused */
        const char *label;
    } cases[] = {
        {{&pods, NULL, NULL, NULL}, NULL, "https://a:1/api/v1/pods", "pods"},
        {{&pods, "shop", NULL, NULL}, "limit=5", "https://a:1/api/v1/namespaces/shop/pods?limit=5", "pods shop"},
        {{&pods, "shop", "web-1", "status"},
         NULL,
         "https://a:1/api/v1/namespaces/shop/pods/web-1/status",
         "pods/status shop/web-1"},
        {{&deployments, "shop", "web", "scale"},
         "",
         "https://a:1/apis/apps/v1/namespaces/shop/deployments/web/scale",
         "deployments/scale shop/web"},
        {{&nodes, NULL, "n1", NULL}, NULL, "https://a:1/api/v1/nodes/n1", "nodes n1"},
        {{&pods, "shop", "a/../b c%:\xc3\xa4", NULL},
         NULL,
         "https://a:1/api/v1/namespaces/shop/pods/a%2F..%2Fb%20c%25%3A%C3%A4",
         "pods shop/a/../b c%:\xc3\xa4"},
        {{&pods, "shop", "..", NULL}, NULL, NULL, "pods shop/.."},
        {{&pods, "shop", ".", NULL}, NULL, NULL, "pods shop/."},
        {{&pods, "shop", "", NULL}, NULL, NULL, "pods shop/"},
        {{&pods, "", "x", NULL}, NULL, NULL, "pods /x"},
        {{&pods, NULL, "x", NULL}, NULL, NULL, "pods x"},
        {{&nodes, "shop", "x", NULL}, NULL, NULL, "nodes shop/x"},
        {{&pods, "shop", NULL, "status"}, NULL, NULL, "pods/status shop"},
        {{&pods, "shop", "https:web-1:6060", "proxy/debug/pprof/goroutine"},
         "debug=1",
         "https://a:1/api/v1/namespaces/shop/pods/https%3Aweb-1%3A6060/proxy/debug/pprof/goroutine?debug=1",
         "pods/proxy/debug/pprof/goroutine shop/https:web-1:6060"},
        {{&pods, "shop", "a", "proxy/../b"}, NULL, NULL, "pods/proxy/../b shop/a"},
        {{&pods, "shop", "a", "proxy//b"}, NULL, NULL, "pods/proxy//b shop/a"},
        {{&pods, "shop", "a", "proxy/b?c"}, NULL, NULL, "pods/proxy/b?c shop/a"},
        {{&pods, "shop", "a", "proxy/%2e%2e"}, NULL, NULL, "pods/proxy/%2e%2e shop/a"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_KUBE_MAX_URL);
        gs_error err = {0};
        char label[256];
        int rc = gs_kube_url(&url, "https://a:1", &cases[i].path, cases[i].query, &err);
        gs_kube_path_label(&cases[i].path, label, sizeof label);
        assert_string_equal(label, cases[i].label);
        if (cases[i].expected) {
            assert_int_equal(rc, 0);
            assert_string_equal(url.p, cases[i].expected);
        } else {
            assert_int_equal(rc, -GS_TERMINAL);
            assert_true(err.msg[0] != 0);
        }
    }
    gs_cleanup(gs_buf_done) gs_buf small = GS_BUF(20);
    assert_int_equal(gs_kube_url(&small, "https://a:1", &cases[1].path, NULL, NULL), -GS_NO_MEMORY);
}

static void queries(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf q = GS_BUF(1000);
    assert_int_equal(gs_kube_query(&q, "labelSelector", "app in (a,b),c!=d"), 0);
    assert_int_equal(gs_kube_query(&q, "fieldSelector", NULL), 0);
    assert_int_equal(gs_kube_query(&q, "continue", "e+/="), 0);
    assert_string_equal(q.p, "labelSelector=app%20in%20%28a%2Cb%29%2Cc%21%3Dd&continue=e%2B%2F%3D");
}

static void statuses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *body;
        bool ok;
        int code;
        const char *reason, *message;
        int64_t retry_ms;
    } cases[] = {
        {"conflict",
         "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"pods \\\"x\\\" was\\nchanged\",\"reason\":\"Conflict\","
         "\"details\":{\"name\":\"x\"},\"code\":409}",
         true, 409, "Conflict", "pods \"x\" was changed", -1},
        {"throttled", "{\"kind\":\"Status\",\"code\":429,\"details\":{\"retryAfterSeconds\":7}}", true, 429, "", "",
         7000},
        {"nulls", "{\"kind\":\"Status\",\"message\":null,\"reason\":null,\"details\":null,\"code\":500}", true, 500, "",
         "", -1},
        {"nonsense code", "{\"kind\":\"Status\",\"code\":99999999999}", true, 0, "", "", -1},
        {"another kind", "{\"kind\":\"Pod\"}", false, 0, "", "", 0},
        {"text", "404 page not found", false, 0, "", "", 0},
        {"cut", "{\"kind\":\"Status\",\"code\":4", false, 0, "", "", 0},
        {"wrong type", "{\"kind\":\"Status\",\"message\":5}", false, 0, "", "", 0},
        {"empty", "", false, 0, "", "", 0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_kube_status st;
        bool ok = gs_kube_status_read(gs_str_of(cases[i].body), &st);
        if (ok != cases[i].ok)
            fail_msg("%s", cases[i].name);
        if (!ok)
            continue;
        assert_int_equal(st.code, cases[i].code);
        assert_string_equal(st.reason, cases[i].reason);
        assert_string_equal(st.message, cases[i].message);
        assert_int_equal(st.retry_after_ms, cases[i].retry_ms);
    }
    gs_kube_status st;
    gs_error err = {0};
    char longer[2000] = "{\"kind\":\"Status\",\"code\":422,\"message\":\"start";
    for (int i = 0; i < 300; i++)
        (void)strcat(longer, "\xc3\xa4");
    (void)strcat(longer, "the end\"}");
    assert_true(gs_kube_status_read(gs_str_of(longer), &st));
    assert_true(strlen(st.message) < sizeof st.message && strlen(st.message) > sizeof st.message - 6);
    assert_true(gs_str_starts(gs_str_of(st.message), "start\xc3\xa4"));
    assert_true(gs_str_ends(gs_str_of(st.message), "\xc3\xa4the end"));
    assert_non_null(strstr(st.message, "\xc3\xa4 ... \xc3\xa4"));
    assert_true(gs_kube_status_read(gs_str_of(cases[0].body), &st));
    assert_int_equal(gs_kube_status_error(409, &st, "PATCH pods shop/x", &err), -GS_CONFLICT);
    assert_string_equal(err.msg, "PATCH pods shop/x: 409 Conflict: pods \"x\" was changed");
    assert_int_equal(err.status, 409);
}

static void retries(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        gs_kube_attempt a;
        enum gs_kind kind;
        int status;
        int64_t min, max; /* of the delay; -1: none */
    } cases[] = {
        {"read, 503", {.read = true, .retry_after_ms = -1, .left_ms = 60000}, GS_TRANSIENT, 503, 400, 800},
        {"read, fifth",
         {.read = true, .attempt = 5, .retry_after_ms = -1, .left_ms = 60000},
         GS_TRANSIENT,
         0,
         12800,
         25600},
        {"read, much later",
         {.read = true, .attempt = 50, .retry_after_ms = -1, .left_ms = 60000},
         GS_TRANSIENT,
         0,
         15000,
         30000},
        {"read, retry-after", {.read = true, .retry_after_ms = 5000, .left_ms = 60000}, GS_TRANSIENT, 429, 5000, 6000},
        {"read, retry-after 0", {.read = true, .retry_after_ms = 0, .left_ms = 60000}, GS_TRANSIENT, 429, 100, 120},
        {"read, too late", {.read = true, .retry_after_ms = 5000, .left_ms = 4999}, GS_TRANSIENT, 429, -1, -1},
        {"read, 404", {.read = true, .retry_after_ms = -1, .left_ms = 60000}, GS_NOT_FOUND, 404, -1, -1},
        {"read, 409", {.read = true, .retry_after_ms = -1, .left_ms = 60000}, GS_CONFLICT, 409, -1, -1},
        {"write, 503", {.retry_after_ms = 1000, .left_ms = 60000}, GS_TRANSIENT, 503, -1, -1},
        {"write, 429", {.retry_after_ms = 1000, .left_ms = 60000}, GS_TRANSIENT, 429, 1000, 1200},
        {"write, 429 without", {.retry_after_ms = -1, .left_ms = 60000}, GS_TRANSIENT, 429, -1, -1},
        {"write, never sent", {.never_sent = true, .retry_after_ms = -1, .left_ms = 60000}, GS_TRANSIENT, 0, 400, 800},
        {"write, broken off", {.retry_after_ms = -1, .left_ms = 60000}, GS_TRANSIENT, 0, -1, -1},
    };
    gs_rng rng = {42};
    for (size_t i = 0; i < GS_LEN(cases); i++)
        for (int n = 0; n < 100; n++) {
            gs_error err = {.kind = cases[i].kind, .status = cases[i].status};
            int64_t delay = gs_kube_retry_delay(&cases[i].a, &err, &rng);
            if (delay < cases[i].min || delay > cases[i].max)
                fail_msg("%s: %lld", cases[i].name, (long long)delay);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(queries),
        cmocka_unit_test(statuses),
        cmocka_unit_test(retries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
