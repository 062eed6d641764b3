/*
 * Builds .eh_frame_hdr and .eh_frame in memory, byte by byte, for tests of what reads them. Pages that cannot be read
 * lie right before the first byte and, after tables_to_end, right behind the last.
 *
 *   struct frame_tables t;
 *   tables_new(&t, INDEX_NARROW, 1);
 *   tables_cie(&t, &usual_cie);
 *   tables_fde(&t, 0, 16, PROGRAM(DW_CFA_advance_loc | 4, DW_CFA_def_cfa_offset, 16));
 *   sp_cfi_find(&t.tables, tables_code(&t) + 5, &row);
 *
 * The code lies CODE_AHEAD bytes behind the header, in memory that cannot be read: all distances fit in 15 bits.
 */
#ifndef SIGPROF_TESTS_FRAME_TABLES_H
#define SIGPROF_TESTS_FRAME_TABLES_H

#include "check.h"

#include <sys/mman.h>

#include "handler/cfi.h"
#include "handler/table_reader.h"

enum { TABLES_PAGE = 4096, TABLES_BYTES = 2 * TABLES_PAGE, CODE_AHEAD = 0x5000, RESERVED_BYTES = 0x9000 };

/* DWARF 5, table 7.29, and the extensions that assemblers emit. */
enum {
    DW_CFA_nop = 0x00,
    DW_CFA_set_loc = 0x01,
    DW_CFA_advance_loc1 = 0x02,
    DW_CFA_advance_loc2 = 0x03,
    DW_CFA_advance_loc4 = 0x04,
    DW_CFA_offset_extended = 0x05,
    DW_CFA_restore_extended = 0x06,
    DW_CFA_undefined = 0x07,
    DW_CFA_same_value = 0x08,
    DW_CFA_register = 0x09,
    DW_CFA_remember_state = 0x0a,
    DW_CFA_restore_state = 0x0b,
    DW_CFA_def_cfa = 0x0c,
    DW_CFA_def_cfa_register = 0x0d,
    DW_CFA_def_cfa_offset = 0x0e,
    DW_CFA_def_cfa_expression = 0x0f,
    DW_CFA_expression = 0x10,
    DW_CFA_offset_extended_sf = 0x11,
    DW_CFA_def_cfa_sf = 0x12,
    DW_CFA_def_cfa_offset_sf = 0x13,
    DW_CFA_val_offset = 0x14,
    DW_CFA_val_offset_sf = 0x15,
    DW_CFA_val_expression = 0x16,
    DW_CFA_MIPS_advance_loc8 = 0x1d,
    DW_CFA_AARCH64_negate_ra_state_with_pc = 0x2c,
    DW_CFA_GNU_window_save = 0x2d,
    DW_CFA_GNU_args_size = 0x2e,
    DW_CFA_GNU_negative_offset_extended = 0x2f,
    DW_CFA_advance_loc = 0x40,
    DW_CFA_offset = 0x80,
    DW_CFA_restore = 0xc0,
};

/* An argument list's two: the bytes, and how many. */
#define PROGRAM(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

enum index_kind {
    INDEX_NARROW, /* sdata4, as linkers write it */
    INDEX_WIDE,   /* sdata8 */
    INDEX_NONE,   /* a header that only tells where .eh_frame is */
    INDEX_NO_HEADER,
};
static const char *const index_names[] = {"narrow", "wide", "no index", "no header"};
enum { INDEX_KINDS = 4 };

struct frame_tables {
    struct sp_tables tables; /* to be asked about; valid after each record */
    uint8_t *pages;
    size_t used;
    enum index_kind index;
    size_t pairs; /* where the next goes */
    uint32_t count;
    size_t cie, record; /* the last CIE's place, and the open record's body */
    uint8_t encoding;
    bool has_augmentation_data, is_long;
};

struct cie {
    uint8_t version;
    const char *augmentation;
    uint8_t encoding;
    bool is_long; /* it and its FDEs have 64-bit lengths */
    uint64_t code_factor, return_column;
    int64_t data_factor;
    const uint8_t *program;
    size_t program_bytes;
};

/* What compilers emit on x86-64: at a function's entry CFA = sp + 8, the return address at CFA - 8. */
static const uint8_t usual_program[] = {DW_CFA_def_cfa, SP_ARCH_SP, 8, DW_CFA_offset | SP_ARCH_RA, 1};
static const struct cie usual_cie = {.version = 1,
                                     .augmentation = "zR",
                                     .encoding = SP_PE_PCREL | SP_PE_SDATA4,
                                     .code_factor = 1,
                                     .data_factor = -8,
                                     .return_column = SP_ARCH_RA,
                                     .program = usual_program,
                                     .program_bytes = sizeof usual_program};

