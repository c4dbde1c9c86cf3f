/* Writes protobuf by hand, so that tests can make profiles that no program writes. */
#ifndef GS_TEST_PB_WRITER_H
#define GS_TEST_PB_WRITER_H

#include "base/buf.h"

#include <assert.h>

static inline void pb_varint(gs_buf *b, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        (void)gs_buf_add(b, &(unsigned char){(unsigned char)(v | 0x80)}, 1);
    (void)gs_buf_add(b, &(unsigned char){(unsigned char)v}, 1);
}

static inline void pb_int(gs_buf *b, unsigned field, uint64_t v)
{
    pb_varint(b, (uint64_t)field << 3);
    pb_varint(b, v);
}

static inline void pb_bytes(gs_buf *b, unsigned field, gs_str s)
{
    pb_varint(b, (uint64_t)field << 3 | 2);
    pb_varint(b, s.n);
    (void)gs_buf_add(b, s.p, s.n);
}

/* Writes `inner` as a message and empties it. */
static inline void pb_message(gs_buf *b, unsigned field, gs_buf *inner)
{
    pb_bytes(b, field, gs_buf_str(inner));
    gs_buf_reset(inner);
}

#endif
