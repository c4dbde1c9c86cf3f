/* What exec plugins print, good and bad; and which of their words may be told. */
#include "base/mem.h"
#include "kube/exec_credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define V1 "client.authentication.k8s.io/v1"
#define CREDENTIAL(status) "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":" status "}"
#define PEM(x) "-----BEGIN " x "-----\\nAAAA\\n-----END " x "-----\\n"

static void credentials(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *error; /* error NULL: none */
        const char *token;
        bool cert;
        int64_t expires_ms;
    } cases[] = {
        {"token", CREDENTIAL("{\"token\":\"t1\"}"), NULL, "t1", false, 0},
        {"that ends",
         "\n{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false},\"more\":[],"
         "\"status\":{\"expirationTimestamp\":\"2026-01-01T00:00:01Z\",\"token\":\" t1\\n\"}}\n",
         NULL, "t1", false, 1767225601000},
        {"certificate",
         CREDENTIAL(
             "{\"clientCertificateData\":\"" PEM("CERTIFICATE") "\",\"clientKeyData\":\"" PEM("PRIVATE KEY") "\"}"),
         NULL, NULL, true, 0},
        {"both",
         CREDENTIAL("{\"token\":\"t1\",\"clientCertificateData\":\"" PEM("CERTIFICATE") "\",\"clientKeyData\":\"" PEM(
             "PRIVATE KEY") "\"}"),
         NULL, "t1", true, 0},
        {"empty ones are none",
         CREDENTIAL("{\"token\":\"t1\",\"clientCertificateData\":\"\",\"expirationTimestamp\":null}"), NULL, "t1",
         false, 0},
        {"nothing", "", "its output is no JSON", 0, 0, 0},
        {"words", "Please log in: s3cr3t", "its output is no JSON", 0, 0, 0},
        {"two documents", CREDENTIAL("{\"token\":\"s3cr3t\"}") "{}", "its output is no JSON", 0, 0, 0},
        {"a list", "[]", "no ExecCredential", 0, 0, 0},
        {"another kind", "{\"kind\":\"Secret\",\"apiVersion\":\"" V1 "\"}", "no ExecCredential", 0, 0, 0},
        {"another version", "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "beta1\",\"status\":{}}",
         "not of the apiVersion " V1, 0, 0, 0},
        {"no status", CREDENTIAL("null"), "no status", 0, 0, 0},
        {"an empty status", CREDENTIAL("{}"), "neither a token nor a client certificate", 0, 0, 0},
        {"an empty token", CREDENTIAL("{\"token\":\"\"}"), "neither", 0, 0, 0},
        {"no string", CREDENTIAL("{\"token\":7}"), "neither", 0, 0, 0},
        {"another header", CREDENTIAL("{\"token\":\"s3cr3t\\r\\nHost: x\"}"), "status.token: it holds characters", 0, 0,
         0},
        {"half a certificate",
         CREDENTIAL("{\"token\":\"s3cr3t\",\"clientCertificateData\":\"" PEM("CERTIFICATE") "\"}"),
         "status.clientKeyData: missing", 0, 0, 0},
        {"half a key", CREDENTIAL("{\"clientKeyData\":\"" PEM("PRIVATE KEY") "\"}"),
         "status.clientCertificateData: missing", 0, 0, 0},
        {"base64", CREDENTIAL("{\"clientCertificateData\":\"AAAA\",\"clientKeyData\":\"s3cr3t\"}"), "it is no PEM", 0,
         0, 0},
        {"another time", CREDENTIAL("{\"token\":\"s3cr3t\",\"expirationTimestamp\":\"tomorrow\"}"),
         "status.expirationTimestamp: it is no RFC 3339", 0, 0, 0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_exec_credential_done) gs_exec_credential c = {0};
        gs_error err = {0};
        int rc = gs_exec_credential_read(gs_str_of(cases[i].text), V1, &c, &err);
        if (!rc != !cases[i].error || (rc && (!strstr(err.msg, cases[i].error) || strstr(err.msg, "s3cr3t"))))
            fail_msg("%s: %d \"%s\"", cases[i].name, rc, err.msg);
        if (!gs_streq(c.token, cases[i].token) || !c.cert_pem != !cases[i].cert || !c.key_pem != !cases[i].cert ||
            c.expires_ms != cases[i].expires_ms)
            fail_msg("%s: %s, %lld", cases[i].name, c.token ? c.token : "no token", (long long)c.expires_ms);
    }
}

#define TOKEN "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXQ"

static void last_lines(void **state)
{
    (void)state;
    static const struct {
        const char *log, *line;
    } cases[] = {
        {"", ""},
        {" \n\t\n", ""},
        {"no credentials", "no credentials"},
        {"warning: x\nerror:  log in\tagain\r\n\n", "error: log in again"},
        {"token " TOKEN " refused", "token […] refused"},
        {TOKEN, "[…]"},
        {"\x1b[31mred\x1b[0m \xc3\xa9t\xc3\xa9\x01!", "[31mred [0m t !"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        char line[GS_EXEC_LINE_LEN];
        gs_exec_last_line(gs_str_of(cases[i].log), line);
        if (!gs_streq(line, cases[i].line))
            fail_msg("%zu: \"%s\"", i, line);
    }
    char many[1000], line[GS_EXEC_LINE_LEN];
    memset(many, 'x', sizeof many);
    for (size_t i = 5; i < sizeof many; i += 6)
        many[i] = ' ';
    gs_exec_hint("Get it:\n\n  https://example.com/a/very/long/way/to/where/the/plugin/is.tgz\n", line);
    assert_string_equal(line, "Get it: https://example.com/a/very/long/way/to/where/the/plugin/is.tgz");
    gs_exec_last_line((gs_str){many, sizeof many}, line);
    assert_in_range(strlen(line), GS_EXEC_LINE_LEN - 8, GS_EXEC_LINE_LEN - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(credentials), cmocka_unit_test(last_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
