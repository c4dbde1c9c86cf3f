/* Which stored evidence goes. A snapshot is an object and the metadata beside it; both go together. Pure. */
#ifndef GS_CORE_RETENTION_H
#define GS_CORE_RETENTION_H

#include "core/policy.h"

#include <stddef.h>

/* <holder><workload>/<incident>/<20260101T000026Z>-<pod>-<kind><suffix>, as codec/snapshot makes them; holder is
 * "<prefix>/<namespace>/". */
typedef struct gs_stored_key {
    gs_str stem;     /* without the suffix: the same for the object and its metadata */
    gs_str suffix;   /* ".pb.gz", ".txt", ".trace"; ".json" of the metadata */
    gs_str incident; /* its name */
    int64_t time_ms; /* wall */
} gs_stored_key;

/* false: not a key of exactly that form, or one of the audit log (<holder>audit/): it is not ours to delete. The parts point
 * into key. */
bool gs_retention_key(const char *holder, const char *key, gs_stored_key *ret);

typedef struct gs_stored {
    int64_t time_ms;
    uint64_t bytes;
    bool open;                 /* of an open incident: it stays */
    bool unknown;              /* of an incident that is not known (any more): it goes by age only */
    enum gs_severity severity; /* of the incident; HIGH where that is not known */
    void *of;                  /* the caller's */
    bool goes;                 /* set by gs_retention_choose */
} gs_stored;

/* Marks what goes: what is older than its severity's days, then the oldest of known incidents until the rest has no more than
 * max_bytes; at most max. Sorts v by time, the oldest first. Returns how many go; *ret_kept: bytes of the others. */
size_t gs_retention_choose(const gs_retention *r, gs_stored *v, size_t n, size_t max, int64_t now_ms,
                           uint64_t *ret_kept);

/* Of two policies for the same objects: the longer and larger of each. */
gs_retention gs_retention_longer(const gs_retention *a, const gs_retention *b);

#endif
