/*
 * hot MODE MS: burns MS of CPU time in hot_spin, on the thread that MODE says, and prints what the kernel has counted
 * for the process.
 *
 * Modes: main; pthread; clone (a raw clone thread with its creator's thread-local storage); clone-zero and
 * clone-garbage (the same, its thread register pointing nowhere).
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "raw_thread.h"

enum { STACK_BYTES = 256 * 1024, SPINS = 200000 };

static int64_t wanted_ns;
static atomic_int is_done, hot_tid;
static volatile uint64_t sink;

__attribute__((noinline)) static void hot_spin(void)
{
    uint64_t x = sink | 1;
    __asm__ volatile("" : : "r"(__builtin_frame_address(0))); /* a frame, though it calls nothing: its caller is seen */
    for (int i = 0; i < SPINS; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    sink = x;
}

__attribute__((noinline)) static void hot_caller(void)
{
    atomic_store(&hot_tid, (int)raw_call(SYS_gettid, 0, 0, 0));
    for (const int64_t until_ns = raw_thread_cpu_ns() + wanted_ns; raw_thread_cpu_ns() < until_ns;)
        hot_spin();
    atomic_store(&is_done, 1);
}

static void *on_pthread(void *unused)
{
    hot_caller();
    return unused;
}

enum thread_register { SHARED, ZERO, GARBAGE };

static void break_thread_register(enum thread_register kind)
{
    const unsigned long address = kind == ZERO ? 0 : 0x123456789000;
#if defined(__x86_64__)
    enum { SET_FS = 0x1002 }; /* asm/prctl.h: ARCH_SET_FS */
    raw_call(SYS_arch_prctl, SET_FS, (long)address, 0);
#else
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(address));
#endif
}

static int on_clone(void *argument)
{
    const enum thread_register kind = *(const enum thread_register *)argument;
    if (kind != SHARED)
        break_thread_register(kind);
    hot_caller();
    raw_call(SYS_exit, 0, 0, 0);
    return 0;
}

static void run_clone(enum thread_register kind)
{
    static enum thread_register kept;
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    kept = kind;
    if (stack == MAP_FAILED || clone(on_clone, stack + STACK_BYTES, flags, &kept) < 0) {
        perror("clone");
        exit(1);
    }
    while (!atomic_load(&is_done))
        usleep(1000);
}

static void run(const char *mode)
{
    pthread_t thread;
    if (strcmp(mode, "main") == 0)
        hot_caller();
    else if (strcmp(mode, "pthread") == 0 && pthread_create(&thread, NULL, on_pthread, NULL) == 0)
        pthread_join(thread, NULL);
    else if (strcmp(mode, "clone") == 0)
        run_clone(SHARED);
    else if (strcmp(mode, "clone-zero") == 0)
        run_clone(ZERO);
    else if (strcmp(mode, "clone-garbage") == 0)
        run_clone(GARBAGE);
    else
        exit(2);
}

int main(int argc, char **argv)
{
    struct rusage used;
    if (argc != 3)
        return 2;
    wanted_ns = atoll(argv[2]) * 1000000;
    run(argv[1]);
    getrusage(RUSAGE_SELF, &used);
    const long long us =
        (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    printf("cpu_ns=%lld hot_tid=%d\n", us * 1000, atomic_load(&hot_tid));
    return 0;
}
