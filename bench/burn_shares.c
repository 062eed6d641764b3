/*
 * The C program of the benchmark `shares`: four_shares.h, and nothing else.
 *
 * usage: burn_shares CPU_SECONDS [register]
 *
 *   register  each thread calls ProfilerRegisterThread, as gperftools asks of threads that it is to sample by timers of
 *             their own
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "four_shares.h"

__attribute__((weak)) void ProfilerRegisterThread(void); /* gperftools', where it is preloaded */

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 0;
    const int must_register = argc == 3 && strcmp(argv[2], "register") == 0;
    if (seconds <= 0 || argc != 2 + must_register)
        return fprintf(stderr, "usage: burn_shares CPU_SECONDS [register]\n"), 2;
    return burn_four_shares((int64_t)(seconds * 1e9), must_register ? ProfilerRegisterThread : NULL) != 0;
}
