/* Decoding by tables: within the arrays, within the bounds, with a message for every refusal. */
#include "fuzz.h"
#include "wire/json_map.h"

struct port {
    int32_t number;
    char name[6];
};
struct item {
    char name[5];
    int kind;
    struct port port;
};
struct pair {
    char key[4], value[4];
};
struct root {
    bool on, has_on;
    int8_t small;
    int64_t big;
    double ratio;
    struct item items[2];
    size_t n_items;
    struct pair pairs[2];
    size_t n_pairs;
    char words[2][4];
    size_t n_words;
    gs_str raw;
    uint32_t guard;
};

static const char *const kinds[] = {"A", "Bb", NULL};
static const gs_json_field port_table[] = {
    {GS_FIELD_INT(struct port, "number", number, 1, 99)},
    {GS_FIELD_STRING(struct port, "name", name), .min = 1},
    {0},
};
static const gs_json_field item_table[] = {
    {GS_FIELD_STRING(struct item, "name", name), .required = true},
    {GS_FIELD_ENUM(struct item, "kind", kind, kinds)},
    {GS_FIELD_INT_OR_STRING(struct item, "port", port, port_table)},
    {0},
};
static const gs_json_field pair_table[] = {
    {GS_FIELD_STRING(struct pair, "key", key), .min = 1},
    {GS_FIELD_STRING(struct pair, "value", value)},
    {0},
};
static const gs_json_field root_table[] = {
    {GS_FIELD_BOOL(struct root, "on", on), .has = GS_AT(struct root, has_on)},
    {GS_FIELD_INT(struct root, "small", small, 0, 0)},
    {GS_FIELD_INT(struct root, "big", big, -5, 500)},
    {GS_FIELD_DOUBLE(struct root, "ratio", ratio, 0, 1)},
    {GS_FIELD_LIST(struct root, "items", items, n_items, GS_TYPE_OBJECT), .table = item_table},
    {GS_FIELD_PAIRS(struct root, "pairs", pairs, n_pairs, pair_table)},
    {GS_FIELD_LIST(struct root, "words", words, n_words, GS_TYPE_STRING)},
    {GS_FIELD_RAW(struct root, "raw", raw)},
    {0},
};

static void check(const struct root *r)
{
    FUZZ_CHECK(r->guard == 0xfeedface && r->big >= -5 && r->big <= 500 && r->ratio >= 0 && r->ratio <= 1);
    FUZZ_CHECK(r->n_items <= 2 && r->n_pairs <= 2 && r->n_words <= 2);
    for (size_t i = 0; i < r->n_items; i++) {
        const struct item *it = &r->items[i];
        FUZZ_CHECK(strnlen(it->name, 5) < 5 && it->kind >= 0 && it->kind <= 1);
        FUZZ_CHECK(it->port.number >= 0 && it->port.number <= 99 && strnlen(it->port.name, 6) < 6);
        FUZZ_CHECK(!it->port.number || !it->port.name[0]);
    }
    for (size_t i = 0; i < r->n_pairs; i++)
        FUZZ_CHECK(strnlen(r->pairs[i].key, 4) - 1 < 3 && strnlen(r->pairs[i].value, 4) < 4);
    for (size_t i = 0; i < r->n_words; i++)
        FUZZ_CHECK(strnlen(r->words[i], 4) < 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_str in = {(const char *)data, size};
    int rc[2];
    for (int i = 0; i < 2; i++) {
        struct root r = {.guard = 0xfeedface};
        gs_error err = {0};
        rc[i] = gs_json_map_decode_str(in, root_table, &r, i ? GS_UNKNOWN_REFUSE : GS_UNKNOWN_IGNORE, "spec", &err);
        FUZZ_CHECK((rc[i] == 0) == (err.msg[0] == 0));
        if (rc[i] == 0)
            check(&r);
    }
    gs_json_cursor c;
    gs_json_cursor_init(&c, in);
    FUZZ_CHECK(rc[0] == 0 || rc[1] < 0); /* who refuses unknown fields accepts nothing more */
    FUZZ_CHECK(rc[0] < 0 || gs_json_cursor_finish(&c, NULL) == 0);
    return 0;
}
