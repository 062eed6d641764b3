/* Ranges of addresses: DWARF 4, 2.17.3; DWARF 5, 2.17.3 and 7.25. */
#include "check.h"
#include "made_dwarf.h"
#include "symbolize/dwarf_ranges.h"

#include <dwarf.h>

static struct made_dwarf dwarf, split;

/* A unit of the made file whose code begins at 0x1000. */
static struct sp_dwarf_unit unit_of(unsigned version)
{
    return (struct sp_dwarf_unit){.view = &dwarf.view,
                                  .program_view = &dwarf.view,
                                  .encoding = {.version = (uint16_t)version, .address_size = 8, .offset_size = 4},
                                  .bases = {.code = 0x1000}};
}

static const uint64_t no_ranges[] = {0, 0};

/* Reads all ranges, and compares them with pairs up to one of zeros. */
static void check_ranges(const struct sp_dwarf_unit *unit, const struct sp_dwarf_extent *extent,
                         const uint64_t *expected)
{
    struct sp_dwarf_ranges ranges;
    struct sp_dwarf_range range;
    uint64_t work = 100;
    sp_dwarf_ranges_init(&ranges, unit, extent, &work);
    for (; expected[0] != 0 || expected[1] != 0; expected += 2) {
        assert_true(sp_dwarf_ranges_next(&ranges, &range));
        assert_int_equal(range.start, expected[0]);
        assert_int_equal(range.end, expected[1]);
    }
    assert_false(sp_dwarf_ranges_next(&ranges, &range));
    assert_false(sp_dwarf_ranges_next(&ranges, &range));
}

/* 2.17.2: high_pc is an address, or counts from low_pc. */
static void test_a_single_range(void **state)
{
    (void)state;
    open_made(&dwarf);
    const struct sp_dwarf_unit unit = unit_of(4);
    const struct sp_dwarf_extent by_address = {.low_pc = {.kind = SP_DWARF_ADDRESS, .number = 0x400},
                                               .high_pc = {.kind = SP_DWARF_ADDRESS, .number = 0x500}};
    const struct sp_dwarf_extent by_length = {.low_pc = {.kind = SP_DWARF_ADDRESS, .number = 0x400},
                                              .high_pc = {.kind = SP_DWARF_CONSTANT, .number = 0x30}};
    const struct sp_dwarf_extent label = {.low_pc = {.kind = SP_DWARF_ADDRESS, .number = 0x400}};
    check_ranges(&unit, &by_address, (uint64_t[]){0x400, 0x500, 0, 0});
    check_ranges(&unit, &by_length, (uint64_t[]){0x400, 0x430, 0, 0});
    check_ranges(&unit, &label, no_ranges);
    close_made(&dwarf);
}

/* An address by its number in .debug_addr, which is there or is not. */
static void test_indexed_addresses(void **state)
{
    (void)state;
    put(&dwarf.sections[SP_DWARF_ADDR], 0, 8); /* the head of the table */
    put(&dwarf.sections[SP_DWARF_ADDR], 0x7000, 8);
    put(&dwarf.sections[SP_DWARF_ADDR], 0x8000, 8);
    open_made(&dwarf);
    struct sp_dwarf_unit unit = unit_of(5);
    unit.bases.addresses = 8;
    struct sp_dwarf_extent extent = {.low_pc = {.kind = SP_DWARF_ADDRESS_INDEX, .number = 1},
                                     .high_pc = {.kind = SP_DWARF_CONSTANT, .number = 0x30}};
    check_ranges(&unit, &extent, (uint64_t[]){0x8000, 0x8030, 0, 0});
    for (size_t i = 0; i < 3; i++) {
        extent.low_pc.number = (uint64_t[]){2, UINT64_MAX, UINT64_MAX / 8 + 1}[i];
        check_ranges(&unit, &extent, no_ranges);
    }
    close_made(&dwarf);
}

