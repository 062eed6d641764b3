/*
 * A thread gets its slot and gives it back, whatever thread-local storage it has.
 *
 * Place: session, below what knows how the thread came to be (thread_start.h, clone_start.h). Context: any thread while
 * it is not in our handler, in signal handlers of the host too: nothing of libc is called, errno is not touched, and
 * the file is compiled as the handler is, without stack protector and sanitizers, which both look for thread-local
 * storage.
 */
#ifndef SIGPROF_SESSION_BARE_THREAD_H
#define SIGPROF_SESSION_BARE_THREAD_H

#include "handler/threads.h"

/* sp_thread_arm, waiting where it is busy. While a session runs and the caller keeps it running. */
uint32_t sp_session_arm(int32_t tid, const struct sp_birth *birth);

/* Where a thread stands in the table. Slot 0: nowhere. The generations of two sessions differ. */
struct sp_thread_place {
    uint32_t slot, generation;
};

/* Arms the calling thread: where it stands now; nowhere when it was armed already, or no session runs in this process.
 */
struct sp_thread_place sp_session_arm_caller(const struct sp_birth *birth);

/*
 * The calling thread's end: settles its account and gives its slot back. `place` is where it stood when it began; if it
 * stands elsewhere, or that is NULL, it was armed by somebody who did not know its `start_routine` (0: nor does the
 * caller). Nothing happens when it has no slot.
 */
void sp_session_end_caller(const struct sp_thread_place *place, uintptr_t start_routine);

#endif
