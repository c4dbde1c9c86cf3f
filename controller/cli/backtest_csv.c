#include "cli/backtest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int on_row(void *ctx, const gs_series_row *row, gs_error *err)
{
    return gs_replay_row(ctx, row, err);
}

static int stream(int fd, gs_series_csv *csv, gs_error *err)
{
    char chunk[65536];
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gs_error_set(err, GS_TERMINAL, "%s", strerror(errno));
        int rc = gs_series_csv_feed(csv, chunk, (size_t)n, err);
        if (rc)
            return rc;
    }
    return gs_series_csv_finish(csv, err);
}

int gs_backtest_csv(const char *path, gs_replay *r, gs_buf *notes, gs_error *err)
{
    bool from_stdin = gs_streq(path, "-");
    gs_cleanup(gs_series_csv_free) gs_series_csv *csv = gs_series_csv_new(on_row, r);
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return gs_error_set(err, errno == ENOENT ? GS_NOT_FOUND : GS_TERMINAL, "open %s: %s", path, strerror(errno));
    int rc = stream(fd, csv, err);
    if (!from_stdin)
        (void)close(fd);
    if (rc)
        return gs_error_wrap(err, GS_TERMINAL, "%s", from_stdin ? "stdin" : path);
    if (gs_series_csv_ignored(csv)[0])
        (void)gs_buf_addf(notes, "columns that are not looked at: %s\n", gs_series_csv_ignored(csv));
    return 0;
}
