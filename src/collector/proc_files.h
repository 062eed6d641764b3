/*
 * What the kernel tells of a process and its threads: /proc and the CPU clocks.
 *
 * Place: collector, beside the segment; what the process itself says is in the segment, what is here it cannot forge.
 * Context: ordinary code of any thread. A process or thread that is gone makes the functions return false or 0.
 */
#ifndef SIGPROF_COLLECTOR_PROC_FILES_H
#define SIGPROF_COLLECTOR_PROC_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How a thread deals with SIGPROF. */
struct sp_proc_sigprof {
    bool is_blocked, is_ignored;
};

/* CPU time in ns of all threads of the process, ended ones too. Works until the process is reaped. */
bool sp_proc_cpu_ns(pid_t pid, uint64_t *cpu_ns);

/* CPU time in ns of a thread: exact in the caller's own process, elsewhere behind by up to one tick. */
bool sp_proc_thread_cpu_ns(pid_t pid, int32_t tid, uint64_t *cpu_ns);

/* CPU time in ns that the thread spent in user code; of the kernel's coarse kind, in its unit of 10 ms. */
bool sp_proc_thread_user_ns(pid_t pid, int32_t tid, uint64_t *user_ns);

/* The thread's name, which fits 17 bytes; cut to `bytes`. Touched in any case. */
bool sp_proc_thread_name(pid_t pid, int32_t tid, char *name, size_t bytes);

bool sp_proc_thread_sigprof(pid_t pid, int32_t tid, struct sp_proc_sigprof *sigprof);

/* Whether the thread is there, as a zombie too. */
bool sp_proc_has_thread(pid_t pid, int32_t tid);

/* How many threads the process has. Cheap. */
uint64_t sp_proc_count_threads(pid_t pid);

/* A growing list of tids. */
struct sp_tids {
    int32_t *at;
    size_t n, capacity;
};

/* The tids of the process, ascending, in place of what is in the list. False when the list is not complete. */
bool sp_proc_list_threads(pid_t pid, struct sp_tids *tids);

/* Whether an ascending list has the tid. */
bool sp_tids_have(const struct sp_tids *tids, int32_t tid);

#endif
