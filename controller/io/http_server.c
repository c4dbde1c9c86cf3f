#include "io/http_server.h"

#include "base/mem.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

/* Callers are kubelets and Prometheus: a few connections, small requests without a body. */
#define CONNECTIONS_MAX 100
#define REQUEST_HEADER_MAX 8192
#define IDLE_TIMEOUT_S 75 /* between bytes and between requests; Prometheus usually comes back within it */
#define LINGER_TIMEOUT_S 2
#define LINGER_BYTES (64u << 10)
#define REPLY_MAX (32u << 20)
#define ACCEPT_PAUSE_MS 500

struct conn {
    TAILQ_ENTRY(conn) link;
    gs_http_server *server;
    struct bufferevent *bev;
    bool closing; /* the last reply is being sent; what still arrives is dropped */
    bool shut;    /* it was sent */
    bool eof;     /* the client will send no more */
    size_t dropped;
};

struct gs_http_server {
    struct event_base *base;
    struct evconnlistener *listener;
    gs_timer *accept_again;
    gs_http_handler fn;
    void *ctx;
    int port;
    size_t count;
    TAILQ_HEAD(conns, conn) conns; /* the one that was longest without a complete request first */
};

struct request {
    char *method, *path;
    bool close; /* no further request on this connection */
    bool has_body;
};

static void conn_free(struct conn *c)
{
    TAILQ_REMOVE(&c->server->conns, c, link);
    c->server->count--;
    bufferevent_free(c->bev);
    free(c);
}

static void on_accept_again(void *ctx)
{
    gs_http_server *s = ctx;
    (void)evconnlistener_enable(s->listener);
}

/* Usually no file descriptor is left, and the listener stays readable: without a pause the loop would spin.
 */
static void on_accept_error(struct evconnlistener *l, void *ctx)
{
    gs_http_server *s = ctx;
    (void)evconnlistener_disable(l);
    gs_timer_set(s->accept_again, ACCEPT_PAUSE_MS);
}

/* Splits the header in place. Returns 0 or the status to refuse it with. */
static int parse_request(char *head, struct request *r)
{
    char *rest = head, *line = strsep(&rest, "\r");
    r->method = strsep(&line, " ");
    r->path = strsep(&line, " ");
    if (!r->path || !line || !*r->method || *r->path != '/')
        return 400;
    if (strcmp(line, "HTTP/1.1") != 0 && strcmp(line, "HTTP/1.0") != 0)
        return strncmp(line, "HTTP/", 5) == 0 ? 505 : 400;
    r->close = strcmp(line, "HTTP/1.0") == 0;
    r->path[strcspn(r->path, "?#")] = 0;
    while (rest && *rest == '\n') {
        rest++;
        line = strsep(&rest, "\r");
        if (!*line)
            return rest && strcmp(rest, "\n") == 0 ? 0 : 400;
        char *value = strchr(line, ':');
        if (!value || value == line || strcspn(line, " \t\n") < (size_t)(value - line))
            return 400;
        *value++ = 0;
        value += strspn(value, " \t");
        if (strcasecmp(line, "Connection") == 0 && strcasestr(value, "close"))
            r->close = true;
        if (strcasecmp(line, "Transfer-Encoding") == 0 ||
            (strcasecmp(line, "Content-Length") == 0 && strcmp(value, "0") != 0))
            r->has_body = true;
    }
    return 400;
}

static const char *phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < GS_LEN(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Status";
}

static void free_body(const void *data, size_t n, void *body)
{
    (void)data;
    (void)n;
    free(body);
}

static void reply(struct conn *c, int status, const char *type, gs_buf *body, bool with_body)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    size_t n = body->n;
    (void)evbuffer_add_printf(out,
                              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                              "X-Content-Type-Options: nosniff\r\n%s%s\r\n",
                              status, phrase(status), type ? type : "text/plain; charset=utf-8", n,
                              status == 405 ? "Allow: GET, HEAD\r\n" : "", c->closing ? "Connection: close\r\n" : "");
    if (!n || !with_body)
        return;
    char *p = gs_buf_take(body);
    if (evbuffer_add_reference(out, p, n, free_body, p) < 0)
        free(p);
}

