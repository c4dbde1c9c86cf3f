#include "base/mem.h"
#include "edge/s3_internal.h"

#define KEYS_IN_PAGE "500"

struct gs_s3_list {
    gs_s3_op op;
    char *prefix;
    void (*on_object)(void *ctx, const gs_s3_object *o);
    gs_s3_done done;
    void *ctx;
    gs_buf token; /* where the page asked for begins */
    unsigned pages;
    bool telling; /* on_object runs below us on the stack */
    bool cancelled;
};

static void destroy(gs_s3_op *op)
{
    gs_s3_list *l = (gs_s3_list *)op;
    gs_s3_op_free(op);
    gs_buf_done(&l->token);
    free(l->prefix);
    free(l);
}

static void end(gs_s3_list *l, const gs_error *err)
{
    gs_error copy = *err;
    gs_s3_done done = l->done;
    void *ctx = l->ctx;
    destroy(&l->op);
    done(ctx, &copy);
}

static void ask(gs_s3_list *l);

static bool tell(void *ctx, const gs_s3_item *i)
{
    gs_s3_list *l = ctx;
    const gs_s3_object o = {.key = i->key, .bytes = i->bytes, .modified_ms = i->time_ms};
    l->on_object(l->ctx, &o);
    return !l->cancelled;
}

/* A store that says the same "go on here" twice would be asked for ever. */
static int next_page(gs_s3_list *l, const gs_s3_page *p, gs_error *err)
{
    if (gs_str_eq(gs_buf_str(&l->token), gs_buf_str(&p->token)) || ++l->pages >= GS_MAX_STORE_PAGES)
        return gs_error_set(err, GS_TERMINAL, "the listing does not end");
    gs_buf_reset(&l->token);
    return gs_buf_add(&l->token, p->token.p, p->token.n);
}

static void on_page(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    gs_s3_list *l = (gs_s3_list *)op;
    gs_cleanup(gs_s3_page_done) gs_s3_page page = {0};
    gs_error bad = *err;
    if (bad.kind == GS_OK) {
        l->telling = true;
        (void)gs_s3_page_read(gs_buf_str(reply->body), false, l->prefix, tell, l, &page, &bad);
        l->telling = false;
        if (bad.kind == GS_OK && page.more)
            (void)next_page(l, &page, &bad);
        if (bad.kind)
            (void)gs_error_wrap(&bad, GS_TERMINAL, "list bucket %s at %s", op->where.bucket, op->where.endpoint);
    }
    if (l->cancelled)
        destroy(op);
    else if (bad.kind || !page.more)
        end(l, &bad);
    else
        ask(l);
}

static void ask(gs_s3_list *l)
{
    gs_cleanup(gs_buf_done) gs_buf query = GS_BUF(GS_S3_URL_MAX);
    int rc = 0;
    if (l->token.n) {
        rc = gs_buf_adds(&query, "continuation-token=");
        rc = rc ? rc : gs_s3_escape(&query, gs_buf_str(&l->token), GS_S3_KEPT_QUERY);
        rc = rc ? rc : gs_buf_adds(&query, "&");
    }
    rc = rc ? rc : gs_buf_adds(&query, "encoding-type=url&list-type=2&max-keys=" KEYS_IN_PAGE "&prefix=");
    rc = rc ? rc : gs_s3_escape(&query, gs_str_of(l->prefix), GS_S3_KEPT_QUERY);
    gs_error err;
    if (rc) {
        (void)gs_error_set(&err, GS_TERMINAL, "list: the URL has over %d bytes", GS_S3_URL_MAX);
        gs_s3_fail_later(&l->op, on_page, &err);
        return;
    }
    gs_s3_send(&l->op, &(gs_s3_request){
                           .method = "GET", .query = query.p, .max_bytes = GS_MAX_STORE_PAGE_BYTES, .answer = on_page});
}

gs_s3_list *gs_s3_list_start(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *prefix,
                             void (*on_object)(void *ctx, const gs_s3_object *o), gs_s3_done done, void *ctx)
{
    gs_error err;
    gs_s3_list *l = gs_alloc(sizeof *l);
    gs_s3_op_init(&l->op, s, where, cred, destroy);
    l->prefix = gs_strdup(prefix);
    l->on_object = on_object;
    l->done = done;
    l->ctx = ctx;
    l->token = GS_BUF(GS_S3_URL_MAX);
    if (gs_s3_check_prefix(prefix, &err))
        gs_s3_fail_later(&l->op, on_page, &err);
    else
        ask(l);
    return l;
}

void gs_s3_list_cancel(gs_s3_list *l)
{
    if (!l)
        return;
    if (l->telling)
        l->cancelled = true;
    else
        destroy(&l->op);
}
