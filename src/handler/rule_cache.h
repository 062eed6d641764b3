/*
 * The rule cache: address → how to get to the caller, one word an entry.
 *
 * Place: handler, below unwind; its memory is in the segment. Context: signal handler; any number of calls overlap, on
 * relaxed loads and stores of whole words: what is read is an entry that somebody wrote, or none.
 *
 *    63                                23 22    19 18                    0
 *   ┌────────────────────────────────────┬────────┬───────────┬───────────┐
 *   │ tag                                │ kind   │ saves     │ CFA       │
 *   └────────────────────────────────────┴────────┴───────────┴───────────┘
 *
 * The key is the address mixed with its object's identity (object.h), multiplied by an odd number: of the product, the
 * high 14 bits say where the entry stands, there or, when another came later, beside it; the next 41 are its tag. What
 * is left out of the comparison are the low nine bits and the 14th, so that another key of the same object matches only
 * if the two differ by a certain multiple, none of which is as small as an object; of two identities, one match in 2^41
 * looks is wrong. So an entry needs no generation: that of an unloaded library is for
 * another identity than that of whatever is loaded at its place.
 */
#ifndef SIGPROF_HANDLER_RULE_CACHE_H
#define SIGPROF_HANDLER_RULE_CACHE_H

#include "handler/cfi.h"
#include "handler/segment.h"

enum sp_rule_kind {
    SP_FRAME_UNKNOWN = 0,    /* not in the cache */
    SP_FRAME_SP = 1,         /* CFA = sp + units, and the usual places of return address and frame pointer */
    SP_FRAME_FP = 2,         /* CFA = fp + units, and the same */
    SP_FRAME_RECORD = 3,     /* the frame pointer points at {frame pointer, return address} of the caller */
    SP_FRAME_REALIGNED = 4,  /* x86-64: the CFA is stored `units` words below fp, the frame pointer at fp */
    SP_FRAME_LAST = 5,       /* no caller: the return address is undefined */
    SP_FRAME_NO_RULES = 6,   /* the tables do not cover it, it may be code all the same */
    SP_FRAME_NO_CODE = 7,    /* the tables do not cover it, and nobody returns there */
    SP_FRAME_SIGNAL = 8,     /* what a signal's handler returns to */
    SP_FRAME_COMPLEX = 9,    /* needs the tables and all registers */
    SP_FRAME_MALFORMED = 10, /* the tables make no sense */
};

enum {
    SP_RULE_SAVES_BITS = SP_ARCH_SAVES_BITS,
    SP_RULE_CFA_BITS = SP_ARCH_CFA_BITS,
    SP_RULE_KIND_SHIFT = SP_RULE_SAVES_BITS + SP_RULE_CFA_BITS,
    SP_RULE_BITS = SP_RULE_KIND_SHIFT + 4,
    SP_RULES_SHIFT = 64 - 14,
};
_Static_assert(SP_RULES == 1 << 14, "the index's bits");

#define SP_RULE_MASK (((uint64_t)1 << SP_RULE_BITS) - 1)

static inline uint32_t sp_rule_make(enum sp_rule_kind kind, uint32_t cfa_units, uint32_t saves)
{
    return (uint32_t)kind << SP_RULE_KIND_SHIFT | saves << SP_RULE_CFA_BITS | cfa_units;
}

static inline enum sp_rule_kind sp_rule_kind(uint32_t rule)
{
    return (enum sp_rule_kind)(rule >> SP_RULE_KIND_SHIFT);
}

static inline uint32_t sp_rule_cfa_units(uint32_t rule)
{
    return rule & ((1u << SP_RULE_CFA_BITS) - 1);
}

static inline uint32_t sp_rule_saves(uint32_t rule)
{
    return rule >> SP_RULE_CFA_BITS & ((1u << SP_RULE_SAVES_BITS) - 1);
}

/*
 * The key of an address, which was interrupted (`is_exact`) or is a return address less one: the two have different
 * places. Each caller waits for this, so it is short.
 */
static inline uint64_t sp_rule_key(uintptr_t address, bool is_exact, uint64_t identity)
{
    return ((address ^ identity) * 0x9e3779b97f4a7c15u) ^ (uint64_t)is_exact << 63;
}

static inline bool sp_rule_is_of(uint64_t word, uint64_t key)
{
    return ((word ^ key << 14) & ~SP_RULE_MASK) == 0;
}

/* The rule of a key, or 0: SP_FRAME_UNKNOWN. */
static inline uint32_t sp_rule_look(const struct sp_unwind_memory *memory, uint64_t key)
{
    const uint64_t place = key >> SP_RULES_SHIFT, word = sp_load_relaxed(&memory->rules[place]);
    if (sp_rule_is_of(word, key))
        return (uint32_t)(word & SP_RULE_MASK);
    const uint64_t other = sp_load_relaxed(&memory->rules[place ^ 1]);
    return sp_rule_is_of(other, key) ? (uint32_t)(other & SP_RULE_MASK) : 0;
}

/* Keeps the rule of a key that has none. What was at its place moves to the place beside it. */
static inline void sp_rule_keep(struct sp_unwind_memory *memory, uint64_t key, uint32_t rule)
{
    const uint64_t place = key >> SP_RULES_SHIFT;
    sp_store_relaxed(&memory->rules[place ^ 1], sp_load_relaxed(&memory->rules[place]));
    sp_store_relaxed(&memory->rules[place], (key << 14 & ~SP_RULE_MASK) | rule);
}

#pragma GCC visibility push(hidden)

/* A row in one word: SP_FRAME_COMPLEX where it is not one of the common shapes. `pc`: the address it was found for. */
uint32_t sp_rule_pack(const struct sp_tables *tables, const struct sp_cfi_row *row, uintptr_t pc);

#pragma GCC visibility pop

#endif
