/* Reads call frame instructions; see cfi_program.h for place and context. */
#include "handler/cfi_program.h"

#include "handler/poison.h"

enum {
    DW_CFA_advance_loc = 0x40,
    DW_CFA_offset = 0x80,
    DW_CFA_restore = 0xc0,
    DW_CFA_nop = 0x00,
    DW_CFA_set_loc = 0x01,
    DW_CFA_advance_loc1 = 0x02,
    DW_CFA_advance_loc2 = 0x03,
    DW_CFA_advance_loc4 = 0x04,
    DW_CFA_offset_extended = 0x05,
    DW_CFA_restore_extended = 0x06,
    DW_CFA_undefined = 0x07,
    DW_CFA_same_value = 0x08,
    DW_CFA_register = 0x09,
    DW_CFA_remember_state = 0x0a,
    DW_CFA_restore_state = 0x0b,
    DW_CFA_def_cfa = 0x0c,
    DW_CFA_def_cfa_register = 0x0d,
    DW_CFA_def_cfa_offset = 0x0e,
    DW_CFA_def_cfa_expression = 0x0f,
    DW_CFA_expression = 0x10,
    DW_CFA_offset_extended_sf = 0x11,
    DW_CFA_def_cfa_sf = 0x12,
    DW_CFA_def_cfa_offset_sf = 0x13,
    DW_CFA_val_offset = 0x14,
    DW_CFA_val_offset_sf = 0x15,
    DW_CFA_val_expression = 0x16,
    DW_CFA_MIPS_advance_loc8 = 0x1d,
    DW_CFA_AARCH64_negate_ra_state_with_pc = 0x2c,
    DW_CFA_GNU_window_save = 0x2d, /* on aarch64: negate_ra_state; return addresses are always stripped here */
    DW_CFA_GNU_args_size = 0x2e,
    DW_CFA_GNU_negative_offset_extended = 0x2f,
};

typedef struct sp_cfi_instruction instruction;

static instruction nothing(void)
{
    return (instruction){.action = SP_CFI_NOTHING};
}

/* The location advances by `units` of the CIE's code alignment. */
static instruction advance(const struct sp_fde *fde, uint64_t units)
{
    return (instruction){.action = SP_CFI_ADVANCE, .value = (int64_t)(units * fde->code_factor)};
}

static int64_t factored(const struct sp_fde *fde, uint64_t offset)
{
    return (int64_t)(offset * (uint64_t)fde->data_factor);
}

static instruction rule(uint64_t column, enum sp_rule rule, int64_t value)
{
    return (instruction){.action = SP_CFI_SET_RULE, .column = column, .rule = (uint8_t)rule, .value = value};
}

/* An expression is told by its place; its bytes are passed over. */
static int64_t expression(const struct sp_tables *tables, struct sp_table_reader *program)
{
    const int64_t place = (int64_t)(program->at - tables->low);
    sp_table_skip(program, sp_table_uleb(program));
    return place;
}

static instruction cfa(enum sp_cfi_action action, uint64_t column, int64_t value)
{
    return (instruction){.action = action, .column = column, .value = value};
}

