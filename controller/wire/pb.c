#include "wire/pb.h"

#include <pb_common.h>

int gs_pb_decode(gs_str bytes, const pb_msgdesc_t *fields, void *msg, const char *what, gs_error *err)
{
    pb_istream_t stream = pb_istream_from_buffer((const pb_byte_t *)bytes.p, bytes.n);
    if (pb_decode(&stream, fields, msg))
        return 0;
    return gs_error_set(err, GS_TERMINAL, "%s: malformed protobuf, %zu bytes before the end: %s", what,
                        stream.bytes_left, PB_GET_ERROR(&stream));
}

gs_str gs_pb_view(pb_istream_t *stream)
{
    /* A stream over memory keeps its position in `state`; reading into NULL only moves it. */
    gs_str s = {stream->state, stream->bytes_left};
    (void)pb_read(stream, NULL, s.n);
    return s;
}

bool gs_pb_each_varint(pb_istream_t *stream, bool (*each)(void *ctx, uint64_t value), void *ctx)
{
    while (stream->bytes_left) {
        uint64_t v;
        if (!pb_decode_varint(stream, &v))
            return false;
        if (!each(ctx, v))
            return gs_pb_fail(stream, "refused");
    }
    return true;
}

bool gs_pb_fail(pb_istream_t *stream, const char *why)
{
    PB_SET_ERROR(stream, why);
    return false;
}
