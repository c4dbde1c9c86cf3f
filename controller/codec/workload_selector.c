/* A label selector in words, as the query of a LIST takes it. */
#include "codec/workload.h"
#include "wire/json_map.h"

#include <stdio.h>

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_NOT_EXISTS };

typedef struct expression {
    char key[320];
    int op;
    gs_str values;
} expression;

static const char *const ops[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};

static const gs_json_field expression_fields[] = {
    {GS_FIELD_STRING(expression, "key", key), .required = true},
    {GS_FIELD_ENUM(expression, "operator", op, ops), .required = true},
    {GS_FIELD_RAW(expression, "values", values)},
    {0},
};

/* Labels hold none of the characters that separate the parts of a selector; whoever made this one may. */
static bool plain(const char *s)
{
    return !s[strcspn(s, ",=!() \t\r\n")];
}

static void add_labels(gs_json_cursor *c, gs_buf *out)
{
    gs_str raw;
    char key[320], value[64];
    if (gs_json_is_null(c) || !gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &raw)) {
        if (!gs_json_unescape(raw, key, sizeof key) || !plain(key))
            (void)gs_json_fail(c, "malformed label key");
        else if (gs_json_read_string(c, value, sizeof value) &&
                 (!plain(value) || gs_buf_addf(out, "%s%s=%s", out->n ? "," : "", key, value) < 0))
            (void)gs_json_fail(c, "malformed label value, or too many labels");
    }
}

/* "key in (a,b)" or "key notin (a,b)". */
static bool add_values(const expression *x, gs_buf *out)
{
    gs_json_cursor c;
    char value[64];
    size_t n = 0;
    bool ok = gs_buf_addf(out, "%s %s (", x->key, x->op == OP_IN ? "in" : "notin") == 0;
    gs_json_cursor_init(&c, x->values.n ? x->values : GS_STR("null"));
    if (gs_json_enter_array(&c))
        while (gs_json_next_element(&c))
            if (gs_json_read_string(&c, value, sizeof value))
                ok = ok && plain(value) && gs_buf_addf(out, "%s%s", n++ ? "," : "", value) == 0;
    return ok && n && gs_json_cursor_finish(&c, NULL) == 0 && gs_buf_adds(out, ")") == 0;
}

static int add_expressions(gs_json_cursor *c, gs_buf *out, gs_error *err)
{
    if (gs_json_is_null(c) || !gs_json_enter_array(c))
        return 0;
    while (gs_json_next_element(c)) {
        expression x = {0};
        int e = gs_json_map_decode(c, expression_fields, &x, GS_UNKNOWN_IGNORE, "matchExpressions[]", err);
        if (e < 0)
            return e;
        bool ok = plain(x.key) && (!out->n || gs_buf_adds(out, ",") == 0);
        if (x.op == OP_EXISTS || x.op == OP_NOT_EXISTS)
            ok = ok && gs_buf_addf(out, "%s%s", x.op == OP_EXISTS ? "" : "!", x.key) == 0;
        else
            ok = ok && add_values(&x, out);
        if (!ok)
            (void)gs_json_fail(c, "malformed expression, or too many of them");
    }
    return 0;
}

int gs_label_selector_text(gs_str selector, char *dst, size_t cap, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(cap - 1);
    gs_json_cursor c;
    gs_str key;
    int e = 0;
    dst[0] = 0;
    if (!selector.n)
        return 0;
    gs_json_cursor_init(&c, selector);
    if (!gs_json_is_null(&c) && gs_json_enter_object(&c))
        while (e == 0 && gs_json_next_key(&c, &key)) {
            if (gs_json_key_is(key, "matchLabels"))
                add_labels(&c, &out);
            else if (gs_json_key_is(key, "matchExpressions"))
                e = add_expressions(&c, &out, err);
        }
    if (e < 0 || gs_json_cursor_finish(&c, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "spec.selector");
    (void)gs_str_copy(dst, cap, gs_buf_str(&out));
    return 0;
}
