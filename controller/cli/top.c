/* `gostat top`: pods by goroutines, and how fast they grow. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/incidents.h"
#include "cli/pods.h"
#include "codec/goroutine_text.h"
#include "codec/prom_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define TIMEOUT_MS 10000
#define FOR_DEFAULT_MS 10000
#define FOR_MAX_MS 3600000
#define TOTAL_LINE_MAX 64
#define ROUNDS 2 /* samples of each pod */

typedef struct options {
    int64_t for_ms;
} options;

static int take(void *own, const char *name, const char *value, gs_error *err)
{
    options *o = own;
    (void)name;
    if (!gs_str_duration_ms(gs_str_of(value), &o->for_ms) || o->for_ms < 1000 || o->for_ms > FOR_MAX_MS)
        return gs_error_set(err, GS_TERMINAL, "--for \"%.40s\": want 1s to 1h, as 10s or 2m", value);
    return 0;
}

static const gs_flag flags[] = {
    {"for", 0, "TIME", "between the two samples that growth is told from, 1s to 1h; left out: 10s"},
    {0},
};

static const gs_subcommand description = {
    .name = "top",
    .arguments = "[POLICY]",
    .max_args = 1,
    .about =
        "Asks the pods that policies select how many goroutines they have, twice, and lists them: those that grow\n"
        "fastest first, then those with the most. They are asked where their policy says (its metrics, else the first\n"
        "line of goroutine?debug=1), through the API server's pod proxy and with your own rights: get pods/proxy.\n"
        "\n"
        "  GOROUTINES  of the second sample\n"
        "  GROWTH      goroutines a minute between the two; few seconds show load, not leaks\n"
        "  STATE       the open incident that lists the pod, and its grade; or why the pod could not be asked\n",
    .flags = flags,
    .common = GS_COMMON_CLUSTER | GS_COMMON_ALL | GS_COMMON_OUTPUT,
    .examples = "top -A\n"
                "top -n shop payments --for 1m\n",
    .exit_ok = "listed; there may be none, and pods that could not be asked",
    .exit_fault = "no such policy; the API server cannot be reached, or answers nonsense",
    .take = take,
};

typedef struct row {
    struct top *all;
    const gs_pod *pod;
    const gs_policy *policy;
    const gs_incident *incident; /* that is open and lists it; NULL */
    int port;
    bool metrics;
    bool full; /* head holds the total */
    gs_prom prom;
    gs_buf head; /* of goroutine?debug=1 */
    size_t round;
    struct {
        double goroutines;
        int64_t at_ms; /* mono */
    } samples[ROUNDS];
    char reason[GS_PROXY_REASON_LEN]; /* why it could not be asked; "" */
} row;

typedef struct top {
    gs_cluster *c;
    gs_clock clock;
    gs_pods pods;
    gs_policies policies;
    gs_incidents incidents;
    row *v;
    size_t n, cap;
    size_t waiting;  /* rows that are asked */
    gs_error denied; /* of the first one that the user may not ask */
    bool done;
} top;

static void top_done(top *t)
{
    for (size_t i = 0; i < t->n; i++)
        gs_buf_done(&t->v[i].head);
    free(t->v);
    gs_pods_done(&t->pods);
    gs_policies_done(&t->policies);
    gs_incidents_done(&t->incidents);
}
GS_DEFINE_CLEANUP_VALUE(top, top_done)

/* ---- whom to ask ---- */

static const gs_incident *open_incident(const top *t, const gs_pod *p)
{
    for (size_t i = 0; i < t->incidents.n; i++) {
        gs_incident *at = t->incidents.v[i].i;
        if (!at->resolved && gs_streq(at->workload.ns, p->ns) && gs_incident_find_pod(at, p->name))
            return at;
    }
    return NULL;
}

static void find_port(row *r)
{
    const gs_endpoint_spec *e = &r->policy->endpoint;
    const gs_port *port = e->has_metrics ? &e->metrics_port : &e->pprof_port;
    r->metrics = e->has_metrics;
    r->port = gs_pod_port_number(r->pod, port);
    if (!r->pod->running)
        (void)snprintf(r->reason, sizeof r->reason, "it does not run");
    else if (!r->port)
        (void)snprintf(r->reason, sizeof r->reason, "no container port is named %s", port->name);
    else
        (void)gs_proxy_possible(r->policy, r->reason);
}

static void choose(top *t, const char *policy)
{
    for (size_t i = 0; i < t->pods.n; i++) {
        const gs_pod *p = t->pods.v[i];
        const gs_policy *its = gs_policies_of_pod(&t->policies, p);
        if (!its || p->deleting || p->finished || (policy && !gs_streq(its->name, policy)))
            continue;
        t->v = gs_grow(t->v, &t->cap, t->n + 1, sizeof *t->v);
        row *r = &t->v[t->n++];
        *r = (row){.pod = p, .policy = its, .incident = open_incident(t, p), .head = GS_BUF(TOTAL_LINE_MAX)};
        find_port(r);
    }
}

/* ---- asking ---- */

