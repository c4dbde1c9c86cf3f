/* Leader election by a coordination.k8s.io/v1 Lease, with the semantics of client-go.
 *
 * Clocks of other machines are never compared: a lease has expired when *we* have seen it unchanged for its duration.
 * A leader that could not renew for renew_deadline_ms has lost it, at once, even while a request hangs: since that is
 * shorter than the lease's duration, nobody else has it yet. A Lease without a spec is free. Loop thread only. */
#ifndef GS_KUBE_LEASE_H
#define GS_KUBE_LEASE_H

#include "kube/client.h"

typedef struct gs_kube_lease gs_kube_lease;

typedef struct gs_kube_lease_options {
    const char *ns, *name;
    const char *identity;      /* of this process, unique: "<pod name>_<random>" */
    int64_t duration_ms;       /* 0: 15 s; in whole seconds on the wire */
    int64_t renew_deadline_ms; /* 0: 10 s; below duration */
    int64_t retry_ms;          /* 0: 2 s; below renew_deadline / 1.2 */
    /* Takes the lease from whoever holds it. on_started comes only once that one must have noticed: after its duration or
     * ours, the longer one; at once where nobody held it, or it was left to idle_holder, which nobody acts as. */
    bool take_over;
    const char *idle_holder;                            /* or NULL */
    void (*on_started)(void *ctx);                      /* we lead */
    void (*on_lost)(void *ctx, const char *reason);     /* we no longer do: stop acting now. The lease is idle then */
    void (*on_leader)(void *ctx, const char *identity); /* who leads, us included, "" nobody; may be NULL */
    void *ctx;
} gs_kube_lease_options;

/* Strings are copied. */
int gs_kube_lease_new(gs_kube *k, const gs_kube_lease_options *o, gs_kube_lease **ret, gs_error *err);
void gs_kube_lease_start(gs_kube_lease *l);
bool gs_kube_lease_held(const gs_kube_lease *l);
/* Gives the lease back if we hold it, so that the next one need not wait; then done(ctx), always, within
 * retry_ms. on_lost is not called. The caller must have stopped acting before. */
void gs_kube_lease_release(gs_kube_lease *l, void (*done)(void *ctx), void *ctx);
/* The same, but nobody else gets it for so long: it is held by `holder` then, who does not exist. */
void gs_kube_lease_leave(gs_kube_lease *l, const char *holder, int64_t duration_ms, void (*done)(void *ctx), void *ctx);
/* No callback after it. Allowed from within the callbacks. */
void gs_kube_lease_free(gs_kube_lease *l);
GS_DEFINE_CLEANUP(gs_kube_lease *, gs_kube_lease_free)

#endif
