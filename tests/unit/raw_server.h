/* A server that misbehaves, for the tests of the HTTP client: a thread for each connection, answers by path.
 * Loopback only. Answers that take for ever end when the server is stopped. */
#ifndef GS_TEST_RAW_SERVER_H
#define GS_TEST_RAW_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define RAW_CONNECTIONS 512

struct raw_answer {
    const char *path;
    const char *bytes;                       /* sent as they are; NULL: see fn */
    bool (*fn)(int fd, const char *request); /* false: close the connection */
    bool close;                              /* after bytes */
};

typedef struct raw_server {
    const struct raw_answer *answers; /* ended by a NULL path */
    int fd, port, fds[RAW_CONNECTIONS];
    atomic_int accepted, requests;
    pthread_t thread, threads[RAW_CONNECTIONS];
} raw_server;

static atomic_bool raw_stopping;

/* Sleeps, but wakes when the peer goes or the server stops; false then. */
static inline bool raw_pause(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, ms) == 0 && !atomic_load(&raw_stopping);
}

static inline bool raw_send(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline bool raw_sends(int fd, const char *s)
{
    return raw_send(fd, s, strlen(s));
}

/* Reads one request with its body; NULL at the end of the connection. The caller frees it. */
static inline char *raw_read_request(int fd)
{
    size_t n = 0, cap = 1 << 16, want = 0;
    char *p = malloc(cap);
    for (;;) {
        if (n + 1 >= cap) {
            cap *= 2;
            p = realloc(p, cap);
        }
        ssize_t got = recv(fd, p + n, cap - n - 1, 0);
        if (got <= 0) {
            free(p);
            return NULL;
        }
        n += (size_t)got;
        p[n] = 0;
        char *end = strstr(p, "\r\n\r\n");
        if (!end)
            continue;
        char *length = strcasestr(p, "\r\nContent-Length:");
        want = (size_t)(end + 4 - p) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        if (n >= want)
            return p;
    }
}

static inline bool raw_answer_one(raw_server *s, int fd, const char *request)
{
    char path[256] = "";
    (void)sscanf(request, "%*s %255[^ ?]", path);
    for (const struct raw_answer *a = s->answers; a->path; a++) {
        if (strcmp(a->path, path) != 0)
            continue;
        if (a->fn)
            return a->fn(fd, request);
        return raw_sends(fd, a->bytes) && !a->close;
    }
    return raw_sends(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

struct raw_conn {
    raw_server *server;
    int fd;
};

static inline void *raw_serve(void *ctx)
{
    struct raw_conn *c = ctx;
    char *request;
    bool more = true;
    while (more && (request = raw_read_request(c->fd))) {
        atomic_fetch_add(&c->server->requests, 1);
        more = raw_answer_one(c->server, c->fd, request);
        free(request);
    }
    (void)shutdown(c->fd, SHUT_RDWR); /* closed by raw_stop, so that its number is not used twice */
    free(c);
    return NULL;
}

static inline void *raw_accept(void *ctx)
{
    raw_server *s = ctx;
    for (;;) {
        int fd = accept(s->fd, NULL, NULL), i = atomic_load(&s->accepted);
        if (fd < 0 || i >= RAW_CONNECTIONS) {
            if (fd >= 0)
                (void)close(fd);
            return NULL;
        }
        struct raw_conn *c = malloc(sizeof *c);
        *c = (struct raw_conn){s, fd};
        s->fds[i] = fd;
        if (pthread_create(&s->threads[i], NULL, raw_serve, c))
            abort();
        atomic_fetch_add(&s->accepted, 1);
    }
}

static inline void raw_start(raw_server *s, const struct raw_answer *answers)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof in;
    memset(s, 0, sizeof *s);
    atomic_store(&raw_stopping, false);
    s->answers = answers;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->fd, (struct sockaddr *)&in, len) || listen(s->fd, 128) ||
        getsockname(s->fd, (struct sockaddr *)&in, &len))
        abort();
    s->port = ntohs(in.sin_port);
    if (pthread_create(&s->thread, NULL, raw_accept, s))
        abort();
}

static inline void raw_stop(raw_server *s)
{
    atomic_store(&raw_stopping, true);
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
    for (int i = 0; i < s->accepted; i++)
        (void)shutdown(s->fds[i], SHUT_RDWR);
    for (int i = 0; i < s->accepted; i++) {
        (void)pthread_join(s->threads[i], NULL);
        (void)close(s->fds[i]);
    }
}

/* Answers of several tests */

static inline bool raw_echo(int fd, const char *request)
{
    char head[128];
    size_t n = strlen(request);
    (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", n);
    return raw_sends(fd, head) && raw_send(fd, request, n);
}

static inline bool raw_silent(int fd, const char *request)
{
    (void)request;
    while (raw_pause(fd, 1000))
        ;
    return false;
}

/* `plain` bytes of 'x', packed. */
static inline bool raw_gzip(int fd, size_t plain)
{
    char head[160], *in = malloc(plain);
    z_stream z = {0};
    memset(in, 'x', plain);
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    size_t cap = deflateBound(&z, plain);
    unsigned char *out = malloc(cap);
    z.next_in = (unsigned char *)in;
    z.avail_in = (unsigned)plain;
    z.next_out = out;
    z.avail_out = (unsigned)cap;
    (void)deflate(&z, Z_FINISH);
    size_t n = cap - z.avail_out;
    (void)deflateEnd(&z);
    (void)snprintf(head, sizeof head,
                   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\nContent-Length: "
                   "%zu\r\n\r\n",
                   n);
    bool ok = raw_sends(fd, head) && raw_send(fd, out, n);
    free(in);
    free(out);
    return ok;
}

#endif
