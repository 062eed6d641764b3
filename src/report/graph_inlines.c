/*
 * How the shown nodes got onto the stacks, as inlined code or by calls, without making the edges. See graph_build.h.
 *
 * An edge that is kept says "inlined" of its callee when it is never a call, and "called" otherwise. To know that of a
 * node takes the sums of the edges into it, but seldom of all of them:
 *
 * - Of a node that no location has inlined, everything is known.
 * - Which edges may be inlined is written in the locations: few, and in the table before the samples are walked.
 * - All others are calls, of which one that is kept settles that the node is called. Where sums only grow (values are
 *   seldom negative), the other calls do not matter once there is one.
 *
 * Whether a caller matters is asked at each step, and answered by one bit: that of the caller's number modulo 64.
 * Nearly all steps end there; what passes without need is not found in the table.
 *
 * Where the frames around inlined code are hidden, its caller is in another location, so that all callers matter.
 *
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "profile/index.h"
#include "profile/measure.h"
#include "report/graph_build.h"
#include "util/hash.h"

#define ALL_CALLERS UINT64_MAX

/* An edge, as far as it matters here. */
struct pair {
    uint32_t caller, callee; /* nodes */
    int64_t value;
    uint32_t last_sample; /* it counts once a stack; position + 1, 0: on none so far */
    bool is_inlined;      /* never a call */
};

struct marking {
    struct sp_graph *graph;
    int64_t cutoff;         /* smaller edges are not kept */
    bool is_growing;        /* no sum ever becomes smaller */
    uint64_t *inliners;     /* of each node: callers that some location has it inlined into, bit number % 64 */
    uint64_t *callers;      /* of each node: those that matter; 0 for nodes without inliners */
    struct sp_index *index; /* of pairs, by their nodes */
    struct pair *pairs;
    size_t n_pairs, capacity;
};

/* The pair's position, SP_NONE where there is none. */
static uint32_t find(const struct marking *marking, uint64_t hash, uint32_t caller, uint32_t callee)
{
    struct sp_probe probe;
    uint32_t i = sp_index_first(marking->index, hash, &probe);
    while (i != SP_INDEX_NONE && (marking->pairs[i].caller != caller || marking->pairs[i].callee != callee))
        i = sp_index_next(marking->index, &probe);
    return i;
}

/* The new pair's position, SP_NONE when there is no memory. */
static uint32_t add(struct marking *marking, uint64_t hash, uint32_t caller, uint32_t callee)
{
    if (marking->n_pairs == marking->capacity) {
        size_t larger = marking->capacity ? marking->capacity * 2 : 256;
        struct pair *moved = reallocarray(marking->pairs, larger, sizeof(*moved));
        if (!moved)
            return SP_NONE;
        marking->pairs = moved;
        marking->capacity = larger;
    }
    size_t i = marking->n_pairs;
    if (i >= SP_NONE || sp_index_put(marking->index, hash, (uint32_t)i) != 0)
        return SP_NONE;
    marking->pairs[i] = (struct pair){.caller = caller, .callee = callee, .is_inlined = true};
    marking->n_pairs++;
    return (uint32_t)i;
}

static uint64_t pair_hash(uint32_t caller, uint32_t callee)
{
    return sp_hash_word(sp_hash_seed(), (uint64_t)caller << 32 | callee);
}

static int note_inlined(struct marking *marking, uint32_t caller, uint32_t callee)
{
    uint64_t hash = pair_hash(caller, callee);
    marking->callers[callee] = ALL_CALLERS;
    marking->inliners[callee] |= UINT64_C(1) << caller % 64;
    return find(marking, hash, caller, callee) == SP_NONE && add(marking, hash, caller, callee) == SP_NONE ? -ENOMEM
                                                                                                           : 0;
}

/* Notes the pairs of which the location has one inlined into the other. */
static int note_location(struct marking *marking, size_t location)
{
    const struct sp_graph *graph = marking->graph;
    size_t first = graph->first_frame[location], end = graph->first_frame[location + 1];
    uint32_t caller = SP_NONE;
    int error = 0;
    for (size_t frame = end; !error && frame-- > first;) {
        uint32_t callee = graph->frames[frame];
        if (callee == SP_NONE)
            continue;
        if (frame + 1 != end && caller == SP_NONE)
            marking->inliners[callee] = marking->callers[callee] = ALL_CALLERS;
        else if (caller != SP_NONE && caller != callee)
            error = note_inlined(marking, caller, callee);
        caller = callee;
    }
    return error;
}

