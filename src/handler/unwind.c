/*
 * The walk from frame to frame.
 *
 * Place on the way of a sample: handler → *unwind* → shard. Context: signal handler; calls may overlap on any number of
 * threads, each touches only its arguments, the rule cache, and the interrupted thread's stack, which it only reads.
 *
 * A frame's rule comes from the cache or, the first time, from the unwind tables (cfi.c). Nearly all rules need no more
 * than pc, stack pointer and frame pointer, and these three are all that is carried from frame to frame. Where a rule
 * needs another register, all registers are brought up from the last frame where they were known (the interruption, or
 * a signal's frame on the way) by walking these frames again, with the tables alone.
 *
 * Where there are no tables (code made at run time, assembly, Go) the frame pointer is followed, as long as it makes
 * sense: aligned, growing towards the stack's base, and the return address in code. A frame pointer of 0 is then the
 * thread's start: the ABI's start-up code and libc's clone clear it.
 */
#include "handler/unwind.h"

#include "handler/frame.h"
#include "handler/object.h"
#include "handler/rule_cache.h"

#include "handler/poison.h"

enum {
    FRAMES_LIMIT = 1 << 14,      /* walked; what is deeper has no root */
    FRAME_BYTES_LIMIT = 8 << 20, /* of one that is found by its frame pointer alone */
    LEAF_BYTES_LIMIT = 1 << 16,  /* of a function without tables and frame */
    CATCH_UP_LIMIT = 1 << 10,    /* frames walked again for their registers */
    STEPS_LIMIT = 1 << 22,       /* in tables, by a whole walk: some milliseconds, where they are nonsense */
    ROW_STEPS = 16,              /* that looking for a row costs beside what is read of it */
    EXPRESSION_STEPS = 256,      /* of which one has a dozen, and nonsense four times as many */
    LOWEST_CODE = 4096,
    CALL_BYTES = 8, /* that sp_arch_is_call looks at */
    NEVER = UINT32_MAX,
};

struct walk {
    struct sp_registers at; /* of the current frame; lr only while is_exact */
    bool is_exact;          /* the frame was interrupted at its pc; else that is a return address */
    uint32_t number;        /* of the current frame */
    uint32_t misses;
    uint32_t steps_left; /* in tables */
    struct sp_loader loader;
    struct sp_stack_bounds stack;
    struct sp_unwind_memory *memory;
    struct sp_object objects[2]; /* that of the current frame, and the last other one: callers are often in these */
    uint32_t object;             /* which of them is the current frame's */
    struct sp_stack_bounds code; /* a range of code without object, likewise */
    const void *context;         /* the last frame where a context has all registers, and its number */
    uint32_t context_number;
    uint32_t full_number; /* the frame that `full` is of, or NEVER */
    struct sp_frame full;
    struct sp_frame caller; /* of `full`, while it is found */
    struct sp_cfi_row row;  /* of the current frame, while it is used */
};
_Static_assert(sizeof(struct walk) <= sizeof(struct sp_scratch), "a walk fits in the scratch");

/* What a step comes to: the caller is the current frame, or the stack ends here. */
enum outcome {
    OUTCOME_CALLER = -1,
    OUTCOME_COMPLETE = SP_STACK_COMPLETE,
    OUTCOME_MEMORY = SP_STACK_CUT_MEMORY,
    OUTCOME_RULES = SP_STACK_CUT_RULES,
};

/* The address to look up: what the frame executes, or the call that it has made (which may be its last byte). */
static inline uintptr_t lookup_address(const struct walk *walk)
{
    return walk->at.pc - !walk->is_exact;
}

static inline struct sp_object *object_of(struct walk *walk)
{
    return &walk->objects[walk->object];
}

static inline bool is_in(const struct sp_object *object, uintptr_t address)
{
    return address - object->low < object->high - object->low;
}

__attribute__((noinline)) static bool find_other_object(struct walk *walk, uintptr_t address)
{
    if (!sp_object_find(address, walk->memory, &walk->loader, &walk->objects[walk->object ^ 1]))
        return false;
    walk->object ^= 1;
    return true;
}

