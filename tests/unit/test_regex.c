/*
 * Regular expressions in RE2's syntax: what matches, what is refused and in which words, and what takes too long
 * elsewhere. Expected answers are those of Go's regexp.
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

#include "select/regex.h"

static struct sp_regex *compiled(const char *pattern)
{
    struct sp_regex *regex = NULL;
    char why[512] = "";
    if (sp_regex_new(pattern, &regex, why, sizeof(why)) != 0)
        fail_msg("%s: %s", pattern, why);
    assert_string_equal(sp_regex_pattern(regex), pattern);
    return regex;
}

static void assert_match(const char *pattern, const char *text, bool is_expected)
{
    struct sp_regex *regex = compiled(pattern);
    if (sp_regex_matches(regex, text) != is_expected)
        fail_msg("`%s` and `%s`", pattern, text);
    sp_regex_free(regex);
}

static void assert_refused(const char *pattern, const char *expected)
{
    struct sp_regex *regex = NULL;
    char why[512] = "", sentence[512];
    assert_int_equal(sp_regex_new(pattern, &regex, why, sizeof(why)), -EINVAL);
    assert_null(regex);
    snprintf(sentence, sizeof(sentence), "error parsing regexp: %s", expected);
    assert_string_equal(why, sentence);
}

static void test_regex_matches_anywhere(void **state)
{
    (void)state;
    assert_match("", "", true);
    assert_match("main", "runtime.main", true);
    assert_match("^main", "runtime.main", false);
    assert_match("main$", "main\n", false);
    assert_match("a.c", "a\nc", false);
    assert_match("(?s)a.c", "a\nc", true);
    assert_match("(?i)MAIN", "runtime.main", true);
    assert_match("x(?i)ab|CD", "cd", true);
    assert_match("(x(?i)ab)|CD", "cd", false);
    assert_match("(?i:a)B", "AB", true);
    assert_match("(?i:a)B", "Ab", false);
    assert_match("(?m)^b$", "a\nb\nc", true);
    assert_match("(?m)^$", "a\n", true);
    assert_match("(?U)a+", "aa", true);
    assert_match("(?P<name>a)(?<other>b)", "ab", true);
    assert_match("a{2,3}", "aa", true);
    assert_match("a{,3}", "a{,3}", true);
    assert_match("^(a*)*$", "aaab", false);
    assert_match("(?:^a)*b|\\b*c", "c", true);
    assert_match("a(?i)*b", "b", true);
}

static void test_regex_escapes(void **state)
{
    (void)state;
    assert_match("\\Aa\\z", "a", true);
    assert_match("\\Qa.b*\\E+", "a.b**", true);
    assert_match("\\Qa.b", "axb", false);
    assert_match("\\x41\\x{42}\\103", "ABC", true);
    assert_match("\\_\\-\\/", "_-/", true);
    assert_match("\\v", "\v", true);
    assert_match("\\s", "\v", false);
    assert_match("\\d\\D\\w\\W", "1ab.", true);
    assert_match("\\x{d800}", "a", false);
    assert_match("[^\\x{d800}-\\x{dfff}]", "a", true);
    assert_match("\\bfoo\\b", "a foo b", true);
    assert_match("\\Bfoo", "a foo b", false);
}

static void test_regex_classes(void **state)
{
    (void)state;
    assert_match("^[]a]+$", "a]", true);
    assert_match("^[a-]$", "-", true);
    assert_match("^[^a]$", "\n", true);
    assert_match("[[:alpha:]]", "1x", true);
    assert_match("[[:^alpha:]]", "x", false);
    assert_match("[[:space:]]", "\v", true);
    assert_match("[[:word:]\\-]", "-", true);
    assert_match("[\\W]", "a", false);
    assert_match("(?i)[[:upper:]]", "a", true);
    assert_match("(?i)[[:^upper:]]", "a", false);
    assert_match("(?i)k", "\u212a", true);
    assert_match("(?i)\\w", "\u212a", true);
    assert_match("(?i)[\\W]", "\u212a", false);
    assert_match("\\w", "\u212a", false);
    assert_match("\\pL", "\u00e9", true);
    assert_match("\\p{Greek}", "\u03b1", true);
    assert_match("\\P{Greek}", "\u03b1", false);
    assert_match("\\p{^Greek}", "\u03b1", false);
    assert_match("[\\p{Lu}x]", "a", false);
    assert_match("\\p{Uppercase_Letter}", "A", true);
    assert_match("(?i)\\p{Lu}", "a", true);
    assert_match("\\p{Any}\\p{Assigned}\\p{ASCII}", "abc", true);
    assert_match("^.$", "\u00b7", true);
    assert_match("main\\.(\\*T)", "main.(*T)", false);
    assert_match("main\\.\\(\\*T\\)", "main.(*T)", true);
}

static void test_regex_text_that_is_not_utf8(void **state)
{
    (void)state;
    assert_match("a.b",
                 "a\xff"
                 "b",
                 true);
    assert_match("\\x{fffd}", "a\xff", true);
    assert_match("\\xff", "\xff", false);
    struct sp_regex *regex = compiled("^ab$");
    assert_true(sp_regex_matches_n(regex, "abc", 2));
    assert_true(!sp_regex_matches_n(regex, "abc", 3));
    sp_regex_free(regex);
}

static void test_regex_refuses_what_re2_refuses(void **state)
{
    (void)state;
    assert_refused("(", "missing closing ): `(`");
    assert_refused("a)", "unexpected ): `a)`");
    assert_refused("x(a|b|", "missing closing ): `x(a|b|`");
    assert_refused("[a-z", "missing closing ]: `[a-z`");
    assert_refused("x[", "missing closing ]: `[`");
    assert_refused("*", "missing argument to repetition operator: `*`");
    assert_refused("a|*", "missing argument to repetition operator: `*`");
    assert_refused("a*|*", "missing argument to repetition operator: `*`");
    assert_refused("(+?a)", "missing argument to repetition operator: `+?`");
    assert_refused("\\Q\\E*", "missing argument to repetition operator: `*`");
    assert_refused("a**", "invalid nested repetition operator: `**`");
    assert_refused("a++", "invalid nested repetition operator: `++`");
    assert_refused("a{2}{3}", "invalid nested repetition operator: `{2}{3}`");
    assert_refused("a*(?U)?", "invalid nested repetition operator: `?`");
    assert_refused("a{1001}", "invalid repeat count: `{1001}`");
    assert_refused("a{2,1}", "invalid repeat count: `{2,1}`");
    assert_refused("a{9876543210}", "invalid repeat count: `{9876543210}`");
    assert_refused("((a{100}){10}){2}", "invalid repeat count: `{2}`");
    assert_refused("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
    assert_refused("(?!a)", "invalid or unsupported Perl syntax: `(?!`");
    assert_refused("(?<=a)", "invalid named capture: `(?<=a)`");
    assert_refused("(?>a)", "invalid or unsupported Perl syntax: `(?>`");
    assert_refused("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`");
    assert_refused("(?P=n)", "invalid or unsupported Perl syntax: `(?P`");
    assert_refused("(?P<x y>a)", "invalid named capture: `(?P<x y>`");
    assert_refused("(?P<>a)", "invalid named capture: `(?P<>`");
    assert_refused("(a)\\1", "invalid escape sequence: `\\1`");
    assert_refused("\\C", "invalid escape sequence: `\\C`");
    assert_refused("\\Z", "invalid escape sequence: `\\Z`");
    assert_refused("\\x{110000}", "invalid escape sequence: `\\x{110000`");
    assert_refused("a\\", "trailing backslash at end of expression: ``");
    assert_refused("[z-a]", "invalid character class range: `z-a`");
    assert_refused("[[:nope:]]", "invalid character class range: `[:nope:]`");
    assert_refused("\\p{Xan}", "invalid character class range: `\\p{Xan}`");
    assert_refused("\\pQ", "invalid character class range: `\\pQ`");
    assert_refused("a\xff", "invalid UTF-8: `a\xff`");
}

/* `count` times `piece`. */
static char *repeated(const char *piece, size_t count)
{
    size_t length = strlen(piece);
    char *text = malloc(length * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * length, piece, length);
    text[length * count] = '\0';
    return text;
}

