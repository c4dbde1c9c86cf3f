/* operator/'s actuator as a program, for the component tests: looks at one workload, or carries one action on until it has
 * an outcome, and prints what it is told as JSON lines.
 *
 *   act_driver facts  --kubeconfig FILE --namespace NS --api-version V --kind K --name N --uid U [--type T]
 *   act_driver owners --kubeconfig FILE --namespace NS
 *   act_driver act    … --policy P [--type T --from N --to N --autoscaler A --victims POD=UID,…
 *               --ready-seconds N] [--die-after N] [--waiting N]
 *   act_driver undo   … --policy P [--die-after N]
 *
 * facts with --type also asks for the rights that this action needs. act goes on with what the policy's status says is
 * pending; where nothing is, the options say what is begun. --die-after: the process ends, as by kill -9, when the API
 * server has answered that many writes. --waiting: decisions that the policy's status does not have yet. */
#include "base/log.h"
#include "base/mem.h"
#include "kube/list.h"
#include "operator/act.h"
#include "wire/json_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROOM (1u << 20)

typedef struct app {
    op o;
    int argc;
    char **argv;
    long die_after, writes;
    gs_workload_ref w;
    gs_actuator actuator;
    const gs_policy *policy;
    gs_heal_history *h; /* the engine's */
    gs_timer *again;
    gs_kube_list *list;
    bool undo;
    int exit_code;
} app;

static const char *opt(const app *a, const char *name, const char *otherwise)
{
    for (int i = 2; i + 1 < a->argc; i += 2)
        if (strncmp(a->argv[i], "--", 2) == 0 && gs_streq(a->argv[i] + 2, name))
            return a->argv[i + 1];
    return otherwise;
}

static int number(const app *a, const char *name)
{
    int64_t n = 0;
    (void)gs_str_i64(gs_str_of(opt(a, name, "0")), &n);
    return (int)n;
}

static void end(app *a, const gs_error *err)
{
    if (err->kind != GS_OK) {
        (void)fprintf(stderr, "%s\n", err->msg);
        a->exit_code = 1;
    }
    gs_loop_stop(a->o.loop);
}

