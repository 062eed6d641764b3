/*
 * Reads tables of abbreviations (DWARF 5, 7.5.3) and makes steps of them. See dwarf_abbrev.h for the place.
 *
 * Context: ordinary code; a table by one thread at a time.
 */
#include "symbolize/dwarf_abbrev.h"

#include "util/hash.h"
#include "util/room.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is read at first; real tables mostly have less. */
#define FIRST_BYTES 4096
/* What a table, and an entry, may have; the largest real ones have some thousands, and some dozens. */
#define ABBREVS_MAX (1U << 15)
#define ATTRIBUTES_MAX (1U << 18)
#define ATTRIBUTES_PER_ENTRY_MAX 256
/* Beyond this a table is large. */
#define SMALL_ABBREVS 1024
#define SMALL_ATTRIBUTES 4096

static bool add_step(struct sp_dwarf_abbrevs *table, const struct sp_dwarf_step *step)
{
    void *at = table->steps;
    if (!sp_make_room(&at, table->n_steps, &table->steps_capacity, sizeof(*step)))
        return false;
    table->steps = at;
    table->steps[table->n_steps++] = *step;
    return true;
}

/* Adds a value that stands in a declaration. Returns its number, from 1; 0 without memory. */
static uint32_t add_implicit(struct sp_dwarf_abbrevs *table, int64_t value)
{
    void *at = table->implicits;
    if (!sp_make_room(&at, table->n_implicits, &table->implicits_capacity, sizeof(value)))
        return 0;
    table->implicits = at;
    table->implicits[table->n_implicits++] = value;
    return (uint32_t)table->n_implicits;
}

static bool add_attribute(struct sp_dwarf_abbrevs *table, const struct sp_dwarf_attribute *attribute)
{
    void *at = table->attributes;
    if (!sp_make_room(&at, table->n_attributes, &table->attributes_capacity, sizeof(*attribute)))
        return false;
    table->attributes = at;
    table->attributes[table->n_attributes++] = *attribute;
    return true;
}

/* What is done with an attribute. */
static enum sp_dwarf_action action_of(const struct sp_dwarf_abbrev *abbrev, uint16_t name)
{
    if (name == DW_AT_sibling)
        return abbrev->has_children ? SP_DWARF_SIBLING : SP_DWARF_SKIP;
    if (!abbrev->has_code)
        return SP_DWARF_SKIP;
    switch (name) {
    case DW_AT_low_pc:
        return SP_DWARF_LOW_PC;
    case DW_AT_high_pc:
        return SP_DWARF_HIGH_PC;
    case DW_AT_ranges:
        return SP_DWARF_RANGES_AT;
    default:
        return SP_DWARF_SKIP;
    }
}

/*
 * Makes steps of a declaration whose attributes are there. Of each attribute there is one step at the most, so that an
 * entry takes no more steps than it has bytes, and these few.
 */
static bool compile(struct sp_dwarf_abbrevs *table, struct sp_dwarf_abbrev *abbrev)
{
    struct sp_dwarf_step step = {.bytes = 0};
    unsigned had = 0;
    abbrev->first_step = (uint32_t)table->n_steps;
    for (uint32_t i = 0; i < abbrev->n_attributes; i++) {
        const struct sp_dwarf_attribute *attribute = &table->attributes[abbrev->first_attribute + i];
        const unsigned length = sp_dwarf_form_length(attribute->form, &table->encoding);
        const enum sp_dwarf_action action = action_of(abbrev, attribute->name);
        step.action = (uint8_t)(had & 1U << action ? SP_DWARF_SKIP : action);
        had |= action == SP_DWARF_SKIP ? 0 : 1U << action;
        if (step.action == SP_DWARF_SKIP && length <= SP_DWARF_FIXED_MAX) {
            step.bytes = (uint16_t)(step.bytes + length);
            continue;
        }
        step.length = (uint8_t)length;
        step.attribute = (uint16_t)i;
        if (!add_step(table, &step))
            return false;
        step = (struct sp_dwarf_step){.bytes = 0};
    }
    step.action = SP_DWARF_END;
    return add_step(table, &step);
}

