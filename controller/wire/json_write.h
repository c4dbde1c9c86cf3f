/* Writes JSON onto a gs_buf: commas, escapes and number formats are its business, so that the result is
 * always valid.
 *
 *   gs_json_writer w;
 *   gs_jw_init(&w, &buf);
 *   gs_jw_object(&w, NULL);                          at the root and in arrays: no key
 *     gs_jw_str(&w, "kind", "Lease");
 *     gs_jw_array(&w, "list");
 *       gs_jw_int(&w, NULL, 7);
 *     gs_jw_end(&w);
 *   gs_jw_end(&w);
 *   return gs_jw_finish(&w, err);
 *
 * Every value takes its key, which must be NULL outside an object. Errors stick (the buffer's cap, wrong use,
 * nesting over GS_MAX_NESTING) and are told by gs_jw_finish, which then also takes back what was written: the
 * buffer holds either one whole value more, or what it held before. The writer is a plain value that borrows
 * the buffer. */
#ifndef GS_WIRE_JSON_WRITE_H
#define GS_WIRE_JSON_WRITE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct gs_json_writer {
    gs_buf *out;
    size_t from;      /* length of the buffer at the beginning */
    uint64_t objects; /* bit i: level i + 1 is an object */
    uint64_t started; /* bit i: level i + 1 has a member */
    unsigned depth;
    bool keyed;      /* a key waits for its value */
    bool whole;      /* the root value is complete */
    const char *why; /* a constant; NULL while all is well */
    enum gs_kind kind;
} gs_json_writer;

void gs_jw_init(gs_json_writer *w, gs_buf *out);

void gs_jw_object(gs_json_writer *w, const char *key);
void gs_jw_array(gs_json_writer *w, const char *key);
void gs_jw_end(gs_json_writer *w); /* of the innermost object or array */

void gs_jw_str(gs_json_writer *w, const char *key, const char *value); /* NULL is written as null */
void gs_jw_strn(gs_json_writer *w, const char *key, gs_str value);     /* bytes that are no UTF-8 become U+FFFD */
void gs_jw_int(gs_json_writer *w, const char *key, int64_t value);
void gs_jw_uint(gs_json_writer *w, const char *key, uint64_t value);
void gs_jw_double(gs_json_writer *w, const char *key, double value); /* shortest that reads back; NaN, Inf: null */
void gs_jw_bool(gs_json_writer *w, const char *key, bool value);
void gs_jw_null(gs_json_writer *w, const char *key);
void gs_jw_raw(gs_json_writer *w, const char *key, gs_str json); /* one valid JSON value; it is checked */

/* The same with a key that is not a C string: for keys that come from outside. */
void gs_jw_strn_at(gs_json_writer *w, gs_str key, gs_str value);
/* Only the key; the next value is written with key NULL. */
void gs_jw_key(gs_json_writer *w, gs_str key);

static inline bool gs_jw_failed(const gs_json_writer *w)
{
    return w->why != NULL;
}

/* 0; -GS_NO_MEMORY at a cap; -GS_TERMINAL for wrong use, containers left open, or nothing written. */
int gs_jw_finish(gs_json_writer *w, gs_error *err);

/* A double as gs_jw_double writes it, in any locale; "NaN", "+Inf", "-Inf" for those, as Prometheus has them.
 */
#define GS_DOUBLE_LEN 32
void gs_double_format(double value, char ret[GS_DOUBLE_LEN]);

#endif
