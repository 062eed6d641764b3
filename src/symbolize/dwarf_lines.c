/*
 * Executes the program of a line table (DWARF 5, 6.2). See dwarf_lines.h for the place and the contract.
 *
 * A row holds from its address to the next row's. So each row is remembered until the next one comes, and only when
 * the addresses between the two hold one that is asked for does anything else happen:
 *
 *   rows    ├────┼─┼──────┼────┼──┤          addresses ascend within a sequence; sequences come in any order,
 *   places    ·         · ·                  so each begins with a search, and then goes along
 *
 * Of sequences that claim the same address, the one that begins last has it: code that a linker threw away most often
 * keeps a sequence from 0 on, which would claim low addresses. Others give such code the last address that there is.
 * Context: ordinary code; one table by one thread at a time.
 */
#include "symbolize/dwarf_lines.h"

#include "symbolize/dwarf_line_names.h"
#include "symbolize/dwarf_line_table.h"

#include <errno.h>
#include <stdlib.h>

/* Besides one for each byte of the program, so often may each address be claimed before the file is hostile. */
#define CLAIMS_PER_PLACE 64

enum standard_opcode {
    EXTENDED = 0,
    COPY = 1,
    ADVANCE_PC,
    ADVANCE_LINE,
    SET_FILE,
    SET_COLUMN,
    NEGATE_STMT,
    SET_BASIC_BLOCK,
    CONST_ADD_PC,
    FIXED_ADVANCE_PC,
    SET_PROLOGUE_END,
    SET_EPILOGUE_BEGIN,
    SET_ISA,
};

enum extended_opcode { END_SEQUENCE = 1, SET_ADDRESS = 2, DEFINE_FILE = 3 };

/* What an opcode advances, by its number. Of an opcode that is not special, what a special one would. */
struct advance {
    uint32_t operations; /* of the address, in bytes where there is no VLIW */
    int32_t line;
};

struct sp_dwarf_lines {
    struct sp_dwarf_line_unit unit;
    struct sp_dwarf_line_table table;
    struct sp_dwarf_line_names names;
    struct sp_dwarf_window window;
    struct advance advances[UINT8_MAX + 1];
};

struct row {
    uint64_t address, file;
    uint32_t line, column;
};

/* The rows of a sequence, against the places. */
struct cover {
    struct row last;     /* which ends with the next */
    uint64_t limit;      /* of the next place: a row behind it ends one that covers it */
    uint64_t begin;      /* of the sequence */
    bool has_begun;      /* the sequence has a row */
    bool is_thrown_away; /* by the linker */
    struct sp_dwarf_place *places;
    size_t n, next;
    uint64_t claims_left;
};

struct sp_dwarf_lines *sp_dwarf_lines_new(void)
{
    return calloc(1, sizeof(struct sp_dwarf_lines));
}

void sp_dwarf_lines_free(struct sp_dwarf_lines *lines)
{
    if (!lines)
        return;
    sp_dwarf_line_names_done(&lines->names);
    sp_dwarf_window_done(&lines->window);
    free(lines);
}

/* Division is slow and there are 256 opcodes: it is done once for each. */
static void fill_advances(struct sp_dwarf_lines *lines)
{
    const struct sp_dwarf_line_table *table = &lines->table;
    const unsigned factor = table->max_operations == 1 ? table->min_instruction : 1;
    for (unsigned opcode = 0; opcode <= UINT8_MAX; opcode++) {
        const unsigned adjusted = (uint8_t)(opcode - table->opcode_base);
        struct advance *advance = &lines->advances[opcode];
        *advance = (struct advance){.line = 0};
        if (table->line_range == 0)
            continue;
        advance->operations = adjusted / table->line_range * factor;
        advance->line = table->line_base + (int32_t)(adjusted % table->line_range);
    }
}

int sp_dwarf_lines_open(struct sp_dwarf_lines *lines, const struct sp_dwarf_line_unit *unit)
{
    sp_dwarf_line_names_reset(&lines->names);
    lines->unit = *unit;
    lines->table = (struct sp_dwarf_line_table){.size = 0};
    struct sp_dwarf_line_table table;
    int error = sp_dwarf_line_table_read(&table, unit->file, unit->offset, &lines->window);
    if (error || (unit->budget && *unit->budget < table.size))
        return -EBADMSG;
    if (unit->budget)
        *unit->budget -= table.size;
    lines->table = table;
    fill_advances(lines);
    return 0;
}

