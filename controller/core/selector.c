#include "core/selector.h"

#include "base/mem.h"

#include <stdlib.h>

gs_str gs_labels_get(gs_labels l, const char *key)
{
    for (const char *p = l.p, *end = l.n ? l.p + l.n : l.p; p < end;) {
        const char *value = p + strlen(p) + 1;
        if (value >= end)
            break;
        if (strcmp(p, key) == 0)
            return gs_str_of(value);
        p = value + strlen(value) + 1;
    }
    return (gs_str){NULL, 0};
}

gs_requirement *gs_selector_add(gs_selector *s, gs_str key, enum gs_selector_op op)
{
    s->reqs = gs_grow(s->reqs, &s->cap, s->n + 1, sizeof *s->reqs);
    gs_requirement *r = &s->reqs[s->n++];
    *r = (gs_requirement){.key = gs_strndup(key.p, key.n), .op = op};
    return r;
}

void gs_requirement_add(gs_requirement *r, gs_str value)
{
    r->values = gs_grow(r->values, &r->cap_values, r->n_values + 1, sizeof *r->values);
    r->values[r->n_values++] = gs_strndup(value.p, value.n);
}

void gs_selector_done(gs_selector *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t j = 0; j < s->reqs[i].n_values; j++)
            free(s->reqs[i].values[j]);
        free(s->reqs[i].values);
        free(s->reqs[i].key);
    }
    free(s->reqs);
    *s = (gs_selector){0};
}

static bool one_of(const gs_requirement *r, gs_str value)
{
    for (size_t i = 0; i < r->n_values; i++)
        if (gs_str_is(value, r->values[i]))
            return true;
    return false;
}

static bool requirement_holds(const gs_requirement *r, gs_labels labels)
{
    gs_str value = gs_labels_get(labels, r->key);
    switch (r->op) {
    case GS_SEL_IN:
        return value.p && one_of(r, value);
    case GS_SEL_NOT_IN: /* as in Kubernetes, an absent label satisfies NotIn */
        return !value.p || !one_of(r, value);
    case GS_SEL_EXISTS:
        return value.p != NULL;
    case GS_SEL_NOT_EXISTS:
        return !value.p;
    }
    return false;
}

bool gs_selector_matches(const gs_selector *s, gs_labels labels)
{
    for (size_t i = 0; i < s->n; i++)
        if (!requirement_holds(&s->reqs[i], labels))
            return false;
    return s->n > 0;
}
