/* Headers and first entries of units: DWARF 5, 7.5.1; DWARF 4, 7.5.1. */
#include "check.h"
#include "made_dwarf.h"
#include "symbolize/dwarf_unit.h"

#include <dwarf.h>
#include <errno.h>

static struct made_dwarf dwarf;
static struct sp_dwarf_abbrev_cache cache;

/* Writes a header by its fields. `rest` bytes follow it. */
struct header {
    bool is_64_bit;
    unsigned version, type, address_size;
    uint64_t abbrevs, id;
    size_t rest;
};

static void put_header(const struct header *header)
{
    struct made *made = &dwarf.sections[SP_DWARF_INFO];
    const size_t wide = header->is_64_bit ? 8 : 4;
    if (header->is_64_bit)
        put(made, UINT32_MAX, 4);
    const size_t start = made->n;
    put(made, 0, wide);
    put(made, header->version, 2);
    if (header->version >= 5) {
        put(made, header->type, 1);
        put(made, header->address_size, 1);
    }
    put(made, header->abbrevs, wide);
    if (header->version < 5)
        put(made, header->address_size, 1);
    if (header->version >= 5 && header->type != DW_UT_compile && header->type != DW_UT_partial)
        put(made, header->id, 8);
    if (header->version >= 5 && (header->type == DW_UT_type || header->type == DW_UT_split_type))
        put(made, 0x40, wide);
    for (size_t i = 0; i < header->rest; i++)
        put(made, 0, 1);
    patch(made, start, made->n - start - wide, wide);
}

/* Each version and type, in 32-bit and 64-bit DWARF: what is read, and where the next unit begins. */
static void test_headers(void **state)
{
    (void)state;
    static const struct header headers[] = {
        {false, 2, DW_UT_compile, 4, 0x10, 0, 5},
        {false, 3, DW_UT_compile, 8, 0x20, 0, 0},
        {true, 4, DW_UT_compile, 8, 0x123456789, 0, 3},
        {false, 5, DW_UT_compile, 8, 0x40, 0, 3},
        {false, 5, DW_UT_partial, 8, 0x40, 0, 3},
        {false, 5, DW_UT_skeleton, 8, 0x50, 0x1122334455667788, 3},
        {false, 5, DW_UT_split_compile, 8, 0x50, 0x1122334455667788, 3},
        {true, 5, DW_UT_type, 8, 0x60, 0x99, 1},
        {true, 5, DW_UT_split_type, 4, 0x60, 0x99, 0},
    };
    const size_t n = sizeof(headers) / sizeof(headers[0]);
    uint64_t offset = 0;
    for (size_t i = 0; i < n; i++)
        put_header(&headers[i]);
    open_made(&dwarf);
    for (size_t i = 0; i < n; i++) {
        struct sp_dwarf_unit unit;
        assert_int_equal(sp_dwarf_unit_read(&unit, &dwarf.view, offset), 0);
        assert_int_equal(unit.encoding.version, headers[i].version);
        assert_int_equal(unit.encoding.address_size, headers[i].address_size);
        assert_int_equal(unit.encoding.offset_size, headers[i].is_64_bit ? 8 : 4);
        assert_int_equal(unit.type, headers[i].type);
        assert_int_equal(unit.abbrevs, headers[i].abbrevs);
        assert_int_equal(unit.id, headers[i].id);
        assert_int_equal(unit.end - unit.entries, headers[i].rest);
        offset = unit.end;
    }
    struct sp_dwarf_unit unit;
    assert_int_equal(sp_dwarf_unit_read(&unit, &dwarf.view, offset), -ENOENT);
    assert_int_equal(unit.end, 0);
    close_made(&dwarf);
}

