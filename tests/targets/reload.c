/*
 * reload [SECONDS [ROUNDS_EACH]]: loads two libraries in turn, at the same place whenever the kernel gives it, which it
 * does nearly always; three threads run in the one that is loaded. ROUNDS_EACH: how long each stays, in rounds of some
 * 100 µs (default 5). Prints also same_place=N, how often a library came to where the other one had been.
 */
#include "hostile.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

enum { WORKERS = 3, SPINS = 400 };

typedef uint64_t run_function(uint64_t x, unsigned rounds);

static pthread_barrier_t loaded, used;
static run_function *run;
static uint64_t expected;
static unsigned rounds_each = 5;
static atomic_ullong rounds, wrong;

static inline __attribute__((always_inline)) void use_library(void)
{
    for (unsigned i = 0; i < rounds_each; i++) {
        if (run(1, SPINS) != expected)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&rounds, 1);
    }
}

/* A stack says by these which of the two it was. */
__attribute__((noinline)) static void use_first(void)
{
    use_library();
    __asm__ volatile("# first" : : : "memory");
}

__attribute__((noinline)) static void use_second(void)
{
    use_library();
    __asm__ volatile("# second" : : : "memory");
}

static void *work(void *unused)
{
    (void)unused;
    for (bool is_second = false;; is_second = !is_second) {
        pthread_barrier_wait(&loaded);
        if (run == NULL)
            return NULL;
        if (is_second)
            use_second();
        else
            use_first();
        pthread_barrier_wait(&used);
    }
}

/* What reload_run has to return: the loops of reload_library.c. */
static uint64_t reference(void)
{
    uint64_t x = 1;
    for (unsigned i = 0; i < SPINS; i++)
        x = hostile_spin(hostile_spin(x, 50), 50);
    return x + 1;
}

/* Loads, lets the workers run, and unloads. Returns where the function was. */
static uintptr_t round_with(const char *path, uint64_t frame_bytes)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    uint64_t (*bytes)(void) = (uint64_t(*)(void))(uintptr_t)dlsym(library, "reload_frame_bytes");
    run = (run_function *)(uintptr_t)dlsym(library, "reload_run");
    if (bytes() != frame_bytes)
        atomic_fetch_add(&wrong, 1);
    pthread_barrier_wait(&loaded);
    pthread_barrier_wait(&used);
    dlclose(library);
    return (uintptr_t)run;
}

int main(int argc, char **argv)
{
    const double until = hostile_until(argc, argv);
    char first[4096], second[4096];
    uintptr_t before = 0;
    uint64_t same_place = 0;
    pthread_t workers[WORKERS];
    const char *slash = strrchr(argv[0], '/');
    const int directory = slash != NULL ? (int)(slash - argv[0]) : 1;
    snprintf(first, sizeof first, "%.*s/libreload_first.so", directory, slash != NULL ? argv[0] : ".");
    snprintf(second, sizeof second, "%.*s/libreload_second.so", directory, slash != NULL ? argv[0] : ".");
    rounds_each = argc > 2 ? (unsigned)atoi(argv[2]) : rounds_each;
    expected = reference();
    pthread_barrier_init(&loaded, NULL, WORKERS + 1);
    pthread_barrier_init(&used, NULL, WORKERS + 1);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, work, NULL);
    for (unsigned turn = 0; hostile_now() < until; turn++) {
        const uintptr_t place = turn % 2 == 0 ? round_with(first, 1040) : round_with(second, 4112);
        same_place += place == before;
        before = place;
    }
    run = NULL;
    pthread_barrier_wait(&loaded);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    printf("same_place=%llu ", (unsigned long long)same_place);
    return hostile_end(rounds, wrong);
}
