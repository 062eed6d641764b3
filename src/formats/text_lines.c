/*
 * Text, line by line. See text_lines.h.
 * Context: ordinary code.
 */
#include "formats/text_lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct sp_lines sp_lines_of(const uint8_t *data, size_t size)
{
    const char *text = size > 0 ? (const char *)data : "";
    return (struct sp_lines){.at = text, .end = text + size};
}

bool sp_lines_next(struct sp_lines *lines, struct sp_span *line)
{
    if (lines->at == lines->end)
        return false;
    const char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    const char *end = newline ? newline : lines->end;
    *line = (struct sp_span){lines->at, (size_t)(end - lines->at)};
    while (line->n > 0 && (sp_is_blank(line->at[line->n - 1]) || line->at[line->n - 1] == '\r'))
        line->n--;
    lines->at = newline ? newline + 1 : lines->end;
    lines->number++;
    return true;
}

int sp_parse_whole(struct sp_span word, int64_t *value)
{
    const bool is_negative = word.n > 0 && word.at[0] == '-';
    size_t i = word.n > 0 && (word.at[0] == '-' || word.at[0] == '+');
    int64_t sum = 0;
    bool is_too_large = false;
    if (i == word.n)
        return -EINVAL;
    for (; i < word.n; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return -EINVAL;
        const int64_t digit = is_negative ? '0' - word.at[i] : word.at[i] - '0';
        is_too_large |= __builtin_mul_overflow(sum, 10, &sum);
        is_too_large |= __builtin_add_overflow(sum, digit, &sum);
    }
    if (is_too_large)
        return -ERANGE;
    *value = sum;
    return 0;
}

int sp_text_result(struct sp_profile *read, const char *wrong, size_t line, struct sp_profile **profile, char *why,
                   size_t why_size)
{
    const int error = !read ? -ENOMEM : wrong[0] ? -EINVAL : sp_profile_error(read);
    if (error == -EINVAL)
        snprintf(why, why_size, "line %zu: %s", line, wrong);
    else if (error == -EFBIG)
        snprintf(why, why_size, "it takes more than %zu bytes of memory, which is the limit", read->memory_limit);
    else if (error)
        snprintf(why, why_size, "there is not enough memory to read it");
    if (error) {
        sp_profile_free(read);
        return error;
    }
    read->memory_limit = SIZE_MAX;
    *profile = read;
    return 0;
}
