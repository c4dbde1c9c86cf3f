/* What waits for one destination: deduplicated by incident, in order, within the destination's rate. No I/O; times are
 * monotonic milliseconds.
 *
 * Of one incident at most two notices wait: that it is open, and what came after, of which only the newest. OPENED and
 * RESOLVED are not replaced by lesser ones: what is done meanwhile becomes their text. */
#ifndef GS_OPERATOR_NOTICES_H
#define GS_OPERATOR_NOTICES_H

#include "base/map.h"
#include "base/rng.h"
#include "codec/notice.h"

#define OP_NOTICES_MAX 100             /* waiting; beyond it GRADED and ACTION go, the oldest first */
#define OP_NOTICES_MINUTE 20           /* sent in any 60 s: what WeCom takes of one robot */
#define OP_NOTICES_GIVE_UP_MS 3600000  /* old news */
#define OP_NOTICES_EVIDENCE_MS 20000   /* that OPENED waits for the link */
#define OP_NOTICES_FIRST_RETRY_MS 4000 /* half of it to all of it, doubled with each failure, */
#define OP_NOTICES_MAX_RETRY_MS 300000 /* up to this */
#define OP_NOTICES_REMEMBERED 16       /* texts that one incident is not told twice */

typedef struct op_notice {
    enum gs_notice_kind kind;
    char *text;
    int64_t since_ms, not_before_ms;
    unsigned failures;
} op_notice;

/* One incident, as the destination knows it. */
typedef struct op_told {
    char name[GS_OBJECT_LEN];
    bool told;                 /* that it is open: so it will be told that it is over, too */
    bool over;                 /* and was */
    op_notice *opened, *later; /* NULL: nothing waits */
    uint64_t sent[OP_NOTICES_REMEMBERED];
    unsigned n_sent;
    char *text;                /* the newest; of use to whom it is repeated */
    int64_t told_ms;           /* when something was told last */
    bool has_severity;         /* something was */
    enum gs_severity severity; /* and it said so */
} op_told;

typedef struct op_notices {
    gs_map *incidents; /* name -> op_told */
    op_notice *flying; /* being sent */
    op_told *of;       /* whose it is */
    bool unlimited;    /* no limit of the rate */
    int64_t sent_ms[OP_NOTICES_MINUTE];
    unsigned n_sent;
    int64_t not_before_ms; /* after a failure that the next notice would meet too */
    unsigned failures;
} op_notices;

void op_notices_init(op_notices *q, bool unlimited);
void op_notices_done(op_notices *q);

op_told *op_notices_get(const op_notices *q, const char *incident); /* NULL: it knows nothing of it */
/* An incident that it knows of, from an earlier controller. */
op_told *op_notices_known(op_notices *q, const char *incident);

/* Returns how many notices were dropped for it. OPENED is not sent before now + wait_ms. */
unsigned op_notices_add(op_notices *q, const char *incident, enum gs_notice_kind kind, const char *text,
                        int64_t wait_ms, int64_t now_ms);
void op_notices_hurry(op_told *t, int64_t now_ms); /* nothing is to be waited for any more */

/* The next one to send, now flying; NULL: none yet, or one is. */
op_notice *op_notices_next(op_notices *q, int64_t now_ms);
/* What became of it. It may be gone afterwards, and what is known of its incident. */
void op_notices_sent(op_notices *q, enum gs_severity severity, int64_t now_ms);
/* transient: it is the destination that fails, and not this notice. */
void op_notices_failed(op_notices *q, bool transient, int64_t retry_after_ms, gs_rng *rng, int64_t now_ms);
void op_notices_drop(op_notices *q); /* there is nothing to tell any more */

/* Drops one that waits for too long; false: there is none. *ret is to be freed with op_notice_free. */
bool op_notices_expire(op_notices *q, int64_t now_ms, op_notice **ret, const op_told **ret_of);
void op_notice_free(op_notice *n);
/* Forgets an incident of which nothing is under way. */
void op_notices_forget(op_notices *q, op_told *t);
size_t op_notices_waiting(const op_notices *q);

#endif
