/*
 * The first two sources of names: ELF symbol tables of files, and of the vDSO in our own memory.
 *
 * Place on the way of a sample: symbolize.c → *these* → elf_image, elf_symbols.
 * Context: ordinary code; a module by one thread at a time.
 */
#include "symbolize/debug_file.h"
#include "symbolize/elf_symbols.h"
#include "symbolize/symbol_source.h"

#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

struct elf_module {
    struct sp_elf_image image;
    struct sp_elf_symbols symbols;
};

static void close_module(void *opaque)
{
    struct elf_module *module = opaque;
    sp_elf_symbols_done(&module->symbols);
    sp_elf_image_close(&module->image);
    free(module);
}

/* Accepts an opened image if it is the right one and has symbols; else closes and frees all. */
static int finish_open(struct elf_module *module, const char *build_id, void **out)
{
    int error = sp_elf_image_is(&module->image, build_id) ? 0 : -ESTALE;
    if (!error)
        error = sp_elf_symbols_init(&module->symbols, &module->image);
    if (error)
        close_module(module);
    else
        *out = module;
    return error;
}

static int open_file(const struct sp_module_id *id, const struct sp_debug_places *places, void **out)
{
    if (!sp_module_is_file(id))
        return -ENOENT;
    struct elf_module *module = calloc(1, sizeof(*module));
    if (!module)
        return -ENOMEM;
    struct sp_image_place place;
    int error = sp_module_image_open(&module->image, &place, id, places);
    if (error) {
        free(module);
        return error;
    }
    return finish_open(module, id->build_id, out);
}

/* Bytes of the vDSO: the end of its last segment or of its section headers. The kernel made it, so it is trusted. */
static size_t vdso_size(const char *base)
{
    const ElfW(Ehdr) *header = (const void *)base;
    const ElfW(Phdr) *segments = (const void *)(base + header->e_phoff);
    size_t size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
    for (size_t i = 0; i < header->e_phnum; i++)
        if (segments[i].p_offset + segments[i].p_filesz > size)
            size = segments[i].p_offset + segments[i].p_filesz;
    return size;
}

/* The profile may come from another kernel: without equal build ids ours says nothing of it. */
static int open_vdso(const struct sp_module_id *id, const struct sp_debug_places *places, void **out)
{
    (void)places;
    uintptr_t base = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    if (strcmp(id->path, "[vdso]") != 0 || base == 0 || id->build_id[0] == '\0')
        return -ENOENT;
    struct elf_module *module = calloc(1, sizeof(*module));
    if (!module)
        return -ENOMEM;
    const char *bytes = (const char *)base;
    int error = sp_elf_image_open_memory(&module->image, bytes, vdso_size(bytes));
    if (error) {
        free(module);
        return error;
    }
    return finish_open(module, id->build_id, out);
}

static uint32_t find_symbol(const void *opaque, const struct sp_module_address *address, struct sp_named_frame *frames,
                            uint32_t max)
{
    const struct elf_module *module = opaque;
    uint64_t vaddr;
    if (max == 0 || !sp_elf_image_vaddr(&module->image, address->file_offset, &vaddr))
        return 0;
    const char *name = sp_elf_symbols_find(&module->symbols, vaddr);
    if (!name)
        return 0;
    /* Go's linker keeps names as they were written: main.cold is the function `cold` there, and in C a part of `main`.
     */
    const bool is_plain = sp_elf_symbols_are_go(&module->symbols, vaddr);
    frames[0] = (struct sp_named_frame){.system_name = name, .name = is_plain ? name : NULL};
    return 1;
}

const struct sp_symbol_source sp_source_elf = {"elf", open_file, find_symbol, close_module, NULL};
const struct sp_symbol_source sp_source_vdso = {"vdso", open_vdso, find_symbol, close_module, NULL};
