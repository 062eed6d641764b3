/*
 * DWARF expressions as bytes against libdw's decoded operations.
 *
 * Source: DWARF 5, section 7.7.1; what libdw makes of the operands is said in elfutils/libdw.h at Dwarf_Op.
 */
#include "rules.h"

#include <dwarf.h>

#include "own_reader.h"

/* Reads the operands of `op` as libdw tells them. */
static void read_operands(struct own_reader *reader, Dwarf_Op *op)
{
    if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
        op->number = own_read_leb(reader, true);
        return;
    }
    switch (op->atom) {
    case DW_OP_addr:
    case DW_OP_const8u:
    case DW_OP_const8s:
        op->number = own_read(reader, 8);
        break;
    case DW_OP_const4u:
        op->number = own_read(reader, 4);
        break;
    case DW_OP_const2u:
        op->number = own_read(reader, 2);
        break;
    case DW_OP_const1u:
    case DW_OP_pick:
    case DW_OP_deref_size:
    case DW_OP_xderef_size:
        op->number = own_read(reader, 1);
        break;
    case DW_OP_const4s:
        op->number = (Dwarf_Word)own_read_signed(reader, 4);
        break;
    case DW_OP_const2s:
    case DW_OP_bra:
    case DW_OP_skip:
        op->number = (Dwarf_Word)own_read_signed(reader, 2);
        break;
    case DW_OP_const1s:
        op->number = (Dwarf_Word)own_read_signed(reader, 1);
        break;
    case DW_OP_constu:
    case DW_OP_plus_uconst:
    case DW_OP_regx:
        op->number = own_read_leb(reader, false);
        break;
    case DW_OP_consts:
        op->number = own_read_leb(reader, true);
        break;
    case DW_OP_bregx:
        op->number = own_read_leb(reader, false);
        op->number2 = own_read_leb(reader, true);
        break;
    default: /* no operands, as lit, deref, plus; one that has some shows at the next operation's place */
        break;
    }
}

bool expression_equals(const struct sp_tables *tables, int64_t offset, const Dwarf_Op *ops, size_t n)
{
    if (offset < 0 || (uint64_t)offset >= tables->high - tables->low)
        return false;
    const uint8_t *const low = (const uint8_t *)tables->low, *const high = (const uint8_t *)tables->high; /* NOLINT */
    struct own_reader reader = {low + offset, high, false};
    const uint64_t bytes = own_read_leb(&reader, false);
    if (reader.failed || bytes > (uint64_t)(reader.end - reader.at))
        return false;
    const uint8_t *const begin = reader.at;
    reader.end = begin + bytes;
    for (size_t i = 0; i < n; i++) {
        Dwarf_Op op = {.offset = (Dwarf_Word)(reader.at - begin)};
        op.atom = (uint8_t)own_read(&reader, 1);
        read_operands(&reader, &op);
        if (reader.failed || op.atom != ops[i].atom || op.number != ops[i].number || op.number2 != ops[i].number2 ||
            op.offset != ops[i].offset)
            return false;
    }
    return reader.at == reader.end;
}
