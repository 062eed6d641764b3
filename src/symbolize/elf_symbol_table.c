/*
 * Candidates from symbol tables, ranked. See elf_candidates.h.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/elf_candidates.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

static int compare_code(const void *a, const void *b)
{
    const struct sp_elf_code *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

int sp_elf_candidates_init(struct sp_elf_candidates *candidates, const struct sp_elf_image *image)
{
    size_t n;
    if (elf_getshdrnum(image->elf, &n) != 0 || n == 0)
        return -ENOENT;
    *candidates = (struct sp_elf_candidates){0};
    candidates->code = calloc(n, sizeof(*candidates->code));
    if (!candidates->code)
        return -ENOMEM;
    for (Elf_Scn *section = NULL; candidates->n_code < n && (section = elf_nextscn(image->elf, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_EXECINSTR) || header.sh_size == 0)
            continue;
        candidates->code[candidates->n_code++] =
            (struct sp_elf_code){header.sh_addr, add_saturating(header.sh_addr, header.sh_size)};
    }
    if (candidates->n_code > 1)
        qsort(candidates->code, candidates->n_code, sizeof(*candidates->code), compare_code);
    return 0;
}

void sp_elf_candidates_done(struct sp_elf_candidates *candidates)
{
    free(candidates->code);
    free(candidates->at);
    *candidates = (struct sp_elf_candidates){0};
}

bool sp_elf_candidates_reserve(struct sp_elf_candidates *candidates, size_t extra)
{
    if (extra <= candidates->capacity - candidates->n)
        return true;
    size_t capacity = candidates->n + extra;
    struct sp_elf_candidate *grown = reallocarray(candidates->at, capacity, sizeof(*grown));
    if (!grown)
        return false;
    candidates->at = grown;
    candidates->capacity = capacity;
    return true;
}

uint64_t sp_elf_code_end(const struct sp_elf_candidates *candidates, uint64_t address)
{
    size_t low = 0, high = candidates->n_code;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (candidates->code[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && address < candidates->code[low - 1].end ? candidates->code[low - 1].end : 0;
}

/* ARM's mapping symbols ($x, $d.17, ...), assembler labels and annobin's notes name no function. */
static bool is_marker(const char *name)
{
    if (name[0] == '.')
        return true;
    return name[0] == '$' && name[1] != '\0' && strchr("adtx", name[1]) && (name[2] == '\0' || name[2] == '.');
}

/*
 * Which of several names of one address people know: a function rather than a label, one with a size, an exported one
 * before a local one (so an ifunc's own before that of the function that picks, as other tools have it), then the
 * fewest leading underscores, then global before weak, then no version. Underscores go before global and weak because C
 * libraries make the name of the manual a weak alias of one of their own: `poll` of `__poll`.
 */
static uint32_t rank_of(const GElf_Sym *symbol, const char *name)
{
    uint32_t label = GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE;
    uint32_t unsized = symbol->st_size == 0;
    uint32_t indirect = GELF_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC ? SP_ELF_RANK_INDIRECT : 0;
    uint32_t local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL;
    uint32_t weak = GELF_ST_BIND(symbol->st_info) == STB_WEAK;
    uint32_t underscores = 0;
    while (underscores < 255 && name[underscores] == '_')
        underscores++;
    uint32_t versioned = memchr(name, '@', strnlen(name, 4096)) != NULL;
    return label << 20 | unsized << 19 | local << 17 | underscores << 8 | weak << 2 | versioned << 1 | indirect;
}

/* Whether a symbol may name code; then `*out` is filled. */
static bool to_candidate(const struct sp_elf_candidates *candidates, const struct sp_elf_strings *strings,
                         const GElf_Sym *symbol, struct sp_elf_candidate *out)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || symbol->st_shndx == SHN_COMMON)
        return false;
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
        return false;
    if (symbol->st_name == 0 || symbol->st_name >= strings->size)
        return false;
    const char *name = strings->at + symbol->st_name;
    if (name[0] == '\0' || (type == STT_NOTYPE && is_marker(name)))
        return false;
    /* Without a size, or as a label, it is code only where the sections say so. */
    if ((type == STT_NOTYPE || symbol->st_size == 0) && sp_elf_code_end(candidates, symbol->st_value) == 0)
        return false;
    *out = (struct sp_elf_candidate){.start = symbol->st_value,
                                     .end = add_saturating(symbol->st_value, symbol->st_size),
                                     .name = name,
                                     .rank = rank_of(symbol, name)};
    return true;
}

/* Takes note of the symbols around Go's code. */
static void look_for_go(struct sp_elf_candidates *candidates, const struct sp_elf_strings *strings,
                        const GElf_Sym *symbol)
{
    const char *name = symbol->st_name < strings->size ? strings->at + symbol->st_name : "";
    if (strcmp(name, "runtime.text") == 0)
        candidates->go.start = symbol->st_value;
    else if (strcmp(name, "runtime.etext") == 0)
        candidates->go.end = symbol->st_value;
}

bool sp_elf_strings_read(struct sp_elf_strings *strings, const struct sp_elf_image *image, size_t index)
{
    GElf_Shdr header;
    Elf_Scn *section = elf_getscn(image->elf, index);
    if (!section || !gelf_getshdr(section, &header) || header.sh_type != SHT_STRTAB)
        return false;
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf)
        return false;
    const char *last = memrchr(data->d_buf, '\0', data->d_size);
    strings->at = data->d_buf;
    strings->size = last ? (size_t)(last - strings->at) + 1 : 0;
    return last != NULL;
}

/* Reads the candidates of one symbol table. Returns 0 (also when it gives none) or -ENOMEM. */
static int read_section(struct sp_elf_candidates *candidates, const struct sp_elf_image *image, Elf_Scn *section,
                        const GElf_Shdr *header)
{
    struct sp_elf_strings strings;
    size_t symbol_size = gelf_fsize(image->elf, ELF_T_SYM, 1, EV_CURRENT);
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf || symbol_size == 0 || !sp_elf_strings_read(&strings, image, header->sh_link))
        return 0;
    size_t n = data->d_size / symbol_size;
    if (n > INT32_MAX)
        n = INT32_MAX; /* gelf_getsym counts in int */
    if (!sp_elf_candidates_reserve(candidates, n))
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol))
            continue;
        look_for_go(candidates, &strings, &symbol);
        candidates->n += to_candidate(candidates, &strings, &symbol, &candidates->at[candidates->n]);
    }
    return 0;
}

int sp_elf_candidates_read(struct sp_elf_candidates *candidates, const struct sp_elf_image *image, uint32_t type)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
        GElf_Shdr header;
        /* One table of a type is all that a linker writes; more are not worth a hostile file's time. */
        if (gelf_getshdr(section, &header) && header.sh_type == type)
            return read_section(candidates, image, section, &header);
    }
    return 0;
}
