/* The decoder of kubeconfig files. Where there are several, the first one wins that has an entry of a name, as with
 * kubectl. */
#include "base/limits.h"
#include "base/mem.h"
#include "kube/config.h"
#include "kube/kubeconfig_internal.h"
#include "kube/token.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/yaml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 32

struct document {
    const char *path;
    json_t *root;
};

struct source {
    struct document docs[MAX_FILES];
    size_t n;
    gs_kube_read_file read;
    void *ctx;
};

static void source_done(struct source *src)
{
    for (size_t i = 0; i < src->n; i++)
        gs_json_doc_free(src->docs[i].root);
}
GS_DEFINE_CLEANUP_VALUE(struct source, source_done)

/* The first entry {"name": name, <member>: {…}} of a list, and the file that has it; NULL with *err set where there is
 * none. */
static json_t *entry(const struct source *src, const char *list, const char *member, const char *name,
                     const char **ret_path, gs_error *err)
{
    for (size_t d = 0; d < src->n; d++) {
        const json_t *array = json_object_get(src->docs[d].root, list);
        for (size_t i = 0; i < json_array_size(array); i++) {
            json_t *item = json_array_get(array, i);
            const char *its = gs_json_doc_str(item, "name");
            json_t *value = json_object_get(item, member);
            if (its && gs_streq(its, name) && json_is_object(value)) {
                *ret_path = src->docs[d].path;
                return value;
            }
        }
    }
    (void)gs_error_set(err, GS_TERMINAL, "%s: there is no entry named \"%s\" with a \"%s\"; correct the name or add it",
                       list, name, member);
    return NULL;
}

char *gs_kubeconfig_beside(const char *kubeconfig, const char *path)
{
    const char *slash = strrchr(kubeconfig, '/');
    if (path[0] == '/' || !slash)
        return gs_strdup(path);
    return gs_sprintf("%.*s/%s", (int)(slash - kubeconfig), kubeconfig, path);
}

static int decode_data(const char *data, gs_buf *out, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf plain = GS_BUF(GS_MAX_YAML_BYTES);
    for (const char *p = data; *p; p++) /* people fold it over lines */
        if (!isspace((unsigned char)*p) && gs_buf_add(&plain, p, 1))
            return gs_error_set(err, GS_NO_MEMORY, "too long");
    return gs_base64_decode(gs_buf_str(&plain), out, err);
}

/* A PEM text, inline in base64 under "<field>-data" or in a file under "<field>"; *ret stays NULL where neither is
 * set. */
static int pem_of(const struct source *src, const char *path, const json_t *object, const char *field, char **ret,
                  gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf pem = GS_BUF(GS_MAX_FILE_BYTES);
    gs_autofree char *data_field = gs_sprintf("%s-data", field);
    const char *data = gs_json_doc_str(object, data_field), *file = gs_json_doc_str(object, field);
    const char *used = data && *data ? data_field : field;
    int rc = 0;
    if (data && *data) {
        rc = decode_data(data, &pem, err);
    } else if (file && *file) {
        gs_autofree char *full = gs_kubeconfig_beside(path, file);
        rc = src->read(src->ctx, full, &pem, err);
    } else {
        return 0;
    }
    if (rc)
        return gs_error_wrap(err, GS_TERMINAL, "%s", used);
    if (!memmem(pem.p ? pem.p : "", pem.n, "-----BEGIN ", 11) || memchr(pem.p, 0, pem.n))
        return gs_error_set(err, GS_TERMINAL, "%s: it is no PEM text (-----BEGIN …)", used);
    *ret = gs_buf_take(&pem);
    return 0;
}

static bool is_loopback(const char *host)
{
    gs_str six = GS_STR("[::1]"), name = {host, strcspn(host, ":/")};
    if (gs_str_starts(gs_str_of(host), six.p))
        return strchr(":/", host[six.n]) != NULL;
    return gs_str_is(name, "localhost") || (gs_str_starts(name, "127.") && strspn(host, "0123456789.") == name.n);
}

