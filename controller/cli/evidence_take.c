/* A profile from a process into a file: written under another name as it arrives; then, on a worker, brought to the disk,
 * read back and compared; then put in place together with its metadata. */
#include "base/limits.h"
#include "base/mem.h"
#include "cli/evidence_dir_internal.h"
#include "codec/snapshot.h"
#include "edge/scraper_stream.h"
#include "wire/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BACK_BYTES (256u << 10)

typedef struct taken {
    LIST_ENTRY(taken) link;
    gs_evidence_dir *dir; /* NULL: forgotten while this was on a worker */
    const gs_incident *i;
    enum gs_profile_kind kind;
    uint64_t goroutines;
    gs_evidence evidence;
    int parent, fd;   /* of the directory that it lies in, and of the file */
    const char *base; /* into evidence.key */
    char *tmp;
    gs_stream *stream;
    gs_sha256_sum *sum;
    gs_buf metadata;
    bool placed; /* the file has its name */
    gs_error err;
    void (*done)(void *arg, const gs_evidence *e, const gs_error *err);
    void *arg;
} taken;

/* With the file, unless all went well. */
static void free_take(taken *t, bool keep)
{
    gs_stream_cancel(t->stream);
    if (t->fd >= 0 && !keep)
        (void)unlinkat(t->parent, t->placed ? t->base : t->tmp, 0);
    if (t->fd >= 0)
        (void)close(t->fd);
    if (t->parent >= 0)
        (void)close(t->parent);
    gs_sha256_free(t->sum);
    gs_buf_done(&t->metadata);
    free(t->tmp);
    free(t);
}

static void answer(taken *t)
{
    void (*done)(void *, const gs_evidence *, const gs_error *) = t->done;
    void *arg = t->arg;
    gs_evidence e = t->evidence;
    gs_error err = t->err;
    LIST_REMOVE(t, link);
    free_take(t, err.kind == GS_OK);
    done(arg, &e, &err);
}

/* The engine must not take this for a failure of the process. */
static int disk_failed(taken *t, const char *what)
{
    return gs_error_set(&t->err, GS_REFUSED, "%s %s: %s", what, t->base, strerror(errno));
}

/* On a worker. */

static void read_back(taken *t)
{
    gs_autofree char *piece = gs_alloc(READ_BACK_BYTES);
    gs_cleanup(gs_sha256_free) gs_sha256_sum *sum = gs_sha256_new();
    uint8_t digest[GS_SHA256_LEN];
    char got[GS_SHA256_HEX_LEN];
    for (off_t at = 0;;) {
        ssize_t n = pread(t->fd, piece, READ_BACK_BYTES, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            (void)disk_failed(t, "read back");
            return;
        }
        if (n == 0)
            break;
        gs_sha256_add(sum, (gs_str){piece, (size_t)n});
        at += n;
    }
    gs_sha256_take(sum, digest);
    gs_hex(digest, sizeof digest, got);
    if (!gs_streq(got, t->evidence.sha256))
        (void)gs_error_set(&t->err, GS_REFUSED, "read back %s: it is not what was written", t->base);
}

static void seal(void *job)
{
    taken *t = job;
    if (fsync(t->fd))
        (void)disk_failed(t, "write");
    else
        read_back(t);
}

/* The metadata comes last: fsync of the directory is its. */
static void place(void *job)
{
    taken *t = job;
    gs_autofree char *metadata = gs_evidence_metadata_name(t->base, t->kind);
    if (renameat(t->parent, t->tmp, t->parent, t->base)) {
        (void)disk_failed(t, "put in place");
        return;
    }
    t->placed = true;
    if (gs_evidence_write_in(t->parent, metadata, gs_buf_str(&t->metadata), &t->err))
        t->err.kind = GS_REFUSED;
}

/* On the loop. */

static void submit(taken *t, void (*run)(void *job), void (*done)(void *job, bool cancelled))
{
    if (gs_workers_submit(t->dir->workers, run, done, t, &t->err)) {
        t->err.kind = GS_REFUSED;
        answer(t);
    }
}

