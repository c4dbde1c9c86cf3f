/* Owners that release themselves at the end of their scope.
 *
 *   gs_autofree char *s = gs_strdup("x");          freed at the end of the scope
 *   return gs_take(s);                             handed on: s is NULL afterwards
 *   GS_DEFINE_CLEANUP(gs_buf *, gs_buf_free)       then: gs_cleanup(gs_buf_free) gs_buf *b = ...;
 */
#ifndef GS_BASE_CLEANUP_H
#define GS_BASE_CLEANUP_H

#include <stdlib.h>

#define gs_cleanup(fn) __attribute__((cleanup(fn##_p)))

#define GS_DEFINE_CLEANUP(type, fn)                                                                                    \
    static inline void fn##_p(type *p)                                                                                 \
    {                                                                                                                  \
        if (*p)                                                                                                        \
            fn(*p);                                                                                                    \
    }

/* For values that have a _done(): gs_cleanup(gs_buf_done) gs_buf b = ...; */
#define GS_DEFINE_CLEANUP_VALUE(type, fn)                                                                              \
    static inline void fn##_p(type *p)                                                                                 \
    {                                                                                                                  \
        fn(p);                                                                                                         \
    }

static inline void gs_autofree_p(void *p)
{
    free(*(void **)p);
}
#define gs_autofree __attribute__((cleanup(gs_autofree_p)))

#define gs_take(p)                                                                                                     \
    __extension__({                                                                                                    \
        __typeof__(p) gs_taken_ = (p);                                                                                 \
        (p) = NULL;                                                                                                    \
        gs_taken_;                                                                                                     \
    })

#define GS_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
