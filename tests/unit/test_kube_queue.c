/* The queue of keys: once each, never twice at a time, again after a change. Real time, in milliseconds. */
#include "base/mem.h"
#include "kube/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct got {
    gs_loop *loop;
    gs_kube_queue *q;
    char log[512];
    int running, most;
    bool at_once;      /* done within process */
    const char *again; /* added once while it is worked on */
    int64_t last_ms;
    int64_t queued_ms, worked_ms; /* of the key that was done last */
};

static void process(void *ctx, const char *key)
{
    struct got *g = ctx;
    size_t n = strlen(g->log);
    gs_clock clock = gs_clock_system();
    (void)snprintf(g->log + n, sizeof g->log - n, "%s ", key);
    g->last_ms = gs_mono(&clock);
    if (++g->running > g->most)
        g->most = g->running;
    if (g->again && strcmp(g->again, key) == 0) {
        g->again = NULL;
        gs_kube_queue_add(g->q, key);
        gs_kube_queue_add(g->q, key);
    }
    if (g->at_once) {
        g->running--;
        gs_kube_queue_done(g->q, key);
    }
}

static void measure(void *ctx, int64_t queued_ms, int64_t worked_ms)
{
    struct got *g = ctx;
    g->queued_ms = queued_ms;
    g->worked_ms = worked_ms;
}

static void finish(struct got *g, const char *key)
{
    g->running--;
    gs_kube_queue_done(g->q, key);
}

static void stop(void *ctx)
{
    gs_loop_stop(ctx);
}

static void run_for(struct got *g, int64_t ms)
{
    gs_cleanup(gs_timer_free) gs_timer *t = gs_timer_new(g->loop, stop, g->loop);
    gs_timer_set(t, ms);
    gs_loop_run(g->loop);
}

static void setup(struct got *g, unsigned concurrent, bool at_once)
{
    *g = (struct got){.at_once = at_once};
    assert_int_equal(gs_loop_new(&g->loop, NULL), 0);
    gs_kube_queue_options o = {
        .concurrent = concurrent, .first_ms = 40, .max_ms = 160, .process = process, .on_done = measure, .ctx = g};
    g->q = gs_kube_queue_new(g->loop, &o);
}

static void teardown(struct got *g)
{
    gs_kube_queue_free(g->q);
    gs_loop_free(g->loop);
}

static void once_each_in_order(void **state)
{
    (void)state;
    struct got g;
    setup(&g, 1, true);
    gs_kube_queue_add(g.q, "a");
    gs_kube_queue_add(g.q, "b");
    gs_kube_queue_add(g.q, "a");
    gs_kube_queue_add(g.q, "c");
    assert_string_equal(g.log, ""); /* never from within add */
    assert_int_equal(gs_kube_queue_get_stats(g.q).depth, 3);
    run_for(&g, 20);
    assert_string_equal(g.log, "a b c ");
    gs_kube_queue_stats s = gs_kube_queue_get_stats(g.q);
    assert_int_equal(s.adds, 4);
    assert_int_equal(s.processed, 3);
    assert_int_equal(s.depth + s.delayed + s.processing, 0);
    teardown(&g);
}

static void again_after_a_change(void **state)
{
    (void)state;
    struct got g;
    setup(&g, 2, false);
    g.again = "a";
    gs_kube_queue_add(g.q, "a");
    run_for(&g, 10);
    assert_string_equal(g.log, "a "); /* added twice meanwhile, but not worked on twice at a time */
    gs_kube_queue_add(g.q, "b");
    gs_kube_queue_add(g.q, "c");
    run_for(&g, 10);
    assert_string_equal(g.log, "a b ");
    assert_int_equal(g.most, 2);
    finish(&g, "b");
    finish(&g, "x"); /* unknown: ignored */
    g.running++;
    run_for(&g, 10);
    assert_string_equal(g.log, "a b c ");
    finish(&g, "a");
    run_for(&g, 10);
    assert_string_equal(g.log, "a b c a ");
    finish(&g, "a");
    finish(&g, "c");
    run_for(&g, 10);
    assert_string_equal(g.log, "a b c a ");
    assert_int_equal(gs_kube_queue_get_stats(g.q).processed, 4);
    teardown(&g);
}

static int64_t told_ms;

static int64_t told(void *ctx)
{
    (void)ctx;
    return told_ms;
}