/* False: it is over. */
static bool is_back(taken *t, bool cancelled)
{
    if (!t->dir) {
        free_take(t, t->placed && t->err.kind == GS_OK);
        return false;
    }
    if (cancelled)
        (void)gs_error_set(&t->err, GS_REFUSED, "write %s: shutting down", t->base);
    if (t->err.kind != GS_OK)
        answer(t);
    else
        return true;
    return false;
}

static void on_placed(void *job, bool cancelled)
{
    if (is_back(job, cancelled))
        answer(job);
}

static void on_sealed(void *job, bool cancelled)
{
    taken *t = job;
    gs_json_writer w;
    if (!is_back(t, cancelled))
        return;
    t->metadata = GS_BUF(GS_EVIDENCE_METADATA_MAX);
    gs_jw_init(&w, &t->metadata);
    gs_snapshot_metadata(&w, t->i, &t->evidence, t->goroutines);
    if (gs_jw_finish(&w, &t->err)) {
        t->err.kind = GS_REFUSED;
        answer(t);
        return;
    }
    submit(t, place, on_placed);
}

static bool on_piece(void *ctx, const char *p, size_t n)
{
    taken *t = ctx;
    if (t->err.kind != GS_OK)
        return true; /* what still comes is of no use */
    if (gs_evidence_write_all(t->fd, (gs_str){p, n}))
        (void)disk_failed(t, "write");
    gs_sha256_add(t->sum, (gs_str){p, n});
    t->evidence.bytes += n;
    return true;
}

static void on_streamed(void *ctx, const gs_error *err)
{
    taken *t = ctx;
    uint8_t digest[GS_SHA256_LEN];
    t->stream = NULL;
    if (t->err.kind == GS_OK)
        t->err = *err;
    if (t->err.kind != GS_OK) {
        answer(t);
        return;
    }
    gs_sha256_take(t->sum, digest);
    gs_hex(digest, sizeof digest, t->evidence.sha256);
    submit(t, seal, on_sealed);
}

static int make_file(taken *t)
{
    t->parent = gs_evidence_open_parent(t->dir->fd, t->evidence.key, &t->base, &t->err);
    if (t->parent < 0) {
        t->err.kind = GS_REFUSED;
        return -GS_REFUSED;
    }
    t->tmp = gs_sprintf(".%s.tmp", t->base);
    (void)unlinkat(t->parent, t->tmp, 0); /* of an earlier try */
    t->fd = openat(t->parent, t->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return t->fd < 0 ? disk_failed(t, "make") : 0;
}

void gs_evidence_take(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, const gs_endpoint *e,
                      enum gs_profile_kind kind, int seconds, int64_t wall_ms,
                      void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    taken *t = gs_alloc(sizeof *t);
    const gs_stream_sink sink = {.write = on_piece, .done = on_streamed, .ctx = t};
    (void)p;
    t->dir = ctx;
    t->i = i;
    t->kind = kind;
    t->goroutines = gs_incident_goroutines(i, pod);
    t->done = done;
    t->arg = arg;
    t->fd = t->parent = -1;
    t->sum = gs_sha256_new();
    gs_evidence_describe(&t->evidence, i, pod, kind, wall_ms);
    LIST_INSERT_HEAD(&t->dir->takes, t, link);
    if (make_file(t))
        answer(t);
    else
        t->stream = gs_stream_start(t->dir->scraper, e, kind, seconds, &sink);
}

static void let_go(taken *t)
{
    LIST_REMOVE(t, link);
    if (t->stream)
        free_take(t, false);
    else
        t->dir = NULL; /* it comes back from its worker */
}

void gs_evidence_forget(void *ctx, void *arg)
{
    const gs_evidence_dir *d = ctx;
    for (taken *t = LIST_FIRST(&d->takes), *next; t; t = next) {
        next = LIST_NEXT(t, link);
        if (t->arg == arg)
            let_go(t);
    }
}

void gs_evidence_forget_all(gs_evidence_dir *d)
{
    while (!LIST_EMPTY(&d->takes))
        let_go(LIST_FIRST(&d->takes));
}
