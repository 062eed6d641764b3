/*
 * A process that is not our child: whether it still is there, and its CPU time.
 *
 * Place: cli, one for each target. A pid alone may be another process's by now; a pidfd (Linux 5.3) cannot. Where there
 * is none to be had, the pid has to do. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_CLI_PROCESS_HANDLE_H
#define SIGPROF_CLI_PROCESS_HANDLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sp_process_handle {
    pid_t pid;  /* as the kernel says, in our pid name space; 0: not known */
    int pidfd;  /* readable when the process has ended; -1: none */
    bool ended; /* found to be so once: from then on the pid may be anybody's */
    uint64_t cpu_ns;
};

/* The process at the other end of a connected Unix socket. Ended by sp_process_close. */
void sp_process_open_peer(struct sp_process_handle *process, int socket_fd);
void sp_process_close(struct sp_process_handle *process);

/*
 * Looks whether the process runs on, and brings cpu_ns up to date: the CPU time of its threads, ended ones too. That
 * can be read until the process is reaped; then cpu_ns keeps what it was at the last look.
 */
void sp_process_look(struct sp_process_handle *process);

#endif
