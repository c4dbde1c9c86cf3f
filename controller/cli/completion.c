#include "cli/completion.h"

#include "base/mem.h"

static gs_str next_word(gs_str *rest, char separator)
{
    const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    gs_str word = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
    *rest = at ? (gs_str){at + 1, rest->n - word.n - 1} : (gs_str){rest->p + rest->n, 0};
    return word;
}

static bool begins(gs_str word, gs_str prefix)
{
    return word.n >= prefix.n && memcmp(word.p, prefix.p, prefix.n) == 0;
}

static void offer(gs_buf *out, gs_str before, gs_str word, gs_str typed)
{
    if (word.n && begins(word, typed))
        (void)gs_buf_addf(out, "%.*s%.*s\n", (int)before.n, before.p, (int)word.n, word.p);
}

/* ---- one flag of the table: "-o,--output=json|yaml" ---- */

typedef struct flag {
    gs_str letter, name, value; /* "-o", "--output", "json|yaml"; n 0: none */
} flag;

static flag read_flag(gs_str text)
{
    gs_str names = next_word(&text, '='), first = next_word(&names, ',');
    bool is_long = first.n > 1 && first.p[1] == '-';
    return is_long ? (flag){{NULL, 0}, first, text} : (flag){first, names, text};
}

static bool find_flag(const gs_completion *c, gs_str typed, flag *ret)
{
    gs_str rest = gs_str_of(c->flags);
    while (rest.n) {
        *ret = read_flag(next_word(&rest, ' '));
        if (typed.n && (gs_str_eq(ret->name, typed) || gs_str_eq(ret->letter, typed)))
            return true;
    }
    return false;
}

/* ---- what fits ---- */

typedef struct answer {
    gs_buf *out;
    const char **names, **prefix;
} answer;

static enum gs_complete_how complete_value(const answer *a, gs_str kind, gs_str before, const char *typed)
{
    static const char *const of_cluster[] = {"NAMESPACE", "POLICY", "INCIDENT", "POD"};
    if (gs_str_is(kind, "FILE"))
        return GS_COMPLETE_FILES;
    if (gs_str_is(kind, "DIR"))
        return GS_COMPLETE_DIRS;
    for (size_t i = 0; i < GS_LEN(of_cluster); i++)
        if (gs_str_is(kind, of_cluster[i]) && before.n == 0) {
            *a->names = of_cluster[i];
            *a->prefix = typed;
        }
    bool upper = kind.n && kind.p[0] >= 'A' && kind.p[0] <= 'Z' && !memchr(kind.p, '|', kind.n);
    while (!upper && kind.n)
        offer(a->out, before, next_word(&kind, '|'), gs_str_of(typed));
    return GS_COMPLETE_ONLY;
}

static enum gs_complete_how complete_commands(const answer *a, const char *typed)
{
    for (const gs_completion *c = gs_completions; c->name; c++)
        if (!strchr(c->name, ' '))
            offer(a->out, (gs_str){NULL, 0}, gs_str_of(c->name), gs_str_of(typed));
    return GS_COMPLETE_ONLY;
}

static enum gs_complete_how complete_flags(const gs_completion *c, const answer *a, const char *typed)
{
    const char *equals = strchr(typed, '=');
    gs_str rest = gs_str_of(c->flags);
    flag f;
    if (equals && find_flag(c, (gs_str){typed, (size_t)(equals - typed)}, &f))
        return complete_value(a, f.value, (gs_str){typed, (size_t)(equals + 1 - typed)}, equals + 1);
    while (rest.n)
        offer(a->out, (gs_str){NULL, 0}, read_flag(next_word(&rest, ' ')).name, gs_str_of(typed));
    return GS_COMPLETE_ONLY;
}

/* The row of "policy lint x" is that of "policy lint", and of "policy x" that of "policy". *ret_used: words of its name. */
static const gs_completion *find_command(char *const *words, size_t n, size_t *ret_used)
{
    const gs_completion *found = NULL;
    gs_autofree char *two = n > 2 ? gs_sprintf("%s %s", words[0], words[1]) : NULL;
    for (const gs_completion *c = gs_completions; c->name; c++)
        if (gs_streq(c->name, words[0]) || (two && gs_streq(c->name, two))) {
            found = c;
            *ret_used = strchr(c->name, ' ') ? 2 : 1;
        }
    return found;
}

enum gs_complete_how gs_complete(char *const *words, size_t n, gs_buf *out, const char **ret_names,
                                 const char **ret_prefix)
{
    const answer a = {out, ret_names, ret_prefix};
    const char *typed = n ? words[n - 1] : "";
    size_t used = 0, before = n > 1 ? n - 2 : 0;
    flag f;
    *ret_names = NULL;
    *ret_prefix = "";
    if (n < 2)
        return complete_commands(&a, typed);
    const gs_completion *c = find_command(words, n, &used);
    if (!c)
        return GS_COMPLETE_ONLY;
    if (gs_streq(typed, "=")) /* bash cuts words there: --output = js */
        typed = "";
    else if (gs_streq(words[before], "=") && before > used)
        before--;
    if (before >= used && find_flag(c, gs_str_of(words[before]), &f) && f.value.n)
        return complete_value(&a, f.value, (gs_str){NULL, 0}, typed);
    if (typed[0] == '-')
        return complete_flags(c, &a, typed);
    if (gs_streq(c->args, "COMMAND"))
        return complete_commands(&a, typed);
    return complete_value(&a, gs_str_of(c->args), (gs_str){NULL, 0}, typed);
}
