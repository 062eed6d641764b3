/*
 * Small sections by name. See elf_section.h.
 *
 * Context: ordinary code; one image by one thread at a time.
 */
#include "symbolize/elf_section.h"

#include <gelf.h>
#include <string.h>

bool sp_elf_section_read(const struct sp_elf_image *image, const char *wanted, size_t max, struct sp_reader *reader)
{
    size_t names;
    if (elf_getshdrstrndx(image->elf, &names) != 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) ? elf_strptr(image->elf, names, header.sh_name) : NULL;
        if (!name || strcmp(name, wanted) != 0 || header.sh_type == SHT_NOBITS || header.sh_size > max)
            continue;
        const Elf_Data *data = elf_rawdata(section, NULL);
        if (!data || !data->d_buf)
            return false;
        sp_reader_init(reader, data->d_buf, data->d_size);
        return true;
    }
    return false;
}

const char *sp_elf_section_text(struct sp_reader *reader)
{
    const uint8_t *start = reader->at;
    const uint8_t *end = memchr(start, '\0', sp_reader_left(reader));
    if (!end)
        return NULL;
    reader->at = end + 1;
    return (const char *)start;
}
