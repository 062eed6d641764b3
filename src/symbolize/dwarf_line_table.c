/*
 * Reads the head of a line table (DWARF 5, 6.2.4; versions 2 to 4 lack some of it). See dwarf_line_table.h.
 *
 * Context: ordinary code.
 */
#include "symbolize/dwarf_line_table.h"

#include "util/reader.h"

#include <errno.h>

/* A length of four bytes is less than the first of these; the second says that one of eight bytes follows. */
#define RESERVED_LENGTHS UINT64_C(0xfffffff0)
#define LONG_LENGTH UINT64_C(0xffffffff)

/* The length of the table with the field that says it, cut to what the section has; 0 when there is none. */
static uint64_t read_size(const struct sp_dwarf_file *file, uint64_t offset, struct sp_dwarf_window *window,
                          uint8_t *offset_size)
{
    const uint64_t section_size = file->sections[SP_DWARF_LINE].size;
    if (offset >= section_size)
        return 0;
    const uint64_t left = section_size - offset;
    const size_t looked = left < 12 ? (size_t)left : 12;
    const uint8_t *bytes = sp_dwarf_bytes(file, SP_DWARF_LINE, offset, looked, window);
    struct sp_reader reader;
    if (!bytes)
        return 0;
    sp_reader_init(&reader, bytes, looked);
    uint64_t size = sp_reader_fixed(&reader, 4);
    *offset_size = size == LONG_LENGTH ? 8 : 4;
    if (size == LONG_LENGTH)
        size = sp_reader_fixed(&reader, 8);
    else if (size >= RESERVED_LENGTHS)
        return 0;
    const uint64_t field = sp_reader_position(&reader);
    return reader.error ? 0 : size > left - field ? left : size + field;
}

static int read_head(struct sp_dwarf_line_table *table)
{
    struct sp_reader reader;
    sp_reader_init(&reader, table->bytes, table->size);
    sp_reader_sub(&reader, table->offset_size == 8 ? 12 : 4);
    const uint64_t version = sp_reader_fixed(&reader, 2);
    if (version >= 5)
        sp_reader_sub(&reader, 2); /* sizes of an address, which DW_LNE_set_address has too, and of a segment */
    const uint64_t length = sp_reader_fixed(&reader, table->offset_size);
    if (reader.error || version < 2 || version > 5 || length > sp_reader_left(&reader))
        return -EBADMSG;
    table->version = (uint8_t)version;
    table->program = sp_reader_position(&reader) + (size_t)length;
    table->min_instruction = (uint8_t)sp_reader_fixed(&reader, 1);
    table->max_operations = version >= 4 ? (uint8_t)sp_reader_fixed(&reader, 1) : 1;
    if (table->max_operations == 0)
        table->max_operations = 1;
    sp_reader_sub(&reader, 1); /* whether statements begin everywhere: debuggers ask that */
    table->line_base = (int8_t)sp_reader_fixed(&reader, 1);
    table->line_range = (uint8_t)sp_reader_fixed(&reader, 1);
    table->opcode_base = (uint8_t)sp_reader_fixed(&reader, 1);
    table->operands = reader.at;
    sp_reader_sub(&reader, table->opcode_base > 1 ? table->opcode_base - 1 : 0);
    table->names = sp_reader_position(&reader);
    return reader.error || table->names > table->program ? -EBADMSG : 0;
}

int sp_dwarf_line_table_read(struct sp_dwarf_line_table *out, const struct sp_dwarf_file *file, uint64_t offset,
                             struct sp_dwarf_window *window)
{
    struct sp_dwarf_line_table table = {.size = 0};
    const uint64_t size = read_size(file, offset, window, &table.offset_size);
    if (size == 0 || size > UINT32_MAX)
        return -EBADMSG;
    table.size = (size_t)size;
    table.bytes = sp_dwarf_bytes(file, SP_DWARF_LINE, offset, table.size, window);
    const int error = table.bytes ? read_head(&table) : -EBADMSG;
    if (!error)
        *out = table;
    return error;
}