static void refuse(struct conn *c, int status, const char *text)
{
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(256);
    (void)gs_buf_addf(&body, "%s\n", text);
    c->closing = true;
    reply(c, status, NULL, &body, true);
}

static void answer(struct conn *c, char *head)
{
    gs_http_server *s = c->server;
    struct request r = {0};
    int status = parse_request(head, &r);
    bool is_head = !status && strcmp(r.method, "HEAD") == 0;
    if (status) {
        refuse(c, status, "malformed request");
    } else if (!is_head && strcmp(r.method, "GET") != 0) {
        refuse(c, 405, "only GET and HEAD are answered here");
    } else if (r.has_body) {
        refuse(c, 400, "a request with a body is not accepted");
    } else {
        gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(REPLY_MAX);
        const char *type = NULL;
        c->closing = r.close;
        status = s->fn(s->ctx, r.path, &body, &type);
        reply(c, status, type, &body, !is_head);
    }
    TAILQ_REMOVE(&s->conns, c, link);
    TAILQ_INSERT_TAIL(&s->conns, c, link);
}

/* One request at a time: the next one waits until the reply has left, so a client that does not read costs
 * one. */
static void serve(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    if (c->closing || evbuffer_get_length(bufferevent_get_output(c->bev)))
        return;
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (end.pos < 0) {
        if (evbuffer_get_length(in) >= REQUEST_HEADER_MAX)
            refuse(c, 431, "the request header is too long");
        return;
    }
    size_t n = (size_t)end.pos + 4;
    gs_autofree char *head = gs_alloc(n + 1);
    (void)evbuffer_remove(in, head, n);
    if (memchr(head, 0, n))
        refuse(c, 400, "malformed request");
    else
        answer(c, head);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
    struct conn *c = ctx;
    struct evbuffer *in = bufferevent_get_input(bev);
    if (!c->closing) {
        serve(c);
        return;
    }
    c->dropped += evbuffer_get_length(in);
    (void)evbuffer_drain(in, evbuffer_get_length(in));
    if (c->dropped > LINGER_BYTES)
        conn_free(c);
}

/* Closing with unread input would reset the connection and could take the reply with it: say that we are
 * done, and let the client close. */
static void on_written(struct bufferevent *bev, void *ctx)
{
    struct conn *c = ctx;
    struct timeval linger = {.tv_sec = LINGER_TIMEOUT_S};
    if (!c->closing) {
        serve(c);
        return;
    }
    if (c->eof) {
        conn_free(c);
        return;
    }
    if (c->shut)
        return;
    c->shut = true;
    (void)shutdown(bufferevent_getfd(bev), SHUT_WR);
    (void)bufferevent_set_timeouts(bev, &linger, &linger);
    on_read(bev, c);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    struct conn *c = ctx;
    if ((what & BEV_EVENT_EOF) && !c->shut && evbuffer_get_length(bufferevent_get_output(bev))) {
        c->closing = c->eof = true; /* the client closed its half only: it still gets its reply */
        return;
    }
    conn_free(c);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *addr, int len, void *ctx)
{
    gs_http_server *s = ctx;
    struct timeval idle = {.tv_sec = IDLE_TIMEOUT_S};
    (void)l;
    (void)addr;
    (void)len;
    /* Silent connections must not keep the kubelet's probe out. */
    if (s->count >= CONNECTIONS_MAX)
        conn_free(TAILQ_FIRST(&s->conns));
    struct bufferevent *bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        (void)close(fd);
        return;
    }
    struct conn *c = gs_alloc(sizeof *c);
    c->server = s;
    c->bev = bev;
    TAILQ_INSERT_TAIL(&s->conns, c, link);
    s->count++;
    bufferevent_setcb(bev, on_read, on_written, on_event, c);
    bufferevent_setwatermark(bev, EV_READ, 0, REQUEST_HEADER_MAX);
    (void)bufferevent_set_timeouts(bev, &idle, &idle);
    (void)bufferevent_enable(bev, EV_READ | EV_WRITE);
}