static int on_data(void *ctx, const char *p, size_t n, gs_error *err)
{
    row *r = ctx;
    uint64_t total;
    if (r->metrics) {
        gs_prom_feed(&r->prom, p, n);
        return 0;
    }
    size_t room = TOTAL_LINE_MAX - r->head.n;
    (void)gs_buf_add(&r->head, p, n < room ? n : room);
    int rc = gs_goroutine_total(gs_buf_str(&r->head), &total, err);
    if (rc <= 0)
        return rc;
    r->full = true;
    return gs_error_set(err, GS_CANCELLED, "what comes behind the total is not needed");
}

static int count(row *r, double *ret, gs_error *err)
{
    gs_sample s;
    uint64_t total;
    if (!r->metrics) {
        int rc = gs_goroutine_total(gs_buf_str(&r->head), &total, err);
        *ret = (double)total;
        return rc > 0 ? 0 : rc < 0 ? rc : gs_error_set(err, GS_TERMINAL, "it answers nothing");
    }
    int rc = gs_prom_finish(&r->prom, &s, err);
    *ret = rc < 0 ? NAN : s.goroutines;
    return rc;
}

static void on_done(void *ctx, const gs_kube_reply *reply)
{
    row *r = ctx;
    top *t = r->all;
    gs_error err = {0};
    if (reply->err.kind != GS_OK && !r->full) {
        if (!gs_proxy_reason(reply, r->reason) && !t->denied.kind)
            t->denied = reply->err;
    } else if (count(r, &r->samples[r->round].goroutines, &err) < 0) {
        (void)gs_str_copy(r->reason, sizeof r->reason, gs_str_of(err.msg));
    }
    r->samples[r->round++].at_ms = gs_mono(&t->clock);
    if (--t->waiting == 0) {
        t->done = true;
        gs_loop_stop(t->c->loop);
    }
}

static void ask(row *r)
{
    const gs_endpoint_spec *e = &r->policy->endpoint;
    gs_autofree char *path =
        gs_sprintf("%s%s", r->metrics ? e->metrics_path : e->pprof_path, r->metrics ? "" : "/goroutine");
    gs_prom_init(&r->prom);
    gs_buf_reset(&r->head);
    r->full = false;
    r->all->waiting++;
    gs_proxy_start(r->all->c, &(gs_proxy_get){.ns = r->pod->ns,
                                              .pod = r->pod->name,
                                              .port = r->port,
                                              .https = e->https,
                                              .path = path,
                                              .query = r->metrics ? NULL : "debug=1",
                                              .timeout_ms = TIMEOUT_MS,
                                              .max_bytes = GS_MAX_METRICS_BYTES,
                                              .on_data = on_data,
                                              .done = on_done,
                                              .ctx = r});
}

static void ask_all(top *t)
{
    t->done = false;
    for (size_t i = 0; i < t->n; i++) {
        t->v[i].all = t;
        if (!t->v[i].reason[0])
            ask(&t->v[i]);
    }
    if (t->waiting)
        gs_cluster_wait(t->c, &t->done);
}

static void on_timer(void *ctx)
{
    top *t = ctx;
    t->done = true;
    gs_loop_stop(t->c->loop);
}

static void sleep_for(top *t, int64_t ms)
{
    gs_cleanup(gs_timer_free) gs_timer *timer = gs_timer_new(t->c->loop, on_timer, t);
    t->done = false;
    gs_timer_set(timer, ms);
    gs_cluster_wait(t->c, &t->done);
}

/* ---- what they said ---- */

static bool known(const row *r)
{
    return !r->reason[0] && r->round == ROUNDS;
}

static double growth(const row *r)
{
    int64_t ms = r->samples[1].at_ms - r->samples[0].at_ms;
    return ms > 0 ? (r->samples[1].goroutines - r->samples[0].goroutines) * 60000 / (double)ms : 0;
}

static int by_growth(const void *a, const void *b)
{
    const row *x = a, *y = b;
    if (known(x) != known(y))
        return known(x) ? -1 : 1;
    if (known(x) && round(growth(x)) != round(growth(y)))
        return growth(x) > growth(y) ? -1 : 1;
    if (known(x) && x->samples[1].goroutines != y->samples[1].goroutines)
        return x->samples[1].goroutines > y->samples[1].goroutines ? -1 : 1;
    int ns = strcmp(x->pod->ns, y->pod->ns);
    return ns ? ns : strcmp(x->pod->name, y->pod->name);
}

