/* With more and more of the text: "more" until it is decided, and the decision stays. */
#include "codec/goroutine_text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int decided = 0;
    uint64_t total = 0;
    for (size_t n = 0; n <= size && n < 100; n++) {
        char *copy = malloc(n ? n : 1); /* a block of its own, so that ASan sees a read beyond it */
        uint64_t t = 0;
        gs_error err = {0};
        FUZZ_CHECK(copy);
        if (n)
            memcpy(copy, data, n);
        int r = gs_goroutine_total((gs_str){copy, n}, &t, &err);
        free(copy);
        FUZZ_CHECK(r == 0 || r == 1 || r == -GS_TERMINAL);
        FUZZ_CHECK((r < 0) == (err.msg[0] != 0));
        FUZZ_CHECK(decided == 0 || (r == decided && t == total));
        FUZZ_CHECK(n < 64 || r != 0);
        decided = r;
        total = t;
    }
    return 0;
}
