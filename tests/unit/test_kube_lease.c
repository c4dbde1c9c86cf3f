/* Leader election against a scripted API server: who may lead, when it is lost, how it is given back. */
#include "kube/lease.h"
#include "kube/lease_record.h"
#include "kube_fake.h"

#define GET "GET /apis/coordination.k8s.io/v1/namespaces/sys/leases/gostat "
#define POST "POST /apis/coordination.k8s.io/v1/namespaces/sys/leases?"
#define PATCH "PATCH /apis/coordination.k8s.io/v1/namespaces/sys/leases/gostat?"
#define LEASE(rv, holder, renewed, transitions)                                                                        \
    "{\"metadata\":{\"name\":\"gostat\",\"resourceVersion\":\"" rv "\"},\"spec\":{\"holderIdentity\":\"" holder        \
    "\",\"leaseDurationSeconds\":1,\"renewTime\":\"" renewed "\",\"leaseTransitions\":" transitions "}}"
#define CONFLICT "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"modified\",\"code\":409}"

struct got {
    fixture *x;
    gs_kube_lease *lease;
    char log[512];
    const char *stop_when;
    int64_t at_ms; /* of the last word */
    bool free_on_start;
};

static int64_t real_ms(void)
{
    gs_clock clock = gs_clock_system();
    return gs_mono(&clock);
}

static void say(struct got *g, const char *what, const char *detail)
{
    size_t n = strlen(g->log);
    (void)snprintf(g->log + n, sizeof g->log - n, "%s%s ", what, detail);
    g->at_ms = real_ms();
    if (g->stop_when && strcmp(g->stop_when, what) == 0)
        gs_loop_stop(g->x->loop);
}

static void on_started(void *ctx)
{
    struct got *g = ctx;
    say(g, "started", "");
    if (g->free_on_start) {
        gs_kube_lease_free(g->lease);
        g->lease = NULL;
    }
}

static void on_lost(void *ctx, const char *reason)
{
    say(ctx, "lost",
        strstr(reason, "could not be renewed") ? ":deadline"
        : strstr(reason, "thief")              ? ":thief"
                                               : reason);
}

static void on_leader(void *ctx, const char *identity)
{
    say(ctx, "leader:", identity);
}

static void on_released(void *ctx)
{
    say(ctx, "released", "");
}

static void begin_with(struct got *g, fixture *x, const fake_step *steps, bool take_over)
{
    gs_error err = {0};
    *g = (struct got){.x = x};
    fixture_start(x, steps);
    gs_kube_lease_options o = {.ns = "sys",
                               .name = "gostat",
                               .identity = "me",
                               .duration_ms = 1000,
                               .renew_deadline_ms = 600,
                               .retry_ms = 100,
                               .take_over = take_over,
                               .idle_holder = "undo",
                               .on_started = on_started,
                               .on_lost = on_lost,
                               .on_leader = on_leader,
                               .ctx = g};
    assert_int_equal(gs_kube_lease_new(x->k, &o, &g->lease, &err), 0);
    gs_kube_lease_start(g->lease);
    gs_kube_lease_start(g->lease); /* twice is once */
}

static void begin(struct got *g, fixture *x, const fake_step *steps)
{
    begin_with(g, x, steps, false);
}

static void end(struct got *g, fixture *x)
{
    gs_kube_lease_free(g->lease);
    fixture_stop(x);
}

