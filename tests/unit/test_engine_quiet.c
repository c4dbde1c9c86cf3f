/* A day of healthy but lively services, after which nobody has been told of anything; and random worlds, in which every
 * leak is found and nothing else. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>

#define HOUR (60 * MINUTE)

/* A number from 0 to 1 that is the same whenever this is asked of the same slot of time. */
static double dice(int64_t slot, uint64_t seed)
{
    return (double)(gs_hash(&slot, sizeof slot, seed) % 10000) / 10000;
}

/* Up within rise_s, there until hold_s, down within a minute, and again with each period. */
static double pool(int64_t now, int64_t rise_s, int64_t hold_s, int64_t period_s, double size)
{
    double s = (double)(now / SECOND % period_s);
    double up = s / (double)rise_s, down = 1 - (s - (double)hold_s) / 60;
    return size * fmax(0, fmin(fmin(up, 1), fmin(down, 1)));
}

/* ---- services, by their goroutines at a time ---- */

static double constant(int64_t now)
{
    (void)now;
    return 300;
}

static double jitter(int64_t now)
{
    return 200 + 20 * dice(now / 1000, 1);
}

static double bursts(int64_t now)
{
    return dice(now / (20 * SECOND), 2) < 0.05 ? 500 : 10;
}

static double requests(int64_t now) /* as they arrive: a new number of them each second */
{
    double n = 0;
    for (int64_t k = 0; k < 5; k++)
        n += 40 * dice(now / SECOND + k * 7, 3);
    return n;
}

static double steps(int64_t now) /* pools that grow by a step each quarter of an hour, and are given back at noon */
{
    return 50 + 20.0 * (double)(now / (15 * MINUTE) % 48);
}

static double scaled_up_fast(int64_t now)
{
    return 20 + pool(now, 60, 1500, 1800, 400);
}

static double scaled_up_slowly(int64_t now)
{
    return 20 + pool(now, 300, 2400, 3600, 400);
}

static double half_a_minute(int64_t now)
{
    return 60 * (1 - cos(2 * M_PI * (double)now / 30000));
}

static double ninety_seconds(int64_t now)
{
    return 100 * (1 - cos(2 * M_PI * (double)now / 90000));
}

static double five_minutes(int64_t now)
{
    return 100 * (1 - cos(2 * M_PI * (double)now / 300000));
}

static double nine_minutes(int64_t now)
{
    return 150 * (1 - cos(2 * M_PI * (double)now / 540000));
}

static double saw(int64_t now) /* a queue that is flushed when it is full, or after four minutes */
{
    return (double)(now / SECOND % 241);
}

static double cron(int64_t now) /* ten minutes past each hour, and it takes five */
{
    int64_t s = now / SECOND % 3600;
    return s >= 600 && s < 900 ? 5.0 * (double)(s - 600) / 10 : 0;
}

static double day(int64_t now) /* the load of a day, and its noise */
{
    double n = 150 * (1 - cos(2 * M_PI * (double)now / (24.0 * 3600000))) + 50;
    return n + sqrt(n) * 3 * (dice(now / SECOND, 4) - 0.5);
}

static double retries(int64_t now) /* a storm after an outage: all at once, then fewer and fewer */
{
    return 800 * exp(-(double)(now / SECOND % 1800) / 120);
}

static const struct {
    const char *name;
    double (*lively)(int64_t);
    enum gs_state wait;
    size_t many_sites;
} services[] = {
    {"constant", constant, GS_STATE_SELECT, 0},
    {"select {} daemons", constant, GS_STATE_SELECT_NONE, 0},
    {"idle jitter", jitter, GS_STATE_CHAN_RECEIVE, 0},
    {"many small sites", constant, GS_STATE_SELECT, 300},
    {"bursts", bursts, GS_STATE_CHAN_RECEIVE, 0},
    {"requests", requests, GS_STATE_IO_WAIT, 50},
    {"steps", steps, GS_STATE_CHAN_RECEIVE, 0},
    {"a pool that scales in a minute", scaled_up_fast, GS_STATE_CHAN_RECEIVE, 0},
    {"a pool that scales in five", scaled_up_slowly, GS_STATE_SELECT, 0},
    {"a wave of 30 s", half_a_minute, GS_STATE_SELECT, 0},
    {"a wave of 90 s", ninety_seconds, GS_STATE_MUTEX, 0},
    {"a wave of 5 min", five_minutes, GS_STATE_CHAN_SEND, 20},
    {"a wave of 9 min", nine_minutes, GS_STATE_SLEEP, 0},
    {"a saw", saw, GS_STATE_CHAN_SEND, 0},
    {"cron", cron, GS_STATE_SYSCALL, 0},
    {"a day", day, GS_STATE_SELECT, 0},
    {"retry storms", retries, GS_STATE_SLEEP, 0},
};

