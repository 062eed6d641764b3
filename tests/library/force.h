/*
 * Samples on demand, through the real handler: a signal that looks like the thread's own timer's. For programs that are
 * linked with libsigprof.a, where the handler's inside can be seen.
 */
#ifndef SIGPROF_TESTS_FORCE_H
#define SIGPROF_TESTS_FORCE_H

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handler/entry.h"
#include "handler/threads.h"
#include "handler/trigger.h"
#include "require.h"

/* The cookie of a thread's timer; 0: it has no slot. */
static inline uint64_t cookie_of_thread(pid_t tid)
{
    const uint32_t slot = sp_segment_find(&sp_handler.segment, tid);
    if (slot == 0)
        return 0;
    return sp_cookie(slot, sp_load_relaxed(&sp_segment_slot(&sp_handler.segment, slot)->generation));
}

/* 0, or -1 when the thread is gone. */
static inline int force_sample(pid_t tid, uint64_t cookie)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGPROF;
    info.si_code = SI_TIMER;
    info.si_value.sival_ptr = (void *)(uintptr_t)cookie;
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGPROF, &info) == 0 ? 0 : -1;
}

/* From now on only forced samples. */
static inline void stop_all_timers(void)
{
    const int32_t timer = sp_exchange_seq_cst(&sp_handler.process_timer, -1);
    if (timer >= 0)
        syscall(SYS_timer_delete, timer);
    for (uint32_t slot = 1; slot < sp_segment_slots(&sp_handler.segment); slot++)
        if (sp_load_relaxed(&sp_segment_slot(&sp_handler.segment, slot)->state) == SP_SLOT_LIVE)
            sp_trigger_stop(&sp_handler.segment, slot);
}

#endif
