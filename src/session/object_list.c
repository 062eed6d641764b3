/* Lists the loaded objects; see object_list.h for place and context. */
#include "session/object_list.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handler/entry.h"
#include "handler/object.h"

enum { OBJECTS_MARGIN = 8, SECTIONS_LIMIT = 256, NAME_BYTES = 16, PAGE = 4096 };

/* A list in memory of its own, which a handler may still read for a while after it has been replaced. */
struct published {
    struct published *older;
    size_t bytes;
    struct sp_object_list list;
};

/* What is being made: with room for `limit` objects. */
struct making {
    struct sp_object_list *list;
    uint32_t limit, seen;
    uint64_t adds, subs;
};

static _Atomic uint32_t is_busy;
static struct published *current, *retired; /* by who is busy */
static uint64_t listed_adds, listed_subs;

/* An object's place in memory and that of its tables, out of its program headers. */
static struct sp_listed_object describe(const struct dl_phdr_info *info)
{
    struct sp_listed_object object = {.low = UINTPTR_MAX};
    const uintptr_t base = info->dlpi_addr;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const uintptr_t low = base + part->p_vaddr, high = low + part->p_memsz;
        if (part->p_type == PT_GNU_EH_FRAME)
            object.tables.header = low;
        if (part->p_type != PT_LOAD)
            continue;
        object.low = low < object.low ? low : object.low;
        object.high = high > object.high ? high : object.high;
    }
    object.low &= ~(uintptr_t)(PAGE - 1);
    return object;
}

/* The readable part that holds `address`: its bounds become those of the tables. False: there is none. */
static bool bound_tables(const struct dl_phdr_info *info, uintptr_t address, struct sp_tables *tables)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const uintptr_t low = info->dlpi_addr + part->p_vaddr, high = low + part->p_filesz;
        if (part->p_type == PT_LOAD && (part->p_flags & PF_R) != 0 && address >= low && address < high) {
            tables->low = low;
            tables->high = high;
            return true;
        }
    }
    return false;
}

static bool read_at(int fd, void *bytes, size_t n, uint64_t at)
{
    return pread(fd, bytes, n, (off_t)at) == (ssize_t)n;
}

/* The address of a file's .eh_frame as it was linked, by its section headers; 0: it has none. */
static uint64_t find_frames_section(int fd)
{
    ElfW(Ehdr) elf;
    ElfW(Shdr) names, section;
    if (!read_at(fd, &elf, sizeof elf, 0) || elf.e_shentsize != sizeof section || elf.e_shnum > SECTIONS_LIMIT ||
        !read_at(fd, &names, sizeof names, elf.e_shoff + (uint64_t)elf.e_shstrndx * sizeof names))
        return 0;
    for (uint64_t i = 0; i < elf.e_shnum; i++) {
        char name[NAME_BYTES] = "";
        if (!read_at(fd, &section, sizeof section, elf.e_shoff + i * sizeof section))
            return 0;
        if ((section.sh_flags & SHF_ALLOC) != 0 && section.sh_type != SHT_NOBITS &&
            read_at(fd, name, sizeof ".eh_frame", names.sh_offset + section.sh_name) && strcmp(name, ".eh_frame") == 0)
            return section.sh_addr;
    }
    return 0;
}

/* Static programs are often linked without .eh_frame_hdr, but have .eh_frame: where, only the file tells. */
static uintptr_t frames_of_program(const struct dl_phdr_info *info)
{
    const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const uint64_t linked_at = find_frames_section(fd);
    close(fd);
    return linked_at == 0 ? 0 : info->dlpi_addr + (uintptr_t)linked_at;
}

static void insert(struct sp_object_list *list, const struct sp_listed_object *object)
{
    uint32_t at = list->n++;
    for (; at > 0 && list->at[at - 1].low > object->low; at--)
        list->at[at] = list->at[at - 1];
    list->at[at] = *object;
}

