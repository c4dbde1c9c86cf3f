#include "core/escalate.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum event { SUSPECT, PROFILED, RISES, LISTED, FAILED, FAILED_LISTED, RESET, TRACK };

/* One story: events with their times, and what follows. due -1: no profile. */
typedef struct step {
    enum event event;
    int64_t at;
    bool began; /* of SUSPECT */
    enum gs_look look;
    int64_t due;
} step;

/* Numbers that cannot be mistaken for each other. */
static const gs_pace pace = {.profiling = 5000, .watching = 40000, .tracking = 15000, .hold = 60000};
#define PROFILING 5000
#define WATCHING 40000
#define TRACKING 15000
#define HOLD 60000

static bool happens(gs_escalation *e, const step *s)
{
    static const enum gs_prospect prospects[] = {[PROFILED] = GS_PROSPECT_NONE,
                                                 [RISES] = GS_PROSPECT_RISES,
                                                 [LISTED] = GS_PROSPECT_LISTED,
                                                 [FAILED] = GS_PROSPECT_NONE,
                                                 [FAILED_LISTED] = GS_PROSPECT_LISTED};
    switch (s->event) {
    case SUSPECT:
        return gs_escalate_suspect(e, 1, 100, s->at);
    case PROFILED:
    case RISES:
    case LISTED:
        gs_escalate_profiled(e, prospects[s->event], 100, &pace, s->at);
        break;
    case FAILED:
    case FAILED_LISTED:
        gs_escalate_failed(e, prospects[s->event], &pace, s->at);
        break;
    case RESET:
        gs_escalate_reset(e);
        break;
    case TRACK:
        gs_escalate_track(e, s->at);
        break;
    }
    return false;
}

static void run(const char *name, const step *steps, size_t n)
{
    gs_escalation e = {0};
    assert_int_equal(gs_escalate_due(&e), -1);
    for (size_t i = 0; i < n; i++) {
        bool began = happens(&e, &steps[i]);
        if (began != steps[i].began || e.look != steps[i].look || gs_escalate_due(&e) != steps[i].due)
            fail_msg("%s, step %zu: began %d, look %d, due %lld", name, i, began, (int)e.look,
                     (long long)gs_escalate_due(&e));
    }
}

#define RUN(name, ...)                                                                                                 \
    do {                                                                                                               \
        static const step steps_[] = {__VA_ARGS__};                                                                    \
        run(name, steps_, GS_LEN(steps_));                                                                             \
    } while (0)

