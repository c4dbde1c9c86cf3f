/* Words for what is not known: what may have been meant, or what there is. */
#include "codec/schema_internal.h"

#include <ctype.h>
#include <stdio.h>

#define NAME_MAX_LEN 48 /* longer ones are no misspelling of ours */

/* Letters to put in, take out, change or swap with the next until a is b, upper and lower case alike (optimal string
 * alignment). */
static size_t distance(const char *a, const char *b)
{
    unsigned char d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > NAME_MAX_LEN || m > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    for (size_t i = 0; i <= n; i++)
        for (size_t k = 0; k <= m; k++) {
            size_t best = i + k;
            int x = i ? tolower((unsigned char)a[i - 1]) : 0, y = k ? tolower((unsigned char)b[k - 1]) : 0;
            if (i && k) {
                best = d[i - 1][k - 1] + (size_t)(x != y);
                best = best < d[i - 1][k] + 1u ? best : d[i - 1][k] + 1u;
                best = best < d[i][k - 1] + 1u ? best : d[i][k - 1] + 1u;
            }
            if (i > 1 && k > 1 && x == tolower((unsigned char)b[k - 2]) && y == tolower((unsigned char)a[i - 2]) &&
                best > d[i - 2][k - 2] + 1u)
                best = d[i - 2][k - 2] + 1u;
            d[i][k] = (unsigned char)best;
        }
    return d[n][m];
}

typedef struct guess {
    const char *name;
    size_t distance;
} guess;

static void try_name(guess *g, const char *got, const char *name)
{
    size_t d = distance(got, name);
    if (d < g->distance)
        *g = (guess){name, d};
}

/* At most a third of the letters may be wrong. */
static const char *meant(const guess *g)
{
    return g->name && g->distance * 3 <= strlen(g->name) ? g->name : NULL;
}

static void list_name(char *dst, size_t cap, const char *name)
{
    size_t n = strlen(dst);
    (void)snprintf(dst + n, cap - n, "%s%s", n ? ", " : "", name);
}

void gs_schema_enum_words(const json_t *names, const char *got, char ret[GS_SCHEMA_WORDS])
{
    char all[120] = "";
    guess g = {NULL, SIZE_MAX};
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        list_name(all, sizeof all, name);
        try_name(&g, got, name);
    }
    const char *near = meant(&g);
    (void)snprintf(ret, GS_SCHEMA_WORDS, "must be one of %s; got \"%.40s\"%s%s%s", all, got,
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

void gs_schema_unknown_words(const json_t *properties, const char *got, char ret[GS_SCHEMA_WORDS])
{
    char all[160] = "";
    const char *name;
    json_t *value;
    guess g = {NULL, SIZE_MAX};
    json_object_foreach((json_t *)(uintptr_t)properties, name, value)
    {
        list_name(all, sizeof all, name);
        try_name(&g, got, name);
    }
    if (meant(&g))
        (void)snprintf(ret, GS_SCHEMA_WORDS, "no such field; did you mean %s?", meant(&g));
    else if (all[0])
        (void)snprintf(ret, GS_SCHEMA_WORDS, "no such field; known here: %s", all);
    else
        (void)snprintf(ret, GS_SCHEMA_WORDS, "no such field; remove it");
}
