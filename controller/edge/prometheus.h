/* Range queries to a Prometheus server, or to anything that answers as one does. Loop thread only. */
#ifndef GS_EDGE_PROMETHEUS_H
#define GS_EDGE_PROMETHEUS_H

#include "codec/prom_matrix.h"
#include "io/http.h"

typedef struct gs_prometheus gs_prometheus;

typedef struct gs_prometheus_options { /* copied */
    const char *url;                   /* http(s)://host[:port][/path], at most 300 characters */
    const char *ca_pem;                /* NULL: the system's CAs */
    const char *bearer_token; /* NULL: none; refused without TLS, which would show it to everybody on the way */
} gs_prometheus_options;

int gs_prometheus_new(gs_loop *l, const gs_prometheus_options *o, gs_prometheus **ret, gs_error *err);
void gs_prometheus_free(gs_prometheus *p); /* the query under way is cancelled, its done not called */
GS_DEFINE_CLEANUP(gs_prometheus *, gs_prometheus_free)

/* Unix time in milliseconds; a point at start_ms and then every step_ms, as far as end_ms. At most GS_MAX_RANGE_POINTS of
 * them are answered. */
typedef struct gs_range_query {
    const char *query; /* PromQL, at most GS_MAX_QUERY bytes */
    int64_t start_ms, end_ms, step_ms;
} gs_range_query;

/* One at a time. h gets the answer once all of it is there, then done is called, never from within this call; done may
 * start the next query. err->kind GS_NO_MEMORY: the answer is longer than GS_MAX_MATRIX_BYTES, or what h said; a shorter
 * range may fit. An error of the server has its words, cut. No redirects are followed, since the token would go along. */
typedef void (*gs_prometheus_done)(void *ctx, const gs_error *err);
int gs_prometheus_range(gs_prometheus *p, const gs_range_query *q, const gs_matrix_handler *h, gs_prometheus_done done,
                        void *ctx, gs_error *err);

#endif
