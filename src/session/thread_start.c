/*
 * What a new thread does before and after the host's start routine.
 *
 * Place: session. Context: ordinary code of the new thread. errno is left as it was found: the host's routine has not
 * begun, but its thread may have been given one by a wrapper of its own.
 */
#include "session/thread_start.h"

#include <errno.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "handler/entry.h"
#include "handler/raw_calls.h"
#include "session/bare_thread.h"
#include "session/host_handler.h"
#include "session/session.h"

/*
 * What the creator tells the new thread. Out of a pool of ours: a new thread that gives memory back to malloc makes
 * malloc set up an arena for it, which costs more than all the rest here.
 */
struct start {
    _Atomic uint32_t is_taken;
    void *(*routine)(void *);
    void *argument;
    size_t stack_bytes; /* of the default stack that it gets, at least; 0: not known */
};

enum { STARTS = 512 }; /* threads between their creation and their first instruction */
static struct start starts[STARTS];
static _Atomic uint32_t next_start;

/* A free one, or NULL. Any thread; never waits. */
static struct start *take_start(void)
{
    for (uint32_t tries = 0; tries < STARTS; tries++) {
        struct start *start = &starts[sp_add_relaxed(&next_start, 1u) % STARTS];
        uint32_t is_free = 0;
        if (sp_load_relaxed(&start->is_taken) == 0 && sp_cas_seq_cst(&start->is_taken, &is_free, 1u))
            return start;
    }
    return NULL;
}

static void give_start_back(struct start *start)
{
    sp_store_release(&start->is_taken, 0u);
}

/* What the thread remembers until its end. */
struct running {
    uintptr_t routine;
    struct sp_thread_place place;
};

/* The calling thread's stack, as libc tells it; empty when it cannot. Not for a thread's start: see struct start. */
static struct sp_stack_bounds ask_for_stack(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return (struct sp_stack_bounds){0};
    if (pthread_attr_getstack(&attributes, &low, &bytes) != 0)
        bytes = 0;
    pthread_attr_destroy(&attributes);
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0), start = (uintptr_t)low;
    if (here < start || here - start >= bytes) /* on a stack that libc does not know */
        return (struct sp_stack_bounds){0};
    return (struct sp_stack_bounds){start, start + bytes};
}

/*
 * How far a default stack's end lies above what pthread_self(3) returns: glibc puts the thread's descriptor at the end
 * of each stack that it makes, and all of them have the same layout (nptl/allocate_stack.c). 0: not known yet.
 */
static _Atomic uintptr_t end_above_self;

/*
 * The stack of a thread that has just begun. libc is asked by the first one only, since pthread_getattr_np(3)
 * allocates. A stack out of libc's cache may be larger than `bytes`, so the bounds are on the safe side.
 */
static struct sp_stack_bounds stack_of_new_thread(size_t bytes)
{
    const uintptr_t self = (uintptr_t)pthread_self(), above = sp_load_relaxed(&end_above_self);
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (bytes == 0)
        return ask_for_stack();
    if (above == 0) {
        const struct sp_stack_bounds told = ask_for_stack();
        sp_store_relaxed(&end_above_self, told.high > self ? told.high - self : 0);
        return told;
    }
    const struct sp_stack_bounds bounds = {self + above - bytes, self + above};
    return here >= bounds.low && here < bounds.high ? bounds : (struct sp_stack_bounds){0};
}

/* The bytes that a thread created with `attributes` can at least use of its stack, 0: not known. Any thread. */
static size_t stack_bytes_of(const pthread_attr_t *attributes)
{
    pthread_attr_t usual;
    size_t bytes = 0, guard_bytes = 0;
    if (attributes != NULL || pthread_getattr_default_np(&usual) != 0)
        return 0;
    pthread_attr_getstacksize(&usual, &bytes);
    pthread_attr_getguardsize(&usual, &guard_bytes);
    pthread_attr_destroy(&usual);
    return bytes > guard_bytes ? bytes - guard_bytes : 0;
}

/* exec(3) in another thread than the main one leaves a clock that does not fit the account: then it begins anew. */
static bool fits(const struct sp_session_config *config)
{
    const int64_t clock_ns = (int64_t)sp_raw_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    return config->is_continued && config->base_ns <= clock_ns &&
           config->seen <= (uint64_t)(clock_ns - config->base_ns) / config->period_ns;
}

void sp_session_arm_self(void)
{
    const int saved = errno;
    const struct sp_session_config *config = sp_session_config();
    const bool is_main = gettid() == getpid();
    sp_session_arm_caller(&(struct sp_birth){.stack = ask_for_stack(),
                                             .start_routine = is_main ? getauxval(AT_ENTRY) : 0,
                                             .is_self = true,
                                             .is_from_now = config->is_from_birth == 0,
                                             .is_continued = is_main && fits(config),
                                             .base_ns = config->base_ns,
                                             .seen = config->seen});
    errno = saved;
}

/*
 * A thread that was created with all signals blocked, as programs do that want none of their own handlers in their
 * workers, would never be sampled. Where no handler of the host's can run by it, SIGPROF is let through. A thread that
 * blocks it later, by its own will, keeps it blocked.
 */
void sp_session_let_samples_through(void)
{
    sigset_t profiling;
    if (sp_host_has_handler())
        return;
    sigemptyset(&profiling);
    sigaddset(&profiling, SIGPROF);
    pthread_sigmask(SIG_UNBLOCK, &profiling, NULL);
}

struct sp_thread_place sp_session_begin_thread(uintptr_t start_routine, size_t stack_bytes)
{
    const int saved = errno;
    if (sp_load_relaxed(&sp_handler.state) != SP_SESSION_RUNNING)
        return (struct sp_thread_place){0};
    const struct sp_birth birth = {
        .stack = stack_of_new_thread(stack_bytes), .start_routine = start_routine, .is_self = true};
    const struct sp_thread_place place = sp_session_arm_caller(&birth);
    sp_session_let_samples_through();
    errno = saved;
    return place;
}

static void end_thread(void *argument)
{
    const struct running *running = argument;
    sp_session_end_caller(&running->place, running->routine);
}

/* The end is reached by return, pthread_exit(3) and cancellation alike: the cleanup handler runs in all three. */
static void *sigprof_thread_start(void *argument)
{
    struct start *start = argument;
    void *(*const routine)(void *) = start->routine;
    void *result, *const routine_argument = start->argument;
    const size_t stack_bytes = start->stack_bytes;
    give_start_back(start);
    struct running running = {(uintptr_t)routine, sp_session_begin_thread((uintptr_t)routine, stack_bytes)};
    pthread_cleanup_push(end_thread, &running);
    result = routine(routine_argument);
    pthread_cleanup_pop(1);
    return result;
}

int sp_session_pthread_create(sp_pthread_create *real, pthread_t *thread, const pthread_attr_t *attributes,
                              void *(*routine)(void *), void *argument)
{
    struct start *start = take_start();
    if (start == NULL) /* the collector will find it */
        return real(thread, attributes, routine, argument);
    start->routine = routine;
    start->argument = argument;
    start->stack_bytes = stack_bytes_of(attributes);
    const int error = real(thread, attributes, sigprof_thread_start, start);
    if (error != 0)
        give_start_back(start);
    return error;
}
