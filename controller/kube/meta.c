#include "kube/meta.h"

#include "wire/json_cursor.h"

/* The inside of a raw string; null and absent are empty. */
static void read_view(gs_json_cursor *c, gs_str *ret)
{
    gs_str raw;
    if (gs_json_is_null(c))
        return;
    if (gs_json_peek(c) != GS_JSON_STRING) {
        (void)gs_json_fail(c, "a string was expected");
        return;
    }
    if (gs_json_raw(c, &raw) && raw.n >= 2)
        *ret = (gs_str){raw.p + 1, raw.n - 2};
}

static void read_raw(gs_json_cursor *c, enum gs_json_kind kind, gs_str *ret)
{
    if (gs_json_is_null(c))
        return;
    if (gs_json_peek(c) != kind)
        (void)gs_json_fail(c, kind == GS_JSON_OBJECT ? "an object was expected" : "an array was expected");
    else
        (void)gs_json_raw(c, ret);
}

static void read_owner(gs_json_cursor *c, gs_kube_meta *m)
{
    gs_kube_owner o = {0};
    bool controller = false;
    gs_str key;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "apiVersion"))
            read_view(c, &o.api_version);
        else if (gs_json_key_is(key, "kind"))
            read_view(c, &o.kind);
        else if (gs_json_key_is(key, "name"))
            read_view(c, &o.name);
        else if (gs_json_key_is(key, "uid"))
            read_view(c, &o.uid);
        else if (gs_json_key_is(key, "controller") && !gs_json_is_null(c))
            (void)gs_json_read_bool(c, &controller);
    }
    if (controller)
        m->controller = o;
}

static void read_owners(gs_json_cursor *c, gs_kube_meta *m)
{
    if (!gs_json_is_null(c) && gs_json_enter_array(c))
        while (gs_json_next_element(c))
            read_owner(c, m);
}

static void read_metadata(gs_json_cursor *c, gs_kube_meta *m)
{
    const struct {
        const char *key;
        gs_str *to;
    } strings[] = {
        {"name", &m->name},
        {"namespace", &m->ns},
        {"generateName", &m->generate_name},
        {"uid", &m->uid},
        {"resourceVersion", &m->resource_version},
        {"creationTimestamp", &m->creation_timestamp},
        {"deletionTimestamp", &m->deletion_timestamp},
    };
    gs_str key;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        size_t i = 0;
        while (i < sizeof strings / sizeof strings[0] && !gs_json_key_is(key, strings[i].key))
            i++;
        if (i < sizeof strings / sizeof strings[0])
            read_view(c, strings[i].to);
        else if (gs_json_key_is(key, "generation") && !gs_json_is_null(c))
            (void)gs_json_read_int64(c, &m->generation);
        else if (gs_json_key_is(key, "labels"))
            read_raw(c, GS_JSON_OBJECT, &m->labels);
        else if (gs_json_key_is(key, "annotations"))
            read_raw(c, GS_JSON_OBJECT, &m->annotations);
        else if (gs_json_key_is(key, "finalizers"))
            read_raw(c, GS_JSON_ARRAY, &m->finalizers);
        else if (gs_json_key_is(key, "ownerReferences"))
            read_owners(c, m);
    }
}

int gs_kube_meta_read(gs_str object, gs_kube_meta *ret, gs_error *err)
{
    gs_kube_meta m = {0};
    gs_json_cursor c;
    gs_str key;
    gs_json_cursor_init(&c, object);
    if (gs_json_enter_object(&c))
        while (gs_json_next_key(&c, &key)) {
            if (gs_json_key_is(key, "metadata"))
                read_metadata(&c, &m);
            else if (gs_json_key_is(key, "kind"))
                read_view(&c, &m.kind);
            else if (gs_json_key_is(key, "apiVersion"))
                read_view(&c, &m.api_version);
        }
    if (gs_json_cursor_finish(&c, err))
        return gs_error_wrap(err, GS_TERMINAL, "object metadata");
    *ret = m;
    return 0;
}

gs_kube_labels gs_kube_labels_of(gs_str raw)
{
    return (gs_kube_labels){.rest_ = raw};
}

/* A flat object of strings, as the API server keeps them; anything else ends the walk. */
bool gs_kube_labels_next(gs_kube_labels *it)
{
    gs_str *const parts[] = {&it->key, &it->value};
    static const char *const before[] = {" \t\r\n{,", " \t\r\n:"};
    gs_str rest = it->rest_;
    it->rest_ = (gs_str){0};
    for (int i = 0; i < 2; i++) {
        size_t at = 0;
        while (at < rest.n && rest.p[at] && strchr(before[i], rest.p[at]))
            at++;
        if (at >= rest.n || rest.p[at] != '"')
            return false;
        size_t from = ++at;
        while (at < rest.n && rest.p[at] != '"')
            at += rest.p[at] == '\\' ? 2 : 1;
        if (at >= rest.n)
            return false;
        *parts[i] = (gs_str){rest.p + from, at - from};
        rest = (gs_str){rest.p + at + 1, rest.n - at - 1};
    }
    it->rest_ = rest;
    return true;
}

gs_str gs_kube_label(gs_str raw, const char *key)
{
    for (gs_kube_labels it = gs_kube_labels_of(raw); gs_kube_labels_next(&it);)
        if (gs_json_key_is(it.key, key))
            return it.value;
    return (gs_str){0};
}

bool gs_kube_has_finalizer(const gs_kube_meta *m, const char *finalizer)
{
    gs_json_cursor c;
    bool found = false;
    gs_json_cursor_init(&c, m->finalizers);
    if (m->finalizers.n && gs_json_enter_array(&c))
        while (gs_json_next_element(&c)) {
            gs_str view = {0};
            read_view(&c, &view);
            found |= gs_json_key_is(view, finalizer);
        }
    return found;
}
