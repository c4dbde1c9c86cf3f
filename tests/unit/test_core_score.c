#include "core/score.h"

#include "base/cleanup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LN2 0.69314718055994530942

static bool same(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

/* By hand: depth share + 0.35 or 0.07 + wait share. */
static const struct {
    const char *name;
    size_t depth;
    bool blocked;
    double wait_ms;
    double score;
    enum gs_risk risk;
} scores[] = {
    {"nothing", 0, false, 0, 0.07, GS_RISK_LOW},
    {"blocked just now: exactly medium", 0, true, 0, 0.35, GS_RISK_MEDIUM},
    {"running, no frames, for ever", 0, false, INFINITY, 0.07 + 0.25, GS_RISK_LOW},
    {"running, 4 frames, for ever", 4, false, INFINITY, 0.025 + 0.07 + 0.25, GS_RISK_LOW},
    {"running, 5 frames, for ever", 5, false, INFINITY, 0.03125 + 0.07 + 0.25, GS_RISK_MEDIUM},
    {"a deep one that runs", 64, false, 0, 0.4 + 0.07, GS_RISK_MEDIUM},
    {"deeper than counts", 65, false, 0, 0.4 + 0.07, GS_RISK_MEDIUM},
    {"as deep as can be", SIZE_MAX, true, 0, 0.4 + 0.35, GS_RISK_HIGH},
    {"56 frames, blocked: exactly high", 56, true, 0, 0.35 + 0.35, GS_RISK_HIGH},
    {"55 frames, blocked", 55, true, 0, 0.34375 + 0.35, GS_RISK_MEDIUM},
    {"16 frames, blocked for ever: exactly high", 16, true, INFINITY, 0.1 + 0.35 + 0.25, GS_RISK_HIGH},
    {"16 frames, blocked for five minutes: e^-10 is missing", 16, true, 300000, 0.7 - 0.25 * 4.539992976e-5,
     GS_RISK_MEDIUM},
    {"half of the wait's share: 30 s times ln 2", 32, true, 30000 * LN2, 0.2 + 0.35 + 0.125, GS_RISK_MEDIUM},
    {"three quarters of it: twice as long", 32, true, 60000 * LN2, 0.2 + 0.35 + 0.1875, GS_RISK_HIGH},
    {"one minute: 1 - e^-2", 8, true, 60000, 0.05 + 0.35 + 0.25 * 0.864664716763, GS_RISK_MEDIUM},
    {"0.82: 40 frames, blocked, 63.6 s", 40, true, 63607.906, 0.25 + 0.35 + 0.22, GS_RISK_HIGH},
    {"the worst", 64, true, INFINITY, 1, GS_RISK_HIGH},
    {"a wait below zero", 64, true, -5000, 0.75, GS_RISK_HIGH},
    {"a wait that is no number", 64, true, NAN, 0.75, GS_RISK_HIGH},
};

static void test_scores(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(scores); i++) {
        double s = gs_score(scores[i].depth, scores[i].blocked, scores[i].wait_ms);
        if (!same(s, scores[i].score))
            fail_msg("%s: %.12g, not %.12g", scores[i].name, s, scores[i].score);
        if (gs_risk_of(s) != scores[i].risk)
            fail_msg("%s: %s", scores[i].name, gs_risk_name(gs_risk_of(s)));
    }
}

static const struct {
    double score;
    enum gs_risk risk;
    const char *name;
} risks[] = {
    {0, GS_RISK_LOW, "Low"},          {0.3499999, GS_RISK_LOW, "Low"},
    {0.35, GS_RISK_MEDIUM, "Medium"}, {0.6999999, GS_RISK_MEDIUM, "Medium"},
    {0.7, GS_RISK_HIGH, "High"},      {1, GS_RISK_HIGH, "High"},
};

static void test_risks(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(risks); i++) {
        assert_int_equal(gs_risk_of(risks[i].score), risks[i].risk);
        assert_string_equal(gs_risk_name(risks[i].risk), risks[i].name);
    }
}

static const struct {
    const char *name;
    gs_site site;
    double survived_ms;
    double score;
} sites[] = {
    {"waits from a dump", {.depth = 0.5, .blocked = 1, .has_wait = true, .waited = 0.5}, 0, 0.2 + 0.35 + 0.125},
    {"a dump beats survival",
     {.depth = 0.5, .blocked = 1, .has_wait = true, .waited = 0.5},
     INFINITY,
     0.2 + 0.35 + 0.125},
    {"without a dump, survival", {.depth = 0.5, .blocked = 1, .waited = 0.9}, 30000 * LN2, 0.2 + 0.35 + 0.125},
    {"seen once", {.depth = 0.5, .blocked = 1}, 0, 0.2 + 0.35},
    {"half of them blocked", {.depth = 0.25, .blocked = 0.5}, 0, 0.1 + 0.35 * 0.6},
    {"none blocked", {.depth = 1, .blocked = 0}, INFINITY, 0.4 + 0.07 + 0.25},
};

