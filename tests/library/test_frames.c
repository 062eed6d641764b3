/*
 * Interpreters publish their frames by the public functions: numbers of functions, stacks that are pushed and popped,
 * switched, and left by longjmp; in a session, before one, and in the next; on threads that end, and in a forked child.
 */
#include "sigprof/frames.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/wait.h>

#include "force.h"
#include "formats/bytes.h"
#include "handler/virtual_stack.h"
#include "sigprof/sigprof.h"

static int keep(void *user, const void *data, size_t bytes)
{
    sp_bytes_put(user, data, bytes);
    return 0;
}

static struct sp_profile *profile_now(void)
{
    struct sp_bytes bytes = {0};
    struct sp_profile *profile = NULL;
    char why[200];
    require_equal(sigprof_write_callback(keep, &bytes, 0), 0);
    require_equal(sp_formats[0]->read(bytes.at, bytes.n, SP_FORMAT_MEMORY_LIMIT, &profile, why, sizeof why), 0);
    sp_bytes_done(&bytes);
    return profile;
}

static void start(void)
{
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = 1;
    require_equal(sigprof_start(&options), 0);
    stop_all_timers();
}

/* One sample of this thread; the session is over then. */
static struct sp_profile *sample_and_stop(void)
{
    require_equal(force_sample((pid_t)gettid(), cookie_of_thread((pid_t)gettid())), 0);
    require_equal(sigprof_stop(), 0);
    return profile_now();
}

/* Where function `name` stands in the profile's sample, the innermost line at 0; -1: nowhere. Its line to `line`. */
static int find(const struct sp_profile *profile, const char *name, int64_t *line)
{
    int at = 0;
    require(profile->samples.n >= 1);
    const struct sp_sample *sample = &profile->samples.at[profile->samples.n - 1];
    for (uint32_t i = 0; i < sample->n_locations; i++) {
        const struct sp_location *location =
            &profile->locations.at[profile->sample_locations.at[sample->first_location + i]];
        for (uint32_t k = 0; k < location->n_lines; k++, at++) {
            const struct sp_line *found = &profile->lines.at[location->first_line + k];
            *line = found->line;
            if (strcmp(sp_profile_text(profile, profile->functions.at[found->function].name), name) == 0)
                return at;
        }
    }
    return -1;
}

static void require_order(const struct sp_profile *profile, const char *inner, const char *outer)
{
    int64_t line;
    const int first = find(profile, inner, &line), second = find(profile, outer, &line);
    require(first >= 0 && second > first);
}

static void require_none(const struct sp_profile *profile, const char *name)
{
    int64_t line;
    require_equal(find(profile, name, &line), -1);
}

