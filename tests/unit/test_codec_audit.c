#include "codec/audit.h"

#include "base/mem.h"
#include "base/rng.h"
#include "wire/digest.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define N_POLICIES 3
#define N_LINES 50

static gs_policy *policy_of(int k)
{
    gs_policy *p = gs_policy_new();
    (void)snprintf(p->ns, sizeof p->ns, "shop");
    (void)snprintf(p->name, sizeof p->name, "policy-%d", k);
    (void)snprintf(p->uid, sizeof p->uid, "0000-%d", k);
    p->mode = GS_MODE_ENFORCE;
    return p;
}

static const gs_workload_ref WORKLOAD = {"apps/v1", "Deployment", "shop", "cart", "1111"};

static gs_audit_entry entry_of(const gs_policy *p)
{
    return (gs_audit_entry){.decision = "Refuse",
                            .policy = p,
                            .workload = &WORKLOAD,
                            .incident = "cart-abc",
                            .grade = "Probable",
                            .action_id = "",
                            .outcome = "",
                            .refusal = "Cooldown",
                            .message = "12 minutes left",
                            .wall_ms = 1767225629000};
}

/* ---- lines ---- */

static void lines(void **state)
{
    gs_cleanup(gs_policy_free) gs_policy *p = policy_of(1);
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1u << 20);
    gs_audit_head head = {.n = 0};
    gs_audit_entry e = entry_of(p);
    const gs_victim victims[] = {{.name = "cart-1"}, {.name = "cart-2"}};
    (void)state;
    assert_int_equal(gs_audit_line(&e, &head, &b, NULL), 0);
    assert_string_equal(
        b.p, "{\"schema\":\"gostat.dev/audit/v1\",\"seq\":1,\"previous\":\"\",\"time\":\"2026-01-01T00:00:29Z\","
             "\"decision\":\"Refuse\",\"policy\":{\"namespace\":\"shop\",\"name\":\"policy-1\",\"uid\":\"0000-1\","
             "\"mode\":\"Enforce\"},\"workload\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"cart\","
             "\"uid\":\"1111\"},\"incident\":\"cart-abc\",\"grade\":\"Probable\",\"action\":{\"id\":\"\",\"type\":\"\","
             "\"from\":0,\"to\":0,\"pods\":[]},\"outcome\":\"\",\"refusal\":\"Cooldown\","
             "\"message\":\"12 minutes left\",\"gostatVersion\":\"" GOSTAT_VERSION "\"}");
    char first[80] = "sha256:", previous[120];
    gs_sha256_hex(gs_buf_str(&b), first + 7);
    assert_string_equal(head.head, first);
    assert_int_equal(head.seq, 1);
    gs_buf_reset(&b);
    e.decision = "Act";
    e.action_id = "a1";
    e.type = GS_ACTION_REPLACE;
    e.from = e.to = 4;
    e.victims = victims;
    e.n_victims = 2;
    e.message = "\"quoted\"\n\xff";
    assert_int_equal(gs_audit_line(&e, &head, &b, NULL), 0);
    (void)snprintf(previous, sizeof previous, "\"seq\":2,\"previous\":\"%s\"", first);
    assert_non_null(strstr(b.p, previous));
    assert_non_null(strstr(b.p, "\"action\":{\"id\":\"a1\",\"type\":\"Replace\",\"from\":4,\"to\":4,"
                                "\"pods\":[\"cart-1\",\"cart-2\"]}"));
    assert_non_null(strstr(b.p, "\"message\":\"\\\"quoted\\\"\\n\xef\xbf\xbd\""));
    assert_int_equal(head.seq, 2);
}

