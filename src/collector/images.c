/*
 * The table of files. See images.h for the place, the states and the contract.
 *
 * Context: ordinary code, one thread at a time, but for sp_images_find.
 */
#include "collector/images.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "collector/process_roots.h"
#include "util/hash.h"
#include "util/room.h"

enum { BUCKETS = 1024, NONE = UINT32_MAX };
/* What a copy of a file, and all copies, may take of memory. */
enum { COPY_BYTES = 64 << 20, COPIES_BYTES = 256 << 20 };

/* Invariant: fd >= 0 or is_by_path → identity is the file's; fd >= 0 → held is the descriptor's. */
struct image {
    uint32_t next; /* of its bucket, or NONE */
    uint32_t users;
    unsigned major, minor;
    uint64_t inode;
    char *path;
    char build_id[SP_BUILD_ID_TEXT];
    struct sp_file_identity identity;
    struct sp_file_identity held; /* the same, or that of a copy */
    int fd;                       /* -1: not held */
    bool is_copy;
    bool is_by_path; /* the path led to it */
    bool is_remote;  /* as sp_file_is_remote has it */
    uint32_t root;   /* number in roots */
    size_t prefix;
};

struct sp_images {
    struct sp_images_limits limits;
    struct image *at;
    size_t n, capacity, n_held;
    uint64_t copied; /* bytes */
    uint32_t buckets[BUCKETS];
    struct sp_process_roots roots;
    uint64_t *mounts; /* ids of those that there were at the beginning, ascending */
    size_t n_mounts;
};

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Without the list, no mount counts as known. */
static void read_mounts(struct sp_images *images)
{
    char *text = NULL;
    size_t bytes = 0, capacity = 0;
    FILE *list = fopen("/proc/self/mountinfo", "re");
    while (list != NULL && getline(&text, &bytes, list) > 0 &&
           sp_make_room((void **)&images->mounts, images->n_mounts, &capacity, sizeof *images->mounts))
        images->mounts[images->n_mounts++] = strtoull(text, NULL, 10);
    free(text);
    if (list != NULL)
        fclose(list);
    if (images->n_mounts > 1)
        qsort(images->mounts, images->n_mounts, sizeof *images->mounts, compare);
}

struct sp_images *sp_images_new(const struct sp_images_limits *limits)
{
    struct sp_images *images = calloc(1, sizeof *images);
    if (images == NULL)
        return NULL;
    images->limits = *limits;
    memset(images->buckets, 0xff, sizeof images->buckets); /* NONE */
    if (!limits->is_sparing)
        read_mounts(images);
    return images;
}

/* Whether the descriptor still is the file's: in a host's process, the host may have closed it and got the number. */
static bool is_ours(const struct image *image)
{
    struct sp_file_identity now;
    return sp_file_identify(image->fd, &now) && now.device == image->held.device && now.inode == image->held.inode;
}

static void let_go(struct sp_images *images, struct image *image)
{
    if (image->fd < 0)
        return;
    if (is_ours(image))
        close(image->fd);
    image->fd = -1;
    images->n_held--;
}

void sp_images_free(struct sp_images *images)
{
    if (images == NULL)
        return;
    for (size_t i = 0; i < images->n; i++) {
        let_go(images, &images->at[i]);
        free(images->at[i].path);
    }
    sp_roots_done(&images->roots);
    free(images->at);
    free(images->mounts);
    free(images);
}

static uint32_t *bucket_of(struct sp_images *images, const struct sp_mapped_file *file)
{
    const uint64_t device = (uint64_t)file->major << 32 | file->minor;
    return &images->buckets[sp_hash_word(sp_hash_word(sp_hash_seed(), device), file->inode) % BUCKETS];
}

static bool is_of(const struct image *image, const struct sp_mapped_file *file)
{
    return image->inode == file->inode && image->major == file->major && image->minor == file->minor &&
           strcmp(image->path, file->path) == 0;
}

static bool may_hold(const struct sp_images *images, bool is_by_path)
{
    const size_t limit = images->limits.held, held = images->n_held + sp_roots_held(&images->roots);
    return is_by_path ? !images->limits.is_sparing && held < limit - limit / 4 : held < limit;
}

