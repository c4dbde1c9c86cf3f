#include "kube/lease.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/repeat.h"
#include "base/rng.h"
#include "kube/lease_record.h"

#include <stdio.h>
#include <stdlib.h>

#define DURATION_MS 15000
#define RENEW_DEADLINE_MS 10000
#define RETRY_MS 2000
#define RELEASE_RETRY_MS 100

enum state {
    IDLE,
    ACQUIRING,
    LEADING,
    RELEASING,
};

static const gs_kube_resource leases = {"coordination.k8s.io", "v1", "leases", true};

struct gs_kube_lease {
    gs_kube *k;
    gs_kube_lease_options o; /* its strings are ours */
    enum state state;
    gs_kube_call *call;
    gs_timer *retry, *deadline; /* the deadline of renewing, and of releasing */
    gs_timer *settle;           /* until the one it was taken from must have noticed */
    int64_t settle_ms;          /* 0: nobody has to */
    gs_rng rng;
    gs_lease_record seen; /* version "": to be read again */
    int64_t seen_at;      /* when we saw it change, by our clock */
    int64_t sent_at;      /* the request under way */
    int64_t renewed_at;   /* the last one that went well: when it was sent */
    char leader[256];     /* as told by on_leader */
    bool leader_told;
    gs_error last;
    gs_repeat told;
    char *left_to; /* RELEASING: who is to hold it, for how long; "" nobody */
    int64_t left_ms;
    void (*released)(void *ctx);
    void *released_ctx;
    unsigned depth;
    bool dead;
};

static int64_t now(const gs_kube_lease *l)
{
    return gs_mono(gs_kube_clock(l->k));
}

static gs_kube_path path_of(const gs_kube_lease *l)
{
    return (gs_kube_path){.resource = &leases, .ns = l->o.ns, .name = l->o.name};
}

static gs_kube_opts opts_of(const gs_kube_lease *l)
{
    return (gs_kube_opts){.timeout_ms = l->o.renew_deadline_ms / 2, .deadline_ms = -1};
}

static void destroy(gs_kube_lease *l)
{
    gs_kube_cancel(l->call);
    gs_timer_free(l->retry);
    gs_timer_free(l->deadline);
    gs_timer_free(l->settle);
    free(l->left_to);
    free((char *)(uintptr_t)l->o.idle_holder);
    free((char *)(uintptr_t)l->o.ns);
    free((char *)(uintptr_t)l->o.name);
    free((char *)(uintptr_t)l->o.identity);
    free(l);
}

static void enter(gs_kube_lease *l)
{
    l->depth++;
}

/* The last thing that an entry point does: l may be gone afterwards. */
static void leave(gs_kube_lease *l)
{
    if (--l->depth == 0 && l->dead)
        destroy(l);
}

static void be_idle(gs_kube_lease *l)
{
    gs_kube_cancel(l->call);
    l->call = NULL;
    gs_timer_stop(l->retry);
    gs_timer_stop(l->deadline);
    gs_timer_stop(l->settle);
    l->state = IDLE;
}

static void lose(gs_kube_lease *l, const char *reason)
{
    be_idle(l);
    l->o.on_lost(l->o.ctx, reason);
}

static void end_release(gs_kube_lease *l)
{
    be_idle(l);
    l->released(l->released_ctx);
}

static void tell_leader(gs_kube_lease *l, const char *identity)
{
    if (l->leader_told && gs_streq(l->leader, identity))
        return;
    (void)gs_str_copy(l->leader, sizeof l->leader, gs_str_of(identity));
    l->leader_told = true;
    if (l->o.on_leader)
        l->o.on_leader(l->o.ctx, l->leader);
}

static void try_again(gs_kube_lease *l)
{
    int64_t delay = l->o.retry_ms;
    if (l->state == ACQUIRING) /* candidates must not ask in step */
        delay += (int64_t)gs_rng_below(&l->rng, (uint64_t)(delay + delay / 5));
    if (l->state == RELEASING)
        delay = RELEASE_RETRY_MS; /* until its deadline */
    gs_timer_set(l->retry, delay);
}

/* What the API server holds now. */
static void observe(gs_kube_lease *l, const gs_lease_record *r)
{
    if (r->spec_hash != l->seen.spec_hash || !l->seen_at)
        l->seen_at = now(l);
    l->seen = *r;
}

static void tell_fault(gs_kube_lease *l, const char *what)
{
    if (l->last.kind == GS_CONFLICT)
        gs_log_debug(what, "lease", l->o.name, "error", l->last.msg);
    else if (gs_repeat_tell(&l->told, &l->last, now(l)))
        gs_log_warn(what, "lease", l->o.name, "error", l->last.msg, "times", l->told.times);
}

static void on_settled(void *ctx)
{
    gs_kube_lease *l = ctx;
    enter(l);
    l->settle_ms = 0;
    l->o.on_started(l->o.ctx);
    leave(l);
}

