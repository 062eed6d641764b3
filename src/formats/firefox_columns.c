/*
 * Writes a thread, in Firefox's format: each table column by column.
 *
 * Place on the way of a sample: profile → firefox_tables.c → *this* → file. Context: ordinary code.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "formats/firefox_tables.h"

enum { RESOURCE_IS_LIBRARY = 1 };

/* The end of a table: its length, and the bracket. */
static void end_table(struct sp_json *json, size_t n)
{
    sp_json_put_int(json, "length", (int64_t)n);
    sp_json_end(json, '}');
}

static void put_index_or_null(struct sp_json *json, uint32_t index)
{
    if (index == SP_NONE)
        sp_json_null(json);
    else
        sp_json_uint(json, index);
}

/* A column with the same in each row. */
static void put_same(struct sp_json *json, const char *name, size_t n, void (*put)(struct sp_json *json))
{
    sp_json_open(json, name, '[');
    for (size_t i = 0; i < n; i++)
        put(json);
    sp_json_end(json, ']');
}

static void put_zero(struct sp_json *json)
{
    sp_json_int(json, 0);
}

static void put_false(struct sp_json *json)
{
    sp_json_bool(json, false);
}

static void put_library_type(struct sp_json *json)
{
    sp_json_int(json, RESOURCE_IS_LIBRARY);
}

/* A column with a value for each thing of a table. */
static void put_column(const struct sp_firefox_tables *tables, const struct sp_firefox_table *table, const char *name,
                       void (*put)(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t thing))
{
    struct sp_json *json = &tables->firefox->json;
    sp_json_open(json, name, '[');
    for (size_t i = 0; i < table->n; i++)
        put(tables, json, table->things[i]);
    sp_json_end(json, ']');
}

static void put_frame_address(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t frame)
{
    const struct sp_location *location = tables->firefox->places[frame].location;
    if (location->address == 0)
        sp_json_int(json, -1);
    else
        sp_json_uint(json, sp_firefox_address(tables->firefox->profile, location->mapping, location->address));
}

static void put_frame_depth(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t frame)
{
    sp_json_uint(json, tables->firefox->places[frame].depth);
}

static void put_frame_category(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t frame)
{
    const struct sp_profile *profile = tables->firefox->profile;
    const uint32_t mapping = tables->firefox->places[frame].location->mapping;
    const char *file = mapping != SP_NONE ? sp_profile_text(profile, profile->mappings.at[mapping].file) : "";
    const bool is_kernel = strncmp(file, "[kernel", 7) == 0 || strstr(file, "/vmlinux") != NULL;
    sp_json_int(json, mapping == SP_NONE ? SP_FIREFOX_OTHER : is_kernel ? SP_FIREFOX_KERNEL : SP_FIREFOX_USER);
}

static void put_frame_function(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t frame)
{
    sp_json_uint(json, tables->functions.places[tables->firefox->function_of[frame]].number);
}

static void put_position(struct sp_json *json, int64_t position)
{
    if (position > 0)
        sp_json_int(json, position);
    else
        sp_json_null(json);
}

static void put_frame_line(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t frame)
{
    const struct sp_line *line = tables->firefox->places[frame].line;
    put_position(json, line != NULL ? line->line : 0);
}

static void put_frame_column(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t frame)
{
    const struct sp_line *line = tables->firefox->places[frame].line;
    put_position(json, line != NULL ? line->column : 0);
}

static void put_frame_table(const struct sp_firefox_tables *tables)
{
    struct sp_json *json = &tables->firefox->json;
    const size_t n = tables->frames.n;
    sp_json_open(json, "frameTable", '{');
    put_column(tables, &tables->frames, "address", put_frame_address);
    put_column(tables, &tables->frames, "inlineDepth", put_frame_depth);
    put_column(tables, &tables->frames, "category", put_frame_category);
    put_same(json, "subcategory", n, put_zero);
    put_column(tables, &tables->frames, "func", put_frame_function);
    put_same(json, "nativeSymbol", n, sp_json_null);
    put_same(json, "innerWindowID", n, put_zero);
    put_column(tables, &tables->frames, "line", put_frame_line);
    put_column(tables, &tables->frames, "column", put_frame_column);
    end_table(json, n);
}

