/* Stacks made word by word, between pages that cannot be read, and code to return to. */
#ifndef SIGPROF_TESTS_MADE_STACK_H
#define SIGPROF_TESTS_MADE_STACK_H

#include "check.h"

#include <sys/mman.h>
#include <ucontext.h>

#include "handler/unwind.h"

enum { PAGE = 4096, PAGES = 8, WORDS = PAGES * PAGE / 8, DEPTH = 64 };

static const struct sp_stack_bounds nothing_known = {0, 0};

static inline ucontext_t context_of(uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
    ucontext_t context = {0};
#if defined(__x86_64__)
    context.uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
    context.uc_mcontext.gregs[REG_RSP] = (greg_t)sp;
    context.uc_mcontext.gregs[REG_RBP] = (greg_t)fp;
#else
    context.uc_mcontext.pc = pc;
    context.uc_mcontext.sp = sp;
    context.uc_mcontext.regs[29] = fp;
#endif
    return context;
}

/* PAGES readable pages with one PROT_NONE page on either side. */
static inline uintptr_t *new_stack(void)
{
    char *at = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    assert_int_equal(mprotect(at + PAGE, PAGES * PAGE, PROT_READ | PROT_WRITE), 0);
    return (uintptr_t *)(void *)(at + PAGE);
}

static inline void free_stack(uintptr_t *stack)
{
    munmap((char *)stack - PAGE, (PAGES + 2) * PAGE);
}

#if defined(__x86_64__)
static const uint8_t call_before[8] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0}; /* call *%rax */
#else
static const uint8_t call_before[8] = {0x1f, 0x20, 0x03, 0xd5, 0x00, 0x00, 0x3f, 0xd6};   /* blr x0 */
#endif

/* Addresses that can be returned to, in code made at run time: each behind a call, and without unwind tables. */
static inline uintptr_t code(uintptr_t number)
{
    static char *made;
    if (made == NULL) {
        made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(made != MAP_FAILED);
        for (size_t i = 0; i < PAGE; i += 8)
            memcpy(made + i, call_before, 8);
    }
    return (uintptr_t)made + 8 * (1 + number % 64);
}

/* A frame at word `at` of the stack: the caller's frame is at word `next`, 0 for none. */
static inline void put_frame(uintptr_t *stack, uint32_t at, uint32_t next, uintptr_t caller)
{
    stack[at] = next != 0 ? (uintptr_t)(stack + next) : 0;
    stack[at + 1] = caller;
}

static inline uintptr_t address(const uintptr_t *stack, uint32_t word)
{
    return (uintptr_t)(stack + word);
}

/* What a signal's handler returns to, in each form; and how many words of the kernel's stand before the context. */
#if defined(__x86_64__)
/* mov $15, %rax; syscall: as glibc has it, as others do. */
static const uint8_t restorers[][9] = {{0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05}, {0xb8, 15, 0, 0, 0, 0x0f, 0x05}};
enum { RESTORERS = 2, RESTORER_BYTES = 7, INFO_WORDS = 0 };
#else
static const uint8_t restorers[][8] = {{0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4}}; /* mov x8, #139; svc #0 */
enum { RESTORERS = 1, RESTORER_BYTES = 8, INFO_WORDS = 128 / 8 };
#endif

#endif
