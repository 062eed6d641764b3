/*
 * Before, and after in parent and child.
 *
 * Place and context: see fork.h.
 */
#include "session/fork.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "handler/entry.h"
#include "handler/raw_calls.h"
#include "handler/trigger.h"
#include "session/host_handler.h"
#include "session/loaded_objects.h"
#include "session/session.h"

static _Atomic(sp_fork_begin *) begin_in_child;

static bool block_profiling(void)
{
    sigset_t profiling, before;
    sigemptyset(&profiling);
    sigaddset(&profiling, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &profiling, &before);
    return sigismember(&before, SIGPROF) == 0;
}

static void unblock_profiling(void)
{
    sigset_t profiling;
    sigemptyset(&profiling);
    sigaddset(&profiling, SIGPROF);
    pthread_sigmask(SIG_UNBLOCK, &profiling, NULL);
}

/*
 * The thread that forks, as its segment has it: the child's goes on where it was, with a CPU clock of its own. Read
 * before: the parent shares the segment with the child, and may end before that gets to it. False: it is not sampled.
 */
static bool find_birth(struct sp_birth *birth)
{
    const struct sp_segment *segment = &sp_handler.segment;
    uint32_t stripe;
    if (!sp_handler_enter(&stripe))
        return false;
    const bool goes_on = sp_load_relaxed(&segment->header->stop_requested) == 0;
    const struct sp_slot *slot = sp_segment_slot(segment, sp_segment_find(segment, sp_raw_thread_id()));
    *birth = (struct sp_birth){.stack = {sp_load_relaxed(&slot->stack_low), sp_load_relaxed(&slot->stack_high)},
                               .start_routine = sp_load_relaxed(&slot->start_routine),
                               .is_self = true};
    sp_handler_leave(stripe);
    return goes_on;
}

void sp_fork_before(struct sp_fork *fork)
{
    fork->was_open = block_profiling();
    fork->is_sampled = find_birth(&fork->birth);
}

void sp_fork_in_parent(const struct sp_fork *fork)
{
    if (fork->was_open)
        unblock_profiling();
}

/* The child has one thread, no timer (timer_create(2): not inherited), and nobody inside the handler. */
static void forget_parent(void)
{
    sp_store_seq_cst(&sp_handler.process_timer, -1);
    for (uint32_t i = 0; i < SP_STRIPES; i++)
        sp_store_seq_cst(&sp_handler.inflight[i].handlers, 0u);
    if (sp_load_relaxed(&sp_handler.state) == SP_SESSION_IDLE)
        return;
    sp_store_seq_cst(&sp_handler.state, (uint32_t)SP_SESSION_STOPPING);
    sp_trigger_close_inherited(&sp_handler.segment);
    sp_session_destroy();
}

void sp_fork_in_child(const struct sp_fork *fork)
{
    const int saved = errno;
    sp_loaded_objects_in_child();
    forget_parent();
    sp_host_handler_in_child();
    sp_fork_begin *begin = sp_load_acquire(&begin_in_child);
    if (begin != NULL)
        begin(fork->is_sampled ? &fork->birth : NULL);
    if (fork->was_open)
        unblock_profiling();
    errno = saved;
}

/*
 * fork(3) calls three functions that share nothing but the thread. Another fork may begin before this one is over, in
 * a signal handler of the host's: the first one's memory counts.
 */
static __thread struct {
    struct sp_fork first;
    unsigned depth;
} forking __attribute__((tls_model("initial-exec")));

static void before(void)
{
    if (forking.depth++ == 0)
        sp_fork_before(&forking.first);
}

static void in_parent(void)
{
    if (--forking.depth == 0)
        sp_fork_in_parent(&forking.first);
}

static void in_child(void)
{
    forking.depth = 0;
    sp_fork_in_child(&forking.first);
}

static void register_hooks(void)
{
    pthread_atfork(before, in_parent, in_child);
}

int sp_fork_prepare(sp_fork_begin *begin)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sp_store_release(&begin_in_child, begin);
    return -pthread_once(&once, register_hooks);
}
