/*
 * gperftools' calls, and what happens by itself: from load to exit with CPUPROFILE.
 *
 * Place: around the library, in its place. Context: ordinary code of any thread; one mutex guards everything here. It
 * is taken before the library's own, so its fork handlers are registered after that one's and come first.
 *
 * Like gperftools: a profile has its file from the start on, and at the exit it is written by itself. Unlike it: the
 * host is never aborted, a forked child has no part in its parent's profile, and the samples are ours.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gperftools/environment.h"
#include "gperftools/profile_file.h"
#include "gperftools/profiler_abi.h"
#include "gperftools/signal_switch.h"
#include "library/library.h"
#include "sigprof/sigprof.h"

#define PUBLIC __attribute__((visibility("default")))

enum { US_PER_S = 1000000, NS_PER_US = 1000, MAX_DEPTH = 512 };

static struct {
    pthread_mutex_t lock;
    bool is_running;
    bool is_over;   /* the process ends: nothing is started any more */
    bool is_on;     /* by the signal */
    unsigned count; /* of profiles that the signal has begun */
    char *name;
    time_t start_time;
    struct sp_profile_file file;
    struct ProfilerOptions options; /* handlers read it while a session runs */
} the = {.lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, .file.descriptor.fd = -1};

static void before_fork(void)
{
    pthread_mutex_lock(&the.lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&the.lock);
}

/* The profile stays its parent's. The mutex is made anew, since its owner was a thread of another process. */
static void after_fork_in_child(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&the.lock, &attributes);
    if (the.is_running)
        sp_profile_file_close(&the.file);
    free(the.name);
    the.name = NULL;
    the.is_running = the.is_on = false;
    the.count = 0;
    sp_profiler_environment_in_child();
    sp_signal_switch_in_child();
}

static void prepare(void)
{
    if (sp_library_prepare() == 0)
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* False where this thread has it: the program has called from a handler, in the middle of another call. */
static bool enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    return pthread_mutex_lock(&the.lock) == 0;
}

static void leave(void)
{
    pthread_mutex_unlock(&the.lock);
}

/* In the signal handler. What the filter does to errno would be the interrupted code's. */
static int ask(void *argument)
{
    const int saved = errno;
    const int answer = the.options.filter_in_thread(argument);
    errno = saved;
    return answer;
}

/* The period is whole microseconds, as the legacy format tells it: then the totals of both formats are the same. */
static int start_session(uint32_t rate_hz, const struct ProfilerOptions *options)
{
    const struct sp_session_config config = {.period_ns = (uint64_t)(US_PER_S / rate_hz) * NS_PER_US,
                                             .max_depth = MAX_DEPTH};
    the.options = options != NULL ? *options : (struct ProfilerOptions){0};
    const struct sp_library_filter filter = {ask, the.options.filter_in_thread_arg};
    return sp_library_start(&config, the.options.filter_in_thread != NULL ? &filter : NULL);
}

/* With the lock held: 0 or -errno. */
static int start(const char *path, const struct ProfilerOptions *options)
{
    const struct sp_profiler_environment *environment = sp_profiler_environment();
    if (the.is_running || the.is_over)
        return -EBUSY;
    sp_profiler_environment_complain();
    if (environment->is_realtime)
        return -ENOTSUP;
    int error = sp_profile_file_open(path, &the.file);
    if (error != 0)
        return error;
    the.name = strdup(path);
    error = start_session(environment->rate_hz, options);
    if (error != 0) {
        sp_profiler_complain("%s: sampling cannot be started: %s", path, strerror(-error));
        sp_profile_file_close(&the.file);
        free(the.name);
        the.name = NULL;
        return error;
    }
    the.start_time = time(NULL);
    the.is_running = true;
    return 0;
}

PUBLIC int ProfilerStartWithOptions(const char *path, const struct ProfilerOptions *options)
{
    if (!enter())
        return 0;
    const int error = start(path, options);
    leave();
    if (error != 0)
        errno = -error;
    return error == 0;
}

PUBLIC int ProfilerStart(const char *path)
{
    return ProfilerStartWithOptions(path, NULL);
}

/* With the lock held: the profile so far into the file, whose size is returned; or -errno. */
static ssize_t write_profile(void)
{
    struct sp_bytes bytes = {0};
    const struct sp_format *format = sp_profiler_environment()->format;
    int error = sp_library_encode(format, format->has_names ? 0 : LIBSIGPROF_WRITE_ADDRESSES, &bytes);
    if (error == 0)
        error = sp_profile_file_write(&the.file, bytes.at, bytes.n);
    const ssize_t size = (ssize_t)bytes.n;
    sp_bytes_done(&bytes);
    return error == 0 ? size : error;
}

