/*
 * `sigprof top`: the functions that took most, as `go tool pprof -top` shows them.
 *
 * Place on the way of a sample: file → formats → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "profile_argument.h"
#include "report/report.h"

struct arguments {
    struct sp_report_options options;
    const char *file;
};

/* The number in `text`, which has to be all digits: false when it is not, or is too large. */
static bool parse_count(const char *text, size_t *count)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end != '\0' || value > SIZE_MAX)
        return false;
    *count = (size_t)value;
    return true;
}

/* What follows `name` in an option "name=value"; NULL when it is another option. */
static const char *value_behind(const char *option, const char *name)
{
    size_t length = strlen(name);
    return strncmp(option, name, length) == 0 && option[length] == '=' ? option + length + 1 : NULL;
}

/*
 * Whether argv[*i] is the count's option, in any of its spellings: then `*value` is its value, NULL when it is
 * missing, and `*i` the last argument of the option. pprof's flags may be spelled with one dash or two.
 */
static bool is_count_option(int argc, char **argv, int *i, const char **value)
{
    static const char *const names[] = {"-n", "--n", "-nodecount", "--nodecount"};
    for (size_t name = 0; name < sizeof(names) / sizeof(names[0]); name++) {
        *value = value_behind(argv[*i], names[name]);
        if (*value)
            return true;
        if (strcmp(argv[*i], names[name]) == 0) {
            *value = *i + 1 < argc ? argv[++*i] : NULL;
            return true;
        }
    }
    if (strncmp(argv[*i], "-n", 2) == 0 && argv[*i][2] >= '0' && argv[*i][2] <= '9') {
        *value = argv[*i] + 2; /* -n10 */
        return true;
    }
    return false;
}

static int take_count(struct arguments *arguments, const char *option, const char *value)
{
    if (!value)
        return sp_usage_error(&sp_command_top, "%s needs a number", option);
    if (!parse_count(value, &arguments->options.node_count))
        return sp_usage_error(&sp_command_top, "%s: \"%s\" is not a number of functions", option, value);
    return SP_EXIT_OK;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    bool options_end = false;
    int status = SP_EXIT_OK;
    for (int i = 1; i < argc && status == SP_EXIT_OK; i++) {
        const char *argument = argv[i], *value;
        if (options_end || argument[0] != '-' || argument[1] == '\0')
            status = sp_profile_argument_take(&sp_command_top, &arguments->file, argument);
        else if (strcmp(argument, "--") == 0)
            options_end = true;
        else if (strcmp(argument, "-cum") == 0 || strcmp(argument, "--cum") == 0)
            arguments->options.by_cum = true;
        else if (strcmp(argument, "-flat") == 0 || strcmp(argument, "--flat") == 0)
            arguments->options.by_cum = false;
        else if (is_count_option(argc, argv, &i, &value))
            status = take_count(arguments, argument, value);
        else
            status = sp_usage_error(&sp_command_top, "unknown option \"%s\"", argument);
    }
    if (status == SP_EXIT_OK && !arguments->file)
        status = sp_usage_error(&sp_command_top, "FILE is missing");
    return status;
}

/* Writes to stdout and closes it: a full disk may show only then. */
static int print(const char *text, size_t size)
{
    int error = fwrite(text, 1, size, stdout) == size ? 0 : errno;
    if (fclose(stdout) != 0 && !error)
        error = errno;
    if (!error)
        return SP_EXIT_OK;
    sp_complain("the report cannot be written to stdout: %s", strerror(error));
    return SP_EXIT_FAILED;
}

static int print_report(struct sp_profile *profile, struct sp_report_options *options, FILE *out)
{
    char why[256];
    int error = sp_report_find_value(profile, "", &options->value_index, why, sizeof(why));
    if (error)
        return error == -EINVAL ? -ENODATA : error;
    struct sp_report report;
    error = sp_report_init(&report, profile, options);
    if (!error)
        error = sp_select_granularity(profile, &(struct sp_granularity_options){.by = SP_BY_FUNCTION});
    if (!error)
        error = sp_report_top.print(&report, out, why, sizeof(why));
    sp_report_done(&report);
    return error;
}

/* The report as text, to be freed: 0, -ENODATA (no sample type) or -ENOMEM. */
static int render(struct sp_profile *profile, struct sp_report_options *options, char **text, size_t *size)
{
    FILE *memory = open_memstream(text, size);
    if (!memory)
        return -ENOMEM;
    int error = print_report(profile, options, memory);
    bool has_failed = ferror(memory) != 0;
    if ((fclose(memory) != 0 || has_failed) && !error)
        error = -ENOMEM;
    return error;
}

static int report(struct sp_profile *profile, struct arguments *arguments)
{
    char *text = NULL;
    size_t size = 0;
    int error = render(profile, &arguments->options, &text, &size);
    int status = SP_EXIT_FAILED;
    if (error == -ENODATA)
        sp_complain("%s: the profile has no sample type to show", arguments->file);
    else if (error)
        sp_complain("%s: there is not enough memory for the report", arguments->file);
    else
        status = print(text, size);
    free(text);
    return status;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {
        .options = {.mean_index = SP_NO_VALUE, .divide_by = 1, .node_fraction = 0.005, .edge_fraction = 0.001},
    };
    struct sp_profile *profile;
    int status = parse(argc, argv, &arguments);
    if (status == SP_EXIT_OK)
        status = sp_profile_argument_read(arguments.file, &profile);
    if (status != SP_EXIT_OK)
        return status;
    status = report(profile, &arguments);
    sp_profile_free(profile);
    return status;
}

const struct sp_command sp_command_top = {
    .name = "top",
    .usage = "top [-n N] [--cum] FILE",
    .summary = "show the functions that took most of a profile",
    .help = "  -n N, --nodecount=N  at most N functions (all that took at least 0.5 %)\n"
            "  --cum                sort by the value with callees, not by the function's own\n"
            "  FILE                 a profile in the pprof format; - is stdin\n"
            "\n"
            "The report is that of `go tool pprof -top FILE`, and so are -nodecount=N and -cum.\n"
            "flat is what a function took itself, cum what it took with all that it called.\n",
    .run = run,
};
