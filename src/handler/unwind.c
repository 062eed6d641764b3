/*
 * The walk from frame to frame.
 *
 * Place on the way of a sample: handler → *unwind* → shard. Context: signal handler; calls may overlap on any number of
 * threads, each touches only its arguments, the rule cache, and the interrupted thread's stack, which it only reads.
 *
 * A frame's rule comes from the cache or, the first time, from the unwind tables (walk_rules.c). Nearly all rules need
 * no more than pc, stack pointer and frame pointer, and these three are all that is carried from frame to frame; what a
 * rule that needs more does is in walk_steps.c.
 */
#include "handler/unwind.h"

#include "handler/frame_list.h"
#include "handler/walk.h"

#include "handler/poison.h"

enum {
    FRAMES_LIMIT = 1 << 14, /* walked; what is deeper has no root */
    STEPS_LIMIT = 1 << 20,  /* in tables, by a whole walk: some milliseconds, where they are nonsense */
};

static inline uint32_t rule_of_frame(struct sp_walk *walk)
{
    const uintptr_t address = sp_walk_address(walk);
    if (!sp_walk_enter_object(walk, address))
        return sp_walk_rule_outside(walk);
    const uint64_t key = sp_rule_key(address, walk->is_exact, sp_walk_object(walk)->identity);
    const uint32_t rule = walk->memory != NULL ? sp_rule_look(walk->memory, key) : 0;
    return rule != 0 ? rule : sp_walk_rule_missed(walk, key);
}

/* Whether a word can be loaded from the thread's own stack, of which a word at least is left, without more ado. */
static inline bool is_word_of(const struct sp_loader *loader, uintptr_t address)
{
    return address - loader->low <= loader->high - SP_WORD - loader->low;
}

/*
 * Nearly all frames are on the thread's own stack, with a rule of a common shape in the cache. These are gone through
 * here, with all that changes from one to the next in registers. What is not so is left to `follow`, which comes back
 * here with the frame after it. Returns whether the last frame of the stack has been reached.
 */
static inline bool follow_common(struct sp_walk *walk, struct sp_frame_list *output)
{
    uintptr_t pc = walk->at.pc, sp = walk->at.sp, fp = walk->at.fp, cfa, ra_at, fp_at;
    uint32_t depth = output->depth;
    bool is_exact = walk->is_exact, is_last = false;
    if (walk->memory == NULL || walk->loader.high - walk->loader.low < SP_WORD || (is_exact && walk->number > 0))
        return false;
    while (depth < output->max_depth && depth < FRAMES_LIMIT && sp_walk_enter_object(walk, pc - !is_exact)) {
        const uint64_t key = sp_rule_key(pc - !is_exact, is_exact, sp_walk_object(walk)->identity);
        const uint32_t rule = sp_rule_look(walk->memory, key);
        const enum sp_rule_kind kind = sp_rule_kind(rule);
        cfa = (uintptr_t)sp_rule_cfa_units(rule) * SP_ARCH_CFA_UNIT + (kind == SP_FRAME_SP ? sp : fp);
        sp_arch_unpack_saves(cfa, sp_rule_saves(rule), &ra_at, &fp_at);
        if (kind == SP_FRAME_RECORD) {
            ra_at = fp + SP_WORD;
            fp_at = fp;
        } else if (kind != SP_FRAME_SP && kind != SP_FRAME_FP) {
            is_last = kind == SP_FRAME_LAST;
            break;
        }
        if (cfa <= sp || cfa > walk->loader.high || !is_word_of(&walk->loader, ra_at) ||
            (fp_at != 0 && !is_word_of(&walk->loader, fp_at)))
            break;
        const uintptr_t caller = sp_arch_return_address(sp_word_at(ra_at));
        if (caller == 0)
            break;
        output->pcs[depth++] = pc;
        pc = caller;
        sp = cfa;
        fp = fp_at != 0 ? sp_word_at(fp_at) : fp;
        is_exact = false;
    }
    if (is_last)
        output->pcs[depth++] = pc;
    if (depth == output->depth)
        return false;
    walk->number += depth - output->depth;
    output->depth = depth;
    walk->at = (struct sp_registers){.pc = pc, .sp = sp, .fp = fp};
    walk->is_exact = is_exact;
    return is_last;
}

/* What stands for the current frame, see unwind.h, where `is_leaf` is what is written first. Of a call of address 0, pc
 * + 1 would be taken for the gap. */
static inline uint64_t word_of_frame(uintptr_t pc, bool is_exact, bool is_leaf)
{
    if (!is_exact || is_leaf)
        return pc;
    return pc != 0 ? pc + 1 : SP_PC_GAP + 1;
}

/* The frame's place on the stack is known when its caller is found: above it go the frames that it interprets. */
static enum sp_outcome step_with_published(struct sp_walk *walk, uint32_t rule, struct sp_frame_list *output)
{
    const uintptr_t pc = walk->at.pc, low = walk->at.sp;
    const bool is_exact = walk->is_exact;
    const enum sp_outcome outcome = sp_walk_step(walk, rule);
    if (outcome == SP_OUTCOME_CALLER)
        sp_virtual_place(&walk->published, low, walk->at.sp, walk->stack.low, walk->stack.high, output);
    sp_frame_list_put(output, word_of_frame(pc, is_exact, output->depth == 0));
    return outcome;
}

static inline enum sp_outcome step(struct sp_walk *walk, uint32_t rule, struct sp_frame_list *output)
{
    if (walk->published.left > 0)
        return step_with_published(walk, rule, output);
    sp_frame_list_put(output, word_of_frame(walk->at.pc, walk->is_exact, output->depth == 0));
    return sp_walk_step(walk, rule);
}