/* Reads the attributes of a declaration. */
static int read_attributes(struct sp_dwarf_abbrevs *table, struct sp_dwarf_abbrev *abbrev, struct sp_reader *reader)
{
    for (;;) {
        const uint64_t name = sp_reader_varint(reader), form = sp_reader_varint(reader);
        const bool is_implicit = form == DW_FORM_implicit_const;
        const int64_t value = is_implicit ? sp_dwarf_sleb(reader) : 0;
        if (reader->error || (name == 0 && form == 0))
            return 0;
        if (table->n_attributes == ATTRIBUTES_MAX || abbrev->n_attributes == ATTRIBUTES_PER_ENTRY_MAX)
            return -EBADMSG;
        const struct sp_dwarf_attribute attribute = {.name = name <= UINT16_MAX ? (uint16_t)name : 0,
                                                     .form = form <= UINT16_MAX ? (uint16_t)form : 0,
                                                     .implicit = is_implicit ? add_implicit(table, value) : 0};
        if ((is_implicit && attribute.implicit == 0) || !add_attribute(table, &attribute))
            return -ENOMEM;
        abbrev->n_attributes++;
    }
}

static int read_declaration(struct sp_dwarf_abbrevs *table, uint64_t code, struct sp_reader *reader)
{
    struct sp_dwarf_abbrev abbrev = {.code = code, .first_attribute = (uint32_t)table->n_attributes};
    const uint64_t tag = sp_reader_varint(reader);
    abbrev.tag = tag <= UINT16_MAX ? (uint16_t)tag : 0;
    abbrev.has_code = abbrev.tag == DW_TAG_subprogram || abbrev.tag == DW_TAG_inlined_subroutine;
    abbrev.has_children = sp_reader_fixed(reader, 1) != DW_CHILDREN_no;
    int error = read_attributes(table, &abbrev, reader);
    if (error || reader->error)
        return error;
    void *at = table->at;
    if (table->n == ABBREVS_MAX)
        return -EBADMSG;
    if (!compile(table, &abbrev) || !sp_make_room(&at, table->n, &table->capacity, sizeof(abbrev)))
        return -ENOMEM;
    table->at = at;
    table->is_dense &= code == table->n + 1;
    table->at[table->n++] = abbrev;
    return 0;
}

/* Reads declarations to the end of the table. What is cut short is the reader's error. */
static int read_table(struct sp_dwarf_abbrevs *table, struct sp_reader *reader, uint64_t last)
{
    int error = 0;
    table->n = table->n_attributes = table->n_steps = table->n_implicits = 0;
    table->is_dense = true;
    for (uint64_t code = 1; !error && (code = sp_reader_varint(reader)) != 0;) {
        error = read_declaration(table, code, reader);
        if (code == last)
            break;
    }
    return error;
}

static int compare_codes(const void *a, const void *b)
{
    const struct sp_dwarf_abbrev *x = a, *y = b;
    if (x->code != y->code)
        return x->code < y->code ? -1 : 1;
    return (x->first_step > y->first_step) - (x->first_step < y->first_step);
}

/* Brings declarations into the order of their codes; of several the first stays. */
static void sort_codes(struct sp_dwarf_abbrevs *table)
{
    size_t n = 0;
    qsort(table->at, table->n, sizeof(*table->at), compare_codes);
    for (size_t i = 0; i < table->n; i++)
        if (n == 0 || table->at[i].code != table->at[n - 1].code)
            table->at[n++] = table->at[i];
    table->n = n;
}

