/* Keys, and values by a path of keys: the part of json_cursor.h that needs nothing but its functions. */
#include "wire/json_cursor.h"
#include "wire/json_text.h"

bool gs_json_unescape(gs_str raw, char *dst, size_t cap)
{
    size_t read, n;
    if (!cap)
        return false;
    n = gs_json_unescape_some(raw, dst, cap, &read);
    return read == raw.n && !memchr(dst, 0, n);
}

bool gs_json_key_is(gs_str raw_key, const char *name)
{
    size_t n = strlen(name);
    if (raw_key.n <= n && (raw_key.n < n || memcmp(raw_key.p, name, n) != 0))
        return false;
    const char *p = raw_key.p, *end = p + raw_key.n;
    if (!memchr(p, '\\', raw_key.n))
        return raw_key.n == n;
    while (p < end) {
        char tmp[4] = {*p};
        size_t out = 1, read = *p == '\\' ? gs_json_escape(p, end, tmp, &out) : 1;
        if (!read || out > n || memcmp(tmp, name, out) != 0)
            return false;
        name += out;
        n -= out;
        p += read;
    }
    return n == 0;
}

/* A cursor that stands before the value under path. */
static bool find(gs_json_cursor *c, const char *const path[])
{
    for (; *path; path++) {
        gs_str key;
        bool found = false;
        if (!gs_json_enter_object(c))
            return false;
        while (!found && gs_json_next_key(c, &key))
            found = gs_json_key_is(key, *path);
        if (!found)
            return false;
    }
    return true;
}

bool gs_json_find(gs_str object, const char *const path[], gs_str *ret)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, object);
    return find(&c, path) && gs_json_raw(&c, ret);
}

bool gs_json_find_string(gs_str object, const char *const path[], char *dst, size_t cap)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, object);
    return find(&c, path) && gs_json_read_string(&c, dst, cap);
}

bool gs_json_find_int64(gs_str object, const char *const path[], int64_t *ret)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, object);
    return find(&c, path) && gs_json_read_int64(&c, ret);
}
