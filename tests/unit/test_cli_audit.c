/* `gostat audit verify` on files: what it prints, and its exit codes. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "codec/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

static char dir[64];
static gs_audit_head head;

static void put(const char *name, const char *text, size_t n)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* whole: three lines. changed: the first one is another. cut: the last one is missing. late: the first one is. */
static int setup(void **state)
{
    static const gs_workload_ref workload = {"apps/v1", "Deployment", "shop", "cart", "w-1"};
    gs_cleanup(gs_policy_free) gs_policy *p = gs_policy_new();
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1u << 20);
    size_t ends[3];
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/gostat-cli-audit-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)gs_str_copy(p->ns, sizeof p->ns, GS_STR("shop"));
    (void)gs_str_copy(p->name, sizeof p->name, GS_STR("cart"));
    (void)gs_str_copy(p->uid, sizeof p->uid, GS_STR("u-1"));
    const gs_audit_entry e = {"DryRun", p,    &workload, "cart-1", "Proven", "a1", GS_ACTION_SCALE_OUT, 2,
                              3,        NULL, 0,         "",       "",       "",   1767225629000};
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(gs_audit_line(&e, &head, &b, NULL), 0);
        assert_int_equal(gs_buf_adds(&b, "\n"), 0);
        ends[k] = b.n;
    }
    put("whole", b.p, b.n);
    put("cut", b.p, ends[1]);
    put("late", b.p + ends[0], b.n - ends[0]);
    strstr(b.p, "Proven")[0] = 'p';
    put("changed", b.p, b.n);
    put("esc\x1b", "no\n", 3);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"whole", "cut", "late", "changed", "esc\x1b"};
    char path[96];
    (void)state;
    for (size_t i = 0; i < GS_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

/* Words of a command line, run in the folder of the files; stdout and stderr in one. */
static int run(const char *words, gs_buf *ret)
{
    char line[400], *argv[20] = {"audit"}, *rest = line;
    int argc = 1, saved[] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)}, fd = memfd_create("out", MFD_CLOEXEC);
    (void)snprintf(line, sizeof line, "%s", words);
    for (char *w; (w = strtok_r(rest, " ", &rest)) && argc < 19;)
        argv[argc++] = gs_streq(w, "HEAD") ? head.head : w;
    (void)fflush(stdout);
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(dir), 0);
    assert_true(dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    int code = gs_cmd_audit(argc, argv);
    assert_true(dup2(saved[0], STDOUT_FILENO) >= 0 && dup2(saved[1], STDERR_FILENO) >= 0);
    assert_int_equal(chdir(before), 0);
    free(before);
    (void)close(saved[0]);
    (void)close(saved[1]);
    char chunk[4096];
    for (ssize_t n, at = 0; (n = pread(fd, chunk, sizeof chunk, at)) > 0; at += n)
        assert_int_equal(gs_buf_add(ret, chunk, (size_t)n), 0);
    (void)close(fd);
    return code;
}

static void runs(void **state)
{
#define ZEROES "sha256:0000000000000000000000000000000000000000000000000000000000000000"
    static const struct {
        const char *words;
        int code;
        const char *out; /* all of it; with "…" at its end the beginning */
    } cases[] = {
        {"verify whole", 0, "3 lines, 1 chains, 0 repeated, 0 findings\n"},
        {"verify whole whole", 0, "6 lines, 1 chains, 3 repeated, 0 findings\n"},
        {"verify cut late", 0, "4 lines, 1 chains, 1 repeated, 0 findings\n"},
        {"verify --head HEAD whole", 0, "3 lines, 1 chains, 0 repeated, 0 findings\n"},
        {"verify late", 0,
         "1 of the chains begin in the middle: what was before is not vouched for\n"
         "2 lines, 1 chains, 0 repeated, 0 findings\n"},
        {"verify changed", 1,
         "changed:2: line 2 of policy shop/cart does not follow from line 1 as it stands here: that one is changed\n"
         "3 lines, 1 chains, 0 repeated, 1 findings\n"},
        {"verify cut", 0, "2 lines, 1 chains, 0 repeated, 0 findings\n"},
        {"verify cut --head HEAD", 1, "--head: no line is sha256:…"},
        {"verify whole --head " ZEROES, 1, "--head: no line is " ZEROES ": lines are missing…"},
        {"verify esc\x1b", 1, "esc\\x1b:1: no line of an audit log: must begin with { and end with }\n…"},
        {"-o json verify whole", 0,
         "{\"schema\":\"gostat.dev/audit-verify/v1\",\"findings\":[],\"lines\":3,\"chains\":1,\"openChains\":0,"
         "\"repeated\":0,\"total\":0}\n"},
        {"verify --output=json changed", 1,
         "{\"schema\":\"gostat.dev/audit-verify/v1\",\"findings\":[{\"file\":\"changed\",\"line\":2,\"what\":\"line 2 …"},
        {"--help", 0, "usage: gostat audit verify…"},
        {"verify -h", 0, "usage: gostat audit verify…"},
        {"", 2, "gostat audit: want verify and files; see gostat audit --help\n"},
        {"check whole", 2, "gostat audit: want verify and files; see gostat audit --help\n"},
        {"verify", 2, "gostat audit: verify: want the files to verify, or \"-\"; see gostat audit --help\n"},
        {"verify - -", 2, "gostat audit: stdin (\"-\") is given twice\n"},
        {"verify none", 2, "gostat audit: open none: No such file or directory\n"},
        {"verify .", 2, "gostat audit: read .: Is a directory\n"},
        {"verify --head sha256:12 whole", 2, "gostat audit: --head \"sha256:12\": want sha256: and 64 hex digits…"},
        {"verify --head", 2, "gostat audit: flag --head needs a value\n"},
        {"verify -o html whole", 2, "gostat audit: -o \"html\": want text or json\n"},
        {"verify --fast whole", 2, "gostat audit: no such flag: --fast\n"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(1u << 20);
        gs_str expected = gs_str_of(cases[i].out);
        int code = run(cases[i].words, &out);
        bool begins = gs_str_ends(expected, "…"), same = gs_str_eq(gs_buf_str(&out), expected);
        expected.n -= begins ? strlen("…") : 0;
        if (begins)
            same = out.n >= expected.n && memcmp(out.p, expected.p, expected.n) == 0;
        if (code != cases[i].code || !same)
            fail_msg("audit %s: %d\n%s", cases[i].words, code, out.p ? out.p : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
