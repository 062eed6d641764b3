/*
 * gperf_calls MODE [ARGUMENT...]: calls of gperftools' libprofiler, whichever is loaded. It is built with its header.
 *
 *   results        each call in each state: what it returns and does; two profiles, a.prof and d.prof
 *   profile FILE   a profile of 300 ms, a tenth of it in another function; what is known of it before it is stopped
 *   filter FILE    two threads of 200 ms each, and a filter that wants one of them
 *   flush FILE     flushes a profile, and dies of SIGKILL
 *   fork FILE      a forked child, and the child's own profile in FILE.child
 *   daemon FILE    between start and stop it goes to another directory and closes all descriptors but stdout and stderr
 *   switch N       raises signal N three times, with work between, and waits for each to have an effect
 *   worker N       the same in a forked child
 *   handled N      the same signal, which the program handles: N is 1 when it arrives
 *   trace          ProfilerGetStackTrace in a handler: names, innermost first
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gperftools/profiler.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu_work.h"

enum { MS = 1000000, FRAMES = 64 };

static volatile uint64_t sinks[2];

__attribute__((noinline)) static void gperf_spin(int64_t ms)
{
    work_cpu_ns(ms * MS, &sinks[0]);
}

__attribute__((noinline)) static void gperf_other(int64_t ms)
{
    work_cpu_ns(ms * MS, &sinks[1]);
}

static void print_state(const char *when)
{
    struct ProfilerState state;
    memset(&state, 7, sizeof state);
    ProfilerGetCurrentState(&state);
    const time_t age = time(NULL) - state.start_time;
    printf("%s: enabled=%d for all=%d started=%d name=%s has_samples=%d\n", when, state.enabled,
           ProfilingIsEnabledForAllThreads(),
           state.start_time != 0 && age >= 0 && age<60, state.profile_name, state.samples_gathered> 0);
}

static void print_start(const char *path)
{
    errno = 0;
    const int result = ProfilerStart(path);
    printf("start %s: %d %s\n", path != NULL ? path : "NULL", result,
           result == 0 && path != NULL ? strerror(errno) : "");
}

static int print_results(void)
{
    const struct ProfilerOptions none = {0};
    print_state("at first");
    print_start("/nonexistent/x");
    print_start("");
    print_start("/");
    print_start(NULL);
    ProfilerStop();
    ProfilerFlush();
    print_state("after calls that have no effect");
    printf("start a.prof: %d\n", ProfilerStart("a.prof"));
    printf("another: %d\n", ProfilerStart("b.prof"));
    printf("b.prof is there: %d\n", access("b.prof", F_OK) == 0);
    gperf_spin(100);
    ProfilerDisable();
    ProfilerFlush();
    print_state("disabled");
    ProfilerEnable();
    ProfilerRegisterThread();
    print_state("running");
    ProfilerStop();
    print_state("stopped");
    ProfilerStop();
    printf("with options: %d\n", ProfilerStartWithOptions("d.prof", &none));
    gperf_spin(100);
    return 0; /* d.prof is written at the exit */
}

static int profile(const char *path)
{
    struct ProfilerState state;
    if (ProfilerStart(path) == 0)
        return 1;
    gperf_spin(270);
    gperf_other(30);
    ProfilerGetCurrentState(&state);
    ProfilerStop();
    printf("gathered=%d\n", state.samples_gathered);
    print_rusage();
    return 0;
}

static __thread int is_wanted;

static int filter(void *argument)
{
    errno = EDOM; /* not to be seen by whom it interrupts */
    return *(int *)argument == 42 && is_wanted;
}

static void *run_wanted(void *errors)
{
    is_wanted = 1;
    errno = 0;
    gperf_spin(200);
    *(int *)errors += errno != 0;
    return NULL;
}

static void *run_other(void *errors)
{
    errno = 0;
    gperf_other(200);
    *(int *)errors += errno != 0;
    return NULL;
}

static int profile_filtered(const char *path)
{
    static int argument = 42, errors[2];
    const struct ProfilerOptions options = {filter, &argument};
    pthread_t threads[2];
    if (ProfilerStartWithOptions(path, &options) == 0 ||
        pthread_create(&threads[0], NULL, run_wanted, &errors[0]) != 0 ||
        pthread_create(&threads[1], NULL, run_other, &errors[1]) != 0)
        return 1;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    ProfilerStop();
    printf("errors=%d\n", errors[0] + errors[1]);
    return 0;
}

