/*
 * `sigprof record`: run a command, sample all threads of it and of what it starts, write the profile.
 *
 * Place: cli; it runs the collector in this process, so that nothing is lost with the target. Context: ordinary code
 * of one thread.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "commands.h"
#include "descriptor_limits.h"
#include "record_options.h"
#include "record_output.h"
#include "target_program.h"
#include "target_server.h"
#include "util/clock.h"

enum { DEFAULT_HZ = 100, DEFAULT_DEPTH = 512, VARIABLE_BYTES = 128, NEWBORN_MS = 400 };

/* A recording from its first process to its file. */
struct recording {
    const struct sp_record_options *options;
    struct sp_record_output output;
    struct sp_target_server *server;
    int signals;
    pid_t child; /* the command; 0 once it is reaped */
    int child_status;
    bool is_interrupted;      /* while it waited for others than the command */
    uint64_t tree_cpu_ns;     /* of the reaped command and all that it has waited for */
    int64_t begin_ns, end_ns; /* of sampling, CLOCK_MONOTONIC; end 0: not yet */
    int write_result;
};

static bool is_sampling(const struct recording *recording)
{
    return recording->end_ns == 0;
}

static void write_profiles(struct recording *recording)
{
    const uint64_t cpu_ns = recording->child != 0 ? sp_child_cpu_ns(recording->child) : recording->tree_cpu_ns;
    recording->end_ns = sp_now_ns();
    recording->write_result =
        sp_record_output_write(&recording->output, recording->end_ns - recording->begin_ns, cpu_ns);
}

/* The duration is over: the targets' handlers give their timers back, the command runs on. */
static void stop_sampling(struct recording *recording)
{
    sp_server_stop(recording->server);
    sp_server_drain(recording->server);
    write_profiles(recording);
    sp_complain("sampling has ended after %g s; %s (pid %d) runs on, waiting for it", recording->options->seconds,
                recording->options->argv[0], (int)recording->child);
}

/* Milliseconds until the next drain or the end of the duration; -1: nothing to wait for but events. */
static int time_left_ms(const struct recording *recording, int64_t next_drain_ns)
{
    if (!is_sampling(recording))
        return -1;
    int64_t until_ns = next_drain_ns;
    if (recording->options->seconds > 0) {
        const int64_t stop_ns = recording->begin_ns + (int64_t)(recording->options->seconds * 1e9);
        until_ns = stop_ns < until_ns ? stop_ns : until_ns;
    }
    const int64_t left_ns = until_ns - sp_now_ns();
    return left_ns <= 0 ? 0 : (int)(left_ns / 1000000) + 1;
}

static bool is_duration_over(const struct recording *recording)
{
    return recording->options->seconds > 0 && is_sampling(recording) &&
           (double)(sp_now_ns() - recording->begin_ns) >= recording->options->seconds * 1e9;
}

/* The command has ended: its last samples, then its end, after which its pid is no longer its own. */
static void take_end_of_command(struct recording *recording)
{
    if (is_sampling(recording))
        sp_server_process_ended(recording->server, recording->child);
    recording->child_status = sp_child_reap(recording->child, &recording->tree_cpu_ns);
    recording->child = 0;
}

/* Whether there is nothing left to wait for. */
static bool is_over(const struct recording *recording)
{
    if (recording->child != 0)
        return false;
    return recording->is_interrupted || !recording->options->is_waiting || !is_sampling(recording) ||
           !sp_server_is_expecting(recording->server);
}

/* Waits for what comes, until the next drain at most. */
static void serve(struct recording *recording, int64_t next_drain_ns)
{
    struct pollfd polled[] = {{.fd = recording->signals, .events = POLLIN},
                              {.fd = sp_server_fd(recording->server), .events = POLLIN}};
    if (poll(polled, 2, time_left_ms(recording, next_drain_ns)) <= 0)
        return;
    if (polled[0].revents != 0 && sp_child_forward_signals(recording->signals, recording->child))
        recording->is_interrupted = true;
    if (polled[1].revents != 0)
        sp_server_serve(recording->server);
}

/* Until the command has ended; with --wait, until all have. */
static void collect(struct recording *recording)
{
    int64_t next_drain_ns = recording->begin_ns;
    while (!is_over(recording)) {
        serve(recording, next_drain_ns);
        if (is_sampling(recording) && sp_now_ns() >= next_drain_ns) {
            sp_server_drain(recording->server);
            next_drain_ns = sp_now_ns() + SP_COLLECTOR_INTERVAL_MS * INT64_C(1000000);
        }
        if (is_duration_over(recording))
            stop_sampling(recording);
        if (recording->child != 0 && sp_child_has_ended(recording->child))
            take_end_of_command(recording);
    }
}

/*
 * A daemon may be on its way still; on a machine with many runnable tasks to a CPU it waits for its turn several times.
 * Where something else holds the connection, a child made by a bare system call, there is nobody to be heard.
 */
static void hear_newborn(struct recording *recording)
{
    const int64_t until_ns = sp_now_ns() + NEWBORN_MS * INT64_C(1000000);
    struct pollfd polled = {.fd = sp_server_fd(recording->server), .events = POLLIN};
    sp_server_catch_up(recording->server);
    while (sp_server_has_newborn(recording->server) && sp_now_ns() < until_ns) {
        poll(&polled, 1, 1);
        sp_server_catch_up(recording->server);
    }
}

