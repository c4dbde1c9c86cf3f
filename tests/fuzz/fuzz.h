/* What every fuzz target defines: libFuzzer calls it, or replay.c. It must return 0; a broken promise aborts.
 */
#ifndef GS_TESTS_FUZZ_H
#define GS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(what)                                                                                               \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            (void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #what);                                   \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
