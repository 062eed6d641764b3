/* From a frame to its caller: where each kind of rule finds a register, and what cannot be had. */
#include "handler/frame.h"

#include "frame_tables.h"

enum { SP = SP_ARCH_SP, FP = SP_ARCH_FP, RA = SP_ARCH_RA, SOME = 3, OTHER = 5, WORDS = 12, CFA_WORD = 6 };

/*
 * A frame whose CFA is sp + 16, at words[CFA_WORD], with the return address in the word below. Registers hold 1000
 * times their number, words 100 plus theirs. What expressions there are stands in `t`.
 */
struct scene {
    struct sp_cfi_row row;
    struct sp_frame frame, caller;
    struct sp_loader loader;
    struct frame_tables t;
    uintptr_t words[WORDS];
};

static void begin(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    for (unsigned i = 0; i < WORDS; i++)
        scene->words[i] = 100 + i;
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++)
        scene->frame.columns[i] = 1000 * i;
    scene->frame.known = (uint32_t)(((uint64_t)1 << SP_ARCH_COLUMNS) - 1);
    scene->frame.pc = 0x401000;
    scene->frame.columns[SP] = (uintptr_t)&scene->words[CFA_WORD - 2];
    scene->loader = sp_loader_new((uintptr_t)scene->words, (uintptr_t)(scene->words + WORDS));
    scene->row.cfa_register = SP;
    scene->row.cfa_offset = 16;
    scene->row.return_column = RA;
    scene->row.rules[RA] = SP_RULE_OFFSET;
    scene->row.values[RA] = -8;
    tables_new(&scene->t, INDEX_NO_HEADER, 0);
    put_bytes(&scene->t, "\0", 1);
}

static void end(struct scene *scene)
{
    tables_free(&scene->t);
}

/* Makes the code an expression, and returns where it stands. */
static int32_t put_expression(struct scene *scene, const uint8_t *code, size_t bytes)
{
    const size_t place = scene->t.used;
    put_uleb(&scene->t, bytes);
    put_bytes(&scene->t, code, bytes);
    tables_bound(&scene->t);
    return (int32_t)place;
}

static enum sp_step step(struct scene *scene)
{
    return sp_frame_step(&scene->t.tables, &scene->row, &scene->loader, &scene->frame, &scene->caller);
}

static void set_rule(struct scene *scene, unsigned column, enum sp_rule rule, int32_t value)
{
    scene->row.rules[column] = (uint8_t)rule;
    scene->row.values[column] = value;
}

static bool is_known(const struct scene *scene, unsigned column)
{
    return (scene->caller.known >> column & 1) != 0;
}

/* What the caller has in a register whose rule this is. */
static uintptr_t value_by(struct scene *scene, enum sp_rule rule, int32_t value)
{
    set_rule(scene, SOME, rule, value);
    assert_int_equal(step(scene), SP_STEP_OK);
    assert_true(is_known(scene, SOME));
    return scene->caller.columns[SOME];
}

static uintptr_t cfa_of(const struct scene *scene)
{
    return (uintptr_t)&scene->words[CFA_WORD];
}

static void test_step_usual(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.pc, 100 + CFA_WORD - 1);
    assert_int_equal(scene.caller.columns[SP], cfa_of(&scene));
    assert_int_equal(scene.caller.known, scene.frame.known);
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++)
        if (i != SP && i != RA)
            assert_int_equal(scene.caller.columns[i], 1000 * i);
    end(&scene);
}

static void test_step_by_each_rule(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    assert_int_equal(value_by(&scene, SP_RULE_UNSPECIFIED, 0), 1000 * SOME);
    assert_int_equal(value_by(&scene, SP_RULE_SAME, 0), 1000 * SOME);
    assert_int_equal(value_by(&scene, SP_RULE_OFFSET, -16), 100 + CFA_WORD - 2);
    assert_int_equal(value_by(&scene, SP_RULE_OFFSET, 8), 100 + CFA_WORD + 1);
    assert_int_equal(value_by(&scene, SP_RULE_VAL_OFFSET, -16), cfa_of(&scene) - 16);
    assert_int_equal(value_by(&scene, SP_RULE_REGISTER, OTHER), 1000 * OTHER);
    /* An expression begins with the CFA on its stack. */
    const int32_t add_16 = put_expression(&scene, PROGRAM(0x23, 16));
    assert_int_equal(value_by(&scene, SP_RULE_EXPRESSION, add_16), 100 + CFA_WORD + 2);
    assert_int_equal(value_by(&scene, SP_RULE_VAL_EXPRESSION, add_16), cfa_of(&scene) + 16);
    const int32_t of_other = put_expression(&scene, PROGRAM(0x70 + OTHER, 1));
    assert_int_equal(value_by(&scene, SP_RULE_VAL_EXPRESSION, of_other), 1000 * OTHER + 1);
    end(&scene);
}

