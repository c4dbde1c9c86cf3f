/* pprof's protobuf (gzip or not) to a goroutine profile by site. Runs on a worker: pure, owns its output. */
#ifndef GS_CODEC_PPROF_H
#define GS_CODEC_PPROF_H

#include "base/buf.h"
#include "base/err.h"
#include "core/stack.h"

/* body as the pod sent it. Errors (GS_TERMINAL) say what was expected and where; GS_NO_MEMORY at a cap. */
int gs_pprof_decode(gs_str body, gs_profile **ret, gs_error *err);

/* Its two halves. Points *body at what it unpacks to: into out, which has the cap, or at itself where it is no gzip. */
int gs_pprof_unpack(gs_str *body, gs_buf *out, gs_error *err);
int gs_pprof_decode_unpacked(gs_str body, gs_profile **ret, gs_error *err);

#endif