static void set_limit(struct cover *cover)
{
    cover->limit = cover->next < cover->n ? cover->places[cover->next].vaddr : UINT64_MAX;
}

/* Goes to the first place at or behind `address`. */
static void seek(struct cover *cover, uint64_t address)
{
    size_t low = 0, high = cover->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cover->places[middle].vaddr < address)
            low = middle + 1;
        else
            high = middle;
    }
    cover->next = low;
    set_limit(cover);
}

/* Begins a sequence. No address is behind its last row's, so that its first row gets where rows are looked at. */
static void begin_sequence(struct cover *cover, bool is_thrown_away)
{
    cover->last.address = UINT64_MAX;
    cover->limit = UINT64_MAX;
    cover->has_begun = false;
    cover->is_thrown_away = is_thrown_away;
}

/* Gives the places between the last row and `end` to the last row. */
static void claim(struct cover *cover, uint64_t end)
{
    const struct row *row = &cover->last;
    for (; cover->next < cover->n && cover->places[cover->next].vaddr < end && cover->claims_left > 0; cover->next++) {
        struct sp_dwarf_place *place = &cover->places[cover->next];
        cover->claims_left--;
        if (place->is_known && cover->begin < place->sequence)
            continue;
        *place = (struct sp_dwarf_place){.vaddr = place->vaddr,
                                         .sequence = cover->begin,
                                         .file = row->file,
                                         .line = row->line,
                                         .column = row->column,
                                         .is_known = true};
    }
    set_limit(cover);
}

/* Takes a row that is the first of its sequence, or behind a place, or (there is no such honest one) goes back. */
static void look_at_row(struct cover *cover, uint64_t address)
{
    if (cover->is_thrown_away)
        return;
    if (cover->has_begun && address >= cover->last.address) {
        claim(cover, address);
        return;
    }
    if (!cover->has_begun)
        cover->begin = address;
    cover->has_begun = true;
    seek(cover, address);
}

/* Takes a row. Of several at one address the last stays. */
static inline void take_row(struct cover *cover, const struct row *row)
{
    if (row->address > cover->limit || row->address < cover->last.address)
        look_at_row(cover, row->address);
    cover->last = *row;
}

/* A number and where the bytes go on; two values, so that both are returned in registers. */
struct number {
    const uint8_t *at;
    uint64_t value;
};

/* LEB128. The bytes may end within it: then nothing follows, and no row is made of it. */
static struct number read_long(const uint8_t *at, const uint8_t *end, bool is_signed)
{
    struct number number = {at, 0};
    unsigned shift = 0;
    uint8_t byte = 0;
    do {
        if (number.at == end)
            return number;
        byte = *number.at++;
        if (shift < 64)
            number.value |= (uint64_t)(byte & 0x7f) << shift;
        shift += shift < 64 ? 7 : 0;
    } while (byte & 0x80);
    if (is_signed && (byte & 0x40) && shift < 64)
        number.value |= UINT64_MAX << shift;
    return number;
}

static inline uint64_t read_unsigned(const uint8_t **at, const uint8_t *end)
{
    if (*at < end && **at < 0x80)
        return *(*at)++;
    const struct number number = read_long(*at, end, false);
    *at = number.at;
    return number.value;
}

static inline uint64_t read_signed(const uint8_t **at, const uint8_t *end)
{
    if (*at < end && **at < 0x40)
        return *(*at)++;
    const struct number number = read_long(*at, end, true);
    *at = number.at;
    return number.value;
}

static uint64_t read_fixed(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    while (size-- > 0)
        value = value << 8 | at[size];
    return value;
}

/* Advances an address; of VLIW instructions by operations. */
static uint64_t advance_address(const struct sp_dwarf_line_table *table, uint64_t operations, uint64_t *operation)
{
    if (table->max_operations == 1)
        return operations * table->min_instruction;
    *operation += operations;
    const uint64_t bytes = *operation / table->max_operations * table->min_instruction;
    *operation %= table->max_operations;
    return bytes;
}

static inline uint64_t advance_special(const struct sp_dwarf_line_table *table, const struct advance *advance,
                                       uint64_t *operation)
{
    return table->max_operations == 1 ? advance->operations : advance_address(table, advance->operations, operation);
}

static const struct row first_row = {.file = 1, .line = 1};

