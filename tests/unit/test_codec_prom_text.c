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
    {"plain", "go_goroutines 12\n", 0, {12, NO, NO, NO, NO, NO, NO, NO}, NULL},
    {"all",
     "# HELP go_goroutines Number of goroutines.\n# TYPE go_goroutines gauge\ngo_goroutines 12\n"
     "go_memstats_heap_inuse_bytes 4.194304e+06\nprocess_cpu_seconds_total 1.5\nprocess_open_fds 9\n"
     "process_start_time_seconds 1.76e+09\nprocess_resident_memory_bytes 1.048576e+06\nhttp_requests_in_flight 3\n"
     "# TYPE go_sched_gomaxprocs_threads gauge\ngo_sched_gomaxprocs_threads 4\n",
     0,
     {12, 1.76e9, 4194304, 1.5, 9, 1048576, 3, 4},
     NULL},
    {"timestamp", "go_goroutines 12 1700000000000\n", 0, {12, NO, NO, NO, NO, NO, NO, NO}, NULL},
    {"labels", "go_goroutines{job=\"a b\",x=\"}\\\"\"} 12\n", 0, {12, NO, NO, NO, NO, NO, NO, NO}, NULL},
    {"labels, no blank behind", "go_goroutines{a=\"b\"}12\n", 0, {12, NO, NO, NO, NO, NO, NO, NO}, NULL},
    {"blanks and tabs", "  go_goroutines\t 12 \t \n", 0, {12, NO, NO, NO, NO, NO, NO, NO}, NULL},
    {"line ends of Windows", "go_goroutines 12\r\nprocess_open_fds 3\r\n", 0, {12, NO, NO, NO, 3, NO, NO, NO}, NULL},
    {"no line end at the end", "x 1\ngo_goroutines 12", 0, {12, NO, NO, NO, NO, NO, NO, NO}, NULL},
    {"OpenMetrics",
     "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total 2.5 # {trace=\"x\"} 1\n"
     "go_goroutines 12 1700000000.5\n# EOF\n",
     0,
     {12, NO, NO, 2.5, NO, NO, NO, NO},
     NULL},
    {"a suffix that the type does not tell",
     "up 1\n# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total 2.5\ngo_goroutines 12\n",
     0,
     {12, NO, NO, 2.5, NO, NO, NO, NO},
     NULL},
    {"the first series counts",
     "go_goroutines{a=\"1\"} 5\ngo_goroutines{a=\"2\"} 6\n",
     0,
     {5, NO, NO, NO, NO, NO, NO, NO},
     NULL},
    {"not finite is not seen",
     "go_goroutines NaN\ngo_goroutines +Inf\ngo_goroutines 7\n",
     0,
     {7, NO, NO, NO, NO, NO, NO, NO},
     NULL},
    {"negative is not seen", "go_goroutines -1\ngo_goroutines 7\n", 0, {7, NO, NO, NO, NO, NO, NO, NO}, NULL},
    {"broken lines are passed over",
     "go_goroutines\ngo_goroutines x\ngo_goroutines{a=\"1 5\ngo_goroutines 3\n",
     0,
     {3, NO, NO, NO, NO, NO, NO, NO},
     NULL},
    {"longer names are others",
     "go_goroutines_total 4\ngo_goroutine 5\nago_goroutines 6\nprocess_open_fdsx 7\ngo_goroutines 3\n",
     0,
     {3, NO, NO, NO, NO, NO, NO, NO},
     NULL},
    {"comments",
     "#go_goroutines 4\n# go_goroutines 5\n",
     -GS_TERMINAL,
     {NO, NO, NO, NO, NO, NO, NO, NO},
     "not a Prometheus metrics page"},
    {"other metrics only", "up 1\n", -GS_TERMINAL, {NO, NO, NO, NO, NO, NO, NO, NO}, "no go_goroutines"},
    {"metrics with g only", "gauge 1\n", -GS_TERMINAL, {NO, NO, NO, NO, NO, NO, NO, NO}, "no go_goroutines"},
    {"nothing", "", -GS_TERMINAL, {NO, NO, NO, NO, NO, NO, NO, NO}, "not a Prometheus metrics page"},
    {"html",
     "<html><body>404 page not found</body></html>\n",
     -GS_TERMINAL,
     {NO, NO, NO, NO, NO, NO, NO, NO},
     "not a Prometheus metrics page"},
    {"json", "{\"goroutines\": 12}\n", -GS_TERMINAL, {NO, NO, NO, NO, NO, NO, NO, NO}, "not a Prometheus metrics page"},
    {"text", "page not found\n", -GS_TERMINAL, {NO, NO, NO, NO, NO, NO, NO, NO}, "not a Prometheus metrics page"},
    {"only a number with it",
     "go_goroutines12\n",
     -GS_TERMINAL,
     {NO, NO, NO, NO, NO, NO, NO, NO},
     "not a Prometheus metrics page"},
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
            same(s.rss, cases[i].want.rss);
            same(s.load, cases[i].want.load);
            same(s.gomaxprocs, cases[i].want.gomaxprocs);
        }
}