/* It is ours now. */
static void begin(gs_kube_lease *l)
{
    tell_leader(l, l->o.identity);
    if (!l->dead && l->state == LEADING)
        gs_timer_set(l->settle, l->settle_ms);
}

static void on_written(void *ctx, const gs_kube_reply *reply)
{
    gs_kube_lease *l = ctx;
    gs_lease_record r;
    l->call = NULL;
    enter(l);
    l->last = reply->err;
    if (reply->err.kind == GS_OK && gs_lease_record_read(reply->body, &r, &l->last) == 0) {
        observe(l, &r);
        (void)gs_repeat_over(&l->told);
        l->renewed_at = l->sent_at;
        if (l->state == RELEASING) {
            end_release(l);
        } else {
            bool started = l->state == ACQUIRING;
            l->state = LEADING;
            gs_timer_set(l->deadline, l->renewed_at + l->o.renew_deadline_ms - now(l));
            try_again(l);
            if (started)
                begin(l);
        }
    } else {
        l->seen.version[0] = 0; /* perhaps it was written after all, perhaps someone else did: read it */
        tell_fault(l, "the lease was not written, it is tried again");
        try_again(l);
    }
    leave(l);
}

/* holder "": give it back. Without a version to build on: a new Lease. */
static void write_lease(gs_kube_lease *l, const char *holder, int64_t duration_ms)
{
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(8192);
    gs_kube_path p = path_of(l);
    gs_kube_opts o = opts_of(l);
    bool fresh = !l->seen.version[0], acquired = fresh || !gs_streq(l->seen.holder, holder);
    gs_lease_write w = {
        .ns = fresh ? l->o.ns : NULL,
        .name = fresh ? l->o.name : NULL,
        .version = l->seen.version,
        .holder = holder,
        .duration_s = duration_ms / 1000,
        .now_wall_ms = gs_wall(gs_kube_clock(l->k)),
        .transitions = fresh ? 0 : l->seen.transitions + (acquired && *holder),
        .acquired = acquired,
    };
    l->sent_at = now(l);
    if (gs_lease_record_write(&body, &w, &l->last)) {
        try_again(l);
        return;
    }
    if (fresh) {
        p.name = NULL;
        l->call = gs_kube_create(l->k, &p, gs_buf_str(&body), &o, on_written, l);
    } else {
        l->call = gs_kube_patch(l->k, &p, gs_buf_str(&body), &o, on_written, l);
    }
}

static void write_own(gs_kube_lease *l)
{
    write_lease(l, l->o.identity, l->o.duration_ms);
}

/* How long another one may still act after it was taken from it. */
static int64_t settling_ms(const gs_kube_lease *l, int64_t duration_ms)
{
    if (!l->o.take_over || !l->seen.holder[0] || (l->o.idle_holder && gs_streq(l->seen.holder, l->o.idle_holder)))
        return 0;
    return duration_ms > l->o.duration_ms ? duration_ms : l->o.duration_ms;
}

/* The lease was read: whose is it? */
static void decide(gs_kube_lease *l)
{
    bool mine = gs_streq(l->seen.holder, l->o.identity);
    int64_t duration = l->seen.duration_ms ? l->seen.duration_ms : l->o.duration_ms;
    bool held = l->seen.holder[0] && now(l) - l->seen_at < duration;
    if (l->state == RELEASING) {
        if (mine)
            write_lease(l, l->left_to, l->left_ms);
        else
            end_release(l);
    } else if (mine) {
        write_own(l);
    } else if (l->state == LEADING) {
        char reason[320];
        (void)snprintf(reason, sizeof reason, "the lease is held by \"%s\"", l->seen.holder);
        lose(l, reason);
        if (!l->dead)
            tell_leader(l, l->seen.holder);
    } else if (held && !l->o.take_over) {
        (void)gs_repeat_over(&l->told);
        try_again(l);
        tell_leader(l, l->seen.holder);
    } else {
        l->settle_ms = settling_ms(l, duration);
        write_own(l);
    }
}

static void on_read(void *ctx, const gs_kube_reply *reply)
{
    gs_kube_lease *l = ctx;
    gs_lease_record r;
    l->call = NULL;
    enter(l);
    l->last = reply->err;
    if (reply->err.kind == GS_NOT_FOUND && reply->err.status == 404) {
        l->seen = (gs_lease_record){0};
        l->seen_at = 0;
        if (l->state == RELEASING)
            end_release(l);
        else
            write_own(l);
    } else if (reply->err.kind == GS_OK && gs_lease_record_read(reply->body, &r, &l->last) == 0) {
        observe(l, &r);
        decide(l);
    } else {
        tell_fault(l, "the lease cannot be read, it is tried again");
        try_again(l);
    }
    leave(l);
}

