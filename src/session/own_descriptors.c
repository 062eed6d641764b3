/*
 * Which they are, and closing around them.
 *
 * Place and context: see own_descriptors.h.
 */
#include "session/own_descriptors.h"

#include <sys/stat.h>

#include "handler/entry.h"
#include "handler/raw_calls.h"
#include "handler/trigger.h"

/* The identity is written before the number, and stays when that goes. */
static struct {
    _Atomic int fd;
    _Atomic unsigned long device, inode;
} kept = {.fd = -1};

bool sp_descriptor_is_open(const struct sp_descriptor *descriptor)
{
    struct stat status;
    return descriptor->fd >= 0 && fstat(descriptor->fd, &status) == 0 && status.st_dev == descriptor->device &&
           status.st_ino == descriptor->inode;
}

void sp_descriptor_keep(const struct sp_descriptor *descriptor)
{
    if (descriptor != NULL) {
        sp_store_relaxed(&kept.device, descriptor->device);
        sp_store_relaxed(&kept.inode, descriptor->inode);
    }
    sp_store_release(&kept.fd, descriptor != NULL ? descriptor->fd : -1);
}

static bool is_kept(int fd)
{
    if (fd < 0 || fd != sp_load_acquire(&kept.fd))
        return false;
    const struct sp_descriptor descriptor = {fd, sp_load_relaxed(&kept.device), sp_load_relaxed(&kept.inode)};
    return sp_load_relaxed(&sp_handler.pid) == sp_raw_process_id() && sp_descriptor_is_open(&descriptor);
}

/* Below event_fd there is none, and before the first perf event that is out of reach: the host's pay a comparison. */
static bool is_event(int fd)
{
    uint32_t stripe;
    if (fd < sp_load_relaxed(&sp_handler.event_fd) || fd >= SP_PERF_FDS || !sp_handler_enter(&stripe))
        return false;
    const bool is_ours = sp_trigger_owns(&sp_handler.segment, fd);
    sp_handler_leave(stripe);
    return is_ours;
}

bool sp_descriptor_is_ours(int fd)
{
    return is_kept(fd) || is_event(fd);
}

/* The lowest descriptor from `fd` on that may be ours. */
static int next_candidate(int fd)
{
    const int lowest_event = sp_load_relaxed(&sp_handler.event_fd), kept_fd = sp_load_acquire(&kept.fd);
    const int event = fd > lowest_event ? fd : lowest_event;
    return kept_fd >= fd && kept_fd < event ? kept_fd : event;
}

int sp_descriptor_close_others(sp_close_range *real, unsigned first, unsigned last, int flags)
{
    unsigned from = first;
    for (int fd = next_candidate(0); fd < SP_PERF_FDS && (unsigned)fd <= last; fd = next_candidate(fd + 1)) {
        if ((unsigned)fd < from || !sp_descriptor_is_ours(fd))
            continue;
        if ((unsigned)fd > from && real(from, (unsigned)fd - 1, flags) != 0)
            return -1;
        from = (unsigned)fd + 1;
    }
    return from <= last ? real(from, last, flags) : 0;
}