static void say_what_runs_on(const struct recording *recording)
{
    const unsigned running = sp_server_running(recording->server);
    if (running > 0)
        sp_complain("%u of the processes that %s has started %s on, and what %s from now on is not recorded%s", running,
                    recording->options->argv[0], running == 1 ? "runs" : "run", running == 1 ? "it does" : "they do",
                    recording->options->is_waiting ? "" : "; --wait records until all have ended");
}

/* Takes in everything that is left. Descendants that live on stop sampling: nobody would read it. */
static void finish(struct recording *recording)
{
    if (!is_sampling(recording))
        return;
    hear_newborn(recording);
    sp_server_stop(recording->server);
    sp_server_drain(recording->server);
    if (sp_server_targets_seen(recording->server) == 0) {
        sp_complain("%s ended without loading sigprof's library, so nothing was recorded; it may have cleared "
                    "LD_PRELOAD, or run another program that does",
                    recording->options->argv[0]);
        recording->write_result = SP_EXIT_FAILED;
        return;
    }
    write_profiles(recording);
    say_what_runs_on(recording);
}

/* The command's exit status as a shell would give it, unless our own part failed where the command's did not. */
static int exit_status(const struct recording *recording)
{
    const int status = recording->child_status;
    if (WIFSIGNALED(status)) {
        sp_complain("%s was ended by signal %d (%s)", recording->options->argv[0], WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : recording->write_result;
}

static int start_child(struct recording *recording, const char *path, const char *preload, const char *variable)
{
    const struct sp_child_setup setup = {.path = path,
                                         .argv = recording->options->argv,
                                         .preload = preload,
                                         .variable = variable,
                                         .is_stdout_taken = sp_record_output_is_stdout(&recording->output)};
    recording->begin_ns = sp_now_ns();
    recording->child = sp_child_start(&setup, &recording->signals);
    if (recording->child > 0)
        return SP_EXIT_OK;
    sp_complain("cannot run %s: %s", recording->options->argv[0], strerror(-recording->child));
    return recording->child == -ENOENT ? SP_EXIT_NOT_FOUND : SP_EXIT_NOT_EXECUTABLE;
}

static struct sp_collector *collector_of(void *user, pid_t pid)
{
    return sp_record_output_collector(user, pid);
}

/* With the output open. */
static int record(struct recording *recording, const char *path, const char *preload)
{
    char variable[VARIABLE_BYTES];
    const struct sp_server_setup setup = {.config = {.period_ns = recording->output.period_ns,
                                                     .max_depth = (uint32_t)recording->options->max_depth,
                                                     .trigger = recording->options->trigger,
                                                     .is_from_birth = 1},
                                          .is_following = recording->options->is_following,
                                          .image_descriptors = recording->output.image_descriptors,
                                          .collector_of = collector_of,
                                          .user = &recording->output};
    const int error = sp_server_new(&setup, variable, sizeof variable, &recording->server);
    if (error != 0) {
        sp_complain("cannot set up the recording: %s", strerror(-error));
        return SP_EXIT_FAILED;
    }
    const int result = start_child(recording, path, preload, variable);
    if (result != SP_EXIT_OK)
        return result;
    sp_server_set_first(recording->server, recording->child);
    sp_allow_many_descriptors();
    collect(recording);
    finish(recording);
    return exit_status(recording);
}

static int prepare(struct recording *recording, struct sp_name_places *places, char path[PATH_MAX],
                   char preload[PATH_MAX])
{
    const struct sp_record_options *options = recording->options;
    recording->output = (struct sp_record_output){.path = options->output,
                                                  .is_split = options->is_split,
                                                  .has_processes = options->is_following,
                                                  .period_ns = 1000000000 / options->hz,
                                                  .places = &options->places,
                                                  .image_descriptors = sp_image_descriptors()};
    int result = sp_program_find(options->argv[0], path);
    if (result == SP_EXIT_OK)
        result = sp_program_check(path);
    if (result == SP_EXIT_OK)
        result = sp_preload_find(preload);
    if (result == SP_EXIT_OK)
        result = sp_name_places_open(places);
    return result == SP_EXIT_OK ? sp_record_output_open(&recording->output) : result;
}

static int run(int argc, char **argv)
{
    char path[PATH_MAX], preload[PATH_MAX];
    struct sp_record_options options = {
        .output = "sigprof.pb.gz", .hz = DEFAULT_HZ, .max_depth = DEFAULT_DEPTH, .is_following = true};
    struct recording recording = {.options = &options, .signals = -1};
    int result = sp_record_parse(argc, argv, &options);
    if (result == SP_EXIT_OK)
        result = prepare(&recording, &options.places, path, preload);
    if (result == SP_EXIT_OK)
        result = record(&recording, path, preload);
    sp_server_free(recording.server); /* it still collects */
    sp_record_output_done(&recording.output);
    sp_name_places_done(&options.places);
    return result;
}

const struct sp_command sp_command_record = {
    .name = "record",
    .usage = "record [OPTION...] [--] COMMAND [ARG...]",
    .summary = "record where the CPU time of a command, its threads and its processes goes",
    .sets = sp_record_sets,
    .n_sets = SP_RECORD_SETS,
    .take_rest = sp_record_take_command,
    .help = "The command's exit status is passed on; 128+N when signal N ended it, 127 when it was not found,\n"
            "126 when it could not be executed, 1 when the profile could not be written, 2 for wrong usage.\n",
    .run = run,
};
