/*
 * Writes a profile in Callgrind's format.
 *
 * Place on the way of a sample: profile → *this* → file; callgrind.h shows the file. The costs are in the sample type's
 * own unit: these are whole numbers, and a larger unit would lose what is smaller. A function whose name is not known
 * is one for each address: together, they would seem to call themselves. A number stands for a function with its file
 * and object, as KCachegrind has it, not for a name alone. Negative costs cannot be told.
 *
 * Representation: nodes and functions are numbered once for each location; then the stacks are walked from the root on.
 * A call is found by a hash of its two nodes, but not where the stack before had the same call at the same depth.
 *
 * Context: ordinary code.
 */
#include "formats/callgrind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/location_frames.h"
#include "profile/index.h"
#include "util/hash.h"
#include "util/room.h"

struct function {
    uint32_t object, file, name;  /* strings */
    uint64_t address;             /* of one whose name is not known */
    uint32_t first_node, n_nodes; /* in node_order */
    bool is_named;                /* its number has been told */
};

struct node {
    uint32_t function;
    uint64_t address;
    int64_t line;
    int64_t cost;
    size_t first_call, n_calls; /* in call_order */
    bool is_used;
};

struct call {
    uint32_t caller, callee; /* nodes */
    int64_t cost;
    size_t n_samples;   /* that it is in */
    size_t last_sample; /* + 1 */
};

/* A call on the stack before this one, at some depth. */
struct step {
    uint32_t node;
    size_t call;
};

#define ARRAY_OF(T)  \
    struct {         \
        T *at;       \
        size_t n;    \
        size_t room; \
    }

struct writer {
    const struct sp_profile *profile;
    struct sp_bytes *out;
    struct sp_location_frames list;
    ARRAY_OF(struct function) functions;
    ARRAY_OF(struct node) nodes;
    ARRAY_OF(struct call) calls;
    ARRAY_OF(struct step) path;
    struct sp_index *function_index, *node_index, *call_index;
    uint32_t *node_order;                    /* nodes by function */
    size_t *call_order;                      /* calls by caller */
    uint32_t *object_numbers, *file_numbers; /* [strings.n]: 0 is not told yet */
    uint32_t n_objects, n_files;
};

/* Room for one more item: whether there was memory. */
#define MAKE_ROOM(array)                                                                    \
    ({                                                                                      \
        void *grown = (array).at;                                                           \
        bool has_room = sp_make_room(&grown, (array).n, &(array).room, sizeof *(array).at); \
        (array).at = grown;                                                                 \
        has_room;                                                                           \
    })

static uint32_t intern_function(struct writer *writer, const struct function *function)
{
    const uint64_t parts[] = {(uint64_t)function->object << 32 | function->file, function->name, function->address};
    const uint64_t hash = sp_hash_bytes(sp_hash_seed(), parts, sizeof parts);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(writer->function_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(writer->function_index, &probe)) {
        const struct function *known = &writer->functions.at[i];
        if (known->object == function->object && known->file == function->file && known->name == function->name &&
            known->address == function->address)
            return i;
    }
    if (!MAKE_ROOM(writer->functions) || sp_index_put(writer->function_index, hash, (uint32_t)writer->functions.n) != 0)
        return SP_NONE;
    writer->functions.at[writer->functions.n] = *function;
    return (uint32_t)writer->functions.n++;
}

static uint32_t intern_node(struct writer *writer, const struct node *node)
{
    const uint64_t hash =
        sp_hash_word(sp_hash_word(sp_hash_word(sp_hash_seed(), node->function), node->address), (uint64_t)node->line);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(writer->node_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(writer->node_index, &probe)) {
        const struct node *known = &writer->nodes.at[i];
        if (known->function == node->function && known->address == node->address && known->line == node->line)
            return i;
    }
    if (!MAKE_ROOM(writer->nodes) || sp_index_put(writer->node_index, hash, (uint32_t)writer->nodes.n) != 0)
        return SP_NONE;
    writer->nodes.at[writer->nodes.n] = *node;
    return (uint32_t)writer->nodes.n++;
}