/* The function in the profile; NULL where it is not known. */
static const struct sp_function *function_of(const struct sp_firefox_tables *tables, uint32_t function)
{
    const uint32_t of = tables->firefox->functions[function].function;
    return of != SP_NONE ? &tables->firefox->profile->functions.at[of] : NULL;
}

static void put_function_name(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t function)
{
    const struct sp_firefox_function *of = &tables->firefox->functions[function];
    if (of->nameless != SP_NONE)
        sp_json_uint(json, sp_firefox_nameless_string(tables->firefox, of->nameless));
    else
        sp_json_uint(json, function_of(tables, function)->name);
}

static void put_function_resource(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t function)
{
    const uint32_t mapping = tables->firefox->functions[function].mapping;
    const uint32_t library = mapping != SP_NONE ? tables->firefox->library_of[mapping] : SP_NONE;
    sp_json_int(json, library != SP_NONE ? (int64_t)tables->libraries.places[library].number : -1);
}

static void put_function_source(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t function)
{
    const struct sp_function *of = function_of(tables, function);
    put_index_or_null(json, of != NULL ? tables->firefox->source_of[of->filename] - 1 : SP_NONE);
}

static void put_function_line(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t function)
{
    const struct sp_function *of = function_of(tables, function);
    put_position(json, of != NULL ? of->start_line : 0);
}

static void put_function_table(const struct sp_firefox_tables *tables)
{
    struct sp_json *json = &tables->firefox->json;
    const size_t n = tables->functions.n;
    sp_json_open(json, "funcTable", '{');
    put_column(tables, &tables->functions, "name", put_function_name);
    put_same(json, "isJS", n, put_false);
    put_same(json, "relevantForJS", n, put_false);
    put_column(tables, &tables->functions, "resource", put_function_resource);
    put_column(tables, &tables->functions, "source", put_function_source);
    put_column(tables, &tables->functions, "lineNumber", put_function_line);
    put_same(json, "columnNumber", n, sp_json_null);
    end_table(json, n);
}

static void put_library(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t library)
{
    (void)tables;
    sp_json_uint(json, library);
}

static void put_library_name(const struct sp_firefox_tables *tables, struct sp_json *json, uint32_t library)
{
    sp_json_uint(json, sp_firefox_library_string(tables->firefox, library));
}

static void put_resource_table(const struct sp_firefox_tables *tables)
{
    struct sp_json *json = &tables->firefox->json;
    const size_t n = tables->libraries.n;
    sp_json_open(json, "resourceTable", '{');
    put_column(tables, &tables->libraries, "lib", put_library);
    put_column(tables, &tables->libraries, "name", put_library_name);
    put_same(json, "host", n, sp_json_null);
    put_same(json, "type", n, put_library_type);
    end_table(json, n);
}

static void put_stack_table(const struct sp_firefox_tables *tables)
{
    struct sp_json *json = &tables->firefox->json;
    sp_json_open(json, "stackTable", '{');
    sp_json_open(json, "frame", '[');
    for (size_t i = 0; i < tables->n_nodes; i++)
        sp_json_uint(json, tables->nodes[i].frame);
    sp_json_end(json, ']');
    sp_json_open(json, "prefix", '[');
    for (size_t i = 0; i < tables->n_nodes; i++)
        put_index_or_null(json, tables->nodes[i].parent);
    sp_json_end(json, ']');
    end_table(json, tables->n_nodes);
}

/* The samples that have a value: a column, by `put`, which gets the sum of the magnitudes before it. Their number. */
static size_t put_sample_column(const struct sp_firefox_tables *tables, const struct sp_firefox_threads *threads,
                                const struct sp_firefox_thread *thread, const char *name,
                                void (*put)(const struct sp_firefox_tables *tables, int64_t value, uint32_t stack,
                                            double before))
{
    const struct sp_firefox *firefox = tables->firefox;
    double before = 0;
    size_t n = 0;
    sp_json_open(&tables->firefox->json, name, '[');
    for (size_t i = 0; i < thread->n; i++) {
        const int64_t value = sp_firefox_value(firefox, threads->order[thread->first + i]);
        if (value == 0)
            continue;
        put(tables, value, tables->stacks[i], before);
        before += firefox->time_factor != 0 ? (value < 0 ? -(double)value : (double)value) * firefox->time_factor
                                            : firefox->interval_ms;
        n++;
    }
    sp_json_end(&tables->firefox->json, ']');
    return n;
}

