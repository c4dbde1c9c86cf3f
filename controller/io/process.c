#include "io/process.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 16 /* of 4 KB: what a pipe holds */

struct gs_process {
    pid_t pid;
    int fd; /* becomes readable when it ends */
    int out_fd, log_fd;
    struct event *ended, *out_ev, *log_ev;
    gs_timer *timeout;
    gs_buf out, log;
    gs_error killed; /* why we killed it */
    void (*on_done)(void *ctx, const gs_process_end *end);
    void *ctx;
};

static void close_if(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static void event_free_if(struct event *ev)
{
    if (ev)
        event_free(ev);
}

static void destroy(gs_process *p)
{
    event_free_if(p->ended);
    event_free_if(p->out_ev);
    event_free_if(p->log_ev);
    close_if(p->fd);
    close_if(p->out_fd);
    close_if(p->log_fd);
    gs_timer_free(p->timeout);
    gs_buf_wipe(&p->out);
    gs_buf_wipe(&p->log);
    free(p);
}

/* It is not reaped yet, so the number is still its own. */
static void kill_all(const gs_process *p)
{
    (void)kill(-p->pid, SIGKILL);
}

static void kill_for(gs_process *p, enum gs_kind kind, const char *why)
{
    if (p->killed.kind == GS_OK)
        (void)gs_error_set(&p->killed, kind, "%s", why);
    kill_all(p);
}

/* Takes what is there now, a full pipe at most: others have work, too. False: there is no more to come. */
static bool drain(int fd, gs_buf *into, bool *full)
{
    char chunk[4096];
    for (int round = 0; round < ROUNDS; round++) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0)
            return false;
        size_t room = into->max - into->n, take = (size_t)n < room ? (size_t)n : room;
        (void)gs_buf_add(into, chunk, take);
        *full = *full || take < (size_t)n;
        explicit_bzero(chunk, (size_t)n);
    }
    return true;
}

static void on_out(evutil_socket_t fd, short what, void *ctx)
{
    gs_process *p = ctx;
    bool full = false;
    (void)what;
    if (!drain(fd, &p->out, &full))
        (void)event_del(p->out_ev);
    if (full)
        kill_for(p, GS_NO_MEMORY, "wrote more than is read of it");
}

static void on_log(evutil_socket_t fd, short what, void *ctx)
{
    gs_process *p = ctx;
    bool full = false; /* the rest is read, so that it does not wait for us, and forgotten */
    (void)what;
    if (!drain(fd, &p->log, &full))
        (void)event_del(p->log_ev);
}

static void on_timeout(void *ctx)
{
    kill_for(ctx, GS_TRANSIENT, "did not end in time and was killed");
}

static void on_ended(evutil_socket_t fd, short what, void *ctx)
{
    gs_process *p = ctx;
    gs_process_end end = {.code = -1};
    int status = 0;
    (void)fd;
    (void)what;
    (void)event_del(p->ended);
    on_out(p->out_fd, 0, p); /* what it started may hold the pipes open: what is there now is all */
    on_log(p->log_fd, 0, p);
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status))
        end.code = WEXITSTATUS(status);
    if (p->killed.kind != GS_OK)
        end.err = p->killed;
    else if (end.code > 0)
        (void)gs_error_set(&end.err, GS_TERMINAL, "exited with code %d", end.code);
    else if (end.code < 0)
        (void)gs_error_set(&end.err, GS_TERMINAL, "was ended by signal %d (%s)", WTERMSIG(status),
                           strsignal(WTERMSIG(status)));
    end.out = gs_buf_str(&p->out);
    end.log = gs_buf_str(&p->log);
    p->on_done(p->ctx, &end);
    destroy(p);
}

/* The child's side; 0 or an errno. */
static int spawn(gs_process *p, const gs_process_options *o, int out, int log)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, pipe_signal;
    (void)sigemptyset(&none);
    (void)sigemptyset(&pipe_signal);
    (void)sigaddset(&pipe_signal, SIGPIPE);
    int rc = posix_spawn_file_actions_init(&files);
    if (rc)
        return rc;
    if ((rc = posix_spawnattr_init(&attr))) {
        (void)posix_spawn_file_actions_destroy(&files);
        return rc;
    }
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &pipe_signal);
    if (!(rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)) &&
        !(rc = posix_spawn_file_actions_adddup2(&files, out, 1)) &&
        !(rc = posix_spawn_file_actions_adddup2(&files, log, 2)) &&
        !(rc = posix_spawn_file_actions_addclosefrom_np(&files, 3)))
        rc = posix_spawnp(&p->pid, o->argv[0], &files, &attr, (char *const *)(uintptr_t)o->argv,
                          (char *const *)(uintptr_t)o->env);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    return rc;
}

static struct event *listen_to(gs_loop *l, int fd, event_callback_fn fn, gs_process *p)
{
    struct event *ev = event_new(gs_loop_base(l), fd, EV_READ | EV_PERSIST, fn, p);
    if (!ev || event_add(ev, NULL) < 0)
        abort(); /* out of memory, as in gs_alloc */
    return ev;
}

/* 0 or an errno. */
static int start(gs_process *p, const gs_process_options *o)
{
    int out[2] = {-1, -1}, log[2] = {-1, -1};
    int rc = pipe2(out, O_CLOEXEC) < 0 || pipe2(log, O_CLOEXEC) < 0 ? errno : 0;
    p->out_fd = out[0];
    p->log_fd = log[0];
    if (!rc)
        rc = spawn(p, o, out[1], log[1]);
    close_if(out[1]);
    close_if(log[1]);
    if (!rc && (p->fd = pidfd_open(p->pid, 0)) < 0) {
        rc = errno;
        kill_all(p);
        (void)waitpid(p->pid, NULL, 0);
    }
    return rc;
}

int gs_process_start(gs_loop *l, const gs_process_options *o, gs_process **ret, gs_error *err)
{
    gs_process *p = gs_alloc(sizeof *p);
    *p = (gs_process){.fd = -1, .out_fd = -1, .log_fd = -1, .on_done = o->on_done, .ctx = o->ctx};
    p->out = GS_BUF(o->max_out);
    p->log = GS_BUF(o->max_log);
    int why = start(p, o);
    if (why) {
        destroy(p);
        return gs_error_set(err, why == ENOENT ? GS_NOT_FOUND : GS_TERMINAL, "%s: %s", o->argv[0], strerror(why));
    }
    (void)fcntl(p->out_fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(p->log_fd, F_SETFL, O_NONBLOCK);
    p->out_ev = listen_to(l, p->out_fd, on_out, p);
    p->log_ev = listen_to(l, p->log_fd, on_log, p);
    p->ended = listen_to(l, p->fd, on_ended, p);
    p->timeout = gs_timer_new(l, on_timeout, p);
    gs_timer_set(p->timeout, o->timeout_ms);
    *ret = p;
    return 0;
}

void gs_process_cancel(gs_process *p)
{
    if (!p)
        return;
    kill_all(p);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    destroy(p);
}
