/* A Prometheus server as the series: range by range, each small enough for its limits and for ours, all queries of a
 * range before its points are played. */
#include "base/map.h"
#include "base/mem.h"
#include "cli/backtest.h"
#include "edge/prometheus.h"

#include <math.h>
#include <stdio.h>

#define LEAST_POINTS 16 /* of a range: where so few do not fit, nothing will */

/* Points of the range by number; NaN where there is none. */
typedef struct column {
    double *v;          /* NULL: nothing is known */
    size_t first, last; /* of the series in it that began last */
} column;

typedef struct page_pod {
    char name[GS_MATRIX_NAME_LEN];
    column columns[GS_BACKTEST_QUERIES];
} page_pod;

typedef struct page {
    int64_t start_ms, step_ms;
    size_t points;
    page_pod *pods;
    size_t n_pods, cap_pods, values;
    gs_map *by_name; /* -> index + 1 */
    enum gs_backtest_query query;
    page_pod *pod; /* whose series is being read; NULL: of nobody */
    column series; /* what was read of it; v NULL: nothing yet */
} page;

typedef struct fetching {
    const gs_backtest_options *o;
    gs_loop *loop;
    gs_prometheus *server;
    gs_replay *replay;
    gs_error err;                      /* of the answer that was waited for */
    bool matched[GS_BACKTEST_QUERIES]; /* some series had the name of one of --query's */
} fetching;

static void fetching_done(fetching *f)
{
    gs_prometheus_free(f->server);
    gs_loop_free(f->loop);
}
GS_DEFINE_CLEANUP_VALUE(fetching, fetching_done)

/* The step. */

static int64_t points_between(int64_t start_ms, int64_t end_ms, int64_t step_ms)
{
    return (end_ms - start_ms) / step_ms + 1;
}

/* What looks at windows cannot look into ones that are shorter than the interval. */
static int check_interval(const gs_policy *p, gs_error *err)
{
    const gs_detection *d = &p->detection;
    if (p->interval_s > 300)
        return gs_error_set(err, GS_TERMINAL, "a step of %d s is too long: at most 300; choose a shorter range",
                            p->interval_s);
    if (d->surge.enabled && d->surge.window_s < p->interval_s)
        return gs_error_set(err, GS_TERMINAL, "a step of %d s is longer than spec.detection.surge.windowSeconds, %d",
                            p->interval_s, d->surge.window_s);
    if (d->floor.enabled && d->floor.window_s < p->interval_s)
        return gs_error_set(err, GS_TERMINAL, "a step of %d s is longer than spec.detection.floor.windowSeconds, %d",
                            p->interval_s, d->floor.window_s);
    return 0;
}

int gs_backtest_range_plan(gs_backtest_options *o, gs_buf *notes, gs_error *err)
{
    const int64_t max = (int64_t)GS_MAX_RANGE_POINTS * GS_MAX_RANGE_REQUESTS, span = o->end_ms - o->start_ms;
    int64_t interval = (int64_t)o->policy->interval_s * 1000;
    int64_t least = (span / max / 1000 + 1) * 1000; /* whole seconds */
    char from[GS_TIME_LEN], to[GS_TIME_LEN];
    if (o->start_ms >= o->end_ms)
        return gs_error_set(err, GS_TERMINAL, "--start is not before --end");
    if (span > GS_MAX_SERIES_DAYS * 86400000LL)
        return gs_error_set(err, GS_TERMINAL, "from --start to --end is over %d days", GS_MAX_SERIES_DAYS);
    if (o->step_ms && points_between(o->start_ms, o->end_ms, o->step_ms) > max)
        return gs_error_set(err, GS_TERMINAL, "--step %lld gives over %lld points; take %lld or more",
                            (long long)(o->step_ms / 1000), (long long)max, (long long)(least / 1000));
    if (!o->step_ms)
        o->step_ms = points_between(o->start_ms, o->end_ms, interval) > max ? least : interval;
    gs_time_format(o->start_ms, from);
    gs_time_format(o->end_ms, to);
    (void)gs_buf_addf(notes, "%s to %s, a point every %lld s\n", from, to, (long long)(o->step_ms / 1000));
    if (o->step_ms <= interval)
        return 0;
    (void)gs_buf_addf(notes,
                      "the step is longer than spec.sampling.intervalSeconds, %d: it counts as the interval, and "
                      "growth and baseline, which look at successive samples, see less than they would\n",
                      o->policy->interval_s);
    o->policy->interval_s = (int)(o->step_ms / 1000);
    return check_interval(o->policy, err);
}

/* One range. */

static void page_done(page *g)
{
    for (size_t k = 0; k < g->n_pods; k++)
        for (size_t q = 0; q < GS_BACKTEST_QUERIES; q++)
            free(g->pods[k].columns[q].v);
    free(g->series.v);
    free(g->pods);
    gs_map_free(g->by_name);
}
GS_DEFINE_CLEANUP_VALUE(page, page_done)

