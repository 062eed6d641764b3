/*
 * What differs between two profiles. See diff.h.
 * Context: ordinary code of one thread.
 */
#include "report/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "report/diff_rows.h"
#include "report/report.h"
#include "util/arena.h"

#define NS_PER_S 1e9

static const char *const side_names[] = {"OLD", "NEW"};

/* Finds the sample type on both sides. */
static int find_types(struct sp_profile *const profiles[SP_N_SIDES], const char *wanted, size_t indexes[SP_N_SIDES],
                      char *why, size_t why_size)
{
    const struct sp_value_type *types[SP_N_SIDES];
    for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++) {
        char reason[256] = "";
        int error = sp_report_find_value(profiles[side], wanted, &indexes[side], reason, sizeof(reason));
        if (error == -EINVAL)
            snprintf(why, why_size, "%s: %s", side_names[side], reason);
        if (error)
            return error;
        types[side] = &profiles[side]->sample_types.at[indexes[side]];
    }
    const char *old_type = sp_profile_text(profiles[SP_OLD], types[SP_OLD]->type);
    const char *new_type = sp_profile_text(profiles[SP_NEW], types[SP_NEW]->type);
    const char *old_unit = sp_profile_text(profiles[SP_OLD], types[SP_OLD]->unit);
    const char *new_unit = sp_profile_text(profiles[SP_NEW], types[SP_NEW]->unit);
    if (strcmp(old_type, new_type) == 0 && strcmp(old_unit, new_unit) == 0)
        return 0;
    snprintf(why, why_size, "OLD has %s in %s, NEW has %s in %s: choose a type that both have by --sample-index",
             old_type, old_unit, new_type, new_unit);
    return -EINVAL;
}

/* What each side is multiplied by. */
static int choose_scales(struct sp_diff *diff, char *why, size_t why_size)
{
    diff->scale[SP_OLD] = diff->scale[SP_NEW] = 1;
    for (enum sp_side side = SP_OLD; diff->options.is_per_second && side < SP_N_SIDES; side++) {
        if (diff->duration_ns[side] <= 0) {
            snprintf(why, why_size, "%s does not say how long it was recorded: there are no values per second",
                     side_names[side]);
            return -EINVAL;
        }
        diff->scale[side] = NS_PER_S / (double)diff->duration_ns[side];
    }
    if (!diff->options.is_normalized)
        return 0;
    const double old = diff->whole[SP_OLD], new = diff->whole[SP_NEW];
    if (old <= 0 || new <= 0) {
        snprintf(why, why_size, "a total is not above 0: there is nothing to normalize by");
        return -EINVAL;
    }
    diff->scale[SP_NEW] = diff->scale[SP_OLD] * old / new;
    return 0;
}

static void scale(struct sp_diff_value *value, const double factors[SP_N_SIDES])
{
    for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++) {
        value->value[side] *= factors[side];
        value->variance[side] *= factors[side] * factors[side];
    }
}

/* A side without samples would have had such as the other's. */
static void find_weights(struct sp_diff *diff)
{
    for (enum sp_side side = SP_OLD; diff->errors == SP_ERRORS_UNKNOWN && side < SP_N_SIDES; side++)
        diff->weight[side] = 0;
    if (diff->weight[SP_OLD] == 0)
        diff->weight[SP_OLD] = diff->weight[SP_NEW];
    if (diff->weight[SP_NEW] == 0)
        diff->weight[SP_NEW] = diff->weight[SP_OLD];
}

static void judge_rows(struct sp_diff *diff)
{
    const double heavy = fmax(diff->heavy[SP_OLD], diff->heavy[SP_NEW]);
    sp_diff_judge(&diff->total, diff->weight, heavy, diff->options.run_variation);
    for (size_t i = 0; i < diff->n; i++) {
        struct sp_diff_row *row = &diff->rows[i];
        sp_diff_judge(&row->flat, diff->weight, heavy, diff->options.run_variation);
        sp_diff_judge(&row->cum, diff->weight, heavy, diff->options.run_variation);
        double shares[SP_N_SIDES] = {0};
        for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++)
            shares[side] = diff->whole[side] != 0 ? 100 * row->flat.value[side] / diff->whole[side] : 0;
        row->share_change = shares[SP_NEW] - shares[SP_OLD];
    }
}

