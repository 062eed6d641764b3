/* The programs of line tables, made by hand as DWARF 5, 6.2.5 has them. */
#include "check.h"

#include "line_tables.h"

#include <errno.h>

#define START 0x401000

/* The lines at addresses [from, from + n) by the table, 0 where there is none. */
static void find(const struct made *made, uint64_t from, struct sp_dwarf_place *places, size_t n)
{
    const struct sp_dwarf_file file = file_of(made, NULL, NULL);
    const struct sp_dwarf_line_unit unit = {.file = &file};
    struct sp_dwarf_lines *lines = sp_dwarf_lines_new();
    assert_non_null(lines);
    for (size_t i = 0; i < n; i++)
        places[i] = (struct sp_dwarf_place){.vaddr = from + i};
    assert_int_equal(sp_dwarf_lines_open(lines, &unit), 0);
    sp_dwarf_lines_find(lines, places, n);
    sp_dwarf_lines_free(lines);
}

static struct sp_dwarf_place find_one(const struct made *made, uint64_t vaddr)
{
    struct sp_dwarf_place place;
    find(made, vaddr, &place, 1);
    return place;
}

/* The lines of addresses from START on, -1 where no row covers one. */
static void check_lines(const struct made *made, const int *lines, size_t n)
{
    struct sp_dwarf_place places[64];
    assert_in_range(n, 1, 64);
    find(made, START, places, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(places[i].is_known ? (int)places[i].line : -1, lines[i]);
}

#define CHECK_LINES(made, ...) \
    check_lines(made, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void test_rows_reach_to_the_next(void **state)
{
    for (uint16_t version = 2; version <= 5; version++)
        for (int is_64_bit = 0; is_64_bit < 2; is_64_bit++) {
            struct made *made = *state;
            made->n = 0;
            struct made_table table = {.made = made, .version = version, .is_64_bit = is_64_bit};
            begin_small_table(&table);
            put_set_address(made, START + 1, 8);
            put_special(made, 0, 4);
            put_special(made, 2, 5);
            put_special(made, 3, -2);
            put(made, 2, 1), put_uleb(made, 1); /* DW_LNS_advance_pc */
            put_end_sequence(made);
            end_table(&table);
            CHECK_LINES(made, -1, 5, 5, 10, 10, 10, 8, -1, -1);
            assert_int_equal(find_one(made, START + 1).file, 1);
            assert_int_equal(find_one(made, START + 1).sequence, START + 1);
        }
}

static void test_last_row_at_an_address_holds(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4};
    begin_small_table(&table);
    put_set_address(made, START, 8);
    put_special(made, 0, 1);
    put_special(made, 0, 1);
    put_special(made, 1, 1);
    put_special(made, 0, 5);
    put_special(made, 1, 1); /* ends where it begins: covers nothing */
    put_end_sequence(made);
    end_table(&table);
    CHECK_LINES(made, 3, 9, -1);
}

static void test_each_standard_opcode(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 5, .min_instruction = 2, .opcode_base = 20};
    begin_small_table(&table);
    put_set_address(made, START, 4);
    put(made, 3, 1), put_sleb(made, 1000);                    /* DW_LNS_advance_line */
    put(made, 4, 1), put_uleb(made, 300);                     /* DW_LNS_set_file */
    put(made, 5, 1), put_uleb(made, 70);                      /* DW_LNS_set_column */
    put(made, 0x0b0a0706, 4);                                 /* statements, blocks, prologues, epilogues */
    put(made, 12, 1), put_uleb(made, 300);                    /* DW_LNS_set_isa */
    put(made, 19, 1), put_uleb(made, 300), put_uleb(made, 1); /* unknown, with two numbers */
    put(made, 1, 1);                                          /* DW_LNS_copy */
    put(made, 2, 1), put_uleb(made, 2);                       /* DW_LNS_advance_pc: 4 bytes */
    put(made, 3, 1), put_sleb(made, -1000);
    put(made, 1, 1);
    put(made, 9, 1), put(made, 3, 2); /* DW_LNS_fixed_advance_pc: 3 bytes */
    put(made, 3, 1), put_sleb(made, 1);
    put(made, 1, 1);
    put(made, 8, 1); /* DW_LNS_const_add_pc: (255 - 20) / 12 * 2 = 38 bytes */
    put_end_sequence(made);
    end_table(&table);
    const struct sp_dwarf_place place = find_one(made, START);
    assert_true(place.is_known);
    assert_int_equal(place.file, 300);
    assert_int_equal(place.column, 70);
    CHECK_LINES(made, 1001, 1001, 1001, 1001, 1, 1, 1, 2);
    assert_int_equal(find_one(made, START + 7 + 37).line, 2);
    assert_false(find_one(made, START + 7 + 38).is_known);
}

