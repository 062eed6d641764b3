/* Call frame instructions that no compiler writes, in tables made by hand. What compilers write: tests/tables. */
#include "handler/rule_cache.h"

#include "check.h"

enum { CODE = 0x10000, CODE_BYTES = 0x100, SP = 7, OTHER = 3 };

/* Tables as they are in memory: a header without a search table, one CIE, one FDE for [CODE, CODE + CODE_BYTES). */
struct image {
    uint8_t bytes[4096];
    uint32_t used;
};

static void put(struct image *image, const void *bytes, uint32_t n)
{
    assert_true(image->used + n <= sizeof image->bytes);
    memcpy(image->bytes + image->used, bytes, n);
    image->used += n;
}

static void put_number(struct image *image, uint64_t value, uint32_t bytes)
{
    put(image, &value, bytes);
}

/* A record: its length, its first word, its content. Returns where it is. */
static uint32_t put_record(struct image *image, uint32_t first, const struct image *content)
{
    const uint32_t at = image->used;
    put_number(image, 4 + content->used, 4);
    put_number(image, first, 4);
    put(image, content->bytes, content->used);
    return at;
}

static void begin(struct image *image)
{
    struct image cie = {.used = 0};
    image->used = 0;
    const uint8_t header[] = {1, 0x1b /* pcrel sdata4 */, 0xff, 0xff, 4, 0, 0, 0};
    put(image, header, sizeof header);
    put_number(&cie, 1, 1); /* version */
    put_number(&cie, 0, 1); /* no augmentation */
    const uint8_t factors[] = {1, 0x78 /* -8 */, 16};
    put(&cie, factors, sizeof factors);
    const uint8_t initial[] = {0x0c, SP, 8, 0x80 | 16, 1}; /* def_cfa SP + 8; offset of 16: 1 × -8 */
    put(&cie, initial, sizeof initial);
    put_record(image, 0, &cie);
}

static void end(struct image *image, const uint8_t *program, uint32_t bytes)
{
    struct image fde = {.used = 0};
    put_number(&fde, CODE, 8);
    put_number(&fde, CODE_BYTES, 8);
    put(&fde, program, bytes);
    put_record(image, image->used + 4 - 8, &fde); /* the CIE stands behind the header */
    put_number(image, 0, 4);
}

static enum sp_cfi_status find(const struct image *image, uintptr_t pc, struct sp_cfi_row *row)
{
    const uintptr_t low = (uintptr_t)image->bytes;
    const struct sp_tables tables = {low, low + image->used, low};
    return sp_cfi_find(&tables, pc, row);
}

static enum sp_cfi_status find_in(const uint8_t *program, uint32_t bytes, uintptr_t pc, struct sp_cfi_row *row)
{
    struct image image;
    begin(&image);
    end(&image, program, bytes);
    return find(&image, pc, row);
}

static void test_program_plain_is_executed_up_to_the_address(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    const uint8_t program[] = {0x44 /* advance 4 */, 0x0e, 16 /* def_cfa_offset */};
    assert_int_equal(find_in(program, sizeof program, CODE + 3, &row), SP_CFI_FOUND);
    assert_int_equal(row.cfa_offset, 8);
    assert_int_equal(find_in(program, sizeof program, CODE + 4, &row), SP_CFI_FOUND);
    assert_int_equal(row.cfa_offset, 16);
    assert_int_equal(row.cfa_register, SP);
    assert_int_equal(row.begin, CODE);
    assert_int_equal(row.end, CODE + CODE_BYTES);
    assert_int_equal(find_in(program, sizeof program, CODE - 1, &row), SP_CFI_NONE);
    assert_int_equal(find_in(program, sizeof program, CODE + CODE_BYTES, &row), SP_CFI_NONE);
}

static void test_program_register_after_expression_keeps_the_offset(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    const uint8_t program[] = {0x0e, 56, 0x0f, 2, 0x77, 0 /* def_cfa_expression: breg7 0 */, 0x41, 0x0d, OTHER};
    assert_int_equal(find_in(program, sizeof program, CODE, &row), SP_CFI_FOUND);
    assert_true(row.cfa_is_expression);
    assert_int_equal(find_in(program, sizeof program, CODE + 1, &row), SP_CFI_FOUND);
    assert_false(row.cfa_is_expression);
    assert_int_equal(row.cfa_register, OTHER);
    assert_int_equal(row.cfa_offset, 56);
}

