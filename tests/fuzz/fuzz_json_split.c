/* However the input is cut into chunks, the splitter hands out the same. The first byte chooses the mode, the
 * next three the sizes of the chunks. */
#include "base/buf.h"
#include "fuzz.h"
#include "wire/json_cursor.h"
#include "wire/json_split.h"

static int collect(void *ctx, gs_str object, gs_error *err)
{
    (void)err;
    FUZZ_CHECK(object.n >= 2 && object.p[0] == '{' && object.p[object.n - 1] == '}');
    FUZZ_CHECK(gs_buf_add(ctx, object.p, object.n) == 0);
    return gs_buf_add(ctx, "\n", 1);
}

/* Items, metadata, count and the error as one text. */
static int split(enum gs_json_split_mode mode, gs_str in, const uint8_t sizes[3], gs_buf *out)
{
    gs_cleanup(gs_json_split_free) gs_json_split *s = gs_json_split_new(mode, collect, out);
    gs_error err = {0};
    int rc = 0;
    for (size_t i = 0, k = 0; i < in.n && !rc; k++) {
        size_t n = sizes ? 1u + sizes[k % 3] % 64u : in.n;
        n = n < in.n - i ? n : in.n - i;
        char *chunk = malloc(n); /* a block of its own, so that ASan sees a read beyond it */
        FUZZ_CHECK(chunk);
        memcpy(chunk, in.p + i, n);
        rc = gs_json_split_feed(s, (gs_str){chunk, n}, &err);
        free(chunk);
        i += n;
    }
    if (!rc)
        rc = gs_json_split_finish(s, &err);
    gs_str metadata = gs_json_split_metadata(s);
    FUZZ_CHECK(gs_buf_add(out, metadata.p, metadata.n) == 0);
    FUZZ_CHECK(gs_buf_addf(out, "\n%zu %s", gs_json_split_count(s), err.msg) == 0);
    FUZZ_CHECK((rc == 0) == (err.msg[0] == 0) && rc == -(int)err.kind);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    enum gs_json_split_mode mode = data[0] & 1 ? GS_JSON_LIST : GS_JSON_FRAMES;
    gs_str in = {(const char *)data + 4, size - 4};
    gs_cleanup(gs_buf_done) gs_buf whole = GS_BUF(8u << 20), pieces = GS_BUF(8u << 20);
    int rc = split(mode, in, NULL, &whole);
    FUZZ_CHECK(split(mode, in, data + 1, &pieces) == rc);
    FUZZ_CHECK(gs_str_eq(gs_buf_str(&whole), gs_buf_str(&pieces)));

    /* What the cursor takes for a list, the splitter does not refuse for its form. */
    gs_json_cursor c;
    gs_json_cursor_init(&c, in);
    if (mode == GS_JSON_FRAMES && gs_json_peek(&c) == GS_JSON_OBJECT && gs_json_cursor_finish(&c, NULL) == 0)
        FUZZ_CHECK(rc == 0);
    return 0;
}
