/* Values of attributes, form by form: DWARF 5, 7.5.5 and 7.5.6, and GNU's. */
#include "check.h"
#include "made_bytes.h"
#include "symbolize/dwarf_form.h"

#include <dwarf.h>
#include <string.h>

static const struct sp_dwarf_encoding usual = {.version = 5, .address_size = 8, .offset_size = 4};

/* A form, bytes with one more behind them, and what is to come of them. */
struct example {
    const char *bytes;
    size_t n; /* of the value */
    uint64_t form;
    enum sp_dwarf_kind kind;
    uint64_t number;
};

#define BYTES(text) text "\xee", sizeof(text) - 1

static const struct example examples[] = {
    {BYTES("\x88\x77\x66\x55\x44\x33\x22\x11"), DW_FORM_addr, SP_DWARF_ADDRESS, 0x1122334455667788},
    {BYTES("\x81\x01"), DW_FORM_addrx, SP_DWARF_ADDRESS_INDEX, 129},
    {BYTES("\x05"), DW_FORM_addrx1, SP_DWARF_ADDRESS_INDEX, 5},
    {BYTES("\x05\x01"), DW_FORM_addrx2, SP_DWARF_ADDRESS_INDEX, 0x105},
    {BYTES("\x05\x01\x02"), DW_FORM_addrx3, SP_DWARF_ADDRESS_INDEX, 0x20105},
    {BYTES("\x05\x01\x02\x03"), DW_FORM_addrx4, SP_DWARF_ADDRESS_INDEX, 0x3020105},
    {BYTES("\x07"), DW_FORM_GNU_addr_index, SP_DWARF_ADDRESS_INDEX, 7},
    {BYTES("\xff"), DW_FORM_data1, SP_DWARF_CONSTANT, 0xff},
    {BYTES("\x01\xff"), DW_FORM_data2, SP_DWARF_CONSTANT, 0xff01},
    {BYTES("\x01\x02\x03\xff"), DW_FORM_data4, SP_DWARF_CONSTANT, 0xff030201},
    {BYTES("\x01\x02\x03\x04\x05\x06\x07\xff"), DW_FORM_data8, SP_DWARF_CONSTANT, 0xff07060504030201},
    {BYTES("\x7f"), DW_FORM_sdata, SP_DWARF_CONSTANT, UINT64_MAX},
    {BYTES("\xbf\x7f"), DW_FORM_sdata, SP_DWARF_CONSTANT, (uint64_t)-65},
    {BYTES("\xc1\x00"), DW_FORM_sdata, SP_DWARF_CONSTANT, 65},
    {BYTES("\xe5\x8e\x26"), DW_FORM_udata, SP_DWARF_CONSTANT, 624485},
    {BYTES(""), DW_FORM_implicit_const, SP_DWARF_CONSTANT, (uint64_t)-3},
    {BYTES("\x01"), DW_FORM_flag, SP_DWARF_CONSTANT, 1},
    {BYTES(""), DW_FORM_flag_present, SP_DWARF_CONSTANT, 1},
    {BYTES("\x01\x02\x03\x04"), DW_FORM_sec_offset, SP_DWARF_OFFSET, 0x4030201},
    {BYTES("\x09"), DW_FORM_rnglistx, SP_DWARF_LIST_INDEX, 9},
    {BYTES("\x0a"), DW_FORM_loclistx, SP_DWARF_LIST_INDEX, 10},
    {BYTES("\x03"
           "abc"),
     DW_FORM_block, SP_DWARF_BLOCK, 3},
    {BYTES("\x03"
           "abc"),
     DW_FORM_block1, SP_DWARF_BLOCK, 3},
    {BYTES("\x03\x00"
           "abc"),
     DW_FORM_block2, SP_DWARF_BLOCK, 3},
    {BYTES("\x03\x00\x00\x00"
           "abc"),
     DW_FORM_block4, SP_DWARF_BLOCK, 3},
    {BYTES("\x03"
           "abc"),
     DW_FORM_exprloc, SP_DWARF_BLOCK, 3},
    {BYTES("0123456789abcdef"), DW_FORM_data16, SP_DWARF_BLOCK, 16},
    {BYTES("name\0"), DW_FORM_string, SP_DWARF_TEXT, 4},
    {BYTES("\x01\x02\x03\x04"), DW_FORM_strp, SP_DWARF_STR_AT, 0x4030201},
    {BYTES("\x01\x02\x03\x04"), DW_FORM_line_strp, SP_DWARF_LINE_STR_AT, 0x4030201},
    {BYTES("\x81\x01"), DW_FORM_strx, SP_DWARF_STR_INDEX, 129},
    {BYTES("\x05"), DW_FORM_strx1, SP_DWARF_STR_INDEX, 5},
    {BYTES("\x05\x01"), DW_FORM_strx2, SP_DWARF_STR_INDEX, 0x105},
    {BYTES("\x05\x01\x02"), DW_FORM_strx3, SP_DWARF_STR_INDEX, 0x20105},
    {BYTES("\x05\x01\x02\x03"), DW_FORM_strx4, SP_DWARF_STR_INDEX, 0x3020105},
    {BYTES("\x07"), DW_FORM_GNU_str_index, SP_DWARF_STR_INDEX, 7},
    {BYTES("\x01\x02\x03\x04"), DW_FORM_strp_sup, SP_DWARF_STR_ALTERNATE, 0x4030201},
    {BYTES("\x01\x02\x03\x04"), DW_FORM_GNU_strp_alt, SP_DWARF_STR_ALTERNATE, 0x4030201},
    {BYTES("\x05"), DW_FORM_ref1, SP_DWARF_UNIT_ENTRY, 5},
    {BYTES("\x05\x01"), DW_FORM_ref2, SP_DWARF_UNIT_ENTRY, 0x105},
    {BYTES("\x05\x01\x02\x03"), DW_FORM_ref4, SP_DWARF_UNIT_ENTRY, 0x3020105},
    {BYTES("\x05\x01\x02\x03\0\0\0\x01"), DW_FORM_ref8, SP_DWARF_UNIT_ENTRY, 0x100000003020105},
    {BYTES("\x81\x01"), DW_FORM_ref_udata, SP_DWARF_UNIT_ENTRY, 129},
    {BYTES("\x01\x02\x03\x04"), DW_FORM_ref_addr, SP_DWARF_FILE_ENTRY, 0x4030201},
    {BYTES("\x01\x02\x03\x04"), DW_FORM_ref_sup4, SP_DWARF_ALTERNATE_ENTRY, 0x4030201},
    {BYTES("\x01\x02\x03\x04\0\0\0\0"), DW_FORM_ref_sup8, SP_DWARF_ALTERNATE_ENTRY, 0x4030201},
    {BYTES("\x01\x02\x03\x04"), DW_FORM_GNU_ref_alt, SP_DWARF_ALTERNATE_ENTRY, 0x4030201},
    {BYTES("\x01\x02\x03\x04\x05\x06\x07\x08"), DW_FORM_ref_sig8, SP_DWARF_SIGNATURE, 0x807060504030201},
    {BYTES("\x0b\x2a"), DW_FORM_indirect, SP_DWARF_CONSTANT, 42}, /* data1 */
    {BYTES("\x08"
           "ab\0"),
     DW_FORM_indirect, SP_DWARF_TEXT, 2}, /* string */
};

