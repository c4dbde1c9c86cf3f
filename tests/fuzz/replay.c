/* Runs a fuzz target over every file of the directories named as arguments: the corpora, in builds without
 * libFuzzer. Fails where there is no file at all, so that a corpus that got lost is noticed. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static int replay(const char *path)
{
    FILE *f = fopen(path, "rbe");
    struct stat st;
    if (!f || fstat(fileno(f), &st) < 0) {
        perror(path);
        if (f)
            (void)fclose(f);
        return -1;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1); /* a block of its own, so that ASan sees a read beyond it */
    size_t got = data ? fread(data, 1, size, f) : 0;
    int rc = data && got == size ? LLVMFuzzerTestOneInput(data, size) : -1;
    if (rc)
        (void)fprintf(stderr, "%s: failed\n", path);
    free(data);
    (void)fclose(f);
    return rc;
}

/* The number of files, or -1. */
static long replay_all(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d) {
        perror(dir);
        return -1;
    }
    long n = 0;
    for (struct dirent *e; n >= 0 && (e = readdir(d));) {
        char path[4096];
        struct stat st;
        int len = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (len < 0 || (size_t)len >= sizeof path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        n = replay(path) ? -1 : n + 1;
    }
    (void)closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    long total = 0;
    for (int i = 1; i < argc; i++) {
        long n = replay_all(argv[i]);
        if (n < 0)
            return 1;
        total += n;
    }
    (void)printf("%ld inputs replayed\n", total);
    if (total == 0)
        (void)fprintf(stderr, "no input: usage: %s CORPUS-DIRECTORY...\n", argv[0]);
    return total == 0;
}
