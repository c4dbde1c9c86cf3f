#include "wire/pb.h"

#include <pb_common.h>

/* Streams over memory of our own are told by this function; they keep their position in `state`. nanopb checks
 * bytes_left before it calls. */
static bool read_memory(pb_istream_t *stream, pb_byte_t *buf, size_t count)
{
    const char *p = stream->state;
    memcpy(buf, p, count);
    stream->state = (void *)(uintptr_t)(p + count);
    return true;
}

int gs_pb_decode(gs_str bytes, const pb_msgdesc_t *fields, void *msg, const char *what, gs_error *err)
{
    const char *start = bytes.n ? bytes.p : "";
    pb_istream_t stream = {.callback = read_memory, .state = (void *)(uintptr_t)start, .bytes_left = bytes.n};
    if (pb_decode(&stream, fields, msg))
        return 0;
    return gs_error_set(err, GS_TERMINAL, "%s: malformed protobuf, %zu bytes before the end: %s", what,
                        stream.bytes_left, PB_GET_ERROR(&stream));
}

bool gs_pb_view(pb_istream_t *stream, gs_str *ret)
{
    if (stream->callback != read_memory)
        return gs_pb_fail(stream, "a number where a string or message should be");
    const char *p = stream->state;
    *ret = (gs_str){p, stream->bytes_left};
    stream->state = (void *)(uintptr_t)(p + stream->bytes_left);
    stream->bytes_left = 0;
    return true;
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
