/*
 * Executes an unwind entry up to an address; see cfi.h for place and context.
 *
 * remember_state and restore_state nest to any depth, and there is no room here to remember states. None is needed:
 * what stands between a remember_state and its restore_state has no effect behind the latter but to advance the
 * location. So at a remember_state we look ahead: if its restore_state comes before the address, we go on behind that.
 */
#include "handler/cfi.h"

#include "handler/cfi_program.h"

#include "handler/poison.h"

enum { INSTRUCTIONS_LIMIT = 1 << 16 };

struct machine {
    const struct sp_tables *tables;
    const struct sp_fde *fde;
    struct sp_cfi_row *row;
    uintptr_t location, pc;
    int64_t cfa_offset; /* the last that was named: an expression leaves it as it was */
    bool has_cfa;       /* something has defined it */
    uint32_t left;      /* instructions that may still be read */
};

static struct sp_cfi_instruction read_next(struct machine *machine, struct sp_table_reader *program)
{
    if (machine->left == 0)
        return (struct sp_cfi_instruction){.action = SP_CFI_UNKNOWN};
    machine->left--;
    return sp_cfi_read(machine->tables, machine->fde, program);
}

/* Moves `*location`; false when that is beyond the address that is asked for: the row is found. */
static bool moves(const struct machine *machine, const struct sp_cfi_instruction *instruction, uintptr_t *location)
{
    const uintptr_t value = (uintptr_t)instruction->value;
    if (instruction->action == SP_CFI_ADVANCE) {
        if (value > machine->pc - *location)
            return false;
        *location += value;
        return true;
    }
    if (value > machine->pc)
        return false;
    *location = value;
    return true;
}

/* At a remember_state: goes to where its restore_state has been read, if that comes before the address. */
static void pass_over(struct machine *machine, struct sp_table_reader *program)
{
    struct sp_table_reader ahead = *program;
    uintptr_t location = machine->location;
    unsigned nested = 1;
    while (ahead.at < ahead.end) {
        const struct sp_cfi_instruction next = read_next(machine, &ahead);
        if (next.action == SP_CFI_UNKNOWN)
            return;
        if ((next.action == SP_CFI_ADVANCE || next.action == SP_CFI_SET_LOCATION) && !moves(machine, &next, &location))
            return;
        nested += next.action == SP_CFI_REMEMBER_STATE;
        nested -= next.action == SP_CFI_RESTORE_STATE;
        if (nested == 0) {
            *program = ahead;
            machine->location = location;
            return;
        }
    }
}

/* Rules of registers that no walk needs (vector registers) are not kept. */
static bool set_rule(struct sp_cfi_row *row, uint64_t column, uint8_t rule, int64_t value)
{
    if (column >= SP_ARCH_COLUMNS)
        return true;
    if (value != (int32_t)value)
        return false;
    row->rules[column] = rule;
    row->values[column] = (int32_t)value;
    return true;
}

/* The rule that a column has from the CIE's instructions: these are read again, which is rare and costs no memory. */
static bool restore_rule(struct machine *machine, uint64_t column)
{
    struct sp_table_reader program = machine->fde->initial;
    if (!set_rule(machine->row, column, SP_RULE_UNSPECIFIED, 0))
        return false;
    while (program.at < program.end) {
        const struct sp_cfi_instruction first = read_next(machine, &program);
        if (first.action == SP_CFI_UNKNOWN)
            return false;
        if (first.action == SP_CFI_SET_RULE && first.column == column &&
            !set_rule(machine->row, column, first.rule, first.value))
            return false;
    }
    return !program.has_failed;
}

static bool set_cfa(struct machine *machine, uint64_t column, int64_t offset)
{
    struct sp_cfi_row *row = machine->row;
    if (column >= SP_ARCH_COLUMNS)
        return false;
    machine->cfa_offset = offset;
    machine->has_cfa = true;
    row->cfa_is_expression = false;
    row->cfa_register = (uint16_t)column;
    row->cfa_offset = offset;
    return true;
}

/* Does what does not move the location. False when it makes no sense. */
static bool apply(struct machine *machine, const struct sp_cfi_instruction *instruction,
                  struct sp_table_reader *program)
{
    struct sp_cfi_row *row = machine->row;
    switch (instruction->action) {
    case SP_CFI_NOTHING:
        return true;
    case SP_CFI_SET_RULE:
        return set_rule(row, instruction->column, instruction->rule, instruction->value);
    case SP_CFI_RESTORE:
        return restore_rule(machine, instruction->column);
    case SP_CFI_REMEMBER_STATE:
        pass_over(machine, program);
        return true;
    case SP_CFI_DEFINE_CFA:
        return set_cfa(machine, instruction->column, instruction->value);
    case SP_CFI_CFA_REGISTER: /* behind an expression too: libgcrypt's assembly does that, libgcc takes it so */
        return set_cfa(machine, instruction->column, machine->cfa_offset);
    case SP_CFI_CFA_OFFSET:
        return machine->has_cfa && !row->cfa_is_expression && set_cfa(machine, row->cfa_register, instruction->value);
    case SP_CFI_CFA_EXPRESSION:
        machine->has_cfa = true;
        row->cfa_is_expression = true;
        row->cfa_offset = instruction->value;
        return true;
    default:
        return false; /* among them a restore_state without its remember_state */
    }
}

static bool execute(struct machine *machine, struct sp_table_reader program)
{
    while (program.at < program.end) {
        const struct sp_cfi_instruction next = read_next(machine, &program);
        if (next.action == SP_CFI_ADVANCE || next.action == SP_CFI_SET_LOCATION) {
            if (!moves(machine, &next, &machine->location))
                break;
        } else if (!apply(machine, &next, &program)) {
            return false;
        }
    }
    return !program.has_failed;
}

/* Field by field: an assignment of the whole would first be made on the stack. */
static void begin_row(struct sp_cfi_row *row, const struct sp_fde *fde)
{
    row->cfa_is_expression = false;
    row->is_signal_frame = fde->is_signal_frame;
    row->cfa_register = 0;
    row->return_column = (uint16_t)fde->return_column;
    row->cfa_offset = 0;
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++) {
        row->rules[i] = SP_RULE_UNSPECIFIED;
        row->values[i] = 0;
    }
    row->begin = fde->begin;
    row->end = fde->end;
}

enum sp_cfi_status sp_cfi_find(const struct sp_tables *tables, uintptr_t pc, struct sp_cfi_row *row)
{
    struct sp_fde fde;
    const enum sp_cfi_status status = sp_fde_find(tables, pc, &fde);
    row->steps = fde.scanned;
    if (status != SP_CFI_FOUND)
        return status;
    if (fde.return_column >= SP_ARCH_COLUMNS)
        return SP_CFI_MALFORMED;
    struct machine machine = {.tables = tables, .fde = &fde, .row = row, .left = INSTRUCTIONS_LIMIT};
    machine.location = fde.begin;
    machine.pc = pc;
    begin_row(row, &fde);
    bool makes_sense = execute(&machine, fde.initial);
    machine.location = fde.begin;
    makes_sense = makes_sense && execute(&machine, fde.program);
    row->steps += INSTRUCTIONS_LIMIT - machine.left;
    const bool is_last = row->rules[row->return_column] == SP_RULE_UNDEFINED; /* needs no CFA */
    return makes_sense && (machine.has_cfa || is_last) ? SP_CFI_FOUND : SP_CFI_MALFORMED;
}
