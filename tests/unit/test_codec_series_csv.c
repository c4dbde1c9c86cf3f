#include "base/buf.h"
#include "base/limits.h"
#include "codec/series_csv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct rows {
    gs_buf text;
    size_t n, fail_at;
};

/* One line for each row: "12.500 pod goroutines start fds load" as far as they are known. */
static int keep(void *ctx, const gs_series_row *row, gs_error *err)
{
    struct rows *r = ctx;
    const double values[] = {row->sample.goroutines, row->sample.start_time_s, row->sample.heap_inuse,
                             row->sample.cpu_s,      row->sample.open_fds,     row->sample.rss,
                             row->sample.load};
    if (++r->n == r->fail_at)
        return gs_error_set(err, GS_TERMINAL, "the row is not liked");
    (void)gs_buf_addf(&r->text, "%lld %.*s:", (long long)row->t_ms, (int)row->pod.n, row->pod.p ? row->pod.p : "");
    for (size_t k = 0; k < GS_LEN(values); k++)
        if (isnan(values[k]))
            (void)gs_buf_adds(&r->text, " -");
        else
            (void)gs_buf_addf(&r->text, " %g", values[k]);
    (void)gs_buf_adds(&r->text, "\n");
    return 0;
}

static int decode(gs_str in, size_t chunk, struct rows *r, gs_error *err)
{
    gs_cleanup(gs_series_csv_free) gs_series_csv *c = gs_series_csv_new(keep, r);
    int rc = 0;
    for (size_t i = 0; i < in.n && !rc; i += chunk)
        rc = gs_series_csv_feed(c, in.p + i, chunk < in.n - i ? chunk : in.n - i, err);
    int last = gs_series_csv_finish(c, err);
    assert_true(!rc || last == rc); /* errors stick */
    return last;
}