/* Makes the object of the current frame that of `address`. False: it is in none. */
static inline bool switch_object(struct walk *walk, uintptr_t address)
{
    if (is_in(object_of(walk), address))
        return true;
    if (!is_in(&walk->objects[walk->object ^ 1], address))
        return find_other_object(walk, address);
    walk->object ^= 1;
    return true;
}

/* The bytes of code [address, address + n), n ≤ 16, where they can be read. */
static bool load_code(struct sp_loader *loader, uintptr_t address, unsigned n, uint8_t *bytes)
{
    if (address < LOWEST_CODE || !sp_can_load(loader, address, n))
        return false;
    for (unsigned i = 0; i < n; i++)
        bytes[i] = ((const volatile uint8_t *)address)[i];
    return true;
}

/* What the instruction before `address` calls: 0 when it is no call, 1 when what it calls cannot be told. */
static uintptr_t call_before(struct walk *walk, uintptr_t address)
{
    uint8_t bytes[CALL_BYTES];
    return load_code(&walk->loader, address - CALL_BYTES, CALL_BYTES, bytes) ? sp_arch_call_target(bytes, address) : 0;
}

static bool is_restorer(struct walk *walk)
{
    uint8_t bytes[SP_ARCH_RESTORER_BYTES];
    return !walk->is_exact && load_code(&walk->loader, walk->at.pc, sizeof bytes, bytes) && sp_arch_is_restorer(bytes);
}

static void spend(struct walk *walk, uint32_t steps)
{
    walk->steps_left -= steps < walk->steps_left ? steps : walk->steps_left;
}

/* The row that holds at `address`, as long as the walk has steps left. */
static enum sp_cfi_status look_up(struct walk *walk, uintptr_t address)
{
    if (walk->steps_left == 0)
        return SP_CFI_MALFORMED;
    const enum sp_cfi_status status = sp_cfi_find(&object_of(walk)->tables, address, &walk->row);
    spend(walk, ROW_STEPS + walk->row.steps);
    return status;
}

/*
 * The row for the current frame, which is in `object`. A return address that stands behind no call was put there by
 * hand: what a coroutine or a signal's handler returns to. Then the entry that begins there is meant.
 */
static enum sp_cfi_status find_row(struct walk *walk)
{
    const struct sp_cfi_row *row = &walk->row;
    const uintptr_t address = lookup_address(walk);
    enum sp_cfi_status status = look_up(walk, address);
    const bool is_at_end = status == SP_CFI_NONE || (status == SP_CFI_FOUND && row->end == walk->at.pc);
    if (walk->is_exact || !is_at_end || call_before(walk, walk->at.pc) != 0)
        return status;
    status = look_up(walk, walk->at.pc);
    if (status == SP_CFI_FOUND && row->begin == walk->at.pc)
        return SP_CFI_FOUND;
    return look_up(walk, address);
}

/* Whether somebody returns to `address`: behind a call, or, where a runtime has put it there itself, behind a nop. */
static bool is_returned_to(struct walk *walk, uintptr_t address)
{
    uint8_t bytes[CALL_BYTES];
    return load_code(&walk->loader, address - CALL_BYTES, CALL_BYTES, bytes) &&
           (sp_arch_is_call(bytes) || sp_arch_ends_in_nop(bytes));
}

/* The rule of a frame that the tables do not cover. Goroutines end in a function that begins with a nop. */
static enum sp_rule_kind kind_without_row(struct walk *walk)
{
    if (is_restorer(walk))
        return SP_FRAME_SIGNAL;
    return walk->is_exact || is_returned_to(walk, walk->at.pc) ? SP_FRAME_NO_RULES : SP_FRAME_NO_CODE;
}

