/* kubeconfig files and service accounts, good and bad. */
#include "base/mem.h"
#include "cert_fixture.h"
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
        {"not loopback",
         HEAD CLUSTER("server: 'http://127.example.com'") USER(""),
         NULL,
         "http:// is for loopback",
         {0}},
        {"not localhost",
         HEAD CLUSTER("server: 'http://localhost.example.com:80'") USER(""),
         NULL,
         "for loopback",
         {0}},
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
        {"proxy", HEAD CLUSTER(SERVER ", proxy-url: 'http://p'") USER(""), NULL, "proxy-url: not supported", {0}},
        {"auth-provider",
         HEAD CLUSTER(SERVER) USER("auth-provider: {name: gcp}"),
         NULL,
         "user \"u\": auth-provider: was removed from kubectl, too: use an exec plugin",
         {0}},
        {"impersonation",
         HEAD CLUSTER(SERVER) USER("token: x, as: you"),
         NULL,
         "as: impersonation is not supported",
         {0}},
        {"basic auth",
         HEAD CLUSTER(SERVER) USER("username: x, password: y"),
         NULL,
         "username: basic auth was removed from Kubernetes",
         {0}},
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

/* ---- exec plugins ---- */

#define V1 "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"
#define BETA "apiVersion: client.authentication.k8s.io/v1beta1"
#define EXEC(x) USER("exec: {" x "}")
#define INFO(v, cluster)                                                                                               \
    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/" v "\",\"spec\":{" cluster            \
    "\"interactive\":false}}"

