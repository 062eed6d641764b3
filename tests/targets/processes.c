/*
 * processes MODE [ARGUMENT...]: becomes several processes, each of which uses CPU time in process_spin and says at its
 * end how much the kernel has counted for it, in all and while it was there: "pid=… self_ns=… spun_ns=…". The first
 * one also says what the kernel has counted for all that were waited for: "tree_ns=…".
 *
 * Modes, most of them with the number of processes and the CPU time of each in ms:
 *   burn MS            one process, for the others to execute
 *   tree N MS          fork(3) in a tree: each process has two children, as long as there are fewer than N
 *   exec, vfork, spawn, system N MS    this program again, by that way
 *   clone, fork-alone N MS             clone(2) without CLONE_THREAD; _Fork(3)
 *   closed N MS        fork(3) after all descriptors but the standard ones have been closed
 *   closed-raw N MS    the same by bare system calls
 *   daemon MS FILE     a daemon that closes every descriptor, forks twice, and leaves its words in FILE
 *   killed MS          a child that is killed while it runs
 *   large MIB N        N children of a process with so much memory touched; they end at once
 *   mask               prints whether SIGPROF is blocked before and after, in parent and child
 *   handler            prints whether its handler of SIGPROF is still there after a vfork child has set another
 *   run COMMAND...     executes it and waits for it
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SPINS = 100000, STACK_BYTES = 65536 };

extern char **environ;
static volatile uint64_t sink;
static const char *self;

__attribute__((noreturn)) static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((noinline)) static void process_spin(void)
{
    uint64_t x = sink | 1;
    for (int i = 0; i < SPINS; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    sink = x;
}

static int64_t spun_ns;

/* Until the process has used so much. */
static void spin_until(int64_t ms)
{
    const int64_t began_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < ms * 1000000)
        process_spin();
    spun_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began_ns;
}

/* One write each, so that the lines of several processes do not mix. */
static void tell(int fd)
{
    char line[100];
    const int n = snprintf(line, sizeof line, "pid=%d self_ns=%lld spun_ns=%lld\n", (int)getpid(),
                           (long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID), (long long)spun_ns);
    if (write(fd, line, (size_t)n) != n)
        _exit(3);
}

static void burn(int64_t ms)
{
    spin_until(ms);
    tell(STDOUT_FILENO);
}

static int64_t used_ns(int who)
{
    struct rusage used;
    getrusage(who, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000000) +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * INT64_C(1000);
}

static void wait_for_all(void)
{
    int status;
    while (wait(&status) > 0)
        if (status != 0)
            fprintf(stderr, "a child ended with status %d\n", status);
}

/* Processes are numbered as in a heap: number i has the children 2 i + 1 and 2 i + 2. */
static void tree(int number, int n, int64_t ms)
{
    for (int child = 2 * number + 1; child <= 2 * number + 2 && child < n; child++) {
        const pid_t pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            tree(child, n, ms);
            exit(0);
        }
    }
    burn(ms);
    wait_for_all();
}

static void execute(const char *ms)
{
    execl(self, self, "burn", ms, (char *)NULL);
    _exit(127);
}

static int on_clone(void *ms)
{
    burn(atoll(ms));
    return 0;
}

static pid_t start_clone(const char *ms)
{
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        fail("mmap");
    return clone(on_clone, stack + STACK_BYTES, SIGCHLD, (void *)(uintptr_t)ms);
}

static pid_t start_spawn(const char *ms)
{
    char *const argv[] = {(char *)(uintptr_t)self, (char[]){"burn"}, (char *)(uintptr_t)ms, NULL};
    pid_t pid;
    errno = posix_spawn(&pid, self, NULL, NULL, argv, environ);
    return errno == 0 ? pid : -1;
}

static pid_t run_system(const char *ms)
{
    char command[4200];
    snprintf(command, sizeof command, "'%s' burn %s", self, ms);
    return system(command) == 0 ? 1 : -1;
}

static pid_t start_one(const char *mode, const char *ms)
{
    pid_t pid = -1;
    if (strcmp(mode, "exec") == 0 || strncmp(mode, "closed", 6) == 0)
        pid = fork();
    else if (strcmp(mode, "vfork") == 0)
        pid = vfork();
    else if (strcmp(mode, "fork-alone") == 0)
        pid = _Fork();
    else if (strcmp(mode, "clone") == 0)
        return start_clone(ms);
    else if (strcmp(mode, "spawn") == 0)
        return start_spawn(ms);
    else
        return run_system(ms);
    if (pid != 0)
        return pid;
    if (strcmp(mode, "exec") == 0 || strcmp(mode, "vfork") == 0)
        execute(ms);
    burn(atoll(ms));
    _exit(0);
}

