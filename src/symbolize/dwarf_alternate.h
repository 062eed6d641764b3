/*
 * The file that holds what several programs' debug data has in common (dwz makes them).
 *
 * Place on the way of a sample: dwarf_source.c opens it with a module that refers to one; dwarf_names.c finds entries
 * and texts there.
 *
 * Context: ordinary code; read-only after it is opened.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_ALTERNATE_H
#define SIGPROF_SYMBOLIZE_DWARF_ALTERNATE_H

#include "symbolize/debug_file.h"
#include "symbolize/dwarf_units.h"

struct sp_dwarf_alternate {
    struct sp_elf_image image;
    struct sp_dwarf_file file;
    struct sp_dwarf_units units;
};

/*
 * Opens the file that `debug` refers to, in .gnu_debugaltlink or .debug_sup: by its path, which may be relative to the
 * directory of `debug`, or by build id where debug files are. It has to be a regular file with the build id (or
 * checksum) that is said. `place` is that of the program. Returns 0; -ENOENT: there is none; -ENOMEM. Closed by
 * sp_dwarf_alternate_close, after a success only.
 */
int sp_dwarf_alternate_open(struct sp_dwarf_alternate *alternate, const struct sp_elf_image *debug,
                            const struct sp_image_place *place, const struct sp_debug_places *places,
                            struct sp_dwarf_reading *reading);
void sp_dwarf_alternate_close(struct sp_dwarf_alternate *alternate);

#endif
