/*
 * Finds and reads the sections of DWARF. See dwarf_file.h for the place and the contract.
 *
 * Context: ordinary code; what is open may be read by several threads.
 */
#include "symbolize/dwarf_file.h"

#include "symbolize/elf_symbols.h"
#include "util/reader.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The least that is read at once: entries and texts that are wanted together mostly stand together. */
#define READ_MIN 4096
/*
 * What a section may have when it is decompressed: so much in any case, and so much for each byte that it has in the
 * file. Real ones have up to ten; zlib could make a thousand of a byte, all zeros.
 */
#define INFLATED_MIN (UINT64_C(32) << 20)
#define INFLATED_PER_BYTE 64
/* What zlib's format can make of a byte (zlib, "zlib Technical Details"): a head that promises more is a lie. */
#define ZLIB_PER_BYTE 1032
/* "ZLIB" and a big-endian size: the head of a section in GNU's old way of compression. */
#define OLD_HEAD_BYTES 12

/* Bytes of sections with types that are passed by: of one source file, in all. */
#define TYPES_MAX (64U << 20)

static const char *const section_names[SP_DWARF_N_SECTIONS] = {
    [SP_DWARF_INFO] = "info",         [SP_DWARF_ABBREV] = "abbrev", [SP_DWARF_LINE] = "line",
    [SP_DWARF_LINE_STR] = "line_str", [SP_DWARF_STR] = "str",       [SP_DWARF_STR_OFFSETS] = "str_offsets",
    [SP_DWARF_ADDR] = "addr",         [SP_DWARF_RANGES] = "ranges", [SP_DWARF_RNGLISTS] = "rnglists",
    [SP_DWARF_CU_INDEX] = "cu_index",
};

