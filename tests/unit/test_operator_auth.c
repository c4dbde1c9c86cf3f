/* Who may read /metrics: answers of the API server are asked for once, kept for a while, and bounded. */
#include "kube_fake.h"

#include "base/limits.h"
#include "operator/serve.h"

static int64_t now_ms;

static int64_t clock_now(void *ctx)
{
    (void)ctx;
    return now_ms;
}

struct world {
    fixture x;
    op_auth *a;
    int statuses[2048]; /* by id */
    int answered;
};

static void keep(void *ctx, uint64_t id, int status)
{
    struct world *w = ctx;
    w->statuses[id] = status;
    w->answered++;
}

static void setup(struct world *w, const fake_step *steps)
{
    gs_clock clock = {clock_now, clock_now, NULL};
    memset(w, 0, sizeof *w);
    now_ms = 1000000;
    fixture_start_with(&w->x, steps, (gs_kube_options){.clock = &clock}, NULL);
    w->a = op_auth_new(w->x.k, "/metrics", keep, w);
}

static void teardown(struct world *w)
{
    op_auth_free(w->a);
    fixture_stop(&w->x);
}

static int ask(struct world *w, uint64_t id, const char *authorization)
{
    return op_auth_ask(w->a, &(gs_http_asked){.id = id, .path = "/metrics", .authorization = authorization});
}

/* Asks, and waits where the answer comes later. */
static int status_of(struct world *w, const char *authorization)
{
    static uint64_t id = 1000;
    int status = ask(w, ++id, authorization), before = w->answered;
    for (int i = 0; status == GS_HTTP_LATER && w->answered == before && i < 400; i++)
        fixture_run_for(&w->x, 5);
    return status == GS_HTTP_LATER ? w->statuses[id] : status;
}

#define TOKEN_BEGIN "\"token\":\""
#define TOKEN(name) TOKEN_BEGIN name "\""
#define SOMEBODY(name)                                                                                                 \
    {                                                                                                                  \
        .expect = TOKEN(name), .status = 201,                                                                          \
        .body = "{\"status\":{\"authenticated\":true,\"user\":{\"username\":\"" name "\"}}}"                           \
    }
#define MAY(name, yes)                                                                                                 \
    {                                                                                                                  \
        .expect = "\"user\":\"" name "\"", .status = 201, .body = "{\"status\":{\"allowed\":" yes "}}"                 \
    }

static void headers(void **state)
{
    static const fake_step steps[] = {SOMEBODY("a.b-c_d~e+f/g=="), MAY("a.b-c_d~e+f/g==", "true"), {0}};
    static const struct {
        const char *authorization;
        int status;
    } cases[] = {
        {"", 401},
        {"Bearer", 401},
        {"Bearer ", 401},
        {"Basic YTpi", 401},
        {"Bearer a b", 401},
        {"Bearer a,b", 401},
        {"Bearer \"a\"", 401},
        {"Bearera", 401},
        {"Bearer a\x80", 401},
        {"Bearer a.b-c_d~e+f/g==", 200},
        {"bearer   a.b-c_d~e+f/g== ", 200},
    };
    struct world w;
    (void)state;
    setup(&w, steps);
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        int status = status_of(&w, cases[k].authorization);
        if (status != cases[k].status)
            fail_msg("\"%s\": %d", cases[k].authorization, status);
    }
    fake_check(&w.x.f);
    teardown(&w);
}

/* Yes is kept for 60 s, no for 10 s, no answer not at all. */
static void kept(void **state)
{
    static const fake_step steps[] = {
        SOMEBODY("yes"),
        MAY("yes", "true"),
        SOMEBODY("no"),
        MAY("no", "false"),
        {.expect = TOKEN("none"), .status = 201, .body = "{\"status\":{}}"},
        {.expect = TOKEN("sick"), .status = 500, .body = "{}"},
        SOMEBODY("sick"),
        MAY("sick", "true"),
        {.expect = TOKEN("no"), .status = 201, .body = "{\"status\":{}}"},
        SOMEBODY("none"),
        MAY("none", "true"),
        {.expect = TOKEN("yes"), .status = 201, .body = "{\"status\":{}}"},
        {0},
    };
    static const struct {
        const char *authorization;
        int64_t at_ms;
        int status, requests; /* so far */
    } cases[] = {
        {"Bearer yes", 0, 200, 2},       {"Bearer yes", 0, 200, 2},      {"Bearer no", 0, 403, 4},
        {"Bearer no", 9999, 403, 4},     {"Bearer none", 0, 401, 5},     {"Bearer none", 9999, 401, 5},
        {"Bearer sick", 0, 503, 6},      {"Bearer sick", 0, 200, 8},     {"Bearer no", 10000, 401, 9},
        {"Bearer none", 10000, 200, 11}, {"Bearer yes", 59999, 200, 11}, {"Bearer yes", 60000, 401, 12},
    };
    struct world w;
    (void)state;
    setup(&w, steps);
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        now_ms = 1000000 + cases[k].at_ms;
        int status = status_of(&w, cases[k].authorization);
        if (status != cases[k].status || w.x.requests != cases[k].requests)
            fail_msg("%zu, %s: %d after %d requests", k, cases[k].authorization, status, w.x.requests);
    }
    fake_check(&w.x.f);
    teardown(&w);
}

