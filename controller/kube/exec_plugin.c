#include "kube/exec_plugin.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/process.h"

#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MS 30000
#define EARLY_MS 60000 /* before it expires; for short-lived ones a fifth of their life */
#define PAUSE_MS 5000  /* after a failure: it may ask a service that is busy */
#define INFO "KUBERNETES_EXEC_INFO="

struct gs_exec_plugin {
    gs_loop *loop;
    const gs_clock *clock;
    const gs_kube_exec *exec;
    void (*on_change)(void *ctx);
    void *ctx;
    gs_process *process;
    gs_timer *tell; /* a failure of the start is told from the loop */
    gs_exec_credential now;
    bool usable;
    uint64_t number;
    int64_t renew_ms; /* wall; INT64_MAX: when it is refused */
    gs_error failed;
    int64_t failed_at, had_at; /* mono */
};

gs_exec_plugin *gs_exec_plugin_new(gs_loop *l, const gs_clock *clock, const gs_kube_exec *exec,
                                   void (*on_change)(void *ctx), void *ctx)
{
    gs_exec_plugin *p = gs_alloc(sizeof *p);
    p->loop = l;
    p->clock = clock;
    p->exec = exec;
    p->on_change = on_change;
    p->ctx = ctx;
    p->tell = gs_timer_new(l, on_change, ctx);
    return p;
}

void gs_exec_plugin_free(gs_exec_plugin *p)
{
    if (!p)
        return;
    gs_process_cancel(p->process);
    gs_timer_free(p->tell);
    gs_exec_credential_done(&p->now);
    free(p);
}

/* Our environment, what the kubeconfig adds (the last one of a name counts for most programs, so ours of that name goes),
 * and what the plugin is told. The caller frees the array; *info is one of its strings. */
static const char **make_env(const gs_kube_exec *e, const char *info)
{
    size_t n = 0, ours = 0, added = 0;
    while (environ && environ[ours])
        ours++;
    while (e->env[added])
        added++;
    const char **env = gs_allocn(ours + added + 2, sizeof *env);
    for (size_t i = 0; i < ours; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        bool replaced = strncmp(environ[i], INFO, name) == 0;
        for (size_t k = 0; k < added && !replaced; k++)
            replaced = strncmp(environ[i], e->env[k], name) == 0;
        if (!replaced)
            env[n++] = environ[i];
    }
    for (size_t k = 0; k < added; k++)
        env[n++] = e->env[k];
    env[n] = info;
    return env;
}

static void fail(gs_exec_plugin *p, const gs_error *why)
{
    p->failed = *why;
    p->failed.kind = GS_REFUSED;
    (void)gs_error_wrap(&p->failed, GS_REFUSED, "exec plugin %s", p->exec->argv[0]);
    p->failed_at = gs_mono(p->clock);
    if (p->usable) /* it is good for a while yet */
        gs_log_warn("the credential could not be renewed, the one had before is used", "error", p->failed.msg);
}

static int64_t renewal(const gs_exec_credential *c, int64_t now)
{
    int64_t left = c->expires_ms - now, early = left / 5 < EARLY_MS ? left / 5 : EARLY_MS;
    return c->expires_ms ? c->expires_ms - early : INT64_MAX;
}

static void take(gs_exec_plugin *p, gs_exec_credential *c)
{
    gs_exec_credential_done(&p->now);
    p->now = *c;
    *c = (gs_exec_credential){0};
    p->usable = true;
    p->number++;
    p->had_at = gs_mono(p->clock);
    p->renew_ms = renewal(&p->now, gs_wall(p->clock));
    p->failed = (gs_error){0};
}

static void on_done(void *ctx, const gs_process_end *end)
{
    gs_exec_plugin *p = ctx;
    gs_cleanup(gs_exec_credential_done) gs_exec_credential c = {0};
    gs_error err = end->err;
    char line[GS_EXEC_LINE_LEN];
    p->process = NULL;
    if (err.kind != GS_OK) {
        char did[sizeof err.msg];
        memcpy(did, err.msg, sizeof did);
        gs_exec_last_line(end->log, line);
        (void)gs_error_set(&err, GS_REFUSED, "it %.120s%s%s", did, line[0] ? ": " : "", line);
    } else if (gs_exec_credential_read(end->out, p->exec->api_version, &c, &err) == 0) {
        if (c.expires_ms && c.expires_ms <= gs_wall(p->clock))
            (void)gs_error_set(&err, GS_REFUSED, "the credential that it gave has expired already; log in again");
        else
            take(p, &c);
    }
    if (err.kind != GS_OK)
        fail(p, &err);
    p->on_change(p->ctx);
}

static void run(gs_exec_plugin *p)
{
    const gs_kube_exec *e = p->exec;
    gs_autofree char *info = gs_sprintf(INFO "%s", e->info);
    gs_autofree const char **env = make_env(e, info);
    gs_process_options o = {.argv = (const char *const *)e->argv,
                            .env = env,
                            .timeout_ms = TIMEOUT_MS,
                            .max_out = GS_MAX_EXEC_BYTES,
                            .max_log = GS_MAX_EXEC_LOG,
                            .on_done = on_done,
                            .ctx = p};
    gs_error err = {0};
    if (gs_process_start(p->loop, &o, &p->process, &err) == 0)
        return;
    char line[GS_EXEC_LINE_LEN] = "";
    if (err.kind == GS_NOT_FOUND && e->install_hint)
        gs_exec_hint(e->install_hint, line);
    (void)gs_error_set(&err, GS_REFUSED, "it cannot be run: %s%s%s",
                       err.kind == GS_NOT_FOUND ? "there is no such program" : err.msg, line[0] ? "; " : "", line);
    fail(p, &err);
    gs_timer_set(p->tell, 0);
}

int gs_exec_plugin_get(gs_exec_plugin *p, const gs_exec_credential **ret, gs_error *err)
{
    int64_t now = gs_wall(p->clock);
    bool paused = p->failed.kind != GS_OK && gs_mono(p->clock) - p->failed_at < PAUSE_MS;
    if (p->usable && p->now.expires_ms && now >= p->now.expires_ms)
        p->usable = false;
    if (!p->process && !paused && (!p->usable || now >= p->renew_ms))
        run(p);
    *ret = p->usable ? &p->now : NULL;
    if (p->usable || p->process || !paused)
        return 0;
    if (err)
        *err = p->failed;
    return -GS_REFUSED;
}

uint64_t gs_exec_plugin_number(const gs_exec_plugin *p)
{
    return p->number;
}

void gs_exec_plugin_refused(gs_exec_plugin *p, uint64_t number)
{
    gs_error err;
    if (!p->usable || number != p->number)
        return;
    p->usable = false;
    p->failed = (gs_error){0};
    if (gs_mono(p->clock) - p->had_at < PAUSE_MS) { /* it would only give the same again */
        (void)gs_error_set(&err, GS_REFUSED, "the API server refuses the credential that it gave; log in again");
        fail(p, &err);
    }
}
