#include "io/http_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <event2/event.h>
#include <pthread.h>

#define SPARE_MAX 32

/* Calls that rest between two requests, of all pools of a thread: each holds 7 KB, and few pools are busy at once. */
static _Thread_local struct {
    struct gs_http_calls calls;
    size_t n;
    size_t pools; /* the last one to go takes them along */
} spare;

static void settle(gs_http *h);

int64_t gs_http_now_ms(void)
{
    gs_clock clock = gs_clock_system();
    return gs_mono(&clock);
}

static void on_socket(evutil_socket_t fd, short what, void *ctx)
{
    gs_http *h = ctx;
    int running;
    int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    h->in_curl = true;
    (void)curl_multi_socket_action(h->multi, fd, flags, &running);
    h->in_curl = false;
    settle(h);
}

static void on_curl_timer(void *ctx)
{
    gs_http *h = ctx;
    int running;
    h->in_curl = true;
    (void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    h->in_curl = false;
    settle(h);
}

/* curl says what it waits for on a socket; ev is what we attached to the socket. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    gs_http *h = ctx;
    struct event *ev = socket_ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (ev)
            event_free(ev);
        return 0;
    }
    short flags = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);
    if (ev) {
        (void)event_del(ev);
        (void)event_assign(ev, gs_loop_base(h->loop), fd, flags, on_socket, h);
    } else {
        ev = event_new(gs_loop_base(h->loop), fd, flags, on_socket, h);
        if (!ev)
            return -1;
        (void)curl_multi_assign(h->multi, fd, ev);
    }
    return event_add(ev, NULL);
}

static int set_curl_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    gs_http *h = ctx;
    (void)multi;
    if (timeout_ms < 0)
        gs_timer_stop(h->curl_timer);
    else
        gs_timer_set(h->curl_timer, timeout_ms);
    return 0;
}

static void move_to(gs_http_call *c, struct gs_http_calls *from, struct gs_http_calls *to, int state)
{
    TAILQ_REMOVE(from, c, link);
    TAILQ_INSERT_TAIL(to, c, link);
    c->state = state;
}

/* The call ends here, called back or not. */
static void retire(gs_http_call *c, struct gs_http_calls *from)
{
    TAILQ_REMOVE(from, c, link);
    if (spare.n >= SPARE_MAX) {
        gs_http_call_free(c);
        return;
    }
    gs_http_call_reset(c);
    TAILQ_INSERT_HEAD(&spare.calls, c, link);
    spare.n++;
}

static gs_http_call *take_call(void)
{
    gs_http_call *c = TAILQ_FIRST(&spare.calls);
    if (!c)
        return gs_http_call_new();
    TAILQ_REMOVE(&spare.calls, c, link);
    spare.n--;
    return c;
}

static void free_calls(struct gs_http_calls *list)
{
    gs_http_call *c;
    while ((c = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, c, link);
        gs_http_call_free(c);
    }
}

static void leave_curl(gs_http_call *c)
{
    gs_http *h = c->pool;
    h->in_curl = true;
    (void)curl_multi_remove_handle(h->multi, c->easy);
    h->in_curl = false;
}

static void finish(gs_http_call *c, CURLcode code)
{
    gs_http_reply_fill(c, code);
    move_to(c, &c->pool->running, &c->pool->finished, GS_HTTP_FINISHED);
}

static void arm_idle(gs_http *h, const gs_http_call *c, int64_t now)
{
    int64_t due = c->heard_ms + c->idle_ms;
    if (!c->idle_ms || (h->idle_due_ms && h->idle_due_ms <= due))
        return;
    h->idle_due_ms = due;
    gs_timer_set(h->idle_timer, due - now);
}

static int enter_curl(gs_http_call *c, gs_error *err)
{
    gs_http *h = c->pool;
    h->in_curl = true;
    CURLMcode code = curl_multi_add_handle(h->multi, c->easy);
    h->in_curl = false;
    if (code)
        return gs_error_set(err, GS_TERMINAL, "%s: %s", c->asked, curl_multi_strerror(code));
    arm_idle(h, c, gs_http_now_ms());
    return 0;
}

/* Half-open connections say nothing for ever. Bytes that we send count as life, too. */
static void on_idle_timer(void *ctx)
{
    gs_http *h = ctx;
    int64_t now = gs_http_now_ms();
    h->idle_due_ms = 0;
    for (gs_http_call *c = TAILQ_FIRST(&h->running), *next; c; c = next) {
        curl_off_t uploaded = 0;
        next = TAILQ_NEXT(c, link);
        if (!c->idle_ms)
            continue;
        (void)curl_easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
        if (uploaded != c->uploaded || c->paused) {
            c->uploaded = uploaded;
            c->heard_ms = now;
        }
        if (now - c->heard_ms < c->idle_ms) {
            arm_idle(h, c, now);
            continue;
        }
        (void)gs_error_set(&c->fail, GS_TRANSIENT, "no byte arrived for %lld ms", (long long)c->idle_ms);
        leave_curl(c);
        finish(c, CURLE_OPERATION_TIMEDOUT);
    }
    settle(h);
}

/* What curl held back comes to on_data before curl_easy_pause returns, which also says where that failed. */
static void on_resume_timer(void *ctx)
{
    gs_http *h = ctx;
    for (gs_http_call *c = TAILQ_FIRST(&h->running), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!c->held || c->paused || c->cancelled)
            continue;
        c->held = false;
        h->in_curl = true;
        CURLcode code = curl_easy_pause(c->easy, CURLPAUSE_CONT);
        h->in_curl = false;
        if (!code || c->cancelled || h->dead)
            continue;
        leave_curl(c);
        finish(c, code);
    }
    settle(h);
}

