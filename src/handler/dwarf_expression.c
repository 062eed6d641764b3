/* Evaluates DWARF expressions; see dwarf_expression.h for place and context. */
#include "handler/dwarf_expression.h"

#include "handler/table_reader.h"

#include "handler/poison.h"

enum { STACK_WORDS = 16, STEPS_LIMIT = 1024 };

enum {
    DW_OP_addr = 0x03,
    DW_OP_deref = 0x06,
    DW_OP_const1u = 0x08,
    DW_OP_const1s = 0x09,
    DW_OP_const2u = 0x0a,
    DW_OP_const2s = 0x0b,
    DW_OP_const4u = 0x0c,
    DW_OP_const4s = 0x0d,
    DW_OP_const8u = 0x0e,
    DW_OP_const8s = 0x0f,
    DW_OP_constu = 0x10,
    DW_OP_consts = 0x11,
    DW_OP_dup = 0x12,
    DW_OP_drop = 0x13,
    DW_OP_over = 0x14,
    DW_OP_pick = 0x15,
    DW_OP_swap = 0x16,
    DW_OP_rot = 0x17,
    DW_OP_abs = 0x19,
    DW_OP_and = 0x1a,
    DW_OP_div = 0x1b,
    DW_OP_minus = 0x1c,
    DW_OP_mod = 0x1d,
    DW_OP_mul = 0x1e,
    DW_OP_neg = 0x1f,
    DW_OP_not = 0x20,
    DW_OP_or = 0x21,
    DW_OP_plus = 0x22,
    DW_OP_plus_uconst = 0x23,
    DW_OP_shl = 0x24,
    DW_OP_shr = 0x25,
    DW_OP_shra = 0x26,
    DW_OP_xor = 0x27,
    DW_OP_bra = 0x28,
    DW_OP_eq = 0x29,
    DW_OP_ge = 0x2a,
    DW_OP_gt = 0x2b,
    DW_OP_le = 0x2c,
    DW_OP_lt = 0x2d,
    DW_OP_ne = 0x2e,
    DW_OP_skip = 0x2f,
    DW_OP_lit0 = 0x30,
    DW_OP_lit31 = 0x4f,
    DW_OP_breg0 = 0x70,
    DW_OP_breg31 = 0x8f,
    DW_OP_bregx = 0x92,
    DW_OP_deref_size = 0x94,
    DW_OP_nop = 0x96,
    DW_OP_GNU_encoded_addr = 0xf1,
};

struct machine {
    const struct sp_frame *frame;
    struct sp_loader *loader;
    struct sp_table_reader code;
    uintptr_t begin; /* of the code */
    uintptr_t stack[STACK_WORDS];
    unsigned depth;
    bool has_failed; /* the stack ran over or empty, a register or memory is not there, an operation is unknown */
};

static void push(struct machine *machine, uintptr_t value)
{
    if (machine->depth == STACK_WORDS)
        machine->has_failed = true;
    else
        machine->stack[machine->depth++] = value;
}

static uintptr_t pop(struct machine *machine)
{
    if (machine->depth == 0) {
        machine->has_failed = true;
        return 0;
    }
    return machine->stack[--machine->depth];
}

/* The word `below` words under the top. */
static uintptr_t peek(struct machine *machine, unsigned below)
{
    if (below >= machine->depth) {
        machine->has_failed = true;
        return 0;
    }
    return machine->stack[machine->depth - 1 - below];
}

static void push_register(struct machine *machine, uint64_t column)
{
    const int64_t offset = sp_table_sleb(&machine->code);
    if (column >= SP_ARCH_COLUMNS || (machine->frame->known >> column & 1) == 0)
        machine->has_failed = true;
    else
        push(machine, machine->frame->columns[column] + (uintptr_t)offset);
}

/* The `bytes` at an address, 1 to 8, as an unsigned number; both CPUs are little-endian. */
static uintptr_t load(struct machine *machine, uintptr_t address, unsigned bytes)
{
    if (bytes == 0 || bytes > SP_WORD || !sp_can_load(machine->loader, address, bytes)) {
        machine->has_failed = true;
        return 0;
    }
    if (bytes == SP_WORD)
        return sp_word_at(address);
    uintptr_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uintptr_t)((const volatile uint8_t *)address)[i] << 8 * i;
    return value;
}

/* A constant operand: the sizes are 1, 2, 4, 8; even operations are unsigned, odd ones signed. */
static uintptr_t constant(struct machine *machine, uint8_t operation)
{
    switch (operation) {
    case DW_OP_const1u:
        return sp_table_u8(&machine->code);
    case DW_OP_const1s:
        return (uintptr_t)(int8_t)sp_table_u8(&machine->code);
    case DW_OP_const2u:
        return sp_table_u16(&machine->code);
    case DW_OP_const2s:
        return (uintptr_t)(int16_t)sp_table_u16(&machine->code);
    case DW_OP_const4u:
        return sp_table_u32(&machine->code);
    case DW_OP_const4s:
        return (uintptr_t)(int32_t)sp_table_u32(&machine->code);
    case DW_OP_constu:
        return (uintptr_t)sp_table_uleb(&machine->code);
    case DW_OP_consts:
        return (uintptr_t)sp_table_sleb(&machine->code);
    default:
        return (uintptr_t)sp_table_u64(&machine->code); /* addr, const8u, const8s */
    }
}

