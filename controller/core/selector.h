/* metav1.LabelSelector: matchLabels and matchExpressions, all of which must hold. */
#ifndef GS_CORE_SELECTOR_H
#define GS_CORE_SELECTOR_H

#include "base/str.h"

enum gs_selector_op { GS_SEL_IN, GS_SEL_NOT_IN, GS_SEL_EXISTS, GS_SEL_NOT_EXISTS };

typedef struct gs_requirement {
    char *key;
    enum gs_selector_op op;
    char **values;
    size_t n_values, cap_values;
} gs_requirement;

typedef struct gs_selector {
    gs_requirement *reqs;
    size_t n, cap;
} gs_selector;

/* Labels in the order of the object, as packed strings: "key\0value\0key\0value\0", n bytes in all. */
typedef struct gs_labels {
    const char *p;
    size_t n;
} gs_labels;

/* The value of a label; p NULL where it is absent. */
gs_str gs_labels_get(gs_labels l, const char *key);

/* The new requirement stays valid until the next add. */
gs_requirement *gs_selector_add(gs_selector *s, gs_str key, enum gs_selector_op op);
void gs_requirement_add(gs_requirement *r, gs_str value);
void gs_selector_done(gs_selector *s);

/* An empty selector matches nothing: the API refuses it, and nothing is the safer reading. */
bool gs_selector_matches(const gs_selector *s, gs_labels labels);

#endif
