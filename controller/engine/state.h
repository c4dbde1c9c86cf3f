/* The engine's state, for the files of engine/ only. */
#ifndef GS_ENGINE_STATE_H
#define GS_ENGINE_STATE_H

#include "base/map.h"
#include "base/rng.h"
#include "core/escalate.h"
#include "core/resource.h"
#include "core/track.h"
#include "engine/engine.h"
#include "engine/ticks.h"

#define GS_TOTAL_INTERVAL_MS 30000 /* a pod without /metrics is sampled from its profile no more often */
#define GS_BASE_RETRY_MS 30000     /* a base profile that could not be had */
#define GS_HOUSEKEEPING_MS 1000
#define GS_HEAL_RETRY_MS 5000 /* an API call of the healer that failed */
#define GS_EVIDENCE_FIRST_RETRY_MS 800
#define GS_EVIDENCE_MAX_RETRY_MS 30000
#define GS_SITES_PER_WORKLOAD 16

typedef struct workload workload;
typedef struct group group;

/* A policy in force. */
typedef struct policy_entry {
    gs_engine *e;
    gs_policy *p;
    gs_access *access;
    group **groups;
    size_t n_groups, cap_groups;
    unsigned seq;       /* among the policies */
    int64_t epoch;      /* when the first of its groups was spread: phases are counted from here */
    unsigned group_seq; /* for phases */
    size_t n_targets;
    bool undo_all;
    bool evidence_failing;
    char evidence_error[200];
    char heal_state[48], heal_message[200];
} policy_entry;

/* A pod that is looked at closely, and the look that is under way. */
typedef struct tracking {
    gs_track sites;
    gs_profile *latest, *dump; /* of this look; NULL between looks */
    gs_buf raw, leaks_raw, dump_raw;
} tracking;

typedef struct target {
    gs_engine *e;
    char *key;  /* "ns/name" */
    char *name; /* into key */
    char *uid, *host;
    int metrics_port, pprof_port;
    workload *w;
    group *g;
    gs_series series;
    gs_resource resource;
    gs_escalation esc;
    gs_tick tick;       /* the next profile */
    int64_t base_due;   /* -1: none; the first profile of this process, or its turn */
    int64_t next_total; /* for no_metrics */
    char *revision;
    uint64_t memory_limit;
    uint32_t cpu_limit_milli;
    gs_counts base;
    gs_counts leaked;                     /* as the first leak profile of the process has it */
    struct tracking *track;               /* while something is suspected; NULL */
    enum gs_profile_kind fetching;        /* while profiling */
    bool no_leaks;                        /* the process does not offer a leak profile */
    int64_t dumped_ms;                    /* the last full dump; 0: none */
    int64_t leaks_paid_ms, dumps_paid_ms; /* the pod has had such requests for the time up to then */
    int64_t profiled_ms;                  /* the last profile; 0: none */
    int64_t cpu_ms;                       /* the last CPU profile; 0: none */
    unsigned failures;                    /* samples in a row */
    uint8_t fruitless;                    /* suspicions in a row that came to nothing */
    char *error;                          /* of the last failed sample */
    bool sampling, profiling, no_metrics, gone;
} target;

struct group {
    policy_entry *pe;
    void *pool;
    gs_tick tick;
    int64_t due;
    target *members[GS_MAX_GROUP];
    size_t n;
};

typedef struct site_stat {
    char id[GS_SITE_ID_LEN];
    enum gs_state state;
    char *leaf, *entry;
    uint64_t count;
    double blocked_s;
} site_stat;

struct workload {
    gs_engine *e;
    char *key; /* "ns/kind/name/uid" */
    gs_workload_ref ref;
    policy_entry *pe; /* that watches it; NULL: none now */
    target **targets;
    size_t n_targets, cap_targets;
    int64_t prune_at; /* watched again since a while: pods that are no targets are gone; 0: no need */
    size_t turn;      /* whose base is taken next */
    gs_tick tick;     /* when */
    gs_incident **incidents;
    size_t n_incidents, cap_incidents;
    struct snapshot *snapshots; /* snapshot_run.c: of the incidents */
    gs_heal_history *history;   /* NULL: nothing was ever done */
    policy_entry *history_pe;   /* whose status holds the history */
    policy_entry *history_was;  /* whose still does, until the intent of another one is recorded; NULL: no such */
    struct heal_call *call;     /* to the actuator, under way; NULL: none */
    int64_t heal_next;          /* no new action before */
    size_t heal_turn;           /* which incident is asked for next: a refused one must not keep the others waiting */
    int64_t heal_retry;         /* the soonest that one refused in this round is to be asked for again */
    int64_t past_next;          /* what was done is not looked at before */
    site_stat sites[GS_SITES_PER_WORKLOAD];
    size_t n_sites;
};

/* A dump that waits for its store. */
typedef struct dump {
    gs_engine *e;
    gs_incident *i; /* NULL: the incident is gone */
    workload *w;
    char pod[GS_OBJECT_LEN];
    enum gs_profile_kind kind;
    gs_buf raw;
    uint64_t goroutines;
    int64_t wall_ms;
    unsigned attempts;
    bool storing;
    gs_tick tick;
    struct dump *next;
} dump;

