/*
 * Columns aligned to the right, as Go's text/tabwriter (padding 1, AlignRight) lays out the same text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "report/columns.h"

static void assert_columns(const char *text, const char *expected)
{
    char *laid_out = NULL;
    size_t size;
    FILE *out = open_memstream(&laid_out, &size);
    assert_int_equal(sp_columns_print(text, strlen(text), out), 0);
    fclose(out);
    assert_string_equal(laid_out, expected);
    free(laid_out);
}

static void test_columns_are_as_wide_as_the_widest_cell(void **state)
{
    (void)state;
    assert_columns("key:\t of all\n \tlong value:\t a\n \tshort:\t bc\n",
                   " key: of all\n      long value: a\n           short: bc\n");
}

static void test_columns_begin_anew_after_a_line_without_them(void **state)
{
    (void)state;
    assert_columns("a\tlast\nlonger\tlast\n\nb\tlast\n", "      a"
                                                         "last\n longer"
                                                         "last\n\n b"
                                                         "last\n");
}

static void test_columns_count_characters(void **state)
{
    (void)state;
    assert_columns("µµ\t.\nabc\t.\n", "  µµ.\n abc.\n");
}

static void test_columns_of_odd_texts(void **state)
{
    (void)state;
    assert_columns("", "");
    assert_columns("no end", "no end");
    assert_columns("\n\n", "\n\n");
    assert_columns("\t\t\n", "  \n");
    assert_columns("a\vb\f", " ab\n");
}

/* A name full of tabs among many lines, and a huge one: neither is paid for by all the lines. */
static void test_columns_of_hostile_texts(void **state)
{
    (void)state;
    enum { N = 20000 };
    char *text = malloc(5 * N + 1), *nothing = NULL;
    size_t n = 0, size;
    for (size_t i = 0; i < N; i++)
        text[n++] = '\t';
    for (size_t i = 0; i < N; i++)
        memcpy(text + n, "\n\t", 2), n += 2;
    memset(text + n, 'x', N);
    text[n + N] = '\t';
    FILE *out = open_memstream(&nothing, &size);
    assert_int_equal(sp_columns_print(text, n + N + 1, out), 0);
    fclose(out);
    assert_true(size < 10 * N);
    free(nothing);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_as_wide_as_the_widest_cell),
        cmocka_unit_test(test_columns_begin_anew_after_a_line_without_them),
        cmocka_unit_test(test_columns_count_characters),
        cmocka_unit_test(test_columns_of_odd_texts),
        cmocka_unit_test(test_columns_of_hostile_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
