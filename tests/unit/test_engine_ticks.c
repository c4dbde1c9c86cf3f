#include "engine/ticks.h"

#include "base/rng.h"
#include "engine_world.h"

#define N 300

static void empty_heap(void **state)
{
    (void)state;
    gs_ticks h = {0};
    gs_tick t = {0};
    assert_int_equal(gs_ticks_next(&h), -1);
    assert_null(gs_tick_pop(&h, INT64_MAX));
    gs_tick_stop(&h, &t); /* was never set */
    gs_tick_set(&h, &t, 5);
    assert_int_equal(gs_ticks_next(&h), 5);
    assert_null(gs_tick_pop(&h, 4));
    assert_ptr_equal(gs_tick_pop(&h, 5), &t);
    assert_int_equal(t.pos, 0);
    assert_int_equal(gs_ticks_next(&h), -1);
    gs_ticks_done(&h);
}

static int64_t earliest(const int64_t *at)
{
    int64_t min = -1;
    for (size_t k = 0; k < N; k++)
        if (at[k] >= 0 && (min < 0 || at[k] < min))
            min = at[k];
    return min;
}

/* Against an array that is searched: random sets, moves, stops and pops. */
static void agrees_with_a_list(void **state)
{
    (void)state;
    gs_ticks h = {0};
    gs_rng rng = {.state = 7};
    static gs_tick ticks[N];
    static int64_t at[N]; /* -1: not set */
    for (size_t k = 0; k < N; k++)
        at[k] = -1;
    for (int op = 0; op < 20000; op++) {
        size_t k = (size_t)gs_rng_below(&rng, N);
        int64_t when = (int64_t)gs_rng_below(&rng, 500);
        switch (gs_rng_below(&rng, 4)) {
        case 0:
        case 1:
            gs_tick_set(&h, &ticks[k], at[k] = when);
            break;
        case 2:
            gs_tick_stop(&h, &ticks[k]);
            at[k] = -1;
            break;
        default: {
            int64_t min = earliest(at);
            gs_tick *t = gs_tick_pop(&h, when);
            assert_int_equal(t != NULL, min >= 0 && min <= when);
            if (t) {
                assert_int_equal(t->at_ms, min);
                assert_int_equal(at[t - ticks], min);
                at[t - ticks] = -1;
            }
        }
        }
        assert_int_equal(gs_ticks_next(&h), earliest(at));
    }
    for (size_t pos = 1; pos <= h.n; pos++) {
        assert_int_equal(h.v[pos]->pos, pos);
        assert_true(pos == 1 || h.v[pos / 2]->at_ms <= h.v[pos]->at_ms);
    }
    int64_t last = -1;
    for (gs_tick *t; (t = gs_tick_pop(&h, INT64_MAX)); last = t->at_ms)
        assert_true(t->at_ms >= last);
    assert_int_equal(h.n, 0);
    gs_ticks_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(empty_heap), cmocka_unit_test(agrees_with_a_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
