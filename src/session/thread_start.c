/*
 * What a new thread does before and after the host's start routine.
 *
 * Place: session. Context: ordinary code of the new thread. errno is left as it was found: the host's routine has not
 * begun, but its thread may have been given one by a wrapper of its own.
 */
#include "session/thread_start.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "handler/entry.h"
#include "handler/raw_calls.h"
#include "handler/threads.h"
#include "session/host_handler.h"
#include "session/session.h"

struct start {
    void *(*routine)(void *);
    void *argument;
};

/* The calling thread's stack; empty when libc cannot tell. */
static struct sp_stack_bounds own_stack(void)
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

uint32_t sp_session_arm(int32_t tid, const struct sp_birth *birth)
{
    uint32_t slot;
    while ((slot = sp_thread_arm(&sp_handler.segment, tid, birth)) == SP_ARM_BUSY)
        sched_yield(); /* whoever holds the try-lock makes a few system calls and gives it back */
    return slot;
}

/* While a session runs: arms the calling thread. */
static void arm_self(const struct sp_birth *birth)
{
    uint32_t stripe;
    if (!sp_handler_enter(&stripe))
        return;
    sp_session_arm(sp_raw_thread_id(), birth);
    sp_handler_leave(stripe);
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
    arm_self(&(struct sp_birth){.stack = own_stack(),
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

void sp_session_begin_thread(uintptr_t start_routine)
{
    const int saved = errno;
    if (sp_load_relaxed(&sp_handler.state) != SP_SESSION_RUNNING)
        return;
    arm_self(&(struct sp_birth){.stack = own_stack(), .start_routine = start_routine, .is_self = true});
    sp_session_let_samples_through();
    errno = saved;
}

/* A thread that began before the session did was armed by somebody who did not know where it began. */
static void tell_start(uint32_t slot, const struct start *start)
{
    uint64_t unknown = 0;
    if (slot != 0)
        sp_cas_seq_cst(&sp_segment_slot(&sp_handler.segment, slot)->start_routine, &unknown,
                       (uint64_t)(uintptr_t)start->routine);
}

static void disarm_self(void *start)
{
    const struct sp_segment *segment = &sp_handler.segment;
    uint32_t stripe;
    char name[SP_THREAD_NAME_BYTES] = "";
    if (!sp_handler_enter(&stripe))
        return;
    const uint32_t slot = sp_segment_find(segment, sp_raw_thread_id());
    tell_start(slot, start);
    prctl(PR_GET_NAME, name);
    sp_thread_disarm(segment, slot, name, &segment->header->stripes[stripe]);
    sp_handler_leave(stripe);
}

/* The end is reached by return, pthread_exit(3) and cancellation alike: the cleanup handler runs in all three. */
static void *sigprof_thread_start(void *argument)
{
    struct start start = *(struct start *)argument;
    void *result;
    free(argument);
    sp_session_begin_thread((uintptr_t)start.routine);
    pthread_cleanup_push(disarm_self, &start);
    result = start.routine(start.argument);
    pthread_cleanup_pop(1);
    return result;
}

int sp_session_pthread_create(sp_pthread_create *real, pthread_t *thread, const pthread_attr_t *attributes,
                              void *(*routine)(void *), void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL) /* the backstop will find it */
        return real(thread, attributes, routine, argument);
    *start = (struct start){routine, argument};
    const int error = real(thread, attributes, sigprof_thread_start, start);
    if (error != 0)
        free(start);
    return error;
}
