/* Which loaded object an address is in; see object.h for place and context. */
#include "handler/object.h"

#include <dlfcn.h>
#include <elf.h>

#include "handler/table_reader.h"

#include "handler/poison.h"

enum { PROGRAM_HEADERS_LIMIT = 64 /* less than a page of them */, HEADER_WORDS = 3 };

static _Atomic uint64_t changes;
static const struct sp_object_list *_Atomic listed;

uint64_t sp_objects_changed(void)
{
    return sp_add_seq_cst(&changes, (uint64_t)1) + 1;
}

uint64_t sp_objects_epoch(void)
{
    return sp_load_acquire(&changes);
}

const struct sp_object_list *sp_objects_publish(const struct sp_object_list *list)
{
    return sp_exchange_seq_cst(&listed, list);
}

/* What is known of an object before its tables are looked at. */
struct found {
    uintptr_t low, high;
    struct sp_tables tables; /* low 0: where the header can be read is not known */
    uintptr_t link_map;      /* the dynamic linker's name for it, or 0 */
};

/*
 * How many of n entries begin at or below `address`: the last of these is the only one that can hold it. Entries are
 * sorted, `stride` bytes apart, and begin with the address `low`.
 */
static inline uint32_t count_up_to(const void *entries, uint32_t n, size_t stride, uintptr_t address)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (*(const uintptr_t *)(const void *)((const char *)entries + middle * stride) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

_Static_assert(offsetof(struct sp_listed_object, low) == 0 && offsetof(struct sp_object, low) == 0, "count_up_to");

static bool find_listed(uintptr_t address, struct found *found)
{
    const struct sp_object_list *list = sp_load_acquire(&listed);
    if (list == NULL)
        return false;
    const uint32_t n = count_up_to(list->at, list->n, sizeof list->at[0], address);
    if (n == 0 || address >= list->at[n - 1].high)
        return false;
    const struct sp_listed_object *at = &list->at[n - 1];
    *found = (struct found){.low = at->low, .high = at->high, .tables = at->tables};
    return true;
}

#ifdef DLFO_STRUCT_HAS_EH_DBASE /* the C library has _dl_find_object; at run time an older one may be there */
#pragma weak _dl_find_object

/* About 4 ns, async-signal-safe (glibc manual, "Dynamic Linker Introspection"). */
static bool find_told(uintptr_t address, struct found *found)
{
    struct dl_find_object told;
    if (_dl_find_object == NULL || _dl_find_object((void *)address, &told) != 0)
        return false;
    *found = (struct found){.low = (uintptr_t)told.dlfo_map_start,
                            .high = (uintptr_t)told.dlfo_map_end,
                            .tables = {.header = (uintptr_t)told.dlfo_eh_frame},
                            .link_map = (uintptr_t)told.dlfo_link_map};
    return true;
}
#else
static bool find_told(uintptr_t address, struct found *found)
{
    (void)address;
    (void)found;
    return false;
}
#endif

static bool has_header_inside(const struct found *found)
{
    return found->tables.header >= found->low && found->tables.header < found->high;
}

bool sp_objects_are_told(uintptr_t address)
{
    struct found found;
    return find_told(address, &found) && has_header_inside(&found);
}

/* Of an object whose tables are not told, the list may know more. */
static bool find_loaded(uintptr_t address, struct found *found)
{
    const bool is_told = find_told(address, found);
    return (is_told && has_header_inside(found)) || find_listed(address, found) || is_told;
}

/*
 * Hashing is by sums of products with odd numbers, which do not wait for one another, and one finish: handlers do this
 * for each object of each stack.
 */
static const uint64_t odd[] = {0x9e3779b97f4a7c15u, 0xff51afd7ed558ccdu, 0xc4ceb9fe1a85ec53u, 0xd6e8feb86659fd93u};

static uint64_t finish(uint64_t sum)
{
    sum = (sum ^ sum >> 32) * odd[1];
    return sum ^ sum >> 29;
}

enum { PART_UNIT = 16 };

/*
 * The readable part of the object that holds its .eh_frame_hdr, by the program headers at its beginning. A header that
 * lies elsewhere is not believed: the object may be made so that a load from there would fault. What is mapped are
 * whole pages, and so the part begins with one; it ends with a unit, as it is remembered below.
 */
static bool find_part(const struct found *found, struct sp_loader *loader, struct sp_tables *tables)
{
    if (!sp_can_load(loader, found->low, sizeof(Elf64_Ehdr)))
        return false;
    const volatile Elf64_Ehdr *elf = (const volatile Elf64_Ehdr *)found->low;
    const uint64_t at = elf->e_phoff, bytes = (uint64_t)elf->e_phnum * sizeof(Elf64_Phdr);
    if (elf->e_ident[EI_MAG0] != ELFMAG0 || elf->e_ident[EI_MAG1] != ELFMAG1 || elf->e_ident[EI_MAG2] != ELFMAG2 ||
        elf->e_ident[EI_MAG3] != ELFMAG3 || elf->e_ident[EI_CLASS] != ELFCLASS64 || at % SP_WORD != 0 ||
        elf->e_phnum == 0 || elf->e_phnum > PROGRAM_HEADERS_LIMIT || bytes > found->high - found->low ||
        at > found->high - found->low - bytes || !sp_can_load(loader, found->low + at, sizeof(Elf64_Phdr)) ||
        !sp_can_load(loader, found->low + at + bytes - sizeof(Elf64_Phdr), sizeof(Elf64_Phdr)))
        return false;
    const volatile Elf64_Phdr *parts = (const volatile Elf64_Phdr *)(found->low + at);
    uintptr_t base = 0;
    bool has_base = false;
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        if (parts[i].p_type != PT_LOAD)
            continue;
        if (!has_base)
            base = found->low - (parts[i].p_vaddr & ~(uint64_t)(SP_PAGE - 1));
        has_base = true;
        const uintptr_t low = base + parts[i].p_vaddr, high = low + parts[i].p_filesz;
        const uintptr_t header = found->tables.header;
        if (header >= low && header < high && low >= found->low && high <= found->high &&
            (parts[i].p_flags & PF_R) != 0) {
            *tables = (struct sp_tables){.low = low & ~(uintptr_t)(SP_PAGE - 1),
                                         .high = (high + PART_UNIT - 1) & ~(uintptr_t)(PART_UNIT - 1),
                                         .header = header};
            return true;
        }
    }
    return false;
}

