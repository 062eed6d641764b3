/*
 * An ELF file opened for reading: its identity and where its bytes are mapped.
 *
 * Place on the way of a sample: under the sources of symbols (elf_symbols now, DWARF later), above libelf.
 * The file is foreign: anybody may have written it, and it may shrink while it is read. So it is read, never mapped
 * into memory, and every count and offset in it passes libelf's bounds or ours.
 * Context: ordinary code; one image by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_ELF_IMAGE_H
#define SIGPROF_SYMBOLIZE_ELF_IMAGE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Real files have about ten; a hostile one must not make each look-up slow. */
#define SP_ELF_SEGMENTS_MAX 128
/* Bytes of a build id: SHA-1 has 20, the linkers' longest choice 32. */
#define SP_ELF_BUILD_ID_MAX 64

struct sp_elf_segment {
    uint64_t file_offset, file_size, vaddr;
    uint64_t memory_size, align;
    bool is_code;
};

struct sp_elf_image {
    Elf *elf;
    int fd;       /* -1 for an image in memory */
    void *memory; /* our copy of an image in memory, or NULL */
    size_t n_segments;
    struct sp_elf_segment segments[SP_ELF_SEGMENTS_MAX]; /* PT_LOAD, in the file's order */
    char build_id[2 * SP_ELF_BUILD_ID_MAX + 1];          /* lower-case hex, "" when the file has none */
};

/*
 * Opens an executable or shared object. Only regular files are touched (opening a device or a FIFO can have effects).
 * Returns 0, -errno of the system (-ENOENT when gone), -EBADMSG when it is no such file, -ENOMEM.
 * Closed by sp_elf_image_close.
 */
int sp_elf_image_open_file(struct sp_elf_image *image, const char *path);
/* The same for a regular file that is open for reading. `fd` becomes the image's, also when it fails. */
int sp_elf_image_open_fd(struct sp_elf_image *image, int fd);
/*
 * The same for a file of any kind that is asked for its sections alone, an object file or one with debug data only;
 * `root` as for sp_open_regular. Its build id is by the sections, too: the program headers of a file with debug
 * data may still be those of the file that it was made from, and lead to other bytes here.
 */
int sp_elf_image_open_sections(struct sp_elf_image *image, int root, const char *path);
/* The same for a regular file that is open for reading; `fd` as above. */
int sp_elf_image_open_sections_fd(struct sp_elf_image *image, int fd);
/* The same for bytes in memory, laid out as in a file; copied. */
int sp_elf_image_open_memory(struct sp_elf_image *image, const void *bytes, size_t size);
void sp_elf_image_close(struct sp_elf_image *image);

/* Whether the image is the one that a mapping names: equal build ids, or `build_id` is "" (unknown). */
bool sp_elf_image_is(const struct sp_elf_image *image, const char *build_id);

/*
 * Makes a debug file stand for the program that it was made from, of which it need not have the places in the file any
 * more: its segment of code is what is mapped from `offset` in bytes of `size`. False, and nothing is changed, where
 * that does not fit, or there are several such segments.
 */
bool sp_elf_image_place_code(struct sp_elf_image *image, uint64_t offset, uint64_t size);

/* The link-time address of the byte at `file_offset`: true and `*vaddr`, or false when no PT_LOAD holds it. */
bool sp_elf_image_vaddr(const struct sp_elf_image *image, uint64_t file_offset, uint64_t *vaddr);

/*
 * Whether [start, end) is within what the file maps, by link-time addresses. Functions that a linker threw away keep
 * their debug data, with ranges that most often begin at 0 or end beyond the address space.
 */
bool sp_elf_image_has_range(const struct sp_elf_image *image, uint64_t start, uint64_t end);

#endif
