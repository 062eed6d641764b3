/*
 * libFuzzer target: unwind tables and stacks as no toolchain would write them.
 *
 * The tables are mapped right up against memory that cannot be read, so that a read outside of [low, high) ends the
 * run, and so is the stack. Both have fixed addresses: the fuzzer can put pointers to them into its bytes, and what it
 * finds can be repeated.
 *
 *   input  ┌──────┬───────────┬────────────────┬──────────────────────────────┐
 *          │ head │ registers │ stack's words  │ image: header, CIEs and FDEs │
 *          └──────┴───────────┴────────────────┴──────────────────────────────┘
 *
 * fuzz/make_cfi_corpus.py writes such inputs from the tables of system libraries.
 */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "handler/cfi.h"

#define IMAGE_AT ((uintptr_t)0x200000000000)
#define STACK_AT ((uintptr_t)0x210000000000)

enum { PAGE = 4096, IMAGE_BYTES = 16 * PAGE, STACK_BYTES = PAGE, REGISTERS = 8 };
_Static_assert(255 * 8 <= STACK_BYTES, "stack_words is one byte");

/* All of it little-endian, as the machine is. */
struct input_head {
    uint8_t at_end;      /* & 1: the image ends where readable memory ends, else it begins where that begins */
    uint8_t stack_words; /* on the stack, which ends with them */
    uint16_t header;     /* .eh_frame_hdr's place in the image */
    int32_t pc;          /* from the image's beginning: code stands in front of it, or behind */
};

struct input {
    struct input_head head;
    uint64_t registers[REGISTERS];
    uint64_t stack[255];
    const uint8_t *image;
    size_t image_bytes;
};

/* A fault of the code that is tested. */
#define require(condition) \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), abort()))

/* `bytes` readable bytes at `address`, with a page on either side that is not. */
static char *map_between_guards(uintptr_t address, size_t bytes)
{
    char *const wanted = (char *)(address - PAGE); /* NOLINT: fixed on purpose */
    char *const at =
        mmap(wanted, bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    require(at == wanted);
    require(mprotect(at + PAGE, bytes, PROT_READ | PROT_WRITE) == 0);
    return at + PAGE;
}

/* Copies to one end of a mapping and poisons the rest of it. Returns where the copy is. */
static char *place(char *mapping, size_t capacity, const void *bytes, size_t n, bool at_end)
{
    ASAN_UNPOISON_MEMORY_REGION(mapping, capacity);
    char *const to = at_end ? mapping + capacity - n : mapping;
    if (n > 0)
        memcpy(to, bytes, n);
    if (at_end)
        ASAN_POISON_MEMORY_REGION(mapping, capacity - n);
    else
        ASAN_POISON_MEMORY_REGION(mapping + n, capacity - n);
    return to;
}

static bool read_input(struct input *input, const uint8_t *data, size_t size)
{
    const size_t fixed = sizeof input->head + sizeof input->registers;
    if (size < fixed)
        return false;
    memcpy(&input->head, data, sizeof input->head);
    memcpy(input->registers, data + sizeof input->head, sizeof input->registers);
    const size_t stack_bytes = input->head.stack_words * sizeof *input->stack;
    if (size - fixed < stack_bytes || size - fixed - stack_bytes > IMAGE_BYTES)
        return false;
    memcpy(input->stack, data + fixed, stack_bytes);
    input->image = data + fixed + stack_bytes;
    input->image_bytes = size - fixed - stack_bytes;
    return true;
}

/* What sp_cfi_find promises of a row. */
static void check_row(const struct sp_tables *tables, uintptr_t pc, const struct sp_cfi_row *row)
{
    struct sp_cfi_row again;
    require(row->begin <= pc && pc < row->end);
    require(!row->cfa_is_expression || (uint64_t)row->cfa_offset < tables->high - tables->low);
    for (unsigned column = 0; column < SP_ARCH_COLUMNS; column++) {
        const bool is_expression =
            row->rules[column] == SP_RULE_EXPRESSION || row->rules[column] == SP_RULE_VAL_EXPRESSION;
        require(row->rules[column] <= SP_RULE_REGISTER);
        require(!is_expression || (uint64_t)(int64_t)row->values[column] < tables->high - tables->low);
    }
    require(sp_cfi_find(tables, pc, &again) == SP_CFI_FOUND);
    require(again.begin == row->begin && again.end == row->end && again.cfa_offset == row->cfa_offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *image, *stack;
    static struct input input;
    struct sp_cfi_row row;
    if (image == NULL) {
        image = map_between_guards(IMAGE_AT, IMAGE_BYTES);
        stack = map_between_guards(STACK_AT, STACK_BYTES);
    }
    if (!read_input(&input, data, size))
        return -1;
    place(stack, STACK_BYTES, input.stack, input.head.stack_words * sizeof *input.stack, true);
    const uintptr_t low =
        (uintptr_t)place(image, IMAGE_BYTES, input.image, input.image_bytes, (input.head.at_end & 1) != 0);
    const struct sp_tables tables = {low, low + input.image_bytes, low + input.head.header};
    const uintptr_t pc = low + (uintptr_t)(intptr_t)input.head.pc;
    if (sp_cfi_find(&tables, pc, &row) == SP_CFI_FOUND)
        check_row(&tables, pc, &row);
    return 0;
}
