/*
 * The GNU build id among an ELF object's notes (gABI "Note Section", binutils' --build-id).
 *
 * Place: the collector reads files by it, the session what is loaded. Context: any but signal handlers, though nothing
 * here would keep it from being used there. The bytes are foreign: nothing is read outside of them.
 */
#ifndef SIGPROF_UTIL_ELF_NOTES_H
#define SIGPROF_UTIL_ELF_NOTES_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first build id in the `bytes` of notes at `notes`, of 1 to `limit` bytes, and its length; NULL: there is none. */
static inline const uint8_t *sp_find_build_id(const uint8_t *notes, uint64_t bytes, uint32_t limit, uint32_t *n)
{
    uint64_t at = 0;
    while (bytes - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        const uint64_t name = at + sizeof note, data = name + (note.n_namesz + UINT64_C(3)) / 4 * 4;
        if (data > bytes || note.n_descsz > bytes - data)
            return NULL;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0 &&
            note.n_descsz > 0 && note.n_descsz <= limit) {
            *n = note.n_descsz;
            return notes + data;
        }
        at = data + (note.n_descsz + UINT64_C(3)) / 4 * 4;
        if (at > bytes)
            return NULL;
    }
    return NULL;
}

#endif
