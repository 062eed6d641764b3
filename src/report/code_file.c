/*
 * Reads what `disasm` needs of ELF files. See code_file.h for the contract.
 *
 * Rules: for the base, google/pprof, internal/elfexec (GetBase, ProgramHeadersForMapping), without those for kernels;
 * where several segments could be the mapping, the one with code is, since samples are in code.
 * Context: ordinary code of one thread.
 */
#include "report/code_file.h"

#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util/elf_notes.h"
#include "util/regular_file.h"
#include "util/room.h"

enum { PAGE = 4096, BUILD_ID_BYTES = 64, NOTE_BYTES = 64 << 10, NOTES = 64 };

/* Whether one of the notes at a place in the file is that build id. */
static bool notes_have(Elf *elf, uint64_t offset, uint64_t bytes, const char *build_id)
{
    uint32_t n;
    if (bytes > NOTE_BYTES || offset > INT64_MAX)
        return false;
    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)offset, bytes, ELF_T_BYTE);
    const uint8_t *id = data && data->d_buf ? sp_find_build_id(data->d_buf, data->d_size, BUILD_ID_BYTES, &n) : NULL;
    char text[2 * BUILD_ID_BYTES + 1];
    if (!id)
        return false;
    for (uint32_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    return strcasecmp(text, build_id) == 0;
}

/* Whether the file is that build. Sections are looked at, too: Go's linker has the note in no segment. */
static bool is_build(Elf *elf, const char *build_id)
{
    GElf_Phdr segment;
    GElf_Shdr header;
    Elf_Scn *section = NULL;
    if (build_id[0] == '\0')
        return true;
    for (int i = 0; i < NOTES && gelf_getphdr(elf, i, &segment); i++)
        if (segment.p_type == PT_NOTE && notes_have(elf, segment.p_offset, segment.p_filesz, build_id))
            return true;
    for (int i = 0; i < NOTES && (section = elf_nextscn(elf, section)) != NULL; i++)
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE &&
            notes_have(elf, header.sh_offset, header.sh_size, build_id))
            return true;
    return false;
}

static void read_segments(struct sp_code_file *file)
{
    GElf_Phdr header;
    for (int i = 0; file->n_segments < SP_CODE_SEGMENTS_MAX && gelf_getphdr(file->elf, i, &header); i++)
        if (header.p_type == PT_LOAD)
            file->segments[file->n_segments++] = (struct sp_code_segment){
                header.p_offset, header.p_filesz, header.p_vaddr, header.p_memsz, (header.p_flags & PF_X) != 0};
}

/* A table of symbols and the text of their names, which ends with a NUL. */
struct table {
    Elf *elf;
    Elf_Data *symbols;
    const char *names;
    size_t n, name_bytes;
};

/* Finds the file's table of that type. */
static bool find_table(Elf *elf, uint32_t type, struct table *table)
{
    GElf_Shdr header;
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section)) != NULL)
        if (gelf_getshdr(section, &header) && header.sh_type == type)
            break;
    Elf_Scn *names = section ? elf_getscn(elf, header.sh_link) : NULL;
    Elf_Data *text = names ? elf_getdata(names, NULL) : NULL, *symbols = section ? elf_getdata(section, NULL) : NULL;
    if (!text || !text->d_buf || !symbols || !symbols->d_buf || symbols->d_type != ELF_T_SYM || header.sh_entsize == 0)
        return false;
    const char *last = memrchr(text->d_buf, '\0', text->d_size);
    *table = (struct table){elf, symbols, text->d_buf, symbols->d_size / header.sh_entsize,
                            last ? (size_t)(last - (const char *)text->d_buf) : 0};
    return true;
}

/* The end of section `index`, when it is one of code; 0 otherwise. */
static uint64_t code_end(Elf *elf, size_t index)
{
    GElf_Shdr header;
    Elf_Scn *section = index != SHN_UNDEF && index < SHN_LORESERVE ? elf_getscn(elf, index) : NULL;
    if (!section || !gelf_getshdr(section, &header) || !(header.sh_flags & SHF_EXECINSTR))
        return 0;
    return header.sh_addr + header.sh_size;
}

/* A name that people gave: not "", and not the marks ($x, $d) of data among code. */
static const char *name_of(const struct table *table, const GElf_Sym *symbol)
{
    const char *name = symbol->st_name < table->name_bytes ? table->names + symbol->st_name : "";
    return name[0] == '\0' || name[0] == '$' ? NULL : name;
}

/* Symbol `i` if it is one of code; one without a size reaches to its section's end for now. */
static bool read_symbol(const struct table *table, size_t i, struct sp_code_symbol *symbol)
{
    GElf_Sym raw;
    if (!gelf_getsym(table->symbols, (int)i, &raw))
        return false;
    int type = GELF_ST_TYPE(raw.st_info);
    const char *name = name_of(table, &raw);
    if (!name || (type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC))
        return false;
    uint64_t limit = code_end(table->elf, raw.st_shndx);
    if (raw.st_value >= limit || raw.st_size > UINT64_MAX - raw.st_value)
        return false;
    uint64_t end = raw.st_size ? raw.st_value + raw.st_size : limit;
    *symbol = (struct sp_code_symbol){raw.st_value, end, name, raw.st_size != 0};
    return true;
}

static int take_symbols(struct sp_code_file *file, const struct table *table)
{
    size_t capacity = 0;
    for (size_t i = 1; i < table->n && i <= INT32_MAX; i++) {
        struct sp_code_symbol symbol;
        void *at = file->symbols;
        if (!read_symbol(table, i, &symbol))
            continue;
        if (!sp_make_room(&at, file->n_symbols, &capacity, sizeof(symbol)))
            return -ENOMEM;
        file->symbols = at;
        file->symbols[file->n_symbols++] = symbol;
    }
    return 0;
}