static void on_retry(void *ctx)
{
    gs_kube_lease *l = ctx;
    gs_kube_path p = path_of(l);
    gs_kube_opts o = opts_of(l);
    enter(l);
    if (l->state == LEADING && l->seen.version[0])
        write_own(l); /* nobody else has written it, or the precondition will tell */
    else
        l->call = gs_kube_get(l->k, &p, &o, on_read, l);
    leave(l);
}

static void on_deadline(void *ctx)
{
    gs_kube_lease *l = ctx;
    enter(l);
    if (l->state == RELEASING) {
        end_release(l);
    } else if (l->state == LEADING) {
        char reason[sizeof l->last.msg + 96];
        (void)snprintf(reason, sizeof reason, "the lease could not be renewed for %lld ms: %s",
                       (long long)(now(l) - l->renewed_at),
                       l->last.kind != GS_OK ? l->last.msg : "the API server did not answer");
        lose(l, reason);
    }
    leave(l);
}

static int check(const gs_kube_lease_options *o, gs_error *err)
{
    if (o->duration_ms <= o->renew_deadline_ms)
        return gs_error_set(err, GS_TERMINAL,
                            "lease: the duration (%lld ms) must be longer than the renew deadline "
                            "(%lld ms)",
                            (long long)o->duration_ms, (long long)o->renew_deadline_ms);
    if (o->renew_deadline_ms <= o->retry_ms + o->retry_ms / 5)
        return gs_error_set(err, GS_TERMINAL,
                            "lease: the renew deadline (%lld ms) must be longer than 1.2 times the "
                            "retry period (%lld ms)",
                            (long long)o->renew_deadline_ms, (long long)o->retry_ms);
    if (o->duration_ms < 1000 ||
        o->duration_ms % 1000) /* others read it in seconds: they would take over before its end */
        return gs_error_set(err, GS_TERMINAL, "lease: the duration (%lld ms) must be whole seconds, and at least one",
                            (long long)o->duration_ms);
    if (!o->ns || !*o->ns || !o->name || !*o->name || !o->identity || !*o->identity)
        return gs_error_set(err, GS_TERMINAL, "lease: namespace, name and identity must all be set");
    if (strlen(o->identity) >= sizeof((gs_lease_record *)0)->holder)
        return gs_error_set(err, GS_TERMINAL, "lease: the identity has over 255 bytes");
    return 0;
}

int gs_kube_lease_new(gs_kube *k, const gs_kube_lease_options *o, gs_kube_lease **ret, gs_error *err)
{
    gs_kube_lease_options with = *o;
    with.duration_ms = o->duration_ms > 0 ? o->duration_ms : DURATION_MS;
    with.renew_deadline_ms = o->renew_deadline_ms > 0 ? o->renew_deadline_ms : RENEW_DEADLINE_MS;
    with.retry_ms = o->retry_ms > 0 ? o->retry_ms : RETRY_MS;
    int rc = check(&with, err);
    if (rc)
        return rc;
    gs_kube_lease *l = gs_alloc(sizeof *l);
    l->k = k;
    l->o = with;
    l->o.ns = gs_strdup(o->ns);
    l->o.name = gs_strdup(o->name);
    l->o.identity = gs_strdup(o->identity);
    l->o.idle_holder = o->idle_holder ? gs_strdup(o->idle_holder) : NULL;
    l->rng = gs_rng_system();
    l->retry = gs_timer_new(gs_kube_loop(k), on_retry, l);
    l->deadline = gs_timer_new(gs_kube_loop(k), on_deadline, l);
    l->settle = gs_timer_new(gs_kube_loop(k), on_settled, l);
    *ret = l;
    return 0;
}

void gs_kube_lease_start(gs_kube_lease *l)
{
    if (l->state != IDLE || l->dead)
        return;
    l->state = ACQUIRING;
    l->seen.version[0] = 0;
    gs_timer_set(l->retry, 0);
}

bool gs_kube_lease_held(const gs_kube_lease *l)
{
    /* By the clock, too: after a pause of the whole process the timer may not have run yet. */
    return l->state == LEADING && now(l) - l->renewed_at < l->o.renew_deadline_ms;
}

void gs_kube_lease_leave(gs_kube_lease *l, const char *holder, int64_t duration_ms, void (*done)(void *ctx), void *ctx)
{
    bool leading = l->state == LEADING;
    be_idle(l);
    free(l->left_to);
    l->left_to = gs_strdup(holder);
    l->left_ms = duration_ms;
    l->released = done;
    l->released_ctx = ctx;
    l->state = RELEASING;
    gs_timer_set(l->deadline, leading ? l->o.retry_ms : 0);
    if (leading)
        gs_timer_set(l->retry, 0); /* reads it: a renewal may have been under way */
}

void gs_kube_lease_release(gs_kube_lease *l, void (*done)(void *ctx), void *ctx)
{
    gs_kube_lease_leave(l, "", 1000, done, ctx);
}

void gs_kube_lease_free(gs_kube_lease *l)
{
    if (!l || l->dead)
        return;
    be_idle(l);
    l->dead = true;
    enter(l);
    leave(l);
}