static void test_stories(void **state)
{
    (void)state;
    RUN("three profiles for nothing, then a hold", {SUSPECT, 1000, true, GS_LOOK_PROFILING, 1000},
        {PROFILED, 1100, false, GS_LOOK_PROFILING, 1100 + PROFILING},
        {SUSPECT, 2000, false, GS_LOOK_PROFILING, 1100 + PROFILING},
        {PROFILED, 6200, false, GS_LOOK_PROFILING, 6200 + PROFILING}, {PROFILED, 11300, false, GS_LOOK_HOLD, -1},
        {SUSPECT, 11300 + HOLD - 1, false, GS_LOOK_HOLD, -1},
        {SUSPECT, 11300 + HOLD, true, GS_LOOK_PROFILING, 11300 + HOLD},
        {PROFILED, 90000, false, GS_LOOK_PROFILING, 90000 + PROFILING});
    RUN("a leak that is named at once: tracked until no incident lists it",
        {SUSPECT, 1000, true, GS_LOOK_PROFILING, 1000}, {LISTED, 1000, false, GS_LOOK_PROFILING, 1000 + PROFILING},
        {LISTED, 6000, false, GS_LOOK_PROFILING, 6000 + PROFILING},
        {LISTED, 11000, false, GS_LOOK_TRACKING, 11000 + TRACKING}, {SUSPECT, 12000, false, GS_LOOK_TRACKING, 26000},
        {LISTED, 26000, false, GS_LOOK_TRACKING, 26000 + TRACKING}, {RISES, 41000, false, GS_LOOK_IDLE, -1},
        {SUSPECT, 42000, true, GS_LOOK_PROFILING, 42000});
    RUN("something rises: watched until it does not", {SUSPECT, 0, true, GS_LOOK_PROFILING, 0},
        {RISES, 0, false, GS_LOOK_PROFILING, PROFILING}, {PROFILED, 5000, false, GS_LOOK_PROFILING, 5000 + PROFILING},
        {RISES, 10000, false, GS_LOOK_WATCHING, 10000 + WATCHING},
        {SUSPECT, 20000, false, GS_LOOK_WATCHING, 10000 + WATCHING},
        {RISES, 50000, false, GS_LOOK_WATCHING, 50000 + WATCHING}, {PROFILED, 90000, false, GS_LOOK_HOLD, -1},
        {SUSPECT, 90000 + HOLD, true, GS_LOOK_PROFILING, 90000 + HOLD});
    RUN("watched until an incident lists it", {SUSPECT, 0, true, GS_LOOK_PROFILING, 0},
        {RISES, 0, false, GS_LOOK_PROFILING, PROFILING}, {RISES, 5000, false, GS_LOOK_PROFILING, 5000 + PROFILING},
        {RISES, 10000, false, GS_LOOK_WATCHING, 10000 + WATCHING},
        {LISTED, 50000, false, GS_LOOK_TRACKING, 50000 + TRACKING},
        {LISTED, 65000, false, GS_LOOK_TRACKING, 65000 + TRACKING});
    RUN("a pod that does not answer", {SUSPECT, 0, true, GS_LOOK_PROFILING, 0},
        {FAILED, 100, false, GS_LOOK_PROFILING, 100 + PROFILING},
        {FAILED, 6000, false, GS_LOOK_PROFILING, 6000 + PROFILING}, {FAILED, 12000, false, GS_LOOK_HOLD, -1},
        {FAILED, 13000, false, GS_LOOK_HOLD, -1});
    RUN("an answer in between", {SUSPECT, 0, true, GS_LOOK_PROFILING, 0},
        {FAILED, 1, false, GS_LOOK_PROFILING, 1 + PROFILING}, {FAILED, 2, false, GS_LOOK_PROFILING, 2 + PROFILING},
        {PROFILED, 3, false, GS_LOOK_PROFILING, 3 + PROFILING}, {FAILED, 4, false, GS_LOOK_PROFILING, 4 + PROFILING},
        {FAILED, 5, false, GS_LOOK_PROFILING, 5 + PROFILING}, {FAILED, 6, false, GS_LOOK_HOLD, -1});
    RUN("a watched pod that does not answer once", {SUSPECT, 0, true, GS_LOOK_PROFILING, 0},
        {RISES, 0, false, GS_LOOK_PROFILING, PROFILING}, {RISES, 1, false, GS_LOOK_PROFILING, 1 + PROFILING},
        {RISES, 2, false, GS_LOOK_WATCHING, 2 + WATCHING}, {FAILED, 3, false, GS_LOOK_WATCHING, 3 + PROFILING},
        {RISES, 4, false, GS_LOOK_WATCHING, 4 + WATCHING});
    RUN("a listed pod is asked for ever", {TRACK, 100, false, GS_LOOK_TRACKING, 100},
        {FAILED_LISTED, 200, false, GS_LOOK_TRACKING, 200 + TRACKING},
        {FAILED_LISTED, 300, false, GS_LOOK_TRACKING, 300 + TRACKING},
        {FAILED_LISTED, 400, false, GS_LOOK_TRACKING, 400 + TRACKING},
        {FAILED_LISTED, 500, false, GS_LOOK_TRACKING, 500 + TRACKING});
    RUN("a new process", {SUSPECT, 100, true, GS_LOOK_PROFILING, 100}, {RESET, 200, false, GS_LOOK_IDLE, -1},
        {SUSPECT, 300, true, GS_LOOK_PROFILING, 300});
}

/* What was suspected is gathered while it is looked into, and forgotten afterwards. */
static void test_rules(void **state)
{
    (void)state;
    gs_escalation e = {0};
    (void)gs_escalate_suspect(&e, 1, 100, 0);
    (void)gs_escalate_suspect(&e, 4, 100, 1);
    assert_int_equal(e.rules, 5);
    for (int i = 0; i < GS_PROFILES_ON_SUSPICION; i++)
        gs_escalate_profiled(&e, GS_PROSPECT_NONE, 100, &pace, i);
    (void)gs_escalate_suspect(&e, 2, 100, 10 + HOLD);
    assert_int_equal(e.rules, 2);
    assert_int_equal(e.taken, 0);
}

/* Seconds: the sampling interval, a floor window, and the gaps that follow. */
static void test_pace(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double interval, window, profiling, watching, tracking, hold;
    } cases[] = {
        {"the defaults", 5, 120, 5, 40, 15, 60},
        {"short windows", 1, 8, 1, 8.0 / 3, 8.0 / 3, 4},
        {"windows as short as the samples", 1, 1, 1, 1, 1, 1},
        {"long windows", 5, 3600, 5, 1200, 15, 60},
        {"samples far apart", 30, 120, 30, 40, 30, 60},
        {"samples a window apart", 120, 120, 120, 120, 120, 120},
        {"samples that are far apart, in long windows", 300, 3600, 300, 1200, 300, 300},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_pace p = gs_pace_of((int64_t)(cases[k].interval * 1000), (int64_t)(cases[k].window * 1000));
        const int64_t want[] = {(int64_t)(cases[k].profiling * 1000), (int64_t)(cases[k].watching * 1000),
                                (int64_t)(cases[k].tracking * 1000), (int64_t)(cases[k].hold * 1000)};
        const int64_t got[] = {p.profiling, p.watching, p.tracking, p.hold};
        for (size_t i = 0; i < GS_LEN(want); i++)
            if (got[i] != want[i])
                fail_msg("%s, gap %zu: %lld ms, not %lld", cases[k].name, i, (long long)got[i], (long long)want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