static bool are_equal(const struct sp_diff_value *a, const struct sp_diff_value *b)
{
    return a->value[SP_OLD] == b->value[SP_OLD] && a->value[SP_NEW] == b->value[SP_NEW];
}

/*
 * The tests of a row that are its own: a leaf's flat is its cum, and the cum of what is on every stack is the total.
 * How many it puts to values[0..2).
 */
static size_t tests_of(struct sp_diff *diff, struct sp_diff_row *row, struct sp_diff_value **values)
{
    size_t n = 0;
    if (row->cum.is_tested && !are_equal(&row->cum, &diff->total))
        values[n++] = &row->cum;
    if (row->flat.is_tested && !are_equal(&row->flat, &row->cum))
        values[n++] = &row->flat;
    return n;
}

static void mark_equals(struct sp_diff *diff, struct sp_diff_row *row)
{
    if (are_equal(&row->cum, &diff->total))
        row->cum.is_significant = diff->total.is_significant;
    if (are_equal(&row->flat, &row->cum))
        row->flat.is_significant = row->cum.is_significant;
}

static int mark_significant(struct sp_diff *diff)
{
    struct sp_diff_value **values = reallocarray(NULL, 2 * diff->n + 1, sizeof(*values));
    if (!values)
        return -ENOMEM;
    if (diff->total.is_tested)
        values[diff->n_tests++] = &diff->total;
    for (size_t i = 0; i < diff->n; i++)
        diff->n_tests += tests_of(diff, &diff->rows[i], values + diff->n_tests);
    sp_diff_mark_significant(values, diff->n_tests);
    free(values);
    for (size_t i = 0; i < diff->n; i++) {
        mark_equals(diff, &diff->rows[i]);
        diff->n_differing += diff->rows[i].flat.is_significant;
        diff->n_differing_by_cum += diff->rows[i].cum.is_significant;
    }
    return 0;
}

static int descending(double left, double right)
{
    return (left < right) - (left > right);
}

static const struct sp_diff_value *value_at(const struct sp_diff_row *row, size_t offset)
{
    return (const void *)((const char *)row + offset);
}

static int compare_changes(const struct sp_diff_value *left, const struct sp_diff_value *right)
{
    return descending(fabs(left->change), fabs(right->change));
}

static int compare_names(const struct sp_diff_row *left, const struct sp_diff_row *right)
{
    int order = strcmp(left->name, right->name);
    if (order == 0)
        order = strcmp(left->file, right->file);
    if (order == 0)
        order = strcmp(left->object, right->object);
    return order ? order : (left->offset > right->offset) - (left->offset < right->offset);
}

/* What differs by `first`, then what differs by `second`, then the rest; the largest changes first. */
static int compare_by(const struct sp_diff_row *left, const struct sp_diff_row *right, size_t first, size_t second)
{
    const struct sp_diff_value *l1 = value_at(left, first), *r1 = value_at(right, first);
    const struct sp_diff_value *l2 = value_at(left, second), *r2 = value_at(right, second);
    int order = r1->is_significant - l1->is_significant;
    const bool is_by_second = !l1->is_significant;
    if (order == 0 && is_by_second)
        order = r2->is_significant - l2->is_significant;
    if (order == 0 && is_by_second && l2->is_significant)
        order = compare_changes(l2, r2);
    if (order == 0)
        order = compare_changes(l1, r1);
    if (order == 0)
        order = compare_changes(l2, r2);
    return order ? order : compare_names(left, right);
}

static int compare_by_flat(const void *a, const void *b)
{
    return compare_by(a, b, offsetof(struct sp_diff_row, flat), offsetof(struct sp_diff_row, cum));
}

