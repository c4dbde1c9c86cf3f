/* Evidence into S3. What the engine has: the digest on a worker, the credentials from the policy's Secret, the bytes. What
 * is taken from a pod: the credentials, an upload, and the pod's answer into it as it arrives. Then, for both, the metadata;
 * done once the store has confirmed all of it. One try: the engine retries. */
#include "base/mem.h"
#include "codec/incident_json.h"
#include "codec/snapshot.h"
#include "edge/scraper_stream.h"
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
    enum gs_profile_kind kind;
    uint64_t goroutines;
    gs_evidence evidence;
    gs_str raw; /* the engine's, until answered; not of a take */
    gs_buf metadata;
    char key[1025];
    op_secret_read *secret;
    void (*done)(void *arg, const gs_evidence *e, const gs_error *err); /* NULL: forgotten */
    void *arg;
    /* for the metadata's store */
    op_keys keys;
    /* of a take */
    bool takes;
    char *host, *path;
    gs_endpoint from; /* its strings are the two above; with a reference */
    int seconds;
    gs_stream *stream;
    gs_s3_upload *upload;
    bool held_up;  /* the store was slower than the pod */
    bool uploaded; /* the object is there; what comes then is not to be cancelled */
    gs_error
        why; /* the pod's failure, while the upload is being aborted; the metadata's, while the object is deleted */
} put;

static void put_free(put *u)
{
    op_secret_read_cancel(u->secret);
    gs_stream_cancel(u->stream);
    op_keys_done(&u->keys);
    gs_buf_done(&u->metadata);
    free(u->host);
    free(u->path);
    gs_access_unref(u->from.access);
    free(u);
}

static void end(put *u, const gs_error *err)
{
    void (*done)(void *, const gs_evidence *, const gs_error *) = u->done;
    void *arg = u->arg;
    gs_evidence e = u->evidence;
    gs_error copy = *err;
    (void)gs_map_remove(u->o->puts, u->id);
    put_free(u);
    if (done)
        done(arg, &e, &copy);
}

/* The engine must not take this for a failure of the pod. */
static void end_by_store(put *u, const gs_error *err)
{
    gs_error copy = *err;
    if (u->takes)
        copy.kind = GS_REFUSED;
    end(u, &copy);
}

static void on_deleted(void *ctx, const gs_error *err)
{
    put *u = ctx;
    (void)err; /* it expires with the rest */
    end_by_store(u, &u->why);
}

/* Nothing stays behind. What was put will be put again under the same key. */
static void fail_metadata(put *u, const gs_error *err)
{
    if (!u->takes) {
        end(u, err);
        return;
    }
    u->why = *err;
    gs_s3_delete(u->o->s3, &u->where, &u->keys.cred, u->evidence.key, on_deleted, u);
}

static void on_metadata_stored(void *ctx, const gs_error *err)
{
    put *u = ctx;
    if (err->kind == GS_OK)
        end(u, err);
    else
        fail_metadata(u, err);
}

static void store_metadata(put *u)
{
    char key[1040];
    (void)snprintf(key, sizeof key, "%s.json", u->key);
    gs_s3_put(u->o->s3, &u->where, &u->keys.cred, key, gs_buf_str(&u->metadata), NULL, "application/json",
              on_metadata_stored, u);
}

