/*
 * The options of commands, as tables: what parses them, tells them in --help, completes them in shells and guesses what
 * a misspelled one was meant to be reads the same table.
 *
 * Spellings: --name=VALUE and --name VALUE (GNU), any beginning of a name that is only one option's; -name=VALUE and
 * -name VALUE (pprof); -nVALUE and -n VALUE for those with a letter. In names `-` and `_` are the same. A switch may be
 * given =true or =false. Behind `--` all are words.
 *
 * Place: cli, under every command. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_OPTION_H
#define SIGPROF_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sp_command;

struct sp_option {
    const char *name;       /* long, in GNU's spelling: "show-from" */
    char letter;            /* or 0 */
    const char *value_name; /* "REGEX"; NULL: a switch */
    const char *help;       /* lines, for --help; NULL: understood, and not told there */
    /*
     * Takes the option into the member at `to`: SP_EXIT_OK, or what sp_usage_error returned. `value` is NULL only for a
     * switch without one.
     */
    int (*take)(const struct sp_command *command, const struct sp_option *option, const char *value, void *to);
    size_t offset;              /* of the member, in the structure of the set */
    int number;                 /* sp_take_number: what the member becomes */
    const char *const *choices; /* the words that `value` may be, NULL-terminated; or NULL */
    double least, most;         /* sp_take_count, sp_take_real: bounds, where most is not 0 */
};

/* Options that stand together, and where their structure is in that of the command. */
struct sp_option_set {
    const char *title; /* in --help; NULL: no title */
    const struct sp_option *options;
    size_t n;
    size_t offset;
};

#define SP_OPTION_SET(title, options, offset)                          \
    {                                                                  \
        title, options, sizeof(options) / sizeof((options)[0]), offset \
    }

/* Takers for members of the usual types. */
int sp_take_flag(const struct sp_command *command, const struct sp_option *option, const char *value, void *to);
int sp_take_number(const struct sp_command *command, const struct sp_option *option, const char *value,
                   void *to); /* int */
int sp_take_text(const struct sp_command *command, const struct sp_option *option, const char *value, void *to);
int sp_take_count(const struct sp_command *command, const struct sp_option *option, const char *value,
                  void *to); /* size_t */
int sp_take_real(const struct sp_command *command, const struct sp_option *option, const char *value, void *to);
/* The position of `value` in option->choices: int. */
int sp_take_choice(const struct sp_command *command, const struct sp_option *option, const char *value, void *to);

/* Texts of the command line. Zero-initialised: none; `at` is to be freed. */
struct sp_words {
    const char **at;
    size_t n;
};
/* Appends one: SP_EXIT_OK; or SP_EXIT_FAILED, having complained. */
int sp_words_add(struct sp_words *words, const char *word);

/*
 * Parses a command line into `to`, the structure that the command's sets are of. Words go to command->take_word, or the
 * first and all that follow it to command->take_rest. SP_EXIT_OK; SP_EXIT_USAGE, having complained; SP_EXIT_FAILED; or
 * SP_EXIT_HELPED: --help has been answered.
 */
int sp_options_parse(const struct sp_command *command, int argc, char **argv, void *to);

/* Prints what --help says of the command's options. */
void sp_options_print_help(const struct sp_command *command, FILE *out);

/* What is most like `word` of names[0..n), or NULL when nothing is. */
const char *sp_nearest_name(const char *word, const char *const *names, size_t n);

#endif
