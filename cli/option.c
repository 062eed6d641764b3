/*
 * Parsing options by their tables, and telling them. See option.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "option.h"

#include <string.h>

#include "command.h"

enum {
    HELP_COLUMN = 26, /* where an option's text begins in --help */
    NAME_BYTES = 64,  /* no option's name is as long */
    MOST_NAMES = 96,  /* that a misspelled one is compared with */
    ALL_BYTES = 256,  /* of the names that begin alike */
};

/* An option and the set that it was found in. */
struct found {
    const struct sp_option *option;
    const struct sp_option_set *set;
};

/* Where parsing stands. */
struct parser {
    const struct sp_command *command;
    int argc, i;
    char **argv;
    void *to;
};

static char normal(char c)
{
    return c == '_' ? '-' : c;
}

/* Whether name[0..length) begins `full`, `-` and `_` being the same. */
static bool is_beginning(const char *name, size_t length, const char *full)
{
    for (size_t i = 0; i < length; i++) {
        if (full[i] == '\0' || normal(name[i]) != normal(full[i]))
            return false;
    }
    return true;
}

static bool is_name(const char *name, size_t length, const char *full)
{
    return is_beginning(name, length, full) && full[length] == '\0';
}

/* The option of that name; where `may_be_short`, the only one that begins so. No option: none, or more than one. */
static struct found find_long(const struct sp_command *command, const char *name, size_t length, bool may_be_short,
                              size_t *n_similar)
{
    struct found similar = {0};
    *n_similar = 0;
    for (size_t s = 0; s < command->n_sets; s++) {
        const struct sp_option_set *set = &command->sets[s];
        for (size_t i = 0; i < set->n; i++) {
            if (is_name(name, length, set->options[i].name))
                return (struct found){&set->options[i], set};
            if (may_be_short && is_beginning(name, length, set->options[i].name) && ++*n_similar)
                similar = (struct found){&set->options[i], set};
        }
    }
    return *n_similar == 1 ? similar : (struct found){0};
}

static struct found find_letter(const struct sp_command *command, char letter)
{
    for (size_t s = 0; s < command->n_sets; s++) {
        const struct sp_option_set *set = &command->sets[s];
        for (size_t i = 0; i < set->n; i++) {
            if (set->options[i].letter == letter)
                return (struct found){&set->options[i], set};
        }
    }
    return (struct found){0};
}

/* "--nodecount, --nodefraction ...": those that begin so. */
static void list_similar(const struct sp_command *command, const char *name, size_t length, char *text, size_t size)
{
    size_t n = 0;
    for (size_t s = 0; s < command->n_sets; s++) {
        for (size_t i = 0; i < command->sets[s].n; i++) {
            const char *full = command->sets[s].options[i].name;
            if (is_beginning(name, length, full) && n < size)
                n += (size_t)snprintf(text + n, size - n, "%s--%s", n ? ", " : "", full);
        }
    }
}

static int reject(const struct parser *parser, const char *argument, const char *name, size_t length, size_t n_similar)
{
    const char *names[MOST_NAMES];
    char word[NAME_BYTES];
    size_t n = 0;
    for (size_t s = 0; s < parser->command->n_sets; s++) {
        for (size_t i = 0; i < parser->command->sets[s].n && n < MOST_NAMES; i++)
            names[n++] = parser->command->sets[s].options[i].name;
    }
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    if (n_similar > 1) {
        char all[ALL_BYTES];
        list_similar(parser->command, name, length, all, sizeof all);
        return sp_usage_error(parser->command, "option \"%s\" can be %s", argument, all);
    }
    const char *meant = length < sizeof word ? sp_nearest_name(word, names, n) : NULL;
    if (meant)
        return sp_usage_error(parser->command, "unknown option \"%s\"; did you mean --%s?", argument, meant);
    return sp_usage_error(parser->command, "unknown option \"%s\"", argument);
}

/* Takes the option with its value, which is the next argument where it is not given. */
static int take(struct parser *parser, const struct found *found, const char *value)
{
    const struct sp_option *option = found->option;
    if (option->value_name && !value) {
        if (parser->i + 1 >= parser->argc)
            return sp_usage_error(parser->command, "%s needs a value: --%s=%s", parser->argv[parser->i], option->name,
                                  option->value_name);
        value = parser->argv[++parser->i];
    }
    return option->take(parser->command, option, value, (char *)parser->to + found->set->offset + option->offset);
}