static void tell_result(ssize_t size)
{
    struct sp_ledger ledger = {0};
    char filtered[64] = "";
    sp_library_ledger(&ledger);
    if (ledger.filtered.weight > 0)
        snprintf(filtered, sizeof filtered, ", and %" PRIu64 " filtered out", ledger.filtered.weight);
    if (size >= 0)
        dprintf(STDERR_FILENO, "PROFILE: samples/lost/bytes = %" PRIu64 "/%" PRIu64 "/%zd%s\n", ledger.collected.weight,
                sp_ledger_lost(&ledger), size, filtered);
    else
        sp_profiler_complain("%s: the profile cannot be written: %s", the.name != NULL ? the.name : "?",
                             strerror((int)-size));
}

/* With the lock held. */
static void stop(void)
{
    if (!the.is_running)
        return;
    sigprof_stop();
    ssize_t size = write_profile();
    const int error = sp_profile_file_close(&the.file);
    if (size >= 0 && error != 0)
        size = error;
    tell_result(size);
    free(the.name);
    the.name = NULL;
    the.is_running = false;
}

PUBLIC void ProfilerStop(void)
{
    if (!enter())
        return;
    stop();
    leave();
}

/* A pipe would get the profile twice. */
PUBLIC void ProfilerFlush(void)
{
    if (!enter())
        return;
    if (the.is_running && the.file.can_be_rewritten) {
        const ssize_t size = write_profile();
        if (size < 0)
            tell_result(size);
    }
    leave();
}

PUBLIC int ProfilingIsEnabledForAllThreads(void)
{
    if (!enter())
        return 0;
    const bool is_running = the.is_running;
    leave();
    return is_running;
}

/* Those that are going to be in the file. With a filter, how many that are is known once they are collected. */
static int count_samples(void)
{
    struct sp_ledger ledger = {0};
    sp_library_ledger(&ledger);
    const uint64_t n = the.options.filter_in_thread != NULL ? ledger.collected.weight : ledger.recorded.weight;
    return n < INT_MAX ? (int)n : INT_MAX;
}

PUBLIC void ProfilerGetCurrentState(struct ProfilerState *state)
{
    memset(state, 0, sizeof *state);
    if (!enter())
        return;
    if (the.is_running) {
        state->enabled = 1;
        state->start_time = the.start_time;
        state->samples_gathered = count_samples();
        snprintf(state->profile_name, sizeof state->profile_name, "%s", the.name != NULL ? the.name : "");
    }
    leave();
}

PUBLIC void ProfilerRegisterThread(void) {}

PUBLIC void ProfilerEnable(void) {}

PUBLIC void ProfilerDisable(void) {}

/* Of a profile that the environment asks for, nobody looks at the result. */
static bool start_and_tell(const char *path)
{
    if (ProfilerStart(path) != 0)
        return true;
    if (errno != ENOTSUP)
        sp_profiler_complain("%s: no profile can be made: %s", path, strerror(errno));
    return false;
}

static void toggle(void)
{
    char *path;
    if (the.is_on) {
        the.is_on = false;
        ProfilerStop();
    } else if (asprintf(&path, "%s.%u", sp_profiler_environment()->path, the.count) >= 0) {
        the.is_on = start_and_tell(path);
        the.count++;
        free(path);
    }
}

static void install_switch(const char *signal_text)
{
    const int error = sp_signal_switch_install(signal_text, toggle);
    if (error == -EINVAL)
        sp_profiler_complain("CPUPROFILESIGNAL=%s is no signal that can start and stop a profile", signal_text);
    else if (error == -EBUSY)
        sp_profiler_complain("CPUPROFILESIGNAL=%s: the program handles that signal itself, so it will not start a "
                             "profile",
                             signal_text);
    else if (error != 0)
        sp_profiler_complain("CPUPROFILESIGNAL=%s: %s", signal_text, strerror(-error));
}

__attribute__((constructor)) static void begin(void)
{
    const int saved = errno;
    const struct sp_profiler_environment *environment = sp_profiler_environment();
    if (environment->path != NULL && environment->switch_signal != NULL) {
        enter(); /* registers what a fork does */
        leave();
        install_switch(environment->switch_signal);
    } else if (environment->path != NULL) {
        start_and_tell(environment->path);
    } else if (environment->is_privileged && getenv("CPUPROFILE") != NULL) {
        sp_profiler_complain("CPUPROFILE is not heeded in a program that has other rights than its user");
    }
    errno = saved;
}

/* At the exit. In the child of vfork it does not run: that has _exit and exec alone. */
__attribute__((destructor)) static void end(void)
{
    if (!enter())
        return;
    the.is_over = true;
    stop();
    leave();
}