static void test_extended_opcodes_are_skipped_by_their_size(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4};
    begin_small_table(&table);
    put_set_address(made, START, 8);
    put(made, 0, 1), put_uleb(made, 2), put(made, 4, 1), put_uleb(made, 9);  /* DW_LNE_set_discriminator */
    put(made, 0, 1), put_uleb(made, 5), put(made, 0x80, 1), put(made, 0, 4); /* a vendor's */
    put(made, 0, 1), put_uleb(made, 4), put(made, 2, 1), put(made, 7, 3);    /* an address of three bytes */
    put(made, 0, 1), put_uleb(made, 0);                                      /* nothing */
    put_special(made, 0, 1);
    put_special(made, 1, 0);
    put_end_sequence(made);
    end_table(&table);
    CHECK_LINES(made, 2, -1);
}

/* Three operations to an instruction of 16 bytes, as on Itanium: a row in its middle has its address. */
static void test_vliw(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4, .min_instruction = 16, .max_operations = 3};
    begin_small_table(&table);
    put_set_address(made, START, 8);
    put_special(made, 0, 1);            /* 0, operation 0: line 2 */
    put_special(made, 2, 1);            /* 0, operation 2: line 3 */
    put_special(made, 2, 1);            /* 16, operation 1: line 4 */
    put(made, 8, 1);                    /* (255 - 13) / 12 = 20 operations: 16 + 7 * 16 = 128, operation 0 */
    put(made, 2, 1), put_uleb(made, 5); /* 144, operation 2 */
    put_special(made, 0, 1);            /* line 5 */
    put(made, 9, 1), put(made, 16, 2);  /* 160, operation 0 */
    put_special(made, 2, 1);            /* line 6 */
    put_special(made, 1, 1);            /* 176 */
    put_end_sequence(made);
    end_table(&table);
    static const struct {
        unsigned offset, line;
    } expected[] = {{0, 3}, {15, 3}, {16, 4}, {143, 4}, {144, 5}, {159, 5}, {160, 6}, {175, 6}, {176, 0}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        assert_int_equal(find_one(made, START + expected[i].offset).line, expected[i].line);
}

static void test_special_opcodes_only(void **state)
{
    for (uint8_t opcode_base = 1; opcode_base < 10; opcode_base += 3) {
        struct made *made = *state;
        made->n = 0;
        struct made_table table = {.made = made, .version = 3, .opcode_base = opcode_base};
        begin_small_table(&table);
        put_set_address(made, START, 8);
        put(made, opcode_base + 4U, 1);              /* line + 1 */
        put(made, opcode_base + LINE_RANGE + 3U, 1); /* address + 1 */
        put_end_sequence(made);
        end_table(&table);
        CHECK_LINES(made, 2, -1);
    }
}

static void test_a_line_range_of_zero(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4, .line_range = 1};
    begin_small_table(&table);
    put_set_address(made, START, 8);
    put(made, 200, 1); /* advances nothing, but makes a row */
    put(made, 9, 1), put(made, 1, 2);
    put_end_sequence(made);
    end_table(&table);
    made->bytes[table.header + 4] = 0;
    CHECK_LINES(made, 1, -1);
}

/* No standard opcode, and special ones from 1 on, which count from 0. */
static void test_an_opcode_base_of_zero(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4, .opcode_base = 1};
    begin_small_table(&table);
    put_set_address(made, START, 8);
    put(made, 4, 1);              /* line + 1 */
    put(made, LINE_RANGE + 3, 1); /* address + 1 */
    put_end_sequence(made);
    end_table(&table);
    made->bytes[table.header + 5] = 0;
    CHECK_LINES(made, 2, -1);
}

static void test_sequences_in_any_order(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 5};
    begin_small_table(&table);
    put_sequence(made, START + 6, 2, 30);
    put_sequence(made, START, 2, 10);
    put_sequence(made, START + 3, 0, 99);
    put_sequence(made, START + 3, 2, 20);
    end_table(&table);
    CHECK_LINES(made, 10, 10, -1, 20, 20, -1, 30, 30, -1);
}

