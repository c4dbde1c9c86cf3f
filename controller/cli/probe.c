/* `gostat probe`: one GET, for `helm test` and exec probes, where the image has no curl. */
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "io/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MS 10000

typedef struct options {
    const char *ca_file, *token_file, *contains; /* NULL: not given */
    bool insecure;
} options;

static const gs_flag flags[] = {
    {"ca-file", 0, "FILE", "PEM certificates that are trusted, in place of the system's"},
    {"insecure", 0, NULL, "believe whoever answers"},
    {"token-file", 0, "FILE", "send what it holds as bearer token; by https only"},
    {"contains", 0, "TEXT", "the body must hold this"},
    {0},
};

static int take(void *own, const char *name, const char *value, gs_error *err)
{
    options *o = own;
    (void)err;
    if (gs_streq(name, "ca-file"))
        o->ca_file = value;
    else if (gs_streq(name, "token-file"))
        o->token_file = value;
    else if (gs_streq(name, "contains"))
        o->contains = value;
    else
        o->insecure = true;
    return 0;
}

static const gs_subcommand description = {
    .name = "probe",
    .arguments = "URL",
    .min_args = 1,
    .max_args = 1,
    .what = "ask one URL, and check what it answers",
    .about =
        "Gets the URL (http or https), with no proxy and no redirect, within 10 s. For helm test and exec probes.\n",
    .flags = flags,
    .examples = "probe http://127.0.0.1:8081/readyz\n"
                "probe --ca-file ca.crt --token-file token --contains gostat_build_info https://gostat:8443/metrics\n",
    .exit_ok = "the status is 200..299, and the body as wanted",
    .exit_fault = "another status or body, or no answer",
    .take = take,
};

typedef struct probe {
    gs_loop *loop;
    const options *o;
    enum gs_exit code;
    gs_error *err;
    char said[64];
} probe;

static void on_done(void *ctx, const gs_http_reply *reply)
{
    probe *p = ctx;
    gs_loop_stop(p->loop);
    p->code = GS_EXIT_FAULT;
    if (reply->err.kind) {
        *p->err = reply->err;
        return;
    }
    if (reply->status / 100 != 2) {
        (void)gs_error_set(p->err, GS_TERMINAL, "the answer is %d", reply->status);
        return;
    }
    if (p->o->contains &&
        !memmem(reply->body->n ? reply->body->p : "", reply->body->n, p->o->contains, strlen(p->o->contains))) {
        (void)gs_error_set(p->err, GS_TERMINAL, "%d, but its %zu bytes do not hold \"%.100s\"", reply->status,
                           reply->body->n, p->o->contains);
        return;
    }
    (void)snprintf(p->said, sizeof p->said, "%d, %zu bytes\n", reply->status, reply->body->n);
    p->code = GS_EXIT_OK;
}

/* A header with the file's token, without the line feed at its end. */
static int bearer(const char *path, char **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf token = GS_BUF(0);
    int rc = gs_read_file(path, GS_MAX_HEADER_BYTES, &token, err);
    if (rc)
        return rc;
    size_t n = token.n;
    while (n && (token.p[n - 1] == '\n' || token.p[n - 1] == '\r'))
        n--;
    if (!n || memchr(token.p, '\n', n) || memchr(token.p, '\r', n) || memchr(token.p, 0, n))
        return gs_error_set(err, GS_TERMINAL, "%s: it must hold one token, on one line", path);
    *ret = gs_sprintf("Authorization: Bearer %.*s", (int)n, token.p);
    return 0;
}

static enum gs_exit ask(const options *o, const char *url, const char *header, const gs_http_tls *tls, probe *p)
{
    gs_cleanup(gs_http_free) gs_http *http = NULL;
    const char *headers[] = {header, NULL};
    gs_http_request r = {.method = "GET",
                         .url = url,
                         .headers = headers,
                         .timeout_ms = TIMEOUT_MS,
                         .max_bytes = GS_MAX_METRICS_BYTES,
                         .accept_gzip = true,
                         .tls = tls,
                         .on_done = on_done,
                         .ctx = p};
    p->o = o;
    if (gs_http_new(p->loop, NULL, &http, p->err))
        return GS_EXIT_FAULT;
    if (gs_http_start(http, &r, NULL, p->err))
        return GS_EXIT_USAGE;
    gs_loop_run(p->loop);
    return p->code;
}

static enum gs_exit run(const options *o, const char *url, probe *p)
{
    gs_cleanup(gs_loop_free) gs_loop *loop = NULL;
    gs_cleanup(gs_buf_done) gs_buf ca = GS_BUF(0);
    gs_autofree char *header = NULL;
    bool https = gs_str_starts(gs_str_of(url), "https://");
    if (!https && !gs_str_starts(gs_str_of(url), "http://"))
        (void)gs_error_set(p->err, GS_TERMINAL, "want a URL that begins with http:// or https://");
    else if (!https && (o->token_file || o->ca_file || o->insecure))
        (void)gs_error_set(p->err, GS_TERMINAL, "--token-file, --ca-file and --insecure are for https:// only");
    else if (o->ca_file && o->insecure)
        (void)gs_error_set(p->err, GS_TERMINAL, "--ca-file and --insecure contradict each other");
    else if (o->ca_file && gs_read_file(o->ca_file, GS_MAX_FILE_BYTES, &ca, p->err))
        (void)gs_error_wrap(p->err, GS_TERMINAL, "--ca-file");
    else if (o->token_file && bearer(o->token_file, &header, p->err))
        (void)gs_error_wrap(p->err, GS_TERMINAL, "--token-file");
    if (p->err->kind)
        return GS_EXIT_USAGE;
    if (gs_loop_new(&loop, p->err))
        return GS_EXIT_FAULT;
    p->loop = loop;
    return ask(o, url, header, &(gs_http_tls){.ca_pem = o->ca_file ? ca.p : NULL, .insecure = o->insecure}, p);
}

int gs_cmd_probe(int argc, char **argv)
{
    options o = {0};
    gs_command_line line = {0};
    gs_error err = {0};
    gs_output out = {.fd = STDOUT_FILENO};
    gs_cleanup(gs_buf_done) gs_buf said = GS_BUF(64u << 10);
    probe p = {.err = &err};
    enum gs_exit code = GS_EXIT_USAGE;
    if (gs_command_parse(&description, argc, argv, &o, &line, &err) == 0) {
        if (line.help)
            gs_command_help(&description, &said);
        code = line.help ? GS_EXIT_OK : run(&o, line.args[0], &p);
    }
    if (!err.kind && !line.help)
        (void)gs_buf_adds(&said, p.said);
    if (!err.kind)
        (void)gs_output_flush(&out, &said);
    if (err.kind || out.err.kind)
        gs_command_complain("probe", err.kind ? err.msg : out.err.msg);
    return out.err.kind ? GS_EXIT_FAULT : code;
}
