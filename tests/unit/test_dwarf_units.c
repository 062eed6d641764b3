/*
 * Tests of the search for the unit at an address.
 *
 * How the index is made from headers and ranges is in test_dwarf_unit.c, test_dwarf_ranges.c and tests/symbols.
 */
#include "symbolize/dwarf_units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof(a[0]))

/*
 * A function of a header that several units have is kept from the first alone. The ranges of the others still say that
 * it is theirs, where the linker takes it for the same.
 */
static void test_of_several_units_the_first_has_it(void **state)
{
    (void)state;
    struct sp_dwarf_unit_range ranges[] = {
        {.start = 0x1000, .end = 0x1100, .end_max = 0x1100, .unit = 2},
        {.start = 0x1040, .end = 0x1060, .end_max = 0x1100, .unit = 0},
        {.start = 0x1040, .end = 0x1060, .end_max = 0x1100, .unit = 1},
        {.start = 0x1050, .end = 0x1058, .end_max = 0x1100, .unit = 3},
    };
    const struct sp_dwarf_units units = {.ranges = ranges, .n_ranges = N(ranges)};
    assert_int_equal(sp_dwarf_units_find(&units, 0x103f), 2);
    assert_int_equal(sp_dwarf_units_find(&units, 0x1040), 0);
    assert_int_equal(sp_dwarf_units_find(&units, 0x1050), 0);
    assert_int_equal(sp_dwarf_units_find(&units, 0x1060), 2);
}

static void test_gaps_are_nobodys(void **state)
{
    (void)state;
    struct sp_dwarf_unit_range ranges[] = {
        {.start = 0x1000, .end = 0x1010, .end_max = 0x1010, .unit = 0},
        {.start = 0x1020, .end = 0x1030, .end_max = 0x1030, .unit = 1},
    };
    const struct sp_dwarf_units units = {.ranges = ranges, .n_ranges = N(ranges)};
    assert_int_equal(sp_dwarf_units_find(&units, 0xfff), SP_DWARF_NO_UNIT);
    assert_int_equal(sp_dwarf_units_find(&units, 0x1010), SP_DWARF_NO_UNIT);
    assert_int_equal(sp_dwarf_units_find(&units, 0x102f), 1);
    assert_int_equal(sp_dwarf_units_find(&units, 0x1030), SP_DWARF_NO_UNIT);
    assert_int_equal(sp_dwarf_units_find(&(struct sp_dwarf_units){.n = 0}, 0x1000), SP_DWARF_NO_UNIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_several_units_the_first_has_it),
        cmocka_unit_test(test_gaps_are_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