static void acquires(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fake_step steps[12];
        const char *log;
        int64_t min_ms; /* until it leads */
    } cases[] = {
        {"there is none",
         {{.expect = GET, .status = 404}, {.expect = POST, .status = 201, .body = LEASE("1", "me", "t1", "0")}},
         "leader:me started ",
         0},
        {"nobody holds it: at once, and one transition more",
         {{.expect = GET, .status = 200, .body = LEASE("7", "", "t0", "4")},
          {.expect =
               "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"holderIdentity\":\"me\",\"leaseDurationSeconds\":1,\"leaseTransitions\":5,\"renewTime\":\"",
           .status = 200,
           .body = LEASE("8", "me", "t1", "5")}},
         "leader:me started ",
         0},
        {"a Lease without a spec, as a chart makes it",
         {{.expect = GET, .status = 200, .body = "{\"metadata\":{\"name\":\"gostat\",\"resourceVersion\":\"7\"}}"},
          {.expect = "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"holderIdentity\":\"me\","
                     "\"leaseDurationSeconds\":1,\"leaseTransitions\":1,\"renewTime\":\"",
           .status = 200,
           .body = LEASE("8", "me", "t1", "1")}},
         "leader:me started ",
         0},
        {"mine from before: no transition",
         {{.expect = GET, .status = 200, .body = LEASE("7", "me", "t0", "4")},
          {.expect = "\"leaseTransitions\":4,", .status = 200, .body = LEASE("8", "me", "t1", "4")}},
         "leader:me started ",
         0},
        {"another's, dead: after we have seen it unchanged for its duration",
         {{.expect = GET, .status = 200, .body = LEASE("7", "you", "2099-01-01T00:00:00.000000Z", "4")},
          {.expect = GET, .status = 200, .body = LEASE("7", "you", "2099-01-01T00:00:00.000000Z", "4")},
          {.expect = GET,
           .status = 200,
           .body = LEASE("7", "you", "2099-01-01T00:00:00.000000Z", "4"),
           .delay_ms = 250},
          {.expect = GET,
           .status = 200,
           .body = LEASE("7", "you", "2099-01-01T00:00:00.000000Z", "4"),
           .delay_ms = 250},
          {.expect = GET,
           .status = 200,
           .body = LEASE("7", "you", "2099-01-01T00:00:00.000000Z", "4"),
           .delay_ms = 250},
          {.expect = GET,
           .status = 200,
           .body = LEASE("7", "you", "2099-01-01T00:00:00.000000Z", "4"),
           .delay_ms = 250},
          {.expect = GET,
           .status = 200,
           .body = LEASE("7", "you", "2099-01-01T00:00:00.000000Z", "4"),
           .delay_ms = 250},
          {.expect = "\"leaseTransitions\":5,", .status = 200, .body = LEASE("8", "me", "t1", "5")}},
         "leader:you leader:me started ",
         1000},
        {"another was faster",
         {{.expect = GET, .status = 200, .body = LEASE("7", "", "t0", "4")},
          {.expect = PATCH, .status = 409, .body = CONFLICT},
          {.expect = GET, .status = 200, .body = LEASE("8", "you", "t1", "5")},
          {.expect = GET, .status = 200, .body = LEASE("9", "", "t2", "5")},
          {.expect = PATCH, .status = 200, .body = LEASE("10", "me", "t3", "6")}},
         "leader:you leader:me started ",
         0},
        {"errors are waited out",
         {{.expect = GET, .status = 503},
          {.expect = GET, .status = 403},
          {.expect = GET, .status = 200, .body = "garbage"},
          {.expect = GET, .status = 404},
          {.expect = POST, .status = 409, .body = "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"code\":409}"},
          {.expect = GET, .status = 200, .body = LEASE("9", "", "t2", "5")},
          {.expect = PATCH, .status = 200, .body = LEASE("10", "me", "t3", "6")}},
         "leader:me started ",
         0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        struct got g;
        int64_t from = real_ms();
        begin(&g, &x, cases[i].steps);
        g.stop_when = "started";
        assert_false(gs_kube_lease_held(g.lease));
        fixture_run(&x);
        if (strcmp(g.log, cases[i].log) != 0 || g.at_ms - from < cases[i].min_ms)
            fail_msg("%s: \"%s\" after %lld ms", cases[i].name, g.log, (long long)(g.at_ms - from));
        assert_true(gs_kube_lease_held(g.lease));
        end(&g, &x);
    }
}

#define MINE                                                                                                           \
    {.expect = GET, .status = 200, .body = LEASE("1", "", "t0", "0")},                                                 \
    {                                                                                                                  \
        .expect = PATCH, .status = 200, .body = LEASE("2", "me", "t1", "1")                                            \
    }

