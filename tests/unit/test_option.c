/*
 * Options by their tables: all spellings, what is refused, and what a misspelled name is taken for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "command.h"

struct arguments {
    const char *text;
    size_t count, n_words;
    double real;
    int choice, sort;
    bool is_on, is_off;
    const char *words[8];
    char **rest;
};

static char complaint[256];

int sp_usage_error(const struct sp_command *command, const char *format, ...)
{
    va_list arguments;
    (void)command;
    va_start(arguments, format);
    vsnprintf(complaint, sizeof complaint, format, arguments);
    va_end(arguments);
    return SP_EXIT_USAGE;
}

void sp_complain(const char *format, ...)
{
    (void)format;
}

#define AT(member) offsetof(struct arguments, member)
static const char *const choices[] = {"red", "green", "blue", NULL};
static const struct sp_option options[] = {
    {.name = "focus", .value_name = "REGEX", .help = "", .take = sp_take_text, .offset = AT(text)},
    {.name = "show-from", .value_name = "REGEX", .help = "", .take = sp_take_text, .offset = AT(text)},
    {.name = "nodecount", .letter = 'n', .value_name = "N", .help = "", .take = sp_take_count, .offset = AT(count)},
    {.name = "limited",
     .value_name = "N",
     .help = "",
     .take = sp_take_count,
     .offset = AT(count),
     .least = 2,
     .most = 9},
    {.name = "fraction", .value_name = "SHARE", .help = "", .take = sp_take_real, .offset = AT(real)},
    {.name = "color",
     .value_name = "WHICH",
     .help = "",
     .take = sp_take_choice,
     .choices = choices,
     .offset = AT(choice)},
    {.name = "cum", .help = "", .take = sp_take_number, .number = 7, .offset = AT(sort)},
    {.name = "all", .letter = 'a', .help = "", .take = sp_take_flag, .offset = AT(is_on)},
    {.name = "brief", .letter = 'b', .help = "", .take = sp_take_flag, .offset = AT(is_off)},
};
static const struct sp_option_set sets[] = {SP_OPTION_SET(NULL, options, 0)};

static int take_word(const struct sp_command *command, const char *word, void *to)
{
    struct arguments *arguments = to;
    (void)command;
    arguments->words[arguments->n_words++] = word;
    return SP_EXIT_OK;
}

static int take_rest(const struct sp_command *command, char **words, void *to)
{
    (void)command;
    ((struct arguments *)to)->rest = words;
    return SP_EXIT_OK;
}

static const struct sp_command command = {
    .name = "try", .usage = "try", .summary = "", .help = "", .sets = sets, .n_sets = 1, .take_word = take_word};
static const struct sp_command runner = {
    .name = "run", .usage = "run", .summary = "", .help = "", .sets = sets, .n_sets = 1, .take_rest = take_rest};

/* Parses a line of words separated by single blanks; "_" stands for an empty word. */
static int parse(const struct sp_command *of, const char *line, struct arguments *arguments)
{
    static char copy[256];
    static char *argv[16];
    int argc = 0;
    snprintf(copy, sizeof copy, "try %s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = strcmp(word, "_") == 0 ? word + 1 : word;
    argv[argc] = NULL;
    *arguments = (struct arguments){.count = 99};
    complaint[0] = '\0';
    return sp_options_parse(of, argc, argv, arguments);
}

static void test_text_in_all_spellings(void **state)
{
    static const char *const lines[] = {"--focus=main",    "--focus main",     "-focus=main",
                                        "-focus main",     "--foc main",       "--show_from=main",
                                        "-show_from main", "--show-from=main", "-show-from=main"};
    struct arguments arguments;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(parse(&command, lines[i], &arguments), SP_EXIT_OK);
        assert_string_equal(arguments.text, "main");
        assert_int_equal(arguments.n_words, 0);
    }
}

static void test_count_in_all_spellings(void **state)
{
    static const char *const lines[] = {"-n5", "-n 5", "-nodecount=5", "-nodecount 5", "--nodecount=5", "--node 5"};
    struct arguments arguments;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(parse(&command, lines[i], &arguments), SP_EXIT_OK);
        assert_int_equal(arguments.count, 5);
    }
}

