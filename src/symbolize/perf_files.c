/*
 * From a profile's locations in code made at run time to the maps of their processes. See perf_files.h.
 *
 * Context: ordinary code; one profile by one thread at a time.
 */
#include "symbolize/perf_files.h"

#include "symbolize/perf_map.h"
#include "symbolize/perf_map_name.h"
#include "symbolize/perf_owners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A larger file is not read: it would have to be in memory. */
#define MAP_BYTES_MAX ((off_t)256 << 20)
/* How much older than the recording a map may look: a file's time is that of the kernel's last tick. */
#define TIME_SLACK_NS INT64_C(1000000000)

struct job {
    struct sp_profile *profile;
    struct sp_perf_files_options options;
    struct sp_perf_files_stats stats;
    struct sp_perf_wants wants;
    struct sp_perf_map_parts parts; /* of the name at hand */
    char demangled[SP_PERF_MAP_NAME_MAX];
};

/* Whether an open file may be believed: anybody can put one of this name into /tmp. */
static bool is_trusted(const struct sp_profile *profile, const struct stat *st)
{
    int64_t written_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_size <= MAP_BYTES_MAX &&
           written_ns >= profile->time_ns - TIME_SLACK_NS;
}

/* Reads `size` bytes, or fewer if there are no more. 0 or -errno. */
static int read_all(int fd, char *bytes, size_t *size)
{
    size_t n = 0;
    ssize_t got = 1;
    while (n < *size && got != 0) {
        got = read(fd, bytes + n, *size - n);
        if (got < 0 && errno != EINTR)
            return -errno;
        n += got > 0 ? (size_t)got : 0;
    }
    *size = n;
    return 0;
}

/* Reads an open file of `bytes` bytes, into what the caller frees. */
static int read_text(int fd, off_t bytes, char **text, size_t *size)
{
    *size = (size_t)bytes;
    *text = malloc(*size + 1);
    return *text ? read_all(fd, *text, size) : -ENOMEM;
}

int sp_perf_file_read(const char *path, char **text, size_t *size)
{
    struct stat st;
    char *bytes = NULL;
    size_t n = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &st) == 0 ? 0 : -errno;
    if (!error && !S_ISREG(st.st_mode))
        error = S_ISDIR(st.st_mode) ? -EISDIR : -ESPIPE;
    else if (!error)
        error = st.st_size > MAP_BYTES_MAX ? -EFBIG : read_text(fd, st.st_size, &bytes, &n);
    close(fd);
    if (error) {
        free(bytes);
        return error;
    }
    *text = bytes;
    *size = n;
    return 0;
}

/* Reads a process's map in the directory: 0; -ENOENT when there is none to use; -ENOMEM. The caller frees `*text`. */
static int read_map(struct job *job, int64_t pid, char **text, size_t *size)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/perf-%lld.map", job->options.directory, (long long)pid);
    /* Neither a link to elsewhere, nor a FIFO that nobody writes to. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        job->stats.refused += errno == ELOOP || errno == EACCES;
        return -ENOENT;
    }
    int error = fstat(fd, &st) == 0 && is_trusted(job->profile, &st) ? 0 : -ENOENT;
    job->stats.refused += error != 0;
    if (!error)
        error = read_text(fd, st.st_size, text, size);
    close(fd);
    return error == 0 || error == -ENOMEM ? error : -ENOENT;
}

/* The user's text for a process, or NULL. */
static const struct sp_perf_text *given_text(const struct job *job, int64_t pid)
{
    for (size_t i = 0; i < job->options.n_texts; i++)
        if (job->options.texts[i].pid == pid || job->options.texts[i].pid == 0)
            return &job->options.texts[i];
    return NULL;
}

