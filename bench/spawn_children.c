/*
 * Makes children one after the other, waits for each, and says what one takes.
 *
 * usage: spawn_children fork|exec CHILDREN
 *
 *   fork  the child ends at once, by _exit
 *   exec  the child becomes true(1)
 *
 * Prints in µs of wall time per child: each N
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int spawn(bool does_exec)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        if (does_exec)
            execl("/bin/true", "true", (char *)NULL);
        _exit(does_exec);
    }
    return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}

int main(int argc, char **argv)
{
    const long n = argc == 3 ? atol(argv[2]) : 0;
    const bool does_exec = argc == 3 && strcmp(argv[1], "exec") == 0;
    if (n < 1 || (!does_exec && strcmp(argv[1], "fork") != 0))
        return fprintf(stderr, "usage: spawn_children fork|exec CHILDREN\n"), 2;
    const double begin_us = now_us();
    for (long i = 0; i < n; i++) {
        if (spawn(does_exec) != 0)
            return fprintf(stderr, "spawn_children: a child failed\n"), 1;
    }
    printf("each %.2f\n", (now_us() - begin_us) / (double)n);
    return 0;
}
