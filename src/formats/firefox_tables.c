/*
 * The tables of a thread, in Firefox's format: filled here, written by firefox_columns.c.
 *
 * Place on the way of a sample: profile → *this* → firefox_columns.c → file; firefox.h draws the tables. A thread has
 * in its tables what its samples use, in the order in which they do. Which number a thing has in the thread's table
 * stands in an array over all things, together with the thread that it is valid for, so that nothing has to be cleared
 * between threads. Stacks are a tree: a node is its parent and a frame, and is found by a hash of both; the beginning
 * that a stack has in common with the one before it needs no looking up.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <stdlib.h>

#include "formats/firefox_tables.h"
#include "profile/index.h"
#include "util/hash.h"
#include "util/room.h"

static bool table_init(struct sp_firefox_table *table, size_t n_things)
{
    table->places = calloc(n_things + 1, sizeof *table->places);
    table->things = calloc(n_things + 1, sizeof *table->things);
    return table->places != NULL && table->things != NULL;
}

static void table_done(struct sp_firefox_table *table)
{
    free(table->places);
    free(table->things);
}

/* The thing's number in the thread's table; `is_new` when it got it now. */
static uint32_t number_of(struct sp_firefox_table *table, uint32_t thread, uint32_t thing, bool *is_new)
{
    struct sp_firefox_number *place = &table->places[thing];
    *is_new = place->thread != thread;
    if (*is_new) {
        *place = (struct sp_firefox_number){thread, (uint32_t)table->n};
        table->things[table->n++] = thing;
    }
    return place->number;
}

/* A frame, with its function and the function's library. */
static uint32_t add_frame(struct sp_firefox_tables *tables, uint32_t frame)
{
    const struct sp_firefox *firefox = tables->firefox;
    bool is_new;
    const uint32_t number = number_of(&tables->frames, tables->thread, frame, &is_new);
    if (!is_new)
        return number;
    const uint32_t function = firefox->function_of[frame], mapping = firefox->functions[function].mapping;
    number_of(&tables->functions, tables->thread, function, &is_new);
    if (is_new && mapping != SP_NONE && firefox->library_of[mapping] != SP_NONE)
        number_of(&tables->libraries, tables->thread, firefox->library_of[mapping], &is_new);
    return number;
}

/* The node of `frame` below `parent`, which may be new; SP_NONE without memory. */
static uint32_t add_node(struct sp_firefox_tables *tables, uint32_t parent, uint32_t frame)
{
    const uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)parent << 32 | frame);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(tables->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(tables->index, &probe)) {
        if (tables->nodes[i].parent == parent && tables->nodes[i].frame == frame)
            return i;
    }
    void *nodes = tables->nodes;
    const bool has_room =
        tables->n_nodes < SP_NONE && sp_make_room(&nodes, tables->n_nodes, &tables->nodes_room, sizeof *tables->nodes);
    tables->nodes = nodes;
    if (!has_room || sp_index_put(tables->index, hash, (uint32_t)tables->n_nodes) != 0)
        return SP_NONE;
    tables->nodes[tables->n_nodes] = (struct sp_firefox_node){parent, frame};
    return (uint32_t)tables->n_nodes++;
}

/* Sets path[depth] to the node of `frame` there: whether there was memory. */
static bool step(struct sp_firefox_tables *tables, size_t depth, uint32_t frame)
{
    if (depth < tables->n_path && tables->nodes[tables->path[depth]].frame == frame)
        return true;
    const uint32_t node = add_node(tables, depth > 0 ? tables->path[depth - 1] : SP_NONE, frame);
    void *path = tables->path;
    const bool has_room = sp_make_room(&path, depth, &tables->path_room, sizeof *tables->path);
    tables->path = path;
    if (node == SP_NONE || !has_room)
        return false;
    tables->path[depth] = node;
    tables->n_path = depth + 1; /* what was deeper is below another node */
    return true;
}

/* The sample's node; SP_NONE for an empty stack. False without memory. */
static bool add_stack(struct sp_firefox_tables *tables, size_t sample, uint32_t *stack)
{
    struct sp_frame_walk walk = sp_frame_walk(&tables->firefox->list, tables->firefox->profile, sample);
    size_t depth = 0;
    for (uint32_t frame; (frame = sp_frame_walk_inwards(&walk)) != SP_NONE; depth++) {
        if (!step(tables, depth, add_frame(tables, frame)))
            return false;
    }
    *stack = depth > 0 ? tables->path[depth - 1] : SP_NONE;
    return true;
}

/* Fills the tables with what the thread's samples use, those without a value excepted. */
static int fill(struct sp_firefox_tables *tables, const struct sp_firefox_threads *threads,
                const struct sp_firefox_thread *thread)
{
    tables->thread++;
    tables->frames.n = tables->functions.n = tables->libraries.n = tables->n_nodes = tables->n_path = 0;
    sp_index_free(tables->index);
    tables->index = sp_index_new();
    if (tables->index == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < thread->n; i++) {
        const uint32_t sample = threads->order[thread->first + i];
        if (sp_firefox_value(tables->firefox, sample) != 0 && !add_stack(tables, sample, &tables->stacks[i]))
            return -ENOMEM;
    }
    return 0;
}

static bool init(struct sp_firefox_tables *tables)
{
    const struct sp_firefox *firefox = tables->firefox;
    tables->stacks = calloc(firefox->profile->samples.n + 1, sizeof *tables->stacks);
    return tables->stacks != NULL && table_init(&tables->frames, firefox->n_frames) &&
           table_init(&tables->functions, firefox->n_functions) && table_init(&tables->libraries, firefox->n_libraries);
}

static void done(struct sp_firefox_tables *tables)
{
    table_done(&tables->frames);
    table_done(&tables->functions);
    table_done(&tables->libraries);
    sp_index_free(tables->index);
    free(tables->nodes);
    free(tables->path);
    free(tables->stacks);
}

int sp_firefox_put_threads(struct sp_firefox *firefox, const struct sp_firefox_threads *threads)
{
    struct sp_firefox_tables tables = {.firefox = firefox};
    int error = init(&tables) ? 0 : -ENOMEM;
    sp_json_open(&firefox->json, "threads", '[');
    for (size_t i = 0; error == 0 && i < threads->n; i++) {
        error = fill(&tables, threads, &threads->at[i]);
        if (error == 0)
            sp_firefox_put_thread(&tables, threads, &threads->at[i]);
    }
    sp_json_end(&firefox->json, ']');
    done(&tables);
    return error;
}
