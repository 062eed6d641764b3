/*
 * The state of one walk, and what its parts share: unwind.c goes from frame to frame, walk_rules.c finds a frame's
 * rule, walk_steps.c takes it to the caller, walk_untabled.c does where there are no tables.
 *
 * Place: handler, inside of unwind. Context: signal handler; a walk belongs to one call.
 */
#ifndef SIGPROF_HANDLER_WALK_H
#define SIGPROF_HANDLER_WALK_H

#include "handler/frame.h"
#include "handler/object.h"
#include "handler/rule_cache.h"
#include "handler/unwind.h"
#include "handler/virtual_stack.h"

enum {
    SP_CALL_BYTES = 8, /* that sp_arch_is_call looks at */
    SP_WALK_NEVER = UINT32_MAX,
    SP_WALK_FRAME_BYTES_LIMIT = 8 << 20, /* of a frame that is found by its frame pointer alone */
};

struct sp_walk {
    struct sp_registers at; /* of the current frame; lr only while is_exact */
    bool is_exact;          /* the frame was interrupted at its pc; else that is a return address */
    uint32_t number;        /* of the current frame */
    uint32_t misses;
    uint32_t steps_left; /* in tables */
    uint32_t switches;   /* between stacks, by frame pointers */
    struct sp_loader loader;
    struct sp_stack_bounds stack;
    struct sp_unwind_memory *memory;
    struct sp_object objects[2]; /* that of the current frame, and the last other one: callers are often in these */
    uint32_t object;             /* which of them is the current frame's */
    struct sp_virtual_walk published;
    struct sp_stack_bounds code; /* a range of code without object, likewise */
    const void *context;         /* the last frame where a context has all registers, and its number; NULL: none yet */
    uint32_t context_number;
    uint32_t full_number; /* the frame that `full` is of, or SP_WALK_NEVER */
    bool is_full_exact;   /* whether that frame was interrupted */
    struct sp_frame full;
    struct sp_frame caller; /* of `full`, while it is found */
    struct sp_cfi_row row;  /* of the current frame, while it is used */
};
_Static_assert(sizeof(struct sp_walk) <= sizeof(struct sp_scratch), "a walk fits in the scratch");

/* What a step comes to: the caller is the current frame, or the stack ends here. */
enum sp_outcome {
    SP_OUTCOME_CALLER = -1,
    SP_OUTCOME_COMPLETE = SP_STACK_COMPLETE,
    SP_OUTCOME_MEMORY = SP_STACK_CUT_MEMORY,
    SP_OUTCOME_RULES = SP_STACK_CUT_RULES,
};

/* The address to look up: what the frame executes, or the call that it has made (which may be its last byte). */
static inline uintptr_t sp_walk_address(const struct sp_walk *walk)
{
    return walk->at.pc - !walk->is_exact;
}

static inline struct sp_object *sp_walk_object(struct sp_walk *walk)
{
    return &walk->objects[walk->object];
}

#pragma GCC visibility push(hidden)

/* Looks for the object of `address`, which is in neither of the two that are known. False: it is in none. */
bool sp_walk_find_object(struct sp_walk *walk, uintptr_t address);

/* The bytes of code [address, address + n), n ≤ 24, where they can be read. */
bool sp_walk_load_code(struct sp_walk *walk, uintptr_t address, unsigned n, uint8_t *bytes);

/* What the instruction before `address` calls: 0 when it is no call, 1 when what it calls cannot be told. */
uintptr_t sp_walk_call_before(struct sp_walk *walk, uintptr_t address);

/* Whether somebody returns to `address`: behind a call, or, where a runtime has put it there itself, behind a nop. */
bool sp_walk_is_returned_to(struct sp_walk *walk, uintptr_t address);

/* The current frame's row of the unwind tables, into walk->row. The frame is in the current object. */
enum sp_cfi_status sp_walk_find_row(struct sp_walk *walk);

/* The current frame's rule, from the tables; into the cache by `key`. The frame is in the current object. */
uint32_t sp_walk_rule_missed(struct sp_walk *walk, uint64_t key);

/* The current frame's rule, where that is in no object. */
uint32_t sp_walk_rule_outside(struct sp_walk *walk);

/* From the current frame to its caller by `rule`. */
enum sp_outcome sp_walk_step(struct sp_walk *walk, uint32_t rule);

/* The same for a frame that no table covers. */
enum sp_outcome sp_walk_step_untabled(struct sp_walk *walk);

/* Takes `steps` off those that the walk may still make in tables. */
void sp_walk_spend(struct sp_walk *walk, uint32_t steps);

#pragma GCC visibility pop

/* Makes the object of the current frame that of `address`. False: it is in none. */
static inline bool sp_walk_enter_object(struct sp_walk *walk, uintptr_t address)
{
    if (sp_object_has(sp_walk_object(walk), address))
        return true;
    if (!sp_object_has(&walk->objects[walk->object ^ 1], address))
        return sp_walk_find_object(walk, address);
    walk->object ^= 1;
    return true;
}

/*
 * The thread is on another stack from here on: its own, or one that is not known. A stack pointer that has been loaded
 * may be any word: that it lies within the bounds does not make it readable there, for the main thread's stack is
 * mapped as it grows. What lies above one that is known to be in use, or above a page that is there, can be read.
 */
static inline void sp_walk_change_stack(struct sp_walk *walk, uintptr_t sp)
{
    const bool is_within = sp >= walk->stack.low && sp < walk->stack.high;
    const bool is_above = walk->loader.high != 0 && sp >= walk->loader.low;
    const bool is_own = is_within && (is_above || sp_probe_page(&walk->loader, sp));
    walk->loader.low = is_own ? sp : 0;
    walk->loader.high = is_own ? walk->stack.high : 0;
}

/*
 * The caller's stack pointer is above its callee's, or the walk could go on for ever, and not above the stack where
 * that is known: a frame pointer that is none may point anywhere, also to zeros, which would pass for the stack's end.
 */
static inline enum sp_outcome sp_walk_go_to_caller(struct sp_walk *walk, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
    const bool is_above = sp > walk->at.sp || (SP_ARCH_HAS_LINK_REGISTER && walk->is_exact && sp == walk->at.sp);
    if (!is_above || (walk->loader.high != 0 && sp > walk->loader.high) ||
        (pc == 0 && sp - walk->at.sp > SP_WALK_FRAME_BYTES_LIMIT))
        return SP_OUTCOME_RULES;
    walk->at = (struct sp_registers){.pc = sp_arch_return_address(pc), .sp = sp, .fp = fp};
    walk->is_exact = false;
    return SP_OUTCOME_CALLER;
}

#endif