static void reap_cancelled(gs_http *h)
{
    h->reap = false;
    for (gs_http_call *c = TAILQ_FIRST(&h->running), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!c->cancelled)
            continue;
        leave_curl(c);
        retire(c, &h->running);
    }
}

static void start_queued(gs_http *h)
{
    gs_http_call *c;
    while ((c = TAILQ_FIRST(&h->queued))) {
        move_to(c, &h->queued, &h->running, GS_HTTP_RUNNING);
        if (enter_curl(c, &c->fail))
            finish(c, CURLE_FAILED_INIT);
    }
}

static void collect_finished(gs_http *h)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(h->multi, &left))) {
        CURLcode code = m->data.result; /* m dies with the next call into curl */
        CURL *easy = m->easy_handle;
        gs_http_call *c = NULL;
        if (m->msg != CURLMSG_DONE || curl_easy_getinfo(easy, CURLINFO_PRIVATE, &c) || !c)
            continue;
        leave_curl(c); /* before the callback, which may then reuse the connection */
        finish(c, code);
    }
}

static void destroy(gs_http *h)
{
    gs_http_call *c;
    TAILQ_FOREACH (c, &h->running, link)
        leave_curl(c);
    free_calls(&h->queued);
    free_calls(&h->running);
    free_calls(&h->finished);
    if (--spare.pools == 0) {
        free_calls(&spare.calls);
        spare.n = 0;
    }
    if (h->multi)
        (void)curl_multi_cleanup(h->multi);
    gs_timer_free(h->curl_timer);
    gs_timer_free(h->idle_timer);
    gs_timer_free(h->resume_timer);
    free(h->user_agent);
    free(h);
}

/* Does what was put off, and calls back. The only caller of on_done, so never nested. */
static void settle(gs_http *h)
{
    h->settling = true;
    while (!h->dead) {
        if (h->reap)
            reap_cancelled(h);
        start_queued(h);
        collect_finished(h);
        gs_http_call *c = TAILQ_FIRST(&h->finished);
        if (!c)
            break;
        /* Out of the list first: on_done may cancel the others in it; for this one that has become
         * meaningless. */
        TAILQ_REMOVE(&h->finished, c, link);
        c->state = GS_HTTP_SPARE;
        c->on_done(c->ctx, &c->reply);
        TAILQ_INSERT_HEAD(&h->finished, c, link);
        retire(c, &h->finished);
    }
    h->settling = false;
    if (h->dead)
        destroy(h);
}

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_code;
bool gs_http_has_bundle;

