#include "operator/notices.h"

#include "base/mem.h"

void op_notice_free(op_notice *n)
{
    if (n)
        free(n->text);
    free(n);
}

static void free_told(void *p)
{
    op_told *t = p;
    op_notice_free(t->opened);
    op_notice_free(t->later);
    free(t->text);
    free(t);
}

void op_notices_init(op_notices *q, bool unlimited)
{
    *q = (op_notices){.incidents = gs_map_new(free_told), .unlimited = unlimited};
}

void op_notices_done(op_notices *q)
{
    op_notice_free(q->flying);
    gs_map_free(q->incidents);
    *q = (op_notices){0};
}

op_told *op_notices_get(const op_notices *q, const char *incident)
{
    return gs_map_get(q->incidents, incident);
}

static op_told *make(op_notices *q, const char *incident)
{
    op_told *t = op_notices_get(q, incident);
    if (!t) {
        t = gs_alloc(sizeof *t);
        (void)gs_str_copy(t->name, sizeof t->name, gs_str_of(incident));
        t->text = gs_strdup("");
        gs_map_put(q->incidents, incident, t);
    }
    return t;
}

op_told *op_notices_known(op_notices *q, const char *incident)
{
    op_told *t = make(q, incident);
    t->told = true;
    return t;
}

static uint64_t hash_of(enum gs_notice_kind kind, const char *text)
{
    return gs_hash(text, strlen(text), gs_hash(&kind, sizeof kind, 0));
}

static bool said(const op_notices *q, const op_told *t, enum gs_notice_kind kind, const char *text)
{
    uint64_t h = hash_of(kind, text);
    for (unsigned k = 0; k < t->n_sent && k < OP_NOTICES_REMEMBERED; k++)
        if (t->sent[k] == h)
            return true;
    return q->of == t && q->flying->kind == kind && gs_streq(q->flying->text, text);
}

static void set_text(char **at, const char *text)
{
    char *copy = gs_strdup(text);
    free(*at);
    *at = copy;
}

static void put(op_notice **slot, enum gs_notice_kind kind, const char *text, int64_t wait_ms, int64_t now_ms)
{
    op_notice_free(*slot);
    *slot = gs_alloc(sizeof **slot);
    (*slot)->kind = kind;
    (*slot)->text = gs_strdup(text);
    (*slot)->since_ms = now_ms;
    (*slot)->not_before_ms = now_ms + wait_ms;
}

static void take_away(op_notice **slot)
{
    op_notice_free(*slot);
    *slot = NULL;
}

static bool lesser(const op_notice *n)
{
    return n && (n->kind == GS_NOTICE_GRADED || n->kind == GS_NOTICE_ACTION);
}

/* OPENED and RESOLVED are never dropped: there are no more of them than incidents. */
static unsigned keep_within(op_notices *q)
{
    op_told *oldest = NULL;
    if (op_notices_waiting(q) <= OP_NOTICES_MAX)
        return 0;
    for (gs_map_it it = {0}; gs_map_next(q->incidents, &it);) {
        op_told *t = it.value;
        if (lesser(t->later) && (!oldest || t->later->since_ms < oldest->later->since_ms))
            oldest = t;
    }
    if (!oldest)
        return 0;
    take_away(&oldest->later);
    return 1;
}

unsigned op_notices_add(op_notices *q, const char *incident, enum gs_notice_kind kind, const char *text,
                        int64_t wait_ms, int64_t now_ms)
{
    op_told *t = make(q, incident);
    bool opened = kind == GS_NOTICE_OPENED;
    if (!opened && kind != GS_NOTICE_RESOLVED && said(q, t, kind, text))
        return 0;
    set_text(&t->text, text);
    if (opened) { /* what was to be said of it before is history */
        t->n_sent = 0;
        take_away(&t->later);
    }
    if (t->opened && kind != GS_NOTICE_RESOLVED)
        set_text(&t->opened->text, text);
    else if (t->later && t->later->kind == GS_NOTICE_RESOLVED && !opened)
        set_text(&t->later->text, text);
    else
        put(opened ? &t->opened : &t->later, kind, text, opened ? wait_ms : 0, now_ms);
    return keep_within(q);
}

void op_notices_hurry(op_told *t, int64_t now_ms)
{
    if (t->opened && !t->opened->failures && t->opened->not_before_ms > now_ms)
        t->opened->not_before_ms = now_ms;
}

