/*
 * The ways to a mapped file, each checked by what the kernel says of the mapping. See mapped_file.h for the contract.
 *
 * Context: ordinary code of any thread.
 */
#include "collector/mapped_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Room for a path below /proc/PID/root. */
enum { THROUGH_BYTES = PATH_MAX + 64 };
/* A file that was made to be executed is among the first descriptors; servers have hundreds of thousands. */
enum { DESCRIPTORS_SEARCHED = 256 };

static const char deleted[] = " (deleted)";

bool sp_file_identify(int fd, struct sp_file_identity *identity)
{
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &st) != 0 || !S_ISREG(st.stx_mode))
        return false;
    *identity = (struct sp_file_identity){
        .mount = (st.stx_mask & STATX_MNT_ID) != 0 ? st.stx_mnt_id : 0,
        .device = makedev(st.stx_dev_major, st.stx_dev_minor),
        .inode = st.stx_ino,
        .size = st.stx_size,
        .written_ns = st.stx_mtime.tv_sec * INT64_C(1000000000) + st.stx_mtime.tv_nsec,
    };
    return true;
}

bool sp_file_is(int fd, const struct sp_file_identity *identity)
{
    struct sp_file_identity now;
    return sp_file_identify(fd, &now) && now.device == identity->device && now.inode == identity->inode &&
           now.size == identity->size && now.written_ns == identity->written_ns;
}

/*
 * The descriptor of a regular file, or -1. The path is of the process's choosing, and in our root may be a device's:
 * some begin to work when they are opened. O_NONBLOCK: it may become a FIFO's in between.
 */
static int open_regular(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return -1;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return fd;
    close(fd);
    return -1;
}

bool sp_file_is_remote(int fd)
{
    static const uint32_t magics[] = {0x6969 /* NFS */, 0x517b /* SMB */, 0xff534d42 /* CIFS */, 0xfe534d42 /* SMB 2 */,
                                      0x65735546 /* FUSE */};
    struct statfs st;
    if (fstatfs(fd, &st) != 0)
        return false;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if ((uint32_t)st.f_type == magics[i])
            return true;
    return false;
}

int sp_file_open_again(const char *path, const struct sp_file_identity *identity)
{
    const int fd = open_regular(path);
    if (fd < 0 || sp_file_is(fd, identity))
        return fd;
    close(fd);
    return -1;
}

/* Whether our own mapping at `address` is of the device and inode that the kernel shows for `file`. */
static bool is_mapped_as(uintptr_t address, const struct sp_mapped_file *file)
{
    char *text = NULL;
    size_t capacity = 0;
    bool is_same = false, is_found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && !is_found && getline(&text, &capacity, maps) > 0) {
        uint64_t start, inode;
        unsigned major, minor;
        is_found = sscanf(text, "%" SCNx64 "-%*x %*s %*x %x:%x %" SCNu64, &start, &major, &minor, &inode) == 4 &&
                   start == address;
        is_same = is_found && major == file->major && minor == file->minor && inode == file->inode;
    }
    free(text);
    if (maps != NULL)
        fclose(maps);
    return is_same;
}

/*
 * Whether the open file is the one that is mapped. Btrfs and overlayfs have other numbers for stat(2) than in maps;
 * what they have there is seen when we map the file ourselves.
 */
static bool is_file_of(int fd, const struct sp_mapped_file *file)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    if (st.st_ino == file->inode && st.st_dev == makedev(file->major, file->minor))
        return true;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *at = mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0); /* never touched */
    if (at == MAP_FAILED)
        return false;
    const bool is_same = is_mapped_as((uintptr_t)at, file);
    munmap(at, page);
    return is_same;
}

/* Opens a candidate if it is the file; else -1. */
static int open_candidate(const char *path, const struct sp_mapped_file *file)
{
    const int fd = open_regular(path);
    if (fd < 0 || is_file_of(fd, file))
        return fd;
    close(fd);
    return -1;
}

static bool has_no_name(const char *path)
{
    const size_t length = strlen(path), tail = sizeof deleted - 1;
    return length >= tail && strcmp(path + length - tail, deleted) == 0;
}

static int open_of_map(const struct sp_mapped_file *file)
{
    char path[THROUGH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)file->pid, file->start, file->limit);
    return open_candidate(path, file);
}

static int open_executable(const struct sp_mapped_file *file)
{
    char path[THROUGH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)file->pid);
    return open_candidate(path, file);
}

size_t sp_root_prefix(pid_t pid, const char *path)
{
    char link[64], root[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/root", (int)pid);
    const ssize_t length = readlink(link, root, sizeof root - 1);
    const bool is_below = length > 1 && strncmp(path, root, (size_t)length) == 0 && path[length] == '/';
    return is_below ? (size_t)length : 0;
}

static int open_in_root(const struct sp_mapped_file *file)
{
    char path[THROUGH_BYTES];
    const int length = snprintf(path, sizeof path, "/proc/%d/root%s", (int)file->pid,
                                file->path + sp_root_prefix(file->pid, file->path));
    return length > 0 && (size_t)length < sizeof path ? open_candidate(path, file) : -1;
}

/* A memfd that was made for fexecve(3), or for dlopen(3) of /proc/self/fd/N. Only the file itself is opened. */
static int open_of_descriptors(const struct sp_mapped_file *file)
{
    char path[THROUGH_BYTES];
    int fd = -1;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)file->pid);
    DIR *list = opendir(path);
    const struct dirent *entry;
    for (int n = 0; list != NULL && fd < 0 && n < DESCRIPTORS_SEARCHED && (entry = readdir(list)) != NULL; n++) {
        struct stat st;
        if (fstatat(dirfd(list), entry->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode) || st.st_ino != file->inode)
            continue;
        snprintf(path, sizeof path, "/proc/%d/fd/%.16s", (int)file->pid, entry->d_name);
        fd = open_candidate(path, file);
    }
    if (list != NULL)
        closedir(list);
    return fd;
}

int sp_mapped_file_open_by_path(const struct sp_mapped_file *file)
{
    return has_no_name(file->path) ? -1 : open_candidate(file->path, file);
}

int sp_mapped_file_open(const struct sp_mapped_file *file, bool *is_by_path)
{
    static int (*const ways[])(const struct sp_mapped_file *) = {open_of_map, open_executable, open_in_root,
                                                                 open_of_descriptors};
    int fd = sp_mapped_file_open_by_path(file);
    *is_by_path = fd >= 0;
    for (size_t i = 0; fd < 0 && i < sizeof ways / sizeof ways[0]; i++)
        fd = ways[i](file);
    return fd;
}
