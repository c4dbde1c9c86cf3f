/* Runs a command several times, with its output thrown away, and prints what the cheapest run used: the microseconds of CPU
 * time, user and system, and the largest resident set of any run in KB. usage: usage TIMES COMMAND... */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(char **argv)
{
    int null = open("/dev/null", O_WRONLY);
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
        _exit(127);
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

int main(int argc, char **argv)
{
    long best = -1, rss = 0;
    int times = argc > 2 ? atoi(argv[1]) : 0;
    for (int i = 0; i < times; i++) {
        struct rusage r;
        int status;
        pid_t pid = fork();
        if (pid == 0)
            run(argv + 2);
        if (pid < 0 || wait4(pid, &status, 0, &r) != pid || !WIFEXITED(status) || WEXITSTATUS(status) > 1) {
            (void)fprintf(stderr, "usage: %s failed\n", argv[2]);
            return 1;
        }
        long us = (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000L + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
        best = best < 0 || us < best ? us : best;
        rss = r.ru_maxrss > rss ? r.ru_maxrss : rss;
    }
    (void)printf("%ld %ld\n", best, rss);
    return times > 0 ? 0 : 2;
}
