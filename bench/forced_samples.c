/*
 * Samples forced back to back from several threads through a whole session: handler, shards and collector thread.
 *
 * usage: forced_samples bare|sigprof THREADS SECONDS RATE CALLS STACKS
 *
 *   bare      an empty handler: how many signals a second this machine delivers at all
 *   RATE      samples per second of all threads together; 0: as many as will go
 *   CALLS     how deep the stacks are
 *   STACKS    how many different ones each thread has
 *
 * Prints one line:  forced N  seconds S  fired N  recorded N  lost_busy N  lost_full N  lost_memory N  stray N
 * `fired` counts the samples of the session's own timers too. The session runs at the rate that is forced on a thread
 * (at most 100 000 Hz), so that it has the room for samples that it would have made for itself at that rate.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "force_signal.h"
#include "session/thread_start.h"
#include "sigprof/sigprof.h"

enum { BURST = 16, MAX_THREADS = 64 };

struct load {
    uint32_t rate; /* of this thread; 0: no limit */
    uint32_t calls, stacks;
    int64_t until_ns;
    uint64_t forced;
    bool needs_slot;
    pthread_t thread;
};

static void empty_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
}

static void *force_until(void *argument)
{
    struct load *load = argument;
    const struct bench_signal signal = bench_signal_of_self();
    const int64_t begin_ns = bench_now_ns();
    if (load->needs_slot && signal.slot == 0)
        return load;
    for (int64_t now_ns = begin_ns; now_ns < load->until_ns; now_ns = bench_now_ns()) {
        if (load->rate != 0 && (double)load->forced > (double)(now_ns - begin_ns) * load->rate / 1e9)
            continue;
        for (uint32_t i = 0; i < BURST; i++)
            bench_descend(load->calls, (uint32_t)load->forced++ % load->stacks, 1, &signal);
    }
    return NULL;
}

static int run_loads(struct load *loads, uint32_t n, double seconds)
{
    const int64_t until_ns = bench_now_ns() + (int64_t)(seconds * 1e9);
    int failed = 0;
    for (uint32_t i = 0; i < n; i++) {
        loads[i].until_ns = until_ns;
        if (sp_session_pthread_create(pthread_create, &loads[i].thread, NULL, force_until, &loads[i]) != 0)
            return 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        void *result;
        failed |= pthread_join(loads[i].thread, &result) != 0 || result != NULL;
    }
    return failed;
}

static int start(bool is_bare, uint32_t rate_per_thread)
{
    struct sigaction empty = {.sa_sigaction = empty_handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigprof_options options;
    sigfillset(&empty.sa_mask);
    if (is_bare)
        return sigaction(SIGPROF, &empty, NULL);
    sigprof_options_init(&options);
    options.rate_hz = rate_per_thread == 0 || rate_per_thread > 100000 ? 100000 : rate_per_thread;
    return sigprof_start(&options);
}

int main(int argc, char **argv)
{
    struct load loads[MAX_THREADS] = {0};
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    if (argc != 7)
        return fprintf(stderr, "usage: forced_samples bare|sigprof THREADS SECONDS RATE CALLS STACKS\n"), 2;
    const bool is_bare = strcmp(argv[1], "bare") == 0;
    const uint32_t n = (uint32_t)atoi(argv[2]) % (MAX_THREADS + 1), rate = (uint32_t)atoi(argv[4]);
    const double seconds = atof(argv[3]);
    if (n == 0 || atoi(argv[6]) < 1)
        return fprintf(stderr, "forced_samples: 1 to %d threads, 1 stack or more\n", MAX_THREADS), 2;
    for (uint32_t i = 0; i < n; i++)
        loads[i] = (struct load){rate / n, (uint32_t)atoi(argv[5]), (uint32_t)atoi(argv[6]), .needs_slot = !is_bare};

    if (start(is_bare, rate / n) != 0 || run_loads(loads, n, seconds) != 0)
        return fprintf(stderr, "forced_samples: no session or no threads\n"), 1;
    uint64_t forced = 0;
    for (uint32_t i = 0; i < n; i++)
        forced += loads[i].forced;
    if (!is_bare && (sigprof_stop() != 0 || sigprof_statistics(&statistics) != 0))
        return 1;
    printf(
        "forced %llu seconds %g fired %llu recorded %llu lost_busy %llu lost_full %llu lost_memory %llu stray %llu\n",
        (unsigned long long)forced, seconds, (unsigned long long)statistics.fired,
        (unsigned long long)statistics.recorded, (unsigned long long)statistics.lost_busy,
        (unsigned long long)statistics.lost_full, (unsigned long long)statistics.lost_memory,
        (unsigned long long)statistics.stray_signals);
    return 0;
}