static void test_switches(void **state)
{
    struct arguments arguments;
    (void)state;
    assert_int_equal(parse(&command, "-ab", &arguments), SP_EXIT_OK);
    assert_true(arguments.is_on && arguments.is_off);
    assert_int_equal(parse(&command, "--all --all=false -brief=1", &arguments), SP_EXIT_OK);
    assert_true(!arguments.is_on && arguments.is_off);
    assert_int_equal(parse(&command, "-cum", &arguments), SP_EXIT_OK);
    assert_int_equal(arguments.sort, 7);
    assert_int_equal(parse(&command, "--cum=false", &arguments), SP_EXIT_OK);
    assert_int_equal(arguments.sort, 0);
    assert_int_equal(parse(&command, "--all=perhaps", &arguments), SP_EXIT_USAGE);
}

static void test_words_stand_anywhere_and_behind_dashes(void **state)
{
    struct arguments arguments;
    (void)state;
    assert_int_equal(parse(&command, "a -n 3 - b -- -n --focus", &arguments), SP_EXIT_OK);
    assert_int_equal(arguments.n_words, 5);
    assert_string_equal(arguments.words[1], "-");
    assert_string_equal(arguments.words[3], "-n");
    assert_string_equal(arguments.words[4], "--focus");
    assert_int_equal(arguments.count, 3);
}

static void test_rest_is_the_commands(void **state)
{
    struct arguments arguments;
    (void)state;
    assert_int_equal(parse(&runner, "-n 3 prog --focus=x -n", &arguments), SP_EXIT_OK);
    assert_string_equal(arguments.rest[0], "prog");
    assert_string_equal(arguments.rest[1], "--focus=x");
    assert_null(arguments.rest[3]);
    assert_null(arguments.text);
    assert_int_equal(parse(&runner, "-- -n", &arguments), SP_EXIT_OK);
    assert_string_equal(arguments.rest[0], "-n");
}

static void assert_refused(const char *line, const char *why)
{
    struct arguments arguments;
    assert_int_equal(parse(&command, line, &arguments), SP_EXIT_USAGE);
    if (!strstr(complaint, why))
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", line, complaint, why);
}

static void test_refusals_say_what_and_why(void **state)
{
    (void)state;
    assert_refused("--focus", "--focus=REGEX");
    assert_refused("-n x", "--nodecount=x");
    assert_refused("-n -3", "--nodecount=-3");
    assert_refused("-n 99999999999999999999999", "number");
    assert_refused("--limited=1", "from 2 to 9");
    assert_refused("--limited 10", "from 2 to 9");
    assert_refused("--fraction=1x", "number");
    assert_refused("--fraction=nan", "number");
    assert_refused("--fraction=inf", "number");
    assert_refused("--color=brown", "red, green and blue");
    assert_refused("--f=1", "can be --focus, --fraction");
    assert_refused("-z", "unknown option \"-z\"");
}

static void test_misspelled_names_are_guessed(void **state)
{
    (void)state;
    assert_refused("--fcous=main", "did you mean --focus?");
    assert_refused("--nodecuont=4", "did you mean --nodecount?");
    assert_refused("-nodecont", "did you mean --nodecount?"); /* and not -n odecont */
    assert_refused("--zzzzzz", "unknown option \"--zzzzzz\"");
    assert_null(strstr(complaint, "mean"));
}

static void test_nearest_name_needs_likeness(void **state)
{
    static const char *const names[] = {"record", "top", "tree", "traces"};
    char longest[400];
    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_string_equal(sp_nearest_name("recrod", names, 4), "record");
    assert_string_equal(sp_nearest_name("tpo", names, 4), "top");
    assert_string_equal(sp_nearest_name("trace", names, 4), "traces");
    assert_null(sp_nearest_name("flame", names, 4));
    assert_null(sp_nearest_name("x", names, 4));
    assert_null(sp_nearest_name("", names, 4));
    assert_null(sp_nearest_name(longest, names, 4));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_in_all_spellings),
        cmocka_unit_test(test_count_in_all_spellings),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_words_stand_anywhere_and_behind_dashes),
        cmocka_unit_test(test_rest_is_the_commands),
        cmocka_unit_test(test_refusals_say_what_and_why),
        cmocka_unit_test(test_misspelled_names_are_guessed),
        cmocka_unit_test(test_nearest_name_needs_likeness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
