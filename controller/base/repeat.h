/* When a failure that repeats is worth another line of the log: at first, then at growing intervals, and again at once where
 * it is another one. A plain value, zero at first. Any thread that owns it. */
#ifndef GS_BASE_REPEAT_H
#define GS_BASE_REPEAT_H

#include "base/err.h"

#include <stdint.h>

#define GS_REPEAT_FIRST_MS 60000
#define GS_REPEAT_MAX_MS 3600000 /* it doubles up to this */

typedef struct gs_repeat {
    enum gs_kind kind; /* of the failure that was told last; GS_OK: none */
    int status;
    int64_t next_ms, gap_ms; /* monotonic */
    char times[24];          /* how often it has come since it began, for the line */
    unsigned n;
} gs_repeat;

/* True: tell it now. Failures are the same where kind and status are: messages name times and ports. */
bool gs_repeat_tell(gs_repeat *r, const gs_error *err, int64_t now_ms);
/* It went well. True: a failure had been told. */
bool gs_repeat_over(gs_repeat *r);

#endif