struct sp_cfi_instruction sp_cfi_read(const struct sp_tables *tables, const struct sp_fde *fde,
                                      struct sp_table_reader *program)
{
    const uint8_t opcode = sp_table_u8(program), operand = opcode & 0x3f;
    uint64_t column;
    switch (opcode & 0xc0) {
    case DW_CFA_advance_loc:
        return advance(fde, operand);
    case DW_CFA_offset:
        return rule(operand, SP_RULE_OFFSET, factored(fde, sp_table_uleb(program)));
    case DW_CFA_restore:
        return (instruction){.action = SP_CFI_RESTORE, .column = operand};
    default:
        break;
    }
    switch (opcode) {
    case DW_CFA_nop:
    case DW_CFA_AARCH64_negate_ra_state_with_pc:
    case DW_CFA_GNU_window_save:
        return nothing();
    case DW_CFA_GNU_args_size:
        sp_table_uleb(program);
        return nothing();
    case DW_CFA_set_loc:
        return (instruction){.action = SP_CFI_SET_LOCATION,
                             .value = (int64_t)sp_table_pointer(program, fde->pointer_encoding, tables->header)};
    case DW_CFA_advance_loc1:
        return advance(fde, sp_table_u8(program));
    case DW_CFA_advance_loc2:
        return advance(fde, sp_table_u16(program));
    case DW_CFA_advance_loc4:
        return advance(fde, sp_table_u32(program));
    case DW_CFA_MIPS_advance_loc8:
        return advance(fde, sp_table_u64(program));
    case DW_CFA_remember_state:
        return (instruction){.action = SP_CFI_REMEMBER_STATE};
    case DW_CFA_restore_state:
        return (instruction){.action = SP_CFI_RESTORE_STATE};
    case DW_CFA_def_cfa_offset:
        return cfa(SP_CFI_CFA_OFFSET, 0, (int64_t)sp_table_uleb(program));
    case DW_CFA_def_cfa_offset_sf:
        return cfa(SP_CFI_CFA_OFFSET, 0, factored(fde, (uint64_t)sp_table_sleb(program)));
    case DW_CFA_def_cfa_expression:
        return cfa(SP_CFI_CFA_EXPRESSION, 0, expression(tables, program));
    case DW_CFA_offset_extended:
    case DW_CFA_restore_extended:
    case DW_CFA_undefined:
    case DW_CFA_same_value:
    case DW_CFA_register:
    case DW_CFA_def_cfa:
    case DW_CFA_def_cfa_register:
    case DW_CFA_expression:
    case DW_CFA_offset_extended_sf:
    case DW_CFA_def_cfa_sf:
    case DW_CFA_val_offset:
    case DW_CFA_val_offset_sf:
    case DW_CFA_val_expression:
    case DW_CFA_GNU_negative_offset_extended:
        column = sp_table_uleb(program);
        break;
    default:
        return (instruction){.action = SP_CFI_UNKNOWN};
    }
    switch (opcode) { /* those that begin with a register */
    case DW_CFA_offset_extended:
        return rule(column, SP_RULE_OFFSET, factored(fde, sp_table_uleb(program)));
    case DW_CFA_offset_extended_sf:
        return rule(column, SP_RULE_OFFSET, factored(fde, (uint64_t)sp_table_sleb(program)));
    case DW_CFA_GNU_negative_offset_extended:
        return rule(column, SP_RULE_OFFSET, -factored(fde, sp_table_uleb(program)));
    case DW_CFA_val_offset:
        return rule(column, SP_RULE_VAL_OFFSET, factored(fde, sp_table_uleb(program)));
    case DW_CFA_val_offset_sf:
        return rule(column, SP_RULE_VAL_OFFSET, factored(fde, (uint64_t)sp_table_sleb(program)));
    case DW_CFA_restore_extended:
        return (instruction){.action = SP_CFI_RESTORE, .column = column};
    case DW_CFA_undefined:
        return rule(column, SP_RULE_UNDEFINED, 0);
    case DW_CFA_same_value:
        return rule(column, SP_RULE_SAME, 0);
    case DW_CFA_register:
        return rule(column, SP_RULE_REGISTER, (int64_t)sp_table_uleb(program));
    case DW_CFA_expression:
        return rule(column, SP_RULE_EXPRESSION, expression(tables, program));
    case DW_CFA_val_expression:
        return rule(column, SP_RULE_VAL_EXPRESSION, expression(tables, program));
    case DW_CFA_def_cfa:
        return cfa(SP_CFI_DEFINE_CFA, column, (int64_t)sp_table_uleb(program));
    case DW_CFA_def_cfa_sf:
        return cfa(SP_CFI_DEFINE_CFA, column, factored(fde, (uint64_t)sp_table_sleb(program)));
    default:
        return cfa(SP_CFI_CFA_REGISTER, column, 0);
    }
}
