/* gunzip stays within its cap, whatever comes; and gzip followed by gunzip gives the input back. */
#include "fuzz.h"
#include "wire/gzip.h"

#define CAP (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_str in = {(const char *)data, size};
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(CAP), packed = GS_BUF(2u << 20), back = GS_BUF(size);
    gs_error err = {0};
    int rc = gs_gunzip(in, &out, &err);
    FUZZ_CHECK((rc == 0) == (err.msg[0] == 0) && out.n <= CAP && (rc == 0 || out.n == 0));
    FUZZ_CHECK(gs_gzip(in, &packed, &err) == 0);
    FUZZ_CHECK(gs_gunzip(gs_buf_str(&packed), &back, &err) == 0);
    FUZZ_CHECK(gs_str_eq(gs_buf_str(&back), in));
    return 0;
}
