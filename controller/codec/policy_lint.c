#include "codec/policy_lint.h"

#include "base/limits.h"
#include "base/mem.h"
#include "codec/crd.h"
#include "codec/policy_internal.h"
#include "codec/policy_lint_internal.h"
#include "codec/schema.h"
#include "wire/json.h"
#include "wire/yaml.h"

struct gs_lint {
    json_t *object; /* the schema of a GostatPolicy, without its status */
    json_t *status; /* in there nothing but names is looked at: the API server drops it */
};

/* As metav1.ObjectMeta; in ownerReferences and managedFields nobody writes by hand. */
static const char metadata_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"name\":{\"type\":\"string\"},\"generateName\":{\"type\":\"string\"},\"namespace\":{\"type\":\"string\"},"
    "\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
    "\"annotations\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
    "\"finalizers\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"ownerReferences\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"x-kubernetes-preserve-unknown-fields\":true}},"
    "\"managedFields\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"x-kubernetes-preserve-unknown-fields\":true}},"
    "\"uid\":{\"type\":\"string\"},\"resourceVersion\":{\"type\":\"string\"},\"generation\":{\"type\":\"integer\"},"
    "\"creationTimestamp\":{\"type\":\"string\"},\"deletionTimestamp\":{\"type\":\"string\"},"
    "\"deletionGracePeriodSeconds\":{\"type\":\"integer\"},\"selfLink\":{\"type\":\"string\"}}}";

/* ---- the schema ---- */

void gs_lint_free(gs_lint *l)
{
    if (!l)
        return;
    json_decref(l->object);
    json_decref(l->status);
    free(l);
}

/* The CRD knows apiVersion, kind and metadata by name only. */
static int complete(gs_lint *l, json_t *schema, gs_error *err)
{
    json_t *properties = json_object_get(schema, "properties"), *metadata = NULL,
           *required = json_object_get(schema, "required");
    l->object = json_incref(schema);
    l->status = json_incref(json_object_get(properties, "status"));
    int rc = gs_json_doc_parse(gs_str_of(metadata_schema), sizeof metadata_schema, &metadata, err);
    if (rc < 0)
        return rc;
    (void)json_object_set_new(properties, "metadata", metadata);
    (void)json_object_set_new(properties, "status", json_pack("{s:b}", "x-kubernetes-preserve-unknown-fields", 1));
    (void)json_array_append_new(required, json_string("apiVersion"));
    (void)json_array_append_new(required, json_string("kind"));
    (void)json_array_append_new(required, json_string("metadata"));
    rc = gs_schema_verify(l->object, err);
    return rc < 0 ? rc : gs_schema_verify(l->status, err);
}

int gs_lint_new(gs_lint **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(GS_MAX_YAML_BYTES);
    gs_cleanup(gs_json_doc_free) json_t *crd = NULL;
    gs_cleanup(gs_lint_free) gs_lint *l = gs_alloc(sizeof *l);
    int rc = gs_yaml_to_json(gs_str_of(gs_crd_policies), &text, err);
    if (rc == 0)
        rc = gs_json_doc_parse(gs_buf_str(&text), GS_MAX_YAML_BYTES, &crd, err);
    json_t *version = json_array_get(gs_json_doc_at(crd, "spec", "versions", NULL), 0);
    json_t *schema = gs_json_doc_at(version, "schema", "openAPIV3Schema", NULL);
    if (rc == 0)
        rc = schema ? complete(l, schema, err) : gs_error_set(err, GS_TERMINAL, "it has no schema");
    if (rc < 0)
        return gs_error_wrap(err, GS_TERMINAL, "the CustomResourceDefinition that is built in");
    *ret = gs_take(l);
    return 0;
}

/* ---- where a path is ---- */

/* The value under one part of a path, which is cut off; false where there is none. *ret_at: of its key, or its own. */
static bool step(gs_str *value, const char **path, gs_str text, size_t *ret_at)
{
    size_t n = strcspn(*path + 1, ".[") + 1, index = 0;
    bool in_list = **path == '[';
    const char *name = *path + (**path == '.' || in_list);
    gs_str key = {name, (size_t)(*path + n - name)};
    gs_json_cursor c;
    gs_str raw, found;
    uint64_t wanted = 0;
    gs_json_cursor_init(&c, *value);
    if (in_list) {
        const char *end = strchr(*path, ']');
        key.n = end ? (size_t)(end - name) : 0;
        n = end ? (size_t)(end + 1 - *path) : n;
    }
    *path += n;
    if (in_list && gs_str_u64(key, &wanted) && gs_json_peek(&c) == GS_JSON_ARRAY) {
        (void)gs_json_enter_array(&c);
        for (; gs_json_next_element(&c) && gs_json_raw(&c, &found); index++)
            if (index == wanted) {
                *value = found;
                *ret_at = (size_t)(found.p - text.p);
                return true;
            }
        return false;
    }
    gs_autofree char *terminated = gs_strndup(key.p, key.n);
    if (gs_json_peek(&c) != GS_JSON_OBJECT || !gs_json_enter_object(&c))
        return false;
    while (gs_json_next_key(&c, &raw) && gs_json_raw(&c, &found))
        if (gs_json_key_is(raw, terminated)) {
            *value = found;
            *ret_at = (size_t)(raw.p - text.p) - 1;
            return true;
        }
    return false;
}

size_t gs_lint_at(gs_str text, gs_str object, const char *path)
{
    size_t at = (size_t)(object.p - text.p);
    while (*path && step(&object, &path, text, &at))
        ;
    return at;
}

/* ---- the policy ---- */

void gs_lint_say(gs_lint_run *r, const char *path, const char *what)
{
    r->n++;
    r->found(r->ctx, path, gs_lint_at(r->text, r->object, path), what);
}

static void on_schema(void *ctx, const char *path, size_t at, const char *what)
{
    gs_lint_run *r = ctx;
    r->n++;
    r->found(r->ctx, path, at, what);
}

void gs_lint_say_error(gs_lint_run *r, const gs_error *err)
{
    const char *colon = strstr(err->msg, ": ");
    gs_autofree char *path = colon ? gs_strndup(err->msg, (size_t)(colon - err->msg)) : NULL;
    if (path && !strchr(path, ' '))
        gs_lint_say(r, path, colon + 2);
    else
        gs_lint_say(r, "", err->msg);
}

gs_policy *gs_lint_policy(const gs_lint *l, gs_str text, gs_str object, gs_lint_found *found, void *ctx)
{
    gs_lint_run r = {.text = text, .object = object, .found = found, .ctx = ctx};
    gs_schema_options o = {.path = "", .found = on_schema, .ctx = &r};
    gs_policy *p = NULL;
    gs_error err = {0};
    gs_str status;
    gs_schema_check(l->object, text, object, &o);
    gs_lint_metadata(&r);
    o.path = "status";
    o.unknown_only = true;
    if (gs_json_find(object, (const char *const[]){"status", NULL}, &status))
        gs_schema_check(l->status, text, status, &o);
    if (r.n == 0 && gs_policy_from_json(object, true, true, &p, &err) < 0)
        gs_lint_say_error(&r, &err);
    return p;
}
