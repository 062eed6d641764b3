/*
 * The sections of a file that hold its DWARF, as bytes.
 *
 * Place on the way of a sample: under everything that reads DWARF, above libelf, which it asks for the places of the
 * sections alone. The file is foreign and may shrink while it is read, so it is never mapped into memory. Of a plain
 * section only what is asked for is read, into a window of the asker's: memory is bounded by the largest unit, whatever
 * the file's size. A compressed section is in memory as a whole.
 *
 *   file      ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄[ .debug_info                                   ]┄┄┄
 *   window                                [ the unit at hand ]
 *
 * Context: ordinary code. After it is opened the file does not change, so that threads may share it, each with windows
 * of its own.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_FILE_H
#define SIGPROF_SYMBOLIZE_DWARF_FILE_H

#include "symbolize/elf_image.h"

enum sp_dwarf_section_id {
    SP_DWARF_INFO,
    SP_DWARF_ABBREV,
    SP_DWARF_LINE,
    SP_DWARF_LINE_STR,
    SP_DWARF_STR,
    SP_DWARF_STR_OFFSETS,
    SP_DWARF_ADDR,
    SP_DWARF_RANGES,
    SP_DWARF_RNGLISTS,
    SP_DWARF_CU_INDEX,
    SP_DWARF_N_SECTIONS
};

/* Bytes of a section. All zero: the file has no such section. */
struct sp_dwarf_section {
    uint64_t size;
    uint64_t file_offset; /* of a plain section */
    const uint8_t *bytes; /* of one that was compressed, else NULL */
};

/* Invariant: a section lies within the file, and has no more than SIZE_MAX / 2 bytes. */
struct sp_dwarf_file {
    int fd;
    struct sp_dwarf_section sections[SP_DWARF_N_SECTIONS];
};

/* What was last read of a section. All zero at first; freed by sp_dwarf_window_done. */
struct sp_dwarf_window {
    const struct sp_dwarf_section *section;
    uint64_t offset; /* in the section */
    size_t size, capacity;
    uint8_t *bytes;
};

/*
 * Finds the sections of `image`: .debug_NAME; where `is_split`, .debug_NAME.dwo. `image` has to stay open as long as
 * the file is in use. Returns 0; -ENOENT when there is no .debug_info of this kind; -EBADMSG when a section lies
 * outside the file or cannot be decompressed; -ENOMEM. Closed by sp_dwarf_file_close, after a success only.
 */
int sp_dwarf_file_open(struct sp_dwarf_file *file, const struct sp_elf_image *image, bool is_split);
void sp_dwarf_file_close(struct sp_dwarf_file *file);

/*
 * The bytes [offset, offset + size) of a section, valid until the window is used again; or NULL: they are not all in
 * the section, the file has been cut, or there is no memory.
 */
const uint8_t *sp_dwarf_bytes(const struct sp_dwarf_file *file, enum sp_dwarf_section_id id, uint64_t offset,
                              size_t size, struct sp_dwarf_window *window);

/*
 * The text at `offset` of a section of strings, valid until the window is used again; or NULL: it has no end within
 * the section or within SP_ELF_NAME_MAX bytes.
 */
const char *sp_dwarf_text(const struct sp_dwarf_file *file, enum sp_dwarf_section_id id, uint64_t offset,
                          struct sp_dwarf_window *window);

void sp_dwarf_window_done(struct sp_dwarf_window *window);

/* A thread's windows on a file. All zero but `file` at first; freed by sp_dwarf_view_done. */
struct sp_dwarf_view {
    const struct sp_dwarf_file *file;
    struct sp_dwarf_window windows[SP_DWARF_N_SECTIONS];
};

static inline const uint8_t *sp_dwarf_view_bytes(struct sp_dwarf_view *view, enum sp_dwarf_section_id id,
                                                 uint64_t offset, size_t size)
{
    return sp_dwarf_bytes(view->file, id, offset, size, &view->windows[id]);
}

static inline const char *sp_dwarf_view_text(struct sp_dwarf_view *view, enum sp_dwarf_section_id id, uint64_t offset)
{
    return sp_dwarf_text(view->file, id, offset, &view->windows[id]);
}

void sp_dwarf_view_done(struct sp_dwarf_view *view);

#endif
