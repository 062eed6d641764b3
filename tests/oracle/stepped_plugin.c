/*
 * A small library to load, built twice: with PLUGIN_VARIANT 0 and 1. Both have the same size and their functions at the
 * same addresses, with frames that differ: rules remembered for one are wrong for the other.
 */
int plugin_work(int n);

#if PLUGIN_VARIANT == 0
#define FRAME "sub $24, %rsp\n.cfi_adjust_cfa_offset 24\n"
#define UNFRAME "add $24, %rsp\n.cfi_adjust_cfa_offset -24\n"
#define FIRST "xor %eax, %eax\nnop\n"
#else
#define FRAME "sub $56, %rsp\n.cfi_adjust_cfa_offset 56\n"
#define UNFRAME "add $56, %rsp\n.cfi_adjust_cfa_offset -56\n"
#define FIRST "push $1\n.cfi_adjust_cfa_offset 8\npop %rax\n.cfi_adjust_cfa_offset -8\nnop\n"
#endif

/* int sum_from(int n): first + 1 + … + n, by calls. */
__asm__(".text\n"
        ".balign 64\n"
        ".type sum_from, @function\n"
        "sum_from:\n"
        ".cfi_startproc\n" FRAME "test %edi, %edi\n"
        "jnz 1f\n" FIRST "jmp 2f\n"
        "1: mov %edi, 8(%rsp)\n"
        "dec %edi\n"
        "call sum_from\n"
        "add 8(%rsp), %eax\n"
        "2:" UNFRAME "ret\n"
        ".cfi_endproc\n"
        ".size sum_from, . - sum_from\n");

__attribute__((visibility("hidden"))) extern int sum_from(int n);

__attribute__((visibility("default"))) int plugin_work(int n)
{
    return sum_from(2 * n);
}
