/*
 * `sigprof record`: run a command, sample all its threads, write the profile.
 *
 * Place: cli; it runs the collector in this process, so that nothing is lost with the target. Context: ordinary code
 * of one thread.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "collector/collector.h"
#include "command.h"
#include "formats/formats.h"
#include "summary.h"
#include "symbolize/symbolize.h"
#include "target_program.h"
#include "target_server.h"
#include "util/clock.h"
#include "util/output_file.h"

enum { DEFAULT_HZ = 100, MAX_HZ = 100000, DEFAULT_DEPTH = 512, VARIABLE_BYTES = 128, POLL_LIMIT = 1024 };

struct options {
    const char *output;
    unsigned long hz, max_depth;
    double seconds;   /* 0: until the command ends */
    uint32_t trigger; /* enum sp_trigger */
    char **argv;
};

/* A recording from its first process to its file. */
struct recording {
    const struct options *options;
    bool is_to_stdout;
    struct sp_output_file file;
    struct sp_collector *collector;
    struct sp_target_server *server;
    int signals;
    pid_t child;
    int64_t begin_ns, end_ns; /* of sampling, CLOCK_MONOTONIC; end 0: not yet */
    int write_result;
};

static bool parse_number(const char *text, unsigned long least, unsigned long most, unsigned long *number)
{
    char *end;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < least || value > most)
        return false;
    *number = value;
    return true;
}

static bool parse_seconds(const char *text, double *seconds)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0 && value < 1e9))
        return false;
    *seconds = value;
    return true;
}

static bool parse_trigger(const char *text, uint32_t *trigger)
{
    static const char *const names[SP_TRIGGERS] = {
        [SP_TRIGGER_AUTO] = "auto", [SP_TRIGGER_TIMER] = "timer", [SP_TRIGGER_PERF] = "perf"};
    for (uint32_t i = 0; i < SP_TRIGGERS; i++) {
        if (strcmp(text, names[i]) == 0) {
            *trigger = i;
            return true;
        }
    }
    return false;
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"output", required_argument, NULL, 'o'},   {"frequency", required_argument, NULL, 'F'},
        {"duration", required_argument, NULL, 'd'}, {"max-depth", required_argument, NULL, 'D'},
        {"trigger", required_argument, NULL, 'T'},  {0}};
    const struct sp_command *self = &sp_command_record;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:o:F:d:", longs, NULL)) != -1) {
        if (option == 'o')
            options->output = optarg;
        else if (option == 'F' && !parse_number(optarg, 1, MAX_HZ, &options->hz))
            return sp_usage_error(self, "-F %s: the rate is a number of Hz from 1 to %d", optarg, MAX_HZ);
        else if (option == 'd' && !parse_seconds(optarg, &options->seconds))
            return sp_usage_error(self, "-d %s: the duration is a number of seconds above 0", optarg);
        else if (option == 'D' && !parse_number(optarg, 1, SP_DEPTH_LIMIT, &options->max_depth))
            return sp_usage_error(self, "--max-depth %s: the depth is from 1 to %d frames", optarg, SP_DEPTH_LIMIT);
        else if (option == 'T' && !parse_trigger(optarg, &options->trigger))
            return sp_usage_error(self, "--trigger %s: there are auto, timer and perf", optarg);
        else if (option == ':')
            return sp_usage_error(self, "option '%s' needs a value", argv[optind - 1]);
        else if (option == '?')
            return sp_usage_error(self, "there is no option '%s'", argv[optind - 1]);
    }
    if (optind >= argc)
        return sp_usage_error(self, "no command to record");
    if (options->output[0] == '\0')
        return sp_usage_error(self, "-o needs a file name");
    options->argv = argv + optind;
    return SP_EXIT_OK;
}

static bool is_sampling(const struct recording *recording)
{
    return recording->end_ns == 0;
}

