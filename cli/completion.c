/*
 * `sigprof completion`: what shells need to complete our command lines, made of the tables of commands and options.
 *
 * Place: cli, beside main. Context: ordinary code of the command's only thread.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"

static bool takes_command(const struct sp_command *command)
{
    return command->take_rest != NULL;
}

/* Calls `print` for each option of the command that --help tells. */
static void for_options(const struct sp_command *command,
                        void (*print)(const struct sp_command *, const struct sp_option *))
{
    for (size_t s = 0; s < command->n_sets; s++) {
        for (size_t i = 0; i < command->sets[s].n; i++) {
            if (command->sets[s].options[i].help)
                print(command, &command->sets[s].options[i]);
        }
    }
}

static void print_choices(const struct sp_option *option)
{
    for (size_t i = 0; option->choices[i]; i++)
        printf("%s%s", i ? " " : "", option->choices[i]);
}

/* The first words of an option's help, with what the shell would take for its own left out. */
static void print_help_line(const struct sp_option *option, const char *special)
{
    size_t length = strcspn(option->help, "\n;(");
    while (length > 0 && strchr(" ,", option->help[length - 1]))
        length--;
    for (size_t i = 0; i < length; i++) {
        if (!strchr(special, option->help[i]))
            putchar(option->help[i]);
    }
}

/* bash */

static void print_bash_word(const struct sp_command *command, const struct sp_option *option)
{
    (void)command;
    printf(" --%s%s", option->name, option->value_name ? "=" : "");
}

static void print_bash_choices(const struct sp_command *command, const struct sp_option *option)
{
    if (!option->choices)
        return;
    printf("    '%s --%s') words='", command->name, option->name);
    print_choices(option);
    puts("' ;;");
}

static void print_bash(void)
{
    puts("# bash completion for sigprof\n_sigprof()\n{\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} option='' words=''\n"
         "    COMPREPLY=()\n    if ((COMP_CWORD == 1)); then");
    fputs("        words='--help --version", stdout);
    for (size_t i = 0; sp_commands[i]; i++)
        printf(" %s", sp_commands[i]->name);
    puts("'\n        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n        return\n    fi\n"
         "    if [[ $cur == = ]]; then\n        option=${COMP_WORDS[COMP_CWORD - 1]} cur=''\n"
         "    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then\n        option=${COMP_WORDS[COMP_CWORD - 2]}\n    "
         "fi\n"
         "    case \"$command $option\" in");
    for (size_t i = 0; sp_commands[i]; i++)
        for_options(sp_commands[i], print_bash_choices);
    for (size_t i = 0; sp_commands[i]; i++) {
        printf("    '%s ') words='--help", sp_commands[i]->name);
        for_options(sp_commands[i], print_bash_word);
        puts("' ;;");
    }
    puts("    esac\n    if [[ -n $option || $cur == -* ]]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
         "        [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace");
    for (size_t i = 0; sp_commands[i]; i++) {
        if (takes_command(sp_commands[i]))
            printf("    elif [[ $command == %s ]]; then\n        mapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n",
                   sp_commands[i]->name);
    }
    puts("    fi\n}\ncomplete -o default -F _sigprof sigprof");
}

/* zsh */

static void print_zsh_option(const struct sp_command *command, const struct sp_option *option)
{
    (void)command;
    printf(" \\\n            '*--%s%s[", option->name, option->value_name ? "=" : "");
    print_help_line(option, "'[]:");
    putchar(']');
    if (option->choices) {
        fputs(":value:(", stdout);
        print_choices(option);
        putchar(')');
    } else if (option->value_name) {
        printf(":value:%s", strstr(option->value_name, "FILE") || strstr(option->value_name, "DIR") ? "_files" : "");
    }
    putchar('\'');
}

static void print_zsh(void)
{
    puts("#compdef sigprof\n_sigprof() {\n    local -a commands=(");
    for (size_t i = 0; sp_commands[i]; i++)
        printf("        '%s:%s'\n", sp_commands[i]->name, sp_commands[i]->summary);
    puts("    )\n    if ((CURRENT == 2)); then\n        _describe command commands\n        return\n    fi\n"
         "    local command=$words[2]\n    shift words\n    ((CURRENT--))\n    case $command in");
    for (size_t i = 0; sp_commands[i]; i++) {
        printf("    %s)\n        _arguments '--help[this help]'", sp_commands[i]->name);
        for_options(sp_commands[i], print_zsh_option);
        puts(takes_command(sp_commands[i]) ? " \\\n            '*::command:_normal'\n        ;;"
                                           : " \\\n            '*:file:_files'\n        ;;");
    }
    puts("    esac\n}\n_sigprof \"$@\"");
}

/* fish */

static void print_fish_option(const struct sp_command *command, const struct sp_option *option)
{
    printf("complete -c sigprof -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
    if (option->letter)
        printf(" -s %c", option->letter);
    if (option->value_name)
        fputs(option->choices ? " -x -a '" : " -r", stdout);
    if (option->choices) {
        print_choices(option);
        putchar('\'');
    }
    fputs(" -d '", stdout);
    print_help_line(option, "'\\");
    puts("'");
}

static void print_fish(void)
{
    puts("# fish completion for sigprof");
    for (size_t i = 0; sp_commands[i]; i++) {
        printf("complete -c sigprof -n '__fish_use_subcommand' -f -a %s -d '%s'\n", sp_commands[i]->name,
               sp_commands[i]->summary);
        if (takes_command(sp_commands[i]))
            printf("complete -c sigprof -n '__fish_seen_subcommand_from %s' -x -a '(__fish_complete_subcommand)'\n",
                   sp_commands[i]->name);
    }
    for (size_t i = 0; sp_commands[i]; i++)
        for_options(sp_commands[i], print_fish_option);
}

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

static int take_word(const struct sp_command *command, const char *word, void *to)
{
    const char **shell = to;
    if (*shell)
        return sp_usage_error(command, "one shell at a time, not \"%s\" and \"%s\"", *shell, word);
    *shell = word;
    return SP_EXIT_OK;
}

static int run(int argc, char **argv)
{
    const char *shell = NULL;
    const int status = sp_options_parse(&sp_command_completion, argc, argv, &shell);
    if (status != SP_EXIT_OK)
        return status;
    if (!shell)
        return sp_usage_error(&sp_command_completion, "SHELL is missing");
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print();
            return sp_finish_stdout();
        }
    }
    return sp_usage_error(&sp_command_completion, "\"%s\": there are bash, zsh and fish", shell);
}

const struct sp_command sp_command_completion = {
    .name = "completion",
    .usage = "completion bash|zsh|fish",
    .summary = "print what a shell needs to complete commands and options",
    .take_word = take_word,
    .help =
        "To try it in the shell that runs: source <(sigprof completion bash). An installed sigprof has it already.\n",
    .run = run,
};
