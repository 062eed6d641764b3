/*
 * `sigprof convert`: a profile, or what the options leave of it, in another format.
 *
 * Place on the way of a sample: file → formats → profile → select → formats → file. Which formats there are is the
 * table's business (formats/formats.h); the call graph's drawings are reports, and stand in a table of their own here.
 * Context: ordinary code of the command's only thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "formats/formats.h"
#include "formats/pprof.h"
#include "formats/zstd_out.h"
#include "graphviz.h"
#include "view.h"

struct arguments {
    struct sp_view_options view; /* first: its sets are of this structure, too */
    const char *format;
};

/* A view that is written in a format. */
struct conversion {
    struct sp_view view;
    const struct sp_format *format;
    bool has_value; /* the user has said which */
    bool is_zstd;   /* compressed, whatever the format */
};

/* Drawings of the call graph. */
struct drawing {
    const char *name, *description, *suffix;
    int (*print)(const struct sp_view *view, struct sp_report *report, FILE *out, char *why, size_t why_size);
};

static int print_dot(const struct sp_view *view, struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)view;
    return sp_report_dot.print(report, out, why, why_size);
}

static int print_svg(const struct sp_view *view, struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)view;
    return sp_graphviz_svg(report, out, why, why_size);
}

static const struct drawing drawings[] = {
    {"dot", "the call graph as `go tool pprof -dot` draws it, for Graphviz", ".dot", print_dot},
    {"svg", "the same as a picture, made with Graphviz's dot", ".svg", print_svg},
};
enum { N_DRAWINGS = sizeof drawings / sizeof drawings[0] };

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), n_end = strlen(end);
    return n > n_end && strcmp(text + n - n_end, end) == 0;
}

/* The drawing of that name, or that a file of that name wants to be; NULL: none. */
static const struct drawing *find_drawing(const char *name, const char *path)
{
    for (size_t i = 0; i < N_DRAWINGS; i++) {
        if (name ? strcmp(drawings[i].name, name) == 0 : path && ends_with(path, drawings[i].suffix))
            return &drawings[i];
    }
    return NULL;
}

static const char *reason(int error)
{
    switch (error) {
    case -ENOTSUP:
        return "the profile has what this format cannot tell; docs/formats.md says what each can";
    case -EINVAL:
        return "the profile does not hold together";
    case -ENOSYS:
        return "sigprof was built without libzstd";
    default:
        return strerror(-error);
    }
}

/* The profile as the bytes of the file: 0, or an error of the writer or of sp_zstd. gzip is no use within zstd. */
static int encode(const struct conversion *conversion, const struct sp_profile *profile,
                  const struct sp_write_options *how, struct sp_bytes *bytes)
{
    const struct sp_format *format = conversion->format;
    if (!conversion->is_zstd)
        return format->write(profile, how, bytes);
    struct sp_bytes plain = {0};
    int error = (format == &sp_format_pprof ? &sp_format_proto : format)->write(profile, how, &plain);
    if (!error)
        error = sp_zstd(plain.at, plain.n, bytes);
    sp_bytes_done(&plain);
    return error;
}

static int print_format(const struct sp_view *view, struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    const struct conversion *conversion = (const void *)view;
    const struct sp_write_options how = {.value_index =
                                             conversion->has_value ? report->options.value_index : SP_VALUE_DEFAULT};
    struct sp_bytes bytes = {0};
    const int error = encode(conversion, report->profile, &how, &bytes);
    if (error)
        snprintf(why, why_size, "it cannot be written as %s: %s", conversion->format->name, reason(error));
    else
        fwrite(bytes.at, 1, bytes.n, out);
    sp_bytes_done(&bytes);
    return error;
}

/* The format that a file's name asks for, and whether it asks for zstd besides; NULL where it asks for none. */
static const struct sp_format *format_of(const char *path, bool *is_zstd)
{
    const char *suffix = strrchr(path, '.');
    *is_zstd = suffix && strcmp(suffix, ".zst") == 0;
    if (!*is_zstd)
        return sp_format_of_path(path);
    char *bare = strndup(path, (size_t)(suffix - path));
    const struct sp_format *format = bare ? sp_format_of_path(bare) : NULL;
    free(bare);
    return format;
}

