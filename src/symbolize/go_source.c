/*
 * The source of names that is left in a Go program without symbols and debug data (-ldflags="-s -w", strip): the
 * runtime's own table of functions and lines.
 *
 * Place on the way of a sample: module_names → *this* → go_table. Context: ordinary code; what is open does not change.
 *
 * The table is in .gopclntab; a position-independent program of Go 1.25 and before that was linked by C's linker has it
 * somewhere in .data.rel.ro. Its addresses count from the program's Go code. Up to then the header tells where that is,
 * in a program of fixed address; otherwise the runtime's description of the module does, which begins with the address
 * of the table and then of the names in it. It is found by that, in a position-independent program among the
 * relocations.
 */
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbolize/debug_file.h"
#include "symbolize/go_table.h"
#include "symbolize/symbol_source.h"

enum {
    WORD_BYTES = 8,
    TEXT_WORD = 22, /* of the module's description: where its Go code begins */
    CANDIDATES = 8, /* words that hold the table's address */
    ELF64_R_X86_64_RELATIVE = 8,
    ELF64_R_AARCH64_RELATIVE = 1027,
};
#define SECTION_BYTES_LIMIT ((uint64_t)1 << 30)

struct go_module {
    struct sp_elf_image image;
    uint8_t *bytes; /* of the section that the table is in */
    struct sp_go_table table;
};

static void close_module(void *opaque)
{
    struct go_module *module = opaque;
    sp_elf_image_close(&module->image);
    free(module->bytes);
    free(module);
}

static bool find_section(const struct sp_elf_image *image, const char *name, GElf_Shdr *header)
{
    size_t names;
    if (image->fd < 0 || elf_getshdrstrndx(image->elf, &names) != 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section)) != NULL;) {
        const char *its = gelf_getshdr(section, header) != NULL ? elf_strptr(image->elf, names, header->sh_name) : NULL;
        if (its != NULL && strcmp(its, name) == 0)
            return header->sh_type != SHT_NOBITS;
    }
    return false;
}

/* The bytes of a section, to be freed: 0, or -EBADMSG where the file has less, or -ENOMEM. */
static int read_section(const struct sp_elf_image *image, const GElf_Shdr *header, uint8_t **out)
{
    struct stat status;
    if (fstat(image->fd, &status) != 0 || header->sh_size == 0 || header->sh_size > SECTION_BYTES_LIMIT ||
        header->sh_offset > (uint64_t)status.st_size || header->sh_size > (uint64_t)status.st_size - header->sh_offset)
        return -EBADMSG;
    uint8_t *bytes = malloc(header->sh_size);
    if (bytes == NULL)
        return -ENOMEM;
    for (uint64_t done = 0; done < header->sh_size;) {
        const ssize_t n = pread(image->fd, bytes + done, header->sh_size - done, (off_t)(header->sh_offset + done));
        if (n <= 0) {
            free(bytes);
            return -EBADMSG;
        }
        done += (uint64_t)n;
    }
    *out = bytes;
    return 0;
}

/* The bytes of a section, to be freed; NULL where there are none to be had. */
static uint8_t *bytes_of(const struct sp_elf_image *image, const char *name, uint64_t *size)
{
    GElf_Shdr header;
    uint8_t *bytes = NULL;
    if (find_section(image, name, &header) && read_section(image, &header, &bytes) == 0)
        *size = header.sh_size;
    return bytes;
}

static uint64_t word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Looks for the description in a section of data. */
static bool find_in_data(const struct sp_elf_image *image, const char *name, uint64_t table, uint64_t names,
                         uint64_t *text)
{
    uint64_t size = 0;
    uint8_t *bytes = bytes_of(image, name, &size);
    bool is_found = false;
    for (uint64_t at = 0; !is_found && at + (TEXT_WORD + 1) * WORD_BYTES <= size; at += WORD_BYTES) {
        is_found = word_at(bytes + at) == table && word_at(bytes + at + WORD_BYTES) == names;
        if (is_found)
            *text = word_at(bytes + at + TEXT_WORD * WORD_BYTES);
    }
    free(bytes);
    return is_found;
}

