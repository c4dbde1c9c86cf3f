/* What becomes of a site under observation: leaks and the loads that look like them, profile by profile. */
#include "core/track.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants setjmp and stdarg first */
#include <cmocka.h>

#define W 120000LL /* floor.windowSeconds */
#define WINDOWS 4
#define GAP (W / 3)
#define SITE "p00000000aa"
#define OTHER "p00000000bb"

/* A process with one site of interest: its count, what else it has, and what is told of it at a time in seconds. */
typedef struct scenario {
    const char *name;
    enum gs_state state;
    double base, rate;     /* goroutines, and more each second ... */
    double until_s;        /* ... up to here (0: for ever) */
    double wave, period_s; /* and a sine */
    const char *entry;     /* NULL: the program's own */
    double fds, io, load;  /* per goroutine of the site's growth; NAN: not exposed */
    double other;          /* goroutines of another site that go for each that comes */
    double leaks;          /* share of the site that the leak profile names */
    double kept;           /* share of the first dump's goroutines in the second; 0: no dumps are taken */
    enum gs_grade grade;   /* the highest one within the time given */
    double within_s;       /* when at the latest; 0: by the end */
    unsigned reasons;      /* at the highest grade */
} scenario;

#define BY_IDS (4 * 120 + 60)
#define BY_COUNTS (6 * 120 + 60)
#define BY_WINDOWS (GS_REASON_SITE | GS_REASON_FLOOR)

static const scenario scenarios[] = {
    {"a leak that is reachable", GS_STATE_CHAN_RECEIVE, 5, 1, .fds = 0, .load = NAN, .grade = GS_GRADE_PROBABLE,
     .within_s = BY_COUNTS, .reasons = BY_WINDOWS | GS_REASON_COUNTS},
    {"the same, with dumps", GS_STATE_CHAN_RECEIVE, 5, 1, .kept = 1, .load = NAN, .grade = GS_GRADE_PROBABLE,
     .within_s = BY_IDS, .reasons = BY_WINDOWS | GS_REASON_IDS},
    {"without descriptors on /metrics", GS_STATE_SELECT, 5, 1, .fds = NAN, .load = NAN, .grade = GS_GRADE_PROBABLE,
     .reasons = BY_WINDOWS | GS_REASON_COUNTS},
    {"a slow one", GS_STATE_SLEEP, 5, 0.05, .load = NAN, .grade = GS_GRADE_PROBABLE, .within_s = BY_COUNTS,
     .reasons = BY_WINDOWS | GS_REASON_COUNTS},
    {"the leak profile names it", GS_STATE_CHAN_SEND, 5, 1, .leaks = 1, .load = NAN, .grade = GS_GRADE_PROVEN,
     .within_s = 120, .reasons = GS_REASON_SITE | GS_REASON_LEAK | GS_REASON_LEAK_AGAIN},
    {"half of the site is named", GS_STATE_CHAN_SEND, 500, 1, .leaks = 0.5, .load = NAN, .grade = GS_GRADE_PROVEN,
     .reasons = GS_REASON_SITE | GS_REASON_LEAK | GS_REASON_LEAK_AGAIN},
    {"select {} is not believed", GS_STATE_SELECT_NONE, 5, 1, .until_s = 100, .leaks = 1, .load = NAN,
     .grade = GS_GRADE_NONE},
    {"named, and it does not grow", GS_STATE_CHAN_RECEIVE, 50, 0, .leaks = 1, .load = NAN, .grade = GS_GRADE_NONE},
    {"a pool that was scaled up", GS_STATE_CHAN_RECEIVE, 5, 1, .until_s = 200, .load = NAN, .grade = GS_GRADE_NONE},
    {"a wave", GS_STATE_SELECT, 20, 0, .wave = 200, .period_s = 300, .load = NAN, .grade = GS_GRADE_NONE},
    {"a wave slower than the windows", GS_STATE_SELECT, 20, 0, .wave = 200, .period_s = 840, .load = NAN,
     .grade = GS_GRADE_SUSPECTED},
    {"connections that are read", GS_STATE_SELECT, 5, 1, .until_s = 1500, .fds = 1, .io = 1, .load = NAN,
     .grade = GS_GRADE_NONE},
    {"two descriptors for each", GS_STATE_SELECT, 5, 1, .until_s = 1500, .fds = 2, .io = 1, .load = NAN,
     .grade = GS_GRADE_NONE},
    {"their readers", GS_STATE_IO_WAIT, 5, 1, .until_s = 1500, .fds = 1, .load = NAN, .grade = GS_GRADE_NONE},
    {"requests in flight", GS_STATE_SELECT, 5, 1, .until_s = 1500, .load = 1, .grade = GS_GRADE_NONE},
    {"connections for ever", GS_STATE_IO_WAIT, 5, 1, .fds = 1, .load = NAN, .grade = GS_GRADE_PROBABLE,
     .reasons = BY_WINDOWS | GS_REASON_COUNTS},
    {"handlers whose clients are gone", GS_STATE_CHAN_SEND, 5, 1, .fds = 1, .io = 0, .load = NAN,
     .grade = GS_GRADE_PROBABLE, .within_s = BY_COUNTS, .reasons = BY_WINDOWS | GS_REASON_COUNTS},
    {"a body that nobody reads", GS_STATE_SELECT, 5, 1, .entry = "net/http.(*persistConn).readLoop", .fds = 2, .io = 1,
     .load = NAN, .grade = GS_GRADE_PROBABLE, .within_s = BY_COUNTS, .reasons = BY_WINDOWS | GS_REASON_COUNTS},
    {"few connections, many goroutines", GS_STATE_SELECT, 5, 1, .fds = 0.3, .io = 0.3, .load = NAN,
     .grade = GS_GRADE_PROBABLE, .within_s = BY_COUNTS, .reasons = BY_WINDOWS | GS_REASON_COUNTS},
    {"they moved here from another site", GS_STATE_MUTEX, 5, 0.2, .until_s = 4900, .other = 1, .load = NAN,
     .grade = GS_GRADE_NONE},
    {"a queue that is worked off", GS_STATE_CHAN_SEND, 5, 1, .kept = 0.1, .load = NAN, .grade = GS_GRADE_NONE},
};

