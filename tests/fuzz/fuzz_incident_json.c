/* An incident that was read is written, read and written again: the same text. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "codec/incident_json.h"
#include "fuzz.h"
#include "wire/json_cursor.h"

static void write(gs_buf *out, const gs_incident *i)
{
    gs_cleanup(gs_buf_done) gs_buf head = GS_BUF(8u << 20), patch = GS_BUF(8u << 20);
    gs_json_writer w;
    gs_str status;
    gs_jw_init(&w, &head);
    gs_incident_object(&w, i);
    FUZZ_CHECK(gs_jw_finish(&w, NULL) == 0);
    gs_jw_init(&w, &patch);
    gs_incident_status_patch(&w, i);
    FUZZ_CHECK(gs_jw_finish(&w, NULL) == 0);
    FUZZ_CHECK(gs_json_find(gs_buf_str(&patch), (const char *const[]){"status", NULL}, &status));
    FUZZ_CHECK(gs_buf_add(out, head.p, head.n - 1) == 0 && gs_buf_adds(out, ",\"status\":") == 0);
    FUZZ_CHECK(gs_buf_add(out, status.p, status.n) == 0 && gs_buf_adds(out, "}") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_cleanup(gs_incident_free) gs_incident *a = NULL, *b = NULL;
    gs_cleanup(gs_buf_done) gs_buf first = GS_BUF(16u << 20), second = GS_BUF(16u << 20);
    gs_error err = {0};
    int r = gs_incident_from_json((gs_str){(const char *)data, size}, &a, &err);
    FUZZ_CHECK((r == 0) == (a != NULL) && (r == 0) == (err.msg[0] == 0));
    if (r < 0)
        return 0;
    write(&first, a);
    FUZZ_CHECK(gs_incident_from_json(gs_buf_str(&first), &b, NULL) == 0);
    write(&second, b);
    FUZZ_CHECK(gs_str_eq(gs_buf_str(&first), gs_buf_str(&second)));
    return 0;
}