static void test_sites(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(sites); i++) {
        double s = gs_site_score(&sites[i].site, sites[i].survived_ms);
        if (!same(s, sites[i].score))
            fail_msg("%s: %.12g, not %.12g", sites[i].name, s, sites[i].score);
    }
}

/* A site's score is the mean of its goroutines' scores. */
static void test_site_is_the_mean(void **state)
{
    (void)state;
    static const struct {
        size_t depth;
        bool blocked;
        double wait_ms;
    } v[] = {{12, true, 60000}, {70, false, 0}, {30, true, 1e7}, {3, true, 500}};
    const double n = (double)GS_LEN(v);
    gs_site site = {.has_wait = true};
    double mean = 0;
    for (size_t i = 0; i < GS_LEN(v); i++) {
        site.depth += (v[i].depth < 64 ? (double)v[i].depth / 64 : 1) / n;
        site.blocked += v[i].blocked ? 1 / n : 0;
        site.waited += (1 - exp(-v[i].wait_ms / 30000)) / n;
        mean += gs_score(v[i].depth, v[i].blocked, v[i].wait_ms) / n;
    }
    assert_true(same(gs_site_score(&site, 0), mean));
}

#define DEPTH 6

static const struct {
    const char *name;
    enum gs_state state;
    const char *functions[DEPTH];
    enum gs_boundary boundary;
} boundaries[] = {
    /* without frames, by the state alone */
    {"running", GS_STATE_RUNNING, {0}, GS_BOUNDARY_REFERENCE},
    {"select {}", GS_STATE_SELECT_NONE, {0}, GS_BOUNDARY_REFERENCE},
    {"system", GS_STATE_SYSTEM, {0}, GS_BOUNDARY_NONE},
    {"send", GS_STATE_CHAN_SEND, {0}, GS_BOUNDARY_COMMUNICATION},
    {"receive", GS_STATE_CHAN_RECEIVE, {0}, GS_BOUNDARY_COMMUNICATION},
    {"send on nil", GS_STATE_CHAN_SEND_NIL, {0}, GS_BOUNDARY_COMMUNICATION},
    {"receive from nil", GS_STATE_CHAN_RECEIVE_NIL, {0}, GS_BOUNDARY_COMMUNICATION},
    {"select", GS_STATE_SELECT, {0}, GS_BOUNDARY_COMMUNICATION},
    {"mutex", GS_STATE_MUTEX, {0}, GS_BOUNDARY_LOCK},
    {"read lock", GS_STATE_RWMUTEX_READ, {0}, GS_BOUNDARY_LOCK},
    {"write lock", GS_STATE_RWMUTEX_WRITE, {0}, GS_BOUNDARY_LOCK},
    {"wait group", GS_STATE_WAITGROUP, {0}, GS_BOUNDARY_LOCK},
    {"condition", GS_STATE_COND, {0}, GS_BOUNDARY_LOCK},
    {"semacquire", GS_STATE_SEMACQUIRE, {0}, GS_BOUNDARY_LOCK},
    {"IO wait", GS_STATE_IO_WAIT, {0}, GS_BOUNDARY_TIMEOUT},
    {"sleep", GS_STATE_SLEEP, {0}, GS_BOUNDARY_TIMEOUT},
    {"syscall", GS_STATE_SYSCALL, {0}, GS_BOUNDARY_TIMEOUT},

    {"send in user code",
     GS_STATE_CHAN_SEND,
     {"runtime.gopark", "runtime.chansend", "runtime.chansend1", "main.produce"},
     GS_BOUNDARY_COMMUNICATION},
    {"context in user code", GS_STATE_CHAN_RECEIVE, {"main.(*worker).run"}, GS_BOUNDARY_COMMUNICATION},
    {"the context package's own",
     GS_STATE_SELECT,
     {"runtime.selectgo", "context.(*cancelCtx).propagateCancel.func2"},
     GS_BOUNDARY_COMMUNICATION},

    {"semaphore",
     GS_STATE_SELECT,
     {"runtime.gopark", "runtime.selectgo", "golang.org/x/sync/semaphore.(*Weighted).Acquire", "main.work"},
     GS_BOUNDARY_LOCK},
    {"semaphore, from a dump, without the runtime's frames",
     GS_STATE_CHAN_RECEIVE,
     {"golang.org/x/sync/semaphore.(*Weighted).Acquire", "github.com/jackc/puddle/v2.(*Pool[...]).acquire"},
     GS_BOUNDARY_LOCK},
    {"errgroup's limit",
     GS_STATE_CHAN_SEND,
     {"runtime.chansend1", "golang.org/x/sync/errgroup.(*Group).Go", "main.fanOut"},
     GS_BOUNDARY_LOCK},
    {"a channel in an errgroup's function",
     GS_STATE_CHAN_SEND,
     {"runtime.chansend1", "main.fanOut.func1", "golang.org/x/sync/errgroup.(*Group).Go.func1"},
     GS_BOUNDARY_COMMUNICATION},
    {"a connection of the pool",
     GS_STATE_SELECT,
     {"runtime.selectgo", "database/sql.(*DB).conn", "database/sql.(*DB).query", "main.load"},
     GS_BOUNDARY_LOCK},
    {"a driver that dials for the pool",
     GS_STATE_CHAN_RECEIVE,
     {"runtime.chanrecv1", "github.com/lib/pq.(*connector).Connect", "database/sql.(*DB).conn"},
     GS_BOUNDARY_COMMUNICATION},
    {"database/sql's opener",
     GS_STATE_SELECT,
     {"runtime.selectgo", "database/sql.(*DB).connectionOpener"},
     GS_BOUNDARY_COMMUNICATION},

    {"an answer over HTTP",
     GS_STATE_SELECT,
     {"runtime.selectgo", "net/http.(*persistConn).roundTrip", "net/http.(*Transport).roundTrip", "main.call"},
     GS_BOUNDARY_TIMEOUT},
    {"a body that nobody reads",
     GS_STATE_SELECT,
     {"runtime.selectgo", "net/http.(*persistConn).readLoop"},
     GS_BOUNDARY_TIMEOUT},
    {"its writer", GS_STATE_SELECT, {"net/http.(*persistConn).writeLoop"}, GS_BOUNDARY_TIMEOUT},
    {"a body over HTTP/2",
     GS_STATE_COND,
     {"runtime.goparkunlock", "sync.runtime_notifyListWait", "sync.(*Cond).Wait", "net/http.(*http2pipe).Read"},
     GS_BOUNDARY_TIMEOUT},
    {"x/net's HTTP/2",
     GS_STATE_SELECT,
     {"runtime.selectgo", "golang.org/x/net/http2.(*ClientConn).roundTrip"},
     GS_BOUNDARY_TIMEOUT},
    {"a name",
     GS_STATE_SELECT,
     {"runtime.selectgo", "net.(*Resolver).lookupIPAddr", "net.(*Dialer).DialContext"},
     GS_BOUNDARY_TIMEOUT},
    {"a gRPC message",
     GS_STATE_SELECT,
     {"google.golang.org/grpc/internal/transport.(*recvBufferReader).readClient"},
     GS_BOUNDARY_TIMEOUT},
    {"a gRPC connection", GS_STATE_SELECT, {"google.golang.org/grpc.(*pickerWrapper).pick"}, GS_BOUNDARY_TIMEOUT},
    {"a process", GS_STATE_CHAN_RECEIVE, {"os/exec.(*Cmd).Wait", "main.run"}, GS_BOUNDARY_TIMEOUT},
    {"a rate limit", GS_STATE_SELECT, {"golang.org/x/time/rate.(*Limiter).wait"}, GS_BOUNDARY_TIMEOUT},
    {"a mutex in net/http is a lock",
     GS_STATE_MUTEX,
     {"sync.(*Mutex).Lock", "net/http.(*Transport).queueForIdleConn"},
     GS_BOUNDARY_LOCK},
    {"a condition of the program",
     GS_STATE_COND,
     {"sync.runtime_notifyListWait", "sync.(*Cond).Wait", "main.(*queue).pop"},
     GS_BOUNDARY_LOCK},
    {"a handler's channel, though net/http serves it",
     GS_STATE_CHAN_RECEIVE,
     {"runtime.chanrecv1", "main.handle", "net/http.HandlerFunc.ServeHTTP", "net/http.(*conn).serve"},
     GS_BOUNDARY_COMMUNICATION},
    {"a package that only begins alike",
     GS_STATE_SELECT,
     {"net/httpx.(*Client).Do", "netlink.Receive"},
     GS_BOUNDARY_COMMUNICATION},
    {"only the runtime's frames", GS_STATE_SELECT, {"runtime.gopark", "runtime.selectgo"}, GS_BOUNDARY_COMMUNICATION},
};

static void test_boundaries(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(boundaries); i++) {
        gs_frame frames[DEPTH];
        size_t n = 0;
        for (; n < DEPTH && boundaries[i].functions[n]; n++)
            frames[n] = (gs_frame){.function = gs_str_of(boundaries[i].functions[n])};
        enum gs_boundary b = gs_boundary_of(boundaries[i].state, n ? frames : NULL, n);
        if (b != boundaries[i].boundary)
            fail_msg("%s: %d, not %d", boundaries[i].name, (int)b, (int)boundaries[i].boundary);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores),           cmocka_unit_test(test_risks),      cmocka_unit_test(test_sites),
        cmocka_unit_test(test_site_is_the_mean), cmocka_unit_test(test_boundaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
