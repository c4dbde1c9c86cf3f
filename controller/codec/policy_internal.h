/* Between the parts of the policy decoder: the document as read, before it is checked. */
#ifndef GS_CODEC_POLICY_INTERNAL_H
#define GS_CODEC_POLICY_INTERNAL_H

#include "codec/policy_json.h"
#include "core/stack.h"
#include "wire/json_map.h"

#define GS_MAX_SELECTOR_LABELS 16
#define GS_MAX_SELECTOR_EXPRESSIONS 16
#define GS_MAX_SELECTOR_VALUES 32
#define GS_LABEL_KEY_LEN 318
#define GS_LABEL_VALUE_LEN 64
#define GS_POLICY_PROFILES 5 /* that snapshot.profiles may name */

typedef struct gs_policy_doc {
    char api_version[64], kind[64], created[40];
    gs_str metadata, spec, status, deleted, finalizers; /* raw */
    gs_str unread[16];                                  /* metadata that nobody reads, one place for each */
    bool has_status;
    bool has_selector, has_endpoint, has_deleted, has_finalizers, has_ca, has_permille, has_tls, has_endpoint_ca,
        has_cert, has_server_name, has_authorization, has_bearer, has_basic, has_sse, has_kms_key;
    gs_policy policy; /* its selector and lists stay empty; the defaults are in it before anything is read */
    int scheme, min_grade, leak_profile, sse,
        profiles[GS_POLICY_PROFILES]; /* by their place among the words of the API */
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
        bool has_scale_out, has_replace, has_evict;
    } actions[GS_MAX_POLICY_ACTIONS];
    struct gs_policy_window {
        gs_window spec; /* cron and zone are not set */
        int effect;     /* 0 Allow, 1 Deny */
    } windows[GS_MAX_WINDOWS];
    struct gs_policy_notify {
        gs_notify_spec spec;
        bool has_hmac;
    } notify[GS_MAX_NOTIFY];
    size_t n_windows, n_notify;
} gs_policy_doc;

/* Of a place in doc.profiles. */
enum gs_profile_kind gs_policy_profile_kind(int at);

/* spec.healing and an item of spec.notify; in policy_json_healing.c. */
extern const gs_json_field gs_policy_healing_fields[], gs_policy_notify_fields[];
extern const struct gs_policy_notify gs_policy_notify_default;
/* Actions, windows and notifications as checked, into the policy; what remains to be wrong is a schedule. */
int gs_policy_build_healing(const gs_policy_doc *d, gs_policy *p, gs_error *err);

/* What bounds and types alone do not say: the patterns and the rules over several fields of the CRD. */
int gs_policy_check(const gs_policy_doc *d, bool need_selector, gs_error *err);
int gs_policy_check_snapshot(const gs_policy_doc *d, gs_error *err); /* in policy_check_snapshot.c */
int gs_policy_check_healing(const gs_policy_doc *d, gs_error *err);  /* and notify; in policy_check_healing.c */

/* Parts of a status patch: "healing" in history_json.c, the audit fields in audit_head_json.c. */
void gs_history_write_all(gs_json_writer *w, const gs_heal_history *v, size_t n);
void gs_audit_head_write(gs_json_writer *w, const gs_audit_head *a);

/* ---- texts, in policy_check_text.c ---- */

/* -GS_TERMINAL, with "path: what". */
__attribute__((format(printf, 3, 4))) int gs_policy_bad(gs_error *err, const char *path, const char *fmt, ...);
static inline bool gs_is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
static inline bool gs_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
/* Not empty, and nothing but letters (lower case only where said so), digits and `more`. */
bool gs_of_chars(gs_str s, bool lower_only, const char *more);
/* The same, beginning and ending with a letter or digit. */
bool gs_is_name(gs_str s, bool lower_only, const char *more);
/* A DNS subdomain in lower case, as objects are named; of any length. */
bool gs_is_object_name(gs_str s);
bool gs_contains(gs_str s, const char *what);
/* The next part of *rest up to a separator; false behind the last one. */
bool gs_next_part(gs_str *rest, char separator, gs_str *ret);
/* The name of a Secret, and the key of a value in one. */
int gs_policy_check_secret(const char *name, const char *path, gs_error *err);
int gs_policy_check_key(const char *key, const char *path, gs_error *err);

#endif