static void put_stack(const struct sp_firefox_tables *tables, int64_t value, uint32_t stack, double before)
{
    (void)value, (void)before;
    put_index_or_null(&tables->firefox->json, stack);
}

static void put_time(const struct sp_firefox_tables *tables, int64_t value, uint32_t stack, double before)
{
    (void)value, (void)stack;
    sp_json_real(&tables->firefox->json, before);
}

static void put_weight(const struct sp_firefox_tables *tables, int64_t value, uint32_t stack, double before)
{
    (void)stack, (void)before;
    sp_json_real(&tables->firefox->json, (double)value * tables->firefox->weight_factor);
}

static void put_samples(const struct sp_firefox_tables *tables, const struct sp_firefox_threads *threads,
                        const struct sp_firefox_thread *thread)
{
    struct sp_json *json = &tables->firefox->json;
    sp_json_open(json, "samples", '{');
    put_sample_column(tables, threads, thread, "stack", put_stack);
    put_sample_column(tables, threads, thread, "time", put_time);
    const size_t n = put_sample_column(tables, threads, thread, "weight", put_weight);
    sp_json_put_string(json, "weightType", tables->firefox->weight_type);
    end_table(json, n);
}

/* Tables that have to be there, and are empty. */
static void put_empty_tables(struct sp_json *json)
{
    static const char *const markers[] = {"data", "name", "startTime", "endTime", "phase", "category"};
    static const char *const symbols[] = {"libIndex", "address", "name", "functionSize"};
    sp_json_open(json, "markers", '{');
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++)
        put_same(json, markers[i], 0, sp_json_null);
    end_table(json, 0);
    sp_json_open(json, "nativeSymbols", '{');
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
        put_same(json, symbols[i], 0, sp_json_null);
    end_table(json, 0);
}

/* Who the thread is. What the labels do not tell is made up: a tid has to be there, and has to be the thread's own. */
static void put_identity(const struct sp_firefox_tables *tables, const struct sp_firefox_thread *thread)
{
    struct sp_json *json = &tables->firefox->json;
    const char *name = sp_profile_text(tables->firefox->profile, thread->name);
    char pid[32], made_up[48] = "all threads";
    snprintf(pid, sizeof pid, "%" PRId64, thread->pid);
    if (thread->tid != 0)
        snprintf(made_up, sizeof made_up, "thread %" PRId64, thread->tid);
    sp_json_put_string(json, "name", name[0] != '\0' ? name : made_up);
    sp_json_put_bool(json, "isMainThread", thread->tid == thread->pid);
    if (thread->process != 0)
        sp_json_put_string(json, "processName", sp_profile_text(tables->firefox->profile, thread->process));
    sp_json_put_string(json, "processType", "default");
    sp_json_put_string(json, "pid", pid);
    sp_json_put_int(json, "tid", thread->tid != 0 ? thread->tid : (int64_t)tables->thread);
    sp_json_put_int(json, "processStartupTime", 0);
    sp_json_put_null(json, "processShutdownTime");
    sp_json_put_int(json, "registerTime", 0);
    sp_json_put_null(json, "unregisterTime");
    put_same(json, "pausedRanges", 0, sp_json_null);
}

void sp_firefox_put_thread(const struct sp_firefox_tables *tables, const struct sp_firefox_threads *threads,
                           const struct sp_firefox_thread *thread)
{
    struct sp_json *json = &tables->firefox->json;
    sp_json_line(json);
    sp_json_begin(json, '{');
    put_identity(tables, thread);
    put_samples(tables, threads, thread);
    put_stack_table(tables);
    put_frame_table(tables);
    put_function_table(tables);
    put_resource_table(tables);
    put_empty_tables(json);
    sp_json_end(json, '}');
}
