/*
 * From two profiles to the values of each function. See diff_rows.h.
 *
 * As in graph.h, each frame of a profile is resolved to its row once; then samples are added with array reads.
 *
 * Context: ordinary code of one thread.
 */
#include "report/diff_rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "report/frame_text.h"
#include "report/names.h"
#include "report/report.h"
#include "util/arena.h"
#include "util/hash.h"

/* How much one side's samples weigh. */
struct weighing {
    const struct sp_profile *profile;
    enum sp_side side;
    size_t value_index;
    size_t count_index;  /* the type that is a number of samples, or SP_NO_VALUE */
    double period;       /* what a sample stands for, 0 where that is not known */
    double periods_each; /* how many periods a sample stands for on average */
};

struct side {
    struct weighing weighing;
    uint32_t *of_function; /* rows */
    uint32_t *frames;      /* rows, innermost first */
    size_t *first_frame;   /* [locations.n + 1] */
    struct sp_text_room room;
};

static uint32_t add_row(struct sp_diff *diff, const char *name, const char *file, uint64_t hash)
{
    if (diff->n == diff->capacity) {
        size_t larger = diff->capacity ? diff->capacity * 2 : 256;
        struct sp_diff_row *moved = reallocarray(diff->rows, larger, sizeof(*moved));
        if (!moved)
            return SP_NONE;
        diff->rows = moved;
        diff->capacity = larger;
    }
    struct sp_diff_row row = {.name = sp_arena_copy(diff->texts, name, strlen(name)),
                              .file = sp_arena_copy(diff->texts, file, strlen(file))};
    if (!row.name || !row.file || diff->n >= SP_NONE || sp_index_put(diff->index, hash, (uint32_t)diff->n) != 0)
        return SP_NONE;
    diff->rows[diff->n] = row;
    return (uint32_t)diff->n++;
}

/* The row of `name` and `file`, new where needed; SP_NONE when there is no memory. */
static uint32_t find_row(struct sp_diff *diff, const char *name, const char *file)
{
    uint64_t hash = sp_hash_bytes(sp_hash_seed(), name, strlen(name));
    hash = sp_hash_bytes(hash, file, strlen(file));
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(diff->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(diff->index, &probe)) {
        if (strcmp(diff->rows[i].name, name) == 0 && strcmp(diff->rows[i].file, file) == 0)
            return i;
    }
    return add_row(diff, name, file, hash);
}

/* The row of frames whose function has no name: by the mapping's file. */
static uint32_t nameless_row(struct sp_diff *diff, const struct sp_profile *profile, const struct sp_location *location)
{
    size_t length;
    const char *file = sp_mapping_file(profile, location->mapping), *base = sp_base_name(file, &length);
    char *name = NULL;
    if (file[0] == '\0')
        return find_row(diff, "<unknown>", "");
    if (asprintf(&name, "[%.*s]", (int)length, base) < 0)
        return SP_NONE;
    uint32_t row = find_row(diff, name, "");
    free(name);
    return row;
}

/* Finds the rows of all functions that have names. */
static int resolve_functions(struct sp_diff *diff, struct side *side)
{
    const struct sp_profile *profile = side->weighing.profile;
    side->of_function = malloc((profile->functions.n + 1) * sizeof(*side->of_function));
    if (!side->of_function)
        return -ENOMEM;
    for (size_t i = 0; i < profile->functions.n; i++) {
        const struct sp_function *function = &profile->functions.at[i];
        const char *name = sp_function_shown_name(profile, function, &side->room);
        if (!name)
            return -ENOMEM;
        side->of_function[i] = SP_NONE;
        if (name[0] == '\0')
            continue;
        side->of_function[i] = find_row(diff, name, sp_profile_text(profile, function->filename));
        if (side->of_function[i] == SP_NONE)
            return -ENOMEM;
    }
    return 0;
}

static int allocate_frames(struct side *side)
{
    const struct sp_profile *profile = side->weighing.profile;
    size_t total = 0;
    side->first_frame = reallocarray(NULL, profile->locations.n + 1, sizeof(*side->first_frame));
    if (!side->first_frame)
        return -ENOMEM;
    for (size_t i = 0; i < profile->locations.n; i++) {
        side->first_frame[i] = total;
        total += profile->locations.at[i].n_lines ? profile->locations.at[i].n_lines : 1;
    }
    side->first_frame[profile->locations.n] = total;
    side->frames = reallocarray(NULL, total + 1, sizeof(*side->frames));
    return side->frames ? 0 : -ENOMEM;
}

