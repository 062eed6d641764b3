/*
 * Arming and disarming the calling thread by system calls alone.
 *
 * Place and context: see bare_thread.h.
 */
#include "session/bare_thread.h"

#include "handler/entry.h"
#include "handler/raw_calls.h"

uint32_t sp_session_arm(int32_t tid, const struct sp_birth *birth)
{
    uint32_t slot;
    while ((slot = sp_thread_arm(&sp_handler.segment, tid, birth)) == SP_ARM_BUSY)
        sp_raw_yield(); /* whoever holds the try-lock makes a few system calls and gives it back */
    return slot;
}

struct sp_thread_place sp_session_arm_caller(const struct sp_birth *birth)
{
    uint32_t stripe;
    struct sp_thread_place place = {.slot = 0};
    if (!sp_handler_enter(&stripe))
        return place;
    place.slot = sp_session_arm(sp_raw_thread_id(), birth);
    if (place.slot != 0)
        place.generation = sp_load_relaxed(&sp_segment_slot(&sp_handler.segment, place.slot)->generation);
    sp_handler_leave(stripe);
    return place;
}

static bool stands_at(const struct sp_segment *segment, const struct sp_thread_place *place)
{
    return place != NULL && place->slot != 0 && place->slot < sp_segment_slots(segment) &&
           sp_load_relaxed(&sp_segment_slot(segment, place->slot)->generation) == place->generation;
}

/* Where another session has come since the thread began, or others armed it, it is looked for. */
static uint32_t own_slot(const struct sp_segment *segment, const struct sp_thread_place *place, uintptr_t start_routine)
{
    uint64_t unknown = 0;
    if (stands_at(segment, place))
        return place->slot;
    const uint32_t slot = sp_segment_find(segment, sp_raw_thread_id());
    if (slot != 0)
        sp_cas_seq_cst(&sp_segment_slot(segment, slot)->start_routine, &unknown, (uint64_t)start_routine);
    return slot;
}

void sp_session_end_caller(const struct sp_thread_place *place, uintptr_t start_routine)
{
    const struct sp_segment *segment = &sp_handler.segment;
    uint32_t stripe;
    if (!sp_handler_enter(&stripe))
        return;
    const uint32_t slot = own_slot(segment, place, start_routine);
    sp_thread_disarm(segment, slot, SP_END_SELF, &segment->header->stripes[stripe]);
    sp_handler_leave(stripe);
}
