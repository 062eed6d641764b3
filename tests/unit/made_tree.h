/* Trees of entries by hand, for the tests of what walks over them. */
#ifndef SIGPROF_TESTS_MADE_TREE_H
#define SIGPROF_TESTS_MADE_TREE_H

#include "made_dwarf.h"
#include "symbolize/dwarf_entries.h"

#include <dwarf.h>

/* The codes of the entries that a tree is made of. */
enum {
    UNIT = 1,    /* no attributes */
    FUNCTION,    /* with children: low_pc, length */
    CALL,        /* an inlined one, with children: origin in the unit, low_pc, length, file, line, column */
    BLOCK,       /* with children */
    NAMESPACE,   /* with children */
    TYPE,        /* with children: sibling */
    MEMBER,      /* four bytes of no interest */
    DECLARATION, /* of a function: name, line */
    DEFINITION,  /* of a declared one: specification in the unit, system name */
    FAR_CALL,    /* an inlined one, without children: origin in the file, low_pc, length */
    SHARED,      /* a function of which the alternate file says the rest: low_pc, length, origin */
    ALIAS        /* names an origin in the unit, and says no more */
};

static inline void put_abbrevs(struct made_dwarf *dwarf)
{
    put_abbrev(dwarf, UNIT, DW_TAG_compile_unit, 1, (uint64_t[]){0});
    put_abbrev(dwarf, FUNCTION, DW_TAG_subprogram, 1,
               (uint64_t[]){DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, 0});
    put_abbrev(dwarf, CALL, DW_TAG_inlined_subroutine, 1,
               (uint64_t[]){DW_AT_abstract_origin, DW_FORM_ref4, DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc,
                            DW_FORM_data4, DW_AT_call_file, DW_FORM_data1, DW_AT_call_line, DW_FORM_data1,
                            DW_AT_call_column, DW_FORM_data1, 0});
    put_abbrev(dwarf, BLOCK, DW_TAG_lexical_block, 1, (uint64_t[]){0});
    put_abbrev(dwarf, NAMESPACE, DW_TAG_namespace, 1, (uint64_t[]){0});
    put_abbrev(dwarf, TYPE, DW_TAG_structure_type, 1, (uint64_t[]){DW_AT_sibling, DW_FORM_ref4, 0});
    put_abbrev(dwarf, MEMBER, DW_TAG_member, 0, (uint64_t[]){DW_AT_type, DW_FORM_ref4, 0});
    put_abbrev(dwarf, DECLARATION, DW_TAG_subprogram, 0,
               (uint64_t[]){DW_AT_name, DW_FORM_string, DW_AT_decl_line, DW_FORM_data1, 0});
    put_abbrev(dwarf, DEFINITION, DW_TAG_subprogram, 0,
               (uint64_t[]){DW_AT_specification, DW_FORM_ref4, DW_AT_linkage_name, DW_FORM_string, 0});
    put_abbrev(dwarf, FAR_CALL, DW_TAG_inlined_subroutine, 0,
               (uint64_t[]){DW_AT_abstract_origin, DW_FORM_ref_addr, DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc,
                            DW_FORM_data4, 0});
    put_abbrev(dwarf, SHARED, DW_TAG_subprogram, 0,
               (uint64_t[]){DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, DW_AT_abstract_origin,
                            DW_FORM_GNU_ref_alt, 0});
    put_abbrev(dwarf, ALIAS, DW_TAG_subprogram, 0, (uint64_t[]){DW_AT_abstract_origin, DW_FORM_ref4, 0});
    put(&dwarf->sections[SP_DWARF_ABBREV], 0, 1);
}

/* Each returns the offset of the entry. */
static inline uint64_t put_entry(struct made_dwarf *dwarf, unsigned code)
{
    struct made *made = &dwarf->sections[SP_DWARF_INFO];
    const uint64_t offset = made->n;
    put_uleb(made, code);
    return offset;
}

static inline uint64_t put_function(struct made_dwarf *dwarf, uint64_t start, uint64_t size)
{
    const uint64_t offset = put_entry(dwarf, FUNCTION);
    put(&dwarf->sections[SP_DWARF_INFO], start, 8);
    put(&dwarf->sections[SP_DWARF_INFO], size, 4);
    return offset;
}

static inline uint64_t put_call(struct made_dwarf *dwarf, uint64_t origin, uint64_t start, uint64_t size, uint64_t line)
{
    const uint64_t offset = put_entry(dwarf, CALL);
    struct made *made = &dwarf->sections[SP_DWARF_INFO];
    put(made, origin, 4);
    put(made, start, 8);
    put(made, size, 4);
    put(made, 1, 1);
    put(made, line, 1);
    put(made, 7, 1);
    return offset;
}

static inline uint64_t put_declaration(struct made_dwarf *dwarf, const char *name, uint64_t line)
{
    const uint64_t offset = put_entry(dwarf, DECLARATION);
    put_text(&dwarf->sections[SP_DWARF_INFO], name);
    put(&dwarf->sections[SP_DWARF_INFO], line, 1);
    return offset;
}

/* The end of the children of an entry. */
static inline void put_end(struct made_dwarf *dwarf)
{
    put(&dwarf->sections[SP_DWARF_INFO], 0, 1);
}

/* Begins a tree with its root; ended by end_tree. */
static inline size_t begin_tree(struct made_dwarf *dwarf)
{
    const size_t start = begin_unit(dwarf, 5, DW_UT_compile, 0);
    put_entry(dwarf, UNIT);
    return start;
}

static inline void end_tree(struct made_dwarf *dwarf, size_t start)
{
    put_end(dwarf);
    end_unit(dwarf, start);
}

/* A tree that is open. */
struct open_tree {
    struct sp_dwarf_abbrev_cache cache;
    struct sp_dwarf_reading reading;
    struct sp_dwarf_window window;
    struct sp_dwarf_unit unit;
    struct sp_dwarf_root root;
    struct sp_dwarf_entries entries;
};

/* Opens the tree at an offset; 0 or an error. */
static inline int open_tree(struct open_tree *tree, struct made_dwarf *dwarf, uint64_t offset)
{
    tree->reading = (struct sp_dwarf_reading){&tree->cache, 100000, 0};
    int error = sp_dwarf_unit_read(&tree->unit, &dwarf->view, offset);
    const struct sp_dwarf_abbrevs *abbrevs = error ? NULL : sp_dwarf_unit_abbrevs(&tree->unit, &tree->reading, &error);
    if (!error)
        error = sp_dwarf_unit_root(&tree->unit, abbrevs, &tree->root);
    if (!error)
        error = sp_dwarf_entries_init(&tree->entries, &tree->unit, &tree->root, &tree->reading, &tree->window);
    return error;
}

static inline void close_tree(struct open_tree *tree)
{
    sp_dwarf_abbrev_cache_done(&tree->cache);
    sp_dwarf_window_done(&tree->window);
}

#endif
