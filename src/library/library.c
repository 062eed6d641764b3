/*
 * The public API: a session with its collector as a thread of this process.
 *
 * Place: around the whole way of a sample. Context: ordinary code of any thread. One mutex guards everything here; the
 * handler knows nothing of it. The collector thread holds it only while it drains.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "collector/collector.h"
#include "formats/formats.h"
#include "library/library.h"
#include "library/plugin_names.h"
#include "session/fork.h"
#include "session/host_handler.h"
#include "session/own_descriptors.h"
#include "session/session.h"
#include "session/thread_start.h"
#include "session/traceback_buffers.h"
#include "sigprof/sigprof.h"
#include "symbolize/symbolize.h"
#include "util/clock.h"
#include "util/output_file.h"

#define PUBLIC __attribute__((visibility("default")))

/* Files that only a descriptor leads to: the limit is the host's. */
enum { IMAGE_DESCRIPTORS = 64 };
enum { DEFAULT_HZ = 100, MAX_HZ = 100000, DEFAULT_DEPTH = 512 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* the collector thread waits here, by CLOCK_MONOTONIC */
    bool is_running, is_stopping, has_wake, has_begun;
    pthread_t thread;
    struct sp_collector *collector;                            /* of this session or the last one */
    struct sp_images *images;                                  /* the collector's; or NULL */
    struct sp_target *target;                                  /* NULL once stopped */
    int64_t started_ns, stopped_ns;                            /* CLOCK_MONOTONIC */
    sigprof_plugin_function *traceback, *context, *symbolizer; /* the host's; NULL: not set */
} the = {.lock = PTHREAD_MUTEX_INITIALIZER};

PUBLIC void sigprof_options_init(struct sigprof_options *options)
{
    *options = (struct sigprof_options){
        .struct_bytes = sizeof *options,
        .rate_hz = DEFAULT_HZ,
        .max_depth = DEFAULT_DEPTH,
    };
}

/* Fills in what was left out and checks the rest. */
static int config_of(const struct sigprof_options *options, struct sp_session_config *config)
{
    struct sigprof_options given;
    sigprof_options_init(&given);
    if (options != NULL) {
        if (options->struct_bytes != 0 && options->struct_bytes != sizeof *options)
            return -EINVAL;
        given = *options;
        if (given.struct_bytes == 0 && given.rate_hz == 0)
            given.rate_hz = DEFAULT_HZ; /* zeroed options; in filled-in ones it is an error */
        if (given.rate_hz == 0 || given.rate_hz > MAX_HZ || given.trigger > LIBSIGPROF_TRIGGER_PERF ||
            given.max_depth > SP_DEPTH_LIMIT || given.max_threads >= SP_SLOTS_LIMIT)
            return -EINVAL;
        if (given.max_depth == 0)
            given.max_depth = DEFAULT_DEPTH;
    }
    *config = (struct sp_session_config){
        .period_ns = 1000000000 / given.rate_hz,
        .max_depth = given.max_depth,
        .max_threads = given.max_threads,
        .memory_bytes = given.memory_limit_bytes,
        .trigger = given.trigger,
    };
    return 0;
}

static void free_collector(void)
{
    sp_collector_free(the.collector);
    sp_images_free(the.images);
    the.collector = NULL;
    the.images = NULL;
    the.target = NULL;
}

static struct sp_collector *new_collector(const struct sp_session_config *config)
{
    const struct sp_images_limits limits = {
        .held = IMAGE_DESCRIPTORS, .is_sparing = true, .lowest = SP_LOWEST_DESCRIPTOR};
    the.collector = sp_collector_new(config->period_ns, 0);
    the.images = sp_images_new(&limits);
    if (the.collector != NULL)
        sp_collector_use_images(the.collector, the.images);
    return the.collector;
}

/* Waits an interval, or until stop wakes us. */
static void pause_collecting(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += SP_COLLECTOR_INTERVAL_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!the.is_stopping && pthread_cond_timedwait(&the.wake, &the.lock, &until) != ETIMEDOUT)
        ;
}

static void *collect(void *unused)
{
    (void)unused;
    sp_session_begin_thread((uintptr_t)collect, 0); /* in a static program nobody else does it */
    prctl(PR_SET_NAME, "sigprof");
    pthread_mutex_lock(&the.lock);
    the.has_begun = true;
    pthread_cond_broadcast(&the.wake);
    while (!the.is_stopping) {
        pause_collecting();
        if (the.is_stopping)
            break;
        sp_host_handler_keep();
        sp_collector_drain(the.target);
    }
    pthread_mutex_unlock(&the.lock);
    return NULL;
}

/* On return the thread is armed, and collects. */
static int start_collector_thread(void)
{
    sigset_t all, before;
    the.is_stopping = the.has_begun = false;
    if (!the.has_wake) {
        pthread_condattr_t attributes;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&the.wake, &attributes);
        pthread_condattr_destroy(&attributes);
        the.has_wake = true;
    }
    /* The host's signals are for its own threads. SIGPROF stays: our CPU time is part of the process's. */
    sigfillset(&all);
    sigdelset(&all, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&the.thread, NULL, collect, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    while (error == 0 && !the.has_begun)
        pthread_cond_wait(&the.wake, &the.lock);
    return -error;
}