/* Takes the open file over: keeps it, under another number where that is asked for, or closes it. */
static void hold(struct sp_images *images, struct image *image, int fd)
{
    if (may_hold(images, image->is_by_path)) {
        const int moved = images->limits.lowest > 0 ? fcntl(fd, F_DUPFD_CLOEXEC, images->limits.lowest) : -1;
        image->fd = moved >= 0 ? moved : fd;
        image->held = image->identity;
        images->n_held++;
    }
    if (image->fd != fd)
        close(fd);
}

/* Makes what is known of a file anew: the file of the mapping, or *lost*. False: it is open, and no ELF file. */
static bool take(struct sp_images *images, struct image *image, const struct sp_mapped_file *file)
{
    const int fd = sp_mapped_file_open(file, &image->is_by_path);
    if (fd < 0)
        return true;
    if (!sp_build_id_of_open_file(fd, image->build_id) || !sp_file_identify(fd, &image->identity)) {
        close(fd);
        return false;
    }
    image->is_remote = sp_file_is_remote(fd);
    image->root = sp_roots_see(&images->roots, file->pid);
    image->prefix = image->root == SP_OWN_ROOT ? 0 : sp_root_prefix(file->pid, file->path);
    hold(images, image, fd);
    return true;
}

/* Whether the file of a mapping is the one that was copied. */
static bool is_copied(const struct image *image, const struct sp_mapped_file *file)
{
    bool is_by_path;
    const int fd = sp_mapped_file_open(file, &is_by_path);
    const bool is_same = fd >= 0 && sp_file_is(fd, &image->identity);
    if (fd >= 0)
        close(fd);
    return is_same;
}

/* Whether a known file is what the mapping has: an inode's number may be another file's by now. */
static bool is_current(struct sp_images *images, struct image *image, const struct sp_mapped_file *file)
{
    if (image->fd >= 0)
        return image->is_copy ? is_copied(image, file) : sp_file_is(image->fd, &image->identity);
    if (!image->is_by_path) /* perhaps this process leads to it */
        return take(images, image, file);
    const int fd = sp_file_open_again(image->path, &image->identity);
    if (fd < 0)
        return false;
    hold(images, image, fd);
    return true;
}

static uint32_t add(struct sp_images *images, const struct sp_mapped_file *file)
{
    struct image image = {.major = file->major, .minor = file->minor, .inode = file->inode, .fd = -1};
    uint32_t *bucket = bucket_of(images, file);
    if (images->n >= NONE || !sp_make_room((void **)&images->at, images->n, &images->capacity, sizeof image))
        return SP_NO_IMAGE;
    image.path = strdup(file->path);
    image.next = *bucket;
    image.root = SP_OWN_ROOT;
    if (image.path == NULL || !take(images, &image, file)) {
        free(image.path);
        return SP_NO_IMAGE;
    }
    images->at[images->n] = image;
    return *bucket = (uint32_t)images->n++;
}

uint32_t sp_images_see(struct sp_images *images, const struct sp_mapped_file *file, char build_id[SP_BUILD_ID_TEXT])
{
    uint32_t number = *bucket_of(images, file);
    build_id[0] = '\0';
    while (number != NONE && !(is_of(&images->at[number], file) && is_current(images, &images->at[number], file)))
        number = images->at[number].next;
    if (number == NONE)
        number = add(images, file);
    if (number == SP_NO_IMAGE)
        return number;
    memcpy(build_id, images->at[number].build_id, SP_BUILD_ID_TEXT);
    images->at[number].users++;
    return number;
}

void sp_images_lost_path(struct sp_images *images, uint32_t number, const struct sp_mapped_file *file)
{
    struct image *image = &images->at[number];
    bool is_by_path;
    if (image->fd >= 0 || !image->is_by_path)
        return;
    const int fd = sp_mapped_file_open(file, &is_by_path);
    if (fd < 0)
        return;
    if (!sp_file_is(fd, &image->identity)) {
        close(fd);
        return;
    }
    image->is_by_path = false;
    hold(images, image, fd);
}

void sp_images_share(struct sp_images *images, uint32_t number)
{
    if (number != SP_NO_IMAGE)
        images->at[number].users++;
}

