/* L2, L3 and L4: which profile of a pod is fetched when, and what it adds to what is known of the pod.
 *
 * One look at a suspicious pod is a goroutine profile (L2) and, where something rises, the leak profile (L3) and a full
 * dump (L4), one after the other and each only as often as the pod may be burdened with it; then the incidents are told. */
#include "base/mem.h"
#include "core/detect.h"
#include "engine/state.h"

#include <math.h>
#include <stdlib.h>

#define LEAKS_BURST 3   /* leak profiles that may follow each other; then one in half a window ... */
#define LEAKS_DOUBLED 2 /* ... or up to four times as long */
#define DUMPS_BURST 2   /* dumps; then one in two and a half windows ... */
#define DUMPS_DOUBLED 3 /* ... or up to eight times as long */
#define MEMORY_NEAR 0.8 /* of the limit: from here on no dump, which needs memory of its own */

static int64_t window_ms(const target *t)
{
    return (int64_t)t->g->pe->p->detection.floor.window_s * 1000;
}

/* Up to a quarter shorter: a load that comes and goes in step with regular profiles would seem to rise for hours. */
static int64_t vary(gs_rng *rng, int64_t gap_ms, int64_t least_ms)
{
    gap_ms -= (int64_t)gs_rng_below(rng, (uint64_t)gap_ms / 4 + 1);
    return gap_ms > least_ms ? gap_ms : least_ms;
}

static gs_pace pace_of(const target *t)
{
    int64_t interval_ms = (int64_t)t->g->pe->p->interval_s * 1000;
    gs_pace pace = gs_pace_of(interval_ms, window_ms(t));
    pace.watching = vary(&t->e->rng, pace.watching, interval_ms);
    pace.tracking = vary(&t->e->rng, pace.tracking, interval_ms);
    return pace;
}

void gs_profile_arm(target *t)
{
    int64_t at = gs_escalate_due(&t->esc);
    if (t->base_due >= 0 && (at < 0 || t->base_due < at))
        at = t->base_due;
    if (at < 0 || t->profiling || !t->pprof_port)
        gs_tick_stop(&t->e->ticks, &t->tick);
    else
        gs_tick_set(&t->e->ticks, &t->tick, at);
}

static void end_look(tracking *t)
{
    gs_profile_free(gs_take(t->latest));
    gs_profile_free(gs_take(t->dump));
    gs_buf_done(&t->raw);
    gs_buf_done(&t->leaks_raw);
    gs_buf_done(&t->dump_raw);
}

void gs_track_forget(target *t)
{
    if (!t->track)
        return;
    gs_track_done(&t->track->sites);
    end_look(t->track);
    free(t->track);
    t->track = NULL;
}

void gs_suspect(target *t, unsigned rules, const char *reason)
{
    gs_engine *e = t->e;
    if (!gs_escalate_suspect(&t->esc, rules, (double)gs_series_last(&t->series), mono(e)))
        return;
    gs_track_forget(t);
    for (unsigned k = 0; k < GS_RULES; k++)
        e->stats.suspicions[k] += (rules >> k) & 1;
    gs_tell(e, GS_EVENT_SUSPECTED, t->w, t->name, NULL, reason);
    gs_profile_arm(t);
}

void gs_process_restarted(target *t)
{
    gs_engine *e = t->e;
    if (t->profiling) { /* asked of the old process */
        e->ports.profiles.forget(e->ports.profiles.ctx, t);
        t->profiling = false;
    }
    gs_counts_done(&t->base);
    gs_counts_done(&t->leaked);
    gs_track_forget(t);
    gs_escalate_reset(&t->esc);
    t->no_leaks = false;
    t->fruitless = 0;
    t->profiled_ms = 0;
    t->base_due = mono(e);
    gs_incidents_leave(t->w, t->name);
    gs_profile_arm(t);
}

static void on_profile(void *arg, gs_profile *profile, gs_buf *raw, const gs_error *err);

static void fetch(target *t, enum gs_profile_kind kind)
{
    gs_engine *e = t->e;
    gs_endpoint ep;
    gs_endpoint_of(t, &ep);
    t->profiling = true;
    t->fetching = kind;
    e->ports.profiles.fetch(e->ports.profiles.ctx, &ep, kind, on_profile, t);
}