/* Reads all of [offset, offset + size) of a file. Returns false when it cannot be had. */
static bool read_fully(int fd, uint8_t *bytes, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t got = pread(fd, bytes, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

/* The section that `name` means, or SP_DWARF_N_SECTIONS. */
static enum sp_dwarf_section_id find_id(const char *name, bool is_split, bool *is_old)
{
    *is_old = strncmp(name, ".zdebug_", 8) == 0;
    if (!*is_old && strncmp(name, ".debug_", 7) != 0)
        return SP_DWARF_N_SECTIONS;
    name += *is_old ? 8 : 7;
    for (enum sp_dwarf_section_id id = 0; id < SP_DWARF_N_SECTIONS; id++) {
        size_t length = strlen(section_names[id]);
        const bool has_suffix = is_split && id != SP_DWARF_CU_INDEX;
        if (strncmp(name, section_names[id], length) == 0 && strcmp(name + length, has_suffix ? ".dwo" : "") == 0)
            return id;
    }
    return SP_DWARF_N_SECTIONS;
}

/* Puts the decompressed bytes in the place of the section. `packed` is the stream, `size` what becomes of it. */
static int inflate(struct sp_dwarf_section *section, const uint8_t *packed, size_t packed_size, uint64_t size)
{
    if (size == 0 || size > SIZE_MAX / 2 || size > INFLATED_MIN + INFLATED_PER_BYTE * (uint64_t)packed_size ||
        size / ZLIB_PER_BYTE > packed_size)
        return -EBADMSG;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    uint8_t *bytes = malloc((size_t)size);
    int error = decompressor && bytes ? 0 : -ENOMEM;
    if (!error &&
        libdeflate_zlib_decompress(decompressor, packed, packed_size, bytes, (size_t)size, NULL) != LIBDEFLATE_SUCCESS)
        error = -EBADMSG;
    libdeflate_free_decompressor(decompressor);
    if (error)
        free(bytes);
    else
        *section = (struct sp_dwarf_section){.size = size, .bytes = bytes};
    return error;
}

/* The size of the decompressed bytes by the head of the section, and the head's own; 0 for a head of another kind. */
static uint64_t read_head(const uint8_t *bytes, uint64_t n, bool is_old, size_t *head)
{
    Elf64_Chdr header;
    uint64_t size = 0;
    *head = is_old ? OLD_HEAD_BYTES : sizeof(header);
    if (n < *head)
        return 0;
    if (is_old) {
        for (size_t i = 4; i < OLD_HEAD_BYTES; i++)
            size = size << 8 | bytes[i];
        return memcmp(bytes, "ZLIB", 4) == 0 ? size : 0;
    }
    memcpy(&header, bytes, sizeof(header));
    return header.ch_type == ELFCOMPRESS_ZLIB ? header.ch_size : 0;
}

static int decompress(struct sp_dwarf_section *section, int fd, bool is_old)
{
    uint8_t *packed = malloc(section->size ? (size_t)section->size : 1);
    size_t head;
    int error = -EBADMSG;
    if (!packed)
        return -ENOMEM;
    if (read_fully(fd, packed, (size_t)section->size, section->file_offset)) {
        uint64_t size = read_head(packed, section->size, is_old, &head);
        if (size > 0)
            error = inflate(section, packed + head, (size_t)section->size - head, size);
    }
    free(packed);
    return error;
}

/* Whether .debug_info is one unit alone, with a type (DWARF 5, 7.5.1.3). */
static bool is_single_type(const struct sp_dwarf_file *file)
{
    const struct sp_dwarf_section *section = &file->sections[SP_DWARF_INFO];
    const size_t n = 15; /* up to the type of the unit, in the longer of both forms */
    struct sp_dwarf_window window = {.size = 0};
    struct sp_reader reader;
    const uint8_t *bytes = sp_dwarf_bytes(file, SP_DWARF_INFO, 0, n, &window);
    sp_reader_init(&reader, bytes, bytes ? n : 0);
    uint64_t length = sp_reader_fixed(&reader, 4);
    if (length == UINT32_MAX)
        length = sp_reader_fixed(&reader, 8);
    const bool is_alone = !reader.error && length == section->size - sp_reader_position(&reader);
    const bool is_type = sp_reader_fixed(&reader, 2) == 5 && sp_reader_fixed(&reader, 1) == DW_UT_split_type;
    sp_dwarf_window_done(&window);
    return is_alone && is_type;
}

/* Takes a section of the file, the first of its name. */
static int add_section(struct sp_dwarf_file *file, enum sp_dwarf_section_id id, const GElf_Shdr *header, bool is_old)
{
    struct sp_dwarf_section *section = &file->sections[id];
    struct stat st;
    if (section->size > 0 || header->sh_type == SHT_NOBITS || header->sh_size == 0)
        return 0;
    if (fstat(file->fd, &st) != 0 || header->sh_offset > (uint64_t)st.st_size ||
        header->sh_size > (uint64_t)st.st_size - header->sh_offset || header->sh_size > SIZE_MAX / 2)
        return -EBADMSG;
    *section = (struct sp_dwarf_section){.size = header->sh_size, .file_offset = header->sh_offset};
    const bool is_compressed = is_old || (header->sh_flags & SHF_COMPRESSED);
    int error = is_compressed ? decompress(section, file->fd, is_old) : 0;
    if (error)
        *section = (struct sp_dwarf_section){.size = 0};
    return error;
}

/*
 * Lets go of a section that is a single type, which names nothing: gcc has one for each in a split unit's file, all of
 * the same name as that of the unit itself.
 */
static void drop_type(struct sp_dwarf_file *file, uint64_t *types_left)
{
    struct sp_dwarf_section *section = &file->sections[SP_DWARF_INFO];
    if (section->size == 0 || section->size > *types_left || !is_single_type(file))
        return;
    *types_left -= section->size;
    free((void *)(uintptr_t)section->bytes);
    *section = (struct sp_dwarf_section){.size = 0};
}

int sp_dwarf_file_open(struct sp_dwarf_file *out, const struct sp_elf_image *image, bool is_split)
{
    struct sp_dwarf_file file = {.fd = image->fd};
    uint64_t types_left = is_split ? TYPES_MAX : 0;
    size_t names;
    int error = 0;
    if (image->fd < 0 || elf_getshdrstrndx(image->elf, &names) != 0)
        return -ENOENT;
    for (Elf_Scn *section = NULL; !error && (section = elf_nextscn(image->elf, section));) {
        GElf_Shdr header;
        bool is_old;
        const char *name = gelf_getshdr(section, &header) ? elf_strptr(image->elf, names, header.sh_name) : NULL;
        enum sp_dwarf_section_id id = name ? find_id(name, is_split, &is_old) : SP_DWARF_N_SECTIONS;
        if (id != SP_DWARF_N_SECTIONS)
            error = add_section(&file, id, &header, is_old);
        if (!error && id == SP_DWARF_INFO)
            drop_type(&file, &types_left);
    }
    if (!error && file.sections[SP_DWARF_INFO].size == 0)
        error = -ENOENT;
    if (error)
        sp_dwarf_file_close(&file);
    else
        *out = file;
    return error;
}

void sp_dwarf_file_close(struct sp_dwarf_file *file)
{
    for (size_t i = 0; i < SP_DWARF_N_SECTIONS; i++)
        free((void *)(uintptr_t)file->sections[i].bytes);
    *file = (struct sp_dwarf_file){.fd = -1};
}

/* Reads [offset, offset + size) of a plain section into the window, and some more where there is. */
static bool fill(const struct sp_dwarf_file *file, const struct sp_dwarf_section *section, uint64_t offset, size_t size,
                 struct sp_dwarf_window *window)
{
    const uint64_t left = section->size - offset;
    size_t wanted = size >= READ_MIN ? size : left < READ_MIN ? (size_t)left : READ_MIN;
    if (wanted > window->capacity) {
        uint8_t *bytes = realloc(window->bytes, wanted);
        if (!bytes)
            return false;
        window->bytes = bytes;
        window->capacity = wanted;
    }
    window->section = NULL; /* also after a failure: what was there is gone */
    if (!read_fully(file->fd, window->bytes, wanted, section->file_offset + offset))
        return false;
    window->section = section;
    window->offset = offset;
    window->size = wanted;
    return true;
}

const uint8_t *sp_dwarf_bytes(const struct sp_dwarf_file *file, enum sp_dwarf_section_id id, uint64_t offset,
                              size_t size, struct sp_dwarf_window *window)
{
    static const uint8_t nothing[1]; /* an empty window has no place for nothing */
    const struct sp_dwarf_section *section = &file->sections[id];
    if (offset > section->size || size > section->size - offset)
        return NULL;
    if (size == 0)
        return nothing;
    if (section->bytes)
        return section->bytes + offset;
    const bool is_there = window->section == section && offset >= window->offset &&
                          offset - window->offset <= window->size && size <= window->size - (offset - window->offset);
    if (!is_there && !fill(file, section, offset, size, window))
        return NULL;
    return window->bytes + (offset - window->offset);
}

const char *sp_dwarf_text(const struct sp_dwarf_file *file, enum sp_dwarf_section_id id, uint64_t offset,
                          struct sp_dwarf_window *window)
{
    const struct sp_dwarf_section *section = &file->sections[id];
    if (offset >= section->size)
        return NULL;
    const uint64_t left = section->size - offset;
    for (size_t size = 256;; size *= 4) {
        const size_t looked = left < size ? (size_t)left : size;
        const uint8_t *bytes = sp_dwarf_bytes(file, id, offset, looked, window);
        if (!bytes)
            return NULL;
        if (memchr(bytes, '\0', looked))
            return (const char *)bytes;
        if (looked == left || size >= SP_ELF_NAME_MAX)
            return NULL;
    }
}

void sp_dwarf_window_done(struct sp_dwarf_window *window)
{
    free(window->bytes);
    *window = (struct sp_dwarf_window){.size = 0};
}

void sp_dwarf_view_done(struct sp_dwarf_view *view)
{
    for (size_t i = 0; i < SP_DWARF_N_SECTIONS; i++)
        sp_dwarf_window_done(&view->windows[i]);
}
