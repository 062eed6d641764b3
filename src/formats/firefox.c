/*
 * Writes a profile in Firefox's format: what all threads share, and what is said of the whole.
 *
 * Place on the way of a sample: profile → *this*, firefox_threads.c, firefox_tables.c → file; firefox.h draws the
 * tables. Context: ordinary code.
 */
#include "formats/firefox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "profile/index.h"
#include "util/hash.h"
#include "util/room.h"

enum {
    PROCESSED_VERSION = 58,
    GECKO_VERSION = 31,
    BREAKPAD_ID_DIGITS = 33,
    BUILD_ID_DIGITS = 32, /* those that a breakpad id has room for */
};

static bool are_equal(const struct sp_firefox_function *a, const struct sp_firefox_function *b)
{
    return a->function == b->function && a->mapping == b->mapping && a->address == b->address;
}

/* The function's number, which may be new; SP_NONE without memory. */
static uint32_t intern_function(struct sp_firefox *firefox, struct sp_firefox_function *function)
{
    const uint64_t parts[] = {(uint64_t)function->function << 32 | function->mapping, function->address};
    const uint64_t hash = sp_hash_bytes(sp_hash_seed(), parts, sizeof parts);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(firefox->function_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(firefox->function_index, &probe)) {
        if (are_equal(&firefox->functions[i], function))
            return i;
    }
    void *functions = firefox->functions;
    const bool has_room =
        sp_make_room(&functions, firefox->n_functions, &firefox->functions_room, sizeof *firefox->functions);
    firefox->functions = functions;
    if (!has_room || sp_index_put(firefox->function_index, hash, (uint32_t)firefox->n_functions) != 0)
        return SP_NONE;
    function->nameless = function->function == SP_NONE ? (uint32_t)firefox->n_nameless++ : SP_NONE;
    firefox->functions[firefox->n_functions] = *function;
    return (uint32_t)firefox->n_functions++;
}

/* A function without a name is known by its address, as if there were no function. */
static struct sp_firefox_function function_at(const struct sp_profile *profile, const struct sp_frame_place *place)
{
    struct sp_firefox_function function = {.function = SP_NONE, .mapping = place->location->mapping};
    if (place->line != NULL && place->line->function != SP_NONE &&
        profile->functions.at[place->line->function].name != 0)
        function.function = place->line->function;
    else
        function.address = place->location->address;
    return function;
}

/* Each frame is one of its own: the Profiler tells frames apart by their addresses. */
static uint32_t add_frame(void *user, const struct sp_frame_place *place)
{
    struct sp_firefox *firefox = user;
    struct sp_firefox_function function = function_at(firefox->profile, place);
    void *places = firefox->places, *function_of = firefox->function_of;
    const bool has_room =
        firefox->n_frames < SP_NONE &&
        sp_make_room(&places, firefox->n_frames, &firefox->places_room, sizeof *firefox->places) &&
        sp_make_room(&function_of, firefox->n_frames, &firefox->function_of_room, sizeof *firefox->function_of);
    firefox->places = places;
    firefox->function_of = function_of;
    const uint32_t number = has_room ? intern_function(firefox, &function) : SP_NONE;
    if (number == SP_NONE)
        return SP_NONE;
    firefox->places[firefox->n_frames] = *place;
    firefox->function_of[firefox->n_frames] = number;
    return (uint32_t)firefox->n_frames++;
}

static bool is_same_file(const struct sp_mapping *a, const struct sp_mapping *b)
{
    return a->file == b->file && a->build_id == b->build_id;
}

