#include "io/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct post {
    struct post *next;
    void (*fn)(void *ctx);
    void *ctx;
};

struct signal_watch {
    struct signal_watch *next;
    struct event *ev;
    void (*fn)(void *ctx, int signo);
    void *ctx;
};

/* Other threads reach the loop through an eventfd of ours, so libevent itself needs no locks. */
struct gs_loop {
    struct event_base *base;
    struct event *wake_ev;
    int wake_fd;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards posts */
    struct post *posts, **posts_end;
    struct signal_watch *signals;
};

struct gs_timer {
    struct event *ev;
    int64_t due_ms;
    void (*fn)(void *ctx);
    void *ctx;
};

static int64_t now_ms(void)
{
    gs_clock clock = gs_clock_system();
    return gs_mono(&clock);
}

static void wake(gs_loop *l)
{
    uint64_t one = 1;
    /* The only failure, a full counter, means that the loop is already awake. */
    while (write(l->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    gs_loop *l = ctx;
    uint64_t count;
    (void)what;
    if (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        return; /* still readable: called again */
    (void)pthread_mutex_lock(&l->lock);
    struct post *p = l->posts;
    l->posts = NULL;
    l->posts_end = &l->posts;
    (void)pthread_mutex_unlock(&l->lock);
    while (p) {
        struct post *next = p->next;
        p->fn(p->ctx);
        free(p);
        p = next;
    }
    if (atomic_exchange(&l->stop, false))
        (void)event_base_loopbreak(l->base);
}

/* libevent would write lines of its own form to stderr. */
static void on_libevent_message(int severity, const char *text)
{
    if (severity >= EVENT_LOG_WARN)
        gs_log_warn("libevent", "message", text);
}

int gs_loop_new(gs_loop **ret, gs_error *err)
{
    /* A peer that closes early must be an error of one write, not the end of the process: libcurl with
     * NOSIGNAL, OpenSSL and libevent all write without MSG_NOSIGNAL. */
    (void)signal(SIGPIPE, SIG_IGN);
    event_set_log_callback(on_libevent_message);
    gs_loop *l = gs_alloc(sizeof *l);
    l->posts_end = &l->posts;
    (void)pthread_mutex_init(&l->lock, NULL);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int why = errno;
    l->base = l->wake_fd < 0 ? NULL : event_base_new();
    l->wake_ev = l->base ? event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l) : NULL;
    if (!l->wake_ev || event_add(l->wake_ev, NULL) < 0) {
        const char *what = l->wake_fd < 0 ? strerror(why) : "libevent finds no usable backend";
        gs_loop_free(l);
        return gs_error_set(err, GS_TERMINAL, "start the event loop: %s", what);
    }
    *ret = l;
    return 0;
}

void gs_loop_free(gs_loop *l)
{
    if (!l)
        return;
    for (struct signal_watch *s = l->signals, *next; s; s = next) {
        next = s->next;
        event_free(s->ev);
        free(s);
    }
    for (struct post *p = l->posts, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    if (l->wake_ev)
        event_free(l->wake_ev);
    if (l->base)
        event_base_free(l->base);
    if (l->wake_fd >= 0)
        (void)close(l->wake_fd);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

void gs_loop_run(gs_loop *l)
{
    (void)event_base_dispatch(l->base); /* the wake event is always there, so it ends only by a stop */
}

void gs_loop_stop(gs_loop *l)
{
    atomic_store(&l->stop, true);
    wake(l);
}

void gs_loop_post(gs_loop *l, void (*fn)(void *ctx), void *ctx)
{
    struct post *p = gs_alloc(sizeof *p);
    p->fn = fn;
    p->ctx = ctx;
    (void)pthread_mutex_lock(&l->lock);
    *l->posts_end = p;
    l->posts_end = &p->next;
    (void)pthread_mutex_unlock(&l->lock);
    wake(l);
}

static void on_signal(evutil_socket_t signo, short what, void *ctx)
{
    struct signal_watch *s = ctx;
    (void)what;
    s->fn(s->ctx, (int)signo);
}

int gs_loop_on_signal(gs_loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx, gs_error *err)
{
    struct signal_watch *s = gs_alloc(sizeof *s);
    s->fn = fn;
    s->ctx = ctx;
    s->ev = evsignal_new(l->base, signo, on_signal, s);
    if (!s->ev || event_add(s->ev, NULL) < 0) {
        if (s->ev)
            event_free(s->ev);
        free(s);
        return gs_error_set(err, GS_TERMINAL, "watch signal %d (%s): refused by the system", signo, strsignal(signo));
    }
    s->next = l->signals;
    l->signals = s;
    return 0;
}

static void arm(gs_timer *t, int64_t delay_ms)
{
    struct timeval tv = {.tv_sec = (time_t)(delay_ms / 1000), .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000)};
    (void)evtimer_add(t->ev, &tv); /* fails only without memory, as gs_alloc would */
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    gs_timer *t = ctx;
    (void)fd;
    (void)what;
    /* libevent counts from the start of its round, so what earlier callbacks took would make the timer early.
     */
    int64_t left = t->due_ms - now_ms();
    if (left > 0) {
        arm(t, left);
        return;
    }
    t->fn(t->ctx); /* may free t */
}

gs_timer *gs_timer_new(gs_loop *l, void (*fn)(void *ctx), void *ctx)
{
    gs_timer *t = gs_alloc(sizeof *t);
    t->fn = fn;
    t->ctx = ctx;
    t->ev = evtimer_new(l->base, on_timer, t);
    if (!t->ev)
        abort(); /* out of memory, as in gs_alloc */
    return t;
}

void gs_timer_set(gs_timer *t, int64_t delay_ms)
{
    if (delay_ms < 0)
        delay_ms = 0;
    if (__builtin_add_overflow(now_ms(), delay_ms, &t->due_ms))
        t->due_ms = INT64_MAX;
    arm(t, delay_ms);
}

void gs_timer_stop(gs_timer *t)
{
    (void)evtimer_del(t->ev);
}

void gs_timer_free(gs_timer *t)
{
    if (!t)
        return;
    event_free(t->ev);
    free(t);
}

void *gs_loop_base(gs_loop *l)
{
    return l->base;
}