/* The function of a map's text. What no runtime of those that are known wrote may be a name of the linker's. */
static uint32_t function_of(struct job *job, const struct sp_perf_map_name *name)
{
    struct sp_profile *profile = job->profile;
    const enum sp_demangle_style style = job->options.demangle;
    sp_perf_map_name_split(name->at, name->length, &job->parts);
    struct sp_function function = {.system_name = sp_profile_string_n(profile, name->at, name->length),
                                   .filename = sp_profile_string(profile, job->parts.file),
                                   .start_line = job->parts.start_line};
    const char *raw = job->parts.name;
    if (style == SP_DEMANGLE_NONE)
        function.name = function.system_name;
    else if (raw[0] == '_' && sp_demangle(raw, style, job->demangled, sizeof(job->demangled)) > 0)
        function.name = sp_profile_string(profile, job->demangled);
    else
        function.name = sp_profile_string(profile, raw);
    return sp_profile_function(profile, &function);
}

/* Finds the functions of wants[0..n), which are of one process, in the text of its map. */
static int find_functions(struct job *job, struct sp_perf_want *wants, size_t n, const char *text, size_t size)
{
    uint64_t *addresses = calloc(n, sizeof(*addresses));
    struct sp_perf_map_name *names = calloc(n, sizeof(*names));
    int error = addresses && names ? 0 : -ENOMEM;
    for (size_t i = 0; !error && i < n; i++)
        addresses[i] = wants[i].address;
    if (!error && sp_perf_map_find(text, size, addresses, n, names) < 0)
        error = -ENOMEM;
    for (size_t i = 0; !error && i < n; i++) {
        if (!names[i].at)
            continue;
        const bool is_same = i > 0 && names[i].at == names[i - 1].at;
        wants[i].function = is_same ? wants[i - 1].function : function_of(job, &names[i]);
        job->stats.named++;
    }
    free(addresses);
    free(names);
    return error;
}

/* Names wants[0..n), which are of one process. */
static int name_process(struct job *job, struct sp_perf_want *wants, size_t n)
{
    const struct sp_perf_text *given = given_text(job, wants[0].pid);
    char *read = NULL;
    size_t size = given ? given->size : 0;
    if (!given) {
        if (!job->options.directory || wants[0].pid == 0)
            return 0;
        const int error = read_map(job, wants[0].pid, &read, &size);
        if (error) {
            free(read);
            return error == -ENOENT ? 0 : error;
        }
    }
    job->stats.maps++;
    const int error = find_functions(job, wants, n, given ? given->at : read, size);
    free(read);
    return error;
}

/* Whether a text is for the only process, and there are several. */
static bool is_ambiguous(const struct job *job)
{
    const struct sp_perf_wants *wants = &job->wants;
    for (size_t i = 0; i < job->options.n_texts; i++)
        if (job->options.texts[i].pid == 0)
            return wants->n > 0 && wants->at[0].pid != wants->at[wants->n - 1].pid;
    return false;
}

/* Process by process. */
static int name_processes(struct job *job)
{
    struct sp_perf_wants *wants = &job->wants;
    int error = is_ambiguous(job) ? -EINVAL : 0;
    for (size_t first = 0, end; first < wants->n && !error; first = end) {
        for (end = first + 1; end < wants->n && wants->at[end].pid == wants->at[first].pid;)
            end++;
        error = name_process(job, &wants->at[first], end - first);
    }
    return error;
}

int sp_perf_files_name(struct sp_profile *profile, const struct sp_perf_files_options *options,
                       struct sp_perf_files_stats *stats)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->profile = profile;
    job->options = *options;
    int error = sp_perf_wants_init(&job->wants, profile, options->is_forced);
    job->stats.locations = job->wants.n;
    if (!error)
        error = name_processes(job);
    if (!error)
        error = sp_profile_error(profile);
    if (!error && job->stats.named > 0)
        error = sp_perf_wants_apply(&job->wants, profile);
    if (!error && stats)
        *stats = job->stats;
    sp_perf_wants_done(&job->wants);
    free(job);
    return error;
}
