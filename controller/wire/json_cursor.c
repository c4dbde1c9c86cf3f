#include "wire/json_cursor.h"

#include "wire/json_text.h"

_Static_assert(GS_MAX_NESTING <= 64, "a level is one bit of a uint64_t");

void gs_json_cursor_init(gs_json_cursor *c, gs_str json)
{
    const char *p = json.n ? json.p : "";
    *c = (gs_json_cursor){.start = p, .p = p, .end = p + json.n, .pending = true};
}

static bool fail_at(gs_json_cursor *c, const char *at, const char *why)
{
    if (!c->why) {
        c->why = why;
        c->error_at = (size_t)(at - c->start);
    }
    return false;
}

bool gs_json_fail(gs_json_cursor *c, const char *why)
{
    return fail_at(c, c->p, why);
}

/* To the next byte that is no white space; false at the end of the input. */
static inline bool more(gs_json_cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
        c->p++;
    return c->p < c->end;
}

/* To the value that is to be read; false, and failed, where there is none. */
static inline bool at_value(gs_json_cursor *c)
{
    if (c->why)
        return false;
    if (!c->pending)
        return gs_json_fail(c, "there is no value to read");
    return more(c) || gs_json_fail(c, "the input ends where a value should be");
}

static bool wanted(gs_json_cursor *c, const char *why)
{
    return gs_json_fail(c, gs_json_peek(c) == GS_JSON_NONE ? "no JSON value" : why);
}

static enum gs_json_kind kind_of(char first)
{
    switch (first) {
    case 'n':
        return GS_JSON_NULL;
    case 't':
    case 'f':
        return GS_JSON_BOOL;
    case '"':
        return GS_JSON_STRING;
    case '{':
        return GS_JSON_OBJECT;
    case '[':
        return GS_JSON_ARRAY;
    default:
        return first == '-' || (first >= '0' && first <= '9') ? GS_JSON_NUMBER : GS_JSON_NONE;
    }
}

enum gs_json_kind gs_json_peek(gs_json_cursor *c)
{
    return !c->why && c->pending && more(c) ? kind_of(*c->p) : GS_JSON_NONE;
}

static bool word(gs_json_cursor *c, gs_str w)
{
    if ((size_t)(c->end - c->p) < w.n || memcmp(c->p, w.p, w.n) != 0)
        return gs_json_fail(c, "no JSON value");
    c->p += w.n;
    c->pending = false;
    return true;
}

bool gs_json_is_null(gs_json_cursor *c)
{
    return gs_json_peek(c) == GS_JSON_NULL && word(c, GS_STR("null"));
}

/* The string at the cursor, which is then behind it. */
static inline bool string(gs_json_cursor *c, gs_str *ret_raw)
{
    const char *why, *at, *p = c->p + 1, *q = gs_json_string_end(p, c->end, &why, &at);
    if (!q)
        return fail_at(c, at, why);
    *ret_raw = (gs_str){p, (size_t)(q - p)};
    c->p = q + 1;
    return true;
}

static bool number(gs_json_cursor *c, gs_str *ret, bool *integer)
{
    const char *end = gs_json_number_end(c->p, c->end, integer);
    if (!end)
        return gs_json_fail(c, "malformed number");
    *ret = (gs_str){c->p, (size_t)(end - c->p)};
    c->p = end;
    c->pending = false;
    return true;
}

/* ---- containers ---- */

static inline bool open_level(gs_json_cursor *c, bool object)
{
    if (c->depth >= GS_MAX_NESTING)
        return gs_json_fail(c, "nested too deeply");
    uint64_t bit = UINT64_C(1) << c->depth++;
    c->objects = object ? c->objects | bit : c->objects & ~bit;
    c->started &= ~bit;
    c->pending = false;
    c->p++;
    return true;
}

/* To the value of the next member of the innermost container; false where that ends (it is left then) or on
 * error. */
static inline bool step(gs_json_cursor *c, gs_str *ret_key)
{
    uint64_t bit = UINT64_C(1) << (c->depth - 1);
    bool object = c->objects & bit;
    if (!more(c))
        return gs_json_fail(c, object ? "the input ends inside an object" : "the input ends inside an array");
    if (*c->p == (object ? '}' : ']')) {
        c->p++;
        c->depth--;
        return false;
    }
    if (c->started & bit) {
        if (*c->p != ',')
            return gs_json_fail(c, object ? "expected , or }" : "expected , or ]");
        c->p++;
    }
    c->started |= bit;
    if (object) {
        if (!more(c) || *c->p != '"')
            return gs_json_fail(c, "expected a key in quotes");
        if (!string(c, ret_key))
            return false;
        if (!more(c) || *c->p != ':')
            return gs_json_fail(c, "expected : behind a key");
        c->p++;
    }
    c->pending = true;
    return true;
}

/* Reads what stands here, however deep, checking all of it. */
static bool skip(gs_json_cursor *c)
{
    unsigned base = c->depth;
    gs_str unused;
    bool integer;
    do {
        if (!at_value(c))
            return false;
        switch (kind_of(*c->p)) {
        case GS_JSON_STRING:
            if (!string(c, &unused))
                return false;
            c->pending = false;
            break;
        case GS_JSON_OBJECT:
        case GS_JSON_ARRAY:
            if (!open_level(c, *c->p == '{'))
                return false;
            break;
        case GS_JSON_NUMBER:
            if (!number(c, &unused, &integer))
                return false;
            break;
        default:
            if (!word(c, *c->p == 'n' ? GS_STR("null") : *c->p == 't' ? GS_STR("true") : GS_STR("false")))
                return false;
        }
        while (c->depth > base && !step(c, &unused))
            if (c->why)
                return false;
    } while (c->depth > base);
    return true;
}

