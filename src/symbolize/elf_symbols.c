/*
 * From an ELF symbol table to sorted ranges with one name each. See elf_symbols.h for the place and the picture.
 *
 * Three steps: candidates are read and ranked; those of one start are reduced to the best; what nests is flattened.
 * Time is n log n in the symbols whatever the file says.
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/elf_symbols.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* A symbol that may name code. */
struct candidate {
    uint64_t start;
    uint64_t end; /* == start: the table says no size */
    const char *name;
    uint32_t rank; /* among those of one start, the lowest wins */
};

/* An executable section: where a symbol without a size must end. */
struct code {
    uint64_t start, end;
};

struct table {
    const struct sp_elf_image *image;
    struct code *code;
    size_t n_code;
    struct candidate *at;
    size_t n;
    const char *strings;
    size_t strings_size; /* up to and with the last NUL: any offset below it is a terminated string */
};

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

static int compare_code(const void *a, const void *b)
{
    const struct code *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

/* Collects the executable sections. */
static int read_code(struct table *table)
{
    size_t n;
    if (elf_getshdrnum(table->image->elf, &n) != 0 || n == 0)
        return -ENOENT;
    table->code = calloc(n, sizeof(*table->code));
    if (!table->code)
        return -ENOMEM;
    for (Elf_Scn *section = NULL; table->n_code < n && (section = elf_nextscn(table->image->elf, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_EXECINSTR) || header.sh_size == 0)
            continue;
        table->code[table->n_code++] = (struct code){header.sh_addr, add_saturating(header.sh_addr, header.sh_size)};
    }
    if (table->n_code > 1)
        qsort(table->code, table->n_code, sizeof(*table->code), compare_code);
    return 0;
}

/* The end of the executable section around an address, or 0. */
static uint64_t code_end(const struct table *table, uint64_t address)
{
    size_t low = 0, high = table->n_code;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->code[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && address < table->code[low - 1].end ? table->code[low - 1].end : 0;
}

/* ARM's mapping symbols ($x, $d.17, ...), assembler labels and annobin's notes name no function. */
static bool is_marker(const char *name)
{
    if (name[0] == '.')
        return true;
    return name[0] == '$' && name[1] != '\0' && strchr("adtx", name[1]) && (name[2] == '\0' || name[2] == '.');
}

/*
 * Which of several names of one address people know: a function rather than a label, one with a size, global before
 * weak before local, then the fewest leading underscores, then no version.
 */
static uint32_t rank_of(const GElf_Sym *symbol, const char *name)
{
    uint32_t label = GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE;
    uint32_t unsized = symbol->st_size == 0;
    uint32_t binding = GELF_ST_BIND(symbol->st_info) == STB_LOCAL ? 2 : GELF_ST_BIND(symbol->st_info) == STB_WEAK;
    uint32_t underscores = 0;
    while (underscores < 255 && name[underscores] == '_')
        underscores++;
    uint32_t versioned = memchr(name, '@', strnlen(name, 4096)) != NULL;
    return label << 20 | unsized << 19 | binding << 16 | underscores << 8 | versioned;
}

/* Whether a symbol may name code; then `*out` is filled. */
static bool to_candidate(const struct table *table, const GElf_Sym *symbol, struct candidate *out)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || symbol->st_shndx == SHN_COMMON)
        return false;
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
        return false;
    if (symbol->st_name == 0 || symbol->st_name >= table->strings_size)
        return false;
    const char *name = table->strings + symbol->st_name;
    if (name[0] == '\0' || (type == STT_NOTYPE && is_marker(name)))
        return false;
    /* Without a size, or as a label, it is code only where the sections say so. */
    if ((type == STT_NOTYPE || symbol->st_size == 0) && code_end(table, symbol->st_value) == 0)
        return false;
    *out = (struct candidate){.start = symbol->st_value,
                              .end = add_saturating(symbol->st_value, symbol->st_size),
                              .name = name,
                              .rank = rank_of(symbol, name)};
    return true;
}

/* The string table of a symbol table. Returns false when there is none to trust. */
static bool read_strings(struct table *table, size_t index)
{
    GElf_Shdr header;
    Elf_Scn *section = elf_getscn(table->image->elf, index);
    if (!section || !gelf_getshdr(section, &header) || header.sh_type != SHT_STRTAB)
        return false;
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf)
        return false;
    const char *last = memrchr(data->d_buf, '\0', data->d_size);
    table->strings = data->d_buf;
    table->strings_size = last ? (size_t)(last - table->strings) + 1 : 0;
    return last != NULL;
}

/* Reads the candidates of one symbol table. Returns 0 (also when it gives none) or -ENOMEM. */
static int read_section(struct table *table, Elf_Scn *section, const GElf_Shdr *header)
{
    size_t symbol_size = gelf_fsize(table->image->elf, ELF_T_SYM, 1, EV_CURRENT);
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf || symbol_size == 0 || !read_strings(table, header->sh_link))
        return 0;
    size_t n = data->d_size / symbol_size;
    if (n > INT32_MAX)
        n = INT32_MAX; /* gelf_getsym counts in int */
    table->at = calloc(n ? n : 1, sizeof(*table->at));
    if (!table->at)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(data, (int)i, &symbol) && to_candidate(table, &symbol, &table->at[table->n]))
            table->n++;
    }
    return 0;
}

