/*
 * A report's graph: nodes by place, edges and what is trimmed; values with means, divisors and units; the choice of a
 * sample type; the header lines.
 */
#include "made_stacks.h"

#include <errno.h>

#include "report/graph.h"

/* The graph of the profile, with all edges; `report` and `graph` are the caller's to end. */
static void make(struct sp_graph *graph, struct sp_report *report, struct sp_profile *profile, bool is_trimmed,
                 const struct sp_report_options *options)
{
    assert_int_equal(sp_profile_check(profile, NULL, 0), 0);
    assert_int_equal(sp_report_init(report, profile, options), 0);
    int error = is_trimmed ? sp_graph_init_trimmed(graph, report, true) : sp_graph_init(graph, report, true);
    assert_int_equal(error, 0);
}

static void end(struct sp_graph *graph, struct sp_report *report, struct sp_profile *profile)
{
    sp_graph_done(graph);
    sp_report_done(report);
    sp_profile_free(profile);
}

/* The shown nodes' names, "a, b, c". */
static void assert_order(const struct sp_graph *graph, const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; i < graph->n_shown; i++) {
        fputs(i ? ", " : "", out);
        sp_node_print_name(&graph->nodes[graph->order[i]], out);
    }
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static const struct sp_edge *edge(const struct sp_graph *graph, const char *caller, const char *callee)
{
    for (size_t i = 0; i < graph->n_edges; i++) {
        const struct sp_edge *at = &graph->edges[i];
        if (strcmp(graph->nodes[at->caller].name, caller) == 0 && strcmp(graph->nodes[at->callee].name, callee) == 0)
            return at;
    }
    return NULL;
}

static void test_graph_nodes_are_places(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_report report;
    struct sp_graph graph;
    add(profile, 1, 5, "f@/src/../a.c:12 main@m.c:3");
    add(profile, 1, 5, "f@/src/../a.c:9 main@m.c:3");
    add(profile, 1, 5, "f@/src/../a.c main");
    make(&graph, &report, profile, false, &options);
    assert_order(&graph, "f /a.c, f /a.c:12, f /a.c:9, main, main m.c:3");
    const struct sp_node *line = &graph.nodes[graph.order[1]];
    assert_int_equal(line->function, graph.order[0]);
    assert_int_equal(graph.nodes[line->function].function, line->function);
    end(&graph, &report, profile);
}

static void test_graph_compares_addresses_as_numbers(void **state)
{
    (void)state;
    struct sp_node low = {.name = "z", .file = "", .object = "", .address = 0x10};
    struct sp_node high = {.name = "a", .file = "", .object = "", .address = 0x9000}, none = {"", .file = ""};
    none.object = "/lib/x.so";
    assert_true(sp_node_compare_names(&low, &high) < 0);
    assert_true(sp_node_compare_names(&low, &none) < 0);
    char *text = sp_node_name_text(&low);
    assert_string_equal(text, "0000000000000010 z");
    free(text);
    text = sp_node_name_text(&none);
    assert_string_equal(text, "[x.so]");
    free(text);
}

static void test_graph_edges_count_once_a_stack(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_report report;
    struct sp_graph graph;
    add(profile, 1, 10, "g f g f f main");
    add(profile, 1, 5, "g<f main");
    make(&graph, &report, profile, false, &options);
    assert_int_equal(graph.n_edges, 3);
    assert_int_equal(edge(&graph, "f", "g")->value, 15);
    assert_false(edge(&graph, "f", "g")->is_inlined);
    assert_int_equal(edge(&graph, "g", "f")->value, 10);
    assert_int_equal(edge(&graph, "main", "f")->value, 15);
    assert_null(edge(&graph, "f", "f"));
    end(&graph, &report, profile);
}

static void test_graph_trimmed_edges_are_residual(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_report report;
    struct sp_graph graph;
    options.node_count = 2;
    add(profile, 1, 30, "hot small main");
    add(profile, 1, 20, "main");
    add(profile, 1, 10, "last main");
    make(&graph, &report, profile, true, &options);
    assert_order(&graph, "hot, main");
    assert_int_equal(graph.n_before_limit, 4);
    assert_int_equal(graph.n_edges, 1);
    assert_true(edge(&graph, "main", "hot")->is_residual);
    end(&graph, &report, profile);
}

static void test_graph_drops_small_edges(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_report report;
    struct sp_graph graph;
    options.edge_fraction = 0.2;
    add(profile, 1, 80, "a b");
    add(profile, 1, 20, "a c");
    add(profile, 1, 19, "a d");
    make(&graph, &report, profile, true, &options);
    assert_int_equal(graph.n_edges, 1);
    assert_int_equal(graph.n_dropped_edges, 2);
    end(&graph, &report, profile);
}

static void test_graph_drops_negative_nodes(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_report report;
    struct sp_graph graph;
    add(profile, 1, 30, "up main");
    add(profile, 1, -10, "down main");
    add(profile, 1, 5, "none");
    add(profile, 1, -5, "none");
    options.drop_negative = true;
    make(&graph, &report, profile, true, &options);
    assert_order(&graph, "up, main");
    assert_int_equal(report.total, 50);
    end(&graph, &report, profile);
}

