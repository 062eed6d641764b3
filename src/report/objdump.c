/*
 * Runs objdump and reads what it prints. See objdump.h for the contract.
 *
 * What it prints with -d -l, GNU's and LLVM's:
 *
 *   0000000000001139 <main>:            0000000000001139 <main>:
 *   main():                             ; main():
 *   /home/me/a.c:5 (discriminator 2)    ; /home/me/a.c:5
 *       1139:       push   %rbp             1139:       pushq   %rbp
 *
 * Context: ordinary code of one thread.
 */
#include "report/objdump.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/room.h"

/* Of a function with a million instructions; and reading the debug data of the largest programs takes a minute. */
enum { OUTPUT_BYTES = 128 << 20, SECONDS = 120, MESSAGE_BYTES = 4096 };

struct child {
    pid_t pid;
    int out;      /* the end of the pipe that we read */
    int messages; /* a file of its own: what it complains of */
};

/* What `name` is in our environment, and would let objdump ask servers or speak another language, is left out. */
static bool is_passed_on(const char *variable)
{
    static const char *const names[] = {"DEBUGINFOD_URLS=", "LC_ALL=", "LC_MESSAGES=", "LANG=", "LANGUAGE="};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return false;
    return true;
}

/* Our environment for it; to be freed. NULL without memory. */
static char **child_environment(void)
{
    static char language[] = "LC_ALL=C";
    size_t n = 0, kept = 0;
    while (environ && environ[n])
        n++;
    char **copy = calloc(n + 2, sizeof(*copy));
    for (size_t i = 0; copy && i < n; i++)
        if (is_passed_on(environ[i]))
            copy[kept++] = environ[i];
    if (copy)
        copy[kept] = language;
    return copy;
}

