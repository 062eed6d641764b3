/*
 * Stepped through frames of each shape that compilers make. Built with and without frame pointers, optimised and not,
 * by gcc and by clang.
 */
#include "stepped_cases.h"

#include <alloca.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

static volatile int zero;

/* Keeps the compiler from knowing what is in the memory. */
static inline void touch(void *memory)
{
    __asm__ volatile("" : : "r"(memory) : "memory");
}

static stepped_never_inlined int leaf(int a)
{
    return a * 3 + zero;
}

static stepped_never_inlined int with_alloca(int n)
{
    char *text = alloca((size_t)n * 5 + 1);
    memset(text, 1, (size_t)n * 5);
    touch(text);
    return leaf(text[n]) + n;
}

static stepped_never_inlined int with_array(int n)
{
    int numbers[n + 1], sum = 0;
    for (int i = 0; i <= n; i++)
        numbers[i] = leaf(i);
    touch(numbers);
    for (int i = 0; i <= n; i++) {
        int square[numbers[i] + 1];
        square[numbers[i]] = i;
        touch(square);
        sum += square[numbers[i]];
    }
    return sum;
}

/* Locals that are aligned more than the stack: it is realigned, and the frame's base kept in another register. */
static stepped_never_inlined int aligned_to_64(int a, int b, int c, int d, int e, int f, int on_the_stack)
{
    _Alignas(64) char buffer[128];
    memset(buffer, a, sizeof buffer);
    touch(buffer);
    stepped_require(((uintptr_t)buffer & 63) == 0);
    return leaf(buffer[3]) + b + c + d + e + f + on_the_stack;
}

static stepped_never_inlined int aligned_with_alloca(int n, int b, int c, int d, int e, int f, int on_the_stack)
{
    _Alignas(32) char buffer[64];
    char *more = alloca((size_t)(n + on_the_stack));
    memset(buffer, n, sizeof buffer);
    memset(more, n, (size_t)n);
    touch(buffer);
    touch(more);
    return leaf(buffer[1] + more[0]) + b + c + d + e + f + on_the_stack;
}

typedef int vector_of_8 __attribute__((vector_size(32)));

__attribute__((target("avx2"))) static stepped_never_inlined int with_avx(int a)
{
    vector_of_8 sum = {a, 1, 2, 3, 4, 5, 6, 7};
    touch(&sum);
    for (int i = 0; i < 3; i++) {
        sum += sum * leaf(i);
        touch(&sum);
    }
    return sum[0] + sum[7];
}

static void align(void)
{
    stepped_require(aligned_to_64(1, 2, 3, 4, 5, 6, 7) == 3 + 27);
    stepped_require(aligned_with_alloca(9, 2, 3, 4, 5, 6, 7) == 54 + 27);
    if (__builtin_cpu_supports("avx2"))
        stepped_require(with_avx(1) != 0);
}

static void allocate_on_stack(void)
{
    int sum = 0;
    for (int i = 1; i < 6; i++)
        sum += with_alloca(i) + with_array(i);
    stepped_require(sum > 0);
}

static stepped_never_inlined int large_frame(int n)
{
    char buffer[20000];
    touch(buffer);
    buffer[n] = (char)n;
    return n == 0 ? leaf(n) : large_frame(n - 1) + buffer[n];
}

static stepped_never_inlined int tail_c(int a)
{
    return leaf(a + 1) + 1;
}

static stepped_never_inlined int tail_b(int a)
{
    if (a > 100)
        return leaf(a) - 1;
    return tail_c(a * 2);
}

static stepped_never_inlined int tail_a(int a)
{
    leaf(a);
    return tail_b(a + 3);
}

static jmp_buf escape;

static stepped_never_inlined void __attribute__((noreturn)) leave(int value)
{
    leaf(value);
    longjmp(escape, value);
}

/* The call is the last instruction: it would return behind the function's end. */
static stepped_never_inlined void __attribute__((noreturn)) call_at_the_end(int value)
{
    char buffer[40];
    touch(buffer);
    leave(leaf(value) + 1);
}