/* Many ask at once with one token: it is reviewed once. A fifth token has to come again. */
static void at_once(void **state)
{
    static const fake_step steps[] = {
        {.expect = TOKEN("t1"), .status = 201, .body = "{\"status\":{}}", .delay_ms = 150},
        {.expect = TOKEN("t2"), .status = 201, .body = "{\"status\":{}}", .delay_ms = 150},
        {.expect = TOKEN("t3"), .status = 201, .body = "{\"status\":{}}", .delay_ms = 150},
        {.expect = TOKEN("t4"), .status = 201, .body = "{\"status\":{}}", .delay_ms = 150},
        {.expect = TOKEN("t5"), .status = 201, .body = "{\"status\":{}}"},
        {0},
    };
    struct world w;
    (void)state;
    setup(&w, steps);
    for (uint64_t id = 1; id <= 100; id++)
        assert_int_equal(ask(&w, id, "Bearer t1"), GS_HTTP_LATER);
    assert_int_equal(ask(&w, 101, "Bearer t1"), 503); /* more than the server has connections */
    assert_int_equal(ask(&w, 102, "Bearer t2"), GS_HTTP_LATER);
    assert_int_equal(ask(&w, 103, "Bearer t3"), GS_HTTP_LATER);
    assert_int_equal(ask(&w, 104, "Bearer t4"), GS_HTTP_LATER);
    assert_int_equal(ask(&w, 105, "Bearer t5"), 503);
    for (int i = 0; w.answered < 103 && i < 400; i++)
        fixture_run_for(&w.x, 5);
    assert_int_equal(w.answered, 103);
    for (int id = 1; id <= 104; id++)
        assert_int_equal(w.statuses[id], id == 101 ? 0 : 401);
    assert_int_equal(status_of(&w, "Bearer t5"), 401);
    fake_check(&w.x.f);
    teardown(&w);
}

/* Unknown tokens without end: the oldest are forgotten, and the one that may is not. */
static void bounded(void **state)
{
    static const fake_step steps[] = {
        SOMEBODY("good"),
        MAY("good", "true"),
        {.expect = TOKEN_BEGIN "bad", .status = 201, .body = "{\"status\":{}}", .again = true},
        {0},
    };
    struct world w;
    char token[64];
    (void)state;
    setup(&w, steps);
    assert_int_equal(status_of(&w, "Bearer good"), 200);
    for (int k = 0; k < GS_MAX_REVIEWED_TOKENS; k++, now_ms++) {
        (void)snprintf(token, sizeof token, "Bearer bad%d", k);
        assert_int_equal(status_of(&w, token), 401);
    }
    int asked = w.x.requests;
    assert_int_equal(asked, 2 + GS_MAX_REVIEWED_TOKENS);
    assert_int_equal(status_of(&w, "Bearer good"), 200);
    assert_int_equal(status_of(&w, "Bearer bad1"), 401);
    assert_int_equal(w.x.requests, asked);
    assert_int_equal(status_of(&w, "Bearer bad0"), 401);
    assert_int_equal(w.x.requests, asked + 1);
    teardown(&w);
}

static void freed_while_waiting(void **state)
{
    static const fake_step steps[] = {{.expect = TOKEN("t"), .status = 201, .body = "{\"status\":{}}", .delay_ms = 100},
                                      {0}};
    struct world w;
    (void)state;
    setup(&w, steps);
    assert_int_equal(ask(&w, 1, "Bearer t"), GS_HTTP_LATER);
    fixture_run_for(&w.x, 20);
    teardown(&w);
    assert_int_equal(w.answered, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(kept),
        cmocka_unit_test(at_once),
        cmocka_unit_test(bounded),
        cmocka_unit_test(freed_while_waiting),
    };
    return cmocka_run_group_tests_name("operator/serve_auth", tests, NULL, NULL);
}