static page_pod *find_pod(page *g, const char *name)
{
    size_t k = (size_t)(uintptr_t)gs_map_get(g->by_name, name);
    if (k)
        return &g->pods[k - 1];
    if (g->query != GS_QUERY_GOROUTINES)
        return NULL; /* nobody to whom it could belong */
    g->pods = gs_grow(g->pods, &g->cap_pods, g->n_pods + 1, sizeof *g->pods);
    page_pod *p = &g->pods[g->n_pods++];
    (void)gs_str_copy(p->name, sizeof p->name, gs_str_of(name));
    gs_map_put(g->by_name, name, (void *)(uintptr_t)g->n_pods); // NOLINT(performance-no-int-to-ptr)
    return p;
}

/* Puts the series that was read with its pod's. The same pod has two where it came back with another address, and a
 * server goes on with the old one for some minutes: the one that began later counts, then the one that ends later. */
static int end_series(page *g, gs_error *err)
{
    if (!g->pod || !g->series.v)
        return 0;
    column *to = &g->pod->columns[g->query], from = g->series;
    if (!to->v) {
        *to = from;
        g->series = (column){0};
        return 0;
    }
    bool newer = from.first > to->first || (from.first == to->first && from.last > to->last);
    bool twins = from.first == to->first && from.last == to->last;
    for (size_t k = from.first; k <= from.last; k++) {
        if (twins && !isnan(from.v[k]) && !isnan(to->v[k]))
            return gs_error_set(err, GS_TERMINAL,
                                "two series are named %.100s at the same time (label pod, else instance); make them "
                                "one in the query, as in max by (pod) (…)",
                                g->pod->name);
        if (!isnan(from.v[k]) && (newer || isnan(to->v[k])))
            to->v[k] = from.v[k];
    }
    if (newer) {
        to->first = from.first;
        to->last = from.last;
    }
    g->values -= g->points;
    free(from.v);
    g->series = (column){0};
    return 0;
}

static int on_series(void *ctx, const char *name, gs_error *err)
{
    page *g = ctx;
    int rc = end_series(g, err);
    if (!rc)
        g->pod = find_pod(g, name);
    return rc;
}

/* Room for a series that begins at the k-th point; NULL: there is none. */
static double *begin_series(page *g, size_t k, gs_error *err)
{
    if (g->values + g->points > GS_MAX_MATRIX_VALUES) {
        (void)gs_error_set(err, GS_NO_MEMORY, "over %u values in one answer", GS_MAX_MATRIX_VALUES);
        return NULL;
    }
    double *v = gs_allocn(g->points, sizeof *v);
    for (size_t i = 0; i < g->points; i++)
        v[i] = NAN;
    g->values += g->points;
    g->series = (column){.v = v, .first = k, .last = k};
    return v;
}

static int on_point(void *ctx, int64_t t_ms, double value, gs_error *err)
{
    page *g = ctx;
    int64_t k = (t_ms - g->start_ms + g->step_ms / 2) / g->step_ms;
    if (!g->pod || isinf(value))
        return 0;
    if (t_ms < g->start_ms || k >= (int64_t)g->points || (g->series.v && k <= (int64_t)g->series.last))
        return gs_error_set(err, GS_TERMINAL, "the answer has a point that is not the next one of the range asked for");
    if (value < 0)
        return gs_error_set(err, GS_TERMINAL, "%.100s has the value %g; the query must give counts, 0 or more",
                            g->pod->name, value);
    double *v = g->series.v ? g->series.v : begin_series(g, (size_t)k, err);
    if (!v)
        return -(int)GS_NO_MEMORY;
    v[k] = value;
    g->series.last = (size_t)k;
    return 0;
}

static void on_answer(void *ctx, const gs_error *err)
{
    fetching *f = ctx;
    f->err = *err;
    gs_loop_stop(f->loop);
}

static int ask(fetching *f, page *g)
{
    static const char *const flags[] = {"--query", "--query-start-time", "--query-fds", "--query-load"};
    const gs_matrix_handler h = {on_series, on_point, g};
    const gs_range_query q = {
        .query = f->o->queries[g->query],
        .start_ms = g->start_ms,
        .end_ms = g->start_ms + (int64_t)(g->points - 1) * g->step_ms,
        .step_ms = g->step_ms,
    };
    f->err = (gs_error){0};
    if (gs_prometheus_range(f->server, &q, &h, on_answer, f, &f->err) == 0)
        gs_loop_run(f->loop);
    if (!f->err.kind)
        (void)end_series(g, &f->err);
    g->pod = NULL;
    return f->err.kind ? gs_error_wrap(&f->err, GS_TERMINAL, "%s", flags[g->query]) : 0;
}

