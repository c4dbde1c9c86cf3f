/* How pods are asked, as a policy says it: with the words of the CRD. */
#include "codec/access.h"
#include "codec/policy_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HTTPS ",\"scheme\":\"HTTPS\""
#define TLS(fields) HTTPS ",\"tls\":{" fields "}"
#define CA "\"caSecretRef\":{\"name\":\"ca\"}"
#define CERT "\"clientCertSecretRef\":{\"name\":\"client\"}"
#define AUTH(fields) ",\"authorization\":{" fields "}"
#define BEARER "\"bearerTokenSecretRef\":{\"name\":\"t\",\"key\":\"token\"}"
#define BASIC "\"basicAuthSecretRef\":{\"name\":\"b\"}"

static int read_policy(const char *endpoint, const char *more, gs_policy **ret, gs_error *err)
{
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "{\"apiVersion\":\"gostat.dev/v1alpha1\",\"kind\":\"GostatPolicy\",\"spec\":{\"selector\":"
                   "{\"matchLabels\":{\"app\":\"a\"}},\"endpoint\":{\"pprof\":{\"port\":6060}%s}%s}}",
                   endpoint, more);
    return gs_policy_from_json(gs_str_of(text), true, true, ret, err);
}

static const struct {
    const char *name, *endpoint;
    const char *error; /* NULL: accepted */
} cases[] = {
    {"nothing of it", "", NULL},
    {"https alone", HTTPS, NULL},
    {"tls empty", TLS(""), NULL},
    {"all of tls", TLS(CA ",\"serverName\":\"pods.shop.svc\"," CERT ",\"insecureSkipVerify\":false"), NULL},
    {"insecure with a name", TLS("\"insecureSkipVerify\":true,\"serverName\":\"a\""), NULL},
    {"a token over https", HTTPS AUTH(BEARER), NULL},
    {"a password over http", AUTH(BASIC), NULL},
    {"tls without scheme", ",\"tls\":{}",
     "spec.endpoint.tls: is for scheme HTTPS: set scheme to HTTPS, or leave tls out"},
    {"tls with HTTP", ",\"scheme\":\"HTTP\",\"tls\":{" CA "}", "spec.endpoint.tls: is for scheme HTTPS"},
    {"CA and insecure", TLS(CA ",\"insecureSkipVerify\":true"),
     "spec.endpoint.tls.insecureSkipVerify: contradicts caSecretRef, since no certificate is verified with it: leave "
     "one of them out"},
    {"insecure no boolean", TLS("\"insecureSkipVerify\":\"yes\""),
     "spec.endpoint.tls.insecureSkipVerify: expected true or false"},
    {"CA without name", TLS("\"caSecretRef\":{}"), "spec.endpoint.tls.caSecretRef.name: is required"},
    {"CA of another namespace", TLS("\"caSecretRef\":{\"name\":\"kube-system/ca\"}"),
     "spec.endpoint.tls.caSecretRef.name: must be a Secret's name"},
    {"a namespace", TLS("\"caSecretRef\":{\"name\":\"ca\",\"namespace\":\"kube-system\"}"),
     "spec.endpoint.tls.caSecretRef.namespace"},
    {"CA's key", TLS("\"caSecretRef\":{\"name\":\"ca\",\"key\":\"a b\"}"),
     "spec.endpoint.tls.caSecretRef.key: must be a Secret's key"},
    {"server name with a port", TLS("\"serverName\":\"a:443\""),
     "spec.endpoint.tls.serverName: must be a DNS name: lower-case letters, digits, '-' and '.', beginning and ending "
     "with a letter or digit, got \"a:443\""},
    {"server name empty", TLS("\"serverName\":\"\""), "spec.endpoint.tls.serverName: must be a DNS name"},
    {"server name for any", TLS("\"serverName\":\"*.shop.svc\""), "spec.endpoint.tls.serverName: must be a DNS name"},
    {"client certificate", TLS("\"clientCertSecretRef\":{\"name\":\"A\"}"),
     "spec.endpoint.tls.clientCertSecretRef.name: must be a Secret's name"},
    {"authorization empty", AUTH(""),
     "spec.endpoint.authorization: must have exactly one of bearerTokenSecretRef and basicAuthSecretRef"},
    {"both", AUTH(BEARER "," BASIC), "spec.endpoint.authorization: must have exactly one of"},
    {"token without key", AUTH("\"bearerTokenSecretRef\":{\"name\":\"t\"}"),
     "spec.endpoint.authorization.bearerTokenSecretRef.key: is required"},
    {"token's Secret", AUTH("\"bearerTokenSecretRef\":{\"name\":\"../t\",\"key\":\"k\"}"),
     "spec.endpoint.authorization.bearerTokenSecretRef.name: must be a Secret's name"},
    {"token's key", AUTH("\"bearerTokenSecretRef\":{\"name\":\"t\",\"key\":\"\"}"),
     "spec.endpoint.authorization.bearerTokenSecretRef.key: must be a Secret's key"},
    {"password's Secret", AUTH("\"basicAuthSecretRef\":{\"name\":\"\"}"),
     "spec.endpoint.authorization.basicAuthSecretRef.name: must be a Secret's name"},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_policy_free) gs_policy *p = NULL;
        gs_error err = {0};
        int r = read_policy(cases[i].endpoint, "", &p, &err);
        if (!cases[i].error && r < 0)
            fail_msg("%s: %s", cases[i].name, err.msg);
        if (cases[i].error && (r != -GS_TERMINAL || !strstr(err.msg, cases[i].error)))
            fail_msg("%s: %d \"%s\", expected \"%s\"", cases[i].name, r, err.msg, cases[i].error);
    }
}

static void test_values(void **state)
{
    gs_cleanup(gs_policy_free) gs_policy *least = NULL, *p = NULL, *q = NULL;
    (void)state;
    assert_int_equal(read_policy("", "", &least, NULL), 0);
    assert_false(least->endpoint.https || least->endpoint.insecure || least->allow_host_network);
    for (int s = 0; s < GS_ACCESS_SECRETS; s++)
        assert_string_equal(gs_access_secret_name(&least->endpoint, s), "");

    assert_int_equal(read_policy(TLS(CA ",\"serverName\":\"pods.shop.svc\"," CERT) AUTH(BEARER),
                                 ",\"allowHostNetwork\":true", &p, NULL),
                     0);
    const gs_endpoint_spec *e = &p->endpoint;
    assert_true(e->https && p->allow_host_network);
    assert_string_equal(e->server_name, "pods.shop.svc");
    assert_string_equal(e->ca_secret, "ca");
    assert_string_equal(e->ca_key, "ca.crt");
    assert_string_equal(gs_access_secret_name(e, GS_ACCESS_CERT), "client");
    assert_string_equal(gs_access_secret_name(e, GS_ACCESS_AUTHORIZATION), "t");
    assert_string_equal(e->bearer_key, "token");
    assert_string_equal(gs_access_secret_field(e, GS_ACCESS_AUTHORIZATION),
                        "spec.endpoint.authorization.bearerTokenSecretRef");

    assert_int_equal(read_policy(AUTH(BASIC), "", &q, NULL), 0);
    assert_string_equal(gs_access_secret_name(&q->endpoint, GS_ACCESS_AUTHORIZATION), "b");
    assert_true(gs_access_spec_same(e, e));
    assert_false(gs_access_spec_same(e, &q->endpoint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules), cmocka_unit_test(test_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
