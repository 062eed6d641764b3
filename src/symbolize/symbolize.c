/*
 * Addresses become names: groups a profile's locations by module, has them named, and gives them their lines.
 *
 * Place on the way of a sample: profile → *symbolize* → formats; module_names.c asks the sources.
 * The locations without lines are sorted by (file, build id, mapping, address), so that a module is opened once however
 * often it is mapped, and its addresses come in ascending order, each looked up once. While names are looked up the
 * profile does not change; then the locations get theirs in the order of before, so that the result is the same however
 * many threads there were.
 * Context: ordinary code; one profile by one thread at a time.
 */
#include "symbolize/symbolize.h"

#include "symbolize/module_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A location that wants a name. */
struct want {
    uint32_t file, build_id; /* strings of its mapping */
    uint32_t mapping, location;
    uint64_t address;
    size_t index; /* of its address among its module's; NO_INDEX: it contradicts its mapping, a name would be a guess */
};

#define NO_INDEX SIZE_MAX

/* The work on one profile. */
struct job {
    struct sp_profile *profile;
    struct sp_symbolize_options options;
    struct sp_symbolize_stats stats;
    struct want *wants; /* sorted */
    size_t n_wants;
    struct sp_module_names *modules; /* in the order of the wants */
    size_t n_modules;
    struct sp_module_address *addresses; /* of all modules, in one piece each */
    struct sp_found_name *names;         /* and their names */
};

static int compare_wants(const void *a, const void *b)
{
    const struct want *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if (x->build_id != y->build_id)
        return x->build_id < y->build_id ? -1 : 1;
    if (x->mapping != y->mapping)
        return x->mapping < y->mapping ? -1 : 1;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return (x->location > y->location) - (x->location < y->location);
}

static bool is_same_module(const struct want *a, const struct want *b)
{
    return a->file == b->file && a->build_id == b->build_id;
}

/* Collects and sorts the locations with a mapping and, unless it is forced, no lines. */
static int collect_wants(struct job *job)
{
    const struct sp_profile *profile = job->profile;
    job->wants = calloc(profile->locations.n + 1, sizeof(*job->wants));
    if (!job->wants)
        return -ENOMEM;
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        if ((location->n_lines > 0 && !job->options.is_forced) || location->mapping >= profile->mappings.n)
            continue;
        const struct sp_mapping *mapping = &profile->mappings.at[location->mapping];
        job->wants[job->n_wants++] = (struct want){.file = mapping->file,
                                                   .build_id = mapping->build_id,
                                                   .mapping = location->mapping,
                                                   .location = (uint32_t)i,
                                                   .address = location->address};
    }
    qsort(job->wants, job->n_wants, sizeof(*job->wants), compare_wants);
    job->stats.locations = job->n_wants;
    return 0;
}

/* Adds a want's address to its module, the last one, unless the want before it has the same. */
static void list_address(struct job *job, struct want *want, const struct want *before)
{
    const struct sp_mapping *mapping = &job->profile->mappings.at[want->mapping];
    struct sp_module_names *module = &job->modules[job->n_modules - 1];
    struct sp_module_address *addresses = &job->addresses[module->addresses - job->addresses];
    if (want->address < mapping->start || want->address >= mapping->limit) {
        want->index = NO_INDEX;
    } else if (before && before->mapping == want->mapping && before->address == want->address) {
        want->index = before->index;
    } else {
        want->index = module->n++;
        addresses[want->index] = (struct sp_module_address){
            .address = want->address, .file_offset = want->address - mapping->start + mapping->file_offset};
    }
}

static struct sp_module_id module_id(const struct sp_profile *profile, const struct want *want)
{
    const struct sp_mapping *mapping = &profile->mappings.at[want->mapping];
    return (struct sp_module_id){.path = sp_profile_text(profile, want->file),
                                 .build_id = sp_profile_text(profile, want->build_id),
                                 .code_offset = mapping->file_offset,
                                 .code_size = mapping->limit - mapping->start};
}

/* Makes the list of modules with the addresses of each. */
static int list_modules(struct job *job)
{
    job->modules = calloc(job->n_wants + 1, sizeof(*job->modules));
    job->addresses = calloc(job->n_wants + 1, sizeof(*job->addresses));
    job->names = calloc(job->n_wants + 1, sizeof(*job->names));
    if (!job->modules || !job->addresses || !job->names)
        return -ENOMEM;
    for (size_t i = 0; i < job->n_wants; i++) {
        struct want *want = &job->wants[i];
        const bool is_first = i == 0 || !is_same_module(want, want - 1);
        if (is_first)
            job->modules[job->n_modules++] = (struct sp_module_names){
                .id = module_id(job->profile, want), .addresses = &job->addresses[i], .names = &job->names[i]};
        list_address(job, want, is_first ? NULL : want - 1);
    }
    return 0;
}

/* Whether a mapping's path means a file: not "", "[heap]", "//anon". */
static bool is_file(const char *path)
{
    return path[0] != '\0' && path[0] != '[' && strncmp(path, "//", 2) != 0;
}