/* DWARF 4, 2.17.3: pairs from a base, pairs that choose the base, zeros at the end. */
static void test_old_lists(void **state)
{
    (void)state;
    struct made *made = &dwarf.sections[SP_DWARF_RANGES];
    static const uint64_t list[] = {0x10, 0x20, UINT64_MAX, 0x4000, 0x30, 0x40, UINT64_MAX, 0, 0x50, 0x60, 0, 0};
    put(made, 0, 16);
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        put(made, list[i], 8);
    put(made, 0x70, 8); /* a list that is cut off */
    open_made(&dwarf);
    const struct sp_dwarf_unit unit = unit_of(4);
    struct sp_dwarf_extent extent = {.ranges = {.kind = SP_DWARF_OFFSET, .number = 16}};
    static const uint64_t expected[] = {0x1010, 0x1020, 0x4030, 0x4040, 0x50, 0x60, 0, 0};
    check_ranges(&unit, &extent, expected);
    extent.ranges.kind = SP_DWARF_CONSTANT; /* data4: before version 4 there was no form for offsets */
    check_ranges(&unit, &extent, expected);
    extent.ranges.number = 0;
    check_ranges(&unit, &extent, no_ranges);
    for (size_t i = 0; i < 3; i++) {
        extent.ranges.number = (uint64_t[]){made->n - 8, made->n, UINT64_MAX}[i];
        check_ranges(&unit, &extent, no_ranges);
    }
    close_made(&dwarf);
}

/* The same with addresses of 4 bytes, where the largest one is another. */
static void test_old_lists_of_small_addresses(void **state)
{
    (void)state;
    static const uint64_t list[] = {0x10, 0x20, UINT32_MAX, 0x4000, 0x30, 0x40, 0, 0};
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        put(&dwarf.sections[SP_DWARF_RANGES], list[i], 4);
    open_made(&dwarf);
    struct sp_dwarf_unit unit = unit_of(4);
    unit.encoding.address_size = 4;
    const struct sp_dwarf_extent extent = {.ranges = {.kind = SP_DWARF_OFFSET, .number = 0}};
    check_ranges(&unit, &extent, (uint64_t[]){0x1010, 0x1020, 0x4030, 0x4040, 0, 0});
    close_made(&dwarf);
}

/* DWARF 5, 2.17.3: every kind of entry. */
static void put_new_list(struct made *made)
{
    put(made, DW_RLE_offset_pair, 1);
    put_uleb(made, 0x10);
    put_uleb(made, 0x200);
    put(made, DW_RLE_base_addressx, 1);
    put_uleb(made, 1);
    put(made, DW_RLE_offset_pair, 1);
    put_uleb(made, 1);
    put_uleb(made, 2);
    put(made, DW_RLE_startx_endx, 1);
    put_uleb(made, 0);
    put_uleb(made, 1);
    put(made, DW_RLE_startx_length, 1);
    put_uleb(made, 1);
    put_uleb(made, 0x123);
    put(made, DW_RLE_base_address, 1);
    put(made, 0x500000, 8);
    put(made, DW_RLE_offset_pair, 1);
    put_uleb(made, 3);
    put_uleb(made, 4);
    put(made, DW_RLE_start_end, 1);
    put(made, 0x600000, 8);
    put(made, 0x600010, 8);
    put(made, DW_RLE_start_length, 1);
    put(made, 0x700000, 8);
    put_uleb(made, 0x20);
    put(made, DW_RLE_end_of_list, 1);
}

static const uint64_t new_ranges[] = {0x1010,   0x1200,   0x8001,   0x8002,   0x7000,   0x8000,   0x8000, 0x8123,
                                      0x500003, 0x500004, 0x600000, 0x600010, 0x700000, 0x700020, 0,      0};

static void put_addresses(struct made_dwarf *into)
{
    put(&into->sections[SP_DWARF_ADDR], 0, 8);
    put(&into->sections[SP_DWARF_ADDR], 0x7000, 8);
    put(&into->sections[SP_DWARF_ADDR], 0x8000, 8);
}

