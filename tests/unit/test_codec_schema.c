/* JSON by a structural schema: what is told, in which words, about which byte. */
#include "base/buf.h"
#include "codec/crd.h"
#include "codec/policy_lint.h"
#include "codec/schema.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char schema_text[] =
    "{'type':'object','required':['n'],'properties':{"
    "'n':{'type':'integer','minimum':1,'maximum':9},"
    "'at least':{'type':'number','minimum':0.5},"
    "'big':{'type':'integer','maximum':1125899906842624},"
    "'s':{'type':'string','minLength':2,'maxLength':4,'pattern':'^[a-z]+$'},"
    "'one':{'type':'string','enum':['Observe','DryRun']},"
    "'b':{'type':'boolean'},"
    "'either':{'x-kubernetes-int-or-string':true,'maxLength':3},"
    "'with default':{'type':'string','default':'x'},"
    "'set':{'type':'array','minItems':1,'maxItems':3,'x-kubernetes-list-type':'set','items':{'type':'string'}},"
    "'map':{'type':'array','x-kubernetes-list-type':'map','x-kubernetes-list-map-keys':['name'],"
    "'items':{'type':'object','required':['name'],'properties':{'name':{'type':'string'}}}},"
    "'labels':{'type':'object','maxProperties':2,'additionalProperties':{'type':'string','maxLength':1}},"
    "'any':{'type':'object','x-kubernetes-preserve-unknown-fields':true}}}";

#define KNOWN "no such field; known here: n, at least, big, s, one, b, either, with default, set, map, labels, any"

/* findings: "path@byte: what" of each, a line each; "'" stands for '"' in what is checked. */
static const struct {
    const char *name, *value, *findings;
} cases[] = {
    {"the least", "{'n':1}", ""},
    {"all",
     "{'n':9,'s':'abcd','one':'DryRun','b':false,'either':5,'set':['a','b'],'map':[{'name':'a'}],'labels':{'a':'b'}}",
     ""},
    {"missing", "{}", "n@0: is missing, and required; add it\n"},
    {"null is missing", "{'n':null}", "n@0: is missing, and required; add it\n"},
    {"of another type", "[]", "@0: must be a mapping, got a list\n"},
    {"text for a number", "{'n':'5'}", "n@5: must be a whole number, got the text \"5\"; write it without quotes\n"},
    {"a number for text", "{'n':1,'s':12}", "s@11: must be text, got the number 12; put it in quotes\n"},
    {"a bool for text", "{'n':1,'s':true}", "s@11: must be text, got true; put it in quotes\n"},
    {"text for a bool", "{'n':1,'b':'yes'}",
     "b@11: must be true or false, got the text \"yes\"; write it without quotes\n"},
    {"a mapping for either", "{'n':1,'either':{}}", "either@16: must be a whole number or text, got a mapping\n"},
    {"too long for either", "{'n':1,'either':'abcd'}",
     "either@16: must have at most 3 characters, has 4; shorten it\n"},
    {"below", "{'n':0}", "n@5: must be 1 to 9, got 0\n"},
    {"above", "{'n':1e3}", "n@5: must be 1 to 9, got 1e3\n"},
    {"a fraction", "{'n':1.5}", "n@5: must be a whole number, got 1.5\n"},
    {"a whole fraction", "{'n':5.0}", ""},
    {"below a fraction", "{'n':1,'at least':0.25}", "at least@18: must be at least 0.5, got 0.25\n"},
    {"above a large one", "{'n':1,'big':1125899906842625}",
     "big@13: must be at most 1125899906842624, got 1125899906842625\n"},
    {"short", "{'n':1,'s':'a'}", "s@11: must have at least 2 characters, has 1\n"},
    {"empty", "{'n':1,'s':''}", "s@11: must not be empty\n"},
    {"long, in characters", "{'n':1,'s':'\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4'}",
     "s@11: must have at most 4 characters, has 5; shorten it\n"},
    {"pattern", "{'n':1,'s':'aB'}", "s@11: must match ^[a-z]+$, got \"aB\"\n"},
    {"pattern and NUL", "{'n':1,'s':'aa\\u0000'}", "s@11: must match ^[a-z]+$, got \"aa\"\n"},
    {"no such word", "{'n':1,'one':'Act'}", "one@13: must be one of Observe, DryRun; got \"Act\"\n"},
    {"a word misspelled", "{'n':1,'one':'dryrun'}",
     "one@13: must be one of Observe, DryRun; got \"dryrun\"; did you mean DryRun?\n"},
    {"unknown", "{'n':1,'quite other':2}", "quite other@7: " KNOWN "\n"},
    {"misspelled", "{'n':1,'lables':{}}", "lables@7: no such field; did you mean labels?\n"},
    {"unknown, and kept", "{'n':1,'any':{'x':1}}", ""},
    {"twice", "{'n':1,'n':2}", "@7: has \"n\" twice; remove one\n"},
    {"twice, with an escape", "{'n':1,'\\u006e':2}", "@7: has \"n\" twice; remove one\n"},
    {"no items", "{'n':1,'set':[]}", "set@7: must have at least 1 item, has 0; add one, or leave the list out\n"},
    {"too many items", "{'n':1,'set':['a','b','c','d']}", "set@7: must have at most 3 items, has 4; remove some\n"},
    {"an item twice", "{'n':1,'set':['a','b','\\u0061']}",
     "set[2]@22: \"\\u0061\" is given twice, at [0] too; remove one\n"},
    {"a name twice", "{'n':1,'map':[{'name':'a'},{'name':'a'}]}",
     "map[1]@35: \"a\" is given twice, at [0] too; remove one, or give it another name\n"},
    {"an item of a wrong type", "{'n':1,'set':[null]}", "set[0]@14: must be text, got nothing (null)\n"},
    {"missing in an item", "{'n':1,'map':[{}]}", "map[0].name@14: is missing, and required; add it\n"},
    {"too many entries", "{'n':1,'labels':{'a':'','b':'','c':''}}",
     "labels@7: must have at most 2 entries, has 3; remove some\n"},
    {"an entry", "{'n':1,'labels':{'a.b/c':'xy'}}",
     "labels[a.b/c]@25: must have at most 1 characters, has 2; shorten it\n"},
    {"several", "{'s':1,'x':2,'b':3}",
     "s@5: must be text, got the number 1; put it in quotes\nx@7: " KNOWN "\n"
     "b@17: must be true or false, got the number 3\nn@0: is missing, and required; add it\n"},
};

