#include "edge/audit_file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct gs_audit_file {
    char *path; /* NULL: stdout */
    int fd;
    bool regular, torn; /* torn: what is there ends within a line */
};

static int fail(const gs_audit_file *f, const char *what, gs_error *err)
{
    return gs_error_set(err, GS_TRANSIENT, "%s %.200s: %s", what, f->path ? f->path : "stdout", strerror(errno));
}

static int look(gs_audit_file *f, gs_error *err)
{
    struct stat st;
    char last = '\n';
    if (fstat(f->fd, &st) < 0)
        return fail(f, "stat", err);
    f->regular = S_ISREG(st.st_mode);
    if (f->path && f->regular && st.st_size > 0 && pread(f->fd, &last, 1, st.st_size - 1) < 0)
        return fail(f, "read", err);
    f->torn = last != '\n';
    return 0;
}

static int open_file(gs_audit_file *f, gs_error *err)
{
    f->fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    return f->fd < 0 ? fail(f, "open", err) : look(f, err);
}

/* The file that has the name now, which need not be the one that is open. */
static int follow(gs_audit_file *f, gs_error *err)
{
    struct stat named, ours;
    if (!f->path)
        return 0;
    if (f->fd >= 0 && stat(f->path, &named) == 0 && fstat(f->fd, &ours) == 0 && named.st_dev == ours.st_dev &&
        named.st_ino == ours.st_ino)
        return 0;
    if (f->fd >= 0)
        (void)close(f->fd);
    return open_file(f, err);
}

/* Takes a part of a line back, so that what comes next is not glued to it. */
static void take_back(gs_audit_file *f, size_t n)
{
    struct stat st;
    if (!n)
        return;
    if (!f->path || !f->regular || fstat(f->fd, &st) < 0 || st.st_size < (off_t)n ||
        ftruncate(f->fd, st.st_size - (off_t)n) < 0)
        f->torn = true;
}

static int write_line(gs_audit_file *f, const char *line, gs_error *err)
{
    char *text = gs_sprintf("%s%s\n", f->torn ? "\n" : "", line);
    size_t n = strlen(text), done = 0;
    while (done < n) {
        ssize_t got = write(f->fd, text + done, n - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        done += (size_t)got;
    }
    free(text);
    if (done == n) {
        f->torn = false;
        return 0;
    }
    (void)fail(f, "write to", err);
    take_back(f, done);
    return -GS_TRANSIENT;
}

int gs_audit_file_open(const char *path, gs_audit_file **ret, gs_error *err)
{
    gs_cleanup(gs_audit_file_free) gs_audit_file *f = gs_alloc(sizeof *f);
    f->fd = STDOUT_FILENO;
    if (!gs_streq(path, "-"))
        f->path = gs_strdup(path);
    int rc = f->path ? open_file(f, err) : look(f, err);
    if (rc < 0) {
        if (err)
            err->kind = GS_TERMINAL;
        return -GS_TERMINAL;
    }
    *ret = gs_take(f);
    return 0;
}

int gs_audit_file_write(gs_audit_file *f, char *const *lines, size_t n, gs_error *err)
{
    int rc = follow(f, err);
    for (size_t k = 0; k < n && !rc; k++)
        rc = write_line(f, lines[k], err);
    if (!rc && f->regular && fsync(f->fd) < 0)
        rc = fail(f, "fsync", err);
    return rc;
}

void gs_audit_file_free(gs_audit_file *f)
{
    if (!f)
        return;
    if (f->path && f->fd >= 0)
        (void)close(f->fd);
    free(f->path);
    free(f);
}