static void test_new_lists(void **state)
{
    (void)state;
    struct made *made = &dwarf.sections[SP_DWARF_RNGLISTS];
    put_addresses(&dwarf);
    put(made, 0, 12); /* the head */
    put(made, 0x1000, 4);
    put(made, 8, 4); /* list 1 begins 8 bytes behind the table's beginning */
    put_new_list(made);
    open_made(&dwarf);
    struct sp_dwarf_unit unit = unit_of(5);
    unit.bases.addresses = 8;
    unit.bases.range_lists = 12;
    struct sp_dwarf_extent extent = {.ranges = {.kind = SP_DWARF_OFFSET, .number = 20}};
    check_ranges(&unit, &extent, new_ranges);
    extent.ranges = (struct sp_dwarf_value){.kind = SP_DWARF_LIST_INDEX, .number = 1};
    check_ranges(&unit, &extent, new_ranges);
    for (size_t i = 0; i < 3; i++) { /* a list beyond the section, no such list, one too many by far */
        extent.ranges.number = (uint64_t[]){0, 5000, UINT64_MAX / 4}[i];
        check_ranges(&unit, &extent, no_ranges);
    }
    close_made(&dwarf);
}

/* What is unknown, cut off, or of an address that is not there, ends a list. */
static void test_damaged_new_lists(void **state)
{
    (void)state;
    struct made *made = &dwarf.sections[SP_DWARF_RNGLISTS];
    struct sp_dwarf_unit unit = unit_of(5);
    struct sp_dwarf_extent extent = {.ranges = {.kind = SP_DWARF_OFFSET}};
    static const uint8_t lists[][6] = {{DW_RLE_offset_pair, 1, 2, 0x55, 1, 2},
                                       {DW_RLE_offset_pair, 1, 2, DW_RLE_startx_length, 0, 1},
                                       {DW_RLE_offset_pair, 1, 2, DW_RLE_offset_pair, 0x80, 0x80}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 6; k++)
            put(made, lists[i][k], 1);
        open_made(&dwarf);
        check_ranges(&unit, &extent, (uint64_t[]){0x1001, 0x1002, 0, 0});
        close_made(&dwarf);
    }
}

/* A split unit has its addresses in the program; its ranges before version 5 there, too, from a base; then its own. */
static void test_split_units(void **state)
{
    (void)state;
    put_addresses(&dwarf);
    put(&dwarf.sections[SP_DWARF_RANGES], 0, 32);
    put(&dwarf.sections[SP_DWARF_RANGES], 0x10, 8);
    put(&dwarf.sections[SP_DWARF_RANGES], 0x20, 8);
    put(&dwarf.sections[SP_DWARF_RANGES], 0, 16);
    put_new_list(&split.sections[SP_DWARF_RNGLISTS]);
    open_made(&dwarf);
    open_made(&split);
    struct sp_dwarf_unit unit = unit_of(4);
    unit.view = &split.view;
    unit.bases.addresses = 8;
    unit.bases.ranges = 24;
    struct sp_dwarf_extent extent = {.ranges = {.kind = SP_DWARF_OFFSET, .number = 8}};
    check_ranges(&unit, &extent, (uint64_t[]){0x1010, 0x1020, 0, 0});
    unit.encoding.version = 5;
    extent.ranges.number = 0;
    check_ranges(&unit, &extent, new_ranges);
    close_made(&dwarf);
    close_made(&split);
}

/* Whatever refers to a list, it is read no more often than there is work left. */
static void test_the_work_is_counted(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 50; i++)
        put(&dwarf.sections[SP_DWARF_RANGES], i, 8);
    open_made(&dwarf);
    const struct sp_dwarf_unit unit = unit_of(4);
    const struct sp_dwarf_extent extent = {.ranges = {.kind = SP_DWARF_OFFSET, .number = 0}};
    struct sp_dwarf_ranges ranges;
    struct sp_dwarf_range range;
    uint64_t work = 30;
    size_t n = 0;
    for (int i = 0; i < 3; i++) {
        sp_dwarf_ranges_init(&ranges, &unit, &extent, &work);
        while (sp_dwarf_ranges_next(&ranges, &range))
            n++;
    }
    assert_int_equal(work, 0);
    assert_in_range(n, 25, 30);
    close_made(&dwarf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_single_range), cmocka_unit_test(test_indexed_addresses),
        cmocka_unit_test(test_old_lists),      cmocka_unit_test(test_old_lists_of_small_addresses),
        cmocka_unit_test(test_new_lists),      cmocka_unit_test(test_damaged_new_lists),
        cmocka_unit_test(test_split_units),    cmocka_unit_test(test_the_work_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
