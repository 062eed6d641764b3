/*
 * One file for all processes, or one for each; and the summary lines.
 *
 * Place: see record_output.h. Context: ordinary code of one thread.
 */
#include "record_output.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "formats/formats.h"
#include "name_progress.h"
#include "summary.h"
#include "symbolize/perf_files.h"
#include "symbolize/symbolize.h"
#include "unused_files.h"

bool sp_record_output_is_stdout(const struct sp_record_output *output)
{
    return strcmp(output->path, "-") == 0;
}

int sp_record_output_open(struct sp_record_output *output)
{
    if (sp_record_output_is_stdout(output) && isatty(STDOUT_FILENO)) {
        sp_complain("a profile is binary and standard output is a terminal; redirect it, or give -o FILE");
        return SP_EXIT_FAILED;
    }
    const int error = sp_record_output_is_stdout(output) ? 0 : sp_output_open(output->path, &output->file);
    if (error != 0) {
        sp_complain("cannot write %s: %s; give another file with -o", output->path, strerror(-error));
        return SP_EXIT_FAILED;
    }
    output->images =
        sp_images_new(&(struct sp_images_limits){.held = output->image_descriptors}); /* NULL: the paths have to do */
    if (output->is_split) /* the files beside it get their names later */
        sp_output_abandon(&output->file);
    return SP_EXIT_OK;
}

static struct sp_record_part *find_part(const struct sp_record_output *output, pid_t pid)
{
    struct sp_record_part *part = output->parts;
    while (part != NULL && part->pid != pid)
        part = part->next;
    return part;
}

static struct sp_record_part *add_part(struct sp_record_output *output, pid_t pid)
{
    struct sp_record_part *part = calloc(1, sizeof *part);
    if (part == NULL)
        return NULL;
    *part = (struct sp_record_part){.pid = pid, .collector = sp_collector_new(output->period_ns, 0)};
    if (part->collector == NULL) {
        free(part);
        return NULL;
    }
    sp_collector_use_images(part->collector, output->images);
    if (output->has_processes && !output->is_split)
        sp_collector_label_processes(part->collector);
    struct sp_record_part **end = &output->parts;
    while (*end != NULL)
        end = &(*end)->next;
    *end = part;
    return part;
}

struct sp_collector *sp_record_output_collector(struct sp_record_output *output, pid_t pid)
{
    const pid_t of = output->is_split ? pid : 0;
    struct sp_record_part *part = find_part(output, of);
    if (part == NULL)
        part = add_part(output, of);
    return part != NULL ? part->collector : NULL;
}

static int name_profile(const struct sp_record_output *output, struct sp_profile *profile,
                        struct sp_symbolize_stats *names)
{
    struct sp_symbolize_options options = {.threads = UINT_MAX};
    if (output->images != NULL) {
        options.places.find_image = sp_images_find;
        options.places.find_user = output->images;
    }
    struct sp_name_progress progress;
    sp_name_progress_begin(&progress, STDERR_FILENO, SP_NAME_PROGRESS_DELAY_MS, &options);
    sp_name_places_begin(output->places, &options.places, &progress);
    const int error = sp_symbolize_profile(profile, &options, names);
    sp_name_progress_end(&progress);
    sp_name_places_end(output->places);
    return error;
}

static int encode_and_write(const struct sp_record_output *output, struct sp_profile *profile,
                            struct sp_output_file *file, struct sp_symbolize_stats *names)
{
    struct sp_bytes bytes = {0};
    const struct sp_perf_files_options maps = {.directory = "/tmp"};
    int error = name_profile(output, profile, names);
    if (error == 0)
        error = sp_perf_files_name(profile, &maps, NULL);
    if (error == 0)
        error = sp_formats[0]->write(profile, NULL, &bytes);
    if (error == 0)
        error = sp_output_write(file->path == NULL ? STDOUT_FILENO : file->fd, bytes.at, bytes.n);
    sp_bytes_done(&bytes);
    if (error == 0 && file->path != NULL)
        return sp_output_commit(file);
    sp_output_abandon(file);
    return error;
}

static void say_what_is_in(const struct sp_record_part *part, const struct sp_profile *profile,
                           const struct sp_symbolize_stats *names)
{
    struct sp_ledger ledger;
    sp_collector_ledger(part->collector, &ledger);
    sp_summary_print(&ledger, profile);
    sp_unused_files_print(profile, names, true);
}

/* Names, file, summary of one part. `file` is open, or none: standard output. */
static int write_part(const struct sp_record_output *output, const struct sp_record_part *part,
                      struct sp_output_file *file, const char *path, int64_t duration_ns)
{
    const bool is_stdout = file->path == NULL;
    struct sp_profile *profile = sp_collector_profile(part->collector, duration_ns);
    struct sp_symbolize_stats names;
    const int error = profile == NULL ? -ENOMEM : encode_and_write(output, profile, file, &names);
    if (error != 0) {
        sp_output_abandon(file);
        sp_complain("cannot write %s: %s; the profile is lost", is_stdout ? "standard output" : path, strerror(-error));
        return SP_EXIT_FAILED;
    }
    say_what_is_in(part, profile, &names);
    if (!is_stdout)
        sp_complain("wrote %s; look at it with: sigprof top %s", path, path);
    return SP_EXIT_OK;
}

/* Cuts name[0..*length) before its last dot, unless that is the first character: whether there was one. */
static bool cut_at_dot(const char *name, size_t *length)
{
    for (size_t at = *length; at-- > 1;)
        if (name[at] == '.') {
            *length = at;
            return true;
        }
    return false;
}

/* Where the suffix of a path begins, ".pb.gz" as a whole. */
static size_t suffix_at(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name);
    if (cut_at_dot(name, &length) && strcmp(name + length, ".gz") == 0)
        cut_at_dot(name, &length);
    return (size_t)(name - path) + length;
}

static int write_split_part(const struct sp_record_output *output, const struct sp_record_part *part,
                            int64_t duration_ns)
{
    const char *base = output->path;
    char path[PATH_MAX];
    const size_t stem = suffix_at(base);
    struct sp_output_file file = {0};
    snprintf(path, sizeof path, "%.*s.%d%s", (int)stem, base, (int)part->pid, base + stem);
    const int error = sp_output_open(path, &file);
    if (error == 0)
        return write_part(output, part, &file, path, duration_ns);
    sp_complain("cannot write %s: %s; the profile is lost", path, strerror(-error));
    return SP_EXIT_FAILED;
}

int sp_record_output_write(struct sp_record_output *output, int64_t duration_ns, uint64_t cpu_ns)
{
    int result = SP_EXIT_OK;
    for (const struct sp_record_part *part = output->parts; part != NULL; part = part->next) {
        if (!output->is_split)
            sp_collector_tree_cpu(part->collector, cpu_ns);
        const int written = output->is_split ? write_split_part(output, part, duration_ns)
                                             : write_part(output, part, &output->file, output->path, duration_ns);
        result = written != SP_EXIT_OK ? written : result;
    }
    return result;
}

void sp_record_output_done(struct sp_record_output *output)
{
    sp_output_abandon(&output->file);
    while (output->parts != NULL) {
        struct sp_record_part *part = output->parts;
        output->parts = part->next;
        sp_collector_free(part->collector);
        free(part);
    }
    sp_images_free(output->images);
    output->images = NULL;
}
