/* Timers, posts from other threads, signals. */
#include "base/clock.h"
#include "base/mem.h"
#include "io/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static gs_loop *loop;

static int setup(void **state)
{
    gs_error err;
    (void)state;
    return gs_loop_new(&loop, &err);
}

static int teardown(void **state)
{
    (void)state;
    gs_loop_free(loop);
    return 0;
}

static int64_t now_ms(void)
{
    gs_clock c = gs_clock_system();
    return gs_mono(&c);
}

static void stop(void *ctx)
{
    gs_loop_stop(ctx);
}

static void test_stop_before_run(void **state)
{
    (void)state;
    gs_loop_stop(loop);
    gs_loop_run(loop); /* returns */
    gs_loop_post(loop, stop, loop);
    gs_loop_run(loop); /* and the earlier stop is used up */
}

struct order {
    int next, wrong, wanted;
};

struct numbered {
    struct order *order;
    int thread, i;
};

static int last_of[4];

static void take_numbered(void *ctx)
{
    struct numbered *n = ctx;
    n->order->wrong += n->i != last_of[n->thread]++;
    if (++n->order->next == n->order->wanted)
        gs_loop_stop(loop);
    free(n);
}

#define POSTS 2000
static struct order order;

static void *post_many(void *ctx)
{
    for (int i = 0; i < POSTS; i++) {
        struct numbered *n = gs_alloc(sizeof *n);
        *n = (struct numbered){&order, (int)(intptr_t)ctx, i};
        gs_loop_post(loop, take_numbered, n);
    }
    return NULL;
}

static void test_posts_keep_order(void **state)
{
    pthread_t threads[4];
    (void)state;
    order = (struct order){.wanted = 4 * POSTS};
    for (intptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
    gs_loop_run(loop);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(order.next, 4 * POSTS);
    assert_int_equal(order.wrong, 0);
}

static void count(void *ctx)
{
    ++*(int *)ctx;
}

/* A post made before a stop still runs, one made by a posted function does, too, but in a round of its own.
 */
static int nested;
static void post_nested(void *ctx)
{
    gs_loop_post(loop, count, ctx);
    gs_loop_post(loop, stop, loop);
}

static void test_posts_from_posts(void **state)
{
    (void)state;
    nested = 0;
    gs_loop_post(loop, post_nested, &nested);
    gs_loop_run(loop);
    assert_int_equal(nested, 1);
}

static void test_posts_before_a_stop_run(void **state)
{
    int n = 0;
    (void)state;
    gs_loop_post(loop, count, &n);
    gs_loop_stop(loop);
    gs_loop_run(loop);
    assert_int_equal(n, 1);
}

static void test_unrun_posts_are_dropped(void **state)
{
    gs_loop *l = NULL;
    gs_error err;
    int n = 0;
    (void)state;
    assert_int_equal(gs_loop_new(&l, &err), 0);
    gs_loop_post(l, count, &n);
    gs_loop_free(l);
    assert_int_equal(n, 0);
}

struct fired {
    int at[8], n, stop_at;
    int64_t when[8];
};

struct shot {
    struct fired *fired;
    int id;
    gs_timer *timer;
    int repeat;
    bool free_self;
};

static void on_shot(void *ctx)
{
    struct shot *s = ctx;
    struct fired *f = s->fired;
    if (f->n < 8) {
        f->at[f->n] = s->id;
        f->when[f->n++] = now_ms();
    }
    if (s->repeat-- > 0)
        gs_timer_set(s->timer, 20);
    else if (s->free_self)
        gs_timer_free(gs_take(s->timer));
    if (f->n == f->stop_at)
        gs_loop_stop(loop);
}

static void test_timers_fire_in_order_and_never_early(void **state)
{
    static const int delays[] = {60, 20, 40, 0, -5};
    static const int expected[] = {3, 4, 1, 2, 0};
    struct fired f = {.stop_at = 5};
    struct shot shots[5];
    int64_t start = now_ms();
    (void)state;
    for (int i = 0; i < 5; i++) {
        shots[i] = (struct shot){.fired = &f, .id = i};
        shots[i].timer = gs_timer_new(loop, on_shot, &shots[i]);
        gs_timer_set(shots[i].timer, delays[i]);
    }
    gs_loop_run(loop);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(f.at[i], expected[i]);
        assert_true(f.when[i] - start >= delays[expected[i]]);
        assert_true(f.when[i] - start < 2000);
        gs_timer_free(shots[i].timer);
    }
}

