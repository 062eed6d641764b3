/*
 * Reads headers and first entries of units (DWARF 5, 7.5.1), and looks up what values refer to. See dwarf_unit.h.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_unit.h"

#include "symbolize/elf_symbols.h"

#include <dwarf.h>
#include <errno.h>

/* The longest header: of a type's unit in 64-bit DWARF 5. */
#define HEADER_MAX 40
/* A first entry is read so far at first, and so far at most. */
#define ROOT_BYTES 512
#define ROOT_BYTES_MAX (1U << 20)
/* A length of this or more is none. This one says that the next eight bytes are. */
#define LENGTH_RESERVED UINT64_C(0xfffffff0)
#define LENGTH_64 UINT64_C(0xffffffff)

/* The length of what follows; `*offset_size` by how it is written. */
static uint64_t read_length(struct sp_reader *reader, uint8_t *offset_size)
{
    uint64_t length = sp_reader_fixed(reader, 4);
    *offset_size = 4;
    if (length == LENGTH_64) {
        *offset_size = 8;
        return sp_reader_fixed(reader, 8);
    }
    if (length >= LENGTH_RESERVED)
        sp_reader_fail(reader, 0, "a unit has no length");
    return length;
}

/* Reads what depends on the version. */
static void read_fields(struct sp_dwarf_unit *unit, struct sp_reader *reader)
{
    struct sp_dwarf_encoding *encoding = &unit->encoding;
    encoding->version = (uint16_t)sp_reader_fixed(reader, 2);
    unit->type = DW_UT_compile;
    if (encoding->version < 2 || encoding->version > 5)
        sp_reader_fail(reader, 0, "a unit has an unknown version");
    if (encoding->version < 5) {
        unit->abbrevs = sp_reader_fixed(reader, encoding->offset_size);
        encoding->address_size = (uint8_t)sp_reader_fixed(reader, 1);
        return;
    }
    unit->type = (uint8_t)sp_reader_fixed(reader, 1);
    encoding->address_size = (uint8_t)sp_reader_fixed(reader, 1);
    unit->abbrevs = sp_reader_fixed(reader, encoding->offset_size);
    if (unit->type != DW_UT_compile && unit->type != DW_UT_partial)
        unit->id = sp_reader_fixed(reader, 8);
    if (unit->type == DW_UT_type || unit->type == DW_UT_split_type)
        sp_reader_fixed(reader, encoding->offset_size);
}

int sp_dwarf_unit_read(struct sp_dwarf_unit *out, struct sp_dwarf_view *view, uint64_t offset)
{
    const uint64_t whole = view->file->sections[SP_DWARF_INFO].size;
    struct sp_dwarf_unit unit = {.view = view, .program_view = view, .offset = offset};
    struct sp_reader reader;
    *out = unit;
    if (offset >= whole)
        return -ENOENT;
    const size_t size = whole - offset < HEADER_MAX ? (size_t)(whole - offset) : HEADER_MAX;
    const uint8_t *bytes = sp_dwarf_view_bytes(view, SP_DWARF_INFO, offset, size);
    sp_reader_init(&reader, bytes, bytes ? size : 0);
    const uint64_t length = read_length(&reader, &unit.encoding.offset_size);
    const uint64_t start = offset + sp_reader_position(&reader);
    if (reader.error || length == 0 || length > whole - start)
        return -EBADMSG;
    out->end = unit.end = start + length;
    read_fields(&unit, &reader);
    unit.entries = offset + sp_reader_position(&reader);
    if (reader.error || unit.entries > unit.end || (unit.encoding.address_size != 4 && unit.encoding.address_size != 8))
        return -EBADMSG;
    *out = unit;
    return 0;
}

/* A reader of the first entry: of `max` bytes of the unit, if there are so many. */
static struct sp_reader root_reader(const struct sp_dwarf_unit *unit, size_t max)
{
    struct sp_reader reader;
    const uint64_t left = unit->end - unit->entries;
    const size_t size = left < max ? (size_t)left : max;
    const uint8_t *bytes = sp_dwarf_view_bytes(unit->view, SP_DWARF_INFO, unit->entries, size);
    sp_reader_init(&reader, bytes, bytes ? size : 0);
    return reader;
}

uint64_t sp_dwarf_unit_root_code(const struct sp_dwarf_unit *unit)
{
    struct sp_reader reader = root_reader(unit, ROOT_BYTES);
    return sp_reader_varint(&reader);
}

/* Keeps a value of the first entry. */
static void take_value(struct sp_dwarf_unit *unit, struct sp_dwarf_root *root, uint16_t name,
                       const struct sp_dwarf_value *value)
{
    switch (name) {
    case DW_AT_low_pc:
        root->low_pc = *value;
        break;
    case DW_AT_high_pc:
        root->high_pc = *value;
        break;
    case DW_AT_ranges:
        root->ranges = *value;
        break;
    case DW_AT_stmt_list:
        root->lines = *value;
        break;
    case DW_AT_comp_dir:
        root->directory = *value;
        break;
    case DW_AT_dwo_name:
    case DW_AT_GNU_dwo_name:
        root->split_name = *value;
        break;
    case DW_AT_GNU_dwo_id:
        root->split_id = *value;
        break;
    case DW_AT_str_offsets_base:
        unit->bases.text_offsets = value->number;
        break;
    case DW_AT_addr_base:
    case DW_AT_GNU_addr_base:
        unit->bases.addresses = value->number;
        break;
    case DW_AT_rnglists_base:
        unit->bases.range_lists = value->number;
        break;
    case DW_AT_GNU_ranges_base:
        unit->bases.ranges = value->number;
        break;
    default:
        break;
    }
}

