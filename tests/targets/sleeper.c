/*
 * sleeper: sleeps in the main thread while two others burn CPU for a second, and counts the sleeps that a signal has
 * ended early: neither nanosleep nor poll nor select is ever restarted (signal(7)), so the host would see each.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/select.h>
#include <time.h>

enum { SLEEPS = 15, EACH_MS = 60 };

static atomic_int is_over;

static void *burn(void *unused)
{
    while (!atomic_load(&is_over))
        for (volatile int i = 0; i < 100000; i++)
            ;
    return unused;
}

static int sleep_by(int way)
{
    const struct timespec pause = {.tv_nsec = EACH_MS * 1000000};
    struct timeval limit = {.tv_usec = EACH_MS * 1000};
    if (way == 0)
        return nanosleep(&pause, NULL);
    return way == 1 ? poll(NULL, 0, EACH_MS) : select(0, NULL, NULL, NULL, &limit);
}

int main(void)
{
    pthread_t threads[2];
    int interrupted = 0;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, burn, NULL);
    for (int i = 0; i < SLEEPS; i++)
        interrupted += sleep_by(i % 3) < 0 && errno == EINTR;
    atomic_store(&is_over, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("interrupted=%d sleeps=%d\n", interrupted, SLEEPS);
    return 0;
}
