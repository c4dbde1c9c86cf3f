/* kube/ as a program, for the component tests: each subcommand prints what happens as JSON lines.
 *
 *   kube_driver list|watch|lease|events|get|create|patch|replace|delete --kubeconfig FILE [--<option> VALUE]…
 *
 * watch and lease run until SIGTERM; the others end by themselves, with 1 after a failure. */
#include "base/log.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/events.h"
#include "kube/informer.h"
#include "kube/lease.h"
#include "kube/list.h"
#include "kube/meta.h"
#include "wire/json_write.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct app {
    gs_loop *loop;
    gs_kube *k;
    gs_informer *informer;
    gs_kube_lease *lease;
    gs_kube_events *events;
    gs_timer *timer;
    int argc;
    char **argv;
    int exit_code;
    size_t count, left;
} app;

static const char *opt(const app *a, const char *name, const char *otherwise)
{
    for (int i = 2; i + 1 < a->argc; i += 2)
        if (strncmp(a->argv[i], "--", 2) == 0 && strcmp(a->argv[i] + 2, name) == 0)
            return a->argv[i + 1];
    return otherwise;
}

static int64_t opt_number(const app *a, const char *name, int64_t otherwise)
{
    const char *s = opt(a, name, NULL);
    int64_t n = otherwise;
    if (s && !gs_str_i64(gs_str_of(s), &n)) {
        (void)fprintf(stderr, "--%s: \"%s\" is no number\n", name, s);
        exit(2);
    }
    return n;
}

/* Pairs of strings, ended by NULL, as one line; a value that starts with '\1' is raw JSON. */
static void emit(const char *op, ...)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(8u << 20);
    gs_json_writer w;
    va_list ap;
    gs_jw_init(&w, &b);
    gs_jw_object(&w, NULL);
    gs_jw_str(&w, "op", op);
    va_start(ap, op);
    for (const char *key; (key = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        if (value && value[0] == '\1')
            gs_jw_raw(&w, key, gs_str_of(value + 1));
        else
            gs_jw_str(&w, key, value);
    }
    va_end(ap);
    gs_jw_end(&w);
    if (gs_jw_finish(&w, NULL))
        abort();
    (void)printf("%s\n", b.p);
    (void)fflush(stdout);
}

static void emit_object(const char *op, gs_str object)
{
    gs_kube_meta m;
    gs_error err = {0};
    if (gs_kube_meta_read(object, &m, &err)) {
        emit("bad", "message", err.msg, NULL);
        return;
    }
    gs_autofree char *name = gs_strndup(m.name.p ? m.name.p : "", m.name.n);
    gs_autofree char *ns = gs_strndup(m.ns.p ? m.ns.p : "", m.ns.n);
    gs_autofree char *rv = gs_strndup(m.resource_version.p ? m.resource_version.p : "", m.resource_version.n);
    emit(op, "name", name, "namespace", ns, "resourceVersion", rv, NULL);
}

/* --resource group/version/plural, core as "/v1/pods"; --cluster-scoped yes */
static gs_kube_resource resource_of(const app *a)
{
    static char parts[3][128];
    const char *s = opt(a, "resource", "/v1/configmaps");
    if (sscanf(s[0] == '/' ? s + 1 : s, s[0] == '/' ? "%127[^/]/%127[^/]" : "%127[^/]/%127[^/]/%127[^/]", parts[0],
               parts[1], parts[2]) != (s[0] == '/' ? 2 : 3)) {
        (void)fprintf(stderr, "--resource: \"%s\" is not group/version/plural\n", s);
        exit(2);
    }
    bool core = s[0] == '/', namespaced = !opt(a, "cluster-scoped", NULL);
    return (gs_kube_resource){core ? "" : parts[0], core ? parts[0] : parts[1], core ? parts[1] : parts[2], namespaced};
}

static gs_kube_resource resource;

/* ---- list ---- */

static int list_item(void *ctx, gs_str object, gs_error *err)
{
    app *a = ctx;
    (void)err;
    a->count++;
    emit_object("object", object);
    return 0;
}

static void list_restart(void *ctx)
{
    (void)ctx;
    emit("restart", NULL);
}

static void list_done(void *ctx, const gs_error *err, const char *version)
{
    app *a = ctx;
    emit("done", "kind", gs_kind_name(err->kind), "message", err->msg, "resourceVersion", version, NULL);
    a->exit_code = err->kind != GS_OK;
    gs_loop_stop(a->loop);
}

static void run_list(app *a)
{
    gs_kube_list_options o = {
        .resource = &resource,
        .ns = opt(a, "namespace", NULL),
        .label_selector = opt(a, "labels", NULL),
        .field_selector = opt(a, "fields", NULL),
        .page = (unsigned)opt_number(a, "page", 0),
        .on_restart = list_restart,
        .on_item = list_item,
        .on_done = list_done,
        .ctx = a,
    };
    (void)gs_kube_list_start(a->k, &o);
}

