/* Sections of DWARF by hand, for the tests of what reads them. */
#ifndef SIGPROF_TESTS_MADE_DWARF_H
#define SIGPROF_TESTS_MADE_DWARF_H

#include "made_bytes.h"
#include "symbolize/dwarf_file.h"

#include <string.h>

/* Sections, first as they are made, then as a file that has them. */
struct made_dwarf {
    struct made sections[SP_DWARF_N_SECTIONS];
    struct sp_dwarf_file file;
    struct sp_dwarf_view view;
};

/* Each section is a block of the heap of its very size, so that a sanitizer sees a byte that is read behind it. */
static inline void open_made(struct made_dwarf *dwarf)
{
    dwarf->file = (struct sp_dwarf_file){.fd = -1};
    for (size_t i = 0; i < SP_DWARF_N_SECTIONS; i++) {
        const struct made *made = &dwarf->sections[i];
        uint8_t *bytes = made->n ? malloc(made->n) : NULL;
        if (bytes)
            memcpy(bytes, made->bytes, made->n);
        dwarf->file.sections[i] = (struct sp_dwarf_section){.size = made->n, .bytes = bytes};
    }
    dwarf->view = (struct sp_dwarf_view){.file = &dwarf->file};
}

/* Empties it, so that another can be made. */
static inline void close_made(struct made_dwarf *dwarf)
{
    sp_dwarf_view_done(&dwarf->view);
    sp_dwarf_file_close(&dwarf->file);
    for (size_t i = 0; i < SP_DWARF_N_SECTIONS; i++)
        dwarf->sections[i].n = 0;
}

/* A declaration of an abbreviation: pairs of name and form, up to a zero. */
static inline void put_abbrev(struct made_dwarf *dwarf, uint64_t code, uint64_t tag, int has_children,
                              const uint64_t *pairs)
{
    struct made *made = &dwarf->sections[SP_DWARF_ABBREV];
    put_uleb(made, code);
    put_uleb(made, tag);
    put(made, (uint64_t)has_children, 1);
    for (; pairs[0] != 0; pairs += 2) {
        put_uleb(made, pairs[0]);
        put_uleb(made, pairs[1]);
    }
    put(made, 0, 2);
}

/* Begins a unit of 32-bit DWARF with addresses of 8 bytes. Returns where it begins, for end_unit. */
static inline size_t begin_unit(struct made_dwarf *dwarf, unsigned version, unsigned type, uint64_t abbrevs)
{
    struct made *made = &dwarf->sections[SP_DWARF_INFO];
    const size_t start = made->n;
    put(made, 0, 4);
    put(made, version, 2);
    if (version >= 5) {
        put(made, type, 1);
        put(made, 8, 1);
        put(made, abbrevs, 4);
    } else {
        put(made, abbrevs, 4);
        put(made, 8, 1);
    }
    return start;
}

static inline void end_unit(struct made_dwarf *dwarf, size_t start)
{
    struct made *made = &dwarf->sections[SP_DWARF_INFO];
    patch(made, start, made->n - start - 4, 4);
}

#endif