static void a_day_of_healthy_services(void **state)
{
    (void)state;
    for (int nervous = 0; nervous < 2; nervous++) {
        world w;
        world_open(&w);
        gs_policy *policy = world_policy("p");
        if (nervous) { /* suspects at every rise */
            policy->detection.surge.goroutines = 10;
            policy->detection.surge.percent = 1;
        }
        (void)world_set(&w, policy);
        for (size_t k = 0; k < GS_LEN(services); k++) {
            char name[24];
            (void)snprintf(name, sizeof name, "s%zu", k);
            fake_pod *p = world_pod(&w, name, name);
            fake_site *s = world_site(p, "shop/web.(*server).work", 5, 0, 0);
            s->lively = services[k].lively;
            s->state = services[k].wait;
            p->many_sites = services[k].many_sites;
            p->no_leaks = k % 2;
            world_watch(&w, "p", p);
        }
        world_run(&w, 24 * HOUR);
        if (world_count(&w, GS_EVENT_INCIDENT)) {
            const world_line *l = world_line_at(&w, GS_EVENT_INCIDENT, 0);
            fail_msg("%s: %s: %s, after %.1f h", services[atoi(l->workload + 1)].name, gs_grade_name(l->grade),
                     l->reason, (double)(l->ms - w.pods[0]->started_ms) / HOUR);
        }
        print_message("  rules %s: %zu suspicions in 24 h\n", nervous ? "that fire at every rise" : "as they are",
                      world_count(&w, GS_EVENT_SUSPECTED));
        for (size_t k = 0; k < GS_LEN(services); k++)
            print_message("    %-32s %5u profiles, %4zu leak profiles, %3zu dumps\n", services[k].name,
                          w.pods[k]->profiles, w.pods[k]->leaks.n, w.pods[k]->dumps.n);
        world_close(&w);
    }
}

/* Profiles of a pod that leaks are taken every 15 s: a load that comes as often, but for a trifle, would seem to rise for
 * half an hour. */
static void load_in_step_with_the_profiles(void **state)
{
    (void)state;
    static const int64_t periods_ms[] = {14900, 14990, 15060, 15100, 15140, 30130, 30200};
    for (size_t k = 0; k < GS_LEN(periods_ms); k++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        gs_policy *policy = world_policy("p");
        policy->detection.resources.enabled = false;
        (void)world_set(&w, policy);
        (void)world_site(p, "shop/orders.(*feed).poll", 0, 1, w.now);
        fake_site *s = world_site(p, "shop/web.(*server).work", 0, 0, 0);
        s->wave = 100;
        s->period_ms = periods_ms[k];
        world_run(&w, 6 * HOUR);
        if (world_incidents(&w) != 1 || world_incident(&w, 0)->n_patterns != 1)
            fail_msg("a wave of %d ms: %zu incidents, %zu patterns", (int)periods_ms[k], world_incidents(&w),
                     world_incident(&w, 0)->n_patterns);
        world_close(&w);
    }
}

/* ---- random worlds ---- */

#define LEAK "shop/orders.(*feed).poll"
#define WORKLOADS 8

static double between(gs_rng *r, double low, double high)
{
    return low + (high - low) * (double)gs_rng_below(r, 10001) / 10000;
}

/* Sites that come and go faster than the windows, of any size. */
static void make_lively(gs_rng *r, fake_pod *p)
{
    static const char *const leaves[] = {"shop/a.serve", "shop/b.work", "shop/c.poll", "shop/d.wait"};
    static const enum gs_state waits[] = {GS_STATE_SELECT, GS_STATE_CHAN_SEND, GS_STATE_CHAN_RECEIVE,
                                          GS_STATE_MUTEX,  GS_STATE_SLEEP,     GS_STATE_IO_WAIT};
    size_t n = 1 + gs_rng_below(r, GS_LEN(leaves));
    for (size_t k = 0; k < n; k++) {
        fake_site *s = world_site(p, leaves[k], floor(between(r, 0, 50)), 0, 0);
        s->state = waits[gs_rng_below(r, GS_LEN(waits))];
        s->wave = between(r, 0, 80);
        s->period_ms = (int64_t)between(r, 15000, 500000);
        if (gs_rng_below(r, 4) == 0) { /* a pool that is scaled up once, within two windows */
            s->rate = between(r, 0.1, 2);
            s->from_ms = p->started_ms + (int64_t)between(r, 0, 3000000);
            s->until_ms = s->from_ms + (int64_t)between(r, 10000, 240000);
            s->reachable = true;
        }
    }
    p->many_sites = gs_rng_below(r, 60);
    p->no_leaks = gs_rng_below(r, 2);
}