static void test_graph_takes_means(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_report report;
    struct sp_graph graph;
    options.mean_index = 0;
    add(profile, 2, 100, "f main");
    add(profile, 3, 50, "f main");
    add(profile, 0, INT64_MIN, "g");
    add(profile, -1, 0, "g");
    make(&graph, &report, profile, false, &options);
    assert_string_equal(report.type, "mean_cpu");
    assert_order(&graph, "f, g, main");
    assert_int_equal(sp_node_flat(&graph.nodes[graph.order[0]]), 30);
    assert_int_equal(sp_node_flat(&graph.nodes[graph.order[1]]), INT64_MIN);
    assert_int_equal(sp_node_cum(&graph.nodes[graph.order[2]]), 30);
    end(&graph, &report, profile);
}

static void test_report_divides_values(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_report report;
    char text[SP_REPORT_VALUE_BYTES];
    options.divide_by = 4;
    options.unit = "us";
    assert_int_equal(sp_report_init(&report, profile, &options), 0);
    sp_report_value_text(&report, 10000, text);
    assert_string_equal(text, "2.50us");
    sp_report_done(&report);
    options.divide_by = 0;
    assert_int_equal(sp_report_init(&report, profile, &options), -EINVAL);
    sp_report_done(&report);
    sp_profile_free(profile);
}

static void test_report_total_is_of_the_base(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_report report;
    uint32_t location = frame(profile, "f");
    struct sp_label base = {.key = sp_profile_string(profile, "pprof::base"),
                            .str = sp_profile_string(profile, "true")};
    sp_profile_append_sample(profile, &location, 1, &base, 1, (int64_t[]){-1, -40});
    sp_profile_append_sample(profile, &location, 1, NULL, 0, (int64_t[]){2, 70});
    assert_int_equal(sp_report_init(&report, profile, &options), 0);
    assert_int_equal(report.total, 40);
    sp_report_done(&report);
    sp_profile_free(profile);
}

static void assert_choice(const struct sp_profile *profile, const char *wanted, size_t expected)
{
    size_t index;
    char why[256];
    assert_int_equal(sp_report_find_value(profile, wanted, &index, why, sizeof(why)), 0);
    assert_int_equal(index, expected);
}

static void assert_no_choice(const struct sp_profile *profile, const char *wanted, const char *expected)
{
    size_t index;
    char why[256];
    assert_int_equal(sp_report_find_value(profile, wanted, &index, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, expected);
}

static void test_report_finds_values(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    sp_profile_add_sample_type(profile, "objects", "count");
    sp_profile_add_sample_type(profile, "space", "bytes");
    assert_choice(profile, "", 1);
    assert_choice(profile, "0", 0);
    assert_choice(profile, "+1", 1);
    assert_choice(profile, "objects", 0);
    assert_choice(profile, "inuse_space", 1);
    assert_no_choice(profile, "2", "sample_index 2 is outside the range [0..1]");
    assert_no_choice(profile, "-1", "sample_index -1 is outside the range [0..1]");
    assert_no_choice(profile, "alloc_space", "sample_index \"alloc_space\" must be one of: [objects space]");
    profile->default_sample_type = sp_profile_string(profile, "objects");
    assert_choice(profile, "", 0);
    sp_profile_add_sample_type(profile, "objects", "count");
    assert_choice(profile, "0", 1);
    sp_profile_free(profile);
}

static void test_labels_say_what_is_filtered(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    const char *filters[] = {"focus=main",
                             "hide=123456789012345678901234567890123456789012345678901234567890123456789012345abc"};
    options.active_filters = filters;
    options.n_active_filters = 2;
    options.has_compact_labels = true;
    add(profile, 1, 10, "f");
    assert_prints(&sp_report_top, profile, &options,
                  "Active filters:\n"
                  "   focus=main\n"
                  "   hide=123456789012345678901234567890123456789012345678901234567890123456789012345…\n"
                  "Showing nodes accounting for 10ns, 100% of 10ns total\n"
                  "      flat  flat%   sum%        cum   cum%\n"
                  "      10ns   100%   100%       10ns   100%  f\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_nodes_are_places),
        cmocka_unit_test(test_graph_compares_addresses_as_numbers),
        cmocka_unit_test(test_graph_edges_count_once_a_stack),
        cmocka_unit_test(test_graph_trimmed_edges_are_residual),
        cmocka_unit_test(test_graph_drops_small_edges),
        cmocka_unit_test(test_graph_drops_negative_nodes),
        cmocka_unit_test(test_graph_takes_means),
        cmocka_unit_test(test_report_divides_values),
        cmocka_unit_test(test_report_total_is_of_the_base),
        cmocka_unit_test(test_report_finds_values),
        cmocka_unit_test(test_labels_say_what_is_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