static double grown(const scenario *c, double t_s)
{
    double n = c->rate * (c->until_s > 0 && t_s > c->until_s ? c->until_s : t_s);
    if (c->period_s > 0)
        n += c->wave * (1 - cos(2 * M_PI * t_s / c->period_s)) / 2;
    return floor(n);
}

static void profile_at(const scenario *c, double t_s, gs_site v[3], gs_profile *ret)
{
    double more = grown(c, t_s), others = fmax(0, 1000 - c->other * more);
    v[0] = (gs_site){.id = SITE, .count = (uint64_t)(c->base + more), .state = c->state};
    v[0].leaf = "shop.leak";
    v[0].entry = c->entry ? c->entry : "shop.start.func1";
    v[1] = (gs_site){.id = OTHER, .count = (uint64_t)others, .leaf = "shop.work", .entry = "shop.start.func2"};
    *ret = (gs_profile){.sites = v, .n = 2};
    ret->total = v[0].count + v[1].count;
    ret->io_wait = 10 + (uint64_t)(isnan(c->io) ? 0 : c->io * more) + (c->state == GS_STATE_IO_WAIT ? v[0].count : 0);
}

static void leaks_at(const scenario *c, double t_s, gs_track *t)
{
    static const gs_counts none;
    gs_site v[3];
    gs_profile p;
    profile_at(c, t_s, v, &p);
    v[0].count = (uint64_t)((double)v[0].count * c->leaks);
    p.n = 1;
    if (v[0].count)
        gs_track_leaks(t, &p, &none);
}

/* The first dump has goroutines 1 to n; of those the second one has the given share, and others. */
static void dump_at(const scenario *c, double t_s, gs_track *t)
{
    gs_site v[3];
    gs_profile p;
    static gs_goroutine goroutines[4000];
    profile_at(c, t_s, v, &p);
    size_t n = v[0].count < 2000 ? v[0].count : 2000, lost = t->dumps ? (size_t)((1 - c->kept) * (double)n) : 0;
    for (size_t k = 0; k < n; k++)
        goroutines[k] = (gs_goroutine){.id = lost + k + 1, .site = 0};
    p.goroutines = goroutines;
    p.n_goroutines = n;
    gs_track_dump(t, &p, (int64_t)(t_s * 1000));
}

static void run(const scenario *c)
{
    gs_track t = {0};
    gs_counts base = {0};
    enum gs_grade best = GS_GRADE_NONE;
    double at = 0;
    unsigned at_best = 0;
    gs_track_begin(&t, W, 0);
    for (int64_t ms = 0; ms < 3 * 3600 * 1000; ms += t.profiles < 3 ? 5000 : GAP) {
        double s = (double)ms / 1000;
        gs_site v[3];
        gs_profile p;
        gs_growth g;
        profile_at(c, s, v, &p);
        gs_track_profile(&t, &p, 100 + c->fds * grown(c, s), isnan(c->load) ? NAN : 5 + c->load * grown(c, s), ms);
        if (gs_track_wants_leaks(&t))
            leaks_at(c, s, &t);
        if (c->kept > 0 && gs_track_wants_dump(&t, WINDOWS, 5000, ms))
            dump_at(c, s, &t);
        gs_track_grown(&t, &p, &base, WINDOWS, &g);
        for (size_t k = 0; k < g.n; k++) {
            if (g.v[k].grade <= best)
                continue;
            assert_string_equal(g.v[k].site->id, SITE);
            best = g.v[k].grade;
            at_best = g.v[k].reasons;
            at = s;
        }
    }
    if (best != c->grade || (c->within_s > 0 && at > c->within_s) ||
        (best >= GS_GRADE_PROBABLE && at_best != c->reasons))
        fail_msg("%s: %s after %.0f s, reasons %x", c->name, gs_grade_name(best), at, at_best);
    gs_track_done(&t);
}

