/* edge/s3 as a program, for the component tests: puts a file under each of the keys, all at once.
 *
 *   s3_driver --endpoint URL --region R --bucket B --body FILE [--virtual-host yes] [--ca FILE] [--sha256 HEX] -- KEY…
 *
 * The credentials are S3_ACCESS_KEY, S3_SECRET_KEY and S3_SESSION_TOKEN. Prints a line for each key, in the order of
 * the keys: the error's kind ("ok"), a tab, its message. Ends with 0, whatever came of the puts; 2 on bad usage. */
#include "base/mem.h"
#include "edge/s3.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct result {
    struct app *app;
    bool done;
    gs_error err;
} result;

typedef struct app {
    gs_loop *loop;
    gs_s3 *s3;
    gs_s3_spec where;
    size_t left;
} app;

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "s3_driver: %s\n", what);
    exit(2);
}

static gs_buf read_file(const char *path)
{
    gs_buf b = GS_BUF(256u << 20);
    FILE *f = fopen(path, "rb");
    need(f != NULL, path);
    for (;;) {
        char *at = gs_buf_reserve(&b, 1u << 20);
        need(at != NULL, "the file is too big");
        size_t n = fread(at, 1, 1u << 20, f);
        b.n += n;
        b.p[b.n] = 0;
        if (n == 0)
            break;
    }
    need(!ferror(f) && fclose(f) == 0, path);
    return b;
}

static void on_done(void *ctx, const gs_error *err)
{
    result *r = ctx;
    need(!r->done, "called back twice");
    r->done = true;
    r->err = *err;
    if (--r->app->left == 0)
        gs_loop_stop(r->app->loop);
}

static void set(char *dst, size_t cap, const char *value, const char *what)
{
    need(value && gs_str_copy(dst, cap, gs_str_of(value)), what);
}

int main(int argc, char **argv)
{
    app a = {0};
    gs_error err = {0};
    int first = 1;
    while (first < argc && strcmp(argv[first], "--") != 0)
        first += 2;
    first++;
    need(first < argc, "no keys");
    set(a.where.endpoint, sizeof a.where.endpoint, option(argc, argv, "--endpoint"), "--endpoint");
    set(a.where.region, sizeof a.where.region, option(argc, argv, "--region"), "--region");
    set(a.where.bucket, sizeof a.where.bucket, option(argc, argv, "--bucket"), "--bucket");
    a.where.addressing = option(argc, argv, "--virtual-host") ? GS_ADDRESSING_VIRTUAL_HOST : GS_ADDRESSING_PATH;
    need(option(argc, argv, "--body") != NULL, "--body");
    gs_buf body = read_file(option(argc, argv, "--body")), ca = {0};
    if (option(argc, argv, "--ca"))
        ca = read_file(option(argc, argv, "--ca"));
    gs_s3_credentials cred = {getenv("S3_ACCESS_KEY"), getenv("S3_SECRET_KEY"), getenv("S3_SESSION_TOKEN"), ca.p};
    need(gs_loop_new(&a.loop, &err) == 0 && gs_s3_new(a.loop, &a.s3, &err) == 0, err.msg);

    size_t n = (size_t)(argc - first);
    result *results = gs_allocn(n, sizeof *results);
    a.left = n;
    for (size_t i = 0; i < n; i++) {
        results[i].app = &a;
        gs_s3_put(a.s3, &a.where, &cred, argv[first + (int)i], gs_buf_str(&body), option(argc, argv, "--sha256"),
                  "application/octet-stream", on_done, &results[i]);
    }
    gs_loop_run(a.loop);
    for (size_t i = 0; i < n; i++)
        (void)printf("%s\t%s\n", gs_kind_name(results[i].err.kind), results[i].err.msg);
    gs_s3_free(a.s3);
    gs_loop_free(a.loop);
    gs_buf_done(&body);
    gs_buf_done(&ca);
    free(results);
    return 0;
}