static int resolve_frames(struct sp_diff *diff, struct side *side)
{
    const struct sp_profile *profile = side->weighing.profile;
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        uint32_t *frames = side->frames + side->first_frame[i];
        for (uint32_t line = 0; line < (location->n_lines ? location->n_lines : 1); line++) {
            uint32_t function = location->n_lines ? profile->lines.at[location->first_line + line].function : SP_NONE;
            frames[line] = function == SP_NONE ? SP_NONE : side->of_function[function];
            if (frames[line] == SP_NONE)
                frames[line] = nameless_row(diff, profile, location);
            if (frames[line] == SP_NONE)
                return -ENOMEM;
        }
    }
    return 0;
}

static bool is_count_of_samples(const struct sp_profile *profile, size_t index)
{
    const struct sp_value_type *type = &profile->sample_types.at[index];
    const char *name = sp_profile_text(profile, type->type);
    return (strcmp(name, "samples") == 0 || strcmp(name, "sample") == 0) &&
           strcmp(sp_profile_text(profile, type->unit), "count") == 0;
}

/* How many samples of ours there are, and how many periods they stand for: whether the profile says so. */
static bool find_recorded(const struct sp_profile *profile, double *n_samples, double *n_periods)
{
    const struct sp_fact *n = sp_profile_fact(profile, "recorded.count");
    const struct sp_fact *weight = sp_profile_fact(profile, "recorded.weight");
    if (!n || !weight || n->value <= 0 || weight->value < n->value)
        return false;
    *n_samples = (double)n->value;
    *n_periods = (double)weight->value;
    return true;
}

/*
 * How many periods a sample of ours stands for. Where it is two or more on average, the timer fired more often than the
 * kernel looks at it, and weights vary little around the average, since it is the ratio of two clocks. Where it is
 * less, nearly all stand for one, and a few for many: see heavy_of.
 */
static double periods_of_each(const struct sp_profile *profile)
{
    double n_samples, n_periods;
    if (!find_recorded(profile, &n_samples, &n_periods) || n_periods < 2 * n_samples)
        return 1;
    return n_periods / n_samples;
}

/*
 * What a single sample may stand for beyond its own period, in values: the first sample of a thread stands for all that
 * the thread has used before its timer was armed, wherever that was.
 */
static double heavy_of(const struct sp_profile *profile, double total)
{
    double n_samples, n_periods;
    const struct sp_fact *heaviest = sp_profile_fact(profile, "collected.heaviest");
    if (!find_recorded(profile, &n_samples, &n_periods) || n_periods >= 2 * n_samples)
        return 0;
    double beyond = n_periods - n_samples;
    if (heaviest && heaviest->value > 0 && (double)heaviest->value - 1 < beyond)
        beyond = (double)heaviest->value - 1;
    return beyond / n_periods * fabs(total);
}

static struct weighing weigh(const struct sp_profile *profile, enum sp_side side, size_t value_index)
{
    struct weighing weighing = {.profile = profile,
                                .side = side,
                                .value_index = value_index,
                                .count_index = SP_NO_VALUE,
                                .periods_each = periods_of_each(profile)};
    const struct sp_value_type *type = &profile->sample_types.at[value_index];
    for (size_t i = profile->sample_types.n; i-- > 0;) {
        if (is_count_of_samples(profile, i))
            weighing.count_index = i;
    }
    /* Only time is sampled at a period in this sense: a heap's samples are scaled already, by their sizes. */
    if (type->type == profile->period_type.type && type->unit == profile->period_type.unit &&
        strcmp(sp_profile_text(profile, type->unit), "nanoseconds") == 0 && profile->period > 0)
        weighing.period = (double)profile->period;
    return weighing;
}

static enum sp_diff_errors errors_of(const struct weighing *weighing)
{
    if (weighing->count_index != SP_NO_VALUE)
        return SP_ERRORS_BY_COUNT;
    return weighing->period > 0 ? SP_ERRORS_BY_PERIOD : SP_ERRORS_UNKNOWN;
}

/* The variance that sampling gives the value of sample `i`: of n of weight w each, n w². */
static double variance_of(const struct weighing *weighing, size_t i, double value)
{
    const struct sp_profile *profile = weighing->profile;
    const int64_t *values = profile->values.at + i * profile->sample_types.n;
    if (weighing->count_index == SP_NO_VALUE)
        return fabs(value) * weighing->period * weighing->periods_each;
    double n = fabs((double)values[weighing->count_index]);
    return value * value / fmax(n, 1) * weighing->periods_each;
}