/* Reads the first symbol table of a type that gives a candidate. */
static int read_type(struct table *table, uint32_t type)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(table->image->elf, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || header.sh_type != type)
            continue;
        int error = read_section(table, section, &header);
        if (error || table->n > 0)
            return error;
        free(table->at);
        table->at = NULL;
        /* One table of a type is all that a linker writes; more are not worth a hostile file's time. */
        return 0;
    }
    return 0;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strncmp(x->name, y->name, SP_ELF_NAME_MAX); /* the same answer on every run */
}

/*
 * Keeps the best name of each start, over the longest range that one of them claims, and gives those without a size
 * an end: the next symbol's start or the section's end.
 */
static void reduce_aliases(struct table *table)
{
    size_t kept = 0;
    for (size_t i = 0, next; i < table->n; i = next) {
        struct candidate best = table->at[i];
        for (next = i + 1; next < table->n && table->at[next].start == best.start; next++)
            if (table->at[next].end > best.end)
                best.end = table->at[next].end;
        table->at[kept++] = best;
    }
    table->n = kept;
}

/* Where a symbol without a size ends. */
static uint64_t natural_end(const struct table *table, size_t i)
{
    uint64_t end = code_end(table, table->at[i].start);
    return i + 1 < table->n && table->at[i + 1].start < end ? table->at[i + 1].start : end;
}

/* The state of flattening: the symbols open at `cursor`, innermost on top, and what has been written. */
struct sweep {
    struct sp_elf_symbols *out;
    const struct candidate **open;
    size_t n_open;
    uint64_t cursor;
};

/* Writes ranges up to `limit` and drops the symbols that end there. */
static void sweep_to(struct sweep *sweep, uint64_t limit)
{
    while (sweep->n_open > 0) {
        const struct candidate *top = sweep->open[sweep->n_open - 1];
        uint64_t end = top->end < limit ? top->end : limit;
        if (end > sweep->cursor) {
            sweep->out->at[sweep->out->n++] = (struct sp_elf_range){sweep->cursor, end, top->name};
            sweep->cursor = end;
        }
        if (top->end > limit)
            break;
        sweep->n_open--;
    }
    sweep->cursor = limit;
}

/* Turns nested symbols into ranges side by side: each address belongs to the symbol that started last. */
static void flatten(struct table *table, struct sweep *sweep)
{
    for (size_t i = 0; i < table->n; i++) {
        struct candidate *symbol = &table->at[i];
        sweep_to(sweep, symbol->start);
        if (symbol->end == symbol->start) {
            if (sweep->n_open > 0)
                continue; /* a label inside a function with a size */
            symbol->end = natural_end(table, i);
        }
        if (symbol->end > symbol->start)
            sweep->open[sweep->n_open++] = symbol;
    }
    sweep_to(sweep, UINT64_MAX);
}

static int build(struct table *table, struct sp_elf_symbols *symbols)
{
    qsort(table->at, table->n, sizeof(*table->at), compare_candidates);
    reduce_aliases(table);
    /* Each symbol is cut off by a later start once, and ends once: two ranges at most. */
    struct sp_elf_symbols out = {.at = calloc(2 * table->n, sizeof(*out.at))};
    struct sweep sweep = {.out = &out, .open = calloc(table->n, sizeof(*sweep.open))};
    if (!out.at || !sweep.open) {
        free(out.at);
        free(sweep.open);
        return -ENOMEM;
    }
    flatten(table, &sweep);
    free(sweep.open);
    *symbols = out;
    return 0;
}

int sp_elf_symbols_init(struct sp_elf_symbols *symbols, const struct sp_elf_image *image)
{
    struct table table = {.image = image};
    int error = read_code(&table);
    if (!error)
        error = read_type(&table, SHT_SYMTAB);
    if (!error && table.n == 0)
        error = read_type(&table, SHT_DYNSYM);
    if (!error)
        error = table.n ? build(&table, symbols) : -ENOENT;
    free(table.code);
    free(table.at);
    return error;
}

void sp_elf_symbols_done(struct sp_elf_symbols *symbols)
{
    free(symbols->at);
    *symbols = (struct sp_elf_symbols){0};
}

const char *sp_elf_symbols_find(const struct sp_elf_symbols *symbols, uint64_t vaddr)
{
    size_t low = 0, high = symbols->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (symbols->at[middle].start <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || vaddr >= symbols->at[low - 1].end)
        return NULL;
    const char *name = symbols->at[low - 1].name;
    return strnlen(name, SP_ELF_NAME_MAX) < SP_ELF_NAME_MAX ? name : NULL;
}

bool sp_elf_symbols_are_valid(const struct sp_elf_symbols *symbols)
{
    for (size_t i = 0; i < symbols->n; i++) {
        if (symbols->at[i].start >= symbols->at[i].end)
            return false;
        if (i + 1 < symbols->n && symbols->at[i].end > symbols->at[i + 1].start)
            return false;
    }
    return true;
}