/* Whether all values are positive and their sum is a number. */
static bool is_growing(const struct sp_report *report)
{
    int64_t sum = 0;
    bool is_good = true;
    for (size_t i = 0; is_good && i < report->profile->samples.n; i++) {
        int64_t value = sp_report_value(report, i);
        is_good = value >= 0 && !__builtin_add_overflow(sum, value, &sum);
    }
    return is_good;
}

static bool is_kept(const struct marking *marking, const struct pair *pair)
{
    return pair->last_sample != 0 && sp_magnitude(pair->value) >= marking->cutoff;
}

static int count_step(struct marking *marking, uint32_t caller, uint32_t callee, bool is_inlined, size_t sample,
                      int64_t value)
{
    struct sp_node *node = &marking->graph->nodes[callee];
    uint64_t hash = pair_hash(caller, callee);
    uint32_t i = find(marking, hash, caller, callee);
    if (i == SP_NONE && node->is_called)
        return 0;
    if (i == SP_NONE)
        i = add(marking, hash, caller, callee);
    if (i == SP_NONE)
        return -ENOMEM;
    struct pair *pair = &marking->pairs[i];
    if (pair->last_sample == sample + 1)
        return 0;
    pair->last_sample = (uint32_t)sample + 1;
    pair->value = sp_wrapping_sum(pair->value, value);
    pair->is_inlined = pair->is_inlined && is_inlined;
    if (!pair->is_inlined && marking->is_growing && marking->inliners[callee] != ALL_CALLERS &&
        is_kept(marking, pair)) {
        node->is_called = true;
        marking->callers[callee] = marking->inliners[callee];
    }
    return 0;
}

/* Walks one stack from root to leaf. */
static int count_sample(struct marking *marking, size_t i, int64_t value)
{
    const struct sp_graph *graph = marking->graph;
    const struct sp_profile *profile = graph->report->profile;
    const struct sp_sample *sample = &profile->samples.at[i];
    const uint32_t *stack = profile->sample_locations.at + sample->first_location;
    uint32_t caller = SP_NONE;
    int error = 0;
    for (uint32_t depth = sample->n_locations; !error && depth-- > 0;) {
        size_t first = graph->first_frame[stack[depth]], end = graph->first_frame[stack[depth] + 1];
        for (size_t frame = end; !error && frame-- > first;) {
            uint32_t callee = graph->frames[frame];
            if (callee == SP_NONE)
                continue;
            if (caller != SP_NONE && caller != callee && marking->callers[callee] >> caller % 64 & 1)
                error = count_step(marking, caller, callee, frame + 1 != end, i, value);
            caller = callee;
        }
    }
    return error;
}

static int count_samples(struct marking *marking)
{
    const struct sp_report *report = marking->graph->report;
    int error = 0;
    for (size_t i = 0; !error && i < report->profile->samples.n; i++) {
        int64_t value = sp_report_value(report, i);
        if (value != 0 || sp_report_divisor(report, i) != 0)
            error = count_sample(marking, i, value);
    }
    return error;
}

static int mark(struct marking *marking)
{
    struct sp_graph *graph = marking->graph;
    int error = 0;
    for (size_t i = 0; !error && i < graph->report->profile->locations.n; i++)
        error = note_location(marking, i);
    if (!error)
        error = count_samples(marking);
    for (size_t i = 0; !error && i < marking->n_pairs; i++) {
        const struct pair *pair = &marking->pairs[i];
        struct sp_node *callee = &graph->nodes[pair->callee];
        if (!is_kept(marking, pair))
            continue;
        callee->is_inlined = callee->is_inlined || pair->is_inlined;
        callee->is_called = callee->is_called || !pair->is_inlined;
    }
    return error;
}

int sp_graph_mark_inlines(struct sp_graph *graph, int64_t cutoff)
{
    if (!graph->has_inlines)
        return 0;
    struct marking marking = {
        .graph = graph,
        .cutoff = cutoff,
        .is_growing = is_growing(graph->report),
        .inliners = calloc(graph->n_nodes + 1, sizeof(*marking.inliners)),
        .callers = calloc(graph->n_nodes + 1, sizeof(*marking.callers)),
        .index = sp_index_new(),
    };
    int error = marking.inliners && marking.callers && marking.index ? mark(&marking) : -ENOMEM;
    free(marking.inliners);
    free(marking.callers);
    free(marking.pairs);
    sp_index_free(marking.index);
    return error;
}