static void read_root(struct sp_dwarf_unit *unit, const struct sp_dwarf_abbrevs *table, struct sp_reader *reader,
                      struct sp_dwarf_root *root)
{
    const struct sp_dwarf_abbrev *abbrev = sp_dwarf_abbrev_find(table, sp_reader_varint(reader));
    *root = (struct sp_dwarf_root){.has_children = false};
    if (!abbrev) {
        sp_reader_fail(reader, 0, "an entry has an unknown code");
        return;
    }
    root->has_children = abbrev->has_children;
    root->tag = abbrev->tag;
    for (uint32_t i = 0; i < abbrev->n_attributes; i++) {
        const struct sp_dwarf_attribute *attribute = &table->attributes[abbrev->first_attribute + i];
        const struct sp_dwarf_value value =
            sp_dwarf_value_read(reader, attribute->form, sp_dwarf_implicit(table, attribute), &unit->encoding);
        take_value(unit, root, attribute->name, &value);
    }
    root->after = unit->entries + sp_reader_position(reader);
}

/* Where tables of version 5 begin for who does not say it: behind the head of the first one (DWARF 5, 7.26 to 7.28). */
static void set_default_bases(struct sp_dwarf_unit *unit)
{
    const uint64_t offset_size = unit->encoding.offset_size;
    if (unit->encoding.version < 5)
        return;
    unit->bases.text_offsets = unit->bases.addresses = 2 * offset_size;
    unit->bases.range_lists = offset_size == 4 ? 12 : 20;
}

int sp_dwarf_unit_root(struct sp_dwarf_unit *unit, const struct sp_dwarf_abbrevs *table, struct sp_dwarf_root *root)
{
    set_default_bases(unit);
    struct sp_reader reader = root_reader(unit, ROOT_BYTES);
    read_root(unit, table, &reader, root);
    if (reader.error && unit->end - unit->entries > ROOT_BYTES) {
        reader = root_reader(unit, ROOT_BYTES_MAX);
        read_root(unit, table, &reader, root);
    }
    if (reader.error)
        return -EBADMSG;
    if (unit->id == 0)
        unit->id = root->split_id.number;
    if (!sp_dwarf_unit_address(unit, &root->low_pc, &unit->bases.code))
        unit->bases.code = 0;
    return 0;
}

const struct sp_dwarf_abbrevs *sp_dwarf_unit_abbrevs(const struct sp_dwarf_unit *unit, struct sp_dwarf_reading *reading,
                                                     int *error)
{
    return sp_dwarf_abbrev_cache_get(reading->cache, unit->view, unit->abbrevs, &unit->encoding, &reading->work, error);
}

void sp_dwarf_unit_inherit(struct sp_dwarf_unit *split, const struct sp_dwarf_unit *skeleton)
{
    split->program_view = skeleton->view;
    split->bases.addresses = skeleton->bases.addresses;
    split->bases.ranges = skeleton->bases.ranges;
    split->bases.code = skeleton->bases.code;
}

bool sp_dwarf_indexed(struct sp_dwarf_view *view, enum sp_dwarf_section_id id, uint64_t base, uint64_t index,
                      unsigned size, uint64_t *number)
{
    const uint64_t whole = view->file->sections[id].size;
    struct sp_reader reader;
    if (base > whole || index > (whole - base) / size)
        return false;
    const uint8_t *bytes = sp_dwarf_view_bytes(view, id, base + index * size, size);
    if (!bytes)
        return false;
    sp_reader_init(&reader, bytes, size);
    *number = sp_reader_fixed(&reader, size);
    return true;
}

bool sp_dwarf_unit_address(const struct sp_dwarf_unit *unit, const struct sp_dwarf_value *value, uint64_t *address)
{
    if (value->kind == SP_DWARF_ADDRESS) {
        *address = value->number;
        return true;
    }
    return value->kind == SP_DWARF_ADDRESS_INDEX &&
           sp_dwarf_indexed(unit->program_view, SP_DWARF_ADDR, unit->bases.addresses, value->number,
                            unit->encoding.address_size, address);
}

const char *sp_dwarf_unit_text(const struct sp_dwarf_unit *unit, const struct sp_dwarf_value *value)
{
    uint64_t offset = value->number;
    switch (value->kind) {
    case SP_DWARF_TEXT:
        return value->number < SP_ELF_NAME_MAX ? (const char *)value->bytes : NULL;
    case SP_DWARF_LINE_STR_AT:
        return sp_dwarf_view_text(unit->view, SP_DWARF_LINE_STR, offset);
    case SP_DWARF_STR_INDEX:
        if (!sp_dwarf_indexed(unit->view, SP_DWARF_STR_OFFSETS, unit->bases.text_offsets, value->number,
                              unit->encoding.offset_size, &offset))
            return NULL;
        return sp_dwarf_view_text(unit->view, SP_DWARF_STR, offset);
    case SP_DWARF_STR_AT:
        return sp_dwarf_view_text(unit->view, SP_DWARF_STR, offset);
    default:
        return NULL;
    }
}