static void loses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fake_step steps[24];
        const char *log;
        int64_t min_ms, max_ms; /* from the start of leading, or of the last renewal */
    } cases[] = {
        {"the API server hangs",
         {MINE, {.expect = PATCH, .status = 200, .delay_ms = 5000}, {.expect = GET, .status = 200, .delay_ms = 5000}},
         "leader:me started lost:deadline ",
         500,
         900},
        {"the API server answers errors",
         {MINE,
          {.expect = PATCH, .status = 500},
          {.expect = GET, .status = 500},
          {.expect = GET, .status = 500},
          {.expect = GET, .status = 500},
          {.expect = GET, .status = 500},
          {.expect = GET, .status = 500},
          {.expect = GET, .status = 500}},
         "leader:me started lost:deadline ",
         500,
         900},
        {"renewed twice, then silence",
         {MINE,
          {.expect = "\"resourceVersion\":\"2\"", .status = 200, .body = LEASE("3", "me", "t2", "1")},
          {.expect = "\"resourceVersion\":\"3\"", .status = 200, .body = LEASE("4", "me", "t3", "1")},
          {.expect = "\"resourceVersion\":\"4\"", .status = 200, .delay_ms = 5000},
          {.expect = GET, .status = 200, .delay_ms = 5000}},
         "leader:me started lost:deadline ",
         700,
         1100},
        {"somebody took it",
         {MINE,
          {.expect = PATCH, .status = 409, .body = CONFLICT},
          {.expect = GET, .status = 200, .body = LEASE("5", "thief", "t9", "2")}},
         "leader:me started lost:thief ",
         150,
         600},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        struct got g;
        begin(&g, &x, cases[i].steps);
        g.stop_when = "started";
        fixture_run(&x);
        int64_t started = g.at_ms;
        g.stop_when = "lost";
        fixture_run(&x);
        int64_t took = g.at_ms - started;
        if (strncmp(g.log, cases[i].log, strlen(cases[i].log)) != 0 || took < cases[i].min_ms || took > cases[i].max_ms)
            fail_msg("%s: \"%s\" after %lld ms", cases[i].name, g.log, (long long)took);
        assert_false(gs_kube_lease_held(g.lease));
        int asked = x.f.logged;
        fixture_run_for(&x, 300); /* idle: it asks no more */
        assert_int_equal(x.f.logged, asked);
        end(&g, &x);
    }
}

#define TAKEN(rv, next)                                                                                                \
    {                                                                                                                  \
        .expect = "{\"metadata\":{\"resourceVersion\":\"" rv "\"},\"spec\":{\"holderIdentity\":\"me\",",               \
        .status = 200, .body = LEASE(next, "me", "t1", "5")                                                            \
    }

static void takes_over(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fake_step steps[8];
        int64_t min_ms, max_ms; /* until it leads */
    } cases[] = {
        {"nobody's: at once",
         {{.expect = GET, .status = 200, .body = LEASE("7", "", "t0", "4")}, TAKEN("7", "8")},
         0,
         400},
        {"there is none: at once",
         {{.expect = GET, .status = 404}, {.expect = POST, .status = 201, .body = LEASE("1", "me", "t1", "0")}},
         0,
         400},
        {"left by one like us: at once",
         {{.expect = GET, .status = 200, .body = LEASE("7", "undo", "t0", "4")}, TAKEN("7", "8")},
         0,
         400},
        {"another's: taken at once, used after its duration",
         {{.expect = GET, .status = 200, .body = LEASE("7", "you", "t0", "4")}, TAKEN("7", "8")},
         1000,
         1400},
        {"a longer duration than ours",
         {{.expect = GET,
           .status = 200,
           .body = "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"holderIdentity\":\"you\","
                   "\"leaseDurationSeconds\":2}}"},
          TAKEN("7", "8")},
         2000,
         2400},
        {"it renews at the same time",
         {{.expect = GET, .status = 200, .body = LEASE("7", "you", "t0", "4")},
          {.expect = PATCH, .status = 409, .body = CONFLICT},
          {.expect = GET, .status = 200, .body = LEASE("8", "you", "t1", "4")},
          TAKEN("8", "9")},
         1000,
         1700},
        {"and gives it back at the same time",
         {{.expect = GET, .status = 200, .body = LEASE("7", "you", "t0", "4")},
          {.expect = PATCH, .status = 409, .body = CONFLICT},
          {.expect = GET, .status = 200, .body = LEASE("8", "", "t1", "4")},
          TAKEN("8", "9")},
         0,
         700},
        {"the answer was lost: the other one still has to notice",
         {{.expect = GET, .status = 200, .body = LEASE("7", "you", "t0", "4")},
          {.expect = PATCH, .status = 500},
          {.expect = GET, .status = 200, .body = LEASE("8", "me", "t1", "5")},
          TAKEN("8", "9")},
         1000,
         1700},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        struct got g;
        fake_step steps[40] = {0};
        size_t n = 0;
        while (cases[i].steps[n].expect) {
            steps[n] = cases[i].steps[n];
            n++;
        }
        while (n < GS_LEN(steps) - 1) /* renewals */
            steps[n++] = (fake_step){.expect = PATCH, .status = 200, .body = LEASE("99", "me", "t9", "5")};
        int64_t from = real_ms();
        begin_with(&g, &x, steps, true);
        g.stop_when = "started";
        fixture_run(&x);
        int64_t took = g.at_ms - from;
        if (!gs_streq(g.log, "leader:me started ") || took < cases[i].min_ms || took > cases[i].max_ms)
            fail_msg("%s: \"%s\" after %lld ms", cases[i].name, g.log, (long long)took);
        for (size_t k = 0; cases[i].steps[k].expect; k++)
            assert_true(x.f.used[k]);
        end(&g, &x);
    }
}

