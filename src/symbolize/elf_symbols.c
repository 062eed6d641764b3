/*
 * From an ELF image's symbols to sorted ranges with one name each. See elf_symbols.h for the place and the picture.
 *
 * Three steps: candidates are read and ranked (elf_symbol_table.c, elf_plt.c); those of one start are reduced to the
 * best; what nests is flattened. Time is n log n in the symbols whatever the file says.
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/elf_symbols.h"

#include "symbolize/elf_candidates.h"
#include "symbolize/mini_debug.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_candidates(const void *a, const void *b)
{
    const struct sp_elf_candidate *x = a, *y = b;
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
static void reduce_aliases(struct sp_elf_candidates *table)
{
    size_t kept = 0;
    for (size_t i = 0, next; i < table->n; i = next) {
        struct sp_elf_candidate best = table->at[i];
        for (next = i + 1; next < table->n && table->at[next].start == best.start; next++)
            if (table->at[next].end > best.end)
                best.end = table->at[next].end;
        table->at[kept++] = best;
    }
    table->n = kept;
}

/* Where a symbol without a size ends. */
static uint64_t natural_end(const struct sp_elf_candidates *table, size_t i)
{
    uint64_t end = sp_elf_code_end(table, table->at[i].start);
    return i + 1 < table->n && table->at[i + 1].start < end ? table->at[i + 1].start : end;
}

/* The state of flattening: the symbols open at `cursor`, innermost on top, and what has been written. */
struct sweep {
    struct sp_elf_symbols *out;
    const struct sp_elf_candidate **open;
    size_t n_open;
    uint64_t cursor;
};

/* Writes ranges up to `limit` and drops the symbols that end there. */
static void sweep_to(struct sweep *sweep, uint64_t limit)
{
    while (sweep->n_open > 0) {
        const struct sp_elf_candidate *top = sweep->open[sweep->n_open - 1];
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
static void flatten(struct sp_elf_candidates *table, struct sweep *sweep)
{
    for (size_t i = 0; i < table->n; i++) {
        struct sp_elf_candidate *symbol = &table->at[i];
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

static int build(struct sp_elf_candidates *table, struct sp_elf_symbols *symbols)
{
    qsort(table->at, table->n, sizeof(*table->at), compare_candidates);
    reduce_aliases(table);
    /* Each symbol is cut off by a later start once, and ends once: two ranges at most. */
    symbols->at = calloc(2 * table->n, sizeof(*symbols->at));
    struct sweep sweep = {.out = symbols, .open = calloc(table->n, sizeof(*sweep.open))};
    bool has_memory = symbols->at && sweep.open;
    if (has_memory)
        flatten(table, &sweep);
    free(sweep.open);
    return has_memory ? 0 : -ENOMEM;
}

/*
 * Reads all that names code. Compressed symbols are looked at only where the file has none of its own: they are made
 * for files that have been stripped of them.
 */
static int read_all(struct sp_elf_candidates *table, struct sp_elf_symbols *symbols, const struct sp_elf_image *image)
{
    int error = sp_elf_candidates_read(table, image, SHT_SYMTAB);
    if (!error && table->n == 0) {
        error = sp_mini_debug_open(image, &symbols->mini);
        if (!error)
            error = sp_elf_candidates_read(table, symbols->mini, SHT_SYMTAB);
        else if (error != -ENOMEM)
            error = 0; /* none, or a damaged one */
    }
    if (!error)
        error = sp_elf_candidates_read(table, image, SHT_DYNSYM);
    if (!error)
        error = sp_elf_candidates_read_plt(table, image, symbols->texts);
    return error;
}

int sp_elf_symbols_init(struct sp_elf_symbols *symbols, const struct sp_elf_image *image)
{
    struct sp_elf_candidates table = {0};
    struct sp_elf_symbols out = {.texts = sp_arena_new()};
    int error = out.texts ? sp_elf_candidates_init(&table, image) : -ENOMEM;
    if (!error)
        error = read_all(&table, &out, image);
    if (!error)
        error = table.n ? build(&table, &out) : -ENOENT;
    if (table.go.start < table.go.end) {
        out.go_start = table.go.start;
        out.go_end = table.go.end;
    }
    sp_elf_candidates_done(&table);
    if (error)
        sp_elf_symbols_done(&out);
    else
        *symbols = out;
    return error;
}

void sp_elf_symbols_done(struct sp_elf_symbols *symbols)
{
    free(symbols->at);
    sp_arena_free(symbols->texts);
    sp_mini_debug_close(symbols->mini);
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

const char *sp_elf_symbols_at(const struct sp_elf_symbols *symbols, const struct sp_elf_image *image,
                              uint64_t file_offset)
{
    uint64_t vaddr;
    return sp_elf_image_vaddr(image, file_offset, &vaddr) ? sp_elf_symbols_find(symbols, vaddr) : NULL;
}

bool sp_elf_symbols_are_go(const struct sp_elf_symbols *symbols, uint64_t vaddr)
{
    return vaddr >= symbols->go_start && vaddr < symbols->go_end;
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
