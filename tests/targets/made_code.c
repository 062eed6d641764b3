/*
 * made_code MS: makes a function at run time, which has no unwind tables but a frame pointer, and uses MS of CPU time
 * in made_spin, which that function enters by a jump, with a return address that it has pushed: nothing about that
 * address tells that it is one. Built without frame pointers.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu_work.h"

static volatile uint64_t sink;

__attribute__((noinline)) static void made_spin(int64_t ns)
{
    work_cpu_ns(ns, &sink);
    __asm__ volatile("" ::: "memory");
}

#if defined(__x86_64__)
/* push %rbp; mov %rsp,%rbp; lea back(%rip),%rax; push %rax; movabs $function,%rax; jmp *%rax; back: pop %rbp; ret */
static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x8d, 0x05, 13, 0, 0,    0,    0x50, 0x48,
                                     0xb8, 0,    0,    0,    0,    0,    0,    0,  0, 0xff, 0xe0, 0x5d, 0xc3};
enum { FUNCTION_AT = 14 };
#else /* stp x29,x30,[sp,#-16]!; mov x29,sp; ldr x9,function; adr x30,back; br x9; back: ldp x29,x30,[sp],#16; ret */
static const unsigned char code[] = {0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91, 0xc9, 0x00, 0x00, 0x58, 0x5e, 0x00,
                                     0x00, 0x10, 0x20, 0x01, 0x1f, 0xd6, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6,
                                     0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0};
enum { FUNCTION_AT = 32 };
#endif

__attribute__((noinline)) static void made_caller(void (*made)(int64_t), int64_t ns)
{
    made(ns);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

int main(int argc, char **argv)
{
    void (*const function)(int64_t) = made_spin;
    char *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argc != 2 || made == MAP_FAILED)
        return 2;
    memcpy(made, code, sizeof code);
    memcpy(made + FUNCTION_AT, &function, sizeof function);
    __builtin___clear_cache(made, made + sizeof code);
    made_caller((void (*)(int64_t))(uintptr_t)made, atoll(argv[1]) * 1000000);
    print_rusage();
    return 0;
}
