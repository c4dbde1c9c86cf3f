#include "io/workers.h"

#include "base/mem.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS_MAX 16

struct job {
    struct job *next;
    void (*run)(void *job);
    void (*done)(void *job, bool cancelled);
    void *arg;
};

struct list {
    struct job *first, **end;
};

struct gs_workers {
    pthread_t threads[THREADS_MAX];
    unsigned started;
    size_t queue_max, waiting_count;
    pthread_mutex_t lock; /* guards waiting, finished, closing */
    pthread_cond_t work;
    struct list waiting, finished;
    bool closing;
    /* An event of its own, not gs_loop_post: freeing the pool then leaves nothing behind that points at it.
     */
    int ready_fd;
    struct event *ready_ev;
    bool delivering; /* done callbacks are run by on_ready; one of them may free the pool */
    bool dead;       /* it did */
};

static void push(struct list *l, struct job *j)
{
    j->next = NULL;
    *l->end = j;
    l->end = &j->next;
}

static struct job *pop(struct list *l)
{
    struct job *j = l->first;
    if (j && !(l->first = j->next))
        l->end = &l->first;
    return j;
}

static void *worker(void *ctx)
{
    gs_workers *w = ctx;
    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->closing && !w->waiting.first)
            (void)pthread_cond_wait(&w->work, &w->lock);
        if (w->closing)
            break;
        struct job *j = pop(&w->waiting);
        w->waiting_count--;
        (void)pthread_mutex_unlock(&w->lock);
        j->run(j->arg);
        (void)pthread_mutex_lock(&w->lock);
        push(&w->finished, j);
        uint64_t one = 1;
        while (write(w->ready_fd, &one, sizeof one) < 0 && errno == EINTR)
            ;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

static struct job *next_finished(gs_workers *w)
{
    (void)pthread_mutex_lock(&w->lock);
    struct job *j = pop(&w->finished);
    (void)pthread_mutex_unlock(&w->lock);
    return j;
}

static void finish(struct job *j, bool cancelled)
{
    j->done(j->arg, cancelled);
    free(j);
}

static void release(gs_workers *w)
{
    if (w->ready_ev)
        event_free(w->ready_ev);
    if (w->ready_fd >= 0)
        (void)close(w->ready_fd);
    (void)pthread_cond_destroy(&w->work);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
    gs_workers *w = ctx;
    uint64_t count;
    (void)what;
    if (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        return;
    w->delivering = true;
    struct job *j;
    while ((j = next_finished(w)))
        finish(j, false);
    w->delivering = false;
    if (w->dead)
        release(w);
}

/* Signals belong to the loop thread: a worker that took one would run its handler in the middle of a job. */
static int start_thread(gs_workers *w, unsigned i)
{
    sigset_t all, before;
    char name[16];
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->threads[i], NULL, worker, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return rc;
    (void)snprintf(name, sizeof name, "gostat-work-%u", i % THREADS_MAX);
    (void)pthread_setname_np(w->threads[i], name);
    w->started++;
    return 0;
}

int gs_workers_new(gs_loop *l, unsigned threads, size_t queue_max, gs_workers **ret, gs_error *err)
{
    if (threads < 1 || threads > THREADS_MAX)
        return gs_error_set(err, GS_TERMINAL, "worker threads: %u is not in 1..%d", threads, THREADS_MAX);
    gs_workers *w = gs_alloc(sizeof *w);
    w->queue_max = queue_max;
    w->waiting.end = &w->waiting.first;
    w->finished.end = &w->finished.first;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->work, NULL);
    w->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = w->ready_fd < 0 ? errno : 0;
    if (!rc) {
        w->ready_ev = event_new(gs_loop_base(l), w->ready_fd, EV_READ | EV_PERSIST, on_ready, w);
        rc = w->ready_ev && event_add(w->ready_ev, NULL) == 0 ? 0 : ENOMEM;
    }
    for (unsigned i = 0; i < threads && !rc; i++)
        rc = start_thread(w, i);
    if (rc) {
        gs_workers_free(w);
        return gs_error_set(err, GS_TRANSIENT, "start %u worker threads: %s", threads, strerror(rc));
    }
    *ret = w;
    return 0;
}

void gs_workers_free(gs_workers *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->closing = true;
    (void)pthread_cond_broadcast(&w->work);
    (void)pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->started; i++)
        (void)pthread_join(w->threads[i], NULL);
    struct job *j;
    while ((j = pop(&w->finished)))
        finish(j, false);
    while ((j = pop(&w->waiting)))
        finish(j, true);
    if (w->delivering)
        w->dead = true;
    else
        release(w);
}

int gs_workers_submit(gs_workers *w, void (*run)(void *job), void (*done)(void *job, bool cancelled), void *job,
                      gs_error *err)
{
    int rc = 0;
    struct job *j = gs_alloc(sizeof *j);
    *j = (struct job){.run = run, .done = done, .arg = job};
    (void)pthread_mutex_lock(&w->lock);
    if (w->closing) {
        rc = gs_error_set(err, GS_CANCELLED, "worker pool: shutting down");
    } else if (w->waiting_count >= w->queue_max) {
        rc = gs_error_set(err, GS_NO_MEMORY, "worker pool: %zu jobs are waiting already", w->queue_max);
    } else {
        push(&w->waiting, j);
        w->waiting_count++;
        (void)pthread_cond_signal(&w->work);
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (rc)
        free(j);
    return rc;
}
