/* Old evidence and left-over uploads under a policy's own prefix: every ten minutes a listing, a choice made on a worker
 * (core/retention), deletions one after the other, and a sweep. One policy at a time. */
#include "core/retention.h"
#include "base/log.h"
#include "base/mem.h"
#include "operator/op.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_MS 60000
#define EVERY_MS 600000
#define JITTER_MS 30000
#define RUN_DELETES 1000            /* snapshots deleted in one run */
#define RUN_MS 300000               /* then it is the next policy's turn */
#define SWEEP_MS 60000              /* of these for the sweep */
#define UPLOAD_AGE_MS (3600 * 1000) /* no upload of ours takes so long */

/* An object, its metadata, or both. */
typedef struct snapshot {
    gs_stored stored;
    char *suffixes[2]; /* of what is there: at most an object and its metadata */
    char stem[];
} snapshot;

typedef struct run {
    op *o;
    struct op_retention *of;                         /* NULL: forgotten while a worker chose */
    char holder[GS_PATH_LEN + GS_NAMESPACE_LEN + 2]; /* "<prefix>/<namespace>/" */
    char ns[GS_NAMESPACE_LEN];
    gs_s3_spec where;
    gs_retention keep;
    op_secret_read *secret;
    op_keys keys;
    gs_s3_list *list;
    gs_map *snapshots; /* stem -> snapshot */
    bool truncated;    /* there are more than we look at in a run */
    bool deletes;      /* nothing stands against it */
    bool choosing;     /* on a worker, which owns v, n, kept and chosen then */
    gs_stored *v;
    size_t n, cap, chosen, next;
    int64_t now_ms, began_ms; /* wall; mono */
    uint64_t kept;            /* bytes, of all but what is deleted already */
    gs_error failed;          /* the first one of the listing and the deletions */
    unsigned suffix, deleted;
} run;

struct op_retention {
    op_policy *p;
    int64_t due_ms;   /* mono */
    int64_t since_ms; /* wall: uploads begun before are an earlier controller's */
    bool swept;       /* those are gone */
    uint64_t stored;  /* bytes, as of the last run */
    run *run;
};

static void snapshot_free(void *p)
{
    snapshot *s = p;
    free(s->suffixes[0]);
    free(s->suffixes[1]);
    free(s);
}

static void run_free(run *r)
{
    op_secret_read_cancel(r->secret);
    if (r->o->s3) { /* else it ended with all that it had */
        gs_s3_list_cancel(r->list);
        gs_s3_cancel(r->o->s3, r);
    }
    op_keys_done(&r->keys);
    gs_map_free(r->snapshots);
    free(r->v);
    free(r);
}

static void end(run *r, const gs_error *err)
{
    struct op_retention *t = r->of;
    op *o = r->o;
    char deleted[24], kept[24];
    (void)snprintf(deleted, sizeof deleted, "%u", r->deleted);
    (void)snprintf(kept, sizeof kept, "%llu", (unsigned long long)r->kept);
    if (err->kind != GS_OK)
        gs_log_warn("cannot look after stored evidence", "policy", t->p->key, "deleted", deleted, "error", err->msg);
    else
        gs_log(r->deleted ? GS_LOG_INFO : GS_LOG_DEBUG, "looked after stored evidence", "policy", t->p->key, "deleted",
               deleted, "keptBytes", kept, "more", r->truncated ? "yes" : "no", NULL);
    o->evidence_deleted += r->deleted;
    t->due_ms = op_mono(o) + EVERY_MS + (int64_t)gs_rng_below(&o->rng, JITTER_MS);
    t->run = NULL;
    run_free(r);
}

/* Uploads that nobody goes on with. */

static void on_swept(void *ctx, unsigned aborted, const gs_error *err)
{
    run *r = ctx;
    char n[16];
    (void)snprintf(n, sizeof n, "%u", aborted);
    if (aborted)
        gs_log_info("aborted uploads that were left over", "policy", r->of->p->key, "uploads", n);
    r->of->swept = r->of->swept || err->kind == GS_OK;
    end(r, r->failed.kind ? &r->failed : err);
}

static bool is_mine(void *ctx, const char *key)
{
    const run *r = ctx;
    gs_stored_key k;
    return gs_retention_key(r->holder, key, &k);
}

static void sweep(run *r)
{
    const struct op_retention *t = r->of;
    int64_t age_ms = t->swept ? UPLOAD_AGE_MS : op_wall(r->o) - t->since_ms;
    gs_s3_sweep_uploads(r->o->s3, &r->where, &r->keys.cred, r->holder, age_ms, is_mine, on_swept, r);
}

