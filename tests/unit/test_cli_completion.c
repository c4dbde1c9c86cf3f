/* What is proposed on the command line. The table is compared with each --help in tests/component/test_completion.py. */
#include "cli/completion.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *name, *words[6], *offered;
    enum gs_complete_how how;
    const char *names, *prefix;
} cases[] = {
    {"a subcommand", {"ba", NULL}, "backtest\n", GS_COMPLETE_ONLY, NULL, ""},
    {"of subcommands only the first word", {"policy", "", NULL}, "lint\n", GS_COMPLETE_ONLY, NULL, ""},
    {"none such", {"nosuch", "", NULL}, "", GS_COMPLETE_ONLY, NULL, ""},
    {"files", {"analyze", "x", NULL}, "", GS_COMPLETE_FILES, NULL, ""},
    {"files of two words", {"policy", "lint", "", NULL}, "", GS_COMPLETE_FILES, NULL, ""},
    {"flags", {"top", "--f", NULL}, "--for\n", GS_COMPLETE_ONLY, NULL, ""},
    {"flags of two words", {"policy", "lint", "--s", NULL}, "--strict\n", GS_COMPLETE_ONLY, NULL, ""},
    {"a word of a flag", {"top", "-o", "j", NULL}, "json\n", GS_COMPLETE_ONLY, NULL, ""},
    {"a word of a long flag", {"top", "--output", "y", NULL}, "yaml\n", GS_COMPLETE_ONLY, NULL, ""},
    {"a word behind =", {"top", "--output=y", NULL}, "--output=yaml\n", GS_COMPLETE_ONLY, NULL, ""},
    {"as bash cuts it", {"top", "--output", "=", "y", NULL}, "yaml\n", GS_COMPLETE_ONLY, NULL, ""},
    {"as bash cuts it, nothing typed",
     {"top", "--output", "=", NULL},
     "table\njson\nyaml\n",
     GS_COMPLETE_ONLY,
     NULL,
     ""},
    {"a file of a flag", {"watch", "-f", "", NULL}, "", GS_COMPLETE_FILES, NULL, ""},
    {"a directory of a flag", {"snapshot", "p", "--dir", "", NULL}, "", GS_COMPLETE_DIRS, NULL, ""},
    {"a text of a flag", {"top", "--for", "", NULL}, "", GS_COMPLETE_ONLY, NULL, ""},
    {"a flag without value", {"incidents", "--open", "", NULL}, "", GS_COMPLETE_ONLY, NULL, ""},
    {"names of pods", {"snapshot", "pay", NULL}, "", GS_COMPLETE_ONLY, "POD", "pay"},
    {"names of namespaces", {"top", "-n", "sh", NULL}, "", GS_COMPLETE_ONLY, "NAMESPACE", "sh"},
    {"names behind a flag", {"top", "-n", "shop", "p", NULL}, "", GS_COMPLETE_ONLY, "POLICY", "p"},
    {"shells", {"completion", "", NULL}, "bash\nzsh\nfish\n", GS_COMPLETE_ONLY, NULL, ""},
    {"help", {"help", "wa", NULL}, "watch\n", GS_COMPLETE_ONLY, NULL, ""},
};

static void words(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(4096);
        const char *names, *prefix;
        size_t n = 0;
        while (cases[i].words[n])
            n++;
        print_message("%s\n", cases[i].name);
        (void)gs_buf_adds(&out, "");
        assert_int_equal(gs_complete((char *const *)(uintptr_t)cases[i].words, n, &out, &names, &prefix), cases[i].how);
        assert_string_equal(out.p, cases[i].offered);
        assert_string_equal(names ? names : "", cases[i].names ? cases[i].names : "");
        assert_string_equal(prefix, cases[i].prefix);
    }
}

static void nothing_typed(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(4096);
    const char *names, *prefix;
    assert_int_equal(gs_complete(NULL, 0, &out, &names, &prefix), GS_COMPLETE_ONLY);
    assert_non_null(strstr(out.p, "top\nincidents\n"));
    assert_null(strstr(out.p, "policy lint"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words), cmocka_unit_test(nothing_typed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
