/*
 * The seam where names come from: what a source of symbols is.
 *
 * Place on the way of a sample: symbolize.c holds a table of sources and asks them in order; a source knows a kind of
 * file (an ELF symbol table, the vDSO image; later DWARF, separate debug files, perf maps) and nothing of profiles.
 * Context: ordinary code. A module is used by one thread at a time; different modules may be used in parallel.
 */
#ifndef SIGPROF_SYMBOLIZE_SYMBOL_SOURCE_H
#define SIGPROF_SYMBOLIZE_SYMBOL_SOURCE_H

#include <stdint.h>

/* What identifies a module: the mapping's file and its build id ("" when unknown). */
struct sp_module_id {
    const char *path;
    const char *build_id; /* hex */
};

/* One address to be named, in both of the forms that sources look up by. */
struct sp_module_address {
    uint64_t address;     /* in the process: what a perf map lists */
    uint64_t file_offset; /* in the module's file */
};

/* One function at an address. Texts belong to the module and live until it is closed; NULL counts as "". */
struct sp_named_frame {
    const char *system_name; /* as in the symbol table */
    const char *filename;
    int64_t start_line, line, column; /* 0: unknown */
};

/* More inlined functions than this at one address are cut (the outermost go). */
#define SP_FRAMES_MAX 64

struct sp_symbol_source {
    const char *name; /* for messages and tests */
    /*
     * Opens what this source has on a module: 0 and `*module`, or -ENOENT (nothing here, or not this source's kind),
     * -ESTALE (there is a file, with another build id: not used), -EBADMSG (damaged), -ENOMEM.
     */
    int (*open)(const struct sp_module_id *id, void **module);
    /* Writes up to `max` frames, innermost first, and returns how many; 0 when it knows no name. */
    uint32_t (*find)(const void *module, const struct sp_module_address *address, struct sp_named_frame *frames,
                     uint32_t max);
    /* Frees what open gave. */
    void (*close)(void *module);
};

extern const struct sp_symbol_source sp_source_elf;  /* symbol tables of files */
extern const struct sp_symbol_source sp_source_vdso; /* symbol table of the kernel's image in our own memory */

#endif