/* A unit of a version that is to come is passed by; behind one without a length there is nothing. */
static void test_damaged_headers(void **state)
{
    (void)state;
    static const struct header bad[] = {
        {false, 6, DW_UT_compile, 8, 0, 0, 40}, {false, 1, DW_UT_compile, 8, 0, 0, 4}, {false, 5, 1, 3, 0, 0, 4}};
    static const uint64_t lengths[] = {0, 12, 0xfffffff0, 0xfffffffe, UINT32_MAX};
    struct sp_dwarf_unit unit;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put_header(&bad[i]);
        const size_t end = dwarf.sections[SP_DWARF_INFO].n;
        open_made(&dwarf);
        assert_int_equal(sp_dwarf_unit_read(&unit, &dwarf.view, 0), -EBADMSG);
        assert_int_equal(unit.end, end);
        close_made(&dwarf);
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        put(&dwarf.sections[SP_DWARF_INFO], lengths[i], 4);
        put(&dwarf.sections[SP_DWARF_INFO], UINT64_MAX, 8); /* the length of the 64-bit one */
        open_made(&dwarf);
        assert_int_equal(sp_dwarf_unit_read(&unit, &dwarf.view, 0), -EBADMSG);
        assert_int_equal(unit.end, 0);
        close_made(&dwarf);
    }
}

/* Reads the unit at 0 and its first entry. */
static int read_first(struct sp_dwarf_unit *unit, struct sp_dwarf_root *root)
{
    struct sp_dwarf_reading reading = {&cache, UINT64_MAX, 0};
    int error = sp_dwarf_unit_read(unit, &dwarf.view, 0);
    const struct sp_dwarf_abbrevs *abbrevs = error ? NULL : sp_dwarf_unit_abbrevs(unit, &reading, &error);
    if (!error)
        error = sp_dwarf_unit_root(unit, abbrevs, root);
    sp_dwarf_abbrev_cache_forget(&cache, &dwarf.file);
    return error;
}

/* Values by index wait for the bases, which may stand behind them (3.1.1). */
static void test_a_first_entry(void **state)
{
    (void)state;
    struct made *made = &dwarf.sections[SP_DWARF_INFO];
    struct sp_dwarf_unit unit;
    struct sp_dwarf_root root;
    put_abbrev(&dwarf, 1, DW_TAG_compile_unit, 1,
               (uint64_t[]){DW_AT_comp_dir, DW_FORM_strx1, DW_AT_low_pc, DW_FORM_addrx, DW_AT_stmt_list,
                            DW_FORM_sec_offset, DW_AT_name, DW_FORM_string, DW_AT_str_offsets_base, DW_FORM_sec_offset,
                            DW_AT_addr_base, DW_FORM_sec_offset, DW_AT_rnglists_base, DW_FORM_sec_offset, 0});
    put(&dwarf.sections[SP_DWARF_ABBREV], 0, 1);
    put(&dwarf.sections[SP_DWARF_STR_OFFSETS], 0, 20);
    put(&dwarf.sections[SP_DWARF_STR_OFFSETS], 4, 4);
    put_text(&dwarf.sections[SP_DWARF_STR], "xyz");
    put_text(&dwarf.sections[SP_DWARF_STR], "/build");
    put(&dwarf.sections[SP_DWARF_ADDR], 0, 32);
    put(&dwarf.sections[SP_DWARF_ADDR], 0x401000, 8);
    const size_t start = begin_unit(&dwarf, 5, DW_UT_compile, 0);
    put_uleb(made, 1);
    put(made, 1, 1);   /* number of the directory */
    put_uleb(made, 2); /* and of the address */
    put(made, 0x77, 4);
    for (size_t i = 0; i < 3000; i++) /* more than is read at first */
        put(made, 'n', 1);
    put_text(made, ".c");
    put(made, 16, 4);
    put(made, 16, 4);
    put(made, 12, 4);
    put(made, 0, 1);
    end_unit(&dwarf, start);
    open_made(&dwarf);
    assert_int_equal(read_first(&unit, &root), 0);
    assert_true(root.has_children);
    assert_int_equal(root.tag, DW_TAG_compile_unit);
    assert_int_equal(root.lines.number, 0x77);
    assert_int_equal(root.after, unit.end - 1);
    assert_int_equal(unit.bases.code, 0x401000);
    assert_int_equal(unit.bases.range_lists, 12);
    assert_string_equal(sp_dwarf_unit_text(&unit, &root.directory), "/build");
    close_made(&dwarf);
}

