/* kubeconfig files and service accounts, good and bad. */
#include "base/mem.h"
#include "kube/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PEM "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
#define PEM_64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="

/* The files that a test's kubeconfig may name. */
static int read_fake(void *ctx, const char *path, gs_buf *ret, gs_error *err)
{
    (void)ctx;
    if (strstr(path, "garbage"))
        return gs_buf_adds(ret, "hello");
    if (strcmp(path, "/etc/k/ca.crt") == 0 || strcmp(path, "/abs/ca.crt") == 0)
        return gs_buf_adds(ret, PEM);
    return gs_error_set(err, GS_NOT_FOUND, "%s: No such file or directory", path);
}

#define HEAD "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\n"
#define CLUSTER(x) "clusters: [{name: k, cluster: {" x "}}]\n"
#define USER(x) "users: [{name: u, user: {" x "}}]\n"
#define SERVER "server: 'https://10.0.0.1:6443/'"

static void files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *yaml, *context;
        const char *error; /* NULL: none */
        gs_kube_config want;
    } cases[] = {
        {"token",
         HEAD CLUSTER(SERVER) USER("token: t1"),
         NULL,
         NULL,
         {.server = "https://10.0.0.1:6443", .token = "t1", .ns = "shop"}},
        {"data beats file",
         HEAD CLUSTER(SERVER ", certificate-authority: nowhere, certificate-authority-data: " PEM_64) USER(""),
         NULL,
         NULL,
         {.server = "https://10.0.0.1:6443", .ca_pem = PEM, .ns = "shop"}},
        {"relative file",
         HEAD CLUSTER(SERVER ", certificate-authority: ca.crt, tls-server-name: kubernetes") USER("tokenFile: tok"),
         NULL,
         NULL,
         {.server = "https://10.0.0.1:6443",
          .ca_pem = PEM,
          .token_file = "/etc/k/tok",
          .tls_server_name = "kubernetes",
          .ns = "shop"}},
        {"absolute file",
         HEAD CLUSTER(SERVER ", certificate-authority: /abs/ca.crt") USER("tokenFile: /run/tok, token: old"),
         NULL,
         NULL,
         {.server = "https://10.0.0.1:6443", .ca_pem = PEM, .token_file = "/run/tok", .token = "old", .ns = "shop"}},
        {"client certificate",
         HEAD CLUSTER(SERVER) USER("client-certificate: ca.crt, client-key-data: " PEM_64),
         NULL,
         NULL,
         {.server = "https://10.0.0.1:6443", .cert_pem = PEM, .key_pem = PEM, .ns = "shop"}},
        {"named context",
         HEAD "clusters: [{name: k, cluster: {server: 'https://a:1'}}]",
         "d",
         "contexts: there is no entry named \"d\"",
         {0}},
        {"context without user or namespace",
         "current-context: x\ncontexts: [{name: x, context: {cluster: k}}]\n" CLUSTER(
             "server: 'http://127.0.0.1:8001'"),
         NULL,
         NULL,
         {.server = "http://127.0.0.1:8001", .ns = "default"}},
        {"empty", "", NULL, "kubeconfig /etc/k/config: ", {0}},
        {"a list", "[]", NULL, "current-context: missing", {0}},
        {"no YAML", "a: [", NULL, "kubeconfig /etc/k/config: ", {0}},
        {"no such cluster", HEAD, NULL, "clusters: there is no entry named \"k\"", {0}},
        {"no such user", HEAD CLUSTER(SERVER), NULL, "users: there is no entry named \"u\"", {0}},
        {"no server", HEAD CLUSTER("a: b") USER(""), NULL, "cluster \"k\": server: missing", {0}},
        {"not https", HEAD CLUSTER("server: 'http://10.0.0.1'") USER(""), NULL, "server: http:// is for loopback", {0}},
        {"user in the URL", HEAD CLUSTER("server: 'https://me:pw@10.0.0.1'") USER(""), NULL, "without user", {0}},
        {"another scheme", HEAD CLUSTER("server: 'ftp://x'") USER(""), NULL, "server: must be https://", {0}},
        {"no host", HEAD CLUSTER("server: 'https://'") USER(""), NULL, "server: must be https://", {0}},
        {"insecure",
         HEAD CLUSTER(SERVER ", insecure-skip-tls-verify: true") USER(""),
         NULL,
         "insecure-skip-tls-verify: refused",
         {0}},
        {"secure",
         HEAD CLUSTER(SERVER ", insecure-skip-tls-verify: false") USER(""),
         NULL,
         NULL,
         {.server = "https://10.0.0.1:6443", .ns = "shop"}},
        {"proxy", HEAD CLUSTER(SERVER ", proxy-url: 'http://p'") USER(""), NULL, "proxy-url: not supported yet", {0}},
        {"exec",
         HEAD CLUSTER(SERVER) USER("exec: {command: aws}"),
         NULL,
         "user \"u\": exec: not supported yet: use a token",
         {0}},
        {"auth-provider",
         HEAD CLUSTER(SERVER) USER("auth-provider: {name: gcp}"),
         NULL,
         "auth-provider: not supported yet",
         {0}},
        {"impersonation", HEAD CLUSTER(SERVER) USER("token: x, as: you"), NULL, "as: not supported yet", {0}},
        {"basic auth", HEAD CLUSTER(SERVER) USER("username: x, password: y"), NULL, "username: not supported yet", {0}},
        {"half a certificate",
         HEAD CLUSTER(SERVER) USER("client-certificate: ca.crt"),
         NULL,
         "client-key: missing",
         {0}},
        {"half a key", HEAD CLUSTER(SERVER) USER("client-key: ca.crt"), NULL, "client-certificate: missing", {0}},
        {"missing CA",
         HEAD CLUSTER(SERVER ", certificate-authority: gone") USER(""),
         NULL,
         "cluster \"k\": certificate-authority: /etc/k/gone: No such file",
         {0}},
        {"CA is no PEM",
         HEAD CLUSTER(SERVER ", certificate-authority: garbage") USER(""),
         NULL,
         "certificate-authority: it is no PEM",
         {0}},
        {"CA is no base64",
         HEAD CLUSTER(SERVER ", certificate-authority-data: '!!'") USER(""),
         NULL,
         "certificate-authority-data: ",
         {0}},
        {"token with a line break",
         HEAD CLUSTER(SERVER) USER("token: \"a\\nb\""),
         NULL,
         "token: it holds characters",
         {0}},
        {"secrets stay out of errors", HEAD CLUSTER(SERVER) USER("token: \"s3cr3t\\n!\""), NULL, "token: ", {0}},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
        gs_error err = {0};
        int rc = gs_kube_config_parse(gs_str_of(cases[i].yaml), "/etc/k/config", cases[i].context, read_fake, NULL, &c,
                                      &err);
        if (cases[i].error) {
            if (rc == 0 || !strstr(err.msg, cases[i].error) || !strstr(err.msg, "/etc/k/config") ||
                strstr(err.msg, "s3cr3t"))
                fail_msg("%s: %d \"%s\"", cases[i].name, rc, err.msg);
            continue;
        }
        if (rc)
            fail_msg("%s: %s", cases[i].name, err.msg);
        const gs_kube_config *w = &cases[i].want;
        const struct {
            const char *field, *got, *want;
        } fields[] = {{"server", c.server, w->server},
                      {"ca", c.ca_pem, w->ca_pem},
                      {"cert", c.cert_pem, w->cert_pem},
                      {"key", c.key_pem, w->key_pem},
                      {"token", c.token, w->token},
                      {"file", c.token_file, w->token_file},
                      {"tls", c.tls_server_name, w->tls_server_name},
                      {"ns", c.ns, w->ns}};
        for (size_t f = 0; f < GS_LEN(fields); f++)
            if (!gs_streq(fields[f].got, fields[f].want) || !fields[f].got != !fields[f].want)
                fail_msg("%s: %s is %s", cases[i].name, fields[f].field, fields[f].got ? fields[f].got : "NULL");
    }
}

