#include "core/access.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

static gs_access *make(bool https, const char *authorization)
{
    gs_access a = {.https = https, .authorization = authorization ? gs_strdup(authorization) : NULL};
    gs_access *made = gs_access_new(&a);
    assert_null(a.authorization); /* it went over */
    return made;
}

/* What is too early, too late or never freed is for the sanitizers to tell. */
static void references(void **state)
{
    gs_access *a = make(true, "Authorization: Bearer x"), *b = gs_access_ref(a);
    (void)state;
    assert_ptr_equal(a, b);
    gs_access_unref(a);
    assert_string_equal(b->authorization, "Authorization: Bearer x");
    gs_access_unref(b);
    gs_access_unref(NULL);
    assert_null(gs_access_ref(NULL));
}

static void sameness(void **state)
{
    gs_cleanup(gs_access_unref) gs_access *plain = make(false, "x"), *again = make(false, "x"),
                                          *other = make(false, "y"), *https = make(true, "x"),
                                          *refused = gs_access_refuse("no Secret");
    (void)state;
    assert_true(gs_access_same(plain, again));
    assert_false(gs_access_same(plain, other));
    assert_false(gs_access_same(plain, https));
    assert_false(gs_access_same(plain, refused));
    assert_false(gs_access_same(plain, NULL));
    assert_true(gs_access_same(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(references), cmocka_unit_test(sameness)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
