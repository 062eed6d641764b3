/*
 * A command of `sigprof` is one file with one const struct; main.c searches the table.
 * Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_COMMAND_H
#define SIGPROF_CLI_COMMAND_H

enum {
    SP_EXIT_OK = 0,
    SP_EXIT_FAILED = 1, /* the job failed: one line on stderr says what, why and what to do */
    SP_EXIT_USAGE = 2,  /* wrong usage */
    SP_EXIT_NOT_EXECUTABLE = 126,
    SP_EXIT_NOT_FOUND = 127,
};

struct sp_command {
    const char *name;
    const char *usage;       /* what follows "sigprof " in the usage line, for example "top [-n N] [--cum] FILE" */
    const char *summary;     /* one line for `sigprof --help` */
    const char *help;        /* the options and notes, printed after usage and summary by `sigprof NAME --help` */
    void (*more_help)(void); /* prints what the program knows better than a text, behind `help`; or NULL */
    /* argv[0] is the command's name. Returns the exit code. --help is already dealt with. */
    int (*run)(int argc, char **argv);
};

extern const struct sp_command sp_command_record, sp_command_top, sp_command_info, sp_command_symbolize,
    sp_command_convert, sp_command_merge;

/* Results go to stdout: whether they got there is part of the answer. SP_EXIT_OK, or says why not and fails. */
int sp_finish_stdout(void);

/* One line on stderr: "sigprof: " and the text. */
void sp_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* sp_complain and a hint at `sigprof NAME --help`; returns SP_EXIT_USAGE. */
int sp_usage_error(const struct sp_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