static char dir[64];

static char *put(const char *name, const char *text)
{
    char *path = gs_sprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
    return path;
}

static void drop(const char *name)
{
    gs_autofree char *path = gs_sprintf("%s/%s", dir, name);
    (void)unlink(path);
}

static void service_accounts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *host, *port, *ca, *token, *ns; /* files: NULL: not there */
        const char *server, *want_ns, *error;
    } cases[] = {
        {"usual", "10.96.0.1", "443", PEM, "tok\n", "shop\n", "https://10.96.0.1:443", "shop", NULL},
        {"IPv6", "fd00::1", "443", PEM, "tok", "shop", "https://[fd00::1]:443", "shop", NULL},
        {"IPv6 in brackets", "[fd00::1]", "443", PEM, "tok", "shop", "https://[fd00::1]:443", "shop", NULL},
        {"no namespace", "10.96.0.1", "443", PEM, "tok", NULL, "https://10.96.0.1:443", "default", NULL},
        {"no port", "10.96.0.1", "", PEM, "tok", NULL, NULL, NULL, "KUBERNETES_SERVICE_PORT"},
        {"port", "10.96.0.1", "https", PEM, "tok", NULL, NULL, NULL, "must be a port number"},
        {"port 0", "10.96.0.1", "0", PEM, "tok", NULL, NULL, NULL, "must be a port number"},
        {"no token", "10.96.0.1", "443", PEM, NULL, NULL, NULL, NULL, "automountServiceAccountToken"},
        {"empty token", "10.96.0.1", "443", PEM, " \n", NULL, NULL, NULL, "it is empty"},
        {"no CA", "10.96.0.1", "443", NULL, "tok", NULL, NULL, NULL, "ca.crt"},
        {"bad CA", "10.96.0.1", "443", "x", "tok", NULL, NULL, NULL, "no PEM certificate"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        const char *names[] = {"ca.crt", "token", "namespace"}, *texts[] = {cases[i].ca, cases[i].token, cases[i].ns};
        for (size_t n = 0; n < GS_LEN(names); n++) {
            drop(names[n]);
            if (texts[n])
                free(put(names[n], texts[n]));
        }
        gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
        gs_error err = {0};
        int rc = gs_kube_config_in_cluster(cases[i].host, cases[i].port, dir, &c, &err);
        if (!cases[i].error != !rc || (rc && !strstr(err.msg, cases[i].error)))
            fail_msg("%s: %d \"%s\"", cases[i].name, rc, err.msg);
        if (rc)
            continue;
        assert_string_equal(c.server, cases[i].server);
        assert_string_equal(c.ns, cases[i].want_ns);
        assert_string_equal(c.ca_pem, PEM);
        assert_true(gs_str_ends(gs_str_of(c.token_file), "/token"));
        assert_null(c.token);
    }
}

