#include "kube/retry.h"

int64_t gs_kube_retry_delay(const gs_kube_attempt *a, const gs_error *err, gs_rng *rng)
{
    if (err->kind != GS_TRANSIENT)
        return -1;
    bool overloaded = err->status == 429 && a->retry_after_ms >= 0;
    if (!a->read && !overloaded && !a->never_sent)
        return -1;
    int64_t delay = gs_rng_backoff(rng, a->attempt, GS_KUBE_BACKOFF_FIRST_MS, GS_KUBE_BACKOFF_MAX_MS);
    if (a->retry_after_ms >= 0) {
        /* Never sooner than asked, and some later than others: all clients got the same number. */
        int64_t asked = a->retry_after_ms < 100 ? 100 : a->retry_after_ms;
        delay = asked + (int64_t)gs_rng_below(rng, (uint64_t)asked / 5 + 1);
    }
    return delay <= a->left_ms ? delay : -1;
}
