/*
 * scribble whole|parts|zero|ones SEED: burns CPU in two threads, and meanwhile fills the profiler's segment, which it
 * finds in its own mappings, with random bytes: as a whole and once, or again and again in random parts.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { QUIET_MS = 400, AFTER_MS = 400, ROUNDS = 60, EXIT_CODE = 23, MANY = 64 };

struct range {
    uintptr_t low, high;
};

static atomic_int is_over;
static uint64_t state;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void *burn(void *unused)
{
    volatile uint64_t x = 1;
    while (!atomic_load(&is_over))
        for (int i = 0; i < 100000; i++)
            x = x * 3 + 1;
    return unused;
}

/* A process timer's signal may end a sleep (before Linux 6.4 it goes to any thread): what is left is slept then. */
static void sleep_ms(long ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
}

/* The writable mappings of the segment. */
static int find_segment(struct range *found)
{
    char line[512];
    int n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && n < MANY && fgets(line, sizeof line, maps) != NULL) {
        unsigned long low, high;
        char rights[8];
        if (strstr(line, "memfd:sigprof-segment") != NULL && sscanf(line, "%lx-%lx %7s", &low, &high, rights) == 3 &&
            rights[1] == 'w')
            found[n++] = (struct range){low, high};
    }
    if (maps != NULL)
        fclose(maps);
    return n;
}

static void fill(uintptr_t low, uintptr_t high, const char *mode)
{
    for (uintptr_t at = (low + 7) & ~(uintptr_t)7; at + 8 <= high; at += 8)
        *(volatile uint64_t *)at = mode[0] == 'z' ? 0 : mode[0] == 'o' ? UINT64_MAX : next_random(); // NOLINT
}

static void scribble(const struct range *ranges, int n, const char *mode)
{
    if (strcmp(mode, "parts") != 0) {
        for (int i = 0; i < n; i++)
            fill(ranges[i].low, ranges[i].high, mode);
        return;
    }
    for (int round = 0; round < ROUNDS; round++) {
        const struct range *range = &ranges[next_random() % (unsigned)n];
        const uint64_t bytes = range->high - range->low, start = next_random() % bytes;
        const uint64_t length = round % 3 == 0 ? 64 : next_random() % 65536; /* the header's fields, and pages */
        fill(range->low + (round % 5 == 0 ? start % 8192 : start),
             range->low + (start + length < bytes ? start + length : bytes), mode);
        sleep_ms(10);
    }
}

int main(int argc, char **argv)
{
    struct range ranges[MANY];
    pthread_t threads[2];
    if (argc != 3)
        return 2;
    state = strtoull(argv[2], NULL, 10) * 2 + 1;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, burn, NULL);
    const int n = find_segment(ranges);
    fprintf(stderr, "segments=%d\n", n);
    if (n == 0)
        return 3;
    sleep_ms(QUIET_MS);
    scribble(ranges, n, argv[1]);
    sleep_ms(AFTER_MS);
    atomic_store(&is_over, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return EXIT_CODE;
}