static int read_server(const json_t *cluster, gs_kube_config *c, gs_error *err)
{
    const char *server = gs_json_doc_str(cluster, "server");
    if (!server || !*server)
        return gs_error_set(err, GS_TERMINAL, "server: missing; set it to https://<host>:<port>");
    bool https = gs_str_starts(gs_str_of(server), "https://");
    const char *host = server + (https ? 8 : 7);
    if ((!https && !gs_str_starts(gs_str_of(server), "http://")) || !*host || *host == '/' || *host == ':')
        return gs_error_set(err, GS_TERMINAL, "server: must be https://<host>:<port>");
    for (const char *p = host; *p; p++)
        if (*p <= ' ' || *p > '~' || strchr("?#@\"\\", *p))
            return gs_error_set(err, GS_TERMINAL,
                                "server: must be https://<host>:<port>, without user, query or spaces");
    size_t n = strlen(server);
    while (n && server[n - 1] == '/')
        n--;
    c->server = gs_strndup(server, n);
    if (!https && !is_loopback(host))
        return gs_error_set(err, GS_TERMINAL, "server: http:// is for loopback addresses only; use https://");
    return 0;
}

static int read_cluster(const struct source *src, const char *path, const json_t *cluster, gs_kube_config *c,
                        gs_error *err)
{
    const char *proxy = gs_json_doc_str(cluster, "proxy-url"), *name = gs_json_doc_str(cluster, "tls-server-name");
    if (json_is_true(json_object_get(cluster, "insecure-skip-tls-verify")))
        return gs_error_set(err, GS_TERMINAL,
                            "insecure-skip-tls-verify: refused, anybody could read the token; "
                            "give the CA by certificate-authority or certificate-authority-data");
    if (proxy && *proxy)
        return gs_error_set(err, GS_TERMINAL, "proxy-url: not supported; connect directly");
    int rc = read_server(cluster, c, err);
    if (!rc)
        rc = pem_of(src, path, cluster, "certificate-authority", &c->ca_pem, err);
    if (!rc && name && *name)
        c->tls_server_name = gs_strdup(name);
    return rc;
}

/* Ignoring one of these would mean to be someone else than the file says. */
static int refuse_unsupported(const json_t *user, gs_error *err)
{
    static const struct {
        const char *field, *why;
    } fields[] = {
        {"auth-provider", "was removed from kubectl, too: use an exec plugin of the same provider"},
        {"username", "basic auth was removed from Kubernetes: use a token, a client certificate or an exec plugin"},
        {"password", "basic auth was removed from Kubernetes: use a token, a client certificate or an exec plugin"},
        {"as", "impersonation is not supported: use that account's own token (kubectl create token)"},
        {"as-uid", "impersonation is not supported: use that account's own token (kubectl create token)"},
        {"as-groups", "impersonation is not supported: use that account's own token (kubectl create token)"},
        {"as-user-extra", "impersonation is not supported: use that account's own token (kubectl create token)"},
    };
    for (size_t i = 0; i < GS_LEN(fields); i++) {
        const json_t *v = json_object_get(user, fields[i].field);
        if (v && !json_is_null(v))
            return gs_error_set(err, GS_TERMINAL, "%s: %s", fields[i].field, fields[i].why);
    }
    return 0;
}

static int read_user(const struct source *src, const char *path, const json_t *user, gs_kube_config *c, gs_error *err)
{
    const char *token = gs_json_doc_str(user, "token"), *file = gs_json_doc_str(user, "tokenFile");
    int rc = refuse_unsupported(user, err);
    if (!rc)
        rc = pem_of(src, path, user, "client-certificate", &c->cert_pem, err);
    if (!rc)
        rc = pem_of(src, path, user, "client-key", &c->key_pem, err);
    if (rc)
        return rc;
    if (!c->cert_pem != !c->key_pem)
        return gs_error_set(err, GS_TERMINAL, "%s: missing; a client certificate needs both",
                            c->cert_pem ? "client-key" : "client-certificate");
    if (file && *file)
        c->token_file = gs_kubeconfig_beside(path, file);
    if (token && *token) {
        c->token = gs_strdup(token);
        if (!gs_kube_token_clean(c->token))
            return gs_error_set(err, GS_TERMINAL, "token: it holds characters that no bearer token has");
    }
    return 0;
}

