/*
 * The functions of one ELF image, sorted.
 *
 * Place on the way of a sample: elf_source.c asks it for the name at a link-time address.
 *
 * Representation: ranges that do not overlap, ascending, one name each, so that a look-up is one binary search however
 * the file's symbols nest:
 *
 *   symbols    outer [0,100)   inner [20,40)   zero-size next at 100, section ends at 130
 *   ranges     outer [0,20) · inner [20,40) · outer [40,100) · next [100,130)
 *
 * Invariant: at[i].start < at[i].end <= at[i + 1].start.
 * Context: ordinary code; read-only after it is built.
 */
#ifndef SIGPROF_SYMBOLIZE_ELF_SYMBOLS_H
#define SIGPROF_SYMBOLIZE_ELF_SYMBOLS_H

#include "symbolize/elf_image.h"
#include "util/arena.h"

/* A name longer than this is not used: no tool would show it, and a hostile file could repeat it without end. */
#define SP_ELF_NAME_MAX 32768

struct sp_elf_range {
    uint64_t start, end; /* link-time addresses */
    const char *name;    /* as in the symbol table; belongs to the image, or to what is below */
};

struct sp_elf_symbols {
    struct sp_elf_range *at;
    size_t n;
    uint64_t go_start, go_end; /* Go's code, in a file of which some is, else both 0 */
    struct sp_arena *texts;    /* names of PLT entries */
    struct sp_elf_image *mini; /* what was compressed inside the image, or NULL */
};

/*
 * Reads .symtab or, when there is no function in it, the one inside .gnu_debugdata; .dynsym; and the entries of
 * procedure linkage tables, as `name@plt`. Of the names of one address the one that people know wins: a function's
 * before a label's, an exported one before a local one, fewer leading underscores before more, global before weak,
 * without a version before with one. An address behind a symbol's size has no name; a symbol without a size reaches to
 * the next one, or to its section's end.
 * The image must outlive the result. Returns 0, -ENOENT when nothing names code, -ENOMEM. Freed by
 * sp_elf_symbols_done.
 */
int sp_elf_symbols_init(struct sp_elf_symbols *symbols, const struct sp_elf_image *image);
void sp_elf_symbols_done(struct sp_elf_symbols *symbols);

/* The name at a link-time address, or NULL. */
const char *sp_elf_symbols_find(const struct sp_elf_symbols *symbols, uint64_t vaddr);

/* The same for the byte at `file_offset` of `image`, which need not be the one that the symbols are from. */
const char *sp_elf_symbols_at(const struct sp_elf_symbols *symbols, const struct sp_elf_image *image,
                              uint64_t file_offset);

/* Whether it is Go's code that is there, by the symbols of its linker. Code in C of the same program is not. */
bool sp_elf_symbols_are_go(const struct sp_elf_symbols *symbols, uint64_t vaddr);

/* Whether the invariant above holds; for tests. */
bool sp_elf_symbols_are_valid(const struct sp_elf_symbols *symbols);

#endif
