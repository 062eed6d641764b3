/* Walks by unwind tables made by hand, of an object that is listed: with the cache and without, and what needs all
 * registers. */
#include "frame_tables.h"
#include "made_stack.h"

#include <stdlib.h>

#include "handler/object.h"

enum { SP = SP_ARCH_SP, FP = SP_ARCH_FP, RA = SP_ARCH_RA, SOME = 3, FUNCTION_BYTES = 32, MIDDLE = 9, FRAME_WORDS = 4 };

/* Where return address and frame pointer are saved, in words below the CFA. */
#if SP_ARCH_HAS_LINK_REGISTER
enum { RA_BELOW = 3, FP_BELOW = 4 };
#else
enum { RA_BELOW = 1, FP_BELOW = 2 };
#endif

enum function { PLAIN, BROKEN, FIRST_BYTE, SAVES, LOSES, COMPLEX, SIGNAL, BARE, LAST, FUNCTIONS };

#define USUAL DW_CFA_def_cfa, SP, 8 * FRAME_WORDS, DW_CFA_offset | RA, RA_BELOW, DW_CFA_offset | FP, FP_BELOW

static struct frame_tables t;
static struct sp_object_list *list;
static struct sp_unwind_memory *memory;
static uintptr_t *stack;
static uint64_t pcs[DEPTH];
static struct sp_walk_facts facts;

static void add(enum function function, const uint8_t *program, size_t bytes)
{
    tables_fde(&t, FUNCTION_BYTES * (int)function, FUNCTION_BYTES, program, bytes);
}

static int set_up(void **state)
{
    (void)state;
    struct cie cie = usual_cie;
    tables_new(&t, INDEX_NARROW, FUNCTIONS);
    tables_cie(&t, &usual_cie);
    add(PLAIN, PROGRAM(USUAL));
    add(BROKEN, PROGRAM(USUAL, DW_CFA_restore_state));
    add(FIRST_BYTE, PROGRAM(USUAL));
    add(SAVES, PROGRAM(USUAL, DW_CFA_def_cfa_offset, 64, DW_CFA_offset | SOME, 6));
    add(LOSES, PROGRAM(USUAL, DW_CFA_undefined, SOME));
    add(COMPLEX, PROGRAM(USUAL, DW_CFA_def_cfa, SOME, 16));
    cie.augmentation = "zRS";
    tables_cie(&t, &cie); /* a signal's frame, of which CFA + 8 is the stack pointer, CFA + 16 the pc, CFA + 24 SOME */
    add(SIGNAL, PROGRAM(DW_CFA_def_cfa, SP, 0, DW_CFA_offset_extended_sf, SP, 0x7f, DW_CFA_offset_extended_sf, RA, 0x7e,
                        DW_CFA_offset_extended_sf, SOME, 0x7d));
    cie = usual_cie;
    cie.program_bytes = 3; /* no rule for the return address */
    tables_cie(&t, &cie);
    add(BARE, PROGRAM(DW_CFA_def_cfa, SP, 8 * FRAME_WORDS));
    tables_cie(&t, &usual_cie);
    add(LAST, PROGRAM(DW_CFA_undefined, RA));
    list = calloc(1, sizeof *list + sizeof list->at[0]);
    memory = calloc(1, sizeof *memory);
    stack = new_stack();
    list->n = 1;
    list->at[0] = (struct sp_listed_object){t.tables.low, tables_code(&t) + TABLES_PAGE, t.tables};
    sp_objects_publish(list);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sp_objects_publish(NULL);
    free_stack(stack);
    free(memory);
    free(list);
    tables_free(&t);
    return 0;
}

/* Where a function was interrupted, or returns to. */
static uintptr_t in(enum function function)
{
    return tables_code(&t) + FUNCTION_BYTES * (uintptr_t)function + MIDDLE;
}