/* The rule of the current frame, from the tables. */
static uint32_t compute_rule(struct walk *walk)
{
    switch (find_row(walk)) {
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
    return sp_rule_pack(&object_of(walk)->tables, &walk->row, walk->at.pc);
}

/* Whether code made at run time can be at an address: the collector has seen it, or a call stands before it. */
static bool is_code(struct walk *walk, uintptr_t address)
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
    return call_before(walk, address) != 0;
}

static uint32_t rule_outside(struct walk *walk)
{
    if (!walk->is_exact && !is_code(walk, walk->at.pc))
        return sp_rule_make(is_restorer(walk) ? SP_FRAME_SIGNAL : SP_FRAME_NO_CODE, 0, 0);
    return sp_rule_make(SP_FRAME_NO_RULES, 0, 0);
}

__attribute__((noinline)) static uint32_t miss(struct walk *walk, uint64_t key)
{
    const uint32_t rule = compute_rule(walk);
    walk->misses++;
    /* What was found when the means had run out may be wrong. */
    if (walk->memory != NULL && walk->steps_left != 0 && walk->loader.probes_left != 0)
        sp_rule_keep(walk->memory, key, rule);
    return rule;
}

static inline uint32_t rule_of_frame(struct walk *walk)
{
    const uintptr_t address = lookup_address(walk);
    if (!switch_object(walk, address))
        return rule_outside(walk);
    const uint64_t key = sp_rule_key(address, walk->is_exact, object_of(walk)->identity);
    const uint32_t rule = walk->memory != NULL ? sp_rule_look(walk->memory, key) : 0;
    return rule != 0 ? rule : miss(walk, key);
}

/*
 * The caller's stack pointer is above its callee's, or the walk could go on for ever, and not above the stack where
 * that is known: a frame pointer that is none may point anywhere, also to zeros, which would pass for the stack's end.
 */
static inline enum outcome go_to_caller(struct walk *walk, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
    const bool is_above = sp > walk->at.sp || (SP_ARCH_HAS_LINK_REGISTER && walk->is_exact && sp == walk->at.sp);
    if (!is_above || (walk->loader.high != 0 && sp > walk->loader.high) ||
        (pc == 0 && sp - walk->at.sp > FRAME_BYTES_LIMIT))
        return OUTCOME_RULES;
    walk->at = (struct sp_registers){.pc = sp_arch_return_address(pc), .sp = sp, .fp = fp};
    walk->is_exact = false;
    return OUTCOME_CALLER;
}

/* A common shape: where the CFA is, everything else is at its usual place below it. */
static inline enum outcome step_from_cfa(struct walk *walk, uintptr_t cfa, uint32_t saves)
{
    uintptr_t ra_at, fp_at, pc = walk->at.lr, fp = walk->at.fp;
    sp_arch_unpack_saves(cfa, saves, &ra_at, &fp_at);
    if (ra_at == 0 && !walk->is_exact)
        return OUTCOME_RULES; /* a function that calls has not left its return address in the register */
    if (ra_at != 0 && !sp_load_word(&walk->loader, ra_at, &pc))
        return OUTCOME_MEMORY;
    if (fp_at != 0 && !sp_load_word(&walk->loader, fp_at, &fp))
        return OUTCOME_MEMORY;
    return go_to_caller(walk, pc, cfa, fp);
}

static inline enum outcome step_record(struct walk *walk, uintptr_t cfa)
{
    const uintptr_t record = walk->at.fp;
    if (!sp_can_load(&walk->loader, record, 2 * SP_WORD))
        return OUTCOME_MEMORY;
    return go_to_caller(walk, sp_word_at(record + SP_WORD), cfa, sp_word_at(record));
}

static enum outcome step_realigned(struct walk *walk, uint32_t units)
{
    uintptr_t cfa, fp, pc;
    if (!sp_load_word(&walk->loader, walk->at.fp - units * SP_WORD, &cfa) ||
        !sp_load_word(&walk->loader, walk->at.fp, &fp) || !sp_load_word(&walk->loader, cfa - SP_WORD, &pc))
        return OUTCOME_MEMORY;
    return go_to_caller(walk, pc, cfa, fp);
}