/* Which gauges are load; `page` stands before a go_goroutines that is always there. */
static const struct {
    const char *page;
    double load;
} loads[] = {
    {"", NO},
    {"http_requests_in_flight 3\n", 3},
    {"shop_inflight{route=\"/a\"} 3\nshop_inflight{route=\"/b\"} 4\n", 7},
    {"db_open_connections 1\nnginx_active_connections 2\npool_connections_active 4\nx_current_connections 8\n", 15},
    {"y_connections_open 1\nhttp_active_requests 2\ngrpc_active_streams 4\nrequests_current 8\n", 15},
    {"websocket_connections 1\nchat_websocket_connections{a=\"b\"} 2\nsip_active_sessions 4\nin_flight 8\n", 15},
    {"go_sql_open_connections 3\nprocess_inflight 4\n", 7},
    {"rpc_inflight 0\n", 0},
    {"a_inflight_total 3\na_inflight_count 3\na_inflight_sum 3\na_inflight_bucket{le=\"1\"} 3\n", NO},
    {"a_inflight_seconds 3\na_inflight_bytes 3\na_inflight_max 3\na_inflight_limit 3\na_inflight_created 3\n", NO},
    {"go_sql_max_open_connections 3\nrate_limit_inflight 3\n", NO},
    {"promhttp_metric_handler_requests_in_flight 1\n", NO},
    {"shop_promhttp_metric_handler_requests_in_flight 1\n", 1},
    {"connections 3\nopen_files 3\nactive 3\nrequests 3\nflight 3\nin_fligh 3\nsessions_active 3\n", NO},
    {"a_inflight NaN\na_inflight +Inf\na_inflight -3\na_inflight x\na_inflight\na_inflight 2\n", 2},
    {"a_inflight 1e308\na_inflight 1e308\n", 1e308},
    {"# TYPE a_inflight gauge\na_inflight 3\n", 3},
    {"# TYPE a_inflight untyped\na_inflight 3\n", 3},
    {"# TYPE a_inflight unknown\na_inflight 3\n# EOF\n", 3},
    {"# TYPE a_inflight counter\na_inflight 3\n", NO},
    {"up 1\n# TYPE a_inflight counter\r\na_inflight 3\r\n", NO},
    {"up 1\n# TYPE a_inflight summary\na_inflight{quantile=\"0.5\"} 3\n", NO},
    {"up 1\n# TYPE a histogram\na_bucket 3\n# TYPE b_inflight gauge\nb_inflight 3\n", 3},
    {"# TYPE a histogram\na_bucket 3\nab_inflight 3\na_bucket 3\nb_inflight 3\n", 6},
    {"up 1\n# TYPE a histogram\nab_inflight 3\n", 3},
    {"up 1\n# TYPE  histogram\na_inflight 3\n", 3},
    {"up 1\n# TYPE\n# TYPE a\n#TYPE a_inflight counter\na_inflight 3\n", 3},
    {"up 1\nb_inflight 3\nb_inflightx_total 4\nb_inflight 5\nb_infligh 6\nb_inflight{a=\"b\"} 7\n", 15},
    {"# TYPE a counter\nb_inflight 3\nb_inflight_x 4\n", 7},
    {"b_inflight 3\n# TYPE a counter\na 4\n", 3},
    {"# TYPE go_goroutines counter\n# TYPE process_open_fds counter\n", NO},
};

static void test_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(loads); i++)
        for (size_t k = 0; k < GS_LEN(chunks); k++) {
            gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
            gs_sample s;
            (void)gs_buf_adds(&b, loads[i].page);
            (void)gs_buf_adds(&b, "go_goroutines 12\nprocess_open_fds 9\n");
            assert_int_equal(run(gs_buf_str(&b), chunks[k], &s, NULL), 0);
            if (!(isnan(loads[i].load) ? isnan(s.load) : s.load == loads[i].load) || s.goroutines != 12 ||
                s.open_fds != 9)
                fail_msg("%s: load %f, %f goroutines", loads[i].page, s.load, s.goroutines);
        }
}

/* A name of any length is told by its end; those too long to be remembered too. */
static void test_long_names(void **state)
{
    (void)state;
    for (size_t n = 120; n < 140; n++)
        for (int family = 0; family < 2; family++) {
            gs_cleanup(gs_buf_done) gs_buf name = GS_BUF(1 << 10), b = GS_BUF(1 << 20);
            gs_sample s;
            long_line(&name, "shop_", n, "_inflight");
            (void)gs_buf_addf(&b, "go_goroutines 12\n%s%.*s%s", family ? "# TYPE " : "", family ? (int)n : 0,
                              gs_buf_str(&name).p, family ? " counter\n" : "");
            for (int i = 0; i < 3; i++)
                (void)gs_buf_addf(&b, "%.*s{i=\"%d\"} 2\n", (int)n, gs_buf_str(&name).p, i);
            assert_int_equal(run(gs_buf_str(&b), 0, &s, NULL), 0);
            same(s.load, family && n <= GS_PROM_NAME ? NAN : 6);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages), cmocka_unit_test(test_load),
                                       cmocka_unit_test(test_long_names), cmocka_unit_test(test_long_lines),
                                       cmocka_unit_test(test_speed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
