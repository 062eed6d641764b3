/* From an address to its entry: .eh_frame_hdr's index, entries one after another, and what CIEs say. */
#include "handler/eh_frame.h"

#include "frame_tables.h"

enum { SOME_BYTES = 16 };

static enum sp_cfi_status find(const struct frame_tables *t, intptr_t offset, struct sp_fde *fde)
{
    return sp_fde_find(&t->tables, tables_code(t) + (uintptr_t)offset, fde);
}

static enum sp_cfi_status status_at(const struct frame_tables *t, intptr_t offset)
{
    struct sp_fde fde;
    return find(t, offset, &fde);
}

/* Tables with one CIE and one entry, [0, SOME_BYTES). */
static void new_with(struct frame_tables *t, enum index_kind index, const struct cie *cie)
{
    tables_new(t, index, 1);
    tables_cie(t, cie);
    tables_fde(t, 0, SOME_BYTES, PROGRAM(DW_CFA_advance_loc | 1));
}

static void new_usual(struct frame_tables *t)
{
    new_with(t, INDEX_NARROW, &usual_cie);
}

static void expect_entry(const struct frame_tables *t, intptr_t offset, intptr_t begin, uintptr_t bytes)
{
    struct sp_fde fde;
    assert_int_equal(find(t, offset, &fde), SP_CFI_FOUND);
    assert_int_equal(fde.begin, tables_code(t) + (uintptr_t)begin);
    assert_int_equal(fde.end - fde.begin, bytes);
}

/* Two functions side by side, a gap, a function of one byte. */
static void test_entry_borders(void **state)
{
    (void)state;
    for (unsigned index = 0; index < INDEX_KINDS; index++) {
        struct frame_tables t;
        tables_new(&t, (enum index_kind)index, 3);
        tables_cie(&t, &usual_cie);
        tables_fde(&t, 0x100, 0x80, PROGRAM(DW_CFA_nop));
        tables_fde(&t, 0x180, 0x40, PROGRAM(DW_CFA_nop));
        tables_fde(&t, 0x200, 1, PROGRAM(DW_CFA_nop));
        assert_int_equal(status_at(&t, 0xff), SP_CFI_NONE);
        expect_entry(&t, 0x100, 0x100, 0x80);
        expect_entry(&t, 0x17f, 0x100, 0x80);
        expect_entry(&t, 0x180, 0x180, 0x40);
        expect_entry(&t, 0x1bf, 0x180, 0x40);
        assert_int_equal(status_at(&t, 0x1c0), SP_CFI_NONE);
        assert_int_equal(status_at(&t, 0x1ff), SP_CFI_NONE);
        expect_entry(&t, 0x200, 0x200, 1);
        assert_int_equal(status_at(&t, 0x201), SP_CFI_NONE);
        struct sp_fde fde;
        assert_int_equal(sp_fde_find(&t.tables, 0, &fde), SP_CFI_NONE);
        assert_int_equal(sp_fde_find(&t.tables, UINTPTR_MAX, &fde), SP_CFI_NONE);
        tables_free(&t);
    }
}

/* Each of n entries is found, whatever n. */
static void test_entry_of_many(void **state)
{
    (void)state;
    for (unsigned kinds = 0; kinds < INDEX_KINDS; kinds++) {
        for (uint32_t n = 1; n <= 33; n++) {
            struct frame_tables t;
            tables_new(&t, (enum index_kind)kinds, n);
            tables_cie(&t, &usual_cie);
            for (uint32_t i = 0; i < n; i++)
                tables_fde(&t, 32 * (intptr_t)i, 24, PROGRAM(DW_CFA_nop));
            for (uint32_t i = 0; i < n; i++) {
                expect_entry(&t, 32 * (intptr_t)i, 32 * (intptr_t)i, 24);
                expect_entry(&t, 32 * (intptr_t)i + 23, 32 * (intptr_t)i, 24);
                assert_int_equal(status_at(&t, 32 * (intptr_t)i + 24), SP_CFI_NONE);
            }
            assert_int_equal(status_at(&t, -1), SP_CFI_NONE);
            tables_free(&t);
        }
    }
}

