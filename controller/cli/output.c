#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static void wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    (void)poll(&p, 1, -1);
}

bool gs_output_write(gs_output *o, gs_str bytes)
{
    while (bytes.n && !o->closed && !o->err.kind) {
        ssize_t n = write(o->fd, bytes.p, bytes.n);
        if (n > 0) {
            bytes.p += n;
            bytes.n -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            wait_writable(o->fd); /* whoever gave us the descriptor had made it non-blocking */
        } else if (n < 0 && (errno == EPIPE || errno == EIO)) {
            o->closed = true; /* EIO: the terminal was closed */
        } else if (n < 0 && errno != EINTR) {
            (void)gs_error_set(&o->err, GS_TERMINAL, "write to stdout: %s", strerror(errno));
        }
    }
    return !o->closed && !o->err.kind;
}

bool gs_output_flush(gs_output *o, gs_buf *collected)
{
    bool open = gs_output_write(o, gs_buf_str(collected));
    gs_buf_reset(collected);
    return open;
}

static int read_all(int fd, const char *name, gs_buf *ret, gs_error *err)
{
    char chunk[16384];
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gs_error_set(err, GS_TERMINAL, "read %s: %s", name, strerror(errno));
        if (gs_buf_add(ret, chunk, (size_t)n))
            return gs_error_set(err, GS_NO_MEMORY, "read %s: longer than %zu bytes", name, ret->max);
    }
    return 0;
}

int gs_read_file(const char *path, size_t max, gs_buf *ret, gs_error *err)
{
    bool from_stdin = gs_streq(path, "-");
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return gs_error_set(err, errno == ENOENT ? GS_NOT_FOUND : GS_TERMINAL, "open %s: %s", path, strerror(errno));
    gs_buf text = GS_BUF(max);
    int rc = read_all(fd, from_stdin ? "stdin" : path, &text, err);
    if (!from_stdin)
        (void)close(fd);
    if (rc)
        gs_buf_done(&text);
    else
        *ret = text;
    return rc;
}
