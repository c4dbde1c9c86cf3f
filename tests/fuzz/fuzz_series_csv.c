/* However a CSV file is cut into chunks, the decoder sees the same rows and the same error, and rows keep the promises of
 * the header. The first byte is the size of the chunks. */
#include "codec/series_csv.h"
#include "fuzz.h"

#include <math.h>

struct seen {
    uint64_t hash;
    int64_t last_ms;
    size_t rows;
};

static void check_value(double v)
{
    FUZZ_CHECK(isnan(v) || (isfinite(v) && v >= 0));
}

static int on_row(void *ctx, const gs_series_row *row, gs_error *err)
{
    struct seen *s = ctx;
    (void)err;
    FUZZ_CHECK(row->t_ms >= s->last_ms && row->t_ms <= GS_SERIES_MAX_T_MS);
    FUZZ_CHECK(row->pod.n < 254);
    check_value(row->sample.goroutines);
    check_value(row->sample.start_time_s);
    check_value(row->sample.heap_inuse);
    check_value(row->sample.cpu_s);
    check_value(row->sample.open_fds);
    check_value(row->sample.rss);
    check_value(row->sample.load);
    s->last_ms = row->t_ms;
    s->rows++;
    s->hash = gs_hash(&row->t_ms, sizeof row->t_ms, s->hash);
    if (row->pod.n)
        s->hash = gs_hash(row->pod.p, row->pod.n, s->hash);
    s->hash = gs_hash(&row->sample, sizeof row->sample, s->hash);
    return 0;
}

static int run(const char *p, size_t n, size_t chunk, struct seen *s, gs_error *err)
{
    gs_cleanup(gs_series_csv_free) gs_series_csv *c = gs_series_csv_new(on_row, s);
    for (size_t i = 0; i < n;) {
        size_t m = chunk < n - i ? chunk : n - i;
        char *copy = malloc(m); /* a block of its own, so that ASan sees a read beyond it */
        FUZZ_CHECK(copy);
        memcpy(copy, p + i, m);
        (void)gs_series_csv_feed(c, copy, m, err);
        free(copy);
        i += m;
    }
    return gs_series_csv_finish(c, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct seen a = {0}, b = {0};
    gs_error ea = {0}, eb = {0};
    const char *p = (const char *)data + 1;
    int r = run(p, size - 1, size, &a, &ea);
    FUZZ_CHECK(run(p, size - 1, 1u + data[0], &b, &eb) == r);
    FUZZ_CHECK(strcmp(ea.msg, eb.msg) == 0 && (r == 0) == (ea.msg[0] == 0));
    FUZZ_CHECK(a.hash == b.hash && a.rows == b.rows && (r < 0 || a.rows > 0));
    return 0;
}