/* What a linker threw away begins at 0, near it, or at the end of the address space, whence it may come around. */
static void test_rows_of_code_that_was_thrown_away(void **state)
{
    static const uint64_t graves[] = {0, 1, 0x40, UINT64_MAX, UINT64_MAX - 1};
    for (size_t i = 0; i < sizeof(graves) / sizeof(*graves); i++)
        for (int is_first = 0; is_first < 2; is_first++) {
            struct made *made = *state;
            made->n = 0;
            struct made_table table = {.made = made, .version = 4};
            begin_small_table(&table);
            if (is_first)
                put_sequence(made, graves[i], 2 * START, 99);
            put_sequence(made, START + 1, 2, 10);
            if (!is_first)
                put_sequence(made, graves[i], 2 * START, 99);
            end_table(&table);
            const int others = graves[i] <= 0x40 ? 99 : -1;
            CHECK_LINES(made, others, 10, 10, others);
        }
}

static void test_a_grave_of_four_bytes(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4};
    begin_small_table(&table);
    put_set_address(made, START, 4);
    put_special(made, 0, 1);
    put_set_address(made, UINT32_MAX, 4); /* nobody knows where the row before ends */
    put_special(made, 0, 1);
    put_special(made, 1, 1);
    put_set_address(made, START + 2, 4);
    put_special(made, 0, 1);
    put_special(made, 1, 1);
    put_end_sequence(made);
    end_table(&table);
    CHECK_LINES(made, -1, -1, 5, -1);
    assert_false(find_one(made, UINT32_MAX).is_known);
}

static void test_rows_that_go_back(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4};
    begin_small_table(&table);
    put_set_address(made, START + 2, 8);
    put_special(made, 0, 1);
    put_special(made, 2, 1);
    put(made, 2, 1), put_uleb(made, UINT64_MAX - 3); /* 4 back */
    put_special(made, 0, 1);
    put_special(made, 1, 1);
    put_end_sequence(made);
    end_table(&table);
    CHECK_LINES(made, 4, -1, 2, 2, -1);
}

static void test_a_sequence_that_does_not_end(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4};
    begin_small_table(&table);
    put_set_address(made, START, 8);
    put_special(made, 0, 1);
    put_special(made, 1, 1);
    end_table(&table);
    CHECK_LINES(made, 2, -1, -1);
}

/* Rows that go to and fro over many places, again and again. */
static void test_work_is_bounded(void **state)
{
    enum { N = 100000 };
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4};
    struct sp_dwarf_place *places = calloc(N, sizeof(*places));
    assert_non_null(places);
    begin_small_table(&table);
    while (made->n + 64 < sizeof(made->bytes)) {
        put_set_address(made, START, 4);
        put_special(made, 0, 0);
        put_set_address(made, START + N, 4);
        put_special(made, 0, 0);
    }
    end_table(&table);
    find(made, START, places, N);
    assert_true(places[N - 1].is_known);
    free(places);
}

static void test_a_budget_is_kept(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4};
    begin_small_table(&table);
    end_table(&table);
    const struct sp_dwarf_file file = file_of(made, NULL, NULL);
    uint64_t budget = made->n + 1;
    const struct sp_dwarf_line_unit unit = {.file = &file, .budget = &budget};
    struct sp_dwarf_lines *lines = sp_dwarf_lines_new();
    struct sp_dwarf_place place = {.vaddr = START};
    assert_int_equal(sp_dwarf_lines_open(lines, &unit), 0);
    assert_int_equal(budget, 1);
    assert_int_equal(sp_dwarf_lines_open(lines, &unit), -EBADMSG);
    sp_dwarf_lines_find(lines, &place, 1); /* there is no table: nothing is found */
    assert_false(place.is_known);
    sp_dwarf_lines_free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_reach_to_the_next, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_last_row_at_an_address_holds, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_each_standard_opcode, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_extended_opcodes_are_skipped_by_their_size, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_vliw, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_special_opcodes_only, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_a_line_range_of_zero, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_an_opcode_base_of_zero, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_sequences_in_any_order, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_rows_of_code_that_was_thrown_away, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_a_grave_of_four_bytes, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_rows_that_go_back, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_a_sequence_that_does_not_end, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_work_is_bounded, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_a_budget_is_kept, set_up_table, tear_down_table),
    };
    return cmocka_run_group_tests_name("dwarf_lines", tests, NULL, NULL);
}
