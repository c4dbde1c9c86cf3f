/* The chain of each policy. All lines from the oldest one that somebody still needs to the newest are held here, in order;
 * three marks say how far they are committed, logged and stored. */
#include "codec/audit.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/audit_file.h"
#include "operator/op.h"
#include "wire/digest.h"
#include "wire/json_cursor.h"

#include <stdio.h>

#define COLLECT_MS 3000 /* from a commit to its batch: at most 5 s, ticks included */
#define BATCH_BYTES ((size_t)GS_MAX_AUDIT_WAITING * GS_AUDIT_LINE_LEN)

typedef struct op_audit_log {
    gs_audit_file *file; /* NULL: none */
    gs_map *batches;     /* on their way to S3: id -> batch */
    bool failing;
    uint64_t lines, errors;
} op_audit_log;

/* One object of lines. Its policy may go meanwhile. */
typedef struct batch {
    op *o;
    struct op_audit *a; /* NULL: forgotten */
    char id[24], ns[GS_NAMESPACE_LEN], key[1025];
    gs_s3_spec where;
    gs_buf body;
    int64_t last; /* number of its last line */
    op_secret_read *secret;
} batch;

typedef struct op_audit {
    gs_audit_head newest; /* of all lines; no tail */
    gs_audit_head told;   /* to who writes the status; its tail are the first ones of lines */
    char **lines;         /* n of them, up to newest */
    size_t n, cap;
    int64_t committed, logged, stored; /* numbers of the last lines of which that is true */
    int64_t told_first, status_first;  /* numbers of the first lines in the tail: as told; as the status has it */
    int64_t due_ms;                    /* mono: no batch before */
    unsigned failures;
    bool full;
    batch *batch;
} op_audit;

static int64_t first_of(const op_audit *a)
{
    return a->newest.seq - (int64_t)a->n + 1;
}

static char *const *line_at(const op_audit *a, int64_t seq)
{
    return &a->lines[seq - first_of(a)];
}

