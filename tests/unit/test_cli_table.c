/* Tables, ages, and the command line of subcommands that ask a cluster. */
#include "base/mem.h"
#include "cli/cluster.h"
#include "cli/incidents.h"
#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const gs_column columns[] = {{.title = "NAME"}, {"N", true, 0}, {"WHAT", false, 8}, {.title = "LAST"}};

static void test_table(void **state)
{
    (void)state;
    gs_cleanup(gs_table_free) gs_table *t = gs_table_new(columns, GS_LEN(columns));
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(4096);
    gs_table_cell(t, GS_STR("a"), GS_PLAIN);
    gs_table_cellf(t, GS_PLAIN, "%d", 1234);
    gs_table_cell(t, GS_STR("longer than eight"), GS_PLAIN);
    gs_table_cell(t, GS_STR(""), GS_PLAIN);
    gs_table_cell(t, GS_STR("\xe4\xb8\xad\xe6\x96\x87\x1b[2J"), GS_RED); /* two columns each; an escape */
    gs_table_cellf(t, GS_PLAIN, "%d", 7);
    gs_table_cell(t, GS_STR("x"), GS_GREEN);
    gs_table_cell(t, GS_STR("end"), GS_PLAIN);
    assert_int_equal(gs_table_rows(t), 2);
    gs_table_print(t, false, &out);
    assert_string_equal(out.p, "NAME             N   WHAT       LAST\n"
                               "a             1234   longer ~   -\n"
                               "\xe4\xb8\xad\xe6\x96\x87\\x1b[2J      7   x          end\n");
    gs_buf_reset(&out);
    gs_table_print(t, true, &out);
    assert_non_null(strstr(out.p, "\x1b[31m\xe4\xb8\xad\xe6\x96\x87\\x1b[2J\x1b[0m   "));
    assert_non_null(strstr(out.p, "\x1b[32mx\x1b[0m          end\n"));
}

static void test_empty_table(void **state)
{
    (void)state;
    gs_cleanup(gs_table_free) gs_table *t = gs_table_new(columns, GS_LEN(columns));
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(4096);
    gs_table_print(t, false, &out);
    assert_string_equal(out.p, "NAME   N   WHAT   LAST\n");
}

static void test_age(void **state)
{
    (void)state;
    static const struct {
        int64_t gone_s;
        const char *age;
    } cases[] = {{0, "0s"},          {119, "119s"},           {120, "2m"},
                 {179 * 60, "179m"}, {10800, "3h"},           {172799, "47h"},
                 {172800, "2d"},     {400LL * 86400, "400d"}, {-5, "0s"}};
    char text[GS_AGE_LEN];
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_age(1000, 1000 + cases[k].gone_s * 1000, text);
        assert_string_equal(text, cases[k].age);
    }
    gs_age(0, 1000, text);
    assert_string_equal(text, "");
}

/* ---- command lines ---- */

static int take(void *own, const char *name, const char *value, gs_error *err)
{
    if (gs_streq(name, "count") && gs_streq(value, "x"))
        return gs_error_set(err, GS_TERMINAL, "--count \"x\": want a number");
    (void)gs_buf_addf(own, "%s=%s;", name, value ? value : "");
    return 0;
}

static const gs_flag flags[] = {
    {"open", 0, NULL, "only open ones"},
    {"count", 'c', "N", "so many\nand no more"},
    {0},
};
static const gs_subcommand command = {
    .name = "try",
    .arguments = "THING",
    .min_args = 1,
    .max_args = 2,
    .about = "Tries.\n",
    .flags = flags,
    .common = GS_COMMON_CLUSTER | GS_COMMON_ALL | GS_COMMON_OUTPUT,
    .examples = "try x\n",
    .exit_ok = "tried",
    .take = take,
};

