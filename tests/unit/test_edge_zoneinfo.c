#include "edge/zoneinfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

static int attach(const char *name, gs_policy *p, gs_error *err)
{
    (void)gs_str_copy(p->windows[1].time_zone, sizeof p->windows[1].time_zone, gs_str_of(name));
    p->n_windows = 2;
    *err = (gs_error){0};
    return gs_zoneinfo_attach(p, err);
}

static void attached(void **state)
{
    gs_cleanup(gs_policy_free) gs_policy *p = gs_policy_new();
    gs_error err;
    (void)state;
    (void)gs_str_copy(p->windows[0].time_zone, sizeof p->windows[0].time_zone, GS_STR("UTC"));
    assert_int_equal(attach("Australia/Lord_Howe", p, &err), 0);
    assert_null(p->windows[0].zone);
    const gs_zone *first = p->windows[1].zone;
    assert_string_equal(first->name, "Australia/Lord_Howe");
    assert_int_equal(gs_zone_offset(first, 1767225600), 11 * 3600);
    assert_int_equal(attach("Etc/GMT+5", p, &err), 0);
    assert_int_equal(gs_zone_offset(p->windows[1].zone, 0), -5 * 3600);
    assert_int_equal(attach("Australia/Lord_Howe", p, &err), 0);
    assert_ptr_equal(p->windows[1].zone, first); /* read once */
    p->n_windows = 0;
    assert_int_equal(gs_zoneinfo_attach(p, &err), 0);
}

static void refused(void **state)
{
    static const struct {
        const char *name, *error;
    } cases[] = {
        {"Europe/Berln", "must be an IANA name such as \"Europe/Berlin\", got \"Europe/Berln\", which"},
        {"europe/berlin", "must be an IANA name"},
        {"Europe", "must be an IANA name"},
        {"Europe/Berlin/Mitte", "must be an IANA name"},
        {"/etc/localtime", "must be an IANA name"},
        {"../../../etc/passwd", "must be an IANA name"},
        {"Europe/../UTC", "must be an IANA name"},
        {"Europe//Berlin", "must be an IANA name"},
        {"Europe/", "must be an IANA name"},
        {"./UTC", "must be an IANA name"},
        {"UTC ", "must be an IANA name"},
        {"zone.tab", "must be an IANA name"},
        {"leapseconds", "/usr/share/zoneinfo/leapseconds: byte 0: must be \"TZif\""},
        {"right/Europe/Berlin", "/usr/share/zoneinfo/right/Europe/Berlin: byte"},
    };
    gs_cleanup(gs_policy_free) gs_policy *p = gs_policy_new();
    gs_error err;
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        char expected[200];
        (void)snprintf(expected, sizeof expected, "spec.healing.windows[1].timeZone: %s", cases[i].error);
        int rc = attach(cases[i].name, p, &err);
        if (rc != -GS_TERMINAL || !gs_str_starts(gs_str_of(err.msg), expected))
            fail_msg("%s: %d \"%s\"", cases[i].name, rc, err.msg);
    }
}

static void elsewhere(void **state)
{
    gs_cleanup(gs_policy_free) gs_policy *p = gs_policy_new();
    gs_error err;
    char dir[] = "/tmp/gostat-zones-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/Pipe", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(setenv("ZONEINFO", dir, 1), 0);
    assert_int_equal(attach("Asia/Shanghai", p, &err), -GS_TERMINAL); /* not there, though the system has it */
    assert_int_equal(attach("Pipe", p, &err), -GS_TERMINAL);          /* and nobody waits for a pipe */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(attach("Asia/Shanghai", p, &err), -GS_TERMINAL);
    assert_non_null(strstr(err.msg, "install the package tzdata"));
    assert_int_equal(attach("UTC", p, &err), 0);
    assert_int_equal(unsetenv("ZONEINFO"), 0);
    assert_int_equal(attach("Asia/Shanghai", p, &err), 0);
}

static int teardown(void **state)
{
    (void)state;
    gs_zoneinfo_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(attached), cmocka_unit_test(refused),
                                       cmocka_unit_test(elsewhere)};
    return cmocka_run_group_tests(tests, NULL, teardown);
}
