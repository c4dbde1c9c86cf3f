/* Between the parts of the policy decoder: the document as read, before it is checked. */
#ifndef GS_CODEC_POLICY_INTERNAL_H
#define GS_CODEC_POLICY_INTERNAL_H

#include "base/err.h"
#include "core/policy.h"

#define GS_MAX_SELECTOR_LABELS 16
#define GS_MAX_SELECTOR_EXPRESSIONS 16
#define GS_MAX_SELECTOR_VALUES 32
#define GS_LABEL_KEY_LEN 318
#define GS_LABEL_VALUE_LEN 64

typedef struct gs_policy_doc {
    char api_version[64], kind[64], created[40];
    gs_str metadata, spec, status, deleted, finalizers; /* raw */
    gs_str unread[16];                                  /* metadata that nobody reads, one place for each */
    bool has_status;
    bool has_selector, has_endpoint, has_deleted, has_finalizers, has_ca, has_permille;
    gs_policy policy; /* its selector stays empty; the defaults are in it before anything is read */
    int scheme, min_grade, leak_profile, profiles[2];
    size_t n_profiles;
    struct gs_policy_label {
        char key[GS_LABEL_KEY_LEN], value[GS_LABEL_VALUE_LEN];
    } labels[GS_MAX_SELECTOR_LABELS];
    size_t n_labels;
    struct gs_policy_expression {
        char key[GS_LABEL_KEY_LEN];
        enum gs_selector_op op;
        char values[GS_MAX_SELECTOR_VALUES][GS_LABEL_VALUE_LEN];
        size_t n_values;
    } expressions[GS_MAX_SELECTOR_EXPRESSIONS];
    size_t n_expressions;
    struct gs_policy_action {
        gs_action_spec spec;
        bool has_scale_out;
    } actions[GS_MAX_POLICY_ACTIONS];
} gs_policy_doc;

/* What bounds and types alone do not say: the patterns and the rules over several fields of the CRD. */
int gs_policy_check(const gs_policy_doc *d, bool need_selector, gs_error *err);

#endif
