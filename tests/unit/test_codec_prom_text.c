#include "codec/prom_text.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define NO NAN

static void same(double a, double b)
{
    if (isnan(a) || isnan(b))
        assert_true(isnan(a) && isnan(b));
    else
        assert_true(a == b);
}

/* A line of n bytes without its end that begins with `start`. */
static void long_line(gs_buf *b, const char *start, size_t n, const char *end)
{
    (void)gs_buf_adds(b, start);
    for (size_t k = strlen(start) + strlen(end); k < n; k++)
        (void)gs_buf_add(b, "x", 1);
    (void)gs_buf_adds(b, end);
}

static const struct {
    const char *name, *page;
    int result;
    gs_sample want;
    const char *error;
} cases[] = {
    {"plain", "go_goroutines 12\n", 0, {12, NO, NO, NO, NO}, NULL},
    {"all five",
     "# HELP go_goroutines Number of goroutines.\n# TYPE go_goroutines gauge\ngo_goroutines 12\n"
     "go_memstats_heap_inuse_bytes 4.194304e+06\nprocess_cpu_seconds_total 1.5\nprocess_open_fds 9\n"
     "process_start_time_seconds 1.76e+09\n",
     0,
     {12, 1.76e9, 4194304, 1.5, 9},
     NULL},
    {"timestamp", "go_goroutines 12 1700000000000\n", 0, {12, NO, NO, NO, NO}, NULL},
    {"labels", "go_goroutines{job=\"a b\",x=\"}\\\"\"} 12\n", 0, {12, NO, NO, NO, NO}, NULL},
    {"labels, no blank behind", "go_goroutines{a=\"b\"}12\n", 0, {12, NO, NO, NO, NO}, NULL},
    {"blanks and tabs", "  go_goroutines\t 12 \t \n", 0, {12, NO, NO, NO, NO}, NULL},
    {"line ends of Windows", "go_goroutines 12\r\nprocess_open_fds 3\r\n", 0, {12, NO, NO, NO, 3}, NULL},
    {"no line end at the end", "x 1\ngo_goroutines 12", 0, {12, NO, NO, NO, NO}, NULL},
    {"OpenMetrics",
     "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total 2.5 # {trace=\"x\"} 1\n"
     "go_goroutines 12 1700000000.5\n# EOF\n",
     0,
     {12, NO, NO, 2.5, NO},
     NULL},
    {"the first series counts", "go_goroutines{a=\"1\"} 5\ngo_goroutines{a=\"2\"} 6\n", 0, {5, NO, NO, NO, NO}, NULL},
    {"not finite is not seen",
     "go_goroutines NaN\ngo_goroutines +Inf\ngo_goroutines 7\n",
     0,
     {7, NO, NO, NO, NO},
     NULL},
    {"negative is not seen", "go_goroutines -1\ngo_goroutines 7\n", 0, {7, NO, NO, NO, NO}, NULL},
    {"broken lines are passed over",
     "go_goroutines\ngo_goroutines x\ngo_goroutines{a=\"1 5\ngo_goroutines 3\n",
     0,
     {3, NO, NO, NO, NO},
     NULL},
    {"longer names are others",
     "go_goroutines_total 4\ngo_goroutine 5\nago_goroutines 6\nprocess_open_fdsx 7\ngo_goroutines 3\n",
     0,
     {3, NO, NO, NO, NO},
     NULL},
    {"comments",
     "#go_goroutines 4\n# go_goroutines 5\n",
     -GS_TERMINAL,
     {NO, NO, NO, NO, NO},
     "not a Prometheus metrics page"},
    {"other metrics only", "up 1\n", -GS_TERMINAL, {NO, NO, NO, NO, NO}, "no go_goroutines"},
    {"metrics with g only", "gauge 1\n", -GS_TERMINAL, {NO, NO, NO, NO, NO}, "no go_goroutines"},
    {"nothing", "", -GS_TERMINAL, {NO, NO, NO, NO, NO}, "not a Prometheus metrics page"},
    {"html",
     "<html><body>404 page not found</body></html>\n",
     -GS_TERMINAL,
     {NO, NO, NO, NO, NO},
     "not a Prometheus metrics page"},
    {"json", "{\"goroutines\": 12}\n", -GS_TERMINAL, {NO, NO, NO, NO, NO}, "not a Prometheus metrics page"},
    {"text", "page not found\n", -GS_TERMINAL, {NO, NO, NO, NO, NO}, "not a Prometheus metrics page"},
    {"only a number with it", "go_goroutines12\n", -GS_TERMINAL, {NO, NO, NO, NO, NO}, "not a Prometheus metrics page"},
};