/* An entry's own CIE counts, not the one before it. */
static void test_entry_of_one_of_several_cies(void **state)
{
    (void)state;
    for (unsigned index = 0; index < INDEX_KINDS; index++) {
        struct frame_tables t;
        struct sp_fde fde;
        struct cie other = usual_cie;
        other.data_factor = -4;
        other.encoding = SP_PE_DATAREL | SP_PE_SDATA8;
        tables_new(&t, (enum index_kind)index, 3);
        tables_cie(&t, &usual_cie);
        const size_t usual_at = t.cie;
        tables_fde(&t, 0, 16, PROGRAM(DW_CFA_nop));
        if (index == INDEX_NO_HEADER) /* nothing that a pointer could be relative to */
            other.encoding = SP_PE_PCREL | SP_PE_SDATA8;
        tables_cie(&t, &other);
        tables_fde(&t, 16, 16, PROGRAM(DW_CFA_nop));
        t.cie = usual_at;
        t.encoding = usual_cie.encoding;
        tables_fde(&t, 32, 16, PROGRAM(DW_CFA_nop));
        const int64_t factors[] = {-8, -4, -8};
        for (intptr_t i = 0; i < 3; i++) {
            assert_int_equal(find(&t, 16 * i + 3, &fde), SP_CFI_FOUND);
            assert_int_equal(fde.data_factor, factors[i]);
            assert_int_equal(fde.end - fde.begin, 16);
        }
        tables_free(&t);
    }
}

static void test_tables_absent_have_no_entry(void **state)
{
    (void)state;
    struct frame_tables t;
    struct sp_fde fde;
    new_usual(&t);
    const struct sp_tables absent = {.low = t.tables.low, .high = t.tables.high};
    assert_int_equal(sp_fde_find(&absent, tables_code(&t), &fde), SP_CFI_NONE);
    tables_free(&t);
    tables_new(&t, INDEX_NARROW, 0); /* an index of nothing */
    assert_int_equal(status_at(&t, 0), SP_CFI_NONE);
    tables_free(&t);
}

/* Where there is no index, a length of zero ends the entries. */
static void test_scan_ends_at_the_terminator(void **state)
{
    (void)state;
    struct frame_tables t;
    tables_new(&t, INDEX_NO_HEADER, 0);
    tables_cie(&t, &usual_cie);
    tables_fde(&t, 0, 16, PROGRAM(DW_CFA_nop));
    put_bytes(&t, "\0\0\0\0", 4);
    tables_fde(&t, 16, 16, PROGRAM(DW_CFA_nop));
    expect_entry(&t, 15, 0, 16);
    assert_int_equal(status_at(&t, 16), SP_CFI_NONE);
    tables_free(&t);
}

static void test_header_of_another_kind(void **state)
{
    (void)state;
    enum { VERSION = 0, FRAMES = 1, COUNT = 2, TABLE = 3 };
    struct frame_tables t;
    new_usual(&t);
    t.pages[VERSION] = 2;
    assert_int_equal(status_at(&t, 0), SP_CFI_MALFORMED);
    t.pages[VERSION] = 1;
    t.pages[TABLE] = SP_PE_DATAREL | SP_PE_UDATA2; /* an index that is not searched: all entries are looked at */
    expect_entry(&t, 3, 0, SOME_BYTES);
    t.pages[TABLE] = SP_PE_OMIT;
    expect_entry(&t, 3, 0, SOME_BYTES);
    t.pages[FRAMES] = SP_PE_OMIT;
    assert_int_equal(status_at(&t, 0), SP_CFI_NONE);
    t.pages[FRAMES] = 0x50; /* aligned: nobody writes it */
    assert_int_not_equal(status_at(&t, 0), SP_CFI_FOUND);
    tables_free(&t);
}

static void test_header_s_count_in_other_formats(void **state)
{
    (void)state;
    static const uint8_t formats[] = {SP_PE_UDATA2, SP_PE_SDATA2, SP_PE_UDATA4, SP_PE_SDATA4,
                                      SP_PE_UDATA8, SP_PE_ABSPTR, SP_PE_ULEB128};
    for (unsigned i = 0; i < sizeof formats; i++) {
        struct frame_tables t;
        tables_new(&t, INDEX_NONE, 0);
        t.used = 8; /* behind the pointer to .eh_frame */
        t.pages[2] = formats[i];
        t.pages[3] = SP_PE_DATAREL | SP_PE_SDATA4;
        put_pointer(&t, formats[i], 2);
        t.index = INDEX_NARROW;
        t.pairs = t.used;
        t.used += 16;
        tables_cie(&t, &usual_cie);
        /* Written by hand: the count is not where tables_fde would write it. */
        const size_t pairs = t.pairs, first = t.used;
        t.index = INDEX_NONE;
        tables_fde(&t, 0, 16, PROGRAM(DW_CFA_nop));
        const size_t second = t.used;
        tables_fde(&t, 16, 16, PROGRAM(DW_CFA_nop));
        const int32_t index[] = {CODE_AHEAD, (int32_t)first, CODE_AHEAD + 16, (int32_t)second};
        memcpy(t.pages + pairs, index, sizeof index);
        expect_entry(&t, 15, 0, 16);
        expect_entry(&t, 16, 16, 16);
        assert_int_equal(status_at(&t, 32), SP_CFI_NONE);
        tables_free(&t);
    }
}

