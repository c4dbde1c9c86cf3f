#include "base/cleanup.h"
#include "base/repeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE 60000

static void growing_intervals(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        enum gs_kind kind; /* GS_OK: it went well */
        int status;
        bool told;
        const char *times;
    } steps[] = {
        {0, GS_OK, 0, false, NULL},
        {1000, GS_TRANSIENT, 503, true, "1"},
        {2000, GS_TRANSIENT, 503, false, NULL},
        {60999, GS_TRANSIENT, 503, false, NULL},
        {61000, GS_TRANSIENT, 503, true, "4"},            /* after one minute */
        {62000 + MINUTE, GS_TRANSIENT, 503, false, NULL}, /* then after two */
        {61000 + 2 * MINUTE, GS_TRANSIENT, 503, true, "6"},
        {200000, GS_REFUSED, 403, true, "1"}, /* another one: at once */
        {201000, GS_REFUSED, 401, true, "1"},
        {202000, GS_REFUSED, 401, false, NULL},
        {203000, GS_OK, 0, true, NULL},
        {204000, GS_OK, 0, false, NULL},
        {205000, GS_REFUSED, 401, true, "1"}, /* anew */
    };
    gs_repeat r = {0};
    for (size_t i = 0; i < GS_LEN(steps); i++) {
        gs_error err = {.kind = steps[i].kind, .status = steps[i].status};
        bool told = err.kind == GS_OK ? gs_repeat_over(&r) : gs_repeat_tell(&r, &err, steps[i].at);
        if (told != steps[i].told || (steps[i].times && strcmp(steps[i].times, r.times) != 0))
            fail_msg("step %zu: %d, %s times", i, told, r.times);
    }
}

static void at_least_hourly(void **state)
{
    (void)state;
    gs_repeat r = {0};
    gs_error err = {.kind = GS_TRANSIENT};
    int64_t last = 0, longest = 0;
    int told = 0;
    for (int64_t at = 0; at < 24LL * 60 * MINUTE; at += 30000)
        if (gs_repeat_tell(&r, &err, at)) {
            longest = at - last > longest ? at - last : longest;
            last = at;
            told++;
        }
    assert_int_equal(longest, GS_REPEAT_MAX_MS);
    assert_int_equal(told, 29); /* at 0, 1, 3, 7, 15, 31 minutes, and then hourly */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(growing_intervals), cmocka_unit_test(at_least_hourly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