/* The message gives way first, then pods, which are counted; each line is whole JSON. */
static void long_lines(void **state)
{
    static const struct {
        const char *fill;
        size_t message, victims;
        int name;
        const char *expected;
    } cases[] = {
        {"x", 1200, 0, 0, "xx\",\"gostatVersion\""},
        {"x", 4000, 0, 0, "x\xe2\x80\xa6\",\"gostatVersion\""},
        {"\xe2\x82\xac", 4000, 0, 0, "\xe2\x82\xac\xe2\x80\xa6\",\"gostatVersion\""},
        {"\"", 4000, 0, 0, "\\\"\xe2\x80\xa6\",\"gostatVersion\""},
        {"\x01", 4000, 0, 0, "\\u0001\xe2\x80\xa6\",\"gostatVersion\""},
        {"x", 4000, 4, 253, "x\xe2\x80\xa6\",\"gostatVersion\""},
        {"x", 100, 8, 253, "\"morePods\":2}"},
        {"x", 100, 8, 60, "xx\",\"gostatVersion\""},
    };
    gs_cleanup(gs_policy_free) gs_policy *p = policy_of(1);
    gs_victim victims[8] = {0};
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf message = GS_BUF(1u << 20), b = GS_BUF(GS_AUDIT_LINE_LEN - 1);
        gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
        gs_audit_head head = {.n = 0};
        gs_audit_entry e = entry_of(p);
        while (message.n < cases[i].message)
            assert_int_equal(gs_buf_adds(&message, cases[i].fill), 0);
        for (size_t k = 0; k < cases[i].victims; k++)
            (void)snprintf(victims[k].name, sizeof victims[k].name, "%0*zu", cases[i].name, k);
        e.message = message.p;
        e.victims = victims;
        e.n_victims = cases[i].victims;
        gs_error err = {0};
        if (gs_audit_line(&e, &head, &b, &err) < 0 || gs_json_doc_parse(gs_buf_str(&b), b.n, &doc, &err) < 0)
            fail_msg("case %zu: %s", i, err.msg);
        if (!strstr(b.p, cases[i].expected))
            fail_msg("case %zu: %s", i, b.p);
    }
    /* where even that does not fit nothing is written, and the chain is as it was */
    gs_audit_entry e = entry_of(p);
    gs_autofree char *decision = gs_alloc(3000);
    memset(decision, 'x', 2999);
    e.decision = decision;
    gs_audit_head head = {.n = 0};
    gs_buf b = GS_BUF(1u << 20);
    assert_int_equal(gs_audit_line(&e, &head, &b, NULL), -GS_NO_MEMORY);
    assert_int_equal(head.seq, 0);
    assert_string_equal(head.head, "");
    assert_null(b.p);
}

/* ---- verification ---- */

typedef struct chains {
    char *v[N_LINES];
    gs_audit_head heads[N_POLICIES];
    int of[N_LINES];
    bool last[N_LINES]; /* of its policy */
} chains;

static void make_chains(chains *c)
{
    gs_rng rng = {7};
    *c = (chains){0};
    for (int k = 0; k < N_LINES; k++) {
        c->of[k] = (int)gs_rng_below(&rng, N_POLICIES);
        gs_cleanup(gs_policy_free) gs_policy *p = policy_of(c->of[k]);
        gs_audit_entry e = entry_of(p);
        gs_buf b = GS_BUF(GS_AUDIT_LINE_LEN);
        e.wall_ms += k * 1000;
        assert_int_equal(gs_audit_line(&e, &c->heads[c->of[k]], &b, NULL), 0);
        c->v[k] = gs_buf_take(&b);
    }
    for (int k = N_LINES - 1, seen = 0; k >= 0; k--) {
        c->last[k] = !(seen >> c->of[k] & 1);
        seen |= 1 << c->of[k];
    }
}

static void free_chains(chains *c)
{
    for (int k = 0; k < N_LINES; k++)
        free(c->v[k]);
}

typedef struct found {
    uint64_t n;
    gs_audit_finding first;
} found;

static void on_found(void *ctx, const gs_audit_finding *f)
{
    found *s = ctx;
    if (!s->n++)
        s->first = *f;
}

/* As it is read from a file: what stands between newlines. */
static gs_audit_totals check(gs_str text, const chains *heads, found *ret)
{
    gs_audit_totals t;
    *ret = (found){0};
    gs_audit_check *c = gs_audit_check_new(on_found, ret);
    gs_audit_check_file(c, "log");
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        gs_str l = {text.p, end ? (size_t)(end - text.p) : text.n};
        gs_audit_check_line(c, l);
        text.p += l.n + (end != NULL);
        text.n -= l.n + (end != NULL);
    }
    for (int k = 0; heads && k < N_POLICIES; k++)
        gs_audit_check_head(c, heads->heads[k].head);
    gs_audit_check_end(c, &t);
    assert_int_equal(t.findings, ret->n);
    return t;
}

static gs_buf join(char *const *v, size_t n)
{
    gs_buf b = GS_BUF(1u << 20);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(gs_buf_addf(&b, "%s\n", v[k]), 0);
    return b;
}

