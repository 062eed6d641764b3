/*
 * The rule of a frame: from the tables of its object, or by what the code looks like where there are none.
 *
 * Place and context: see walk.h.
 */
#include "handler/walk.h"

#include "handler/poison.h"

enum {
    LOWEST_CODE = 4096,
    ROW_STEPS = 16, /* that looking for a row costs beside what is read of it */
};

bool sp_walk_find_object(struct sp_walk *walk, uintptr_t address)
{
    if (!sp_object_find(address, walk->memory, &walk->loader, &walk->objects[walk->object ^ 1]))
        return false;
    walk->object ^= 1;
    return true;
}

/* The bytes of code [address, address + n), n ≤ 24, where they can be read. */
bool sp_walk_load_code(struct sp_walk *walk, uintptr_t address, unsigned n, uint8_t *bytes)
{
    if (address < LOWEST_CODE || !sp_can_load(&walk->loader, address, n))
        return false;
    for (unsigned i = 0; i < n; i++)
        bytes[i] = ((const volatile uint8_t *)address)[i];
    return true;
}

/* What the instruction before `address` calls: 0 when it is no call, 1 when what it calls cannot be told. */
uintptr_t sp_walk_call_before(struct sp_walk *walk, uintptr_t address)
{
    uint8_t bytes[SP_CALL_BYTES];
    return sp_walk_load_code(walk, address - SP_CALL_BYTES, SP_CALL_BYTES, bytes) ? sp_arch_call_target(bytes, address)
                                                                                  : 0;
}

static bool is_restorer(struct sp_walk *walk)
{
    uint8_t bytes[SP_ARCH_RESTORER_BYTES];
    return !walk->is_exact && sp_walk_load_code(walk, walk->at.pc, sizeof bytes, bytes) && sp_arch_is_restorer(bytes);
}

void sp_walk_spend(struct sp_walk *walk, uint32_t steps)
{
    walk->steps_left -= steps < walk->steps_left ? steps : walk->steps_left;
}

/* The row that holds at `address`, as long as the walk has steps left. */
static enum sp_cfi_status look_up(struct sp_walk *walk, uintptr_t address)
{
    if (walk->steps_left == 0)
        return SP_CFI_MALFORMED;
    const enum sp_cfi_status status = sp_cfi_find(&sp_walk_object(walk)->tables, address, &walk->row);
    sp_walk_spend(walk, ROW_STEPS + walk->row.steps);
    return status;
}

/*
 * The row for the current frame, which is in `object`. A return address that stands behind no call was put there by
 * hand: what a coroutine or a signal's handler returns to. Then the entry that begins there is meant.
 */
enum sp_cfi_status sp_walk_find_row(struct sp_walk *walk)
{
    const struct sp_cfi_row *row = &walk->row;
    const uintptr_t address = sp_walk_address(walk);
    enum sp_cfi_status status = look_up(walk, address);
    const bool is_at_end = status == SP_CFI_NONE || (status == SP_CFI_FOUND && row->end == walk->at.pc);
    if (walk->is_exact || !is_at_end || sp_walk_call_before(walk, walk->at.pc) != 0)
        return status;
    status = look_up(walk, walk->at.pc);
    if (status == SP_CFI_FOUND && row->begin == walk->at.pc)
        return SP_CFI_FOUND;
    return look_up(walk, address);
}

bool sp_walk_is_returned_to(struct sp_walk *walk, uintptr_t address)
{
    uint8_t bytes[SP_CALL_BYTES];
    return sp_walk_load_code(walk, address - SP_CALL_BYTES, SP_CALL_BYTES, bytes) &&
           (sp_arch_is_call(bytes) || sp_arch_ends_in_nop(bytes));
}

/* The rule of a frame that the tables do not cover. Goroutines end in a function that begins with a nop. */
static enum sp_rule_kind kind_without_row(struct sp_walk *walk)
{
    if (is_restorer(walk))
        return SP_FRAME_SIGNAL;
    return walk->is_exact || sp_walk_is_returned_to(walk, walk->at.pc) ? SP_FRAME_NO_RULES : SP_FRAME_NO_CODE;
}

/* The rule of the current frame, from the tables. */
static uint32_t compute_rule(struct sp_walk *walk)
{
    switch (sp_walk_find_row(walk)) {
    case SP_CFI_NONE:
        return sp_rule_make(kind_without_row(walk), 0, 0);
    case SP_CFI_FOUND:
        break;
    default:
        return sp_rule_make(SP_FRAME_MALFORMED, 0, 0);
    }
    if (walk->row.is_signal_frame && is_restorer(walk))
        return sp_rule_make(SP_FRAME_SIGNAL, 0, 0);
    /* Nobody has called it: the first function on a coroutine's stack returns there. glibc does not mark it as last. */
    if (!walk->row.is_signal_frame && !walk->is_exact && walk->row.begin == walk->at.pc)
        return sp_rule_make(SP_FRAME_LAST, 0, 0);
    return sp_rule_pack(&sp_walk_object(walk)->tables, &walk->row, walk->at.pc);
}

/* Whether code made at run time can be at an address: the collector has seen it, or a call stands before it. */
static bool is_code(struct sp_walk *walk, uintptr_t address)
{
    if (address - walk->code.low < walk->code.high - walk->code.low)
        return true;
    for (unsigned i = 0; walk->memory != NULL && i < SP_CODE_RANGES; i++) {
        const uintptr_t low = sp_load_relaxed(&walk->memory->code_ranges[i].low),
                        high = sp_load_relaxed(&walk->memory->code_ranges[i].high);
        if (low == 0)
            break;
        if (address >= low && address < high) {
            walk->code = (struct sp_stack_bounds){low, high};
            return true;
        }
    }
    return sp_walk_call_before(walk, address) != 0;
}

uint32_t sp_walk_rule_outside(struct sp_walk *walk)
{
    if (!walk->is_exact && !is_code(walk, walk->at.pc))
        return sp_rule_make(is_restorer(walk) ? SP_FRAME_SIGNAL : SP_FRAME_NO_CODE, 0, 0);
    return sp_rule_make(SP_FRAME_NO_RULES, 0, 0);
}

uint32_t sp_walk_rule_missed(struct sp_walk *walk, uint64_t key)
{
    const uint32_t rule = compute_rule(walk);
    walk->misses++;
    /* What was found when the means had run out may be wrong. */
    if (walk->memory != NULL && walk->steps_left != 0 && walk->loader.probes_left != 0)
        sp_rule_keep(walk->memory, key, rule);
    return rule;
}
