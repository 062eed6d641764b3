/*
 * What differs between two profiles, as JSON. docs/diff.md has its members.
 *
 * Place on the way of a sample: two profiles → diff → *this* → what the user's program reads.
 * Context: ordinary code.
 */
#include <string.h>

#include "report/diff.h"
#include "util/json_out.h"

static const char *const error_names[] = {
    [SP_ERRORS_UNKNOWN] = "unknown", [SP_ERRORS_BY_COUNT] = "count", [SP_ERRORS_BY_PERIOD] = "period"};
static const char *const row_names[] = {[SP_BY_FUNCTION] = "functions",
                                        [SP_BY_FILE] = "files",
                                        [SP_BY_FILE_AND_FUNCTION] = "filefunctions",
                                        [SP_BY_LINE] = "lines",
                                        [SP_BY_ADDRESS] = "addresses"};

static int write_to(void *out, const void *data, size_t n)
{
    fwrite(data, 1, n, out);
    return 0;
}

static void put_real(struct sp_json *json, const char *key, double value)
{
    sp_json_key(json, key);
    sp_json_real(json, value);
}

/* A number that needs the error's model; null without it. */
static void put_judged(struct sp_json *json, const struct sp_diff *diff, const char *key, double value)
{
    if (diff->errors == SP_ERRORS_UNKNOWN)
        sp_json_put_null(json, key);
    else
        put_real(json, key, value);
}

static void put_value(struct sp_json *json, const struct sp_diff *diff, const char *key,
                      const struct sp_diff_value *value)
{
    sp_json_open(json, key, '{');
    put_real(json, "old", value->value[SP_OLD]);
    put_real(json, "new", value->value[SP_NEW]);
    put_real(json, "change", value->change);
    put_judged(json, diff, "error", value->error);
    if (value->value[SP_OLD] != 0) {
        put_real(json, "relative", value->relative);
        put_judged(json, diff, "relative_error", value->relative_error);
    } else {
        sp_json_put_null(json, "relative");
        sp_json_put_null(json, "relative_error");
    }
    put_judged(json, diff, "p", value->p);
    sp_json_put_bool(json, "is_tested", value->is_tested);
    if (diff->errors == SP_ERRORS_UNKNOWN)
        sp_json_put_null(json, "is_significant");
    else
        sp_json_put_bool(json, "is_significant", value->is_significant);
    sp_json_end(json, '}');
}

static double unscaled(const struct sp_diff *diff, enum sp_side side, double value)
{
    return diff->scale[side] > 0 ? value / diff->scale[side] : value;
}

static void put_side(struct sp_json *json, const struct sp_diff *diff, const char *key, enum sp_side side)
{
    sp_json_open(json, key, '{');
    sp_json_put_string(json, "file", diff->options.names[side] ? diff->options.names[side] : "");
    put_real(json, "total", unscaled(diff, side, diff->whole[side]));
    put_real(json, "selected", unscaled(diff, side, diff->total.value[side]));
    put_real(json, "multiplied_by", diff->scale[side]);
    sp_json_put_int(json, "duration_ns", diff->duration_ns[side]);
    sp_json_end(json, '}');
}

static void put_number(struct sp_json *json, const char *key, int64_t number)
{
    if (number != 0)
        sp_json_put_int(json, key, number);
}

/* The name as the text shows it, and what it is made of. */
static void put_name(struct sp_json *json, const struct sp_diff_row *row)
{
    sp_json_put_string(json, "name", row->name);
    sp_json_put_string(json, "function", row->function);
    sp_json_put_string(json, "file", row->file);
    put_number(json, "line", row->line);
    put_number(json, "column", row->column);
    if (row->object[0] != '\0')
        sp_json_put_string(json, "object", row->object);
    if (row->address == 0)
        return;
    sp_json_key(json, "address");
    sp_json_hex(json, row->address);
    sp_json_key(json, "offset");
    sp_json_hex(json, row->offset);
}

static void put_row(struct sp_json *json, const struct sp_diff *diff, const struct sp_diff_row *row)
{
    const char *state = "both";
    if (row->is_seen[SP_OLD] != row->is_seen[SP_NEW])
        state = row->is_seen[SP_NEW] ? "new" : "gone";
    sp_json_line(json);
    sp_json_begin(json, '{');
    put_name(json, row);
    sp_json_put_string(json, "in", state);
    put_real(json, "share_change", row->share_change);
    put_value(json, diff, "flat", &row->flat);
    put_value(json, diff, "cum", &row->cum);
    sp_json_end(json, '}');
}

static void put_filters(struct sp_json *json, const struct sp_diff *diff)
{
    sp_json_open(json, "filters", '[');
    for (size_t i = 0; i < diff->options.n_active_filters; i++)
        sp_json_string(json, diff->options.active_filters[i]);
    sp_json_end(json, ']');
}

static void put_errors(struct sp_json *json, const struct sp_diff *diff)
{
    char reason[SP_DIFF_REASON_BYTES];
    sp_json_put_string(json, "errors_by", error_names[diff->errors]);
    if (diff->errors != SP_ERRORS_UNKNOWN)
        return;
    sp_diff_why_unknown(diff, reason);
    sp_json_put_string(json, "errors_unknown", reason);
}

void sp_diff_print_json(const struct sp_diff *diff, FILE *out)
{
    struct sp_json json;
    sp_json_init(&json, write_to, out);
    sp_json_begin(&json, '{');
    sp_json_put_string(&json, "report", "diff");
    sp_json_put_string(&json, "type", diff->type);
    sp_json_put_string(&json, "unit", diff->unit);
    put_side(&json, diff, "old", SP_OLD);
    put_side(&json, diff, "new", SP_NEW);
    sp_json_put_bool(&json, "is_normalized", diff->options.is_normalized);
    sp_json_put_bool(&json, "is_per_second", diff->options.is_per_second);
    put_filters(&json, diff);
    put_errors(&json, diff);
    put_real(&json, "run_variation", diff->options.run_variation);
    put_real(&json, "alpha", SP_DIFF_ALPHA);
    sp_json_put_int(&json, "tests", (int64_t)diff->n_tests);
    sp_json_put_int(&json, "differing", (int64_t)diff->n_differing);
    sp_json_put_int(&json, "differing_by_cum", (int64_t)diff->n_differing_by_cum);
    put_value(&json, diff, "total", &diff->total);
    sp_json_put_string(&json, "by", row_names[diff->options.by]);
    sp_json_put_string(&json, "sorted_by", diff->options.by_cum ? "cum" : "flat");
    sp_json_open(&json, "functions", '[');
    for (size_t i = 0; i < diff->n_shown; i++)
        put_row(&json, diff, &diff->rows[i]);
    sp_json_end(&json, ']');
    sp_json_end(&json, '}');
    sp_json_finish(&json);
}