int op_audit_open(op *o, gs_error *err)
{
    op_audit_log *log = gs_alloc(sizeof *log);
    o->audit_log = log;
    log->batches = gs_map_new(NULL);
    if (o->opt.audit_log[0] && gs_audit_file_open(o->opt.audit_log, &log->file, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "--audit-log");
    return 0;
}

void op_audit_adopt(op_policy *p, gs_str object)
{
    gs_audit_head head;
    gs_error err;
    op_audit *a = gs_alloc(sizeof *a);
    p->audit = a;
    if (gs_audit_head_from_json(object, &head, &err) < 0) /* the break will be found, and should be */
        gs_log_error("cannot read where a policy's audit chain is: it begins anew", "policy", p->key, "error", err.msg);
    memcpy(a->newest.head, head.head, sizeof a->newest.head);
    a->newest.seq = head.seq;
    a->lines = head.tail;
    a->n = a->cap = head.n;
    a->committed = a->newest.seq;
    a->logged = a->stored = first_of(a) - 1;
    a->told_first = a->status_first = first_of(a);
}

/* Lines that nobody needs any more leave. */
static void settle(op_audit *a)
{
    int64_t done = a->logged < a->stored ? a->logged : a->stored;
    size_t gone = 0;
    for (int64_t seq = first_of(a); seq <= done; seq++)
        free(a->lines[gone++]);
    if (!gone)
        return;
    a->n -= gone;
    memmove(a->lines, a->lines + gone, a->n * sizeof *a->lines);
    a->full = a->full && a->n >= GS_MAX_AUDIT_WAITING;
}

/* ---- decisions ---- */

static const char *const DECISIONS[GS_DECISIONS] = {
    [GS_DECISION_ACT] = "Act",         [GS_DECISION_DRY_RUN] = "DryRun",      [GS_DECISION_REFUSE] = "Refuse",
    [GS_DECISION_OUTCOME] = "Outcome", [GS_DECISION_WITHDRAWN] = "Withdrawn", [GS_DECISION_UNDO] = "Undo",
};

static int add_line(op_audit *a, const gs_decision *d, gs_error *err)
{
    bool ended = d->kind == GS_DECISION_OUTCOME || d->kind == GS_DECISION_UNDO;
    const gs_audit_entry e = {.decision = DECISIONS[d->kind],
                              .policy = d->policy,
                              .workload = d->workload,
                              .incident = d->incident ? d->incident->name : "",
                              .grade = d->incident ? gs_grade_name(d->incident->grade) : "",
                              .action_id = d->action_id,
                              .type = d->type,
                              .from = d->from,
                              .to = d->to,
                              .victims = d->victims,
                              .n_victims = d->n_victims,
                              .outcome = ended ? gs_outcome_name(d->outcome) : "",
                              .refusal = gs_refusal_name(d->refusal),
                              .message = d->message,
                              .wall_ms = d->wall_ms};
    gs_buf line = GS_BUF(GS_AUDIT_LINE_LEN);
    if (gs_audit_line(&e, &a->newest, &line, err) < 0)
        return -(int)err->kind;
    a->lines = gs_grow(a->lines, &a->cap, a->n + 1, sizeof *a->lines);
    a->lines[a->n++] = gs_buf_take(&line);
    return 0;
}

void op_audit_decision(op *o, const gs_decision *d)
{
    op_audit_log *log = o->audit_log;
    op_policy *p = op_policy_get(o, d->policy->ns, d->policy->name);
    op_audit *a = p ? p->audit : NULL;
    gs_error err = {0};
    if (!a)
        (void)gs_error_set(&err, GS_NOT_FOUND, "the policy is gone");
    else if (a->n >= GS_MAX_AUDIT_WAITING)
        (void)gs_error_set(&err, GS_NO_MEMORY, "%d lines wait already: neither its status nor its S3 takes them",
                           GS_MAX_AUDIT_WAITING);
    else if (add_line(a, d, &err) == 0) {
        log->lines++;
        op_policy_dirty(p);
        return;
    }
    log->errors++;
    if (!a || !a->full)
        gs_log_error("a decision is not in the audit log", "policy", d->policy->name, "namespace", d->policy->ns,
                     "decision", DECISIONS[d->kind], "error", err.msg);
    if (a)
        a->full = a->n >= GS_MAX_AUDIT_WAITING;
}

/* ---- the status ---- */

static size_t tail_of(const op_audit *a)
{
    return a->n < GS_MAX_AUDIT_TAIL ? a->n : GS_MAX_AUDIT_TAIL;
}

const gs_audit_head *op_audit_head(op_policy *p, uint64_t *ret_version)
{
    op_audit *a = p->audit;
    *ret_version = 0;
    if (!a || !a->newest.seq)
        return NULL;
    a->told = a->newest;
    a->told.n = tail_of(a);
    a->told.tail = a->lines;
    if (a->told.n < a->n) {
        a->told.seq = first_of(a) + (int64_t)a->told.n - 1;
        gs_sha256_hex(gs_str_of(a->lines[a->told.n - 1]), a->told.head + sizeof "sha256:" - 1);
    }
    a->told_first = first_of(a);
    *ret_version = (uint64_t)a->told.seq;
    return &a->told;
}

size_t op_audit_behind(const op_policy *p)
{
    const op_audit *a = p->audit;
    return a && a->n > GS_MAX_AUDIT_TAIL ? a->n : 0;
}

bool op_audit_waiting(const op_policy *p)
{
    const op_audit *a = p->audit;
    return a && a->committed < first_of(a) + (int64_t)tail_of(a) - 1;
}

bool op_audit_lags(const op_policy *p)
{
    return p->audit && p->audit->status_first < first_of(p->audit);
}

/* ---- the log ---- */

static void write_log(op *o, op_audit *a)
{
    op_audit_log *log = o->audit_log;
    gs_error err;
    if (a->logged >= a->committed)
        return;
    if (log->file &&
        gs_audit_file_write(log->file, line_at(a, a->logged + 1), (size_t)(a->committed - a->logged), &err) < 0) {
        log->errors++;
        if (!log->failing)
            gs_log_error("cannot write the audit log; its lines are kept", "error", err.msg);
        log->failing = true;
        return;
    }
    if (log->failing && log->file)
        gs_log_info("the audit log can be written again");
    log->failing = false;
    a->logged = a->committed;
}

void op_audit_committed(op_policy *p, uint64_t version)
{
    op_audit *a = p->audit;
    if (!a || (int64_t)version > a->newest.seq) /* of a chain that is not this one */
        return;
    a->status_first = a->told_first;
    if ((int64_t)version <= a->committed)
        return;
    if (a->committed == a->stored && !a->batch)
        a->due_ms = op_mono(p->o) + COLLECT_MS;
    a->committed = (int64_t)version;
    write_log(p->o, a);
    settle(a);
}

/* ---- S3 ---- */

static void batch_free(batch *b)
{
    (void)gs_map_remove(b->o->audit_log->batches, b->id);
    op_secret_read_cancel(b->secret);
    gs_buf_done(&b->body);
    free(b);
}

static void end(batch *b, const gs_error *err)
{
    op *o = b->o;
    op_audit *a = b->a;
    if (err->kind != GS_OK) {
        o->audit_log->errors++;
        if (!a || !a->failures)
            gs_log_error("cannot store lines of the audit log", "namespace", b->ns, "key", b->key, "error", err->msg,
                         "next", a ? "they are kept" : "their policy is gone");
    }
    if (a) {
        a->batch = NULL;
        if (err->kind == GS_OK) {
            a->stored = b->last;
            a->failures = 0;
            settle(a);
        } else {
            a->due_ms = op_mono(o) + gs_rng_backoff(&o->rng, a->failures++, 2000, 30000);
        }
    }
    batch_free(b);
}

static void on_stored(void *ctx, const gs_error *err)
{
    end(ctx, err);
}

static void on_secret(void *ctx, const gs_s3_credentials *c, const char *reason, const gs_error *err)
{
    batch *b = ctx;
    (void)reason;
    b->secret = NULL;
    if (err->kind == GS_OK)
        gs_s3_put(b->o->s3, &b->where, c, b->key, gs_buf_str(&b->body), NULL, "application/x-ndjson", on_stored, b);
    else
        end(b, err);
}

/* They sort as the lines do. Who takes over makes a batch again, with the same lines or with more or fewer: the same lines
 * have the same key, and others never overwrite it. */
static void name_batch(batch *b, const op_policy *p, int64_t first, const char *line)
{
    static const char *const path[] = {"time", NULL};
    char time[GS_TIME_LEN];
    int64_t ms;
    if (!gs_json_find_string(gs_str_of(line), path, time, sizeof time) || !gs_time_parse(gs_str_of(time), &ms))
        ms = op_wall(b->o);
    gs_time_format_compact(ms, time);
    (void)snprintf(b->key, sizeof b->key, "%s%s%s/audit/%s/%020lld-%020lld-%s.jsonl", b->where.prefix,
                   b->where.prefix[0] ? "/" : "", p->p->ns, p->p->name, (long long)first, (long long)b->last, time);
}

static batch *start_batch(op_policy *p, op_audit *a)
{
    op *o = p->o;
    batch *b = gs_alloc(sizeof *b);
    b->o = o;
    b->a = a;
    b->where = p->p->s3;
    memcpy(b->ns, p->p->ns, sizeof b->ns);
    b->body = GS_BUF(BATCH_BYTES);
    b->last = a->stored;
    while (b->last < a->committed && gs_buf_addf(&b->body, "%s\n", *line_at(a, b->last + 1)) == 0)
        b->last++;
    name_batch(b, p, a->stored + 1, *line_at(a, a->stored + 1));
    (void)snprintf(b->id, sizeof b->id, "%llu", (unsigned long long)++o->seq);
    gs_map_put(o->audit_log->batches, b->id, b);
    b->secret = op_secret_read_start(o, b->ns, &b->where, on_secret, b);
    return b;
}

/* An invalid policy does not say where to; and lines wait for another endpoint, or another operator. */
static bool may_store(const op_policy *p, const op_audit *a)
{
    gs_error why;
    return !p->invalid && a->stored < a->committed && op_bounds_store(p, &why) == 0;
}

bool op_audit_storing(const op_policy *p)
{
    const op_audit *a = p->audit;
    return a && p->p->has_s3 && !a->failures && may_store(p, a);
}

bool op_audit_sending(const op *o)
{
    return gs_map_len(o->audit_log->batches) > 0;
}

static void store(op_policy *p, op_audit *a)
{
    if (a->batch || !may_store(p, a))
        return;
    if (!p->p->has_s3)
        a->stored = a->committed;
    else if (op_mono(p->o) >= a->due_ms)
        a->batch = start_batch(p, a);
}

void op_audit_tick(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        op_policy *p = it.value;
        if (!p->audit)
            continue;
        write_log(o, p->audit);
        store(p, p->audit);
        settle(p->audit);
    }
}

