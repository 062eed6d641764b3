/*
 * The report `peek`: the functions whose names match an expression, each between its callers and its callees.
 *
 * Place on the way of a sample: profile → graph → *this* → what the user reads. Nothing is left out of the graph: what
 * was asked for by name is shown, however little it took. (That is the caller's to see to, by the options.)
 *
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "report/tree_report.h"

static int matches(const struct sp_report *report, const struct sp_node *node)
{
    char *name = sp_node_name_text(node);
    if (!name)
        return -ENOMEM;
    int is_match = !report->options.symbol || sp_regex_matches(report->options.symbol, name);
    free(name);
    return is_match;
}

static int explain(const struct sp_report *report, int error, char *why, size_t why_size)
{
    if (error == -ENOENT && report->options.symbol)
        snprintf(why, why_size, "no matches found for regexp: %s", sp_regex_pattern(report->options.symbol));
    return error;
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    return explain(report, sp_tree_print(report, matches, out), why, why_size);
}

static int print_json(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    return explain(report, sp_tree_print_json(report, "peek", matches, out), why, why_size);
}

const struct sp_report_kind sp_report_peek = {.name = "peek", .print = print, .print_json = print_json};
