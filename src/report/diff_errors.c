/*
 * Is it sampling, or is it different? See diff.h, and docs/diff.md for why.
 *
 * Context: ordinary code.
 */
#include <math.h>
#include <stdlib.h>

#include "report/diff.h"

#define Z_95 1.959964 /* of the normal distribution: 95 % are within ± so many standard deviations */

/* With fewer samples of both sides together, even all of them on one side would say little. */
#define LEAST_SAMPLES 10

static double square(double x)
{
    return x * x;
}

/* The weight of a sample of this quantity. */
static double weight_of(const struct sp_diff_value *value, enum sp_side side, double typical)
{
    double weight = value->value[side] != 0 ? value->variance[side] / fabs(value->value[side]) : 0;
    return weight > 0 ? weight : typical;
}

/* The variance of the change, were both sides of the same distribution, whose mean is taken from both. */
static double pooled_variance(const struct sp_diff_value *value, const double weight[SP_N_SIDES])
{
    double n_samples = fabs(value->value[SP_OLD]) / weight[SP_OLD] + fabs(value->value[SP_NEW]) / weight[SP_NEW];
    return n_samples * weight[SP_OLD] * weight[SP_NEW];
}

static void judge_change(struct sp_diff_value *value, const double weight[SP_N_SIDES], double heavy,
                         double between_runs)
{
    double n_samples = fabs(value->value[SP_OLD]) / weight[SP_OLD] + fabs(value->value[SP_NEW]) / weight[SP_NEW];
    double deviation = sqrt(pooled_variance(value, weight) + between_runs);
    double step = fmax(weight[SP_OLD], weight[SP_NEW]); /* samples are whole: a correction for continuity */
    double size = fmax(0, fabs(value->change) - step - heavy);
    value->is_tested = n_samples >= LEAST_SAMPLES;
    value->p = deviation > 0 ? erfc(size / deviation / M_SQRT2) : 1;
}

static void find_error(struct sp_diff_value *value, const double weight[SP_N_SIDES], double run_variation)
{
    double variance[SP_N_SIDES];
    for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++)
        variance[side] = fmax(value->variance[side], square(weight[side])) + square(run_variation * value->value[side]);
    value->error = Z_95 * sqrt(variance[SP_OLD] + variance[SP_NEW]);
    double old = value->value[SP_OLD], ratio = old != 0 ? value->value[SP_NEW] / old : 0;
    if (old != 0)
        value->relative_error = Z_95 * sqrt(variance[SP_NEW] + square(ratio) * variance[SP_OLD]) / fabs(old);
}

void sp_diff_judge(struct sp_diff_value *value, const double typical[SP_N_SIDES], double heavy, double run_variation)
{
    double old = value->value[SP_OLD], new = value->value[SP_NEW];
    value->change = new - old;
    value->relative = old != 0 ? value->change / fabs(old) : 0;
    value->p = 1;
    value->is_tested = false;
    if (typical[SP_OLD] <= 0 || typical[SP_NEW] <= 0)
        return; /* errors are not known */
    double weight[SP_N_SIDES] = {weight_of(value, SP_OLD, typical[SP_OLD]), weight_of(value, SP_NEW, typical[SP_NEW])};
    judge_change(value, weight, heavy, square(run_variation) * (square(old) + square(new)));
    find_error(value, weight, run_variation);
}

static int compare_by_p(const void *a, const void *b)
{
    double left = (*(struct sp_diff_value *const *)a)->p, right = (*(struct sp_diff_value *const *)b)->p;
    return (left > right) - (left < right);
}

void sp_diff_mark_significant(struct sp_diff_value **values, size_t n)
{
    if (n > 1)
        qsort(values, n, sizeof(struct sp_diff_value *), compare_by_p);
    for (size_t i = 0; i < n && values[i]->p <= SP_DIFF_ALPHA / (double)(n - i); i++)
        values[i]->is_significant = true;
}

/* Growth in percent; of a function that is new, in percent of OLD's total. */
static double growth_of(const struct sp_diff *diff, const struct sp_diff_value *value)
{
    double base = value->value[SP_OLD] != 0 ? value->value[SP_OLD] : diff->whole[SP_OLD];
    if (!value->is_significant || value->change <= 0)
        return 0;
    return base != 0 ? 100 * value->change / fabs(base) : INFINITY;
}

double sp_diff_worst_growth(const struct sp_diff *diff, const struct sp_diff_row **row)
{
    double worst = growth_of(diff, &diff->total);
    *row = NULL;
    for (size_t i = 0; i < diff->n; i++) {
        double growth = fmax(growth_of(diff, &diff->rows[i].flat), growth_of(diff, &diff->rows[i].cum));
        if (growth > worst) {
            worst = growth;
            *row = &diff->rows[i];
        }
    }
    return worst;
}