/* The thread is on another stack from here on: its own, or one that is not known. */
static void change_stack(struct walk *walk, uintptr_t sp)
{
    const bool is_own = sp >= walk->stack.low && sp < walk->stack.high;
    walk->loader.low = is_own ? sp : 0;
    walk->loader.high = is_own ? walk->stack.high : 0;
}

/* A signal's frame: the interrupted context is in memory, with all registers. */
static enum outcome step_signal(struct walk *walk)
{
    const uintptr_t context = sp_arch_signal_context(walk->at.sp);
    if (context % SP_WORD != 0 || !sp_can_load(&walk->loader, context, SP_ARCH_CONTEXT_BYTES))
        return OUTCOME_MEMORY;
    sp_arch_capture((const void *)context, &walk->at);
    walk->is_exact = true;
    walk->context = (const void *)context;
    walk->context_number = walk->number + 1;
    walk->full_number = NEVER;
    change_stack(walk, walk->at.sp);
    return OUTCOME_CALLER;
}

static enum outcome outcome_of(enum sp_step step)
{
    switch (step) {
    case SP_STEP_OK:
        return OUTCOME_CALLER;
    case SP_STEP_LAST:
        return OUTCOME_COMPLETE;
    case SP_STEP_MEMORY:
        return OUTCOME_MEMORY;
    default:
        return OUTCOME_RULES;
    }
}

/*
 * A runtime with stacks of its own does some of its work on the thread's, as Go's systemstack: what it has called there
 * was called from another stack, where the frame pointer leads. Only away from the thread's stack, so this ends.
 */
static enum outcome step_to_other_stack(struct walk *walk)
{
    const uintptr_t fp = walk->at.fp;
    change_stack(walk, fp);
    if (fp % SP_ARCH_FRAME_ALIGN != 0 || !sp_can_load(&walk->loader, fp, 2 * SP_WORD))
        return OUTCOME_RULES;
    const uintptr_t caller = sp_arch_return_address(sp_word_at(fp + SP_WORD));
    if (!switch_object(walk, caller) || call_before(walk, caller) == 0)
        return OUTCOME_RULES;
    walk->at = (struct sp_registers){.pc = caller, .sp = fp + 2 * SP_WORD, .fp = sp_word_at(fp)};
    walk->is_exact = false;
    return OUTCOME_CALLER;
}

/* Where the frame pointer leads. Of a caller's registers, no others are known. */
static enum outcome step_frame_pointer(struct walk *walk)
{
    const uintptr_t fp = walk->at.fp;
    if (fp == 0)
        return walk->number > 0 ? OUTCOME_COMPLETE : OUTCOME_RULES;
    if (!walk->is_exact && walk->loader.high != 0 && (fp < walk->stack.low || fp >= walk->stack.high))
        return step_to_other_stack(walk);
    if (fp % SP_ARCH_FRAME_ALIGN != 0 || fp < walk->at.sp || fp - walk->at.sp > FRAME_BYTES_LIMIT)
        return OUTCOME_RULES;
    if (!sp_can_load(&walk->loader, fp, 2 * SP_WORD))
        return OUTCOME_MEMORY;
    const uintptr_t caller = sp_word_at(fp + SP_WORD), next = sp_word_at(fp);
    if (caller == 0)
        return next == 0 ? OUTCOME_COMPLETE : OUTCOME_RULES;
    return go_to_caller(walk, caller, fp + 2 * SP_WORD, next);
}

/* How well a return address explains that `pc` runs: by the target of the call before it, closest is best. */
static uintptr_t evidence(struct walk *walk, uintptr_t return_address, uintptr_t pc)
{
    const uintptr_t target = return_address == 0 ? 0 : call_before(walk, return_address);
    return target <= 1 || (target <= pc && pc - target < LEAF_BYTES_LIMIT) ? target : 0;
}