/* Taken from us before the other one must have noticed: we never led. */
static void taken_over_and_lost(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = GET, .status = 200, .body = LEASE("7", "you", "t0", "4")},
                                      TAKEN("7", "8"),
                                      {.expect = PATCH, .status = 409, .body = CONFLICT},
                                      {.expect = GET, .status = 200, .body = LEASE("9", "thief", "t1", "6")},
                                      {0}};
    fixture x;
    struct got g;
    begin_with(&g, &x, steps, true);
    g.stop_when = "lost";
    fixture_run(&x);
    fixture_run_for(&x, 1300);
    assert_string_equal(g.log, "leader:me lost:thief leader:thief ");
    end(&g, &x);
}

static void left_to_another(void **state)
{
    (void)state;
    static const fake_step steps[] = {
        MINE,
        {.expect = GET, .status = 200, .body = LEASE("2", "me", "t1", "1")},
        {.expect = "{\"metadata\":{\"resourceVersion\":\"2\"},\"spec\":{\"holderIdentity\":\"undo\","
                   "\"leaseDurationSeconds\":600,\"leaseTransitions\":2,",
         .status = 200,
         .body = LEASE("3", "undo", "t2", "2")},
        {0}};
    fixture x;
    struct got g;
    begin(&g, &x, steps);
    g.stop_when = "started";
    fixture_run(&x);
    g.stop_when = "released";
    gs_kube_lease_leave(g.lease, "undo", 600000, on_released, &g);
    fixture_run(&x);
    assert_string_equal(g.log, "leader:me started released ");
    fake_check(&x.f);
    end(&g, &x);
}

static void a_conflict_with_oneself_is_no_loss(void **state)
{
    (void)state;
    /* A renewal whose answer was lost did take place. */
    static const fake_step steps[] = {
        MINE,
        {.expect = "\"resourceVersion\":\"2\"", .status = 0},
        {.expect = "\"resourceVersion\":\"2\"", .status = 409, .body = CONFLICT}, /* curl's own repetition */
        {.expect = GET, .status = 200, .body = LEASE("3", "me", "t2", "1")},
        {.expect = "\"resourceVersion\":\"3\"", .status = 200, .body = LEASE("4", "me", "t3", "1")},
        {.expect = "\"resourceVersion\":\"4\"", .status = 200, .body = LEASE("5", "me", "t4", "1")},
        {0}};
    fixture x;
    struct got g;
    begin(&g, &x, steps);
    fixture_run_for(&x, 550);
    assert_string_equal(g.log, "leader:me started ");
    assert_true(gs_kube_lease_held(g.lease));
    end(&g, &x);
}

static void gives_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fake_step steps[10];
        int64_t max_ms;
    } cases[] = {
        {"at once",
         {MINE,
          {.expect = GET, .status = 200, .body = LEASE("2", "me", "t1", "1")},
          {.expect =
               "{\"metadata\":{\"resourceVersion\":\"2\"},\"spec\":{\"holderIdentity\":\"\",\"leaseDurationSeconds\":1,\"leaseTransitions\":1,",
           .status = 200,
           .body = LEASE("3", "", "t2", "1")}},
         150},
        {"a renewal was under way",
         {MINE,
          {.expect = GET, .status = 200, .body = LEASE("2", "me", "t1", "1")},
          {.expect = PATCH, .status = 409, .body = CONFLICT}},
         300},
        {"another's by now", {MINE, {.expect = GET, .status = 200, .body = LEASE("9", "you", "t1", "2")}}, 150},
        {"gone by now", {MINE, {.expect = GET, .status = 404}}, 150},
        {"the API server hangs", {MINE, {.expect = GET, .status = 200, .delay_ms = 5000}}, 400},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        struct got g;
        begin(&g, &x, cases[i].steps);
        g.stop_when = "started";
        fixture_run(&x);
        int64_t from = real_ms();
        g.stop_when = "released";
        gs_kube_lease_release(g.lease, on_released, &g);
        assert_false(gs_kube_lease_held(g.lease));
        fixture_run(&x);
        if (strcmp(g.log, "leader:me started released ") != 0 || g.at_ms - from > cases[i].max_ms)
            fail_msg("%s: \"%s\" after %lld ms", cases[i].name, g.log, (long long)(g.at_ms - from));
        if (i != 1) /* the second one asks until its time is over */
            fake_check(&x.f);
        end(&g, &x);
    }
}