static void test_header_outside_is_malformed(void **state)
{
    (void)state;
    struct frame_tables t;
    struct sp_fde fde;
    new_usual(&t);
    const uintptr_t places[] = {t.tables.low - 1, t.tables.high - 3, t.tables.high, t.tables.high + 1, UINTPTR_MAX, 1};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        struct sp_tables tables = t.tables;
        tables.header = places[i];
        assert_int_equal(sp_fde_find(&tables, tables_code(&t), &fde), SP_CFI_MALFORMED);
    }
    tables_free(&t);
}

static void test_frames_outside_have_no_entry(void **state)
{
    (void)state;
    struct frame_tables t;
    struct sp_fde fde;
    new_with(&t, INDEX_NO_HEADER, &usual_cie);
    const uintptr_t places[] = {t.tables.low - 1, t.tables.high - 3, t.tables.high, t.tables.high + 1, UINTPTR_MAX, 1};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        struct sp_tables tables = t.tables;
        tables.frames = places[i];
        assert_int_equal(sp_fde_find(&tables, tables_code(&t), &fde), SP_CFI_NONE);
    }
    tables_free(&t);
}

static void test_index_longer_than_the_tables_is_malformed(void **state)
{
    (void)state;
    struct frame_tables t;
    new_usual(&t);
    const uint32_t fit = (uint32_t)(t.used - 12) / 8, counts[] = {fit + 1, 0x10000000, 0x20000001, UINT32_MAX};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        memcpy(t.pages + 8, &counts[i], sizeof counts[i]);
        assert_int_equal(status_at(&t, 0), SP_CFI_MALFORMED);
    }
    tables_free(&t);
}

static void test_index_that_leads_nowhere_is_malformed(void **state)
{
    (void)state;
    struct frame_tables t;
    new_usual(&t);
    const int32_t places[] = {(int32_t)t.used, (int32_t)t.used - 3, (int32_t)t.used + 1, -1,
                              INT32_MIN,       INT32_MAX,           (int32_t)t.cie /* a CIE is no entry */};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        memcpy(t.pages + 16, &places[i], sizeof places[i]);
        assert_int_equal(status_at(&t, 0), SP_CFI_MALFORMED);
    }
    tables_free(&t);
}

/* The distance from an entry to its CIE; as a number without sign it leads back, at most to the tables' beginning. */
static void test_entry_without_its_cie_is_malformed(void **state)
{
    (void)state;
    struct frame_tables t;
    new_usual(&t);
    const uint32_t place = (uint32_t)t.record,
                   distances[] = {0, 1, 4, place - (uint32_t)t.cie + 1, place, place + 1, 0x80000000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof distances / sizeof *distances; i++) {
        memcpy(t.pages + place, &distances[i], sizeof distances[i]);
        assert_int_equal(status_at(&t, 0), SP_CFI_MALFORMED);
    }
    tables_free(&t);
}

static void test_entry_with_a_wrong_length_is_malformed(void **state)
{
    (void)state;
    struct frame_tables t;
    new_usual(&t);
    const uint32_t whole = (uint32_t)(t.used - t.record),
                   lengths[] = {0, 3, 4, 8, 12, whole + 1, 0x7fffffff, 0xfffffffe, UINT32_MAX};
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(t.pages + t.record - 4, &lengths[i], sizeof lengths[i]);
        assert_int_equal(status_at(&t, 0), SP_CFI_MALFORMED);
    }
    tables_free(&t);
}

/* One that ends where it begins, or before: it covers nothing. */
static void test_entry_of_no_bytes_covers_nothing(void **state)
{
    (void)state;
    struct frame_tables t;
    new_usual(&t);
    const int32_t lengths[] = {0, -1, -SOME_BYTES, INT32_MIN};
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(t.pages + t.record + 8, &lengths[i], sizeof lengths[i]);
        for (intptr_t at = -1; at <= 1; at++)
            assert_int_equal(status_at(&t, at), SP_CFI_NONE);
    }
    tables_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_borders),
        cmocka_unit_test(test_entry_of_many),
        cmocka_unit_test(test_entry_of_one_of_several_cies),
        cmocka_unit_test(test_tables_absent_have_no_entry),
        cmocka_unit_test(test_scan_ends_at_the_terminator),
        cmocka_unit_test(test_header_of_another_kind),
        cmocka_unit_test(test_header_s_count_in_other_formats),
        cmocka_unit_test(test_header_outside_is_malformed),
        cmocka_unit_test(test_frames_outside_have_no_entry),
        cmocka_unit_test(test_index_longer_than_the_tables_is_malformed),
        cmocka_unit_test(test_index_that_leads_nowhere_is_malformed),
        cmocka_unit_test(test_entry_without_its_cie_is_malformed),
        cmocka_unit_test(test_entry_with_a_wrong_length_is_malformed),
        cmocka_unit_test(test_entry_of_no_bytes_covers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
