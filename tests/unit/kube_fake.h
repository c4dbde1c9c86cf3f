/* An API server that says what a test wants: a script of steps, each used once (but for `again`), by the first
 * request that fits it.
 * For faults that a real one cannot be made to show. Loopback only; a thread for each connection. */
#ifndef GS_TEST_KUBE_FAKE_H
#define GS_TEST_KUBE_FAKE_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "io/loop.h"
#include "kube/client.h"
#include "raw_server.h"

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FAKE_STEPS 64

enum fake_then { FAKE_END, FAKE_HANG, FAKE_CUT }; /* after the body: end it well; say nothing more; break off */

typedef struct fake_step {
    const char *expect;  /* part of "METHOD /path?query\r\nheaders\r\n\r\nbody" */
    int status;          /* 0: close without an answer */
    const char *headers; /* "Name: value\r\n", or NULL */
    const char *body;
    size_t chunk;        /* > 0: chunked, in pieces of this size */
    enum fake_then then; /* FAKE_HANG, FAKE_CUT: chunked, too */
    int delay_ms;        /* before the answer */
    bool again;          /* any number of times */
} fake_step;

typedef struct fake {
    pthread_mutex_t lock;
    const fake_step *steps; /* ended by a NULL expect */
    bool used[FAKE_STEPS];
    char *log[256]; /* each request, its first bytes */
    int logged, unexpected, fd, port, connections;
    int fds[RAW_CONNECTIONS];
    pthread_t thread, threads[RAW_CONNECTIONS];
} fake;

struct fake_conn {
    fake *f;
    int fd;
};

static inline const fake_step *fake_pick(fake *f, const char *request)
{
    const fake_step *found = NULL;
    (void)pthread_mutex_lock(&f->lock);
    for (int i = 0; f->steps[i].expect && !found; i++)
        if ((!f->used[i] || f->steps[i].again) && strstr(request, f->steps[i].expect)) {
            f->used[i] = true;
            found = &f->steps[i];
        }
    f->unexpected += !found;
    if (f->logged < 256)
        f->log[f->logged++] = strdup(request);
    (void)pthread_mutex_unlock(&f->lock);
    return found;
}

static inline bool fake_answer(int fd, const fake_step *s)
{
    char head[1024];
    size_t n = s->body ? strlen(s->body) : 0;
    bool chunked = s->chunk || s->then != FAKE_END;
    if (s->delay_ms && !raw_pause(fd, s->delay_ms))
        return false;
    if (!s->status)
        return false;
    char length[64] = "Transfer-Encoding: chunked\r\n";
    if (!chunked)
        (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", n);
    (void)snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%s%s\r\n", s->status, length,
                   s->headers ? s->headers : "");
    if (!raw_sends(fd, head))
        return false;
    if (!chunked)
        return raw_send(fd, s->body, n);
    size_t piece = s->chunk ? s->chunk : n;
    for (size_t at = 0; at < n; at += piece) {
        size_t len = n - at < piece ? n - at : piece;
        (void)snprintf(head, sizeof head, "%zx\r\n", len);
        if (!raw_sends(fd, head) || !raw_send(fd, s->body + at, len) || !raw_sends(fd, "\r\n"))
            return false;
    }
    if (s->then == FAKE_CUT)
        return false;
    while (s->then == FAKE_HANG && raw_pause(fd, 1000))
        ;
    return s->then == FAKE_END && raw_sends(fd, "0\r\n\r\n");
}

static inline void *fake_serve(void *ctx)
{
    static const fake_step nothing = {.status = 500, .body = "unexpected"};
    struct fake_conn *c = ctx;
    char *request;
    bool more = true;
    while (more && (request = raw_read_request(c->fd))) {
        const fake_step *s = fake_pick(c->f, request);
        free(request);
        more = fake_answer(c->fd, s ? s : &nothing);
    }
    (void)shutdown(c->fd, SHUT_RDWR);
    free(c);
    return NULL;
}

static inline void *fake_accept(void *ctx)
{
    fake *f = ctx;
    for (;;) {
        int fd = accept(f->fd, NULL, NULL);
        if (fd < 0 || f->connections >= RAW_CONNECTIONS) {
            if (fd >= 0)
                (void)close(fd);
            return NULL;
        }
        struct fake_conn *c = malloc(sizeof *c);
        int one = 1;
        *c = (struct fake_conn){f, fd};
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* an answer goes out in pieces */
        f->fds[f->connections] = fd;
        if (pthread_create(&f->threads[f->connections], NULL, fake_serve, c))
            abort();
        f->connections++;
    }
}

