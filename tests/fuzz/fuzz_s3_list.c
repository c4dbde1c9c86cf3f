/* Whatever a store lists: an item has a key under the prefix that fits a URL, and a page that goes on says where. */
#include "edge/s3_internal.h"
#include "fuzz.h"

#define PREFIX "p/"

static bool uploads;

static bool check(void *ctx, const gs_s3_item *i)
{
    size_t n = strlen(i->key);
    (*(size_t *)ctx)++;
    FUZZ_CHECK(n >= strlen(PREFIX) && n <= GS_S3_KEY_MAX && strncmp(i->key, PREFIX, strlen(PREFIX)) == 0);
    FUZZ_CHECK(uploads == (i->upload_id != NULL));
    FUZZ_CHECK(!uploads || (*i->upload_id && strlen(i->upload_id) <= GS_S3_UPLOAD_ID_MAX));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const gs_str xml = {(const char *)data, size};
    gs_error err;
    for (int k = 0; k < 2; k++) {
        gs_cleanup(gs_s3_page_done) gs_s3_page page = {0};
        size_t items = 0;
        uploads = k;
        int rc = gs_s3_page_read(xml, uploads, PREFIX, check, &items, &page, &err);
        FUZZ_CHECK(rc == 0 || (rc == -GS_TERMINAL && err.msg[0]));
        FUZZ_CHECK(rc || !page.more || page.token.n);
        FUZZ_CHECK(items <= size / 8); /* none out of nothing */
    }
    gs_cleanup(gs_buf_done) gs_buf id = GS_BUF(GS_S3_UPLOAD_ID_MAX);
    FUZZ_CHECK(gs_s3_read_upload_id(xml, &id, &err) || (id.n && id.n <= GS_S3_UPLOAD_ID_MAX));
    return 0;
}