static uint32_t intern_frame(void *user, const struct sp_frame_place *place)
{
    struct writer *writer = user;
    const struct sp_profile *profile = writer->profile;
    const uint32_t mapping = place->location->mapping;
    struct function function = {0};
    struct node node = {.address = place->location->address};
    if (mapping != SP_NONE)
        function.object = profile->mappings.at[mapping].file;
    if (place->line != NULL && place->line->function != SP_NONE) {
        function.name = profile->functions.at[place->line->function].name;
        function.file = profile->functions.at[place->line->function].filename;
        node.line = place->line->line;
    }
    if (function.name == 0)
        function.address = node.address;
    node.function = intern_function(writer, &function);
    return node.function != SP_NONE ? intern_node(writer, &node) : SP_NONE;
}

/* The position of the call, which may be new; SIZE_MAX without memory. */
static size_t intern_call(struct writer *writer, uint32_t caller, uint32_t callee)
{
    const uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)caller << 32 | callee);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(writer->call_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(writer->call_index, &probe)) {
        if (writer->calls.at[i].caller == caller && writer->calls.at[i].callee == callee)
            return i;
    }
    if (writer->calls.n >= SP_NONE || !MAKE_ROOM(writer->calls) ||
        sp_index_put(writer->call_index, hash, (uint32_t)writer->calls.n) != 0)
        return SIZE_MAX;
    writer->calls.at[writer->calls.n] = (struct call){.caller = caller, .callee = callee};
    return writer->calls.n++;
}

static int64_t saturating_sum(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum; /* neither is negative */
}

/* The call that leads to `node` at `depth`, at least 1, of the stack; SIZE_MAX without memory. */
static size_t find_call(struct writer *writer, size_t depth, uint32_t node, bool is_as_before)
{
    if (is_as_before && depth < writer->path.n && writer->path.at[depth].node == node)
        return writer->path.at[depth].call;
    return intern_call(writer, writer->path.at[depth - 1].node, node);
}

/* Counts a stack: 0 or -ENOMEM. A function that calls itself at the same address is no call, as in pprof. */
static int count_stack(struct writer *writer, size_t sample, int64_t cost)
{
    struct sp_frame_walk walk = sp_frame_walk(&writer->list, writer->profile, sample);
    bool is_as_before = true;
    size_t depth = 0;
    for (uint32_t node; (node = sp_frame_walk_inwards(&walk)) != SP_NONE; depth++) {
        struct step step = {node, SIZE_MAX};
        if (depth > 0 && writer->path.at[depth - 1].node != node) {
            step.call = find_call(writer, depth, node, is_as_before);
            if (step.call == SIZE_MAX)
                return -ENOMEM;
            struct call *call = &writer->calls.at[step.call];
            if (call->last_sample != sample + 1) {
                call->cost = saturating_sum(call->cost, cost);
                call->n_samples++;
            }
            call->last_sample = sample + 1;
        }
        is_as_before = is_as_before && depth < writer->path.n && writer->path.at[depth].node == node;
        if (depth >= writer->path.n) {
            writer->path.n = depth;
            if (!MAKE_ROOM(writer->path))
                return -ENOMEM;
            writer->path.n++;
        }
        writer->path.at[depth] = step;
        writer->nodes.at[node].is_used = true;
    }
    writer->path.n = depth;
    if (depth > 0) {
        struct node *leaf = &writer->nodes.at[writer->path.at[depth - 1].node];
        leaf->cost = saturating_sum(leaf->cost, cost);
    }
    return 0;
}

/* 0, -ENOMEM, or -ENOTSUP for a negative cost. */
static int count_samples(struct writer *writer, size_t value_index, int64_t *total)
{
    const struct sp_profile *profile = writer->profile;
    for (size_t i = 0; i < profile->samples.n; i++) {
        const int64_t cost = profile->values.at[i * profile->sample_types.n + value_index];
        if (cost < 0)
            return -ENOTSUP;
        if (cost > 0 && count_stack(writer, i, cost) != 0)
            return -ENOMEM;
        if (profile->samples.at[i].n_locations > 0)
            *total = saturating_sum(*total, cost);
    }
    return 0;
}

