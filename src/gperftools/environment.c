/*
 * Variables, and how a process tells its children that its file is taken.
 *
 * Place and context: see environment.h.
 *
 * Children are told twice, since either way has a program that defeats it. A variable of its own (gperftools since
 * 2.11) is lost where main takes the environment that it was called with, as bash does; a mark in the value itself
 * (gperftools up to 2.10) is seen there, but does not go well with names that begin with other bytes than ASCII.
 */
#include "gperftools/environment.h"

#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { DEFAULT_HZ = 100, MAX_HZ = 100000, MARK = 0x80, CONTINUATION_MASK = 0xc0 };

static const char path_variable[] = "CPUPROFILE";
static const char pid_variable[] = "CPUPROFILE_USE_PID";
static const char rate_variable[] = "CPUPROFILE_FREQUENCY";
static const char format_variable[] = "SIGPROF_FORMAT";

static struct sp_profiler_environment the;

void sp_profiler_complain(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dprintf(STDERR_FILENO, "sigprof: %s\n", text);
}

/*
 * Whether the name has been marked by a parent: its first byte, else ASCII, with the high bit set, as gperftools up to
 * 2.10 does. A name that begins with another character of UTF-8 is not taken for one.
 */
static bool is_marked_name(const char *name)
{
    return ((unsigned char)name[0] & MARK) != 0 && ((unsigned char)name[1] & CONTINUATION_MASK) != MARK;
}

/* A child is not told its name, but that it has to find one. */
static char *own_path(const char *value, bool is_marked)
{
    char *path;
    const char *use_pid = getenv(pid_variable);
    const bool is_child = is_marked || (use_pid != NULL && use_pid[0] != '\0');
    const int first = is_marked ? value[0] & 0x7f : value[0];
    const int length = is_child ? asprintf(&path, "%c%s_%ld", first, value + 1, (long)getpid())
                                : asprintf(&path, "%c%s", first, value + 1);
    return length < 0 ? NULL : path;
}

static void mark_for_children(char *value)
{
    setenv(pid_variable, "1", 1);
    if (((unsigned char)value[0] & MARK) == 0)
        value[0] = (char)(value[0] | MARK);
}

static void read_path(void)
{
    char *value = getenv(path_variable);
    if (value == NULL || value[0] == '\0' || the.is_privileged)
        return;
    the.path = own_path(value, is_marked_name(value));
    mark_for_children(value);
}

/* A number from 1 on; 0 when it is none. */
static uint32_t parse_rate(const char *text)
{
    char *end;
    if (text == NULL || !isdigit((unsigned char)text[0]))
        return 0;
    const unsigned long rate = strtoul(text, &end, 10);
    return *end != '\0' ? 0 : rate < MAX_HZ ? (uint32_t)rate : MAX_HZ;
}

static void read_all(void)
{
    const uint32_t rate_hz = parse_rate(getenv(rate_variable));
    const char *format = getenv(format_variable);
    the.is_privileged = getauxval(AT_SECURE) != 0 || getuid() != geteuid() || getgid() != getegid();
    the.rate_hz = rate_hz != 0 ? rate_hz : DEFAULT_HZ;
    the.is_realtime = getenv("CPUPROFILE_REALTIME") != NULL;
    the.format = format != NULL ? sp_format_find(format) : NULL;
    if (the.format == NULL)
        the.format = sp_formats[0];
    read_path();
    the.switch_signal = the.path != NULL ? getenv("CPUPROFILESIGNAL") : NULL;
}

struct sp_profiler_environment *sp_profiler_environment(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_all);
    return &the;
}

static void complain_of_rate(const char *text)
{
    char *end;
    if (text == NULL)
        return;
    if (parse_rate(text) == 0)
        sp_profiler_complain("%s=%s is not a number of samples per second: %d are taken", rate_variable, text,
                             DEFAULT_HZ);
    else if (strtoul(text, &end, 10) > MAX_HZ)
        sp_profiler_complain("%s=%s is more than can be: %d samples per second are taken", rate_variable, text, MAX_HZ);
}

static void complain(void)
{
    const char *format = getenv(format_variable);
    if (the.is_realtime)
        sp_profiler_complain("CPUPROFILE_REALTIME is set, and there are no samples by the clock on the wall yet: no "
                             "profile is made");
    complain_of_rate(getenv(rate_variable));
    if (format != NULL && sp_format_find(format) == NULL)
        sp_profiler_complain("%s=%s is no format (there are pprof and legacy): %s is written", format_variable, format,
                             sp_formats[0]->name);
    if (getenv("CPUPROFILE_TIMER_SIGNAL") != NULL)
        sp_profiler_complain("CPUPROFILE_TIMER_SIGNAL is not heeded: samples are taken by SIGPROF, beside the "
                             "program's own use of it");
}

void sp_profiler_environment_complain(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, complain);
}

void sp_profiler_environment_in_child(void)
{
    char *path;
    if (the.path != NULL && asprintf(&path, "%s_%ld", the.path, (long)getpid()) >= 0) {
        free(the.path);
        the.path = path;
    }
}
