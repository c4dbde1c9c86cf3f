/* `gostat snapshot`: evidence of one pod, taken now. */
#include "cli/snapshot.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/evidence_dir.h"
#include "cli/pods.h"
#include "cli/report.h"
#include "cli/term.h"
#include "edge/scraper_stream.h"
#include "io/workers.h"

#include <stdio.h>
#include <unistd.h>

#define EXTRA_MS 30000 /* beyond the seconds that a profile runs */
#define IDLE_MS 15000
#define TOP 20              /* patterns that are told */
#define INCIDENT "snapshot" /* what its files lie under, in place of an incident's name */

/* ---- what is taken ---- */

typedef struct piece {
    enum gs_profile_kind kind;
    gs_evidence evidence;
    gs_profile *profile; /* of goroutines */
    bool not_offered;
    char reason[GS_PROXY_REASON_LEN]; /* why there is none; "" */
} piece;

typedef struct snapshot {
    gs_cluster *c;
    const gs_snapshot_options *o;
    gs_clock clock;
    gs_policies policies;
    gs_pod *pod;
    const gs_policy *policy; /* that selects it; NULL */
    int port;
    gs_workers *workers;
    gs_evidence_dir *dir;
    gs_evidence_store store;
    gs_incident *incident; /* in whose place the files lie */
    piece pieces[GS_SNAPSHOT_KINDS];
    size_t n;
    char *file; /* of the report */
    gs_buf raw; /* of the piece that is being taken */
    bool done, denied;
    gs_error err;
} snapshot;

static void snapshot_done(snapshot *s)
{
    for (size_t i = 0; i < s->n; i++)
        gs_profile_free(s->pieces[i].profile);
    gs_evidence_dir_free(s->dir);
    gs_workers_free(s->workers);
    gs_incident_free(s->incident);
    gs_pod_free(s->pod);
    gs_policies_done(&s->policies);
    gs_buf_done(&s->raw);
    free(s->file);
}
GS_DEFINE_CLEANUP_VALUE(snapshot, snapshot_done)

static void wake(snapshot *s)
{
    s->done = true;
    gs_loop_stop(s->c->loop);
}

static int on_data(void *ctx, const char *p, size_t n, gs_error *err)
{
    snapshot *s = ctx;
    if (gs_buf_add(&s->raw, p, n))
        return gs_error_set(err, GS_NO_MEMORY, "it is larger than %zu bytes", s->raw.max);
    return 0;
}

static void on_fetched(void *ctx, const gs_kube_reply *reply)
{
    snapshot *s = ctx;
    piece *p = &s->pieces[s->n - 1];
    p->not_offered = reply->err.status == 404 && !reply->reason[0];
    if (reply->err.kind != GS_OK && !gs_proxy_reason(reply, p->reason)) {
        s->err = reply->err;
        s->denied = true;
    }
    wake(s);
}

static void fetch(snapshot *s, enum gs_profile_kind kind)
{
    const gs_stream_form *form = gs_stream_form_of(kind);
    const char *base = s->o->path ? s->o->path : s->policy ? s->policy->endpoint.pprof_path : "/debug/pprof";
    int seconds = s->o->seconds ? s->o->seconds : kind == GS_PROFILE_CPU ? 30 : 5;
    size_t n = strcspn(form->suffix, "?"), base_n = strlen(base);
    while (base_n && base[base_n - 1] == '/')
        base_n--;
    gs_autofree char *path = gs_sprintf("%.*s%.*s", (int)base_n, base, (int)n, form->suffix);
    gs_autofree char *query =
        form->timed ? gs_sprintf("%s%d", form->suffix + n + 1, seconds) : gs_strdup(form->suffix + n + 1);
    int64_t wait_ms = form->timed ? (int64_t)seconds * 1000 : 0;
    gs_buf_done(&s->raw);
    s->raw = GS_BUF(form->max_bytes);
    s->done = false;
    gs_proxy_start(s->c, &(gs_proxy_get){.ns = s->pod->ns,
                                         .pod = s->pod->name,
                                         .port = s->port,
                                         .https = s->policy && s->policy->endpoint.https,
                                         .path = path,
                                         .query = query,
                                         .timeout_ms = wait_ms + EXTRA_MS,
                                         .idle_timeout_ms = wait_ms + IDLE_MS,
                                         .max_bytes = form->max_bytes,
                                         .on_data = on_data,
                                         .done = on_fetched,
                                         .ctx = s});
    gs_cluster_wait(s->c, &s->done);
}

/* Goroutines of the process, for the metadata, where this profile tells them. */
static uint64_t look_into(snapshot *s, piece *p)
{
    gs_error err = {0};
    gs_str magic = gs_stream_form_of(p->kind)->magic;
    if (s->raw.n < magic.n || memcmp(s->raw.p, magic.p, magic.n) != 0) {
        (void)snprintf(p->reason, sizeof p->reason, "what the pod sends is no %s profile",
                       gs_profile_kind_name(p->kind));
    } else if (p->kind == GS_PROFILE_GOROUTINE || p->kind == GS_PROFILE_LEAK) {
        if (gs_dump_decode(gs_buf_str(&s->raw), false, &p->profile, &err) < 0)
            (void)gs_str_copy(p->reason, sizeof p->reason, gs_str_of(err.msg));
        else if (p->profile->kind != p->kind)
            (void)snprintf(p->reason, sizeof p->reason, "the pod sends another profile");
    }
    if (p->kind == GS_PROFILE_GOROUTINE && p->profile)
        s->incident->pods[0].goroutines = p->profile->total;
    return s->incident->pods[0].goroutines;
}