/* On a clock of the test's. */
static void how_long(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t after_ms, queued_ms, worked_ms; /* after: it is done, since the one before */
    } keys[] = {{"a", 70, 0, 70}, {"b", 5, 70, 5}, {"a", 9, 5, 9}};
    struct got g = {0};
    gs_clock clock = {told, told, NULL};
    assert_int_equal(gs_loop_new(&g.loop, NULL), 0);
    g.q = gs_kube_queue_new(
        g.loop, &(gs_kube_queue_options){.process = process, .on_done = measure, .ctx = &g, .clock = &clock});
    gs_kube_queue_add(g.q, "a");
    gs_kube_queue_add(g.q, "b");
    run_for(&g, 10);
    gs_kube_queue_add(g.q, "a"); /* again: its wait begins once it is done */
    for (size_t k = 0; k < GS_LEN(keys); k++) {
        told_ms += keys[k].after_ms;
        finish(&g, keys[k].key);
        assert_int_equal(g.queued_ms, keys[k].queued_ms);
        assert_int_equal(g.worked_ms, keys[k].worked_ms);
        run_for(&g, 10);
    }
    assert_string_equal(g.log, "a b a ");
    teardown(&g);
}

static void delays(void **state)
{
    (void)state;
    struct got g;
    setup(&g, 1, true);
    gs_kube_queue_add_after(g.q, "late", 150);
    gs_kube_queue_add_after(g.q, "soon", 40);
    gs_kube_queue_add_after(g.q, "soon", 90); /* later: the earlier one counts */
    gs_kube_queue_add_after(g.q, "late", 80); /* earlier: this one */
    gs_kube_queue_add_after(g.q, "now", 0);
    gs_kube_queue_add_after(g.q, "both", 60);
    gs_kube_queue_add(g.q, "both"); /* and the delay stays */
    run_for(&g, 10);
    assert_string_equal(g.log, "now both ");
    assert_int_equal(gs_kube_queue_get_stats(g.q).delayed, 3);
    run_for(&g, 300);
    assert_string_equal(g.log, "now both soon both late ");
    teardown(&g);
}

static void many_delays_come_in_order(void **state)
{
    (void)state;
    struct got g;
    setup(&g, 1, true);
    static const int order[] = {7, 3, 9, 1, 8, 2, 6, 4, 5};
    for (size_t i = 0; i < GS_LEN(order); i++) {
        char key[2] = {(char)('0' + order[i]), 0};
        gs_kube_queue_add_after(g.q, key, order[i] * 10);
    }
    run_for(&g, 200);
    assert_string_equal(g.log, "1 2 3 4 5 6 7 8 9 ");
    teardown(&g);
}

static void backoff_doubles_until_forgotten(void **state)
{
    (void)state;
    static const struct {
        int64_t min, max;
    } delays_ms[] = {{20, 40}, {40, 80}, {80, 160}, {80, 160}};
    struct got g;
    gs_clock clock = gs_clock_system();
    setup(&g, 1, true);
    for (size_t i = 0; i < GS_LEN(delays_ms); i++) {
        int64_t from = gs_mono(&clock);
        gs_kube_queue_add_rate_limited(g.q, "a");
        run_for(&g, delays_ms[i].max + 60);
        if (g.last_ms - from < delays_ms[i].min || g.last_ms - from > delays_ms[i].max + 50)
            fail_msg("%zu: %lld ms", i, (long long)(g.last_ms - from));
    }
    gs_kube_queue_forget(g.q, "a");
    gs_kube_queue_forget(g.q, "never seen");
    int64_t from = gs_mono(&clock);
    gs_kube_queue_add_rate_limited(g.q, "a");
    run_for(&g, 100);
    assert_in_range(g.last_ms - from, 20, 90);
    assert_int_equal(gs_kube_queue_get_stats(g.q).retries, 5);
    teardown(&g);
}

static void paused(void **state)
{
    (void)state;
    struct got g;
    setup(&g, 1, true);
    gs_kube_queue_pause(g.q, true);
    gs_kube_queue_add(g.q, "a");
    gs_kube_queue_add_after(g.q, "b", 10);
    run_for(&g, 40);
    assert_string_equal(g.log, "");
    assert_int_equal(gs_kube_queue_get_stats(g.q).depth, 2);
    gs_kube_queue_pause(g.q, false);
    run_for(&g, 20);
    assert_string_equal(g.log, "a b ");
    teardown(&g);
}

static void a_thousand_keys(void **state)
{
    (void)state;
    struct got g;
    setup(&g, 4, true);
    g.log[0] = 0;
    for (int i = 0; i < 1000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        gs_kube_queue_add(g.q, key);
        gs_kube_queue_add_after(g.q, key, 5 + i % 7);
    }
    for (int k = 0; k < 100 && gs_kube_queue_get_stats(g.q).processed < 2000; k++)
        run_for(&g, 100);
    assert_int_equal(gs_kube_queue_get_stats(g.q).processed, 2000);
    teardown(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_each_in_order),
        cmocka_unit_test(again_after_a_change),
        cmocka_unit_test(how_long),
        cmocka_unit_test(delays),
        cmocka_unit_test(many_delays_come_in_order),
        cmocka_unit_test(backoff_doubles_until_forgotten),
        cmocka_unit_test(paused),
        cmocka_unit_test(a_thousand_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
