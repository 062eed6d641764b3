/*
 * The report `list`: the source of the functions whose names match, with what each line took.
 *
 * Layout, numbers and order are those of google/pprof as in Go 1.26 (internal/report/source.go, printSource). Where it
 * shows nothing, because there is no source or the file is shorter than the profile's lines, the lines' values are
 * shown without a text (see docs/pprof.md).
 *
 * Place on the way of a sample: profile → graph of lines → *this* → what the user reads.
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"
#include "report/annotated.h"
#include "report/graph.h"
#include "report/report_json.h"
#include "report/source_file.h"

/* Lines shown before the first one with a value, where it is not known where the function starts; and after the last.
 */
enum { MARGIN = 5 };

/* The nodes to list, by function, then by file, then by line. */
struct listing {
    struct sp_graph graph;
    struct sp_source_files *files;
    int64_t *first_lines; /* of each node: where its function starts, or seems to */
    const struct sp_node **nodes;
    size_t n;
};

/* The lines of one function in one file. */
struct part {
    const struct sp_node *const *nodes;
    size_t n;
    int64_t flat, cum, first, last; /* lines to show at most */
    const struct sp_source_file *file;
};

/* One line to show. */
struct row {
    int64_t line, flat, cum;
    const char *text; /* or NULL */
    size_t length;
};

static int compare(const void *left, const void *right)
{
    const struct sp_node *a = *(const struct sp_node *const *)left, *b = *(const struct sp_node *const *)right;
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = strcmp(a->file, b->file);
    if (order != 0)
        return order;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* Line numbers are anybody's: sums stay within int64_t. */
static int64_t line_before(int64_t line)
{
    return line < INT64_MIN + MARGIN ? INT64_MIN : line - MARGIN;
}

static int64_t line_behind(int64_t line)
{
    return line > INT64_MAX - MARGIN ? INT64_MAX : line + MARGIN;
}

/* Where functions start is known per function of the profile; nodes do not tell those apart. */
static void find_first_lines(struct listing *listing)
{
    const struct sp_graph *graph = &listing->graph;
    const struct sp_profile *profile = graph->report->profile;
    for (size_t i = 0; i < graph->n_nodes; i++)
        listing->first_lines[i] = line_before(graph->nodes[i].line);
    for (size_t pass = 0; pass < 2; pass++) /* the first that is known replaces the guess, the smallest then wins */
        for (size_t i = 0; i < profile->locations.n; i++) {
            const struct sp_location *location = &profile->locations.at[i];
            for (uint32_t frame = 0; frame < location->n_lines; frame++) {
                const struct sp_line *line = &profile->lines.at[location->first_line + frame];
                uint32_t node = graph->frames[graph->first_frame[i] + frame];
                int64_t start = line->function == SP_NONE ? 0 : profile->functions.at[line->function].start_line;
                if (start != 0 && node != SP_NONE && (pass == 0 || start < listing->first_lines[node]))
                    listing->first_lines[node] = start;
            }
        }
}

/* Whether the function of this name is asked for; the answer for the name before is at hand. */
static bool is_wanted(const struct sp_report *report, const char *name, const char **last, bool *was_wanted)
{
    if (!*last || strcmp(*last, name) != 0) {
        *last = name;
        *was_wanted = !report->options.symbol || sp_regex_matches(report->options.symbol, name);
    }
    return *was_wanted;
}

static void choose_nodes(struct listing *listing)
{
    const struct sp_graph *graph = &listing->graph;
    const char *last = NULL;
    bool was_wanted = false;
    for (size_t i = 0; i < graph->n_shown; i++) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        if (is_wanted(graph->report, node->name, &last, &was_wanted))
            listing->nodes[listing->n++] = node;
    }
    if (listing->n > 0)
        qsort(listing->nodes, listing->n, sizeof(*listing->nodes), compare);
}

static void done(struct listing *listing)
{
    sp_graph_done(&listing->graph);
    sp_source_files_free(listing->files);
    free(listing->first_lines);
    free(listing->nodes);
}

/* Everything to be listed: 0, -ENOMEM, or -ENOENT with `why`: no function matches. To be done in any case. */
static int init(struct listing *listing, struct sp_report *report, char *why, size_t why_size)
{
    const struct sp_report_options *options = &report->options;
    *listing = (struct listing){.files = sp_source_files_new(options->source_path, options->trim_path)};
    int error = sp_graph_init(&listing->graph, report, false);
    if (error)
        return error;
    listing->first_lines = reallocarray(NULL, listing->graph.n_nodes + 1, sizeof(*listing->first_lines));
    listing->nodes = reallocarray(NULL, listing->graph.n_nodes + 1, sizeof(*listing->nodes));
    if (!listing->files || !listing->first_lines || !listing->nodes)
        return -ENOMEM;
    find_first_lines(listing);
    choose_nodes(listing);
    if (listing->n > 0)
        return 0;
    snprintf(why, why_size, "no matches found for regexp: %s",
             options->symbol ? sp_regex_pattern(options->symbol) : "");
    return -ENOENT;
}

