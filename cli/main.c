/*
 * `sigprof`: finds the command and runs it.
 *
 * Place: the front door. Context: ordinary code of one thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "sigprof/sigprof.h"

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
    for (size_t i = 0; sp_commands[i]; i++)
        printf("  %-10s %s\n", sp_commands[i]->name, sp_commands[i]->summary);
    puts("\nsigprof COMMAND --help tells a command's options; sigprof --version prints the version.\n\n"
         "To begin:\n  sigprof record ./program\n  sigprof top sigprof.pb.gz");
    return sp_finish_stdout();
}

static const struct sp_command *find_command(const char *name)
{
    for (size_t i = 0; sp_commands[i]; i++)
        if (strcmp(sp_commands[i]->name, name) == 0)
            return sp_commands[i];
    return NULL;
}

static int reject_command(const char *word)
{
    enum { MOST_NAMES = 64 };
    const char *names[MOST_NAMES + 2] = {"--help", "--version"};
    size_t n = 2;
    for (size_t i = 0; sp_commands[i] && n < MOST_NAMES + 2; i++)
        names[n++] = sp_commands[i]->name;
    const char *meant = sp_nearest_name(word, names, n);
    if (meant)
        sp_complain("there is no command '%s'; did you mean '%s'? See 'sigprof --help'", word, meant);
    else
        sp_complain("there is no command '%s'; see 'sigprof --help'", word);
    return SP_EXIT_USAGE;
}

/* `sigprof help top` is `sigprof top --help`. */
static int help_on(const char *name)
{
    char word[] = "--help";
    char *words[] = {(char[]){"help"}, word, NULL};
    const struct sp_command *command = find_command(name);
    return command ? command->run(2, words) : reject_command(name);
}

static int run(int argc, char **argv)
{
    if (strcmp(argv[1], "help") == 0 && argc > 2)
        return help_on(argv[2]);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0) {
        puts("sigprof " LIBSIGPROF_VERSION);
        return sp_finish_stdout();
    }
    const struct sp_command *command = find_command(argv[1]);
    return command ? command->run(argc - 1, argv + 1) : reject_command(argv[1]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: sigprof COMMAND [ARGUMENT...]\nsee 'sigprof --help'\n", stderr);
        return SP_EXIT_USAGE;
    }
    const int status = run(argc, argv);
    return status == SP_EXIT_HELPED ? sp_finish_stdout() : status;
}
