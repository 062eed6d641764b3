/*
 * Our reading of unwind tables against libdw's: for every row of every FDE of ELF files, the same CFA, the same rule
 * for each register, expressions byte for byte, the return address's column, the mark of signal frames and the
 * addresses that the FDE covers; and between FDEs, nothing.
 *
 * usage: check_tables [--every-byte] [--without-index] [--quiet] FILE...
 *   FILE            an ELF file, or "vdso"; others are counted and passed over
 *   --every-byte    asks us at each byte of a row, not only at its first and last
 *   --without-index takes the search table away, so that FDEs have to be looked for one after another
 *   --quiet         no line for a file without differences
 *
 * Prints the first differences of each file, a line of counts per file, and one of their sum, as "NAME=NUMBER ...".
 * Exits with 1 when there were differences.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entries.h"
#include "loaded_image.h"
#include "rules.h"

enum { DIFFERENCES_SHOWN = 10 };

struct totals {
    uint64_t files[IMAGE_STATUSES];
    uint64_t entries, empty, unreadable;
    uint64_t unlisted; /* FDEs that libdw does not find either: not in the table, as those of code left out */
    uint64_t rows, addresses, gaps;
    struct rule_counts compared;
    uint64_t refused; /* rows whose instructions libdw refuses; so should we */
    uint64_t differences;
};

/* One file on its way. */
struct check {
    const char *path;
    struct loaded_image image;
    Dwarf_CFI *cfi;
    struct totals totals;
    bool every_byte, without_index;
};

static void differ(struct check *check, uintptr_t pc, const char *what)
{
    if (check->totals.differences++ < DIFFERENCES_SHOWN)
        printf("%s: at 0x%" PRIxPTR ": %s\n", check->path, pc - check->image.base, what);
}

static const char *status_name(enum sp_cfi_status status)
{
    return status == SP_CFI_FOUND ? "found" : status == SP_CFI_NONE ? "none" : "malformed";
}

/* Our row at `pc`, against libdw's. */
static void check_address(struct check *check, const struct entry_range *entry, Dwarf_Frame *frame, uintptr_t pc)
{
    char difference[DIFFERENCE_BYTES];
    struct sp_cfi_row row;
    check->totals.addresses++;
    const enum sp_cfi_status status = sp_cfi_find(&check->image.tables, pc, &row);
    if (status != SP_CFI_FOUND) {
        snprintf(difference, sizeof difference, "a row for libdw, ours: %s", status_name(status));
        differ(check, pc, difference);
    } else if (!entry->is_shared && (row.begin != entry->begin || row.end != entry->end)) {
        snprintf(difference, sizeof difference,
                 "ours is [%#" PRIxPTR ", %#" PRIxPTR "), not [%#" PRIxPTR ", %#" PRIxPTR ")",
                 row.begin - check->image.base, row.end - check->image.base, entry->begin - check->image.base,
                 entry->end - check->image.base);
        differ(check, pc, difference);
    } else if (!rules_equal(&check->image.tables, &row, frame, &check->totals.compared, difference))
        differ(check, pc, difference);
}

/* The row at `pc`. Returns the address behind it. */
static uintptr_t check_row(struct check *check, const struct entry_range *entry, uintptr_t pc)
{
    Dwarf_Frame *frame = NULL;
    Dwarf_Addr row_end = 0;
    struct sp_cfi_row row;
    if (dwarf_cfi_addrframe(check->cfi, pc - check->image.base, &frame) != 0) {
        const bool is_unlisted = dwarf_errno() == 0 || strstr(dwarf_errmsg(-1), "no matching address") != NULL;
        *(is_unlisted ? &check->totals.unlisted : &check->totals.refused) += 1;
        if (sp_cfi_find(&check->image.tables, pc, &row) == SP_CFI_FOUND)
            differ(check, pc, is_unlisted ? "ours has a row, libdw has none" : "ours has a row, libdw refuses it");
        return entry->end;
    }
    dwarf_frame_info(frame, NULL, &row_end, NULL);
    uintptr_t end = (uintptr_t)row_end + check->image.base;
    end = end <= pc || end > entry->end ? entry->end : end;
    check->totals.rows++;
    check_address(check, entry, frame, pc);
    for (uintptr_t inside = pc + 1; check->every_byte && inside + 1 < end; inside++)
        check_address(check, entry, frame, inside);
    if (end - pc > 1)
        check_address(check, entry, frame, end - 1);
    free(frame);
    return end;
}

