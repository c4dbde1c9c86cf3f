#include "cli/policy_file.h"

#include "base/limits.h"
#include "cli/output.h"
#include "codec/policy_json.h"
#include "edge/zoneinfo.h"
#include "wire/json.h"
#include "wire/yaml.h"

int gs_policy_file_read(const char *path, gs_policy **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(0), json = GS_BUF(8 * GS_MAX_YAML_BYTES);
    int rc = gs_read_file(path, GS_MAX_YAML_BYTES, &text, err);
    if (rc)
        return rc;
    gs_cleanup(gs_policy_free) gs_policy *p = NULL;
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    if (gs_json_doc_parse(gs_buf_str(&text), GS_MAX_YAML_BYTES, &doc, NULL) == 0)
        rc = gs_policy_from_json(gs_buf_str(&text), true, false, &p, err);
    else if (!(rc = gs_yaml_to_json(gs_buf_str(&text), &json, err)))
        rc = gs_policy_from_json(gs_buf_str(&json), true, false, &p, err);
    if (!rc)
        rc = gs_zoneinfo_attach(p, err);
    if (!rc && p->suspend)
        rc = gs_error_set(err, GS_TERMINAL, "spec.suspend is true: nothing would be sampled");
    if (rc)
        return gs_error_wrap(err, GS_TERMINAL, "policy %s", gs_streq(path, "-") ? "stdin" : path);
    *ret = gs_take(p);
    return 0;
}