/* Two counting sorts: nodes by function, and calls by caller. */
static bool put_in_order(struct writer *writer)
{
    writer->node_order = calloc(writer->nodes.n + 1, sizeof *writer->node_order);
    writer->call_order = calloc(writer->calls.n + 1, sizeof *writer->call_order);
    if (writer->node_order == NULL || writer->call_order == NULL)
        return false;
    for (size_t i = 0; i < writer->nodes.n; i++)
        writer->functions.at[writer->nodes.at[i].function].n_nodes += writer->nodes.at[i].is_used;
    for (size_t i = 0; i < writer->calls.n; i++)
        writer->nodes.at[writer->calls.at[i].caller].n_calls++;
    uint32_t first_node = 0;
    for (size_t i = 0; i < writer->functions.n; i++) {
        writer->functions.at[i].first_node = first_node;
        first_node += writer->functions.at[i].n_nodes;
        writer->functions.at[i].n_nodes = 0;
    }
    size_t first_call = 0;
    for (uint32_t i = 0; i < writer->nodes.n; i++) {
        struct node *node = &writer->nodes.at[i];
        struct function *function = &writer->functions.at[node->function];
        node->first_call = first_call;
        first_call += node->n_calls;
        node->n_calls = 0;
        if (node->is_used)
            writer->node_order[function->first_node + function->n_nodes++] = i;
    }
    for (size_t i = 0; i < writer->calls.n; i++) {
        struct node *node = &writer->nodes.at[writer->calls.at[i].caller];
        writer->call_order[node->first_call + node->n_calls++] = i;
    }
    return true;
}

