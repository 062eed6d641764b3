/*
 * An ELF file opened for reading, through libelf. See elf_image.h for the place and the contract.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/elf_image.h"

#include "util/regular_file.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* More bytes of notes than this, in all parts together, are not a linker's. */
#define NOTES_MAX (1U << 20)
/* A mapping starts and ends on a page, a segment anywhere. Small, so that it cannot take a neighbour's bytes. */
#define PAGE_SLACK UINT64_C(0x1000)

/* Writes the hex of a build id; one of an impossible length counts as none. */
static void set_build_id(struct sp_elf_image *image, const unsigned char *id, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    if (size == 0 || size > SP_ELF_BUILD_ID_MAX)
        return;
    for (size_t i = 0; i < size; i++) {
        image->build_id[2 * i] = digits[id[i] >> 4];
        image->build_id[2 * i + 1] = digits[id[i] & 15];
    }
    image->build_id[2 * size] = '\0';
}

/* Looks for NT_GNU_BUILD_ID in a part of the file, of which `*left` more bytes may be read: libelf keeps them all. */
static void read_notes(struct sp_elf_image *image, uint64_t offset, uint64_t size, uint64_t align, uint64_t *left)
{
    if (image->build_id[0] != '\0' || size > *left)
        return;
    *left -= size;
    Elf_Data *data = elf_getdata_rawchunk(image->elf, (int64_t)offset, size, align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
    if (!data || !data->d_buf)
        return;
    GElf_Nhdr note;
    size_t name, descriptor, at = 0;
    while (image->build_id[0] == '\0' && (at = gelf_getnote(data, at, &note, &name, &descriptor)) > 0) {
        const unsigned char *bytes = data->d_buf;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(bytes + name, "GNU", 4) == 0)
            set_build_id(image, bytes + descriptor, note.n_descsz);
    }
}

static void add_segment(struct sp_elf_image *image, const GElf_Phdr *header)
{
    if (image->n_segments == SP_ELF_SEGMENTS_MAX)
        return;
    image->segments[image->n_segments++] = (struct sp_elf_segment){.file_offset = header->p_offset,
                                                                   .file_size = header->p_filesz,
                                                                   .vaddr = header->p_vaddr,
                                                                   .memory_size = header->p_memsz,
                                                                   .align = header->p_align,
                                                                   .is_code = (header->p_flags & PF_X) != 0};
}

/* Go's linker leaves its GNU note out of the segment of notes, so that the section alone has the build id. */
static void read_note_sections(struct sp_elf_image *image, uint64_t *left)
{
    Elf_Scn *section = NULL;
    while (image->build_id[0] == '\0' && (section = elf_nextscn(image->elf, section)) != NULL) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE)
            read_notes(image, header.sh_offset, header.sh_size, header.sh_addralign, left);
    }
}

/* Reads the headers: what is mapped, and the build id. `is_mapped`: it must be a file that can be run or loaded. */
static int read_headers(struct sp_elf_image *image, bool is_mapped)
{
    GElf_Ehdr header;
    uint64_t left = NOTES_MAX;
    size_t n;
    if (elf_kind(image->elf) != ELF_K_ELF || !gelf_getehdr(image->elf, &header))
        return -EBADMSG;
    if ((is_mapped && header.e_type != ET_EXEC && header.e_type != ET_DYN) || elf_getphdrnum(image->elf, &n) != 0)
        return -EBADMSG;
    for (size_t i = 0; i < n && i <= INT16_MAX; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(image->elf, (int)i, &segment))
            break;
        if (segment.p_type == PT_LOAD)
            add_segment(image, &segment);
        else if (segment.p_type == PT_NOTE && is_mapped)
            read_notes(image, segment.p_offset, segment.p_filesz, segment.p_align, &left);
    }
    read_note_sections(image, &left);
    return image->n_segments > 0 || !is_mapped ? 0 : -EBADMSG;
}

/* The common end of all ways to open: what libelf gave is checked, and on failure all is closed. */
static int finish_open(struct sp_elf_image *image, bool is_mapped)
{
    int error = image->elf ? read_headers(image, is_mapped) : -EBADMSG;
    if (error)
        sp_elf_image_close(image);
    return error;
}

/* Takes over a file that is open. */
static int open_fd(struct sp_elf_image *image, int fd, bool is_mapped)
{
    *image = (struct sp_elf_image){.fd = fd};
    if (elf_version(EV_CURRENT) != EV_NONE)
        /* Not ELF_C_READ_MMAP: a file cut short while mapped would be a SIGBUS. */
        image->elf = elf_begin(fd, ELF_C_READ, NULL);
    return finish_open(image, is_mapped);
}

