/* What the files of the scraper share. Loop thread only; nobody outside scraper*.c and its test includes this.
 *
 *   scraper.c         pools and samples
 *   scraper_profile.c profiles: fetched by the loop, decoded by a worker
 *   scraper_stream.c  profiles that are passed on as they arrive
 *   scraper_target.c  an endpoint becomes a URL and the one address that may be connected to
 *   scraper_access.c  what is sent along to be let in, and why a pod did not let us in */
#ifndef GS_EDGE_SCRAPER_INTERNAL_H
#define GS_EDGE_SCRAPER_INTERNAL_H

#include "base/limits.h"
#include "edge/scraper.h"

#include <netinet/in.h>
#include <sys/queue.h>

#define GS_SCRAPE_URL_LEN 640 /* a host name of 253 and a path of 256 bytes fit */

/* Where one call goes. */
typedef struct gs_scrape_target {
    char url[GS_SCRAPE_URL_LEN];
    sa_family_t family; /* AF_UNSPEC: a host name, so any address */
    uint16_t port;
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } ip;
    gs_access *access; /* a reference */
} gs_scrape_target;

/* t is zeroed, and to be ended with gs_scrape_target_done in any case. path without a slash at its end, then suffix. what
 * names the endpoint in errors: "metrics", "pprof". GS_TRANSIENT: its access is refused for now. */
int gs_scrape_target_set(gs_scrape_target *t, const gs_endpoint *e, const char *what, int port, const char *path,
                         const char *suffix, gs_error *err);
void gs_scrape_target_done(gs_scrape_target *t);
/* Whether a call to this target may connect there. */
bool gs_scrape_target_is(const gs_scrape_target *t, const struct sockaddr *addr);

/* What a request has beside the URL; it points into the target. */
typedef struct gs_scrape_pass {
    gs_http_tls tls;
    const char *headers[2]; /* NULL-terminated */
} gs_scrape_pass;
gs_scrape_pass gs_scrape_pass_of(const gs_scrape_target *t);
/* gs_http_check. Where the pod did not let us in, or is not who it should be, the error names the field of the policy, and
 * is GS_TRANSIENT where the target has an access, which may be rotated right now. */
int gs_scrape_check(const gs_scrape_target *t, const gs_http_reply *reply, gs_error *err);

/* The smaller one of a kind's cap and the endpoint's. */
static inline size_t gs_profile_max_bytes(const gs_endpoint *e, size_t cap)
{
    return e->max_profile_bytes && e->max_profile_bytes < cap ? e->max_profile_bytes : cap;
}

struct gs_late;        /* a call that could not be started: answered from the loop, not from within the call */
struct gs_sample_call; /* scraper.c */
struct gs_profile_job; /* scraper_profile.c */
struct gs_stream;      /* scraper_stream.c */
TAILQ_HEAD(gs_lates, gs_late);
TAILQ_HEAD(gs_sample_calls, gs_sample_call);
TAILQ_HEAD(gs_profile_jobs, gs_profile_job);
TAILQ_HEAD(gs_stream_list, gs_stream);
TAILQ_HEAD(gs_scrape_pools, gs_scrape_pool);

struct gs_scraper {
    gs_loop *loop;
    gs_workers *workers;
    struct gs_scrape_pools pools;
    struct gs_lates lates;
    gs_timer *late_timer;
    struct gs_profiles {
        gs_http *http;
        struct gs_profile_jobs queued, active; /* active: being fetched, waiting for a worker, or on one */
        size_t n_active;
        gs_timer *worker_timer; /* tries again where the workers' queue was full */
    } profiles;
    struct gs_streams {
        gs_http *http;
        struct gs_stream_list queued, active;
        size_t n_active[2]; /* [1]: those that take the time that they are asked for */
        gs_timer *timer;    /* starts what is queued: nothing is started or answered from within a call */
    } streams;
};

/* Exactly one of sampled and profiled is set. pool is NULL for profiles. */
void gs_scrape_fail_later(gs_scraper *s, gs_scrape_pool *pool, gs_sampled sampled, gs_profiled profiled, void *ctx,
                          const gs_error *err);

int gs_profiles_init(gs_scraper *s, gs_error *err);
void gs_profiles_done(gs_scraper *s); /* accepts a half-built one */
void gs_profiles_forget(gs_scraper *s, const void *ctx);

int gs_streams_init(gs_scraper *s, gs_error *err);
void gs_streams_done(gs_scraper *s); /* accepts a half-built one */

#endif
