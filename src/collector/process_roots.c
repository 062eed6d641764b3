/*
 * /proc/PID/root, each once. See process_roots.h for the contract.
 *
 * Context: ordinary code, one thread at a time, but for sp_roots_open.
 */
#include "collector/process_roots.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many as may be held; of what has more containers, the rest's own debug files are not looked for. */
enum { ROOTS_MAX = 64 };

/* The same directory of the same mount. */
struct identity {
    uint64_t device, inode, mount;
};

struct sp_process_root {
    struct identity identity;
    char *path;     /* that leads there from our root; NULL: none, and `fd` is open from the beginning */
    _Atomic int fd; /* -1: not open yet */
};

static bool identify(int directory, const char *path, int flags, struct identity *identity)
{
    struct statx st;
    if (statx(directory, path, flags, STATX_INO | STATX_MNT_ID, &st) != 0)
        return false;
    *identity = (struct identity){.device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
                                  .inode = st.stx_ino,
                                  .mount = (st.stx_mask & STATX_MNT_ID) != 0 ? st.stx_mnt_id : 0};
    return true;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->mount == b->mount;
}

/* The path that leads from our root to a process's, or NULL. */
static char *path_to(const char *link, const struct identity *root)
{
    char path[PATH_MAX];
    struct identity there;
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return NULL;
    path[length] = '\0';
    return identify(AT_FDCWD, path, 0, &there) && is_same(&there, root) ? strdup(path) : NULL;
}

static bool reserve(struct sp_process_roots *roots)
{
    if (roots->n < roots->capacity)
        return true;
    const size_t wanted = roots->capacity == 0 ? 4 : 2 * roots->capacity;
    void *grown = reallocarray(roots->at, wanted, sizeof *roots->at);
    if (grown == NULL)
        return false;
    roots->at = grown;
    roots->capacity = wanted;
    return true;
}

static uint32_t add(struct sp_process_roots *roots, const char *link, const struct identity *identity)
{
    if (roots->n == ROOTS_MAX || !reserve(roots))
        return SP_OWN_ROOT;
    char *path = path_to(link, identity);
    const int fd = path != NULL ? -1 : open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (path == NULL && fd < 0)
        return SP_OWN_ROOT;
    roots->at[roots->n] = (struct sp_process_root){*identity, path, fd};
    return (uint32_t)roots->n++;
}

uint32_t sp_roots_see(struct sp_process_roots *roots, pid_t pid)
{
    char link[64];
    struct identity own, theirs;
    snprintf(link, sizeof link, "/proc/%d/root", (int)pid);
    if (!identify(AT_FDCWD, "/", 0, &own) || !identify(AT_FDCWD, link, 0, &theirs) || is_same(&own, &theirs))
        return SP_OWN_ROOT;
    for (size_t i = 0; i < roots->n; i++)
        if (is_same(&roots->at[i].identity, &theirs))
            return (uint32_t)i;
    return add(roots, link, &theirs);
}

/* Of two threads that open it at once, one keeps it. */
int sp_roots_open(const struct sp_process_roots *roots, uint32_t number)
{
    if (number >= roots->n)
        return -1;
    struct sp_process_root *root = &roots->at[number];
    struct identity there;
    int before = atomic_load(&root->fd);
    if (before >= 0)
        return before;
    const int fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && identify(fd, "", AT_EMPTY_PATH, &there) && is_same(&there, &root->identity) &&
        atomic_compare_exchange_strong(&root->fd, &before, fd))
        return fd;
    if (fd >= 0)
        close(fd);
    return before;
}

size_t sp_roots_held(const struct sp_process_roots *roots)
{
    size_t n = 0;
    for (size_t i = 0; i < roots->n; i++)
        n += atomic_load(&roots->at[i].fd) >= 0;
    return n;
}

void sp_roots_done(struct sp_process_roots *roots)
{
    for (size_t i = 0; i < roots->n; i++) {
        if (atomic_load(&roots->at[i].fd) >= 0)
            close(atomic_load(&roots->at[i].fd));
        free(roots->at[i].path);
    }
    free(roots->at);
    *roots = (struct sp_process_roots){0};
}