/* -nVALUE, -n VALUE, or letters of switches in a row. */
static int take_letters(struct parser *parser, const char *letters)
{
    int status = SP_EXIT_OK;
    for (; *letters && status == SP_EXIT_OK; letters++) {
        const struct found found = find_letter(parser->command, *letters);
        if (!found.option)
            return reject(parser, parser->argv[parser->i], letters, strcspn(letters, "="), 0);
        if (found.option->value_name)
            return take(parser, &found, letters[1] ? letters + 1 : NULL);
        status = take(parser, &found, NULL);
    }
    return status;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-help") == 0 || strcmp(argument, "-h") == 0;
}

static int print_help(const struct sp_command *command)
{
    printf("usage: sigprof %s\n\n%s\n\n", command->usage, command->summary);
    sp_options_print_help(command, stdout);
    fputs(command->help, stdout);
    if (command->more_help)
        command->more_help();
    return SP_EXIT_HELPED;
}

/* Whether a word behind one dash is letters. Where a number would have to follow, a word is a long name misspelled. */
static bool is_letters(const struct sp_command *command, const char *word)
{
    const struct sp_option *option = find_letter(command, word[0]).option;
    const bool is_number = option && option->value_name && strcmp(option->value_name, "N") == 0;
    return option && !(is_number && word[1] >= 'a' && word[1] <= 'z' && word[2] != '\0');
}

static int take_option(struct parser *parser)
{
    const char *argument = parser->argv[parser->i];
    const bool is_gnu = argument[1] == '-';
    const char *name = argument + 1 + is_gnu;
    const size_t length = strcspn(name, "=");
    size_t n_similar;
    if (is_help(argument))
        return print_help(parser->command);
    const struct found found = find_long(parser->command, name, length, is_gnu, &n_similar);
    if (found.option && (is_gnu || length > 1))
        return take(parser, &found, name[length] == '=' ? name + length + 1 : NULL);
    if (!is_gnu && is_letters(parser->command, name))
        return take_letters(parser, name);
    return reject(parser, argument, name, length, n_similar);
}

int sp_options_parse(const struct sp_command *command, int argc, char **argv, void *to)
{
    struct parser parser = {.command = command, .argc = argc, .i = 1, .argv = argv, .to = to};
    bool options_end = false;
    int status = SP_EXIT_OK;
    for (; parser.i < argc && status == SP_EXIT_OK; parser.i++) {
        const char *argument = argv[parser.i];
        if (!options_end && strcmp(argument, "--") == 0)
            options_end = true;
        else if (!options_end && argument[0] == '-' && argument[1] != '\0')
            status = take_option(&parser);
        else if (command->take_rest)
            return command->take_rest(command, argv + parser.i, to);
        else
            status = command->take_word(command, argument, to);
    }
    return status;
}

/* "  -n, --nodecount=N", and how many characters that is. */
static int print_spelling(const struct sp_option *option, FILE *out)
{
    int n = option->letter ? fprintf(out, "  -%c, ", option->letter) : fprintf(out, "      ");
    n += fprintf(out, "--%s", option->name);
    if (option->value_name)
        n += fprintf(out, "=%s", option->value_name);
    return n;
}

static void print_option(const struct sp_option *option, FILE *out)
{
    int column = print_spelling(option, out);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    for (const char *line = option->help; *line; column = 0) {
        const size_t length = strcspn(line, "\n");
        fprintf(out, "%*s%.*s\n", HELP_COLUMN - column, "", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

void sp_options_print_help(const struct sp_command *command, FILE *out)
{
    static const struct sp_option help = {.name = "help", .letter = 'h', .help = "this help"};
    for (size_t s = 0; s < command->n_sets; s++) {
        const struct sp_option_set *set = &command->sets[s];
        if (set->title)
            fprintf(out, "%s%s:\n", s > 0 ? "\n" : "", set->title);
        for (size_t i = 0; i < set->n; i++) {
            if (set->options[i].help)
                print_option(&set->options[i], out);
        }
    }
    print_option(&help, out);
    fputc('\n', out);
}
