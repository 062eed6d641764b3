/* See guest.h. */
#include "guest.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "_cgo_export.h"

enum { ROUNDS = 20000, CALLERS_LIMIT = 64 };

static int64_t now(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * 1000000000ll + at.tv_nsec;
}

static inline __attribute__((always_inline)) uint64_t guest_step(uint64_t state)
{
    return state * 6364136223846793005u + 1442695040888963407u;
}

static uint64_t guest_leaf(uint64_t state) __attribute__((noinline));
static uint64_t guest_leaf(uint64_t state)
{
    for (int i = 0; i < ROUNDS; i++)
        state = guest_step(state);
    return state;
}

static uint64_t guest_middle(int64_t ns) __attribute__((noinline));
static uint64_t guest_middle(int64_t ns)
{
    const int64_t end = now(CLOCK_THREAD_CPUTIME_ID) + ns;
    uint64_t state = 1;
    do
        state = guest_leaf(state);
    while (now(CLOCK_THREAD_CPUTIME_ID) < end);
    return state;
}

uint64_t guest_work(int64_t ns)
{
    return guest_middle(ns) + 1;
}

void guest_call_back(int depth)
{
    static _Atomic uint64_t sink;
    sink += guest_leaf((uint64_t)depth);
    guestGo(depth);
    sink += guest_leaf((uint64_t)depth);
}

#define SHARE(percent)                                                \
    static void *guest_##percent(void *ns)                            \
    {                                                                 \
        static _Atomic uint64_t sink;                                 \
        sink += guest_middle(*(const int64_t *)ns / 100 * (percent)); \
        return NULL;                                                  \
    }
SHARE(40)
SHARE(30)
SHARE(20)
SHARE(10)

static int join_all(const pthread_t *threads, int n)
{
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

int guest_shares(int64_t ns)
{
    void *(*const routines[])(void *) = {guest_40, guest_30, guest_20, guest_10};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        const int error = pthread_create(&threads[i], NULL, routines[i], &ns);
        if (error != 0)
            return error;
    }
    return join_all(threads, 4);
}

static void *guest_caller(void *ns)
{
    const int64_t end = now(CLOCK_MONOTONIC) + *(const int64_t *)ns;
    while (now(CLOCK_MONOTONIC) < end)
        guest_call_back(3);
    return NULL;
}

int guest_callers(int n, int64_t ns)
{
    pthread_t threads[CALLERS_LIMIT];
    for (int i = 0; i < n; i++) {
        const int error = pthread_create(&threads[i], NULL, guest_caller, &ns);
        if (error != 0)
            return error;
    }
    return join_all(threads, n);
}

static void *guest_signalled(void *ns)
{
    const int64_t end = now(CLOCK_THREAD_CPUTIME_ID) + *(const int64_t *)ns;
    const union sigval value = {.sival_int = 1};
    while (now(CLOCK_THREAD_CPUTIME_ID) < end) {
        pthread_kill(pthread_self(), SIGPROF);
        pthread_sigqueue(pthread_self(), SIGPROF, value);
    }
    return NULL;
}

int guest_signals(int64_t ns)
{
    pthread_t thread;
    const int error = pthread_create(&thread, NULL, guest_signalled, &ns);
    return error != 0 ? error : join_all(&thread, 1);
}
