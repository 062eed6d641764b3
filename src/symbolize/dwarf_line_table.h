/*
 * The head of a line table: its bytes, and how its program is to be read.
 *
 * Place on the way of a sample: under dwarf_lines.c, which executes the program, and dwarf_line_names.c, which reads
 * what stands between head and program; above dwarf_file.h.
 *
 *   size · version · sizes of instructions, opcodes, lines │ directories · files │ program
 *   bytes                                                   names                 program           bytes + size
 *
 * Context: ordinary code.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_LINE_TABLE_H
#define SIGPROF_SYMBOLIZE_DWARF_LINE_TABLE_H

#include "symbolize/dwarf_file.h"

/* Invariant: names <= program <= size <= UINT32_MAX. */
struct sp_dwarf_line_table {
    const uint8_t *bytes; /* of the window that it was read with */
    size_t size;
    size_t names, program;   /* where they begin */
    const uint8_t *operands; /* [opcode - 1] numbers follow a standard opcode; opcode_base - 1 of these */
    uint8_t opcode_base;     /* the first special opcode; 0 is as 1 */
    uint8_t version;         /* 2 to 5 */
    uint8_t offset_size;     /* 4, or 8 in the 64-bit format */
    uint8_t min_instruction; /* addresses advance by multiples of this */
    uint8_t max_operations;  /* of an instruction; 1 where it is not VLIW, never 0 */
    uint8_t line_range;      /* 0: special opcodes advance nothing */
    int8_t line_base;
};

/*
 * Reads the table at `offset` of .debug_line. Returns 0, or -EBADMSG: there is none, its head makes no sense, or its
 * bytes cannot be had. A table that claims to go on behind its section ends with that.
 */
int sp_dwarf_line_table_read(struct sp_dwarf_line_table *table, const struct sp_dwarf_file *file, uint64_t offset,
                             struct sp_dwarf_window *window);

#endif
