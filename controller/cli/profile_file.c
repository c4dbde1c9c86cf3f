#include "cli/profile_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (64u << 10) /* more makes reading no faster, and less of it fits the cache */

const char *gs_dump_format_name(enum gs_dump_format f)
{
    static const char *const names[] = {
        [GS_DUMP_UNKNOWN] = "unknown",
        [GS_DUMP_PPROF] = "pprof",
        [GS_DUMP_DEBUG1] = "debug=1",
        [GS_DUMP_DEBUG2] = "debug=2",
    };
    return names[f];
}

static int feed_all(int fd, gs_dump *d, uint64_t *ret_bytes, gs_error *err)
{
    char chunk[CHUNK];
    uint64_t bytes = 0;
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gs_error_set(err, GS_TERMINAL, "read: %s", strerror(errno));
        bytes += (uint64_t)n;
        int rc = gs_dump_feed(d, chunk, (size_t)n, err);
        if (rc)
            return rc;
    }
    *ret_bytes = bytes;
    return 0;
}

static int decode(int fd, bool keep_goroutines, gs_profile_file *f, gs_error *err)
{
    gs_cleanup(gs_dump_free) gs_dump *d = gs_dump_new(keep_goroutines);
    int rc = feed_all(fd, d, &f->bytes, err);
    if (!rc)
        rc = gs_dump_finish(d, &f->profile, err);
    if (!rc)
        f->format = gs_dump_format(d);
    return rc;
}

int gs_profile_file_read(const char *path, bool keep_goroutines, gs_profile_file *ret, gs_error *err)
{
    bool from_stdin = strcmp(path, "-") == 0;
    gs_profile_file f = {.name = path};
    int rc = 0, fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        rc = gs_error_set(err, errno == ENOENT ? GS_NOT_FOUND : GS_TERMINAL, "open: %s", strerror(errno));
    else
        rc = decode(fd, keep_goroutines, &f, err);
    if (fd >= 0 && !from_stdin)
        (void)close(fd);
    if (rc)
        return gs_error_wrap(err, GS_TERMINAL, "%.200s", from_stdin ? "stdin" : path);
    *ret = f;
    return 0;
}

void gs_profile_file_done(gs_profile_file *f)
{
    gs_profile_free(f->profile);
    *f = (gs_profile_file){0};
}
