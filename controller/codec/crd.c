/* The compiler puts the file into the program; CMakeLists.txt names it, and builds this again when it changes. */
#include "codec/crd.h"

__asm__(".pushsection .rodata\n"
        ".global gs_crd_policies\n"
        ".hidden gs_crd_policies\n"
        ".type gs_crd_policies, %object\n"
        "gs_crd_policies:\n"
        ".incbin \"" GS_CRD_POLICIES "\"\n"
        ".byte 0\n"
        ".popsection\n");