int sp_dwarf_abbrevs_read(struct sp_dwarf_abbrevs *table, struct sp_dwarf_view *view, uint64_t offset,
                          const struct sp_dwarf_encoding *encoding, uint64_t last, uint64_t *work)
{
    const uint64_t whole = view->file->sections[SP_DWARF_ABBREV].size;
    struct sp_reader reader;
    int error = offset >= whole || *work == 0 ? -EBADMSG : 0;
    table->file = NULL;
    table->encoding = *encoding;
    for (size_t size = FIRST_BYTES; !error; size *= 8) {
        const size_t looked = whole - offset < size ? (size_t)(whole - offset) : size;
        const uint8_t *bytes = sp_dwarf_view_bytes(view, SP_DWARF_ABBREV, offset, looked);
        sp_reader_init(&reader, bytes, bytes ? looked : 0);
        error = read_table(table, &reader, last);
        const uint64_t did = reader.error ? looked : sp_reader_position(&reader);
        *work -= did < *work ? did : *work;
        if (!error && !reader.error)
            break;
        if (looked == whole - offset || *work == 0 || !bytes)
            error = error ? error : -EBADMSG;
    }
    if (error)
        return error;
    table->file = view->file;
    table->offset = offset;
    if (!table->is_dense)
        sort_codes(table);
    return 0;
}

void sp_dwarf_abbrevs_done(struct sp_dwarf_abbrevs *table)
{
    free(table->at);
    free(table->attributes);
    free(table->steps);
    free(table->implicits);
    *table = (struct sp_dwarf_abbrevs){.n = 0};
}

const struct sp_dwarf_abbrev *sp_dwarf_abbrev_search(const struct sp_dwarf_abbrevs *table, uint64_t code)
{
    size_t low = 0, high = table->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->at[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->n && table->at[low].code == code ? &table->at[low] : NULL;
}

/* Whether it is the table that is wanted. */
static bool is_wanted(const struct sp_dwarf_abbrevs *table, const struct sp_dwarf_view *view, uint64_t offset,
                      const struct sp_dwarf_encoding *encoding)
{
    return table->file == view->file && table->offset == offset &&
           memcmp(&table->encoding, encoding, sizeof(*encoding)) == 0;
}

const struct sp_dwarf_abbrevs *sp_dwarf_abbrev_cache_get(struct sp_dwarf_abbrev_cache *cache,
                                                         struct sp_dwarf_view *view, uint64_t offset,
                                                         const struct sp_dwarf_encoding *encoding, uint64_t *work,
                                                         int *error)
{
    const size_t slot = sp_hash_word((uintptr_t)view->file, offset) % SP_DWARF_ABBREV_TABLES;
    struct sp_dwarf_abbrevs *table = &cache->tables[slot];
    *error = 0;
    if (is_wanted(table, view, offset, encoding))
        return table;
    if (is_wanted(&cache->large, view, offset, encoding))
        return &cache->large;
    *error = sp_dwarf_abbrevs_read(table, view, offset, encoding, 0, work);
    if (table->n <= SMALL_ABBREVS && table->n_attributes <= SMALL_ATTRIBUTES)
        return *error ? NULL : table;
    sp_dwarf_abbrevs_done(&cache->large);
    cache->large = *table;
    *table = (struct sp_dwarf_abbrevs){.n = 0};
    return *error ? NULL : &cache->large;
}

static void forget(struct sp_dwarf_abbrevs *table, const struct sp_dwarf_file *file)
{
    if (table->file == file)
        table->file = NULL;
}

void sp_dwarf_abbrev_cache_forget(struct sp_dwarf_abbrev_cache *cache, const struct sp_dwarf_file *file)
{
    for (size_t i = 0; i < SP_DWARF_ABBREV_TABLES; i++)
        forget(&cache->tables[i], file);
    forget(&cache->large, file);
}

void sp_dwarf_abbrev_cache_done(struct sp_dwarf_abbrev_cache *cache)
{
    for (size_t i = 0; i < SP_DWARF_ABBREV_TABLES; i++)
        sp_dwarf_abbrevs_done(&cache->tables[i]);
    sp_dwarf_abbrevs_done(&cache->large);
}
