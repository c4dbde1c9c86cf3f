/* /metrics, /healthz, /readyz: also while this process stands by. */
#include "operator/serve.h"

#include "base/mem.h"
#include "operator/op.h"

#define MAX_METRICS_BYTES (16u << 20)

struct op_serving {
    gs_http_server *metrics, *health;
    op_auth *auth; /* NULL: anybody may read /metrics */
    op_cert *cert;
};

static int answer(op *o, int status, gs_buf *body, const char **ret_content_type)
{
    switch (status) {
    case 200:
        *ret_content_type = "text/plain; version=0.0.4; charset=utf-8";
        op_metrics(o, body);
        break;
    case 401:
        (void)gs_buf_adds(body, "a bearer token of this cluster is needed\n");
        break;
    case 403:
        (void)gs_buf_adds(body, "the token's owner lacks the right to get the nonResourceURL /metrics\n");
        break;
    default:
        (void)gs_buf_adds(body, "the API server does not say whether the token may; try again\n");
    }
    return status;
}

static void answer_later(void *ctx, uint64_t id, int status)
{
    op *o = ctx;
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(MAX_METRICS_BYTES);
    const char *type = NULL;
    (void)answer(o, status, &body, &type);
    gs_http_server_answer(o->serving->metrics, id, status, &body, type);
}

static int serve_metrics(void *ctx, const gs_http_asked *asked, gs_buf *body, const char **ret_content_type)
{
    op *o = ctx;
    if (!gs_streq(asked->path, "/metrics"))
        return 404;
    int status = o->serving->auth ? op_auth_ask(o->serving->auth, asked) : 200;
    return status == GS_HTTP_LATER ? status : answer(o, status, body, ret_content_type);
}

/* Alive: this answer came from the loop. Ready: what leads has synced; what stands by hears of a leader. */
static int serve_health(void *ctx, const gs_http_asked *asked, gs_buf *body, const char **ret_content_type)
{
    const op *o = ctx;
    (void)ret_content_type;
    bool ready = !o->stopping && (o->leading ? o->synced : o->heard);
    if (gs_streq(asked->path, "/healthz") || gs_streq(asked->path, "/livez")) {
        (void)gs_buf_adds(body, "ok\n");
        return 200;
    }
    if (!gs_streq(asked->path, "/readyz"))
        return 404;
    (void)gs_buf_adds(body, ready ? "ok\n" : o->leading ? "not synced yet\n" : "waiting for the lease\n");
    return ready ? 200 : 503;
}

static int serve_securely(op *o, gs_error *err)
{
    struct op_serving *s = o->serving;
    const char *dir = o->opt.metrics_cert_dir;
    if (*dir && !o->opt.metrics_secure)
        return gs_error_set(err, GS_TERMINAL, "--metrics-cert-dir: nothing is served with it; set --metrics-secure");
    if (!o->opt.metrics_secure)
        return 0;
    if (!s->metrics)
        return gs_error_set(err, GS_TERMINAL, "--metrics-secure: --metrics-address is empty");
    s->auth = op_auth_new(o->kube, "/metrics", answer_later, o);
    int rc = op_cert_new(o->loop, s->metrics, dir, o->opt.metrics_address, &s->cert, err);
    return rc ? gs_error_wrap(err, GS_TERMINAL, *dir ? "--metrics-cert-dir" : "--metrics-secure") : 0;
}

int op_serve(op *o, gs_error *err)
{
    struct op_serving *s = o->serving = gs_alloc(sizeof *s);
    if (o->opt.metrics_address[0] &&
        gs_http_server_new(o->loop, o->opt.metrics_address, serve_metrics, o, &s->metrics, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "--metrics-address %s", o->opt.metrics_address);
    if (o->opt.health_address[0] &&
        gs_http_server_new(o->loop, o->opt.health_address, serve_health, o, &s->health, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "--health-address %s", o->opt.health_address);
    return serve_securely(o, err);
}

void op_serve_stop(op *o)
{
    struct op_serving *s = gs_take(o->serving);
    if (!s)
        return;
    op_cert_free(s->cert);
    op_auth_free(s->auth);
    gs_http_server_free(s->metrics);
    gs_http_server_free(s->health);
    free(s);
}
