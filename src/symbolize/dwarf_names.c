/*
 * Reads entries for what they say, and follows them to where the rest stands. See dwarf_names.h for the picture.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_names.h"

#include "symbolize/elf_symbols.h"
#include "util/hash.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How far an entry is followed; real ones take three steps. */
#define CHAIN_MAX 16
/* What is read of an entry in another unit, at first and at most. */
#define ENTRY_BYTES 512
#define ENTRY_BYTES_MAX (1U << 20)
/* What may be kept of texts while a unit is at hand: so much, and as much as the sections have where they stand. */
#define TEXTS_MIN (256U << 10)

static uint64_t size_of_texts(const struct sp_dwarf_view *view)
{
    return view ? view->file->sections[SP_DWARF_INFO].size + view->file->sections[SP_DWARF_STR].size : 0;
}

int sp_dwarf_names_begin(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit, const uint8_t *bytes)
{
    names->unit = unit;
    names->bytes = bytes;
    names->n_names = 0;
    sp_dwarf_map_clear(&names->known);
    sp_arena_free(names->texts);
    names->texts = sp_arena_new();
    names->texts_left = TEXTS_MIN + size_of_texts(unit->view) + size_of_texts(names->alternate.view);
    return names->texts ? 0 : -ENOMEM;
}

void sp_dwarf_names_done(struct sp_dwarf_names *names)
{
    sp_arena_free(names->texts);
    sp_dwarf_map_done(&names->known);
    free(names->names);
    names->texts = NULL;
    names->names = NULL;
}

const char *sp_dwarf_names_text(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit,
                                const struct sp_dwarf_value *value)
{
    if (value->kind != SP_DWARF_STR_ALTERNATE)
        return sp_dwarf_unit_text(unit, value);
    return names->alternate.view ? sp_dwarf_view_text(names->alternate.view, SP_DWARF_STR, value->number) : NULL;
}

const char *sp_dwarf_names_keep(struct sp_dwarf_names *names, const char *text, size_t length)
{
    if (length >= names->texts_left || length >= names->reading->work)
        return NULL;
    names->texts_left -= length + 1;
    names->reading->work -= length;
    return sp_arena_copy(names->texts, text, length);
}

/* A text that is kept; NULL for one of no use. */
static const char *text_of(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit,
                           const struct sp_dwarf_value *value)
{
    const char *text = sp_dwarf_names_text(names, unit, value);
    const size_t length = text ? strnlen(text, SP_ELF_NAME_MAX) : 0;
    return length > 0 && length < SP_ELF_NAME_MAX ? sp_dwarf_names_keep(names, text, length) : NULL;
}

/* A number of an entry, or 0. */
static uint32_t number_of(const struct sp_dwarf_value *value)
{
    return value->kind == SP_DWARF_CONSTANT && value->number <= INT32_MAX ? (uint32_t)value->number : 0;
}

/* The values of an entry that matter here. */
struct facts {
    struct sp_dwarf_value name, system_name, line, origin, specification;
    struct sp_dwarf_value call_file, call_line, call_column;
};

static void take_value(struct facts *facts, uint16_t name, const struct sp_dwarf_value *value)
{
    switch (name) {
    case DW_AT_name:
        facts->name = *value;
        break;
    case DW_AT_linkage_name:
    case DW_AT_MIPS_linkage_name:
        facts->system_name = *value;
        break;
    case DW_AT_decl_line:
        facts->line = *value;
        break;
    case DW_AT_abstract_origin:
        facts->origin = *value;
        break;
    case DW_AT_specification:
        facts->specification = *value;
        break;
    case DW_AT_call_file:
        facts->call_file = *value;
        break;
    case DW_AT_call_line:
        facts->call_line = *value;
        break;
    case DW_AT_call_column:
        facts->call_column = *value;
        break;
    default:
        break;
    }
}

static void read_facts(const struct sp_dwarf_unit *unit, const struct sp_dwarf_abbrevs *abbrevs,
                       struct sp_reader *reader, struct facts *facts)
{
    const struct sp_dwarf_abbrev *abbrev = sp_dwarf_abbrev_find(abbrevs, sp_reader_varint(reader));
    *facts = (struct facts){.name = {.kind = SP_DWARF_NOTHING}};
    for (uint32_t i = 0; abbrev && i < abbrev->n_attributes; i++) {
        const struct sp_dwarf_attribute *attribute = &abbrevs->attributes[abbrev->first_attribute + i];
        const struct sp_dwarf_value value =
            sp_dwarf_value_read(reader, attribute->form, sp_dwarf_implicit(abbrevs, attribute), &unit->encoding);
        take_value(facts, attribute->name, &value);
    }
}

/* Reads an entry of the unit at hand, or of another. False when there is none to read. */
static bool read_entry(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit, uint64_t offset,
                       struct facts *facts)
{
    struct sp_reader reader;
    int error;
    if (offset < unit->entries || offset >= unit->end)
        return false;
    const struct sp_dwarf_abbrevs *abbrevs = sp_dwarf_unit_abbrevs(unit, names->reading, &error);
    const uint64_t left = unit->end - offset;
    if (!abbrevs)
        return false;
    if (unit == names->unit) {
        sp_reader_init(&reader, names->bytes + (offset - unit->offset), (size_t)left);
        read_facts(unit, abbrevs, &reader, facts);
        return !reader.error;
    }
    for (size_t size = ENTRY_BYTES; names->reading->work > size; size *= 8) {
        const size_t looked = left < size ? (size_t)left : size;
        const uint8_t *bytes = sp_dwarf_view_bytes(unit->view, SP_DWARF_INFO, offset, looked);
        names->reading->work -= size;
        sp_reader_init(&reader, bytes, bytes ? looked : 0);
        read_facts(unit, abbrevs, &reader, facts);
        if (!reader.error)
            return true;
        if (looked == left || size >= ENTRY_BYTES_MAX)
            break;
    }
    return false;
}