/* '"' for "'": JSON in C. */
static char *quoted(const char *text)
{
    char *s = strdup(text);
    for (char *p = s; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return s;
}

static json_t *load(const char *text)
{
    gs_autofree char *json = quoted(text);
    json_t *schema = json_loads(json, 0, NULL);
    assert_non_null(schema);
    return schema;
}

static void on_found(void *ctx, const char *path, size_t at, const char *what)
{
    (void)gs_buf_addf(ctx, "%s@%zu: %s\n", path, at, what);
}

static void findings(void **state)
{
    (void)state;
    json_t *schema = load(schema_text);
    gs_error err = {0};
    assert_int_equal(gs_schema_verify(schema, &err), 0);
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(4096);
        gs_autofree char *value = quoted(cases[i].value);
        print_message("%s\n", cases[i].name);
        (void)gs_buf_adds(&out, "");
        gs_schema_check(schema, gs_str_of(value), gs_str_of(value), &(gs_schema_options){"", false, on_found, &out});
        assert_string_equal(out.p, cases[i].findings);
    }
    json_decref(schema);
}

static void a_part_of_a_text(void **state)
{
    (void)state;
    json_t *schema = load(schema_text);
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(4096);
    gs_autofree char *text = quoted("{'spec': {'n': 0, 'y': {}}}");
    gs_str all = gs_str_of(text), part = {text + 9, all.n - 10};
    gs_schema_options o = {"spec", false, on_found, &out};
    gs_schema_check(schema, all, part, &o);
    assert_string_equal(out.p, "spec.n@15: must be 1 to 9, got 0\nspec.y@18: " KNOWN "\n");
    gs_buf_reset(&out);
    o.unknown_only = true;
    gs_schema_check(schema, all, part, &o);
    assert_string_equal(out.p, "spec.y@18: " KNOWN "\n");
    json_decref(schema);
}

static void what_is_not_known(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *error;
    } schemas[] = {
        {"{'type':'object','oneOf':[]}", "the keyword oneOf is not known"},
        {"{'type':'object','properties':{'a':{'type':'null'}}}", "a: type: \"null\" is not known"},
        {"{'type':'array','items':{'type':'string','pattern':'\\\\d'}}", "items: pattern: \"\\d\" is not plain enough"},
        {"{'type':'string','enum':[1]}", "enum: [0] is no string"},
        {"{'type':'array','maxItems':65,'items':{'type':'string'}}", "maxItems: more than 64"},
        {"{'type':'object','additionalProperties':{'type':'array','x-kubernetes-list-type':'x'}}",
         "additionalProperties: x-kubernetes-list-type: \"x\" is not known"},
    };
    for (size_t i = 0; i < GS_LEN(schemas); i++) {
        json_t *schema = load(schemas[i].schema);
        gs_error err = {0};
        assert_int_equal(gs_schema_verify(schema, &err), -GS_TERMINAL);
        assert_string_equal(err.msg, schemas[i].error);
        json_decref(schema);
    }
}

/* Each keyword of the CRD that is built in is one that the checker knows. */
static void the_crd_is_understood(void **state)
{
    (void)state;
    gs_cleanup(gs_lint_free) gs_lint *l = NULL;
    gs_error err = {0};
    assert_non_null(strstr(gs_crd_policies, "kind: CustomResourceDefinition"));
    assert_int_equal(gs_lint_new(&l, &err), 0);
    assert_string_equal(err.msg, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings),
        cmocka_unit_test(a_part_of_a_text),
        cmocka_unit_test(what_is_not_known),
        cmocka_unit_test(the_crd_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
