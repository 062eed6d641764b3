/*
 * Selection: what is left of a profile, by pprof's rules, and what the user is told.
 *
 * Profiles are written as texts: a stack is "leaf caller root", inlined frames are "inner<outer". What comes out is
 * written the same way, a sample a line, with its value and its labels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "select/labels.h"
#include "select/selection.h"

enum { MOST_FRAMES = 8, TEXT_BYTES = 4096 };

static struct sp_profile *new_profile(void)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_add_sample_type(profile, "samples", "count");
    const char *files[] = {"/bin/prog", "/lib/libc.so"};
    for (size_t i = 0; i < 2; i++) {
        struct sp_mapping mapping = {.file = sp_profile_string(profile, files[i]), .has_functions = true};
        sp_profile_add_mapping(profile, &mapping);
    }
    return profile;
}

/* The location of a frame; "@name" is in the library, "?" has no lines. Its functions' file is "name.c". */
static uint32_t frame(struct sp_profile *profile, const char *names)
{
    struct sp_line lines[MOST_FRAMES] = {0};
    uint32_t n = 0;
    bool is_library = *names == '@';
    for (const char *at = names + is_library; at && *at != '?'; at = strchr(at, '<')) {
        at += *at == '<';
        int length = (int)strcspn(at, "<");
        char file[64];
        snprintf(file, sizeof(file), "%.*s.c", length, at);
        struct sp_function function = {.name = sp_profile_string_n(profile, at, (size_t)length),
                                       .filename = sp_profile_string(profile, file)};
        lines[n] = (struct sp_line){.function = sp_profile_function(profile, &function), .line = 7, .column = 3};
        n++;
    }
    struct sp_location location = {.mapping = is_library, .address = 0x1000};
    return sp_profile_add_location(profile, &location, lines, n);
}

