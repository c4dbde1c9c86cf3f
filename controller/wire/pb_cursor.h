/* A cursor over one protobuf message that lies in memory, field by field: for messages that come by the thousand, where
 * nanopb's descriptors cost several times as much. Views, no allocation, never past the end. Any thread.
 *
 *   gs_pb_cursor c = {bytes.p, bytes.p + bytes.n};
 *   gs_pb_field f;
 *   while (gs_pb_next(&c, &f))
 *       if (f.number == 2 && f.bytes) ... f.view
 *   if (c.p != c.end) malformed at c.p
 */
#ifndef GS_WIRE_PB_CURSOR_H
#define GS_WIRE_PB_CURSOR_H

#include "base/str.h"

typedef struct gs_pb_cursor {
    const char *p, *end; /* p == end: all of it was read; where gs_pb_next fails before, p stays at the field */
} gs_pb_cursor;

typedef struct gs_pb_field {
    uint32_t number;
    bool bytes;     /* a string, a message or packed numbers: view; else value */
    uint64_t value; /* of a varint; of a fixed number nothing is kept */
    bool varint;
    gs_str view;
} gs_pb_field;

static inline bool gs_pb_varint(gs_pb_cursor *c, uint64_t *ret)
{
    uint64_t v = 0;
    const char *p = c->p;
    for (unsigned shift = 0; p < c->end && shift < 64; shift += 7) {
        uint64_t byte = (unsigned char)*p++;
        if (shift == 63 && byte > 1)
            return false;
        v |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            c->p = p;
            *ret = v;
            return true;
        }
    }
    return false;
}

/* False at the end, and for what is malformed. Groups, which nobody writes any more, are malformed too. */
static inline bool gs_pb_next(gs_pb_cursor *c, gs_pb_field *ret)
{
    gs_pb_cursor at = *c;
    uint64_t tag, n;
    if (at.p == at.end || !gs_pb_varint(&at, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
        return false;
    *ret = (gs_pb_field){
        .number = (uint32_t)(tag >> 3), .bytes = (tag & 7) == 2, .varint = (tag & 7) == 0, .view = {at.p, 0}};
    if (ret->varint) {
        if (!gs_pb_varint(&at, &ret->value))
            return false;
    } else {
        n = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : UINT64_MAX;
        if ((ret->bytes && !gs_pb_varint(&at, &n)) || n > (size_t)(at.end - at.p))
            return false;
        ret->view = (gs_str){at.p, (size_t)n};
        at.p += n;
    }
    *c = at;
    return true;
}

#endif