int sp_elf_image_open_fd(struct sp_elf_image *image, int fd)
{
    return open_fd(image, fd, true);
}

int sp_elf_image_open_file(struct sp_elf_image *image, const char *path)
{
    int fd = sp_open_regular(-1, path);
    return fd < 0 ? fd : open_fd(image, fd, true);
}

int sp_elf_image_open_sections(struct sp_elf_image *image, int root, const char *path)
{
    int fd = sp_open_regular(root, path);
    return fd < 0 ? fd : open_fd(image, fd, false);
}

int sp_elf_image_open_sections_fd(struct sp_elf_image *image, int fd)
{
    return open_fd(image, fd, false);
}

int sp_elf_image_open_memory(struct sp_elf_image *image, const void *bytes, size_t size)
{
    void *copy = size ? malloc(size) : NULL;
    if (!copy)
        return size ? -ENOMEM : -EBADMSG;
    memcpy(copy, bytes, size);
    *image = (struct sp_elf_image){.fd = -1, .memory = copy};
    if (elf_version(EV_CURRENT) != EV_NONE)
        image->elf = elf_memory(copy, size);
    return finish_open(image, true);
}

void sp_elf_image_close(struct sp_elf_image *image)
{
    if (image->elf)
        elf_end(image->elf);
    if (image->fd >= 0)
        close(image->fd);
    free(image->memory);
    *image = (struct sp_elf_image){.fd = -1};
}

bool sp_elf_image_is(const struct sp_elf_image *image, const char *build_id)
{
    return build_id[0] == '\0' || strcasecmp(image->build_id, build_id) == 0;
}

/* Whether a segment, `slack` bytes wider at both ends, holds a file offset. */
static bool holds(const struct sp_elf_segment *segment, uint64_t file_offset, uint64_t slack)
{
    uint64_t before = slack < segment->file_offset ? slack : segment->file_offset;
    uint64_t into = file_offset - (segment->file_offset - before); /* huge when below */
    return into < before || into - before < segment->file_size || into - before - segment->file_size < slack;
}

bool sp_elf_image_vaddr(const struct sp_elf_image *image, uint64_t file_offset, uint64_t *vaddr)
{
    /* First the segment that owns the byte; then one whose first or last page merely takes it along. */
    for (uint64_t slack = 0; slack <= PAGE_SLACK; slack += PAGE_SLACK)
        for (size_t i = 0; i < image->n_segments; i++) {
            const struct sp_elf_segment *segment = &image->segments[i];
            if (holds(segment, file_offset, slack)) {
                *vaddr = segment->vaddr + (file_offset - segment->file_offset);
                return true;
            }
        }
    return false;
}

/* Whether a segment takes `size` bytes where pages have one of the usual sizes. */
static bool takes(const struct sp_elf_segment *segment, uint64_t size)
{
    for (uint64_t page = 4096; page <= 65536; page *= 4) {
        const uint64_t before = segment->vaddr % page;
        if (size % page == 0 && before < size && segment->memory_size <= size - before &&
            size - before - segment->memory_size < page)
            return true;
    }
    return false;
}

/*
 * The file is mapped in pages, and its places in the file and in memory are the same but for a multiple of the
 * segment's alignment.
 */
bool sp_elf_image_place_code(struct sp_elf_image *image, uint64_t offset, uint64_t size)
{
    struct sp_elf_segment *code = NULL;
    for (size_t i = 0; i < image->n_segments; i++) {
        if (!image->segments[i].is_code)
            continue;
        if (code)
            return false;
        code = &image->segments[i];
    }
    if (!code || code->align < 4096 || (code->align & (code->align - 1)) != 0 || !takes(code, size))
        return false;
    const uint64_t low = code->align - 1, begin = (code->vaddr & ~low) - (offset & ~low);
    image->segments[0] = (struct sp_elf_segment){.file_offset = code->vaddr - begin,
                                                 .file_size = code->memory_size,
                                                 .vaddr = code->vaddr,
                                                 .memory_size = code->memory_size,
                                                 .align = code->align,
                                                 .is_code = true};
    image->n_segments = 1;
    return true;
}

bool sp_elf_image_has_range(const struct sp_elf_image *image, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < image->n_segments && start < end; i++) {
        const struct sp_elf_segment *segment = &image->segments[i];
        if (start >= segment->vaddr && start - segment->vaddr < segment->file_size &&
            end - segment->vaddr <= segment->file_size)
            return true;
    }
    return false;
}