/* What has no base begins behind the head of its section (7.26 to 7.28). Cut short, it is no entry. */
static void test_bases_that_are_not_said(void **state)
{
    (void)state;
    struct sp_dwarf_unit unit;
    struct sp_dwarf_root root;
    put_abbrev(&dwarf, 9, DW_TAG_compile_unit, 0, (uint64_t[]){DW_AT_ranges, DW_FORM_rnglistx, 0});
    put(&dwarf.sections[SP_DWARF_ABBREV], 0, 1);
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        const size_t start = begin_unit(&dwarf, 5, DW_UT_compile, 0);
        put_uleb(&dwarf.sections[SP_DWARF_INFO], 9);
        if (!is_cut)
            put_uleb(&dwarf.sections[SP_DWARF_INFO], 3);
        end_unit(&dwarf, start);
        open_made(&dwarf);
        assert_int_equal(read_first(&unit, &root), is_cut ? -EBADMSG : 0);
        assert_int_equal(unit.bases.text_offsets, 8);
        assert_int_equal(unit.bases.addresses, 8);
        assert_int_equal(unit.bases.range_lists, 12);
        sp_dwarf_view_done(&dwarf.view);
        sp_dwarf_file_close(&dwarf.file);
        dwarf.sections[SP_DWARF_INFO].n = 0;
    }
    close_made(&dwarf);
}

/* Texts of each kind, and those that are none. */
static void test_texts(void **state)
{
    (void)state;
    static const struct sp_dwarf_value bad[] = {{.kind = SP_DWARF_STR_AT, .number = 8}, /* beyond the section */
                                                {.kind = SP_DWARF_STR_AT, .number = UINT64_MAX},
                                                {.kind = SP_DWARF_LINE_STR_AT, .number = 0}, /* without an end */
                                                {.kind = SP_DWARF_STR_INDEX, .number = 2},
                                                {.kind = SP_DWARF_STR_INDEX, .number = UINT64_MAX},
                                                {.kind = SP_DWARF_STR_INDEX, .number = UINT64_MAX / 4},
                                                {.kind = SP_DWARF_CONSTANT, .number = 0},
                                                {.kind = SP_DWARF_STR_ALTERNATE, .number = 0}};
    put_text(&dwarf.sections[SP_DWARF_STR], "abc");
    put_text(&dwarf.sections[SP_DWARF_STR], "def");
    put(&dwarf.sections[SP_DWARF_LINE_STR], 'l', 1);
    put(&dwarf.sections[SP_DWARF_STR_OFFSETS], 0, 8);
    put(&dwarf.sections[SP_DWARF_STR_OFFSETS], 99, 4);
    put(&dwarf.sections[SP_DWARF_STR_OFFSETS], 4, 4);
    open_made(&dwarf);
    const struct sp_dwarf_unit unit = {.view = &dwarf.view,
                                       .encoding = {.version = 5, .address_size = 8, .offset_size = 4},
                                       .bases = {.text_offsets = 8}};
    struct sp_dwarf_value value = {.kind = SP_DWARF_STR_AT, .number = 1};
    assert_string_equal(sp_dwarf_unit_text(&unit, &value), "bc");
    value = (struct sp_dwarf_value){.kind = SP_DWARF_STR_INDEX, .number = 1};
    assert_string_equal(sp_dwarf_unit_text(&unit, &value), "def");
    value.number = 0;
    assert_null(sp_dwarf_unit_text(&unit, &value));
    value = (struct sp_dwarf_value){.kind = SP_DWARF_TEXT, .number = 2, .bytes = (const uint8_t *)"in"};
    assert_string_equal(sp_dwarf_unit_text(&unit, &value), "in");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(sp_dwarf_unit_text(&unit, &bad[i]));
    close_made(&dwarf);
}

static int teardown(void **state)
{
    (void)state;
    sp_dwarf_abbrev_cache_done(&cache);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),       cmocka_unit_test(test_damaged_headers),
        cmocka_unit_test(test_a_first_entry), cmocka_unit_test(test_bases_that_are_not_said),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