/* The nodes from `at` on that are of the same function and file: 0, or -ENOMEM when their file cannot be read. */
static int find_part(struct listing *listing, size_t at, struct part *part)
{
    const struct sp_node *first = listing->nodes[at];
    *part = (struct part){.nodes = listing->nodes + at, .first = INT64_MAX, .last = line_behind(first->line)};
    for (size_t i = at; i < listing->n; i++) {
        const struct sp_node *node = listing->nodes[i];
        if (strcmp(node->name, first->name) != 0 || strcmp(node->file, first->file) != 0)
            break;
        int64_t start = listing->first_lines[node - listing->graph.nodes];
        part->first = start < part->first ? start : part->first;
        part->last = line_behind(node->line);
        part->flat = sp_wrapping_sum(part->flat, node->flat);
        part->cum = sp_wrapping_sum(part->cum, node->cum);
        part->n++;
    }
    part->first = part->first < 1 ? 1 : part->first;
    part->file = first->file[0] ? sp_source_files_get(listing->files, first->file) : NULL;
    return first->file[0] && !part->file ? -ENOMEM : 0;
}

/* Takes the values of the nodes at `*at` that are on the row's line, and moves behind them. */
static void take_values(const struct part *part, size_t *at, struct row *row)
{
    for (; *at < part->n && part->nodes[*at]->line == row->line; ++*at) {
        row->flat = sp_wrapping_sum(row->flat, part->nodes[*at]->flat);
        row->cum = sp_wrapping_sum(row->cum, part->nodes[*at]->cum);
    }
}

/*
 * The next row: `row` is the one before, or of line 0 at the start, and `*at` the first node that is not shown yet.
 * First the file's lines, from the function's start; then what is behind its end.
 */
static bool next_row(const struct part *part, size_t *at, struct row *row)
{
    int64_t line = row->line < part->first ? part->first : row->line + 1;
    *row = (struct row){.line = line};
    if (line <= part->last)
        row->text = sp_source_line(part->file, line, &row->length);
    if (row->text) {
        while (*at < part->n && part->nodes[*at]->line < line)
            ++*at; /* line 0: nowhere */
    } else if (*at < part->n) {
        row->line = part->nodes[*at]->line;
    } else {
        return false;
    }
    take_values(part, at, row);
    return true;
}

static void print_rows(const struct sp_report *report, const struct part *part, FILE *out)
{
    struct row row = {0};
    for (size_t at = 0; next_row(part, &at, &row);) {
        sp_print_line_values(report, row.flat, row.cum, out);
        fprintf(out, "%6lld:", (long long)row.line);
        if (row.text)
            sp_print_foreign_text(row.text, row.length, out);
        else if (!part->file->error)
            fputs("???", out);
        fputc('\n', out);
    }
}

static void print_part(const struct listing *listing, const struct part *part, FILE *out)
{
    const struct sp_report *report = listing->graph.report;
    const struct sp_node *node = part->nodes[0];
    char why[512];
    fprintf(out, "ROUTINE ======================== %s in %s\n", node->name, node->file);
    sp_print_routine_values(report, part->flat, part->cum, out);
    if (part->file->error) {
        sp_source_error_text(listing->files, part->file, why, sizeof(why));
        fprintf(out, " Error: %s\n", why);
    }
    print_rows(report, part, out);
}

/* Whether the part is all that there is of its function. */
static bool is_alone(const struct listing *listing, size_t at, const struct part *part)
{
    bool is_first = at == 0 || strcmp(listing->nodes[at - 1]->name, part->nodes[0]->name) != 0;
    size_t next = at + part->n;
    return is_first && (next == listing->n || strcmp(listing->nodes[next]->name, part->nodes[0]->name) != 0);
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    struct listing listing;
    struct part part;
    int error = init(&listing, report, why, why_size);
    if (!error)
        sp_print_total(report, out);
    for (size_t at = 0; !error && at < listing.n; at += part.n) {
        error = find_part(&listing, at, &part);
        if (!error && part.file)
            print_part(&listing, &part, out);
        else if (!error && is_alone(&listing, at, &part))
            fprintf(out, "No source information for %s\n", part.nodes[0]->name);
    }
    done(&listing);
    return error;
}

static int put_row(struct sp_json *json, const struct row *row)
{
    sp_json_line(json);
    sp_json_begin(json, '{');
    sp_json_put_int(json, "line", row->line);
    sp_put_line_values(json, row->flat, row->cum);
    int error = row->text ? sp_put_foreign_text(json, "text", row->text, row->length) : 0;
    sp_json_end(json, '}');
    return error;
}

static int put_part(struct sp_json *json, const struct listing *listing, const struct part *part)
{
    struct row row = {0};
    char why[512];
    int error = 0;
    sp_json_line(json);
    sp_json_begin(json, '{');
    sp_json_put_string(json, "name", part->nodes[0]->name);
    sp_json_put_string(json, "file", part->nodes[0]->file);
    sp_put_line_values(json, part->flat, part->cum);
    if (part->file && part->file->error) {
        sp_source_error_text(listing->files, part->file, why, sizeof(why));
        sp_json_put_string(json, "error", why);
    }
    sp_json_open(json, "lines", '[');
    for (size_t at = 0; part->file && !error && next_row(part, &at, &row);)
        error = put_row(json, &row);
    sp_json_end(json, ']');
    sp_json_end(json, '}');
    return error;
}

static int print_json(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    struct listing listing;
    struct sp_json json;
    struct part part;
    int error = init(&listing, report, why, why_size);
    if (!error) {
        sp_report_json_begin(&json, report, "list", out);
        sp_json_open(&json, "routines", '[');
        for (size_t at = 0; !error && at < listing.n; at += part.n) {
            error = find_part(&listing, at, &part);
            if (!error)
                error = put_part(&json, &listing, &part);
        }
        sp_json_end(&json, ']');
        sp_report_json_end(&json);
    }
    done(&listing);
    return error;
}

const struct sp_report_kind sp_report_list = {.name = "list", .print = print, .print_json = print_json};
