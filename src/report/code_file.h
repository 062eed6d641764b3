/*
 * The file that a mapping's code is from: its symbols, and where they were in memory.
 *
 * Place on the way of a sample: under the report `disasm`, which shows a symbol's instructions.
 *
 * The file is foreign, as is the profile that names it: it is read, never mapped into memory, and each count and offset
 * in it is checked. What is needed of ELF is little; all other names come from the profile.
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_CODE_FILE_H
#define SIGPROF_REPORT_CODE_FILE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_code_symbol {
    uint64_t start, end; /* addresses in the file: start < end */
    const char *name;    /* the file's */
    bool has_size;       /* not guessed */
};

enum { SP_CODE_SEGMENTS_MAX = 128 };

struct sp_code_file {
    Elf *elf, *debug_elf; /* debug_elf: where the symbols are, when it is another file; or NULL */
    int fd, debug_fd;
    bool is_relocatable; /* a shared object or position-independent program: ET_DYN */
    size_t n_segments;
    struct sp_code_segment {
        uint64_t offset, file_bytes, address, memory_bytes;
        bool is_code;
    } segments[SP_CODE_SEGMENTS_MAX]; /* PT_LOAD */
    struct sp_code_symbol *symbols;   /* by start, then end (the larger first), fewer leading _, name */
    size_t n_symbols;
};

/*
 * Opens a program or shared object, which has to have this build id (in hex; "": any), and reads its symbols of code:
 * from .symtab, or that of its debug file below /usr/lib/debug, or .dynsym. Symbols without a size reach to the next
 * one, or to their section's end. 0; -errno of open(2); -EBADMSG: no regular file, or no ELF that can be run; -ESTALE:
 * another build; -ENOMEM. To be closed by sp_code_file_close, where it succeeded.
 */
int sp_code_file_open(struct sp_code_file *file, const char *path, const char *build_id);
void sp_code_file_close(struct sp_code_file *file);

/*
 * What to subtract from an address in the mapping (whose limit may be unknown, 0) for the address in the file, modulo
 * 2^64: 0, or -ENOENT when no segment of the file can be what was mapped.
 */
int sp_code_file_base(const struct sp_code_file *file, uint64_t start, uint64_t limit, uint64_t offset, uint64_t *base);

#endif
