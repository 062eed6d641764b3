/* What differs between CPUs: call instructions, known by the bytes before a return address. */
#include "handler/arch/arch.h"

#include "check.h"

#include <sys/mman.h>

enum { PAGE = 4096, LOOKED_AT = 8 };

/* The eight bytes are the last that can be read. */
static uint8_t *at_end_of_memory(void)
{
    uint8_t *const pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
    return pages + PAGE - LOOKED_AT;
}

static void test_call_that_would_go_on_behind_is_none(void **state)
{
    (void)state;
    uint8_t *const bytes = at_end_of_memory();
    memset(bytes, 0x90, LOOKED_AT);
    for (unsigned operand = 0; operand < 256; operand++) { /* of x86-64's FF: some have bytes behind them */
        bytes[LOOKED_AT - 2] = 0xff;
        bytes[LOOKED_AT - 1] = (uint8_t)operand;
        const bool is_complete = sp_arch_is_call(bytes);
#if defined(__x86_64__)
        const unsigned mode = operand >> 6, base = operand & 7;
        assert_int_equal(is_complete, (operand >> 3 & 7) == 2 && (mode == 3 || (mode == 0 && base != 4 && base != 5)));
#else
        assert_int_equal(is_complete, operand >> 2 == 0x25); /* bl */
#endif
    }
    munmap(bytes + LOOKED_AT - PAGE, 2 * PAGE);
}

#if defined(__x86_64__)
static void expect_epilogue(const char *code, size_t n, bool is_one, uint32_t ra_word, int fp_word)
{
    uint8_t bytes[SP_ARCH_EPILOGUE_BYTES];
    struct sp_arch_epilogue epilogue;
    memset(bytes, 0xcc, sizeof bytes);
    memcpy(bytes, code, n);
    assert_int_equal(sp_arch_read_epilogue(bytes, &epilogue), is_one);
    if (!is_one)
        return;
    assert_int_equal(epilogue.ra_word, ra_word);
    assert_int_equal(epilogue.has_fp, fp_word >= 0);
    if (fp_word >= 0)
        assert_int_equal(epilogue.fp_word, fp_word);
}

static void test_arch_epilogue(void **state)
{
    (void)state;
#define EPILOGUE(code, ...) expect_epilogue(code, sizeof(code) - 1, __VA_ARGS__)
    EPILOGUE("\xc3", true, 0, -1);
    EPILOGUE("\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", true, 6, 4); /* Go's crosscall_amd64 */
    EPILOGUE("\x48\x83\xc4\x18\x5b\xc3", true, 4, -1);
    EPILOGUE("\x48\x81\xc4\x00\x01\x00\x00\x5d\xc3", true, 33, 32);
    EPILOGUE("\x48\x83\xc4\x14\xc3", false, 0, 0); /* no whole word */
    EPILOGUE("\x48\x83\xc4\xf8\xc3", false, 0, 0); /* downwards */
    EPILOGUE("\x48\x81\xc4\x00\x00\x00\xff\xc3", false, 0, 0);
    EPILOGUE("\x5c\xc3", false, 0, 0);     /* pop %rsp */
    EPILOGUE("\x31\xc0\xc3", false, 0, 0); /* xor %eax, %eax */
    EPILOGUE("", false, 0, 0);
#undef EPILOGUE
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_that_would_go_on_behind_is_none),
#if defined(__x86_64__)
        cmocka_unit_test(test_arch_epilogue),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
