/*
 * Two dispositions of one signal.
 *
 * Place: see host_handler.h. A handler in flight may be reading the host's action while it changes, so an action that
 * was published is never written again; a new one goes into the next of a ring, long enough that no handler is left
 * reading what comes round again. __sigaction is libc's sigaction under the name that interpose.c does not take.
 */
#include "session/host_handler.h"

#include <errno.h>
#include <sched.h>

#include "handler/entry.h"
#include "handler/raw_calls.h"

extern int __sigaction(int signal_number, const struct sigaction *action, struct sigaction *before);

enum { RING = 64 };

static struct {
    _Atomic uint32_t lock;
    _Atomic uint32_t is_installed;
    bool was_passed_by; /* the host's handler was set past ours, and may call ours as its predecessor */
    uint32_t next;
    struct sigaction actions[RING];
} host;

/* Signals are blocked meanwhile: a handler of the host's may call sigaction too. */
static void lock_host(sigset_t *mask)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, mask);
    while (sp_exchange_acquire(&host.lock, 1u) != 0)
        sched_yield();
}

static void unlock_host(const sigset_t *mask)
{
    sp_store_release(&host.lock, 0u);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

static void publish(const struct sigaction *action)
{
    struct sigaction *at = &host.actions[host.next++ % RING];
    *at = *action;
    sp_store_release(&sp_handler.host, (const struct sigaction *)at);
}

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == sp_handler_entry;
}

static int take(void)
{
    struct sigaction current;
    if (__sigaction(SIGPROF, NULL, &current) != 0)
        return -errno;
    if (!is_ours(&current)) {
        publish(&current);
        struct sigaction ours = {.sa_sigaction = sp_handler_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
        sigfillset(&ours.sa_mask);
        if (__sigaction(SIGPROF, &ours, NULL) != 0)
            return -errno;
    }
    sp_store_seq_cst(&host.is_installed, 1u);
    return 0;
}

int sp_host_handler_take(void)
{
    sigset_t mask;
    lock_host(&mask);
    const int error = take();
    unlock_host(&mask);
    return error;
}

int sp_host_handler_keep(void)
{
    struct sigaction current;
    sigset_t mask;
    if (__sigaction(SIGPROF, NULL, &current) != 0)
        return -errno;
    if (is_ours(&current))
        return 0;
    lock_host(&mask);
    const int error = sp_load_relaxed(&host.is_installed) != 0 ? take() : 0;
    host.was_passed_by = true;
    unlock_host(&mask);
    return error;
}

void sp_host_handler_give_back(void)
{
    struct sigaction current;
    sigset_t mask;
    lock_host(&mask);
    const struct sigaction *theirs = sp_load_relaxed(&sp_handler.host);
    const bool is_still_ours = __sigaction(SIGPROF, NULL, &current) == 0 && is_ours(&current);
    if (!is_still_ours || theirs->sa_handler != SIG_DFL) {
        if (is_still_ours)
            __sigaction(SIGPROF, theirs, NULL);
        sp_store_seq_cst(&host.is_installed, 0u);
        if (host.was_passed_by)
            sp_store_release(&sp_handler.host, (const struct sigaction *)NULL); /* what it passes on stays with us */
    }
    unlock_host(&mask);
}

void sp_host_handler_in_child(void)
{
    sp_store_relaxed(&host.lock, 0u); /* a thread that held it is not here */
    sp_store_seq_cst(&sp_handler.pid, sp_raw_process_id());
}

bool sp_host_has_handler(void)
{
    const struct sigaction *theirs = sp_load_acquire(&sp_handler.host);
    return theirs != NULL && theirs->sa_handler != SIG_DFL && theirs->sa_handler != SIG_IGN;
}

/* With the lock held. After a session, a handler of the host's goes to the kernel again. */
static bool set_for_host(const struct sigaction *action, struct sigaction *before)
{
    if (sp_load_relaxed(&host.is_installed) == 0)
        return false;
    const struct sigaction now = *sp_load_relaxed(&sp_handler.host);
    if (action != NULL) {
        publish(action);
        if (sp_load_seq_cst(&sp_handler.state) == SP_SESSION_IDLE && action->sa_handler != SIG_DFL) {
            __sigaction(SIGPROF, action, NULL);
            sp_store_seq_cst(&host.is_installed, 0u);
        }
    }
    if (before != NULL)
        *before = now;
    return true;
}

bool sp_host_sigaction(const struct sigaction *action, struct sigaction *before)
{
    sigset_t mask;
    if (sp_load_relaxed(&host.is_installed) == 0 || sp_load_relaxed(&sp_handler.pid) != sp_raw_process_id())
        return false;
    lock_host(&mask);
    const bool is_done = set_for_host(action, before);
    unlock_host(&mask);
    return is_done;
}
