/*
 * The entries of procedure linkage tables, which no symbol table names.
 *
 * An entry jumps through a slot of the global offset table; the dynamic linker's relocation for that slot names the
 * function, or (IRELATIVE) gives the address that an ifunc has. So the code is searched for such jumps, whatever a
 * linker's layout is (.plt, .plt.sec, .plt.got of GNU ld, those of lld and mold), and their slots are looked up among
 * the relocations:
 *
 *   x86-64    [endbr64] [bnd] jmp *slot(%rip)                                     ff 25 disp32
 *   aarch64   [bti c] adrp x16, slot; ldr x17, [x16, slot]; add x16, ...; br x17
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/elf_candidates.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* Behind all that symbol tables say. */
#define RANK_PLT (1U << 24)
/* A table larger than this is not a linker's. */
#define PLT_BYTES_MAX ((uint64_t)64 << 20)
#define NAME_MAX_BYTES 4096

/* What a relocation says of a slot. */
struct slot {
    uint64_t address;
    const char *name;
    uint32_t rank; /* of an ifunc's name */
};

struct plt {
    struct sp_elf_candidates *candidates;
    const struct sp_elf_image *image;
    struct sp_arena *texts;
    struct slot *slots; /* by address */
    size_t n_slots;
    struct slot *ifuncs; /* by the address of their function, those of one address by rank */
    size_t n_ifuncs;
    bool is_arm;
    int error;
};

/* One section's code. */
struct stub_code {
    const unsigned char *bytes;
    uint64_t address;
    size_t size;
};

static uint32_t load32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static int compare_slots(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* The name of the first slot of that address, or NULL. */
static const char *find_name(const struct slot *slots, size_t n, uint64_t address)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slots[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && slots[low].address == address ? slots[low].name : NULL;
}

static const char *find_slot(const struct plt *plt, uint64_t address)
{
    return find_name(plt->slots, plt->n_slots, address);
}

/* Sorts out the ifuncs among the symbols. */
static void collect_ifuncs(struct plt *plt)
{
    const struct sp_elf_candidates *candidates = plt->candidates;
    size_t n = 0;
    for (size_t i = 0; i < candidates->n; i++)
        n += (candidates->at[i].rank & SP_ELF_RANK_INDIRECT) != 0;
    plt->ifuncs = n ? calloc(n, sizeof(*plt->ifuncs)) : NULL;
    if (n && !plt->ifuncs)
        plt->error = -ENOMEM;
    for (size_t i = 0; plt->ifuncs && i < candidates->n; i++) {
        const struct sp_elf_candidate *symbol = &candidates->at[i];
        if (symbol->rank & SP_ELF_RANK_INDIRECT)
            plt->ifuncs[plt->n_ifuncs++] = (struct slot){symbol->start, symbol->name, symbol->rank};
    }
    if (plt->n_ifuncs > 1)
        qsort(plt->ifuncs, plt->n_ifuncs, sizeof(*plt->ifuncs), compare_slots);
}

static bool is_slot_type(const struct plt *plt, uint64_t type)
{
    return plt->is_arm ? type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT
                       : type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
}

/* A table of symbols that relocations name; without one they can be IRELATIVE still, as in static programs. */
struct symbols {
    Elf_Data *data; /* NULL: none */
    struct sp_elf_strings strings;
};

static struct symbols open_symbols(const struct plt *plt, size_t index)
{
    GElf_Shdr header;
    struct symbols symbols = {0};
    Elf_Scn *section = elf_getscn(plt->image->elf, index);
    if (section && gelf_getshdr(section, &header) && header.sh_type == SHT_DYNSYM &&
        sp_elf_strings_read(&symbols.strings, plt->image, header.sh_link))
        symbols.data = elf_getdata(section, NULL);
    return symbols;
}

/* Whose slot a relocation fills, or NULL. */
static const char *name_of(const struct plt *plt, const struct symbols *symbols, const GElf_Rela *relocation)
{
    GElf_Sym symbol;
    uint64_t type = GELF_R_TYPE(relocation->r_info), index = GELF_R_SYM(relocation->r_info);
    if (type == (plt->is_arm ? R_AARCH64_IRELATIVE : R_X86_64_IRELATIVE))
        return find_name(plt->ifuncs, plt->n_ifuncs, (uint64_t)relocation->r_addend);
    if (!is_slot_type(plt, type) || !symbols->data || index > INT32_MAX)
        return NULL;
    if (!gelf_getsym(symbols->data, (int)index, &symbol) || symbol.st_name == 0 ||
        symbol.st_name >= symbols->strings.size)
        return NULL;
    return symbols->strings.at + symbol.st_name;
}

/* Collects the slots of one section of relocations. */
static void read_relocations(struct plt *plt, Elf_Scn *section, const GElf_Shdr *header)
{
    struct symbols symbols = open_symbols(plt, header->sh_link);
    Elf_Data *data = elf_getdata(section, NULL);
    size_t n = data && data->d_buf ? data->d_size / sizeof(Elf64_Rela) : 0;
    struct slot *grown = n ? reallocarray(plt->slots, plt->n_slots + n, sizeof(*grown)) : NULL;
    if (n && !grown)
        plt->error = -ENOMEM;
    if (!grown)
        return;
    plt->slots = grown;
    for (size_t i = 0; i < n && i < INT32_MAX; i++) {
        GElf_Rela relocation;
        const char *name = gelf_getrela(data, (int)i, &relocation) ? name_of(plt, &symbols, &relocation) : NULL;
        if (name)
            plt->slots[plt->n_slots++] = (struct slot){.address = relocation.r_offset, .name = name};
    }
}

static void add_entry(struct plt *plt, uint64_t start, uint64_t size, const char *name)
{
    static const char suffix[] = "@plt";
    size_t length = strnlen(name, NAME_MAX_BYTES);
    if (length == NAME_MAX_BYTES || start + size < start)
        return;
    struct sp_elf_candidates *candidates = plt->candidates;
    char *text = sp_arena_take(plt->texts, length + sizeof(suffix));
    if (!text ||
        (candidates->n == candidates->capacity && !sp_elf_candidates_reserve(candidates, candidates->n + 64))) {
        plt->error = -ENOMEM;
        return;
    }
    memcpy(text, name, length);
    memcpy(text + length, suffix, sizeof(suffix));
    candidates->at[candidates->n++] =
        (struct sp_elf_candidate){.start = start, .end = start + size, .name = text, .rank = RANK_PLT};
}

/* An entry of x86-64 at code->bytes + at, if there is one. Returns its size, or 0. */
static size_t x86_entry(struct plt *plt, const struct stub_code *code, size_t at)
{
    static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    size_t jump = at;
    if (code->size - jump >= 4 && memcmp(code->bytes + jump, endbr64, 4) == 0)
        jump += 4;
    if (code->size - jump >= 1 && code->bytes[jump] == 0xf2)
        jump++;
    if (code->size - jump < 6 || code->bytes[jump] != 0xff || code->bytes[jump + 1] != 0x25)
        return 0;
    uint64_t next = code->address + jump + 6;
    const char *name = find_slot(plt, next + (uint64_t)(int64_t)(int32_t)load32(code->bytes + jump + 2));
    if (!name)
        return 0;
    /* The lazy kind goes on: push $index; jmp .plt. Those of .plt.got are of 8 bytes unless they begin with endbr64. */
    size_t size = jump > at || (code->size - at >= 16 && code->bytes[jump + 6] == 0x68) ? 16 : 8;
    size = size < code->size - at ? size : code->size - at;
    add_entry(plt, code->address + at, size, name);
    return size;
}

/* The same of aarch64. */
static size_t arm_entry(struct plt *plt, const struct stub_code *code, size_t at)
{
    const uint32_t bti_c = 0xd503245f, br_x17 = 0xd61f0220;
    size_t adrp_at = at + (code->size - at >= 4 && load32(code->bytes + at) == bti_c ? 4 : 0);
    if (code->size - adrp_at < 16)
        return 0;
    uint32_t adrp = load32(code->bytes + adrp_at), ldr = load32(code->bytes + adrp_at + 4);
    if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
        return 0;
    uint64_t pages = (uint64_t)(adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);
    pages = (pages ^ 0x100000) - 0x100000; /* 21 bits, signed */
    uint64_t page = ((code->address + adrp_at) & ~UINT64_C(4095)) + (pages << 12);
    const char *name = find_slot(plt, page + (uint64_t)(ldr >> 10 & 0xfff) * 8);
    if (!name)
        return 0;
    size_t end = adrp_at + 8; /* behind it: add x16, perhaps autia1716, br x17 */
    while (end + 4 <= code->size && end < adrp_at + 20 && load32(code->bytes + end) != br_x17)
        end += 4;
    size_t size = (end + 4 <= code->size ? end + 4 : code->size) - at;
    add_entry(plt, code->address + at, size, name);
    return size;
}

/* Whether a section's name is that of a procedure linkage table. */
static bool is_plt_name(const char *name)
{
    return name && (strcmp(name, ".plt") == 0 || strncmp(name, ".plt.", 5) == 0);
}

static void read_code(struct plt *plt, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf || data->d_size > PLT_BYTES_MAX)
        return;
    struct stub_code code = {.bytes = data->d_buf, .address = header->sh_addr, .size = data->d_size};
    size_t step = plt->is_arm ? 4 : 8;
    for (size_t at = 0; at < code.size && !plt->error;) {
        size_t size = plt->is_arm ? arm_entry(plt, &code, at) : x86_entry(plt, &code, at);
        at += size > 0 ? size : step;
    }
}

