/* The scraper in the shape that the engine asks for: functions that fit gs_sample_source and gs_profile_source of
 * engine/ports.h as they stand, for both composition roots (operator/, cli/). edge/ may not include engine/, so the
 * compiler compares the types where a root fills its ports:
 *
 *   .samples = {gs_port_pool_new, gs_port_pool_free, gs_port_sample, scraper},
 *   .profiles = {gs_port_fetch, gs_port_forget, scraper},
 *
 * ctx is the gs_scraper, which must outlive the engine. Loop thread only. */
#ifndef GS_EDGE_SCRAPER_PORTS_H
#define GS_EDGE_SCRAPER_PORTS_H

#include "edge/scraper.h"

void *gs_port_pool_new(void *ctx); /* never NULL: it can only fail where memory ends, and then ends the process */
void gs_port_pool_free(void *ctx, void *pool);
void gs_port_sample(void *ctx, void *pool, const gs_endpoint *e, bool total, gs_sampled done, void *arg);
void gs_port_fetch(void *ctx, const gs_endpoint *e, enum gs_profile_kind kind, gs_profiled done, void *arg);
void gs_port_forget(void *ctx, void *arg);

#endif
