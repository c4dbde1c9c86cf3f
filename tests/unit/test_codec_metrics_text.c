#include "codec/metrics_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_values(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 16);
    gs_metrics m = {&b};
    gs_metrics_family(&m, "gostat_scrapes_total", "counter", "Scrapes\nwith a \\ and a \"quote\".");
    gs_metrics_value(&m, "gostat_scrapes_total", 3, NULL);
    gs_metrics_value(&m, "gostat_scrapes_total", 1e21, "leaf", "a\"b\\c\nd", "bad", "x\xff\xc3y\xc3\xa9", NULL);
    gs_metrics_value(&m, "gostat_scrapes_total", INFINITY, "a", "", NULL);
    assert_string_equal(
        b.p, "# HELP gostat_scrapes_total Scrapes\\nwith a \\\\ and a \"quote\".\n"
             "# TYPE gostat_scrapes_total counter\n"
             "gostat_scrapes_total 3\n"
             "gostat_scrapes_total{leaf=\"a\\\"b\\\\c\\nd\",bad=\"x\xef\xbf\xbd\xef\xbf\xbdy\xc3\xa9\"} 1e+21\n"
             "gostat_scrapes_total{a=\"\"} +Inf\n");
}

static void test_histogram(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 16);
    gs_metrics m = {&b};
    gs_histogram h = {0};
    const double seconds[] = {0, 0.001, 0.0011, 0.3, 59, 60, 61, NAN};
    for (size_t i = 0; i < GS_LEN(seconds); i++)
        gs_histogram_add(&h, seconds[i]);
    gs_metrics_histogram(&m, "gostat_x_seconds", &h, "verb", "GET", NULL);
    static const char *const lines[] = {
        "gostat_x_seconds_bucket{verb=\"GET\",le=\"0.001\"} 2\n",
        "gostat_x_seconds_bucket{verb=\"GET\",le=\"0.005\"} 3\n",
        "gostat_x_seconds_bucket{verb=\"GET\",le=\"0.25\"} 3\n",
        "gostat_x_seconds_bucket{verb=\"GET\",le=\"0.5\"} 4\n",
        "gostat_x_seconds_bucket{verb=\"GET\",le=\"10\"} 4\n",
        "gostat_x_seconds_bucket{verb=\"GET\",le=\"60\"} 6\n",
        "gostat_x_seconds_bucket{verb=\"GET\",le=\"+Inf\"} 7\n",
        "gostat_x_seconds_count{verb=\"GET\"} 7\n",
        "gostat_x_seconds_sum{verb=\"GET\"} 180.3021\n",
    };
    for (size_t i = 0; i < GS_LEN(lines); i++)
        if (!strstr(b.p, lines[i]))
            fail_msg("no line %s in %s", lines[i], b.p);
    gs_buf_reset(&b);
    gs_metrics_histogram(&m, "h", &h, NULL);
    assert_non_null(strstr(b.p, "h_bucket{le=\"60\"} 6\n"));
    assert_non_null(strstr(b.p, "h_count 7\n"));
}

/* At the cap whole lines are missing, never a part of one. */
static void test_cap(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 200; cap++) {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(cap);
        gs_metrics m = {&b};
        gs_metrics_family(&m, "a_total", "counter", "A.");
        gs_metrics_value(&m, "a_total", 1, "l", "1234567890", NULL);
        gs_metrics_value(&m, "a_total", 2, NULL);
        assert_true(b.n == 0 || b.p[b.n - 1] == '\n');
        assert_true(!b.p || strlen(b.p) == b.n);
    }
}

static void test_process(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 16);
    gs_metrics m = {&b};
    const gs_process_text t = {
        .stat = GS_STR(
            "77 (a) b (c) S 1 77 77 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1234 99999 55 18446744073709551615\n"),
        .statm = GS_STR("1000 500 100 1 0 50 0\n"),
        .system = GS_STR("cpu  1 2 3\nintr 5\nctxt 9\nbtime 1700000000\nprocesses 5\n"),
        .open_fds = 12,
        .max_fds = 1024,
        .ticks = 100,
        .page = 4096,
    };
    static const char *const lines[] = {
        "\nprocess_cpu_seconds_total 3\n",
        "\nprocess_threads 9\n",
        "\nprocess_start_time_seconds 1700000012.34\n",
        "\nprocess_virtual_memory_bytes 4096000\n",
        "\nprocess_resident_memory_bytes 2048000\n",
        "\nprocess_open_fds 12\n",
        "\nprocess_max_fds 1024\n",
    };
    gs_metrics_process(&m, &t);
    for (size_t i = 0; i < GS_LEN(lines); i++)
        if (!strstr(b.p, lines[i]))
            fail_msg("no line %s in %s", lines[i], b.p);
    gs_buf_reset(&b);
    gs_metrics_process(&m, &(gs_process_text){.stat = GS_STR("77 (x"), .open_fds = 1, .ticks = 100, .page = 1});
    assert_null(strstr(b.p, "process_cpu"));
    assert_non_null(strstr(b.p, "\nprocess_open_fds 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_histogram),
                                       cmocka_unit_test(test_cap), cmocka_unit_test(test_process)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
