/*
 * sigprof: a sampling CPU profiler inside your process.
 *
 *     sigprof_start(NULL);
 *     work();
 *     sigprof_stop();
 *     sigprof_write_path("work.pb.gz", 0);
 *
 * Start takes stacks of every thread of the process, also of those that know nothing of it; the profile is a gzipped
 * profile.proto, which `sigprof top` and `go tool pprof` read.
 *
 * All functions may be called from any thread, also at the same time, but not from a signal handler and not from a
 * callback of sigprof_write_callback. Each returns 0 or a negative errno value. One session exists per process; a
 * forked child starts without one. SIGPROF belongs to the session while it runs: signals that are not sigprof's own go
 * to the handler that was there before.
 *
 * The shared library stands in front of some of libc's functions: pthread_create, clone, _Fork and _exit, so that
 * threads are known from their first instruction to their last; sigaction and signal, which for SIGPROF set what is
 * done with signals that are not sigprof's own; and close, close_range and closefrom, to which descriptors of perf
 * events are not open. The static library does without: threads are found within 100 ms.
 */
#ifndef LIBSIGPROF_SIGPROF_H
#define LIBSIGPROF_SIGPROF_H

#include <stddef.h>
#include <stdint.h>

#include <sigprof/traceback.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LIBSIGPROF_VERSION "0.1.0"

/* What makes a sample due. */
enum sigprof_trigger {
    /* A timer up to the kernel's tick rate (often 250 Hz), above it a perf event where it is permitted. */
    LIBSIGPROF_TRIGGER_AUTO = 0,
    /* A CPU timer for each thread: one signal a tick at most, the expirations between are its weight. */
    LIBSIGPROF_TRIGGER_TIMER = 1,
    /*
     * A perf event (task-clock, user code alone: kernel.perf_event_paranoid may be 2) and a descriptor for each thread.
     * Time in the kernel is carried by the next sample. Where it is refused, a timer serves: see sigprof_statistics.
     */
    LIBSIGPROF_TRIGGER_PERF = 2,
};

/* Zero-initialised fields mean their defaults. */
struct sigprof_options {
    uint32_t struct_bytes;       /* sizeof(struct sigprof_options), so that later versions can add fields; 0 is fine */
    uint32_t rate_hz;            /* samples per second of CPU time of a thread, 1 to 100 000 */
    uint32_t max_depth;          /* frames per stack, 1 to 4096; default 512; of deeper ones both ends are kept */
    uint32_t trigger;            /* enum sigprof_trigger */
    uint32_t max_threads;        /* alive at once with a timer of their own; default 16383 */
    uint32_t reserved;           /* 0 */
    uint64_t memory_limit_bytes; /* for the memory that handlers write to; default: as much as rate and CPUs ask for */
};

/* The defaults written out: 100 Hz, depth 512, LIBSIGPROF_TRIGGER_AUTO. */
void sigprof_options_init(struct sigprof_options *options);

/*
 * Begins to sample all threads. `options` NULL: the defaults. The last session's profile is dropped.
 *   -EBUSY   a session is running, or is being started or stopped by another thread
 *   -EINVAL  rate_hz above 100 000, or 0 in options that sigprof_options_init has filled in; max_depth, max_threads,
 *            trigger or struct_bytes out of range
 *   -ENOMEM  the memory cannot be had, or memory_limit_bytes is too small
 *   -EAGAIN  the kernel gives no timer at all (RLIMIT_SIGPENDING) or no thread for the collector
 *   -EPERM   the process may not install a signal handler or create a timer (a seccomp filter)
 */
int sigprof_start(const struct sigprof_options *options);

/*
 * Ends sampling. On return no handler of sigprof's is running, all its timers are gone, and SIGPROF is handled as
 * before; only where it had its default action, which ends the process, a handler that does nothing stays, so that a
 * signal still on its way kills nobody. The profile stays until the next start.
 *   -EINVAL  no session is running
 */
int sigprof_stop(void);

/* 1 while a session is running, else 0. */
int sigprof_is_running(void);

/* The ledger: what became of every sample that was due. fired = recorded + lost_busy + lost_full + lost_no_place,
 * exactly, once stopped. */
struct sigprof_statistics {
    uint32_t struct_bytes; /* set by the caller to sizeof(struct sigprof_statistics) */
    uint32_t is_running;   /* 1 or 0 */
    uint64_t period_ns;    /* CPU time that a weight of 1 stands for */
    uint64_t fired;        /* signals that were due to be samples */
    uint64_t fired_weight; /* periods that they stand for: the kernel merges expirations */
    uint64_t recorded;     /* of them, taken */
    uint64_t recorded_weight;
    uint64_t lost_busy; /* lost: all shards locked by other threads' handlers */
    uint64_t lost_full; /* lost: no room in any shard */
    uint64_t
        lost_no_place;    /* lost: owed at the end by a thread that was never sampled and did not say where it began */
    uint64_t lost_memory; /* lost: the profile had reached its memory limit */
    uint64_t stray_signals;   /* SIGPROF that was not ours: not counted as CPU time */
    uint64_t late_signals;    /* of our timers, after the session */
    uint64_t stacks_cut;      /* recorded weight whose stack did not reach the thread's start */
    uint64_t threads_armed;   /* threads that got a timer */
    uint64_t threads_untimed; /* threads that got none: table full, or refused by the kernel */
    uint64_t threads_sampled; /* threads with a sample in the profile */
    uint64_t settled;         /* of those recorded, what threads still owed at their end, put to their start routine */
    uint64_t settled_weight;
    uint32_t trigger;    /* enum sigprof_trigger in use: TIMER or PERF */
    uint32_t perf_error; /* errno with which a perf event was refused first (4096: a seccomp filter is on), or 0 */
    uint64_t threads_unperfed;   /* threads that were to have a perf event, and were refused it */
    uint64_t threads_slowed;     /* threads whose perf event had to be slowed: more signals would leave no time */
    uint64_t tick_ns;            /* the kernel's tick */
    uint64_t tracebacks;         /* calls of the function given to sigprof_set_traceback; of these: */
    uint64_t tracebacks_empty;   /* gave no stack: sigprof has walked it */
    uint64_t tracebacks_garbled; /* gave a word that is no address: the stack ends before it */
    uint64_t tracebacks_overrun; /* wrote behind their buffer: the function is not called any more */
};

/*
 * Fills in the statistics of the running session, or of the last one.
 *   -EINVAL  struct_bytes is not a size that this version knows
 *   -ENODATA there has been no session
 */
int sigprof_statistics(struct sigprof_statistics *statistics);

/* Flags of the writers. */
enum {
    LIBSIGPROF_WRITE_ADDRESSES = 1, /* do not look names up: addresses and build ids only (faster) */
};

/*
 * Writes the profile of the running session so far, or of the last one, to a new file at `path`, which replaces an old
 * one in one step and is never there by half.
 *   -EINVAL  unknown flags    -ENODATA  there has been no session    -ENOMEM
 *   or the error of open(2), write(2), rename(2), for example -EACCES, -ENOSPC
 */
int sigprof_write_path(const char *path, unsigned flags);

/* The same to an open descriptor, which stays open. What was written before an error stays written. */
int sigprof_write_fd(int fd, unsigned flags);

/*
 * The same to a function, which is called with pieces of the file in order, on this thread, until all is given or it
 * returns other than 0, which is then the result. It must not call sigprof.
 */
typedef int sigprof_write_function(void *user, const void *data, size_t bytes);
int sigprof_write_callback(sigprof_write_function *write, void *user, unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
