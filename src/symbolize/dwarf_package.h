/*
 * The index of a package of split units (.dwp): where in its sections the parts of a unit are.
 *
 * Place on the way of a sample: dwarf_split.c looks up by it what a skeleton refers to.
 *
 * Representation: a hash table of ids, each with the number of a row; a row has for each section, a column, where the
 * unit's part begins and how long it is.
 *
 *   header │ ids of slots │ rows of slots │ sections of columns │ offsets by row │ sizes by row
 *
 * Context: ordinary code; read-only after it is opened.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_PACKAGE_H
#define SIGPROF_SYMBOLIZE_DWARF_PACKAGE_H

#include "symbolize/dwarf_file.h"

struct sp_dwarf_package {
    struct sp_elf_image image;
    struct sp_dwarf_file file;
    uint32_t version; /* 2: GNU's; 5 */
    uint32_t n_columns, n_rows, n_slots;
};

/* A unit's part of a section. */
struct sp_dwarf_part {
    uint64_t offset, size;
};

/* The parts that matter here, by section; zero where there is none. */
struct sp_dwarf_parts {
    struct sp_dwarf_part at[SP_DWARF_N_SECTIONS];
};

/*
 * Opens the package at `path` below `root`, as for sp_open_regular. Returns 0; -ENOENT: no such file; -EBADMSG: it is
 * none; -ENOMEM. Closed by sp_dwarf_package_close, after a success only.
 */
int sp_dwarf_package_open(struct sp_dwarf_package *package, int root, const char *path);
void sp_dwarf_package_close(struct sp_dwarf_package *package);

/* Reads the header of the index of package->file: false when it is damaged. */
bool sp_dwarf_package_read(struct sp_dwarf_package *package, struct sp_dwarf_view *view);

/*
 * The parts of the unit with an id: false when it has none, and when `*work`, from which goes what each slot takes that
 * is looked at, has come to 0. `view` is of package->file.
 */
bool sp_dwarf_package_find(const struct sp_dwarf_package *package, struct sp_dwarf_view *view, uint64_t id,
                           uint64_t *work, struct sp_dwarf_parts *parts);

#endif
