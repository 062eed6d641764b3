/*
 * SIGPROF's disposition: what the host has set, and what is really installed.
 *
 * Place: session. While our handler is installed, the host's sigaction(2) and signal(2) for SIGPROF change only what
 * our handler passes on to: a host that set its own handler, or the default, would otherwise be hit by our timers.
 * Context: ordinary code of any thread; sp_host_sigaction also in a signal handler of the host's (it waits for nothing
 * but another call of itself on another thread).
 */
#ifndef SIGPROF_SESSION_HOST_HANDLER_H
#define SIGPROF_SESSION_HOST_HANDLER_H

#include <signal.h>
#include <stdbool.h>

/* Puts our handler in front of the host's, which is remembered. 0 or -errno of sigaction(2). */
int sp_host_handler_take(void);

/*
 * Puts our handler in front again where the host has set its own past our sigaction: by a system call, as Go's runtime
 * does without cgo, or where our sigaction is not in front of libc's (libsigprof.a). What is not ours goes to the
 * host's from then on. Ordinary code, while a session runs. 0 or -errno of sigaction(2).
 */
int sp_host_handler_keep(void);

/*
 * Gives SIGPROF back to the host's handler. Where the host has none, and so SIGPROF would end the process, ours stays
 * and does nothing: a signal may still be on its way.
 */
void sp_host_handler_give_back(void);

/* In a forked child, where there is one thread: what was remembered of the parent's handler is the child's now. */
void sp_host_handler_in_child(void);

/* Whether a handler of the host's own would run at a SIGPROF that is not ours. */
bool sp_host_has_handler(void);

/*
 * sigaction(2) of SIGPROF as the host means it. False, and nothing done, when our handler is not installed, or in a
 * process that shares our memory and has dispositions of its own, as vfork's child: then it is the kernel's business.
 */
bool sp_host_sigaction(const struct sigaction *action, struct sigaction *before);

#endif