static void scenarios_are_graded(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(scenarios); k++)
        run(&scenarios[k]);
}

static void dumps_are_asked_for_twice(void **state)
{
    (void)state;
    gs_track t = {0};
    unsigned asked = 0;
    gs_track_begin(&t, W, 0);
    for (int64_t ms = 0; ms < 3600 * 1000; ms += GAP) {
        gs_site v[3];
        gs_profile p;
        profile_at(&scenarios[1], (double)ms / 1000, v, &p);
        gs_track_profile(&t, &p, NAN, NAN, ms);
        if (!gs_track_wants_dump(&t, WINDOWS, 5000, ms))
            continue;
        assert_true(ms >= W);
        asked++;
        dump_at(&scenarios[1], (double)ms / 1000, &t);
    }
    assert_int_equal(asked, 2);
    gs_track_done(&t);
}

static void no_dump_above_the_limit(void **state)
{
    (void)state;
    gs_track t = {0};
    gs_track_begin(&t, W, 0);
    for (int64_t ms = 0; ms < 1800 * 1000; ms += GAP) {
        gs_site v[3];
        gs_profile p;
        profile_at(&scenarios[1], (double)ms / 1000, v, &p);
        gs_track_profile(&t, &p, NAN, NAN, ms);
        assert_false(gs_track_wants_dump(&t, WINDOWS, 1000, ms));
    }
    gs_track_done(&t);
}

/* A site's counts, three profiles to a window, ended by 0; the highest grade, with and without a pool of `stays`
 * goroutines that two dumps at these windows' ends show again, of nothing else. */
static const struct {
    const char *name;
    uint64_t counts[40];
    uint64_t stays;
    unsigned dumps[2];
    enum gs_grade grade;
} runs[] = {
    {"a line", {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120}, 0, {0}, GS_GRADE_SUSPECTED},
    {"below the top of a wave that was before",
     {150, 160, 170, 20, 250, 60, 40, 252, 90, 60, 254, 130, 80, 256, 170, 100, 258, 210, 120, 260, 262},
     0,
     {0},
     GS_GRADE_NONE},
    {"the same, and it has outgrown it",
     {150, 160, 170, 20, 250, 60, 70, 252, 90, 140, 254, 150, 210, 256, 230, 280, 290, 300, 350, 360, 370},
     0,
     {0},
     GS_GRADE_SUSPECTED},
    {"chance, and then a pool that is scaled up within two windows",
     {20, 21, 22, 21, 22, 23, 22, 23, 24, 30, 50, 70, 90, 110, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129},
     0,
     {0},
     GS_GRADE_NONE},
    {"chance, and then a line below the top of before",
     {20, 21, 22, 21, 22, 23, 22, 200, 23, 60, 201, 80, 100, 202, 120, 140, 203, 160, 180, 204, 205},
     0,
     {0},
     GS_GRADE_NONE},
    {"a window that hardly rose", {10, 30, 50, 70, 90, 110, 71, 90, 115, 150}, 0, {0}, GS_GRADE_NONE},
    {"chance, and then a line",
     {20, 21, 22, 21, 22, 23, 22, 23, 24, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170},
     0,
     {0},
     GS_GRADE_SUSPECTED},
    {"a ramp that flattens, under noise that rises",
     {10, 10, 10, 10, 40, 70, 100, 130, 160, 190, 191, 192, 193, 194, 195, 196, 197, 198},
     0,
     {0},
     GS_GRADE_NONE},
    {"a window that hardly rose, and on",
     {10, 30, 50, 70, 90, 110, 72, 90, 115, 130, 150, 170, 190},
     0,
     {0},
     GS_GRADE_NONE},
    {"a fast one has no window without one more",
     {10, 10, 10, 40, 40, 40, 40, 40, 40, 80, 80, 80, 120, 120, 121},
     0,
     {0},
     GS_GRADE_NONE},
    {"dumps of a run that is over say nothing of the next one",
     {10, 20, 30, 40, 50, 60,  70,  80,  90,  100, 15,  16,  20,  30, 40,
      50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180},
     60,
     {1, 3},
     GS_GRADE_SUSPECTED},
    {"a leak that slows down to a steady pace",
     {10,  20,  30,  40,  50,  60,  70,  75,  80,  85,  89,  93,  97,  101, 105, 109, 113, 117, 121, 125,
      129, 133, 137, 141, 145, 149, 153, 157, 161, 165, 169, 173, 177, 181, 185, 189, 193, 197, 201},
     0,
     {0},
     GS_GRADE_PROBABLE},
    {"a ramp that flattens bit by bit",
     {10,  30,  50,  70,  86,  102, 118, 131, 144, 157, 167, 177,
      187, 194, 201, 208, 213, 218, 223, 226, 229, 232, 233, 234},
     0,
     {0},
     GS_GRADE_SUSPECTED},
    {"five windows, the dumps show those of the first one",
     {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150},
     60,
     {1, 3},
     GS_GRADE_PROBABLE},
    {"five windows, the dumps show what was there before",
     {50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190},
     53,
     {1, 3},
     GS_GRADE_SUSPECTED},
};

