/* See entries.h. */
#include "entries.h"

#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "own_reader.h"

/* The encoding of addresses in a CIE's FDEs; -1: its augmentation is not understood. */
static int address_encoding(const Dwarf_CIE *cie)
{
    if (*cie->augmentation != 'z')
        return *cie->augmentation == '\0' ? DW_EH_PE_absptr : -1;
    struct own_reader reader = {cie->augmentation_data, cie->augmentation_data + cie->augmentation_data_size, false};
    int encoding = DW_EH_PE_absptr;
    for (const char *letter = cie->augmentation + 1; *letter != '\0'; letter++) {
        if (*letter == 'R')
            encoding = (int)own_read(&reader, 1);
        else if (*letter == 'L')
            own_read(&reader, 1);
        else if (*letter == 'P')
            own_read_encoded(&reader, (uint8_t)own_read(&reader, 1) & 0x0f, 0);
        else if (*letter != 'S' && *letter != 'B')
            return -1;
    }
    return reader.failed ? -1 : encoding;
}

static int add(struct entry_list *list, uintptr_t begin, uintptr_t end)
{
    if (begin >= end) {
        list->empty++;
        return 0;
    }
    if (list->n == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 256 : 2 * list->capacity;
        struct entry_range *const ranges = realloc(list->ranges, capacity * sizeof *ranges);
        if (ranges == NULL)
            return -1;
        list->ranges = ranges;
        list->capacity = capacity;
    }
    list->ranges[list->n++] = (struct entry_range){.begin = begin, .end = end};
    return 0;
}

/* What the CIE at `offset` says of its FDEs' addresses; the last one is remembered, as most FDEs follow theirs. */
struct last_cie {
    Dwarf_Off offset;
    int encoding;
};

static int encoding_of(struct last_cie *last, const unsigned char *ident, Elf_Data *data, Dwarf_Off offset)
{
    Dwarf_Off next;
    Dwarf_CFI_Entry entry;
    if (last->offset == offset)
        return last->encoding;
    last->offset = offset;
    last->encoding = -1;
    if (dwarf_next_cfi(ident, data, true, offset, &next, &entry) == 0 && dwarf_cfi_cie_p(&entry))
        last->encoding = address_encoding(&entry.cie);
    return last->encoding;
}

static int add_entry(struct entry_list *list, const Dwarf_FDE *fde, int encoding)
{
    struct own_reader reader = {fde->start, fde->end, encoding < 0};
    const uint64_t begin = own_read_encoded(&reader, (uint8_t)encoding, 0);
    const uint64_t bytes = own_read_encoded(&reader, (uint8_t)encoding & 0x0f, 0);
    if (!reader.failed)
        return add(list, (uintptr_t)begin, (uintptr_t)(begin + bytes));
    list->unreadable++;
    return 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct entry_range *const left = a, *const right = b;
    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    return (left->end > right->end) - (left->end < right->end);
}

static void mark_shared(struct entry_list *list)
{
    size_t reaching = 0; /* of those so far, the one that reaches farthest */
    for (size_t i = 1; i < list->n; i++) {
        if (list->ranges[i].begin < list->ranges[reaching].end)
            list->ranges[i].is_shared = list->ranges[reaching].is_shared = true;
        if (list->ranges[i].end > list->ranges[reaching].end)
            reaching = i;
    }
}

int entry_list_read(struct entry_list *list, const struct loaded_image *image)
{
    *list = (struct entry_list){0};
    char *const frames = image->at + (image->frames - (uintptr_t)image->at);
    Elf_Data data = {.d_buf = frames, .d_size = image->frames_end - image->frames, .d_type = ELF_T_BYTE};
    const unsigned char *const ident = (const unsigned char *)elf_getident(image->elf, NULL);
    struct last_cie last = {.offset = (Dwarf_Off)-1};
    Dwarf_CFI_Entry entry;
    for (Dwarf_Off at = 0, next = 0; at + 4 <= data.d_size; at = next) {
        const int result = dwarf_next_cfi(ident, &data, true, at, &next, &entry);
        if (result == 1 && !image->has_sections) /* what stands behind is something else */
            break;
        else if (result == 1) /* a terminator in the middle: the table may lead to what stands behind */
            next = at + 4;
        else if (result < 0 || next <= at) {
            list->unreadable++;
            break;
        } else if (!dwarf_cfi_cie_p(&entry) &&
                   add_entry(list, &entry.fde, encoding_of(&last, ident, &data, entry.fde.CIE_pointer)) != 0)
            return -1;
    }
    if (list->n > 1)
        qsort(list->ranges, list->n, sizeof *list->ranges, compare_ranges);
    mark_shared(list);
    return 0;
}

void entry_list_done(struct entry_list *list)
{
    free(list->ranges);
    *list = (struct entry_list){0};
}