/* Where a policy cannot be read, nobody knows how long it wants kept what is in the same place. */
static const op_policy *unread(const run *r)
{
    for (gs_map_it it = {0}; gs_map_next(r->o->policies, &it);) {
        const op_policy *p = it.value;
        if (p->invalid && p->p && gs_streq(p->p->ns, r->ns))
            return p;
    }
    return NULL;
}

static bool may_delete(run *r)
{
    const op_policy *p = unread(r);
    if (p && r->deletes)
        gs_log_info("no stored evidence is deleted while a policy is invalid", "policy", r->of->p->key, "invalid",
                    p->key);
    r->deletes = r->deletes && !p && op_mono(r->o) - r->began_ms < RUN_MS - SWEEP_MS;
    return r->deletes;
}

/* Deletions: the object, then its metadata, so that what is left of a run that broke off is still recognised. What cannot be
 * deleted stays, with its metadata. */

static void delete_next(run *r);

static void on_deleted(void *ctx, const gs_error *err)
{
    run *r = ctx;
    if (err->kind != GS_OK) {
        r->failed = r->failed.kind ? r->failed : *err;
        r->next++;
        r->suffix = 0;
    }
    delete_next(r);
}

static void delete_next(run *r)
{
    for (; r->next < r->n; r->next++, r->suffix = 0) {
        const snapshot *s = r->v[r->next].of;
        if (!r->v[r->next].goes)
            continue;
        while (r->suffix < GS_LEN(s->suffixes) && !s->suffixes[r->suffix])
            r->suffix++;
        if (r->suffix < GS_LEN(s->suffixes)) {
            if (!may_delete(r))
                break;
            gs_autofree char *key = gs_sprintf("%s%s", s->stem, s->suffixes[r->suffix++]);
            gs_s3_delete(r->o->s3, &r->where, &r->keys.cred, key, on_deleted, r);
            return;
        }
        r->deleted++;
        r->kept -= s->stored.bytes;
    }
    r->of->stored = r->kept;
    sweep(r);
}

/* The choice. */

static void choose(void *job)
{
    run *r = job;
    r->chosen = gs_retention_choose(&r->keep, r->v, r->n, RUN_DELETES, r->now_ms, &r->kept);
    for (size_t i = 0; i < r->n; i++)
        r->kept += r->v[i].goes ? r->v[i].bytes : 0;
}

static void on_chosen(void *job, bool cancelled)
{
    run *r = job;
    r->choosing = false;
    if (!r->of) {
        run_free(r);
        return;
    }
    if (cancelled) /* shutting down: op_retention_forget frees it */
        return;
    delete_next(r);
}

static void judge(run *r, snapshot *s, const gs_stored_key *k)
{
    gs_autofree char *name = gs_sprintf("%s/%.*s", r->ns, (int)k->incident.n, k->incident.p);
    const op_incident *at = gs_map_get(r->o->incidents, name);
    s->stored.time_ms = k->time_ms;
    s->stored.open = at && !at->i->resolved;
    s->stored.unknown = !at;
    s->stored.severity = at ? at->i->severity : GS_SEVERITY_HIGH;
    s->stored.of = s;
}

static void on_object(void *ctx, const gs_s3_object *object)
{
    run *r = ctx;
    gs_stored_key k;
    if (!gs_retention_key(r->holder, object->key, &k))
        return;
    snapshot *s = gs_map_getn(r->snapshots, k.stem);
    if (!s && gs_map_len(r->snapshots) >= GS_MAX_RETENTION_SNAPSHOTS) {
        r->truncated = true;
        return;
    }
    if (!s) {
        s = gs_alloc(sizeof *s + k.stem.n + 1);
        memcpy(s->stem, k.stem.p, k.stem.n);
        judge(r, s, &k);
        gs_map_put(r->snapshots, s->stem, s);
    }
    unsigned at = gs_str_is(k.suffix, ".json") ? 1 : 0;
    if (s->suffixes[at]) /* no two kinds share a stem: the second one is not ours */
        return;
    s->suffixes[at] = gs_strndup(k.suffix.p, k.suffix.n);
    s->stored.bytes += object->bytes;
}

