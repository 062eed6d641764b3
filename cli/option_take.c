/*
 * Taking the values of options into members of the usual types. See option.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

int sp_take_flag(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    static const char *const words[] = {"false", "true", "0", "1", "f", "t", "no", "yes", "n", "y"};
    for (size_t i = 0; value && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(value, words[i]) == 0) {
            *(bool *)to = i % 2 != 0;
            return SP_EXIT_OK;
        }
    }
    if (value)
        return sp_usage_error(command, "--%s=%s: it is true or false", option->name, value);
    *(bool *)to = true;
    return SP_EXIT_OK;
}

int sp_take_number(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    bool is_on = true;
    const int status = sp_take_flag(command, option, value, &is_on);
    if (status == SP_EXIT_OK && is_on)
        *(int *)to = option->number;
    return status;
}

int sp_take_text(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    (void)command, (void)option;
    *(const char **)to = value;
    return SP_EXIT_OK;
}

int sp_take_count(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long count = value[0] >= '0' && value[0] <= '9' ? strtoull(value, &end, 10) : 0;
    if (!end || *end != '\0' || errno != 0 || count > SIZE_MAX)
        return sp_usage_error(command, "--%s=%s: it is a number, 0 or more", option->name, value);
    if (option->most > 0 && ((double)count < option->least || (double)count > option->most))
        return sp_usage_error(command, "--%s=%s: it is a number from %.0f to %.0f", option->name, value, option->least,
                              option->most);
    *(size_t *)to = (size_t)count;
    return SP_EXIT_OK;
}

int sp_take_real(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    char *end;
    const double number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(number))
        return sp_usage_error(command, "--%s=%s: it is a number", option->name, value);
    if (option->most > 0 && (number < option->least || number > option->most))
        return sp_usage_error(command, "--%s=%s: it is a number from %g to %g", option->name, value, option->least,
                              option->most);
    *(double *)to = number;
    return SP_EXIT_OK;
}

/* "auto, timer and perf" */
static void list_choices(const char *const *choices, char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; choices[i] && n < size; i++) {
        const char *before = i == 0 ? "" : choices[i + 1] ? ", " : " and ";
        n += (size_t)snprintf(text + n, size - n, "%s%s", before, choices[i]);
    }
}

int sp_take_choice(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    char all[256];
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], value) == 0) {
            *(int *)to = i;
            return SP_EXIT_OK;
        }
    }
    list_choices(option->choices, all, sizeof all);
    return sp_usage_error(command, "--%s=%s: there are %s", option->name, value, all);
}

int sp_words_add(struct sp_words *words, const char *word)
{
    void *grown = reallocarray(words->at, words->n + 1, sizeof *words->at);
    if (!grown) {
        sp_complain("there is not enough memory for the command line");
        return SP_EXIT_FAILED;
    }
    words->at = grown;
    words->at[words->n++] = word;
    return SP_EXIT_OK;
}