/* What a look-up has cost is told, found or not, so that a walk can keep its measure. */
static void test_program_steps_are_counted(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    struct image program = {.used = 0};
    for (unsigned i = 0; i < 1000; i++)
        put_number(&program, 0, 1); /* nop */
    assert_int_equal(find_in(program.bytes, program.used, CODE, &row), SP_CFI_FOUND);
    assert_in_range(row.steps, 1002, 1010); /* and the CIE's two, and the records that were scanned for it */
    put_number(&program, 0x3f, 1);          /* no instruction */
    assert_int_equal(find_in(program.bytes, program.used, CODE, &row), SP_CFI_MALFORMED);
    assert_in_range(row.steps, 1002, 1010);
    assert_int_equal(find_in(program.bytes, program.used, CODE - 1, &row), SP_CFI_NONE);
    assert_in_range(row.steps, 1, 10);
}

/* States nest deeper than any room that could have been kept for them. */
static void test_program_states_nest(void **state)
{
    (void)state;
    enum { NESTED = 100 };
    struct sp_cfi_row row;
    struct image program = {.used = 0};
    for (uint8_t i = 0; i < NESTED; i++) {
        const uint8_t deeper[] = {0x0e, 16, 0x0a, 0x0e, (uint8_t)(17 + i % 50), 0x41}; /* remember_state; advance 1 */
        put(&program, deeper, sizeof deeper);
    }
    for (uint8_t i = 0; i < NESTED; i++)
        put_number(&program, 0x410b, 2); /* restore_state; advance 1 */
    assert_int_equal(find_in(program.bytes, program.used, CODE + 30, &row), SP_CFI_FOUND);
    assert_int_equal(row.cfa_offset, 17 + 30);
    assert_int_equal(find_in(program.bytes, program.used, CODE + 2 * NESTED, &row), SP_CFI_FOUND);
    assert_int_equal(row.cfa_offset, 16);
    const uint8_t without[] = {0x0b};
    assert_int_equal(find_in(without, sizeof without, CODE, &row), SP_CFI_MALFORMED);
}

/* A number of ten bytes is one, padded to 16 too; a longer one could go on for the whole of a file. */
static void test_program_endless_number_is_malformed(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    for (uint32_t bytes = 1; bytes <= 40; bytes++) {
        struct image program = {.used = 0};
        put_number(&program, 0x0e, 1);
        put_number(&program, bytes == 1 ? 24 : 0x80 | 24, 1);
        for (uint32_t i = 1; i < bytes; i++)
            put_number(&program, i + 1 < bytes ? 0x80 : 0, 1);
        assert_int_equal(find_in(program.bytes, program.used, CODE, &row),
                         bytes <= 16 ? SP_CFI_FOUND : SP_CFI_MALFORMED);
        if (bytes <= 16)
            assert_int_equal(row.cfa_offset, 24);
    }
}

/* A CIE that is all augmentation, without the zero at its end. */
static void test_augmentation_without_end_is_malformed(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    struct image image, cie = {.used = 0};
    const uint8_t nop = 0;
    put(&cie, "\001zRSSSSSSSSSSSSSSSSSSSSSS", 24);
    begin(&image);
    image.used = 8; /* behind the header */
    put_record(&image, 0, &cie);
    end(&image, &nop, 1);
    assert_int_equal(find(&image, CODE, &row), SP_CFI_MALFORMED);
}

static enum sp_rule_kind kind_of_expression(const uint8_t *program, uint32_t bytes)
{
    struct sp_cfi_row row;
    struct image image;
    begin(&image);
    end(&image, program, bytes);
    assert_int_equal(find(&image, CODE, &row), SP_CFI_FOUND);
    const uintptr_t low = (uintptr_t)image.bytes;
    const struct sp_tables tables = {low, low + image.used, low};
    return sp_rule_kind(sp_rule_pack(&tables, &row, CODE));
}

/* An expression that is the stack pointer and a constant is found out by trying it. One that rounds is none. */
static void test_expression_that_rounds_is_not_packed(void **state)
{
    (void)state;
#if defined(__x86_64__)
    const uint8_t plain[] = {0x0f, 2, 0x77, 16};                      /* def_cfa_expression: breg7 16 */
    const uint8_t rounding[] = {0x0f, 5, 0x77, 16, 0x09, 0xf0, 0x1a}; /* breg7 16, const1s -16, and */
    assert_int_equal(kind_of_expression(plain, sizeof plain), SP_FRAME_SP);
    assert_int_equal(kind_of_expression(rounding, sizeof rounding), SP_FRAME_COMPLEX);
#else
    const uint8_t constant[] = {0x0f, 1, 0x34}; /* lit4 */
    assert_int_equal(kind_of_expression(constant, sizeof constant), SP_FRAME_COMPLEX);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_plain_is_executed_up_to_the_address),
        cmocka_unit_test(test_program_register_after_expression_keeps_the_offset),
        cmocka_unit_test(test_program_steps_are_counted),
        cmocka_unit_test(test_program_states_nest),
        cmocka_unit_test(test_program_endless_number_is_malformed),
        cmocka_unit_test(test_augmentation_without_end_is_malformed),
        cmocka_unit_test(test_expression_that_rounds_is_not_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
