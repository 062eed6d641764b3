/*
 * count_signals [MS]: says "ready", burns CPU until a signal comes (30 s at the most), then MS more (default 300) so
 * that a second one would be seen, and says how often each came. Exit: 7.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static atomic_int counts[NSIG];
static atomic_int total;

static void on_signal(int number)
{
    atomic_fetch_add(&counts[number], 1);
    atomic_fetch_add(&total, 1);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((noinline)) static void count_spin(void)
{
    for (volatile int i = 0; i < 100000; i++)
        ;
}

int main(int argc, char **argv)
{
    const int64_t more_ms = argc > 1 ? atoll(argv[1]) : 300, limit_ms = now_ms() + 30000;
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    for (unsigned i = 0; i < sizeof caught / sizeof caught[0]; i++)
        signal(caught[i], on_signal);
    puts("ready");
    fflush(stdout);
    while (atomic_load(&total) == 0 && now_ms() < limit_ms)
        count_spin();
    for (const int64_t end_ms = now_ms() + more_ms; now_ms() < end_ms;)
        count_spin();
    printf("int=%d term=%d hup=%d quit=%d usr1=%d usr2=%d\n", counts[SIGINT], counts[SIGTERM], counts[SIGHUP],
           counts[SIGQUIT], counts[SIGUSR1], counts[SIGUSR2]);
    fflush(stdout);
    return 7;
}
