/*
 * two_forms NAMED ADDRESSES: profiles itself, and writes the same profile twice: with names, and with addresses only.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sigprof/sigprof.h>

enum { WORK_MS = 300, SPINS = 200000 };

static volatile uint64_t sink;

__attribute__((noinline)) static void two_forms_spin(void)
{
    uint64_t x = sink | 1;
    for (int i = 0; i < SPINS; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    sink = x;
}

__attribute__((noinline)) static void two_forms_work(void)
{
    while (clock() < (clock_t)WORK_MS * (CLOCKS_PER_SEC / 1000))
        two_forms_spin();
}

static int write_form(const char *path, unsigned flags)
{
    const int error = sigprof_write_path(path, flags);
    if (error != 0)
        fprintf(stderr, "%s: %s\n", path, strerror(-error));
    return error;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    if (sigprof_start(NULL) != 0)
        return 1;
    two_forms_work();
    sigprof_stop();
    /* What is looked up once is in the profile from then on: so this comes first. */
    return write_form(argv[2], LIBSIGPROF_WRITE_ADDRESSES) != 0 || write_form(argv[1], 0) != 0;
}