/* The library of the mapping's file, which may be new: whether there was memory. */
static bool add_library(struct sp_firefox *firefox, struct sp_index *index, uint32_t of)
{
    const struct sp_mapping *mappings = firefox->profile->mappings.at;
    const uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)mappings[of].file << 32 | mappings[of].build_id);
    struct sp_probe probe;
    uint32_t library = sp_index_first(index, hash, &probe);
    while (library != SP_INDEX_NONE && !is_same_file(&mappings[firefox->libraries[library]], &mappings[of]))
        library = sp_index_next(index, &probe);
    if (library == SP_INDEX_NONE) {
        library = (uint32_t)firefox->n_libraries;
        if (sp_index_put(index, hash, library) != 0)
            return false;
        firefox->libraries[firefox->n_libraries++] = of;
    }
    firefox->library_of[of] = library;
    return true;
}

/* Makes a library of each file that locations are in: 0 or -ENOMEM. */
static int find_libraries(struct sp_firefox *firefox)
{
    const struct sp_profile *profile = firefox->profile;
    struct sp_index *index = sp_index_new();
    firefox->library_of = calloc(profile->mappings.n + 1, sizeof *firefox->library_of);
    firefox->libraries = calloc(profile->mappings.n + 1, sizeof *firefox->libraries);
    bool is_good = index != NULL && firefox->library_of != NULL && firefox->libraries != NULL;
    for (size_t i = 0; is_good && i < profile->mappings.n; i++)
        firefox->library_of[i] = SP_NONE;
    for (size_t i = 0; is_good && i < profile->locations.n; i++) {
        const uint32_t mapping = profile->locations.at[i].mapping;
        if (mapping != SP_NONE && profile->mappings.at[mapping].file != 0 && firefox->library_of[mapping] == SP_NONE)
            is_good = add_library(firefox, index, mapping);
    }
    sp_index_free(index);
    return is_good ? 0 : -ENOMEM;
}

/* Makes a source of each file of functions: 0 or -ENOMEM. */
static int find_sources(struct sp_firefox *firefox)
{
    const struct sp_profile *profile = firefox->profile;
    firefox->source_of = calloc(profile->strings.n, sizeof *firefox->source_of);
    firefox->sources = calloc(profile->strings.n, sizeof *firefox->sources);
    if (firefox->source_of == NULL || firefox->sources == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < profile->functions.n; i++) {
        const uint32_t file = profile->functions.at[i].filename;
        if (file == 0 || firefox->source_of[file] != 0)
            continue;
        firefox->sources[firefox->n_sources++] = file;
        firefox->source_of[file] = (uint32_t)firefox->n_sources;
    }
    return 0;
}

/* Milliseconds in a unit of time; 0 for any other unit. */
static double milliseconds_in(const char *unit)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"nanoseconds", 1e-6}, {"ns", 1e-6}, {"microseconds", 1e-3}, {"us", 1e-3},
                 {"milliseconds", 1},   {"ms", 1},    {"seconds", 1e3},       {"s", 1e3}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].unit) == 0)
            return units[i].ms;
    }
    return 0;
}

static void choose_weights(struct sp_firefox *firefox, const struct sp_write_options *options)
{
    const struct sp_profile *profile = firefox->profile;
    firefox->value_index = sp_write_value_index(profile, options);
    const char *unit = sp_profile_text(profile, profile->sample_types.at[firefox->value_index].unit);
    const double unit_ms = milliseconds_in(unit);
    const double period_ms =
        (double)profile->period * milliseconds_in(sp_profile_text(profile, profile->period_type.unit));
    const bool is_count = strcmp(unit, "count") == 0;
    firefox->interval_ms = period_ms > 0 ? period_ms : 1;
    firefox->weight_type = unit_ms > 0 ? "tracing-ms" : strcmp(unit, "bytes") == 0 ? "bytes" : "samples";
    firefox->weight_factor = unit_ms > 0 ? unit_ms : 1;
    firefox->time_factor = unit_ms > 0 ? unit_ms : is_count && period_ms > 0 ? period_ms : 0;
}