bool gs_json_skip(gs_json_cursor *c)
{
    return at_value(c) && skip(c);
}

bool gs_json_raw(gs_json_cursor *c, gs_str *ret)
{
    if (!at_value(c))
        return false;
    const char *from = c->p;
    if (!skip(c))
        return false;
    *ret = (gs_str){from, (size_t)(c->p - from)};
    return true;
}

bool gs_json_enter_object(gs_json_cursor *c)
{
    if (!at_value(c))
        return false;
    return *c->p == '{' ? open_level(c, true) : wanted(c, "expected an object");
}

bool gs_json_enter_array(gs_json_cursor *c)
{
    if (!at_value(c))
        return false;
    return *c->p == '[' ? open_level(c, false) : wanted(c, "expected an array");
}

static inline bool next(gs_json_cursor *c, bool object, gs_str *ret_key)
{
    if (c->why || (c->pending && c->depth && !skip(c)))
        return false;
    if (!c->depth || (bool)(c->objects >> (c->depth - 1) & 1) != object)
        return gs_json_fail(c, object ? "not inside an object" : "not inside an array");
    return step(c, ret_key);
}

bool gs_json_next_key(gs_json_cursor *c, gs_str *ret_raw_key)
{
    return next(c, true, ret_raw_key);
}

bool gs_json_next_element(gs_json_cursor *c)
{
    gs_str unused;
    return next(c, false, &unused);
}

bool gs_json_leave(gs_json_cursor *c)
{
    gs_str unused;
    if (c->why)
        return false;
    if (!c->depth)
        return gs_json_fail(c, "not inside a container");
    bool object = c->objects >> (c->depth - 1) & 1;
    while (next(c, object, &unused))
        ;
    return !c->why;
}

/* ---- scalars ---- */

/* The string that is to be read, raw; *ret_at is where it begins. */
static bool raw_string(gs_json_cursor *c, gs_str *ret, const char **ret_at)
{
    if (!at_value(c))
        return false;
    if (*c->p != '"')
        return wanted(c, "expected a string");
    *ret_at = c->p;
    if (!string(c, ret))
        return false;
    c->pending = false;
    return true;
}

static bool string_into(gs_json_cursor *c, char *dst, size_t cap, bool cut)
{
    gs_str raw;
    const char *at;
    if (!raw_string(c, &raw, &at))
        return false;
    size_t n = raw.n, read = raw.n;
    if (n < cap && !memchr(raw.p, '\\', n)) {
        memcpy(dst, raw.p, n);
        dst[n] = 0;
        return true;
    }
    n = gs_json_unescape_some(raw, dst, cap, &read);
    if (memchr(dst, 0, n))
        return fail_at(c, at, "NUL in a string");
    return read == raw.n || cut || fail_at(c, at, "the string is too long");
}

bool gs_json_read_string(gs_json_cursor *c, char *dst, size_t cap)
{
    return string_into(c, dst, cap, false);
}

bool gs_json_read_string_cut(gs_json_cursor *c, char *dst, size_t cap)
{
    return string_into(c, dst, cap, true);
}

bool gs_json_read_string_buf(gs_json_cursor *c, gs_buf *out)
{
    gs_str raw;
    const char *at;
    if (!raw_string(c, &raw, &at))
        return false;
    char *dst = gs_buf_reserve(out, raw.n); /* unescaped it is never longer */
    if (!dst)
        return fail_at(c, at, "the string is too long");
    size_t read;
    out->n += gs_json_unescape_some(raw, dst, raw.n + 1, &read);
    return true;
}

bool gs_json_read_int64(gs_json_cursor *c, int64_t *ret)
{
    if (!at_value(c))
        return false;
    const char *at = c->p;
    bool integer;
    gs_str s;
    if (kind_of(*at) != GS_JSON_NUMBER)
        return wanted(c, "expected a whole number");
    if (!number(c, &s, &integer))
        return false;
    return (integer && gs_str_i64(s, ret)) || fail_at(c, at, "expected a whole number of 64 bits");
}

bool gs_json_read_double(gs_json_cursor *c, double *ret)
{
    if (!at_value(c))
        return false;
    const char *at = c->p;
    bool integer;
    gs_str s;
    double v;
    if (kind_of(*at) != GS_JSON_NUMBER)
        return wanted(c, "expected a number");
    if (!number(c, &s, &integer))
        return false;
    if (!gs_str_double(s, &v) || __builtin_isinf(v))
        return fail_at(c, at, "the number is out of range");
    *ret = v;
    return true;
}

bool gs_json_read_bool(gs_json_cursor *c, bool *ret)
{
    if (!at_value(c))
        return false;
    bool v = *c->p == 't';
    if (kind_of(*c->p) != GS_JSON_BOOL)
        return wanted(c, "expected true or false");
    if (!word(c, v ? GS_STR("true") : GS_STR("false")))
        return false;
    *ret = v;
    return true;
}

int gs_json_cursor_finish(gs_json_cursor *c, gs_error *err)
{
    if (!c->why && !c->depth && c->pending)
        (void)gs_json_skip(c);
    if (!c->why && c->depth)
        (void)gs_json_fail(c, "a container was not read to its end");
    if (!c->why && more(c))
        (void)gs_json_fail(c, "more behind the JSON value");
    return c->why ? gs_error_set(err, GS_TERMINAL, "at byte %zu: %s", c->error_at, c->why) : 0;
}