static inline void put_bytes(struct frame_tables *t, const void *bytes, size_t n)
{
    assert_true(n <= TABLES_BYTES - t->used);
    memcpy(t->pages + t->used, bytes, n);
    t->used += n;
}

static inline void put_u8(struct frame_tables *t, uint64_t value)
{
    const uint8_t byte = (uint8_t)value;
    put_bytes(t, &byte, 1);
}

static inline void put_uleb(struct frame_tables *t, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_u8(t, value | 0x80);
    put_u8(t, value);
}

static inline void put_sleb(struct frame_tables *t, int64_t value)
{
    for (; value < -0x40 || value >= 0x40; value >>= 7)
        put_u8(t, (uint64_t)value | 0x80);
    put_u8(t, (uint64_t)value & 0x7f);
}

/* The bytes of a pointer format that has a fixed size; 0: of a ULEB128 or SLEB128. Both CPUs are little-endian. */
static inline size_t encoded_bytes(uint8_t encoding)
{
    static const uint8_t bytes[16] = {8, 0, 2, 4, 8, 0, 0, 0, 8, 0, 2, 4, 8, 0, 0, 0};
    return bytes[encoding & SP_PE_FORMAT];
}

static inline uintptr_t tables_header(const struct frame_tables *t)
{
    return (uintptr_t)t->pages;
}

static inline void put_pointer(struct frame_tables *t, uint8_t encoding, uintptr_t value)
{
    const uint8_t relative = encoding & SP_PE_RELATIVE;
    if (relative == SP_PE_PCREL)
        value -= (uintptr_t)t->pages + t->used;
    else if (relative == SP_PE_DATAREL)
        value -= tables_header(t);
    if (encoded_bytes(encoding) != 0)
        put_bytes(t, &value, encoded_bytes(encoding));
    else if ((encoding & SP_PE_FORMAT) == SP_PE_ULEB128)
        put_uleb(t, value);
    else
        put_sleb(t, (int64_t)value);
}

/* Where the functions are: addresses that are only looked up. Moves with the tables. */
static inline uintptr_t tables_code(const struct frame_tables *t)
{
    return t->tables.low + CODE_AHEAD;
}

static inline void tables_bound(struct frame_tables *t)
{
    const uintptr_t low = (uintptr_t)t->pages;
    t->tables.low = low;
    t->tables.high = low + t->used;
    t->tables.header = t->index == INDEX_NO_HEADER ? 0 : low;
}

