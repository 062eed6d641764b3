/*
 * The seam where names come from: what a source of symbols is.
 *
 * Place on the way of a sample: module_names.c holds a table of sources and asks them in order; a source knows a kind
 * of file (DWARF, an ELF symbol table, the vDSO image) and nothing of profiles. Context: ordinary code. What is open
 * does not change: threads may ask it, where they have room of their own to work in.
 */
#ifndef SIGPROF_SYMBOLIZE_SYMBOL_SOURCE_H
#define SIGPROF_SYMBOLIZE_SYMBOL_SOURCE_H

#include "symbolize/debug_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What identifies a module: the mapping's file and its build id ("" when unknown). */
struct sp_module_id {
    const char *path;
    const char *build_id; /* hex */
    /* A mapping of its code: where in the file it begins, and its bytes. 0 bytes: not known. */
    uint64_t code_offset, code_size;
};

/* A module, and its file: opened once, for all sources. */
struct sp_module {
    struct sp_module_id id;
    const struct sp_elf_image *image; /* outlives what sources open; NULL: there is none, for `error` */
    struct sp_image_place place;      /* of the image */
    int error;                        /* -ENOENT, also where the path means no file; or as of sp_module_image_open */
};

/* One address to be named, in both of the forms that sources look up by. */
struct sp_module_address {
    uint64_t address;     /* in the process: what a perf map lists */
    uint64_t file_offset; /* in the module's file */
};

/* One function at an address. Texts that `find` gives live until the module is closed; NULL counts as "". */
struct sp_named_frame {
    const char *system_name; /* as the linker sees it; NULL: only another source may know */
    const char *name;        /* as people wrote it, where the source knows; NULL: made from system_name */
    const char *filename;
    int64_t start_line, line, column; /* 0: unknown */
};

/*
 * Takes the frames of addresses[index], innermost first. They live until it returns; their texts until the room that
 * they were found with is used again, where what is the same text often has the same place. The last frame's
 * system_name gives way to what `find` of any source has.
 */
typedef void sp_frame_sink(void *arg, size_t index, const struct sp_named_frame *frames, uint32_t n);

/* Addresses that are named together. */
struct sp_symbol_chunk {
    uint64_t bytes; /* of debug data that is read for it: about the time that it takes */
    size_t n;       /* addresses */
};

/* Addresses, sorted into chunks. */
struct sp_symbol_plan {
    struct sp_symbol_chunk *chunks; /* in the file's order */
    size_t n_chunks;
    void *own; /* the source's */
};

/*
 * What a source has that reads much to name one address, and little more to name all. Chunks may be named in any
 * order, and at the same time, each thread with a room of its own:
 *
 *   plan ──▶ chunks ──▶ find(room a) ──▶ sink        find(room a) ──▶ sink        plan_done
 *                  └──▶ find(room b) ──▶ sink  ...
 */
struct sp_symbol_batches {
    /*
     * Sorts addresses[0..n), whose indices the sink gets. Those that the source has nothing on are in no chunk.
     * Returns 0 or -ENOMEM; freed by plan_done.
     */
    int (*plan)(const void *module, const struct sp_module_address *addresses, size_t n, struct sp_symbol_plan *plan);
    void (*plan_done)(struct sp_symbol_plan *plan);
    /* A thread's room to work in, for this module; NULL without memory. Freed by room_free, NULL is fine. */
    void *(*room_new)(const void *module);
    void (*room_free)(void *room);
    /* Calls `sink`, in this thread, for the addresses of a chunk that are known, each at most once. 0 or -ENOMEM. */
    int (*find)(const struct sp_symbol_plan *plan, size_t chunk, void *room, sp_frame_sink *sink, void *arg);
};

/* More inlined functions than this at one address are cut (the outermost go). */
#define SP_FRAMES_MAX 64

/* "[heap]", "//anon", "" and the like are no files; "x (deleted)" is one only if a file of that name exists. */
static inline bool sp_module_is_file(const struct sp_module_id *id)
{
    return id->path[0] != '\0' && id->path[0] != '[' && !(id->path[0] == '/' && id->path[1] == '/');
}

struct sp_symbol_source {
    const char *name; /* for messages and tests */
    /*
     * Opens what this source has on a module: 0 and `*opened`, or -ENOENT (nothing here, or not this source's kind),
     * -ESTALE (there is a file, with another build id: not used), -EBADMSG (damaged), -ENOMEM, or the module's error.
     * `module` and `places` outlive it.
     */
    int (*open)(const struct sp_module *module, const struct sp_debug_places *places, void **opened);
    /*
     * Writes up to `max` frames, innermost first, and returns how many; 0 when it knows no name.
     */
    uint32_t (*find)(const void *module, const struct sp_module_address *address, struct sp_named_frame *frames,
                     uint32_t max);
    /* Frees what open gave. */
    void (*close)(void *module);
    const struct sp_symbol_batches *batches; /* asked first; NULL: it has none */
};

extern const struct sp_symbol_source sp_source_dwarf; /* debug data, of the file itself or beside it */
extern const struct sp_symbol_source sp_source_elf;   /* symbol tables of files */
extern const struct sp_symbol_source sp_source_go; /* the Go runtime's table of functions, where all else is stripped */
extern const struct sp_symbol_source sp_source_vdso; /* symbol table of the kernel's image in our own memory */

#endif