static int spawn_with(struct child *child, char **argv, char **environment, int out)
{
    static char other_name[] = "llvm-objdump";
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return -error;
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, child->messages, STDERR_FILENO);
    if (!error)
        error = posix_spawnp(&child->pid, argv[0], &actions, NULL, argv, environment);
    if (error == ENOENT && environment) {
        argv[0] = other_name;
        error = posix_spawnp(&child->pid, argv[0], &actions, NULL, argv, environment);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* A file for messages that does not grow: what is beyond its size is refused when it is written. -1 without. */
static int make_message_file(void)
{
    int fd = memfd_create("objdump messages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (ftruncate(fd, MESSAGE_BYTES) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Starts it; what it prints is at child->out. 0 or -errno, then there is nothing to end. */
static int start(struct child *child, char **argv)
{
    int ends[2];
    char **environment = child_environment();
    *child = (struct child){.out = -1, .messages = make_message_file()};
    int error = !environment ? -ENOMEM : child->messages < 0 || pipe2(ends, O_CLOEXEC) != 0 ? -errno : 0;
    if (!error) {
        error = spawn_with(child, argv, environment, ends[1]);
        close(ends[1]);
        if (error)
            close(ends[0]);
        else
            child->out = ends[0];
    }
    if (error && child->messages >= 0)
        close(child->messages);
    free(environment);
    return error;
}

/* Reads what comes until the end: 0 and `*output`, NUL-terminated, the caller's in any case; or -errno. */
static int read_output(int fd, char **output)
{
    const int64_t deadline = sp_now_ns() + SECONDS * INT64_C(1000000000);
    size_t n = 0, capacity = 0;
    for (;;) {
        if (n + 1 >= capacity) {
            capacity = capacity ? 2 * capacity : 64 << 10;
            char *larger = capacity > OUTPUT_BYTES ? NULL : realloc(*output, capacity);
            if (!larger)
                return capacity > OUTPUT_BYTES ? -EFBIG : -ENOMEM;
            *output = larger;
        }
        int64_t left_ms = (deadline - sp_now_ns()) / 1000000;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0 || poll(&wait, 1, (int)left_ms) == 0)
            return -ETIMEDOUT;
        ssize_t got = read(fd, *output + n, capacity - n - 1);
        if (got < 0 && errno != EINTR)
            return -errno;
        n += got > 0 ? (size_t)got : 0;
        (*output)[n] = '\0';
        if (got == 0)
            return 0;
    }
}

/* The child's first message, on one line without what would move a terminal's cursor. */
static void first_message(const struct child *child, char *text, size_t size)
{
    ssize_t n = pread(child->messages, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

/* Ends the child, unless it has ended well: 0, or -errno with `why`. */
static int finish(struct child *child, int error, char *why, size_t why_size)
{
    char message[256];
    int status = 0;
    close(child->out);
    if (error)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    first_message(child, message, sizeof(message));
    close(child->messages);
    if (error == -ETIMEDOUT)
        snprintf(why, why_size, "objdump takes longer than %d s", SECONDS);
    else if (error)
        snprintf(why, why_size, "what objdump prints cannot be read: %s", strerror(-error));
    if (error || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return error;
    if (WIFEXITED(status))
        snprintf(why, why_size, "objdump fails: %s", message[0] ? message : "it does not say why");
    else
        snprintf(why, why_size, "objdump was ended by signal %d", WTERMSIG(status));
    return -EIO;
}

/* Runs it with these arguments: 0 and what it prints, NUL-terminated, the caller's; or -errno with `why`. */
static int run(char **argv, char **output, char *why, size_t why_size)
{
    struct child child;
    char *text = NULL;
    int error = start(&child, argv);
    if (error == -ENOENT)
        snprintf(why, why_size, "objdump is not installed: Debian's package binutils has it");
    else if (error)
        snprintf(why, why_size, "objdump cannot be started: %s", strerror(-error));
    if (error)
        return error;
    error = finish(&child, read_output(child.out, &text), why, why_size);
    if (error)
        free(text);
    else
        *output = text;
    return error;
}

int sp_disassemble(struct sp_disassembly *disassembly, const struct sp_disassembly_options *options, char *why,
                   size_t why_size)
{
    static char name[] = "objdump", what[] = "--disassemble", demangle[] = "--demangle",
                short_form[] = "--no-show-raw-insn", lines[] = "--line-numbers", machine[] = "-M", intel[] = "intel";
    char from[64], to[64], path[PATH_MAX + 2], *output = NULL;
    char *argv[] = {name, what, demangle, short_form, lines, from, to, NULL, NULL, NULL, NULL};
    size_t n = 7;
    snprintf(from, sizeof(from), "--start-address=%#llx", (unsigned long long)options->start);
    snprintf(to, sizeof(to), "--stop-address=%#llx", (unsigned long long)options->end);
    /* No name may look like an option, nor begin with an @: GNU's tools take that for a file with arguments. */
    bool is_absolute = options->path[0] == '/';
    if ((size_t)snprintf(path, sizeof(path), "%s%s", is_absolute ? "" : "./", options->path) >= sizeof(path))
        return -ENAMETOOLONG;
    if (options->is_intel_syntax) {
        argv[n++] = machine;
        argv[n++] = intel;
    }
    argv[n] = path;
    int error = run(argv, &output, why, why_size);
    return error ? error : sp_disassembly_parse(disassembly, output);
}

void sp_disassembly_done(struct sp_disassembly *disassembly)
{
    free(disassembly->output);
    free(disassembly->at);
}

/* Where we are in the output. */
struct place {
    const char *function, *file;
    int64_t line;
};

static char *skip_blanks(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

/* "  1139:\tpush   %rbp": true with the address and the text. */
static bool is_instruction(char *line, uint64_t *address, char **text)
{
    char *end, *at = skip_blanks(line);
    if (!isxdigit((unsigned char)*at))
        return false;
    errno = 0;
    *address = strtoull(at, &end, 16);
    if (errno || *end != ':' || (end[1] != ' ' && end[1] != '\t'))
        return false;
    *text = skip_blanks(end + 1);
    return **text != '\0' && strncmp(*text, "file format ", 12) != 0;
}

/* "0000000000001139 <main>:": true with the name, cut out. */
static bool is_label(char *line, char **name)
{
    size_t digits = strspn(line, "0123456789abcdef"), length = strlen(line);
    if (digits == 0 || length < digits + 5 || line[digits] != ' ' || line[digits + 1] != '<' ||
        strcmp(line + length - 2, ">:") != 0)
        return false;
    line[length - 2] = '\0';
    *name = line + digits + 2;
    return true;
}

/* "main():": true with the name, cut out. */
static bool is_function(char *line, char **name)
{
    size_t length = strlen(line);
    if (length < 4 || strcmp(line + length - 3, "():") != 0)
        return false;
    line[length - 3] = '\0';
    *name = line;
    return true;
}

/* "/home/me/a.c:5 (discriminator 2)": true with the last colon's two sides. */
static bool is_file_and_line(char *text, char **file, int64_t *line)
{
    char *colon = strrchr(text, ':');
    if (!colon || colon == text || !isdigit((unsigned char)colon[1]))
        return false;
    errno = 0;
    unsigned long value = strtoul(colon + 1, NULL, 10);
    *colon = '\0';
    *file = text;
    *line = errno || value > INT32_MAX ? 0 : (int64_t)value;
    return true;
}

static int add(struct sp_disassembly *disassembly, uint64_t address, const char *text, const struct place *place)
{
    void *at = disassembly->at;
    if (!sp_make_room(&at, disassembly->n, &disassembly->capacity, sizeof(*disassembly->at)))
        return -ENOMEM;
    disassembly->at = at;
    disassembly->at[disassembly->n++] =
        (struct sp_instruction){address, text, place->function, place->file, place->line};
    return 0;
}

static int take_line(struct sp_disassembly *disassembly, char *line, struct place *place)
{
    uint64_t address;
    char *text, *name;
    if (is_instruction(line, &address, &text))
        return add(disassembly, address, text, place);
    text = line[0] == ';' ? skip_blanks(line + 1) : line;
    if (is_label(text, &name))
        *place = (struct place){name, "", 0};
    else if (is_function(text, &name))
        place->function = name;
    else if (!is_file_and_line(text, &name, &place->line))
        return 0; /* the head, "Disassembly of section .text:", "...": nothing of ours */
    else
        place->file = name;
    return 0;
}

int sp_disassembly_parse(struct sp_disassembly *disassembly, char *output)
{
    struct place place = {"", "", 0};
    int error = 0;
    *disassembly = (struct sp_disassembly){.output = output};
    for (char *line = output, *next; line && error == 0; line = next) {
        size_t length = strcspn(line, "\n");
        next = line[length] == '\n' ? line + length + 1 : NULL;
        while (length > 0 && isspace((unsigned char)line[length - 1]))
            length--;
        line[length] = '\0';
        error = take_line(disassembly, line, &place);
    }
    if (error)
        sp_disassembly_done(disassembly);
    return error;
}