/* ---- watch ---- */

static void watch_begin(void *ctx)
{
    (void)ctx;
    emit("list_begin", NULL);
}

static int watch_object(void *ctx, gs_str object, gs_error *err)
{
    (void)ctx;
    (void)err;
    emit_object("object", object);
    return 0;
}

static void watch_deleted(void *ctx, gs_str object)
{
    (void)ctx;
    emit_object("deleted", object);
}

static void watch_end(void *ctx)
{
    (void)ctx;
    emit("list_end", NULL);
}

static void watch_fault(void *ctx, const gs_error *err)
{
    (void)ctx;
    emit("fault", "kind", gs_kind_name(err->kind), "message", err->msg, NULL);
}

static void run_watch(app *a)
{
    gs_informer_options o = {
        .resource = &resource,
        .ns = opt(a, "namespace", NULL),
        .label_selector = opt(a, "labels", NULL),
        .idle_ms = opt_number(a, "idle-ms", 0),
        .watch_min_ms = opt_number(a, "watch-ms", 0),
        .watch_max_ms = opt_number(a, "watch-ms", 0),
        .on_list_begin = watch_begin,
        .on_object = watch_object,
        .on_deleted = watch_deleted,
        .on_list_end = watch_end,
        .on_fault = watch_fault,
        .ctx = a,
    };
    a->informer = gs_informer_new(a->k, &o);
    gs_informer_start(a->informer);
}

/* ---- lease ---- */

static void lease_started(void *ctx)
{
    (void)ctx;
    emit("started", NULL);
}

static void lease_lost(void *ctx, const char *reason)
{
    app *a = ctx;
    emit("lost", "reason", reason, NULL);
    a->exit_code = 1;
    gs_loop_stop(a->loop);
}

static void lease_leader(void *ctx, const char *identity)
{
    (void)ctx;
    emit("leader", "identity", identity, NULL);
}

static void lease_released(void *ctx)
{
    app *a = ctx;
    emit("released", NULL);
    gs_loop_stop(a->loop);
}

