#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/config.h"
#include "operator/serve.h"
#include "wire/digest.h"
#include "wire/self_signed.h"

#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 10000

struct op_cert {
    gs_http_server *server;
    const char *dir;
    gs_timer *timer;
    uint8_t tried[GS_SHA256_LEN]; /* the pair that was last taken or refused */
    bool unreadable;              /* and that was logged */
};

typedef struct pair {
    gs_buf cert, key;
    uint8_t sum[GS_SHA256_LEN];
} pair;

static void pair_done(pair *p)
{
    gs_buf_done(&p->cert);
    gs_buf_wipe(&p->key);
}
GS_DEFINE_CLEANUP_VALUE(pair, pair_done)

static int read_one(const char *dir, const char *name, gs_buf *ret, gs_error *err)
{
    gs_autofree char *path = gs_sprintf("%s/%s", dir, name);
    *ret = GS_BUF(GS_MAX_FILE_BYTES);
    return gs_kube_config_read_file(NULL, path, ret, err);
}

static int read_pair(const char *dir, pair *ret, gs_error *err)
{
    int rc = read_one(dir, "tls.crt", &ret->cert, err);
    if (!rc)
        rc = read_one(dir, "tls.key", &ret->key, err);
    if (rc)
        return rc;
    uint8_t sums[2][GS_SHA256_LEN];
    gs_sha256(gs_buf_str(&ret->cert), sums[0]);
    gs_sha256(gs_buf_str(&ret->key), sums[1]);
    gs_sha256((gs_str){(const char *)sums, sizeof sums}, ret->sum);
    return 0;
}

static int use(op_cert *c, const pair *p, gs_error *err)
{
    memcpy(c->tried, p->sum, sizeof c->tried);
    int rc = gs_http_server_set_certificate(c->server, gs_buf_str(&p->cert), gs_buf_str(&p->key), err);
    return rc ? gs_error_wrap(err, GS_TERMINAL, "%s/tls.crt and tls.key", c->dir) : 0;
}

static void look(void *ctx)
{
    op_cert *c = ctx;
    gs_error err = {0};
    gs_cleanup(pair_done) pair first = {0};
    gs_cleanup(pair_done) pair again = {0};
    gs_timer_set(c->timer, LOOK_MS);
    bool unreadable = read_pair(c->dir, &first, &err) || read_pair(c->dir, &again, &err);
    if (unreadable && !c->unreadable)
        gs_log_warn("the certificate of /metrics cannot be read any more; the old one stays", "error", err.msg);
    c->unreadable = unreadable;
    /* A pair that changes between two reads is being replaced: it may be half of each. */
    if (unreadable || memcmp(first.sum, again.sum, sizeof first.sum) != 0 ||
        memcmp(first.sum, c->tried, sizeof first.sum) == 0)
        return;
    if (use(c, &first, &err))
        gs_log_warn("the new certificate of /metrics cannot be used; the old one stays", "error", err.msg);
    else
        gs_log_info("a new certificate for /metrics", "directory", c->dir);
}

/* The address that is listened on, without its port and brackets; false where it is no IP address, or any. */
static bool listening_ip(const char *address, char ret[64])
{
    struct in6_addr six;
    struct in_addr four;
    const char *colon = strrchr(address, ':');
    gs_str host = {address, colon ? (size_t)(colon - address) : 0};
    if (host.n >= 2 && host.p[0] == '[')
        host = (gs_str){host.p + 1, host.n - 2};
    if (!gs_str_copy(ret, 64, host))
        return false;
    if (inet_pton(AF_INET, ret, &four) == 1)
        return four.s_addr != htonl(INADDR_ANY);
    return inet_pton(AF_INET6, ret, &six) == 1 && !IN6_IS_ADDR_UNSPECIFIED(&six);
}

static int use_self_signed(op_cert *c, const char *address, gs_error *err)
{
    char host[65] = "gostat", ip[64];
    gs_cleanup(pair_done) pair p = {.cert = GS_BUF(GS_MAX_FILE_BYTES), .key = GS_BUF(GS_MAX_FILE_BYTES)};
    (void)gethostname(host, sizeof host - 1);
    const char *names[] = {host, "localhost", ip};
    size_t n = listening_ip(address, ip) ? 3 : 2;
    int rc = gs_self_signed(names, n, time(NULL), &p.cert, &p.key, err);
    return rc ? rc : gs_http_server_set_certificate(c->server, gs_buf_str(&p.cert), gs_buf_str(&p.key), err);
}

int op_cert_new(gs_loop *l, gs_http_server *s, const char *dir, const char *address, op_cert **ret, gs_error *err)
{
    gs_cleanup(pair_done) pair p = {0};
    gs_cleanup(op_cert_free) op_cert *c = gs_alloc(sizeof *c);
    *c = (op_cert){.server = s, .dir = dir};
    int rc = !*dir ? use_self_signed(c, address, err) : read_pair(dir, &p, err);
    if (!rc && *dir)
        rc = use(c, &p, err);
    if (rc)
        return rc;
    if (*dir) {
        c->timer = gs_timer_new(l, look, c);
        gs_timer_set(c->timer, LOOK_MS);
    }
    *ret = gs_take(c);
    return 0;
}

void op_cert_free(op_cert *c)
{
    if (!c)
        return;
    gs_timer_free(c->timer);
    free(c);
}
