/*
 * Tables of abbreviations, made ready for reading entries fast.
 *
 * Place on the way of a sample: each entry of .debug_info begins with a code, which says by such a table what is in it.
 *
 * Most entries are of no interest. So each declaration becomes steps, each a number of bytes to pass by and then what
 * to do there: mostly one step passes by the whole entry. Attributes that say where code is are steps of their own, of
 * those entries alone that can be functions.
 *
 *   variable   strp data1 data2 ref4 exprloc   ──▶   [11 bytes, then a counted block] [0 bytes, end]
 *   function   flag strp data1 ref4 addr data8 exprloc
 *                                              ──▶   [9, low pc] [0, high pc] [0, counted block] [0, end]
 *
 * Context: ordinary code; a cache by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_ABBREV_H
#define SIGPROF_SYMBOLIZE_DWARF_ABBREV_H

#include "symbolize/dwarf_file.h"
#include "symbolize/dwarf_form.h"

struct sp_dwarf_attribute {
    uint16_t name;
    uint16_t form;     /* 0 for one that does not exist */
    uint32_t implicit; /* where the form has its value here: number of that */
};

enum sp_dwarf_action {
    SP_DWARF_END,
    SP_DWARF_SKIP, /* what sp_dwarf_form_length says */
    SP_DWARF_LOW_PC,
    SP_DWARF_HIGH_PC,
    SP_DWARF_RANGES_AT,
    SP_DWARF_SIBLING
};

struct sp_dwarf_step {
    uint16_t bytes; /* to pass by first */
    uint8_t action;
    uint8_t length;     /* of a skip */
    uint16_t attribute; /* of the others: its number in the declaration */
};

struct sp_dwarf_abbrev {
    uint64_t code;
    uint16_t tag;
    bool has_children;
    bool has_code; /* it may say where code is: a function or an inlined call */
    uint32_t first_step;
    uint32_t first_attribute, n_attributes;
};

/* Invariant: ascends by code, and each code is there once; `is_dense`: at[i].code == i + 1. */
struct sp_dwarf_abbrevs {
    const struct sp_dwarf_file *file;
    uint64_t offset; /* in .debug_abbrev */
    struct sp_dwarf_encoding encoding;
    bool is_dense;
    struct sp_dwarf_abbrev *at;
    size_t n, capacity;
    struct sp_dwarf_attribute *attributes;
    size_t n_attributes, attributes_capacity;
    struct sp_dwarf_step *steps;
    size_t n_steps, steps_capacity;
    int64_t *implicits;
    size_t n_implicits, implicits_capacity;
};

/* The value that an attribute has in its declaration; 0 where it has none. */
static inline int64_t sp_dwarf_implicit(const struct sp_dwarf_abbrevs *table,
                                        const struct sp_dwarf_attribute *attribute)
{
    return attribute->implicit > 0 ? table->implicits[attribute->implicit - 1] : 0;
}

/*
 * Reads the table at `offset` of a file's .debug_abbrev; as far as to the declaration of `last`, where that is not 0.
 * From `*work` goes what was read, and nothing is read when it has come to 0. Returns 0; -EBADMSG: there is no such
 * table; -ENOMEM. What the table was before is gone; all zero at first; freed by sp_dwarf_abbrevs_done.
 */
int sp_dwarf_abbrevs_read(struct sp_dwarf_abbrevs *table, struct sp_dwarf_view *view, uint64_t offset,
                          const struct sp_dwarf_encoding *encoding, uint64_t last, uint64_t *work);
void sp_dwarf_abbrevs_done(struct sp_dwarf_abbrevs *table);

/* The declaration of a code that the dense part does not have; or NULL. */
const struct sp_dwarf_abbrev *sp_dwarf_abbrev_search(const struct sp_dwarf_abbrevs *table, uint64_t code);

/* The declaration of a code, or NULL. */
static inline const struct sp_dwarf_abbrev *sp_dwarf_abbrev_find(const struct sp_dwarf_abbrevs *table, uint64_t code)
{
    if (table->is_dense)
        return code - 1 < table->n ? &table->at[code - 1] : NULL;
    return sp_dwarf_abbrev_search(table, code);
}

/* Tables that were read, each in one place. All zero at first; freed by sp_dwarf_abbrev_cache_done. */
#define SP_DWARF_ABBREV_TABLES 16
struct sp_dwarf_abbrev_cache {
    struct sp_dwarf_abbrevs tables[SP_DWARF_ABBREV_TABLES];
    struct sp_dwarf_abbrevs large; /* of those that are, one: a small file can have many, one in the other */
};

/* The whole table, valid until the next call; or NULL, where sp_dwarf_abbrevs_read has an error: `*error`. */
const struct sp_dwarf_abbrevs *sp_dwarf_abbrev_cache_get(struct sp_dwarf_abbrev_cache *cache,
                                                         struct sp_dwarf_view *view, uint64_t offset,
                                                         const struct sp_dwarf_encoding *encoding, uint64_t *work,
                                                         int *error);
/* Forgets the tables of a file, in whose place another may come. */
void sp_dwarf_abbrev_cache_forget(struct sp_dwarf_abbrev_cache *cache, const struct sp_dwarf_file *file);
void sp_dwarf_abbrev_cache_done(struct sp_dwarf_abbrev_cache *cache);

#endif
