/* The client against an API server that misbehaves. */
#include "kube_fake.h"

#include <fcntl.h>

static const gs_kube_resource pods = {"", "v1", "pods", true};
static const gs_kube_resource deployments = {"apps", "v1", "deployments", true};

struct got {
    fixture *x;
    int calls, wanted;
    gs_error err;
    char body[4096], reason[64];
    int64_t retry_after_ms;
};

static void keep(void *ctx, const gs_kube_reply *reply)
{
    struct got *g = ctx;
    g->err = reply->err;
    (void)gs_str_copy(g->body, sizeof g->body, reply->body);
    (void)snprintf(g->reason, sizeof g->reason, "%s", reply->reason);
    g->retry_after_ms = reply->retry_after_ms;
    if (++g->calls >= g->wanted)
        gs_loop_stop(g->x->loop);
}

#define CONFLICT                                                                                                       \
    "{\"kind\":\"Status\",\"message\":\"the object has been modified\",\"reason\":\"Conflict\",\"code\":409}"
#define EXISTS "{\"kind\":\"Status\",\"message\":\"pods x already exists\",\"reason\":\"AlreadyExists\",\"code\":409}"
#define BUSY                                                                                                           \
    "{\"kind\":\"Status\",\"message\":\"busy\",\"reason\":\"TooManyRequests\",\"details\":{\"retryAfterSeconds\":1},\"code\":429}"

