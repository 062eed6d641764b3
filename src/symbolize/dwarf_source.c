/*
 * The source of names, files, lines and inlined calls: DWARF, of a file itself or in one beside it.
 *
 * Place on the way of a sample: symbolize.c → *this* → dwarf_module, dwarf_room.
 * What is open does not change. The addresses asked for are sorted by unit, and each unit is a chunk for itself, read
 * once, by whatever thread: one walk over its entries and one over its line table.
 * Context: ordinary code.
 */
#include "symbolize/dwarf_module.h"

#include <errno.h>
#include <stdlib.h>

static int open_module(const struct sp_module *file, const struct sp_debug_places *places, void **opened)
{
    if (!file->image)
        return file->error;
    struct sp_dwarf_module *module = calloc(1, sizeof(*module));
    if (!module)
        return -ENOMEM;
    int error = sp_dwarf_module_open(module, file, places);
    if (error)
        free(module);
    else
        *opened = module;
    return error;
}

static void close_module(void *module)
{
    sp_dwarf_module_close(module);
    free(module);
}

/* What of a plan is the source's own: the addresses by unit, and where those of each chunk begin. */
struct plan {
    struct sp_dwarf_want *wants;
    size_t n_wants;
    size_t *firsts; /* [n_chunks] is n_wants */
};

static int compare_wants(const void *a, const void *b)
{
    const struct sp_dwarf_want *x = a, *y = b;
    if (x->unit != y->unit)
        return x->unit < y->unit ? -1 : 1;
    return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

/* Sorts the addresses that have a unit by it. */
static void sort_by_unit(const struct sp_dwarf_module *module, const struct sp_module_address *addresses, size_t n,
                         struct plan *plan)
{
    for (size_t i = 0; i < n; i++) {
        struct sp_dwarf_want want = {.index = i};
        if (!sp_elf_image_vaddr(module->image, addresses[i].file_offset, &want.vaddr))
            continue;
        want.unit = sp_dwarf_units_find(&module->units, want.vaddr);
        if (want.unit != SP_DWARF_NO_UNIT)
            plan->wants[plan->n_wants++] = want;
    }
    qsort(plan->wants, plan->n_wants, sizeof(*plan->wants), compare_wants);
}

static uint64_t unit_bytes(const struct sp_dwarf_module *module, uint32_t unit)
{
    const struct sp_dwarf_units *units = &module->units;
    const uint64_t end = unit + 1 < units->n ? units->offsets[unit + 1] : module->file.sections[SP_DWARF_INFO].size;
    return end - units->offsets[unit];
}

/* Makes a chunk of each unit's addresses. */
static void cut(const struct sp_dwarf_module *module, const struct plan *own, struct sp_symbol_plan *plan)
{
    for (size_t first = 0, end; first < own->n_wants; first = end) {
        const uint32_t unit = own->wants[first].unit;
        for (end = first + 1; end < own->n_wants && own->wants[end].unit == unit;)
            end++;
        own->firsts[plan->n_chunks] = first;
        plan->chunks[plan->n_chunks++] = (struct sp_symbol_chunk){unit_bytes(module, unit), end - first};
    }
    own->firsts[plan->n_chunks] = own->n_wants;
}

static void free_plan(struct sp_symbol_plan *plan)
{
    struct plan *own = plan->own;
    free(own->wants);
    free(own->firsts);
    free(own);
    free(plan->chunks);
    *plan = (struct sp_symbol_plan){.n_chunks = 0};
}

static int make_plan(const void *opaque, const struct sp_module_address *addresses, size_t n,
                     struct sp_symbol_plan *out)
{
    const struct sp_dwarf_module *module = opaque;
    struct plan *own = calloc(1, sizeof(*own));
    struct sp_symbol_plan plan = {.own = own};
    if (!own)
        return -ENOMEM;
    own->wants = calloc(n + 1, sizeof(*own->wants));
    own->firsts = calloc(n + 1, sizeof(*own->firsts));
    plan.chunks = calloc(n + 1, sizeof(*plan.chunks));
    if (!own->wants || !own->firsts || !plan.chunks) {
        free_plan(&plan);
        return -ENOMEM;
    }
    sort_by_unit(module, addresses, n, own);
    cut(module, own, &plan);
    *out = plan;
    return 0;
}

static void *new_room(const void *module)
{
    return sp_dwarf_room_new(module);
}

static void free_room(void *room)
{
    sp_dwarf_room_free(room);
}

static int find_chunk(const struct sp_symbol_plan *plan, size_t chunk, void *room, sp_frame_sink *sink, void *arg)
{
    const struct plan *own = plan->own;
    return sp_dwarf_room_name(room, &own->wants[own->firsts[chunk]], plan->chunks[chunk].n, sink, arg);
}

static uint32_t find_symbol(const void *opaque, const struct sp_module_address *address, struct sp_named_frame *frames,
                            uint32_t max)
{
    const struct sp_dwarf_module *module = opaque;
    const char *name = sp_elf_symbols_at(&module->symbols, module->image, address->file_offset);
    if (max == 0 || !name)
        return 0;
    frames[0] = (struct sp_named_frame){.system_name = name};
    return 1;
}

static const struct sp_symbol_batches batches = {make_plan, free_plan, new_room, free_room, find_chunk};

const struct sp_symbol_source sp_source_dwarf = {"dwarf", open_module, find_symbol, close_module, &batches};