static void start_many(const char *mode, int n, const char *ms)
{
    for (int i = 0; i < n; i++)
        if (start_one(mode, ms) < 0)
            fail(mode);
    burn(atoll(ms));
    wait_for_all();
}

static void close_all(int from)
{
    for (int fd = from; fd < 1024; fd++)
        close(fd);
}

/* Stevens, "Daemon Processes": two forks, a session between them, and no descriptor left. */
static void become_daemon(int64_t ms, const char *path)
{
    if (fork() != 0)
        return;
    setsid();
    if (fork() != 0)
        _exit(0);
    close_all(0);
    spin_until(ms);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    tell(fd);
    _exit(0);
}

static void kill_running_child(int64_t ms)
{
    const pid_t child = fork();
    clockid_t clock;
    if (child == 0)
        for (;;)
            process_spin();
    if (child < 0 || clock_getcpuclockid(child, &clock) != 0)
        fail("fork");
    while (clock_ns(clock) < ms * 1000000)
        usleep(1000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("pid=%d self_ns=%lld\n", (int)child, (long long)used_ns(RUSAGE_CHILDREN));
    fflush(stdout);
}

/* Small pages: the kernel has a page table to copy for each 2 MiB. */
static void fork_large(size_t mib, int n)
{
    char *memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    madvise(memory, mib << 20, MADV_NOHUGEPAGE);
    memset(memory, 1, mib << 20);
    for (int i = 0; i < n; i++) {
        const pid_t pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid == 0)
            _exit(0);
        if (waitpid(pid, NULL, 0) != pid)
            fail("waitpid");
    }
    printf("forks=%d\n", n);
}

static int is_blocked(void)
{
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, SIGPROF);
}

static void tell_mask(const char *who, int how)
{
    sigset_t profiling;
    sigemptyset(&profiling);
    sigaddset(&profiling, SIGPROF);
    sigprocmask(how, &profiling, NULL);
    const int before = is_blocked();
    const pid_t pid = strcmp(who, "fork") == 0 ? fork() : _Fork();
    const int after = is_blocked();
    if (pid == 0)
        _exit(after);
    int status;
    waitpid(pid, &status, 0);
    printf("%s before=%d parent=%d child=%d\n", who, before, after, WEXITSTATUS(status));
}

static void tell_masks(void)
{
    tell_mask("fork", SIG_UNBLOCK);
    tell_mask("_Fork", SIG_UNBLOCK);
    tell_mask("fork", SIG_BLOCK);
    tell_mask("_Fork", SIG_BLOCK);
}

static void on_signal(int number)
{
    (void)number;
}

static void tell_handler(void)
{
    struct sigaction now;
    signal(SIGPROF, on_signal);
    const pid_t pid = vfork();
    if (pid == 0) {
        signal(SIGPROF, SIG_IGN);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    sigaction(SIGPROF, NULL, &now);
    printf("kept=%d\n", now.sa_handler == on_signal);
}

static void run_command(char **argv)
{
    const pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    wait_for_all();
}

static void run(int argc, char **argv)
{
    const char *mode = argv[1], *last = argv[argc - 1];
    const int n = argc > 2 ? atoi(argv[2]) : 0;
    if (strcmp(mode, "burn") == 0)
        burn(n);
    else if (strcmp(mode, "tree") == 0)
        tree(0, n, atoll(last));
    else if (strcmp(mode, "daemon") == 0)
        become_daemon(n, last);
    else if (strcmp(mode, "killed") == 0)
        kill_running_child(n);
    else if (strcmp(mode, "large") == 0)
        fork_large((size_t)n, atoi(last));
    else if (strcmp(mode, "mask") == 0)
        tell_masks();
    else if (strcmp(mode, "handler") == 0)
        tell_handler();
    else if (strcmp(mode, "run") == 0)
        run_command(argv + 2);
    else
        start_many(mode, n, last);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    self = argv[0];
    if (strcmp(argv[1], "closed-raw") == 0)
        syscall(SYS_close_range, 3, ~0U, 0);
    if (strcmp(argv[1], "closed") == 0)
        close_all(3);
    run(argc, argv);
    if (strcmp(argv[1], "burn") != 0)
        printf("tree_ns=%lld\n", (long long)(used_ns(RUSAGE_SELF) + used_ns(RUSAGE_CHILDREN)));
    return 0;
}