/* What a frame whose CFA is at `cfa` has saved. */
static void put_caller(const uintptr_t *cfa, uintptr_t pc)
{
    uintptr_t *const at = stack + (cfa - stack);
    at[-RA_BELOW] = pc;
    at[-FP_BELOW] = 0xbad;
}

static void set_some(ucontext_t *context, uintptr_t value)
{
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RBX] = (greg_t)value;
#else
    context->uc_mcontext.regs[SOME] = value;
#endif
}

static ucontext_t interrupted_in(enum function function, uint32_t sp)
{
    return context_of(in(function), address(stack, sp), 0xbad);
}

/* Without the cache, with an empty one, and with what is in it then; on a stack that is known, and on one that is not.
 */
static void expect_walk(const ucontext_t *context, enum sp_stack_end end, const uintptr_t *expected, uint32_t n)
{
    const struct sp_stack_bounds all = {address(stack, 0), address(stack, WORDS)};
    uint32_t n_inside = 0; /* of the object: only those have rules to be kept */
    for (uint32_t frame = 0; frame < n; frame++)
        n_inside += expected[frame] >= list->at[0].low && expected[frame] < list->at[0].high;
    for (unsigned i = 0; i < 6; i++) {
        if (i % 3 == 0)
            memset(memory, 0, sizeof *memory);
        memset(pcs, 0, sizeof pcs);
        const uint32_t depth =
            sp_unwind(context, i < 3 ? &nothing_known : &all, i % 3 == 0 ? NULL : memory, pcs, DEPTH, &facts);
        assert_int_equal(facts.end, end);
        assert_int_equal(depth, n);
        assert_int_equal(facts.frames, n);
        assert_true(i % 3 == 0 ? facts.misses == n_inside : i % 3 == 1 ? facts.misses > 0 : facts.misses == 0);
        for (uint32_t frame = 0; frame < n; frame++)
            assert_int_equal(pcs[frame], expected[frame]);
    }
}
#define FRAMES(...) (const uintptr_t[]){__VA_ARGS__}, sizeof((const uintptr_t[]){__VA_ARGS__}) / sizeof(uintptr_t)

static void test_tables_to_the_last_frame(void **state)
{
    (void)state;
    const ucontext_t context = interrupted_in(PLAIN, 100);
    put_caller(stack + 104, in(FIRST_BYTE));
    put_caller(stack + 108, in(LAST));
    expect_walk(&context, SP_STACK_COMPLETE, FRAMES(in(PLAIN), in(FIRST_BYTE), in(LAST)));
}

static void test_tables_to_a_return_address_of_zero(void **state)
{
    (void)state;
    const ucontext_t context = interrupted_in(PLAIN, 100);
    put_caller(stack + 104, in(FIRST_BYTE));
    put_caller(stack + 108, 0);
    expect_walk(&context, SP_STACK_COMPLETE, FRAMES(in(PLAIN), in(FIRST_BYTE)));
}

static void test_tables_broken(void **state)
{
    (void)state;
    const ucontext_t context = interrupted_in(PLAIN, 100);
    put_caller(stack + 104, in(BROKEN));
    put_caller(stack + 108, in(LAST));
    expect_walk(&context, SP_STACK_CUT_RULES, FRAMES(in(PLAIN), in(BROKEN)));
}

static void test_tables_lead_out_of_memory(void **state)
{
    (void)state;
    const ucontext_t context = interrupted_in(PLAIN, WORDS - 1);
    const struct sp_stack_bounds all = {address(stack, 0), address(stack, WORDS)};
    const struct sp_stack_bounds *bounds[] = {&nothing_known, &all};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(sp_unwind(&context, bounds[i / 2], i % 2 == 0 ? NULL : memory, pcs, DEPTH, &facts), 1);
        assert_int_equal(facts.end, SP_STACK_CUT_MEMORY);
    }
}

