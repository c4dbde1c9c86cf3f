/* Decodes one goroutine profile again and again, for hack/bench/dumps.sh.
 * usage: decode_driver FILE TIMES; prints its goroutines, its sites and the CPU time of one decoding in microseconds. */
#include "base/buf.h"
#include "base/limits.h"
#include "codec/goroutine_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

static int64_t cpu_us(void)
{
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * INT64_C(1000000) + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

static int read_file(const char *path, gs_buf *out)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    for (char *at; (at = gs_buf_reserve(out, 1 << 16));) {
        size_t n = fread(at, 1, 1 << 16, f);
        out->n += n;
        if (n == 0)
            break;
    }
    int failed = ferror(f);
    (void)fclose(f);
    return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(GS_MAX_PROFILE_BYTES);
    uint64_t times;
    if (argc != 3 || !gs_str_u64(gs_str_of(argv[2]), &times) || times == 0) {
        (void)fprintf(stderr, "usage: decode_driver FILE TIMES\n");
        return 2;
    }
    if (read_file(argv[1], &body) < 0) {
        perror(argv[1]);
        return 1;
    }
    int64_t start = cpu_us();
    for (uint64_t i = 0; i < times; i++) {
        gs_profile *p = NULL;
        gs_error err = {0};
        if (gs_dump_decode(gs_buf_str(&body), false, &p, &err) < 0) {
            (void)fprintf(stderr, "%s: %s\n", argv[1], err.msg);
            return 1;
        }
        if (i + 1 == times)
            (void)printf("%" PRIu64 " %zu %" PRId64 "\n", p->total, p->n, (cpu_us() - start) / (int64_t)times);
        gs_profile_free(p);
    }
    return 0;
}
