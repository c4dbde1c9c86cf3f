/* A loop, a pool, a misbehaving server, and one call at a time, for the tests of the HTTP client. */
#ifndef GS_TEST_HTTP_FIXTURE_H
#define GS_TEST_HTTP_FIXTURE_H

#include "base/mem.h"
#include "io/http.h"
#include "raw_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* What is left of a reply once on_done has returned. */
struct got {
    int calls, status;
    gs_error err, check;
    char *body, *x_test;
    size_t n;
    int64_t retry_after_ms, elapsed_ms;
    char content_type[128];
    gs_loop *loop; /* stopped at the end; NULL: not */
};

static inline void got_done(struct got *g)
{
    free(g->body);
    free(g->x_test);
    *g = (struct got){.loop = g->loop};
}

static inline void keep_reply(void *ctx, const gs_http_reply *reply)
{
    struct got *g = ctx;
    gs_loop *l = g->loop;
    int calls = g->calls + 1;
    got_done(g);
    const char *x_test = reply->header(reply, "X-Test");
    g->loop = l;
    g->calls = calls;
    g->status = reply->status;
    g->err = reply->err;
    (void)gs_http_check(reply, "ask", &g->check);
    g->n = reply->body->n;
    g->body = gs_buf_take(reply->body);
    g->x_test = x_test ? gs_strdup(x_test) : NULL;
    g->retry_after_ms = reply->retry_after_ms;
    g->elapsed_ms = reply->elapsed_ms;
    memcpy(g->content_type, reply->content_type, sizeof g->content_type);
    if (l)
        gs_loop_stop(l);
}

static inline void too_late(void *ctx)
{
    (void)ctx;
    (void)fputs("the loop was not stopped within 20 s\n", stderr);
    abort();
}

static inline void run_loop(gs_loop *l)
{
    gs_cleanup(gs_timer_free) gs_timer *guard = gs_timer_new(l, too_late, NULL);
    gs_timer_set(guard, 20000);
    gs_loop_run(l);
}

static inline void stop_loop(void *ctx)
{
    gs_loop_stop(ctx);
}

/* Lets the loop run for a while. */
static inline void run_for(gs_loop *l, int64_t ms)
{
    gs_cleanup(gs_timer_free) gs_timer *t = gs_timer_new(l, stop_loop, l);
    gs_timer_set(t, ms);
    run_loop(l);
}

static inline void fetch(gs_loop *l, gs_http *h, gs_http_request r, struct got *g)
{
    gs_error err = {0};
    *g = (struct got){.loop = l};
    r.method = r.method ? r.method : "GET";
    r.max_bytes = r.max_bytes ? r.max_bytes : 100000;
    r.timeout_ms = r.timeout_ms ? r.timeout_ms : 10000;
    r.on_done = keep_reply;
    r.ctx = g;
    if (gs_http_start(h, &r, NULL, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(g->calls, 0); /* never from within start */
    run_loop(l);
    assert_int_equal(g->calls, 1);
}

static inline void assert_contains(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" does not contain \"%s\"", text ? text : "(null)", part);
}

static inline void assert_lacks(const char *text, const char *part)
{
    if (text && strstr(text, part))
        fail_msg("\"%s\" contains \"%s\"", text, part);
}

#endif