static void on_dump_stored(void *ctx, const gs_error *err)
{
    put *u = ctx;
    if (err->kind == GS_OK)
        store_metadata(u);
    else
        end(u, err);
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

/* From the pod to the store. */

static bool on_piece(void *ctx, const char *p, size_t n)
{
    put *u = ctx;
    bool room = gs_s3_upload_write(u->upload, p, n);
    u->held_up = u->held_up || !room;
    return room;
}

static void on_room(void *ctx)
{
    put *u = ctx;
    if (u->stream)
        gs_stream_resume(u->stream);
}

static void on_streamed(void *ctx, const gs_error *err)
{
    put *u = ctx;
    u->stream = NULL;
    u->why = *err;
    if (err->kind == GS_OK)
        gs_s3_upload_finish(u->upload);
    else
        gs_s3_upload_abort(u->upload, err);
}

static void on_uploaded(void *ctx, const gs_s3_stored *stored, const gs_error *err)
{
    put *u = ctx;
    gs_error bad = {0};
    u->upload = NULL;
    if (u->why.kind == GS_TRANSIENT && u->held_up) { /* its time went by while the store was waited for */
        end_by_store(u, &u->why);
        return;
    }
    if (u->why.kind != GS_OK) {
        end(u, &u->why);
        return;
    }
    if (err->kind != GS_OK) {
        end_by_store(u, err);
        return;
    }
    u->uploaded = true;
    u->evidence.bytes = stored->bytes;
    memcpy(u->evidence.sha256, stored->sha256, sizeof u->evidence.sha256);
    if (describe(u, &bad) < 0)
        fail_metadata(u, &bad);
    else
        store_metadata(u);
}

static void begin_take(put *u)
{
    const gs_stream_sink sink = {.write = on_piece, .done = on_streamed, .ctx = u};
    u->upload = gs_s3_upload_start(u->o->s3, &u->where, &u->keys.cred, u->evidence.key,
                                   gs_snapshot_content_type(u->kind), on_room, on_uploaded, u);
    u->stream = gs_stream_start(u->o->scraper, &u->from, u->kind, u->seconds, &sink);
}

/* Credentials. */

static void on_secret(void *ctx, const gs_s3_credentials *c, const char *reason, const gs_error *err)
{
    put *u = ctx;
    u->secret = NULL;
    (void)reason;
    if (err->kind != GS_OK) {
        end_by_store(u, err);
        return;
    }
    op_keys_copy(&u->keys, c);
    if (u->takes)
        begin_take(u);
    else
        gs_s3_put(u->o->s3, &u->where, &u->keys.cred, u->evidence.key, u->raw, u->evidence.sha256,
                  gs_snapshot_content_type(u->kind), on_dump_stored, u);
}

/* What the engine has. */

/* On a worker: touches the bytes and its own result only. */
static void hash(void *job)
{
    put *u = job;
    gs_sha256_hex(u->raw, u->evidence.sha256);
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

/* Nothing is read or taken for a store that the operator does not allow. False: it has ended. */
static bool may_store(put *u, const gs_policy *p)
{
    gs_error err;
    if (gs_destinations_name_allowed(u->o->destinations, GS_DESTINATION_S3, gs_str_of(p->s3.endpoint), &err) == 0)
        return true;
    (void)gs_error_wrap(&err, GS_REFUSED, "spec.snapshot.s3.endpoint");
    end_by_store(u, &err);
    return false;
}

static put *new_put(op *o, const gs_policy *p, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                    int64_t wall_ms)
{
    put *u = gs_alloc(sizeof *u);
    u->o = o;
    u->where = p->s3;
    u->kind = kind;
    memcpy(u->ns, p->ns, sizeof u->ns);
    (void)snprintf(u->incident, sizeof u->incident, "%s/%s", i->workload.ns, i->name);
    gs_snapshot_evidence(&u->evidence, pod, kind, wall_ms);
    gs_snapshot_key(u->key, sizeof u->key - GS_SNAPSHOT_SUFFIX_MAX, p->s3.prefix, i, pod, kind, wall_ms);
    (void)snprintf(u->evidence.key, sizeof u->evidence.key, "%s%s", u->key, gs_snapshot_suffix(kind));
    (void)snprintf(u->id, sizeof u->id, "%llu", (unsigned long long)++o->seq);
    gs_map_put(o->puts, u->id, u);
    return u;
}

static void store(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                  uint64_t goroutines, gs_str raw, int64_t wall_ms,
                  void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    gs_error err;
    put *u = new_put(ctx, p, i, pod, kind, wall_ms);
    u->raw = raw;
    u->evidence.bytes = raw.n;
    u->goroutines = goroutines;
    u->done = done;
    u->arg = arg;
    if (may_store(u, p) && gs_workers_submit(u->o->workers, hash, on_hashed, u, &err) < 0)
        end(u, &err);
}

static void take(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, const gs_endpoint *e,
                 enum gs_profile_kind kind, int seconds, int64_t wall_ms,
                 void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    put *u = new_put(ctx, p, i, pod, kind, wall_ms);
    u->takes = true;
    u->host = gs_strdup(e->host);
    u->path = gs_strdup(e->pprof_path);
    u->from = *e;
    u->from.host = u->host;
    u->from.pprof_path = u->path;
    u->from.metrics_path = "";
    u->from.access = gs_access_ref(e->access);
    u->seconds = seconds;
    u->goroutines = gs_incident_goroutines(i, pod);
    u->done = done;
    u->arg = arg;
    if (may_store(u, p))
        u->secret = op_secret_read_start(u->o, u->ns, &u->where, on_secret, u);
}

static void forget(void *ctx, void *arg)
{
    const op *o = ctx;
    for (gs_map_it it = {0}; gs_map_next(o->puts, &it);) {
        put *u = it.value;
        if (!u->takes || u->arg != arg)
            continue;
        u->done = NULL;
        if (u->uploaded) /* its metadata follows */
            continue;
        if (u->upload)
            gs_s3_upload_forget(u->upload);
        (void)gs_map_remove(o->puts, u->id);
        put_free(u);
    }
}

gs_evidence_store op_evidence_store(op *o)
{
    return (gs_evidence_store){.wanted = wanted, .put = store, .take = take, .forget = forget, .ctx = o};
}

void op_evidence_free(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->puts, &it);)
        put_free(it.value);
    gs_map_free(o->puts);
    o->puts = NULL;
}
