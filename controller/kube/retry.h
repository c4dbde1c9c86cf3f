/* The one place that decides whether a request is sent again, and when. Pure. */
#ifndef GS_KUBE_RETRY_H
#define GS_KUBE_RETRY_H

#include "base/err.h"
#include "base/rng.h"

#include <stdint.h>

#define GS_KUBE_BACKOFF_FIRST_MS 800
#define GS_KUBE_BACKOFF_MAX_MS 30000

typedef struct gs_kube_attempt {
    bool read;              /* GET, LIST: asking again changes nothing */
    bool never_sent;        /* the connection was refused: the API server has not seen it */
    unsigned attempt;       /* 0 for the first */
    int64_t retry_after_ms; /* -1: the API server did not say */
    int64_t left_ms;        /* until the deadline */
} gs_kube_attempt;

/* The delay before the next attempt, or -1: hand the error to the caller. */
int64_t gs_kube_retry_delay(const gs_kube_attempt *a, const gs_error *err, gs_rng *rng);

#endif