typedef struct truth {
    bool leaks, named; /* named: by the runtime's leak profile */
    int64_t from_ms;
} truth;

static truth make_leak(gs_rng *r, fake_pod *p)
{
    static const enum gs_state waits[] = {GS_STATE_SELECT, GS_STATE_CHAN_SEND, GS_STATE_CHAN_RECEIVE, GS_STATE_SLEEP};
    truth t = {.leaks = true, .from_ms = p->started_ms + (int64_t)between(r, 0, 1200000)};
    fake_site *s = world_site(p, LEAK, 0, between(r, 0.3, 12), t.from_ms);
    s->state = waits[gs_rng_below(r, GS_LEN(waits))];
    s->reachable = gs_rng_below(r, 2);
    t.named = !s->reachable && !p->no_leaks;
    return t;
}

/* When an incident of the workload was Probable; NEVER. */
static int64_t probable_at(const world *w, const char *workload)
{
    for (size_t k = 0; k < w->n_lines; k++)
        if (gs_streq(w->lines[k].workload, workload) && w->lines[k].grade >= GS_GRADE_PROBABLE)
            return w->lines[k].ms;
    return NEVER;
}

/* The incidents of a workload, and those of them that name the leak among their first patterns. */
static size_t incidents_of(const world *w, const char *workload, size_t *ret_named)
{
    size_t n = 0;
    *ret_named = 0;
    for (size_t k = 0; k < world_incidents(w); k++) {
        const gs_incident *i = world_incident(w, k);
        if (!gs_streq(i->workload.name, workload))
            continue;
        n++;
        for (size_t p = 0; p < i->n_patterns && p < 3; p++)
            *ret_named += gs_streq(i->patterns[p].leaf, LEAK);
    }
    return n;
}

/* A suspicion takes up to a profile interval; then the windows, and half of them more without dumps; up to eight times
 * two and a half windows until a lively pod may be asked for the next dump. */
static void judge(const world *w, const truth t[WORKLOADS], uint64_t seed, size_t *suspected)
{
    for (int k = 0; k < WORKLOADS; k++) {
        char workload[8];
        size_t naming;
        (void)snprintf(workload, sizeof workload, "w%d", k);
        size_t n = incidents_of(w, workload, &naming);
        int64_t probable = probable_at(w, workload);
        int64_t late = t[k].named ? 8 * MINUTE : 62 * MINUTE;
        if (!t[k].leaks && probable < NEVER)
            fail_msg("seed %d: %s is healthy, and Probable", (int)seed, workload);
        if (t[k].leaks && (naming != 1 || probable > t[k].from_ms + late))
            fail_msg("seed %d: %s leaks: %zu incidents, %zu name it, Probable after %.1f min", (int)seed, workload, n,
                     naming, (double)(probable - t[k].from_ms) / MINUTE);
        *suspected += !t[k].leaks && n > 0;
    }
}

/* Of the workloads that leak one pod does, from some time of the first 20 minutes on; a controller that is killed once
 * in between loses nothing and tells nothing twice. */
static void random_worlds(void **state)
{
    (void)state;
    enum { SEEDS = 40 };
    size_t suspected = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        gs_rng r = {.state = seed};
        truth t[WORKLOADS] = {0};
        world w;
        world_open(&w);
        gs_policy *policy = world_policy("p");
        policy->mode = GS_MODE_OBSERVE;
        (void)world_set(&w, policy);
        for (int k = 0; k < WORKLOADS; k++) {
            char workload[8], name[16];
            (void)snprintf(workload, sizeof workload, "w%d", k);
            for (int n = 0; n < 2; n++) { /* one of them leaks, or none */
                (void)snprintf(name, sizeof name, "w%d-%d", k, n);
                fake_pod *p = world_pod(&w, workload, name);
                make_lively(&r, p);
                if (n == 0 && k % 2)
                    t[k] = make_leak(&r, p);
                world_watch(&w, "p", p);
            }
        }
        world_run(&w, 45 * MINUTE);
        if (seed % 3 == 0)
            world_restart(&w);
        world_run(&w, 15 * MINUTE);
        judge(&w, t, seed, &suspected);
        world_close(&w);
    }
    print_message("  %zu of %d healthy workloads Suspected in an hour\n", suspected, SEEDS * WORKLOADS / 2);
    assert_true(suspected <= SEEDS * WORKLOADS / 2 * 3 / 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_healthy_services),
        cmocka_unit_test(load_in_step_with_the_profiles),
        cmocka_unit_test(random_worlds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
