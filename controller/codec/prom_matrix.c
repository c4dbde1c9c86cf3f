#include "codec/prom_matrix.h"

#include "wire/json_cursor.h"

#include <math.h>
#include <stdio.h>

#define MAX_T 253402300799.0 /* the end of the year 9999 */

struct reading {
    gs_json_cursor c;
    const gs_matrix_handler *h;
    gs_error err; /* of the handler */
    bool matrix, result;
};

/* The handler's error ends the cursor's loops, too. */
static bool handled(struct reading *r, int rc)
{
    return rc ? gs_json_fail(&r->c, "the handler has failed") : true;
}

/* Names. */

static void add(char name[GS_MATRIX_NAME_LEN], const char *text)
{
    size_t n = strlen(name);
    (void)gs_str_copy(name + n, GS_MATRIX_NAME_LEN - n, gs_str_of(text));
}

/* One label as PromQL writes it; the metric's own name, __name__, as any other. */
static void add_label(char name[GS_MATRIX_NAME_LEN], gs_str raw_key, const char *value)
{
    char key[64];
    if (!gs_json_unescape(raw_key, key, sizeof key))
        return; /* longer than any label that tells two pods apart */
    add(name, name[0] ? "," : "{");
    add(name, key);
    add(name, "=\"");
    add(name, value);
    add(name, "\"");
}

static void read_name(gs_json_cursor *c, char ret[GS_MATRIX_NAME_LEN])
{
    char set[GS_MATRIX_NAME_LEN] = "", instance[GS_MATRIX_NAME_LEN] = "", value[GS_MATRIX_NAME_LEN];
    gs_str key;
    ret[0] = 0;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (!gs_json_read_string_cut(c, value, sizeof value))
            break;
        if (gs_json_key_is(key, "pod"))
            (void)gs_str_copy(ret, GS_MATRIX_NAME_LEN, gs_str_of(value));
        if (gs_json_key_is(key, "instance"))
            (void)gs_str_copy(instance, sizeof instance, gs_str_of(value));
        add_label(set, key, value);
    }
    add(set, set[0] ? "}" : "{}"); /* an aggregate over everything has no label */
    if (!ret[0])
        (void)gs_str_copy(ret, GS_MATRIX_NAME_LEN, gs_str_of(instance[0] ? instance : set));
}

/* Values. */

static bool read_point(struct reading *r)
{
    gs_json_cursor *c = &r->c;
    double t = -1, value;
    char text[64];
    if (!gs_json_enter_array(c) || !gs_json_next_element(c) || !gs_json_read_double(c, &t))
        return gs_json_fail(c, "expected [time, \"value\"]");
    if (!(t >= 0 && t <= MAX_T))
        return gs_json_fail(c, "expected seconds since 1970");
    if (!gs_json_next_element(c) || !gs_json_read_string(c, text, sizeof text))
        return gs_json_fail(c, "expected the value as a string");
    if (!gs_str_double(gs_str_of(text), &value))
        return gs_json_fail(c, "expected a number in the string");
    if (gs_json_next_element(c))
        return gs_json_fail(c, "expected [time, \"value\"]");
    if (isnan(value) || gs_json_failed(c))
        return !gs_json_failed(c);
    return handled(r, r->h->point(r->h->ctx, llround(t * 1000), value, &r->err));
}

/* The labels and the values of a series come in any order, and values need a name. */
static void read_series(struct reading *r)
{
    gs_json_cursor *c = &r->c, rest;
    char name[GS_MATRIX_NAME_LEN] = "{}";
    gs_str key;
    if (!gs_json_enter_object(c))
        return;
    rest = *c;
    while (gs_json_next_key(&rest, &key))
        if (gs_json_key_is(key, "metric")) {
            read_name(&rest, name);
            break;
        }
    if (gs_json_failed(&rest)) {
        *c = rest;
        return;
    }
    if (!handled(r, r->h->series(r->h->ctx, name, &r->err)))
        return;
    while (gs_json_next_key(c, &key))
        if (gs_json_key_is(key, "values") && gs_json_enter_array(c))
            while (gs_json_next_element(c) && read_point(r))
                ;
}

static void read_data(struct reading *r)
{
    gs_json_cursor *c = &r->c;
    char type[16];
    gs_str key;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "resultType") && gs_json_read_string_cut(c, type, sizeof type)) {
            if (!gs_streq(type, "matrix"))
                (void)gs_json_fail(c, "expected the result type matrix");
            r->matrix = true;
        } else if (gs_json_key_is(key, "result") && gs_json_enter_array(c)) {
            while (gs_json_next_element(c))
                read_series(r);
            r->result = true;
        }
    }
}

bool gs_prom_error_text(gs_str body, char *ret, size_t cap)
{
    char status[16] = "", type[32] = "", text[400] = "";
    gs_json_cursor c;
    gs_str key;
    gs_json_cursor_init(&c, body);
    if (!gs_json_enter_object(&c))
        return false;
    while (gs_json_next_key(&c, &key)) {
        if (gs_json_key_is(key, "status"))
            (void)gs_json_read_string_cut(&c, status, sizeof status);
        else if (gs_json_key_is(key, "errorType"))
            (void)gs_json_read_string_cut(&c, type, sizeof type);
        else if (gs_json_key_is(key, "error"))
            (void)gs_json_read_string_cut(&c, text, sizeof text);
    }
    if (gs_json_cursor_finish(&c, NULL) || !gs_streq(status, "error"))
        return false;
    (void)snprintf(ret, cap, "%s%s%s", type, type[0] && text[0] ? ": " : "", text);
    return ret[0] != 0;
}

int gs_prom_matrix_read(gs_str body, const gs_matrix_handler *h, gs_error *err)
{
    struct reading r = {.h = h};
    char text[300];
    gs_str key;
    gs_json_cursor_init(&r.c, body);
    if (gs_json_enter_object(&r.c))
        while (gs_json_next_key(&r.c, &key))
            if (gs_json_key_is(key, "data") && !gs_json_is_null(&r.c))
                read_data(&r);
    int rc = gs_json_cursor_finish(&r.c, err);
    if (r.err.kind) {
        if (err)
            *err = r.err;
        return -(int)r.err.kind;
    }
    if (rc)
        return gs_error_wrap(err, GS_TERMINAL, "the answer is no matrix of Prometheus");
    if (r.matrix && r.result)
        return 0;
    if (gs_prom_error_text(body, text, sizeof text))
        return gs_error_set(err, GS_TERMINAL, "%s", text);
    return gs_error_set(err, GS_TERMINAL, "the answer is no matrix of Prometheus: no data.resultType and data.result");
}