static void release_without_leading(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = GET, .status = 200, .body = LEASE("7", "you", "t", "1")}, {0}};
    fixture x;
    struct got g;
    begin(&g, &x, steps);
    fixture_run_for(&x, 50);
    g.stop_when = "released";
    gs_kube_lease_release(g.lease, on_released, &g);
    fixture_run(&x);
    assert_string_equal(g.log, "leader:you released ");
    fake_check(&x.f);
    end(&g, &x);
}

static void freed_within_a_callback(void **state)
{
    (void)state;
    static const fake_step steps[] = {MINE, {0}};
    fixture x;
    struct got g;
    begin(&g, &x, steps);
    g.free_on_start = true;
    g.stop_when = "started";
    fixture_run(&x);
    fixture_run_for(&x, 200);
    assert_string_equal(g.log, "leader:me started ");
    fake_check(&x.f);
    end(&g, &x);
}

static void options_are_checked(void **state)
{
    (void)state;
    static const struct {
        gs_kube_lease_options o;
        const char *error;
    } cases[] = {
        {{.ns = "a", .name = "b", .identity = "c", .duration_ms = 10000, .renew_deadline_ms = 10000}, "duration"},
        {{.ns = "a", .name = "b", .identity = "c", .renew_deadline_ms = 2000}, "renew deadline"},
        {{.ns = "a", .name = "b", .identity = "c", .duration_ms = 500, .renew_deadline_ms = 400, .retry_ms = 100},
         "whole seconds"},
        {{.ns = "a", .name = "b", .identity = "c", .duration_ms = 15900, .renew_deadline_ms = 15500}, "whole seconds"},
        {{.ns = "a", .name = "b"}, "identity"},
        {{.ns = "", .name = "b", .identity = "c"}, "namespace"},
    };
    static const fake_step steps[] = {{0}};
    fixture x;
    fixture_start(&x, steps);
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_error err = {0};
        gs_kube_lease *l = NULL;
        assert_int_equal(gs_kube_lease_new(x.k, &cases[i].o, &l, &err), -GS_TERMINAL);
        assert_contains(err.msg, cases[i].error);
    }
    fixture_stop(&x);
}

static void records(void **state)
{
    (void)state;
    static const struct {
        const char *name, *json;
        bool ok;
        const char *holder;
        int64_t transitions, duration_ms;
    } cases[] = {
        {"usual", LEASE("7", "me", "t", "3"), true, "me", 3, 1000},
        {"empty spec", "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{}}", true, "", 0, 0},
        {"no spec", "{\"metadata\":{\"resourceVersion\":\"7\"}}", true, "", 0, 0},
        {"nulls",
         "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"holderIdentity\":null,\"leaseTransitions\":null}}",
         true, "", 0, 0},
        {"no version", "{\"metadata\":{},\"spec\":{}}", false, "", 0, 0},
        {"wrong type", "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"holderIdentity\":5}}", false, "", 0, 0},
        {"no object", "[]", false, "", 0, 0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_lease_record r;
        gs_error err = {0};
        int rc = gs_lease_record_read(gs_str_of(cases[i].json), &r, &err);
        if (!rc != cases[i].ok)
            fail_msg("%s: %d %s", cases[i].name, rc, err.msg);
        if (rc)
            continue;
        assert_string_equal(r.holder, cases[i].holder);
        assert_int_equal(r.transitions, cases[i].transitions);
        assert_int_equal(r.duration_ms, cases[i].duration_ms);
        assert_string_equal(r.version, "7");
    }
    gs_lease_record a, b;
    assert_int_equal(gs_lease_record_read(GS_STR(LEASE("7", "me", "t1", "3")), &a, NULL), 0);
    assert_int_equal(gs_lease_record_read(GS_STR(LEASE("7", "me", "t2", "3")), &b, NULL), 0);
    assert_true(a.spec_hash != b.spec_hash); /* a renewal shows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acquires),
        cmocka_unit_test(loses),
        cmocka_unit_test(takes_over),
        cmocka_unit_test(taken_over_and_lost),
        cmocka_unit_test(left_to_another),
        cmocka_unit_test(a_conflict_with_oneself_is_no_loss),
        cmocka_unit_test(gives_back),
        cmocka_unit_test(release_without_leading),
        cmocka_unit_test(freed_within_a_callback),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
