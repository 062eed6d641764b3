/*
 * libFuzzer target: unwind tables and stacks as no toolchain would write them.
 *
 * An object is made up: its code is the same each time, its tables are the input's, mapped right up against memory that
 * cannot be read, so that a read outside of [low, high) ends the run. A row is looked up in it and a step made by it;
 * then a whole stack is walked, three times: without memory, with an empty one, and with what the second walk has left
 * there. All addresses are fixed: the fuzzer can put pointers into its bytes, and what it finds can be repeated.
 *
 *   input   ┌──────┬───────────┬───────────────┬────────────────────────────────────────┐
 *           │ head │ registers │ stack's words │ image: .eh_frame_hdr and .eh_frame     │
 *           └──────┴───────────┴───────────────┴────────────────────────────────────────┘
 *   object  ┌─────────────┬──────┬ ─ ─ ─ ┬───────┬ ─ ─ ─ ┐     stack  ┌───────┬ ─ ─ ─ ┐
 *           │ ELF header  │ code │ guard   image │ guard         ...  │ words │ guard
 *           └─────────────┴──────┴ ─ ─ ─ ┴───────┴ ─ ─ ─ ┘            └───────┴ ─ ─ ─ ┘
 *
 * fuzz/make_cfi_corpus.py writes such inputs from the tables of system libraries.
 */
#include <dlfcn.h>
#include <elf.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "handler/frame.h"
#include "handler/unwind.h"

enum {
    PAGE = 4096,
    CODE_BYTES = 14 * PAGE,
    IMAGE_BYTES = 4 * PAGE,
    STACK_BYTES = PAGE,
    REGISTERS = 8,
    DEPTH = 64,
    FAR = 5 /* frames: 2^20 steps, of which a frame takes at most three times 2^16 */
};

#define OBJECT_AT ((uintptr_t)0x200000000000)
#define CODE_AT (OBJECT_AT + PAGE)
#define IMAGE_AT (CODE_AT + CODE_BYTES + 2 * PAGE)
#define STACK_AT ((uintptr_t)0x210000000000)
_Static_assert(255 * 8 <= STACK_BYTES, "stack_words is one byte");

/* All of it little-endian, as the machine is. */
struct input_head {
    uint8_t at_end;      /* & 1: the image ends where readable memory ends, else it begins where that begins */
    uint8_t stack_words; /* on the stack, which ends with them */
    uint16_t header;     /* .eh_frame_hdr's place in the image */
    int32_t pc;          /* from the image's beginning: code stands in front of it */
};

struct input {
    struct input_head head;
    uint64_t registers[REGISTERS]; /* in the order of `places` */
    uint64_t stack[255];
    const uint8_t *image;
    size_t image_bytes;
};

/* What is mapped where. */
struct places {
    char *code, *image, *stack;
    Elf64_Phdr *part; /* the program header of the image */
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
    memset(mapping, 0, capacity);
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

/* Code in which there are calls, signal restorers, beginnings and ends of functions. */
static void write_code(char *code)
{
    static const char pieces[][9] = {
        "\xe8\x10\x00\x00\x00\x90\x90\x90", /* call */
        "\xff\xd0\x90\x90\x90\x90\x90\x90", /* call *%rax */
        "\xb8\x0f\x00\x00\x00\x0f\x05\x90", /* rt_sigreturn */
        "\x55\x48\x89\xe5\x90\x90\x90\xc3", /* push %rbp; mov %rsp, %rbp; ret */
        "\xf3\x0f\x1e\xfa\x90\x90\x90\x90", /* endbr64 */
    };
    for (unsigned i = 0; i < CODE_BYTES / 8; i++)
        memcpy(code + 8 * (size_t)i, pieces[(i ^ i >> 3) % (sizeof pieces / sizeof *pieces)], 8);
}

/* The header of an object with two parts: what stands before the image, and the image, whose bounds come later. */
static Elf64_Phdr *write_header(char *object)
{
    const Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64},
                               .e_type = ET_DYN,
                               .e_phoff = sizeof header,
                               .e_phentsize = sizeof(Elf64_Phdr),
                               .e_phnum = 2};
    const Elf64_Phdr before = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = PAGE + CODE_BYTES};
    memcpy(object, &header, sizeof header);
    memcpy(object + sizeof header, &before, sizeof before);
    return (Elf64_Phdr *)(void *)(object + sizeof header + sizeof before);
}

static struct places map_places(void)
{
    struct places places;
    char *const object = map_between_guards(OBJECT_AT, PAGE + CODE_BYTES);
    places.code = object + PAGE;
    places.image = map_between_guards(IMAGE_AT, IMAGE_BYTES);
    places.stack = map_between_guards(STACK_AT, STACK_BYTES);
    places.part = write_header(object);
    write_code(places.code);
    return places;
}

/* The dynamic linker's answer, which the handler's sources get in this program: see meson.build. */
int fuzz_find_object(void *address, struct dl_find_object *found);
static uintptr_t header_at;

int fuzz_find_object(void *address, struct dl_find_object *found)
{
    if ((uintptr_t)address - OBJECT_AT >= IMAGE_AT + IMAGE_BYTES - OBJECT_AT)
        return -1;
    *found = (struct dl_find_object){.dlfo_map_start = (void *)OBJECT_AT,              /* NOLINT */
                                     .dlfo_map_end = (void *)(IMAGE_AT + IMAGE_BYTES), /* NOLINT */
                                     .dlfo_eh_frame = (void *)header_at};              /* NOLINT */
    return 0;
}