static void a_run_is_as_long_as_it_rises(void **state)
{
    (void)state;
    static gs_goroutine goroutines[512];
    for (size_t k = 0; k < GS_LEN(runs); k++) {
        gs_track t = {0};
        enum gs_grade best = GS_GRADE_NONE;
        gs_track_begin(&t, W, 0);
        for (size_t n = 0; n < GS_LEN(runs[k].counts) && runs[k].counts[n]; n++) {
            unsigned reasons;
            int64_t now = (int64_t)n * GAP;
            gs_site s = {.id = SITE, .count = runs[k].counts[n], .state = GS_STATE_MUTEX, .leaf = "", .entry = ""};
            gs_profile p = {
                .sites = &s, .n = 1, .total = 10 * s.count, .goroutines = goroutines, .n_goroutines = s.count};
            gs_track_profile(&t, &p, NAN, NAN, now);
            for (uint64_t j = 0; j < s.count; j++)
                goroutines[j] = (gs_goroutine){.id = j < runs[k].stays ? j : n * 1000 + j};
            if (runs[k].stays && (n == 3 * runs[k].dumps[0] || n == 3 * runs[k].dumps[1]))
                gs_track_dump(&t, &p, now);
            enum gs_grade grade = gs_track_grade(&t, gs_track_find(&t, SITE), WINDOWS, &reasons);
            best = grade > best ? grade : best;
        }
        if (best != runs[k].grade)
            fail_msg("%s: %s", runs[k].name, gs_grade_name(best));
        gs_track_done(&t);
    }
}

/* A site that a profile does not show has gone; one of a cut profile may only have been cut. */
static void a_site_that_is_gone_does_not_rise(void **state)
{
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        gs_track t = {0};
        gs_site v[3];
        gs_profile p;
        gs_track_begin(&t, W, 0);
        for (int64_t ms = 0; ms <= 10000; ms += 5000) {
            profile_at(&scenarios[0], (double)ms / 1000, v, &p);
            gs_track_profile(&t, &p, NAN, NAN, ms);
        }
        assert_true(gs_track_promising(&t));
        assert_true(gs_track_rises(gs_track_find(&t, SITE)));
        p = (gs_profile){.sites = v + 1, .n = 1, .total = 1000, .truncated = cut};
        gs_track_profile(&t, &p, NAN, NAN, 15000);
        assert_int_equal(gs_track_rises(gs_track_find(&t, SITE)), cut);
        gs_track_done(&t);
    }
}

/* Looked at first while many clients were there: they go, and as many come back. */
static void clients_that_come_back_are_read(void **state)
{
    (void)state;
    gs_track t = {0};
    gs_track_begin(&t, W, 0);
    for (int64_t ms = 0; ms < 1500 * 1000; ms += GAP) {
        unsigned reasons;
        uint64_t clients = ms ? (uint64_t)ms / 10000 : 100;
        gs_site s = {.id = SITE, .count = 1 + clients, .state = GS_STATE_SELECT, .leaf = ""};
        s.entry = "net/http.(*persistConn).writeLoop";
        gs_profile p = {.sites = &s, .n = 1, .total = 4 * clients, .io_wait = clients, .consumers = clients};
        gs_track_profile(&t, &p, 10 + 2.0 * (double)clients, NAN, ms);
        assert_int_equal(gs_track_grade(&t, gs_track_find(&t, SITE), WINDOWS, &reasons), GS_GRADE_NONE);
    }
    gs_track_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenarios_are_graded),
        cmocka_unit_test(dumps_are_asked_for_twice),
        cmocka_unit_test(no_dump_above_the_limit),
        cmocka_unit_test(a_run_is_as_long_as_it_rises),
        cmocka_unit_test(a_site_that_is_gone_does_not_rise),
        cmocka_unit_test(clients_that_come_back_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
