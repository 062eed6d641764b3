/*
 * A program or library with its DWARF, open: what threads share that name its addresses.
 *
 * Place on the way of a sample: dwarf_source.c opens it and sorts addresses by unit; dwarf_room.c names those of a
 * unit. Context: ordinary code; read-only after it is opened.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_MODULE_H
#define SIGPROF_SYMBOLIZE_DWARF_MODULE_H

#include "symbolize/dwarf_alternate.h"
#include "symbolize/dwarf_functions.h"
#include "symbolize/dwarf_package.h"
#include "symbolize/elf_symbols.h"
#include "symbolize/symbol_source.h"

struct sp_dwarf_module {
    const struct sp_elf_image *image; /* as it was mapped: file offsets are places in this one */
    const struct sp_elf_image *debug; /* the file with the DWARF: the same, or `separate` */
    struct sp_elf_image separate;     /* closed, unless it is that */
    struct sp_elf_symbols symbols;    /* of `separate`: the mapped one is without */
    struct sp_dwarf_file file;        /* of `debug` */
    struct sp_dwarf_units units;
    bool has_alternate, has_package;
    struct sp_dwarf_alternate alternate;
    struct sp_dwarf_package package;
    int root;        /* that split units are looked for below, as for sp_open_regular */
    char *directory; /* of the program; NULL: unknown */
    uint64_t size;   /* of `debug`, in bytes */
    uint64_t work;   /* what each reader may read of what many may refer to */
};

/*
 * Opens a module. Returns 0; -ENOENT: there is no DWARF of use; -ESTALE: there is a file of another build; -EBADMSG; or
 * -ENOMEM. Closed by sp_dwarf_module_close, after a success only. `file` has an image; it and `places` outlive
 * it.
 */
int sp_dwarf_module_open(struct sp_dwarf_module *module, const struct sp_module *file,
                         const struct sp_debug_places *places);
void sp_dwarf_module_close(struct sp_dwarf_module *module);

/* A thread's room to work in. */
struct sp_dwarf_room;

/* NULL without memory. Freed by sp_dwarf_room_free, before the module is closed; NULL is fine. */
struct sp_dwarf_room *sp_dwarf_room_new(const struct sp_dwarf_module *module);
void sp_dwarf_room_free(struct sp_dwarf_room *room);

/*
 * Names wants[0..n), which are all of unit wants[0].unit and ascend by vaddr. Texts that the sink gets live until the
 * room is used again. Returns 0 or -ENOMEM.
 */
int sp_dwarf_room_name(struct sp_dwarf_room *room, struct sp_dwarf_want *wants, size_t n, sp_frame_sink *sink,
                       void *arg);

#endif