/* Begins tables with an index of `limit` pairs at most. */
static inline void tables_new(struct frame_tables *t, enum index_kind index, uint32_t limit)
{
    enum { HEADER_BYTES = 12 };
    *t = (struct frame_tables){.index = index};
    char *at = mmap(NULL, RESERVED_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    t->pages = (uint8_t *)at + TABLES_PAGE;
    assert_int_equal(mprotect(t->pages, TABLES_BYTES, PROT_READ | PROT_WRITE), 0);
    if (index != INDEX_NO_HEADER) {
        const size_t width = index == INDEX_WIDE ? 16 : index == INDEX_NARROW ? 8 : 0;
        const uint8_t table = index == INDEX_WIDE ? SP_PE_SDATA8 : SP_PE_SDATA4;
        put_u8(t, 1);
        put_u8(t, SP_PE_PCREL | SP_PE_SDATA4);
        put_u8(t, width == 0 ? SP_PE_OMIT : SP_PE_UDATA4);
        put_u8(t, width == 0 ? SP_PE_OMIT : SP_PE_DATAREL | table);
        t->pairs = HEADER_BYTES;
        put_pointer(t, SP_PE_PCREL | SP_PE_SDATA4, tables_header(t) + HEADER_BYTES + width * limit);
        put_bytes(t, &t->count, sizeof t->count);
        t->used += width * limit;
    }
    t->tables.frames = index == INDEX_NO_HEADER ? (uintptr_t)t->pages : 0;
    tables_bound(t);
}

static inline void tables_free(struct frame_tables *t)
{
    munmap(t->pages - TABLES_PAGE, RESERVED_BYTES);
}

/* Begins a record, whose length is filled in by close_record. */
static inline void open_record(struct frame_tables *t)
{
    static const uint8_t zeros[8], escape[4] = {0xff, 0xff, 0xff, 0xff};
    if (t->is_long)
        put_bytes(t, escape, sizeof escape);
    put_bytes(t, zeros, t->is_long ? 8 : 4);
    t->record = t->used;
}

static inline void close_record(struct frame_tables *t)
{
    const uint64_t length = t->used - t->record;
    const size_t bytes = t->is_long ? 8 : 4;
    memcpy(t->pages + t->record - bytes, &length, bytes);
    tables_bound(t);
}

/* The data of the augmentation's letters; of those that are not known, one byte. */
static inline void put_augmentation_data(struct frame_tables *t, const struct cie *cie)
{
    const size_t length = t->used;
    put_u8(t, 0);
    for (const char *letter = cie->augmentation + 1; *letter != '\0'; letter++) {
        if (*letter == 'P') {
            put_u8(t, SP_PE_PCREL | SP_PE_SDATA4);
            put_pointer(t, SP_PE_PCREL | SP_PE_SDATA4, tables_code(t));
        } else if (*letter != 'S' && *letter != 'B' && *letter != 'G') {
            put_u8(t, *letter == 'R' ? cie->encoding : SP_PE_SDATA4);
        }
    }
    t->pages[length] = (uint8_t)(t->used - length - 1);
}

/* The CIE of the FDEs to come. */
static inline void tables_cie(struct frame_tables *t, const struct cie *cie)
{
    t->is_long = cie->is_long;
    t->cie = t->used;
    t->has_augmentation_data = cie->augmentation[0] == 'z';
    t->encoding = strchr(cie->augmentation, 'R') != NULL ? cie->encoding : SP_PE_ABSPTR;
    open_record(t);
    put_bytes(t, "\0\0\0\0", 4);
    put_u8(t, cie->version);
    put_bytes(t, cie->augmentation, strlen(cie->augmentation) + 1);
    if (cie->version == 4)
        put_bytes(t, "\10", 2);
    put_uleb(t, cie->code_factor);
    put_sleb(t, cie->data_factor);
    if (cie->version == 1)
        put_u8(t, cie->return_column);
    else
        put_uleb(t, cie->return_column);
    if (t->has_augmentation_data)
        put_augmentation_data(t, cie);
    put_bytes(t, cie->program, cie->program_bytes);
    close_record(t);
}

static inline void put_index_pair(struct frame_tables *t, uintptr_t begin, uintptr_t record)
{
    const int64_t pair[] = {(int64_t)(begin - tables_header(t)), (int64_t)(record - tables_header(t))};
    const int32_t narrow[] = {(int32_t)pair[0], (int32_t)pair[1]};
    const size_t bytes = t->index == INDEX_WIDE ? sizeof pair : sizeof narrow;
    if (t->index != INDEX_NARROW && t->index != INDEX_WIDE)
        return;
    memcpy(t->pages + t->pairs, t->index == INDEX_WIDE ? (const void *)pair : narrow, bytes);
    t->pairs += bytes;
    t->count++;
    memcpy(t->pages + 8, &t->count, sizeof t->count);
}

/* An FDE for the code [offset, offset + bytes); in order of addresses. */
static inline void tables_fde(struct frame_tables *t, intptr_t offset, uintptr_t bytes, const uint8_t *program,
                              size_t program_bytes)
{
    const uintptr_t begin = tables_code(t) + (uintptr_t)offset;
    put_index_pair(t, begin, (uintptr_t)t->pages + t->used);
    open_record(t);
    const uint32_t back = (uint32_t)(t->record - t->cie);
    put_bytes(t, &back, sizeof back);
    put_pointer(t, t->encoding, begin);
    put_pointer(t, t->encoding & SP_PE_FORMAT, bytes);
    if (t->has_augmentation_data)
        put_u8(t, 0);
    put_bytes(t, program, program_bytes);
    close_record(t);
}

/* Moves what has been built, with the code, so that its first `bytes` end where nothing can be read. */
static inline void tables_to_end(const struct frame_tables *t, size_t bytes, struct sp_tables *moved)
{
    uint8_t *const to = t->pages + TABLES_BYTES - bytes;
    assert_true(t->used <= TABLES_BYTES / 2);
    memcpy(to, t->pages, bytes);
    *moved = (struct sp_tables){.low = (uintptr_t)to, .high = (uintptr_t)to + bytes};
    if (t->index == INDEX_NO_HEADER)
        moved->frames = moved->low;
    else
        moved->header = moved->low;
}

#endif
