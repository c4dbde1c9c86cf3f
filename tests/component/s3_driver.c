/* edge/s3 as a program, for the component tests.
 *
 *   s3_driver COMMAND --endpoint URL --region R --bucket B [--virtual-host yes] [--ca FILE] [--sse AES256] … -- ARG…
 *
 *   put --body FILE [--sha256 HEX] -- KEY…   all at once
 *   upload --body FILE [--piece N] [--stop yes|forget|hang] -- KEY   streamed; stop: after all was written, in place of the end:
 *                                        by abort, by forget, or wait to be killed.
 *   list -- PREFIX                       a line for each object: its key, bytes and time
 *   get --max N -- KEY                   the object's bytes
 *   delete -- KEY…
 *   sweep --age MS -- PREFIX             how many uploads were aborted
 *   presign --seconds N -- KEY           the link
 *
 * It may go to loopback; with --allow-private none it may not, and with --allow PATTERN only to such hosts.
 *
 * The credentials are S3_ACCESS_KEY, S3_SECRET_KEY and S3_SESSION_TOKEN. The last lines are a line for each ARG, in their order:
 * the error's kind ("ok"), a tab, its message. Ends with 0, whatever came of it; 2 on bad usage. */
#include "base/clock.h"
#include "base/mem.h"
#include "edge/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE (16u << 10)

typedef struct result {
    struct app *app;
    bool done;
    gs_error err;
} result;

typedef struct app {
    int argc;
    char **argv;
    gs_loop *loop;
    gs_destinations *destinations;
    gs_s3 *s3;
    gs_s3_spec where;
    gs_s3_credentials cred;
    gs_buf body;
    size_t left;
    result *results;
    /* an upload's source */
    gs_s3_upload *upload;
    gs_timer *source;
    size_t sent;
} app;

static const char *option(const app *a, const char *name)
{
    for (int i = 2; i + 1 < a->argc && strcmp(a->argv[i], "--") != 0; i += 2)
        if (strcmp(a->argv[i], name) == 0)
            return a->argv[i + 1];
    return NULL;
}

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "s3_driver: %s\n", what);
    exit(2);
}