static const char *current_context(const struct source *src)
{
    for (size_t d = 0; d < src->n; d++) {
        const char *name = gs_json_doc_str(src->docs[d].root, "current-context");
        if (name && *name)
            return name;
    }
    return NULL;
}

static int read_identity(const struct source *src, const char *name, const json_t *cluster, gs_kube_config *c,
                         gs_error *err)
{
    const char *path;
    const json_t *user = entry(src, "users", "user", name, &path, err), *exec = json_object_get(user, "exec");
    if (!user)
        return -(int)GS_TERMINAL;
    int rc = read_user(src, path, user, c, err);
    if (!rc && json_is_object(exec)) {
        if (c->token || c->token_file || c->cert_pem)
            rc = gs_error_set(err, GS_TERMINAL,
                              "exec: there is a token or certificate beside it; leave one of them out");
        else
            rc = gs_kubeconfig_exec(exec, path, cluster, c, err);
    }
    return rc ? gs_error_wrap(err, GS_TERMINAL, "user \"%s\"", name) : 0;
}

static int read_context(const struct source *src, const char *wanted, gs_kube_config *c, gs_error *err)
{
    const char *name = wanted ? wanted : current_context(src), *path;
    if (!name || !*name)
        return gs_error_set(err, GS_TERMINAL, "current-context: missing; set it (kubectl config use-context NAME)");
    const json_t *context = entry(src, "contexts", "context", name, &path, err);
    if (!context)
        return -(int)GS_TERMINAL;
    const char *cluster_name = gs_json_doc_str(context, "cluster"), *user_name = gs_json_doc_str(context, "user");
    const char *ns = gs_json_doc_str(context, "namespace");
    if (!cluster_name || !*cluster_name)
        return gs_error_set(err, GS_TERMINAL, "context \"%s\": cluster: missing; name one of clusters", name);
    const json_t *cluster = entry(src, "clusters", "cluster", cluster_name, &path, err);
    if (!cluster)
        return -(int)GS_TERMINAL;
    if (read_cluster(src, path, cluster, c, err))
        return gs_error_wrap(err, GS_TERMINAL, "cluster \"%s\"", cluster_name);
    c->ns = gs_strdup(ns && *ns ? ns : "default");
    return user_name && *user_name ? read_identity(src, user_name, cluster, c, err) : 0;
}

static int parse_one(const gs_kube_config_text *file, json_t **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf json = GS_BUF(2 * GS_MAX_YAML_BYTES);
    int rc = gs_yaml_to_json(file->yaml, &json, err);
    if (!rc)
        rc = gs_json_doc_parse(gs_buf_str(&json), 2 * GS_MAX_YAML_BYTES, ret, err);
    return rc ? gs_error_wrap(err, GS_TERMINAL, "kubeconfig %s", file->path) : 0;
}

int gs_kube_config_merge(const gs_kube_config_text *files, size_t n, const char *context, gs_kube_read_file read,
                         void *ctx, gs_kube_config *ret, gs_error *err)
{
    gs_cleanup(source_done) struct source src = {.read = read, .ctx = ctx};
    gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
    gs_cleanup(gs_buf_done) gs_buf names = GS_BUF(sizeof err->msg); /* cut, like the message */
    if (n > MAX_FILES)
        return gs_error_set(err, GS_TERMINAL, "kubeconfig: over %d files", MAX_FILES);
    for (; src.n < n; src.n++) {
        struct document *d = &src.docs[src.n];
        d->path = files[src.n].path;
        int rc = parse_one(&files[src.n], &d->root, err);
        if (rc)
            return rc;
        (void)gs_buf_addf(&names, "%s%s", src.n ? ":" : "", d->path);
    }
    if (read_context(&src, context, &c, err))
        return gs_error_wrap(err, GS_TERMINAL, "kubeconfig %s", names.p ? names.p : "");
    *ret = c;
    c = (gs_kube_config){0};
    return 0;
}

int gs_kube_config_parse(gs_str yaml, const char *path, const char *context, gs_kube_read_file read, void *ctx,
                         gs_kube_config *ret, gs_error *err)
{
    return gs_kube_config_merge(&(gs_kube_config_text){path, yaml}, 1, context, read, ctx, ret, err);
}
