/*
 * A command of `sigprof` is one file with one const struct; main.c searches the table.
 * Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_COMMAND_H
#define SIGPROF_CLI_COMMAND_H

#include "option.h"

enum {
    SP_EXIT_HELPED = -1, /* --help has been answered: main makes an exit code of it */
    SP_EXIT_OK = 0,
    SP_EXIT_FAILED = 1, /* the job failed: one line on stderr says what, why and what to do */
    SP_EXIT_USAGE = 2,  /* wrong usage */
    SP_EXIT_NOT_EXECUTABLE = 126,
    SP_EXIT_NOT_FOUND = 127,
};

struct sp_command {
    const char *name;
    const char *usage;       /* what follows "sigprof " in the usage line, for example "top [OPTION...] FILE" */
    const char *summary;     /* one line for `sigprof --help` */
    const char *help;        /* words and notes: what `sigprof NAME --help` says behind the options */
    void (*more_help)(void); /* prints what of it is not constant, behind `help`; or NULL */
    const struct sp_option_set *sets; /* its options */
    size_t n_sets;
    /* Takes a word of the command line into the command's structure: SP_EXIT_OK, or what sp_usage_error returned. */
    int (*take_word)(const struct sp_command *command, const char *word, void *to);
    /* Instead of take_word: takes the first word and all that follow it, ended by NULL. */
    int (*take_rest)(const struct sp_command *command, char **words, void *to);
    /* argv[0] is the command's name. Returns the exit code, or SP_EXIT_HELPED. */
    int (*run)(int argc, char **argv);
};

/* All of them, NULL-terminated, in the order of `sigprof --help`. */
extern const struct sp_command *const sp_commands[];

/* Results go to stdout: whether they got there is part of the answer. SP_EXIT_OK, or says why not and fails. */
int sp_finish_stdout(void);

/* One line on stderr: "sigprof: " and the text. */
void sp_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* sp_complain and a hint at `sigprof NAME --help`; returns SP_EXIT_USAGE. */
int sp_usage_error(const struct sp_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