/* The last OP_NOTICES_MINUTE all lie within a minute: full. */
static bool rate_allows(const op_notices *q, int64_t now_ms)
{
    return q->unlimited || q->n_sent < OP_NOTICES_MINUTE || now_ms - q->sent_ms[q->n_sent % OP_NOTICES_MINUTE] >= 60000;
}

op_notice *op_notices_next(op_notices *q, int64_t now_ms)
{
    op_notice **best = NULL;
    if (q->flying || now_ms < q->not_before_ms || !rate_allows(q, now_ms))
        return NULL;
    for (gs_map_it it = {0}; gs_map_next(q->incidents, &it);) {
        op_told *t = it.value;
        op_notice **slot = t->opened ? &t->opened : &t->later;
        if (!*slot || now_ms < (*slot)->not_before_ms || (best && (*best)->since_ms <= (*slot)->since_ms))
            continue;
        best = slot;
        q->of = t;
    }
    if (!best)
        return NULL;
    q->flying = *best;
    *best = NULL;
    q->sent_ms[q->n_sent++ % OP_NOTICES_MINUTE] = now_ms;
    return q->flying;
}

static void landed(op_notices *q)
{
    take_away(&q->flying);
    q->of = NULL;
}

void op_notices_sent(op_notices *q, enum gs_severity severity, int64_t now_ms)
{
    op_told *t = q->of;
    const op_notice *n = q->flying;
    q->failures = 0;
    t->told = true;
    t->over = n->kind == GS_NOTICE_RESOLVED || (t->over && n->kind != GS_NOTICE_OPENED);
    t->told_ms = now_ms;
    t->has_severity = true;
    t->severity = severity;
    t->sent[t->n_sent++ % OP_NOTICES_REMEMBERED] = hash_of(n->kind, n->text);
    landed(q);
}

/* Back to where it waited, unless something newer has taken its place. */
static void put_back(op_notices *q, op_told *t)
{
    op_notice *n = gs_take(q->flying);
    op_notice **slot = n->kind == GS_NOTICE_OPENED ? &t->opened : &t->later;
    q->of = NULL;
    if (!lesser(n) && !t->opened && lesser(t->later)) {
        set_text(&n->text, t->later->text);
        take_away(&t->later);
    }
    if (t->opened || *slot)
        op_notice_free(n);
    else
        *slot = n;
}

void op_notices_failed(op_notices *q, bool transient, int64_t retry_after_ms, gs_rng *rng, int64_t now_ms)
{
    op_notice *n = q->flying;
    unsigned before = transient ? q->failures++ : n->failures;
    int64_t wait = gs_rng_backoff(rng, before, OP_NOTICES_FIRST_RETRY_MS, OP_NOTICES_MAX_RETRY_MS);
    if (wait < retry_after_ms)
        wait = retry_after_ms < OP_NOTICES_GIVE_UP_MS ? retry_after_ms : OP_NOTICES_GIVE_UP_MS;
    n->failures++;
    if (transient)
        q->not_before_ms = now_ms + wait;
    else
        n->not_before_ms = now_ms + wait;
    put_back(q, q->of);
}

void op_notices_drop(op_notices *q)
{
    landed(q);
}

bool op_notices_expire(op_notices *q, int64_t now_ms, op_notice **ret, const op_told **ret_of)
{
    for (gs_map_it it = {0}; gs_map_next(q->incidents, &it);) {
        op_told *t = it.value;
        op_notice **slots[] = {&t->opened, &t->later};
        for (size_t k = 0; k < GS_LEN(slots); k++) {
            if (!*slots[k] || now_ms - (*slots[k])->since_ms < OP_NOTICES_GIVE_UP_MS)
                continue;
            *ret = gs_take(*slots[k]);
            *ret_of = t;
            t->told = true; /* not again from the beginning: the next that is told is what comes next */
            t->told_ms = now_ms;
            return true;
        }
    }
    return false;
}

void op_notices_forget(op_notices *q, op_told *t)
{
    if (q->of != t)
        (void)gs_map_del(q->incidents, t->name);
}

size_t op_notices_waiting(const op_notices *q)
{
    size_t n = q->flying != NULL;
    for (gs_map_it it = {0}; gs_map_next(q->incidents, &it);) {
        const op_told *t = it.value;
        n += (t->opened != NULL) + (t->later != NULL);
    }
    return n;
}