/* "host:port", ":port", "[v6]:port" -> host ("" for all) and port. */
static int split_address(const char *address, char host[256], const char **ret_port, gs_error *err)
{
    const char *colon = strrchr(address, ':');
    gs_str h = {address, colon ? (size_t)(colon - address) : 0};
    uint64_t port;
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = (gs_str){h.p + 1, h.n - 2};
    else if (memchr(h.p, ':', h.n))
        colon = NULL; /* an IPv6 address without brackets: where does the port begin? */
    if (!colon || !gs_str_u64(gs_str_of(colon + 1), &port) || port > 65535 || !gs_str_copy(host, 256, h))
        return gs_error_set(err, GS_TERMINAL,
                            "listen address \"%s\": want HOST:PORT, :PORT or [IPV6]:PORT, like 127.0.0.1:8080",
                            address);
    *ret_port = colon + 1;
    return 0;
}

static int open_listener(const struct addrinfo *a)
{
    int on = 1, off = 0;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 64) == 0)
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

static int listen_on(const char *address, int *ret_port, gs_error *err)
{
    char host[256], bound[NI_MAXSERV];
    const char *port = NULL;
    int rc = split_address(address, host, &port, err);
    if (rc)
        return rc;
    struct addrinfo *all = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int gai = getaddrinfo(host[0] ? host : NULL, port, &hints, &all);
    if (gai)
        return gs_error_set(err, GS_TERMINAL, "listen address \"%s\": %s", address, gai_strerror(gai));
    /* For all addresses IPv6 first: its socket takes IPv4, too. Where there is no IPv6, the IPv4 entry works.
     */
    int fd = -1;
    for (int pass = 0; pass < 2 && fd < 0; pass++)
        for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
            if ((a->ai_family == AF_INET6) == (pass == (host[0] ? 1 : 0)))
                fd = open_listener(a);
    int why = errno;
    freeaddrinfo(all);
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
        getnameinfo((struct sockaddr *)&ss, len, NULL, 0, bound, sizeof bound, NI_NUMERICSERV)) {
        if (fd >= 0)
            (void)close(fd);
        return gs_error_set(err, why == EADDRINUSE ? GS_CONFLICT : GS_TERMINAL, "listen on %s: %s", address,
                            strerror(why));
    }
    uint64_t n = 0;
    (void)gs_str_u64(gs_str_of(bound), &n);
    *ret_port = (int)n;
    return fd;
}

int gs_http_server_new(gs_loop *l, const char *address, gs_http_handler fn, void *ctx, gs_http_server **ret,
                       gs_error *err)
{
    int port = 0;
    int fd = listen_on(address, &port, err);
    if (fd < 0)
        return fd;
    gs_http_server *s = gs_alloc(sizeof *s);
    TAILQ_INIT(&s->conns);
    s->base = gs_loop_base(l);
    s->fn = fn;
    s->ctx = ctx;
    s->port = port;
    s->listener = evconnlistener_new(s->base, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!s->listener) {
        (void)close(fd);
        gs_http_server_free(s);
        return gs_error_set(err, GS_TERMINAL, "listen on %s: libevent refused the socket", address);
    }
    s->accept_again = gs_timer_new(l, on_accept_again, s);
    evconnlistener_set_error_cb(s->listener, on_accept_error);
    *ret = s;
    return 0;
}

int gs_http_server_port(const gs_http_server *s)
{
    return s->port;
}

void gs_http_server_free(gs_http_server *s)
{
    struct conn *c;
    if (!s)
        return;
    while ((c = TAILQ_FIRST(&s->conns)))
        conn_free(c);
    if (s->listener)
        evconnlistener_free(s->listener);
    gs_timer_free(s->accept_again);
    free(s);
}
