/* A world for the engine: pods whose goroutines follow a script, an evidence store, an actuator with a scale of its own
 * and a record that survives a restart, a recorder that keeps what it is told, and a clock that jumps from event to event.
 * One test, one world; everything in it is on one thread. */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants setjmp and stdarg first */
#include <cmocka.h>

#define WORLD_WALL0 1700000000000LL /* wall - mono */
#define NEVER INT64_MAX
#define SECOND 1000LL
#define MINUTE 60000LL

/* Goroutines at one site at a time: base + rate * (seconds leaking) + a wave of this height + lively(now), and never
 * below 0. */
typedef struct fake_site {
    const char *leaf;
    enum gs_state state;
    bool library; /* the leaf is not user code */
    double base, rate;
    int64_t from_ms, until_ms; /* when it leaks; until 0: for ever */
    double wave;               /* goroutines of the wave are others each time */
    int64_t period_ms;
    double (*lively)(int64_t now_ms); /* NULL: nothing; others each time, as those of the wave */
    double depth;                     /* of its stacks, as gs_site has it */
    bool reachable;                   /* the leak profile does not name it */
    bool turnover;                    /* what is "leaked" is a queue: its goroutines are others each time */
} fake_site;

typedef struct fake_times {
    int64_t *v;
    size_t n, cap;
} fake_times;

#define WORLD_SITES 24
typedef struct fake_pod {
    char name[64], uid[64], host[64];
    gs_workload_ref workload;
    fake_site sites[WORLD_SITES];
    size_t n_sites;
    size_t many_sites;                /* this many more of 1 to 3 goroutines that come and go */
    int64_t started_ms;               /* of the process: leaks of an earlier one are gone */
    int64_t freed_ms;                 /* from here on nothing is leaked and what was is given back; 0: never */
    bool no_metrics;                  /* /metrics is 404 */
    bool down;                        /* every request fails */
    bool mute;                        /* no request is ever answered */
    bool no_profiles;                 /* its profile fails */
    bool no_leaks;                    /* it offers no leak profile */
    double fds, load, rss;            /* as /metrics says; 0: not exposed */
    double fds_per_leak, io_per_leak; /* descriptors, and goroutines in IO wait, for each that is leaked */
    double load_per_leak;             /* requests in flight */
    const char *revision;
    uint64_t memory_limit;
    bool removed, has_cost; /* by the actuator: it is not there any more; marked */
    int cost;
    bool watched;                           /* by the engine that was freed last */
    bool hides_start;                       /* no process_start_time_seconds */
    const gs_sample *odd_sample;            /* what /metrics says instead */
    unsigned samples, totals, profiles;     /* requests seen */
    fake_times leaks, dumps;                /* such profiles asked for */
    fake_times takes[GS_PROFILE_KINDS];     /* evidence taken */
    enum gs_kind no_take[GS_PROFILE_KINDS]; /* what the pod answers instead; GS_OK: a profile */
    unsigned in_flight, most_in_flight;     /* samples */
    int64_t first_sample_ms, last_sample_ms, min_gap_ms, max_gap_ms;
} fake_pod;

enum store_mode {
    STORE_OK,
    STORE_FAILS,
    STORE_HANGS,
    STORE_LIES,       /* says that it has something of an hour ago */
    STORE_TAKES_FAIL, /* what is put is stored, what is taken is not */
};
enum act_mode {
    ACT_OK,
    ACT_FAILS,       /* recorded as failed */
    ACT_REFUSED,     /* the intent could not be recorded: nothing was done */
    ACT_UNKNOWN,     /* answers PENDING: done, but the outcome could not be written */
    ACT_DIES_INTENT, /* the controller dies after the intent is recorded */
    ACT_DIES_SCALED, /* ... after the scale is set */
    ACT_DIES_BEFORE, /* ... before the intent is recorded */
};

/* A workload's scale, and what is recorded of it where a restart finds it. */
typedef struct fake_scale {
    gs_workload_ref workload;
    int replicas;
    bool gone, not_scalable, not_replaceable, rolling, blocked; /* blocked: by a PodDisruptionBudget */
    int never_ready;                                            /* of its pods, the newest ones */
    char autoscaler[64];
    bool keda;
    int hpa_min, hpa_max;
    char policy[64];
    bool recorded;
    gs_heal_history record;
} fake_scale;

typedef struct world_line {
    int64_t ms;
    enum gs_event event;
    char workload[64], target[64], incident[64];
    enum gs_grade grade;
    char reason[200];
} world_line;

