/*
 * What may name code in an ELF image, before it is sorted out.
 *
 * Place on the way of a sample: inside elf_symbols.c. elf_symbol_table.c puts in what symbol tables say, elf_plt.c the
 * entries of procedure linkage tables.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_ELF_CANDIDATES_H
#define SIGPROF_SYMBOLIZE_ELF_CANDIDATES_H

#include "symbolize/elf_image.h"
#include "util/arena.h"

/* In a rank: the symbol is an ifunc's, whose address is that of the function that picks the implementation. */
#define SP_ELF_RANK_INDIRECT 1U

struct sp_elf_candidate {
    uint64_t start;
    uint64_t end; /* == start: the table says no size */
    const char *name;
    uint32_t rank; /* among those of one start, the lowest wins */
};

/* An executable section: where a symbol without a size must end. */
struct sp_elf_code {
    uint64_t start, end;
};

struct sp_elf_candidates {
    struct sp_elf_code *code; /* by start */
    size_t n_code;
    struct sp_elf_candidate *at;
    size_t n, capacity;
    struct sp_elf_code
        go; /* from "runtime.text" to "runtime.etext", which Go's linker puts around Go's code; or empty */
};

/* The strings of a table; they belong to the image. */
struct sp_elf_strings {
    const char *at;
    size_t size; /* up to and with the last NUL: any offset below it is a terminated string */
};

/* Collects the executable sections. 0, -ENOENT when there are no sections, -ENOMEM. */
int sp_elf_candidates_init(struct sp_elf_candidates *candidates, const struct sp_elf_image *image);
void sp_elf_candidates_done(struct sp_elf_candidates *candidates);

/* The end of the executable section around an address, or 0. */
uint64_t sp_elf_code_end(const struct sp_elf_candidates *candidates, uint64_t address);

/* Room for `extra` more: whether there is. */
bool sp_elf_candidates_reserve(struct sp_elf_candidates *candidates, size_t extra);

/* The string table that is section `index` of an image: false when it is none to trust. */
bool sp_elf_strings_read(struct sp_elf_strings *strings, const struct sp_elf_image *image, size_t index);

/*
 * Adds the symbols of the image's first section of `type` (SHT_SYMTAB or SHT_DYNSYM); the image must outlive them. 0,
 * also when there are none, or -ENOMEM.
 */
int sp_elf_candidates_read(struct sp_elf_candidates *candidates, const struct sp_elf_image *image, uint32_t type);

/*
 * Adds the entries of procedure linkage tables as `name@plt`, with their names in `texts`; after the symbol tables,
 * which say what ifuncs there are. 0 or -ENOMEM.
 */
int sp_elf_candidates_read_plt(struct sp_elf_candidates *candidates, const struct sp_elf_image *image,
                               struct sp_arena *texts);

#endif
