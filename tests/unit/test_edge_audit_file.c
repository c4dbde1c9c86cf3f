#include "edge/audit_file.h"

#include "base/mem.h"
#include "cli/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[96], moved[96];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/gostat-audit-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/log", dir);
    (void)snprintf(moved, sizeof moved, "%s/log.1", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(moved);
    return rmdir(dir);
}

static void is_there(const char *file, const char *expected)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(0);
    assert_int_equal(gs_read_file(file, 1u << 20, &b, NULL), 0);
    assert_string_equal(b.p ? b.p : "", expected);
}

static void put(const char *file, const char *text)
{
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static gs_audit_file *opened(void)
{
    gs_audit_file *f = NULL;
    gs_error err = {0};
    if (gs_audit_file_open(path, &f, &err) < 0)
        fail_msg("%s", err.msg);
    return f;
}

static void write_lines(gs_audit_file *f, const char *a, const char *b)
{
    char *lines[] = {gs_strdup(a), b ? gs_strdup(b) : NULL};
    gs_error err = {0};
    if (gs_audit_file_write(f, lines, b ? 2 : 1, &err) < 0)
        fail_msg("%s", err.msg);
    free(lines[0]);
    free(lines[1]);
}

static void appends(void **state)
{
    struct stat st;
    (void)state;
    gs_audit_file *f = opened();
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0137, 0);
    write_lines(f, "one", "two");
    gs_audit_file_free(f);
    f = opened();
    write_lines(f, "three", NULL);
    gs_audit_file_free(f);
    is_there(path, "one\ntwo\nthree\n");
}

static void follows_its_name(void **state)
{
    (void)state;
    gs_audit_file *f = opened();
    write_lines(f, "one", NULL);
    assert_int_equal(rename(path, moved), 0);
    write_lines(f, "two", NULL); /* nobody made a new one */
    is_there(moved, "one\n");
    is_there(path, "two\n");
    assert_int_equal(rename(path, moved), 0);
    put(path, "");
    write_lines(f, "three", NULL); /* someone did */
    is_there(moved, "two\n");
    is_there(path, "three\n");
    assert_int_equal(truncate(path, 0), 0); /* copytruncate */
    write_lines(f, "four", NULL);
    is_there(path, "four\n");
    gs_audit_file_free(f);
}

static void after_a_torn_line(void **state)
{
    (void)state;
    put(path, "one\ntw");
    gs_audit_file *f = opened();
    write_lines(f, "three", "four");
    is_there(path, "one\ntw\nthree\nfour\n");
    gs_audit_file_free(f);
}

/* A disk that is full in the middle of a line: RLIMIT_FSIZE writes a part, too. */
static void full_disk(void **state)
{
    struct rlimit before, limit;
    char *lines[] = {gs_strdup("the second line")};
    gs_error err = {0};
    (void)state;
    gs_audit_file *f = opened();
    write_lines(f, "one", NULL);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){10, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rc = gs_audit_file_write(f, lines, 1, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, -GS_TRANSIENT);
    assert_non_null(strstr(err.msg, "File too large"));
    is_there(path, "one\n");
    write_lines(f, lines[0], NULL);
    is_there(path, "one\nthe second line\n");
    gs_audit_file_free(f);
    free(lines[0]);
}

static void cannot_be(void **state)
{
    static const char *const paths[] = {"/no/such/folder/log", "/tmp", ""};
    (void)state;
    for (size_t i = 0; i < GS_LEN(paths); i++) {
        gs_audit_file *f = NULL;
        gs_error err = {0};
        assert_int_equal(gs_audit_file_open(paths[i], &f, &err), -GS_TERMINAL);
        assert_null(f);
        assert_true(err.msg[0] && err.kind == GS_TERMINAL);
    }
    /* the folder goes and comes back while it is open */
    gs_audit_file *f = opened();
    char *lines[] = {gs_strdup("one")};
    gs_error err;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(gs_audit_file_write(f, lines, 1, &err), -GS_TRANSIENT);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(gs_audit_file_write(f, lines, 1, &err), 0);
    is_there(path, "one\n");
    gs_audit_file_free(f);
    free(lines[0]);
}

static void to_stdout(void **state)
{
    gs_audit_file *f = NULL;
    int saved = dup(STDOUT_FILENO), ends[2];
    char got[64] = "";
    (void)state;
    (void)fflush(stdout);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
    int rc = gs_audit_file_open("-", &f, NULL);
    if (!rc) {
        write_lines(f, "one", "two");
        gs_audit_file_free(f);
    }
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    assert_int_equal(rc, 0);
    assert_int_equal(read(ends[0], got, sizeof got - 1), 8);
    assert_string_equal(got, "one\ntwo\n");
    (void)close(saved);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(appends, setup, teardown),
        cmocka_unit_test_setup_teardown(follows_its_name, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_torn_line, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(cannot_be, setup, teardown),
        cmocka_unit_test(to_stdout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