/* The same among the relocations by the load address: what they add is what the word at their place becomes. */
static bool find_in_relocations(const struct sp_elf_image *image, uint64_t table, uint64_t names, uint64_t *text)
{
    uint64_t size = 0, places[CANDIDATES], n = 0, texts[CANDIDATES] = {0};
    bool have_names[CANDIDATES] = {false}, is_found = false;
    uint8_t *bytes = bytes_of(image, ".rela.dyn", &size);
    const uint64_t count = size / sizeof(Elf64_Rela);
    for (unsigned pass = 0; pass < 2; pass++)
        for (uint64_t i = 0; i < count; i++) {
            Elf64_Rela entry;
            memcpy(&entry, bytes + i * sizeof entry, sizeof entry);
            const uint64_t kind = ELF64_R_TYPE(entry.r_info), value = (uint64_t)entry.r_addend;
            if (kind != ELF64_R_X86_64_RELATIVE && kind != ELF64_R_AARCH64_RELATIVE)
                continue;
            if (pass == 0 && value == table && n < CANDIDATES)
                places[n++] = entry.r_offset;
            for (uint64_t j = 0; pass == 1 && j < n; j++) {
                have_names[j] = have_names[j] || (entry.r_offset == places[j] + WORD_BYTES && value == names);
                if (entry.r_offset == places[j] + TEXT_WORD * WORD_BYTES)
                    texts[j] = value;
            }
        }
    for (uint64_t j = 0; j < n && !is_found; j++)
        if (have_names[j] && texts[j] != 0) {
            *text = texts[j];
            is_found = true;
        }
    free(bytes);
    return is_found;
}

static bool find_text(const struct sp_elf_image *image, uint64_t table, uint64_t names, uint64_t *text)
{
    static const char *const sections[] = {".go.module", ".noptrdata", ".data"};
    for (unsigned i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (find_in_data(image, sections[i], table, names, text))
            return *text != 0;
    return find_in_relocations(image, table, names, text);
}

/* Finds the table in a section. 0, or -ENOENT, -ENOMEM, -EBADMSG. */
static int read_table(struct go_module *module, const char *name, bool is_searched)
{
    GElf_Shdr header;
    if (!find_section(&module->image, name, &header))
        return -ENOENT;
    int error = read_section(&module->image, &header, &module->bytes);
    if (error != 0)
        return error;
    const size_t at = is_searched ? sp_go_table_search(module->bytes, header.sh_size) : 0;
    error =
        at == SIZE_MAX ? -ENOENT : sp_go_table_init(&module->table, module->bytes + at, (size_t)(header.sh_size - at));
    const uint64_t place = header.sh_addr + at;
    if (error == 0 && module->table.text == 0 &&
        !find_text(&module->image, place, place + module->table.names, &module->table.text))
        error = -ENOENT;
    if (error != 0) {
        free(module->bytes);
        module->bytes = NULL;
    }
    return error;
}

static int open_module(const struct sp_module_id *id, const struct sp_debug_places *places, void **out)
{
    static const struct {
        const char *name;
        bool is_searched;
    } sections[] = {{".gopclntab", false}, {".data.rel.ro.gopclntab", false}, {".data.rel.ro", true}};
    if (!sp_module_is_file(id))
        return -ENOENT;
    struct go_module *module = calloc(1, sizeof *module);
    if (module == NULL)
        return -ENOMEM;
    struct sp_image_place place;
    int error = sp_module_image_open(&module->image, &place, id, places);
    if (error != 0) {
        free(module);
        return error;
    }
    GElf_Shdr other;
    error = sp_elf_image_is(&module->image, id->build_id) ? -ENOENT : -ESTALE;
    if (error == -ENOENT && find_section(&module->image, ".symtab", &other))
        error = -ENODATA; /* all that could be told is known already */
    for (unsigned i = 0; i < sizeof sections / sizeof sections[0] && error == -ENOENT; i++)
        /* .data.rel.ro is in many programs, .go.buildinfo in Go's alone */
        if (!sections[i].is_searched || find_section(&module->image, ".go.buildinfo", &other))
            error = read_table(module, sections[i].name, sections[i].is_searched);
    if (error == 0)
        *out = module;
    else
        close_module(module);
    return error == -ENODATA ? -ENOENT : error;
}

static uint32_t find_symbol(const void *opaque, const struct sp_module_address *address, struct sp_named_frame *frames,
                            uint32_t max)
{
    const struct go_module *module = opaque;
    uint64_t vaddr;
    if (max == 0 || !sp_elf_image_vaddr(&module->image, address->file_offset, &vaddr))
        return 0;
    return sp_go_table_find(&module->table, vaddr, &frames[0]);
}

const struct sp_symbol_source sp_source_go = {"go", open_module, find_symbol, close_module, NULL};