/* A request that costs the pod something: `burst` at once, then one each period; each suspicion in a row that came to
 * nothing doubles that, up to `doubled` times. */
static bool pay(const target *t, int64_t *paid_ms, int64_t period_ms, int burst, unsigned doubled)
{
    int64_t now = mono(t->e), from = *paid_ms > now ? *paid_ms : now;
    if (from - now > period_ms * (burst - 1))
        return false;
    *paid_ms = from + (period_ms << (t->fruitless < doubled ? t->fruitless : doubled));
    return true;
}

/* Growth that was over before the pod was looked at shows in the leak profile, too: once for each such suspicion. */
static bool may_ask_leaks(target *t)
{
    const gs_track *sites = &t->track->sites;
    bool wanted = gs_track_wants_leaks(sites) || (!sites->leaks && (t->esc.rules & (GS_RULE_FLOOR | GS_RULE_SITE)));
    return t->g->pe->p->detection.leak_profile && !t->no_leaks && wanted &&
           pay(t, &t->leaks_paid_ms, window_ms(t) / 2, LEAKS_BURST, LEAKS_DOUBLED);
}

static bool memory_to_spare(const target *t)
{
    double rss = gs_series_rss(&t->series);
    return !t->memory_limit || !isfinite(rss) || rss < MEMORY_NEAR * (double)t->memory_limit;
}

/* An incident that is open has a right to its dumps, whatever suspicions came to nothing before it. */
static bool pay_dump(target *t, bool listed)
{
    int64_t period = window_ms(t) * 5 / 2, now = mono(t->e);
    if (!pay(t, &t->dumps_paid_ms, period, DUMPS_BURST, DUMPS_DOUBLED) && !(listed && now - t->dumped_ms >= period))
        return false;
    t->dumped_ms = now;
    return true;
}

static bool may_ask_dump(target *t)
{
    const gs_policy *p = t->g->pe->p;
    gs_track *sites = &t->track->sites;
    uint64_t max = p->full_dump_max > 0 ? (uint64_t)p->full_dump_max : 0;
    bool listed = gs_listed(t->w, t->name), possible = sites->now.total <= max && memory_to_spare(t);
    bool wanted = possible && gs_track_wants_dump(sites, p->detection.floor.windows, max, mono(t->e));
    bool curious = possible && listed && sites->dumps == 0;
    bool paid = (wanted || curious) && pay_dump(t, listed);
    sites->awaits_dump = wanted && !paid;
    return paid;
}

static enum gs_prospect prospect_of(const target *t)
{
    if (gs_listed(t->w, t->name))
        return GS_PROSPECT_LISTED;
    bool watched =
        t->track && t->track->sites.windows < GS_WATCHED_WINDOWS && (t->esc.rules & (GS_RULE_FLOOR | GS_RULE_SITE));
    return t->track && (watched || gs_track_promising(&t->track->sites)) ? GS_PROSPECT_RISES : GS_PROSPECT_NONE;
}

/* The look is over: what it says, and when the next one is. */
static void conclude(target *t)
{
    gs_pace pace = pace_of(t);
    gs_incidents_tell(t);
    if (t->track->dump) /* once the incident is there that it may have led to */
        gs_incidents_describe(t, t->track->dump);
    end_look(t->track);
    gs_escalate_profiled(&t->esc, prospect_of(t), (double)gs_series_last(&t->series), &pace, mono(t->e));
    if (t->esc.look == GS_LOOK_HOLD && t->fruitless < UINT8_MAX)
        t->fruitless++;
    else if (t->esc.look == GS_LOOK_TRACKING)
        t->fruitless = 0;
    if (gs_escalate_due(&t->esc) < 0)
        gs_track_forget(t);
}

/* What else this look asks for, or its end. */
static void go_on(target *t, enum gs_profile_kind last)
{
    if (last < GS_PROFILE_LEAK && may_ask_leaks(t))
        fetch(t, GS_PROFILE_LEAK);
    else if (last < GS_PROFILE_DUMP && may_ask_dump(t))
        fetch(t, GS_PROFILE_DUMP);
    else
        conclude(t);
}

/* The base stays the lowest profile, for slow growth must stand out; one that is lower by chance (Poisson) is not, for it
 * may have that growth already. */