static void put_text(struct writer *writer, const char *text)
{
    sp_bytes_put(writer->out, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void put_format(struct writer *writer, const char *format, ...)
{
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sp_bytes_put(writer->out, text, (size_t)n);
}

/* A text with `stand_in` for what is below `least`, as are control characters, which could end the line. */
static void put_clean(struct writer *writer, const char *text, size_t n, char least, char stand_in)
{
    if (!sp_bytes_reserve(writer->out, n))
        return;
    for (size_t i = 0; i < n; i++) {
        const bool is_kept = (unsigned char)text[i] >= (unsigned char)least && text[i] != 0x7f;
        writer->out->at[writer->out->n++] = (uint8_t)(is_kept ? text[i] : stand_in);
    }
}

/* A line with a file or an object: its name comes the first time only. "???" is what valgrind calls the unknown. */
static void put_string(struct writer *writer, const char *key, uint32_t string, uint32_t *numbers, uint32_t *n)
{
    const bool is_new = numbers[string] == 0;
    if (is_new)
        numbers[string] = ++*n;
    put_format(writer, "%s=(%" PRIu32 ")", key, numbers[string]);
    if (is_new) {
        const char *text = string != 0 ? sp_profile_text(writer->profile, string) : "???";
        put_text(writer, " ");
        put_clean(writer, text, strlen(text), ' ', ' ');
    }
    put_text(writer, "\n");
}

/* The lines that name a function, with these keys; its number stands for it once it has been named. */
static void put_function(struct writer *writer, uint32_t i, const char *object, const char *file, const char *name)
{
    struct function *function = &writer->functions.at[i];
    put_string(writer, object, function->object, writer->object_numbers, &writer->n_objects);
    put_string(writer, file, function->file, writer->file_numbers, &writer->n_files);
    put_format(writer, "%s=(%" PRIu32 ")", name, i + 1);
    const char *text = sp_profile_text(writer->profile, function->name);
    if (!function->is_named && function->name == 0)
        put_format(writer, " 0x%" PRIx64, function->address);
    if (!function->is_named && function->name != 0) {
        put_text(writer, " ");
        put_clean(writer, text, strlen(text), ' ', ' ');
    }
    put_text(writer, "\n");
    function->is_named = true;
}

static void put_cost(struct writer *writer, const struct node *node, int64_t cost)
{
    put_format(writer, "0x%" PRIx64 " %" PRId64 " %" PRId64 "\n", node->address, node->line > 0 ? node->line : 0, cost);
}

static void put_node(struct writer *writer, const struct node *node)
{
    put_cost(writer, node, node->cost);
    for (size_t i = 0; i < node->n_calls; i++) {
        const struct call *call = &writer->calls.at[writer->call_order[node->first_call + i]];
        const struct node *callee = &writer->nodes.at[call->callee];
        put_function(writer, callee->function, "cob", "cfl", "cfn");
        put_format(writer, "calls=%zu 0x%" PRIx64 " %" PRId64 "\n", call->n_samples, callee->address,
                   callee->line > 0 ? callee->line : 0);
        put_cost(writer, node, call->cost);
    }
}

/* The event's name is pprof's: type(unit); a blank would end it. */
static void put_head(struct writer *writer, size_t value_index, int64_t total)
{
    const struct sp_value_type *type = &writer->profile->sample_types.at[value_index];
    const char *name = sp_profile_text(writer->profile, type->type),
               *unit = sp_profile_text(writer->profile, type->unit);
    put_text(writer, "# callgrind format\nversion: 1\ncreator: sigprof\npositions: instr line\nevents: ");
    put_clean(writer, name, strlen(name), '!', '_');
    put_text(writer, "(");
    put_clean(writer, unit, strlen(unit), '!', '_');
    put_format(writer, ")\nsummary: %" PRId64 "\n", total);
}

static void put_functions(struct writer *writer)
{
    for (uint32_t i = 0; i < writer->functions.n; i++) {
        const struct function *function = &writer->functions.at[i];
        if (function->n_nodes == 0)
            continue;
        put_text(writer, "\n");
        put_function(writer, i, "ob", "fl", "fn");
        for (uint32_t node = 0; node < function->n_nodes; node++)
            put_node(writer, &writer->nodes.at[writer->node_order[function->first_node + node]]);
    }
}

static int write_file(struct writer *writer, size_t value_index)
{
    int64_t total = 0;
    int error = sp_location_frames_init(&writer->list, writer->profile, intern_frame, writer);
    if (error == 0)
        error = count_samples(writer, value_index, &total);
    if (error == 0 && !put_in_order(writer))
        error = -ENOMEM;
    if (error != 0)
        return error;
    put_head(writer, value_index, total);
    put_functions(writer);
    put_format(writer, "\ntotals: %" PRId64 "\n", total);
    return writer->out->error;
}

static void done(struct writer *writer)
{
    sp_location_frames_done(&writer->list);
    sp_index_free(writer->function_index);
    sp_index_free(writer->node_index);
    sp_index_free(writer->call_index);
    free(writer->functions.at);
    free(writer->nodes.at);
    free(writer->calls.at);
    free(writer->path.at);
    free(writer->node_order);
    free(writer->call_order);
    free(writer->object_numbers);
    free(writer->file_numbers);
}

static int write_callgrind(const struct sp_profile *profile, const struct sp_write_options *options,
                           struct sp_bytes *out)
{
    if (sp_profile_check(profile, NULL, 0) != 0)
        return -EINVAL;
    if (profile->sample_types.n == 0)
        return -ENOTSUP;
    struct writer writer = {
        .profile = profile,
        .out = out,
        .function_index = sp_index_new(),
        .node_index = sp_index_new(),
        .call_index = sp_index_new(),
        .object_numbers = calloc(profile->strings.n, sizeof *writer.object_numbers),
        .file_numbers = calloc(profile->strings.n, sizeof *writer.file_numbers),
    };
    int error = -ENOMEM;
    if (writer.function_index != NULL && writer.node_index != NULL && writer.call_index != NULL &&
        writer.object_numbers != NULL && writer.file_numbers != NULL)
        error = write_file(&writer, sp_write_value_index(profile, options));
    done(&writer);
    return error;
}

const struct sp_format sp_format_callgrind = {
    .name = "callgrind",
    .description = "for KCachegrind and callgrind_annotate; one sample type",
    .suffixes = ".callgrind .cg",
    .has_names = true,
    .write = write_callgrind,
};
