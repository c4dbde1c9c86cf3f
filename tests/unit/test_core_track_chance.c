/* Leaks and loads at random: goroutines come and go as dice have it, and a leak must be told from them. How often it is,
 * over many seeds, is what the constants of track_run.c were chosen by. */
#include "core/track.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants setjmp and stdarg first */
#include <cmocka.h>

#define W 120000LL /* floor.windowSeconds */
#define WINDOWS 4
#define GAP (W / 3)
#define CROWD_SITES 4
#define CROWD_MAX 1024
#define SEEDS 200

typedef struct chance {
    const char *name;
    unsigned sites;
    double rate;          /* arrivals in a window at each site */
    bool together;        /* at all sites at once, one goroutine at the first, two at the second ... */
    double life;          /* mean, in windows; 0: for ever */
    double passing;       /* goroutines of each site that are others in each profile */
    double from;          /* goroutines of each site in the beginning */
    double slowing;       /* windows after which arrivals are e times as rare; 0: they stay as they are */
    bool read;            /* each is a connection with a reader of its own */
    bool dumps;           /* may be taken */
    unsigned windows;     /* the time given */
    unsigned least, most; /* Probable in so many of the seeds */
} chance;

static const chance chances[] = {
    {"a slow leak spread over four sites", 4, 0.9, .dumps = true, .windows = 14, .least = 196, .most = 200},
    {"the same, without dumps", 4, 0.9, .windows = 20, .least = 196, .most = 200},
    {"a slow leak at one site", 1, 1.3, .dumps = true, .windows = 16, .least = 190, .most = 200},
    {"a slow leak at two sites, among requests", 2, 1.3, .passing = 1.5, .dumps = true, .windows = 48, .least = 90,
     .most = 200},
    {"a leak in rare bursts", 2, 0.5, .together = true, .dumps = true, .windows = 24, .least = 145, .most = 200},
    {"a fast leak", 1, 100, .dumps = true, .windows = 6, .least = 198, .most = 200},
    {"a day of requests", 4, 60, .life = 0.2, .from = 12, .dumps = true, .windows = 720, .most = 4},
    {"the same, without dumps", 4, 60, .life = 0.2, .from = 12, .windows = 720, .most = 4},
    {"connections for 24 windows", 1, 12, .read = true, .dumps = true, .windows = 24, .most = 0},
    {"bursts of them", 2, 4, .together = true, .read = true, .dumps = true, .windows = 24, .most = 4},
    {"sessions of two windows", 4, 10, .life = 2, .from = 20, .dumps = true, .windows = 240, .most = 4},
    {"a pool that fills", 1, 20, .slowing = 2, .dumps = true, .windows = 240, .most = 80},
    {"a large pool that fills", 1, 100, .slowing = 1.5, .dumps = true, .windows = 240, .most = 25},
    {"a small one: a slow leak looks alike", 2, 4, .slowing = 1.5, .dumps = true, .windows = 240, .most = 65},
};

typedef struct crowd {
    gs_rng rng;
    uint64_t ids[CROWD_SITES][CROWD_MAX];
    size_t n[CROWD_SITES];
    uint64_t next;
} crowd;

static double dice(crowd *c)
{
    return ((double)gs_rng_below(&c->rng, 1000000) + 0.5) / 1000000;
}

static unsigned arrivals(crowd *c, double mean) /* Poisson */
{
    unsigned n = 0;
    for (double p = dice(c); p > exp(-mean); p *= dice(c))
        n++;
    return n;
}

static void arrive(crowd *c, unsigned site, unsigned n)
{
    for (unsigned k = 0; k < n && c->n[site] < CROWD_MAX; k++)
        c->ids[site][c->n[site]++] = ++c->next;
}

/* What happens until the next profile. */
static void pass(const chance *x, crowd *c, double windows, double age)
{
    double mean = x->rate * windows * (x->slowing > 0 ? exp(-age / x->slowing) : 1);
    unsigned all = arrivals(c, mean);
    for (unsigned s = 0; s < x->sites; s++) {
        for (size_t k = c->n[s]; x->life > 0 && k-- > 0;)
            if (dice(c) > exp(-windows / x->life))
                c->ids[s][k] = c->ids[s][--c->n[s]];
        arrive(c, s, x->together ? all * (s + 1) : arrivals(c, mean));
    }
}

static enum gs_grade look(const chance *x, crowd *c, gs_track *t, int64_t now)
{
    static const char *const ids[CROWD_SITES] = {"p00000000aa", "p00000000bb", "p00000000cc", "p00000000dd"};
    static gs_goroutine goroutines[2 * CROWD_SITES * CROWD_MAX];
    gs_site v[CROWD_SITES];
    gs_profile p = {.sites = v, .n = x->sites, .goroutines = goroutines};
    enum gs_grade best = GS_GRADE_NONE;
    for (unsigned s = 0; s < x->sites; s++) {
        unsigned passing = x->passing > 0 ? arrivals(c, x->passing) : 0;
        v[s] = (gs_site){.count = c->n[s] + passing, .state = GS_STATE_CHAN_SEND, .leaf = "", .entry = ""};
        memcpy(v[s].id, ids[s], GS_SITE_ID_LEN);
        for (size_t k = 0; k < c->n[s]; k++)
            goroutines[p.total++] = (gs_goroutine){.id = c->ids[s][k], .site = s};
        for (unsigned k = 0; k < passing; k++)
            goroutines[p.total++] = (gs_goroutine){.id = ++c->next, .site = s};
    }
    p.n_goroutines = p.total;
    p.io_wait = (x->read ? p.total : 0) + gs_rng_below(&c->rng, 4); /* others are read now and then */
    gs_track_profile(t, &p, 20 + 2 * (double)p.io_wait, NAN, now);
    if (x->dumps && gs_track_wants_dump(t, WINDOWS, 5000, now))
        gs_track_dump(t, &p, now);
    for (unsigned s = 0; s < x->sites; s++) {
        unsigned reasons;
        enum gs_grade grade = gs_track_grade(t, gs_track_find(t, ids[s]), WINDOWS, &reasons);
        best = grade > best ? grade : best;
    }
    return best;
}

/* The pod is suspicious all the time, and looked at anew whenever a look was for nothing. */
static bool is_graded(const chance *x, uint64_t seed)
{
    static crowd c;
    gs_track t = {0};
    bool graded = false;
    c = (crowd){.rng = {.state = seed}};
    for (unsigned s = 0; s < x->sites; s++)
        arrive(&c, s, (unsigned)x->from);
    gs_track_begin(&t, W, 0);
    for (int64_t now = 0; now <= x->windows * W && !graded; now += GAP) {
        graded = look(x, &c, &t, now) >= GS_GRADE_PROBABLE;
        if (t.profiles > 3 && !gs_track_promising(&t))
            gs_track_begin(&t, W, now);
        pass(x, &c, (double)GAP / W, (double)now / W);
    }
    gs_track_done(&t);
    return graded;
}

static void chance_is_told_from_leaks(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(chances); k++) {
        unsigned n = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            n += is_graded(&chances[k], seed);
        print_message("  %-50s %3u of %d in %u windows\n", chances[k].name, n, SEEDS, chances[k].windows);
        if (n < chances[k].least || n > chances[k].most)
            fail_msg("%s: %u", chances[k].name, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chance_is_told_from_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
