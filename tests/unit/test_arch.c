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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_that_would_go_on_behind_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
