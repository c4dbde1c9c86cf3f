/* What comes out of YAML is valid JSON, and as YAML it means the same again. */
#include "base/limits.h"
#include "fuzz.h"
#include "wire/json_cursor.h"
#include "wire/yaml.h"

/* NEL, LS and PS end a line in YAML 1.1 and do not in JSON: a string with one does not come back. */
static bool has_line_end(gs_str s)
{
    return memmem(s.p, s.n, "\xc2\x85", 2) || memmem(s.p, s.n, "\xe2\x80\xa8", 3) ||
           memmem(s.p, s.n, "\xe2\x80\xa9", 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_cleanup(gs_buf_done) gs_buf json = GS_BUF(8u << 20), again = GS_BUF(8u << 20);
    gs_error err = {0};
    int rc = gs_yaml_to_json((gs_str){(const char *)data, size}, &json, &err);
    FUZZ_CHECK((rc == 0) == (err.msg[0] == 0));
    if (rc < 0) {
        FUZZ_CHECK(json.n == 0);
        return 0;
    }
    gs_json_cursor c;
    gs_json_cursor_init(&c, gs_buf_str(&json));
    FUZZ_CHECK(gs_json_cursor_finish(&c, NULL) == 0);
    /* libyaml finds a key only within 1024 characters: a long one does not come back. */
    if (json.n < 1024 && !has_line_end(gs_buf_str(&json)) && gs_yaml_to_json(gs_buf_str(&json), &again, &err) == 0)
        FUZZ_CHECK(gs_str_eq(gs_buf_str(&json), gs_buf_str(&again)));
    return 0;
}
