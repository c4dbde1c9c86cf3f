/* Which rights our own user lacks for actions on a workload, by SelfSubjectAccessReview. An answer is believed for
 * GS_RIGHTS_BELIEVED_MS, so that a right that is granted counts about a minute later. Loop thread only. */
#ifndef GS_WORKLOAD_RIGHTS_H
#define GS_WORKLOAD_RIGHTS_H

#include "core/heal.h"
#include "kube/client.h"

#define GS_RIGHTS_BELIEVED_MS 60000

typedef struct gs_rights gs_rights;
gs_rights *gs_rights_new(gs_kube *k);
void gs_rights_free(gs_rights *r); /* what asks is cancelled before */

typedef struct gs_rights_ask gs_rights_ask;
/* Sets f->lacks to what is missing of all that these actions (1u << enum gs_action_type) need. NULL: it is known already; else
 * done is called once, not from within, and f stays until then. An error: the API server has not answered. */
gs_rights_ask *gs_rights_ask_start(gs_rights *r, const char *ns, unsigned actions, gs_workload_facts *f,
                                   void (*done)(void *ctx, const gs_error *err), void *ctx);
void gs_rights_cancel(gs_rights_ask *a); /* NULL is fine */

#endif