/* Those with a size first at each address, so that they hide those without; "free" before "__GI___libc_free". */
static int compare(const void *left, const void *right)
{
    const struct sp_code_symbol *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->has_size != b->has_size)
        return a->has_size ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    size_t a_bars = strspn(a->name, "_"), b_bars = strspn(b->name, "_");
    if (a_bars != b_bars)
        return a_bars < b_bars ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Drops labels within functions, and lets other symbols without a size end where the next one begins. */
static void bound_symbols(struct sp_code_file *file)
{
    struct sp_code_symbol *at = file->symbols;
    size_t n = 0;
    uint64_t covered = 0, next = UINT64_MAX;
    for (size_t i = 0; i < file->n_symbols; i++) {
        if (!at[i].has_size && at[i].start < covered)
            continue;
        if (at[i].has_size && at[i].end > covered)
            covered = at[i].end;
        at[n++] = at[i];
    }
    for (size_t i = n; i-- > 0;) {
        if (i + 1 < n && at[i + 1].start > at[i].start)
            next = at[i + 1].start;
        if (!at[i].has_size && at[i].end > next)
            at[i].end = next;
    }
    file->n_symbols = n;
}

/* The debug file where Debian, Fedora and others keep it; one of the right build, or none. */
static void open_debug_file(struct sp_code_file *file, const char *build_id)
{
    char path[64 + 2 * BUILD_ID_BYTES];
    size_t digits = strlen(build_id);
    if (digits < 4 || digits > 2 * BUILD_ID_BYTES || strspn(build_id, "0123456789abcdef") != digits)
        return;
    snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", build_id, build_id + 2);
    file->debug_fd = sp_open_regular(-1, path);
    if (file->debug_fd < 0)
        return;
    file->debug_elf = elf_begin(file->debug_fd, ELF_C_READ, NULL);
    if (file->debug_elf && elf_kind(file->debug_elf) == ELF_K_ELF && is_build(file->debug_elf, build_id))
        return;
    elf_end(file->debug_elf);
    file->debug_elf = NULL;
}

static int read_symbols(struct sp_code_file *file, const char *build_id)
{
    struct table table;
    int error = find_table(file->elf, SHT_SYMTAB, &table) ? take_symbols(file, &table) : 0;
    if (error == 0 && file->n_symbols == 0)
        open_debug_file(file, build_id);
    if (file->debug_elf && find_table(file->debug_elf, SHT_SYMTAB, &table))
        error = take_symbols(file, &table);
    if (error == 0 && file->n_symbols == 0 && find_table(file->elf, SHT_DYNSYM, &table))
        error = take_symbols(file, &table);
    if (file->n_symbols > 0)
        qsort(file->symbols, file->n_symbols, sizeof(*file->symbols), compare);
    bound_symbols(file);
    return error;
}

static int read_file(struct sp_code_file *file, const char *build_id)
{
    GElf_Ehdr header;
    file->elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(file->fd, ELF_C_READ, NULL);
    if (!file->elf || elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &header) ||
        (header.e_type != ET_EXEC && header.e_type != ET_DYN))
        return -EBADMSG;
    if (!is_build(file->elf, build_id))
        return -ESTALE;
    file->is_relocatable = header.e_type == ET_DYN;
    read_segments(file);
    return read_symbols(file, build_id);
}

int sp_code_file_open(struct sp_code_file *file, const char *path, const char *build_id)
{
    *file = (struct sp_code_file){.debug_fd = -1, .fd = sp_open_regular(-1, path)};
    if (file->fd < 0)
        return file->fd;
    int error = read_file(file, build_id);
    if (error)
        sp_code_file_close(file);
    return error;
}

void sp_code_file_close(struct sp_code_file *file)
{
    free(file->symbols);
    elf_end(file->debug_elf);
    elf_end(file->elf);
    if (file->debug_fd >= 0)
        close(file->debug_fd);
    close(file->fd);
}

/* Whether the segment is, or begins in, what was mapped. */
static bool can_be_mapped(const struct sp_code_segment *segment, uint64_t offset, uint64_t bytes)
{
    const uint64_t end = segment->offset + segment->memory_bytes, mapped_end = offset + bytes;
    const uint64_t in_page = segment->address % PAGE;
    const uint64_t page = segment->offset > in_page ? segment->offset - in_page : 0;
    if (segment->file_bytes == 0 || offset >= end || segment->offset >= mapped_end || offset < page)
        return false;
    /* The last page of a segment alone, and much behind it, is the next segment's mapping. */
    return !(offset > segment->offset && end < offset + PAGE && mapped_end >= end + PAGE);
}

static const struct sp_code_segment *find_segment(const struct sp_code_file *file, uint64_t offset, uint64_t bytes)
{
    const struct sp_code_segment *found = NULL;
    for (size_t i = 0; i < file->n_segments; i++) {
        const struct sp_code_segment *segment = &file->segments[i];
        if (bytes == 0 ? segment->is_code : can_be_mapped(segment, offset, bytes))
            if (!found || (segment->is_code && !found->is_code))
                found = segment;
    }
    return found;
}

int sp_code_file_base(const struct sp_code_file *file, uint64_t start, uint64_t limit, uint64_t offset, uint64_t *base)
{
    const struct sp_code_segment *segment = find_segment(file, offset, limit > start ? limit - start : 0);
    if (start == 0) /* addresses are the file's own already */
        *base = 0;
    else if (segment)
        *base = start - offset + segment->offset - segment->address;
    else if (file->n_segments > 0)
        return -ENOENT;
    else
        *base = file->is_relocatable ? start - offset : 0;
    return 0;
}