static void add(struct sp_diff_value *to, enum sp_side side, double value, double variance)
{
    to->value[side] += value;
    to->variance[side] += variance;
}

static void add_sample(struct sp_diff *diff, const struct side *side, size_t i)
{
    const struct sp_profile *profile = side->weighing.profile;
    const struct sp_sample *sample = &profile->samples.at[i];
    const uint32_t *stack = profile->sample_locations.at + sample->first_location;
    enum sp_side which = side->weighing.side;
    double value = (double)profile->values.at[i * profile->sample_types.n + side->weighing.value_index];
    double variance = variance_of(&side->weighing, i, value);
    add(&diff->total, which, value, variance);
    for (uint32_t depth = 0; depth < sample->n_locations && value != 0; depth++) {
        for (size_t frame = side->first_frame[stack[depth]]; frame < side->first_frame[stack[depth] + 1]; frame++) {
            struct sp_diff_row *row = &diff->rows[side->frames[frame]];
            if (depth == 0 && frame == side->first_frame[stack[depth]])
                add(&row->flat, which, value, variance);
            if (row->last_sample == i + 1)
                continue;
            row->last_sample = i + 1;
            row->is_seen[which] = true;
            add(&row->cum, which, value, variance);
        }
    }
}

static void add_samples(struct sp_diff *diff, const struct side *side)
{
    for (size_t i = 0; i < diff->n; i++)
        diff->rows[i].last_sample = 0;
    for (size_t i = 0; i < side->weighing.profile->samples.n; i++)
        add_sample(diff, side, i);
}

int sp_diff_add_side(struct sp_diff *diff, const struct sp_profile *profile, enum sp_side which, size_t value_index)
{
    struct side side = {.weighing = weigh(profile, which, value_index)};
    int error = resolve_functions(diff, &side);
    if (!error)
        error = allocate_frames(&side);
    if (!error)
        error = resolve_frames(diff, &side);
    if (!error)
        add_samples(diff, &side);
    diff->heavy[which] = heavy_of(profile, diff->total.value[which]);
    enum sp_diff_errors errors = errors_of(&side.weighing);
    if (which == SP_OLD || errors == SP_ERRORS_UNKNOWN)
        diff->errors = errors;
    free(side.of_function);
    free(side.frames);
    free(side.first_frame);
    sp_text_room_done(&side.room);
    return error;
}

/* By name, then what only OLD has, then what only NEW has, then the others. */
static int rank(const struct sp_diff_row *row)
{
    if (row->is_seen[SP_OLD] == row->is_seen[SP_NEW])
        return 2;
    return row->is_seen[SP_NEW];
}

static int compare_by_name(const void *a, const void *b)
{
    const struct sp_diff_row *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    if (order == 0)
        order = rank(left) - rank(right);
    return order ? order : strcmp(left->file, right->file);
}

/* How many of rows[0..n) are of one side only. */
static size_t n_of_rank(const struct sp_diff_row *rows, size_t n, int wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += rank(&rows[i]) == wanted;
    return found;
}

static void take_new_side(struct sp_diff_row *to, const struct sp_diff_row *from)
{
    add(&to->flat, SP_NEW, from->flat.value[SP_NEW], from->flat.variance[SP_NEW]);
    add(&to->cum, SP_NEW, from->cum.value[SP_NEW], from->cum.variance[SP_NEW]);
    to->is_seen[SP_NEW] = true;
}

void sp_diff_match_by_name(struct sp_diff *diff)
{
    size_t kept = 0;
    if (diff->n > 1)
        qsort(diff->rows, diff->n, sizeof(*diff->rows), compare_by_name);
    for (size_t first = 0, end; first < diff->n; first = end) {
        for (end = first + 1; end < diff->n && strcmp(diff->rows[first].name, diff->rows[end].name) == 0; end++)
            ;
        const struct sp_diff_row *rows = diff->rows + first;
        bool is_pair = n_of_rank(rows, end - first, 0) == 1 && n_of_rank(rows, end - first, 1) == 1;
        for (size_t i = first; i < end; i++) {
            if (is_pair && i == first + 1)
                take_new_side(&diff->rows[kept - 1], &diff->rows[i]);
            else if (diff->rows[i].is_seen[SP_OLD] || diff->rows[i].is_seen[SP_NEW])
                diff->rows[kept++] = diff->rows[i];
        }
    }
    diff->n = kept;
}
