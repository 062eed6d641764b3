/*
 * The sums of samples' values at nodes. See graph_build.h.
 *
 * The walk over all stacks is where a report's time goes: it touches one small record a frame, apart from the nodes.
 *
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "profile/measure.h"
#include "report/graph_build.h"

/* Of one node. */
struct tally {
    int64_t cum, divisor;
    size_t last_sample; /* counts once a stack; position + 1 */
};

static void add_sample(struct sp_graph *graph, struct tally *tallies, size_t i, int64_t value, int64_t divisor)
{
    const struct sp_profile *profile = graph->report->profile;
    const struct sp_sample *sample = &profile->samples.at[i];
    const uint32_t *stack = profile->sample_locations.at + sample->first_location;
    for (uint32_t depth = 0; depth < sample->n_locations; depth++) {
        size_t end = graph->first_frame[stack[depth] + 1];
        for (size_t frame = graph->first_frame[stack[depth]]; frame < end; frame++) {
            struct tally *tally = &tallies[graph->frames[frame]];
            if (tally->last_sample == i + 1)
                continue;
            tally->last_sample = i + 1;
            tally->cum = sp_wrapping_sum(tally->cum, value);
            tally->divisor = sp_wrapping_sum(tally->divisor, divisor);
        }
    }
    if (sample->n_locations == 0)
        return;
    struct sp_node *leaf = &graph->nodes[graph->frames[graph->first_frame[stack[0]]]];
    leaf->flat = sp_wrapping_sum(leaf->flat, value);
    leaf->flat_divisor = sp_wrapping_sum(leaf->flat_divisor, divisor);
}

int sp_graph_add_values(struct sp_graph *graph)
{
    struct tally *tallies = calloc(graph->n_nodes + 1, sizeof(*tallies));
    if (!tallies)
        return -ENOMEM;
    for (size_t i = 0; i < graph->report->profile->samples.n; i++) {
        int64_t value = sp_report_value(graph->report, i), divisor = sp_report_divisor(graph->report, i);
        if (value != 0 || divisor != 0)
            add_sample(graph, tallies, i, value, divisor);
    }
    for (size_t i = 0; i < graph->n_nodes; i++) {
        graph->nodes[i].cum = tallies[i].cum;
        graph->nodes[i].cum_divisor = tallies[i].divisor;
    }
    free(tallies);
    return 0;
}