static uint64_t number(const app *a, const char *name, uint64_t otherwise)
{
    uint64_t n = otherwise;
    const char *s = option(a, name);
    need(!s || gs_str_u64(gs_str_of(s), &n), name);
    return n;
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

/* Commands; key is an ARG. */

static void put(app *a, const char *key, result *r)
{
    gs_s3_put(a->s3, &a->where, &a->cred, key, gs_buf_str(&a->body), option(a, "--sha256"), "application/octet-stream",
              on_done, r);
}

static void stop(app *a, const char *how)
{
    gs_error why;
    (void)gs_error_set(&why, GS_TRANSIENT, "the source failed");
    if (gs_streq(how, "hang")) {
        (void)puts("hanging");
        (void)fflush(stdout);
    } else if (gs_streq(how, "forget")) {
        gs_s3_upload_forget(a->upload);
        on_done(&a->results[0], &why);
    } else {
        gs_s3_upload_abort(a->upload, &why);
    }
}

/* A source that waits as it is told. */
static void on_source(void *ctx)
{
    app *a = ctx;
    size_t piece = number(a, "--piece", PIECE);
    const char *how = option(a, "--stop");
    if (!a->upload)
        return;
    while (a->sent < a->body.n) {
        size_t n = a->body.n - a->sent < piece ? a->body.n - a->sent : piece;
        a->sent += n;
        if (!gs_s3_upload_write(a->upload, a->body.p + a->sent - n, n))
            return;
    }
    if (how)
        stop(a, how);
    else
        gs_s3_upload_finish(a->upload);
}

static void on_room(void *ctx)
{
    gs_timer_set(((result *)ctx)->app->source, 0);
}

static void on_uploaded(void *ctx, const gs_s3_stored *s, const gs_error *err)
{
    result *r = ctx;
    r->app->upload = NULL;
    if (err->kind == GS_OK)
        (void)printf("%s %llu\n", s->sha256, (unsigned long long)s->bytes);
    on_done(ctx, err);
}

static void upload(app *a, const char *key, result *r)
{
    a->source = gs_timer_new(a->loop, on_source, a);
    a->upload =
        gs_s3_upload_start(a->s3, &a->where, &a->cred, key, "application/octet-stream", on_room, on_uploaded, r);
    gs_timer_set(a->source, 0);
}

static void on_object(void *ctx, const gs_s3_object *o)
{
    char time[GS_TIME_LEN];
    (void)ctx;
    gs_time_format(o->modified_ms, time);
    (void)printf("%s\t%llu\t%s\n", o->key, (unsigned long long)o->bytes, time);
}

static void list(app *a, const char *prefix, result *r)
{
    (void)gs_s3_list_start(a->s3, &a->where, &a->cred, prefix, on_object, on_done, r);
}

static void on_got(void *ctx, gs_str body, const gs_error *err)
{
    if (err->kind == GS_OK)
        (void)printf("%.*s\n", (int)body.n, body.p);
    on_done(ctx, err);
}

static void get(app *a, const char *key, result *r)
{
    gs_s3_get(a->s3, &a->where, &a->cred, key, number(a, "--max", 1u << 20), on_got, r);
}

static void del(app *a, const char *key, result *r)
{
    gs_s3_delete(a->s3, &a->where, &a->cred, key, on_done, r);
}

static void on_swept(void *ctx, unsigned aborted, const gs_error *err)
{
    (void)printf("%u\n", aborted);
    on_done(ctx, err);
}

static bool any(void *ctx, const char *key)
{
    (void)ctx;
    (void)key;
    return true;
}

static void sweep(app *a, const char *prefix, result *r)
{
    gs_s3_sweep_uploads(a->s3, &a->where, &a->cred, prefix, (int64_t)number(a, "--age", 0), any, on_swept, r);
}

static void presign(app *a, const char *key, result *r)
{
    gs_error err = {0};
    gs_clock clock = gs_clock_system();
    gs_buf link = GS_BUF(16384);
    if (gs_s3_presign(&a->where, &a->cred, key, gs_wall(&clock), (int)number(a, "--seconds", 60), &link, &err) == 0)
        (void)puts(link.p);
    gs_buf_done(&link);
    on_done(r, &err);
}

static const struct {
    const char *name;
    void (*run)(app *a, const char *arg, result *r);
    bool body;
} commands[] = {{"put", put, true},     {"upload", upload, true}, {"list", list, false},       {"get", get, false},
                {"delete", del, false}, {"sweep", sweep, false},  {"presign", presign, false}, {NULL, NULL, false}};

static void set(char *dst, size_t cap, const char *value, const char *what)
{
    need(value && gs_str_copy(dst, cap, gs_str_of(value)), what);
}

static void set_where(app *a)
{
    set(a->where.endpoint, sizeof a->where.endpoint, option(a, "--endpoint"), "--endpoint");
    set(a->where.region, sizeof a->where.region, option(a, "--region"), "--region");
    set(a->where.bucket, sizeof a->where.bucket, option(a, "--bucket"), "--bucket");
    a->where.addressing = option(a, "--virtual-host") ? GS_ADDRESSING_VIRTUAL_HOST : GS_ADDRESSING_PATH;
    a->where.sse = option(a, "--sse") ? GS_SSE_AES256 : GS_SSE_NONE;
}

static void set_destinations(app *a)
{
    const char *const private = gs_streq(option(a, "--allow-private"), "none") ? NULL : "127.0.0.0/8";
    const char *const allow = option(a, "--allow");
    const gs_destination_flags flags = {.allow = {[GS_DESTINATION_S3] = {&allow, allow != NULL}},
                                        .private = {&private, private != NULL}};
    gs_error err = {0};
    need(gs_destinations_new(&flags, &a->destinations, &err) == 0, err.msg);
}

int main(int argc, char **argv)
{
    app a = {.argc = argc, .argv = argv};
    gs_error err = {0};
    gs_buf ca = {0};
    int first = 2, command = 0;
    need(argc > 2, "usage");
    while (commands[command].name && !gs_streq(commands[command].name, argv[1]))
        command++;
    while (first < argc && strcmp(argv[first], "--") != 0)
        first += 2;
    first++;
    need(commands[command].name != NULL, argv[1]);
    need(first < argc, "no keys");
    set_where(&a);
    if (commands[command].body) {
        need(option(&a, "--body") != NULL, "--body");
        a.body = read_file(option(&a, "--body"));
    }
    if (option(&a, "--ca"))
        ca = read_file(option(&a, "--ca"));
    a.cred = (gs_s3_credentials){getenv("S3_ACCESS_KEY"), getenv("S3_SECRET_KEY"), getenv("S3_SESSION_TOKEN"), ca.p};
    set_destinations(&a);
    need(gs_loop_new(&a.loop, &err) == 0 && gs_s3_new(a.loop, a.destinations, &a.s3, &err) == 0, err.msg);

    size_t n = (size_t)(argc - first);
    a.results = gs_allocn(n, sizeof *a.results);
    a.left = n;
    for (size_t i = 0; i < n; i++) {
        a.results[i].app = &a;
        commands[command].run(&a, argv[first + (int)i], &a.results[i]);
    }
    gs_loop_run(a.loop);
    if (gs_streq(option(&a, "--stop"), "forget")) { /* the abort goes on in the background */
        gs_timer_free(a.source);
        a.source = gs_timer_new(a.loop, (void (*)(void *))gs_loop_stop, a.loop);
        gs_timer_set(a.source, 1000);
        gs_loop_run(a.loop);
    }
    for (size_t i = 0; i < n; i++)
        (void)printf("%s\t%s\n", gs_kind_name(a.results[i].err.kind), a.results[i].err.msg);
    if (a.source)
        gs_timer_free(a.source);
    gs_s3_free(a.s3);
    gs_destinations_free(a.destinations);
    gs_loop_free(a.loop);
    gs_buf_done(&a.body);
    gs_buf_done(&ca);
    free(a.results);
    return 0;
}
