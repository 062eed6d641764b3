/*
 * The split unit of a skeleton: in a file of its own (.dwo), or in a package of many (.dwp).
 *
 * Place on the way of a sample: dwarf_source.c opens it for a unit that has its entries there.
 *
 *   program:  skeleton { id, name, directory, where addresses are }
 *                │  the same id
 *                ▼
 *   NAME.dwo or PROGRAM.dwp:  split unit { functions, inlined calls, … }
 *
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_SPLIT_H
#define SIGPROF_SYMBOLIZE_DWARF_SPLIT_H

#include "symbolize/dwarf_package.h"
#include "symbolize/dwarf_unit.h"

/* A split unit that is open. All zero at first; freed by sp_dwarf_split_close, after which it may be opened anew. */
struct sp_dwarf_split {
    bool is_open;
    struct sp_elf_image image; /* of a file of its own */
    struct sp_dwarf_file file; /* of the same */
    struct sp_dwarf_view view;
    struct sp_dwarf_unit unit;
    struct sp_dwarf_root root;
    uint64_t lines; /* offset of what its part of .debug_line begins with */
};

/* Where a split unit is looked for. */
struct sp_dwarf_split_place {
    const struct sp_dwarf_package *package; /* NULL: there is none */
    const char *directory, *name;           /* as the skeleton has them; NULL: unknown */
    int root;                               /* of both, as for sp_open_regular */
    const char *program_directory;          /* where the program is; NULL: unknown */
};

/*
 * Opens the split unit of a skeleton: from the package; as NAME, in DIRECTORY where it is no absolute path; in the
 * program's directory. Only regular files are touched, and only a unit with the skeleton's id is used. Returns 0,
 * -ENOENT or -ENOMEM.
 */
int sp_dwarf_split_open(struct sp_dwarf_split *split, const struct sp_dwarf_unit *skeleton,
                        const struct sp_dwarf_split_place *place, struct sp_dwarf_reading *reading);
void sp_dwarf_split_close(struct sp_dwarf_split *split, struct sp_dwarf_reading *reading);

#endif