/* A line of the audit log. */
typedef struct world_decision {
    int64_t ms;
    enum gs_decision_kind kind;
    char id[16], message[160], pods[200]; /* pods: with a ' ' behind each */
    enum gs_action_type type;
    int from, to;
    enum gs_outcome outcome;
    enum gs_refusal refusal;
} world_decision;

typedef struct world {
    gs_engine *e;
    gs_ports ports;
    gs_actuator actuator;
    int64_t now, armed;
    int64_t wall_skew_ms;
    fake_pod **pods;
    size_t n_pods, cap_pods;
    struct world_call *calls;
    int64_t sample_ms, profile_ms, put_ms, take_ms, act_ms; /* how long an answer takes; 0: within the call */
    enum store_mode store;
    enum act_mode act;
    bool facts_fail, no_evidence_wanted;
    size_t raw_bytes; /* of a dump */
    fake_scale scales[16];
    size_t n_scales;
    gs_incident *stored[32]; /* incidents as the API server has them */
    size_t n_stored;
    bool lose_incidents; /* what is told of incidents from now on is not written down */
    bool dead;           /* the controller is: nothing more is answered */
    world_line *lines;
    size_t n_lines, cap_lines;
    world_decision *decisions;
    size_t n_decisions, cap_decisions;
    char violations[512]; /* promises of ports.h, or of the project, that were broken; "" none */
    unsigned pools, puts, takes, forgotten_takes, facts_calls, policy_tells, incident_tells;
    unsigned begun, resumes, undos, records, restarts; /* resumes: of what was recorded before */
    int64_t put_at[64];                                /* the first ones */
    int64_t stored_at, scaled_at;                      /* the first time; 0: never */
    uint64_t most_pending;
    const gs_access *sampled_with, *fetched_with, *taken_with; /* the last one each */
} world;

void world_open(world *w);  /* with an engine, synced */
void world_close(world *w); /* fails where a promise was broken */
void world_free_engine(world *w);
/* The controller dies now and another one starts: what was written down is adopted, watched pods are set again. */
void world_restart(world *w);

gs_workload_ref world_workload(const char *name);
/* Enforce, minGrade Probable, one ScaleOut by 1 up to 10 that is held for a day, S3, cooldown 600 s, no
 * detection.resources; not yet in force. */
gs_policy *world_policy(const char *name);
const gs_policy *world_set(world *w, gs_policy *p);
fake_pod *world_pod(world *w, const char *workload, const char *name);
fake_site *world_site(fake_pod *p, const char *leaf, double base, double rate, int64_t from_ms);
void world_watch(world *w, const char *policy, const fake_pod *p);
void world_drop(world *w, const fake_pod *p, enum gs_leave why);
/* The usual: policy "p" in force, workload "shop" of 3 replicas, its pod "shop-1" with 12 healthy goroutines, watched. */
fake_pod *world_usual(world *w);
/* The same, and shop-1 leaks 2 goroutines a second from now on; its incident, once it is told. */
#define WORLD_LEAK "shop/pay"
gs_incident *world_leaking(world *w);
fake_scale *world_scale(world *w, const char *workload);

void world_run(world *w, int64_t ms);
/* Runs until an event of this kind is told, at most ms; its line, or fails. */
const world_line *world_until(world *w, enum gs_event e, int64_t ms);

size_t world_count(const world *w, enum gs_event e);
const world_line *world_line_at(const world *w, enum gs_event e, size_t k); /* the k-th of this kind; NULL */
gs_incident *world_incident(const world *w, size_t k);                      /* the k-th that the engine has; NULL */
size_t world_incidents(const world *w);
gs_policy_facts world_facts(world *w, const char *policy);
gs_engine_stats world_stats(const world *w);
const gs_target_view *world_view(const world *w, const char *pod); /* until the next call; NULL: no such target */

/* Between the files of the world. */
void world_ports(world *w);        /* those that answer questions */
int64_t world_next_call(world *w); /* when the next answer is due; NEVER: none is */
void world_answer_next(world *w);
void world_end_calls(world *w, bool all); /* without answering; not all: evidence and actuator only */
void world_violate(world *w, const char *what);
uint64_t world_pod_total(const fake_pod *p, int64_t now);
gs_profile *world_pod_profile(const fake_pod *p, enum gs_profile_kind kind, int64_t now);
double world_pod_leaked(const fake_pod *p, int64_t now); /* over all its sites */

#endif