/* Opens the unit around an offset of a file. NULL when there is none; valid until the next is opened. */
static const struct sp_dwarf_unit *open_foreign(struct sp_dwarf_names *names, const struct sp_dwarf_library *library,
                                                uint64_t offset)
{
    struct sp_dwarf_root root;
    uint64_t start;
    int error;
    if (!library->view || !sp_dwarf_units_around(library->units, offset, &start))
        return NULL;
    struct sp_dwarf_unit *unit =
        &names->foreign[sp_hash_word((uintptr_t)library->view, start) % SP_DWARF_FOREIGN_UNITS];
    if (unit->view == library->view && unit->offset == start)
        return unit;
    error = sp_dwarf_unit_read(unit, library->view, start);
    const struct sp_dwarf_abbrevs *abbrevs = error ? NULL : sp_dwarf_unit_abbrevs(unit, names->reading, &error);
    if (!abbrevs || sp_dwarf_unit_root(unit, abbrevs, &root) != 0) {
        unit->view = NULL;
        return NULL;
    }
    return unit;
}

/* Finds what a value of an entry in `unit` refers to. Returns the unit of that, or NULL. */
static const struct sp_dwarf_unit *follow(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit,
                                          const struct sp_dwarf_value *value, uint64_t *offset)
{
    const struct sp_dwarf_unit *own = names->unit;
    *offset = value->number;
    switch (value->kind) {
    case SP_DWARF_UNIT_ENTRY:
        if (value->number >= unit->end - unit->offset)
            return NULL;
        *offset += unit->offset;
        return unit;
    case SP_DWARF_FILE_ENTRY:
        if (unit->view == own->view && *offset >= own->offset && *offset < own->end)
            return own;
        if (unit->view == names->program.view)
            return open_foreign(names, &names->program, *offset);
        return unit->view == names->alternate.view ? open_foreign(names, &names->alternate, *offset) : NULL;
    case SP_DWARF_ALTERNATE_ENTRY:
        return open_foreign(names, &names->alternate, *offset);
    default:
        return NULL;
    }
}

/* Keeps the name of an entry that others refer to. Without memory it is read again. */
static void remember(struct sp_dwarf_names *names, uint64_t key, const struct sp_dwarf_name *name)
{
    if (names->n_names == names->names_capacity) {
        size_t larger = names->names_capacity ? 2 * names->names_capacity : 64;
        void *moved = larger < UINT32_MAX ? reallocarray(names->names, larger, sizeof(*name)) : NULL;
        if (!moved)
            return;
        names->names = moved;
        names->names_capacity = larger;
    }
    if (sp_dwarf_map_add(&names->known, key, (uint32_t)names->n_names))
        names->names[names->n_names++] = *name;
}

static struct sp_dwarf_name name_of(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit,
                                    const struct facts *facts, unsigned depth);

/* The name of an entry that another one refers to. */
static struct sp_dwarf_name referred_name(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit,
                                          const struct sp_dwarf_value *value, unsigned depth)
{
    struct sp_dwarf_name name = {.start_line = 0};
    struct facts facts;
    uint64_t offset;
    uint32_t known;
    unit = follow(names, unit, value, &offset);
    if (!unit || depth > CHAIN_MAX)
        return name;
    const uint64_t key = 2 * offset + (unit->view == names->alternate.view);
    if (sp_dwarf_map_find(&names->known, key, &known))
        return names->names[known];
    if (read_entry(names, unit, offset, &facts))
        name = name_of(names, unit, &facts, depth);
    if (!sp_dwarf_map_find(&names->known, key, &known)) /* it may refer to itself */
        remember(names, key, &name);
    return name;
}

/* What an entry says, or else what it refers to. */
static struct sp_dwarf_name name_of(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit,
                                    const struct facts *facts, unsigned depth)
{
    const struct sp_dwarf_value *reference =
        facts->origin.kind != SP_DWARF_NOTHING ? &facts->origin : &facts->specification;
    struct sp_dwarf_name name = {.system_name = text_of(names, unit, &facts->system_name),
                                 .start_line = number_of(&facts->line)};
    if (!name.system_name)
        name.name = text_of(names, unit, &facts->name);
    if ((name.system_name && name.start_line > 0) || reference->kind == SP_DWARF_NOTHING)
        return name;
    const struct sp_dwarf_name further = referred_name(names, unit, reference, depth + 1);
    if (!name.system_name)
        name.system_name = further.system_name;
    if (!name.name)
        name.name = further.name;
    if (name.system_name)
        name.name = NULL;
    if (name.start_line == 0)
        name.start_line = further.start_line;
    return name;
}

void sp_dwarf_names_read(struct sp_dwarf_names *names, uint64_t offset, struct sp_dwarf_name *name,
                         struct sp_dwarf_call *call)
{
    struct facts facts;
    *name = (struct sp_dwarf_name){.start_line = 0};
    *call = (struct sp_dwarf_call){.line = 0};
    if (!read_entry(names, names->unit, offset, &facts))
        return;
    *call = (struct sp_dwarf_call){.has_file = facts.call_file.kind == SP_DWARF_CONSTANT,
                                   .file = facts.call_file.number,
                                   .line = number_of(&facts.call_line),
                                   .column = number_of(&facts.call_column)};
    *name = name_of(names, names->unit, &facts, 0);
}