/*
 * An interrupted function without tables may have no frame of its own, or none yet: then the return address is as the
 * call left it. Code that is about to return, or has just been called, tells so; otherwise the word at that place is
 * believed when it stands behind a call that explains the pc better than what the frame pointer leads to does.
 */
static enum outcome step_leaf(struct walk *walk)
{
    enum { BEFORE = 4, AROUND = 8 };
    uint8_t code[AROUND];
    const uintptr_t top = SP_ARCH_HAS_LINK_REGISTER ? 0 : walk->at.sp;
    uintptr_t caller = walk->at.lr, saved = 0, cfa = SP_ARCH_HAS_LINK_REGISTER ? walk->at.sp : top + SP_WORD;
    enum sp_arch_moment moment = SP_ARCH_MOMENT_ANY;
    if (load_code(&walk->loader, walk->at.pc - BEFORE, AROUND, code))
        moment = sp_arch_moment(code);
    if (moment == SP_ARCH_MOMENT_FP_PUSHED) {
        cfa += SP_WORD;
        if (!sp_load_word(&walk->loader, cfa - SP_WORD, &caller))
            return OUTCOME_MEMORY;
        return go_to_caller(walk, caller, cfa, walk->at.fp);
    }
    if (top != 0 && !sp_load_word(&walk->loader, top, &caller))
        return OUTCOME_MEMORY;
    const uintptr_t explains = evidence(walk, caller, walk->at.pc);
    if (moment == SP_ARCH_MOMENT_ANY && explains != 0 && walk->at.fp >= walk->at.sp &&
        walk->at.fp % SP_ARCH_FRAME_ALIGN == 0 && sp_load_word(&walk->loader, walk->at.fp + SP_WORD, &saved) &&
        evidence(walk, saved, walk->at.pc) >= explains)
        return step_frame_pointer(walk);
    return explains != 0 ? go_to_caller(walk, caller, cfa, walk->at.fp) : step_frame_pointer(walk);
}

static enum outcome step_without_rules(struct walk *walk)
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
static enum outcome step_full(struct walk *walk)
{
    const uintptr_t address = lookup_address(walk);
    enum outcome outcome;
    if (switch_object(walk, address) && find_row(walk) == SP_CFI_FOUND) {
        spend(walk, expression_steps(&walk->row));
        outcome =
            outcome_of(sp_frame_step(&object_of(walk)->tables, &walk->row, &walk->loader, &walk->full, &walk->caller));
        if (outcome != OUTCOME_CALLER)
            return outcome;
        sp_frame_copy(&walk->caller, &walk->full);
        walk->is_exact = walk->row.is_signal_frame;
        if (walk->is_exact)
            change_stack(walk, walk->full.columns[SP_ARCH_SP]);
    } else {
        outcome = step_without_rules(walk);
        if (outcome != OUTCOME_CALLER)
            return outcome;
        walk->full.known = 1u << SP_ARCH_SP | 1u << SP_ARCH_FP | 1u << SP_ARCH_RA;
        walk->full.pc = walk->full.columns[SP_ARCH_RA] = walk->at.pc;
        walk->full.columns[SP_ARCH_SP] = walk->at.sp;
        walk->full.columns[SP_ARCH_FP] = walk->at.fp;
    }
    walk->at = registers_of(&walk->full);
    return OUTCOME_CALLER;
}

/* Brings `full` to the current frame. */
static bool catch_up(struct walk *walk)
{
    const struct sp_registers here = walk->at;
    const bool is_exact = walk->is_exact;
    const uint32_t number = walk->number;
    uint32_t from = walk->full_number;
    if (from == NEVER) {
        from = walk->context_number;
        sp_frame_from_context(walk->context, &walk->full);
    }
    if (number - from > CATCH_UP_LIMIT)
        return false;
    if (from != number) {
        walk->at = registers_of(&walk->full);
        walk->is_exact = from == walk->context_number;
        for (walk->number = from; walk->number < number; walk->number++)
            if (step_full(walk) != OUTCOME_CALLER)
                break;
    }
    walk->full_number = walk->number;
    const bool is_there = walk->number == number && walk->full.pc == here.pc &&
                          walk->full.columns[SP_ARCH_SP] == here.sp && walk->is_exact == is_exact;
    walk->number = number;
    walk->at = here;
    walk->is_exact = is_exact;
    return is_there;
}

