/* The CustomResourceDefinition of GostatPolicy, as it was when the program was built. Any thread. */
#ifndef GS_CODEC_CRD_H
#define GS_CODEC_CRD_H

/* crds/gostat.dev_gostatpolicies.yaml, whole. */
extern const char gs_crd_policies[];

#endif
