/* The client with an exec plugin, a shell script that counts its runs, against a scripted API server. */
#include "kube_fake.h"

#include <sys/stat.h>

static const gs_kube_resource pods = {"", "v1", "pods", true};

static char dir[64];

static char *at(const char *name)
{
    return gs_sprintf("%s/%s", dir, name);
}

static int runs(void)
{
    gs_autofree char *path = at("runs");
    struct stat st;
    return stat(path, &st) ? 0 : (int)st.st_size;
}

struct got {
    fixture x;
    int calls, wanted;
    gs_error errs[4];
    int64_t wall_ms; /* added to the clock's */
};

static void keep(void *ctx, const gs_kube_reply *reply)
{
    struct got *g = ctx;
    g->errs[g->calls++] = reply->err;
    if (g->calls >= g->wanted)
        gs_loop_stop(g->x.loop);
}

static int64_t mono_ms(void *ctx)
{
    const struct got *g = ctx;
    gs_clock clock = gs_clock_system();
    return gs_mono(&clock) + g->wall_ms;
}

static int64_t wall_ms(void *ctx)
{
    const struct got *g = ctx;
    return 1767225600000 + g->wall_ms; /* 2026-01-01T00:00:00Z */
}

#define OUTPUT(status)                                                                                                 \
    "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{" status "}}'\n"
#define TOKEN "n=$(wc -c <runs); " OUTPUT("\"token\":\"t'$n'\"")
#define TOKEN_UNTIL(at) "n=$(wc -c <runs); " OUTPUT("\"token\":\"t'$n'\",\"expirationTimestamp\":\"" at "\"")

/* The kubeconfig's exec with this script, which runs in dir. */
static gs_kube_exec *plugin(const char *script)
{
    gs_kube_exec *e = gs_alloc(sizeof *e);
    gs_autofree char *runs_path = at("runs");
    (void)unlink(runs_path);
    e->api_version = gs_strdup("client.authentication.k8s.io/v1");
    e->info = gs_strdup("{\"told\":true}");
    e->install_hint = gs_strdup("Get it\n  from example.com");
    e->env = gs_allocn(2, sizeof *e->env);
    e->env[0] = gs_strdup("ADDED=yes");
    e->argv = gs_allocn(4, sizeof *e->argv);
    e->argv[0] = gs_strdup(script ? "sh" : "gs-no-such-program");
    e->argv[1] = gs_strdup("-c");
    e->argv[2] = gs_sprintf("cd %s; printf x >>runs\n%s", dir, script ? script : "");
    return e;
}

static void begin(struct got *g, const fake_step *steps, const char *script)
{
    gs_cleanup(gs_kube_config_done) gs_kube_config c = {.ns = gs_strdup("default"), .exec = plugin(script)};
    gs_clock clock = {mono_ms, wall_ms, g};
    gs_error err = {0};
    memset(g, 0, sizeof *g);
    fake_start(&g->x.f, steps);
    c.server = gs_sprintf("http://127.0.0.1:%d", g->x.f.port);
    gs_kube_options o = {.on_request = count_request, .ctx = &g->x, .clock = &clock};
    if (gs_loop_new(&g->x.loop, &err) || gs_kube_new(g->x.loop, &c, &o, &g->x.k, &err))
        fail_msg("%s", err.msg);
}

static void ask(struct got *g, int n)
{
    gs_kube_path p = {&pods, "shop", "x", NULL};
    gs_kube_opts once = {.deadline_ms = -1};
    g->calls = 0;
    g->wanted = n;
    for (int i = 0; i < n; i++)
        (void)gs_kube_get(g->x.k, &p, &once, keep, g);
    fixture_run(&g->x);
}

#define WITH(token, code)                                                                                              \
    {                                                                                                                  \
        .expect = "Authorization: Bearer " token "\r\n", .status = code, .body = "{}"                                  \
    }

static void run_when_needed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *script;
        fake_step steps[8];
        int64_t later_ms[4]; /* before each of three rounds of two requests */
        int runs[3];         /* after each */
    } cases[] = {
        {"once, for all",
         TOKEN,
         {WITH("t1", 200), WITH("t1", 200), WITH("t1", 200), WITH("t1", 200), WITH("t1", 200), WITH("t1", 200)},
         {0, 1000, 86400000},
         {1, 1, 1}},
        {"again once it is over", /* the script's time stays: from then on each is used once, while it is fresh */
         "if [ -e over ]; then\n" TOKEN "else : >over\n" TOKEN_UNTIL("2026-01-01T01:00:00Z") "fi\n",
         {WITH("t1", 200), WITH("t1", 200), WITH("t1", 200), WITH("t1", 200), WITH("t2", 200), WITH("t2", 200)},
         {0, 3500000, 200000},
         {1, 1, 2}},
        {"early, while the old one is used",
         "if [ -e early ]; then\n" TOKEN "else : >early\n" TOKEN_UNTIL("2026-01-01T01:00:00Z") "fi\n",
         {WITH("t1", 200), WITH("t1", 200), WITH("t1", 200), WITH("t1", 200), WITH("t2", 200), WITH("t2", 200)},
         {0, 3550000, 0},
         {1, 2, 2}},
        {"again at a 401, once for all that it hit",
         TOKEN,
         {WITH("t1", 200), WITH("t1", 200), WITH("t1", 401), WITH("t1", 401), WITH("t2", 200), WITH("t2", 200),
          WITH("t2", 200), WITH("t2", 200)},
         {0, 60000, 0},
         {1, 2, 2}},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct got g;
        fake_step steps[GS_LEN(cases[i].steps) + 1] = {0};
        memcpy(steps, cases[i].steps, sizeof cases[i].steps);
        begin(&g, steps, cases[i].script);
        for (size_t round = 0; round < 3; round++) {
            g.wall_ms += cases[i].later_ms[round];
            ask(&g, 2);
            fixture_run_for(&g.x, 200); /* a run in the background comes to its end */
            if (g.errs[0].kind || g.errs[1].kind || runs() != cases[i].runs[round])
                fail_msg("%s, round %zu: %d runs, %s%s", cases[i].name, round, runs(), g.errs[0].msg, g.errs[1].msg);
        }
        fake_check(&g.x.f);
        fixture_stop(&g.x);
        gs_autofree char *over = at("over");
        gs_autofree char *early = at("early");
        (void)unlink(over);
        (void)unlink(early);
    }
}

