/* What the files of `gostat backtest` share: a series of samples is played to the real engine on a clock of its own, in a
 * world where only that series, the given profiles and a scale on paper exist. One thread owns all of it; nobody outside
 * backtest*.c includes this.
 *
 * Times are those of the series, in milliseconds: Unix time, or counted from anything else. */
#ifndef GS_CLI_BACKTEST_H
#define GS_CLI_BACKTEST_H

#include "base/limits.h"
#include "cli/watch.h"
#include "codec/series_csv.h"

#define GS_BACKTEST_REPLICAS 3 /* of the workload, before anything is done */
#define GS_BACKTEST_STALE 2.5  /* intervals: an older sample is none, as of a pod that does not answer */
#define GS_BACKTEST_GONE_MS                                                                                            \
    300000                  /* a pod without a sample for so long is gone: Prometheus, too, forgets it then ... */
#define GS_BACKTEST_GONE 4  /* ... or for so many intervals, where that is longer */
#define GS_BACKTEST_DAYS 30 /* of a Prometheus server, where no --start is given */

/* A file of --profile. */
typedef struct gs_backtest_profile {
    int64_t t_ms;
    char pod[GS_OBJECT_LEN]; /* "": of every pod */
    enum gs_profile_kind kind;
    gs_buf raw;
} gs_backtest_profile;

/* What is asked of a Prometheus server, and which field of a sample it gives. */
enum gs_backtest_query {
    GS_QUERY_GOROUTINES,
    GS_QUERY_START_TIME,
    GS_QUERY_FDS,
    GS_QUERY_LOAD,
};
#define GS_BACKTEST_QUERIES 4

typedef struct gs_backtest_options {
    gs_policy *policy;  /* from the file or the defaults */
    const char *series; /* a CSV file, "-" stdin; NULL: a Prometheus server is asked. Of argv, as all strings here */
    const char *prometheus, *ca_file, *token_file;
    const char *queries[GS_BACKTEST_QUERIES]; /* NULL: not asked */
    int64_t start_ms, end_ms, step_ms;        /* of the queries */
    gs_backtest_profile *profiles;
    size_t n_profiles, cap_profiles;
    int replicas;
    bool json; /* the lines of `watch -o json`, and nothing else */
    bool help; /* only print the help */
} gs_backtest_options;

/* backtest_options.c. now_ms: the end of the range where none is given. */
int gs_backtest_options_parse(int argc, char **argv, int64_t now_ms, gs_backtest_options *ret, gs_error *err);
void gs_backtest_options_done(gs_backtest_options *o);
GS_DEFINE_CLEANUP_VALUE(gs_backtest_options, gs_backtest_options_done)
/* "T=FILE", "T@POD=FILE"; T in seconds or RFC 3339. The file is read and decoded once, to know that it can be. */
int gs_backtest_profile_read(const char *text, gs_backtest_profile *ret, gs_error *err);
void gs_backtest_profile_done(gs_backtest_profile *p);
/* Seconds, 0 or more, or a date as RFC 3339 has it. */
bool gs_backtest_time(gs_str text, int64_t *ret_ms);

/* backtest_help.c */
void gs_backtest_help(gs_buf *out);

/* backtest_replay.c: the engine and its clock. */
typedef struct gs_replay gs_replay;

typedef struct gs_replay_stats {
    uint64_t rows; /* with a count */
    size_t pods;   /* by name */
    int64_t first_ms, last_ms;
    int64_t apart_ms; /* rows of one pod, in the mean, without gaps where most have none; 0: not known */
} gs_replay_stats;

/* Takes the policy. The profiles stay the caller's and outlive the replay. */
gs_replay *gs_replay_new(gs_policy *policy, const gs_backtest_profile *profiles, size_t n_profiles, int replicas,
                         void (*on_event)(void *ctx, const gs_watch_event *e), void *ctx);
void gs_replay_free(gs_replay *r);
GS_DEFINE_CLEANUP(gs_replay *, gs_replay_free)

/* Does what was due before this row, and makes it what its pod answers from now on. Rows come in the order of time. */
int gs_replay_row(gs_replay *r, const gs_series_row *row, gs_error *err);
/* Does what is due until the last row. */
void gs_replay_end(gs_replay *r);
const gs_engine *gs_replay_engine(const gs_replay *r); /* NULL before the first row with a count */
const gs_policy *gs_replay_policy(const gs_replay *r);
void gs_replay_get_stats(const gs_replay *r, gs_replay_stats *ret);

/* backtest_ports.c: what the engine can ask of this world beside samples. A plain value. */
typedef struct gs_backtest_world {
    const gs_backtest_profile *profiles;
    size_t n_profiles;
    int64_t profile_age_ms;                               /* an older one is none */
    const char *(*pod_name)(void *ctx, const char *host); /* of an endpoint */
    const char *(*pod_at)(void *ctx, size_t k);           /* the k-th; "": it is not there now; NULL: beyond the last */
    int64_t (*now_ms)(void *ctx);                         /* of the series */
    void *ctx;
    int replicas; /* on paper */
    gs_clock clock;
} gs_backtest_world;
/* Fills in profiles, evidence and *actuator. */
void gs_backtest_ports(gs_backtest_world *w, gs_ports *ports, gs_actuator *actuator);

/* backtest_csv.c and backtest_range.c: where rows come from. Notes for the user are appended to *notes, a line each. */
int gs_backtest_csv(const char *path, gs_replay *r, gs_buf *notes, gs_error *err);
int gs_backtest_range(const gs_backtest_options *o, gs_replay *r, gs_buf *notes, gs_error *err);
/* Decides on step_ms, and takes a step that is longer than the policy's interval for the interval. */
int gs_backtest_range_plan(gs_backtest_options *o, gs_buf *notes, gs_error *err);

#endif