/* Each verb: what goes over the wire, and what comes of it. */
static void verbs(void **state)
{
    (void)state;
    enum { GET, CREATE, PATCH, REPLACE, DELETE };
    static const struct {
        const char *name;
        int verb;
        gs_kube_path path;
        const char *body;
        fake_step steps[4];
        enum gs_kind kind;
        const char *reason, *part; /* of the body or the message */
        const char *seen;
    } cases[] = {
        {"get",
         GET,
         {&pods, "shop", "x", NULL},
         NULL,
         {{.expect = "GET /api/v1/namespaces/shop/pods/x HTTP", .status = 200, .body = "{\"a\":1}"}},
         GS_OK,
         "",
         "{\"a\":1}",
         "GET pods 200;"},
        {"get 503 then 200",
         GET,
         {&pods, "shop", "x", NULL},
         NULL,
         {{.expect = "GET ", .status = 503, .body = "no"}, {.expect = "GET ", .status = 200, .body = "{}"}},
         GS_OK,
         "",
         "{}",
         "GET pods 503;GET pods 200;"},
        {"get, connection closed, then 200",
         GET,
         {&pods, "shop", "x", NULL},
         NULL,
         {{.expect = "GET ", .status = 0}, {.expect = "GET ", .status = 200, .body = "{}"}},
         GS_OK,
         "",
         "{}",
         NULL},
        {"get 404 in plain text",
         GET,
         {&pods, "shop", "x", NULL},
         NULL,
         {{.expect = "GET ", .status = 404, .body = "404 page not found"}},
         GS_NOT_FOUND,
         "",
         "GET pods shop/x: 404 no reason given",
         "GET pods 404;"},
        {"create",
         CREATE,
         {&pods, "shop", NULL, NULL},
         "{\"kind\":\"Pod\"}",
         {{.expect = "POST /api/v1/namespaces/shop/pods?fieldManager=tester&fieldValidation=Strict HTTP",
           .status = 201,
           .body = "{\"b\":2}"}},
         GS_OK,
         "",
         "{\"b\":2}",
         "POST pods 201;"},
        {"create 409",
         CREATE,
         {&pods, "shop", NULL, NULL},
         "{}",
         {{.expect = "\r\n\r\n{}", .status = 409, .body = EXISTS}},
         GS_CONFLICT,
         "AlreadyExists",
         "POST pods shop: 409 AlreadyExists: pods x already exists",
         "POST pods 409;"},
        {"create 503 is not repeated",
         CREATE,
         {&pods, "shop", NULL, NULL},
         "{}",
         {{.expect = "POST ", .status = 503, .headers = "Retry-After: 1\r\n"}},
         GS_TRANSIENT,
         "",
         "POST pods shop: 503",
         "POST pods 503;"},
        {"create, connection closed, is not repeated",
         CREATE,
         {&pods, "shop", NULL, NULL},
         "{}",
         {{.expect = "POST ", .status = 0}},
         GS_TRANSIENT,
         "",
         "POST pods shop",
         "POST pods 0;"},
        {"patch scale",
         PATCH,
         {&deployments, "shop", "web", "scale"},
         "{\"spec\":{\"replicas\":0}}",
         {{.expect =
               "PATCH /apis/apps/v1/namespaces/shop/deployments/web/scale?fieldManager=tester&fieldValidation=Strict HTTP",
           .status = 200,
           .body = "{}"}},
         GS_OK,
         "",
         "{}",
         "PATCH deployments/scale 200;"},
        {"patch is a merge patch",
         PATCH,
         {&pods, "shop", "x", "status"},
         "{\"status\":{}}",
         {{.expect = "Content-Type: application/merge-patch+json\r\n", .status = 200, .body = "{}"}},
         GS_OK,
         "",
         "{}",
         "PATCH pods/status 200;"},
        {"patch 409",
         PATCH,
         {&pods, "shop", "x", NULL},
         "{}",
         {{.expect = "PATCH ", .status = 409, .body = CONFLICT}},
         GS_CONFLICT,
         "Conflict",
         "the object has been modified",
         "PATCH pods 409;"},
        {"patch 429 with Retry-After",
         PATCH,
         {&pods, "shop", "x", NULL},
         "{\"z\":1}",
         {{.expect = "{\"z\":1}", .status = 429, .body = BUSY}, {.expect = "{\"z\":1}", .status = 200, .body = "{}"}},
         GS_OK,
         "",
         "{}",
         "PATCH pods 429;PATCH pods 200;"},
        {"patch 429 without",
         PATCH,
         {&pods, "shop", "x", NULL},
         "{}",
         {{.expect = "PATCH ", .status = 429}},
         GS_TRANSIENT,
         "",
         "429",
         "PATCH pods 429;"},
        {"replace",
         REPLACE,
         {&pods, "shop", "x", NULL},
         "{}",
         {{.expect = "PUT /api/v1/namespaces/shop/pods/x?fieldManager", .status = 200, .body = "{}"}},
         GS_OK,
         "",
         "{}",
         "PUT pods 200;"},
        {"delete",
         DELETE,
         {&pods, "shop", "x", NULL},
         NULL,
         {{.expect =
               "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\",\"preconditions\":{\"uid\":\"u1\",\"resourceVersion\":\"7\"}}",
           .status = 200,
           .body = "{}"}},
         GS_OK,
         "",
         "{}",
         "DELETE pods 200;"},
        {"get without a name",
         GET,
         {&pods, "shop", NULL, NULL},
         NULL,
         {{0}},
         GS_TERMINAL,
         "",
         "the name is missing",
         ""},
        {"delete without a name",
         DELETE,
         {&pods, "shop", NULL, NULL},
         NULL,
         {{0}},
         GS_TERMINAL,
         "",
         "the name is missing",
         ""},
        {"patch with an empty name", PATCH, {&pods, "shop", "", NULL}, "{}", {{0}}, GS_TERMINAL, "", "name \"\"", ""},
        {"create with a name", CREATE, {&pods, "shop", "x", NULL}, "{}", {{0}}, GS_TERMINAL, "", "metadata only", ""},
        {"body of the answer cut",
         GET,
         {&pods, "shop", "x", NULL},
         NULL,
         {{.expect = "GET ", .status = 200, .body = "{\"a\"", .then = FAKE_CUT},
          {.expect = "GET ", .status = 200, .body = "{\"a\":3}"}},
         GS_OK,
         "",
         "{\"a\":3}",
         NULL},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        fixture_start(&x, cases[i].steps);
        struct got g = {.x = &x, .wanted = 1};
        const gs_kube_path *p = &cases[i].path;
        gs_str body = gs_str_of(cases[i].body);
        switch (cases[i].verb) {
        case GET:
            (void)gs_kube_get(x.k, p, NULL, keep, &g);
            break;
        case CREATE:
            (void)gs_kube_create(x.k, p, body, NULL, keep, &g);
            break;
        case PATCH:
            (void)gs_kube_patch(x.k, p, body, NULL, keep, &g);
            break;
        case REPLACE:
            (void)gs_kube_replace(x.k, p, body, NULL, keep, &g);
            break;
        default:
            (void)gs_kube_delete(x.k, p, "u1", "7", NULL, keep, &g);
        }
        assert_int_equal(g.calls, 0);
        fixture_run(&x);
        if (g.err.kind != cases[i].kind || !strstr(cases[i].kind ? g.err.msg : g.body, cases[i].part) ||
            strcmp(g.reason, cases[i].reason) != 0 || (cases[i].seen && strcmp(x.seen, cases[i].seen) != 0))
            fail_msg("%s: kind %d \"%s\" reason \"%s\" body \"%s\" seen \"%s\"", cases[i].name, g.err.kind, g.err.msg,
                     g.reason, g.body, x.seen);
        fake_check(&x.f);
        fixture_stop(&x);
    }
}