/* The registers that rules name are the frame's, not those that have been found for its caller already. */
static void test_step_with_registers_exchanged(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    set_rule(&scene, SOME, SP_RULE_REGISTER, OTHER);
    set_rule(&scene, OTHER, SP_RULE_REGISTER, SOME);
    set_rule(&scene, FP, SP_RULE_VAL_EXPRESSION, put_expression(&scene, PROGRAM(0x70 + SOME, 0)));
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.columns[SOME], 1000 * OTHER);
    assert_int_equal(scene.caller.columns[OTHER], 1000 * SOME);
    assert_int_equal(scene.caller.columns[FP], 1000 * SOME);
    end(&scene);
}

static void test_step_by_cfa_of_another_register(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.row.cfa_register = OTHER;
    scene.row.cfa_offset = -8;
    scene.frame.columns[OTHER] = cfa_of(&scene) + 8;
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.pc, 100 + CFA_WORD - 1);
    assert_int_equal(scene.caller.columns[SP], cfa_of(&scene));
    scene.frame.known &= ~(1u << OTHER);
    assert_int_equal(step(&scene), SP_STEP_RULES);
    end(&scene);
}

static void test_step_by_cfa_expression(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.row.cfa_is_expression = true;
    scene.row.cfa_offset = put_expression(&scene, PROGRAM(0x70 + OTHER, 0, 0x06)); /* what OTHER points at */
    scene.frame.columns[OTHER] = (uintptr_t)&scene.words[1];
    scene.words[1] = cfa_of(&scene);
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.columns[SP], cfa_of(&scene));
    scene.frame.columns[OTHER] = 8;
    assert_int_equal(step(&scene), SP_STEP_RULES);
    scene.row.cfa_offset = put_expression(&scene, PROGRAM(0x96)); /* begins with nothing on its stack */
    assert_int_equal(step(&scene), SP_STEP_RULES);
    scene.row.cfa_offset = -1;
    assert_int_equal(step(&scene), SP_STEP_RULES);
    end(&scene);
}

static void test_return_address_undefined_is_the_last_frame(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    set_rule(&scene, RA, SP_RULE_UNDEFINED, 0);
    assert_int_equal(step(&scene), SP_STEP_LAST);
    scene.frame.known = 0; /* whatever else the row says */
    assert_int_equal(step(&scene), SP_STEP_LAST);
    end(&scene);
}

/* It is still where a call left it, if that is a register; where calls push it, the row says nothing of it. */
static void test_return_address_unspecified(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    set_rule(&scene, RA, SP_RULE_UNSPECIFIED, 0);
    if (SP_ARCH_HAS_LINK_REGISTER) {
        assert_int_equal(step(&scene), SP_STEP_OK);
        assert_int_equal(scene.caller.pc, 1000 * RA);
        scene.frame.known &= ~(1u << RA);
    }
    assert_int_equal(step(&scene), SP_STEP_RULES);
    end(&scene);
}

static void test_return_address_in_a_register(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    set_rule(&scene, RA, SP_RULE_REGISTER, OTHER);
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.pc, 1000 * OTHER);
    scene.frame.known &= ~(1u << OTHER);
    assert_int_equal(step(&scene), SP_STEP_RULES);
    const int32_t columns[] = {SP_ARCH_COLUMNS, 64, INT32_MAX, -1, INT32_MIN};
    for (unsigned i = 0; i < sizeof columns / sizeof *columns; i++) {
        set_rule(&scene, RA, SP_RULE_REGISTER, columns[i]);
        assert_int_equal(step(&scene), SP_STEP_RULES);
    }
    end(&scene);
}

/* The CIE may name any column as that of the return address. */
static void test_return_address_in_another_column(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.row.return_column = SOME;
    set_rule(&scene, SOME, SP_RULE_OFFSET, -16);
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.pc, 100 + CFA_WORD - 2);
    set_rule(&scene, SOME, SP_RULE_UNDEFINED, 0);
    assert_int_equal(step(&scene), SP_STEP_LAST);
    end(&scene);
}

static void test_return_address_where_no_memory_is(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.loader = sp_loader_new(0, 0);
    const uintptr_t places[] = {8, 0, UINTPTR_MAX - 2, (uintptr_t)1 << 63, (uintptr_t)scene.t.pages - 4};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        scene.frame.columns[SP] = places[i] - 8;
        assert_int_equal(step(&scene), SP_STEP_MEMORY);
    }
    end(&scene);
}

static void test_return_address_without_what_authenticates_it(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.words[CFA_WORD - 1] = 0x00ab000012345678;
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.pc, SP_ARCH_HAS_LINK_REGISTER ? 0x12345678 : 0x00ab000012345678);
    end(&scene);
}