static gs_audit_totals check_lines(char *const *v, size_t n, const chains *heads, found *ret)
{
    gs_cleanup(gs_buf_done) gs_buf b = join(v, n);
    return check(gs_buf_str(&b), heads, ret);
}

static void whole(void **state)
{
    chains c;
    found f;
    (void)state;
    make_chains(&c);
    gs_audit_totals t = check_lines(c.v, N_LINES, &c, &f);
    assert_int_equal(t.findings, 0);
    assert_int_equal(t.lines, N_LINES);
    assert_int_equal(t.chains, N_POLICIES);
    assert_int_equal(t.repeated, 0);
    assert_int_equal(t.open, 0);
    /* each line again at any later place: as after a takeover */
    for (int k = 0; k < N_LINES; k++) {
        char *v[N_LINES + 1];
        memcpy(v, c.v, sizeof c.v);
        int at = k + 1 + (k * 7) % (N_LINES - k);
        memmove(v + at + 1, v + at, (size_t)(N_LINES - at) * sizeof *v);
        v[at] = c.v[k];
        t = check_lines(v, GS_LEN(v), &c, &f);
        assert_int_equal(t.findings, 0);
        assert_int_equal(t.repeated, 1);
    }
    /* all of it twice; and the newer half alone */
    char *twice[2 * N_LINES];
    memcpy(twice, c.v, sizeof c.v);
    memcpy(twice + N_LINES, c.v, sizeof c.v);
    t = check_lines(twice, GS_LEN(twice), &c, &f);
    assert_int_equal(t.findings, 0);
    assert_int_equal(t.repeated, N_LINES);
    t = check_lines(c.v + N_LINES / 2, N_LINES / 2, &c, &f);
    assert_int_equal(t.findings, 0);
    assert_int_equal(t.open, N_POLICIES);
    t = check((gs_str){NULL, 0}, NULL, &f);
    assert_int_equal(t.findings + t.lines + t.chains, 0);
    free_chains(&c);
}

static void flipped_bytes(void **state)
{
    chains c;
    found f;
    gs_rng rng = {11};
    (void)state;
    make_chains(&c);
    gs_buf b = join(c.v, N_LINES);
    for (int k = 0; k < 5000; k++) {
        size_t at = gs_rng_below(&rng, b.n - 1); /* the last newline may go */
        char was = b.p[at];
        b.p[at] ^= (char)(1 + gs_rng_below(&rng, 255));
        /* a change of a last line is seen from its digest only, which stands elsewhere */
        if (!check(gs_buf_str(&b), &c, &f).findings)
            fail_msg("byte %zu: '%c' for '%c' is not found", at, b.p[at], was);
        b.p[at] = was;
    }
    gs_buf_done(&b);
    free_chains(&c);
}

static void moved_lines(void **state)
{
    chains c;
    found f;
    (void)state;
    make_chains(&c);
    for (int k = 0; k < N_LINES; k++) {
        char *v[N_LINES + 1];
        memcpy(v, c.v, sizeof c.v);
        memmove(v + k, v + k + 1, (size_t)(N_LINES - k - 1) * sizeof *v);
        gs_audit_totals t = check_lines(v, N_LINES - 1, NULL, &f);
        if (!t.findings != c.last[k] && !(c.of[k] >= 0 && strstr(c.v[k], "\"seq\":1,")))
            fail_msg("line %d removed: %llu findings", k + 1, (unsigned long long)t.findings);
        if (strstr(c.v[k], "\"seq\":1,") && t.open != 1) /* what is before is not vouched for */
            fail_msg("line %d removed: no chain begins in the middle", k + 1);
        t = check_lines(v, N_LINES - 1, &c, &f);
        if (c.last[k] && t.findings != 1)
            fail_msg("last line %d removed: not seen from the head", k + 1);

        for (int j = k + 1; j < N_LINES; j++) {
            memcpy(v, c.v, sizeof c.v);
            v[k] = c.v[j];
            v[j] = c.v[k];
            bool same = false; /* lines of other policies may stand anywhere */
            for (int i = k + 1; i <= j; i++)
                same = same || c.of[i] == c.of[k];
            for (int i = k; i < j; i++)
                same = same || c.of[i] == c.of[j];
            if (!check_lines(v, N_LINES, NULL, &f).findings == same)
                fail_msg("lines %d and %d swapped: %d expected", k + 1, j + 1, same);
        }

        memcpy(v, c.v, sizeof c.v);
        v[N_LINES] = gs_strdup(c.v[k]);
        strstr(v[N_LINES], "minutes")[0] = 'M';
        if (check_lines(v, N_LINES + 1, NULL, &f).findings != 1 || f.first.line != N_LINES + 1)
            fail_msg("another line %d at the end is not found", k + 1);
        free(v[N_LINES]);
    }
    free_chains(&c);
}

