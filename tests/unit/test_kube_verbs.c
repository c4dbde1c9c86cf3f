/* An eviction: what goes over the wire, and that nobody but the caller tries it again. */
#include "kube_fake.h"

static const gs_kube_resource pods = {"", "v1", "pods", true};

struct got {
    fixture *x;
    int calls;
    gs_error err;
    bool budget;
};

static void keep(void *ctx, const gs_kube_reply *reply)
{
    struct got *g = ctx;
    g->err = reply->err;
    g->budget = reply->budget;
    g->calls++;
    gs_loop_stop(g->x->loop);
}

#define STATUS(reason, details)                                                                                        \
    "{\"kind\":\"Status\",\"message\":\"no\",\"reason\":\"" reason "\",\"details\":{" details "},\"code\":429}"
#define BUDGET                                                                                                         \
    "\"causes\":[{\"message\":\"web needs 2\"},{\"reason\":\"DisruptionBudget\",\"message\":\"web needs 2\"}]"

static void evict(void **state)
{
    (void)state;
    static const struct {
        const char *name, *uid;
        fake_step steps[3];
        enum gs_kind kind;
        int status;
        bool budget;
    } cases[] = {
        {"taken",
         "u-1",
         {{.expect = "\"deleteOptions\":{\"preconditions\":{\"uid\":\"u-1\"}}", .status = 201, .body = "{}"}},
         GS_OK,
         201,
         false},
        {"of any uid",
         NULL,
         {{.expect = "\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\"}}", .status = 201, .body = "{}"}},
         GS_OK,
         201,
         false},
        {"a budget",
         "u",
         {{.expect = "POST ", .status = 429, .body = STATUS("TooManyRequests", BUDGET)}},
         GS_TRANSIENT,
         429,
         true},
        {"a budget that says when",
         "u",
         {{.expect = "POST ", .status = 429, .body = STATUS("TooManyRequests", BUDGET ",\"retryAfterSeconds\":1")}},
         GS_TRANSIENT,
         429,
         true},
        {"a busy API server",
         "u",
         {{.expect = "POST ", .status = 429, .headers = "Retry-After: 1\r\n", .body = "Too many requests"}},
         GS_TRANSIENT,
         429,
         false},
        {"another cause",
         "u",
         {{.expect = "POST ", .status = 429, .body = STATUS("X", "\"causes\":[{\"reason\":\"Y\"}]")}},
         GS_TRANSIENT,
         429,
         false},
        {"no causes",
         "u",
         {{.expect = "POST ", .status = 429, .body = STATUS("X", "\"causes\":null")}},
         GS_TRANSIENT,
         429,
         false},
        {"another pod of that name", "u", {{.expect = "POST ", .status = 409, .body = "{}"}}, GS_CONFLICT, 409, false},
        {"gone", "u", {{.expect = "POST ", .status = 404, .body = "{}"}}, GS_NOT_FOUND, 404, false},
        {"no answer", "u", {{.expect = "POST ", .status = 0}}, GS_TRANSIENT, 0, false},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        fixture x;
        fixture_start(&x, cases[k].steps);
        struct got g = {.x = &x};
        (void)gs_kube_evict(x.k, &(gs_kube_path){&pods, "shop", "web-1", NULL}, cases[k].uid, NULL, keep, &g);
        fixture_run(&x);
        fixture_run_for(&x, 50);
        if (g.calls != 1 || g.err.kind != cases[k].kind || g.err.status != cases[k].status ||
            g.budget != cases[k].budget)
            fail_msg("%s: %d calls, %s, status %d, budget %d", cases[k].name, g.calls, g.err.msg, g.err.status,
                     g.budget);
        fake_check(&x.f);
        assert_contains(x.f.log[0], "POST /api/v1/namespaces/shop/pods/web-1/eviction?");
        assert_contains(x.f.log[0], "\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\"");
        fixture_stop(&x);
    }
}

/* Without a name there would be no pod to evict; a uid that does not fit is never left out. */
static void refused_here(void **state)
{
    (void)state;
    static const fake_step nothing[] = {{0}};
    char uid[5000];
    memset(uid, 'u', sizeof uid - 1);
    uid[sizeof uid - 1] = 0;
    const struct {
        const char *name, *uid;
    } cases[] = {{NULL, "u"}, {"web-1", uid}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        fixture x;
        fixture_start(&x, nothing);
        struct got g = {.x = &x};
        (void)gs_kube_evict(x.k, &(gs_kube_path){&pods, "shop", cases[k].name, NULL}, cases[k].uid, NULL, keep, &g);
        fixture_run(&x);
        assert_int_equal(g.err.kind, GS_TERMINAL);
        assert_int_equal(x.requests, 0);
        fixture_stop(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(evict), cmocka_unit_test(refused_here)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