static void check_gap(struct check *check, uintptr_t begin, uintptr_t end)
{
    struct sp_cfi_row row;
    if (begin >= end)
        return;
    check->totals.gaps++;
    const uintptr_t places[] = {begin, begin + (end - begin) / 2, end - 1};
    for (unsigned i = 0; i < 3; i++)
        if (sp_cfi_find(&check->image.tables, places[i], &row) != SP_CFI_NONE)
            differ(check, places[i], "no FDE covers this, ours does not say so");
}

static void check_entries(struct check *check, const struct entry_list *list)
{
    uintptr_t reached = list->n > 0 ? list->ranges[0].begin - 1 : 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct entry_range *const entry = &list->ranges[i];
        check_gap(check, reached, entry->begin);
        for (uintptr_t pc = entry->begin; pc < entry->end;)
            pc = check_row(check, entry, pc);
        reached = entry->end > reached ? entry->end : reached;
    }
    check_gap(check, reached, reached + 1);
    check->totals.entries += list->n;
    check->totals.empty += list->empty;
    check->totals.unreadable += list->unreadable;
}

static void check_file(struct check *check)
{
    struct entry_list list;
    const enum image_status status = loaded_image_load(&check->image, check->path);
    check->totals.files[status]++;
    if (status != IMAGE_READY)
        return;
    if (check->without_index)
        loaded_image_drop_index(&check->image);
    check->cfi = dwarf_getcfi_elf(check->image.elf);
    if (check->cfi == NULL)
        differ(check, check->image.tables.header, dwarf_errmsg(-1));
    else if (entry_list_read(&list, &check->image) != 0)
        differ(check, check->image.tables.header, "out of memory");
    else {
        check_entries(check, &list);
        entry_list_done(&list);
    }
    if (check->cfi != NULL)
        dwarf_cfi_end(check->cfi);
    loaded_image_done(&check->image);
}

static void print_totals(const char *name, const struct totals *totals)
{
    const struct {
        const char *name;
        uint64_t value;
    } columns[] = {
        {"files", totals->files[IMAGE_READY]},
        {"not_elf", totals->files[IMAGE_NOT_ELF]},
        {"not_loaded", totals->files[IMAGE_NOT_LOADED]},
        {"other_cpu", totals->files[IMAGE_OTHER_CPU]},
        {"no_header", totals->files[IMAGE_NO_HEADER]},
        {"no_contents", totals->files[IMAGE_NO_CONTENTS]},
        {"split", totals->files[IMAGE_SPLIT]},
        {"fdes", totals->entries},
        {"empty", totals->empty},
        {"unreadable", totals->unreadable},
        {"unlisted", totals->unlisted},
        {"rows", totals->rows},
        {"addresses", totals->addresses},
        {"gaps", totals->gaps},
        {"rules", totals->compared.rules},
        {"expressions", totals->compared.expressions},
        {"unknown", totals->compared.unknown},
        {"refused", totals->refused},
        {"differences", totals->differences},
    };
    printf("%s:", name);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        printf(" %s=%" PRIu64, columns[i].name, columns[i].value);
    printf("\n");
}

/* Totals are nothing but counters. */
static void add_totals(struct totals *sum, const struct totals *totals)
{
    uint64_t *const to = (uint64_t *)(void *)sum;
    const uint64_t *const from = (const uint64_t *)(const void *)totals;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

int main(int argc, char **argv)
{
    struct totals sum = {0};
    bool every_byte = false, without_index = false, quiet = false;
    elf_version(EV_CURRENT);
    for (int i = 1; i < argc; i++) {
        every_byte = every_byte || strcmp(argv[i], "--every-byte") == 0;
        without_index = without_index || strcmp(argv[i], "--without-index") == 0;
        quiet = quiet || strcmp(argv[i], "--quiet") == 0;
        if (strncmp(argv[i], "--", 2) == 0)
            continue;
        struct check check = {.path = argv[i], .every_byte = every_byte, .without_index = without_index};
        check_file(&check);
        if (check.totals.differences > 0 || !quiet)
            print_totals(argv[i], &check.totals);
        fflush(stdout);
        add_totals(&sum, &check.totals);
    }
    print_totals("sum", &sum);
    return sum.differences != 0;
}