static int add_object(struct dl_phdr_info *info, size_t bytes, void *user)
{
    struct making *making = user;
    (void)bytes;
    making->adds = info->dlpi_adds;
    making->subs = info->dlpi_subs;
    const bool is_program = making->seen++ == 0;
    if (making->list == NULL || making->list->n == making->limit)
        return 0;
    struct sp_listed_object object = describe(info);
    struct sp_tables *tables = &object.tables;
    if (tables->header == 0 && is_program)
        tables->frames = frames_of_program(info);
    const uintptr_t place = tables->header != 0 ? tables->header : tables->frames;
    if (place == 0 || !bound_tables(info, place, tables))
        *tables = (struct sp_tables){0};
    if (object.low < object.high)
        insert(making->list, &object);
    return 0;
}

/* The vDSO, which static programs of some C libraries do not tell of. */
static void add_vdso(struct making *making)
{
    const uintptr_t at = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)at;
    for (uint32_t i = 0; i < making->list->n; i++)
        if (at >= making->list->at[i].low && at < making->list->at[i].high)
            return;
    if (at == 0)
        return;
    struct dl_phdr_info info = {.dlpi_phdr = (const ElfW(Phdr) *)(at + elf->e_phoff), .dlpi_phnum = elf->e_phnum};
    info.dlpi_addr = at;
    info.dlpi_adds = making->adds;
    info.dlpi_subs = making->subs;
    for (unsigned i = 0; i < info.dlpi_phnum; i++)
        if (info.dlpi_phdr[i].p_type == PT_LOAD && info.dlpi_phdr[i].p_offset == 0)
            info.dlpi_addr = at - info.dlpi_phdr[i].p_vaddr;
    add_object(&info, sizeof info, making);
}

/* Lists that were replaced go once each handler that may have begun before has ended. */
static void free_retired(void)
{
    if (sp_handler_inside() != 0)
        return;
    while (retired != NULL) {
        struct published *older = retired->older;
        munmap(retired, retired->bytes);
        retired = older;
    }
}

static int publish_if_changed(void)
{
    struct making making = {0};
    free_retired();
    dl_iterate_phdr(add_object, &making);
    if (current != NULL && making.adds == listed_adds && making.subs == listed_subs)
        return 0;
    const uint32_t limit = making.seen + OBJECTS_MARGIN;
    const size_t bytes = sizeof *current + limit * sizeof current->list.at[0];
    struct published *made =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (made == MAP_FAILED)
        return -ENOMEM;
    made->bytes = bytes;
    making = (struct making){.list = &made->list, .limit = limit};
    dl_iterate_phdr(add_object, &making);
    add_vdso(&making);
    sp_objects_publish(&made->list);
    if (current != NULL) {
        current->older = retired;
        retired = current;
    }
    current = made;
    listed_adds = making.adds;
    listed_subs = making.subs;
    return 0;
}

int sp_object_list_publish(void)
{
    if (sp_exchange_acquire(&is_busy, 1u) != 0)
        return 0; /* somebody is at it */
    const int error = publish_if_changed();
    sp_store_release(&is_busy, 0u);
    return error;
}

/* Whether the C library does not tell of some code of this object's, or does not tell of its tables. */
static int find_untold(struct dl_phdr_info *info, size_t bytes, void *is_found)
{
    (void)bytes;
    for (unsigned i = 0; i < info->dlpi_phnum && !*(bool *)is_found; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X) != 0)
            *(bool *)is_found = !sp_objects_are_told(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return *(bool *)is_found;
}

int sp_object_list_refresh(void)
{
    static _Atomic bool has_list; /* once there is one, it is kept up to date */
    bool is_needed = sp_load_relaxed(&has_list);
    if (!is_needed)
        dl_iterate_phdr(find_untold, &is_needed);
    sp_store_relaxed(&has_list, is_needed);
    return is_needed ? sp_object_list_publish() : 0;
}

/* Tells of an object's code that it stays; stops behind the dynamic linker. */
static int keep_object(struct dl_phdr_info *info, size_t bytes, void *user)
{
    const uintptr_t linker = (uintptr_t)getauxval(AT_BASE);
    bool is_linker = false;
    (void)bytes;
    (void)user;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const uintptr_t at = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0)
            sp_objects_keep(at);
        is_linker |= part->p_type == PT_LOAD && linker != 0 && linker - (at & ~(uintptr_t)(PAGE - 1)) < part->p_memsz;
    }
    return is_linker;
}

void sp_object_list_keep(void)
{
    dl_iterate_phdr(keep_object, NULL);
}