/* Reads and passes by a value in a block of the heap of its size and one more byte. */
static void check_example(const struct example *example, const struct sp_dwarf_encoding *encoding)
{
    uint8_t *bytes = malloc(example->n + 1);
    struct sp_reader reader, skipper;
    assert_non_null(bytes);
    memcpy(bytes, example->bytes, example->n + 1);
    sp_reader_init(&reader, bytes, example->n + 1);
    skipper = reader;
    const struct sp_dwarf_value value = sp_dwarf_value_read(&reader, example->form, -3, encoding);
    assert_null(reader.error);
    assert_int_equal(value.kind, example->kind);
    assert_int_equal(value.number, example->number);
    assert_int_equal(sp_reader_position(&reader), example->n);
    sp_dwarf_skip(&skipper, sp_dwarf_form_length(example->form, encoding), encoding);
    assert_null(skipper.error);
    assert_int_equal(sp_reader_position(&skipper), example->n);
    free(bytes);
}

/* The same, one byte short: an error and nothing else, both ways. */
static void check_cut(const struct example *example)
{
    uint8_t *bytes = malloc(example->n);
    struct sp_reader reader, skipper;
    memcpy(bytes, example->bytes, example->n - 1);
    sp_reader_init(&reader, bytes, example->n - 1);
    skipper = reader;
    const struct sp_dwarf_value value = sp_dwarf_value_read(&reader, example->form, -3, &usual);
    assert_non_null(reader.error);
    assert_int_equal(value.kind, SP_DWARF_NOTHING);
    sp_dwarf_skip(&skipper, sp_dwarf_form_length(example->form, &usual), &usual);
    assert_non_null(skipper.error);
    free(bytes);
}