static void print(gs_buf *b, gs_json_writer *w)
{
    gs_error err;
    if (gs_jw_finish(w, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        exit(2);
    }
    (void)printf("%s\n", b->p);
    (void)fflush(stdout);
    gs_buf_done(b);
}

static enum gs_action_type type(const app *a)
{
    enum gs_action_type t = 0;
    while (t + 1 < GS_ACTION_TYPES && !gs_streq(gs_action_name(t), opt(a, "type", "")))
        t++;
    return t;
}

/* ---- facts ---- */

static void write_pod(gs_json_writer *w, const gs_pod_facts *p)
{
    gs_jw_object(w, NULL);
    gs_jw_str(w, "name", p->name);
    gs_jw_str(w, "revision", p->revision);
    gs_jw_bool(w, "assigned", p->assigned);
    gs_jw_bool(w, "running", p->running);
    gs_jw_bool(w, "ready", p->ready);
    gs_jw_bool(w, "since", p->ready_ms > 0);
    gs_jw_bool(w, "terminating", p->terminating);
    if (p->has_cost)
        gs_jw_int(w, "cost", p->cost);
    gs_jw_end(w);
}

static void on_facts(void *arg, const gs_workload_facts *f, const gs_error *err)
{
    app *a = arg;
    gs_buf b = GS_BUF(ROOM);
    gs_json_writer w;
    if (err->kind == GS_OK) {
        gs_jw_init(&w, &b);
        gs_jw_object(&w, NULL);
        gs_jw_bool(&w, "gone", f->gone);
        gs_jw_bool(&w, "scalable", f->scalable);
        gs_jw_bool(&w, "canReplace", f->can_replace);
        gs_jw_bool(&w, "canRestart", f->can_restart);
        gs_jw_int(&w, "replicas", f->replicas);
        gs_jw_int(&w, "available", f->available);
        gs_jw_bool(&w, "paused", f->paused);
        gs_jw_bool(&w, "rolling", f->rolling);
        gs_jw_int(&w, "replicaSets", f->replica_sets);
        gs_jw_str(&w, "autoscaler", f->autoscaler);
        gs_jw_bool(&w, "keda", f->keda);
        gs_jw_int(&w, "min", f->hpa_min);
        gs_jw_int(&w, "max", f->hpa_max);
        gs_jw_str(&w, "restartedAt", f->restarted_at);
        if (a->o.rights)
            gs_jw_int(&w, "lacks", f->lacks);
        gs_jw_array(&w, "pods");
        for (size_t k = 0; k < f->n_pods; k++)
            write_pod(&w, &f->pods[k]);
        gs_jw_end(&w);
        gs_jw_end(&w);
        print(&b, &w);
    }
    end(a, err);
}

/* ---- owners: pods under their workloads, as operator/store.c puts them ---- */

static int on_pod(void *ctx, gs_str object, gs_error *err)
{
    app *a = ctx;
    op_pod *p = gs_alloc(sizeof *p);
    int rc = gs_pod_from_json(object, &p->pod, err);
    if (rc < 0) {
        free(p);
        return rc;
    }
    gs_autofree char *key = gs_sprintf("%s/%s", p->pod->ns, p->pod->name);
    gs_map_put(a->o.pods, key, p);
    return 0;
}

static void print_owners(app *a)
{
    gs_buf b = GS_BUF(ROOM);
    gs_json_writer w;
    gs_jw_init(&w, &b);
    gs_jw_object(&w, NULL);
    for (gs_map_it it = {0}; gs_map_next(a->o.pods, &it);) {
        const op_pod *p = it.value;
        gs_autofree char *name = gs_sprintf("%s/%s", p->w->ref.kind, p->w->ref.name);
        gs_jw_str(&w, p->pod->name, name);
    }
    gs_jw_end(&w);
    print(&b, &w);
}

/* A policy in order that has the workload: without one nothing is looked at. */
static void own(app *a)
{
    op_policy *p = gs_alloc(sizeof *p);
    op_workload *w = gs_alloc(sizeof *w);
    *p = (op_policy){.o = &a->o, .p = gs_policy_new(), .key = gs_strdup("owner"), .in_force = true, .secret_ok = true};
    gs_map_put(a->o.policies, p->key, p);
    if (opt(a, "type", "")[0]) {
        p->p->actions[p->p->n_actions++].type = type(a);
        a->o.rights = gs_rights_new(a->o.kube);
    }
    w->key = gs_sprintf("%s/%s/%s/%s", a->w.ns, a->w.kind, a->w.name, a->w.uid);
    op_workload *known = gs_map_get(a->o.workloads, w->key);
    if (!known)
        gs_map_put(a->o.workloads, w->key, known = w);
    known->owner = p;
}

/* All are attached: then what was asked for. */
static void attach(void *ctx)
{
    app *a = ctx;
    gs_error ok = {0};
    bool all = true;
    for (gs_map_it it = {0}; gs_map_next(a->o.pods, &it);)
        all = op_pod_attach(&a->o, it.value) && all;
    if (!all) {
        gs_timer_set(a->again, 50);
    } else if (gs_streq(a->argv[1], "owners")) {
        print_owners(a);
        end(a, &ok);
    } else {
        own(a);
        a->actuator.facts(a->actuator.ctx, &a->w, on_facts, a);
    }
}

static void on_pods(void *ctx, const gs_error *err, const char *resource_version)
{
    app *a = ctx;
    (void)resource_version;
    a->list = NULL;
    if (err->kind != GS_OK) {
        end(a, err);
        return;
    }
    a->again = gs_timer_new(a->o.loop, attach, a);
    attach(a);
}

/* The queue asks for a pod again; attach does. */
static void ignore(void *ctx, const char *key)
{
    gs_kube_queue_done(((app *)ctx)->o.queue, key);
}

/* ---- act and undo ---- */

static void go_on(void *ctx);

static void on_result(void *arg, const gs_act_result *r)
{
    app *a = arg;
    gs_error ok = {0};
    gs_buf b = GS_BUF(ROOM);
    gs_json_writer w;
    gs_jw_init(&w, &b);
    gs_jw_object(&w, NULL);
    gs_jw_str(&w, "outcome", gs_outcome_name(r->outcome));
    gs_jw_str(&w, "reason", r->reason);
    gs_jw_end(&w);
    print(&b, &w);
    if (r->outcome == GS_OUTCOME_PENDING)
        gs_timer_set(a->again, r->retry_ms < 200 ? r->retry_ms : 200);
    else
        end(a, &ok);
}

static void go_on(void *ctx)
{
    app *a = ctx;
    if (a->undo)
        a->actuator.undo(a->actuator.ctx, a->policy, a->h, on_result, a);
    else
        a->actuator.advance(a->actuator.ctx, a->policy, a->h, on_result, a);
}

/* POD=UID,… */
static void add_victims(gs_pending *p, char *text)
{
    char *save = NULL;
    for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        gs_victim *v = &p->victims[p->n_victims++];
        char *uid = strchr(one, '=');
        (void)gs_str_copy(v->name, sizeof v->name, (gs_str){one, (size_t)(uid - one)});
        (void)gs_str_copy(v->uid, sizeof v->uid, gs_str_of(uid + 1));
    }
}

