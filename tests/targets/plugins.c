/*
 * plugins HOW SECONDS MS DIRECTORY: two plugins in turn, each loaded, used for MS of CPU time, and unloaded, by
 * run_first and run_second. HOW is one of
 *
 * - swap: as they are
 * - rebuild: each is put into DIRECTORY under the same name as the other, and loaded from there: in place of the
 *   other's file, as builds do, by turns by another file of that name and into the same file
 * - delete: the same, and the file is deleted as soon as it is loaded
 * - threads: in four threads, each with files of its own in DIRECTORY
 * - brief: one round of each, and then work for SECONDS
 * - fork: the first one is loaded, and forked children use it, while the parent has the second in its place
 * - killed: as swap, and at the end it kills itself
 *
 * Built with WITH_LIBRARY, it records itself, into DIRECTORY/library.pb.gz.
 *
 * Prints how many rounds there were, how often a plugin came to where the other one had been, and the CPU time of each.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu_work.h"

#ifdef WITH_LIBRARY
#include "sigprof/sigprof.h"
#endif

enum { THREADS = 4 };

typedef void run_function(int64_t cpu_ns);

static struct {
    const char *how;
    double seconds;
    int64_t ns_each;
    char own[PATH_MAX / 4]; /* where the plugins are */
    const char *directory;
    atomic_llong used_ns[2];
    atomic_int rounds, same_place;
} the;

static bool is(const char *how)
{
    return strcmp(the.how, how) == 0;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void copy_into(const char *from, const char *to)
{
    static _Thread_local char bytes[1 << 20];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    if (in == NULL || out == NULL)
        fail(to);
    const size_t n = fread(bytes, 1, sizeof bytes, in);
    if (n == sizeof bytes || fwrite(bytes, 1, n, out) != n || fclose(out) != 0)
        fail(to);
    fclose(in);
}

/* The file of plugin `side` in this round of this thread. */
static void place(char path[PATH_MAX], int side, int thread, int round)
{
    char original[PATH_MAX], made[PATH_MAX];
    snprintf(original, sizeof original, "%s/libplugin_%s.so", the.own, side == 0 ? "first" : "second");
    snprintf(path, PATH_MAX, "%s/plugin.so", the.directory);
    if (is("threads"))
        snprintf(path, PATH_MAX, "%s/plugin_%d_%d.so", the.directory, side, thread);
    if (is("rebuild") || is("delete") || is("threads")) {
        const bool is_new = is("delete") || round / 2 % 2 == 0;
        snprintf(made, sizeof made, "%s.new", path);
        if (is("threads") ? round < 2 : is_new) {
            copy_into(original, made);
            rename(made, path);
        } else if (is("rebuild")) {
            copy_into(original, path);
        }
    } else {
        strcpy(path, original);
    }
}

static void *load(const char *path)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    if (is("delete"))
        unlink(path);
    return plugin;
}

/* Runs and unloads, all of it in the caller's frame. Returns where the function was. */
static inline __attribute__((always_inline)) uintptr_t use(void *plugin)
{
    run_function *run = (run_function *)(uintptr_t)dlsym(plugin, "plugin_run");
    run(the.ns_each);
    dlclose(plugin);
    return (uintptr_t)run;
}

/* A stack says by these which of the two it was. */
__attribute__((noinline)) static uintptr_t run_first(void *plugin)
{
    const uintptr_t at = use(plugin);
    __asm__ volatile("# first" : : : "memory");
    return at;
}

__attribute__((noinline)) static uintptr_t run_second(void *plugin)
{
    const uintptr_t at = use(plugin);
    __asm__ volatile("# second" : : : "memory");
    return at;
}

static uintptr_t run_side(int side, int thread, int round)
{
    char path[PATH_MAX];
    place(path, side, thread, round);
    void *plugin = load(path);
    const int64_t before_ns = raw_thread_cpu_ns();
    const uintptr_t at = side == 0 ? run_first(plugin) : run_second(plugin);
    atomic_fetch_add(&the.used_ns[side], raw_thread_cpu_ns() - before_ns);
    atomic_fetch_add(&the.rounds, 1);
    return at;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *take_turns(void *number)
{
    const double until = now() + the.seconds;
    uintptr_t before = 0;
    for (int round = 0; now() < until || round % 2 != 0; round++) {
        const uintptr_t at = run_side(round % 2, (int)(intptr_t)number, round);
        atomic_fetch_add(&the.same_place, at == before);
        before = at;
    }
    return NULL;
}

static void take_turns_in_threads(void)
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, take_turns, (void *)i) != 0)
            fail("pthread_create");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void run_once(void)
{
    static volatile uint64_t sink;
    the.same_place = run_side(0, 0, 0) == run_side(1, 0, 1);
    work_cpu_ns((int64_t)(the.seconds * 1e9), &sink);
}

static void run_in_children(void)
{
    char path[PATH_MAX];
    place(path, 0, 0, 0);
    for (const double until = now() + the.seconds; now() < until;) {
        void *plugin = load(path);
        const uintptr_t at = (uintptr_t)dlsym(plugin, "plugin_run");
        const pid_t child = fork();
        if (child == 0) {
            run_first(plugin);
            _exit(0);
        }
        dlclose(plugin);
        the.same_place += run_side(1, 0, 0) == at;
        waitpid(child, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    the.how = argv[1];
    the.seconds = atof(argv[2]);
    the.ns_each = (int64_t)(atof(argv[3]) * 1e6);
    the.directory = argv[4];
    const ssize_t length = readlink("/proc/self/exe", the.own, sizeof the.own - 1);
    the.own[length < 0 ? 0 : length] = '\0';
    *strrchr(the.own, '/') = '\0';
#ifdef WITH_LIBRARY
    char path[PATH_MAX];
    struct sigprof_options options = {.struct_bytes = sizeof options, .rate_hz = 1000};
    snprintf(path, sizeof path, "%s/library.pb.gz", the.directory);
    if (sigprof_start(&options) != 0)
        return 1;
#endif
    if (is("threads"))
        take_turns_in_threads();
    else if (is("brief"))
        run_once();
    else if (is("fork"))
        run_in_children();
    else
        take_turns(NULL);
#ifdef WITH_LIBRARY
    if (sigprof_stop() != 0 || sigprof_write_path(path, 0) != 0)
        return 1;
#endif
    printf("rounds=%d same_place=%d first_ns=%lld second_ns=%lld\n", the.rounds, the.same_place, the.used_ns[0],
           the.used_ns[1]);
    fflush(stdout);
    if (is("killed"))
        raise(SIGKILL);
    return 0;
}