static stepped_never_inlined int sum_of(int n, ...)
{
    va_list list;
    int sum = 0;
    va_start(list, n);
    for (int i = 0; i < n; i++)
        sum += i % 2 ? (int)va_arg(list, double) : va_arg(list, int);
    va_end(list);
    return leaf(sum);
}

struct large {
    int words[30];
};

static stepped_never_inlined struct large make_large(int a)
{
    struct large made;
    for (int i = 0; i < 30; i++)
        made.words[i] = leaf(a + i);
    return made;
}

static stepped_never_inlined int use_large(struct large used, int index)
{
    return leaf(used.words[index]);
}

static stepped_never_inlined int choose(int which)
{
    switch (which) {
    case 0:
        return leaf(7);
    case 1:
        return leaf(which) + with_alloca(2);
    case 2:
        return tail_a(which);
    case 3:
        return leaf(which) * leaf(which + 1);
    case 4:
        return leaf(-which);
    case 5:
        return leaf(which) - 11;
    default:
        return 0;
    }
}

/* All registers that have to be kept are in use, and a path that is not taken is put elsewhere. */
static stepped_never_inlined int many_registers(int a, int b, int c, int d)
{
    const int e = leaf(a), f = leaf(b), g = leaf(c), h = leaf(d);
    if (__builtin_expect(e + f + g + h == -1, 0)) {
        fprintf(stderr, "impossible\n");
        abort();
    }
    if (a > 50)
        return e;
    return leaf(e + f) * g + leaf(h) + a + b + c + d + e * f * g * h;
}

static stepped_never_inlined int deep(int n)
{
    return n == 0 ? 0 : deep(n - 1) + leaf(n);
}

static void shapes(void)
{
    int sum = large_frame(3) + tail_a(1) + tail_a(200) + sum_of(5, 1, 2.0, 3, 4.0, 5) + use_large(make_large(2), 4);
    for (int i = 0; i < 7; i++)
        sum += choose(i);
    sum += many_registers(1, 2, 3, 4) + many_registers(51, 2, 3, 4) + deep(60);
    stepped_require(sum != 0);
}

static void ends(void)
{
    volatile int rounds = 0;
    const int value = setjmp(escape);
    if (value != 0)
        rounds++;
    if (rounds < 5)
        call_at_the_end(rounds + 1);
    stepped_require(rounds == 5);
}

/* Functions without any unwind table, as hand-written code and code made at run time has. */
__asm__(".text\n"
        ".type bare_leaf, @function\n"
        "bare_leaf: lea 1(%rdi), %eax\n"
        "imul %edi, %eax\n"
        "ret\n"
        ".size bare_leaf, . - bare_leaf\n"
        ".type bare_frame, @function\n"
        "bare_frame: push %rbp\n"
        "mov %rsp, %rbp\n"
        "sub $16, %rsp\n"
        "mov %edi, 4(%rsp)\n"
        "call bare_leaf\n"
        "add 4(%rsp), %eax\n"
        "mov %eax, %edx\n"
        "imul %edx, %edx\n"
        "sub %edx, %eax\n"
        "leave\n"
        "ret\n"
        ".size bare_frame, . - bare_frame\n");
extern int bare_leaf(int a) __attribute__((visibility("hidden")));
extern int bare_frame(int a) __attribute__((visibility("hidden")));

static void without_tables(void)
{
    int sum = 0;
    for (int i = 0; i < 20; i++)
        sum += bare_leaf(i) + bare_frame(i);
    stepped_require(sum != 0);
}

static const struct stepped_case cases[] = {
    {"alloca", NULL, allocate_on_stack}, {"aligned", NULL, align}, {"shapes", NULL, shapes}, {"noreturn", NULL, ends},
    {"bare", NULL, without_tables},
};

int main(int argc, char **argv)
{
    return stepped_main(cases, sizeof cases / sizeof *cases, argc, argv);
}
