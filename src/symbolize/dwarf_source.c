/*
 * The source of names, files, lines and inlined calls: DWARF, of a file itself or in one beside it.
 *
 * Place on the way of a sample: symbolize.c → *this* → debug_file, dwarf_units, dwarf_room.
 * What is open does not change. The addresses asked for are sorted by unit, and each unit is a chunk for itself, read
 * once, by whatever thread: one walk over its entries and one over its line table.
 * Context: ordinary code.
 */
#include "symbolize/debug_file.h"
#include "symbolize/dwarf_module.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEBUG_DIRECTORY "/usr/lib/debug"
/*
 * What may be read of abbreviations, ranges, and entries of other units, which any number of entries may refer to: so
 * many bytes in any case, and so many for each of the file. Honest files take less than two.
 */
#define WORK_MIN (UINT64_C(64) << 20)
#define WORK_PER_BYTE 8

static void close_module(void *opaque)
{
    struct sp_dwarf_module *module = opaque;
    if (module->has_package)
        sp_dwarf_package_close(&module->package);
    if (module->has_alternate)
        sp_dwarf_alternate_close(&module->alternate);
    sp_dwarf_units_done(&module->units);
    sp_dwarf_file_close(&module->file);
    sp_elf_symbols_done(&module->symbols);
    sp_elf_image_close(&module->debug);
    sp_elf_image_close(&module->image);
    free(module->directory);
    free(module);
}

static int open_images(struct sp_dwarf_module *module, const struct sp_module_id *id,
                       const struct sp_debug_places *places)
{
    struct sp_image_place place;
    int error = sp_module_image_open(&module->image, &place, id, places);
    if (error)
        return error;
    bool is_separate;
    error = sp_debug_file_open(&module->debug, &is_separate, &module->image, &place, places);
    if (!error && is_separate && sp_elf_symbols_init(&module->symbols, &module->debug) == -ENOMEM)
        error = -ENOMEM;
    return error;
}

static uint64_t work_of(const struct sp_elf_image *debug)
{
    struct stat st;
    return WORK_MIN + WORK_PER_BYTE * (fstat(debug->fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0);
}

/* Tries a package. Returns 0, also when there is none, or -ENOMEM. */
static int try_package(struct sp_dwarf_module *module, const char *prefix, const char *path)
{
    char name[2 * PATH_MAX];
    int length = snprintf(name, sizeof(name), "%s%s.dwp", prefix, path);
    if (module->has_package || length < 0 || (size_t)length >= sizeof(name))
        return 0;
    int error = sp_dwarf_package_open(&module->package, name);
    module->has_package = error == 0;
    return error == -ENOMEM ? error : 0;
}

/* Looks for a package of split units: beside the program, and where debug files are. */
static int open_package(struct sp_dwarf_module *module, const char *path)
{
    const char *id = module->image.build_id;
    char by_id[2 * SP_ELF_BUILD_ID_MAX + 64];
    int error = try_package(module, "", path);
    snprintf(by_id, sizeof(by_id), "/.build-id/%.2s/%s", id, strlen(id) > 2 ? id + 2 : "");
    if (!error && strlen(id) > 2)
        error = try_package(module, DEBUG_DIRECTORY, by_id);
    if (!error)
        error = try_package(module, DEBUG_DIRECTORY, path);
    return error;
}

/* Opens the files that the DWARF refers to. Returns 0, also when they are not there, or -ENOMEM. */
static int open_others(struct sp_dwarf_module *module, const char *path, struct sp_dwarf_reading *reading)
{
    char directory[PATH_MAX];
    int error = sp_dwarf_alternate_open(&module->alternate, &module->debug, reading);
    module->has_alternate = error == 0;
    if (error != -ENOMEM && module->units.has_split) {
        if (sp_dwarf_directory_of(&module->image, directory))
            module->directory = strdup(directory);
        error = open_package(module, path);
    }
    return error == -ENOMEM ? error : 0;
}

static int open_units(struct sp_dwarf_module *module, const char *path)
{
    struct sp_dwarf_abbrev_cache *cache = calloc(1, sizeof(*cache));
    struct sp_dwarf_view view = {.file = &module->file};
    if (!cache)
        return -ENOMEM;
    module->work = work_of(&module->debug);
    struct sp_dwarf_reading reading = {cache, module->work};
    int error = sp_dwarf_units_init(&module->units, &view, &module->image, &reading);
    if (!error)
        error = open_others(module, path, &reading);
    sp_dwarf_view_done(&view);
    sp_dwarf_abbrev_cache_done(cache);
    free(cache);
    return error;
}

static int open_module(const struct sp_module_id *id, const struct sp_debug_places *places, void **out)
{
    if (!sp_module_is_file(id))
        return -ENOENT;
    struct sp_dwarf_module *module = calloc(1, sizeof(*module));
    if (!module)
        return -ENOMEM;
    module->image.fd = module->debug.fd = -1;
    int error = open_images(module, id, places);
    if (!error)
        error = sp_dwarf_file_open(&module->file, &module->debug, false);
    if (!error)
        error = open_units(module, id->path);
    if (error)
        close_module(module);
    else
        *out = module;
    return error;
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
        if (!sp_elf_image_vaddr(&module->image, addresses[i].file_offset, &want.vaddr))
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
    const char *name = sp_elf_symbols_at(&module->symbols, &module->image, address->file_offset);
    if (max == 0 || !name)
        return 0;
    frames[0] = (struct sp_named_frame){.system_name = name};
    return 1;
}

static const struct sp_symbol_batches batches = {make_plan, free_plan, new_room, free_room, find_chunk};

const struct sp_symbol_source sp_source_dwarf = {"dwarf", open_module, find_symbol, close_module, &batches};
