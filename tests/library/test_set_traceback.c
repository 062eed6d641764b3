/*
 * Stacks and names by functions of the host's, written as Go documents them: the rules of setting them, what the
 * profile shows, and which is asked for what.
 */
#include "sigprof/sigprof.h"

#include <errno.h>
#include <sched.h>

#include "../targets/raw_thread.h"
#include "force.h"
#include "formats/bytes.h"

/* The argument structures as Go's documentation has them. */
struct cgoTracebackArg {
    uintptr_t Context;
    uintptr_t SigContext;
    uintptr_t *Buf;
    uintptr_t Max;
};

struct cgoSymbolizerArg {
    uintptr_t PC;
    char *File;
    uintptr_t Lineno;
    char *Func;
    uintptr_t Entry;
    uintptr_t More;
    uintptr_t Data;
};

/* Addresses of nothing, which only the symbolizer knows, and one of which it knows nothing. */
enum { LEAF = 0x5000, CALLER = 0x6000, ENDLESS = 0x7000 };

static unsigned traced, misplaced, context_calls, answers, frees, unbalanced;
static bool is_silent, is_overrunning;
static _Atomic long raw_tid, raw_calls;

__attribute__((noinline)) static void known_to_sigprof(void)
{
    __asm__ volatile("");
}

static void traceback(void *p)
{
    const struct cgoTracebackArg *arg = p;
    if (raw_tid != 0) {
        raw_calls += raw_call(SYS_gettid, 0, 0, 0) == raw_tid;
        return;
    }
    traced++;
    misplaced += arg->Context != 0 || arg->SigContext == 0 || arg->Max != 64;
    if (is_silent)
        return;
    const uintptr_t stack[] = {LEAF, CALLER, (uintptr_t)known_to_sigprof, ENDLESS, 0};
    for (unsigned i = 0; i < 5; i++)
        arg->Buf[i] = stack[i];
    if (is_overrunning)
        arg->Buf[arg->Max + 3] = 1;
}

static void never_called(void *p)
{
    (void)p;
    context_calls++;
}

/* CALLER was inlined into another function; what is asked of ENDLESS never ends. */
static void symbolizer(void *p)
{
    static unsigned open;
    struct cgoSymbolizerArg *arg = p;
    answers++;
    if (arg->PC == 0) {
        frees++;
        open = 0;
        return;
    }
    if (arg->Data == 0) {
        unbalanced += open++ != 0 || arg->File != NULL || arg->Func != NULL || arg->More != 0;
        arg->Data = 1;
    }
    arg->Lineno = 10 * arg->Data++;
    if (arg->PC == LEAF || arg->PC == CALLER) {
        const bool is_outer = arg->More != 0;
        static char file[] = "/src/plugin.lang", leaf[] = "plugin_leaf", outer[] = "plugin_outer",
                    inner[] = "_ZN6plugin5innerEv";
        arg->File = file;
        arg->Func = arg->PC == LEAF ? leaf : is_outer ? outer : inner;
        arg->More = arg->PC == CALLER && !is_outer;
    } else if (arg->PC == ENDLESS) {
        static char endless[] = "endless";
        arg->Func = endless;
        arg->More = 1;
    }
}

static int keep(void *user, const void *data, size_t bytes)
{
    sp_bytes_put(user, data, bytes);
    return 0;
}

/* The profile as a reader of the file sees it. */
static struct sp_profile *profile_now(unsigned flags)
{
    struct sp_bytes bytes = {0};
    struct sp_profile *profile = NULL;
    char why[200];
    require_equal(sigprof_write_callback(keep, &bytes, flags), 0);
    require_equal(sp_formats[0]->read(bytes.at, bytes.n, SP_FORMAT_MEMORY_LIMIT, &profile, why, sizeof why), 0);
    sp_bytes_done(&bytes);
    return profile;
}

static struct sigprof_statistics statistics_now(void)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    require_equal(sigprof_statistics(&statistics), 0);
    return statistics;
}

static void start(void)
{
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = 1;
    options.max_depth = 64;
    require_equal(sigprof_start(&options), 0);
    stop_all_timers();
}

static void sample(void)
{
    require_equal(force_sample((pid_t)gettid(), cookie_of_thread((pid_t)gettid())), 0);
}

static bool is_called(const struct sp_profile *profile, const struct sp_line *line, const char *name)
{
    return strcmp(sp_profile_text(profile, profile->functions.at[line->function].name), name) == 0;
}

/* The first location of `profile` with a function `name`, inlined or not; or NULL. */
static const struct sp_location *find(const struct sp_profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        for (uint32_t line = 0; line < location->n_lines; line++)
            if (is_called(profile, &profile->lines.at[location->first_line + line], name))
                return location;
    }
    return NULL;
}

static const struct sp_line *line_of(const struct sp_profile *profile, const struct sp_location *location, uint32_t i)
{
    return &profile->lines.at[location->first_line + i];
}

static void require_line(const struct sp_profile *profile, const struct sp_line *line, const char *name, int64_t number)
{
    const struct sp_function *function = &profile->functions.at[line->function];
    require(strcmp(sp_profile_text(profile, function->name), name) == 0);
    require(strcmp(sp_profile_text(profile, function->filename), "/src/plugin.lang") == 0);
    require_equal(line->line, number);
}