/* Any other register may be missing: it is not known from there on, until some frame has saved it. */
static void test_register_that_cannot_be_had_is_unknown(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    const struct {
        enum sp_rule rule;
        int32_t value;
    } rules[] = {
        {SP_RULE_UNDEFINED, 0},
        {SP_RULE_OFFSET, INT32_MIN},
        {SP_RULE_REGISTER, SP_ARCH_COLUMNS},
        {SP_RULE_EXPRESSION, put_expression(&scene, PROGRAM(0x38))}, /* at address 8 */
        {SP_RULE_EXPRESSION, put_expression(&scene, PROGRAM(0x13))},
        {SP_RULE_VAL_EXPRESSION, put_expression(&scene, PROGRAM(0xff))},
        {SP_RULE_VAL_EXPRESSION, INT32_MAX},
    };
    for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++) {
        set_rule(&scene, SOME, rules[i].rule, rules[i].value);
        assert_int_equal(step(&scene), SP_STEP_OK);
        assert_int_equal(scene.caller.known, scene.frame.known & ~(1u << SOME));
        assert_int_equal(scene.caller.pc, 100 + CFA_WORD - 1);
    }
    end(&scene);
}

static void test_register_unknown_becomes_known_where_it_was_saved(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.frame.known &= ~(1u << SOME | 1u << OTHER);
    set_rule(&scene, SOME, SP_RULE_OFFSET, -16);
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_true(is_known(&scene, SOME));
    assert_false(is_known(&scene, OTHER));
    set_rule(&scene, OTHER, SP_RULE_SAME, 0); /* the same, and as unknown */
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_false(is_known(&scene, OTHER));
    end(&scene);
}

static void test_stack_pointer_with_a_rule_is_not_the_cfa(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    set_rule(&scene, SP, SP_RULE_VAL_OFFSET, 8);
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.columns[SP], cfa_of(&scene) + 8);
    set_rule(&scene, SP, SP_RULE_OFFSET, 8);
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.columns[SP], 100 + CFA_WORD + 1);
    set_rule(&scene, SP, SP_RULE_SAME, 0);
    assert_int_equal(step(&scene), SP_STEP_OK);
    assert_int_equal(scene.caller.columns[SP], scene.frame.columns[SP]);
    end(&scene);
}

static void test_stack_pointer_that_cannot_be_had_ends_the_stack(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    set_rule(&scene, SP, SP_RULE_UNDEFINED, 0);
    assert_int_equal(step(&scene), SP_STEP_RULES);
    set_rule(&scene, SP, SP_RULE_REGISTER, SP_ARCH_COLUMNS);
    assert_int_equal(step(&scene), SP_STEP_RULES);
    set_rule(&scene, SP, SP_RULE_OFFSET, INT32_MIN);
    assert_int_equal(step(&scene), SP_STEP_MEMORY);
    end(&scene);
}

/* By DWARF's numbers, each register of an interrupted thread has its own place. */
static void test_frame_of_a_context(void **state)
{
    (void)state;
    ucontext_t context = {0};
    struct sp_frame frame;
#if defined(__x86_64__)
    static const int order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                                REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (int i = 0; i < SP_ARCH_COLUMNS; i++)
        context.uc_mcontext.gregs[order[i]] = 7 + i;
    const uintptr_t pc = 7 + RA;
#else
    for (unsigned i = 0; i < 31; i++)
        context.uc_mcontext.regs[i] = 7 + i;
    context.uc_mcontext.sp = 7 + 31;
    const uintptr_t pc = context.uc_mcontext.pc = 0x401000;
#endif
    sp_frame_from_context(&context, &frame);
    assert_int_equal(frame.pc, pc);
    assert_int_equal(frame.known, ((uint64_t)1 << SP_ARCH_COLUMNS) - 1);
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++)
        assert_int_equal(frame.columns[i], 7 + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_usual),
        cmocka_unit_test(test_step_by_each_rule),
        cmocka_unit_test(test_step_with_registers_exchanged),
        cmocka_unit_test(test_step_by_cfa_of_another_register),
        cmocka_unit_test(test_step_by_cfa_expression),
        cmocka_unit_test(test_return_address_undefined_is_the_last_frame),
        cmocka_unit_test(test_return_address_unspecified),
        cmocka_unit_test(test_return_address_in_a_register),
        cmocka_unit_test(test_return_address_in_another_column),
        cmocka_unit_test(test_return_address_where_no_memory_is),
        cmocka_unit_test(test_return_address_without_what_authenticates_it),
        cmocka_unit_test(test_register_that_cannot_be_had_is_unknown),
        cmocka_unit_test(test_register_unknown_becomes_known_where_it_was_saved),
        cmocka_unit_test(test_stack_pointer_with_a_rule_is_not_the_cfa),
        cmocka_unit_test(test_stack_pointer_that_cannot_be_had_ends_the_stack),
        cmocka_unit_test(test_frame_of_a_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
