/*
 * Finds NT_GNU_BUILD_ID among an image's PT_NOTE segments (ELF64).
 *
 * Place: collector. Context: ordinary code.
 */
#include "collector/build_id.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "util/elf_notes.h"

static bool is_inside(uint64_t offset, uint64_t bytes, size_t size)
{
    return offset <= size && bytes <= size - offset;
}

void sp_build_id_to_text(const uint8_t *bytes, size_t n, char text[SP_BUILD_ID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * n] = '\0';
}

/* Looks through the notes in [at, at + bytes) of the image. */
static bool find_in_notes(const uint8_t *image, uint64_t at, uint64_t bytes, char text[SP_BUILD_ID_TEXT])
{
    uint32_t n;
    const uint8_t *id = sp_find_build_id(image + at, bytes, (SP_BUILD_ID_TEXT - 1) / 2, &n);
    if (id != NULL)
        sp_build_id_to_text(id, n, text);
    return id != NULL;
}

void sp_build_id_of_image(const void *image, size_t size, char text[SP_BUILD_ID_TEXT])
{
    Elf64_Ehdr head;
    text[0] = '\0';
    if (size < sizeof head)
        return;
    memcpy(&head, image, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_phentsize != sizeof(Elf64_Phdr) ||
        !is_inside(head.e_phoff, (uint64_t)head.e_phnum * sizeof(Elf64_Phdr), size))
        return;
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, (const uint8_t *)image + head.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_NOTE && is_inside(segment.p_offset, segment.p_filesz, size) &&
            find_in_notes(image, segment.p_offset, segment.p_filesz, text))
            return;
    }
}

/*
 * Only the file's first part is read (not mapped: a mapped file that shrinks under us is a SIGBUS): linkers put the
 * note there, since it is loaded with the headers.
 */
bool sp_build_id_of_open_file(int fd, char text[SP_BUILD_ID_TEXT])
{
    uint8_t head[65536];
    const ssize_t got = pread(fd, head, sizeof head, 0);
    text[0] = '\0';
    if (got < SELFMAG || memcmp(head, ELFMAG, SELFMAG) != 0)
        return false;
    sp_build_id_of_image(head, (size_t)got, text);
    return true;
}