static void a_deadline_ends_retries(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = "GET ", .status = 503, .headers = "Retry-After: 1\r\n"},
                                      {.expect = "GET ", .status = 503, .headers = "Retry-After: 100\r\n"},
                                      {0}};
    fixture x;
    fixture_start(&x, steps);
    struct got g = {.x = &x, .wanted = 1};
    gs_kube_path p = {&pods, "shop", "x", NULL};
    gs_kube_opts o = {.deadline_ms = 3000};
    (void)gs_kube_get(x.k, &p, &o, keep, &g);
    fixture_run(&x);
    assert_int_equal(g.err.kind, GS_TRANSIENT);
    assert_int_equal(g.err.status, 503);
    assert_int_equal(g.retry_after_ms, 100000);
    assert_int_equal(gs_kube_get_stats(x.k).retries, 1);
    fake_check(&x.f);
    fixture_stop(&x);
}

/* Refused connections never reached anybody: even a write is tried again. */
static void a_write_waits_for_the_server(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = "PATCH ", .status = 200, .body = "{}"}, {0}};
    fixture x;
    fixture_start(&x, steps);
    int port = x.f.port;
    (void)shutdown(x.f.fd, SHUT_RDWR);
    (void)pthread_join(x.f.thread, NULL);
    (void)close(x.f.fd);
    struct got g = {.x = &x, .wanted = 1};
    gs_kube_path p = {&pods, "shop", "x", NULL};
    (void)gs_kube_patch(x.k, &p, GS_STR("{}"), NULL, keep, &g);
    fixture_run_for(&x, 300);
    assert_int_equal(g.calls, 0);
    assert_contains(x.seen, "PATCH pods 0;");
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons((uint16_t)port)};
    int one = 1;
    x.f.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(x.f.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(x.f.fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(x.f.fd, 8), 0);
    assert_int_equal(pthread_create(&x.f.thread, NULL, fake_accept, &x.f), 0);
    fixture_run(&x);
    assert_int_equal(g.err.kind, GS_OK);
    fake_check(&x.f);
    fixture_stop(&x);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static int64_t fake_now;

static int64_t fake_ms(void *ctx)
{
    (void)ctx;
    return fake_now;
}

static void tokens_are_read_again(void **state)
{
    (void)state;
    static const fake_step steps[] = {
        {.expect = "Authorization: Bearer one\r\n", .status = 200, .body = "{}"},
        {.expect = "Authorization: Bearer one\r\n", .status = 401}, /* replaced, and refused at once */
        {.expect = "Authorization: Bearer two\r\n", .status = 200, .body = "{}"},
        {.expect = "Authorization: Bearer three\r\n", .status = 200, .body = "{}"}, /* replaced, and 60 s have passed */
        {.expect = "Authorization: Bearer three\r\n", .status = 401}, /* refused for good: asked twice, not more */
        {.expect = "Authorization: Bearer three\r\n", .status = 401},
        {0}};
    static const struct {
        const char *token; /* written before; NULL: as it was; "": removed */
        int64_t pass_ms;
        enum gs_kind kind;
    } cases[] = {{"one\n", 0, GS_OK}, {"two", 0, GS_OK}, {"three", 60000, GS_OK}, {"", 60000, GS_REFUSED}};
    char path[] = "/tmp/gs-token-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    gs_clock clock = {fake_ms, fake_ms, NULL};
    fixture x;
    fixture_start_with(&x, steps, (gs_kube_options){.clock = &clock}, path);
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct got g = {.x = &x, .wanted = 1};
        gs_kube_path p = {&pods, "shop", "x", NULL};
        if (cases[i].token[0])
            write_file(path, cases[i].token);
        else
            (void)unlink(path);
        fake_now += cases[i].pass_ms;
        (void)gs_kube_patch(x.k, &p, GS_STR("{}"), NULL, keep, &g);
        fixture_run(&x);
        assert_int_equal(g.err.kind, cases[i].kind);
    }
    fake_check(&x.f);
    fixture_stop(&x);
}

static void a_missing_token_file_is_named(void **state)
{
    (void)state;
    static const fake_step steps[] = {{0}};
    fixture x;
    fixture_start_with(&x, steps, (gs_kube_options){0}, "/nowhere/token");
    struct got g = {.x = &x, .wanted = 1};
    gs_kube_path p = {&pods, "shop", "x", NULL};
    (void)gs_kube_get(x.k, &p, NULL, keep, &g);
    assert_int_equal(g.calls, 0);
    fixture_run(&x);
    assert_contains(g.err.msg, "/nowhere/token");
    fake_check(&x.f);
    fixture_stop(&x);
}

