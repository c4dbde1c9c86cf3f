/* What a Prometheus server answers to /api/v1/query_range: a matrix as JSON, in one pass over the bytes. Pure but for the
 * calls of the handler; any thread. */
#ifndef GS_CODEC_PROM_MATRIX_H
#define GS_CODEC_PROM_MATRIX_H

#include "base/err.h"
#include "base/str.h"

#define GS_MATRIX_NAME_LEN 254 /* a pod's name and its end */

typedef struct gs_matrix_handler {
    /* A series begins. Its name is the value of the label "pod", else of "instance", else the label set as PromQL
     * writes it, cut to fit; two series may have the same. */
    int (*series)(void *ctx, const char *name, gs_error *err);
    /* A value of it; not called for NaN, which is how a query says that it knows none. */
    int (*point)(void *ctx, int64_t t_ms, double value, gs_error *err);
    void *ctx;
} gs_matrix_handler;

/* Errors (GS_TERMINAL): "at byte N: …"; the server's own where it answers with one; those of the handler, which end the
 * reading. */
int gs_prom_matrix_read(gs_str body, const gs_matrix_handler *h, gs_error *err);

/* The server's words for what went wrong, "bad_data: parse error …", cut to fit; false where the body has none. */
bool gs_prom_error_text(gs_str body, char *ret, size_t cap);

#endif