static void good(void **state)
{
    static const struct {
        const char *name, *input, *expected;
    } cases[] = {
        {"least", "t_seconds,go_goroutines\n0,5\n", "0 : 5 - - - - - -\n"},
        {"no line end at the end", "t_seconds,go_goroutines\n1.5,5", "1500 : 5 - - - - - -\n"},
        {"any order", "go_goroutines,load,t_seconds\n5,7,2\n", "2000 : 5 - - - - - 7\n"},
        {"all",
         "t_seconds,go_goroutines,process_start_time_seconds,process_open_fds,process_resident_memory_bytes,"
         "process_cpu_seconds_total,go_memstats_heap_inuse_bytes,load,pod\n1,2,3,4,5,6,7,8,shop-1\n",
         "1000 shop-1: 2 3 7 6 4 5 8\n"},
        {"CRLF, mark, empty lines", "\xef\xbb\xbft_seconds,go_goroutines\r\n\r\n1,2\r\n\n3,4\r\n",
         "1000 : 2 - - - - - -\n3000 : 4 - - - - - -\n"},
        {"mark before a quote", "\xef\xbb\xbf\"t_seconds\",go_goroutines\n1,2\n", "1000 : 2 - - - - - -\n"},
        {"quotes", "\"t_seconds\",\"go_goroutines\",\"pod\"\n\"1\",\"2\",\"a\"\"b,c\"\n",
         "1000 a\"b,c: 2 - - - - - -\n"},
        {"not known", "t_seconds,go_goroutines,load\n1,,\n2,NaN,3\n3, 4 ,\n",
         "1000 : - - - - - - -\n2000 : - - - - - - 3\n3000 : 4 - - - - - -\n"},
        {"others", "t_seconds,x,go_goroutines,\"y,z\"\n1,a,2,\"line\nend\"\n2,,3,\n",
         "1000 : 2 - - - - - -\n2000 : 3 - - - - - -\n"},
        {"pods at the same time", "t_seconds,pod,go_goroutines\n1,a,2\n1,b,3\n2,a,4\n",
         "1000 a: 2 - - - - - -\n1000 b: 3 - - - - - -\n2000 a: 4 - - - - - -\n"},
        {"Unix time", "t_seconds,go_goroutines\n1767225600.1234,1e3\n", "1767225600123 : 1000 - - - - - -\n"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++)
        for (size_t chunk = 1; chunk < 40; chunk += 6) {
            struct rows r = {.text = GS_BUF(10000)};
            gs_error err = {0};
            if (decode(gs_str_of(cases[i].input), chunk, &r, &err) ||
                !gs_str_is(gs_buf_str(&r.text), cases[i].expected))
                fail_msg("%s in pieces of %zu: %s %s", cases[i].name, chunk, err.msg, r.text.p);
            gs_buf_done(&r.text);
        }
}

static void bad(void **state)
{
    static const struct {
        const char *name, *input, *expected;
    } cases[] = {
        {"empty", "", "line 1: empty; the first line must name the columns: t_seconds,go_goroutines"},
        {"no row", "t_seconds,go_goroutines\n", "line 2: no sample"},
        {"no header", "0,5\n1,5\n", "line 1: no column t_seconds; the first line must name the columns"},
        {"no count", "t_seconds,load\n0,5\n", "line 1: no column go_goroutines"},
        {"semicolons", "t_seconds;go_goroutines\n0;5\n", "with commas between them"},
        {"twice", "t_seconds,go_goroutines,t_seconds\n", "line 1, column 3: a second column t_seconds; leave one"},
        {"too few", "t_seconds,go_goroutines\n0,5\n1\n", "line 3: 1 columns where the first line has 2"},
        {"too many", "t_seconds,go_goroutines\n0,5,\n", "line 2: 3 columns where the first line has 2"},
        {"no number", "t_seconds,go_goroutines\n0,5\n1,many\n",
         "line 3, column 2 (go_goroutines): \"many\" is no such value; want a decimal number, 0 or more, or nothing"},
        {"negative", "t_seconds,go_goroutines\n0,-5\n", "line 2, column 2 (go_goroutines): \"-5\" is no such value"},
        {"infinite", "load,t_seconds,go_goroutines\n+Inf,0,1\n", "line 2, column 1 (load): \"+Inf\" is no such value"},
        {"no time", "t_seconds,go_goroutines\n2026-01-01,5\n",
         "line 2, column 1 (t_seconds): \"2026-01-01\" is no time; want seconds as a decimal number"},
        {"time missing", "t_seconds,go_goroutines\n,5\n", "(t_seconds): \"\" is no time"},
        {"time NaN", "t_seconds,go_goroutines\nnan,5\n", "(t_seconds): \"nan\" is no time"},
        {"year 10000", "t_seconds,go_goroutines\n253402300800,5\n", "(t_seconds): \"253402300800\" is no time"},
        {"backwards", "t_seconds,go_goroutines\n5,5\n4,5\n",
         "line 3, column 1 (t_seconds): \"4\" is before the time of the line above; sort the lines by t_seconds"},
        {"same time", "t_seconds,go_goroutines\n5,5\n5,5\n", "is the time of the line above, too"},
        {"pod missing", "t_seconds,go_goroutines,pod\n5,5,\n", "line 2, column 3 (pod): \"\" is no name of a pod"},
        {"pod with a line end", "t_seconds,go_goroutines,pod\n5,5,\"a\nb\"\n", "line 2, column 3 (pod): "},
        {"quote inside", "t_seconds,go_goroutines\n1\"2\",5\n", "line 2, column 1: a quote inside a field"},
        {"behind a quote", "t_seconds,go_goroutines\n\"1\"2,5\n", "line 2, column 1: text behind a closing quote"},
        {"open quote", "t_seconds,go_goroutines\n1,\"5\n", "line 2, column 2: the input ends within quotes"},
        {"lone CR", "t_seconds,go_goroutines\r0,5\r", "line 1, column 2: a carriage return without a line feed"},
        {"line behind quoted ends", "t_seconds,go_goroutines,x\n1,2,\"\n\n\"\n2,x,\n", "line 5, column 2"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++)
        for (size_t chunk = 1; chunk < 40; chunk += 6) {
            struct rows r = {.text = GS_BUF(10000)};
            gs_error err = {0};
            if (decode(gs_str_of(cases[i].input), chunk, &r, &err) != -(int)GS_TERMINAL ||
                !strstr(err.msg, cases[i].expected))
                fail_msg("%s in pieces of %zu: %s", cases[i].name, chunk, err.msg);
            gs_buf_done(&r.text);
        }
}

static void caps(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(1 << 20);
    gs_error err = {0};
    struct rows r = {.text = GS_BUF(10000)};
    (void)gs_buf_adds(&text, "t_seconds,go_goroutines");
    for (int k = 0; k < GS_MAX_CSV_COLUMNS; k++)
        (void)gs_buf_adds(&text, ",x");
    (void)gs_buf_adds(&text, "\n");
    assert_int_equal(decode(gs_buf_str(&text), text.n, &r, &err), -(int)GS_NO_MEMORY);
    assert_non_null(strstr(err.msg, "line 1: too many columns; at most 256 are read"));
    gs_buf_reset(&text);
    (void)gs_buf_adds(&text, "t_seconds,go_goroutines\n1,\"");
    for (size_t k = 0; k < GS_MAX_CSV_LINE; k++)
        (void)gs_buf_adds(&text, "1");
    assert_int_equal(decode(gs_buf_str(&text), text.n, &r, &err), -(int)GS_NO_MEMORY);
    assert_non_null(strstr(err.msg, "is a quote not closed?"));
    gs_buf_done(&r.text);
}

static void handler(void **state)
{
    (void)state;
    gs_error err = {0};
    struct rows r = {.text = GS_BUF(10000), .fail_at = 2};
    assert_int_equal(decode(GS_STR("t_seconds,go_goroutines\n\n1,2\n2,3\n3,4\n"), 5, &r, &err), -(int)GS_TERMINAL);
    assert_string_equal(err.msg, "line 4: the row is not liked");
    assert_int_equal(r.n, 2);
    gs_buf_done(&r.text);
}

static void ignored(void **state)
{
    (void)state;
    struct rows r = {.text = GS_BUF(10000)};
    gs_cleanup(gs_series_csv_free) gs_series_csv *c = gs_series_csv_new(keep, &r);
    assert_string_equal(gs_series_csv_ignored(c), "");
    const gs_str header = GS_STR("a,t_seconds,go_goroutines,b\n");
    assert_int_equal(gs_series_csv_feed(c, header.p, header.n, NULL), 0);
    assert_string_equal(gs_series_csv_ignored(c), "a, b");
    gs_buf_done(&r.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),    cmocka_unit_test(bad),     cmocka_unit_test(caps),
        cmocka_unit_test(handler), cmocka_unit_test(ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