static void test_numbers(void)
{
    char longest[3000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const uint32_t first = sigprof_frame_function("first", "f.lang", 1);
    require(first > 0);
    require_equal(sigprof_frame_function("first", "f.lang", 1), first);
    require(sigprof_frame_function("first", "f.lang", 2) > first);
    require(sigprof_frame_function("first", NULL, 1) > first);
    require_equal(sigprof_frame_function("first", "", 1), sigprof_frame_function("first", NULL, 1));
    require_equal(sigprof_frame_function(NULL, "f.lang", 1), 0);
    require_equal(sigprof_frame_function("", "f.lang", 1), 0);
    require(sigprof_frame_function(longest, longest, 1) > first);
}

static void test_stacks(void)
{
    struct sigprof_frames *frames = sigprof_frames_new(2), forged = {.magic = 1};
    require(sigprof_frames_new(0) == NULL && sigprof_frames_new(16385) == NULL);
    require(frames != NULL);
    require_equal(sigprof_frames_attach(&forged), -EINVAL);
    sigprof_frames_pop(frames);
    sigprof_frames_line(frames, 1);
    require_equal(frames->depth, 0);
    for (unsigned i = 1; i <= 4; i++)
        sigprof_frames_push(frames, i, i, (const void *)(uintptr_t)(100 - i));
    require_equal(frames->depth, 4);
    require_equal(frames->at[1].function, 2);
    sigprof_frames_line(frames, 77); /* of a frame that there is no room for */
    require_equal(frames->at[1].line, 2);
    sigprof_frames_cut(frames, 2);
    sigprof_frames_line(frames, 77);
    require_equal(frames->at[1].line, 77);
    sigprof_frames_push(frames, 9, 9, (const void *)(uintptr_t)99); /* within the first one: the second is no more */
    require_equal(frames->depth, 2);
    require_equal(frames->at[1].function, 9);
    sigprof_frames_free(frames);
    sigprof_frames_free(NULL);
}

/* An interpreter of one instruction: to call itself. */
__attribute__((noinline)) static struct sp_profile *interpret(struct sigprof_frames *frames, const uint32_t *functions,
                                                              unsigned n)
{
    struct sp_profile *profile;
    sigprof_frames_push(frames, functions[0], 10 * n, __builtin_frame_address(0));
    if (n > 1) {
        profile = interpret(frames, functions + 1, n - 1);
    } else {
        sigprof_frames_line(frames, 123);
        profile = sample_and_stop();
    }
    sigprof_frames_pop(frames);
    return profile;
}

static void test_frames_in_a_profile(struct sigprof_frames *frames)
{
    const uint32_t functions[] = {sigprof_frame_function("virtual_outer", "v.lang", 1),
                                  sigprof_frame_function("virtual_inner", "v.lang", 5)};
    int64_t line;
    require_equal(sigprof_frames_attach(frames), 0);
    for (unsigned i = 0; i < 2; i++) { /* each session knows the functions, those of before it too */
        start();
        struct sp_profile *profile = interpret(frames, functions, 2);
        require_order(profile, "sample_and_stop", "virtual_inner");
        require_order(profile, "virtual_inner", "interpret");
        require_order(profile, "interpret", "virtual_outer");
        require_order(profile, "virtual_outer", "main");
        require(find(profile, "virtual_inner", &line) >= 0 && line == 123);
        require(find(profile, "virtual_outer", &line) >= 0 && line == 20);
        sp_profile_free(profile);
    }
}

/* Made known while the session runs. */
static void test_new_function(struct sigprof_frames *frames)
{
    start();
    const uint32_t function = sigprof_frame_function("virtual_new", "v.lang", 1);
    struct sp_profile *profile = interpret(frames, &function, 1);
    require_order(profile, "virtual_new", "main");
    sp_profile_free(profile);
}

static jmp_buf caught;

__attribute__((noinline)) static void interpret_and_fail(struct sigprof_frames *frames, uint32_t function)
{
    sigprof_frames_push(frames, function, 1, __builtin_frame_address(0));
    longjmp(caught, 1);
}

/* Nobody has popped it. It is not shown, and gone with the next push. */
static void test_left_by_longjmp(struct sigprof_frames *frames)
{
    const uint32_t function = sigprof_frame_function("virtual_failed", "v.lang", 1);
    const uint32_t other = sigprof_frame_function("virtual_other", "v.lang", 1);
    start();
    if (setjmp(caught) == 0)
        interpret_and_fail(frames, function);
    require_equal(frames->depth, 1);
    sigprof_frames_push(frames, other, 1, __builtin_frame_address(0));
    require_equal(frames->depth, 1);
    struct sp_profile *profile = sample_and_stop();
    require_order(profile, "virtual_other", "main");
    require_none(profile, "virtual_failed");
    sp_profile_free(profile);
    sigprof_frames_pop(frames);
}

/* Coroutines: the thread runs one stack, then the other, then none. */
static void test_switched(struct sigprof_frames *frames)
{
    struct sigprof_frames *second = sigprof_frames_new(10);
    const void *here = __builtin_frame_address(0);
    sigprof_frames_push(frames, sigprof_frame_function("virtual_first", NULL, 0), 0, here);
    sigprof_frames_push(second, sigprof_frame_function("virtual_second", NULL, 0), 0, here);
    const char *shown[] = {"virtual_second", "virtual_first", NULL},
               *hidden[] = {"virtual_first", "virtual_second", "virtual_first"};
    struct sigprof_frames *stacks[] = {second, frames, NULL};
    for (unsigned i = 0; i < 3; i++) {
        require_equal(sigprof_frames_attach(stacks[i]), 0);
        start();
        struct sp_profile *profile = sample_and_stop();
        require_none(profile, hidden[i]);
        if (shown[i] != NULL)
            require_order(profile, shown[i], "main");
        sp_profile_free(profile);
    }
    sigprof_frames_free(second);
}

static unsigned places_taken(void)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < SP_VIRTUAL_THREADS; i++)
        n += sp_load_relaxed(&sp_virtual_threads.at[i].tid) != 0;
    return n;
}

static void *attach_and_end(void *unused)
{
    (void)unused;
    struct sigprof_frames *frames = sigprof_frames_new(10);
    require_equal(sigprof_frames_attach(frames), 0);
    require(sp_virtual_find((int32_t)gettid()) == (const void *)frames);
    return frames;
}

static void test_threads_that_end(void)
{
    const unsigned before = places_taken();
    for (unsigned i = 0; i < 100; i++) {
        pthread_t thread;
        void *frames;
        require_equal(pthread_create(&thread, NULL, attach_and_end, NULL), 0);
        require_equal(pthread_join(thread, &frames), 0);
        sigprof_frames_free(frames);
    }
    require_equal(places_taken(), before);
}

static void test_forked_child(struct sigprof_frames *frames)
{
    int status;
    require_equal(sigprof_frames_attach(frames), 0);
    const uint32_t function = sigprof_frame_function("virtual_outer", "v.lang", 1);
    const pid_t child = fork();
    if (child == 0) {
        require_equal(sigprof_frame_function("virtual_outer", "v.lang", 1), function);
        require(sp_virtual_find((int32_t)gettid()) == (const void *)frames);
        start();
        struct sp_profile *profile = interpret(frames, &function, 1);
        require_order(profile, "virtual_outer", "main");
        _Exit(0);
    }
    require_equal(waitpid(child, &status, 0), child);
    require_equal(status, 0);
}

/* The table of functions has an end, and all goes on then. */
static void test_too_many_functions(void)
{
    char name[40];
    uint32_t last = 1, n = 0;
    start();
    while (last != 0 && n++ < 1 << 20) {
        snprintf(name, sizeof name, "function number %u", n);
        last = sigprof_frame_function(name, "a/file/with/a/longer/name.lang", n);
    }
    require_equal(last, 0);
    require(n > 5000);
    require(sigprof_frame_function("virtual_outer", "v.lang", 1) > 0);
    require_equal(sigprof_stop(), 0);
}

int main(void)
{
    struct sigprof_frames *frames = sigprof_frames_new(100);
    test_numbers();
    test_stacks();
    test_frames_in_a_profile(frames);
    test_new_function(frames);
    test_left_by_longjmp(frames);
    test_switched(frames);
    test_threads_that_end();
    test_forked_child(frames);
    test_too_many_functions();
    sigprof_frames_free(frames);
    return 0;
}
