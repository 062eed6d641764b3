/*
 * pidfd and CPU clock of a process.
 *
 * Place: see process_handle.h. Context: ordinary code of one thread.
 */
#include "process_handle.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/proc_files.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* The peer's own pidfd where the kernel has it; else one of its pid, which it had when it connected. */
static int open_pidfd(int socket_fd, pid_t pid)
{
    int pidfd = -1;
    socklen_t length = sizeof pidfd;
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0)
        return pidfd;
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

void sp_process_open_peer(struct sp_process_handle *process, int socket_fd)
{
    struct ucred peer = {0};
    socklen_t length = sizeof peer;
    *process = (struct sp_process_handle){.pidfd = -1};
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid <= 0)
        return;
    process->pid = peer.pid;
    process->pidfd = open_pidfd(socket_fd, peer.pid);
    process->ended = process->pidfd < 0 && errno == ESRCH;
}

void sp_process_close(struct sp_process_handle *process)
{
    if (process->pidfd >= 0)
        close(process->pidfd);
    process->pidfd = -1;
}

/* Whether the pid still is the process's: not reaped. */
static bool has_pid(const struct sp_process_handle *process)
{
    if (process->pidfd < 0)
        return kill(process->pid, 0) == 0 || errno == EPERM;
    return syscall(SYS_pidfd_send_signal, process->pidfd, 0, NULL, 0) == 0 || errno == EPERM;
}

static bool is_running(const struct sp_process_handle *process)
{
    struct pollfd polled = {.fd = process->pidfd, .events = POLLIN};
    if (process->pidfd < 0)
        return has_pid(process);
    return poll(&polled, 1, 0) == 0;
}

void sp_process_look(struct sp_process_handle *process)
{
    uint64_t cpu_ns;
    if (process->ended)
        return;
    process->ended = process->pid == 0 || !is_running(process);
    /* The clock first: what still has the pid after it had it during it. */
    if (process->pid != 0 && sp_proc_cpu_ns(process->pid, &cpu_ns) && has_pid(process))
        process->cpu_ns = cpu_ns;
}
