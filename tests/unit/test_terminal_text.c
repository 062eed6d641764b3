/*
 * Text made fit for a terminal: where lines are cut, which bytes of names never get there, and what has which colour.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cut_lines.h"
#include "report_color.h"

static void assert_cut(const char *text, size_t columns, const char *wanted)
{
    size_t size, n_lines;
    char *cut = sp_cut_lines(text, strlen(text), columns, &size, &n_lines);
    assert_non_null(cut);
    assert_string_equal(cut, wanted);
    assert_int_equal(size, strlen(wanted));
    free(cut);
}

static void test_lines_are_cut_where_they_are_too_wide(void **state)
{
    (void)state;
    assert_cut("", 5, "");
    assert_cut("12345\n123456\n", 5, "12345\n1234…\n");
    assert_cut("123456", 5, "1234…");
    assert_cut("\n\n", 5, "\n\n");
    assert_cut("123456", SIZE_MAX, "123456");
}

static void test_width_is_of_characters(void **state)
{
    (void)state;
    assert_cut("äöüß€\n", 5, "äöüß€\n");
    assert_cut("äöüß€x\n", 5, "äöüß…\n");
    assert_cut("e\xcc\x81"
               "2345\n",
               5,
               "e\xcc\x81"
               "2345\n"); /* the accent combines */
    assert_cut("日本語\n", 5, "日本…\n");
    assert_cut("日本語\n", 6, "日本語\n");
    assert_cut("日本語文\n", 6, "日本…\n"); /* half of a character is none */
}

static void test_broken_characters_are_bytes(void **state)
{
    (void)state;
    assert_cut("\x80\xff\xe6\x97", 4, "\x80\xff\xe6\x97");
    assert_cut("\x80\xff\xe6\x97z", 4, "\x80\xff\xe6…");
}

static void test_tabs_and_blanks_at_the_end(void **state)
{
    (void)state;
    assert_cut("1\tx\n", 9, "1\tx\n");
    assert_cut("1\txy\n", 9, "1\t…\n");
    assert_cut("12345 \t \n", 5, "12345\n");
}

static void test_colours_take_no_room_and_end(void **state)
{
    (void)state;
    assert_cut("\033[31m12345\033[0m\n", 5, "\033[31m12345\033[0m\n");
    assert_cut("\033[31m123456\033[0m\n", 5, "\033[31m1234…\033[0m\n");
    assert_cut("\033[31m12\033[0m3456\033[1m7\033[0m\n", 4, "\033[31m12\033[0m3…\033[1m\033[0m\n");
}

static void test_lines_are_counted(void **state)
{
    (void)state;
    size_t size, n_lines;
    char *cut = sp_cut_lines("a\nb\nc", 5, 10, &size, &n_lines);
    assert_int_equal(n_lines, 3);
    free(cut);
}

static void test_control_characters_become_question_marks(void **state)
{
    (void)state;
    char text[] = "a\033]0;title\007\tb\r\n\xc2\x9b"
                  "c\x7f\xc2\xa0é";
    const size_t size = sp_make_harmless(text, sizeof text - 1);
    const char wanted[] = "a?]0;title?\tb?\n?c?\xc2\xa0é";
    assert_int_equal(size, sizeof wanted - 1);
    assert_memory_equal(text, wanted, size);
    char end[] = "\xc2"; /* the beginning of a character that does not come */
    assert_int_equal(sp_make_harmless(end, 1), 1);
}

static void assert_colored(const char *plain, const char *wanted)
{
    size_t size = strlen(plain);
    char *text = strdup(plain);
    assert_non_null(text);
    assert_int_equal(sp_report_color(&text, &size), 0);
    assert_string_equal(text, wanted);
    assert_int_equal(size, strlen(wanted));
    free(text);
}

#define HEAD "      flat  flat%   sum%        cum   cum%"

static void test_rows_of_top(void **state)
{
    (void)state;
    assert_colored("File: perl\n" HEAD "\n", "\033[2mFile: perl\033[0m\n\033[1m" HEAD "\033[0m\n");
    assert_colored(HEAD "\n      30ms 15.00% 15.00%       30ms  9.99%  f\n",
                   "\033[1m" HEAD
                   "\033[0m\n      30ms \033[31m15.00%\033[0m 15.00%       30ms  \033[33m9.99%\033[0m  f\n");
    assert_colored(HEAD "\n     -30ms 15.00% 15.00%      -30ms  1.99%  f 50%\n",
                   "\033[1m" HEAD "\033[0m\n     -30ms \033[31m15.00%\033[0m 15.00%      -30ms  1.99%  f 50%\n");
    assert_colored(HEAD "\n         0     0%     0%       30ms   100%  main\n",
                   "\033[1m" HEAD "\033[0m\n         0     0%     0%       30ms   \033[31m100%\033[0m  main\n");
}

static void test_rows_of_tree(void **state)
{
    (void)state;
    assert_colored(
        "----+----\n  30ms 3.00% 15.00%  30ms 3.00%      | f g\n",
        "----+----\n  30ms \033[33m3.00%\033[0m 15.00%  30ms \033[33m3.00%\033[0m      |\033[1m f g\033[0m\n");
    assert_colored("----+----\n            30ms   100% |   f\n", "----+----\n            30ms   100% |   f\n");
}

static void test_labels_traces_and_sources(void **state)
{
    (void)state;
    assert_colored(" tid: Total 200ms of 200ms (  100%)\n      200ms (  100%): 7\n      200ms (12.00%): 8\n",
                   "\033[1m tid: Total 200ms of 200ms (  100%)\033[0m\n      200ms (  \033[31m100%\033[0m): 7\n"
                   "      200ms (\033[31m12.00%\033[0m): 8\n");
    assert_colored("Type: cpu\n-----+----\n    tid:  7\n  10ms   main\n",
                   "\033[2mType: cpu\033[0m\n-----+----\n    tid:  7\n  10ms   main\n");
    assert_colored(
        "Total: 1s\nROUTINE ======================== f in f.c\n   .   .   3: x = 50%7;\n",
        "\033[2mTotal: 1s\033[0m\n\033[1mROUTINE ======================== f in f.c\033[0m\n   .   .   3: x = 50%7;\n");
}

static void test_text_of_any_form(void **state)
{
    (void)state;
    assert_colored("", "");
    assert_colored("\n \n(\n (\n %\n 1 ( %):\n", "\n \n(\n (\n %\n 1 ( %):\n");
    assert_colored(" 1 1% 1% 1 1%", " 1 1% 1% 1 1%");
    assert_colored("x", "\033[2mx\033[0m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_cut_where_they_are_too_wide),
        cmocka_unit_test(test_width_is_of_characters),
        cmocka_unit_test(test_broken_characters_are_bytes),
        cmocka_unit_test(test_tabs_and_blanks_at_the_end),
        cmocka_unit_test(test_colours_take_no_room_and_end),
        cmocka_unit_test(test_lines_are_counted),
        cmocka_unit_test(test_control_characters_become_question_marks),
        cmocka_unit_test(test_rows_of_top),
        cmocka_unit_test(test_rows_of_tree),
        cmocka_unit_test(test_labels_traces_and_sources),
        cmocka_unit_test(test_text_of_any_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
