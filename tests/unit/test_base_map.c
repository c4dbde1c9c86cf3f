#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int freed;

static void count_free(void *value)
{
    freed += value != NULL;
    free(value);
}

static void test_put_get_del(void **state)
{
    gs_cleanup(gs_map_free) gs_map *m = gs_map_new(NULL);
    int a = 1, b = 2;
    (void)state;
    assert_null(gs_map_get(m, "a"));
    gs_map_put(m, "a", &a);
    gs_map_put(m, "", &b);
    assert_ptr_equal(gs_map_get(m, "a"), &a);
    assert_ptr_equal(gs_map_get(m, ""), &b);
    assert_ptr_equal(gs_map_getn(m, (gs_str){"abc", 1}), &a);
    assert_null(gs_map_getn(m, (gs_str){"abc", 2}));
    assert_int_equal(gs_map_len(m), 2);
    gs_map_put(m, "a", &b);
    assert_ptr_equal(gs_map_get(m, "a"), &b);
    assert_int_equal(gs_map_len(m), 2);
    assert_true(gs_map_del(m, "a"));
    assert_false(gs_map_del(m, "a"));
    assert_null(gs_map_remove(m, "never"));
    assert_ptr_equal(gs_map_remove(m, ""), &b);
    assert_int_equal(gs_map_len(m), 0);
}

static void test_key_is_copied(void **state)
{
    gs_cleanup(gs_map_free) gs_map *m = gs_map_new(NULL);
    char key[] = "key";
    (void)state;
    gs_map_put(m, key, m);
    key[0] = 'x';
    assert_ptr_equal(gs_map_get(m, "key"), m);
    assert_null(gs_map_get(m, "xey"));
}

static void test_values_are_freed(void **state)
{
    gs_map *m = gs_map_new(count_free);
    (void)state;
    freed = 0;
    gs_map_put(m, "replaced", gs_alloc(1));
    gs_map_put(m, "replaced", gs_alloc(1));
    assert_int_equal(freed, 1);
    gs_map_put(m, "replaced", gs_map_get(m, "replaced")); /* the same value again is no replacement */
    assert_int_equal(freed, 1);
    gs_map_put(m, "deleted", gs_alloc(1));
    assert_true(gs_map_del(m, "deleted"));
    assert_int_equal(freed, 2);
    gs_map_put(m, "handed back", gs_alloc(1));
    free(gs_map_remove(m, "handed back"));
    assert_int_equal(freed, 2);
    gs_map_put(m, "left", gs_alloc(1));
    gs_map_put(m, "null", NULL);
    assert_int_equal(gs_map_len(m), 3);
    gs_map_free(m);
    assert_int_equal(freed, 4);
    gs_map_free(NULL);
}

static void test_remove_while_walking(void **state)
{
    gs_cleanup(gs_map_free) gs_map *m = gs_map_new(count_free);
    int seen = 0;
    (void)state;
    for (int i = 0; i < 500; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        int *v = gs_alloc(sizeof *v);
        *v = i;
        gs_map_put(m, key, v);
    }
    for (gs_map_it it = {0}; gs_map_next(m, &it); seen++)
        if (*(int *)it.value % 2)
            assert_true(gs_map_del(m, it.key));
    assert_int_equal(seen, 500);
    assert_int_equal(gs_map_len(m), 250);
    for (gs_map_it it = {0}; gs_map_next(m, &it);)
        assert_int_equal(*(int *)it.value % 2, 0);
}

/* Against a plain array: random puts and removals over few keys, so that tombstones pile up. */
static void test_against_a_model(void **state)
{
    gs_cleanup(gs_map_free) gs_map *m = gs_map_new(NULL);
    static int values[100];
    void *model[100] = {0};
    gs_rng rng = {.state = 1};
    size_t len = 0;
    (void)state;
    for (int step = 0; step < 100000; step++) {
        char key[16];
        size_t i = gs_rng_below(&rng, 100);
        (void)snprintf(key, sizeof key, "key-%zu", i);
        if (gs_rng_below(&rng, 2)) {
            len += !model[i];
            model[i] = &values[gs_rng_below(&rng, 100)];
            gs_map_put(m, key, model[i]);
        } else {
            assert_ptr_equal(gs_map_remove(m, key), model[i]);
            len -= model[i] != NULL;
            model[i] = NULL;
        }
        assert_int_equal(gs_map_len(m), len);
        assert_ptr_equal(gs_map_get(m, key), model[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_del),      cmocka_unit_test(test_key_is_copied),
        cmocka_unit_test(test_values_are_freed), cmocka_unit_test(test_remove_while_walking),
        cmocka_unit_test(test_against_a_model),
    };
    return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