static enum sp_stack_end follow(struct sp_walk *walk, struct sp_frame_list *output)
{
    while (walk->number < FRAMES_LIMIT) {
        if (walk->published.left == 0 && follow_common(walk, output))
            return SP_STACK_COMPLETE;
        const uint32_t rule = rule_of_frame(walk);
        if (sp_rule_kind(rule) == SP_FRAME_NO_CODE)
            return SP_STACK_CUT_RULES;
        const enum sp_outcome outcome = step(walk, rule, output);
        walk->number++;
        if (outcome != SP_OUTCOME_CALLER)
            return (enum sp_stack_end)outcome;
        if (walk->at.pc == 0 && !walk->is_exact)
            return SP_STACK_COMPLETE;
    }
    return SP_STACK_CUT_DEPTH;
}

/* A walk that is to begin at walk->at. `published` may be NULL. */
static void begin(struct sp_walk *walk, const struct sp_stack_bounds *stack, const struct sp_virtual_stack *published,
                  struct sp_unwind_memory *memory)
{
    walk->is_exact = true;
    walk->number = walk->misses = walk->context_number = walk->switches = 0;
    walk->steps_left = STEPS_LIMIT;
    walk->loader = sp_loader_new(0, 0);
    walk->stack = *stack;
    walk->memory = memory;
    walk->object = 0;
    walk->objects[0].low = walk->objects[0].high = walk->objects[1].low = walk->objects[1].high = 0;
    walk->code = (struct sp_stack_bounds){0, 0};
    walk->context = NULL;
    walk->full_number = SP_WALK_NEVER;
    sp_virtual_begin(&walk->published, published);
    if (walk->at.sp >= stack->low && walk->at.sp < stack->high) { /* in use for sure: the thread is on it */
        walk->loader.low = walk->at.sp;
        walk->loader.high = stack->high;
    }
}

uint32_t sp_unwind_with(struct sp_scratch *scratch, const void *context, const struct sp_stack_bounds *stack,
                        const struct sp_virtual_stack *published, struct sp_unwind_memory *memory, uint64_t *pcs,
                        uint32_t max_depth, struct sp_walk_facts *facts)
{
    struct sp_walk *walk = (struct sp_walk *)(void *)scratch;
    struct sp_frame_list output = {.pcs = pcs, .max_depth = max_depth};
    sp_arch_capture(context, &walk->at);
    begin(walk, stack, published, memory);
    walk->context = context;
    facts->end = follow(walk, &output);
    if (published != NULL)
        sp_virtual_place_rest(&walk->published, &output);
    facts->virtual_placed = walk->published.placed;
    facts->virtual_dropped = walk->published.dropped;
    facts->virtual_damaged = walk->published.damaged;
    facts->frames = walk->number;
    facts->misses = walk->misses;
    if (output.ring != 0)
        sp_frame_list_straighten(&output);
    if (facts->end == SP_STACK_COMPLETE && (walk->number > max_depth || output.ring != 0))
        facts->end = SP_STACK_CUT_DEPTH;
    return output.depth;
}

uint32_t sp_unwind(const void *context, const struct sp_stack_bounds *stack, struct sp_unwind_memory *memory,
                   uint64_t *pcs, uint32_t max_depth, struct sp_walk_facts *facts)
{
    struct sp_scratch scratch;
    return sp_unwind_with(&scratch, context, stack, NULL, memory, pcs, max_depth, facts);
}

/*
 * Steps through frames that have tables, `max_depth` at most, and returns how many; the walk is then at the frame after
 * them. Code without tables has its frame here only where it was interrupted and code with tables has called it.
 */
static uint32_t follow_tables(struct sp_walk *walk, uintptr_t *pcs, uint32_t max_depth)
{
    bool is_sure = false;
    while (walk->number < max_depth) {
        const uint32_t rule = rule_of_frame(walk);
        const enum sp_rule_kind kind = sp_rule_kind(rule);
        const bool has_tables = kind != SP_FRAME_NO_RULES && kind != SP_FRAME_NO_CODE;
        if (!has_tables && (!walk->is_exact || walk->number > 0))
            break;
        is_sure = is_sure || has_tables;
        if (pcs != NULL)
            pcs[walk->number] = sp_walk_address(walk);
        const enum sp_outcome outcome = sp_walk_step(walk, rule);
        walk->number++;
        if (outcome != SP_OUTCOME_CALLER || (walk->at.pc == 0 && !walk->is_exact)) {
            walk->at.pc = 0;
            break;
        }
    }
    return is_sure ? walk->number : 0;
}

static const struct sp_stack_bounds not_known = {0, 0};

uint32_t sp_unwind_tables(const void *context, struct sp_unwind_memory *memory, uintptr_t *pcs, uint32_t max_depth)
{
    struct sp_scratch scratch;
    struct sp_walk *walk = (struct sp_walk *)(void *)&scratch;
    sp_arch_capture(context, &walk->at);
    begin(walk, &not_known, NULL, memory);
    walk->context = context;
    return follow_tables(walk, pcs, max_depth);
}

uint32_t sp_unwind_callers(struct sp_registers *registers, struct sp_unwind_memory *memory, uintptr_t *pcs,
                           uint32_t max_depth)
{
    struct sp_scratch scratch;
    struct sp_walk *walk = (struct sp_walk *)(void *)&scratch;
    walk->at = *registers;
    begin(walk, &not_known, NULL, memory);
    walk->is_exact = false;
    const uint32_t n = follow_tables(walk, pcs, max_depth);
    *registers = walk->at;
    return n;
}
