/* From a frame to its caller by a row of the unwind tables; see frame.h for place and context. */
#include "handler/frame.h"

#include "handler/dwarf_expression.h"

#include "handler/poison.h"

void sp_frame_from_context(const void *context, struct sp_frame *frame)
{
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++)
        frame->columns[i] = sp_arch_column(context, i);
    frame->known = (uint32_t)(((uint64_t)1 << SP_ARCH_COLUMNS) - 1);
    struct sp_registers registers;
    sp_arch_capture(context, &registers);
    frame->pc = registers.pc;
}

struct stepping {
    const struct sp_tables *tables;
    const struct sp_cfi_row *row;
    struct sp_loader *loader;
    const struct sp_frame *frame;
    uintptr_t cfa;
};

static bool find_cfa(struct stepping *step)
{
    const struct sp_cfi_row *row = step->row;
    if (row->cfa_is_expression)
        return sp_expression_evaluate(step->tables, row->cfa_offset, step->frame, step->loader, NULL, &step->cfa);
    if ((step->frame->known >> row->cfa_register & 1) == 0)
        return false;
    step->cfa = step->frame->columns[row->cfa_register] + (uintptr_t)row->cfa_offset;
    return true;
}

/* The caller's value of a register whose rule is not UNSPECIFIED, SAME, or UNDEFINED. */
static enum sp_step find_value(const struct stepping *step, unsigned column, uintptr_t *value)
{
    const int32_t number = step->row->values[column];
    const enum sp_rule rule = step->row->rules[column];
    uintptr_t address = step->cfa + (uintptr_t)(intptr_t)number;
    if (rule == SP_RULE_VAL_OFFSET) {
        *value = address;
        return SP_STEP_OK;
    }
    if (rule == SP_RULE_REGISTER) {
        if (number < 0 || number >= SP_ARCH_COLUMNS || (step->frame->known >> number & 1) == 0)
            return SP_STEP_RULES;
        *value = step->frame->columns[number];
        return SP_STEP_OK;
    }
    if (rule != SP_RULE_OFFSET &&
        !sp_expression_evaluate(step->tables, number, step->frame, step->loader, &step->cfa, &address))
        return SP_STEP_RULES;
    if (rule == SP_RULE_VAL_EXPRESSION) {
        *value = address;
        return SP_STEP_OK;
    }
    return sp_load_word(step->loader, address, value) ? SP_STEP_OK : SP_STEP_MEMORY;
}

/* A register that cannot be had is unknown from here on; only the return address cannot be done without. */
static enum sp_step step_column(const struct stepping *step, unsigned column, struct sp_frame *caller)
{
    const enum sp_rule rule = step->row->rules[column];
    if (rule == SP_RULE_UNDEFINED) {
        caller->known &= ~(1u << column);
        return SP_STEP_OK;
    }
    if (rule == SP_RULE_UNSPECIFIED && column == SP_ARCH_SP) {
        caller->columns[column] = step->cfa;
        caller->known |= 1u << column;
        return SP_STEP_OK;
    }
    if (rule == SP_RULE_SAME || rule == SP_RULE_UNSPECIFIED)
        return SP_STEP_OK;
    const enum sp_step status = find_value(step, column, &caller->columns[column]);
    if (status == SP_STEP_OK)
        caller->known |= 1u << column;
    else
        caller->known &= ~(1u << column);
    return status;
}

enum sp_step sp_frame_step(const struct sp_tables *tables, const struct sp_cfi_row *row, struct sp_loader *loader,
                           const struct sp_frame *frame, struct sp_frame *caller)
{
    struct stepping step = {tables, row, loader, frame, 0};
    sp_frame_copy(frame, caller);
    const unsigned return_column = row->return_column;
    if (row->rules[return_column] == SP_RULE_UNDEFINED)
        return SP_STEP_LAST;
    if (row->rules[return_column] == SP_RULE_UNSPECIFIED && !SP_ARCH_HAS_LINK_REGISTER)
        return SP_STEP_RULES;
    if (!find_cfa(&step))
        return SP_STEP_RULES;
    for (unsigned column = 0; column < SP_ARCH_COLUMNS; column++) {
        const enum sp_step status = step_column(&step, column, caller);
        if (status != SP_STEP_OK && (column == return_column || column == SP_ARCH_SP))
            return status;
    }
    if ((caller->known >> return_column & 1) == 0 || (caller->known >> SP_ARCH_SP & 1) == 0)
        return SP_STEP_RULES;
    caller->pc = sp_arch_return_address(caller->columns[return_column]);
    return SP_STEP_OK;
}