static void before_fork(void)
{
    pthread_mutex_lock(&the.lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&the.lock);
}

/* The child has neither the collector thread nor a session; it keeps no profile of its parent's either. */
static void after_fork_in_child(void)
{
    free_collector();
    the.is_running = the.is_stopping = the.has_wake = false;
    pthread_mutex_unlock(&the.lock);
}

static void register_fork_hooks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* STARTING → RUNNING; on failure everything is undone. */
static int run(const struct sp_session_config *config, const struct sp_library_filter *filter)
{
    free_collector();
    if (new_collector(config) == NULL)
        return -ENOMEM;
    if (filter != NULL) {
        sp_session_set_filter(filter->ask, filter->argument);
        sp_collector_expect_filter(the.collector);
    }
    the.target = sp_collector_attach(the.collector, sp_session_segment(), getpid(), NULL);
    if (the.target == NULL)
        return -ENOMEM;
    int error = the.traceback != NULL ? sp_session_use_traceback(the.traceback) : 0;
    if (error == 0)
        error = sp_session_run();
    if (error != 0)
        return error;
    error = sp_session_has_trigger() ? start_collector_thread() : -EAGAIN;
    if (error != 0)
        sp_session_stop();
    return error;
}

/* With the lock held. */
static int start(const struct sp_session_config *config, const struct sp_library_filter *filter)
{
    int error = sp_session_create(config, NULL);
    if (error != 0)
        return error;
    error = run(config, filter);
    if (error != 0) {
        free_collector();
        sp_session_destroy();
        return error;
    }
    the.started_ns = sp_now_ns();
    the.is_running = true;
    return 0;
}

int sp_library_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once,
                 register_fork_hooks); /* ours runs before the session's in the child: it still reads the segment */
    return sp_fork_prepare(NULL);
}

int sp_library_start(const struct sp_session_config *config, const struct sp_library_filter *filter)
{
    int error = sp_library_prepare();
    if (error != 0)
        return error;
    pthread_mutex_lock(&the.lock);
    error = start(config, filter);
    pthread_mutex_unlock(&the.lock);
    return error;
}

PUBLIC int sigprof_start(const struct sigprof_options *options)
{
    struct sp_session_config config;
    const int error = config_of(options, &config);
    return error != 0 ? error : sp_library_start(&config, NULL);
}

static bool is_other(sigprof_plugin_function *set, sigprof_plugin_function *given)
{
    return set != NULL && set != given;
}

PUBLIC int sigprof_set_traceback(int version, sigprof_plugin_function *traceback, sigprof_plugin_function *context,
                                 sigprof_plugin_function *symbolizer)
{
    if (version != 0)
        return -EINVAL;
    pthread_mutex_lock(&the.lock);
    const bool is_taken =
        is_other(the.traceback, traceback) || is_other(the.context, context) || is_other(the.symbolizer, symbolizer);
    int error = is_taken ? -EEXIST : 0;
    if (error == 0 && the.is_running && traceback != NULL)
        error = sp_session_use_traceback(traceback);
    if (error == 0) {
        the.traceback = traceback;
        the.context = context;
        the.symbolizer = symbolizer;
    }
    pthread_mutex_unlock(&the.lock);
    return error;
}

/* With the lock held, and given up while the collector thread ends. */
static void stop_collecting(void)
{
    const pthread_t thread = the.thread;
    the.is_stopping = true;
    pthread_cond_signal(&the.wake);
    pthread_mutex_unlock(&the.lock);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&the.lock);
    sp_collector_drain_last(the.target);
    sp_collector_read_maps(the.target);
    sp_collector_detach(the.target);
    the.target = NULL;
}

PUBLIC int sigprof_stop(void)
{
    pthread_mutex_lock(&the.lock);
    if (the.is_running)
        sp_collector_look(the.target);
    const int error = the.is_running ? sp_session_stop() : -EINVAL;
    if (error == 0) {
        the.is_running = false;
        the.stopped_ns = sp_now_ns();
        stop_collecting();
        sp_session_destroy();
    }
    pthread_mutex_unlock(&the.lock);
    return error;
}

PUBLIC int sigprof_is_running(void)
{
    pthread_mutex_lock(&the.lock);
    const bool is_running = the.is_running;
    pthread_mutex_unlock(&the.lock);
    return is_running;
}

