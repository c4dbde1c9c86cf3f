/* Helpers for nanopb callbacks that read messages which lie in memory as a whole. Decoding copies nothing:
 * strings and byte fields come out as views, valid as long as the bytes that were given to gs_pb_decode. Any
 * thread. */
#ifndef GS_WIRE_PB_H
#define GS_WIRE_PB_H

#include "base/err.h"
#include "base/str.h"

/* System headers as far as warnings go. */
#include <pb.h>
#include <pb_decode.h>

/* Decodes one message; the callbacks of *msg must be set, all else in it is overwritten. `what` names it in
 * the error. -GS_TERMINAL where the bytes are malformed or a callback returned false. */
int gs_pb_decode(gs_str bytes, const pb_msgdesc_t *fields, void *msg, const char *what, gs_error *err);

/* In a decode callback of a string, bytes or message field: its whole content, which is consumed. False, and the
 * decoding fails, where the peer has sent the field as a number: nanopb shows that as a copy on its own stack. */
bool gs_pb_view(pb_istream_t *stream, gs_str *ret);

/* In a decode callback of a repeated integer: hands every value to `each`, packed or not; false ends the
 * decoding. */
bool gs_pb_each_varint(pb_istream_t *stream, bool (*each)(void *ctx, uint64_t value), void *ctx);

/* For a callback that refuses: `return gs_pb_fail(stream, "too many samples");` (a constant). */
bool gs_pb_fail(pb_istream_t *stream, const char *why);

#endif