static void where_it_is_found(void **state)
{
    (void)state;
    gs_autofree char *one = put("one", HEAD CLUSTER("server: 'https://one'") USER(""));
    gs_autofree char *two = put("two", HEAD CLUSTER("server: 'https://two'") USER(""));
    gs_autofree char *list = gs_sprintf(":/nowhere/x:%s:%s", two, one);
    gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
    gs_error err = {0};
    (void)setenv("KUBECONFIG", list, 1);
    (void)unsetenv("KUBERNETES_SERVICE_HOST");
    assert_int_equal(gs_kube_config_load(one, NULL, &c, &err), 0);
    assert_string_equal(c.server, "https://one");
    gs_kube_config_done(&c);
    assert_int_equal(gs_kube_config_load(NULL, NULL, &c, &err), 0);
    assert_string_equal(c.server, "https://two");
    gs_kube_config_done(&c);
    (void)setenv("KUBECONFIG", "/nowhere/x", 1);
    assert_int_equal(gs_kube_config_load(NULL, NULL, &c, &err), -GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "/nowhere/x"));
    (void)unsetenv("KUBECONFIG");
    (void)setenv("HOME", "/nowhere", 1);
    assert_int_equal(gs_kube_config_load(NULL, NULL, &c, &err), -GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "--kubeconfig"));
    (void)setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
    (void)setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    assert_int_equal(gs_kube_config_load(NULL, NULL, &c, &err), -GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "/var/run/secrets/kubernetes.io/serviceaccount"));
    assert_int_equal(gs_kube_config_load(dir, NULL, &c, &err), -GS_TERMINAL);
    assert_non_null(strstr(err.msg, "not a regular file"));
    gs_autofree char *fifo = gs_sprintf("%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(gs_kube_config_load(fifo, NULL, &c, &err), -GS_TERMINAL); /* and does not hang */
    (void)unlink(fifo);
    drop("one");
    drop("two");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(service_accounts),
        cmocka_unit_test(where_it_is_found),
    };
    (void)snprintf(dir, sizeof dir, "/tmp/gs-kube-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    drop("ca.crt");
    drop("token");
    drop("namespace");
    (void)rmdir(dir);
    return rc;
}