/* A register that was saved frames ago is needed: the one in the interrupted thread is another's. */
static void test_tables_need_a_register_saved_before(void **state)
{
    (void)state;
    ucontext_t context = interrupted_in(PLAIN, 100);
    set_some(&context, 0xbad);
    put_caller(stack + 104, in(SAVES));
    put_caller(stack + 112, in(PLAIN));
    stack[112 - 6] = address(stack, 150); /* what SAVES has saved */
    put_caller(stack + 116, in(COMPLEX));
    put_caller(stack + 152, in(PLAIN));
    put_caller(stack + 156, in(LAST));
    expect_walk(&context, SP_STACK_COMPLETE, FRAMES(in(PLAIN), in(SAVES), in(PLAIN), in(COMPLEX), in(PLAIN), in(LAST)));
}

static void test_tables_need_a_register_of_the_interrupted_thread(void **state)
{
    (void)state;
    ucontext_t context = interrupted_in(COMPLEX, 100);
    set_some(&context, address(stack, 150));
    put_caller(stack + 152, in(LAST));
    expect_walk(&context, SP_STACK_COMPLETE, FRAMES(in(COMPLEX), in(LAST)));
    context = interrupted_in(PLAIN, 100); /* and of its caller, and once more */
    set_some(&context, address(stack, 150));
    put_caller(stack + 104, in(COMPLEX));
    put_caller(stack + 152, in(SAVES));
    put_caller(stack + 160, in(COMPLEX));
    stack[160 - 6] = address(stack, 180);
    put_caller(stack + 182, in(LAST));
    expect_walk(&context, SP_STACK_COMPLETE, FRAMES(in(PLAIN), in(COMPLEX), in(SAVES), in(COMPLEX), in(LAST)));
}

static void test_tables_need_a_register_that_is_lost(void **state)
{
    (void)state;
    ucontext_t context = interrupted_in(LOSES, 100);
    set_some(&context, address(stack, 150));
    put_caller(stack + 104, in(COMPLEX));
    put_caller(stack + 152, in(LAST));
    expect_walk(&context, SP_STACK_CUT_RULES, FRAMES(in(LOSES), in(COMPLEX)));
}

/* The CFA is on a stack that the thread's own bounds say nothing of: below it, or above. */
static void test_tables_lead_to_another_stack(void **state)
{
    (void)state;
    ucontext_t context = interrupted_in(COMPLEX, 2000);
    const struct sp_stack_bounds own = {address(stack, 1900), address(stack, 2100)};
    const uint32_t others[] = {100, 3000};
    for (unsigned i = 0; i < 2; i++) {
        set_some(&context, address(stack, others[i]));
        put_caller(stack + others[i] + 2, in(PLAIN));
        put_caller(stack + others[i] + 6, in(PLAIN));
        put_caller(stack + others[i] + 10, in(LAST));
        assert_int_equal(sp_unwind(&context, &own, memory, pcs, DEPTH, &facts), 4);
        assert_int_equal(facts.end, SP_STACK_COMPLETE);
        assert_int_equal(pcs[3], in(LAST));
    }
}

/* A signal's frame as the stack pointer and the words above it: what was interrupted, and where. */
static void put_signal(uint32_t sp, uintptr_t pc, uint32_t interrupted_sp, uintptr_t some)
{
    stack[sp + 1] = address(stack, interrupted_sp);
    stack[sp + 2] = pc;
    stack[sp + 3] = some;
}

/* What was interrupted at a function's first byte is looked up there, not at the byte before, which is BROKEN's. */
static void test_tables_of_a_signal_s_frame(void **state)
{
    (void)state;
    const uintptr_t first_byte = in(FIRST_BYTE)-MIDDLE;
    const ucontext_t context = interrupted_in(PLAIN, 100);
    put_caller(stack + 104, in(SIGNAL));
    put_signal(104, first_byte, 200, 0xbad);
    put_caller(stack + 204, in(LAST));
    expect_walk(&context, SP_STACK_COMPLETE, FRAMES(in(PLAIN), in(SIGNAL), first_byte + 1, in(LAST)));
}

