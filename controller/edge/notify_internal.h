/* For notify.c, its tests and its fuzz target. */
#ifndef GS_EDGE_NOTIFY_INTERNAL_H
#define GS_EDGE_NOTIFY_INTERNAL_H

#include "base/str.h"

/* The host of an http(s) URL, with its port and without userinfo, as a view; false where it is no such URL or holds what
 * does not belong into one (spaces, controls, other than ASCII). */
bool gs_notify_host(gs_str url, gs_str *ret);
/* The errcode of WeCom's answer; false where there is none. */
bool gs_notify_wecom_code(gs_str json, int64_t *ret);

#endif
