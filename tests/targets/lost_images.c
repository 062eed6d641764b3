/*
 * lost_images MODE ...: programs and libraries whose files are hard to find again.
 *
 * spin MS               burns MS of CPU time in image_spin
 * memfd MS              the same, in an image of this file that has no name
 * library FILE MS       calls image_library(MS) of FILE
 * memfd-library FILE MS the same, from a copy without a name, whose descriptor is closed
 * passing-library FILE MS the same as `library`, after which FILE is unloaded and its file system unmounted
 *
 * With "FILE" in the environment's READY, that file is made when the work is about to begin.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t sink;

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((noinline)) static void image_spin(int64_t until_ns)
{
    while (cpu_ns() < until_ns)
        for (int i = 0; i < 200000; i++)
            sink = sink * 6364136223846793005u + 1442695040888963407u;
}

static void say_ready(void)
{
    const char *path = getenv("READY");
    if (path != NULL)
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int fail(const char *what)
{
    perror(what);
    return 1;
}

/* A copy of a file that has no name. */
static int copy(const char *path)
{
    const int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("image", 0);
    while (from >= 0 && to >= 0 && sendfile(to, from, NULL, 1 << 20) > 0)
        continue;
    return to;
}

static int run_library(const char *path, int64_t ms)
{
    void *library = dlopen(path, RTLD_NOW);
    void (*work)(int64_t) = NULL;
    if (library != NULL)
        *(void **)&work = dlsym(library, "image_library");
    if (work == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    say_ready();
    work(ms);
    return 0;
}

static int run_memfd_library(const char *path, int64_t ms)
{
    char itself[64];
    const int fd = copy(path);
    if (fd < 0)
        return fail(path);
    snprintf(itself, sizeof itself, "/proc/self/fd/%d", fd);
    /* The descriptor is closed once it is loaded; what has it mapped is all that is left. */
    void *library = dlopen(itself, RTLD_NOW);
    close(fd);
    return library != NULL ? run_library(itself, ms) : 1;
}

/* Others may take a moment to let go. */
static int unmount(char *file)
{
    *strrchr(file, '/') = '\0';
    for (int tries = 0; tries < 100; tries++) {
        if (umount(file) == 0)
            return 0;
        if (errno != EBUSY)
            break;
        usleep(50000);
    }
    return fail("umount");
}

static int run_passing_library(char *path, int64_t ms)
{
    void *library = dlopen(path, RTLD_NOW);
    if (run_library(path, ms) != 0)
        return 1;
    dlclose(library);
    dlclose(library); /* run_library has loaded it, too */
    return unmount(path);
}

static int run_memfd(char *ms)
{
    char name[] = "lost_images", spin[] = "spin";
    char *arguments[] = {name, spin, ms, NULL};
    const int fd = copy("/proc/self/exe");
    fexecve(fd, arguments, environ);
    return fail("fexecve");
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    const int64_t ms = argc > 2 ? atoi(argv[argc - 1]) : 0;
    if (strcmp(mode, "memfd") == 0 && ms > 0)
        return run_memfd(argv[2]);
    if (strcmp(mode, "library") == 0 && argc == 4)
        return run_library(argv[2], ms);
    if (strcmp(mode, "memfd-library") == 0 && argc == 4)
        return run_memfd_library(argv[2], ms);
    if (strcmp(mode, "passing-library") == 0 && argc == 4)
        return run_passing_library(argv[2], ms);
    if (strcmp(mode, "spin") != 0 || ms == 0) {
        fprintf(stderr, "usage: %s spin|memfd MS | library|memfd-library|passing-library FILE MS\n", argv[0]);
        return 2;
    }
    say_ready();
    image_spin(cpu_ns() + ms * 1000000);
    return 0;
}