static void put_category(struct sp_json *json, const char *name, const char *color)
{
    sp_json_begin(json, '{');
    sp_json_put_string(json, "name", name);
    sp_json_put_string(json, "color", color);
    sp_json_open(json, "subcategories", '[');
    sp_json_string(json, "Other");
    sp_json_end(json, ']');
    sp_json_end(json, '}');
}

/* The name of the program: the first mapping's file. */
static const char *product_of(const struct sp_profile *profile)
{
    size_t length;
    const char *file = profile->mappings.n > 0 ? sp_profile_text(profile, profile->mappings.at[0].file) : "";
    return file[0] != '\0' ? sp_path_base(file, &length) : "sigprof";
}

static void put_meta(struct sp_firefox *firefox)
{
    const struct sp_profile *profile = firefox->profile;
    struct sp_json *json = &firefox->json;
    sp_json_open(json, "meta", '{');
    sp_json_put_int(json, "preprocessedProfileVersion", PROCESSED_VERSION);
    sp_json_put_int(json, "version", GECKO_VERSION);
    sp_json_put_string(json, "importedFrom", "sigprof");
    sp_json_put_string(json, "product", product_of(profile));
    sp_json_key(json, "interval");
    sp_json_real(json, firefox->interval_ms);
    sp_json_key(json, "startTime");
    sp_json_real(json, (double)profile->time_ns / 1e6);
    sp_json_put_int(json, "processType", 0);
    sp_json_put_int(json, "stackwalk", 1);
    sp_json_put_bool(json, "symbolicated", true);
    sp_json_put_bool(json, "usesOnlyOneStackType", true);
    sp_json_put_bool(json, "sourceCodeIsNotOnSearchfox", true);
    sp_json_open(json, "markerSchema", '[');
    sp_json_end(json, ']');
    sp_json_open(json, "categories", '[');
    put_category(json, "Other", "grey");
    put_category(json, "User", "yellow");
    put_category(json, "Kernel", "orange");
    sp_json_end(json, ']');
    sp_json_end(json, '}');
}

/* Breakpad's id of a file: the build id's first 16 bytes as a GUID, whose first three parts are little-endian, and 0.
 */
static void breakpad_id(const char *build_id, char id[BREAKPAD_ID_DIGITS + 1])
{
    static const unsigned char order[BUILD_ID_DIGITS / 2] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    memset(id, '0', BREAKPAD_ID_DIGITS);
    id[BREAKPAD_ID_DIGITS] = '\0';
    const size_t n = strspn(build_id, "0123456789abcdefABCDEF");
    for (size_t i = 0; i < sizeof order; i++) {
        for (size_t half = 0; half < 2; half++) {
            const size_t from = 2 * order[i] + half;
            const char digit = from < n ? build_id[from] : '0';
            id[2 * i + half] = digit >= 'a' ? (char)(digit - 'a' + 'A') : digit;
        }
    }
}

static void put_library(struct sp_firefox *firefox, const struct sp_mapping *mapping)
{
    struct sp_json *json = &firefox->json;
    const char *path = sp_profile_text(firefox->profile, mapping->file);
    const char *build_id = sp_profile_text(firefox->profile, mapping->build_id);
    char id[BREAKPAD_ID_DIGITS + 1];
    size_t length;
    const char *name = sp_path_base(path, &length);
    breakpad_id(build_id, id);
    sp_json_begin(json, '{');
    sp_json_put_string(json, "arch", "");
    sp_json_put_string(json, "name", name);
    sp_json_put_string(json, "path", path);
    sp_json_put_string(json, "debugName", name);
    sp_json_put_string(json, "debugPath", path);
    sp_json_put_string(json, "breakpadId", id);
    if (build_id[0] != '\0')
        sp_json_put_string(json, "codeId", build_id);
    else
        sp_json_put_null(json, "codeId");
    sp_json_end(json, '}');
}

static void put_libraries(struct sp_firefox *firefox)
{
    sp_json_open(&firefox->json, "libs", '[');
    for (size_t i = 0; i < firefox->n_libraries; i++)
        put_library(firefox, &firefox->profile->mappings.at[firefox->libraries[i]]);
    sp_json_end(&firefox->json, ']');
}