static int fill(fetching *f, page *g)
{
    g->by_name = gs_map_new(NULL);
    for (g->query = 0; g->query < GS_BACKTEST_QUERIES; g->query++) {
        if (f->o->queries[g->query] && ask(f, g))
            return -(int)f->err.kind;
        for (size_t k = 0; k < g->n_pods; k++)
            f->matched[g->query] |= g->pods[k].columns[g->query].v != NULL;
    }
    return 0;
}

static double value_at(const page_pod *p, enum gs_backtest_query query, size_t k)
{
    return p->columns[query].v ? p->columns[query].v[k] : NAN;
}

static int play(fetching *f, const page *g)
{
    int rc = 0;
    for (size_t k = 0; k < g->points && !rc; k++)
        for (size_t i = 0; i < g->n_pods && !rc; i++) {
            const page_pod *p = &g->pods[i];
            const gs_series_row row = {
                .t_ms = g->start_ms + (int64_t)k * g->step_ms,
                .pod = gs_str_of(p->name),
                .sample = {.goroutines = value_at(p, GS_QUERY_GOROUTINES, k),
                           .start_time_s = value_at(p, GS_QUERY_START_TIME, k),
                           .heap_inuse = NAN,
                           .cpu_s = NAN,
                           .open_fds = value_at(p, GS_QUERY_FDS, k),
                           .rss = NAN,
                           .load = value_at(p, GS_QUERY_LOAD, k)},
            };
            if (!isnan(row.sample.goroutines)) /* else there is no such pod now */
                rc = gs_replay_row(f->replay, &row, &f->err);
        }
    return rc;
}

/* *ret_long: the answer was too long for one range, and nothing of it was played. */
static int run_page(fetching *f, int64_t start_ms, size_t points, bool *ret_long)
{
    gs_cleanup(page_done) page g = {.start_ms = start_ms, .step_ms = f->o->step_ms, .points = points};
    int rc = fill(f, &g);
    *ret_long = rc == -(int)GS_NO_MEMORY;
    return rc ? rc : play(f, &g);
}

/* A range whose answer is too long is asked for again in halves, and so are the ones after it. */
static int run_all(fetching *f)
{
    int64_t left = points_between(f->o->start_ms, f->o->end_ms, f->o->step_ms), at = f->o->start_ms;
    size_t most = GS_MAX_RANGE_POINTS;
    while (left > 0) {
        bool too_long;
        size_t points = (int64_t)most < left ? most : (size_t)left;
        int rc = run_page(f, at, points, &too_long);
        if (too_long && points > LEAST_POINTS) {
            most = points / 2;
            continue;
        }
        if (rc)
            return rc;
        at += (int64_t)points * f->o->step_ms;
        left -= (int64_t)points;
    }
    return 0;
}

static int read_secret(const char *path, gs_buf *ret, gs_error *err)
{
    int rc = gs_read_file(path, GS_MAX_SECRET_VALUE, ret, err);
    while (!rc && ret->n && strchr("\r\n", ret->p[ret->n - 1]))
        ret->p[--ret->n] = 0;
    return rc;
}

static int connect_to(fetching *f, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf ca = GS_BUF(0), token = GS_BUF(0);
    int rc = f->o->ca_file ? gs_read_file(f->o->ca_file, GS_MAX_FILE_BYTES, &ca, err) : 0;
    if (!rc && f->o->token_file)
        rc = read_secret(f->o->token_file, &token, err);
    const gs_prometheus_options options = {
        .url = f->o->prometheus,
        .ca_pem = f->o->ca_file ? gs_str_of(ca.p).p : NULL,
        .bearer_token = f->o->token_file ? gs_str_of(token.p).p : NULL,
    };
    if (!rc)
        rc = gs_prometheus_new(f->loop, &options, &f->server, err);
    if (token.n)
        explicit_bzero(token.p, token.n);
    return rc;
}

int gs_backtest_range(const gs_backtest_options *o, gs_replay *r, gs_buf *notes, gs_error *err)
{
    static const char *const flags[] = {"", "--query-start-time", "--query-fds", "--query-load"};
    gs_cleanup(fetching_done) fetching f = {.o = o, .replay = r};
    int rc = gs_loop_new(&f.loop, err);
    if (!rc)
        rc = connect_to(&f, err);
    if (rc)
        return rc;
    rc = run_all(&f);
    if (rc) {
        *err = f.err;
        return rc;
    }
    if (!f.matched[GS_QUERY_GOROUTINES])
        return gs_error_set(err, GS_TERMINAL, "--query: no series in this range; try it in the server's own page");
    for (size_t q = 1; q < GS_BACKTEST_QUERIES; q++)
        if (o->queries[q] && !f.matched[q])
            (void)gs_buf_addf(notes, "%s: none of its series has a name (label pod, else instance) of --query's\n",
                              flags[q]);
    return 0;
}