static ucontext_t context_of(const struct input *input, uintptr_t pc)
{
    static const int places[REGISTERS] = {REG_RSP, REG_RBP, REG_RBX, REG_R10, REG_RAX, REG_R12, REG_R13, REG_RDX};
    ucontext_t context = {.uc_mcontext = {.gregs = {[REG_RIP] = (greg_t)pc}}};
    for (unsigned i = 0; i < REGISTERS; i++)
        context.uc_mcontext.gregs[places[i]] = (greg_t)input->registers[i];
    return context;
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

static void check_tables(const struct sp_tables *tables, const ucontext_t *context, uintptr_t pc)
{
    struct sp_cfi_row row;
    struct sp_frame frame, caller;
    struct sp_loader loader = sp_loader_new(STACK_AT, STACK_AT + STACK_BYTES);
    loader.probes_left = 0; /* of what else can be read, part is poisoned */
    if (sp_cfi_find(tables, pc, &row) != SP_CFI_FOUND)
        return;
    check_row(tables, pc, &row);
    sp_frame_from_context(context, &frame);
    sp_frame_step(tables, &row, &loader, &frame, &caller);
}

struct result {
    uint64_t pcs[DEPTH + 1];
    uint32_t depth;
    struct sp_walk_facts facts;
};

static void walk(const ucontext_t *context, struct sp_unwind_memory *memory, struct result *result)
{
    const struct sp_stack_bounds bounds = {STACK_AT, STACK_AT + STACK_BYTES};
    memset(result, 0xee, sizeof *result);
    result->depth = sp_unwind(context, &bounds, memory, result->pcs, DEPTH, &result->facts);
    require(result->depth >= 1 && result->depth <= DEPTH);
    require(result->facts.end < SP_STACK_ENDS);
    require(result->facts.frames >= result->depth - (result->facts.end == SP_STACK_CUT_RULES));
    require(result->pcs[result->depth] == 0xeeeeeeeeeeeeeeee);
}

static void print_result(const struct result *result)
{
    fprintf(stderr, "%u words, end %d, %u frames, %u misses:", result->depth, (int)result->facts.end,
            result->facts.frames, result->facts.misses);
    for (uint32_t i = 0; i < result->depth; i++)
        fprintf(stderr, " %#llx", (unsigned long long)result->pcs[i]);
    fprintf(stderr, "\n");
}

/* Whether a walk may have used up its steps or probes: nothing tells. In fewer frames none can. */
static bool may_have_run_out(const struct result *result)
{
    return result->facts.frames >= FAR && result->facts.end != SP_STACK_COMPLETE;
}

/* Where one has run out, the frames so far are the same. */
static void require_same(const struct result *a, const struct result *b)
{
    uint32_t words = a->depth < b->depth ? a->depth : b->depth;
    bool is_same = a->depth == b->depth && a->facts.end == b->facts.end && a->facts.frames == b->facts.frames;
    if (may_have_run_out(a) || may_have_run_out(b)) {
        words = words < DEPTH / 2 ? words : DEPTH / 2;
        is_same = true;
    }
    is_same = is_same && memcmp(a->pcs, b->pcs, words * sizeof *a->pcs) == 0;
    if (!is_same) {
        print_result(a);
        print_result(b);
    }
    require(is_same);
}

/* A walk comes to the same, whatever it remembers. */
static void check_walks(const ucontext_t *context)
{
    static struct sp_unwind_memory memory;
    static struct result without, cold, warm;
    memset(&memory, 0, sizeof memory);
    walk(context, NULL, &without);
    walk(context, &memory, &cold);
    walk(context, &memory, &warm);
    require_same(&without, &cold);
    require_same(&cold, &warm);
}

/*
 * Whether the input has an address of this program's stack or variables, as libFuzzer learns them from comparisons:
 * what is loaded from there is another from one walk to the next.
 */
static bool has_own_address(const uint8_t *data, size_t size)
{
    extern const char __executable_start[], _end[];
    enum { STACK_REACH = 8 << 20 };
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0), image = (uintptr_t)__executable_start;
    for (size_t i = 0; i + sizeof(uintptr_t) <= size; i++) {
        uintptr_t word;
        memcpy(&word, data + i, sizeof word);
        if (word - (here - STACK_REACH) < 2 * STACK_REACH || word - image < (uintptr_t)_end - image)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct places places;
    static struct input input;
    if (places.image == NULL)
        places = map_places();
    if (!read_input(&input, data, size) || has_own_address(data, size))
        return -1;
    place(places.stack, STACK_BYTES, input.stack, input.head.stack_words * sizeof *input.stack, true);
    ASAN_UNPOISON_MEMORY_REGION(places.stack, STACK_BYTES); /* the thread's own stack: all of it can be read */
    const uintptr_t low =
        (uintptr_t)place(places.image, IMAGE_BYTES, input.image, input.image_bytes, (input.head.at_end & 1) != 0);
    const struct sp_tables tables = {low, low + input.image_bytes, low + input.head.header};
    const uintptr_t pc = low + (uintptr_t)(intptr_t)input.head.pc;
    const ucontext_t context = context_of(&input, pc);
    check_tables(&tables, &context, pc);
    ASAN_UNPOISON_MEMORY_REGION(places.image, IMAGE_BYTES);
    *places.part =
        (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = low - OBJECT_AT, .p_filesz = input.image_bytes};
    header_at = tables.header;
    check_walks(&context);
    return 0;
}
