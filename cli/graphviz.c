/*
 * Drawing by `dot -Tsvg`. See graphviz.h. Its input is a file that is already whole when it starts, so that it is only
 * read from: two pipes to one child can wait for each other.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "graphviz.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 16 };

extern char **environ;

/* The report as dot's input, in a file in memory: its descriptor, or -errno. */
static int write_input(struct sp_report *report, char *why, size_t why_size)
{
    const int fd = memfd_create("sigprof-dot", MFD_CLOEXEC);
    FILE *input = fd >= 0 ? fdopen(dup(fd), "w") : NULL;
    int error = input ? sp_report_dot.print(report, input, why, why_size) : -errno;
    if (input && fclose(input) != 0 && !error)
        error = -errno;
    if (!error && lseek(fd, 0, SEEK_SET) != 0)
        error = -errno;
    if (error && fd >= 0)
        close(fd);
    return error ? error : fd;
}

/* Starts dot between two descriptors: 0 or -errno. */
static int start(int input, int output, pid_t *child)
{
    char *words[] = {(char[]){"dot"}, (char[]){"-Tsvg"}, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    const int error = posix_spawnp(child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

static void copy(int from, FILE *out)
{
    char bytes[COPY_BYTES];
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0)
            fwrite(bytes, 1, (size_t)n, out);
    }
}

static int draw(int input, FILE *out, char *why, size_t why_size)
{
    int ends[2], status = 0;
    pid_t child = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    const int error = start(input, ends[1], &child);
    close(ends[1]);
    if (!error)
        copy(ends[0], out);
    close(ends[0]);
    if (error) {
        snprintf(why, why_size, "Graphviz's dot cannot be run (%s); install graphviz, or write the graph with -f dot",
                 strerror(-error));
        return error;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    snprintf(why, why_size, "Graphviz's dot has failed; -f dot writes what it was given");
    return -EIO;
}

int sp_graphviz_svg(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    const int input = write_input(report, why, why_size);
    if (input < 0)
        return input;
    const int error = draw(input, out, why, why_size);
    close(input);
    return error;
}
