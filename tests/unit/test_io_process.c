/* Child processes: what they get, what they write, and how they end. */
#include "base/clock.h"
#include "base/mem.h"
#include "io/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_OUT 100000
#define MAX_LOG 100

struct got {
    gs_loop *loop;
    int calls, code;
    gs_error err;
    char out[4096], log[MAX_LOG + 1];
    size_t n_out;
};

static void on_done(void *ctx, const gs_process_end *end)
{
    struct got *g = ctx;
    g->calls++;
    g->code = end->code;
    g->err = end->err;
    g->n_out = end->out.n;
    (void)gs_str_copy(g->out, sizeof g->out, end->out);
    (void)gs_str_copy(g->log, sizeof g->log, end->log);
    gs_loop_stop(g->loop);
}

static int64_t real_ms(void)
{
    gs_clock clock = gs_clock_system();
    return gs_mono(&clock);
}

static const char *const env[] = {"PATH=/usr/bin:/bin", "A=b c", NULL};

static int start(struct got *g, const char *const *argv, int64_t timeout_ms, gs_process **ret, gs_error *err)
{
    gs_process_options o = {.argv = argv,
                            .env = env,
                            .timeout_ms = timeout_ms,
                            .max_out = MAX_OUT,
                            .max_log = MAX_LOG,
                            .on_done = on_done,
                            .ctx = g};
    return gs_process_start(g->loop, &o, ret, err);
}

#define SH(script)                                                                                                     \
    {                                                                                                                  \
        "sh", "-c", script, NULL                                                                                       \
    }

static void ends(void **state)
{
    (void)state;
    static const struct {
        const char *name, *argv[5];
        int64_t timeout_ms, max_ms;
        enum gs_kind kind;
        int code;
        const char *out, *log, *error; /* NULL: not looked at */
    } cases[] = {
        {"well", SH("echo hello; echo oops >&2"), 5000, 2000, GS_OK, 0, "hello\n", "oops\n", ""},
        {"badly", SH("echo half; exit 3"), 5000, 2000, GS_TERMINAL, 3, "half\n", "", "exited with code 3"},
        {"by a signal", SH("kill -TERM $$"), 5000, 2000, GS_TERMINAL, -1, "", "", "was ended by signal 15"},
        {"too late, with all that it started", SH("sleep 60 & echo begun; sleep 60"), 200, 2000, GS_TRANSIENT, -1,
         "begun\n", "", "did not end in time"},
        {"too much", SH("head -c 200000 /dev/zero; sleep 60"), 5000, 3000, GS_NO_MEMORY, -1, NULL, "",
         "wrote more than"},
        {"stderr is cut", SH("head -c 500000 /dev/zero | tr '\\0' x >&2"), 5000, 3000, GS_OK, 0, "", NULL, ""},
        {"something goes on with its pipes", SH("sleep 5 & echo done"), 4000, 2000, GS_OK, 0, "done\n", "", ""},
        {"its environment", {"env", NULL}, 5000, 2000, GS_OK, 0, "PATH=/usr/bin:/bin\nA=b c\n", "", ""},
        {"no shell", {"echo", "$A;", "ls >x", NULL}, 5000, 2000, GS_OK, 0, "$A; ls >x\n", "", ""},
        {"nothing to read", {"cat", NULL}, 5000, 2000, GS_OK, 0, "", "", ""},
        {"no terminal", SH("(: </dev/tty) 2>/dev/null || echo none"), 5000, 2000, GS_OK, 0, "none\n", "", ""},
        {"no descriptors of ours", SH("cd /proc/self/fd; echo *"), 5000, 2000, GS_OK, 0, "0 1 2 3\n", "", ""},
        {"no blocked signals", SH("grep SigBlk /proc/self/status"), 5000, 2000, GS_OK, 0, "SigBlk:\t0000000000000000\n",
         "", ""},
        {"a closed pipe ends it", SH("kill -PIPE $$; echo on"), 5000, 2000, GS_TERMINAL, -1, "", "", "by signal 13"},
    };
    int open_too[] = {open("/dev/null", O_RDONLY),
                      dup2(1, 9)}; /* without O_CLOEXEC: they must be closed all the same */
    sigset_t term;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &term, NULL);
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct got g = {0};
        gs_error err = {0};
        gs_process *p = NULL;
        int64_t from = real_ms();
        assert_int_equal(gs_loop_new(&g.loop, &err), 0);
        assert_int_equal(start(&g, cases[i].argv, cases[i].timeout_ms, &p, &err), 0);
        assert_int_equal(g.calls, 0);
        gs_loop_run(g.loop);
        if (g.calls != 1 || g.err.kind != cases[i].kind || g.code != cases[i].code ||
            (cases[i].out && !gs_streq(g.out, cases[i].out)) || (cases[i].log && !gs_streq(g.log, cases[i].log)) ||
            !strstr(g.err.msg, cases[i].error) || g.n_out > MAX_OUT || real_ms() - from > cases[i].max_ms)
            fail_msg("%s: %d \"%s\" code %d out \"%s\" log \"%s\" after %lld ms", cases[i].name, (int)g.err.kind,
                     g.err.msg, g.code, g.out, g.log, (long long)(real_ms() - from));
        gs_loop_free(g.loop);
    }
    (void)sigprocmask(SIG_UNBLOCK, &term, NULL);
    for (size_t i = 0; i < GS_LEN(open_too); i++)
        (void)close(open_too[i]);
}