/* Opens the output before anything is started: a recording that cannot be kept is not made. */
static int open_output(struct recording *recording)
{
    const char *path = recording->options->output;
    recording->is_to_stdout = strcmp(path, "-") == 0;
    if (recording->is_to_stdout && isatty(STDOUT_FILENO)) {
        sp_complain("a profile is binary and standard output is a terminal; redirect it, or give -o FILE");
        return SP_EXIT_FAILED;
    }
    const int error = recording->is_to_stdout ? 0 : sp_output_open(path, &recording->file);
    if (error != 0) {
        sp_complain("cannot write %s: %s; give another file with -o", path, strerror(-error));
        return SP_EXIT_FAILED;
    }
    return SP_EXIT_OK;
}

static void print_summary(const struct recording *recording, const struct sp_profile *profile)
{
    struct sp_ledger ledger;
    sp_collector_ledger(recording->collector, &ledger);
    sp_summary_print(&ledger, profile);
    if (!recording->is_to_stdout)
        sp_complain("wrote %s; look at it with: sigprof top %s", recording->options->output,
                    recording->options->output);
}

static int encode_and_write(struct recording *recording, struct sp_profile *profile)
{
    struct sp_bytes bytes = {0};
    int error = sp_symbolize_profile(profile, NULL);
    if (error == 0)
        error = sp_formats[0]->write(profile, &bytes);
    if (error == 0)
        error = sp_output_write(recording->is_to_stdout ? STDOUT_FILENO : recording->file.fd, bytes.at, bytes.n);
    sp_bytes_done(&bytes);
    if (error == 0 && !recording->is_to_stdout)
        return sp_output_commit(&recording->file);
    sp_output_abandon(&recording->file);
    return error;
}

/* Ends sampling for good: names, file, summary. */
static void write_profile(struct recording *recording)
{
    sp_collector_tree_cpu(recording->collector, sp_child_cpu_ns(recording->child));
    struct sp_profile *profile = sp_collector_profile(recording->collector, recording->end_ns - recording->begin_ns);
    const int error = profile == NULL ? -ENOMEM : encode_and_write(recording, profile);
    recording->write_result = SP_EXIT_OK;
    if (error == 0) {
        print_summary(recording, profile);
        return;
    }
    sp_output_abandon(&recording->file);
    sp_complain("cannot write %s: %s; the profile is lost",
                recording->is_to_stdout ? "standard output" : recording->options->output, strerror(-error));
    recording->write_result = SP_EXIT_FAILED;
}

/* The duration is over: the targets' handlers give their timers back, the command runs on. */
static void stop_sampling(struct recording *recording)
{
    sp_server_stop(recording->server);
    sp_server_drain(recording->server);
    recording->end_ns = sp_now_ns();
    write_profile(recording);
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

/* Until the child has ended. */
static void collect(struct recording *recording)
{
    static struct pollfd polled[POLL_LIMIT];
    int64_t next_drain_ns = recording->begin_ns;
    while (!sp_child_has_ended(recording->child)) {
        polled[0] = (struct pollfd){.fd = recording->signals, .events = POLLIN};
        const size_t n = 1 + sp_server_poll_set(recording->server, polled + 1, POLL_LIMIT - 1);
        if (poll(polled, (nfds_t)n, time_left_ms(recording, next_drain_ns)) > 0) {
            if (polled[0].revents != 0)
                sp_child_forward_signals(recording->signals, recording->child);
            sp_server_serve(recording->server, polled + 1, n - 1);
        }
        if (is_sampling(recording) && sp_now_ns() >= next_drain_ns) {
            sp_server_drain(recording->server);
            next_drain_ns = sp_now_ns() + SP_COLLECTOR_INTERVAL_MS * INT64_C(1000000);
        }
        if (is_duration_over(recording))
            stop_sampling(recording);
    }
}

/* Takes in everything that is left. Descendants that live on stop sampling: nobody would read it. */
static void finish(struct recording *recording)
{
    if (!is_sampling(recording))
        return;
    sp_server_process_ended(recording->server, recording->child);
    sp_server_stop(recording->server);
    sp_server_drain(recording->server);
    recording->end_ns = sp_now_ns();
    if (sp_server_targets_seen(recording->server) > 0) {
        write_profile(recording);
        return;
    }
    sp_output_abandon(&recording->file);
    sp_complain("%s ended without loading sigprof's library, so nothing was recorded; it may have cleared LD_PRELOAD, "
                "or run another program that does",
                recording->options->argv[0]);
    recording->write_result = SP_EXIT_FAILED;
}

/* The command's exit status as a shell would give it, unless our own part failed where the command's did not. */
static int exit_status(const struct recording *recording, int status)
{
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
                                         .is_stdout_taken = recording->is_to_stdout};
    recording->begin_ns = sp_now_ns();
    recording->child = sp_child_start(&setup, &recording->signals);
    if (recording->child > 0)
        return SP_EXIT_OK;
    sp_complain("cannot run %s: %s", recording->options->argv[0], strerror(-recording->child));
    return recording->child == -ENOENT ? SP_EXIT_NOT_FOUND : SP_EXIT_NOT_EXECUTABLE;
}