/* Of a policy that is deleted there is no status any more: what its lines waited for. They go to the log now, and to S3 in
 * one try. Where we only stop they are the next controller's. */
static void last_lines(op_policy *p, op_audit *a)
{
    if (!p->o->leading || p->o->stopping)
        return;
    a->committed = a->newest.seq;
    write_log(p->o, a);
    if (a->batch)
        a->stored = a->batch->last;
    if (!p->invalid && p->p->has_s3 && a->stored < a->committed)
        start_batch(p, a)->a = NULL;
}

void op_audit_forget(op_policy *p)
{
    op_audit *a = gs_take(p->audit);
    if (!a)
        return;
    last_lines(p, a);
    if (a->batch)
        a->batch->a = NULL;
    for (size_t k = 0; k < a->n; k++)
        free(a->lines[k]);
    free(a->lines);
    free(a);
}

void op_audit_get_stats(const op *o, op_audit_stats *ret)
{
    *ret = (op_audit_stats){.lines = o->audit_log->lines, .errors = o->audit_log->errors};
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        const op_policy *p = it.value;
        ret->waiting += p->audit ? p->audit->n : 0;
    }
}

void op_audit_close(op *o)
{
    op_audit_log *log = gs_take(o->audit_log);
    if (!log)
        return;
    for (gs_map_it it = {0}; gs_map_next(log->batches, &it);) {
        batch *b = it.value;
        op_secret_read_cancel(b->secret);
        gs_buf_done(&b->body);
        free(b);
    }
    gs_map_free(log->batches);
    gs_audit_file_free(log->file);
    free(log);
}