static int flush_and_die(const char *path)
{
    if (ProfilerStart(path) == 0)
        return 1;
    gperf_spin(200);
    ProfilerFlush();
    gperf_other(100);
    return raise(SIGKILL);
}

/* The child returns from main, as a library's destructor likes it. */
static int profile_and_fork(const char *path)
{
    char child_path[1024];
    snprintf(child_path, sizeof child_path, "%s.child", path);
    if (ProfilerStart(path) == 0)
        return 1;
    gperf_spin(100);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        printf("child started=%d\n", ProfilerStart(child_path));
        gperf_other(200);
        return 0;
    }
    waitpid(child, NULL, 0);
    gperf_spin(100);
    ProfilerStop();
    return 0;
}

static int be_daemon(const char *path)
{
    if (ProfilerStart(path) == 0 || chdir("/") != 0)
        return 1;
    gperf_spin(100);
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    const int first = open("/dev/null", O_RDONLY);
    gperf_spin(100);
    ProfilerStop();
    printf("first=%d\n", first);
    return 0;
}

/* For ten seconds at most. */
static int wait_for(int is_enabled)
{
    for (int i = 0; i < 10000 && (ProfilingIsEnabledForAllThreads() != 0) != is_enabled; i++)
        usleep(1000);
    return (ProfilingIsEnabledForAllThreads() != 0) == is_enabled;
}

static int switch_by(int number)
{
    int is_good = !ProfilingIsEnabledForAllThreads();
    for (int i = 0; i < 3; i++) {
        gperf_other(50);
        raise(number);
        is_good &= wait_for(i % 2 == 0);
        gperf_spin(150);
    }
    printf("good=%d\n", is_good);
    return 0; /* the second profile is written at the exit */
}

static int switch_in_child(int number)
{
    const pid_t child = fork();
    if (child == 0)
        return switch_by(number);
    printf("child=%d\n", (int)child);
    return waitpid(child, NULL, 0) != child;
}

static volatile sig_atomic_t arrived;

static void note(int number)
{
    arrived = number;
}

static int handle(int number)
{
    signal(number, note);
    raise(number);
    usleep(100000);
    printf("arrived=%d enabled=%d\n", arrived == number, ProfilingIsEnabledForAllThreads());
    return 0;
}

static void *frames[FRAMES], *without_two[FRAMES];
static int n_frames, n_without_two;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    n_frames = ProfilerGetStackTrace(frames, FRAMES, 0, context);
    n_without_two = ProfilerGetStackTrace(without_two, FRAMES, 2, context);
}

/* Those that dladdr(3) is to know. */
__attribute__((noinline, visibility("default"))) void gperf_inner(void);
__attribute__((noinline, visibility("default"))) void gperf_outer(void);

void gperf_inner(void)
{
    raise(SIGPROF);
    n_frames++; /* not the last thing that it does */
    n_without_two++;
}

void gperf_outer(void)
{
    gperf_inner();
    n_frames--;
    n_without_two--;
}

static int print_trace(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGPROF, &action, NULL);
    gperf_outer();
    printf("deeper by %d\n", n_frames - n_without_two);
    for (int i = 0; i < n_without_two; i++) {
        Dl_info found = {0};
        dladdr((char *)without_two[i] - 1, &found);
        printf("%s\n", found.dli_sname != NULL ? found.dli_sname : "?");
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const char *path);
    } modes[] = {{"profile", profile},
                 {"filter", profile_filtered},
                 {"flush", flush_and_die},
                 {"fork", profile_and_fork},
                 {"daemon", be_daemon}};
    const char *mode = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(mode, "results") == 0)
        return print_results();
    if (strcmp(mode, "switch") == 0)
        return switch_by(atoi(argument));
    if (strcmp(mode, "worker") == 0)
        return switch_in_child(atoi(argument));
    if (strcmp(mode, "handled") == 0)
        return handle(atoi(argument));
    if (strcmp(mode, "trace") == 0)
        return print_trace();
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(mode, modes[i].name) == 0)
            return modes[i].run(argument);
    return 2;
}
