/* What CIEs say: versions, augmentations, pointer encodings, 64-bit lengths. */
#include "handler/eh_frame.h"

#include "frame_tables.h"

enum { SOME_BYTES = 16 };

/* Looks up an address in the one entry of a CIE, and checks that all of the entry was read in step. */
static enum sp_cfi_status find_by(const struct cie *cie, enum index_kind index, struct sp_fde *fde)
{
    struct frame_tables t;
    tables_new(&t, index, 1);
    tables_cie(&t, cie);
    const size_t end_of_cie = t.used;
    tables_fde(&t, 0, SOME_BYTES, PROGRAM(DW_CFA_advance_loc | 1, DW_CFA_nop));
    const enum sp_cfi_status status = sp_fde_find(&t.tables, tables_code(&t) + 3, fde);
    if (status == SP_CFI_FOUND) {
        assert_int_equal(fde->begin, tables_code(&t));
        assert_int_equal(fde->end, tables_code(&t) + SOME_BYTES);
        assert_int_equal(fde->initial.at, t.tables.low + end_of_cie - cie->program_bytes);
        assert_int_equal(fde->initial.end, t.tables.low + end_of_cie);
        assert_int_equal(fde->program.at, t.tables.high - 2);
        assert_int_equal(fde->program.end, t.tables.high);
    }
    tables_free(&t);
    return status;
}

static struct sp_fde entry_by(const struct cie *cie)
{
    struct sp_fde fde;
    assert_int_equal(find_by(cie, INDEX_NARROW, &fde), SP_CFI_FOUND);
    return fde;
}

static void test_cie_usual(void **state)
{
    (void)state;
    const struct sp_fde fde = entry_by(&usual_cie);
    assert_int_equal(fde.code_factor, 1);
    assert_int_equal(fde.data_factor, -8);
    assert_int_equal(fde.return_column, SP_ARCH_RA);
    assert_int_equal(fde.pointer_encoding, SP_PE_PCREL | SP_PE_SDATA4);
    assert_true(fde.has_augmentation_data);
    assert_false(fde.is_signal_frame);
}

static void test_cie_of_each_version(void **state)
{
    (void)state;
    struct sp_fde fde;
    struct cie cie = usual_cie;
    cie.code_factor = 300;
    cie.data_factor = -300;
    for (cie.version = 0; cie.version < 6; cie.version++) {
        const bool is_known = cie.version == 1 || cie.version == 3 || cie.version == 4;
        cie.return_column = cie.version > 1 ? 300 : 200; /* a byte in version 1, later LEB128 */
        assert_int_equal(find_by(&cie, INDEX_NARROW, &fde), is_known ? SP_CFI_FOUND : SP_CFI_MALFORMED);
        if (!is_known)
            continue;
        assert_int_equal(fde.code_factor, 300);
        assert_int_equal(fde.data_factor, -300);
        assert_int_equal(fde.return_column, cie.return_column);
    }
}

static void test_cie_s_augmentations(void **state)
{
    (void)state;
    static const struct {
        const char *letters;
        bool is_known, is_signal_frame;
    } augmentations[] = {
        {"", true, false},     {"z", true, false},    {"zR", true, false},  {"zPLR", true, false}, {"zRS", true, true},
        {"zLPRS", true, true}, {"zSR", true, true},   {"zRB", true, false}, {"zRG", true, false},  {"zBRS", true, true},
        {"zR?", true, false},  {"zR?S", true, false}, {"eh", false, false}, {"R", false, false},
    };
    for (unsigned i = 0; i < sizeof augmentations / sizeof *augmentations; i++) {
        struct sp_fde fde = {.is_signal_frame = true};
        struct cie cie = usual_cie;
        cie.augmentation = augmentations[i].letters;
        const enum sp_cfi_status status = find_by(&cie, INDEX_NARROW, &fde);
        assert_int_equal(status, augmentations[i].is_known ? SP_CFI_FOUND : SP_CFI_MALFORMED);
        if (status == SP_CFI_FOUND)
            assert_int_equal(fde.is_signal_frame, augmentations[i].is_signal_frame);
    }
}

/* A personality routine's pointer is passed over, whatever its encoding and what it is relative to; what is behind it
 * is read in step. */
