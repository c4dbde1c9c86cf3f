#include "base/mem.h"
#include "io/http_server_internal.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <string.h>
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
    SSL *tls;         /* bev's; NULL: none */
    uint64_t waiting; /* id of the request whose answer is to come; 0: none */
    bool head;        /* it is a HEAD */
    bool closing;     /* the last reply is being sent; what still arrives is dropped */
    bool shut;        /* it was sent */
    bool eof;         /* the client will send no more */
    size_t dropped;
};

struct gs_http_server {
    struct event_base *base;
    struct evconnlistener *listener;
    gs_timer *accept_again;
    gs_http_handler fn;
    void *ctx;
    SSL_CTX *tls; /* for new connections; NULL: none */
    int port;
    size_t count;
    uint64_t last_id;
    TAILQ_HEAD(conns, conn) conns; /* the one that was longest without a complete request first */
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

/* Usually no file descriptor is left, and the listener stays readable: without a pause the loop would spin. */
static void on_accept_error(struct evconnlistener *l, void *ctx)
{
    gs_http_server *s = ctx;
    (void)evconnlistener_disable(l);
    gs_timer_set(s->accept_again, ACCEPT_PAUSE_MS);
}

static const char *phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
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

/* What a status obliges to say beside it. */
static const char *required_header(int status)
{
    return status == 405 ? "Allow: GET, HEAD\r\n" : status == 401 ? "WWW-Authenticate: Bearer\r\n" : "";
}

static void reply(struct conn *c, int status, const char *type, gs_buf *body, bool with_body)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    size_t n = body->n;
    (void)evbuffer_add_printf(out,
                              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                              "X-Content-Type-Options: nosniff\r\n%s%s\r\n",
                              status, phrase(status), type ? type : "text/plain; charset=utf-8", n,
                              required_header(status), c->closing ? "Connection: close\r\n" : "");
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

static void ask(struct conn *c, const gs_http_head *r)
{
    gs_http_server *s = c->server;
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(REPLY_MAX);
    gs_http_asked asked = {.id = ++s->last_id, .path = r->path, .authorization = r->authorization};
    const char *type = NULL;
    c->closing = r->close;
    c->head = gs_streq(r->method, "HEAD");
    int status = s->fn(s->ctx, &asked, &body, &type);
    if (status == GS_HTTP_LATER)
        c->waiting = asked.id;
    else
        reply(c, status, type, &body, !c->head);
}

static void answer(struct conn *c, char *head)
{
    gs_http_server *s = c->server;
    gs_http_head r;
    int status = gs_http_head_parse(head, &r);
    if (status)
        refuse(c, status, "malformed request");
    else if (!gs_streq(r.method, "HEAD") && !gs_streq(r.method, "GET"))
        refuse(c, 405, "only GET and HEAD are answered here");
    else if (r.has_body)
        refuse(c, 400, "a request with a body is not accepted");
    else
        ask(c, &r);
    TAILQ_REMOVE(&s->conns, c, link);
    TAILQ_INSERT_TAIL(&s->conns, c, link);
}

/* One request at a time: the next one waits until the reply has left, so a client that does not read costs one. */
static void serve(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    if (c->closing || c->waiting || evbuffer_get_length(bufferevent_get_output(c->bev)))
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
    if (!c->closing || c->waiting) {
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
    if (c->tls)
        (void)SSL_shutdown(c->tls); /* says so; what the client says to that is not waited for */
    (void)shutdown(bufferevent_getfd(bev), SHUT_WR);
    (void)bufferevent_set_timeouts(bev, &linger, &linger);
    on_read(bev, c);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    struct conn *c = ctx;
    if (what & BEV_EVENT_CONNECTED) /* the handshake is done */
        return;
    bool owed = c->waiting || evbuffer_get_length(bufferevent_get_output(bev));
    if ((what & BEV_EVENT_EOF) && !c->shut && !c->tls && owed) {
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
    SSL *tls = s->tls ? SSL_new(s->tls) : NULL;
    struct bufferevent *bev = NULL;
    if (tls) /* its handshake goes on as the client's bytes come; freed with bev */
        bev = bufferevent_openssl_socket_new(s->base, fd, tls, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    else if (!s->tls)
        bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        (void)close(fd);
        return;
    }
    struct conn *c = gs_alloc(sizeof *c);
    c->server = s;
    c->bev = bev;
    c->tls = tls;
    TAILQ_INSERT_TAIL(&s->conns, c, link);
    s->count++;
    bufferevent_setcb(bev, on_read, on_written, on_event, c);
    bufferevent_setwatermark(bev, EV_READ, 0, REQUEST_HEADER_MAX);
    (void)bufferevent_set_timeouts(bev, &idle, &idle);
    (void)bufferevent_enable(bev, EV_READ | EV_WRITE);
}

int gs_http_server_new(gs_loop *l, const char *address, gs_http_handler fn, void *ctx, gs_http_server **ret,
                       gs_error *err)
{
    int port = 0;
    int fd = gs_http_listen(address, &port, err);
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

int gs_http_server_set_certificate(gs_http_server *s, gs_str cert_pem, gs_str key_pem, gs_error *err)
{
    SSL_CTX *tls = NULL;
    int rc = gs_http_tls_new(cert_pem, key_pem, &tls, err);
    if (rc)
        return rc;
    SSL_CTX_free(s->tls); /* connections hold on to theirs */
    s->tls = tls;
    return 0;
}

void gs_http_server_answer(gs_http_server *s, uint64_t id, int status, gs_buf *body, const char *content_type)
{
    struct conn *c;
    TAILQ_FOREACH (c, &s->conns, link)
        if (c->waiting == id)
            break;
    if (!c)
        return;
    c->waiting = 0;
    reply(c, status, content_type, body, !c->head);
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
    SSL_CTX_free(s->tls);
    free(s);
}
