/* gzip of whole buffers (zlib). Any thread. */
#ifndef GS_WIRE_GZIP_H
#define GS_WIRE_GZIP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* By the magic bytes. */
bool gs_is_gzip(gs_str bytes);

/* Appends what `bytes` unpacks to, all members of it, checksums verified. A bomb ends at the cap of *out with
 * -GS_NO_MEMORY; damaged or cut input, or anything behind the last member: -GS_TERMINAL. On error *out is as
 * it was. */
int gs_gunzip(gs_str bytes, gs_buf *out, gs_error *err);

/* Appends `bytes` packed (the same bytes every time: no name, no date). -GS_NO_MEMORY at the cap of *out. */
int gs_gzip(gs_str bytes, gs_buf *out, gs_error *err);

#endif