static inline void fake_start(fake *f, const fake_step *steps)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof in;
    memset(f, 0, sizeof *f);
    atomic_store(&raw_stopping, false);
    (void)pthread_mutex_init(&f->lock, NULL);
    f->steps = steps;
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(f->fd, (struct sockaddr *)&in, len) || listen(f->fd, 64) ||
        getsockname(f->fd, (struct sockaddr *)&in, &len))
        abort();
    f->port = ntohs(in.sin_port);
    if (pthread_create(&f->thread, NULL, fake_accept, f))
        abort();
}

static inline void fake_stop(fake *f)
{
    atomic_store(&raw_stopping, true);
    (void)shutdown(f->fd, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL);
    (void)close(f->fd);
    for (int i = 0; i < f->connections; i++)
        (void)shutdown(f->fds[i], SHUT_RDWR);
    for (int i = 0; i < f->connections; i++) {
        (void)pthread_join(f->threads[i], NULL);
        (void)close(f->fds[i]);
    }
    for (int i = 0; i < f->logged; i++)
        free(f->log[i]);
    (void)pthread_mutex_destroy(&f->lock);
}

/* ---- a client of it ---- */

typedef struct fixture {
    fake f;
    gs_loop *loop;
    gs_kube *k;
    int requests;    /* as told by on_request */
    char seen[1024]; /* "GET pods 200;…" */
} fixture;

static inline void count_request(void *ctx, const char *verb, const char *resource, int code, int64_t elapsed_ms)
{
    fixture *x = ctx;
    size_t n = strlen(x->seen);
    assert_true(elapsed_ms >= 0);
    x->requests++;
    (void)snprintf(x->seen + n, sizeof x->seen - n, "%s %s %d;", verb, resource, code);
}

static inline void fixture_start_with(fixture *x, const fake_step *steps, gs_kube_options o, const char *token_file)
{
    gs_error err = {0};
    memset(x, 0, sizeof *x);
    fake_start(&x->f, steps);
    gs_autofree char *server = gs_sprintf("http://127.0.0.1:%d", x->f.port);
    gs_autofree char *file = token_file ? gs_strdup(token_file) : NULL;
    char ns[] = "default";
    gs_kube_config c = {.server = server, .ns = ns, .token_file = file};
    o.field_manager = o.field_manager ? o.field_manager : "tester";
    o.on_request = count_request;
    o.ctx = x;
    if (gs_loop_new(&x->loop, &err) || gs_kube_new(x->loop, &c, &o, &x->k, &err))
        fail_msg("%s", err.msg);
}

static inline void fixture_start(fixture *x, const fake_step *steps)
{
    fixture_start_with(x, steps, (gs_kube_options){0}, NULL);
}

static inline void fixture_stop(fixture *x)
{
    gs_kube_free(x->k);
    gs_loop_free(x->loop);
    fake_stop(&x->f);
}

static inline void fake_too_late(void *ctx)
{
    fixture *x = ctx;
    (void)fputs("the loop was not stopped within 20 s; requests:\n", stderr);
    for (int i = 0; i < x->f.logged; i++)
        (void)fprintf(stderr, "  %.*s\n", (int)strcspn(x->f.log[i], "\r"), x->f.log[i]);
    abort();
}

static inline void fixture_run(fixture *x)
{
    gs_timer *guard = gs_timer_new(x->loop, fake_too_late, x);
    gs_timer_set(guard, 20000);
    gs_loop_run(x->loop);
    gs_timer_free(guard);
}

static inline void fixture_end(void *ctx)
{
    gs_loop_stop(ctx);
}

static inline void fixture_run_for(fixture *x, int64_t ms)
{
    gs_timer *t = gs_timer_new(x->loop, fixture_end, x->loop);
    gs_timer_set(t, ms);
    fixture_run(x);
    gs_timer_free(t);
}

static inline void assert_contains(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" does not contain \"%s\"", text ? text : "(null)", part);
}

/* Every step was used, and nothing else was asked. */
static inline void fake_check(const fake *f)
{
    for (int i = 0; f->steps[i].expect; i++)
        if (!f->used[i])
            fail_msg("nobody asked for step %d: %s", i, f->steps[i].expect);
    if (f->unexpected)
        for (int i = 0; i < f->logged; i++)
            (void)fprintf(stderr, "  %.*s\n", (int)strcspn(f->log[i], "\r"), f->log[i]);
    assert_int_equal(f->unexpected, 0);
}

#endif