/* Two operands: `a` was below `b`. Shifts by a word or more give what is left of it: nothing, or the sign. */
static uintptr_t combine(struct machine *machine, uint8_t operation, uintptr_t a, uintptr_t b)
{
    const intptr_t sa = (intptr_t)a, sb = (intptr_t)b;
    const unsigned bits = 8 * SP_WORD;
    switch (operation) {
    case DW_OP_and:
        return a & b;
    case DW_OP_div:
        if (b == 0 || (sb == -1 && sa == INTPTR_MIN))
            break;
        return (uintptr_t)(sa / sb);
    case DW_OP_minus:
        return a - b;
    case DW_OP_mod:
        if (b == 0)
            break;
        return a % b;
    case DW_OP_mul:
        return a * b;
    case DW_OP_or:
        return a | b;
    case DW_OP_plus:
        return a + b;
    case DW_OP_shl:
        return b < bits ? a << b : 0;
    case DW_OP_shr:
        return b < bits ? a >> b : 0;
    case DW_OP_shra:
        return (uintptr_t)(sa >> (b < bits ? b : bits - 1));
    case DW_OP_xor:
        return a ^ b;
    case DW_OP_eq:
        return sa == sb;
    case DW_OP_ge:
        return sa >= sb;
    case DW_OP_gt:
        return sa > sb;
    case DW_OP_le:
        return sa <= sb;
    case DW_OP_lt:
        return sa < sb;
    case DW_OP_ne:
        return sa != sb;
    default:
        break;
    }
    machine->has_failed = true;
    return 0;
}

static void jump(struct machine *machine, bool is_taken)
{
    const intptr_t distance = (int16_t)sp_table_u16(&machine->code);
    const uintptr_t to = machine->code.at + (uintptr_t)distance;
    if (!is_taken)
        return;
    if (to < machine->begin || to > machine->code.end)
        machine->has_failed = true;
    else
        machine->code.at = to;
}

static void rotate(struct machine *machine)
{
    const uintptr_t first = pop(machine), second = pop(machine), third = pop(machine);
    push(machine, first);
    push(machine, third);
    push(machine, second);
}

static void swap(struct machine *machine)
{
    const uintptr_t first = pop(machine), second = pop(machine);
    push(machine, first);
    push(machine, second);
}

static uintptr_t absolute(uintptr_t value)
{
    return (intptr_t)value < 0 ? 0 - value : value;
}

/* Two of the operands are on the stack, or one, or it is in the code. */
static void step(struct machine *machine, uint8_t operation)
{
    uintptr_t b;
    switch (operation) {
    case DW_OP_nop:
        return;
    case DW_OP_dup:
        push(machine, peek(machine, 0));
        return;
    case DW_OP_drop:
        pop(machine);
        return;
    case DW_OP_over:
        push(machine, peek(machine, 1));
        return;
    case DW_OP_pick:
        push(machine, peek(machine, sp_table_u8(&machine->code)));
        return;
    case DW_OP_swap:
        swap(machine);
        return;
    case DW_OP_rot:
        rotate(machine);
        return;
    case DW_OP_deref:
        push(machine, load(machine, pop(machine), SP_WORD));
        return;
    case DW_OP_deref_size:
        b = sp_table_u8(&machine->code);
        push(machine, load(machine, pop(machine), (unsigned)b));
        return;
    case DW_OP_abs:
        push(machine, absolute(pop(machine)));
        return;
    case DW_OP_neg:
        push(machine, 0 - pop(machine));
        return;
    case DW_OP_not:
        push(machine, ~pop(machine));
        return;
    case DW_OP_plus_uconst:
        push(machine, pop(machine) + (uintptr_t)sp_table_uleb(&machine->code));
        return;
    case DW_OP_skip:
        jump(machine, true);
        return;
    case DW_OP_bra:
        jump(machine, pop(machine) != 0);
        return;
    case DW_OP_bregx:
        push_register(machine, sp_table_uleb(&machine->code));
        return;
    case DW_OP_GNU_encoded_addr:
        push(machine, sp_table_pointer(&machine->code, sp_table_u8(&machine->code), 0));
        return;
    default:
        break;
    }
    if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) {
        push(machine, operation - (uintptr_t)DW_OP_lit0);
    } else if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
        push_register(machine, operation - (uint64_t)DW_OP_breg0);
    } else if (operation == DW_OP_addr || (operation >= DW_OP_const1u && operation <= DW_OP_consts)) {
        push(machine, constant(machine, operation));
    } else {
        b = pop(machine);
        push(machine, combine(machine, operation, pop(machine), b));
    }
}

bool sp_expression_evaluate(const struct sp_tables *tables, int64_t place, const struct sp_frame *frame,
                            struct sp_loader *loader, const uintptr_t *first, uintptr_t *result)
{
    if (place < 0 || (uint64_t)place > tables->high - tables->low)
        return false;
    struct machine machine; /* its stack begins empty: no need to clear it */
    machine.frame = frame;
    machine.loader = loader;
    machine.depth = 0;
    machine.has_failed = false;
    machine.code = (struct sp_table_reader){tables->low + (uintptr_t)place, tables->high, false};
    const uint64_t bytes = sp_table_uleb(&machine.code);
    if (bytes > machine.code.end - machine.code.at)
        return false;
    machine.begin = machine.code.at;
    machine.code.end = machine.code.at + (uintptr_t)bytes;
    if (first != NULL)
        push(&machine, *first);
    unsigned left = STEPS_LIMIT;
    while (machine.code.at < machine.code.end && !machine.has_failed) {
        if (left-- == 0)
            return false;
        step(&machine, sp_table_u8(&machine.code));
    }
    const uintptr_t top = pop(&machine);
    if (machine.has_failed || machine.code.has_failed)
        return false;
    *result = top;
    return true;
}