static void test_cie_s_personality_in_each_encoding(void **state)
{
    (void)state;
    static const uint8_t encodings[] = {0x00, 0x02, 0x03, 0x04, 0x0a, 0x0b, 0x0c, 0x1b,
                                        0x9b, 0x9c, 0x3b, 0x01, 0x09, 0x23, 0x43};
    for (unsigned i = 0; i < sizeof encodings; i++) {
        struct frame_tables t;
        struct sp_fde fde;
        tables_new(&t, INDEX_NARROW, 1);
        t.cie = t.used;
        open_record(&t);
        put_bytes(&t, "\0\0\0\0\1zPR", 9);
        put_bytes(&t, "\1\x78\7", 3); /* factors 1 and -8, return column 7 */
        const size_t bytes = encoded_bytes(encodings[i]) != 0 ? encoded_bytes(encodings[i]) : 3;
        put_u8(&t, 1 + bytes + 1);
        put_u8(&t, encodings[i]);
        put_bytes(&t, bytes == 3 ? "\x80\x80\1" : "\1\2\3\4\5\6\7\10", bytes);
        put_u8(&t, SP_PE_PCREL | SP_PE_SDATA4);
        close_record(&t);
        t.encoding = SP_PE_PCREL | SP_PE_SDATA4;
        t.has_augmentation_data = true;
        tables_fde(&t, 0, SOME_BYTES, PROGRAM(DW_CFA_nop));
        assert_int_equal(sp_fde_find(&t.tables, tables_code(&t), &fde), SP_CFI_FOUND);
        assert_int_equal(fde.pointer_encoding, SP_PE_PCREL | SP_PE_SDATA4);
        assert_int_equal(fde.return_column, 7);
        tables_free(&t);
    }
}

/* Augmentation data of an entry (where its LSDA is) is passed over by its length. */
static void test_entry_s_augmentation_data_is_passed_over(void **state)
{
    (void)state;
    for (uint8_t bytes = 0; bytes < 20; bytes++) {
        struct frame_tables t;
        struct sp_fde fde;
        tables_new(&t, INDEX_NARROW, 1);
        tables_cie(&t, &usual_cie);
        t.has_augmentation_data = false; /* it is in what is given as the program */
        uint8_t rest[32];
        memset(rest, DW_CFA_undefined, sizeof rest);
        rest[0] = bytes;
        tables_fde(&t, 0, SOME_BYTES, rest, 1u + bytes + 2);
        assert_int_equal(sp_fde_find(&t.tables, tables_code(&t), &fde), SP_CFI_FOUND);
        assert_int_equal(fde.program.at, t.tables.high - 2);
        t.pages[t.used - bytes - 3] = (uint8_t)(bytes + 3); /* one more than there are */
        assert_int_equal(sp_fde_find(&t.tables, tables_code(&t), &fde), SP_CFI_MALFORMED);
        tables_free(&t);
    }
}

static void test_pointer_in_each_encoding(void **state)
{
    (void)state;
    static const uint8_t formats[] = {SP_PE_UDATA2, SP_PE_UDATA4, SP_PE_UDATA8,  SP_PE_SDATA2, SP_PE_SDATA4,
                                      SP_PE_SDATA8, SP_PE_ABSPTR, SP_PE_ULEB128, SP_PE_SLEB128};
    static const uint8_t relatives[] = {0, SP_PE_PCREL, SP_PE_DATAREL};
    for (unsigned f = 0; f < sizeof formats; f++) {
        for (unsigned r = 0; r < sizeof relatives; r++) {
            const size_t bytes = encoded_bytes(formats[f]);
            if (relatives[r] == 0 && bytes != 0 && bytes < 8)
                continue; /* the code is farther than that from 0 */
            struct cie cie = usual_cie;
            cie.encoding = formats[f] | relatives[r];
            assert_int_equal(entry_by(&cie).pointer_encoding, cie.encoding);
        }
    }
}

