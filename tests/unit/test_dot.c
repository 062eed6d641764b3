/*
 * The report `dot`: against texts that google/pprof prints for the same profiles; abbreviated names; colours; tags.
 */
#include "made_stacks.h"

#include "report/dot_write.h"
#include "report/short_names.h"

#define LEGEND_START "subgraph cluster_L { \"File: prog\" [shape=box fontsize=16 label=\"File: prog\\lType: cpu\\l"
#define LEGEND_END "\\l\\lSee https://git.io/JfYMW for how to read the graph\\l\" tooltip=\"prog\"] }\n"
#define START "digraph \"prog\" {\nnode [style=filled fillcolor=\"#f8f8f8\"]\n" LEGEND_START

static void test_dot_boxes_and_lines(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    options.node_count = 80;
    add(profile, 1, 30, "leaf<main");
    add(profile, 1, 10, "main");
    assert_prints(&sp_report_dot, profile, &options,
                  START "Showing nodes accounting for 40ns, 100% of 40ns total" LEGEND_END
                        "N1 [label=\"main\\n10ns (25.00%)\\nof 40ns (100%)\" id=\"node1\" fontsize=18 shape=box "
                        "tooltip=\"main (40ns)\" color=\"#b20000\" fillcolor=\"#edd5d5\"]\n"
                        "N2 [label=\"leaf\\n30ns (75.00%)\" id=\"node2\" fontsize=24 shape=box "
                        "tooltip=\"leaf (30ns)\" color=\"#b20e00\" fillcolor=\"#edd7d5\"]\n"
                        "N1 -> N2 [label=\" 30ns\\n (inline)\" weight=76 penwidth=4 color=\"#b20e00\" "
                        "tooltip=\"main -> leaf (30ns)\" labeltooltip=\"main -> leaf (30ns)\"]\n"
                        "}\n");
}

/* A sample with a text label and a number of bytes. */
static void add_labelled(struct sp_profile *profile, int64_t ns, const char *user, int64_t bytes)
{
    uint32_t location = frame(profile, "f");
    struct sp_label labels[] = {{.key = sp_profile_string(profile, "user"), .str = sp_profile_string(profile, user)},
                                {.key = sp_profile_string(profile, "bytes"), .num = bytes}};
    sp_profile_append_sample(profile, &location, 1, labels, 2, (int64_t[]){1, ns});
}

static void test_dot_tags(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    add_labelled(profile, 30, "ann \"x\"", 2048);
    add_labelled(profile, 10, "bob", 16);
    assert_prints(&sp_report_dot, profile, &options,
                  START "Showing nodes accounting for 40ns, 100% of 40ns total" LEGEND_END
                        "N1 [label=\"f\\n40ns (100%)\" id=\"node1\" fontsize=24 shape=box tooltip=\"f (40ns)\" "
                        "color=\"#b20000\" fillcolor=\"#edd5d5\"]\n"
                        "N1_0 [label = \"user:ann \\\"x\\\"\" id=\"N1_0\" fontsize=8 shape=box3d tooltip=\"30ns\"]\n"
                        "N1 -> N1_0 [label=\" 30ns\" weight=100 tooltip=\"30ns\" labeltooltip=\"30ns\"]\n"
                        "NN1_0_0 [label = \"2kB\" id=\"NN1_0_0\" fontsize=8 shape=box3d tooltip=\"30ns\"]\n"
                        "N1_0 -> NN1_0_0 [label=\" 30ns\" weight=100 tooltip=\"30ns\" labeltooltip=\"30ns\"]\n"
                        "N1_1 [label = \"user:bob\" id=\"N1_1\" fontsize=8 shape=box3d tooltip=\"10ns\"]\n"
                        "N1 -> N1_1 [label=\" 10ns\" weight=100 tooltip=\"10ns\" labeltooltip=\"10ns\"]\n"
                        "NN1_1_0 [label = \"16B\" id=\"NN1_1_0\" fontsize=8 shape=box3d tooltip=\"10ns\"]\n"
                        "N1_1 -> NN1_1_0 [label=\" 10ns\" weight=100 tooltip=\"10ns\" labeltooltip=\"10ns\"]\n"
                        "}\n");
}

static void test_dot_of_nothing(void **state)
{
    (void)state;
    struct sp_report_options options = usual_options();
    assert_prints(&sp_report_dot, new_profile(), &options,
                  START "Showing nodes accounting for 0, 0% of 0 total" LEGEND_END "}\n");
}

static void assert_abbreviated(const char *name, const char *expected)
{
    char text[128];
    snprintf(text, sizeof(text), "%s", name);
    sp_name_abbreviate(text);
    assert_string_equal(text, expected);
}

static void test_names_abbreviated(void **state)
{
    (void)state;
    assert_abbreviated("main", "main");
    assert_abbreviated("github.com/blah-blah/foo/bar.(*Type).method", "bar.(*Type).method");
    assert_abbreviated("example.com/module/v2.f", "module.f");
    assert_abbreviated("example.com/module/v10/part.f", "part.f");
    assert_abbreviated("example.com/module/v1.f", "v1.f");
    assert_abbreviated("no/dot/here", "no/dot/here");
    assert_abbreviated("java.util.concurrent.ThreadPoolExecutor.runWorker", "ThreadPoolExecutor.runWorker");
    assert_abbreviated("java.bar.foo.FooBar.run(java.lang.Runnable)", "FooBar.run");
    assert_abbreviated("org.example.Class.<init>", "Class.<init>");
    assert_abbreviated("(anonymous namespace)::Bar::Foo", "Bar::Foo");
    assert_abbreviated("foo_bar::bar_baz::Class::method", "Class::method");
    assert_abbreviated("space::_Class::~_Class", "_Class::~_Class");
    assert_abbreviated("space::Class::f<a, b<c> >more", "Class::f<a, b<c> >");
    assert_abbreviated("space::lower::f", "space::lower::f");
    assert_abbreviated("", "");
}

static void assert_color(int64_t value, int64_t total, const char *pale, const char *full)
{
    for (int is_background = 0; is_background < 2; is_background++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        sp_dot_color(value, total, is_background, out);
        fclose(out);
        assert_string_equal(text, is_background ? pale : full);
        free(text);
    }
}

static void test_dot_colors(void **state)
{
    (void)state;
    assert_color(100, 100, "#edd5d5", "#b20000");
    assert_color(-100, 100, "#d5edd5", "#00b200");
    assert_color(0, 100, "#ededed", "#b2b2b2");
    assert_color(900, 100, "#edd5d5", "#b20000");
    assert_color(0, 0, "#ed00d5", "#b20000"); /* pprof's, too: a share of nothing is no number */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dot_boxes_and_lines), cmocka_unit_test(test_dot_tags),
        cmocka_unit_test(test_dot_of_nothing),      cmocka_unit_test(test_names_abbreviated),
        cmocka_unit_test(test_dot_colors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
