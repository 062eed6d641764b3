/*
 * The step from a frame to its caller, by each kind of rule.
 *
 * Place and context: see walk.h.
 *
 * Where a rule needs registers that the walk does not carry, all of them are brought up from the last frame where they
 * were known (the interruption, or a signal's frame on the way) by walking these frames again, with the tables alone.
 *
 * Where there are no tables the frame pointer is followed as long as it makes sense: aligned, growing towards the
 * stack's base, and the return address in code. A frame pointer of 0 is then the thread's start: the ABI's start-up
 * code and libc's clone clear it.
 */
#include "handler/walk.h"

#include "handler/poison.h"

enum {
    FRAME_BYTES_LIMIT = 8 << 20, /* of one that is found by its frame pointer alone */
    LEAF_BYTES_LIMIT = 1 << 16,  /* of a function without tables and frame */
    CATCH_UP_LIMIT = 1 << 10,    /* frames walked again for their registers */
    EXPRESSION_STEPS = 256,      /* of which one has a dozen, and nonsense four times as many */
    SWITCHES_LIMIT = 1 << 10,    /* between stacks: Go calls C, which calls Go, ... */
};

/*
 * The caller's stack pointer is above its callee's, or the walk could go on for ever, and not above the stack where
 * that is known: a frame pointer that is none may point anywhere, also to zeros, which would pass for the stack's end.
 */
static inline enum sp_outcome go_to_caller(struct sp_walk *walk, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
    const bool is_above = sp > walk->at.sp || (SP_ARCH_HAS_LINK_REGISTER && walk->is_exact && sp == walk->at.sp);
    if (!is_above || (walk->loader.high != 0 && sp > walk->loader.high) ||
        (pc == 0 && sp - walk->at.sp > FRAME_BYTES_LIMIT))
        return SP_OUTCOME_RULES;
    walk->at = (struct sp_registers){.pc = sp_arch_return_address(pc), .sp = sp, .fp = fp};
    walk->is_exact = false;
    return SP_OUTCOME_CALLER;
}

/* A common shape: where the CFA is, everything else is at its usual place below it. */
static inline enum sp_outcome step_from_cfa(struct sp_walk *walk, uintptr_t cfa, uint32_t saves)
{
    uintptr_t ra_at, fp_at, pc = walk->at.lr, fp = walk->at.fp;
    sp_arch_unpack_saves(cfa, saves, &ra_at, &fp_at);
    if (ra_at == 0 && !walk->is_exact)
        return SP_OUTCOME_RULES; /* a function that calls has not left its return address in the register */
    if (ra_at != 0 && !sp_load_word(&walk->loader, ra_at, &pc))
        return SP_OUTCOME_MEMORY;
    if (fp_at != 0 && !sp_load_word(&walk->loader, fp_at, &fp))
        return SP_OUTCOME_MEMORY;
    return go_to_caller(walk, pc, cfa, fp);
}

static inline enum sp_outcome step_record(struct sp_walk *walk, uintptr_t cfa)
{
    const uintptr_t record = walk->at.fp;
    if (!sp_can_load(&walk->loader, record, 2 * SP_WORD))
        return SP_OUTCOME_MEMORY;
    return go_to_caller(walk, sp_word_at(record + SP_WORD), cfa, sp_word_at(record));
}

static enum sp_outcome step_realigned(struct sp_walk *walk, uint32_t units)
{
    uintptr_t cfa, fp, pc;
    if (!sp_load_word(&walk->loader, walk->at.fp - units * SP_WORD, &cfa) ||
        !sp_load_word(&walk->loader, walk->at.fp, &fp) || !sp_load_word(&walk->loader, cfa - SP_WORD, &pc))
        return SP_OUTCOME_MEMORY;
    return go_to_caller(walk, pc, cfa, fp);
}

/* A signal's frame: the interrupted context is in memory, with all registers. */
static enum sp_outcome step_signal(struct sp_walk *walk)
{
    const uintptr_t context = sp_arch_signal_context(walk->at.sp);
    if (context % SP_WORD != 0 || !sp_can_load(&walk->loader, context, SP_ARCH_CONTEXT_BYTES))
        return SP_OUTCOME_MEMORY;
    sp_arch_capture((const void *)context, &walk->at);
    walk->is_exact = true;
    walk->context = (const void *)context;
    walk->context_number = walk->number + 1;
    walk->full_number = SP_WALK_NEVER;
    sp_walk_change_stack(walk, walk->at.sp);
    return SP_OUTCOME_CALLER;
}

static enum sp_outcome outcome_of(enum sp_step step)
{
    switch (step) {
    case SP_STEP_OK:
        return SP_OUTCOME_CALLER;
    case SP_STEP_LAST:
        return SP_OUTCOME_COMPLETE;
    case SP_STEP_MEMORY:
        return SP_OUTCOME_MEMORY;
    default:
        return SP_OUTCOME_RULES;
    }
}

/*
 * By the frame pointer, or by what the call left. On a stack that is not the thread's own, a return address behind no
 * call was put there by a signal's handler, to make the interrupted code call a function that it knows nothing of: so
 * Go preempts. That code was interrupted and has called nobody, and its own frame pointer leads to a frame.
 */
static enum sp_outcome go_without_rules(struct sp_walk *walk, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
    uintptr_t above;
    const enum sp_outcome outcome = go_to_caller(walk, pc, sp, fp);
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
        return go_to_caller(walk, caller, cfa, walk->at.fp);
    if (moment == SP_ARCH_MOMENT_CALLED && walk->loader.high == 0 && is_in_object(walk, caller))
        return go_without_rules(walk, caller, cfa, walk->at.fp);
    return step_frame_pointer(walk);
}

