/* Whose a token is and what it may, as a scripted API server says it. */
#include "kube_fake.h"

#include "kube/review.h"

struct got {
    fixture *x;
    int calls;
    enum gs_kube_verdict verdict;
    gs_error err;
};

static void keep(void *ctx, enum gs_kube_verdict verdict, const gs_error *err)
{
    struct got *g = ctx;
    g->calls++;
    g->verdict = verdict;
    g->err = err ? *err : (gs_error){0};
    gs_loop_stop(g->x->loop);
}

#define TOKENS "POST /apis/authentication.k8s.io/v1/tokenreviews?"
#define ACCESS "POST /apis/authorization.k8s.io/v1/subjectaccessreviews?"
#define SOMEBODY                                                                                                       \
    "{\"kind\":\"TokenReview\",\"spec\":{\"token\":\"secret\"},\"status\":{\"authenticated\":true,\"user\":{"          \
    "\"username\":\"system:serviceaccount:monitoring:prometheus\",\"uid\":\"u1\",\"groups\":[\"g1\",\"g2\"],"          \
    "\"extra\":{\"authentication.kubernetes.io/pod-name\":[\"p\"]}}}}"

static void verdicts(void **state)
{
    static const struct {
        const char *name;
        fake_step steps[3];
        enum gs_kube_verdict verdict;
        enum gs_kind kind;
        const char *message;
    } cases[] = {
        {"may",
         {{.expect = TOKENS, .status = 201, .body = SOMEBODY},
          {.expect = ACCESS, .status = 201, .body = "{\"status\":{\"allowed\":true,\"reason\":\"RBAC\"}}"}},
         GS_KUBE_ALLOWED,
         GS_OK,
         NULL},
        {"the token is sent",
         {{.expect = "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{"
                     "\"token\":\"se.cr-et\\\"\"}}",
           .status = 201,
           .body = "{\"status\":{}}"}},
         GS_KUBE_NOBODY,
         GS_OK,
         NULL},
        {"all that is known of its owner is asked about",
         {{.expect = TOKENS, .status = 201, .body = SOMEBODY},
          {.expect = "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\",\"spec\":{"
                     "\"user\":\"system:serviceaccount:monitoring:prometheus\",\"uid\":\"u1\","
                     "\"groups\":[\"g1\",\"g2\"],"
                     "\"extra\":{\"authentication.kubernetes.io/pod-name\":[\"p\"]},"
                     "\"nonResourceAttributes\":{\"path\":\"/metrics\",\"verb\":\"get\"}}}",
           .status = 201,
           .body = "{\"status\":{\"allowed\":false}}"}},
         GS_KUBE_FORBIDDEN,
         GS_OK,
         NULL},
        {"denied wins",
         {{.expect = TOKENS, .status = 201, .body = SOMEBODY},
          {.expect = ACCESS, .status = 201, .body = "{\"status\":{\"allowed\":true,\"denied\":true}}"}},
         GS_KUBE_FORBIDDEN,
         GS_OK,
         NULL},
        {"no status",
         {{.expect = TOKENS, .status = 201, .body = SOMEBODY}, {.expect = ACCESS, .status = 201, .body = "{}"}},
         GS_KUBE_FORBIDDEN,
         GS_OK,
         NULL},
        {"a string is not true",
         {{.expect = TOKENS, .status = 201, .body = SOMEBODY},
          {.expect = ACCESS, .status = 201, .body = "{\"status\":{\"allowed\":\"true\"}}"}},
         GS_KUBE_FORBIDDEN,
         GS_OK,
         NULL},
        {"nobody",
         {{.expect = TOKENS, .status = 201, .body = "{\"status\":{\"authenticated\":false,\"error\":\"expired\"}}"}},
         GS_KUBE_NOBODY,
         GS_OK,
         NULL},
        {"somebody without a name",
         {{.expect = TOKENS, .status = 201, .body = "{\"status\":{\"authenticated\":true,\"user\":{}}}"}},
         GS_KUBE_NOBODY,
         GS_OK,
         NULL},
        {"nonsense", {{.expect = TOKENS, .status = 201, .body = "true"}}, GS_KUBE_NOBODY, GS_OK, NULL},
        {"we may not ask whose it is",
         {{.expect = TOKENS, .status = 403, .body = "{\"kind\":\"Status\",\"message\":\"tokenreviews is forbidden\"}"}},
         GS_KUBE_UNKNOWN,
         GS_REFUSED,
         "tokenreviews is forbidden"},
        {"we may not ask what it may",
         {{.expect = TOKENS, .status = 201, .body = SOMEBODY}, {.expect = ACCESS, .status = 403, .body = "{}"}},
         GS_KUBE_UNKNOWN,
         GS_REFUSED,
         "subjectaccessreviews"},
        {"busy, and not asked again",
         {{.expect = TOKENS, .status = 503, .body = "{}"}},
         GS_KUBE_UNKNOWN,
         GS_TRANSIENT,
         "503"},
        {"silent at first",
         {{.expect = TOKENS, .status = 201, .body = "{", .then = FAKE_HANG}},
         GS_KUBE_UNKNOWN,
         GS_TRANSIENT,
         NULL}, /* the attempt ends at the same time, in its own words */
        {"silent then",
         {{.expect = TOKENS, .status = 201, .body = SOMEBODY, .delay_ms = 200},
          {.expect = ACCESS, .status = 201, .body = "{", .then = FAKE_HANG}},
         GS_KUBE_UNKNOWN,
         GS_TRANSIENT,
         "in time"},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        fixture x;
        fixture_start(&x, cases[k].steps);
        struct got g = {.x = &x};
        (void)gs_kube_review_start(x.k, GS_STR("se.cr-et\""), "/metrics", 400, keep, &g);
        assert_int_equal(g.calls, 0);
        fixture_run(&x);
        fixture_run_for(&x, 10);
        if (g.calls != 1 || g.verdict != cases[k].verdict || g.err.kind != cases[k].kind ||
            (cases[k].message && !strstr(g.err.msg, cases[k].message)))
            fail_msg("%s: %d calls, %d: %s", cases[k].name, g.calls, g.verdict, g.err.msg);
        assert_null(strstr(g.err.msg, "se.cr-et"));
        fake_check(&x.f);
        fixture_stop(&x);
    }
}

