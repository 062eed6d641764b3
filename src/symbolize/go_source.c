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

#include "symbolize/go_table.h"
#include "symbolize/symbol_source.h"

enum {
    WORD_BYTES = 8,
    TEXT_WORD = 22,       /* of the module's description: where its Go code begins */
    TREES_WORD_1_18 = 38, /* and the data of functions, trees of inlined calls among them */
    TREES_WORD_1_20 = 40,
    CANDIDATES = 8, /* words that hold the table's address */
    ELF64_R_X86_64_RELATIVE = 8,
    ELF64_R_AARCH64_RELATIVE = 1027,
};
#define SECTION_BYTES_LIMIT ((uint64_t)1 << 30)

struct go_module {
    const struct sp_elf_image *image;
    uint8_t *bytes;      /* of the section that the table is in */
    uint8_t *tree_bytes; /* of that which the trees are in, or NULL */
    struct sp_go_table table;
};

static void close_module(void *opaque)
{
    struct go_module *module = opaque;
    free(module->bytes);
    free(module->tree_bytes);
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

/* What is looked for: the description that begins with `table` and `names`, and two of its words, 0: not found. */
struct description {
    uint64_t table, names;
    unsigned trees_word;
    uint64_t text, trees;
};

/* Looks for the description in a section of data. */
static bool find_in_data(const struct sp_elf_image *image, const char *name, struct description *out)
{
    uint64_t size = 0;
    uint8_t *bytes = bytes_of(image, name, &size);
    bool is_found = false;
    for (uint64_t at = 0; !is_found && at + (TREES_WORD_1_20 + 1) * WORD_BYTES <= size; at += WORD_BYTES) {
        is_found = word_at(bytes + at) == out->table && word_at(bytes + at + WORD_BYTES) == out->names;
        if (is_found) {
            out->text = word_at(bytes + at + TEXT_WORD * WORD_BYTES);
            out->trees = word_at(bytes + at + out->trees_word * WORD_BYTES);
        }
    }
    free(bytes);
    return is_found;
}

static bool is_relative(const Elf64_Rela *entry)
{
    const uint64_t kind = ELF64_R_TYPE(entry->r_info);
    return kind == ELF64_R_X86_64_RELATIVE || kind == ELF64_R_AARCH64_RELATIVE;
}

/* A word that becomes the table's address, and what the words behind it become. */
struct candidate {
    uint64_t place, text, trees;
    bool has_names;
};

static void look_at(const Elf64_Rela *entry, const struct description *wanted, struct candidate *candidate)
{
    const uint64_t value = (uint64_t)entry->r_addend, at = entry->r_offset - candidate->place;
    if (at == WORD_BYTES)
        candidate->has_names = value == wanted->names;
    else if (at == TEXT_WORD * WORD_BYTES)
        candidate->text = value;
    else if (at == wanted->trees_word * WORD_BYTES)
        candidate->trees = value;
}

/* The same among the relocations by the load address: what they add is what the word at their place becomes. */
static bool find_in_relocations(const struct sp_elf_image *image, struct description *out)
{
    struct candidate candidates[CANDIDATES] = {{0}};
    uint64_t size = 0, n = 0;
    uint8_t *bytes = bytes_of(image, ".rela.dyn", &size);
    bool is_found = false;
    for (unsigned pass = 0; pass < 2; pass++)
        for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= size; at += sizeof(Elf64_Rela)) {
            Elf64_Rela entry;
            memcpy(&entry, bytes + at, sizeof entry);
            if (!is_relative(&entry))
                continue;
            if (pass == 0 && (uint64_t)entry.r_addend == out->table && n < CANDIDATES)
                candidates[n++].place = entry.r_offset;
            for (uint64_t i = 0; pass == 1 && i < n; i++)
                look_at(&entry, out, &candidates[i]);
        }
    for (uint64_t i = 0; i < n && !is_found; i++)
        if (candidates[i].has_names && candidates[i].text != 0) {
            out->text = candidates[i].text;
            out->trees = candidates[i].trees;
            is_found = true;
        }
    free(bytes);
    return is_found;
}

static bool find_description(const struct sp_elf_image *image, struct description *out)
{
    static const char *const sections[] = {".go.module", ".noptrdata", ".data"};
    for (unsigned i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (find_in_data(image, sections[i], out))
            return out->text != 0;
    return find_in_relocations(image, out);
}

/* Reads the section that holds `address`, and lets the table's trees begin there. Without it, lines are missing. */
static void read_trees(struct go_module *module, uint64_t address)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(module->image->elf, section)) != NULL;) {
        if (gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_PROGBITS || address < header.sh_addr ||
            address - header.sh_addr >= header.sh_size)
            continue;
        if (read_section(module->image, &header, &module->tree_bytes) == 0) {
            module->table.trees = module->tree_bytes + (address - header.sh_addr);
            module->table.trees_size = (size_t)(header.sh_size - (address - header.sh_addr));
        }
        return;
    }
}

/* Finds the table in a section. 0, or -ENOENT, -ENOMEM, -EBADMSG. */
static int read_table(struct go_module *module, const char *name, bool is_searched)
{
    GElf_Shdr header;
    if (!find_section(module->image, name, &header))
        return -ENOENT;
    int error = read_section(module->image, &header, &module->bytes);
    if (error != 0)
        return error;
    const size_t at = is_searched ? sp_go_table_search(module->bytes, header.sh_size) : 0;
    error =
        at == SIZE_MAX ? -ENOENT : sp_go_table_init(&module->table, module->bytes + at, (size_t)(header.sh_size - at));
    struct description found = {.table = header.sh_addr + at, .names = header.sh_addr + at + module->table.names};
    found.trees_word = module->table.has_start_lines ? TREES_WORD_1_20 : TREES_WORD_1_18;
    if (error == 0 && find_description(module->image, &found)) {
        module->table.text = found.text;
        read_trees(module, found.trees);
    } else if (error == 0 && module->table.text == 0) {
        error = -ENOENT;
    }
    if (error != 0) {
        free(module->bytes);
        module->bytes = NULL;
    }
    return error;
}

static int open_module(const struct sp_module *file, const struct sp_debug_places *places, void **opened)
{
    static const struct {
        const char *name;
        bool is_searched;
    } sections[] = {{".gopclntab", false}, {".data.rel.ro.gopclntab", false}, {".data.rel.ro", true}};
    GElf_Shdr other;
    (void)places;
    if (file->image == NULL)
        return file->error;
    if (find_section(file->image, ".symtab", &other))
        return -ENOENT; /* all that could be told is known already */
    struct go_module *module = calloc(1, sizeof *module);
    if (module == NULL)
        return -ENOMEM;
    module->image = file->image;
    int error = -ENOENT;
    for (unsigned i = 0; i < sizeof sections / sizeof sections[0] && error == -ENOENT; i++)
        /* .data.rel.ro is in many programs, .go.buildinfo in Go's alone */
        if (!sections[i].is_searched || find_section(module->image, ".go.buildinfo", &other))
            error = read_table(module, sections[i].name, sections[i].is_searched);
    if (error == 0)
        *opened = module;
    else
        close_module(module);
    return error;
}

static uint32_t find_symbol(const void *opaque, const struct sp_module_address *address, struct sp_named_frame *frames,
                            uint32_t max)
{
    const struct go_module *module = opaque;
    uint64_t vaddr;
    if (max == 0 || !sp_elf_image_vaddr(module->image, address->file_offset, &vaddr))
        return 0;
    return sp_go_table_find(&module->table, vaddr, frames, max);
}

const struct sp_symbol_source sp_source_go = {"go", open_module, find_symbol, close_module, NULL};