static enum sp_outcome step_without_rules(struct sp_walk *walk)
{
    return walk->is_exact ? step_leaf(walk) : step_frame_pointer(walk);
}

static struct sp_registers registers_of(const struct sp_frame *frame)
{
    return (struct sp_registers){.pc = frame->pc,
                                 .sp = frame->columns[SP_ARCH_SP],
                                 .fp = frame->columns[SP_ARCH_FP],
                                 .lr = SP_ARCH_HAS_LINK_REGISTER ? frame->columns[SP_ARCH_RA] : 0};
}

/* The most that evaluating a row's expressions can take, in steps of tables. */
static uint32_t expression_steps(const struct sp_cfi_row *row)
{
    uint32_t n = row->cfa_is_expression;
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++)
        n += row->rules[i] == SP_RULE_EXPRESSION || row->rules[i] == SP_RULE_VAL_EXPRESSION;
    return n * EXPRESSION_STEPS;
}

/*
 * One frame on in `full`, by the tables and nothing else, and the same in the walk. `walk` is at the frame that `full`
 * is of.
 */
static enum sp_outcome step_full(struct sp_walk *walk)
{
    const uintptr_t address = sp_walk_address(walk);
    enum sp_outcome outcome;
    if (sp_walk_enter_object(walk, address) && sp_walk_find_row(walk) == SP_CFI_FOUND) {
        sp_walk_spend(walk, expression_steps(&walk->row));
        outcome = outcome_of(
            sp_frame_step(&sp_walk_object(walk)->tables, &walk->row, &walk->loader, &walk->full, &walk->caller));
        if (outcome != SP_OUTCOME_CALLER)
            return outcome;
        sp_frame_copy(&walk->caller, &walk->full);
        walk->is_exact = walk->row.is_signal_frame;
        if (walk->is_exact)
            sp_walk_change_stack(walk, walk->full.columns[SP_ARCH_SP]);
    } else {
        outcome = step_without_rules(walk);
        if (outcome != SP_OUTCOME_CALLER)
            return outcome;
        walk->full.known = 1u << SP_ARCH_SP | 1u << SP_ARCH_FP | 1u << SP_ARCH_RA;
        walk->full.pc = walk->full.columns[SP_ARCH_RA] = walk->at.pc;
        walk->full.columns[SP_ARCH_SP] = walk->at.sp;
        walk->full.columns[SP_ARCH_FP] = walk->at.fp;
    }
    walk->at = registers_of(&walk->full);
    return SP_OUTCOME_CALLER;
}

/* Brings `full` to the current frame. */
static bool catch_up(struct sp_walk *walk)
{
    const struct sp_registers here = walk->at;
    const bool is_exact = walk->is_exact;
    const uint32_t number = walk->number;
    uint32_t from = walk->full_number;
    if (from == SP_WALK_NEVER) {
        if (walk->context == NULL)
            return false;
        from = walk->context_number;
        walk->is_full_exact = true;
        sp_frame_from_context(walk->context, &walk->full);
    }
    if (number - from > CATCH_UP_LIMIT)
        return false;
    if (from != number) {
        walk->at = registers_of(&walk->full);
        walk->is_exact = walk->is_full_exact;
        for (walk->number = from; walk->number < number; walk->number++)
            if (step_full(walk) != SP_OUTCOME_CALLER)
                break;
    }
    walk->full_number = walk->number;
    walk->is_full_exact = walk->is_exact;
    const bool is_there = walk->number == number && walk->full.pc == here.pc &&
                          walk->full.columns[SP_ARCH_SP] == here.sp && walk->is_exact == is_exact;
    walk->number = number;
    walk->at = here;
    walk->is_exact = is_exact;
    return is_there;
}

/* A rule that needs all registers. It may lead anywhere: to another stack, too. */
__attribute__((noinline)) static enum sp_outcome step_complex(struct sp_walk *walk)
{
    if (!catch_up(walk))
        return SP_OUTCOME_RULES;
    const uintptr_t pc = walk->at.pc, sp = walk->at.sp;
    const enum sp_outcome outcome = step_full(walk);
    walk->full_number = walk->number + 1;
    walk->is_full_exact = walk->is_exact;
    if (outcome == SP_OUTCOME_CALLER && walk->at.pc == pc && walk->at.sp == sp)
        return SP_OUTCOME_RULES;
    if (outcome == SP_OUTCOME_CALLER && (walk->at.sp < walk->loader.low || walk->at.sp > walk->loader.high))
        walk->loader.low = walk->loader.high = 0; /* of that stack nothing is known */
    return outcome;
}

/* From the current frame to its caller. */
enum sp_outcome sp_walk_step(struct sp_walk *walk, uint32_t rule)
{
    const uintptr_t cfa = (uintptr_t)sp_rule_cfa_units(rule) * SP_ARCH_CFA_UNIT;
    switch (sp_rule_kind(rule)) {
    case SP_FRAME_SP:
        return step_from_cfa(walk, walk->at.sp + cfa, sp_rule_saves(rule));
    case SP_FRAME_FP:
        return step_from_cfa(walk, walk->at.fp + cfa, sp_rule_saves(rule));
    case SP_FRAME_RECORD:
        return step_record(walk, walk->at.fp + cfa);
    case SP_FRAME_REALIGNED:
        return step_realigned(walk, sp_rule_cfa_units(rule));
    case SP_FRAME_LAST:
        return SP_OUTCOME_COMPLETE;
    case SP_FRAME_NO_RULES:
        return step_without_rules(walk);
    case SP_FRAME_SIGNAL:
        return step_signal(walk);
    case SP_FRAME_COMPLEX:
        return step_complex(walk);
    default:
        return SP_OUTCOME_RULES;
    }
}