static void cannot_start(void **state)
{
    (void)state;
    static const struct {
        const char *argv[2];
        enum gs_kind kind;
        const char *error;
    } cases[] = {
        {{"gs-no-such-program", NULL}, GS_NOT_FOUND, "gs-no-such-program: No such file"},
        {{"/nowhere/x", NULL}, GS_NOT_FOUND, "/nowhere/x: "},
        {{"/etc/passwd", NULL}, GS_TERMINAL, "/etc/passwd: Permission denied"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct got g = {0};
        gs_error err = {0};
        gs_process *p = NULL;
        assert_int_equal(gs_loop_new(&g.loop, &err), 0);
        assert_int_equal(start(&g, cases[i].argv, 1000, &p, &err), -(int)cases[i].kind);
        assert_non_null(strstr(err.msg, cases[i].error));
        assert_null(p);
        gs_loop_free(g.loop);
        assert_int_equal(g.calls, 0);
    }
}

static void no_interpreter_is_guessed(void **state)
{
    (void)state;
    char path[] = "/tmp/gs-script-XXXXXX";
    const char *argv[] = {path, NULL};
    struct got g = {0};
    gs_error err = {0};
    gs_process *p = NULL;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "echo run\n", 9), 9);
    assert_int_equal(fchmod(fd, 0700), 0);
    (void)close(fd);
    assert_int_equal(gs_loop_new(&g.loop, &err), 0);
    assert_int_equal(start(&g, argv, 1000, &p, &err), -GS_TERMINAL);
    gs_loop_free(g.loop);
    (void)unlink(path);
}

static void cancelled(void **state)
{
    (void)state;
    static const char *const argv[] = SH("echo $$; exec sleep 60");
    struct got g = {0};
    gs_error err = {0};
    gs_process *p = NULL;
    int64_t from = real_ms();
    assert_int_equal(gs_loop_new(&g.loop, &err), 0);
    assert_int_equal(start(&g, argv, 60000, &p, &err), 0);
    gs_process_cancel(p);
    gs_process_cancel(NULL);
    assert_true(real_ms() - from < 2000);
    gs_loop_free(g.loop);
    assert_int_equal(g.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),
        cmocka_unit_test(cannot_start),
        cmocka_unit_test(no_interpreter_is_guessed),
        cmocka_unit_test(cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