/* The same, and frames later a register of what was interrupted is needed. */
static void test_tables_need_a_register_of_what_a_signal_interrupted(void **state)
{
    (void)state;
    const uintptr_t first_byte = in(FIRST_BYTE)-MIDDLE;
    const ucontext_t context = interrupted_in(PLAIN, 100);
    put_caller(stack + 104, in(SIGNAL));
    put_signal(104, first_byte, 200, address(stack, 300));
    put_caller(stack + 204, in(COMPLEX));
    put_caller(stack + 302, in(LAST));
    expect_walk(&context, SP_STACK_COMPLETE, FRAMES(in(PLAIN), in(SIGNAL), first_byte + 1, in(COMPLEX), in(LAST)));
}

/* The registers that the kernel has put there, though others have been brought up on the way. */
static void test_tables_need_a_register_of_a_context(void **state)
{
    (void)state;
    const uintptr_t first_byte = in(FIRST_BYTE)-MIDDLE, restorer = address(stack, WORDS - 64);
    memcpy(&stack[WORDS - 64], restorers[0], sizeof restorers[0]);
    ucontext_t context = interrupted_in(COMPLEX, 100), inner = context_of(first_byte, address(stack, 2000), 0xbad);
    set_some(&context, address(stack, 150));
    set_some(&inner, address(stack, 2300));
    put_caller(stack + 152, in(PLAIN));
    put_caller(stack + 156, restorer);
    memcpy(&stack[156 + INFO_WORDS], &inner, sizeof inner);
    put_caller(stack + 2004, in(COMPLEX));
    put_caller(stack + 2302, in(LAST));
    expect_walk(&context, SP_STACK_COMPLETE,
                FRAMES(in(COMPLEX), in(PLAIN), restorer, first_byte + 1, in(COMPLEX), in(LAST)));
}

/* A caller's return address is not in a register: it has called since. */
static void test_tables_without_a_caller_s_return_address(void **state)
{
    (void)state;
    const ucontext_t context = interrupted_in(PLAIN, 100);
    put_caller(stack + 104, in(BARE));
    put_caller(stack + 108, in(LAST));
    expect_walk(&context, SP_STACK_CUT_RULES, FRAMES(in(PLAIN), in(BARE)));
}

/* What was learnt of an object is not for another that is loaded at its place. */
static void test_tables_of_another_object_at_one_place(void **state)
{
    (void)state;
    const ucontext_t context = interrupted_in(PLAIN, 100);
    put_caller(stack + 104, in(LAST));
    put_caller(stack + 108, in(SAVES)); /* found with a frame of twice the size */
    put_caller(stack + 116, in(LAST));
    assert_int_equal(sp_unwind(&context, &nothing_known, memory, pcs, DEPTH, &facts), 2);
    const uint8_t usual[] = {USUAL};
    uint8_t *const program = memmem(t.pages, t.used, usual, sizeof usual);
    assert_non_null(program);
    program[2] *= 2;
    sp_objects_changed();
    assert_int_equal(sp_unwind(&context, &nothing_known, memory, pcs, DEPTH, &facts), 3);
    assert_int_equal(pcs[1], in(SAVES));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_tables_to_the_last_frame),
        TEST(test_tables_to_a_return_address_of_zero),
        TEST(test_tables_broken),
        TEST(test_tables_lead_out_of_memory),
        TEST(test_tables_need_a_register_saved_before),
        TEST(test_tables_need_a_register_of_the_interrupted_thread),
        TEST(test_tables_need_a_register_that_is_lost),
        TEST(test_tables_lead_to_another_stack),
        TEST(test_tables_of_a_signal_s_frame),
        TEST(test_tables_need_a_register_of_what_a_signal_interrupted),
        TEST(test_tables_need_a_register_of_a_context),
        TEST(test_tables_without_a_caller_s_return_address),
        TEST(test_tables_of_another_object_at_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