/* A rule that needs all registers. It may lead anywhere: to another stack, too. */
__attribute__((noinline)) static enum outcome step_complex(struct walk *walk)
{
    if (!catch_up(walk))
        return OUTCOME_RULES;
    const uintptr_t pc = walk->at.pc, sp = walk->at.sp;
    const enum outcome outcome = step_full(walk);
    walk->full_number = walk->number + 1;
    if (outcome == OUTCOME_CALLER && walk->at.pc == pc && walk->at.sp == sp)
        return OUTCOME_RULES;
    return outcome;
}

/* From the current frame to its caller. */
static inline enum outcome step(struct walk *walk, uint32_t rule)
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
        return OUTCOME_COMPLETE;
    case SP_FRAME_NO_RULES:
        return step_without_rules(walk);
    case SP_FRAME_SIGNAL:
        return step_signal(walk);
    case SP_FRAME_COMPLEX:
        return step_complex(walk);
    default:
        return OUTCOME_RULES;
    }
}

/*
 * Where the frames go. The first max_depth are put one after another. When there is one more, the leaf's half stays,
 * the next place becomes the gap, and the rest a ring that keeps the last ones.
 */
struct output {
    uint64_t *pcs;
    uint32_t max_depth, depth;
    uint32_t ring, oldest; /* first place of the ring, and the one to be written next; ring 0: there is none yet */
};

static inline void put(struct output *output, uint64_t pc)
{
    if (output->depth < output->max_depth) {
        output->pcs[output->depth++] = pc;
        return;
    }
    if (output->max_depth < 3)
        return;
    if (output->ring == 0) {
        output->ring = output->oldest = output->max_depth / 2 + 1;
        output->pcs[output->ring - 1] = SP_PC_GAP;
    }
    output->pcs[output->oldest++] = pc;
    if (output->oldest == output->max_depth)
        output->oldest = output->ring;
}

static void reverse(uint64_t *words, uint32_t n)
{
    for (uint32_t i = 0; i < n / 2; i++) {
        const uint64_t word = words[i];
        words[i] = words[n - 1 - i];
        words[n - 1 - i] = word;
    }
}

/* Turns the ring so that its oldest frame is first. */
static void straighten(const struct output *output)
{
    uint64_t *ring = output->pcs + output->ring;
    const uint32_t n = output->max_depth - output->ring, first = output->oldest - output->ring;
    reverse(ring, first);
    reverse(ring + first, n - first);
    reverse(ring, n);
}

/* Whether a word can be loaded from the thread's own stack, of which a word at least is left, without more ado. */
static inline bool is_word_of(const struct sp_loader *loader, uintptr_t address)
{
    return address - loader->low <= loader->high - SP_WORD - loader->low;
}

/*
 * Nearly all frames are callers on the thread's own stack, with a rule of a common shape in the cache. These are gone
 * through here, with all that changes from one to the next in registers. What is not so is left to `follow`, which
 * comes back here with the frame after it.
 */
