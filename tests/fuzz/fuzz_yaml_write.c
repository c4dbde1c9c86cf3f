/* JSON to YAML and back to JSON: what came back gives the same YAML again, and what is no JSON is refused. */
#include "base/limits.h"
#include "fuzz.h"
#include "wire/json_cursor.h"
#include "wire/yaml.h"
#include "wire/yaml_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_cleanup(gs_buf_done) gs_buf yaml = GS_BUF(8u << 20), json = GS_BUF(8u << 20), again = GS_BUF(8u << 20);
    gs_str in = {(const char *)data, size};
    gs_error err = {0};
    gs_json_cursor c;
    gs_json_cursor_init(&c, in);
    bool valid = gs_json_skip(&c) && gs_json_cursor_finish(&c, NULL) == 0;
    int rc = gs_json_to_yaml(in, &yaml, &err);
    FUZZ_CHECK(valid == (rc == 0));
    if (rc) {
        FUZZ_CHECK(yaml.n == 0 && err.msg[0]);
        return 0;
    }
    /* Duplicate keys, NUL in keys and numbers out of range are fine in JSON text and refused by the reader of YAML; what it
     * reads it may write otherwise: 1.0 as 1. So the comparison starts with its own. */
    if (gs_yaml_to_json(gs_buf_str(&yaml), &json, &err))
        return 0;
    gs_buf_reset(&yaml);
    FUZZ_CHECK(gs_json_to_yaml(gs_buf_str(&json), &yaml, &err) == 0);
    gs_buf_reset(&again);
    FUZZ_CHECK(gs_yaml_to_json(gs_buf_str(&yaml), &again, &err) == 0);
    FUZZ_CHECK(gs_str_eq(gs_buf_str(&json), gs_buf_str(&again)));
    return 0;
}