/* Sets the address; one that no code has marks what the linker threw away, however the rows go on from there. */
static void set_address(struct cover *cover, struct row *row, const uint8_t *bytes, uint64_t size)
{
    if (size != 2 && size != 4 && size != 8)
        return;
    const uint64_t last = UINT64_MAX >> (64 - 8 * size);
    row->address = read_fixed(bytes, (size_t)size);
    const bool is_thrown_away = row->address >= last - 1;
    if (is_thrown_away || cover->is_thrown_away)
        begin_sequence(cover, is_thrown_away);
}

/* Executes the extended opcode at `at`. Returns where the program goes on. */
static const uint8_t *run_extended(struct sp_dwarf_lines *lines, struct cover *cover, const uint8_t *at,
                                   const uint8_t *end, struct row *row, uint64_t *operation)
{
    const uint64_t size = read_unsigned(&at, end);
    if (size == 0)
        return at;
    if (size > (uint64_t)(end - at))
        return end;
    switch (at[0]) {
    case END_SEQUENCE:
        take_row(cover, row);
        *row = first_row;
        *operation = 0;
        begin_sequence(cover, false);
        break;
    case SET_ADDRESS:
        set_address(cover, row, at + 1, size - 1);
        *operation = 0;
        break;
    case DEFINE_FILE:
        sp_dwarf_line_names_define(&lines->names, &lines->table, (size_t)(at + 1 - lines->table.bytes));
        break;
    default: /* discriminators, and what vendors have */
        break;
    }
    return at + size;
}

static void run(struct sp_dwarf_lines *lines, struct cover *cover)
{
    const struct sp_dwarf_line_table *table = &lines->table;
    const uint8_t first_special = table->opcode_base ? table->opcode_base : 1;
    const uint8_t *at = table->bytes + table->program, *end = table->bytes + table->size;
    struct row row = first_row;
    uint64_t operation = 0; /* VLIW: of an instruction */
    begin_sequence(cover, false);
    while (at < end) {
        const uint8_t opcode = *at++;
        const struct advance *advance = &lines->advances[opcode];
        if (opcode >= first_special) {
            row.address += advance_special(table, advance, &operation);
            row.line += (uint32_t)advance->line;
            take_row(cover, &row);
            continue;
        }
        switch (opcode) {
        case EXTENDED:
            at = run_extended(lines, cover, at, end, &row, &operation);
            break;
        case COPY:
            take_row(cover, &row);
            break;
        case ADVANCE_PC:
            row.address += advance_address(table, read_unsigned(&at, end), &operation);
            break;
        case ADVANCE_LINE:
            row.line += (uint32_t)read_signed(&at, end);
            break;
        case SET_FILE:
            row.file = read_unsigned(&at, end);
            break;
        case SET_COLUMN:
            row.column = (uint32_t)read_unsigned(&at, end);
            break;
        case CONST_ADD_PC:
            row.address += advance_special(table, &lines->advances[UINT8_MAX], &operation);
            break;
        case FIXED_ADVANCE_PC:
            if (end - at < 2)
                return;
            row.address += read_fixed(at, 2);
            operation = 0;
            at += 2;
            break;
        case NEGATE_STMT:
        case SET_BASIC_BLOCK:
        case SET_PROLOGUE_END:
        case SET_EPILOGUE_BEGIN:
            break;
        case SET_ISA:
            read_unsigned(&at, end);
            break;
        default: /* of a later version of the standard */
            for (unsigned left = table->operands[opcode - 1]; left > 0; left--)
                read_unsigned(&at, end);
        }
    }
}

void sp_dwarf_lines_find(struct sp_dwarf_lines *lines, struct sp_dwarf_place *places, size_t n)
{
    struct cover cover = {.places = places, .n = n};
    for (size_t i = 0; i < n; i++)
        places[i] = (struct sp_dwarf_place){.vaddr = places[i].vaddr};
    lines->names.n_defined = 0;
    cover.claims_left = lines->table.size + (uint64_t)n * CLAIMS_PER_PLACE;
    if (lines->table.size > 0)
        run(lines, &cover);
}

const char *sp_dwarf_lines_path(struct sp_dwarf_lines *lines, uint64_t file, char *out)
{
    return lines->table.size > 0 ? sp_dwarf_line_names_path(&lines->names, &lines->table, &lines->unit, file, out)
                                 : NULL;
}
