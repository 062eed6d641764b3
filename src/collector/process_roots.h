/*
 * The root directories of processes that do not have ours: containers' and chroots'.
 *
 * Place: collector, under images.h: the debug files of a container's programs may be in the container. What path leads
 * to a root is known as long as a process has it; so is whether any does.
 * Context: ordinary code, one thread at a time, but for sp_roots_open.
 */
#ifndef SIGPROF_COLLECTOR_PROCESS_ROOTS_H
#define SIGPROF_COLLECTOR_PROCESS_ROOTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SP_OWN_ROOT UINT32_MAX

struct sp_process_root;

/* Zero-initialised: none is known. */
struct sp_process_roots {
    struct sp_process_root *at;
    size_t n, capacity;
};

/*
 * The number of a process's root, which is seen for the first time or not; SP_OWN_ROOT when it is ours, when it
 * cannot be told, or when there is no memory. A root that no path of ours leads to is held from here on: a descriptor
 * keeps its file system mounted, in a namespace that would else end with its processes.
 */
uint32_t sp_roots_see(struct sp_process_roots *roots, pid_t pid);

/* An O_PATH descriptor of it, which stays the roots'; -1 for ours, and for one that is gone. Any thread may ask. */
int sp_roots_open(const struct sp_process_roots *roots, uint32_t number);

/* How many descriptors are held. */
size_t sp_roots_held(const struct sp_process_roots *roots);

void sp_roots_done(struct sp_process_roots *roots);

#endif
