/*
 * The command that `record` runs.
 *
 * Place: cli. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_CLI_CHILD_H
#define SIGPROF_CLI_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What is set for the child alone. */
struct sp_child_setup {
    const char *path;     /* the program */
    char *const *argv;    /* NULL-terminated */
    const char *preload;  /* the preload library */
    const char *variable; /* the value of SP_HANDOVER_VARIABLE */
    bool is_stdout_taken; /* our stdout is for the profile: the child's goes to stderr */
};

/*
 * Starts the child and blocks the signals that `record` reads from a signalfd, which is stored in `*signals`. The
 * child gets them as they were. Returns its pid, or the -errno of fork(2) or exec(3).
 */
pid_t sp_child_start(const struct sp_child_setup *setup, int *signals);

/*
 * Passes on what the signalfd has: signals that were sent to us alone go to the child; those of the terminal have
 * reached it already, since it is of our process group. `child` 0: it is gone; whether a signal was there that now is
 * for us. Whether the child may have ended is for sp_child_has_ended.
 */
bool sp_child_forward_signals(int signals, pid_t child);

/* Whether the child has ended; it is not reaped. */
bool sp_child_has_ended(pid_t child);

/* CPU time in ns that the kernel accounts to the child's own threads, ended ones too; 0 when it cannot be told. */
uint64_t sp_child_cpu_ns(pid_t child);

/*
 * Reaps the ended child: its wait status. `*tree_cpu_ns` is the CPU time of the child and of all descendants that were
 * waited for, each by its parent.
 */
int sp_child_reap(pid_t child, uint64_t *tree_cpu_ns);

#endif
