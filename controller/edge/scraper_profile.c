#include "edge/scraper_internal.h"

#include "base/mem.h"
#include "codec/goroutine_dump.h"

#define ACTIVE_MAX 16        /* each may hold GS_MAX_PROFILE_WIRE_BYTES, until it is decoded */
#define TIMEOUT_MIN_MS 10000 /* a profile of many goroutines takes longer than a sample */
#define WORKER_RETRY_MS 20

/* How a profile of each kind is asked for. */
static const struct {
    const char *suffix; /* of the pprof path */
    size_t max_bytes;   /* as sent */
} kinds[GS_PROFILE_KINDS] = {
    [GS_PROFILE_GOROUTINE] = {"/goroutine?debug=0", GS_MAX_PROFILE_WIRE_BYTES},
    [GS_PROFILE_LEAK] = {"/goroutineleak?debug=0", GS_MAX_PROFILE_WIRE_BYTES},
    [GS_PROFILE_DUMP] = {"/goroutine?debug=2", GS_MAX_DUMP_BYTES},
};

struct gs_profile_job {
    TAILQ_ENTRY(gs_profile_job) link;
    gs_scraper *scraper; /* NULL: freed while the job was on a worker */
    enum { QUEUED, FETCHING, WAITING, DECODING } phase;
    gs_scrape_target to;
    enum gs_profile_kind kind;
    int64_t timeout_ms;
    size_t max_bytes;
    gs_profiled fn; /* NULL: forgotten while on a worker */
    void *ctx;
    gs_http_call *http;
    /* Of the worker while DECODING. */
    gs_buf raw;
    gs_profile *profile;
    gs_error err;
};

static void start_next(gs_scraper *s);

static void free_job(struct gs_profile_job *j)
{
    gs_buf_done(&j->raw);
    gs_profile_free(j->profile);
    gs_scrape_target_done(&j->to);
    free(j);
}

static void leave(struct gs_profile_job *j)
{
    struct gs_profiles *p = &j->scraper->profiles;
    TAILQ_REMOVE(j->phase == QUEUED ? &p->queued : &p->active, j, link);
    if (j->phase != QUEUED)
        p->n_active--;
}

/* Ends an active job with what it holds. The callback comes last: it may free the scraper. */
static void answer(struct gs_profile_job *j)
{
    gs_scraper *s = j->scraper;
    leave(j);
    start_next(s);
    if (j->err.kind) {
        gs_profile_free(gs_take(j->profile));
        gs_buf_done(&j->raw);
    }
    if (j->fn) {
        gs_buf raw = j->raw;
        gs_profile *profile = gs_take(j->profile);
        j->raw = (gs_buf){0};
        j->fn(j->ctx, profile, &raw, &j->err);
    }
    free_job(j);
}

static void decode(void *job)
{
    struct gs_profile_job *j = job;
    if (gs_dump_decode(gs_buf_str(&j->raw), j->kind == GS_PROFILE_DUMP, &j->profile, &j->err))
        (void)gs_error_wrap(&j->err, GS_TERMINAL, "GET %s", j->to.url);
    else if (j->profile->kind != j->kind) /* where it is taken for the other, healthy goroutines would be accused */
        (void)gs_error_set(&j->err, GS_TERMINAL, "GET %s: expected a %s profile, but this is a %s profile", j->to.url,
                           gs_profile_kind_name(j->kind), gs_profile_kind_name(j->profile->kind));
}

static void on_decoded(void *job, bool cancelled)
{
    struct gs_profile_job *j = job;
    if (!j->scraper) {
        free_job(j);
        return;
    }
    if (cancelled)
        (void)gs_error_set(&j->err, GS_CANCELLED, "GET %s: not decoded: shutting down", j->to.url);
    answer(j);
}

static void to_worker(struct gs_profile_job *j)
{
    gs_scraper *s = j->scraper;
    j->phase = DECODING;
    int rc = gs_workers_submit(s->workers, decode, on_decoded, j, &j->err);
    if (rc == -GS_NO_MEMORY) {
        j->phase = WAITING;
        j->err = (gs_error){0};
        gs_timer_set(s->profiles.worker_timer, WORKER_RETRY_MS);
    } else if (rc) {
        (void)gs_error_wrap(&j->err, GS_CANCELLED, "GET %s", j->to.url);
        answer(j);
    }
}

/* The oldest only: the next follow by way of the timer, which to_worker sets again where this one must wait on. */
static void on_worker_timer(void *ctx)
{
    gs_scraper *s = ctx;
    struct gs_profile_job *j, *first = NULL;
    TAILQ_FOREACH (j, &s->profiles.active, link) {
        if (j->phase != WAITING)
            continue;
        if (first) {
            gs_timer_set(s->profiles.worker_timer, 0);
            break;
        }
        first = j;
    }
    if (first)
        to_worker(first);
}

