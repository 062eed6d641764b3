/*
 * fork, exec, signals, wait.
 *
 * Place: see child.h. Context: ordinary code of one thread.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "session/handover.h"

static const int watched[] = {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

static sigset_t watched_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (unsigned i = 0; i < sizeof watched / sizeof watched[0]; i++)
        sigaddset(&set, watched[i]);
    return set;
}

/* Behind what is preloaded already: a sanitizer's runtime has to be the first. */
static bool set_environment(const struct sp_child_setup *setup)
{
    const char *before = getenv("LD_PRELOAD");
    char *joined;
    const bool is_alone = before == NULL || *before == '\0';
    if (asprintf(&joined, "%s%s%s", is_alone ? "" : before, is_alone ? "" : ":", setup->preload) < 0)
        return false;
    return setenv("LD_PRELOAD", joined, 1) == 0 && setenv(SP_HANDOVER_VARIABLE, setup->variable, 1) == 0;
}

/* In the child; returns only on failure. */
static int become(const struct sp_child_setup *setup, const sigset_t *mask)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGPIPE, &standard, NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (setup->is_stdout_taken && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return errno;
    if (!set_environment(setup))
        return ENOMEM;
    execvp(setup->path, setup->argv); /* the path has a slash: no search, but scripts without #! run in a shell */
    return errno;
}

/* The child's exec closes the pipe, or its errno comes through. */
static int wait_for_exec(int end)
{
    int error = 0;
    ssize_t got;
    do
        got = read(end, &error, sizeof error);
    while (got < 0 && errno == EINTR);
    close(end);
    return got == (ssize_t)sizeof error ? error : 0;
}

pid_t sp_child_start(const struct sp_child_setup *setup, int *signals)
{
    int ends[2];
    sigset_t mask;
    const sigset_t set = watched_set();
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    sigprocmask(SIG_BLOCK, &set, &mask);
    sigaction(SIGPIPE, &ignore, NULL); /* a reader of our output that went away is an error, not an end */
    *signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    const pid_t child = *signals < 0 ? -1 : fork();
    if (child < 0) {
        const int error = -errno;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    if (child == 0) {
        const int error = become(setup, &mask);
        (void)!write(ends[1], &error, sizeof error);
        _exit(127);
    }
    close(ends[1]);
    const int error = wait_for_exec(ends[0]);
    if (error == 0)
        return child;
    waitpid(child, NULL, 0);
    return -error;
}

bool sp_child_forward_signals(int signals, pid_t child)
{
    struct signalfd_siginfo info;
    bool has_any = false;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (child != 0 && info.ssi_code <= 0) /* by kill(2) or sigqueue(3), not by the terminal */
            kill(child, (int)info.ssi_signo);
        has_any = has_any || child == 0;
    }
    return has_any;
}

bool sp_child_has_ended(pid_t child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

uint64_t sp_child_cpu_ns(pid_t child)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(child, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static uint64_t ns_of(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_usec * 1000;
}

int sp_child_reap(pid_t child, uint64_t *tree_cpu_ns)
{
    int status = 0;
    struct rusage used = {0};
    while (wait4(child, &status, 0, &used) < 0 && errno == EINTR)
        ;
    *tree_cpu_ns = ns_of(&used.ru_utime) + ns_of(&used.ru_stime);
    return status;
}
