/* What pods answer: samples and profiles over HTTP.
 *
 * Targets are sampled in batches: each batch goes to one small pool of kept-alive connections, fired at once.
 * Only the pod's own address is ever connected to. Every call is answered exactly once, and never from within the call;
 * an answer may start and forget calls, and free the pool or the scraper. Loop thread only. */
#ifndef GS_EDGE_SCRAPER_H
#define GS_EDGE_SCRAPER_H

#include "core/series.h"
#include "core/stack.h"
#include "core/target.h"
#include "io/http.h"
#include "io/workers.h"

typedef struct gs_scraper gs_scraper;
typedef struct gs_scrape_pool gs_scrape_pool; /* one group's connections */

/* The loop and the workers must outlive the scraper. */
int gs_scraper_new(gs_loop *l, gs_workers *w, gs_scraper **ret, gs_error *err);
/* With the pools that are left. Calls under way are cancelled, their callbacks not called. */
void gs_scraper_free(gs_scraper *s);
GS_DEFINE_CLEANUP(gs_scraper *, gs_scraper_free)

int gs_scrape_pool_new(gs_scraper *s, gs_scrape_pool **ret, gs_error *err);
void gs_scrape_pool_free(gs_scrape_pool *p); /* calls under way are cancelled, their callbacks not called */

/* Of a gs_endpoint, strings are read during the call only. */

/* GET /metrics. err->kind GS_NOT_FOUND: 404, the pod has no such page. sample is valid where err->kind is GS_OK. */
typedef void (*gs_sampled)(void *ctx, const gs_sample *sample, const gs_error *err);
void gs_scrape_metrics(gs_scrape_pool *p, const gs_endpoint *e, gs_sampled fn, void *ctx);
/* The total line of goroutine?debug=1 as sample.goroutines; the rest is NaN. The call ends with that line. */
void gs_scrape_total(gs_scrape_pool *p, const gs_endpoint *e, gs_sampled fn, void *ctx);

/* GET <pprof>/goroutine?debug=0, goroutineleak?debug=0 or goroutine?debug=2 by kind, decoded on a worker; at most 16
 * at once, the others wait in order. The callee owns profile and the bytes in raw (as the pod sent them) and frees
 * them; raw itself lives until fn returns. On error profile is NULL and raw is empty; err->kind GS_NOT_FOUND: the pod
 * does not offer this kind (404). GS_TERMINAL where something else is sent, a profile of another kind too. A dump's
 * profile has its goroutines. */
typedef void (*gs_profiled)(void *ctx, gs_profile *profile, gs_buf *raw, const gs_error *err);
void gs_scrape_profile(gs_scraper *s, const gs_endpoint *e, enum gs_profile_kind kind, gs_profiled fn, void *ctx);
/* Forgets the callbacks of this ctx, of samples and profiles: what is under way ends silently. */
void gs_scrape_forget(gs_scraper *s, void *ctx);

#endif