static bool is_known_mount(const struct sp_images *images, uint64_t mount)
{
    return mount != 0 && images->n_mounts > 0 &&
           bsearch(&mount, images->mounts, images->n_mounts, sizeof mount, compare) != NULL;
}

/* Whether the path still does. */
static bool leads_there(const struct image *image)
{
    const int fd = sp_file_open_again(image->path, &image->identity);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A copy of an open file, without a name; or -1. */
static int copy(int from, uint64_t bytes)
{
    const int to = memfd_create("image", MFD_CLOEXEC);
    off_t at = 0;
    while (to >= 0 && (uint64_t)at < bytes)
        if (sendfile(to, from, &at, bytes - (uint64_t)at) <= 0)
            break;
    if (to < 0 || (uint64_t)at == bytes)
        return to;
    close(to);
    return -1;
}

/* A copy takes the place of a file that only its descriptor leads to, if that would keep a mount of others busy. */
static void let_go_for_copy(struct sp_images *images, struct image *image)
{
    const uint64_t bytes = image->identity.size;
    struct sp_file_identity held;
    if (images->limits.is_sparing || image->is_copy || is_known_mount(images, image->identity.mount) ||
        strncmp(image->path, "/memfd:", 7) == 0 || bytes > COPY_BYTES || bytes > COPIES_BYTES - images->copied)
        return;
    const int fd = copy(image->fd, bytes);
    if (fd < 0 || !sp_file_identify(fd, &held)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    close(image->fd);
    image->fd = fd;
    image->held = held;
    image->is_copy = true;
    images->copied += bytes;
}

void sp_images_release(struct sp_images *images, uint32_t number)
{
    if (number == SP_NO_IMAGE || --images->at[number].users > 0)
        return;
    struct image *image = &images->at[number];
    if (image->fd < 0)
        return;
    if (!image->is_by_path)
        let_go_for_copy(images, image);
    else if (image->is_remote || (!is_known_mount(images, image->identity.mount) && leads_there(image)))
        let_go(images, image);
}

/* Opens a file that is not held, and that no build id tells. */
static int open_unheld(const struct image *image, int *fd)
{
    const struct sp_mapped_file file = {
        .major = image->major, .minor = image->minor, .inode = image->inode, .path = image->path};
    if (image->build_id[0] != '\0')
        return -ENOENT;
    *fd = image->is_by_path ? sp_file_open_again(image->path, &image->identity) : sp_mapped_file_open_by_path(&file);
    if (*fd >= 0)
        return 0;
    return access(image->path, R_OK) == 0 ? -ESTALE : -ENOENT;
}

/* Opens a file for the caller. One that has been written to may still have the build id, which will be looked at. */
static int open_image(const struct image *image, int *fd)
{
    if (image->fd < 0 || !is_ours(image))
        return open_unheld(image, fd);
    if (image->build_id[0] == '\0' && !sp_file_is(image->fd, &image->held))
        return -ESTALE;
    *fd = fcntl(image->fd, F_DUPFD_CLOEXEC, 0);
    return *fd >= 0 ? 0 : -errno;
}

/* The file of that path and build id, one that is held before others; NULL also where it cannot be told which. */
static const struct image *find(const struct sp_images *images, const char *path, const char *build_id, int *error)
{
    const struct image *found = NULL;
    *error = -ENOENT;
    for (size_t i = 0; i < images->n; i++) {
        const struct image *image = &images->at[i];
        if (strcmp(image->path, path) != 0 || strcmp(image->build_id, build_id) != 0)
            continue;
        if (found != NULL && build_id[0] == '\0') {
            *error = -ESTALE;
            return NULL;
        }
        if (found == NULL || image->fd >= 0)
            found = image;
    }
    return found;
}

int sp_images_find(const void *user, const char *path, const char *build_id, struct sp_found_image *found)
{
    const struct sp_images *images = user;
    int error, fd = -1;
    const struct image *image = find(images, path, build_id, &error);
    if (image != NULL)
        error = open_image(image, &fd);
    if (error == 0)
        *found = (struct sp_found_image){fd, sp_roots_open(&images->roots, image->root), image->prefix};
    return error;
}

size_t sp_images_held(const struct sp_images *images)
{
    return images->n_held + sp_roots_held(&images->roots);
}