/*
 * A found part in one word, so that handlers can share it: the number of pages from the object's beginning to the part
 * (20 bits), its units (24 bits), and a tag (20 bits) of the object. 0: nothing.
 */
enum { PART_PAGES_BITS = 20, PART_UNITS_BITS = 24, PART_TAG_SHIFT = PART_PAGES_BITS + PART_UNITS_BITS };

static bool recall_part(const struct sp_unwind_memory *memory, const struct found *found, uint64_t hash,
                        struct sp_tables *tables)
{
    const uint64_t part = sp_load_relaxed(&memory->parts[hash % SP_PARTS]);
    if (part == 0 || part >> PART_TAG_SHIFT != hash >> PART_TAG_SHIFT)
        return false;
    const uintptr_t low = found->low + (uintptr_t)(part & ((1u << PART_PAGES_BITS) - 1)) * SP_PAGE;
    const uintptr_t high = low + (uintptr_t)(part >> PART_PAGES_BITS & ((1u << PART_UNITS_BITS) - 1)) * PART_UNIT;
    const uintptr_t header = found->tables.header;
    if (high > ((found->high + PART_UNIT - 1) & ~(uintptr_t)(PART_UNIT - 1)) || header < low || header >= high)
        return false;
    *tables = (struct sp_tables){.low = low, .high = high, .header = header};
    return true;
}

static void keep_part(struct sp_unwind_memory *memory, const struct found *found, uint64_t hash,
                      const struct sp_tables *tables)
{
    const uint64_t pages = (tables->low - found->low) / SP_PAGE, units = (tables->high - tables->low) / PART_UNIT;
    if (pages >> PART_PAGES_BITS == 0 && units >> PART_UNITS_BITS == 0)
        sp_store_relaxed(&memory->parts[hash % SP_PARTS],
                         hash >> PART_TAG_SHIFT << PART_TAG_SHIFT | units << PART_PAGES_BITS | pages);
}

/* Where the tables can be read: as listed, as remembered, or by the program headers. False: nowhere. */
static bool find_tables(const struct found *found, uint64_t hash, struct sp_unwind_memory *memory,
                        struct sp_loader *loader, struct sp_tables *tables)
{
    if (found->tables.low != 0) { /* a list may be older than the last dlclose */
        const uintptr_t header = found->tables.header;
        if (header != 0 && !sp_can_load(loader, header, HEADER_WORDS * sizeof(uint64_t)))
            return false;
        *tables = found->tables;
        return header != 0;
    }
    if (!has_header_inside(found))
        return false;
    if (memory != NULL && recall_part(memory, found, hash, tables))
        return true;
    if (!find_part(found, loader, tables))
        return false;
    if (memory != NULL)
        keep_part(memory, found, hash, tables);
    return true;
}

/* Objects that are never unloaded, sorted by address. Written before handlers walk. */
static struct sp_object lasting[SP_LASTING_OBJECTS];
static _Atomic uint32_t n_lasting;

static bool find_lasting(uintptr_t address, struct sp_object *object)
{
    const uint32_t n = count_up_to(lasting, sp_load_acquire(&n_lasting), sizeof lasting[0], address);
    if (n == 0 || !sp_object_has(&lasting[n - 1], address))
        return false;
    *object = lasting[n - 1];
    return true;
}

void sp_objects_keep(uintptr_t address)
{
    struct sp_loader loader = sp_loader_new(0, 0);
    struct sp_object object;
    const uint32_t n = sp_load_relaxed(&n_lasting);
    if (n == SP_LASTING_OBJECTS || find_lasting(address, &object) || !sp_object_find(address, NULL, &loader, &object))
        return;
    uint32_t at = n;
    for (; at > 0 && lasting[at - 1].low > object.low; at--)
        lasting[at] = lasting[at - 1];
    lasting[at] = object;
    sp_store_release(&n_lasting, n + 1);
}

bool sp_object_find(uintptr_t address, struct sp_unwind_memory *memory, struct sp_loader *loader,
                    struct sp_object *object)
{
    struct found found;
    if (find_lasting(address, object))
        return true;
    if (!find_loaded(address, &found))
        return false;
    const uint64_t hash = finish(found.low * odd[0] + found.high * odd[1] + found.tables.header * odd[2] +
                                 found.link_map * odd[3] + (sp_load_relaxed(&changes) << 48));
    object->low = found.low;
    object->high = found.high;
    object->tables = (struct sp_tables){.low = 0};
    object->identity = hash;
    if (!find_tables(&found, hash, memory, loader, &object->tables))
        return true;
    struct sp_table_reader reader = {object->tables.header, object->tables.high, false};
    uint64_t sum = hash;
    for (unsigned i = 0; i < HEADER_WORDS; i++)
        sum += sp_table_u64(&reader) * odd[i];
    object->identity = finish(sum);
    return true;
}
