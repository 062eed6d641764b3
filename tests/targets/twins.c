/*
 * twins MS: two processes with different code at the same address, made at run time by the one that started both, each
 * with a perf map of its own. Each uses MS of CPU time there. Writes "pid=PID" of each; whoever runs it removes the
 * maps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cpu_work.h"

/* Counts its argument down to 0. */
#if defined(__x86_64__)
static const unsigned char code[] = {0x48, 0x83, 0xef, 0x01, 0x75, 0xfa, 0xc3};
#else
static const unsigned char code[] = {0x00, 0x04, 0x00, 0xf1, 0xe1, 0xff, 0xff, 0x54, 0xc0, 0x03, 0x5f, 0xd6};
#endif

static int live(char *made, const char *name, int64_t ns)
{
    char path[64];
    void (*const count)(int64_t) = (void (*)(int64_t))(uintptr_t)made;
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    FILE *map = fopen(path, "w");
    if (map == NULL)
        return 1;
    fprintf(map, "%llx %zx %s\n", (unsigned long long)(uintptr_t)made, sizeof code, name);
    fclose(map);
    printf("pid=%d\n", (int)getpid());
    fflush(stdout);
    while (raw_thread_cpu_ns() < ns)
        count(1000000);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"JS:*first_twin /srv/first.js:12:3", "JS:*second_twin /srv/second.js:34:5"};
    char *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argc != 2 || made == MAP_FAILED)
        return 2;
    memcpy(made, code, sizeof code);
    __builtin___clear_cache(made, made + sizeof code);
    for (int i = 0; i < 2; i++)
        if (fork() == 0)
            return live(made, names[i], atoll(argv[1]) * 1000000);
    int status, failed = 0;
    while (wait(&status) > 0)
        failed |= status;
    return failed != 0;
}