struct gs_engine {
    gs_ports ports;
    gs_rng rng;
    gs_ticks ticks;
    gs_tick housekeeping;
    gs_map *policies;  /* "ns/name" -> policy_entry */
    gs_map *targets;   /* "ns/name" -> target */
    gs_map *workloads; /* key -> workload */
    dump *dumps;
    struct spent *spent; /* budget.c */
    size_t n_spent, cap_spent;
    size_t n_sites;
    unsigned policy_seq;
    bool synced, running;
    gs_engine_stats stats;
};

static inline int64_t mono(const gs_engine *e)
{
    return gs_mono(&e->ports.clock);
}
static inline int64_t wall(const gs_engine *e)
{
    return gs_wall(&e->ports.clock);
}
#define GS_OWNER(tick, type, member) ((type *)(void *)((char *)(tick)-offsetof(type, member)))

/* engine.c */
void gs_engine_rearm(gs_engine *e);
void gs_tell(gs_engine *e, enum gs_event ev, const workload *w, const char *pod, const gs_incident *i,
             const char *reason);
void gs_tell_policy(gs_engine *e, const policy_entry *pe);
void gs_target_free(target *t);
workload *gs_workload_of(gs_engine *e, const gs_workload_ref *ref); /* made where it is not there */
void gs_workload_release(workload *w); /* frees it where nothing refers to it and nothing is remembered about it */

/* incidents.c */
void gs_incidents_settle(workload *w);                 /* resolves what no pod shows any more */
void gs_incidents_prune(workload *w);                  /* of pods that are no targets: they went while nobody looked */
void gs_incidents_leave(workload *w, const char *pod); /* the pod is gone: no incident lists it any more */

/* sweep.c */
void gs_sweep_join(policy_entry *pe, target *t);
void gs_sweep_leave(target *t); /* frees it, now or once its sample is answered */
void gs_sweep_free_group(group *g);
void gs_sweep_respread(policy_entry *pe);
void gs_endpoint_of(const target *t, gs_endpoint *ret);

/* findings.c */
bool gs_listed(const workload *w, const char *pod); /* in an open incident of a leak */
/* What the look at a suspicious pod means for the workload's incidents. */
void gs_incidents_tell(target *t);
/* What a dump tells of the incidents that list the pod. */
void gs_incidents_describe(target *t, const gs_profile *all);
/* The pod has no profile, and its floor rises: an incident by numbers alone. */
void gs_incidents_tell_numbers(target *t);

/* resources.c */
void gs_resources_sample(target *t, const gs_sample *s, enum gs_series_event event);
/* "1200 goroutines, limit 5000": the most that a pod has now of what the Resource incident is about; "" if not known. */
void gs_resources_describe(const workload *w, const gs_incident *i, char *dst, size_t cap);

/* sites.c */
void gs_sites_update(target *t, const gs_profile *p);

/* profile_run.c */
void gs_profile_tick(gs_tick *tick);
void gs_turn_tick(gs_tick *tick);
void gs_profile_arm(target *t);
void gs_suspect(target *t, unsigned rules, const char *reason);
void gs_process_restarted(target *t);
void gs_track_forget(target *t);

/* evidence.c */
/* Takes raw where it is wanted. */
void gs_evidence_keep(target *t, gs_incident *i, enum gs_profile_kind kind, gs_buf *raw, uint64_t goroutines);
bool gs_evidence_waiting(const gs_engine *e, const gs_incident *i);
bool gs_evidence_waiting_of(const gs_engine *e, const gs_incident *i, enum gs_profile_kind kind);
/* The store has confirmed ev; or it fails. Told, and counted. */
void gs_evidence_stored(workload *w, gs_incident *i, const gs_evidence *ev);
void gs_evidence_failing(workload *w, gs_incident *i, const gs_error *err);
void gs_evidence_orphan(gs_engine *e, const gs_incident *i);
void gs_evidence_free_all(gs_engine *e);

/* snapshot_run.c */
void gs_snapshot_run(workload *w); /* level-triggered: takes the next piece of evidence of each open incident */
/* Everything that the policy wants of this occurrence is stored or cannot be had, and at least one piece is; where it
 * wants nothing, or has no store, it is complete as it is. Nothing is healed before. */
bool gs_snapshot_complete(workload *w, gs_incident *i);
bool gs_snapshot_has(const gs_incident *i, enum gs_profile_kind kind); /* stored, of this occurrence */
void gs_snapshot_forget(workload *w, const gs_incident *i);            /* the incident goes */
void gs_snapshot_free_all(workload *w); /* the engine does: without a word to the store */

/* budget.c */
void gs_budget_leave(const workload *w);   /* its history goes with its policy */
void gs_budget_return(const workload *w);  /* its history was read again */
void gs_budget_restore(const workload *w); /* all histories and incidents were read */
/* Refuses what the operator's limit for the namespace leaves no room for. */
void gs_budget_check(const workload *w, gs_plan *plan);

/* healer.c, healer_undo.c, healer_tell.c */
void gs_heal_workload(workload *w); /* level-triggered: does the next thing that is due, if any */

#endif
