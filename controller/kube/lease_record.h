/* A Lease's bytes to and from what the election needs. Pure. Private to kube/. */
#ifndef GS_KUBE_LEASE_RECORD_H
#define GS_KUBE_LEASE_RECORD_H

#include "base/buf.h"
#include "base/err.h"

typedef struct gs_lease_record {
    char holder[256]; /* "": nobody */
    char version[128];
    int64_t transitions, duration_ms;
    uint64_t spec_hash; /* two records that differ have a different one: somebody renewed it */
} gs_lease_record;

int gs_lease_record_read(gs_str lease, gs_lease_record *ret, gs_error *err);

typedef struct gs_lease_write {
    const char *ns, *name; /* set both for a new Lease, else NULL */
    const char *version;   /* precondition of a change; NULL for a new one */
    const char *holder;    /* "" to give it back */
    int64_t duration_s;
    int64_t now_wall_ms;
    int64_t transitions;
    bool acquired; /* the holder changes: acquireTime, too */
} gs_lease_write;

/* A whole Lease or a merge patch. */
int gs_lease_record_write(gs_buf *out, const gs_lease_write *w, gs_error *err);

#endif
