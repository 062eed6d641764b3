/*
 * The step from a frame that no unwind table covers to its caller: code made at run time, assembly, Go.
 *
 * Place and context: see walk.h.
 *
 * The frame pointer is followed as long as it makes sense: aligned, growing towards the stack's base, and the return
 * address in code. A frame pointer of 0 is then the thread's start: the ABI's start-up code and libc's clone clear it.
 * Go's stacks, of which a thread has several, are a matter of this file too.
 */
#include "handler/walk.h"

#include "handler/poison.h"

enum {
    FRAME_BYTES_LIMIT = SP_WALK_FRAME_BYTES_LIMIT,
    LEAF_BYTES_LIMIT = 1 << 16, /* of a function without tables and frame */
    SWITCHES_LIMIT = 1 << 10,   /* between stacks: Go calls C, which calls Go, ... */
};

/*
 * By the frame pointer, or by what the call left. On a stack that is not the thread's own, a return address behind no
 * call was put there by a signal's handler, to make the interrupted code call a function that it knows nothing of: so
 * Go preempts. That code was interrupted and has called nobody, and its own frame pointer leads to a frame.
 */
static enum sp_outcome go_without_rules(struct sp_walk *walk, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
    uintptr_t above;
    const enum sp_outcome outcome = sp_walk_go_to_caller(walk, pc, sp, fp);
    if (outcome != SP_OUTCOME_CALLER || walk->loader.high != 0 || sp_walk_is_returned_to(walk, walk->at.pc) ||
        fp % SP_ARCH_FRAME_ALIGN != 0 || fp < sp || fp - sp > FRAME_BYTES_LIMIT ||
        !sp_load_word(&walk->loader, fp + SP_WORD, &above) ||
        !sp_walk_is_returned_to(walk, sp_arch_return_address(above)) || !sp_walk_enter_object(walk, walk->at.pc))
        return outcome;
    walk->is_exact = sp_walk_find_row(walk) == SP_CFI_NONE;
    return outcome;
}

/*
 * Go's asmcgocall calls C on the thread's stack and keeps there how deep the goroutine's stack was and which goroutine
 * it is, whose first words are the bounds of that stack. Where asmcgocall has no frame of its own (in older Gos) its
 * return address is at that depth, and the frame pointer would lead past its caller. Returns where it is, or 0. `kept`
 * is where the two words are.
 */
static uintptr_t find_goroutine(struct sp_walk *walk, uintptr_t kept)
{
    uintptr_t depth, goroutine, low, high, caller;
    if (!sp_load_word(&walk->loader, kept, &depth) || !sp_load_word(&walk->loader, kept + SP_WORD, &goroutine) ||
        goroutine == 0 || goroutine % SP_WORD != 0 || !sp_load_word(&walk->loader, goroutine, &low) ||
        !sp_load_word(&walk->loader, goroutine + SP_WORD, &high) || low >= high || depth > high - low ||
        walk->at.fp < high - depth || walk->at.fp >= high)
        return 0;
    const bool is_one = sp_load_word(&walk->loader, high - depth, &caller) && sp_walk_enter_object(walk, caller) &&
                        sp_walk_call_before(walk, caller) != 0;
    return is_one ? high - depth : 0;
}

/* By Go's version, the two words are on top of the stack or five words above. */
static uintptr_t find_return_to_goroutine(struct sp_walk *walk)
{
    if (SP_ARCH_HAS_LINK_REGISTER || walk->loader.high == 0)
        return 0;
    const uintptr_t at = find_goroutine(walk, walk->at.sp);
    return at != 0 ? at : find_goroutine(walk, walk->at.sp + 5 * SP_WORD);
}

/*
 * A runtime with stacks of its own does some of its work on the thread's, as Go's systemstack, and calls C there; what
 * it has called so was called from another stack, where the frame pointer leads. C that calls Go comes from the
 * thread's stack back to the other one, and so on: the count of such switches is bounded.
 */
