/* The cursor against jansson: both accept or both refuse; and whatever was accepted reads the same in every
 * way. */
#include "fuzz.h"
#include "wire/json_cursor.h"
#include "wire/json_write.h"

#include <jansson.h>

static void check_string(gs_json_cursor *c)
{
    gs_cleanup(gs_buf_done) gs_buf buf = GS_BUF(1u << 20), again = GS_BUF(8u << 20);
    gs_json_cursor twin = *c, cut = *c, back;
    gs_json_writer w;
    char small[8];
    if (!gs_json_read_string_buf(c, &buf))
        return;
    if (gs_json_read_string_cut(&cut, small, sizeof small)) {
        size_t n = strlen(small);
        FUZZ_CHECK(n <= buf.n && memcmp(small, gs_buf_str(&buf).p, n) == 0);
        FUZZ_CHECK(gs_json_read_string(&twin, small, sizeof small) == (buf.n < sizeof small));
    }
    gs_jw_init(&w, &again);
    gs_jw_strn(&w, NULL, gs_buf_str(&buf));
    FUZZ_CHECK(gs_jw_finish(&w, NULL) == 0);
    gs_json_cursor_init(&back, gs_buf_str(&again));
    gs_cleanup(gs_buf_done) gs_buf same = GS_BUF(1u << 20);
    FUZZ_CHECK(gs_json_read_string_buf(&back, &same) && gs_str_eq(gs_buf_str(&buf), gs_buf_str(&same)));
}

static void walk(gs_json_cursor *c, unsigned level)
{
    gs_str key;
    double d;
    int64_t i;
    bool b;
    gs_json_cursor twin = *c;
    FUZZ_CHECK(level <= GS_MAX_NESTING);
    switch (gs_json_peek(c)) {
    case GS_JSON_OBJECT:
        for (bool in = gs_json_enter_object(c); in && gs_json_next_key(c, &key);) {
            char name[64];
            if (gs_json_unescape(key, name, sizeof name))
                FUZZ_CHECK(gs_json_key_is(key, name));
            walk(c, level + 1);
        }
        break;
    case GS_JSON_ARRAY:
        for (bool in = gs_json_enter_array(c); in && gs_json_next_element(c);)
            walk(c, level + 1);
        break;
    case GS_JSON_STRING:
        check_string(c);
        break;
    case GS_JSON_NUMBER:
        if (gs_json_read_int64(&twin, &i)) {
            gs_json_cursor third = *c;
            FUZZ_CHECK(!gs_json_read_double(&third, &d) || d == (double)i);
        }
        (void)gs_json_skip(c);
        break;
    case GS_JSON_BOOL:
        (void)gs_json_read_bool(c, &b);
        break;
    case GS_JSON_NULL:
        FUZZ_CHECK(gs_json_is_null(c) || gs_json_failed(c));
        break;
    case GS_JSON_NONE:
        (void)gs_json_skip(c);
        break;
    }
}

static bool deep(gs_str s)
{
    size_t open = 0;
    for (size_t i = 0; i < s.n; i++)
        open += s.p[i] == '[' || s.p[i] == '{';
    return open > GS_MAX_NESTING;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_str in = {(const char *)data, size};
    gs_json_cursor skip, steps;
    gs_str raw;
    gs_json_cursor_init(&skip, in);
    gs_json_cursor_init(&steps, in);
    bool ok = gs_json_raw(&skip, &raw) && gs_json_cursor_finish(&skip, NULL) == 0;
    walk(&steps, 0);
    FUZZ_CHECK((gs_json_cursor_finish(&steps, NULL) == 0) == ok);
    FUZZ_CHECK(ok || (skip.error_at <= size && skip.error_at == steps.error_at));

    if (size && memchr(data, 0, size))
        return 0; /* jansson takes a NUL byte for the end of the input */
    json_error_t e;
    json_t *doc = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (doc)
        FUZZ_CHECK(ok || deep(in));
    else
        FUZZ_CHECK(!ok || json_error_code(&e) == json_error_numeric_overflow ||
                   json_error_code(&e) == json_error_null_byte_in_key);
    json_decref(doc);
    return 0;
}