static void init_curl(void)
{
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
    gs_http_has_bundle = curl_version_info(CURLVERSION_NOW)->cainfo != NULL;
}

int gs_http_new(gs_loop *l, const gs_http_options *o, gs_http **ret, gs_error *err)
{
    static const gs_http_options defaults;
    if (!o)
        o = &defaults;
    (void)pthread_once(&global_once, init_curl);
    gs_http *h = gs_alloc(sizeof *h);
    TAILQ_INIT(&h->queued);
    TAILQ_INIT(&h->running);
    TAILQ_INIT(&h->finished);
    if (spare.pools++ == 0)
        TAILQ_INIT(&spare.calls);
    h->loop = l;
    h->multi = global_code ? NULL : curl_multi_init();
    if (!h->multi) {
        destroy(h);
        return gs_error_set(err, GS_TERMINAL, "start libcurl: %s",
                            curl_easy_strerror(global_code ? global_code : CURLE_OUT_OF_MEMORY));
    }
    h->user_agent = gs_strdup(o->user_agent ? o->user_agent : "gostat/" GOSTAT_VERSION);
    h->allow_addr = o->allow_addr;
    h->allow_ctx = o->allow_ctx;
    h->curl_timer = gs_timer_new(l, on_curl_timer, h);
    h->idle_timer = gs_timer_new(l, on_idle_timer, h);
    h->resume_timer = gs_timer_new(l, on_resume_timer, h);
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    (void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, o->max_connections > 0 ? o->max_connections : 16L);
    *ret = h;
    return 0;
}

void gs_http_free(gs_http *h)
{
    if (!h)
        return;
    if (h->in_curl || h->settling)
        h->dead = true;
    else
        destroy(h);
}

int gs_http_start(gs_http *h, const gs_http_request *r, gs_http_call **ret_call, gs_error *err)
{
    if (h->dead)
        return gs_error_set(err, GS_CANCELLED, "%s: the connection pool is closed", r->method);
    gs_http_call *c = take_call();
    if (!c)
        return gs_error_set(err, GS_TERMINAL, "start libcurl: no handle");
    c->pool = h;
    struct gs_http_calls *list = h->in_curl ? &h->queued : &h->running;
    c->state = h->in_curl ? GS_HTTP_QUEUED : GS_HTTP_RUNNING;
    TAILQ_INSERT_TAIL(list, c, link);
    int rc = gs_http_call_prepare(c, r, err);
    if (!rc && !h->in_curl)
        rc = enter_curl(c, err);
    if (rc) {
        retire(c, list);
        return rc;
    }
    if (ret_call)
        *ret_call = c;
    return 0;
}

void gs_http_pause(gs_http_call *c)
{
    c->paused = true;
}

void gs_http_resume(gs_http_call *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    c->heard_ms = gs_http_now_ms();
    if (c->held)
        gs_timer_set(c->pool->resume_timer, 0);
}

void gs_http_cancel(gs_http_call *c)
{
    gs_http *h = c->pool;
    if (!h || h->dead)
        return; /* it has ended; the pool's end, already decided, is this call's too */
    switch (c->state) {
    case GS_HTTP_QUEUED:
        retire(c, &h->queued);
        break;
    case GS_HTTP_FINISHED:
        retire(c, &h->finished);
        break;
    case GS_HTTP_RUNNING:
        if (h->in_curl) {
            c->cancelled = h->reap = true;
        } else {
            leave_curl(c);
            retire(c, &h->running);
        }
        break;
    default:
        break;
    }
}
