/* A pull cursor over complete JSON bytes (RFC 8259, strict): no allocation, never past the end,
 * GS_MAX_NESTING levels.
 *
 * The cursor is a plain value; it borrows the bytes, which must outlive it and every gs_str that it hands
 * out. One thread at a time.
 *
 *   gs_json_cursor c;
 *   gs_json_cursor_init(&c, bytes);
 *   gs_str key;
 *   if (gs_json_enter_object(&c))
 *       while (gs_json_next_key(&c, &key)) {
 *           if (gs_json_key_is(key, "name"))
 *               gs_json_read_string(&c, pod.name, sizeof pod.name);
 *           else if (gs_json_key_is(key, "items") && gs_json_enter_array(&c))
 *               while (gs_json_next_element(&c))
 *                   ...                          read, enter or ignore the element
 *       }                                        a value that nobody read is skipped
 *   return gs_json_cursor_finish(&c, err);
 *
 * Errors stick: after the first one every function returns false and the loops end, so that only finish needs
 * to be checked. A container that was entered is walked until next_key/next_element returns false, or left
 * with gs_json_leave. Members may repeat: it is for the caller to care (json_map.h refuses them). */
#ifndef GS_WIRE_JSON_CURSOR_H
#define GS_WIRE_JSON_CURSOR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

enum gs_json_kind {
    GS_JSON_NONE, /* no value here, or the cursor has failed */
    GS_JSON_NULL,
    GS_JSON_BOOL,
    GS_JSON_NUMBER,
    GS_JSON_STRING,
    GS_JSON_OBJECT,
    GS_JSON_ARRAY,
};

typedef struct gs_json_cursor {
    const char *start, *p, *end;
    uint64_t objects; /* bit i: level i + 1 is an object, else an array */
    uint64_t started; /* bit i: level i + 1 has had its first member */
    unsigned depth;   /* levels that are open */
    bool pending;     /* p stands before a value that nobody has read */
    const char *why;  /* a constant; NULL while all is well */
    size_t error_at;  /* byte offset from start */
} gs_json_cursor;

void gs_json_cursor_init(gs_json_cursor *c, gs_str json);

static inline bool gs_json_failed(const gs_json_cursor *c)
{
    return c->why != NULL;
}

/* Makes the cursor fail here with a reason of the caller's (a constant), unless it has failed before. Returns
 * false. */
bool gs_json_fail(gs_json_cursor *c, const char *why);

/* What stands here, by its first byte; reads nothing. */
enum gs_json_kind gs_json_peek(gs_json_cursor *c);
/* True where null stands here; it is read then. Anything else is left alone. */
bool gs_json_is_null(gs_json_cursor *c);

bool gs_json_enter_object(gs_json_cursor *c);
/* The next key as it stands between its quotes, escapes and all; compare it with gs_json_key_is.
 * False at the end of the object, which is left then, and on error. */
bool gs_json_next_key(gs_json_cursor *c, gs_str *ret_raw_key);
bool gs_json_key_is(gs_str raw_key, const char *name);
bool gs_json_enter_array(gs_json_cursor *c);
bool gs_json_next_element(gs_json_cursor *c); /* false at the end of the array, which is left then, and on error */
bool gs_json_leave(gs_json_cursor *c);        /* skips the rest of the innermost container and leaves it */

/* Strings come out unescaped, as valid UTF-8, terminated. In a fixed array: longer ones are an error, and so
 * is NUL. */
bool gs_json_read_string(gs_json_cursor *c, char *dst, size_t cap);
bool gs_json_read_string_cut(gs_json_cursor *c, char *dst, size_t cap); /* longer ones are cut between characters */
bool gs_json_read_string_buf(gs_json_cursor *c, gs_buf *out);           /* appended; an error at the buffer's cap */
bool gs_json_read_int64(gs_json_cursor *c, int64_t *ret);               /* no fraction, no exponent */
bool gs_json_read_double(gs_json_cursor *c, double *ret);               /* at most 63 characters, and finite */
bool gs_json_read_bool(gs_json_cursor *c, bool *ret);

bool gs_json_skip(gs_json_cursor *c);             /* any value, checked in full all the same */
bool gs_json_raw(gs_json_cursor *c, gs_str *ret); /* the same, and its bytes: valid JSON by itself */
/* A raw key or the inside of a raw string, unescaped into a fixed array: false where it does not fit or is
 * invalid. */
bool gs_json_unescape(gs_str raw, char *dst, size_t cap);

/* To be called after the value: 0, or -GS_TERMINAL with "at byte N: reason" for an error, an open container
 * or anything but white space behind the value. */
int gs_json_cursor_finish(gs_json_cursor *c, gs_error *err);

/* The raw value under a path of keys, ended by NULL: gs_json_find(pod, (const char *[]){"metadata", "uid",
 * NULL}, &v). False where a key is missing or what comes before it is malformed; bytes behind the value are
 * not looked at. */
bool gs_json_find(gs_str object, const char *const path[], gs_str *ret);
/* The same for a string, unescaped into dst. False where there is none or it does not fit. */
bool gs_json_find_string(gs_str object, const char *const path[], char *dst, size_t cap);
bool gs_json_find_int64(gs_str object, const char *const path[], int64_t *ret);

#endif
