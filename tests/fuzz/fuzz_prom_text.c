/* However a metrics page is cut into chunks, the decoder sees the same. The first byte is the size of the chunks. */
#include "codec/prom_text.h"
#include "fuzz.h"

#include <math.h>

static int run(const char *p, size_t n, size_t chunk, gs_sample *ret, gs_error *err)
{
    gs_prom prom;
    gs_prom_init(&prom);
    for (size_t i = 0; i < n;) {
        size_t m = chunk < n - i ? chunk : n - i;
        char *copy = malloc(m); /* a block of its own, so that ASan sees a read beyond it */
        FUZZ_CHECK(copy);
        memcpy(copy, p + i, m);
        gs_prom_feed(&prom, copy, m);
        free(copy);
        i += m;
    }
    return gs_prom_finish(&prom, ret, err);
}

static void same(double a, double b)
{
    FUZZ_CHECK((isnan(a) && isnan(b)) || a == b);
    FUZZ_CHECK(isnan(a) || (isfinite(a) && a >= 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    gs_sample a, b;
    gs_error ea = {0}, eb = {0};
    const char *p = (const char *)data + 1;
    int r = run(p, size - 1, size, &a, &ea);
    FUZZ_CHECK(run(p, size - 1, 1u + data[0], &b, &eb) == r);
    FUZZ_CHECK(strcmp(ea.msg, eb.msg) == 0 && (r == 0) == (ea.msg[0] == 0));
    if (r < 0)
        return 0;
    FUZZ_CHECK(isfinite(a.goroutines));
    same(a.goroutines, b.goroutines);
    same(a.start_time_s, b.start_time_s);
    same(a.heap_inuse, b.heap_inuse);
    same(a.cpu_s, b.cpu_s);
    same(a.open_fds, b.open_fds);
    same(a.rss, b.rss);
    same(a.load, b.load);
    same(a.gomaxprocs, b.gomaxprocs);
    return 0;
}