/* In the order that firefox.h says. */
static void put_strings(struct sp_firefox *firefox)
{
    const struct sp_profile *profile = firefox->profile;
    struct sp_json *json = &firefox->json;
    sp_json_open(json, "stringArray", '[');
    for (size_t i = 0; i < profile->strings.n; i++)
        sp_json_string(json, profile->strings.at[i]);
    for (size_t i = 0; i < firefox->n_libraries; i++) {
        size_t length;
        const uint32_t file = profile->mappings.at[firefox->libraries[i]].file;
        sp_json_string(json, sp_path_base(sp_profile_text(profile, file), &length));
    }
    for (size_t i = 0; i < firefox->n_functions; i++) {
        const struct sp_firefox_function *function = &firefox->functions[i];
        if (function->nameless == SP_NONE)
            continue;
        if (function->address == 0)
            sp_json_string(json, "<unknown>");
        else
            sp_json_hex(json, sp_firefox_address(profile, function->mapping, function->address));
    }
    sp_json_end(json, ']');
}

static void put_sources(struct sp_firefox *firefox)
{
    struct sp_json *json = &firefox->json;
    sp_json_open(json, "sources", '{');
    sp_json_put_int(json, "length", (int64_t)firefox->n_sources);
    sp_json_open(json, "uuid", '[');
    for (size_t i = 0; i < firefox->n_sources; i++)
        sp_json_null(json);
    sp_json_end(json, ']');
    sp_json_open(json, "filename", '[');
    for (size_t i = 0; i < firefox->n_sources; i++)
        sp_json_uint(json, firefox->sources[i]);
    sp_json_end(json, ']');
    sp_json_end(json, '}');
}

static int put_file(struct sp_firefox *firefox, const struct sp_firefox_threads *threads)
{
    struct sp_json *json = &firefox->json;
    sp_json_begin(json, '{');
    put_meta(firefox);
    put_libraries(firefox);
    sp_json_open(json, "shared", '{');
    put_strings(firefox);
    put_sources(firefox);
    sp_json_end(json, '}');
    const int error = sp_firefox_put_threads(firefox, threads);
    sp_json_end(json, '}');
    return error != 0 ? error : sp_json_finish(json);
}

static void done(struct sp_firefox *firefox)
{
    sp_location_frames_done(&firefox->list);
    sp_index_free(firefox->function_index);
    free(firefox->places);
    free(firefox->function_of);
    free(firefox->functions);
    free(firefox->sources);
    free(firefox->source_of);
    free(firefox->libraries);
    free(firefox->library_of);
}

static int write_firefox(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out)
{
    if (sp_profile_check(profile, NULL, 0) != 0)
        return -EINVAL;
    if (profile->sample_types.n == 0)
        return -ENOTSUP;
    struct sp_firefox firefox = {.profile = profile, .function_index = sp_index_new()};
    struct sp_firefox_threads threads = {0};
    sp_json_init(&firefox.json, sp_bytes_sink, out);
    choose_weights(&firefox, options);
    int error = firefox.function_index != NULL ? find_libraries(&firefox) : -ENOMEM;
    if (error == 0)
        error = find_sources(&firefox);
    if (error == 0)
        error = sp_location_frames_init(&firefox.list, profile, add_frame, &firefox);
    if (error == 0)
        error = sp_firefox_threads_init(&threads, profile);
    if (error == 0)
        error = put_file(&firefox, &threads);
    sp_firefox_threads_done(&threads);
    done(&firefox);
    return error;
}

const struct sp_format sp_format_firefox = {
    .name = "firefox",
    .description = "JSON for the Firefox Profiler, with threads; one sample type",
    .suffixes = ".firefox.json",
    .has_names = true,
    .write = write_firefox,
};
