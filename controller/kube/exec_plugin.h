/* The credential of an exec plugin: had when it is first needed, had again shortly before it expires or once the API server
 * refuses it, and kept in between. The plugin runs as a child on the loop (io/process.h), one at a time; after a failure not
 * again for a while. Owned by gs_kube; loop thread only. Private to kube/. */
#ifndef GS_KUBE_EXEC_PLUGIN_H
#define GS_KUBE_EXEC_PLUGIN_H

#include "base/clock.h"
#include "io/loop.h"
#include "kube/config.h"
#include "kube/exec_credential.h"

typedef struct gs_exec_plugin gs_exec_plugin;

/* exec and clock are borrowed. on_change: there is a credential now, or a failure to tell; never from within get. */
gs_exec_plugin *gs_exec_plugin_new(gs_loop *l, const gs_clock *clock, const gs_kube_exec *exec,
                                   void (*on_change)(void *ctx), void *ctx);
void gs_exec_plugin_free(gs_exec_plugin *p); /* kills it where it runs */
GS_DEFINE_CLEANUP(gs_exec_plugin *, gs_exec_plugin_free)

/* The credential, valid until on_change; NULL: it is being had, on_change comes. -GS_REFUSED: the plugin failed. */
int gs_exec_plugin_get(gs_exec_plugin *p, const gs_exec_credential **ret, gs_error *err);
/* Which one that is: it changes with each new credential. */
uint64_t gs_exec_plugin_number(const gs_exec_plugin *p);
/* The API server refused that one: it is not given out again. */
void gs_exec_plugin_refused(gs_exec_plugin *p, uint64_t number);

#endif