/* Code that lies before the tables: signed formats, and those that wrap around. */
static void test_pointer_backwards(void **state)
{
    (void)state;
    static const uint8_t formats[] = {SP_PE_SDATA2, SP_PE_SDATA4, SP_PE_SDATA8, SP_PE_UDATA8, SP_PE_SLEB128};
    static const uint8_t relatives[] = {SP_PE_PCREL, SP_PE_DATAREL};
    for (unsigned i = 0; i < 2 * sizeof formats; i++) {
        struct frame_tables t;
        struct sp_fde fde;
        struct cie cie = usual_cie;
        cie.encoding = formats[i / 2] | relatives[i % 2];
        tables_new(&t, INDEX_WIDE, 1);
        tables_cie(&t, &cie);
        tables_fde(&t, -2 * CODE_AHEAD, SOME_BYTES, PROGRAM(DW_CFA_nop));
        const uintptr_t begin = tables_code(&t) - 2 * CODE_AHEAD;
        assert_true(begin < t.tables.low);
        assert_int_equal(sp_fde_find(&t.tables, begin + SOME_BYTES - 1, &fde), SP_CFI_FOUND);
        assert_int_equal(fde.begin, begin);
        assert_int_equal(sp_fde_find(&t.tables, begin - 1, &fde), SP_CFI_NONE);
        tables_free(&t);
    }
}

/* Relative to a section or a function that is not known, or of a format that there is not. */
static void test_pointer_in_an_encoding_that_is_not_supported_is_malformed(void **state)
{
    (void)state;
    static const uint8_t encodings[] = {0x20, 0x40, 0x50, 0x60, 0x70, 0x05, 0x06, 0x07, 0x08, 0x0d, 0x0e, 0x0f, 0xff};
    for (unsigned i = 0; i < sizeof encodings; i++) {
        struct frame_tables t;
        struct sp_fde fde;
        struct cie cie = usual_cie;
        tables_new(&t, INDEX_NARROW, 1);
        cie.encoding = encodings[i];
        tables_cie(&t, &cie);
        t.encoding = SP_PE_PCREL | SP_PE_SDATA4;
        tables_fde(&t, 0, SOME_BYTES, PROGRAM(DW_CFA_nop, DW_CFA_nop, DW_CFA_nop, DW_CFA_nop, DW_CFA_nop, DW_CFA_nop));
        assert_int_equal(sp_fde_find(&t.tables, tables_code(&t), &fde), SP_CFI_MALFORMED);
        tables_free(&t);
    }
}

static void test_records_with_long_lengths(void **state)
{
    (void)state;
    for (unsigned index = 0; index < INDEX_KINDS; index++) {
        struct sp_fde fde;
        struct cie cie = usual_cie;
        cie.is_long = true;
        assert_int_equal(find_by(&cie, (enum index_kind)index, &fde), SP_CFI_FOUND);
    }
}

/* A signal's frame is told by its CIE alone: the next entry looked at may have another. */
static void test_cie_of_signal_frames_is_not_the_others(void **state)
{
    (void)state;
    for (unsigned index = 0; index < INDEX_KINDS; index++) {
        struct frame_tables t;
        struct sp_fde fde;
        struct cie cie = usual_cie;
        cie.augmentation = "zRS";
        tables_new(&t, (enum index_kind)index, 2);
        tables_cie(&t, &cie);
        tables_fde(&t, 0, 16, PROGRAM(DW_CFA_nop));
        tables_cie(&t, &usual_cie);
        tables_fde(&t, 16, 16, PROGRAM(DW_CFA_nop));
        assert_int_equal(sp_fde_find(&t.tables, tables_code(&t), &fde), SP_CFI_FOUND);
        assert_true(fde.is_signal_frame);
        assert_int_equal(sp_fde_find(&t.tables, tables_code(&t) + 16, &fde), SP_CFI_FOUND);
        assert_false(fde.is_signal_frame);
        tables_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cie_usual),
        cmocka_unit_test(test_cie_of_each_version),
        cmocka_unit_test(test_cie_s_augmentations),
        cmocka_unit_test(test_cie_s_personality_in_each_encoding),
        cmocka_unit_test(test_entry_s_augmentation_data_is_passed_over),
        cmocka_unit_test(test_pointer_in_each_encoding),
        cmocka_unit_test(test_pointer_backwards),
        cmocka_unit_test(test_pointer_in_an_encoding_that_is_not_supported_is_malformed),
        cmocka_unit_test(test_records_with_long_lengths),
        cmocka_unit_test(test_cie_of_signal_frames_is_not_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