/* Time that a callback spends must not make the timer that it sets then come early, when something else wakes
 * the loop. */
static void set_after_work(void *ctx)
{
    struct shot *s = ctx;
    (void)usleep(40000);
    s->fired->when[7] = now_ms();
    gs_timer_set(s->timer, 30);
    gs_loop_post(loop, count, &nested);
}

static void test_timer_set_late_in_a_round(void **state)
{
    struct fired f = {.stop_at = 1};
    struct shot s = {.fired = &f};
    (void)state;
    s.timer = gs_timer_new(loop, on_shot, &s);
    gs_loop_post(loop, set_after_work, &s);
    gs_loop_run(loop);
    assert_true(f.when[0] - f.when[7] >= 30);
    gs_timer_free(s.timer);
}

static void test_timer_moves_stops_repeats_and_frees_itself(void **state)
{
    struct fired f = {.stop_at = 4};
    struct shot moved = {.fired = &f, .id = 1}, stopped = {.fired = &f, .id = 2},
                repeats = {.fired = &f, .id = 3, .repeat = 2, .free_self = true};
    (void)state;
    moved.timer = gs_timer_new(loop, on_shot, &moved);
    stopped.timer = gs_timer_new(loop, on_shot, &stopped);
    repeats.timer = gs_timer_new(loop, on_shot, &repeats);
    gs_timer_set(moved.timer, 1);
    gs_timer_set(moved.timer, 120);
    gs_timer_set(stopped.timer, 5);
    gs_timer_stop(stopped.timer);
    gs_timer_set(repeats.timer, 5);
    gs_loop_run(loop);
    for (int i = 0; i < 4; i++)
        assert_int_equal(f.at[i], i < 3 ? 3 : 1);
    assert_null(repeats.timer);
    gs_timer_free(moved.timer);
    gs_timer_free(stopped.timer);
    gs_timer_free(NULL);
}

static int got_signal;
static void on_signal(void *ctx, int signo)
{
    got_signal = signo;
    gs_loop_stop(ctx);
}

static void raise_usr1(void *ctx)
{
    (void)ctx;
    (void)kill(getpid(), SIGUSR1);
}

static void test_signal(void **state)
{
    gs_error err;
    (void)state;
    assert_int_equal(gs_loop_on_signal(loop, SIGUSR1, on_signal, loop, &err), 0);
    gs_loop_post(loop, raise_usr1, NULL);
    gs_loop_run(loop);
    assert_int_equal(got_signal, SIGUSR1);
    assert_true(gs_loop_on_signal(loop, SIGKILL, on_signal, loop, &err) < 0);
    assert_non_null(strstr(err.msg, "signal 9"));
}

static void test_broken_pipe_is_an_error_only(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    (void)close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_before_run),
        cmocka_unit_test(test_posts_keep_order),
        cmocka_unit_test(test_posts_from_posts),
        cmocka_unit_test(test_posts_before_a_stop_run),
        cmocka_unit_test(test_unrun_posts_are_dropped),
        cmocka_unit_test(test_timers_fire_in_order_and_never_early),
        cmocka_unit_test(test_timer_set_late_in_a_round),
        cmocka_unit_test(test_timer_moves_stops_repeats_and_frees_itself),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_broken_pipe_is_an_error_only),
    };
    return cmocka_run_group_tests_name("io/loop", tests, setup, teardown);
}
