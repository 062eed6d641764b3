/*
 * Which they are, and closing around them.
 *
 * Place and context: see own_descriptors.h.
 */
#include "session/own_descriptors.h"

#include "handler/entry.h"
#include "handler/trigger.h"

static _Atomic int kept = -1;

void sp_descriptor_keep(int fd)
{
    sp_store_seq_cst(&kept, fd);
}

/* All of ours are at or above event_fd, which is out of reach before the first session: the host's pay a comparison. */
bool sp_descriptor_is_ours(int fd)
{
    uint32_t stripe;
    if (fd < sp_load_relaxed(&sp_handler.event_fd) || !sp_handler_enter(&stripe))
        return false;
    const bool is_ours = fd == sp_load_relaxed(&kept) || sp_trigger_slot_of(&sp_handler.segment, fd) != 0;
    sp_handler_leave(stripe);
    return is_ours;
}

int sp_descriptor_close_others(sp_close_range *real, unsigned first, unsigned last, int flags)
{
    const int lowest = sp_load_relaxed(&sp_handler.event_fd);
    unsigned from = first;
    for (int fd = lowest; fd < SP_PERF_FDS && (unsigned)fd <= last; fd++) {
        if ((unsigned)fd < from || !sp_descriptor_is_ours(fd))
            continue;
        if ((unsigned)fd > from && real(from, (unsigned)fd - 1, flags) != 0)
            return -1;
        from = (unsigned)fd + 1;
    }
    return from <= last ? real(from, last, flags) : 0;
}