static const struct {
    const char *line[8];
    const char *error; /* NULL: none */
    const char *own;
} lines[] = {
    {{"a"}, NULL, ""},
    {{"a", "b", "--open", "-c", "3"}, NULL, "open=;count=3;"},
    {{"--count=4", "a", "-o", "yaml", "-n", "shop"}, NULL, "count=4;"},
    {{"--", "-a"}, NULL, ""},
    {{"--help", "--nope"}, NULL, ""},
    {{""}, "THING is empty", ""},
    {{NULL}, "THING is missing", ""},
    {{"a", "b", "c"}, "\"c\" is one argument too many", ""},
    {{"a", "--nope"}, "no such flag: --nope", ""},
    {{"a", "-x"}, "no such flag: -x", ""},
    {{"a", "--open=1"}, "flag --open=1 takes no value", ""},
    {{"a", "--count"}, "flag --count needs a value", ""},
    {{"a", "-c", "x"}, "--count \"x\": want a number", ""},
    {{"a", "-o", "wide"}, "-o \"wide\": want table, json or yaml", ""},
    {{"a", "-n", ""}, "--namespace: its value is empty", ""},
    {{"a", "-n", "shop", "-A"}, "-n and -A exclude each other", ""},
};

static void test_command_lines(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(lines); k++) {
        gs_cleanup(gs_buf_done) gs_buf own = GS_BUF(200);
        gs_command_line l = {0};
        gs_error err = {0};
        char *argv[10] = {(char *)"try"};
        int argc = 1;
        for (; lines[k].line[argc - 1]; argc++)
            argv[argc] = (char *)lines[k].line[argc - 1];
        int rc = gs_command_parse(&command, argc, argv, &own, &l, &err);
        assert_string_equal(err.msg, lines[k].error ? lines[k].error : "");
        assert_int_equal(rc, lines[k].error ? -GS_TERMINAL : 0);
        if (!lines[k].error)
            assert_true(gs_str_is(gs_buf_str(&own), lines[k].own));
    }
}

static void test_what_is_parsed(void **state)
{
    (void)state;
    char *argv[] = {(char *)"try", (char *)"x",  (char *)"-n",   (char *)"shop",         (char *)"--context",
                    (char *)"c",   (char *)"-o", (char *)"yaml", (char *)"--kubeconfig", (char *)"f"};
    gs_command_line l = {0};
    gs_error err = {0};
    assert_int_equal(gs_command_parse(&command, GS_LEN(argv), argv, NULL, &l, &err), 0);
    assert_string_equal(l.ns, "shop");
    assert_string_equal(l.context, "c");
    assert_string_equal(l.kubeconfig, "f");
    assert_int_equal(l.form, GS_FORM_YAML);
    assert_int_equal(l.n_args, 1);
    assert_string_equal(l.args[0], "x");
}

static void test_help(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(8192);
    gs_program_called("/usr/local/bin/kubectl-gostat");
    gs_command_help(&command, &out);
    gs_program_called("gostat");
    assert_true(gs_str_starts(gs_buf_str(&out), "usage: kubectl gostat try [FLAG…] THING\n\nTries.\n\n"
                                                "      --open              only open ones\n"
                                                "  -c, --count N           so many\n"
                                                "                          and no more\n"
                                                "  -n, --namespace NAME    "));
    assert_non_null(strstr(out.p, "\nexamples:\n  kubectl gostat try x\n"));
    assert_non_null(strstr(out.p, "\nexit codes:\n  0  tried\n  2  "));
    assert_string_equal(gs_program_name(), "gostat");
}

static void test_words(void **state)
{
    (void)state;
    char text[GS_LAST_LEN];
    gs_cleanup(gs_incident_free) gs_incident *i = gs_incident_new(&(gs_workload_ref){0}, NULL);
    assert_string_equal(gs_function_short("example.com/shop/payments.(*pool).acquire"), "payments.(*pool).acquire");
    assert_string_equal(gs_function_short("main.main"), "main.main");
    assert_string_equal(gs_function_short(NULL), "");
    gs_incident_last(i, text);
    assert_string_equal(text, "");
    gs_action *a = gs_incident_add_action(i, GS_ACTION_REPLACE, 1000);
    a->outcome = GS_OUTCOME_SUCCEEDED;
    gs_incident_last(i, text);
    assert_string_equal(text, "Replace Succeeded");
    a->dry_run = true;
    gs_incident_last(i, text);
    assert_string_equal(text, "Replace planned (DryRun)");
    a->outcome = GS_OUTCOME_REFUSED;
    (void)gs_str_copy(a->reason, sizeof a->reason, GS_STR("Cooldown: another 60 s"));
    gs_incident_last(i, text);
    assert_string_equal(text, "refused: Cooldown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_empty_table),    cmocka_unit_test(test_age),
        cmocka_unit_test(test_command_lines), cmocka_unit_test(test_what_is_parsed), cmocka_unit_test(test_help),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