static void only_so_many_at_a_time(void **state)
{
    (void)state;
    enum { N = 12, AT_ONCE = 3 };
    fake_step steps[N + 1] = {{0}};
    for (int i = 0; i < N; i++)
        steps[i] = (fake_step){.expect = "GET ", .status = 200, .body = "{}", .delay_ms = 30};
    fixture x;
    fixture_start_with(&x, steps, (gs_kube_options){.max_in_flight = AT_ONCE, .max_queued = N}, NULL);
    struct got g = {.x = &x, .wanted = N};
    gs_kube_path p = {&pods, "shop", "x", NULL};
    for (int i = 0; i < N; i++)
        (void)gs_kube_get(x.k, &p, NULL, keep, &g);
    assert_int_equal(gs_kube_get_stats(x.k).in_flight, AT_ONCE);
    assert_int_equal(gs_kube_get_stats(x.k).queued, N - AT_ONCE);
    fixture_run(&x);
    assert_int_equal(x.requests, N);
    assert_true(x.f.connections <= AT_ONCE);
    assert_int_equal(gs_kube_get_stats(x.k).in_flight, 0);
    assert_int_equal(gs_kube_get_stats(x.k).queued, 0);
    fake_check(&x.f);
    fixture_stop(&x);
}

static void too_many_are_refused(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = "GET ", .status = 200, .body = "{}", .delay_ms = 50},
                                      {.expect = "GET ", .status = 200, .body = "{}"},
                                      {0}};
    fixture x;
    fixture_start_with(&x, steps, (gs_kube_options){.max_in_flight = 1, .max_queued = 1}, NULL);
    struct got g = {.x = &x, .wanted = 2}, refused = {.x = &x, .wanted = 1};
    gs_kube_path p = {&pods, "shop", "x", NULL};
    (void)gs_kube_get(x.k, &p, NULL, keep, &g);
    (void)gs_kube_get(x.k, &p, NULL, keep, &g);
    (void)gs_kube_get(x.k, &p, NULL, keep, &refused);
    fixture_run(&x);
    assert_int_equal(refused.err.kind, GS_NO_MEMORY);
    fixture_run(&x);
    assert_int_equal(g.calls, 2);
    fake_check(&x.f);
    fixture_stop(&x);
}

static void cancelled_calls_are_silent(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = "/pods/busy ", .status = 503},
                                      {.expect = "/pods/slow ", .status = 200, .body = "{}", .delay_ms = 5000},
                                      {0}};
    fixture x;
    fixture_start_with(&x, steps, (gs_kube_options){.max_in_flight = 1}, NULL);
    struct got g = {.x = &x, .wanted = 1};
    gs_kube_path busy = {&pods, "shop", "busy", NULL}, slow = {&pods, "shop", "slow", NULL};
    gs_kube_path last = {&pods, "shop", "last", NULL};
    gs_kube_call *waiting = gs_kube_get(x.k, &busy, NULL, keep, &g);
    gs_kube_call *running = gs_kube_get(x.k, &slow, NULL, keep, &g);
    gs_kube_call *queued = gs_kube_get(x.k, &last, NULL, keep, &g);
    fixture_run_for(&x, 200);
    assert_int_equal(gs_kube_get_stats(x.k).in_flight, 1);
    assert_int_equal(gs_kube_get_stats(x.k).queued, 1);
    gs_kube_cancel(queued);
    gs_kube_cancel(running);
    gs_kube_cancel(waiting);
    gs_kube_cancel(NULL);
    assert_int_equal(gs_kube_get_stats(x.k).in_flight, 0);
    fixture_run_for(&x, 1000);
    assert_int_equal(g.calls, 0);
    fake_check(&x.f);
    fixture_stop(&x);
}

/* Freeing the client ends what is under way. */
static void free_drops_calls(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = "GET ", .status = 200, .delay_ms = 5000}, {0}};
    fixture x;
    fixture_start_with(&x, steps, (gs_kube_options){.max_in_flight = 1}, NULL);
    struct got g = {.x = &x, .wanted = 1};
    gs_kube_path p = {&pods, "shop", "x", NULL};
    (void)gs_kube_get(x.k, &p, NULL, keep, &g);
    (void)gs_kube_get(x.k, &p, NULL, keep, &g);
    fixture_run_for(&x, 50);
    gs_kube_free(x.k);
    x.k = NULL;
    fixture_run_for(&x, 50);
    assert_int_equal(g.calls, 0);
    fixture_stop(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs),
        cmocka_unit_test(a_deadline_ends_retries),
        cmocka_unit_test(a_write_waits_for_the_server),
        cmocka_unit_test(tokens_are_read_again),
        cmocka_unit_test(a_missing_token_file_is_named),
        cmocka_unit_test(only_so_many_at_a_time),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(cancelled_calls_are_silent),
        cmocka_unit_test(free_drops_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
