#include "codec/quantity.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void quantities(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"129000000", true, 129000000},
        {"+5", true, 5},
        {"128Ki", true, 131072},
        {"128Mi", true, 134217728},
        {"16Gi", true, 17179869184},
        {"2Ti", true, 2199023255552},
        {"1Pi", true, 1125899906842624},
        {"1Ei", true, 1152921504606846976},
        {"3k", true, 3000},
        {"129M", true, 129000000},
        {"16G", true, 16000000000},
        {"2T", true, 2000000000000},
        {"1P", true, 1000000000000000},
        {"1E", true, 1000000000000000000},
        {"1.5Gi", true, 1610612736},
        {".5Gi", true, 536870912},
        {"1.Gi", true, 1073741824},
        {"128974848000m", true, 128974848},
        {"1500m", true, 2}, /* rounded up */
        {"1u", true, 1},
        {"2000000000n", true, 2},
        {"129e6", true, 129000000},
        {"1E3", true, 1000},
        {"12.5e+1", true, 125},
        {"1000e-3", true, 1},
        {"9223372036854774784", true, 9223372036854774784u},
        {"9223372036854775808", false, 0},
        {"8Ei", false, 0},
        {"1e400", false, 0},
        {"", false, 0},
        {"+", false, 0},
        {"-1", false, 0},
        {"+-1", false, 0},
        {"Mi", false, 0},
        {".", false, 0},
        {"1.2.3", false, 0},
        {"1mi", false, 0},
        {"1K", false, 0},
        {"1Mib", false, 0},
        {"1 Mi", false, 0},
        {" 1", false, 0},
        {"1e", false, 0},
        {"1e+", false, 0},
        {"1e3Mi", false, 0},
        {"1e3.5", false, 0},
        {"0x10", false, 0},
        {"inf", false, 0},
        {"NaN", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        uint64_t v = 77;
        bool good = gs_quantity(gs_str_of(cases[i].text), &v);
        if (good != cases[i].good || v != (good ? cases[i].value : 77))
            fail_msg("\"%s\": %d, %llu", cases[i].text, good, (unsigned long long)v);
    }
    uint64_t v;
    assert_false(gs_quantity((gs_str){NULL, 0}, &v));
    assert_false(gs_quantity((gs_str){"1\0Mi", 4}, &v));
}

static void thousandths(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } cases[] = {
        {"500m", true, 500}, {"2", true, 2000},     {"1.5", true, 1500},
        {"0.1", true, 100},  {"100u", true, 1}, /* rounded up */
        {"0", true, 0},      {"1k", true, 1000000}, {"9223372036854776", false, 0},
        {"", false, 0},      {"m", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        uint64_t v = 77;
        bool good = gs_quantity_milli(gs_str_of(cases[i].text), &v);
        if (good != cases[i].good || v != (good ? cases[i].value : 77))
            fail_msg("\"%s\": %d, %llu", cases[i].text, good, (unsigned long long)v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quantities), cmocka_unit_test(thousandths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
