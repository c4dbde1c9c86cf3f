#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/review.h"
#include "operator/serve.h"
#include "wire/digest.h"

#include <strings.h>
#include <sys/queue.h>

#define ALLOWED_MS 60000
#define DENIED_MS 10000   /* a right that was just given is noticed soon */
#define REVIEW_MS 5000    /* a scrape has 10 s as a rule */
#define REVIEWS_AT_ONCE 4 /* anybody who reaches the port can cause them */
#define WAITING_MAX 100   /* as many as the server has connections */

/* What is known of one token. */
typedef struct entry {
    TAILQ_ENTRY(entry) link;
    op_auth *a;
    uint8_t sum[GS_SHA256_LEN];
    int status; /* 0: being reviewed */
    int64_t until_ms;
    gs_kube_review *review;
    uint64_t *waiting; /* ids of requests */
    size_t n_waiting, cap_waiting;
} entry;

struct op_auth {
    gs_kube *k;
    char *path;
    op_auth_answer answer;
    void *ctx;
    TAILQ_HEAD(entries, entry) entries;
    size_t n, reviews;
    bool failing; /* the last review had no answer: it was logged */
};

op_auth *op_auth_new(gs_kube *k, const char *path, op_auth_answer answer, void *ctx)
{
    op_auth *a = gs_alloc(sizeof *a);
    *a = (op_auth){.k = k, .path = gs_strdup(path), .answer = answer, .ctx = ctx};
    TAILQ_INIT(&a->entries);
    return a;
}

static void entry_free(entry *e)
{
    TAILQ_REMOVE(&e->a->entries, e, link);
    e->a->n--;
    e->a->reviews -= e->review != NULL;
    gs_kube_review_cancel(e->review);
    free(e->waiting);
    free(e);
}

void op_auth_free(op_auth *a)
{
    if (!a)
        return;
    for (entry *e; (e = TAILQ_FIRST(&a->entries));)
        entry_free(e);
    free(a->path);
    free(a);
}

/* The token of "Bearer TOKEN" (RFC 6750, b64token); empty where it is none. */
static gs_str bearer(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    gs_str none = {"", 0};
    if (strncasecmp(authorization, scheme, strlen(scheme)) != 0)
        return none;
    const char *token = authorization + strlen(scheme);
    token += strspn(token, " ");
    size_t n = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");
    return token[n + strspn(token + n, " \t")] ? none : (gs_str){token, n};
}

/* The token's entry, where it is still good. What is not goes. */
static entry *find(op_auth *a, const uint8_t sum[GS_SHA256_LEN], int64_t now_ms)
{
    entry *found = NULL;
    for (entry *e = TAILQ_FIRST(&a->entries), *next; e; e = next) {
        next = TAILQ_NEXT(e, link);
        if (e->status && e->until_ms <= now_ms)
            entry_free(e);
        else if (memcmp(e->sum, sum, GS_SHA256_LEN) == 0)
            found = e;
    }
    return found;
}

/* Denials are the first to go, since they end the soonest: unknown tokens do not drive out the one that scrapes. */
static void make_room(op_auth *a)
{
    entry *first = NULL, *e;
    if (a->n < GS_MAX_REVIEWED_TOKENS)
        return;
    TAILQ_FOREACH (e, &a->entries, link)
        if (e->status && (!first || e->until_ms < first->until_ms))
            first = e;
    entry_free(first); /* all but REVIEWS_AT_ONCE have a status */
}

static void on_reviewed(void *ctx, enum gs_kube_verdict verdict, const gs_error *err)
{
    static const int statuses[] = {
        [GS_KUBE_ALLOWED] = 200, [GS_KUBE_FORBIDDEN] = 403, [GS_KUBE_NOBODY] = 401, [GS_KUBE_UNKNOWN] = 503};
    entry *e = ctx;
    op_auth *a = e->a;
    gs_autofree uint64_t *waiting = gs_take(e->waiting);
    size_t n = e->n_waiting;
    e->review = NULL;
    e->n_waiting = e->cap_waiting = 0;
    a->reviews--;
    e->status = statuses[verdict];
    e->until_ms = gs_mono(gs_kube_clock(a->k)) + (verdict == GS_KUBE_ALLOWED ? ALLOWED_MS : DENIED_MS);
    if (verdict == GS_KUBE_UNKNOWN) {
        if (!a->failing)
            gs_log_warn("cannot find out who may read /metrics", "error", err->msg);
        entry_free(e);
    }
    a->failing = verdict == GS_KUBE_UNKNOWN;
    for (size_t k = 0; k < n; k++)
        a->answer(a->ctx, waiting[k], statuses[verdict]);
}

static entry *review(op_auth *a, gs_str token, const uint8_t sum[GS_SHA256_LEN])
{
    make_room(a);
    entry *e = gs_alloc(sizeof *e);
    e->a = a;
    memcpy(e->sum, sum, GS_SHA256_LEN);
    TAILQ_INSERT_TAIL(&a->entries, e, link);
    a->n++;
    a->reviews++;
    e->review = gs_kube_review_start(a->k, token, a->path, REVIEW_MS, on_reviewed, e);
    return e;
}

int op_auth_ask(op_auth *a, const gs_http_asked *asked)
{
    uint8_t sum[GS_SHA256_LEN];
    gs_str token = bearer(asked->authorization);
    if (!token.n)
        return 401;
    gs_sha256(token, sum);
    entry *e = find(a, sum, gs_mono(gs_kube_clock(a->k)));
    if (e && e->status)
        return e->status;
    if (e ? e->n_waiting >= WAITING_MAX : a->reviews >= REVIEWS_AT_ONCE)
        return 503;
    if (!e)
        e = review(a, token, sum);
    e->waiting = gs_grow(e->waiting, &e->cap_waiting, e->n_waiting + 1, sizeof *e->waiting);
    e->waiting[e->n_waiting++] = asked->id;
    return GS_HTTP_LATER;
}