/* Calls `read` for each section of `type`; those of code by name. */
static void each_section(struct plt *plt, uint32_t type,
                         void (*read)(struct plt *plt, Elf_Scn *section, const GElf_Shdr *header))
{
    Elf *elf = plt->image->elf;
    size_t names;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return;
    unsigned n = 0; /* a linker writes three at most; a hostile file's may all be the same bytes */
    for (Elf_Scn *section = NULL; n < 8 && !plt->error && (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || header.sh_type != type || !(header.sh_flags & SHF_ALLOC))
            continue;
        if (type == SHT_PROGBITS && !is_plt_name(elf_strptr(elf, names, header.sh_name)))
            continue;
        read(plt, section, &header);
        n++;
    }
}

int sp_elf_candidates_read_plt(struct sp_elf_candidates *candidates, const struct sp_elf_image *image,
                               struct sp_arena *texts)
{
    GElf_Ehdr header;
    if (!gelf_getehdr(image->elf, &header) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB || (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64))
        return 0;
    struct plt plt = {
        .candidates = candidates, .image = image, .texts = texts, .is_arm = header.e_machine == EM_AARCH64};
    collect_ifuncs(&plt);
    each_section(&plt, SHT_RELA, read_relocations);
    if (plt.n_slots > 1)
        qsort(plt.slots, plt.n_slots, sizeof(*plt.slots), compare_slots);
    if (plt.n_slots > 0)
        each_section(&plt, SHT_PROGBITS, read_code);
    free(plt.slots);
    free(plt.ifuncs);
    return plt.error;
}