static bool is_lower(uint64_t total, uint64_t base)
{
    return (double)total <= (double)base - 2 * sqrt((double)base);
}

static void on_goroutines(target *t, gs_profile **p, gs_buf *raw)
{
    gs_engine *e = t->e;
    gs_verdict v;
    gs_detect_profile(&t->g->pe->p->detection, *p, &t->base, &v);
    gs_sites_update(t, *p);
    t->base_due = -1;
    if (gs_escalate_due(&t->esc) >= 0) {
        t->esc.rules |= v.rules & GS_RULE_BLOCKED;
        if (!t->track) {
            t->track = gs_alloc(sizeof *t->track);
            gs_track_begin(&t->track->sites, window_ms(t), mono(e));
        }
        double fds = t->failures ? NAN : (double)gs_series_fds(&t->series); /* an old count explains nothing */
        gs_track_profile(&t->track->sites, *p, fds, (double)gs_series_load(&t->series), mono(e));
        t->track->latest = gs_take(*p);
        t->track->raw = *raw;
        *raw = GS_BUF(0);
        go_on(t, GS_PROFILE_GOROUTINE);
        return;
    }
    if (v.rules)
        gs_suspect(t, v.rules, v.reason);
    if (!t->base.at_ms || is_lower((*p)->total, t->base.total))
        gs_counts_take(&t->base, *p, mono(e));
}

static void on_failed(target *t, const gs_error *err)
{
    gs_engine *e = t->e;
    gs_pace pace = pace_of(t);
    if (t->fetching == GS_PROFILE_LEAK && err->kind == GS_NOT_FOUND)
        t->no_leaks = true;
    else
        e->stats.profile_errors++;
    if (t->fetching != GS_PROFILE_GOROUTINE) {
        go_on(t, t->fetching);
        return;
    }
    gs_escalate_failed(&t->esc, prospect_of(t), &pace, mono(e));
    if (gs_escalate_due(&t->esc) < 0)
        gs_track_forget(t);
    gs_incidents_tell_numbers(t);
    if (t->base_due >= 0)
        t->base_due = mono(e) + GS_BASE_RETRY_MS;
}

static void on_profile(void *arg, gs_profile *profile, gs_buf *raw, const gs_error *err)
{
    target *t = arg;
    gs_engine *e = t->e;
    gs_cleanup(gs_profile_free) gs_profile *p = profile;
    gs_cleanup(gs_buf_done) gs_buf bytes = raw ? *raw : GS_BUF(0);
    if (raw)
        *raw = GS_BUF(0);
    t->profiling = false;
    if (err->kind == GS_OK) {
        e->stats.profiles++;
        e->stats.profile_bytes += bytes.n;
    }
    if (err->kind != GS_OK) {
        on_failed(t, err);
    } else if (t->fetching == GS_PROFILE_GOROUTINE) {
        on_goroutines(t, &p, &bytes);
    } else if (t->fetching == GS_PROFILE_LEAK) {
        gs_track_leaks(&t->track->sites, p, &t->leaked);
        if (!t->leaked.at_ms)
            gs_counts_take(&t->leaked, p, mono(e));
        t->track->leaks_raw = bytes;
        bytes = GS_BUF(0);
        go_on(t, GS_PROFILE_LEAK);
    } else {
        gs_track_dump(&t->track->sites, p, mono(e));
        t->track->dump = gs_take(p);
        t->track->dump_raw = bytes;
        bytes = GS_BUF(0);
        go_on(t, GS_PROFILE_DUMP);
    }
    gs_profile_arm(t);
    gs_engine_rearm(e);
}

void gs_profile_tick(gs_tick *tick)
{
    fetch(GS_OWNER(tick, target, tick), GS_PROFILE_GOROUTINE);
}

void gs_turn_tick(gs_tick *tick)
{
    workload *w = GS_OWNER(tick, workload, tick);
    gs_engine *e = w->e;
    if (!w->pe || !w->n_targets)
        return;
    gs_tick_set(&e->ticks, tick, mono(e) + (int64_t)w->pe->p->profile_interval_s * 1000);
    target *t = w->targets[w->turn++ % w->n_targets];
    if (gs_escalate_due(&t->esc) < 0 && t->base_due < 0) {
        t->base_due = mono(e);
        gs_profile_arm(t);
    }
}