static void test_versions(void)
{
    require_equal(sigprof_set_traceback(1, traceback, NULL, NULL), -EINVAL);
    require_equal(sigprof_set_traceback(-1, NULL, NULL, NULL), -EINVAL);
    require_equal(sigprof_set_traceback(0, NULL, NULL, NULL), 0);
}

/* Without a traceback there is nothing that a symbolizer could be asked for. */
static void test_symbolizer_alone(void)
{
    require_equal(sigprof_set_traceback(0, NULL, NULL, symbolizer), 0);
    start();
    sample();
    sp_profile_free(profile_now(0));
    require_equal(answers, 0);
    require_equal(statistics_now().tracebacks, 0);
}

/* In the session that runs. */
static void test_set_once(void)
{
    require_equal(sigprof_set_traceback(0, traceback, never_called, symbolizer), 0);
    require_equal(sigprof_set_traceback(0, traceback, never_called, symbolizer), 0);
    require_equal(sigprof_set_traceback(0, never_called, never_called, symbolizer), -EEXIST);
    require_equal(sigprof_set_traceback(0, traceback, NULL, symbolizer), -EEXIST);
    require_equal(sigprof_set_traceback(0, NULL, NULL, NULL), -EEXIST);
    require_equal(sigprof_set_traceback(1, traceback, never_called, symbolizer), -EINVAL);
}

static void test_names(void)
{
    sample();
    require_equal(traced, 1);
    struct sp_profile *profile = profile_now(0);
    const struct sp_location *leaf = find(profile, "plugin_leaf"), *caller = find(profile, "plugin::inner");
    const struct sp_location *endless = find(profile, "endless");
    require(leaf != NULL && caller != NULL && endless != NULL);
    require_equal(leaf->address, LEAF);
    require_equal(leaf->n_lines, 1);
    require_line(profile, line_of(profile, leaf, 0), "plugin_leaf", 10);
    require_equal(caller->address, CALLER); /* not one less */
    require_equal(caller->n_lines, 2);
    require_line(profile, line_of(profile, caller, 0), "plugin::inner", 10);
    require_line(profile, line_of(profile, caller, 1), "plugin_outer", 20);
    require_equal(endless->n_lines, 256);
    require(find(profile, "known_to_sigprof") != NULL); /* by our own symbolizer */
    require_equal(frees, 4);
    require_equal(unbalanced + misplaced + context_calls, 0);
    sp_profile_free(profile);
}

/* What has its names is not asked for again, nor is anything where none are wanted. */
static void test_asked_once(void)
{
    const unsigned before = answers;
    sp_profile_free(profile_now(LIBSIGPROF_WRITE_ADDRESSES));
    sp_profile_free(profile_now(0));
    require_equal(answers, before);
}

static void test_no_stack_is_ours(void)
{
    is_silent = true;
    sample();
    is_silent = false;
    require_equal(traced, 2);
    struct sp_profile *profile = profile_now(0);
    require(find(profile, "test_no_stack_is_ours") != NULL && find(profile, "main") != NULL);
    sp_profile_free(profile);
    const struct sigprof_statistics statistics = statistics_now();
    require_equal(statistics.tracebacks, 2);
    require_equal(statistics.tracebacks_empty, 1);
}

/* A thread that nobody has announced, without thread-local storage of its own. */
static void run_raw(void *unused)
{
    (void)unused;
    raw_tid = raw_call(SYS_gettid, 0, 0, 0);
    while (raw_calls == 0 && raw_thread_cpu_ns() < 2000000000)
        ;
    raw_tid = 0;
}

static void test_thread_that_nobody_knows(void)
{
    static _Alignas(64) char stack[1 << 16];
    struct sigprof_options options;
    require_equal(sigprof_stop(), 0);
    sigprof_options_init(&options);
    options.rate_hz = 100;
    options.max_depth = 64;
    require_equal(sigprof_start(&options), 0);
    const long tid = raw_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
                               stack + sizeof stack, run_raw, NULL);
    require(tid > 0);
    while (raw_call(SYS_tgkill, getpid(), tid, 0) == 0)
        usleep(1000);
    require(raw_calls > 0);
}

/* A later session has it, too, until it overruns: then never again. */
static void test_overrun(void)
{
    require_equal(sigprof_stop(), 0);
    start();
    sample();
    is_overrunning = true;
    sample();
    sample();
    require_equal(traced, 4);
    require_equal(sigprof_stop(), 0);
    const struct sigprof_statistics statistics = statistics_now();
    require_equal(statistics.tracebacks, 2);
    require_equal(statistics.tracebacks_overrun, 1);
    require_equal(statistics.recorded, 3);
    start();
    sample();
    require_equal(sigprof_stop(), 0);
    require_equal(traced, 4);
    require_equal(sigprof_set_traceback(0, traceback, never_called, symbolizer), 0);
}

int main(void)
{
    known_to_sigprof();
    test_versions();
    test_symbolizer_alone();
    test_set_once();
    test_names();
    test_asked_once();
    test_no_stack_is_ours();
    const unsigned before = traced;
    test_thread_that_nobody_knows();
    traced = before;
    test_overrun();
    return 0;
}
