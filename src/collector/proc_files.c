/*
 * Reading /proc/PID/task and the CPU clocks.
 *
 * Place: see proc_files.h. Context: ordinary code of any thread.
 */
#include "collector/proc_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 64, STATUS_BYTES = 4096 };

/* The clock ids of the kernel's uapi: what the id is of, inverted, above three bits of kind (linux/posix-timers.h). */
enum { CLOCK_OF_SCHEDULER = 2, CLOCK_OF_THREAD = 4 };

static bool read_clock(int32_t id, int kind, uint64_t *cpu_ns)
{
    struct timespec used;
    const clockid_t clock = (clockid_t)((uint32_t)~id << 3 | (uint32_t)kind);
    if (clock_gettime(clock, &used) != 0)
        return false;
    *cpu_ns = (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
    return true;
}

/* Reads a file of a thread as text, cut to `bytes`: false when it is empty, too. */
static bool read_text(pid_t pid, int32_t tid, const char *file, char *text, size_t bytes)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)pid, (int)tid, file);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, text, bytes - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

bool sp_proc_cpu_ns(pid_t pid, uint64_t *cpu_ns)
{
    return read_clock(pid, CLOCK_OF_SCHEDULER, cpu_ns);
}

bool sp_proc_thread_cpu_ns(pid_t pid, int32_t tid, uint64_t *cpu_ns)
{
    char text[PATH_BYTES], *end;
    if (pid == getpid())
        return read_clock(tid, CLOCK_OF_SCHEDULER | CLOCK_OF_THREAD, cpu_ns);
    if (!read_text(pid, tid, "schedstat", text, sizeof text))
        return false;
    const uint64_t value = strtoull(text, &end, 10);
    if (end == text)
        return false;
    *cpu_ns = value;
    return true;
}

/* The 14th field of the stat file; the 2nd, the name in parentheses, may have anything in it (proc(5)). */
bool sp_proc_thread_user_ns(pid_t pid, int32_t tid, uint64_t *user_ns)
{
    char text[STATUS_BYTES];
    unsigned long long ticks;
    const long ticks_per_second = sysconf(_SC_CLK_TCK);
    if (!read_text(pid, tid, "stat", text, sizeof text) || ticks_per_second <= 0)
        return false;
    const char *name_end = strrchr(text, ')');
    if (name_end == NULL || sscanf(name_end + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &ticks) != 1)
        return false;
    *user_ns = ticks * (1000000000 / (uint64_t)ticks_per_second);
    return true;
}

bool sp_proc_thread_name(pid_t pid, int32_t tid, char *name, size_t bytes)
{
    const bool is_read = read_text(pid, tid, "comm", name, bytes);
    if (is_read)
        name[strcspn(name, "\n")] = '\0';
    return is_read;
}

/* Whether the signal is in the set that the line `name` of a status file shows. */
static bool is_in_set(const char *status, const char *name, int signal)
{
    const char *line = strstr(status, name);
    return line != NULL && (strtoull(line + strlen(name), NULL, 16) >> (signal - 1) & 1) != 0;
}

bool sp_proc_thread_sigprof(pid_t pid, int32_t tid, struct sp_proc_sigprof *sigprof)
{
    char status[STATUS_BYTES];
    if (!read_text(pid, tid, "status", status, sizeof status))
        return false;
    sigprof->is_blocked = is_in_set(status, "\nSigBlk:\t", SIGPROF);
    sigprof->is_ignored = is_in_set(status, "\nSigIgn:\t", SIGPROF);
    return true;
}

bool sp_proc_has_thread(pid_t pid, int32_t tid)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/task/%d", (int)pid, (int)tid);
    return access(path, F_OK) == 0;
}

static void task_path(pid_t pid, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "/proc/%d/task", (int)pid);
}

/* The links of the folder less "." and ".." (Linux, fs/proc/base.c). */
uint64_t sp_proc_count_threads(pid_t pid)
{
    char path[PATH_BYTES];
    struct stat status;
    task_path(pid, path);
    return stat(path, &status) == 0 && status.st_nlink > 2 ? status.st_nlink - 2 : 0;
}

static bool append(struct sp_tids *tids, int32_t tid)
{
    if (tids->n == tids->capacity) {
        const size_t capacity = tids->capacity == 0 ? 64 : 2 * tids->capacity;
        int32_t *at = reallocarray(tids->at, capacity, sizeof *at);
        if (at == NULL)
            return false;
        tids->at = at;
        tids->capacity = capacity;
    }
    tids->at[tids->n++] = tid;
    return true;
}

static int compare(const void *a, const void *b)
{
    const int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

bool sp_proc_list_threads(pid_t pid, struct sp_tids *tids)
{
    char path[PATH_BYTES];
    bool is_complete = true;
    task_path(pid, path);
    tids->n = 0;
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return false;
    errno = 0;
    for (const struct dirent *task = readdir(tasks); task != NULL && is_complete; task = readdir(tasks)) {
        const int32_t tid = (int32_t)strtol(task->d_name, NULL, 10);
        is_complete = tid <= 0 || append(tids, tid);
    }
    is_complete = is_complete && errno == 0 && tids->n > 0;
    closedir(tasks);
    if (tids->n > 0)
        qsort(tids->at, tids->n, sizeof *tids->at, compare);
    return is_complete;
}

bool sp_tids_have(const struct sp_tids *tids, int32_t tid)
{
    return tids->n > 0 && bsearch(&tid, tids->at, tids->n, sizeof tid, compare) != NULL;
}