static int reject_format(const char *name)
{
    enum { MOST_FORMATS = 32 };
    const char *names[MOST_FORMATS];
    size_t n = 0;
    for (size_t i = 0; sp_formats[i]; i++) {
        if (sp_formats[i]->write && n < MOST_FORMATS)
            names[n++] = sp_formats[i]->name;
    }
    const char *meant = sp_nearest_name(name, names, n);
    if (meant)
        return sp_usage_error(&sp_command_convert, "there is no format \"%s\" to write; did you mean %s?", name, meant);
    return sp_usage_error(&sp_command_convert, "there is no format \"%s\" to write; --help tells which there are",
                          name);
}

/* What to write: by the name that was given, or by the output's ending, or the first. SP_EXIT_OK or SP_EXIT_USAGE. */
static int choose(const struct arguments *arguments, struct conversion *conversion)
{
    const char *path = arguments->view.terminal.output;
    conversion->view = (struct sp_view){.command = &sp_command_convert, .is_data = true};
    conversion->has_value = arguments->view.sample_index != NULL;
    const struct drawing *drawing = find_drawing(arguments->format, path);
    if (drawing && arguments->view.has_call_tree)
        return sp_usage_error(&sp_command_convert, "--call-tree is not drawn; speedscope shows a tree: -f speedscope");
    if (drawing) {
        conversion->view.print = drawing->print;
        conversion->view.node_count = SP_VIEW_USUAL_NODES;
        return SP_EXIT_OK;
    }
    const struct sp_format *format = path ? format_of(path, &conversion->is_zstd) : NULL;
    if (arguments->format)
        format = sp_format_find(arguments->format);
    if (arguments->format && (!format || !format->write))
        return reject_format(arguments->format);
    conversion->format = format ? format : sp_formats[0];
    conversion->view.print = print_format;
    conversion->view.is_whole = conversion->view.is_untrimmed = true;
    conversion->view.writes_frames = conversion->format != &sp_format_pprof && conversion->format != &sp_format_proto;
    conversion->view.by = SP_BY_ADDRESS + 1;
    if (!conversion->format->is_binary || !sp_terminal_is_on(&arguments->view.terminal))
        return SP_EXIT_OK;
    sp_complain("%s is binary and standard output is a terminal; redirect it, or give -o FILE",
                conversion->format->name);
    return SP_EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {.view = SP_VIEW_DEFAULTS};
    struct conversion conversion = {0};
    int status = sp_options_parse(&sp_command_convert, argc, argv, &arguments);
    if (status == SP_EXIT_OK)
        status = choose(&arguments, &conversion);
    if (status == SP_EXIT_OK)
        status = sp_view_show(&conversion.view, &arguments.view);
    sp_sources_done(&arguments.view.sources);
    return status;
}

static void print_formats(void)
{
    puts("\nformats, and the endings of file names that stand for them:");
    for (const struct sp_format *const *format = sp_formats; *format; format++) {
        if ((*format)->write)
            printf("  %-11s %s%s%s\n", (*format)->name, (*format)->description, (*format)->suffixes ? ": " : "",
                   (*format)->suffixes ? (*format)->suffixes : "");
    }
    for (size_t i = 0; i < N_DRAWINGS; i++)
        printf("  %-11s %s: %s\n", drawings[i].name, drawings[i].description, drawings[i].suffix);
}

static const struct sp_option options[] = {
    {.name = "format",
     .letter = 'f',
     .value_name = "FORMAT",
     .help = "one of those below; without it the ending of --output tells, or it is pprof",
     .take = sp_take_text,
     .offset = offsetof(struct arguments, format)},
};
static const struct sp_option_set sets[] = {SP_OPTION_SET(NULL, options, 0), SP_VIEW_OPTION_SETS};

const struct sp_command sp_command_convert = {
    .name = "convert",
    .usage = "convert [-f FORMAT] [-o OUTPUT] [OPTION...] FILE...",
    .summary = "write a profile in another format",
    .sets = sets,
    .n_sets = sizeof sets / sizeof sets[0],
    .take_word = sp_view_take_word,
    .help = SP_VIEW_FILE_HELP,
    .more_help = print_formats,
    .run = run,
};
