#include "core/escalate.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum event { SUSPECT, PROFILED, LISTED, FAILED, FAILED_LISTED, RESET, TRACK };

/* One story: events with their times, and what follows. due -1: no profile. */
typedef struct step {
    enum event event;
    int64_t at;
    bool began; /* of SUSPECT */
    enum gs_look look;
    int64_t due;
} step;

static void run(const char *name, const step *steps, size_t n)
{
    gs_escalation e = {0};
    assert_int_equal(gs_escalate_due(&e), -1);
    for (size_t i = 0; i < n; i++) {
        bool began = false;
        switch (steps[i].event) {
        case SUSPECT:
            began = gs_escalate_suspect(&e, 1, steps[i].at);
            break;
        case PROFILED:
        case LISTED:
            gs_escalate_profiled(&e, steps[i].event == LISTED, steps[i].at);
            break;
        case FAILED:
        case FAILED_LISTED:
            gs_escalate_failed(&e, steps[i].event == FAILED_LISTED, steps[i].at);
            break;
        case RESET:
            gs_escalate_reset(&e);
            break;
        case TRACK:
            gs_escalate_track(&e, steps[i].at);
            break;
        }
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

#define GAP GS_PROFILE_GAP_MS

static void test_stories(void **state)
{
    (void)state;
    RUN("three profiles for nothing, then a hold", {SUSPECT, 1000, true, GS_LOOK_PROFILING, 1000},
        {PROFILED, 1100, false, GS_LOOK_PROFILING, 1100 + GAP}, {SUSPECT, 2000, false, GS_LOOK_PROFILING, 1100 + GAP},
        {PROFILED, 6200, false, GS_LOOK_PROFILING, 6200 + GAP}, {PROFILED, 11300, false, GS_LOOK_HOLD, -1},
        {SUSPECT, 11300 + GS_HOLD_MS - 1, false, GS_LOOK_HOLD, -1},
        {SUSPECT, 11300 + GS_HOLD_MS, true, GS_LOOK_PROFILING, 11300 + GS_HOLD_MS},
        {PROFILED, 90000, false, GS_LOOK_PROFILING, 90000 + GAP});
    RUN("a leak: tracked until no incident lists it", {SUSPECT, 1000, true, GS_LOOK_PROFILING, 1000},
        {LISTED, 1000, false, GS_LOOK_PROFILING, 1000 + GAP}, {LISTED, 6000, false, GS_LOOK_PROFILING, 6000 + GAP},
        {LISTED, 11000, false, GS_LOOK_TRACKING, 11000 + GS_TRACK_GAP_MS},
        {SUSPECT, 12000, false, GS_LOOK_TRACKING, 26000},
        {LISTED, 26000, false, GS_LOOK_TRACKING, 26000 + GS_TRACK_GAP_MS}, {PROFILED, 41000, false, GS_LOOK_IDLE, -1},
        {SUSPECT, 42000, true, GS_LOOK_PROFILING, 42000});
    RUN("a pod that does not answer", {SUSPECT, 0, true, GS_LOOK_PROFILING, 0},
        {FAILED, 100, false, GS_LOOK_PROFILING, 100 + GAP}, {FAILED, 6000, false, GS_LOOK_PROFILING, 6000 + GAP},
        {FAILED, 12000, false, GS_LOOK_HOLD, -1}, {FAILED, 13000, false, GS_LOOK_HOLD, -1});
    RUN("an answer in between", {SUSPECT, 0, true, GS_LOOK_PROFILING, 0},
        {FAILED, 1, false, GS_LOOK_PROFILING, 1 + GAP}, {FAILED, 2, false, GS_LOOK_PROFILING, 2 + GAP},
        {PROFILED, 3, false, GS_LOOK_PROFILING, 3 + GAP}, {FAILED, 4, false, GS_LOOK_PROFILING, 4 + GAP},
        {FAILED, 5, false, GS_LOOK_PROFILING, 5 + GAP}, {FAILED, 6, false, GS_LOOK_HOLD, -1});
    RUN("a listed pod is asked for ever", {TRACK, 100, false, GS_LOOK_TRACKING, 100},
        {FAILED_LISTED, 200, false, GS_LOOK_TRACKING, 200 + GS_TRACK_GAP_MS},
        {FAILED_LISTED, 300, false, GS_LOOK_TRACKING, 300 + GS_TRACK_GAP_MS},
        {FAILED_LISTED, 400, false, GS_LOOK_TRACKING, 400 + GS_TRACK_GAP_MS},
        {FAILED_LISTED, 500, false, GS_LOOK_TRACKING, 500 + GS_TRACK_GAP_MS});
    RUN("the regular profile of an idle pod", {PROFILED, 100, false, GS_LOOK_IDLE, -1},
        {FAILED, 200, false, GS_LOOK_IDLE, -1}, {LISTED, 300, false, GS_LOOK_TRACKING, 300 + GS_TRACK_GAP_MS});
    RUN("a new process", {SUSPECT, 100, true, GS_LOOK_PROFILING, 100}, {RESET, 200, false, GS_LOOK_IDLE, -1},
        {SUSPECT, 300, true, GS_LOOK_PROFILING, 300});
}

/* What was suspected is gathered while it is looked into, and forgotten afterwards. */
static void test_rules(void **state)
{
    (void)state;
    gs_escalation e = {0};
    (void)gs_escalate_suspect(&e, 1, 0);
    (void)gs_escalate_suspect(&e, 4, 1);
    assert_int_equal(e.rules, 5);
    for (int i = 0; i < GS_PROFILES_ON_SUSPICION; i++)
        gs_escalate_profiled(&e, false, i);
    (void)gs_escalate_suspect(&e, 2, 10 + GS_HOLD_MS);
    assert_int_equal(e.rules, 2);
    assert_int_equal(e.taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stories), cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