/* Chunk sizes, 0: as a whole. */
static const size_t chunks[] = {0, 1, 2, 3, 7, 16};

static int run(gs_str page, size_t chunk, gs_sample *ret, gs_error *err)
{
    gs_prom p;
    gs_prom_init(&p);
    for (size_t i = 0; i < page.n;) {
        size_t n = chunk && chunk < page.n - i ? chunk : page.n - i;
        gs_prom_feed(&p, page.p + i, n);
        i += n;
    }
    return gs_prom_finish(&p, ret, err);
}

static void test_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++)
        for (size_t k = 0; k < GS_LEN(chunks); k++) {
            gs_sample s;
            gs_error err = {0};
            int r = run(gs_str_of(cases[i].page), chunks[k], &s, &err);
            if (r != cases[i].result)
                fail_msg("%s, chunks of %zu: %d %s", cases[i].name, chunks[k], r, err.msg);
            if (r < 0) {
                assert_non_null(strstr(err.msg, cases[i].error));
                continue;
            }
            same(s.goroutines, cases[i].want.goroutines);
            same(s.start_time_s, cases[i].want.start_time_s);
            same(s.heap_inuse, cases[i].want.heap_inuse);
            same(s.cpu_s, cases[i].want.cpu_s);
            same(s.open_fds, cases[i].want.open_fds);
        }
}

/* Lines up to the size of the carry are read, longer ones are not, however they are cut. */
static void test_long_lines(void **state)
{
    (void)state;
    const size_t cap = sizeof((gs_prom *)0)->carry;
    static const struct {
        int over;
        bool read;
    } lengths[] = {{-1, true}, {0, true}, {1, false}, {5000, false}};
    for (size_t i = 0; i < GS_LEN(lengths); i++)
        for (size_t k = 0; k < GS_LEN(chunks); k++) {
            gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
            gs_sample s;
            long_line(&b, "go_goroutines{a=\"", cap + (size_t)lengths[i].over, "\"} 5");
            (void)gs_buf_adds(&b, "\ngo_goroutines 9\n");
            assert_int_equal(run(gs_buf_str(&b), chunks[k], &s, NULL), 0);
            same(s.goroutines, lengths[i].read ? 5 : 9);
        }
}

/* A usual page of 30 KB must take microseconds. The bar is loose, for sanitizers and busy machines. */
static void test_speed(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    (void)gs_buf_adds(&b, "go_goroutines 12\n");
    for (int i = 0; b.n < 30000; i++)
        (void)gs_buf_addf(&b, "http_request_duration_seconds_bucket{route=\"/v1/%d\",le=\"0.%d\"} %d\n", i % 7, i,
                          i * 3);
    (void)gs_buf_adds(&b, "process_open_fds 9\n");
    struct timespec t0, t1;
    gs_sample s;
    const int n = 200;
    (void)clock_gettime(CLOCK_MONOTONIC, &t0);
    for (int i = 0; i < n; i++)
        assert_int_equal(run(gs_buf_str(&b), 16384, &s, NULL), 0);
    (void)clock_gettime(CLOCK_MONOTONIC, &t1);
    double us = ((double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec)) / 1e3 / n;
    print_message("%.1f us for a page of %zu bytes\n", us, b.n);
    same(s.open_fds, 9);
    assert_true(us < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages), cmocka_unit_test(test_long_lines),
                                       cmocka_unit_test(test_speed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
