/*
 * libFuzzer target: regular expressions. Input: the expression, a byte of 0, and a text to match.
 *
 * Asserted besides the sanitizers: what is refused has a reason, and an expression matches the same text again, as it
 * does when it is compiled again (also once it is matched the other way, see regex.h).
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select/regex.h"

enum { WHY_BYTES = 512 };

#define require(condition) \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), abort()))

static void match(const char *pattern, const char *text, size_t size)
{
    struct sp_regex *regex = NULL, *other = NULL;
    char why[WHY_BYTES] = "";
    const int error = sp_regex_new(pattern, &regex, why, sizeof why);
    require(error == 0 || (error == -EINVAL && why[0] != '\0'));
    if (error)
        return;
    require(strcmp(sp_regex_pattern(regex), pattern) == 0);
    const bool is_match = sp_regex_matches_n(regex, text, size);
    require(sp_regex_matches_n(regex, text, size) == is_match);
    require(sp_regex_new(pattern, &other, why, sizeof why) == 0);
    require(sp_regex_matches_n(other, text, size) == is_match);
    sp_regex_free(other);
    sp_regex_free(regex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    require(copy);
    memcpy(copy, data, size);
    copy[size] = '\0';
    const size_t length = strlen(copy);
    match(copy, copy + length + (length < size), size - length - (length < size));
    free(copy);
    return 0;
}
