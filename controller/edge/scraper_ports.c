#include "edge/scraper_ports.h"

#include "base/log.h"

#include <stdlib.h>

void *gs_port_pool_new(void *ctx)
{
    gs_error err = {0};
    gs_scrape_pool *pool;
    if (gs_scrape_pool_new(ctx, &pool, &err)) {
        gs_log_error("cannot make a connection pool", "error", err.msg);
        abort(); /* libcurl has no memory for a handle: as in gs_alloc */
    }
    return pool;
}

void gs_port_pool_free(void *ctx, void *pool)
{
    (void)ctx;
    gs_scrape_pool_free(pool);
}

void gs_port_sample(void *ctx, void *pool, const gs_endpoint *e, bool total, gs_sampled done, void *arg)
{
    (void)ctx;
    if (total)
        gs_scrape_total(pool, e, done, arg);
    else
        gs_scrape_metrics(pool, e, done, arg);
}

void gs_port_fetch(void *ctx, const gs_endpoint *e, enum gs_profile_kind kind, gs_profiled done, void *arg)
{
    gs_scrape_profile(ctx, e, kind, done, arg);
}

void gs_port_forget(void *ctx, void *arg)
{
    gs_scrape_forget(ctx, arg);
}
