#include "workload/rights.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "kube/review.h"

#include <stdlib.h>

#define TIMEOUT_MS 10000

struct gs_rights {
    gs_kube *kube;
    gs_map *known; /* key() -> answer */
};

typedef struct answer {
    int64_t at_ms; /* mono */
    bool held;
} answer;

struct gs_rights_ask {
    gs_rights *r;
    char ns[GS_NAMESPACE_LEN];
    gs_workload_facts *f;
    unsigned wanted;    /* not looked at yet */
    enum gs_right next; /* which is asked about */
    gs_kube_review *review;
    void (*done)(void *ctx, const gs_error *err);
    void *ctx;
};

gs_rights *gs_rights_new(gs_kube *k)
{
    gs_rights *r = gs_alloc(sizeof *r);
    r->kube = k;
    r->known = gs_map_new(free);
    return r;
}

void gs_rights_free(gs_rights *r)
{
    if (!r)
        return;
    gs_map_free(r->known);
    free(r);
}

void gs_rights_cancel(gs_rights_ask *a)
{
    if (!a)
        return;
    gs_kube_review_cancel(a->review);
    free(a);
}

static int64_t now(const gs_rights *r)
{
    return gs_mono(gs_kube_clock(r->kube));
}

static char *key(const gs_rights_ask *a, const gs_right_words *w)
{
    return gs_sprintf("%s %s %s/%s/%s", a->ns, w->verb, w->group, w->resource, w->sub);
}

static bool believed(const gs_rights *r, const answer *known)
{
    return now(r) - known->at_ms < GS_RIGHTS_BELIEVED_MS;
}

static void make_room(gs_rights *r)
{
    if (gs_map_len(r->known) < GS_MAX_RIGHTS_KNOWN)
        return;
    for (gs_map_it it = {0}; gs_map_next(r->known, &it);)
        if (!believed(r, it.value))
            (void)gs_map_del(r->known, it.key);
    if (gs_map_len(r->known) < GS_MAX_RIGHTS_KNOWN)
        return;
    gs_map_free(r->known); /* asked again where it is needed */
    r->known = gs_map_new(free);
}

static void note(gs_rights_ask *a, bool held)
{
    a->wanted &= ~(1u << a->next);
    if (!held)
        a->f->lacks |= 1u << a->next;
}

static void ask(gs_rights_ask *a);

static void finish(gs_rights_ask *a, const gs_error *err)
{
    void (*done)(void *, const gs_error *) = a->done;
    void *ctx = a->ctx;
    gs_rights_cancel(a);
    done(ctx, err);
}

static void on_review(void *ctx, enum gs_kube_verdict verdict, const gs_error *err)
{
    gs_rights_ask *a = ctx;
    gs_right_words w;
    gs_error ok = {0}, why;
    a->review = NULL;
    if (verdict == GS_KUBE_UNKNOWN) {
        why = *err;
        (void)gs_error_wrap(&why, why.kind, "what gostat may do in namespace %s is not known", a->ns);
        finish(a, &why);
        return;
    }
    answer *known = gs_alloc(sizeof *known);
    *known = (answer){.at_ms = now(a->r), .held = verdict == GS_KUBE_ALLOWED};
    gs_heal_right(a->next, a->f, &w);
    gs_autofree char *at = key(a, &w);
    make_room(a->r);
    gs_map_put(a->r->known, at, known);
    note(a, known->held);
    ask(a);
    if (!a->review)
        finish(a, &ok);
}

/* The first that is not known; a->review stays NULL where all are. */
static void ask(gs_rights_ask *a)
{
    for (a->next = 0; a->next < GS_RIGHTS; a->next++) {
        gs_right_words w;
        if (!(a->wanted & 1u << a->next))
            continue;
        gs_heal_right(a->next, a->f, &w);
        gs_autofree char *at = key(a, &w);
        const answer *known = gs_map_get(a->r->known, at);
        if (known && believed(a->r, known)) {
            note(a, known->held);
            continue;
        }
        a->review = gs_kube_review_self(a->r->kube, &(gs_kube_access){a->ns, w.verb, w.group, w.resource, w.sub},
                                        TIMEOUT_MS, on_review, a);
        return;
    }
}

gs_rights_ask *gs_rights_ask_start(gs_rights *r, const char *ns, unsigned actions, gs_workload_facts *f,
                                   void (*done)(void *ctx, const gs_error *err), void *ctx)
{
    gs_rights_ask *a = gs_alloc(sizeof *a);
    *a = (gs_rights_ask){.r = r, .f = f, .done = done, .ctx = ctx};
    (void)gs_str_copy(a->ns, sizeof a->ns, gs_str_of(ns));
    f->lacks = 0;
    for (enum gs_action_type t = 0; t < GS_ACTION_TYPES; t++)
        if (actions & 1u << t)
            a->wanted |= gs_heal_rights(t, f);
    ask(a);
    if (a->review)
        return a;
    free(a);
    return NULL;
}
