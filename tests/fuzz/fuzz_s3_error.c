/* Of a store's error document only codes that we know get out, and only those that stand in it. */
#include "edge/s3_internal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_str xml = {(const char *)data, size};
    const gs_s3_code *code = gs_s3_error_code(xml);
    gs_cleanup(gs_buf_done) gs_buf element = GS_BUF(256);
    if (!code)
        return 0;
    FUZZ_CHECK(gs_buf_addf(&element, "<Code>%s</Code>", code->name) == 0);
    FUZZ_CHECK(memmem(xml.p, xml.n, element.p, element.n) != NULL);
    FUZZ_CHECK(code->kind != GS_OK && code->hint);
    return 0;
}