static void exec_plugins(void **state)
{
    (void)state;
    static const struct {
        const char *name, *yaml, *error; /* error NULL: none */
        const char *argv, *env, *info;   /* joined by '|' */
    } cases[] = {
        {"v1", HEAD CLUSTER(SERVER) EXEC(V1 ", command: aws, args: [eks, get-token]"), NULL, "aws|eks|get-token|", "",
         INFO("v1", "")},
        {"v1beta1 without a mode", HEAD CLUSTER(SERVER) EXEC(BETA ", command: gke"), NULL, "gke|", "",
         INFO("v1beta1", "")},
        {"if available",
         HEAD CLUSTER(SERVER) EXEC(BETA ", command: a, args: null, env: null, interactiveMode: IfAvailable"), NULL,
         "a|", "", INFO("v1beta1", "")},
        {"beside the kubeconfig", HEAD CLUSTER(SERVER) EXEC(V1 ", command: bin/aws"), NULL, "/etc/k/bin/aws|", "",
         INFO("v1", "")},
        {"absolute", HEAD CLUSTER(SERVER) EXEC(V1 ", command: /bin/aws"), NULL, "/bin/aws|", "", INFO("v1", "")},
        {"no shell",
         HEAD CLUSTER(SERVER) EXEC(V1 ", command: 'aws; rm', args: ['$(x)', ''], env: [{name: A, value: '=$B'}]"), NULL,
         "aws; rm|$(x)||", "A==$B|", INFO("v1", "")},
        {"told about the cluster",
         HEAD CLUSTER(SERVER ", tls-server-name: k8s, certificate-authority: ca.crt, extensions: [{name: "
                             "client.authentication.k8s.io/exec, extension: {audience: \"x\\\"y\"}}]")
             EXEC(V1 ", command: a, provideClusterInfo: true"),
         NULL, "a|", "",
         INFO("v1", "\"cluster\":{\"server\":\"https://10.0.0.1:6443\",\"tls-server-name\":\"k8s\","
                    "\"certificate-authority-data\":\"" PEM_64 "\",\"config\":{\"audience\":\"x\\\"y\"}},")},
        {"no version", HEAD CLUSTER(SERVER) EXEC("command: a"), "user \"u\": exec.apiVersion: must be", 0, 0, 0},
        {"an old version", HEAD CLUSTER(SERVER) EXEC("apiVersion: client.authentication.k8s.io/v1alpha1, command: a"),
         "v1alpha1 was removed", 0, 0, 0},
        {"no mode", HEAD CLUSTER(SERVER) EXEC("apiVersion: client.authentication.k8s.io/v1, command: a"),
         "exec.interactiveMode: must be Never or IfAvailable", 0, 0, 0},
        {"wants a terminal", HEAD CLUSTER(SERVER) EXEC(BETA ", command: a, interactiveMode: Always"),
         "exec.interactiveMode: Always: the plugin wants to ask", 0, 0, 0},
        {"no command", HEAD CLUSTER(SERVER) EXEC(V1), "exec.command: missing", 0, 0, 0},
        {"args", HEAD CLUSTER(SERVER) EXEC(V1 ", command: a, args: b"), "exec.args: must be a list", 0, 0, 0},
        {"an arg", HEAD CLUSTER(SERVER) EXEC(V1 ", command: a, args: [b, 1]"), "exec.args[1]: must be a string", 0, 0,
         0},
        {"env", HEAD CLUSTER(SERVER) EXEC(V1 ", command: a, env: {A: b}"), "exec.env: must be a list", 0, 0, 0},
        {"a variable", HEAD CLUSTER(SERVER) EXEC(V1 ", command: a, env: [{name: 'A=B', value: c}]"), "exec.env[0]: ", 0,
         0, 0},
        {"a variable's value", HEAD CLUSTER(SERVER) EXEC(V1 ", command: a, env: [{name: A}]"), "exec.env[0]: ", 0, 0,
         0},
        {"and a token", HEAD CLUSTER(SERVER) USER("token: s3cr3t, exec: {" V1 ", command: a}"),
         "exec: there is a token or certificate beside it", 0, 0, 0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
        gs_error err = {0};
        int rc = gs_kube_config_parse(gs_str_of(cases[i].yaml), "/etc/k/config", NULL, read_fake, NULL, &c, &err);
        if (!rc != !cases[i].error || (rc && (!strstr(err.msg, cases[i].error) || strstr(err.msg, "s3cr3t"))))
            fail_msg("%s: %d \"%s\"", cases[i].name, rc, err.msg);
        if (rc)
            continue;
        gs_cleanup(gs_kube_exec_free) gs_kube_exec *copy = gs_kube_exec_copy(c.exec);
        const gs_kube_exec *both[] = {c.exec, copy};
        for (size_t k = 0; k < GS_LEN(both); k++) {
            gs_cleanup(gs_buf_done) gs_buf argv = GS_BUF(1024), env = GS_BUF(1024);
            for (char **at = both[k]->argv; *at; at++)
                (void)gs_buf_addf(&argv, "%s|", *at);
            for (char **at = both[k]->env; *at; at++)
                (void)gs_buf_addf(&env, "%s|", *at);
            if (!gs_streq(argv.p, cases[i].argv) || !gs_streq(env.p, cases[i].env) ||
                !gs_streq(both[k]->info, cases[i].info))
                fail_msg("%s: %s %s %s", cases[i].name, argv.p, env.p ? env.p : "", both[k]->info);
        }
    }
}

static void several_files(void **state)
{
    (void)state;
#define ONE(name, member, x) name "s: [{name: a, " member ": {" x "}}]\n"
    static const struct {
        const char *name, *one, *two, *context, *server, *token, *error;
    } cases[] = {
        {"spread", "current-context: a\n" ONE("context", "context", "cluster: a, user: a"),
         ONE("cluster", "cluster", "server: 'https://1'") ONE("user", "user", "token: t"), NULL, "https://1", "t",
         NULL},
        {"the first one wins",
         "current-context: a\n" ONE("cluster", "cluster", "server: 'https://1'") ONE("user", "user", "token: t"),
         "current-context: b\n" ONE("cluster", "cluster", "server: 'https://2'") ONE("user", "user", "token: u")
             ONE("context", "context", "cluster: a, user: a"),
         NULL, "https://1", "t", NULL},
        {"a context of the second one", "current-context: x\n",
         ONE("context", "context", "cluster: a") ONE("cluster", "cluster", "server: 'https://2'"), "a", "https://2",
         NULL, NULL},
        {"nowhere", "current-context: a\n", "{}", NULL, NULL, NULL,
         "kubeconfig /one:/two/config: contexts: there is no"},
        {"relative to its own file", "current-context: a\n" ONE("context", "context", "cluster: a, user: a"),
         ONE("cluster", "cluster", "server: 'https://1'")
             ONE("user", "user", "client-certificate: gone, client-key: x"),
         NULL, NULL, NULL, "/two/gone"},
        {"one is malformed", "{}", "a: [", "a", NULL, NULL, "kubeconfig /two/config: "},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
        gs_error err = {0};
        const gs_kube_config_text files[] = {{"/one", gs_str_of(cases[i].one)},
                                             {"/two/config", gs_str_of(cases[i].two)}};
        int rc = gs_kube_config_merge(files, 2, cases[i].context, read_fake, NULL, &c, &err);
        if (!rc != !cases[i].error || (rc && !strstr(err.msg, cases[i].error)) ||
            (!rc && (!gs_streq(c.server, cases[i].server) || !gs_streq(c.token, cases[i].token))))
            fail_msg("%s: %d \"%s\" %s", cases[i].name, rc, err.msg, c.server ? c.server : "");
    }
#undef ONE
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
    gs_autofree char *list = gs_sprintf(":/nowhere/x::%s:%s", two, one);
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

static void expired(void **state)
{
    (void)state;
    static const struct {
        const char *name, *not_after, *error; /* not_after NULL: no certificate */
        int kind;
    } cases[] = {
        {"expired", "20200102000000Z", "the client certificate expired at 2020-01-02T00:00:00Z", -GS_REFUSED},
        {"valid", "21200101000000Z", NULL, 0},
        {"no certificate", NULL, "client-certificate: it holds no certificate", -GS_TERMINAL},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_autofree char *cert = NULL;
        gs_autofree char *key = NULL;
        cert_fixture(cases[i].not_after ? cases[i].not_after : "21200101000000Z", &cert, &key);
        free(put("key.pem", key));
        free(put("cert.pem", cases[i].not_after ? cert : key));
        gs_autofree char *path =
            put("config", HEAD CLUSTER(SERVER) USER("client-certificate: cert.pem, client-key: key.pem"));
        gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
        gs_error err = {0};
        int rc = gs_kube_config_load(path, NULL, &c, &err);
        if (rc != cases[i].kind || (rc && (!strstr(err.msg, cases[i].error) || !strstr(err.msg, path))))
            fail_msg("%s: %d \"%s\"", cases[i].name, rc, err.msg);
    }
    drop("config");
    drop("key.pem");
    drop("cert.pem");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),   cmocka_unit_test(exec_plugins),     cmocka_unit_test(several_files),
        cmocka_unit_test(expired), cmocka_unit_test(service_accounts), cmocka_unit_test(where_it_is_found),
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
