/*
 * The segment's memory, reserved for real: a page that is not there would be a SIGBUS or an OOM in a stranger's
 * signal handler.
 *
 * Place: session. Context: ordinary code, while no session runs.
 */
#include "session/segment_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; headers of Debian 11 lack it */
#endif

/* A file of `bytes`, sealed so that no reader can be cut off: descriptor or -errno. With `is_whole` all
 * blocks are reserved here, else as they are made present. */
static int create_file(uint64_t bytes, bool is_whole)
{
    const int fd = memfd_create("sigprof-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)bytes) == 0 && (!is_whole || fallocate(fd, 0, 0, (off_t)bytes) == 0) &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    const int error = -errno;
    close(fd);
    return error;
}

/* Makes pages present. Kernels before 5.14 do not know the advice: then each page is written to. */
static int populate(char *memory, size_t bytes)
{
    if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0)
        return 0;
    if (errno != EINVAL)
        return errno == EFAULT ? -ENOMEM : -errno;
    for (size_t at = 0; at < bytes; at += PAGE)
        *(volatile char *)(memory + at) = 0;
    return 0;
}

/* All but the slots beyond the first `ready`, which threads.c makes present as they are needed. */
static int populate_segment(char *memory, const struct sp_geometry *geometry, uint32_t ready)
{
    const uint64_t slots_end = geometry->slots_at + ready * sizeof(struct sp_slot);
    const int error = populate(memory, slots_end);
    return error != 0 ? error : populate(memory + geometry->shards_at, geometry->names_at - geometry->shards_at);
}

static int map(int fd, const struct sp_geometry *geometry, uint32_t ready, char **memory)
{
    const size_t bytes = geometry->bytes;
    const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    const int error = populate_segment(at, geometry, ready);
    if (error != 0) {
        munmap(at, bytes);
        return error;
    }
    *memory = at;
    return 0;
}

/* Anything unpredictable will do: it only spreads first expirations. */
static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        return seed;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u;
}

/* How many slots are ready at first: all of them where the kernel cannot make more present later (before 5.14). */
static uint32_t slots_at_first(const struct sp_geometry *geometry)
{
    const bool can_grow = madvise(NULL, 0, MADV_POPULATE_WRITE) == 0;
    return can_grow && geometry->n_slots > SP_SLOTS_AT_FIRST ? SP_SLOTS_AT_FIRST : geometry->n_slots;
}

/* Fresh memory is all zero: free slots, empty index, empty halves. What is left are the header and the generations. */
static void fill_in(struct sp_segment *segment, uint32_t ready)
{
    struct sp_header *header = segment->header;
    memcpy(header->magic, "sigprof", sizeof header->magic);
    header->geometry = segment->geometry;
    const uint64_t seed = random_seed();
    sp_store_relaxed(&header->seed, seed);
    sp_store_relaxed(&header->postpone, 1u);
    /* Each session's cookies begin elsewhere, so that a late signal of the last one is seen to be stale. */
    const uint32_t generation = (uint32_t)(seed >> 40) & 0xffffff;
    sp_store_relaxed(&header->first_generation, generation);
    for (uint32_t slot = 0; slot < ready; slot++)
        sp_store_relaxed(&sp_segment_slot(segment, slot)->generation, generation);
    sp_store_release(&header->slots_ready, ready);
}

int sp_segment_create(const struct sp_geometry *geometry, int *memfd, struct sp_segment *segment)
{
    int fd = -1;
    char *memory;
    const uint32_t ready = slots_at_first(geometry);
    if (memfd != NULL) {
        fd = create_file(geometry->bytes, ready == geometry->n_slots);
        if (fd < 0)
            return fd;
    }
    const int error = map(fd, geometry, ready, &memory);
    if (error != 0) {
        if (fd >= 0)
            close(fd);
        return error;
    }
    *segment = (struct sp_segment){(struct sp_header *)(void *)memory, *geometry};
    fill_in(segment, ready);
    if (memfd != NULL)
        *memfd = fd;
    return 0;
}

void sp_segment_destroy(struct sp_segment *segment)
{
    if (segment->header != NULL)
        munmap(segment->header, segment->geometry.bytes);
    segment->header = NULL;
}
