/*
 * The step from a frame to its caller, by each kind of rule.
 *
 * Place and context: see walk.h.
 *
 * Where a rule needs registers that the walk does not carry, all of them are brought up from the last frame where they
 * were known (the interruption, or a signal's frame on the way) by walking these frames again, with the tables alone.
 */
#include "handler/walk.h"

#include "handler/poison.h"

enum {
    CATCH_UP_LIMIT = 1 << 10, /* frames walked again for their registers */
    EXPRESSION_STEPS = 256,   /* of which one has a dozen, and nonsense four times as many */
};

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
    return sp_walk_go_to_caller(walk, pc, cfa, fp);
}

static inline enum sp_outcome step_record(struct sp_walk *walk, uintptr_t cfa)
{
    const uintptr_t record = walk->at.fp;
    if (!sp_can_load(&walk->loader, record, 2 * SP_WORD))
        return SP_OUTCOME_MEMORY;
    return sp_walk_go_to_caller(walk, sp_word_at(record + SP_WORD), cfa, sp_word_at(record));
}

static enum sp_outcome step_realigned(struct sp_walk *walk, uint32_t units)
{
    uintptr_t cfa, fp, pc;
    if (!sp_load_word(&walk->loader, walk->at.fp - units * SP_WORD, &cfa) ||
        !sp_load_word(&walk->loader, walk->at.fp, &fp) || !sp_load_word(&walk->loader, cfa - SP_WORD, &pc))
        return SP_OUTCOME_MEMORY;
    return sp_walk_go_to_caller(walk, pc, cfa, fp);
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
        outcome = sp_walk_step_untabled(walk);
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
        return sp_walk_step_untabled(walk);
    case SP_FRAME_SIGNAL:
        return step_signal(walk);
    case SP_FRAME_COMPLEX:
        return step_complex(walk);
    default:
        return SP_OUTCOME_RULES;
    }
}
