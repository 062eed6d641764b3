/*
 * Two sources of names: ELF symbol tables of files, and of the vDSO in our own memory.
 *
 * Place on the way of a sample: module_names.c → *these* → elf_image, elf_symbols.
 * Context: ordinary code; what is open does not change.
 */
#include "symbolize/elf_symbols.h"
#include "symbolize/symbol_source.h"

#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

struct elf_module {
    const struct sp_elf_image *image; /* the module's file, or `vdso` */
    struct sp_elf_image vdso;         /* closed, unless it is that */
    struct sp_elf_symbols symbols;
};

static void close_module(void *opaque)
{
    struct elf_module *module = opaque;
    sp_elf_symbols_done(&module->symbols);
    if (module->image == &module->vdso)
        sp_elf_image_close(&module->vdso);
    free(module);
}

/* Reads the symbols of the image; where there are none, closes and frees all. */
static int finish_open(struct elf_module *module, void **opened)
{
    int error = sp_elf_symbols_init(&module->symbols, module->image);
    if (error)
        close_module(module);
    else
        *opened = module;
    return error;
}

static int open_file(const struct sp_module *file, const struct sp_debug_places *places, void **opened)
{
    (void)places;
    if (!file->image)
        return file->error;
    struct elf_module *module = calloc(1, sizeof(*module));
    if (!module)
        return -ENOMEM;
    module->image = file->image;
    return finish_open(module, opened);
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
static int open_vdso(const struct sp_module *file, const struct sp_debug_places *places, void **opened)
{
    (void)places;
    uintptr_t base = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    if (strcmp(file->id.path, "[vdso]") != 0 || base == 0 || file->id.build_id[0] == '\0')
        return -ENOENT;
    struct elf_module *module = calloc(1, sizeof(*module));
    if (!module)
        return -ENOMEM;
    const char *bytes = (const char *)base;
    int error = sp_elf_image_open_memory(&module->vdso, bytes, vdso_size(bytes));
    if (error) {
        free(module);
        return error;
    }
    module->image = &module->vdso;
    if (!sp_elf_image_is(&module->vdso, file->id.build_id)) {
        close_module(module);
        return -ESTALE;
    }
    return finish_open(module, opened);
}

static uint32_t find_symbol(const void *opaque, const struct sp_module_address *address, struct sp_named_frame *frames,
                            uint32_t max)
{
    const struct elf_module *module = opaque;
    uint64_t vaddr;
    if (max == 0 || !sp_elf_image_vaddr(module->image, address->file_offset, &vaddr))
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