static void on_stored(void *arg, const gs_evidence *e, const gs_error *err)
{
    snapshot *s = arg;
    piece *p = &s->pieces[s->n - 1];
    p->evidence = *e;
    if (err->kind != GS_OK)
        (void)gs_str_copy(p->reason, sizeof p->reason, gs_str_of(err->msg));
    wake(s);
}

static void take_piece(snapshot *s, enum gs_profile_kind kind)
{
    piece *p = &s->pieces[s->n++];
    const gs_stream_form *form = gs_stream_form_of(kind);
    p->kind = kind;
    if (form->timed)
        gs_command_complain(GS_SNAPSHOT.name, kind == GS_PROFILE_CPU ? "the CPU profile takes its seconds"
                                                                     : "the trace takes its seconds");
    int64_t wall_ms = gs_wall(&s->clock);
    fetch(s, kind);
    if (p->reason[0] || s->denied)
        return;
    uint64_t goroutines = look_into(s, p);
    if (p->reason[0])
        return;
    s->done = false;
    s->store.put(s->store.ctx, s->policy, s->incident, s->pod->name, kind, goroutines, gs_buf_str(&s->raw), wall_ms,
                 on_stored, s);
    gs_cluster_wait(s->c, &s->done);
}

/* ---- whom to ask ---- */

static enum gs_exit find_pod(snapshot *s, const char *name, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf object = GS_BUF(GS_MAX_REPLY_BYTES);
    gs_kube_path path = {.resource = &GS_PODS, .ns = s->c->ns, .name = name};
    enum gs_exit code = gs_cluster_get(s->c, &path, &object, err);
    if (!code && gs_pod_from_json(gs_buf_str(&object), &s->pod, err))
        return GS_EXIT_FAULT;
    if (!code && !s->pod->running) {
        (void)gs_error_set(err, GS_TERMINAL, "pod %s does not run", name);
        return GS_EXIT_FAULT;
    }
    return code;
}

/* Policies say where to ask; who names a port needs none, and no right to read them. */
static enum gs_exit find_port(snapshot *s, gs_error *err)
{
    bool given = s->o->port.number || s->o->port.name[0];
    char reason[GS_PROXY_REASON_LEN];
    enum gs_exit code = given ? GS_EXIT_OK : gs_policies_list(s->c, s->c->ns, &s->policies, err);
    if (code)
        return code;
    s->policy = gs_policies_of_pod(&s->policies, s->pod);
    if (!given && !s->policy) {
        (void)gs_error_set(err, GS_TERMINAL, "no policy of namespace %s selects pod %s: say where pprof is with --port",
                           s->pod->ns, s->pod->name);
        return GS_EXIT_USAGE;
    }
    if (s->policy && !gs_proxy_possible(s->policy, reason)) {
        (void)gs_error_set(err, GS_TERMINAL, "%s", reason);
        return GS_EXIT_FAULT;
    }
    const gs_port *port = given ? &s->o->port : &s->policy->endpoint.pprof_port;
    s->port = gs_pod_port_number(s->pod, port);
    if (!s->port) {
        (void)gs_error_set(err, GS_TERMINAL, "pod %s has no container port named %s", s->pod->name, port->name);
        return given ? GS_EXIT_USAGE : GS_EXIT_FAULT;
    }
    return GS_EXIT_OK;
}

static void name_place(snapshot *s)
{
    gs_incident *i = gs_alloc(sizeof *i);
    gs_pod_owner owner;
    gs_pod_find_owner(s->pod, &owner);
    (void)gs_str_copy(i->name, sizeof i->name, GS_STR(INCIDENT));
    (void)gs_str_copy(i->workload.kind, sizeof i->workload.kind, gs_str_of(owner.kind));
    (void)gs_str_copy(i->workload.ns, sizeof i->workload.ns, gs_str_of(s->pod->ns));
    (void)gs_str_copy(i->workload.name, sizeof i->workload.name, gs_str_of(owner.name));
    if (s->policy)
        (void)gs_str_copy(i->policy_name, sizeof i->policy_name, gs_str_of(s->policy->name));
    i->pods = gs_grow(NULL, &i->cap_pods, 1, sizeof *i->pods);
    i->n_pods = 1;
    (void)gs_str_copy(i->pods[0].name, sizeof i->pods[0].name, gs_str_of(s->pod->name));
    s->incident = i;
}

/* ---- what it shows ---- */

