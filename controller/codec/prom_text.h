/* The Prometheus text format in one streaming pass that keeps only what the engine needs. No allocation; a line that is
 * split over chunks is carried over in the decoder. Zero-initialise with gs_prom_init.
 *
 * sample.load is the sum over all series of gauges that count connections, streams or requests in flight. They are told
 * by their names, after the usual habits of exporters, whatever the prefix (load_names in prom_text.c); names of limits
 * and of counters are none, nor is the gauge that counts our own request. */
#ifndef GS_CODEC_PROM_TEXT_H
#define GS_CODEC_PROM_TEXT_H

#include "base/err.h"
#include "core/series.h"

#define GS_PROM_NAME 128 /* longer names are classified anew on each line */

typedef struct gs_prom {
    gs_sample sample;        /* NaN where not seen; the first series of a name counts, for load all of them */
    char carry[256];         /* the start of a line of interest; longer lines are none of ours */
    char name[GS_PROM_NAME]; /* of the last line: the series of a name follow each other */
    size_t carried, name_n;
    int kind;        /* what that name means */
    bool family;     /* it is that of a family that holds no gauge */
    bool skipping;   /* in a line that is not of interest */
    bool any_metric; /* at least one well-formed sample line was seen */
} gs_prom;

void gs_prom_init(gs_prom *p);
/* Any chunking gives the same result. Never fails: lines that cannot be read are passed over. */
void gs_prom_feed(gs_prom *p, const char *bytes, size_t n);
/* 0 and *ret; an error (GS_TERMINAL) that says what is missing: not a metrics page at all, or no go_goroutines. */
int gs_prom_finish(gs_prom *p, gs_sample *ret, gs_error *err);

#endif
