/* See inexact.h. */
#include "inexact.h"

#include <string.h>

/* Where `address` is mapped. The first mapping of a file's is where it was loaded. */
static struct place place_of(const struct tracee *tracee, uint64_t address)
{
    struct place place = {"", address};
    char path[64], line[512], name[INEXACT_NAME], loaded[INEXACT_NAME] = "";
    uint64_t low, high, base = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)tracee->pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        name[0] = '\0';
        sscanf(line, "%lx-%lx %*s %*s %*s %*s %255s", &low, &high, name);
        if (strcmp(name, loaded) != 0 || name[0] == '\0') {
            base = low;
            memcpy(loaded, name, sizeof loaded);
        }
        if (address < low || address >= high)
            continue;
        memcpy(place.file, name, sizeof place.file);
        place.offset = address - base;
        break;
    }
    if (file != NULL)
        fclose(file);
    return place;
}

static uint32_t first_difference(const struct oracle_walk *walk, const struct true_frame *wanted, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && i < walk->depth && walk->pcs[i] == wanted[i].value)
        i++;
    return i;
}

/* The registers of the frame whose return address stood at `slot` (0: the leaf): that one's sp is behind the slot. */
static void fill_registers(struct inexact *place, const struct user_regs_struct *from, uint64_t slot)
{
    const uint64_t leaf[INEXACT_REGISTERS] = {from->rax, from->rdx, from->rcx, from->rbx, from->rsi, from->rdi,
                                              from->rbp, from->rsp, from->r8,  from->r9,  from->r10, from->r11,
                                              from->r12, from->r13, from->r14, from->r15};
    if (slot == 0)
        memcpy(place->registers, leaf, sizeof leaf);
    else
        place->registers[7] = slot + sizeof slot;
}

/* Whether what stood in the slot has been changed since, to return elsewhere. A signal's has the pc, less one. */
static bool is_overwritten(const struct tracee *tracee, const struct true_frame *frame)
{
    const uint64_t word = tracee_word(tracee, frame->slot);
    return word != frame->value && word + 1 != frame->value;
}

static void fill(struct inexact *place, const struct tracee *tracee, enum oracle_way way,
                 const struct true_frame *wanted, uint32_t n)
{
    const struct oracle_walk *walk = &tracee->block->walks[way];
    const uint32_t wrong = first_difference(walk, wanted, n);
    *place = (struct inexact){.pc = wanted[0].value, .way = way, .end = walk->end, .depth = n, .first_wrong = wrong};
    for (uint32_t i = 0; i < INEXACT_NEAR && i < n; i++)
        place->wanted[i] = place_of(tracee, wanted[i].value);
    for (uint32_t i = 0; i < INEXACT_NEAR && i < walk->depth; i++)
        place->found[i] = place_of(tracee, walk->pcs[i]);
    if (wrong < n) {
        place->wanted_word = place_of(tracee, wanted[wrong].value);
        place->slot = wanted[wrong].slot;
        place->is_overwritten = is_overwritten(tracee, &wanted[wrong]);
    }
    if (wrong < walk->depth)
        place->found_word = place_of(tracee, walk->pcs[wrong]);
    if (wrong > 0) {
        place->caller = place_of(tracee, wanted[wrong - 1].value);
        fill_registers(place, &tracee->registers, wanted[wrong - 1].slot);
    }
    place->code_bytes = tracee->block->code_bytes;
    memcpy(place->code, tracee->block->code, sizeof place->code);
}

void inexact_add(struct inexact_table *table, const struct tracee *tracee, enum oracle_way way,
                 const struct true_frame *wanted, uint32_t n)
{
    uint32_t i = 0;
    while (i < table->n && (table->places[i].pc != wanted[0].value || table->places[i].way != way))
        i++;
    if (i == INEXACT_PLACES) {
        table->others++;
        return;
    }
    if (i == table->n) {
        table->n++;
        fill(&table->places[i], tracee, way, wanted, n);
    }
    table->places[i].count++;
}

static void print_place(const struct place *place, FILE *out)
{
    fprintf(out, "[\"%s\", %lu]", place->file, place->offset);
}

static void print_places(const struct place *places, uint64_t n, FILE *out)
{
    fputc('[', out);
    for (uint64_t i = 0; i < n && i < INEXACT_NEAR; i++) {
        fputs(i > 0 ? ", " : "", out);
        print_place(&places[i], out);
    }
    fputc(']', out);
}

static void print_named(const char *name, const struct place *place, FILE *out)
{
    fprintf(out, ", \"%s\": ", name);
    print_place(place, out);
}

static void print_one(const struct inexact *place, FILE *out)
{
    fprintf(out, "{\"count\": %lu, \"way\": %u, \"end\": %u, \"depth\": %u, \"first_wrong\": %u, \"code\": \"",
            place->count, place->way, place->end, place->depth, place->first_wrong);
    for (uint32_t i = 0; i < place->code_bytes; i++)
        fprintf(out, "%02x", place->code[i]);
    fputs("\", \"wanted\": ", out);
    print_places(place->wanted, place->depth, out);
    fputs(", \"found\": ", out);
    print_places(place->found, INEXACT_NEAR, out);
    print_named("wanted_word", &place->wanted_word, out);
    print_named("found_word", &place->found_word, out);
    print_named("caller", &place->caller, out);
    fprintf(out, ", \"slot\": %lu, \"is_overwritten\": %s, \"registers\": [", place->slot,
            place->is_overwritten ? "true" : "false");
    for (uint32_t i = 0; i < INEXACT_REGISTERS; i++)
        fprintf(out, "%s%lu", i > 0 ? ", " : "", place->registers[i]);
    fputs("]}", out);
}

void inexact_print(const struct inexact_table *table, FILE *out)
{
    fputc('[', out);
    for (uint32_t i = 0; i < table->n; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        print_one(&table->places[i], out);
    }
    fputs("]", out);
}