static void fill_statistics(const struct sp_ledger *ledger, struct sigprof_statistics *statistics)
{
    uint64_t stray, late;
    sp_session_signals(&stray, &late);
    *statistics = (struct sigprof_statistics){
        .struct_bytes = sizeof *statistics,
        .is_running = the.is_running,
        .period_ns = ledger->period_ns,
        .fired = ledger->fired.deliveries,
        .fired_weight = ledger->fired.weight,
        .recorded = ledger->recorded.deliveries,
        .recorded_weight = ledger->recorded.weight,
        .lost_busy = ledger->lost[SP_LOSS_BUSY].deliveries,
        .lost_full = ledger->lost[SP_LOSS_FULL].deliveries,
        .lost_no_place = ledger->lost[SP_LOSS_NO_PLACE].deliveries,
        .lost_memory = ledger->over_memory.deliveries,
        .stray_signals = ledger->stray + stray,
        .late_signals = late,
        .stacks_cut = sp_ledger_cut(ledger),
        .threads_armed = ledger->threads_armed,
        .threads_untimed = ledger->slots_full + ledger->timers_refused,
        .threads_sampled = ledger->threads_sampled,
        .settled = ledger->settled.deliveries,
        .settled_weight = ledger->settled.weight,
        .trigger =
            (ledger->trigger_used & 1 << SP_TRIGGER_PERF) != 0 ? LIBSIGPROF_TRIGGER_PERF : LIBSIGPROF_TRIGGER_TIMER,
        .perf_error = (uint32_t)ledger->perf_error,
        .threads_unperfed = ledger->perf_refused,
        .threads_slowed = ledger->perf_slowed,
        .tick_ns = ledger->tick_ns,
        .tracebacks = ledger->tracebacks,
        .tracebacks_empty = ledger->tracebacks_empty,
        .tracebacks_garbled = ledger->tracebacks_garbled,
        .tracebacks_overrun = ledger->tracebacks_overrun,
    };
}

int sp_library_ledger(struct sp_ledger *ledger)
{
    pthread_mutex_lock(&the.lock);
    const bool has_data = the.collector != NULL;
    if (has_data)
        sp_collector_ledger(the.collector, ledger);
    pthread_mutex_unlock(&the.lock);
    return has_data ? 0 : -ENODATA;
}

PUBLIC int sigprof_statistics(struct sigprof_statistics *statistics)
{
    struct sp_ledger ledger;
    if (statistics->struct_bytes != sizeof *statistics)
        return -EINVAL;
    pthread_mutex_lock(&the.lock);
    const bool has_data = the.collector != NULL;
    if (has_data) {
        sp_collector_ledger(the.collector, &ledger);
        fill_statistics(&ledger, statistics);
    }
    pthread_mutex_unlock(&the.lock);
    return has_data ? 0 : -ENODATA;
}

/* By the host's symbolizer, where that may be asked, and for the rest by our own. */
static int name_profile(struct sp_profile *profile)
{
    size_t n;
    const bool *is_foreign = sp_collector_foreign(the.collector, &n);
    if (the.traceback != NULL && the.symbolizer != NULL)
        sp_plugin_names(profile, is_foreign, n, the.symbolizer);
    struct sp_symbolize_options options = {0};
    if (the.images != NULL)
        options.places = (struct sp_debug_places){.find_image = sp_images_find, .find_user = the.images};
    return sp_symbolize_profile(profile, &options, NULL);
}

/* With the lock held: the profile so far as the bytes of a file. */
static int encode(const struct sp_format *format, unsigned flags, struct sp_bytes *bytes)
{
    if (the.collector == NULL)
        return -ENODATA;
    if (the.target != NULL)
        sp_collector_drain(the.target);
    const int64_t until_ns = the.is_running ? sp_now_ns() : the.stopped_ns;
    struct sp_profile *profile = sp_collector_profile(the.collector, until_ns - the.started_ns);
    if (profile == NULL)
        return -ENOMEM;
    const int error = (flags & LIBSIGPROF_WRITE_ADDRESSES) != 0 ? 0 : name_profile(profile);
    return error != 0 ? error : format->write(profile, NULL, bytes);
}

int sp_library_encode(const struct sp_format *format, unsigned flags, struct sp_bytes *bytes)
{
    pthread_mutex_lock(&the.lock);
    const int error = encode(format, flags, bytes);
    pthread_mutex_unlock(&the.lock);
    return error;
}

PUBLIC int sigprof_write_callback(sigprof_write_function *write, void *user, unsigned flags)
{
    struct sp_bytes bytes = {0};
    if ((flags & ~(unsigned)LIBSIGPROF_WRITE_ADDRESSES) != 0 || write == NULL)
        return -EINVAL;
    int result = sp_library_encode(sp_formats[0], flags, &bytes);
    if (result == 0)
        result = write(user, bytes.at, bytes.n);
    sp_bytes_done(&bytes);
    return result;
}

static int write_to_fd(void *user, const void *data, size_t bytes)
{
    return sp_output_write(*(const int *)user, data, bytes);
}

PUBLIC int sigprof_write_fd(int fd, unsigned flags)
{
    return sigprof_write_callback(write_to_fd, &fd, flags);
}

PUBLIC int sigprof_write_path(const char *path, unsigned flags)
{
    struct sp_output_file file;
    int error = sp_output_open(path, &file);
    if (error != 0)
        return error;
    error = sigprof_write_fd(file.fd, flags);
    if (error == 0)
        return sp_output_commit(&file);
    sp_output_abandon(&file);
    return error;
}
