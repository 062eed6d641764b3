/*
 * From a profile's locations in code made at run time to the maps of their processes. See perf_files.h.
 *
 * Context: ordinary code; one profile by one thread at a time.
 */
#include "symbolize/perf_files.h"

#include "symbolize/perf_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A larger file is not read: it would have to be in memory. */
#define MAP_BYTES_MAX ((off_t)256 << 20)
/* How much older than the recording a map may look: a file's time is that of the kernel's last tick. */
#define TIME_SLACK_NS INT64_C(1000000000)

/* Which process a location is of: its pid, or one of these. */
enum { NOBODY = 0, SEVERAL = -1 };

struct want {
    int64_t pid;
    uint64_t address;
    uint32_t location;
};

struct job {
    struct sp_profile *profile;
    const char *directory;
    struct sp_perf_files_stats stats;
    int64_t *pids; /* by location */
    struct want *wants;
    size_t n_wants;
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

/* Memory without a file, or with one that has no name any more, as compilers at run time use. */
static bool is_made_code(const struct sp_profile *profile, const struct sp_location *location)
{
    if (location->mapping >= profile->mappings.n)
        return true;
    const char *file = sp_profile_text(profile, profile->mappings.at[location->mapping].file);
    return file[0] == '\0' || strncmp(file, "//anon", 6) == 0 || strncmp(file, "[anon", 5) == 0 ||
           strcmp(file, "[heap]") == 0 || strcmp(file, "/dev/zero") == 0 || ends_with(file, " (deleted)");
}

/* The pid of all accounts, or NOBODY. */
static int64_t only_pid(const struct sp_profile *profile)
{
    int64_t pid = NOBODY;
    for (size_t i = 0; i < profile->accounts.n; i++) {
        int64_t other = profile->accounts.at[i].pid;
        if (pid != NOBODY && other != pid)
            return NOBODY;
        pid = other;
    }
    return pid;
}

/* The pid that a sample is labelled with, or `otherwise`. */
static int64_t pid_of_sample(const struct sp_profile *profile, const struct sp_sample *sample, int64_t otherwise)
{
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct sp_label *label = &profile->labels.at[sample->first_label + i];
        if (label->str == 0 && strcmp(sp_profile_text(profile, label->key), "pid") == 0)
            return label->num > 0 && label->num <= INT32_MAX ? label->num : NOBODY;
    }
    return otherwise;
}

/* Finds out which process each location is of. */
static void find_pids(struct job *job)
{
    const struct sp_profile *profile = job->profile;
    int64_t only = only_pid(profile);
    for (size_t i = 0; i < profile->samples.n; i++) {
        const struct sp_sample *sample = &profile->samples.at[i];
        int64_t pid = pid_of_sample(profile, sample, only);
        for (uint32_t k = 0; k < sample->n_locations && pid > 0; k++) {
            int64_t *known = &job->pids[profile->sample_locations.at[sample->first_location + k]];
            *known = *known == NOBODY || *known == pid ? pid : SEVERAL;
        }
    }
}

static int compare_wants(const void *a, const void *b)
{
    const struct want *x = a, *y = b;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    return (x->address > y->address) - (x->address < y->address);
}

static int collect_wants(struct job *job)
{
    const struct sp_profile *profile = job->profile;
    job->pids = calloc(profile->locations.n + 1, sizeof(*job->pids));
    job->wants = calloc(profile->locations.n + 1, sizeof(*job->wants));
    if (!job->pids || !job->wants)
        return -ENOMEM;
    find_pids(job);
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        if (location->n_lines == 0 && job->pids[i] > 0 && is_made_code(profile, location))
            job->wants[job->n_wants++] = (struct want){job->pids[i], location->address, (uint32_t)i};
    }
    if (job->n_wants > 1)
        qsort(job->wants, job->n_wants, sizeof(*job->wants), compare_wants);
    job->stats.locations = job->n_wants;
    return 0;
}

/* Whether an open file may be believed: anybody can put one of this name into /tmp. */
static bool is_trusted(const struct sp_profile *profile, const struct stat *st)
{
    int64_t written_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_size <= MAP_BYTES_MAX &&
           written_ns >= profile->time_ns - TIME_SLACK_NS;
}

/* Reads up to `size` bytes; how many there were. */
static size_t read_all(int fd, char *bytes, size_t size)
{
    size_t n = 0;
    ssize_t got;
    while (n < size && (got = read(fd, bytes + n, size - n)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        n += got > 0 ? (size_t)got : 0;
    }
    return n;
}

/* The text of a process's map: 0; -ENOENT when there is none to use; -ENOMEM. The caller frees it. */
static int read_map(struct job *job, int64_t pid, char **text, size_t *size)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/perf-%lld.map", job->directory, (long long)pid);
    /* Neither a link to elsewhere, nor a FIFO that nobody writes to. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        job->stats.refused += errno == ELOOP || errno == EACCES;
        return -ENOENT;
    }
    int error = fstat(fd, &st) == 0 && is_trusted(job->profile, &st) ? 0 : -ENOENT;
    job->stats.refused += error != 0;
    if (!error && !(*text = malloc((size_t)st.st_size + 1)))
        error = -ENOMEM;
    if (!error)
        *size = read_all(fd, *text, (size_t)st.st_size);
    close(fd);
    return error;
}

static void set_name(struct job *job, const struct want *want, const struct sp_perf_map_name *name)
{
    struct sp_profile *profile = job->profile;
    uint32_t text = sp_profile_string_n(profile, name->at, name->length);
    struct sp_function function = {.name = text, .system_name = text};
    struct sp_line line = {.function = sp_profile_function(profile, &function)};
    sp_profile_set_lines(profile, want->location, &line, 1);
    uint32_t mapping = profile->locations.at[want->location].mapping;
    if (mapping < profile->mappings.n)
        profile->mappings.at[mapping].has_functions = true;
    job->stats.named++;
}

/* Names wants[0..n), which are of one process. */
static int name_wants(struct job *job, const struct want *wants, size_t n)
{
    char *text = NULL;
    size_t size = 0;
    int error = read_map(job, wants[0].pid, &text, &size);
    if (error)
        return error == -ENOENT ? 0 : error;
    job->stats.maps++;
    uint64_t *addresses = calloc(n, sizeof(*addresses));
    struct sp_perf_map_name *names = calloc(n, sizeof(*names));
    for (size_t i = 0; addresses && i < n; i++)
        addresses[i] = wants[i].address;
    if (!addresses || !names || sp_perf_map_find(text, size, addresses, n, names) < 0)
        error = -ENOMEM;
    for (size_t i = 0; !error && i < n; i++)
        if (names[i].at)
            set_name(job, &wants[i], &names[i]);
    free(addresses);
    free(names);
    free(text);
    return error;
}

int sp_perf_files_name(struct sp_profile *profile, const char *directory, struct sp_perf_files_stats *stats)
{
    struct job job = {.profile = profile, .directory = directory};
    int error = collect_wants(&job);
    for (size_t first = 0, end; first < job.n_wants && !error; first = end) {
        for (end = first + 1; end < job.n_wants && job.wants[end].pid == job.wants[first].pid;)
            end++;
        error = name_wants(&job, &job.wants[first], end - first);
    }
    free(job.pids);
    free(job.wants);
    if (!error)
        error = sp_profile_error(profile);
    if (!error && stats)
        *stats = job.stats;
    return error;
}