static void on_listed(void *ctx, const gs_error *err)
{
    run *r = ctx;
    gs_error full;
    r->list = NULL;
    if (err->kind != GS_OK) {
        r->failed = *err;
        sweep(r);
        return;
    }
    r->v = gs_grow(r->v, &r->cap, gs_map_len(r->snapshots) + 1, sizeof *r->v);
    for (gs_map_it it = {0}; gs_map_next(r->snapshots, &it);)
        r->v[r->n++] = ((snapshot *)it.value)->stored;
    r->now_ms = op_wall(r->o);
    r->choosing = true;
    if (gs_workers_submit(r->o->workers, choose, on_chosen, r, &full) < 0) {
        r->choosing = false;
        end(r, &full);
    }
}

static void on_secret(void *ctx, const gs_s3_credentials *c, const char *reason, const gs_error *err)
{
    run *r = ctx;
    (void)reason;
    r->secret = NULL;
    if (err->kind != GS_OK) {
        end(r, err);
        return;
    }
    op_keys_copy(&r->keys, c);
    r->list = gs_s3_list_start(r->o->s3, &r->where, &r->keys.cred, r->holder, on_object, on_listed, r);
}

/* When, and for whom. */

static bool shares(const op_policy *a, const op_policy *b)
{
    const gs_s3_spec *x = &a->p->s3, *y = &b->p->s3;
    return gs_streq(a->p->ns, b->p->ns) && gs_streq(x->endpoint, y->endpoint) && gs_streq(x->bucket, y->bucket) &&
           gs_streq(x->prefix, y->prefix);
}

/* Of policies that keep their evidence in one place one does the work, by the longer retention of all, whether they run or
 * not. false: it is another's. */
static bool merge(const op_policy *p, gs_retention *ret)
{
    *ret = p->p->retention;
    for (gs_map_it it = {0}; gs_map_next(p->o->policies, &it);) {
        const op_policy *other = it.value;
        if (other == p || !other->p || other->invalid || !other->p->has_s3 || !shares(p, other))
            continue;
        if (op_policy_may_act(other) && gs_policy_before(other->p, p->p))
            return false;
        *ret = gs_retention_longer(ret, &other->p->retention);
    }
    return true;
}

/* A worker's choice ends by itself. */
static void check_time(run *r)
{
    gs_error err;
    if (r->choosing || op_mono(r->o) - r->began_ms < RUN_MS)
        return;
    (void)gs_error_set(&err, GS_TRANSIENT, "it took over %d s: the next run goes on", RUN_MS / 1000);
    end(r, r->failed.kind ? &r->failed : &err);
}

static void start(struct op_retention *t)
{
    const op_policy *p = t->p;
    gs_retention keep;
    if (!merge(p, &keep)) {
        t->due_ms = op_mono(p->o) + EVERY_MS;
        t->stored = 0; /* it is in the other's sum */
        return;
    }
    run *r = t->run = gs_alloc(sizeof *r);
    r->o = p->o;
    r->of = t;
    r->where = p->p->s3;
    r->keep = keep;
    r->deletes = true;
    r->began_ms = op_mono(r->o);
    r->snapshots = gs_map_new(snapshot_free);
    (void)gs_str_copy(r->ns, sizeof r->ns, gs_str_of(p->p->ns));
    (void)snprintf(r->holder, sizeof r->holder, "%s%s%s/", p->p->s3.prefix, p->p->s3.prefix[0] ? "/" : "", p->p->ns);
    r->secret = op_secret_read_start(r->o, r->ns, &r->where, on_secret, r);
}

void op_retention_tick(op *o)
{
    struct op_retention *first = NULL;
    if (!o->leading || !o->synced)
        return;
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        op_policy *p = it.value;
        if (!p->p || !p->p->has_s3 || !op_policy_may_act(p))
            continue;
        if (!p->retention) {
            p->retention = gs_alloc(sizeof *p->retention);
            *p->retention =
                (struct op_retention){.p = p,
                                      .since_ms = op_wall(o),
                                      .due_ms = op_mono(o) + FIRST_MS + (int64_t)gs_rng_below(&o->rng, JITTER_MS)};
        }
        if (p->retention->run) {
            check_time(p->retention->run);
            return;
        }
        if (!first || p->retention->due_ms < first->due_ms)
            first = p->retention;
    }
    if (first && first->due_ms <= op_mono(o))
        start(first);
}

void op_retention_forget(op_policy *p)
{
    struct op_retention *t = gs_take(p->retention);
    if (!t)
        return;
    if (t->run && t->run->choosing)
        t->run->of = NULL;
    else if (t->run)
        run_free(t->run);
    free(t);
}

uint64_t op_retention_stored(const op *o)
{
    uint64_t sum = 0;
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);)
        sum += ((const op_policy *)it.value)->retention ? ((const op_policy *)it.value)->retention->stored : 0;
    return sum;
}
