/*
 * syscalls CALL CPU_MS: a thread that spends 80 % of its CPU time in system calls (call_kernel) and the rest in its own
 * code (spin_user). CALL: read (64 KiB of /dev/zero at a time) or getppid.
 *
 * Which of the two comes next is drawn for each 50 µs: a fixed alternation would keep step with the kernel's tick, and
 * a sampler would see it always in the same place.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_work.h"

enum { STEP_NS = 50000, BUFFER_BYTES = 64 * 1024, CALLS_AT_ONCE = 20 };

static volatile uint64_t sink;
static char buffer[BUFFER_BYTES];
static int64_t wanted_ns;
static int zero_fd; /* -1: getppid */
static struct worker worker = {.name = "caller"};
static int64_t kernel_ns;

__attribute__((noinline)) static void call_kernel(int64_t until_ns)
{
    while (raw_thread_cpu_ns() < until_ns)
        for (int i = 0; i < (zero_fd < 0 ? CALLS_AT_ONCE : 1); i++)
            raw_call(zero_fd < 0 ? SYS_getppid : SYS_read, zero_fd, (long)(uintptr_t)buffer, sizeof buffer);
}

__attribute__((noinline)) static void spin_user(int64_t until_ns)
{
    while (raw_thread_cpu_ns() < until_ns)
        work_a_little(&sink);
}

static void *alternate(void *unused)
{
    uint32_t random = 1;
    worker_begin(&worker);
    for (int64_t now_ns = raw_thread_cpu_ns(); now_ns < wanted_ns;) {
        const int64_t begin_ns = now_ns;
        random = random * 1664525 + 1013904223;
        const int is_call = (random >> 8) % 5 != 0;
        (is_call ? call_kernel : spin_user)(now_ns + STEP_NS);
        now_ns = raw_thread_cpu_ns();
        kernel_ns += is_call ? now_ns - begin_ns : 0;
    }
    worker_end(&worker);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    if (argc != 3)
        return 2;
    zero_fd = strcmp(argv[1], "read") == 0 ? open("/dev/zero", O_RDONLY | O_CLOEXEC) : -1;
    wanted_ns = atoll(argv[2]) * 1000000;
    if (pthread_create(&thread, NULL, alternate, NULL) != 0)
        return 1;
    pthread_join(thread, NULL);
    print_worker(&worker);
    printf("calls_ns=%lld\n", (long long)kernel_ns);
    print_rusage();
    return 0;
}