static void test_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        check_example(&examples[i], &usual);
        if (examples[i].n > 0)
            check_cut(&examples[i]);
    }
}

static void test_offsets_of_64_bits(void **state)
{
    (void)state;
    static const uint64_t forms[] = {DW_FORM_sec_offset, DW_FORM_strp,        DW_FORM_line_strp,   DW_FORM_ref_addr,
                                     DW_FORM_strp_sup,   DW_FORM_GNU_ref_alt, DW_FORM_GNU_strp_alt};
    static const struct sp_dwarf_encoding wide = {.version = 5, .address_size = 8, .offset_size = 8};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        assert_int_equal(sp_dwarf_form_length(forms[i], &usual), 4);
        assert_int_equal(sp_dwarf_form_length(forms[i], &wide), 8);
    }
}

/* DWARF 2, 7.5.4: a reference between units was as wide as an address. */
static void test_references_of_version_2(void **state)
{
    (void)state;
    static const struct sp_dwarf_encoding old = {.version = 2, .address_size = 8, .offset_size = 4};
    static const struct sp_dwarf_encoding old_small = {.version = 2, .address_size = 4, .offset_size = 4};
    assert_int_equal(sp_dwarf_form_length(DW_FORM_ref_addr, &old), 8);
    assert_int_equal(sp_dwarf_form_length(DW_FORM_ref_addr, &old_small), 4);
    assert_int_equal(sp_dwarf_form_length(DW_FORM_addr, &old_small), 4);
}

/* A form that nobody knows, and what indirect must not lead to: itself, or a value that the abbreviation has. */
static void test_forms_that_are_none(void **state)
{
    (void)state;
    static const uint8_t to_itself[] = {DW_FORM_indirect, DW_FORM_indirect, DW_FORM_data1, 1};
    static const uint8_t to_implicit[] = {DW_FORM_implicit_const, 1, 1};
    static const uint64_t unknown[] = {0, 2, 0x2d, 0x1f03, 0xffff, UINT64_MAX};
    struct sp_reader reader;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        sp_reader_init(&reader, to_itself, sizeof(to_itself));
        assert_int_equal(sp_dwarf_value_read(&reader, unknown[i], 0, &usual).kind, SP_DWARF_NOTHING);
        assert_non_null(reader.error);
        assert_int_equal(sp_dwarf_form_length(unknown[i], &usual), SP_DWARF_UNKNOWN);
    }
    sp_reader_init(&reader, to_itself, sizeof(to_itself));
    sp_dwarf_value_read(&reader, DW_FORM_indirect, 0, &usual);
    assert_non_null(reader.error);
    sp_reader_init(&reader, to_implicit, sizeof(to_implicit));
    sp_dwarf_skip(&reader, SP_DWARF_INDIRECT, &usual);
    assert_non_null(reader.error);
}

/* A block longer than what is left, also by so much that an end would wrap around. */
static void test_blocks_that_are_too_long(void **state)
{
    (void)state;
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0};
    struct sp_reader reader;
    sp_reader_init(&reader, huge, sizeof(huge));
    sp_dwarf_skip(&reader, SP_DWARF_COUNTED_ULEB, &usual);
    assert_non_null(reader.error);
    sp_reader_init(&reader, huge, sizeof(huge));
    assert_int_equal(sp_dwarf_value_read(&reader, DW_FORM_block4, 0, &usual).kind, SP_DWARF_NOTHING);
    assert_non_null(reader.error);
}

static void test_signed_numbers(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 1, -1, 63, 64, -64, -65, 8191, -8192, INT32_MIN, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        static struct made made;
        struct sp_reader reader;
        made.n = 0;
        put_sleb(&made, numbers[i]);
        sp_reader_init(&reader, made.bytes, made.n);
        assert_true(sp_dwarf_sleb(&reader) == numbers[i]);
        assert_null(reader.error);
        assert_int_equal(sp_reader_left(&reader), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form),
        cmocka_unit_test(test_offsets_of_64_bits),
        cmocka_unit_test(test_references_of_version_2),
        cmocka_unit_test(test_forms_that_are_none),
        cmocka_unit_test(test_blocks_that_are_too_long),
        cmocka_unit_test(test_signed_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