static void on_fetched(void *ctx, const gs_http_reply *reply)
{
    struct gs_profile_job *j = ctx;
    j->http = NULL;
    if (gs_scrape_check(&j->to, reply, &j->err)) {
        answer(j);
        return;
    }
    j->raw = *reply->body;
    *reply->body = (gs_buf){.max = j->raw.max};
    to_worker(j);
}

static int fetch(struct gs_profile_job *j)
{
    const gs_scrape_pass pass = gs_scrape_pass_of(&j->to);
    const gs_http_request request = {
        .method = "GET",
        .url = j->to.url,
        .headers = pass.headers,
        .tls = &pass.tls,
        .timeout_ms = j->timeout_ms,
        .max_bytes = j->max_bytes,
        .on_done = on_fetched,
        .ctx = j,
    };
    return gs_http_start(j->scraper->profiles.http, &request, &j->http, &j->err);
}

static void start_next(gs_scraper *s)
{
    struct gs_profiles *p = &s->profiles;
    struct gs_profile_job *j;
    while (p->n_active < ACTIVE_MAX && (j = TAILQ_FIRST(&p->queued))) {
        TAILQ_REMOVE(&p->queued, j, link);
        TAILQ_INSERT_TAIL(&p->active, j, link); /* before the start, which may ask for the address at once */
        p->n_active++;
        j->phase = FETCHING;
        if (fetch(j)) {
            gs_scrape_fail_later(s, NULL, NULL, j->fn, j->ctx, &j->err);
            leave(j);
            free_job(j);
        }
    }
}

void gs_scrape_profile(gs_scraper *s, const gs_endpoint *e, enum gs_profile_kind kind, gs_profiled fn, void *ctx)
{
    gs_error err = {0};
    struct gs_profile_job *j = gs_alloc(sizeof *j);
    j->scraper = s;
    j->fn = fn;
    j->ctx = ctx;
    j->kind = kind;
    j->timeout_ms = e->timeout_ms > TIMEOUT_MIN_MS ? e->timeout_ms : TIMEOUT_MIN_MS;
    j->max_bytes = gs_profile_max_bytes(e, kinds[kind].max_bytes);
    if (gs_scrape_target_set(&j->to, e, "pprof", e->pprof_port, e->pprof_path, kinds[kind].suffix, &err)) {
        gs_scrape_fail_later(s, NULL, NULL, fn, ctx, &err);
        free_job(j);
        return;
    }
    TAILQ_INSERT_TAIL(&s->profiles.queued, j, link);
    start_next(s);
}

static bool allow(void *ctx, const struct sockaddr *addr)
{
    const gs_scraper *s = ctx;
    const struct gs_profile_job *j;
    TAILQ_FOREACH (j, &s->profiles.active, link)
        if (j->phase == FETCHING && gs_scrape_target_is(&j->to, addr))
            return true;
    return false;
}

int gs_profiles_init(gs_scraper *s, gs_error *err)
{
    struct gs_profiles *p = &s->profiles;
    TAILQ_INIT(&p->queued);
    TAILQ_INIT(&p->active);
    p->worker_timer = gs_timer_new(s->loop, on_worker_timer, s);
    const gs_http_options options = {.max_connections = ACTIVE_MAX, .allow_addr = allow, .allow_ctx = s};
    return gs_http_new(s->loop, &options, &p->http, err);
}

/* A job on a worker outlives us; it is freed when it comes back. */
void gs_profiles_done(gs_scraper *s)
{
    struct gs_profiles *p = &s->profiles;
    gs_http_free(p->http);
    while (!TAILQ_EMPTY(&p->queued)) {
        struct gs_profile_job *j = TAILQ_FIRST(&p->queued);
        leave(j);
        free_job(j);
    }
    while (!TAILQ_EMPTY(&p->active)) {
        struct gs_profile_job *j = TAILQ_FIRST(&p->active);
        leave(j);
        if (j->phase == DECODING)
            j->scraper = NULL;
        else
            free_job(j);
    }
    gs_timer_free(p->worker_timer);
}

/* Nothing is started before all are forgotten: the next in the queue may be one of them. */
void gs_profiles_forget(gs_scraper *s, const void *ctx)
{
    struct gs_profile_jobs *lists[] = {&s->profiles.queued, &s->profiles.active};
    for (size_t i = 0; i < GS_LEN(lists); i++) {
        for (struct gs_profile_job *j = TAILQ_FIRST(lists[i]), *next; j; j = next) {
            next = TAILQ_NEXT(j, link);
            if (j->ctx != ctx)
                continue;
            if (j->phase == DECODING) { /* the worker reads it; its slot is free when it comes back */
                j->fn = NULL;
                continue;
            }
            if (j->phase == FETCHING)
                gs_http_cancel(j->http);
            leave(j);
            free_job(j);
        }
    }
    start_next(s);
}