static int compare_by_cum(const void *a, const void *b)
{
    return compare_by(a, b, offsetof(struct sp_diff_row, cum), offsetof(struct sp_diff_row, flat));
}

static bool is_large(const struct sp_diff *diff, const struct sp_diff_row *row)
{
    double least = diff->options.large * fmax(fabs(diff->total.value[SP_OLD]), fabs(diff->total.value[SP_NEW]));
    return fmax(fabs(row->cum.value[SP_OLD]), fabs(row->cum.value[SP_NEW])) >= least;
}

/* Sorts the rows; those that are shown come first. */
static void order_rows(struct sp_diff *diff)
{
    size_t n_large = 0;
    for (size_t i = 0; i < diff->n; i++) {
        struct sp_diff_row row = diff->rows[i];
        if (!row.cum.is_significant && !row.flat.is_significant && !is_large(diff, &row))
            continue;
        diff->rows[i] = diff->rows[n_large];
        diff->rows[n_large++] = row;
    }
    if (n_large > 1)
        qsort(diff->rows, n_large, sizeof(*diff->rows), diff->options.by_cum ? compare_by_cum : compare_by_flat);
    size_t most = diff->options.n_most;
    diff->n_shown = most > 0 && most < n_large ? most : n_large;
}

static int compare(struct sp_diff *diff, char *why, size_t why_size)
{
    sp_diff_match_files(diff);
    int error = choose_scales(diff, why, why_size);
    if (error)
        return error;
    scale(&diff->total, diff->scale);
    for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++) {
        diff->heavy[side] *= diff->scale[side];
        diff->weight[side] *= diff->scale[side];
        diff->whole[side] *= diff->scale[side];
    }
    for (size_t i = 0; i < diff->n; i++) {
        scale(&diff->rows[i].flat, diff->scale);
        scale(&diff->rows[i].cum, diff->scale);
    }
    find_weights(diff);
    judge_rows(diff);
    error = mark_significant(diff);
    if (!error)
        order_rows(diff);
    return error;
}

static const char *copy(struct sp_diff *diff, const struct sp_profile *profile, uint32_t string)
{
    const char *text = sp_profile_text(profile, string);
    return sp_arena_copy(diff->texts, text, strlen(text));
}

int sp_diff_init(struct sp_diff *diff, struct sp_profile *const profiles[SP_N_SIDES],
                 const struct sp_diff_options *options, char *why, size_t why_size)
{
    size_t indexes[SP_N_SIDES];
    *diff = (struct sp_diff){.options = *options, .index = sp_index_new(), .texts = sp_arena_new()};
    if (!diff->index || !diff->texts)
        return -ENOMEM;
    int error = find_types(profiles, options->sample_type, indexes, why, why_size);
    if (!error && options->by == SP_BY_ADDRESS)
        error = sp_diff_check_builds(profiles, why, why_size);
    if (error)
        return error;
    const struct sp_value_type *type = &profiles[SP_OLD]->sample_types.at[indexes[SP_OLD]];
    diff->type = copy(diff, profiles[SP_OLD], type->type);
    diff->unit = copy(diff, profiles[SP_OLD], type->unit);
    if (!diff->type || !diff->unit)
        return -ENOMEM;
    for (enum sp_side side = SP_OLD; !error && side < SP_N_SIDES; side++) {
        diff->duration_ns[side] = profiles[side]->duration_ns;
        error = sp_diff_add_side(diff, profiles[side], side, indexes[side]);
    }
    const bool is_old_worse = diff->errors_of[SP_OLD] == SP_ERRORS_UNKNOWN;
    diff->errors = is_old_worse ? SP_ERRORS_UNKNOWN : diff->errors_of[SP_NEW];
    return error ? error : compare(diff, why, why_size);
}

void sp_diff_done(struct sp_diff *diff)
{
    free(diff->rows);
    sp_index_free(diff->index);
    sp_arena_free(diff->texts);
    *diff = (struct sp_diff){0};
}
