/*
 * `sigprof`: finds the command and runs it.
 *
 * Place: the front door. Context: ordinary code of one thread.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "sigprof/sigprof.h"

static const struct sp_command *const commands[] = {&sp_command_record,    &sp_command_top,     &sp_command_info,
                                                    &sp_command_symbolize, &sp_command_convert, &sp_command_merge};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

__attribute__((format(printf, 1, 0))) static void complain(const char *format, va_list arguments)
{
    fflush(stdout);
    fputs("sigprof: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void sp_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
}

int sp_usage_error(const struct sp_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fprintf(stderr, "usage: sigprof %s\nsee 'sigprof %s --help'\n", command->usage, command->name);
    return SP_EXIT_USAGE;
}

int sp_finish_stdout(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return SP_EXIT_OK;
    sp_complain("cannot write to standard output: %m");
    return SP_EXIT_FAILED;
}

static int print_help(void)
{
    puts("sigprof - CPU profiler for every thread of a program\n\nusage: sigprof COMMAND [ARGUMENT...]\n\ncommands:");
    for (unsigned i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    puts("\nsigprof COMMAND --help tells a command's options; sigprof --version prints the version.\n\n"
         "To begin:\n  sigprof record ./program\n  sigprof top sigprof.pb.gz");
    return sp_finish_stdout();
}

static int print_command_help(const struct sp_command *command)
{
    printf("usage: sigprof %s\n\n%s\n\n%s", command->usage, command->summary, command->help);
    if (command->more_help != NULL)
        command->more_help();
    return sp_finish_stdout();
}

static const struct sp_command *find_command(const char *name)
{
    for (unsigned i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* --help of ours stands before the first word that is no option: what follows may be the profiled command's. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: sigprof COMMAND [ARGUMENT...]\nsee 'sigprof --help'\n", stderr);
        return SP_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0) {
        puts("sigprof " LIBSIGPROF_VERSION);
        return sp_finish_stdout();
    }
    const struct sp_command *command = find_command(argv[1]);
    if (command == NULL) {
        sp_complain("there is no command '%s'; see 'sigprof --help'", argv[1]);
        return SP_EXIT_USAGE;
    }
    return wants_help(argc - 1, argv + 1) ? print_command_help(command) : command->run(argc - 1, argv + 1);
}
