/* The text form of Go's goroutine profile (goroutine?debug=1): its total, from the first line
 * "goroutine profile: total 1234". Stacks: see goroutine_dump.h. */
#ifndef GS_CODEC_GOROUTINE_TEXT_H
#define GS_CODEC_GOROUTINE_TEXT_H

#include "base/err.h"
#include "base/str.h"

/* 1: *ret is the total; 0: the first line is not complete yet, feed more; negative: not such a profile. */
int gs_goroutine_total(gs_str start_of_body, uint64_t *ret, gs_error *err);

#endif
