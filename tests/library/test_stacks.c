/*
 * Samples on small, foreign and broken stacks: a thread of the smallest stack, an alternate signal stack, a coroutine,
 * and a frame pointer that points to where there is no frame. Nothing may crash, and a stack that does not reach the
 * thread's start is marked as cut.
 */
#include "sigprof/sigprof.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "force.h"

static atomic_bool is_done;
static _Atomic pid_t victim;
static _Atomic unsigned forced; /* samples of the victim */

static void *force_until_done(void *unused)
{
    (void)unused;
    while (!atomic_load(&is_done)) {
        const pid_t tid = atomic_load(&victim);
        const uint64_t cookie = tid != 0 ? cookie_of_thread(tid) : 0;
        if (cookie != 0 && force_sample(tid, cookie) == 0)
            atomic_fetch_add(&forced, 1);
        usleep(20);
    }
    return NULL;
}

/* Runs `routine` on a new thread under samples at a high rate. Returns what the session counted. */
static struct sigprof_statistics run(void *(*routine)(void *), void *argument, size_t stack_bytes)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    struct sigprof_options options;
    pthread_attr_t attributes;
    pthread_t thread, forcer;
    sigprof_options_init(&options);
    options.rate_hz = 20000;
    atomic_store(&is_done, false);
    atomic_store(&victim, 0);
    atomic_store(&forced, 0);
    pthread_attr_init(&attributes);
    if (stack_bytes != 0)
        require_equal(pthread_attr_setstacksize(&attributes, stack_bytes), 0);
    require_equal(sigprof_start(&options), 0);
    require_equal(pthread_create(&forcer, NULL, force_until_done, NULL), 0);
    require_equal(pthread_create(&thread, &attributes, routine, argument), 0);
    require_equal(pthread_join(thread, NULL), 0);
    atomic_store(&is_done, true);
    require_equal(pthread_join(forcer, NULL), 0);
    require_equal(sigprof_stop(), 0);
    require_equal(sigprof_statistics(&statistics), 0);
    require(statistics.recorded > 0);
    require_equal(statistics.fired,
                  statistics.recorded + statistics.lost_busy + statistics.lost_full + statistics.lost_no_place);
    pthread_attr_destroy(&attributes);
    return statistics;
}

static void *burn_here(void *unused)
{
    (void)unused;
    atomic_store(&victim, (pid_t)gettid());
    burn(0.3);
    return NULL;
}

static void burn_in_handler(int signal_number)
{
    (void)signal_number;
    burn(0.3);
}

/* The host's handler runs on its alternate stack, and is sampled there. */
static void *burn_on_alternate_stack(void *unused)
{
    static char memory[1 << 16];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    struct sigaction action = {.sa_handler = burn_in_handler, .sa_flags = SA_ONSTACK};
    (void)unused;
    require_equal(sigaltstack(&stack, NULL), 0);
    require_equal(sigaction(SIGUSR1, &action, NULL), 0);
    atomic_store(&victim, (pid_t)gettid());
    raise(SIGUSR1); /* we on the thread's stack, it on the other */
    burn(0.1);      /* and our own signals on the other, from here */
    return NULL;
}

static ucontext_t thread_context, coroutine_context;

static void coroutine(void)
{
    for (;;) {
        for (volatile int i = 0; i < 2000; i++)
            ;
        swapcontext(&coroutine_context, &thread_context);
    }
}

static void *switch_stacks(void *unused)
{
    static char memory[1 << 16];
    (void)unused;
    require_equal(getcontext(&coroutine_context), 0);
    coroutine_context.uc_stack = (stack_t){.ss_sp = memory, .ss_size = sizeof memory};
    coroutine_context.uc_link = NULL;
    makecontext(&coroutine_context, coroutine, 0);
    atomic_store(&victim, (pid_t)gettid());
    for (const double until = thread_cpu_seconds() + 0.4; thread_cpu_seconds() < until;)
        for (int i = 0; i < 100; i++)
            swapcontext(&thread_context, &coroutine_context);
    return NULL;
}

/* A loop of `n` rounds with the frame pointer register holding `fp`. */
static void burn_with_frame_pointer(uintptr_t fp, uint64_t n)
{
#if defined(__x86_64__)
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %%rbp\n\tmov %%rax, %%rbp\n"
                     "1:\tdec %%rcx\n\tjnz 1b\n\t"
                     "pop %%rbp\n\tlea 128(%%rsp), %%rsp"
                     : "+c"(n)
                     : "a"(fp)
                     : "memory", "cc");
#else
    register uint64_t count __asm__("x9") = n;
    register uintptr_t pointer __asm__("x10") = fp;
    __asm__ volatile("str x29, [sp, #-16]!\n\tmov x29, x10\n"
                     "1:\tsubs x9, x9, #1\n\tb.ne 1b\n\t"
                     "ldr x29, [sp], #16"
                     : "+r"(count)
                     : "r"(pointer)
                     : "memory", "cc");
#endif
}

static void *burn_with_garbage(void *argument)
{
    const uintptr_t *fp = argument;
    uintptr_t own[8]; /* the thread's own memory, above its stack pointer, and no frame */
    for (unsigned i = 0; i < 8; i++)
        own[i] = 0x1234567 * (uintptr_t)(i + 1);
    own[4] = (uintptr_t)&own[6];
    own[5] = (uintptr_t)&own[0];
    __asm__ volatile("" : : "r"(own) : "memory");
    atomic_store(&victim, (pid_t)gettid());
    while (atomic_load(&forced) < 200) /* however late a busy machine finds the thread */
        burn_with_frame_pointer(*fp != 0 ? *fp : (uintptr_t)&own[4], 1000000);
    return NULL;
}

static void test_garbage_frame_pointers(void)
{
    enum { PAGE = 4096 };
    char *none = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *readable = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(none != MAP_FAILED && readable != MAP_FAILED);
    munmap(none + PAGE, PAGE);
    const uintptr_t garbage[] = {
        (uintptr_t)none,         /* PROT_NONE */
        (uintptr_t)none + PAGE,  /* unmapped */
        (uintptr_t)readable + 1, /* unaligned */
        (uintptr_t)readable,     /* somebody's memory: zeros */
        (uintptr_t)readable + 2 * PAGE - 8,
        (uintptr_t)&test_garbage_frame_pointers & ~(uintptr_t)15, /* code */
        (uintptr_t)1 << 63,                                       /* no address at all */
        UINTPTR_MAX,
        8,
        0, /* stands for: the thread's own stack, and no frame there */
    };
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        uintptr_t fp = garbage[i];
        const struct sigprof_statistics statistics = run(burn_with_garbage, &fp, 0);
        require(statistics.stacks_cut > 0);
    }
    munmap(none, PAGE);
    munmap(readable, 2 * PAGE);
}

int main(void)
{
    run(burn_here, NULL, (size_t)sysconf(_SC_THREAD_STACK_MIN));
    run(burn_on_alternate_stack, NULL, 0);
    run(switch_stacks, NULL, 0);
    test_garbage_frame_pointers();
    return 0;
}