#define POLICY "\"policy\":{\"namespace\":\"n\",\"name\":\"p\",\"uid\":\"u\"}"
#define LINE(seq, previous)                                                                                            \
    "{\"schema\":\"gostat.dev/audit/v1\",\"seq\":" seq ",\"previous\":\"" previous "\"," POLICY "}"

static void findings(void **state)
{
    static const struct {
        const char *text, *what; /* NULL: none */
        uint64_t line;
    } cases[] = {
        {LINE("1", ""), NULL, 0},
        {LINE("1", "") "\n", NULL, 0},
        {LINE("7", "sha256:x"), NULL, 0},
        {LINE("1", "sha256:x"), "line 1 of policy n/p: \"previous\" must be empty", 1},
        {LINE("2", ""), "line 2 of policy n/p: \"previous\" must be empty", 1},
        {LINE("1", "") "\n" LINE("2", ""), "line 2 of policy n/p does not follow from line 1", 2},
        {LINE("1", "") "\n" LINE("2", "sha256:00"), "line 2 of policy n/p does not follow from line 1", 2},
        {LINE("5", "x") "\n" LINE("9", "y"), "line 9 of policy n/p follows line 5: those between are missing", 2},
        {LINE("5", "x") "\n" LINE("4", "y"), "line 4 of policy n/p is out of order: it comes after line 5", 2},
        {LINE("5", "x") "\n" LINE("5", "y"), "line 5 of policy n/p is there already, and differs", 2},
        {LINE("9223372036854775807", "x") "\n" LINE("1", ""), "line 1 of policy n/p is out of order", 2},
        {LINE("0", ""), "no line of an audit log: seq: must be", 1},
        {LINE("1.5", ""), "no line of an audit log: seq", 1},
        {LINE("9223372036854775808", ""), "no line of an audit log: seq", 1},
        {"\n", "no line of an audit log: must begin", 1},
        {" " LINE("1", ""), "no line of an audit log: must begin", 1},
        {LINE("1", "") "\r\n", "no line of an audit log: must begin", 1},
        {LINE("1", "") LINE("1", ""), "no line of an audit log", 1},
        {"{}", "no line of an audit log: schema: is required", 1},
        {"{\"schema\":\"gostat.dev/audit/v2\",\"seq\":1,\"previous\":\"\"," POLICY "}",
         "no line of an audit log: schema must be \"gostat.dev/audit/v1\", is \"gostat.dev/audit/v2\"", 1},
        {"{\"schema\":\"gostat.dev/audit/v1\",\"seq\":1,\"previous\":\"\"}", "no line of an audit log: policy", 1},
        {"{\"schema\":\"gostat.dev/audit/v1\",\"seq\":1,\"seq\":2,\"previous\":\"\"," POLICY "}",
         "no line of an audit log: seq", 1},
        {"2026-01-01 gostat: stopping", "no line of an audit log", 1},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        found f;
        check(gs_str_of(cases[i].text), NULL, &f);
        if (f.n != (cases[i].what ? 1 : 0) ||
            (f.n && (f.first.line != cases[i].line || !gs_str_starts(gs_str_of(f.first.what), cases[i].what))))
            fail_msg("case %zu: %llu, line %llu: %s", i, (unsigned long long)f.n, (unsigned long long)f.first.line,
                     f.first.what);
    }
    found f;
    gs_autofree char *long_line = gs_alloc(GS_AUDIT_LINE_LEN + 1);
    memset(long_line, ' ', GS_AUDIT_LINE_LEN);
    check((gs_str){long_line, GS_AUDIT_LINE_LEN}, NULL, &f);
    assert_true(gs_str_starts(gs_str_of(f.first.what), "no line of an audit log: over 2047 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines),       cmocka_unit_test(long_lines),
                                       cmocka_unit_test(whole),       cmocka_unit_test(flipped_bytes),
                                       cmocka_unit_test(moved_lines), cmocka_unit_test(findings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
