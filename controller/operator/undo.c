/* `gostat undo`: leads like a controller, by a Lease that it takes, and sees each policy as one that is suspended and being
 * deleted. So nothing is sampled or begun, and the code that undoes for a policy's deletion does all of the work: here it is
 * only watched until it is done, or the time is over. */
#include "base/log.h"
#include "base/mem.h"
#include "operator/op.h"

#include <stdio.h>
#include <stdlib.h>

#define STORE_MS 20000

static bool waits_for_write(const op *o, const op_policy *p)
{
    return p->status_call || p->finalizer_call || op_record_running(o, p) || op_audit_waiting(p);
}

/* What is to be undone yet, in words; false: nothing. */
static bool is_open(op *o, const op_policy *p, char *why, size_t cap)
{
    gs_policy_facts f;
    gs_engine_policy_facts(o->engine, p->p, &f);
    if (p->unreadable)
        (void)snprintf(why, cap, "status.healing cannot be read");
    else if (f.to_undo)
        (void)snprintf(why, cap, "%s", f.heal_message[0] ? f.heal_message : "not tried yet");
    else if (p->p->has_finalizer)
        (void)snprintf(why, cap, "its finalizer is still there");
    else
        return false;
    return true;
}

/* The workloads of a policy of which something is to be undone: "Deployment web, …". */
static void name_workloads(op *o, const op_policy *p, char *dst, size_t cap)
{
    const gs_heal_history *all[GS_MAX_HISTORIES];
    size_t n = gs_engine_histories(o->engine, p->p, all, GS_LEN(all)), at = 0;
    dst[0] = 0;
    for (size_t k = 0; k < n && at < cap; k++)
        if (all[k]->added_replicas > 0 || all[k]->pending.set)
            at += (size_t)snprintf(dst + at, cap - at, "%s%s %s", at ? ", " : "", all[k]->workload.kind,
                                   all[k]->workload.name);
}

static void on_timeout(void *ctx)
{
    op *o = ctx;
    char why[240], workloads[400];
    size_t left = 0;
    for (gs_map_it it = {0}; o->synced && gs_map_next(o->policies, &it);) {
        const op_policy *p = it.value;
        if (!is_open(o, p, why, sizeof why))
            continue;
        name_workloads(o, p, workloads, sizeof workloads);
        gs_log_error("left", "policy", p->key, "workloads", workloads, "reason", why);
        left++;
    }
    if (!o->synced)
        gs_log_error("not undone within --timeout: the API server, or the Lease, could not be had in time");
    else if (left)
        gs_log_error("not undone within --timeout: put right what the lines above name, and run it again");
    else
        gs_log_error("undone, but not all of it could be written down within --timeout: run it again");
    op_stop(o);
}

void op_undo_start(op *o)
{
    o->exit_code = 1; /* until all is done */
    o->undo_timer = gs_timer_new(o->loop, on_timeout, o);
    gs_timer_set(o->undo_timer, o->opt.timeout_ms);
}

/* A store that does not answer, which may be any team's, holds up nothing for long: lines wait in their policy's status. */
static bool waits_for_store(op *o)
{
    bool waits = op_audit_sending(o);
    for (gs_map_it it = {0}; !waits && gs_map_next(o->policies, &it);)
        waits = op_audit_storing(it.value);
    if (!waits)
        return false;
    if (!o->undone_ms)
        o->undone_ms = op_mono(o);
    if (op_mono(o) - o->undone_ms < STORE_MS)
        return true;
    gs_log_warn("undone, but not all lines of the audit log are in S3");
    return false;
}

void op_undo_tick(op *o)
{
    char why[240];
    if (!o->synced || o->stopping || !op_incidents_settled(o))
        return;
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        const op_policy *p = it.value;
        if (is_open(o, p, why, sizeof why) || waits_for_write(o, p))
            return;
    }
    if (waits_for_store(o))
        return;
    gs_log_info("nothing is left to be undone");
    o->exit_code = 0;
    op_stop(o);
}