static uint32_t add_labelled(struct sp_profile *profile, int64_t value, const char *stack,
                             const struct sp_label *labels, uint32_t n_labels)
{
    uint32_t locations[MOST_FRAMES], n = 0;
    char *frames = strdup(stack), *rest = NULL;
    for (char *name = strtok_r(frames, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        locations[n++] = frame(profile, name);
    free(frames);
    return sp_profile_append_sample(profile, locations, n, labels, n_labels, &value);
}

static void add(struct sp_profile *profile, int64_t value, const char *stack)
{
    add_labelled(profile, value, stack, NULL, 0);
}

static struct sp_label text_label(struct sp_profile *profile, const char *key, const char *text)
{
    return (struct sp_label){.key = sp_profile_string(profile, key), .str = sp_profile_string(profile, text)};
}

static struct sp_label number_label(struct sp_profile *profile, const char *key, int64_t number, const char *unit)
{
    return (struct sp_label){
        .key = sp_profile_string(profile, key), .num = number, .unit = sp_profile_string(profile, unit)};
}

static void print_location(const struct sp_profile *profile, const struct sp_location *location, FILE *out)
{
    for (uint32_t i = 0; i < location->n_lines; i++) {
        uint32_t function = profile->lines.at[location->first_line + i].function;
        fprintf(out, "%s%s", i ? "<" : "",
                function == SP_NONE ? "-" : sp_profile_text(profile, profile->functions.at[function].name));
    }
    fputs(location->n_lines ? "" : "?", out);
}

static void print_sample(const struct sp_profile *profile, size_t at, FILE *out)
{
    const struct sp_sample *sample = &profile->samples.at[at];
    fprintf(out, "%d", (int)profile->values.at[at]);
    for (uint32_t i = 0; i < sample->n_locations; i++) {
        fputc(' ', out);
        print_location(profile, &profile->locations.at[profile->sample_locations.at[sample->first_location + i]], out);
    }
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct sp_label *label = &profile->labels.at[sample->first_label + i];
        fprintf(out, " %s=", sp_profile_text(profile, label->key));
        if (sp_label_is_text(label))
            fputs(sp_profile_text(profile, label->str), out);
        else
            fprintf(out, "%d%s", (int)label->num, sp_profile_text(profile, label->unit));
    }
    fputc('\n', out);
}

/* The profile, which is freed, is `expected`. */
static void assert_left(struct sp_profile *profile, const char *expected)
{
    char *text = NULL, why[256] = "";
    size_t size;
    assert_int_equal(sp_profile_check(profile, why, sizeof(why)), 0);
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; i < profile->samples.n; i++)
        print_sample(profile, i, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    sp_profile_free(profile);
}

static void remember(void *context, const char *text)
{
    size_t n = strlen(context);
    snprintf((char *)context + n, TEXT_BYTES - n, "%s\n", text);
}

/* Selects, and the notes are `notes`. */
static void select_from(struct sp_profile *profile, struct sp_selection selection, const char *notes)
{
    char said[TEXT_BYTES] = "", why[256] = "";
    const struct sp_notes to = {remember, said};
    struct sp_label_units *units = sp_label_units_new(profile);
    assert_non_null(units);
    assert_int_equal(sp_select_tag_frames(profile, &selection, "minimum", &to), 0);
    if (sp_select(profile, &selection, units, &to, why, sizeof(why)) != 0)
        fail_msg("%s", why);
    assert_string_equal(said, notes);
    sp_label_units_free(units);
}

#define CASE(selection, notes, expected)                          \
    do {                                                          \
        struct sp_profile *made = stacks();                       \
        select_from(made, (struct sp_selection)selection, notes); \
        assert_left(made, expected);                              \
    } while (0)
#define OF(...)     \
    {               \
        __VA_ARGS__ \
    }

static struct sp_profile *stacks(void)
{
    struct sp_profile *profile = new_profile();
    add(profile, 1, "a b main");
    add(profile, 2, "c<b main");
    add(profile, 3, "@read main");
    add(profile, 4, "? main");
    add(profile, 5, "");
    return profile;
}

static void test_select_nothing_keeps_all(void **state)
{
    (void)state;
    CASE(OF(0), "", "1 a b main\n2 c<b main\n3 read main\n4 ? main\n5\n");
    CASE(OF(.focus = "", .tagroot = ""), "", "1 a b main\n2 c<b main\n3 read main\n4 ? main\n5\n");
}

static void test_select_focus_and_ignore(void **state)
{
    (void)state;
    CASE(OF(.focus = "^b$"), "", "1 a b main\n2 c<b main\n");
    CASE(OF(.focus = "read\\.c"), "", "3 read main\n");
    CASE(OF(.focus = "libc"), "", "3 read main\n");
    CASE(OF(.focus = "prog"), "", "1 a b main\n2 c<b main\n3 read main\n4 ? main\n");
    CASE(OF(.ignore = "^b$"), "", "3 read main\n4 ? main\n");
    CASE(OF(.focus = "main", .ignore = "a$|read"), "", "2 c<b main\n4 ? main\n");
    CASE(OF(.focus = "none"), "Focus expression matched no samples\n", "");
    CASE(OF(.ignore = "none"), "Ignore expression matched no samples\n",
         "1 a b main\n2 c<b main\n3 read main\n4 ? main\n");
}

static void test_select_hide_and_show(void **state)
{
    (void)state;
    CASE(OF(.hide = "^b$"), "", "1 a main\n2 c main\n3 read main\n4 ? main\n");
    CASE(OF(.hide = "libc|^main$"), "", "1 a b\n2 c<b\n4 ?\n");
    CASE(OF(.hide = "prog|libc"), "", "");
    CASE(OF(.show = "^[bc]$"), "", "1 b\n2 c<b\n");
    CASE(OF(.show = "libc"), "", "3 read\n");
    CASE(OF(.hide = "^c$", .show = "^[bc]$"), "", "1 b\n2 b\n");
    CASE(OF(.hide = "none", .show = "none"), "Hide expression matched no samples\nShow expression matched no samples\n",
         "");
}

static void test_select_show_from_and_prune_from(void **state)
{
    (void)state;
    CASE(OF(.show_from = "^b$"), "", "1 a b\n2 c<b\n");
    CASE(OF(.show_from = "^c$"), "", "2 c\n");
    CASE(OF(.show_from = "libc"), "", "3 read\n");
    CASE(OF(.show_from = "none"), "ShowFrom expression matched no samples\n", "");
    CASE(OF(.prune_from = "^b$"), "", "1 b main\n2 b main\n3 read main\n4 ? main\n5\n");
    CASE(OF(.prune_from = "none"), "", "1 a b main\n2 c<b main\n3 read main\n4 ? main\n5\n");
}

static void assert_refused(struct sp_selection selection, const char *expected)
{
    char why[256] = "";
    struct sp_profile *profile = stacks();
    struct sp_label_units *units = sp_label_units_new(profile);
    assert_int_equal(sp_select(profile, &selection, units, NULL, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, expected);
    sp_label_units_free(units);
    assert_left(profile, "1 a b main\n2 c<b main\n3 read main\n4 ? main\n5\n");
}

static void test_select_bad_expression_changes_nothing(void **state)
{
    (void)state;
    assert_refused((struct sp_selection){.focus = "a", .hide = "("},
                   "parsing hide regexp: error parsing regexp: missing closing ): `(`");
    assert_refused((struct sp_selection){.focus = "a", .taghide = "*"},
                   "parsing taghide regexp: error parsing regexp: missing argument to repetition operator: `*`");
    assert_refused((struct sp_selection){.tagfocus = "k=a,["},
                   "parsing tagfocus regexp: error parsing regexp: missing closing ]: `[`");
    assert_refused((struct sp_selection){.tagignore = "99999999999999999999kb"},
                   "parsing tagignore range '99999999999999999999kb': a number is too large");
}

/* The same text of all samples, where a profile drops and keeps frames. */
static void assert_pruned(const char *drop, const char *keep, const char *stack, const char *expected)
{
    char why[256] = "";
    struct sp_profile *profile = new_profile();
    profile->drop_frames = sp_profile_string(profile, drop);
    profile->keep_frames = sp_profile_string(profile, keep);
    add(profile, 1, stack);
    if (sp_select_remove_uninteresting(profile, why, sizeof(why)) != 0)
        fail_msg("%s", why);
    assert_left(profile, expected);
}

static void test_uninteresting_frames(void **state)
{
    (void)state;
    assert_pruned("", "", "a b main", "1 a b main\n");
    assert_pruned("b", "", "a b main", "1 main\n");
    assert_pruned("b", "", "a bb main", "1 a bb main\n");
    assert_pruned("b|c", "c", "x c b main", "1 main\n");
    assert_pruned("b|c", "c", "x b c main", "1 c main\n");
    assert_pruned("a|main", "", "a b main", "1 b main\n");
    assert_pruned("a|b|main", "", "a b main", "1 a b main\n");
    assert_pruned("in", "", "x in<out main", "1 out main\n");
    assert_pruned("out", "", "x in<out main", "1 main\n");
    assert_pruned("f", "", "a f(int)(char) main", "1 main\n");
    assert_pruned("f", "", "a .f(int) main", "1 main\n");
    assert_pruned("\\(anonymous namespace\\)::f", "", "a (anonymous_namespace)::f main",
                  "1 a (anonymous_namespace)::f main\n");
    assert_pruned("X::operator\\(\\)", "", "a X::operator()(int) main", "1 main\n");
    assert_pruned("", "b", "a b main", "1 a b main\n");
}

static void test_uninteresting_frames_of_a_bad_expression(void **state)
{
    (void)state;
    char why[256] = "";
    struct sp_profile *profile = new_profile();
    add(profile, 1, "a b");
    profile->drop_frames = sp_profile_string(profile, "b");
    profile->keep_frames = sp_profile_string(profile, "a(");
    assert_int_equal(sp_select_remove_uninteresting(profile, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "failed to compile regexp a(: error parsing regexp: missing closing ): `^(a()$`");
    assert_left(profile, "1 a b\n");
}

static struct sp_profile *labelled(void)
{
    struct sp_profile *profile = new_profile();
    struct sp_label one[] = {text_label(profile, "user", "ann"), text_label(profile, "host", "x1"),
                             number_label(profile, "bytes", 32 << 10, "")};
    struct sp_label two[] = {text_label(profile, "user", "bob"), number_label(profile, "bytes", 2 << 20, ""),
                             number_label(profile, "wait", 5, "ms"), number_label(profile, "wait", 7, "")};
    struct sp_label none[] = {{.key = sp_profile_string(profile, "nothing")}};
    add_labelled(profile, 1, "a", one, 3);
    add_labelled(profile, 2, "b", two, 4);
    add_labelled(profile, 3, "c", none, 1);
    return profile;
}

#define TAG_CASE(selection, notes, expected)                      \
    do {                                                          \
        struct sp_profile *made = labelled();                     \
        select_from(made, (struct sp_selection)selection, notes); \
        for (size_t i = 0; i < made->samples.n; i++)              \
            made->samples.at[i].n_labels = 0;                     \
        assert_left(made, expected);                              \
    } while (0)
#define RANGE(option, text) option ":Interpreted '" text "' as range, not regexp\n"

static void test_tags_by_expression(void **state)
{
    (void)state;
    TAG_CASE(OF(.tagfocus = "ann"), "", "1 a\n");
    TAG_CASE(OF(.tagfocus = "user:"), "", "1 a\n2 b\n");
    TAG_CASE(OF(.tagfocus = "ann,x"), "", "1 a\n");
    TAG_CASE(OF(.tagfocus = "bob,x"), "TagFocus expression matched no samples\n", "");
    TAG_CASE(OF(.tagfocus = "user=bob,ann"), "", "1 a\n2 b\n");
    TAG_CASE(OF(.tagfocus = "user=x"), "TagFocus expression matched no samples\n", "");
    TAG_CASE(OF(.tagfocus = "user="), "", "1 a\n2 b\n");
    TAG_CASE(OF(.tagfocus = "=^host:x1$"), "", "1 a\n");
    TAG_CASE(OF(.tagignore = "ann"), "", "2 b\n3 c\n");
    TAG_CASE(OF(.tagfocus = "user", .tagignore = "none"), "TagIgnore expression matched no samples\n", "1 a\n2 b\n");
}

static void test_tags_by_range(void **state)
{
    (void)state;
    TAG_CASE(OF(.tagfocus = "32kb"), RANGE("tagfocus", "32kb"), "1 a\n");
    TAG_CASE(OF(.tagfocus = ":64KB"), RANGE("tagfocus", ":64KB"), "1 a\n");
    TAG_CASE(OF(.tagfocus = "1mb:"), RANGE("tagfocus", "1mb:"), "2 b\n");
    TAG_CASE(OF(.tagfocus = "32kb:2mb"), RANGE("tagfocus", "32kb:2mb"), "1 a\n2 b\n");
    TAG_CASE(OF(.tagfocus = "+33kb:2mb"), RANGE("tagfocus", "+33kb:2mb"), "2 b\n");
    TAG_CASE(OF(.tagfocus = "5000us"), RANGE("tagfocus", "5000us"), "2 b\n");
    TAG_CASE(OF(.tagfocus = "wait=6ms:"), RANGE("tagfocus", "6ms:"), "2 b\n");
    TAG_CASE(OF(.tagignore = "bytes=1b:"), RANGE("tagignore", "1b:"), "3 c\n");
    /* Units of two kinds make no range. */
    TAG_CASE(OF(.tagfocus = "1ms:1kb"), "TagFocus expression matched no samples\n", "");
    TAG_CASE(OF(.tagfocus = "1kb:2kb:3kb"), "TagFocus expression matched no samples\n", "");
}

static void test_tags_shown_and_hidden(void **state)
{
    (void)state;
    struct sp_profile *profile = labelled();
    select_from(profile, (struct sp_selection){.tagshow = "s", .taghide = "^h"}, "");
    assert_left(profile, "1 a user=ann bytes=32768\n2 b user=bob bytes=2097152\n3 c\n");
    profile = labelled();
    select_from(profile, (struct sp_selection){.tagshow = "none", .taghide = "none"},
                "TagShow expression matched no samples\nTagHide expression matched no samples\n");
    assert_left(profile, "1 a\n2 b\n3 c\n");
}

static void test_tags_as_frames(void **state)
{
    (void)state;
    TAG_CASE(OF(.tagroot = "user,host", .tagleaf = ",bytes,"), "", "1 32768 a x1 ann\n2 2097152 b  bob\n3  c  \n");
    TAG_CASE(OF(.tagleaf = "wait,user"), "", "1 ann  a\n2 bob 5ms,7 b\n3   c\n");
    TAG_CASE(OF(.tagroot = "no", .tagleaf = "none"),
             "TagRoot expression matched no samples\nTagLeaf expression matched no samples\n", "1  a \n2  b \n3  c \n");
    TAG_CASE(OF(.tagroot = "user", .focus = "ann"), "", "1 a ann\n");
    /* A value is one function for all samples. */
    struct sp_profile *profile = labelled();
    select_from(profile, (struct sp_selection){.tagroot = "nothing,nothing"},
                "TagRoot expression matched no samples\n");
    assert_int_equal(profile->functions.n, 4);
    sp_profile_free(profile);
    profile = new_profile();
    select_from(profile, (struct sp_selection){.tagroot = "user"}, "TagRoot expression matched no samples\n");
    assert_left(profile, "");
}

static void test_label_units(void **state)
{
    (void)state;
    char said[TEXT_BYTES] = "";
    const struct sp_notes notes = {remember, said};
    struct sp_profile *profile = new_profile();
    struct sp_label labels[] = {number_label(profile, "request", 1, ""),  number_label(profile, "size", 1, ""),
                                number_label(profile, "wait", 1, ""),     number_label(profile, "wait", 1, "ms"),
                                number_label(profile, "wait", 1, "us"),   number_label(profile, "wait", 2, "s"),
                                number_label(profile, "wait", 3, "ms"),   number_label(profile, "wait", 2, "s"),
                                text_label(profile, "user", "ann"),       {.key = sp_profile_string(profile, "zero")},
                                number_label(profile, "alignment", 1, "")};
    add_labelled(profile, 1, "a", labels, sizeof(labels) / sizeof(labels[0]));
    struct sp_label_units *units = sp_label_units_new(profile);
    assert_non_null(units);
    const char *expected[][2] = {{"request", "bytes"}, {"alignment", "bytes"}, {"size", "size"},
                                 {"wait", "ms"},       {"user", ""},           {"zero", ""}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_string_equal(sp_label_unit(units, sp_profile_string(profile, expected[i][0])), expected[i][1]);
    assert_string_equal(sp_label_unit(units, SP_NONE), "");
    sp_label_units_warn(units, &notes);
    sp_label_units_warn(units, &notes);
    assert_string_equal(said, "For tag wait used unit ms, also encountered unit(s) s, us\n");
    sp_label_units_free(units);
    sp_profile_free(profile);
}

static void test_granularity(void **state)
{
    (void)state;
    for (int by = SP_BY_FUNCTION; by <= SP_BY_ADDRESS; by++) {
        struct sp_profile *profile = new_profile();
        add(profile, 1, "in<out main");
        const struct sp_granularity_options options = {.by = (enum sp_granularity)by};
        assert_int_equal(sp_select_granularity(profile, &options), 0);
        bool has_lines = by == SP_BY_LINE || by == SP_BY_ADDRESS;
        assert_int_equal(profile->functions.at[0].name != 0, by != SP_BY_FILE);
        assert_int_equal(profile->functions.at[0].filename != 0, by != SP_BY_FUNCTION);
        assert_int_equal(profile->mappings.at[0].has_functions, by != SP_BY_FILE);
        assert_int_equal(profile->lines.at[0].line != 0, has_lines);
        assert_int_equal(profile->lines.at[0].column != 0, by == SP_BY_ADDRESS);
        assert_int_equal(profile->locations.at[0].address != 0, by == SP_BY_ADDRESS);
        assert_left(profile, by == SP_BY_FILE ? "1 < \n" : "1 in<out main\n");
    }
}

static void test_granularity_without_inlines(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    add(profile, 1, "in<mid<out ? main");
    const struct sp_granularity_options options = {.by = SP_BY_ADDRESS, .has_no_inlines = true, .has_columns = true};
    assert_int_equal(sp_select_granularity(profile, &options), 0);
    assert_int_equal(profile->lines.at[profile->locations.at[0].first_line].column, 3);
    assert_true(profile->locations.at[0].address != 0);
    assert_left(profile, "1 out ? main\n");
}

/* What a profile may lack: functions, names, mappings; and what it may have too much of. */
static void test_select_from_odd_profiles(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    const struct sp_function nameless = {0};
    const struct sp_line lines[] = {{.function = SP_NONE}, {.function = sp_profile_function(profile, &nameless)}};
    const struct sp_location location = {.mapping = SP_NONE};
    uint32_t odd = sp_profile_add_location(profile, &location, lines, 2);
    profile->drop_frames = sp_profile_string(profile, ".*");
    enum { DEPTH = 5000 };
    uint32_t *stack = malloc(DEPTH * sizeof(*stack));
    for (size_t i = 0; i < DEPTH; i++)
        stack[i] = odd;
    stack[0] = frame(profile, "leaf");
    stack[DEPTH - 1] = frame(profile, "main");
    sp_profile_append_sample(profile, stack, DEPTH, NULL, 0, &(int64_t){1});
    free(stack);
    assert_int_equal(sp_select_remove_uninteresting(profile, NULL, 0), 0);
    assert_int_equal(profile->samples.at[0].n_locations, DEPTH - 1);
    select_from(profile, (struct sp_selection){.ignore = "none", .hide = "^leaf$", .show = "^(main|x)$"},
                "Ignore expression matched no samples\n");
    assert_int_equal(profile->samples.at[0].n_locations, DEPTH - 1);
    assert_int_equal(profile->locations.at[odd].n_lines, 1);
    select_from(profile, (struct sp_selection){.show_from = "x|^$", .prune_from = ".*"},
                "ShowFrom expression matched no samples\n");
    assert_left(profile, "");
}

/* Samples that are added after a selection are merged with none that went. */
static void test_select_then_add(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    uint32_t a = frame(profile, "a"), b = frame(profile, "b");
    sp_profile_add_sample(profile, &a, 1, NULL, 0, &(int64_t){1});
    sp_profile_add_sample(profile, &b, 1, NULL, 0, &(int64_t){2});
    select_from(profile, (struct sp_selection){.ignore = "^a$"}, "");
    sp_profile_add_sample(profile, &b, 1, NULL, 0, &(int64_t){3});
    sp_profile_add_sample(profile, &a, 1, NULL, 0, &(int64_t){4});
    sp_profile_add_sample(profile, &a, 1, NULL, 0, &(int64_t){5});
    assert_left(profile, "2 b\n3 b\n9 a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select_nothing_keeps_all),
        cmocka_unit_test(test_select_focus_and_ignore),
        cmocka_unit_test(test_select_hide_and_show),
        cmocka_unit_test(test_select_show_from_and_prune_from),
        cmocka_unit_test(test_select_bad_expression_changes_nothing),
        cmocka_unit_test(test_uninteresting_frames),
        cmocka_unit_test(test_uninteresting_frames_of_a_bad_expression),
        cmocka_unit_test(test_tags_by_expression),
        cmocka_unit_test(test_tags_by_range),
        cmocka_unit_test(test_tags_shown_and_hidden),
        cmocka_unit_test(test_tags_as_frames),
        cmocka_unit_test(test_label_units),
        cmocka_unit_test(test_granularity),
        cmocka_unit_test(test_granularity_without_inlines),
        cmocka_unit_test(test_select_from_odd_profiles),
        cmocka_unit_test(test_select_then_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