#define OWN "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews?"
#define OF_US "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\",\"spec\":{"

static void own_rights(void **state)
{
    static const struct {
        const char *name;
        gs_kube_access access;
        fake_step steps[2];
        enum gs_kube_verdict verdict;
        enum gs_kind kind;
        const char *message;
    } cases[] = {
        {"may",
         {"shop", "patch", "apps", "deployments", "scale"},
         {{.expect = OF_US "\"resourceAttributes\":{\"namespace\":\"shop\",\"verb\":\"patch\",\"group\":\"apps\","
                           "\"resource\":\"deployments\",\"subresource\":\"scale\"}}}",
           .status = 201,
           .body = "{\"status\":{\"allowed\":true,\"evaluationError\":\"one of them was away\"}}"}},
         GS_KUBE_ALLOWED,
         GS_OK,
         NULL},
        {"may not",
         {"shop", "patch", "", "pods", ""},
         {{.expect = OF_US "\"resourceAttributes\":{\"namespace\":\"shop\",\"verb\":\"patch\",\"group\":\"\","
                           "\"resource\":\"pods\"}}}",
           .status = 201,
           .body = "{\"status\":{\"allowed\":false,\"reason\":\"RBAC: role x not found\"}}"}},
         GS_KUBE_FORBIDDEN,
         GS_OK,
         NULL},
        {"an authorizer is away",
         {"shop", "patch", "", "pods", ""},
         {{.expect = OWN, .status = 201, .body = "{\"status\":{\"allowed\":false,\"evaluationError\":\"timeout\"}}"}},
         GS_KUBE_UNKNOWN,
         GS_TRANSIENT,
         "timeout"},
        {"we may not ask",
         {"shop", "patch", "", "pods", ""},
         {{.expect = OWN, .status = 403, .body = "{\"kind\":\"Status\",\"message\":\"is forbidden\"}"}},
         GS_KUBE_UNKNOWN,
         GS_REFUSED,
         "is forbidden"},
        {"busy",
         {"shop", "patch", "", "pods", ""},
         {{.expect = OWN, .status = 503, .body = "{}"}},
         GS_KUBE_UNKNOWN,
         GS_TRANSIENT,
         "503"},
        {"silent",
         {"shop", "patch", "", "pods", ""},
         {{.expect = OWN, .status = 201, .body = "{", .then = FAKE_HANG}},
         GS_KUBE_UNKNOWN,
         GS_TRANSIENT,
         NULL}, /* the attempt ends at the same time, in its own words */
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        fixture x;
        fixture_start(&x, cases[k].steps);
        struct got g = {.x = &x};
        (void)gs_kube_review_self(x.k, &cases[k].access, 400, keep, &g);
        assert_int_equal(g.calls, 0);
        fixture_run(&x);
        if (g.calls != 1 || g.verdict != cases[k].verdict || g.err.kind != cases[k].kind ||
            (cases[k].message && !strstr(g.err.msg, cases[k].message)))
            fail_msg("%s: %d calls, %d: %s", cases[k].name, g.calls, g.verdict, g.err.msg);
        fake_check(&x.f);
        fixture_stop(&x);
    }
}

static void cancelled(void **state)
{
    static const fake_step steps[] = {{.expect = TOKENS, .status = 201, .body = SOMEBODY, .delay_ms = 100}, {0}};
    fixture x;
    (void)state;
    fixture_start(&x, steps);
    struct got g = {.x = &x};
    gs_kube_review *r = gs_kube_review_start(x.k, GS_STR("t"), "/metrics", 1000, keep, &g);
    fixture_run_for(&x, 50);
    gs_kube_review_cancel(r);
    gs_kube_review_cancel(NULL);
    fixture_run_for(&x, 100);
    assert_int_equal(g.calls, 0);
    fixture_stop(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(verdicts), cmocka_unit_test(own_rights),
                                       cmocka_unit_test(cancelled)};
    return cmocka_run_group_tests_name("kube/review", tests, NULL, NULL);
}
