#include "base/limits.h"
#include "base/mem.h"
#include "cli/evidence_dir_internal.h"
#include "codec/snapshot.h"
#include "wire/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct job {
    gs_evidence_dir *dir; /* NULL: freed while this was on a worker */
    struct job *next;
    int fd; /* of the directory; its own */
    gs_evidence evidence;
    enum gs_profile_kind kind;
    gs_buf raw, metadata;
    void (*done)(void *arg, const gs_evidence *e, const gs_error *err);
    void *arg;
    gs_error err;
};

/* One file, on a worker. */

int gs_evidence_write_all(int fd, gs_str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
    return 0;
}

static int confirm(int fd, const char *name, gs_str bytes, gs_error *err)
{
    gs_autofree char *back = gs_alloc(bytes.n + 1); /* one more: a longer file is a wrong one */
    size_t have = 0;
    while (have <= bytes.n) {
        ssize_t n = pread(fd, back + have, bytes.n + 1 - have, (off_t)have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gs_error_set(err, GS_TRANSIENT, "read back %s: %s", name, strerror(errno));
        if (n == 0)
            break;
        have += (size_t)n;
    }
    char want[GS_SHA256_HEX_LEN], got[GS_SHA256_HEX_LEN];
    gs_sha256_hex(bytes, want);
    gs_sha256_hex((gs_str){back, have}, got);
    return gs_streq(want, got) ? 0 : gs_error_set(err, GS_TRANSIENT, "read back %s: it is not what was written", name);
}

int gs_evidence_open_parent(int root, const char *name, const char **ret_base, gs_error *err)
{
    const char *whole = name;
    int at = fcntl(root, F_DUPFD_CLOEXEC, 0);
    for (const char *slash; at >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
        gs_autofree char *part = gs_strndup(name, (size_t)(slash - name));
        int below = mkdirat(at, part, 0777) < 0 && errno != EEXIST
                        ? -1
                        : openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int why = errno;
        (void)close(at);
        at = below;
        errno = why;
    }
    *ret_base = name;
    return at >= 0 ? at : gs_error_set(err, GS_TRANSIENT, "make the directory of %s: %s", whole, strerror(errno));
}

int gs_evidence_write_in(int parent, const char *base, gs_str bytes, gs_error *err)
{
    gs_autofree char *tmp = gs_sprintf(".%s.tmp", base);
    (void)unlinkat(parent, tmp, 0); /* of an earlier try */
    int fd = openat(parent, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return gs_error_set(err, GS_TRANSIENT, "make %s: %s", base, strerror(errno));
    int rc = gs_evidence_write_all(fd, bytes) || fsync(fd)
                 ? gs_error_set(err, GS_TRANSIENT, "write %s: %s", base, strerror(errno))
                 : confirm(fd, base, bytes, err);
    (void)close(fd);
    if (!rc && (renameat(parent, tmp, parent, base) || fsync(parent)))
        rc = gs_error_set(err, GS_TRANSIENT, "put %s in place: %s", base, strerror(errno));
    if (rc)
        (void)unlinkat(parent, tmp, 0);
    return rc;
}

char *gs_evidence_metadata_name(const char *name, enum gs_profile_kind kind)
{
    size_t stem = strlen(name) - strlen(gs_snapshot_suffix(kind));
    return gs_sprintf("%.*s" GS_EVIDENCE_METADATA_SUFFIX, (int)stem, name);
}

static int write_file(int root, const char *name, gs_str bytes, gs_error *err)
{
    const char *base;
    int parent = gs_evidence_open_parent(root, name, &base, err);
    if (parent < 0)
        return parent;
    int rc = gs_evidence_write_in(parent, base, bytes, err);
    (void)close(parent);
    return rc;
}

static void run_job(void *arg)
{
    struct job *j = arg;
    gs_autofree char *metadata = gs_evidence_metadata_name(j->evidence.key, j->kind);
    if (!write_file(j->fd, j->evidence.key, gs_buf_str(&j->raw), &j->err))
        (void)write_file(j->fd, metadata, gs_buf_str(&j->metadata), &j->err);
}

/* The store, on the loop. */

static void free_job(struct job *j)
{
    if (j->fd >= 0)
        (void)close(j->fd);
    gs_buf_done(&j->raw);
    gs_buf_done(&j->metadata);
    free(j);
}

static void on_done(void *arg, bool cancelled)
{
    struct job *j = arg;
    if (j->dir) {
        for (struct job **at = &j->dir->jobs; *at; at = &(*at)->next)
            if (*at == j) {
                *at = j->next;
                break;
            }
        if (cancelled)
            (void)gs_error_set(&j->err, GS_CANCELLED, "write %s: shutting down", j->evidence.key);
        j->done(j->arg, &j->evidence, &j->err);
    }
    free_job(j);
}

void gs_evidence_describe(gs_evidence *ret, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                          int64_t wall_ms)
{
    gs_snapshot_evidence(ret, pod, kind, wall_ms);
    gs_snapshot_key(ret->key, sizeof ret->key - GS_SNAPSHOT_SUFFIX_MAX, "", i, pod, kind, wall_ms);
    size_t n = strlen(ret->key);
    (void)gs_str_copy(ret->key + n, sizeof ret->key - n, gs_str_of(gs_snapshot_suffix(kind)));
}

static int fill(struct job *j, const gs_incident *i, const char *pod, enum gs_profile_kind kind, uint64_t goroutines,
                gs_str raw, int64_t wall_ms)
{
    gs_evidence *e = &j->evidence;
    j->kind = kind;
    gs_evidence_describe(e, i, pod, kind, wall_ms);
    e->bytes = raw.n;
    gs_sha256_hex(raw, e->sha256); /* here, not on the worker: the metadata needs it, and the incident is the loop's */
    j->raw = GS_BUF(raw.n);
    j->metadata = GS_BUF(GS_EVIDENCE_METADATA_MAX);
    if (gs_buf_add(&j->raw, raw.p, raw.n))
        return gs_error_set(&j->err, GS_NO_MEMORY, "no memory for a copy of %zu bytes", raw.n);
    gs_json_writer w;
    gs_jw_init(&w, &j->metadata);
    gs_snapshot_metadata(&w, i, e, goroutines);
    return gs_jw_finish(&w, &j->err);
}

static void put(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                uint64_t goroutines, gs_str raw, int64_t wall_ms,
                void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    gs_evidence_dir *d = ctx;
    struct job *j = gs_alloc(sizeof *j);
    (void)p;
    j->done = done;
    j->arg = arg;
    j->fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
    if (j->fd < 0)
        (void)gs_error_set(&j->err, GS_TRANSIENT, "open the evidence directory: %s", strerror(errno));
    if (j->fd < 0 || fill(j, i, pod, kind, goroutines, raw, wall_ms) ||
        gs_workers_submit(d->workers, run_job, on_done, j, &j->err)) {
        done(arg, &j->evidence, &j->err);
        free_job(j);
        return;
    }
    j->dir = d;
    j->next = d->jobs;
    d->jobs = j;
}

static bool wanted(void *ctx, const gs_policy *p, enum gs_profile_kind kind)
{
    return ctx && gs_snapshot_wanted(p, kind);
}

gs_evidence_store gs_evidence_dir_port(gs_evidence_dir *d, gs_scraper *s)
{
    if (d)
        d->scraper = s;
    return (gs_evidence_store){
        .wanted = wanted, .put = put, .take = gs_evidence_take, .forget = gs_evidence_forget, .ctx = d};
}

/* Asking for permissions is not the same as having them: quotas, read-only mounts, a full disk. */
static int try_out(int fd)
{
    static const char name[] = ".gostat-tries-to-write";
    int probe = openat(fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (probe < 0)
        return -1;
    (void)close(probe);
    return unlinkat(fd, name, 0);
}

int gs_evidence_dir_new(const char *path, gs_workers *w, gs_evidence_dir **ret, gs_error *err)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return gs_error_set(err, GS_TERMINAL, "make the evidence directory %s: %s", path, strerror(errno));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return gs_error_set(err, GS_TERMINAL, "open the evidence directory %s: %s", path, strerror(errno));
    if (try_out(fd)) {
        int why = errno;
        (void)close(fd);
        return gs_error_set(err, GS_TERMINAL, "write into the evidence directory %s: %s", path, strerror(why));
    }
    gs_evidence_dir *d = gs_alloc(sizeof *d);
    d->fd = fd;
    d->workers = w;
    *ret = d;
    return 0;
}

void gs_evidence_dir_free(gs_evidence_dir *d)
{
    if (!d)
        return;
    for (struct job *j = d->jobs; j; j = j->next)
        j->dir = NULL;
    gs_evidence_forget_all(d);
    (void)close(d->fd);
    free(d);
}
