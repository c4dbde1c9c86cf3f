/* The worker pool: every job's done exactly once, on the loop thread, whatever happens to the pool. */
#include "base/mem.h"
#include "io/workers.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static gs_loop *loop;
static pthread_t loop_thread;

static int setup(void **state)
{
    gs_error err;
    (void)state;
    loop_thread = pthread_self();
    return gs_loop_new(&loop, &err);
}

static int teardown(void **state)
{
    (void)state;
    gs_loop_free(loop);
    return 0;
}

struct run {
    gs_workers *workers;
    int done, cancelled, stop_at, elsewhere;
    bool free_pool;
    atomic_int ran;
};

struct job {
    struct run *run;
    int input, output, hold_ms;
    bool on_loop_thread, signals_blocked;
    char thread_name[16];
};

static void work(void *arg)
{
    struct job *j = arg;
    sigset_t blocked;
    if (j->hold_ms)
        (void)usleep((unsigned)j->hold_ms * 1000);
    j->output = j->input * 2;
    j->on_loop_thread = pthread_equal(pthread_self(), loop_thread);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    j->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT);
    (void)pthread_getname_np(pthread_self(), j->thread_name, sizeof j->thread_name);
    atomic_fetch_add(&j->run->ran, 1);
}

static void done(void *arg, bool cancelled)
{
    struct job *j = arg;
    struct run *r = j->run;
    r->elsewhere += !pthread_equal(pthread_self(), loop_thread);
    r->cancelled += cancelled;
    r->done++;
    if (!cancelled) {
        assert_int_equal(j->output, j->input * 2);
        assert_false(j->on_loop_thread);
        assert_true(j->signals_blocked);
        assert_memory_equal(j->thread_name, "gostat-work-", 12);
    }
    free(j);
    if (r->free_pool)
        gs_workers_free(gs_take(r->workers));
    if (r->done == r->stop_at)
        gs_loop_stop(loop);
}

static int submit(struct run *r, int input, int hold_ms, gs_error *err)
{
    struct job *j = gs_alloc(sizeof *j);
    *j = (struct job){.run = r, .input = input, .hold_ms = hold_ms};
    int rc = gs_workers_submit(r->workers, work, done, j, err);
    if (rc)
        free(j); /* still ours */
    return rc;
}

static void too_late(void *ctx)
{
    (void)ctx;
    (void)fputs("the jobs did not end within 20 s\n", stderr);
    abort();
}

static void run_loop(void)
{
    gs_cleanup(gs_timer_free) gs_timer *guard = gs_timer_new(loop, too_late, NULL);
    gs_timer_set(guard, 20000);
    gs_loop_run(loop);
}

static void test_every_job_once(void **state)
{
    static const unsigned threads[] = {1, 2, 16};
    (void)state;
    for (size_t i = 0; i < GS_LEN(threads); i++) {
        struct run r = {.stop_at = 1000};
        gs_error err;
        assert_int_equal(gs_workers_new(loop, threads[i], 1000, &r.workers, &err), 0);
        for (int k = 0; k < 1000; k++)
            assert_int_equal(submit(&r, k, 0, &err), 0);
        assert_int_equal(r.done, 0);
        run_loop();
        gs_workers_free(r.workers);
        assert_int_equal(r.done, 1000);
        assert_int_equal(r.ran, 1000);
        assert_int_equal(r.cancelled + r.elsewhere, 0);
    }
}

static void test_bad_thread_counts(void **state)
{
    static const unsigned threads[] = {0, 17, 1000000};
    (void)state;
    for (size_t i = 0; i < GS_LEN(threads); i++) {
        gs_workers *w = NULL;
        gs_error err;
        assert_int_equal(gs_workers_new(loop, threads[i], 1, &w, &err), -GS_TERMINAL);
        assert_non_null(strstr(err.msg, "1..16"));
        assert_null(w);
    }
    gs_workers_free(NULL);
}

static void test_full_queue(void **state)
{
    struct run r = {0};
    gs_error err = {0};
    (void)state;
    assert_int_equal(gs_workers_new(loop, 1, 2, &r.workers, &err), 0);
    assert_int_equal(submit(&r, 1, 300, &err), 0);
    (void)usleep(100000); /* it runs now, so two can wait */
    assert_int_equal(submit(&r, 2, 0, &err), 0);
    assert_int_equal(submit(&r, 3, 0, &err), 0);
    assert_int_equal(submit(&r, 4, 0, &err), -GS_NO_MEMORY);
    assert_non_null(strstr(err.msg, "2 jobs are waiting"));
    r.stop_at = 3;
    run_loop();
    assert_int_equal(submit(&r, 5, 0, &err), 0); /* there is room again */
    r.stop_at = 4;
    run_loop();
    gs_workers_free(r.workers);
    assert_int_equal(r.done, 4);
    assert_int_equal(r.cancelled, 0);
}

/* Freed while one job runs and others wait: the running one is finished, the others told. */
static void test_free_under_way(void **state)
{
    struct run r = {0};
    gs_error err;
    (void)state;
    assert_int_equal(gs_workers_new(loop, 2, 10, &r.workers, &err), 0);
    assert_int_equal(submit(&r, 1, 150, &err), 0);
    assert_int_equal(submit(&r, 1, 150, &err), 0);
    (void)usleep(60000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(submit(&r, i, 0, &err), 0);
    gs_workers_free(r.workers);
    assert_int_equal(r.done, 7);
    assert_int_equal(r.ran, 2);
    assert_int_equal(r.cancelled, 5);
    gs_loop_stop(loop);
    gs_loop_run(loop); /* nothing is left that points at the pool */
    assert_int_equal(r.done, 7);
}

/* Jobs that ended, but whose done the loop had no time to call. */
static void test_free_before_the_loop_runs(void **state)
{
    struct run r = {0};
    gs_error err;
    (void)state;
    assert_int_equal(gs_workers_new(loop, 2, 10, &r.workers, &err), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(submit(&r, i, 0, &err), 0);
    while (atomic_load(&r.ran) < 10)
        (void)usleep(1000);
    gs_workers_free(r.workers);
    assert_int_equal(r.done, 10);
    assert_int_equal(r.cancelled, 0);
}

static void test_free_in_done(void **state)
{
    struct run r = {.free_pool = true, .stop_at = 30};
    gs_error err;
    (void)state;
    assert_int_equal(gs_workers_new(loop, 3, 30, &r.workers, &err), 0);
    for (int i = 0; i < 30; i++)
        assert_int_equal(submit(&r, i, i % 5, &err), 0);
    run_loop();
    assert_int_equal(r.done, 30);
    assert_int_equal(r.done, atomic_load(&r.ran) + r.cancelled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_job_once),
        cmocka_unit_test(test_bad_thread_counts),
        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_free_under_way),
        cmocka_unit_test(test_free_before_the_loop_runs),
        cmocka_unit_test(test_free_in_done),
    };
    return cmocka_run_group_tests_name("io/workers", tests, setup, teardown);
}
