/*
 * A process becomes two.
 *
 * Place: session. SIGPROF is held off the thread that forks: the kernel begins clone(2) anew when a signal is pending,
 * and copying the page tables of a large process takes longer than a short period. The child drops everything that
 * was its parent's; where the preload library says how, it then begins a session of its own.
 *
 * Context: ordinary code of the thread that forks. In the child, whose parent may have had more threads, nothing is
 * called that would not be allowed in a signal handler.
 */
#ifndef SIGPROF_SESSION_FORK_H
#define SIGPROF_SESSION_FORK_H

#include <stdbool.h>
#include <stdint.h>

#include "handler/threads.h"

/*
 * What the child does once it has nothing of its parent's session any more. `birth` is what is known of its only
 * thread, for a session of its own; NULL: its parent was not being sampled, and so the child is not to be.
 */
typedef void sp_fork_begin(const struct sp_birth *birth);

/*
 * Registers, once, what each fork(3) does from now on; `begin` may be NULL: a child has no session then. 0 or -ENOMEM.
 */
int sp_fork_prepare(sp_fork_begin *begin);

/* What is remembered from before a fork until after it. */
struct sp_fork {
    bool was_open;   /* SIGPROF was not blocked */
    bool is_sampled; /* a session runs, and is not about to stop */
    struct sp_birth birth;
};

/* Around what makes the process two, without fork(3)'s own handlers: _Fork(3), clone(2). errno is left alone. */
void sp_fork_before(struct sp_fork *fork);
void sp_fork_in_parent(const struct sp_fork *fork);
void sp_fork_in_child(const struct sp_fork *fork);

#endif
