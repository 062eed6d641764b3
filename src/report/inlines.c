/*
 * How the nodes of a report got onto the stacks: inlined into their callers, called, or both.
 *
 * Place on the way of a sample: profile → nodes → *this* → a report's text.
 *
 * Only steps into nodes that some location has inlined are kept: for all others the answer is known. A step is an
 * entry in a hash index, from the pair (caller, callee).
 *
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "profile/index.h"
#include "profile/measure.h"
#include "report/nodes.h"
#include "util/hash.h"

/* All steps from one node to another. */
struct step {
    uint32_t caller, callee;
    int64_t value;
    size_t last_sample; /* counts once a stack; position + 1 */
    bool is_inlined;    /* in every stack */
};

struct steps {
    struct step *at;
    size_t n, capacity;
    struct sp_index *index;
};

static bool has_room(struct steps *steps)
{
    if (steps->n < steps->capacity)
        return true;
    size_t larger = steps->capacity ? steps->capacity * 2 : 256;
    struct step *moved = reallocarray(steps->at, larger, sizeof(*moved));
    if (!moved)
        return false;
    steps->at = moved;
    steps->capacity = larger;
    return true;
}

/* The step from `caller` to `callee`, new where needed; NULL when there is no memory. */
static struct step *find_or_add(struct steps *steps, uint32_t caller, uint32_t callee)
{
    uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)caller << 32 | callee);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(steps->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(steps->index, &probe)) {
        if (steps->at[i].caller == caller && steps->at[i].callee == callee)
            return &steps->at[i];
    }
    if (steps->n >= SP_NONE || !has_room(steps) || sp_index_put(steps->index, hash, (uint32_t)steps->n) != 0)
        return NULL;
    steps->at[steps->n] = (struct step){.caller = caller, .callee = callee, .is_inlined = true};
    return &steps->at[steps->n++];
}

static int count_step(struct steps *steps, uint32_t caller, uint32_t callee, size_t sample, int64_t value,
                      bool is_inlined)
{
    struct step *step = find_or_add(steps, caller, callee);
    if (!step)
        return -ENOMEM;
    if (step->last_sample == sample + 1)
        return 0;
    step->last_sample = sample + 1;
    step->value = sp_wrapping_sum(step->value, value);
    step->is_inlined = step->is_inlined && is_inlined;
    return 0;
}

/* Walks one stack from root to leaf. */
static int count_sample(const struct sp_nodes *nodes, struct steps *steps, size_t i, int64_t value, bool is_trimmed)
{
    const struct sp_sample *sample = &nodes->profile->samples.at[i];
    const uint32_t *stack = nodes->profile->sample_locations.at + sample->first_location;
    uint32_t caller = SP_NONE;
    for (uint32_t depth = sample->n_locations; depth-- > 0;) {
        size_t first = nodes->first_frame[stack[depth]], end = nodes->first_frame[stack[depth] + 1];
        for (size_t frame = end; frame-- > first;) {
            uint32_t callee = nodes->frames[frame];
            if (is_trimmed && !nodes->at[callee].is_kept)
                continue;
            if (caller != SP_NONE && caller != callee && nodes->at[callee].has_inline_frame &&
                count_step(steps, caller, callee, i, value, frame + 1 != end) != 0)
                return -ENOMEM;
            caller = callee;
        }
    }
    return 0;
}

static int count_samples(const struct sp_nodes *nodes, struct steps *steps, size_t value_index, bool is_trimmed)
{
    const struct sp_profile *profile = nodes->profile;
    int error = 0;
    for (size_t i = 0; !error && i < profile->samples.n; i++) {
        int64_t value = profile->values.at[i * profile->sample_types.n + value_index];
        if (value != 0)
            error = count_sample(nodes, steps, i, value, is_trimmed);
    }
    return error;
}

int sp_nodes_find_inlines(struct sp_nodes *nodes, size_t value_index, bool is_trimmed, int64_t cutoff)
{
    if (!nodes->has_inlines)
        return 0;
    struct steps steps = {.index = sp_index_new()};
    int error = steps.index ? count_samples(nodes, &steps, value_index, is_trimmed) : -ENOMEM;
    for (size_t i = 0; !error && i < steps.n; i++) {
        const struct step *step = &steps.at[i];
        if (sp_magnitude(step->value) < cutoff)
            continue;
        if (step->is_inlined)
            nodes->at[step->callee].is_inlined = true;
        else
            nodes->at[step->callee].is_called = true;
    }
    free(steps.at);
    sp_index_free(steps.index);
    return error;
}