static void failures(void **state)
{
    (void)state;
    static const struct {
        const char *name, *script, *error;
        fake_step steps[3];
        int runs;
    } cases[] = {
        {"no such program",
         NULL,
         "exec plugin gs-no-such-program: it cannot be run: there is no such program; Get it from example.com",
         {{0}},
         0},
        {"it fails",
         "echo 'token s3cr3t'; echo log in again >&2; exit 2",
         "exec plugin sh: it exited with code 2: log in again",
         {{0}},
         1},
        {"its complaint holds a token",
         "echo bad s3cr3t01234567890123456789012345678901234567890123456789 >&2; exit 1",
         "code 1: bad […]",
         {{0}},
         1},
        {"it prints something else", "echo s3cr3t", "exec plugin sh: its output is no JSON", {{0}}, 1},
        {"it gives what is over", TOKEN_UNTIL("2025-12-31T23:59:59Z"), "has expired already", {{0}}, 1},
        {"the API server refuses what it gives",
         TOKEN,
         "the API server refuses the credential that it gave",
         {WITH("t1", 401)},
         1},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct got g;
        fake_step steps[GS_LEN(cases[i].steps) + 1] = {0};
        memcpy(steps, cases[i].steps, sizeof cases[i].steps);
        begin(&g, steps, cases[i].script);
        for (int round = 0; round < 2; round++) { /* the second time it is not run again so soon */
            ask(&g, 1);
            if (g.errs[0].kind != GS_REFUSED || !strstr(g.errs[0].msg, cases[i].error) ||
                strstr(g.errs[0].msg, "s3cr3t") || runs() != cases[i].runs)
                fail_msg("%s: %d runs, \"%s\"", cases[i].name, runs(), g.errs[0].msg);
        }
        fake_check(&g.x.f);
        fixture_stop(&g.x);
    }
}

static void recovers(void **state)
{
    (void)state;
    static const fake_step steps[] = {WITH("t2", 200), {0}};
    struct got g;
    begin(&g, steps, "[ $(wc -c <runs) = 2 ] || exit 1\n" TOKEN);
    ask(&g, 1);
    assert_int_equal(g.errs[0].kind, GS_REFUSED);
    g.wall_ms += 6000;
    ask(&g, 1);
    assert_int_equal(g.errs[0].kind, GS_OK);
    fake_check(&g.x.f);
    fixture_stop(&g.x);
}

static void what_it_is_told(void **state)
{
    (void)state;
    static const fake_step steps[] = {WITH("{told:true}-yes-one", 200), {0}};
    struct got g;
    (void)setenv("KUBERNETES_EXEC_INFO", "from outside", 1);
    (void)setenv("ADDED", "no", 1);
    (void)setenv("OURS", "one", 1);
    begin(&g, steps, "info=$(echo $KUBERNETES_EXEC_INFO | tr -d '\"')\n" OUTPUT("\"token\":\"'$info-$ADDED-$OURS'\""));
    ask(&g, 1);
    assert_int_equal(g.errs[0].kind, GS_OK);
    fake_check(&g.x.f);
    fixture_stop(&g.x);
}

static int forget(void *ctx, const char *p, size_t n, gs_error *err)
{
    (void)ctx;
    (void)p;
    (void)n;
    (void)err;
    return 0;
}

static void watches_wait_too(void **state)
{
    (void)state;
    static const fake_step steps[] = {WITH("t1", 200), {0}};
    struct got g;
    begin(&g, steps, TOKEN);
    gs_kube_stream s = {.path = {&pods, "shop", NULL, NULL},
                        .query = "watch=1",
                        .verb = "WATCH",
                        .max_bytes = 1000,
                        .on_data = forget,
                        .done = keep,
                        .ctx = &g};
    g.wanted = 1;
    (void)gs_kube_stream_start(g.x.k, &s);
    fixture_run(&g.x);
    assert_int_equal(g.errs[0].kind, GS_OK);
    fake_check(&g.x.f);
    fixture_stop(&g.x);
}

static void freed_while_it_runs(void **state)
{
    (void)state;
    static const fake_step steps[] = {{0}};
    struct got g;
    gs_kube_path p = {&pods, "shop", "x", NULL};
    begin(&g, steps, "exec sleep 60");
    gs_kube_call *call = gs_kube_get(g.x.k, &p, NULL, keep, &g);
    (void)gs_kube_get(g.x.k, &p, NULL, keep, &g);
    fixture_run_for(&g.x, 100);
    gs_kube_cancel(call);
    fixture_stop(&g.x);
    assert_int_equal(g.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_when_needed), cmocka_unit_test(failures),         cmocka_unit_test(recovers),
        cmocka_unit_test(what_it_is_told), cmocka_unit_test(watches_wait_too), cmocka_unit_test(freed_while_it_runs),
    };
    (void)snprintf(dir, sizeof dir, "/tmp/gs-exec-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    gs_autofree char *path = at("runs");
    (void)unlink(path);
    (void)rmdir(dir);
    return rc;
}
