/* Evidence into S3: the digest on a worker, the credentials from the policy's Secret, the dump, then its metadata; done
 * once the store has confirmed both. One try: the engine retries. */
#include "base/mem.h"
#include "codec/incident_json.h"
#include "codec/snapshot.h"
#include "operator/op.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct put {
    op *o;
    char id[24]; /* its key in o->puts */
    char ns[GS_NAMESPACE_LEN];
    gs_s3_spec where;
    char incident[GS_OBJECT_LEN + GS_NAMESPACE_LEN]; /* "ns/name": it may be forgotten meanwhile */
    uint64_t goroutines;
    gs_evidence evidence;
    gs_str raw; /* the engine's, until answered */
    gs_buf metadata;
    char key[1025];
    op_secret_read *secret;
    void (*done)(void *arg, const gs_evidence *e, const gs_error *err);
    void *arg;
    /* for the metadata's store */
    gs_s3_credentials cred;
    gs_buf access, secret_key, token, ca;
} put;

static void put_free(put *u)
{
    op_secret_read_cancel(u->secret);
    op_wipe(&u->access);
    op_wipe(&u->secret_key);
    op_wipe(&u->token);
    op_wipe(&u->ca);
    gs_buf_done(&u->metadata);
    free(u);
}

static void end(put *u, const gs_error *err)
{
    void (*done)(void *, const gs_evidence *, const gs_error *) = u->done;
    void *arg = u->arg;
    gs_evidence e = u->evidence;
    (void)gs_map_remove(u->o->puts, u->id);
    put_free(u);
    done(arg, &e, err);
}

static void on_metadata_stored(void *ctx, const gs_error *err)
{
    end(ctx, err);
}

static void on_dump_stored(void *ctx, const gs_error *err)
{
    put *u = ctx;
    if (err->kind != GS_OK) {
        end(u, err);
        return;
    }
    char key[1040];
    (void)snprintf(key, sizeof key, "%s.json", u->key);
    gs_s3_put(u->o->s3, &u->where, &u->cred, key, gs_buf_str(&u->metadata), NULL, "application/json",
              on_metadata_stored, u);
}

static const char *keep(gs_buf *b, const char *s)
{
    *b = GS_BUF(GS_MAX_SECRET_VALUE);
    if (!s || gs_buf_adds(b, s) < 0)
        return NULL;
    return b->p;
}

static void on_secret(void *ctx, const gs_s3_credentials *c, const char *reason, const gs_error *err)
{
    put *u = ctx;
    u->secret = NULL;
    (void)reason;
    if (err->kind != GS_OK) {
        end(u, err);
        return;
    }
    u->cred = (gs_s3_credentials){.access_key = keep(&u->access, c->access_key),
                                  .secret_key = keep(&u->secret_key, c->secret_key),
                                  .session_token = keep(&u->token, c->session_token),
                                  .ca_pem = keep(&u->ca, c->ca_pem)};
    gs_s3_put(u->o->s3, &u->where, &u->cred, u->evidence.key, u->raw, u->evidence.sha256, "application/octet-stream",
              on_dump_stored, u);
}

/* On a worker: touches the bytes and its own result only. */
static void hash(void *job)
{
    put *u = job;
    gs_sha256_hex(u->raw, u->evidence.sha256);
}

static int describe(put *u, gs_error *err)
{
    const op_incident *at = gs_map_get(u->o->incidents, u->incident);
    if (!at)
        return gs_error_set(err, GS_CANCELLED, "the incident is gone");
    gs_json_writer w;
    u->metadata = GS_BUF(1u << 20);
    gs_jw_init(&w, &u->metadata);
    gs_snapshot_metadata(&w, at->i, &u->evidence, u->goroutines);
    return gs_jw_finish(&w, err);
}

static void on_hashed(void *job, bool cancelled)
{
    put *u = job;
    gs_error err = {0};
    if (cancelled) /* shutting down: op_evidence_free frees it */
        return;
    if (describe(u, &err) < 0)
        end(u, &err);
    else
        u->secret = op_secret_read_start(u->o, u->ns, &u->where, on_secret, u);
}

static bool wanted(void *ctx, const gs_policy *p, enum gs_profile_kind kind)
{
    (void)ctx;
    return p->has_s3 && gs_snapshot_wanted(p, kind);
}

static void store(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                  uint64_t goroutines, gs_str raw, int64_t wall_ms,
                  void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    op *o = ctx;
    gs_error err;
    put *u = gs_alloc(sizeof *u);
    u->o = o;
    u->where = p->s3;
    u->raw = raw;
    u->goroutines = goroutines;
    u->done = done;
    u->arg = arg;
    memcpy(u->ns, p->ns, sizeof u->ns);
    (void)snprintf(u->incident, sizeof u->incident, "%s/%s", i->workload.ns, i->name);
    u->evidence = (gs_evidence){.bytes = raw.n, .time_ms = wall_ms};
    (void)gs_str_copy(u->evidence.kind, sizeof u->evidence.kind, gs_str_of(gs_profile_kind_name(kind)));
    (void)gs_str_copy(u->evidence.pod, sizeof u->evidence.pod, gs_str_of(pod));
    gs_snapshot_key(u->key, sizeof u->key, p->s3.prefix, i, pod, kind, wall_ms);
    (void)snprintf(u->evidence.key, sizeof u->evidence.key, "%.1017s.pb.gz", u->key);
    (void)snprintf(u->id, sizeof u->id, "%llu", (unsigned long long)++o->seq);
    gs_map_put(o->puts, u->id, u);
    if (gs_workers_submit(o->workers, hash, on_hashed, u, &err) < 0)
        end(u, &err);
}

gs_evidence_store op_evidence_store(op *o)
{
    return (gs_evidence_store){.wanted = wanted, .put = store, .ctx = o};
}

void op_evidence_free(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->puts, &it);)
        put_free(it.value);
    gs_map_free(o->puts);
    o->puts = NULL;
}
