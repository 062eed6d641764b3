/*
 * Goes over entries by the steps of their abbreviations. See dwarf_entries.h for the place and the contract.
 *
 * What is read only ever lies further on, so that whatever stands in a file, its bytes are looked at once.
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_entries.h"

#include <dwarf.h>
#include <errno.h>

int sp_dwarf_entries_init(struct sp_dwarf_entries *entries, const struct sp_dwarf_unit *unit,
                          const struct sp_dwarf_root *root, struct sp_dwarf_reading *reading,
                          struct sp_dwarf_window *window)
{
    const uint64_t size = unit->end - unit->offset;
    int error;
    const uint8_t *bytes = sp_dwarf_bytes(unit->view->file, SP_DWARF_INFO, unit->offset, (size_t)size, window);
    if (!bytes)
        return -EBADMSG;
    sp_reader_init(&entries->reader, bytes, (size_t)size);
    entries->reader.at = root->has_children ? bytes + (root->after - unit->offset) : entries->reader.end;
    entries->unit = unit;
    entries->abbrevs = sp_dwarf_unit_abbrevs(unit, reading, &error);
    return error;
}

/* Keeps an attribute that a step has stopped at. */
static void take(struct sp_dwarf_entries *entries, const struct sp_dwarf_step *step, struct sp_dwarf_entry *entry)
{
    const struct sp_dwarf_abbrevs *abbrevs = entries->abbrevs;
    const struct sp_dwarf_attribute *attribute = &abbrevs->attributes[entry->abbrev->first_attribute + step->attribute];
    const struct sp_dwarf_value value = sp_dwarf_value_read(
        &entries->reader, attribute->form, sp_dwarf_implicit(abbrevs, attribute), &entries->unit->encoding);
    if (step->action == SP_DWARF_LOW_PC)
        entry->extent.low_pc = value;
    else if (step->action == SP_DWARF_HIGH_PC)
        entry->extent.high_pc = value;
    else if (step->action == SP_DWARF_RANGES_AT)
        entry->extent.ranges = value;
    else if (value.kind == SP_DWARF_UNIT_ENTRY)
        entry->sibling = value.number;
}

bool sp_dwarf_entries_next(struct sp_dwarf_entries *entries, struct sp_dwarf_entry *entry)
{
    struct sp_reader *reader = &entries->reader;
    if (reader->at == reader->end)
        return false;
    entry->offset = entries->unit->offset + sp_reader_position(reader);
    entry->abbrev = NULL;
    const uint64_t code = sp_reader_varint(reader);
    if (code == 0)
        return !reader->error;
    entry->abbrev = sp_dwarf_abbrev_find(entries->abbrevs, code);
    if (!entry->abbrev)
        return false;
    entry->sibling = 0;
    if (entry->abbrev->has_code)
        entry->extent = (struct sp_dwarf_extent){.low_pc = {.kind = SP_DWARF_NOTHING}};
    for (const struct sp_dwarf_step *step = &entries->abbrevs->steps[entry->abbrev->first_step];; step++) {
        if (step->bytes > sp_reader_left(reader))
            return false;
        reader->at += step->bytes;
        if (step->action == SP_DWARF_END)
            return !reader->error;
        if (step->action == SP_DWARF_SKIP)
            sp_dwarf_skip(reader, step->length, &entries->unit->encoding);
        else
            take(entries, step, entry);
    }
}

/* Goes to where the entry says that its children have ended, if that is behind it and in the unit. */
static bool go_to_sibling(struct sp_dwarf_entries *entries, const struct sp_dwarf_entry *entry)
{
    struct sp_reader *reader = &entries->reader;
    if (entry->sibling <= sp_reader_position(reader) || entry->sibling > (uint64_t)(reader->end - reader->base))
        return false;
    reader->at = reader->base + entry->sibling;
    return true;
}

void sp_dwarf_entries_skip_children(struct sp_dwarf_entries *entries, const struct sp_dwarf_entry *entry)
{
    struct sp_dwarf_entry child;
    if (!entry->abbrev->has_children || go_to_sibling(entries, entry))
        return;
    for (uint64_t depth = 1; depth > 0 && sp_dwarf_entries_next(entries, &child);)
        if (!child.abbrev)
            depth--;
        else if (child.abbrev->has_children && !go_to_sibling(entries, &child))
            depth++;
}
