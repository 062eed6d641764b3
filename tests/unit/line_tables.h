/* Line tables by hand, for the tests of what reads them. A field at a time, in the order of DWARF 5, 6.2.4. */
#ifndef SIGPROF_TESTS_LINE_TABLES_H
#define SIGPROF_TESTS_LINE_TABLES_H

#include "made_bytes.h"
#include "symbolize/dwarf_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BASE (-3)
#define LINE_RANGE 12
#define OPCODE_BASE 13

/* A table that is being made. What is not given is as compilers have it. */
struct made_table {
    struct made *made;
    uint16_t version;
    bool is_64_bit;
    uint8_t min_instruction, max_operations, line_range, opcode_base;
    size_t start, header; /* where what follows the length, and the length of the header, begins */
};

static inline size_t offset_size(const struct made_table *table)
{
    return table->is_64_bit ? 8 : 4;
}

/* Up to the lengths of the standard opcodes. */
static inline void begin_table(struct made_table *table)
{
    static const uint8_t operands[] = {0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1};
    struct made *made = table->made;
    const uint8_t opcode_base = table->opcode_base ? table->opcode_base : OPCODE_BASE;
    if (table->is_64_bit)
        put(made, UINT32_MAX, 4);
    put(made, 0, offset_size(table));
    table->start = made->n;
    put(made, table->version, 2);
    if (table->version >= 5)
        put(made, 8, 2); /* bytes of an address, of a segment */
    put(made, 0, offset_size(table));
    table->header = made->n;
    put(made, table->min_instruction ? table->min_instruction : 1, 1);
    if (table->version >= 4)
        put(made, table->max_operations ? table->max_operations : 1, 1);
    put(made, 1, 1);
    put(made, (uint8_t)LINE_BASE, 1);
    put(made, table->line_range ? table->line_range : LINE_RANGE, 1);
    put(made, opcode_base, 1);
    for (size_t i = 0; i + 1 < opcode_base; i++)
        put(made, i < sizeof(operands) ? operands[i] : 2, 1);
}

/* Behind the names. */
static inline void begin_program(const struct made_table *table)
{
    patch(table->made, table->header - offset_size(table), table->made->n - table->header, offset_size(table));
}

static inline void end_table(const struct made_table *table)
{
    patch(table->made, table->start - offset_size(table), table->made->n - table->start, offset_size(table));
}

/* Names of version 2 to 4: no directories, and one file. */
static inline void put_old_names(struct made *made)
{
    put(made, 0, 1);
    put_text(made, "a.c");
    put(made, 0, 3);
    put(made, 0, 1);
}

/* Names of version 5: the unit's directory, and one file twice, as GNU's assembler has them. */
static inline void put_new_names(struct made *made)
{
    put(made, 1, 1);
    put_uleb(made, 1), put_uleb(made, 0x08); /* path, string */
    put_uleb(made, 1);
    put_text(made, "/build");
    put(made, 2, 1);
    put_uleb(made, 1), put_uleb(made, 0x08);
    put_uleb(made, 2), put_uleb(made, 0x0b); /* directory, data1 */
    put_uleb(made, 2);
    for (int i = 0; i < 2; i++) {
        put_text(made, "a.c");
        put(made, 0, 1);
    }
}

/* A table up to its program. */
static inline void begin_small_table(struct made_table *table)
{
    begin_table(table);
    if (table->version >= 5)
        put_new_names(table->made);
    else
        put_old_names(table->made);
    begin_program(table);
}

static inline void put_set_address(struct made *made, uint64_t address, size_t size)
{
    put(made, 0, 1);
    put_uleb(made, 1 + size);
    put(made, 2, 1);
    put(made, address, size);
}

static inline void put_end_sequence(struct made *made)
{
    put(made, 0x010100, 3);
}

/* The opcode that advances both and makes a row. */
static inline void put_special(struct made *made, unsigned address, int line)
{
    const unsigned opcode = (unsigned)(line - LINE_BASE) + LINE_RANGE * address + OPCODE_BASE;
    if (opcode > UINT8_MAX)
        abort();
    put(made, opcode, 1);
}

/* A sequence of one row. */
static inline void put_sequence(struct made *made, uint64_t start, unsigned size, int line)
{
    put_set_address(made, start, 8);
    put(made, 3, 1), put_sleb(made, line - 1);
    put(made, 1, 1);
    put(made, 2, 1), put_uleb(made, size);
    put_end_sequence(made);
}

/* Of a test: `*state` is an empty table. */
static inline int set_up_table(void **state)
{
    *state = calloc(1, sizeof(struct made));
    return *state ? 0 : -1;
}

static inline int tear_down_table(void **state)
{
    free(*state);
    return 0;
}

/* The sections, of which any may be NULL. They have to outlive the result. */
static inline struct sp_dwarf_file file_of(const struct made *lines, const struct made *line_texts,
                                           const struct made *texts)
{
    struct sp_dwarf_file file = {.fd = -1};
    if (lines)
        file.sections[SP_DWARF_LINE] = (struct sp_dwarf_section){.size = lines->n, .bytes = lines->bytes};
    if (line_texts)
        file.sections[SP_DWARF_LINE_STR] = (struct sp_dwarf_section){.size = line_texts->n, .bytes = line_texts->bytes};
    if (texts)
        file.sections[SP_DWARF_STR] = (struct sp_dwarf_section){.size = texts->n, .bytes = texts->bytes};
    return file;
}

#endif