static enum sp_outcome step_to_other_stack(struct sp_walk *walk)
{
    const uintptr_t fp = walk->at.fp, goroutine = find_return_to_goroutine(walk);
    if (walk->switches++ == SWITCHES_LIMIT)
        return SP_OUTCOME_RULES;
    if (goroutine != 0) {
        sp_walk_change_stack(walk, goroutine);
        walk->at = (struct sp_registers){.pc = sp_word_at(goroutine), .sp = goroutine + SP_WORD, .fp = fp};
        return SP_OUTCOME_CALLER;
    }
    sp_walk_change_stack(walk, fp);
    if (fp % SP_ARCH_FRAME_ALIGN != 0 || !sp_can_load(&walk->loader, fp, 2 * SP_WORD))
        return SP_OUTCOME_RULES;
    const uintptr_t caller = sp_arch_return_address(sp_word_at(fp + SP_WORD));
    if (!sp_walk_enter_object(walk, caller) || sp_walk_call_before(walk, caller) == 0)
        return SP_OUTCOME_RULES;
    walk->at = (struct sp_registers){.pc = caller, .sp = fp + 2 * SP_WORD, .fp = sp_word_at(fp)};
    walk->is_exact = false;
    return SP_OUTCOME_CALLER;
}

/*
 * Whether the frame pointer leads off the stack that the walk is on: out of the thread's own, or, from one whose bounds
 * nobody knows, to the thread's own or far away.
 */
static bool leads_elsewhere(const struct sp_walk *walk, uintptr_t fp)
{
    const bool is_in_own = fp >= walk->stack.low && fp < walk->stack.high;
    if (walk->is_exact)
        return false;
    if (walk->loader.high != 0)
        return !is_in_own;
    return is_in_own || fp - walk->at.sp > FRAME_BYTES_LIMIT;
}

/*
 * Go's crosscall2, from C to Go: its assembler saves the frame pointer, and so does what it is written as. Of the two,
 * one above the other, the return address is above the second.
 */
static bool is_saved_twice(struct sp_walk *walk, uintptr_t fp)
{
    return sp_can_load(&walk->loader, fp, 3 * SP_WORD) && sp_word_at(fp) == fp + SP_WORD &&
           !sp_walk_is_returned_to(walk, sp_arch_return_address(sp_word_at(fp + SP_WORD))) &&
           sp_walk_is_returned_to(walk, sp_arch_return_address(sp_word_at(fp + 2 * SP_WORD)));
}

/* Where the frame pointer leads. Of a caller's registers, no others are known. */
static enum sp_outcome step_frame_pointer(struct sp_walk *walk)
{
    uintptr_t fp = walk->at.fp;
    if (fp == 0)
        return walk->number > 0 ? SP_OUTCOME_COMPLETE : SP_OUTCOME_RULES;
    if (leads_elsewhere(walk, fp))
        return step_to_other_stack(walk);
    if (fp % SP_ARCH_FRAME_ALIGN != 0 || fp < walk->at.sp || fp - walk->at.sp > FRAME_BYTES_LIMIT)
        return SP_OUTCOME_RULES;
    if (is_saved_twice(walk, fp))
        fp += SP_WORD;
    if (!sp_can_load(&walk->loader, fp, 2 * SP_WORD))
        return SP_OUTCOME_MEMORY;
    const uintptr_t caller = sp_word_at(fp + SP_WORD), next = sp_word_at(fp);
    if (caller == 0)
        return next == 0 ? SP_OUTCOME_COMPLETE : SP_OUTCOME_RULES;
    return go_without_rules(walk, caller, fp + 2 * SP_WORD, next);
}

/* How well a return address explains that `pc` runs: by the target of the call before it, closest is best. */
static uintptr_t evidence(struct sp_walk *walk, uintptr_t return_address, uintptr_t pc)
{
    const uintptr_t target = return_address == 0 ? 0 : sp_walk_call_before(walk, return_address);
    return target <= 1 || (target <= pc && pc - target < LEAF_BYTES_LIMIT) ? target : 0;
}

