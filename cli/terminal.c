/*
 * Showing a text. See terminal.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cut_lines.h"
#include "util/output_file.h"

enum { NARROWEST = 40, DEFAULT_COLUMNS = 80, SHELL_NOT_FOUND = 127 };
enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

extern char **environ;

static const char *const colors[] = {[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never", NULL};

const struct sp_option sp_terminal_options[SP_TERMINAL_OPTIONS] = {
    {.name = "output",
     .letter = 'o',
     .value_name = "FILE",
     .help = "write it there; - is standard output (default)",
     .take = sp_take_text,
     .offset = offsetof(struct sp_terminal_options, output)},
    {.name = "color",
     .value_name = "WHEN",
     .help = "always, never, or auto (default): on a terminal, unless NO_COLOR is set",
     .take = sp_take_choice,
     .choices = colors,
     .offset = offsetof(struct sp_terminal_options, color)},
    {.name = "wide",
     .help = "lines as long as they are, not cut at the terminal's width",
     .take = sp_take_flag,
     .offset = offsetof(struct sp_terminal_options, is_wide)},
    {.name = "no-pager",
     .help = "no pager for what is longer than the screen ($SIGPROF_PAGER, $PAGER or less)",
     .take = sp_take_flag,
     .offset = offsetof(struct sp_terminal_options, has_no_pager)},
};

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] != '\0';
}

static bool is_stdout(const struct sp_terminal_options *options)
{
    return !options->output || strcmp(options->output, "-") == 0;
}

bool sp_terminal_is_on(const struct sp_terminal_options *options)
{
    return is_stdout(options) && isatty(STDOUT_FILENO);
}

bool sp_terminal_has_color(const struct sp_terminal_options *options)
{
    if (options->color != COLOR_AUTO)
        return options->color == COLOR_ALWAYS;
    const char *terminal = getenv("TERM");
    return sp_terminal_is_on(options) && !is_set("NO_COLOR") && terminal && strcmp(terminal, "dumb") != 0;
}

static int complain(const struct sp_terminal_options *options, int error)
{
    if (is_stdout(options))
        sp_complain("the report cannot be written to stdout: %s", strerror(error));
    else
        sp_complain("the report cannot be written to %s: %s", options->output, strerror(error));
    return SP_EXIT_FAILED;
}

/* Writes to a stream and closes it: a full disk may show only then. 0 or errno. */
static int write_and_close(FILE *out, const char *text, size_t size)
{
    int error = fwrite(text, 1, size, out) == size ? 0 : errno;
    if (fclose(out) != 0 && !error)
        error = errno;
    return error;
}

static int write_file(const struct sp_terminal_options *options, const char *text, size_t size)
{
    struct sp_output_file output = {0};
    int error = sp_output_open(options->output, &output);
    if (!error)
        error = sp_output_write(output.fd, text, size);
    if (!error)
        error = sp_output_commit(&output);
    sp_output_abandon(&output);
    return error ? complain(options, -error) : SP_EXIT_OK;
}

static struct winsize screen(void)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        size = (struct winsize){.ws_col = DEFAULT_COLUMNS};
    return size;
}

static const char *pager(void)
{
    const char *command = is_set("SIGPROF_PAGER") ? getenv("SIGPROF_PAGER") : getenv("PAGER");
    return command && command[0] ? command : "less";
}

/* Starts the pager with its stdin at `*input`: its pid, or 0. */
static pid_t start_pager(int *input)
{
    int ends[2];
    pid_t child = 0;
    posix_spawn_file_actions_t actions;
    char *words[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(pager()), NULL};
    if (!words[2] || pipe2(ends, O_CLOEXEC) != 0) {
        free(words[2]);
        return 0;
    }
    setenv("LESS", "FRX", 0); /* colours, and no full screen for what fits */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    if (posix_spawn(&child, "/bin/sh", &actions, NULL, words, environ) != 0)
        child = 0;
    posix_spawn_file_actions_destroy(&actions);
    free(words[2]);
    close(ends[0]);
    *input = ends[1];
    if (child == 0)
        close(ends[1]);
    return child;
}

/* Whether the pager has shown it. A user that leaves the pager early has seen enough. */
static bool show_in_pager(const char *text, size_t size)
{
    int input, status;
    const pid_t child = start_pager(&input);
    if (child == 0)
        return false;
    static const int ignored[] = {SIGPIPE, SIGINT, SIGQUIT}; /* what the user types is for the pager */
    enum { N_IGNORED = sizeof ignored / sizeof ignored[0] };
    void (*before[N_IGNORED])(int);
    for (size_t i = 0; i < N_IGNORED; i++)
        before[i] = signal(ignored[i], SIG_IGN);
    sp_output_write(input, text, size);
    close(input);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    for (size_t i = 0; i < N_IGNORED; i++)
        signal(ignored[i], before[i]);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == SHELL_NOT_FOUND);
}

static int show_on_terminal(const struct sp_terminal_options *options, const char *text, size_t size)
{
    const struct winsize window = screen();
    const size_t columns = options->is_wide ? SIZE_MAX : window.ws_col < NARROWEST ? NARROWEST : window.ws_col;
    size_t cut_size = 0, n_lines;
    char *cut = sp_cut_lines(text, size, columns, &cut_size, &n_lines);
    if (!cut)
        return complain(options, ENOMEM);
    int error = 0;
    if (options->has_no_pager || window.ws_row == 0 || n_lines < window.ws_row || !show_in_pager(cut, cut_size))
        error = write_and_close(stdout, cut, cut_size);
    free(cut);
    return error ? complain(options, error) : SP_EXIT_OK;
}

int sp_terminal_show(const struct sp_terminal_options *options, bool is_data, const char *text, size_t size)
{
    if (!is_stdout(options))
        return write_file(options, text, size);
    if (!is_data && sp_terminal_is_on(options))
        return show_on_terminal(options, text, size);
    const int error = write_and_close(stdout, text, size);
    return error ? complain(options, error) : SP_EXIT_OK;
}
