/*
 * Addresses become names: groups a profile's locations by module, opens each module once, and asks the sources.
 *
 * Place on the way of a sample: profile → *symbolize* → formats.
 * The locations without lines are sorted by (file, build id, mapping, address), so that a module is opened once however
 * often it is mapped, and its addresses come in ascending order, each looked up once.
 * Context: ordinary code; one profile by one thread at a time.
 */
#include "symbolize/symbolize.h"

#include "symbolize/demangle.h"
#include "symbolize/symbol_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the order of their trust: the first that knows an address names it. Perf maps go to the end. */
static const struct sp_symbol_source *const sources[] = {&sp_source_dwarf, &sp_source_elf, &sp_source_vdso};
#define N_SOURCES (sizeof(sources) / sizeof(sources[0]))

/* Room for a demangled name; a longer one stays mangled. */
#define NAME_MAX_BYTES 16384

/* A location that wants a name. */
struct want {
    uint32_t file, build_id; /* strings of its mapping */
    uint32_t mapping, location;
    uint64_t address;
};

/* The work on one profile. */
struct job {
    struct sp_profile *profile;
    struct sp_symbolize_options options;
    struct sp_symbolize_stats stats;
    struct want *wants; /* sorted */
    size_t n_wants;
    void *modules[N_SOURCES]; /* of the module at hand; NULL where the source has nothing */
    const char *last_name;    /* the system name that `last_function` came from; the module's */
    uint32_t last_function;
    char name[NAME_MAX_BYTES];
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

/* Of two errors of sources, the one that tells more. */
static int worse(int a, int b)
{
    return a == -ESTALE || b == -ENOENT || b == 0 ? a : b;
}

/* Opens the module of wants[0..n) in every source that has it. Returns 0, also when none has, or -ENOMEM. */
static int open_module(struct job *job, const struct want *wants, size_t n)
{
    struct sp_module_id id = {.path = sp_profile_text(job->profile, wants->file),
                              .build_id = sp_profile_text(job->profile, wants->build_id)};
    bool is_open = false;
    int worst = -ENOENT;
    job->last_name = NULL;
    for (size_t i = 0; i < N_SOURCES; i++) {
        job->modules[i] = NULL;
        int error = sources[i]->open(&id, &job->options.places, &job->modules[i]);
        if (error == -ENOMEM)
            return error;
        is_open |= error == 0;
        worst = worse(worst, error);
    }
    job->stats.modules += is_open;
    if (!is_open)
        note_unused(job, wants, n, worst);
    return 0;
}

static void close_module(struct job *job)
{
    for (size_t i = 0; i < N_SOURCES; i++)
        if (job->modules[i]) {
            sources[i]->close(job->modules[i]);
            job->modules[i] = NULL;
        }
}

/* Asks the sources that look up by address, in order; the number of frames, 0 when nobody knows. */
static uint32_t find_frames(const struct job *job, const struct sp_module_address *address,
                            struct sp_named_frame *frames)
{
    for (size_t i = 0; i < N_SOURCES; i++) {
        if (!job->modules[i])
            continue;
        uint32_t n = sources[i]->find(job->modules[i], address, frames, SP_FRAMES_MAX);
        if (n > 0)
            return n;
    }
    return 0;
}

/* The name that people wrote. A symbol that is a function's name and a suffix is a part or a clone of it. */
static uint32_t name_of(struct job *job, const struct sp_named_frame *frame)
{
    const char *raw = frame->system_name ? frame->system_name : "";
    const size_t plain = frame->name ? strlen(frame->name) : 0;
    if (job->options.demangle != SP_DEMANGLE_NONE && plain > 0 && strncmp(raw, frame->name, plain) == 0 &&
        raw[plain] == '.')
        return sp_profile_string_n(job->profile, frame->name, plain);
    const size_t length = sp_demangle(raw, job->options.demangle, job->name, sizeof(job->name));
    return length > 0 ? sp_profile_string_n(job->profile, job->name, length) : sp_profile_string(job->profile, raw);
}

/* The profile's function for a frame. The one of the address before is remembered: neighbours often share it. */
static uint32_t function_of(struct job *job, const struct sp_named_frame *frame)
{
    bool is_plain = !frame->filename && !frame->name && frame->start_line == 0;
    if (is_plain && frame->system_name == job->last_name)
        return job->last_function;
    struct sp_function function = {.name = name_of(job, frame),
                                   .system_name = sp_profile_string(job->profile, frame->system_name),
                                   .filename = sp_profile_string(job->profile, frame->filename),
                                   .start_line = frame->start_line};
    uint32_t index = sp_profile_function(job->profile, &function);
    if (is_plain) {
        job->last_name = frame->system_name;
        job->last_function = index;
    }
    return index;
}

/* The addresses of the module at hand, each once, and the first of the wants that have it. */
struct batch {
    struct job *job;
    const struct want *wants;
    size_t n_wants;
    struct sp_module_address *addresses;
    size_t *first_wants; /* [n] is n_wants */
    bool *are_named;     /* also those that are not to be */
    size_t n;
};

static void set_lines(const struct batch *batch, size_t index, const struct sp_named_frame *frames, uint32_t n)
{
    struct job *job = batch->job;
    struct sp_line lines[SP_FRAMES_MAX];
    for (uint32_t k = 0; k < n; k++)
        lines[k] = (struct sp_line){
            .function = function_of(job, &frames[k]), .line = frames[k].line, .column = frames[k].column};
    for (size_t i = batch->first_wants[index]; i < batch->first_wants[index + 1]; i++)
        sp_profile_set_lines(job->profile, batch->wants[i].location, lines, n);
    job->stats.named += batch->first_wants[index + 1] - batch->first_wants[index];
    batch->are_named[index] = true;
}

/*
 * Takes frames of a source that names many at once. The function itself, not what is inlined there, has the name of the
 * symbol table if there is one: debug data says nothing of it for C, may have an internal one (libc's __GI_abort for
 * abort), and knows none of functions in assembly.
 */
static void take_frames(void *arg, size_t index, const struct sp_named_frame *found, uint32_t n)
{
    const struct batch *batch = arg;
    struct sp_named_frame frames[SP_FRAMES_MAX], symbol[SP_FRAMES_MAX];
    if (batch->are_named[index])
        return;
    memcpy(frames, found, n * sizeof(*frames));
    struct sp_named_frame *last = &frames[n - 1];
    if (find_frames(batch->job, &batch->addresses[index], symbol) > 0)
        last->system_name = symbol[0].system_name;
    if (!last->system_name)
        last->system_name = last->name;
    if (last->system_name)
        set_lines(batch, index, frames, n);
    batch->job->last_name = NULL; /* the texts may be gone, and others in their place */
}

/* Lists the addresses of wants[0..n). Those that contradict their mapping are left out: a name would be a guess. */
static void list_addresses(struct batch *batch)
{
    const struct want *last = NULL;
    for (size_t i = 0; i < batch->n_wants; i++) {
        const struct want *want = &batch->wants[i];
        const struct sp_mapping *mapping = &batch->job->profile->mappings.at[want->mapping];
        bool is_inside = want->address >= mapping->start && want->address < mapping->limit;
        if (last && want->mapping == last->mapping && want->address == last->address)
            continue;
        last = want;
        batch->first_wants[batch->n] = i;
        batch->are_named[batch->n] = !is_inside;
        batch->addresses[batch->n++] = (struct sp_module_address){
            .address = want->address, .file_offset = want->address - mapping->start + mapping->file_offset};
    }
    batch->first_wants[batch->n] = batch->n_wants;
}

/* Asks a source that names many addresses together. Returns 0 or -ENOMEM. */
static int name_chunks(struct batch *batch, const struct sp_symbol_batches *batches, const void *module)
{
    struct sp_symbol_plan plan;
    int error = batches->plan(module, batch->addresses, batch->n, &plan);
    if (error)
        return error;
    void *room = batches->room_new(module);
    error = room ? 0 : -ENOMEM;
    for (size_t i = 0; i < plan.n_chunks && !error; i++)
        error = batches->find(&plan, i, room, take_frames, batch);
    batches->room_free(room);
    batches->plan_done(&plan);
    return error;
}

/* Asks all sources for the addresses of a batch. Returns 0 or -ENOMEM. */
static int name_batch(struct batch *batch)
{
    struct job *job = batch->job;
    struct sp_named_frame frames[SP_FRAMES_MAX];
    for (size_t i = 0; i < N_SOURCES; i++) {
        int error = 0;
        if (job->modules[i] && sources[i]->batches)
            error = name_chunks(batch, sources[i]->batches, job->modules[i]);
        if (error)
            return error;
    }
    for (size_t i = 0; i < batch->n; i++) {
        uint32_t n = batch->are_named[i] ? 0 : find_frames(job, &batch->addresses[i], frames);
        if (n > 0)
            set_lines(batch, i, frames, n);
    }
    return 0;
}

/* Names wants[0..n), which are of the open module. */
static int name_wants(struct job *job, const struct want *wants, size_t n)
{
    struct batch batch = {.job = job, .wants = wants, .n_wants = n};
    int error = -ENOMEM;
    batch.addresses = calloc(n, sizeof(*batch.addresses));
    batch.first_wants = calloc(n + 1, sizeof(*batch.first_wants));
    batch.are_named = calloc(n, sizeof(*batch.are_named));
    if (batch.addresses && batch.first_wants && batch.are_named) {
        list_addresses(&batch);
        error = name_batch(&batch);
    }
    free(batch.addresses);
    free(batch.first_wants);
    free(batch.are_named);
    return error;
}

/* The end of the wants of one module, which begin at `first`. */
static size_t module_end(const struct job *job, size_t first)
{
    size_t end = first + 1;
    while (end < job->n_wants && is_same_module(&job->wants[first], &job->wants[end]))
        end++;
    return end;
}

static size_t count_modules(const struct job *job)
{
    size_t n = 0;
    for (size_t first = 0; first < job->n_wants; first = module_end(job, first))
        n++;
    return n;
}

/* Names the module of wants[0..n). 0 or -ENOMEM. */
static int name_module(struct job *job, const struct want *wants, size_t n)
{
    const struct sp_symbolize_stats before = job->stats;
    int error = open_module(job, wants, n);
    if (!error)
        error = name_wants(job, wants, n);
    close_module(job);
    if (job->stats.modules > before.modules)
        job->stats.uncovered += n - (job->stats.named - before.named);
    return error ? error : sp_profile_error(job->profile);
}

/* Module by module. */
static int name_modules(struct job *job)
{
    const struct sp_symbolize_options *options = &job->options;
    const size_t n_modules = options->on_module ? count_modules(job) : 0;
    size_t i = 0;
    int error = 0;
    for (size_t first = 0, end; first < job->n_wants && !error; first = end) {
        end = module_end(job, first);
        if (options->on_module)
            options->on_module(options->user, ++i, n_modules, sp_profile_text(job->profile, job->wants[first].file));
        error = name_module(job, &job->wants[first], end - first);
    }
    return error;
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
static void mark_mappings(struct sp_profile *profile)
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
        error = name_modules(job);
    if (!error && job->options.is_forced)
        unmark_mappings(profile);
    if (!error && job->n_wants > 0) /* else the profile stays as it is */
        mark_mappings(profile);
    if (!error && stats)
        *stats = job->stats;
    free(job->wants);
    free(job);
    return error;
}
