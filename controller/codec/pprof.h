/* pprof's protobuf (gzip or not) to a goroutine profile by site. Runs on a worker: pure, owns its output. */
#ifndef GS_CODEC_PPROF_H
#define GS_CODEC_PPROF_H

#include "base/err.h"
#include "core/stack.h"

/* body as the pod sent it. Errors (GS_TERMINAL) say what was expected and where; GS_NO_MEMORY at a cap. */
int gs_pprof_decode(gs_str body, gs_profile **ret, gs_error *err);

/* 'p' and 10 hex digits of sha256(normalised leaf, '\n', normalised entry). */
void gs_site_id(gs_str leaf, gs_str entry, char ret[GS_SITE_ID_LEN]);

#endif