static void run_lease(app *a)
{
    gs_error err = {0};
    gs_kube_lease_options o = {
        .ns = opt(a, "namespace", "default"),
        .name = opt(a, "name", "test"),
        .identity = opt(a, "identity", "me"),
        .duration_ms = opt_number(a, "duration-ms", 0),
        .renew_deadline_ms = opt_number(a, "renew-ms", 0),
        .retry_ms = opt_number(a, "retry-ms", 0),
        .on_started = lease_started,
        .on_lost = lease_lost,
        .on_leader = lease_leader,
        .ctx = a,
    };
    if (gs_kube_lease_new(a->k, &o, &a->lease, &err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        exit(2);
    }
    gs_kube_lease_start(a->lease);
}

/* ---- events ---- */

static void events_flushed(void *ctx)
{
    app *a = ctx;
    gs_kube_events_stats s = gs_kube_events_get_stats(a->events);
    gs_autofree char *created = gs_sprintf("\1%llu", (unsigned long long)s.created);
    gs_autofree char *patched = gs_sprintf("\1%llu", (unsigned long long)s.patched);
    gs_autofree char *dropped = gs_sprintf("\1%llu", (unsigned long long)s.dropped);
    gs_autofree char *limited = gs_sprintf("\1%llu", (unsigned long long)s.limited);
    emit("flushed", "created", created, "patched", patched, "dropped", dropped, "limited", limited, NULL);
    a->exit_code = s.dropped > 0;
    gs_loop_stop(a->loop);
}

/* The same event --count times, one each 50 ms, then one that differs. */
static void next_event(void *ctx)
{
    app *a = ctx;
    gs_kube_object_ref related = {
        .api_version = "v1", .kind = "Pod", .ns = opt(a, "namespace", "default"), .name = "web-1"};
    gs_kube_event ev = {
        .regarding = {.api_version = "v1",
                      .kind = "ConfigMap",
                      .ns = opt(a, "namespace", "default"),
                      .name = opt(a, "name", "thing"),
                      .uid = opt(a, "uid", NULL)},
        .related = &related,
        .type = GS_KUBE_WARNING,
        .reason = "LeakFound",
        .action = "Report",
        .note = opt(a, "note", "it leaks"),
    };
    if (a->left-- > 0) {
        gs_kube_events_record(a->events, &ev);
        gs_timer_set(a->timer, 50);
        return;
    }
    ev.type = GS_KUBE_NORMAL;
    ev.reason = "Resolved";
    gs_kube_events_record(a->events, &ev);
    gs_kube_events_flush(a->events, 10000, events_flushed, a);
}

static void run_events(app *a)
{
    gs_kube_events_options o = {
        .controller = "gostat.dev/controller", .instance = "test-0", .series_ms = opt_number(a, "series-ms", 300)};
    a->events = gs_kube_events_new(a->k, &o);
    a->left = (size_t)opt_number(a, "count", 1);
    a->timer = gs_timer_new(a->loop, next_event, a);
    gs_timer_set(a->timer, 0);
}

/* ---- one call ---- */

static void call_done(void *ctx, const gs_kube_reply *reply)
{
    app *a = ctx;
    size_t body_n = reply->body.n;
    gs_autofree char *status = gs_sprintf("\1%d", reply->err.status);
    while (body_n && reply->body.p[body_n - 1] == '\n') /* the API server may end it with a line break */
        body_n--;
    gs_autofree char *body = body_n ? gs_sprintf("\1%.*s", (int)body_n, reply->body.p) : gs_strdup("\1null");
    emit("reply", "kind", gs_kind_name(reply->err.kind), "status", status, "reason", reply->reason, "message",
         reply->err.kind ? reply->err.msg : "", "body", body, NULL);
    a->exit_code = reply->err.kind != GS_OK;
    gs_loop_stop(a->loop);
}

static void run_call(app *a)
{
    gs_kube_path p = {.resource = &resource,
                      .ns = opt(a, "namespace", NULL),
                      .name = opt(a, "name", NULL),
                      .sub = opt(a, "sub", NULL)};
    gs_str body = gs_str_of(opt(a, "body", ""));
    const char *verb = a->argv[1];
    gs_kube_opts o = {.dry_run = opt(a, "dry-run", NULL) != NULL, .deadline_ms = opt_number(a, "deadline-ms", 0)};
    if (strcmp(verb, "get") == 0)
        (void)gs_kube_get(a->k, &p, &o, call_done, a);
    else if (strcmp(verb, "create") == 0)
        (void)gs_kube_create(a->k, &p, body, &o, call_done, a);
    else if (strcmp(verb, "patch") == 0)
        (void)gs_kube_patch(a->k, &p, body, &o, call_done, a);
    else if (strcmp(verb, "replace") == 0)
        (void)gs_kube_replace(a->k, &p, body, &o, call_done, a);
    else
        (void)gs_kube_delete(a->k, &p, opt(a, "uid", NULL), opt(a, "resource-version", NULL), &o, call_done, a);
}

/* get --every-ms 200: the same GET again and again, for token rotation */
static void poll_done(void *ctx, const gs_kube_reply *reply)
{
    app *a = ctx;
    gs_autofree char *status = gs_sprintf("\1%d", reply->err.status);
    emit("poll", "kind", gs_kind_name(reply->err.kind), "status", status, NULL);
    gs_timer_set(a->timer, opt_number(a, "every-ms", 200));
}

static void poll_again(void *ctx)
{
    app *a = ctx;
    gs_kube_path p = {.resource = &resource, .ns = opt(a, "namespace", NULL), .name = opt(a, "name", NULL)};
    (void)gs_kube_get(a->k, &p, NULL, poll_done, a);
}

/* ---- main ---- */

static void on_signal(void *ctx, int signo)
{
    app *a = ctx;
    (void)signo;
    if (a->lease)
        gs_kube_lease_release(a->lease, lease_released, a);
    else
        gs_loop_stop(a->loop);
}

static void start(app *a)
{
    const char *verb = a->argv[1];
    if (strcmp(verb, "list") == 0) {
        run_list(a);
    } else if (strcmp(verb, "watch") == 0) {
        run_watch(a);
    } else if (strcmp(verb, "lease") == 0) {
        run_lease(a);
    } else if (strcmp(verb, "events") == 0) {
        run_events(a);
    } else if (strcmp(verb, "get") == 0 && opt(a, "every-ms", NULL)) {
        a->timer = gs_timer_new(a->loop, poll_again, a);
        poll_again(a);
    } else {
        run_call(a);
    }
}

int main(int argc, char **argv)
{
    app a = {.argc = argc, .argv = argv};
    gs_error err = {0};
    gs_cleanup(gs_kube_config_done) gs_kube_config config = {0};
    gs_kube_options o = {.user_agent = "kube-driver/1", .field_manager = "kube-driver"};
    if (argc < 2)
        return 2;
    gs_log_setup(GS_LOG_DEBUG, false);
    resource = resource_of(&a);
    if (gs_kube_config_load(opt(&a, "kubeconfig", NULL), opt(&a, "context", NULL), &config, &err) ||
        gs_loop_new(&a.loop, &err) || gs_kube_new(a.loop, &config, &o, &a.k, &err) ||
        gs_loop_on_signal(a.loop, SIGTERM, on_signal, &a, &err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 2;
    }
    start(&a);
    gs_loop_run(a.loop);
    gs_informer_free(a.informer);
    gs_kube_lease_free(a.lease);
    gs_kube_events_free(a.events);
    gs_timer_free(a.timer);
    gs_kube_free(a.k);
    gs_loop_free(a.loop);
    return a.exit_code;
}