/* What backtracking would need longer than anybody waits for. */
static void test_regex_of_exponential_cost(void **state)
{
    (void)state;
    char *many = repeated("a", 5000);
    assert_match("^(a|aa|a*)*$", many, true);
    assert_match("^(a+)+b", many, false);
    assert_match("(a*)*(a*)*(a*)*c", many, false);
    assert_match("^(([a-z])+.)+[A-Z]([a-z])+$", many, false);
    char *optional = repeated("a?", 200), *required = repeated("a", 200);
    char *both = malloc(1000);
    snprintf(both, 1000, "^%s%s$", optional, required);
    assert_match(both, required, true);
    free(both);
    free(optional);
    free(required);
    free(many);
}

static void test_regex_huge_patterns(void **state)
{
    (void)state;
    struct sp_regex *regex = NULL;
    char why[64] = "";
    char *parts[] = {repeated("(", 100000), repeated("(?:a|", 2000), repeated("x", 2000000),
                     repeated("(xx?){1000}", 1000), repeated("(?i)[b-\\x{10fff0}]", 3000)};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        assert_int_equal(sp_regex_new(parts[i], &regex, why, sizeof(why)), -EINVAL);
        assert_int_equal(strncmp(why, "error parsing regexp: expression ", 33), 0);
        free(parts[i]);
    }
    char deep[2 * 900 + 1];
    memset(deep, '(', 900);
    memset(deep + 900, ')', 900);
    deep[1800] = '\0';
    assert_match(deep, "", true);
    /* Deep, and of a kind that has to be followed all ways at once. */
    memset(deep, '(', 400);
    memcpy(deep + 400, "a*", 2);
    for (size_t i = 0; i < 400; i++)
        memcpy(deep + 402 + 2 * i, ")*", 2);
    memcpy(deep + 1202, "b", 2);
    assert_match(deep, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regex_matches_anywhere),
        cmocka_unit_test(test_regex_escapes),
        cmocka_unit_test(test_regex_classes),
        cmocka_unit_test(test_regex_text_that_is_not_utf8),
        cmocka_unit_test(test_regex_refuses_what_re2_refuses),
        cmocka_unit_test(test_regex_of_exponential_cost),
        cmocka_unit_test(test_regex_huge_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