/* Keeps a problem among the worst, the one with most locations first. */
static void add_problem(struct sp_symbolize_stats *stats, const struct sp_symbolize_problem *problem)
{
    size_t at = stats->n_problems;
    if (at < SP_SYMBOLIZE_PROBLEMS_MAX)
        stats->n_problems++;
    else if (stats->problems[--at].locations >= problem->locations)
        return;
    for (; at > 0 && stats->problems[at - 1].locations < problem->locations; at--)
        stats->problems[at] = stats->problems[at - 1];
    stats->problems[at] = *problem;
}

/*
 * No source has opened the file of `n` wants. `error` is the worst that one said: -ENOENT is said of a file without
 * symbols, too.
 */
static void note_unused(struct job *job, const struct want *want, size_t n, int error)
{
    const char *path = sp_profile_text(job->profile, want->file);
    job->stats.mismatched += error == -ESTALE;
    if (!is_file(path) && error != -ESTALE) { /* not the vDSO of another kernel, which is as good as a file */
        job->stats.anonymous += n;
        return;
    }
    if (error == -ENOENT && access(path, F_OK) == 0)
        error = -ENODATA;
    job->stats.unused++;
    job->stats.withheld += n;
    add_problem(&job->stats, &(struct sp_symbolize_problem){.file = want->file, .error = error, .locations = n});
}

/* Gives wants[0..n) of a module what was found. Returns how many have a name now. */
static size_t set_lines(struct job *job, const struct sp_module_names *module, const struct want *wants, size_t n,
                        struct sp_naming *naming)
{
    size_t named = 0;
    for (size_t i = 0; i < n; i++) {
        if (wants[i].index == NO_INDEX || module->names[wants[i].index].found == SP_NONE)
            continue;
        const struct sp_found_name *name = &module->names[wants[i].index];
        sp_name_store_copy(&naming->stores[name->store], name->found, job->profile, wants[i].location);
        named++;
    }
    return named;
}

/* The end of the wants of one module, which begin at `first`. */
static size_t module_end(const struct job *job, size_t first)
{
    size_t end = first + 1;
    while (end < job->n_wants && is_same_module(&job->wants[first], &job->wants[end]))
        end++;
    return end;
}

/* Takes what was found of all modules into the profile. */
static void take_names(struct job *job, struct sp_naming *naming)
{
    struct sp_symbolize_stats *stats = &job->stats;
    for (size_t first = 0, end, i = 0; first < job->n_wants; first = end, i++) {
        const struct sp_module_names *module = &job->modules[i];
        end = module_end(job, first);
        if (!module->is_open) {
            note_unused(job, &job->wants[first], end - first, module->error);
            continue;
        }
        const size_t named = set_lines(job, module, &job->wants[first], end - first, naming);
        stats->modules++;
        stats->named += named;
        stats->uncovered += end - first - named;
    }
}

static int name_modules(struct job *job)
{
    const struct sp_symbolize_options *options = &job->options;
    const struct sp_naming_options how = {.style = options->demangle,
                                          .places = &options->places,
                                          .threads = options->threads,
                                          .on_module = options->on_module,
                                          .user = options->user};
    struct sp_naming naming = {.n = 0};
    int error = sp_name_modules(&naming, job->modules, job->n_modules, &how);
    if (!error)
        take_names(job, &naming);
    sp_naming_done(&naming);
    return error ? error : sp_profile_error(job->profile);
}

/* Says of a mapping what one of its locations has. */
static void mark_mapping(struct sp_mapping *mapping, const struct sp_profile *profile,
                         const struct sp_location *location)
{
    mapping->has_inline_frames |= location->n_lines > 1;
    for (uint32_t i = 0; i < location->n_lines; i++) {
        const struct sp_line *line = &profile->lines.at[location->first_line + i];
        mapping->has_line_numbers |= line->line != 0;
        if (line->function == SP_NONE)
            continue;
        mapping->has_functions = true;
        mapping->has_filenames |= profile->functions.at[line->function].filename != 0;
    }
}

/*
 * Sets the has_* flags of each mapping by what any of its locations has: readers take "no functions" as a call to name
 * the mapping themselves, and would put less in the place of what is here.
 */
void sp_symbolize_mark_mappings(struct sp_profile *profile)
{
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        if (location->mapping < profile->mappings.n)
            mark_mapping(&profile->mappings.at[location->mapping], profile, location);
    }
}

/* Takes back what mappings say: others may have taken the place of the lines that it was true of. */
static void unmark_mappings(struct sp_profile *profile)
{
    for (size_t i = 0; i < profile->mappings.n; i++) {
        struct sp_mapping *mapping = &profile->mappings.at[i];
        mapping->has_functions = mapping->has_filenames = false;
        mapping->has_line_numbers = mapping->has_inline_frames = false;
    }
}

static void job_free(struct job *job)
{
    free(job->wants);
    free(job->modules);
    free(job->addresses);
    free(job->names);
    free(job);
}

int sp_symbolize_profile(struct sp_profile *profile, const struct sp_symbolize_options *options,
                         struct sp_symbolize_stats *stats)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->profile = profile;
    if (options)
        job->options = *options;
    int error = collect_wants(job);
    if (!error)
        error = list_modules(job);
    if (!error)
        error = name_modules(job);
    if (!error && job->options.is_forced)
        unmark_mappings(profile);
    if (!error && job->n_wants > 0) /* else the profile stays as it is */
        sp_symbolize_mark_mappings(profile);
    if (!error && stats)
        *stats = job->stats;
    job_free(job);
    return error;
}
