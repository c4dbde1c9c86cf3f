/* A growing byte buffer with a cap: the place for everything that a peer sends and for all output that is built.
 * A gs_buf is a plain value; its owner calls gs_buf_done. Not thread safe. */
#ifndef GS_BASE_BUF_H
#define GS_BASE_BUF_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

typedef struct gs_buf {
    char *p;    /* always terminated once anything was added; NULL while empty */
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* never more bytes than this */
} gs_buf;

#define GS_BUF(limit) ((gs_buf){.max = (limit)})

void gs_buf_done(gs_buf *b);
GS_DEFINE_CLEANUP_VALUE(gs_buf, gs_buf_done)
void gs_buf_wipe(gs_buf *b); /* gs_buf_done of a secret: its bytes are overwritten */
GS_DEFINE_CLEANUP_VALUE(gs_buf, gs_buf_wipe)

/* All-or-nothing; -GS_NO_MEMORY at the cap, and the content stays as it was. */
int gs_buf_add(gs_buf *b, const void *p, size_t n);
int gs_buf_adds(gs_buf *b, const char *s);
int gs_buf_addf(gs_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at the end (not yet in use); NULL at the cap. Then set b->n yourself. */
char *gs_buf_reserve(gs_buf *b, size_t n);
void gs_buf_consume(gs_buf *b, size_t n); /* drops n bytes at the front */
void gs_buf_reset(gs_buf *b);             /* empty, memory kept */
gs_str gs_buf_str(const gs_buf *b);
/* The content as a string of its own (never NULL); b is empty afterwards. */
char *gs_buf_take(gs_buf *b);

#endif