static void intend(app *a, gs_pending *p)
{
    gs_autofree char *victims = gs_strdup(opt(a, "victims", ""));
    *p = (gs_pending){.set = true,
                      .id = "a1",
                      .incident = "web-0123456789",
                      .from = number(a, "from"),
                      .to = number(a, "to"),
                      .ready_s = number(a, "ready-seconds"),
                      .begun_ms = op_wall(&a->o),
                      .step_ms = op_wall(&a->o)};
    p->type = type(a);
    (void)gs_str_copy(p->autoscaler, sizeof p->autoscaler, gs_str_of(opt(a, "autoscaler", "")));
    add_victims(p, victims);
}

static void adopt(app *a, gs_str object)
{
    gs_autofree gs_heal_history *v = NULL;
    gs_heal_history mine = {.workload = a->w};
    const gs_heal_history *all[GS_MAX_HISTORIES];
    size_t n = 0;
    (void)gs_history_from_json(object, &v, &n, NULL);
    for (size_t k = 0; k < n; k++)
        if (gs_streq(v[k].workload.uid, a->w.uid))
            mine = v[k];
    if (!a->undo && !mine.pending.set)
        intend(a, &mine.pending);
    gs_engine_adopt_history(a->o.engine, a->policy->name, &mine);
    n = gs_engine_histories(a->o.engine, a->policy, all, GS_LEN(all));
    a->h = (gs_heal_history *)(uintptr_t)all[n - 1];
}

static void decide(app *a, op_policy *at, gs_str object)
{
    gs_error err;
    a->o.opt.audit_log = "";
    (void)op_audit_open(&a->o, &err);
    op_audit_adopt(at, object);
    for (int n = number(a, "waiting"); n > 0; n--)
        op_audit_decision(&a->o, &(gs_decision){.kind = GS_DECISION_ACT,
                                                .policy = a->policy,
                                                .workload = &a->w,
                                                .action_id = "a1",
                                                .message = "",
                                                .wall_ms = op_wall(&a->o)});
}

static void on_policy(void *ctx, const gs_kube_reply *reply)
{
    app *a = ctx;
    gs_error err = reply->err;
    gs_policy *p = NULL, *copy = NULL;
    if (err.kind != GS_OK || gs_policy_from_json(reply->body, false, true, &p, &err) < 0 ||
        gs_policy_from_json(reply->body, false, true, &copy, &err) < 0) {
        end(a, &err);
        return;
    }
    op_policy *at = gs_alloc(sizeof *at);
    *at = (op_policy){.o = &a->o, .p = p, .in_force = true, .secret_ok = true};
    at->key = gs_sprintf("%s/%s", p->ns, p->name);
    (void)gs_policy_status_from_json(reply->body, &at->status, NULL);
    gs_map_put(a->o.policies, at->key, at);
    gs_engine_set_policy(a->o.engine, copy);
    a->policy = gs_engine_policy(a->o.engine, p->ns, p->name);
    a->again = gs_timer_new(a->o.loop, go_on, a);
    adopt(a, reply->body);
    decide(a, at, reply->body);
    go_on(a);
}