static void print_piece(const snapshot *s, const piece *p, gs_buf *out)
{
    (void)gs_buf_addf(out, "%-14s", gs_profile_kind_name(p->kind));
    if (p->not_offered) {
        (void)gs_buf_adds(out, "not offered by this program\n");
    } else if (p->reason[0]) {
        (void)gs_term_text(out, gs_str_of(p->reason), GS_TERM_ANY);
        (void)gs_buf_adds(out, "\n");
    } else {
        (void)gs_term_text(out, gs_str_of(s->o->dir), GS_TERM_ANY);
        (void)gs_buf_addf(out, "/%s\n%-14s%llu bytes, sha256 %s\n", p->evidence.key, "",
                          (unsigned long long)p->evidence.bytes, p->evidence.sha256);
    }
}

static bool make_report(snapshot *s, gs_profile_file *file, gs_report *ret)
{
    for (size_t i = 0; i < s->n; i++) {
        const piece *p = &s->pieces[i];
        if (p->kind != GS_PROFILE_GOROUTINE || p->reason[0])
            continue;
        s->file = gs_sprintf("%s/%s", s->o->dir, p->evidence.key);
        *file = (gs_profile_file){s->file, GS_DUMP_PPROF, p->evidence.bytes, p->profile};
        gs_report_make(file, 1, ret);
        return true;
    }
    return false;
}

static void print_text(snapshot *s)
{
    gs_output out = {.fd = STDOUT_FILENO};
    gs_profile_file file;
    gs_cleanup(gs_report_done) gs_report r = {0};
    for (size_t i = 0; i < s->n; i++)
        print_piece(s, &s->pieces[i], &s->c->text);
    bool told = make_report(s, &file, &r);
    if (told)
        (void)gs_buf_adds(&s->c->text, "\n");
    (void)gs_output_flush(&out, &s->c->text);
    if (told)
        gs_report_text(&r, TOP, &out);
}

static enum gs_exit write_document(snapshot *s, gs_error *err)
{
    gs_json_writer w;
    gs_profile_file file;
    gs_cleanup(gs_report_done) gs_report r = {0};
    gs_cleanup(gs_buf_done) gs_buf report = GS_BUF(GS_MAX_REPORT_BYTES);
    gs_cluster_document(s->c, &w, "gostat.dev/snapshots/v1");
    gs_jw_str(&w, "namespace", s->pod->ns);
    gs_jw_str(&w, "pod", s->pod->name);
    gs_jw_array(&w, "files");
    for (size_t i = 0; i < s->n; i++) {
        const piece *p = &s->pieces[i];
        gs_autofree char *name = gs_sprintf("%s/%s", s->o->dir, p->evidence.key);
        gs_jw_object(&w, NULL);
        gs_jw_str(&w, "kind", gs_profile_kind_name(p->kind));
        gs_jw_str(&w, "file", p->reason[0] ? NULL : name);
        gs_jw_uint(&w, "bytes", p->evidence.bytes);
        gs_jw_str(&w, "sha256", p->reason[0] ? NULL : p->evidence.sha256);
        gs_jw_str(&w, "error", p->reason[0] ? p->reason : NULL);
        gs_jw_end(&w);
    }
    gs_jw_end(&w);
    if (make_report(s, &file, &r) && gs_report_json(&r, TOP, &report, err) == 0)
        gs_jw_raw(&w, "report", gs_buf_str(&report));
    return gs_cluster_document_end(&w, err);
}

static enum gs_exit run(gs_cluster *c, void *own, gs_error *err)
{
    gs_cleanup(snapshot_done) snapshot s = {.c = c, .o = own, .clock = gs_clock_system()};
    enum gs_exit code = find_pod(&s, c->line.args[0], err);
    if (!code)
        code = find_port(&s, err);
    if (code)
        return code;
    if (gs_workers_new(c->loop, 1, 4, &s.workers, err))
        return GS_EXIT_FAULT;
    if (gs_evidence_dir_new(s.o->dir, s.workers, &s.dir, err))
        return GS_EXIT_USAGE;
    name_place(&s);
    s.store = gs_evidence_dir_port(s.dir, NULL);
    unsigned kinds = s.o->kinds ? s.o->kinds : s.policy ? s.policy->snapshot_kinds : 0;
    if (!kinds)
        kinds = 1u << GS_PROFILE_GOROUTINE | 1u << GS_PROFILE_LEAK;
    for (size_t k = 0; k < GS_SNAPSHOT_KINDS && !s.denied; k++)
        if (kinds >> gs_snapshot_order[k] & 1)
            take_piece(&s, gs_snapshot_order[k]);
    if (s.denied) {
        *err = s.err;
        return gs_cluster_explain(c, "get", &GS_POD_PROXY, c->ns, err);
    }
    if (c->line.form == GS_FORM_TABLE)
        print_text(&s);
    else if (write_document(&s, err))
        return GS_EXIT_FAULT;
    for (size_t i = 0; i < s.n; i++)
        if (s.pieces[i].reason[0] && !s.pieces[i].not_offered)
            code = GS_EXIT_FAULT;
    return code;
}

int gs_cmd_snapshot(int argc, char **argv)
{
    gs_snapshot_options o = {.dir = "evidence"};
    return gs_cluster_main(&GS_SNAPSHOT, argc, argv, run, &o);
}