/* The walk's object is then that of `address`. */
static bool is_in_object(struct sp_walk *walk, uintptr_t address)
{
    return address != 0 && sp_walk_enter_object(walk, address);
}

/*
 * An interrupted function without tables may have no frame of its own, or none yet: then the return address is as the
 * call left it. Code that is about to return, or has just been called, tells so; otherwise the word at that place is
 * believed when it stands behind a call that explains the pc better than what the frame pointer leads to does.
 */
static enum sp_outcome step_leaf(struct sp_walk *walk)
{
    enum { BEFORE = 4, AROUND = 8 };
    uint8_t code[AROUND];
    const uintptr_t top = SP_ARCH_HAS_LINK_REGISTER ? 0 : walk->at.sp;
    uintptr_t caller = walk->at.lr, saved = 0, cfa = SP_ARCH_HAS_LINK_REGISTER ? walk->at.sp : top + SP_WORD;
    enum sp_arch_moment moment = SP_ARCH_MOMENT_ANY;
    if (sp_walk_load_code(walk, walk->at.pc - BEFORE, AROUND, code))
        moment = sp_arch_moment(code);
    if (moment == SP_ARCH_MOMENT_FP_PUSHED) {
        cfa += SP_WORD;
        if (!sp_load_word(&walk->loader, cfa - SP_WORD, &caller))
            return SP_OUTCOME_MEMORY;
        return go_without_rules(walk, caller, cfa, walk->at.fp);
    }
    if (top != 0 && !sp_load_word(&walk->loader, top, &caller))
        return SP_OUTCOME_MEMORY;
    const uintptr_t explains = evidence(walk, caller, walk->at.pc);
    if (moment == SP_ARCH_MOMENT_ANY && explains != 0 && walk->at.fp >= walk->at.sp &&
        walk->at.fp % SP_ARCH_FRAME_ALIGN == 0 && sp_load_word(&walk->loader, walk->at.fp + SP_WORD, &saved) &&
        evidence(walk, saved, walk->at.pc) >= explains)
        return step_frame_pointer(walk);
    if (explains != 0)
        return sp_walk_go_to_caller(walk, caller, cfa, walk->at.fp);
    if (moment == SP_ARCH_MOMENT_CALLED && walk->loader.high == 0 && is_in_object(walk, caller))
        return go_without_rules(walk, caller, cfa, walk->at.fp);
    return step_frame_pointer(walk);
}

/*
 * A caller whose frame pointer is in use for something else: C that has called Go's mstart, which has no frame either.
 * What it does after the call tells where its return address is, if that is to return.
 */
static enum sp_outcome step_epilogue(struct sp_walk *walk)
{
    uint8_t code[SP_ARCH_EPILOGUE_BYTES];
    struct sp_arch_epilogue epilogue;
    uintptr_t caller, fp = walk->at.fp;
    if (walk->loader.high == 0 || !sp_walk_load_code(walk, walk->at.pc, sizeof code, code) ||
        !sp_arch_read_epilogue(code, &epilogue))
        return SP_OUTCOME_RULES;
    const uintptr_t at = walk->at.sp + epilogue.ra_word * SP_WORD;
    if (!sp_load_word(&walk->loader, at, &caller) || sp_walk_call_before(walk, caller) == 0 ||
        !is_in_object(walk, caller) ||
        (epilogue.has_fp && !sp_load_word(&walk->loader, walk->at.sp + epilogue.fp_word * SP_WORD, &fp)))
        return SP_OUTCOME_RULES;
    return sp_walk_go_to_caller(walk, caller, at + SP_WORD, fp);
}

enum sp_outcome sp_walk_step_untabled(struct sp_walk *walk)
{
    const uintptr_t low = walk->loader.low, high = walk->loader.high;
    if (walk->is_exact)
        return step_leaf(walk);
    const enum sp_outcome outcome = step_frame_pointer(walk);
    if (outcome != SP_OUTCOME_RULES)
        return outcome;
    walk->loader.low = low; /* it may have had a look at another stack */
    walk->loader.high = high;
    return step_epilogue(walk);
}