/* ---- the program ---- */

static void on_request(void *ctx, const char *verb, const char *resource, int code, int64_t elapsed_ms)
{
    app *a = ctx;
    (void)elapsed_ms;
    if (gs_streq(verb, "GET") || gs_streq(verb, "LIST"))
        return;
    (void)printf("{\"verb\":\"%s\",\"resource\":\"%s\",\"code\":%d}\n", verb, resource, code);
    (void)fflush(stdout);
    if (++a->writes == a->die_after)
        _exit(137);
}

static void arm_nothing(void *ctx, int64_t at_mono_ms)
{
    (void)ctx;
    (void)at_mono_ms;
}

static int build(app *a, gs_error *err)
{
    op *o = &a->o;
    gs_cleanup(gs_kube_config_done) gs_kube_config config = {0};
    o->clock = gs_clock_system();
    o->rng = gs_rng_system();
    o->pods = gs_map_new(NULL);
    o->workloads = gs_map_new(NULL);
    o->policies = gs_map_new(NULL);
    o->incidents = gs_map_new(NULL);
    o->acts = gs_map_new(NULL);
    if (gs_loop_new(&o->loop, err) < 0 || gs_kube_config_load(opt(a, "kubeconfig", NULL), NULL, &config, err) < 0 ||
        gs_kube_new(o->loop, &config, &(gs_kube_options){.field_manager = "gostat", .on_request = on_request, .ctx = a},
                    &o->kube, err) < 0)
        return -1;
    o->discovery = gs_kube_discovery_new(o->kube);
    o->owners = gs_owners_new(o->kube, o->discovery, op_pod_owner_known, o);
    o->queue = gs_kube_queue_new(o->loop, &(gs_kube_queue_options){.process = ignore, .ctx = a, .clock = &o->clock});
    gs_ports ports = {.clock = o->clock, .arm = arm_nothing, .arm_ctx = a};
    o->engine = gs_engine_new(&ports);
    op_actuator_init(o, &a->actuator);
    return 0;
}

static void start(app *a)
{
    const char *ns = opt(a, "namespace", "default");
    (void)gs_str_copy(a->w.api_version, sizeof a->w.api_version, gs_str_of(opt(a, "api-version", "")));
    (void)gs_str_copy(a->w.kind, sizeof a->w.kind, gs_str_of(opt(a, "kind", "")));
    (void)gs_str_copy(a->w.ns, sizeof a->w.ns, gs_str_of(ns));
    (void)gs_str_copy(a->w.name, sizeof a->w.name, gs_str_of(opt(a, "name", "")));
    (void)gs_str_copy(a->w.uid, sizeof a->w.uid, gs_str_of(opt(a, "uid", "")));
    a->die_after = number(a, "die-after");
    a->undo = gs_streq(a->argv[1], "undo");
    if (a->undo || gs_streq(a->argv[1], "act")) {
        gs_kube_path path = {.resource = &OP_POLICIES, .ns = ns, .name = opt(a, "policy", "")};
        (void)gs_kube_get(a->o.kube, &path, NULL, on_policy, a);
        return;
    }
    a->list = gs_kube_list_start(
        a->o.kube,
        &(gs_kube_list_options){.resource = &OP_PODS, .ns = ns, .on_item = on_pod, .on_done = on_pods, .ctx = a});
}

/* What is left is the process's to give back: this is no place to look for leaks. */
int main(int argc, char **argv)
{
    app *a = gs_alloc(sizeof *a);
    gs_error err = {0};
    a->argc = argc;
    a->argv = argv;
    gs_log_setup(GS_LOG_DEBUG, false);
    if (argc < 2 || build(a, &err) < 0) {
        (void)fprintf(stderr, "%s\n",
                      argc < 2 ? "usage: act_driver facts|owners|act|undo --kubeconfig FILE …" : err.msg);
        return 2;
    }
    start(a);
    gs_loop_run(a->o.loop);
    (void)fflush(NULL);
    _exit(a->exit_code);
}
