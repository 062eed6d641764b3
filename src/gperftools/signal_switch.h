/*
 * A signal that turns profiling on and off.
 *
 * Starting and stopping is nothing for a signal handler, which may have interrupted malloc. So the handler only counts,
 * and a thread of ours does the work. It exists only where CPUPROFILESIGNAL asks for it.
 *
 * Place: gperftools. Context: ordinary code, one thread at a time.
 */
#ifndef SIGPROF_GPERFTOOLS_SIGNAL_SWITCH_H
#define SIGPROF_GPERFTOOLS_SIGNAL_SWITCH_H

/*
 * From now on each signal of the number that `text` names calls `toggle`, on another thread. 0, -EINVAL (no number of a
 * signal that can be used), -EBUSY (the program has a handler for it), or the error of pthread_create(3).
 */
int sp_signal_switch_install(const char *text, void (*toggle)(void));

/* In a forked child, whose only thread is the caller: the same there. Nothing where none is installed. */
void sp_signal_switch_in_child(void);

#endif
