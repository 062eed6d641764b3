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

/* In the order of their trust: the first that knows an address names it. DWARF goes in front, perf maps at the end. */
static const struct sp_symbol_source *const sources[] = {&sp_source_elf, &sp_source_vdso};
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

/* Collects and sorts the locations with a mapping and no lines. */
static int collect_wants(struct job *job)
{
    const struct sp_profile *profile = job->profile;
    job->wants = calloc(profile->locations.n + 1, sizeof(*job->wants));
    if (!job->wants)
        return -ENOMEM;
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        if (location->n_lines > 0 || location->mapping >= profile->mappings.n)
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

/* Opens the module of `want` in every source that has it. Returns 0, also when none has, or -ENOMEM. */
static int open_module(struct job *job, const struct want *want)
{
    struct sp_module_id id = {.path = sp_profile_text(job->profile, want->file),
                              .build_id = sp_profile_text(job->profile, want->build_id)};
    bool is_open = false, is_stale = false;
    job->last_name = NULL;
    for (size_t i = 0; i < N_SOURCES; i++) {
        job->modules[i] = NULL;
        int error = sources[i]->open(&id, &job->modules[i]);
        if (error == -ENOMEM)
            return error;
        is_open |= error == 0;
        is_stale |= error == -ESTALE;
    }
    job->stats.modules += is_open;
    job->stats.mismatched += is_stale && !is_open;
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

/* Asks the sources in order; the number of frames, 0 when nobody knows. */
static uint32_t find_frames(const struct job *job, const struct want *want, struct sp_frame *frames)
{
    const struct sp_mapping *mapping = &job->profile->mappings.at[want->mapping];
    if (want->address < mapping->start || want->address >= mapping->limit)
        return 0; /* the profile contradicts itself; a name would be a guess */
    struct sp_module_address address = {.address = want->address,
                                        .file_offset = want->address - mapping->start + mapping->file_offset};
    for (size_t i = 0; i < N_SOURCES; i++) {
        uint32_t n = job->modules[i] ? sources[i]->find(job->modules[i], &address, frames, SP_FRAMES_MAX) : 0;
        if (n > 0)
            return n;
    }
    return 0;
}

/* The profile's function for a frame. The one of the address before is remembered: neighbours often share it. */
static uint32_t function_of(struct job *job, const struct sp_frame *frame)
{
    bool is_plain = !frame->filename && frame->start_line == 0;
    if (is_plain && frame->system_name == job->last_name)
        return job->last_function;
    const char *raw = frame->system_name ? frame->system_name : "";
    size_t length = sp_demangle(raw, SP_DEMANGLE_SHORT, job->name, sizeof(job->name));
    uint32_t system_name = sp_profile_string(job->profile, raw);
    struct sp_function function = {.name =
                                       length > 0 ? sp_profile_string_n(job->profile, job->name, length) : system_name,
                                   .system_name = system_name,
                                   .filename = sp_profile_string(job->profile, frame->filename),
                                   .start_line = frame->start_line};
    uint32_t index = sp_profile_function(job->profile, &function);
    if (is_plain) {
        job->last_name = frame->system_name;
        job->last_function = index;
    }
    return index;
}

/* Names wants[0..n), which are of the open module. Equal addresses are looked up once. */
static void name_wants(struct job *job, const struct want *wants, size_t n)
{
    struct sp_frame frames[SP_FRAMES_MAX];
    struct sp_line lines[SP_FRAMES_MAX];
    uint32_t n_frames = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || wants[i].mapping != wants[i - 1].mapping || wants[i].address != wants[i - 1].address) {
            n_frames = find_frames(job, &wants[i], frames);
            for (uint32_t k = 0; k < n_frames; k++)
                lines[k] = (struct sp_line){
                    .function = function_of(job, &frames[k]), .line = frames[k].line, .column = frames[k].column};
        }
        if (n_frames > 0)
            sp_profile_set_lines(job->profile, wants[i].location, lines, n_frames);
        job->stats.named += n_frames > 0;
    }
}

/* Module by module. */
static int name_modules(struct job *job)
{
    int error = 0;
    for (size_t first = 0, end; first < job->n_wants && !error; first = end) {
        for (end = first + 1; end < job->n_wants && is_same_module(&job->wants[first], &job->wants[end]);)
            end++;
        error = open_module(job, &job->wants[first]);
        if (!error)
            name_wants(job, &job->wants[first], end - first);
        close_module(job);
        if (!error)
            error = sp_profile_error(job->profile);
    }
    return error;
}

/*
 * Sets has_functions where any location of a mapping has a function: readers take "no functions" as a call to name the
 * mapping themselves, and would put less in the place of what is here.
 */
static void mark_mappings(struct sp_profile *profile)
{
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        if (location->mapping < profile->mappings.n && location->n_lines > 0 &&
            profile->lines.at[location->first_line].function != SP_NONE)
            profile->mappings.at[location->mapping].has_functions = true;
    }
}

int sp_symbolize_profile(struct sp_profile *profile, struct sp_symbolize_stats *stats)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->profile = profile;
    int error = collect_wants(job);
    if (!error)
        error = name_modules(job);
    if (!error)
        mark_mappings(profile);
    if (!error && stats)
        *stats = job->stats;
    free(job->wants);
    free(job);
    return error;
}