static inline void follow_common(struct walk *walk, struct output *output)
{
    uintptr_t pc = walk->at.pc, sp = walk->at.sp, fp = walk->at.fp, cfa, ra_at, fp_at;
    uint32_t depth = output->depth;
    if (walk->is_exact || walk->memory == NULL || walk->loader.high - walk->loader.low < SP_WORD)
        return;
    for (; depth < output->max_depth && depth < FRAMES_LIMIT && switch_object(walk, pc - 1); depth++) {
        const uint64_t key = sp_rule_key(pc - 1, false, object_of(walk)->identity);
        const uint32_t rule = sp_rule_look(walk->memory, key);
        const enum sp_rule_kind kind = sp_rule_kind(rule);
        cfa = (uintptr_t)sp_rule_cfa_units(rule) * SP_ARCH_CFA_UNIT + (kind == SP_FRAME_SP ? sp : fp);
        sp_arch_unpack_saves(cfa, sp_rule_saves(rule), &ra_at, &fp_at);
        if (kind == SP_FRAME_RECORD) {
            ra_at = fp + SP_WORD;
            fp_at = fp;
        } else if (kind != SP_FRAME_SP && kind != SP_FRAME_FP)
            break;
        if (cfa <= sp || cfa > walk->loader.high || !is_word_of(&walk->loader, ra_at) ||
            (fp_at != 0 && !is_word_of(&walk->loader, fp_at)))
            break;
        const uintptr_t caller = sp_arch_return_address(sp_word_at(ra_at));
        if (caller == 0)
            break;
        output->pcs[depth] = pc;
        pc = caller;
        sp = cfa;
        fp = fp_at != 0 ? sp_word_at(fp_at) : fp;
    }
    walk->number += depth - output->depth;
    output->depth = depth;
    walk->at = (struct sp_registers){.pc = pc, .sp = sp, .fp = fp};
}

/* What stands for the current frame, see unwind.h. Of a call of address 0, pc + 1 would be taken for the gap. */
static inline uint64_t word_of_frame(const struct walk *walk)
{
    const uintptr_t pc = walk->at.pc;
    if (!walk->is_exact || walk->number == 0)
        return pc;
    return pc != 0 ? pc + 1 : SP_PC_GAP + 1;
}

static enum sp_stack_end follow(struct walk *walk, struct output *output)
{
    while (walk->number < FRAMES_LIMIT) {
        follow_common(walk, output);
        const uint32_t rule = rule_of_frame(walk);
        if (sp_rule_kind(rule) == SP_FRAME_NO_CODE)
            return SP_STACK_CUT_RULES;
        put(output, word_of_frame(walk));
        const enum outcome outcome = step(walk, rule);
        walk->number++;
        if (outcome != OUTCOME_CALLER)
            return (enum sp_stack_end)outcome;
        if (walk->at.pc == 0 && !walk->is_exact)
            return SP_STACK_COMPLETE;
    }
    return SP_STACK_CUT_DEPTH;
}

uint32_t sp_unwind_with(struct sp_scratch *scratch, const void *context, const struct sp_stack_bounds *stack,
                        struct sp_unwind_memory *memory, uint64_t *pcs, uint32_t max_depth, struct sp_walk_facts *facts)
{
    struct walk *walk = (struct walk *)(void *)scratch;
    struct output output = {.pcs = pcs, .max_depth = max_depth};
    sp_arch_capture(context, &walk->at);
    walk->is_exact = true;
    walk->number = walk->misses = walk->context_number = 0;
    walk->steps_left = STEPS_LIMIT;
    walk->loader = sp_loader_new(0, 0);
    walk->stack = *stack;
    walk->memory = memory;
    walk->object = 0;
    walk->objects[0].low = walk->objects[0].high = walk->objects[1].low = walk->objects[1].high = 0;
    walk->code = (struct sp_stack_bounds){0, 0};
    walk->context = context;
    walk->full_number = NEVER;
    change_stack(walk, walk->at.sp);
    facts->end = follow(walk, &output);
    facts->frames = walk->number;
    facts->misses = walk->misses;
    if (output.ring != 0)
        straighten(&output);
    if (facts->end == SP_STACK_COMPLETE && walk->number > max_depth)
        facts->end = SP_STACK_CUT_DEPTH;
    return output.depth;
}

uint32_t sp_unwind(const void *context, const struct sp_stack_bounds *stack, struct sp_unwind_memory *memory,
                   uint64_t *pcs, uint32_t max_depth, struct sp_walk_facts *facts)
{
    struct sp_scratch scratch;
    return sp_unwind_with(&scratch, context, stack, memory, pcs, max_depth, facts);
}