static void print_row(gs_table *t, const gs_cluster *c, const row *r)
{
    gs_pod_owner owner;
    gs_pod_find_owner(r->pod, &owner);
    if (!c->ns)
        gs_table_cell(t, gs_str_of(r->pod->ns), GS_PLAIN);
    gs_table_cell(t, gs_str_of(r->pod->name), GS_PLAIN);
    gs_table_cellf(t, GS_PLAIN, "%s/%s", owner.kind, owner.name);
    gs_table_cell(t, gs_str_of(r->policy->name), GS_PLAIN);
    if (known(r)) {
        gs_table_cellf(t, GS_PLAIN, "%.0f", r->samples[1].goroutines);
        gs_table_cellf(t, GS_PLAIN, "%+.0f/min", round(growth(r)) + 0.0);
    } else {
        gs_table_cell(t, GS_STR(""), GS_PLAIN);
        gs_table_cell(t, GS_STR(""), GS_PLAIN);
    }
    if (r->reason[0])
        gs_table_cell(t, gs_str_of(r->reason), GS_YELLOW);
    else if (r->incident)
        gs_table_cellf(t, gs_severity_colour(r->incident->severity), "%s %s", gs_grade_name(r->incident->grade),
                       r->incident->name);
    else
        gs_table_cell(t, GS_STR(""), GS_PLAIN);
}

static void print_table(const top *t)
{
    static const gs_column columns[] = {
        {.title = "NAMESPACE"},  {.title = "POD"},    {.title = "WORKLOAD"}, {.title = "POLICY"},
        {"GOROUTINES", true, 0}, {"GROWTH", true, 0}, {.title = "STATE"},
    };
    size_t skip = t->c->ns ? 1 : 0;
    gs_cleanup(gs_table_free) gs_table *table = gs_table_new(columns + skip, GS_LEN(columns) - skip);
    for (size_t i = 0; i < t->n; i++)
        print_row(table, t->c, &t->v[i]);
    if (t->n)
        gs_table_print(table, t->c->colours, &t->c->text);
    else
        (void)gs_buf_addf(&t->c->text, "no policy selects a pod%s%s\n", t->c->ns ? " in namespace " : "",
                          t->c->ns ? t->c->ns : "");
}

static void write_row(gs_json_writer *w, const row *r)
{
    gs_pod_owner owner;
    gs_pod_find_owner(r->pod, &owner);
    gs_jw_object(w, NULL);
    gs_jw_str(w, "namespace", r->pod->ns);
    gs_jw_str(w, "name", r->pod->name);
    gs_jw_object(w, "workload");
    gs_jw_str(w, "kind", owner.kind);
    gs_jw_str(w, "name", owner.name);
    gs_jw_end(w);
    gs_jw_str(w, "policy", r->policy->name);
    gs_jw_double(w, "goroutines", known(r) ? r->samples[1].goroutines : NAN);
    gs_jw_double(w, "growthPerMinute", known(r) ? growth(r) : NAN);
    gs_jw_str(w, "incident", r->incident ? r->incident->name : NULL);
    gs_jw_str(w, "grade", r->incident ? gs_grade_name(r->incident->grade) : NULL);
    gs_jw_str(w, "error", r->reason[0] ? r->reason : NULL);
    gs_jw_end(w);
}

static enum gs_exit print(const top *t, const options *o, gs_error *err)
{
    gs_json_writer w;
    if (t->c->line.form == GS_FORM_TABLE) {
        print_table(t);
        return GS_EXIT_OK;
    }
    gs_cluster_document(t->c, &w, "gostat.dev/top/v1");
    gs_jw_double(&w, "seconds", (double)o->for_ms / 1000);
    gs_jw_array(&w, "pods");
    for (size_t i = 0; i < t->n; i++)
        write_row(&w, &t->v[i]);
    gs_jw_end(&w);
    return gs_cluster_document_end(&w, err);
}

static bool has_policy(const gs_policies *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (gs_streq(l->v[i]->name, name))
            return true;
    return false;
}

static bool any_asked(const top *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (!t->v[i].reason[0])
            return true;
    return false;
}

static enum gs_exit run(gs_cluster *c, void *own, gs_error *err)
{
    const options *o = own;
    gs_cleanup(top_done) top t = {.c = c, .clock = gs_clock_system()};
    const char *policy = c->line.n_args ? c->line.args[0] : NULL;
    enum gs_exit code = gs_policies_list(c, c->ns, &t.policies, err);
    if (!code && policy && !has_policy(&t.policies, policy)) {
        (void)gs_error_set(err, GS_NOT_FOUND, "no policy \"%s\"%s%s that can be read", policy,
                           c->ns ? " in namespace " : "", c->ns ? c->ns : "");
        return GS_EXIT_FAULT;
    }
    if (!code)
        code = gs_pods_list(c, c->ns, &t.pods, err);
    if (!code)
        code = gs_incidents_list(c, c->ns, &t.incidents, err);
    if (code)
        return code;
    choose(&t, policy);
    int64_t begun = gs_mono(&t.clock);
    ask_all(&t);
    if (!t.denied.kind && any_asked(&t)) {
        sleep_for(&t, o->for_ms - (gs_mono(&t.clock) - begun));
        ask_all(&t);
    }
    if (t.denied.kind) {
        *err = t.denied;
        return gs_cluster_explain(c, "get", &GS_POD_PROXY, c->ns, err);
    }
    if (t.n)
        qsort(t.v, t.n, sizeof *t.v, by_growth);
    return print(&t, o, err);
}

int gs_cmd_top(int argc, char **argv)
{
    options o = {.for_ms = FOR_DEFAULT_MS};
    return gs_cluster_main(&description, argc, argv, run, &o);
}
