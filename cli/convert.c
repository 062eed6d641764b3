/*
 * `sigprof convert`: a profile in another format.
 *
 * Place on the way of a sample: file → formats → profile → formats → file. Which formats there are is the table's
 * business (formats/formats.h); this is the place for those that are made of a report (a call graph's drawing), which
 * find_format would look for next.
 * Context: ordinary code of the command's only thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "formats/formats.h"
#include "profile_argument.h"
#include "util/output_file.h"

struct arguments {
    const char *format, *output, *type, *file;
};

/* An option with a value, in its spellings. */
struct option {
    const char *names[3];
    size_t value; /* offset in struct arguments */
};

static const struct option options[] = {
    {{"-f", "--format", "-format"}, offsetof(struct arguments, format)},
    {{"-o", "--output", "-output"}, offsetof(struct arguments, output)},
    {{"--sample-index", "-sample_index", "--sample_index"}, offsetof(struct arguments, type)},
};

/*
 * Whether argv[*i] is an option of the table: then `*option` is it, `*value` its value, NULL when that is missing, and
 * `*i` the last argument of it.
 */
static bool is_option(int argc, char **argv, int *i, const struct option **option, const char **value)
{
    for (size_t o = 0; o < sizeof options / sizeof options[0]; o++) {
        for (size_t n = 0; n < 3; n++) {
            const char *name = options[o].names[n], *argument = argv[*i];
            const size_t length = strlen(name);
            if (strncmp(argument, name, length) != 0 || (argument[length] != '\0' && argument[length] != '='))
                continue;
            *option = &options[o];
            *value = argument[length] == '=' ? argument + length + 1 : *i + 1 < argc ? argv[++*i] : NULL;
            return true;
        }
    }
    return false;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    bool options_end = false;
    int status = SP_EXIT_OK;
    for (int i = 1; i < argc && status == SP_EXIT_OK; i++) {
        const char *argument = argv[i], *value;
        const struct option *option;
        if (options_end || argument[0] != '-' || argument[1] == '\0')
            status = sp_profile_argument_take(&sp_command_convert, &arguments->file, argument);
        else if (strcmp(argument, "--") == 0)
            options_end = true;
        else if (!is_option(argc, argv, &i, &option, &value))
            status = sp_usage_error(&sp_command_convert, "unknown option \"%s\"", argument);
        else if (value == NULL || value[0] == '\0')
            status = sp_usage_error(&sp_command_convert, "%s needs a value", argument);
        else
            *(const char **)((char *)arguments + option->value) = value;
    }
    if (status == SP_EXIT_OK && arguments->file == NULL)
        status = sp_usage_error(&sp_command_convert, "FILE is missing");
    return status;
}

static bool is_to_stdout(const struct arguments *arguments)
{
    return arguments->output == NULL || strcmp(arguments->output, "-") == 0;
}

/* The format that was asked for, or that the output's name asks for, or the first. NULL: said why not. */
static const struct sp_format *find_format(const struct arguments *arguments)
{
    const struct sp_format *format = NULL;
    if (arguments->format != NULL) {
        format = sp_format_find(arguments->format);
        if (format == NULL || format->write == NULL)
            sp_usage_error(&sp_command_convert, "there is no format \"%s\" to write", arguments->format);
        return format != NULL && format->write != NULL ? format : NULL;
    }
    if (!is_to_stdout(arguments))
        format = sp_format_of_path(arguments->output);
    return format != NULL ? format : sp_formats[0];
}

/* The sample type of that name or position, as in pprof's -sample_index: whether there is one. */
static bool find_type(const struct sp_profile *profile, const char *wanted, size_t *index)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(wanted, &end, 10);
    if (wanted[0] >= '0' && wanted[0] <= '9' && *end == '\0') {
        *index = number < profile->sample_types.n ? (size_t)number : SP_VALUE_DEFAULT;
        return errno == 0 && number < profile->sample_types.n;
    }
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        *index = i;
        if (strcmp(sp_profile_text(profile, profile->sample_types.at[i].type), wanted) == 0)
            return true;
    }
    return false;
}

static const char *reason(int error)
{
    switch (error) {
    case -ENOTSUP:
        return "the profile has what this format cannot tell; docs/formats.md says what each can";
    case -EINVAL:
        return "the profile does not hold together";
    default:
        return strerror(-error);
    }
}

static int write_out(const struct arguments *arguments, const struct sp_bytes *bytes)
{
    struct sp_output_file file = {.fd = -1};
    int error = 0;
    if (is_to_stdout(arguments)) {
        error = sp_output_write(STDOUT_FILENO, bytes->at, bytes->n);
    } else {
        error = sp_output_open(arguments->output, &file);
        if (error == 0)
            error = sp_output_write(file.fd, bytes->at, bytes->n);
        if (error == 0)
            error = sp_output_commit(&file);
        sp_output_abandon(&file);
    }
    if (error == 0)
        return SP_EXIT_OK;
    sp_complain("%s cannot be written: %s", is_to_stdout(arguments) ? "standard output" : arguments->output,
                strerror(-error));
    return SP_EXIT_FAILED;
}

static int convert(const struct sp_profile *profile, const struct sp_format *format, const struct arguments *arguments)
{
    struct sp_write_options how = {.value_index = SP_VALUE_DEFAULT};
    struct sp_bytes bytes = {0};
    if (arguments->type != NULL && !find_type(profile, arguments->type, &how.value_index)) {
        sp_complain("%s: it has no sample type \"%s\"; sigprof info lists them", arguments->file, arguments->type);
        return SP_EXIT_FAILED;
    }
    int status = SP_EXIT_FAILED;
    const int error = format->write(profile, &how, &bytes);
    if (error != 0)
        sp_complain("%s: it cannot be written as %s: %s", arguments->file, format->name, reason(error));
    else
        status = write_out(arguments, &bytes);
    sp_bytes_done(&bytes);
    return status;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct sp_profile *profile;
    int status = parse(argc, argv, &arguments);
    if (status != SP_EXIT_OK)
        return status;
    const struct sp_format *format = find_format(&arguments);
    if (format == NULL)
        return SP_EXIT_USAGE;
    if (format->is_binary && is_to_stdout(&arguments) && isatty(STDOUT_FILENO)) {
        sp_complain("%s is binary and standard output is a terminal; redirect it, or give -o FILE", format->name);
        return SP_EXIT_FAILED;
    }
    status = sp_profile_argument_read(arguments.file, &profile);
    if (status != SP_EXIT_OK)
        return status;
    status = convert(profile, format, &arguments);
    sp_profile_free(profile);
    return status;
}

static void print_formats(void)
{
    puts("\nformats, and the endings of file names that stand for them:");
    for (const struct sp_format *const *format = sp_formats; *format; format++) {
        if ((*format)->write != NULL)
            printf("  %-11s %s%s%s\n", (*format)->name, (*format)->description, (*format)->suffixes ? ": " : "",
                   (*format)->suffixes ? (*format)->suffixes : "");
    }
}

const struct sp_command sp_command_convert = {
    .name = "convert",
    .usage = "convert [-f FORMAT] [-o FILE] [--sample-index=TYPE] FILE",
    .summary = "write a profile in another format",
    .help = "  -f FORMAT            one of those below; without it the ending of -o's FILE tells, or it is pprof\n"
            "  -o FILE              where to write; - or nothing is standard output\n"
            "  --sample-index=TYPE  the sample type, by name or position, for formats that have one only\n"
            "  FILE                 a profile of any format that can be read; - is stdin\n",
    .more_help = print_formats,
    .run = run,
};
