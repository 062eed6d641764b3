/* The index of a package of split units: DWARF 5, 7.3.5.3; and GNU's, of version 2. */
#include "check.h"
#include "made_dwarf.h"
#include "symbolize/dwarf_package.h"

static struct made_dwarf dwarf;
static uint64_t work = UINT64_MAX;

/* An index with room for `n_slots` ids, of two units: of id 0x11 in slot 1, and of 0x...21, which collides with it. */
static void put_index(uint32_t version, uint32_t n_slots)
{
    static const uint32_t columns[] = {1, 3, 4, 6, 8}; /* info, abbrev, line, str_offsets, rnglists or macro */
    struct made *made = &dwarf.sections[SP_DWARF_CU_INDEX];
    uint64_t ids[16] = {[1] = 0x11, [4] = UINT64_C(0x200000021)}; /* it steps by (2 & mask) | 1 = 3 */
    uint32_t rows[16] = {[1] = 2, [4] = 1};
    put(made, version, 4);
    put(made, 5, 4);
    put(made, 2, 4);
    put(made, n_slots, 4);
    for (uint32_t i = 0; i < n_slots; i++)
        put(made, ids[i], 8);
    for (uint32_t i = 0; i < n_slots; i++)
        put(made, rows[i], 4);
    for (size_t i = 0; i < 5; i++)
        put(made, columns[i], 4);
    for (size_t row = 0; row < 2; row++)
        for (size_t i = 0; i < 5; i++)
            put(made, 10 * row + i, 4); /* where a part begins */
    for (size_t row = 0; row < 2; row++)
        for (size_t i = 0; i < 5; i++)
            put(made, 10, 4);
}

static void put_sections(void)
{
    static const enum sp_dwarf_section_id ids[] = {SP_DWARF_INFO, SP_DWARF_ABBREV, SP_DWARF_LINE, SP_DWARF_STR_OFFSETS,
                                                   SP_DWARF_RNGLISTS};
    for (size_t i = 0; i < 5; i++)
        for (size_t n = 0; n < 30; n++)
            put(&dwarf.sections[ids[i]], 0, 1);
}

static void test_both_versions(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 5; version += 3) {
        struct sp_dwarf_package package;
        struct sp_dwarf_parts parts;
        put_sections();
        put_index(version, 8);
        open_made(&dwarf);
        assert_true(sp_dwarf_package_read(&package, &dwarf.view));
        assert_true(sp_dwarf_package_find(&package, &dwarf.view, 0x11, &work, &parts));
        assert_int_equal(parts.at[SP_DWARF_INFO].offset, 10);
        assert_int_equal(parts.at[SP_DWARF_ABBREV].offset, 11);
        assert_int_equal(parts.at[SP_DWARF_LINE].offset, 12);
        assert_int_equal(parts.at[SP_DWARF_STR_OFFSETS].offset, 13);
        assert_int_equal(parts.at[SP_DWARF_RNGLISTS].offset, version == 5 ? 14 : 0); /* 8 was .debug_macro */
        assert_int_equal(parts.at[SP_DWARF_INFO].size, 10);
        assert_true(sp_dwarf_package_find(&package, &dwarf.view, UINT64_C(0x200000021), &work, &parts));
        assert_int_equal(parts.at[SP_DWARF_INFO].offset, 0);
        assert_false(sp_dwarf_package_find(&package, &dwarf.view, 0x12, &work, &parts));
        assert_false(sp_dwarf_package_find(&package, &dwarf.view, UINT64_C(0x300000021), &work, &parts));
        close_made(&dwarf);
    }
}

/* An index without a free slot has no end to run into: it is looked at once. */
static void test_a_full_index(void **state)
{
    (void)state;
    struct sp_dwarf_package package;
    struct sp_dwarf_parts parts;
    put_sections();
    put_index(5, 2);
    patch(&dwarf.sections[SP_DWARF_CU_INDEX], 16 + 16, 1, 4);
    open_made(&dwarf);
    assert_true(sp_dwarf_package_read(&package, &dwarf.view));
    assert_false(sp_dwarf_package_find(&package, &dwarf.view, 0x4444, &work, &parts));
    close_made(&dwarf);
}

/* Any number of units may be looked for in a full one: what that takes is counted. */
static void test_work_comes_to_an_end(void **state)
{
    (void)state;
    struct sp_dwarf_package package;
    struct sp_dwarf_parts parts;
    uint64_t little = 1, more = 1000;
    put_sections();
    put_index(5, 8);
    open_made(&dwarf);
    assert_true(sp_dwarf_package_read(&package, &dwarf.view));
    assert_true(sp_dwarf_package_find(&package, &dwarf.view, UINT64_C(0x200000021), &more, &parts));
    assert_in_range(more, 1, 999);
    assert_false(sp_dwarf_package_find(&package, &dwarf.view, UINT64_C(0x200000021), &little, &parts));
    assert_int_equal(little, 0);
    assert_false(sp_dwarf_package_find(&package, &dwarf.view, 0x11, &little, &parts));
    close_made(&dwarf);
}

static void test_damaged_indexes(void **state)
{
    (void)state;
    /* Where a number is put in place of another: versions, columns, rows, slots that are none or too many. */
    static const uint64_t damages[][2] = {{0, 3}, {0, 0},  {4, 0},  {4, 65},         {4, 6},
                                          {8, 3}, {12, 0}, {12, 7}, {8, UINT32_MAX}, {12, UINT32_C(1) << 31}};
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct sp_dwarf_package package;
        put_index(5, 8);
        patch(&dwarf.sections[SP_DWARF_CU_INDEX], damages[i][0], damages[i][1], 4);
        open_made(&dwarf);
        assert_false(sp_dwarf_package_read(&package, &dwarf.view));
        close_made(&dwarf);
    }
    struct sp_dwarf_package package;
    put(&dwarf.sections[SP_DWARF_CU_INDEX], 5, 4); /* cut in the header */
    open_made(&dwarf);
    assert_false(sp_dwarf_package_read(&package, &dwarf.view));
    close_made(&dwarf);
}

/* A row that is not there, and parts that are not in their sections. */
static void test_damaged_rows(void **state)
{
    (void)state;
    const size_t rows = 16 + 8 * 8, offsets = rows + 4 * 8 + 4 * 5, sizes = offsets + 2 * 4 * 5;
    const uint64_t damages[][2] = {{rows + 4, 3},    {rows + 4, UINT32_MAX}, {offsets + 20, 31},
                                   {sizes + 20, 21}, {sizes + 20, 0},        {sizes + 24, UINT32_MAX}};
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct sp_dwarf_package package;
        struct sp_dwarf_parts parts;
        put_sections();
        put_index(5, 8);
        patch(&dwarf.sections[SP_DWARF_CU_INDEX], damages[i][0], damages[i][1], 4);
        open_made(&dwarf);
        assert_true(sp_dwarf_package_read(&package, &dwarf.view));
        assert_false(sp_dwarf_package_find(&package, &dwarf.view, 0x11, &work, &parts));
        close_made(&dwarf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_versions),        cmocka_unit_test(test_a_full_index),
        cmocka_unit_test(test_work_comes_to_an_end), cmocka_unit_test(test_damaged_indexes),
        cmocka_unit_test(test_damaged_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