/* With the output open. */
static int record(struct recording *recording, const char *path, const char *preload)
{
    char variable[VARIABLE_BYTES];
    const struct sp_session_config config = {.period_ns = 1000000000 / recording->options->hz,
                                             .max_depth = (uint32_t)recording->options->max_depth,
                                             .trigger = recording->options->trigger,
                                             .is_from_birth = 1};
    recording->collector = sp_collector_new(config.period_ns, 0);
    const int error = recording->collector == NULL
                          ? -ENOMEM
                          : sp_server_new(&config, recording->collector, variable, sizeof variable, &recording->server);
    if (error != 0) {
        sp_complain("cannot set up the recording: %s", strerror(-error));
        return SP_EXIT_FAILED;
    }
    const int result = start_child(recording, path, preload, variable);
    if (result != SP_EXIT_OK)
        return result;
    collect(recording);
    finish(recording);
    return exit_status(recording, sp_child_reap(recording->child));
}

static int run(int argc, char **argv)
{
    char path[PATH_MAX], preload[PATH_MAX];
    struct options options = {.output = "sigprof.pb.gz", .hz = DEFAULT_HZ, .max_depth = DEFAULT_DEPTH};
    struct recording recording = {.options = &options, .signals = -1};
    int result = parse_options(argc, argv, &options);
    if (result == SP_EXIT_OK)
        result = sp_program_find(options.argv[0], path);
    if (result == SP_EXIT_OK)
        result = sp_program_check(path);
    if (result == SP_EXIT_OK)
        result = sp_preload_find(preload);
    if (result == SP_EXIT_OK)
        result = open_output(&recording);
    if (result == SP_EXIT_OK)
        result = record(&recording, path, preload);
    sp_output_abandon(&recording.file);
    sp_server_free(recording.server);
    sp_collector_free(recording.collector);
    return result;
}

const struct sp_command sp_command_record = {
    .name = "record",
    .usage = "record [-o FILE|-] [-F HZ] [-d SECONDS] [--max-depth N] [--trigger NAME] [--] COMMAND [ARG...]",
    .summary = "Run a command and record where its threads' CPU time goes.",
    .help = "  -o, --output FILE     write the profile there (default: sigprof.pb.gz); - is standard output,\n"
            "                        and the command's own standard output then goes to standard error\n"
            "  -F, --frequency HZ    samples per second of CPU time of each thread, 1 to 100000 (default: 100)\n"
            "  -d, --duration SECONDS\n"
            "                        stop sampling and write the profile after that time; the command runs on,\n"
            "                        and record waits for it\n"
            "      --max-depth N     frames per stack, 1 to 4096 (default: 512)\n"
            "      --trigger NAME    what makes samples due: timer (at most one a tick of the kernel, the rest is\n"
            "                        weight), perf (every period, in user code; a descriptor a thread), or auto:\n"
            "                        timer up to the tick rate, perf above it where permitted (default)\n"
            "  -h, --help            this help\n"
            "\n"
            "The command's exit status is passed on; 128+N when signal N ended it, 127 when it was not found,\n"
            "126 when it could not be executed, 1 when the profile could not be written, 2 for wrong usage.\n",
    .run = run,
};
