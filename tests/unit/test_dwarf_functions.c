/* Which functions and inlined calls of a unit are at an address. */
#include "check.h"
#include "made_tree.h"
#include "symbolize/dwarf_functions.h"
#include "symbolize/symbol_source.h"

static struct made_dwarf dwarf;
static struct open_tree tree;
static struct sp_dwarf_functions functions;
static const struct sp_elf_image image = {.n_segments = 1, .segments = {{.file_size = 0x10000, .vaddr = 0x1000}}};

/* Walks over the tree that has been made, for some addresses. */
static void walk(struct sp_dwarf_want *wants, size_t n)
{
    open_made(&dwarf);
    assert_int_equal(open_tree(&tree, &dwarf, 0), 0);
    assert_int_equal(sp_dwarf_functions_read(&functions, &tree.entries, &image, wants, n, &tree.reading.work), 0);
    close_tree(&tree);
    close_made(&dwarf);
}

/* The scopes at an address, innermost first, up to a zero. */
static void check_scopes(const struct sp_dwarf_want *want, const uint64_t *expected)
{
    uint32_t at = want->top;
    for (; *expected != 0; expected++) {
        assert_int_not_equal(at, SP_DWARF_NO_NODE);
        assert_int_equal(functions.scopes[functions.nodes[at].scope], *expected);
        at = functions.nodes[at].next;
    }
    assert_int_equal(at, SP_DWARF_NO_NODE);
}

static void test_inlined_calls(void **state)
{
    (void)state;
    put_abbrevs(&dwarf);
    const size_t start = begin_tree(&dwarf);
    const uint64_t first = put_function(&dwarf, 0x2000, 0x100);
    put_entry(&dwarf, BLOCK);
    const uint64_t outer = put_call(&dwarf, 0, 0x2010, 0x40, 1);
    const uint64_t inner = put_call(&dwarf, 0, 0x2020, 0x10, 2);
    put_end(&dwarf);
    put_end(&dwarf);
    put_end(&dwarf);
    const uint64_t beside = put_call(&dwarf, 0, 0x2080, 0x10, 3);
    put_end(&dwarf);
    put_end(&dwarf);
    put_function(&dwarf, 0x3000, 0x100); /* nobody asks for it */
    put_end(&dwarf);
    put_entry(&dwarf, NAMESPACE);
    const uint64_t last = put_function(&dwarf, 0x4000, 0x100);
    put_end(&dwarf);
    put_end(&dwarf);
    end_tree(&dwarf, start);
    struct sp_dwarf_want wants[] = {{.vaddr = 0x2000}, {.vaddr = 0x2025}, {.vaddr = 0x2030},
                                    {.vaddr = 0x2085}, {.vaddr = 0x40ff}, {.vaddr = 0x4100}};
    walk(wants, 6);
    check_scopes(&wants[0], (uint64_t[]){first, 0});
    check_scopes(&wants[1], (uint64_t[]){inner, outer, first, 0});
    check_scopes(&wants[2], (uint64_t[]){outer, first, 0});
    check_scopes(&wants[3], (uint64_t[]){beside, first, 0});
    check_scopes(&wants[4], (uint64_t[]){last, 0});
    check_scopes(&wants[5], (uint64_t[]){0});
    assert_int_equal(functions.n_scopes, 5);
}

/* The first function that claims an address has it; of calls side by side, the last. */
static void test_claims(void **state)
{
    (void)state;
    put_abbrevs(&dwarf);
    const size_t start = begin_tree(&dwarf);
    const uint64_t first = put_function(&dwarf, 0x2000, 0x100);
    put_call(&dwarf, 0, 0x2000, 0x50, 1);
    put_end(&dwarf);
    const uint64_t later = put_call(&dwarf, 0, 0x2000, 0x50, 2);
    put_end(&dwarf);
    put_end(&dwarf);
    put_function(&dwarf, 0x2000, 0x100);
    put_call(&dwarf, 0, 0x2000, 0x50, 3);
    put_end(&dwarf);
    put_end(&dwarf);
    end_tree(&dwarf, start);
    struct sp_dwarf_want wants[] = {{.vaddr = 0x2000}};
    walk(wants, 1);
    check_scopes(&wants[0], (uint64_t[]){later, first, 0});
}

/* Writes a type with a function in it, whose sibling is as far behind the type's beginning as it says. */
static uint64_t put_type(uint64_t sibling, bool is_right)
{
    struct made *made = &dwarf.sections[SP_DWARF_INFO];
    const uint64_t at = put_entry(&dwarf, TYPE) + 1;
    put(made, sibling, 4);
    put(made, MEMBER, 1);
    put(made, 0x02020202, 4);
    const uint64_t inside = put_function(&dwarf, 0x5000, 0x10);
    put_end(&dwarf);
    put_end(&dwarf);
    if (is_right)
        patch(made, at, made->n, 4);
    return inside;
}

/* Types are passed by at first, by their siblings where those make sense; and looked into where one is missing. */
static void test_functions_in_types(void **state)
{
    (void)state;
    static const uint64_t siblings[] = {0, 1, 0xfffff, UINT32_MAX}; /* beside the right one */
    for (size_t i = 0; i <= sizeof(siblings) / sizeof(siblings[0]); i++) {
        put_abbrevs(&dwarf);
        const size_t start = begin_tree(&dwarf);
        const uint64_t inside = put_type(i == 0 ? 0 : siblings[i - 1], i == 0);
        const uint64_t behind = put_function(&dwarf, 0x6000, 0x10);
        put_end(&dwarf);
        end_tree(&dwarf, start);
        struct sp_dwarf_want wants[] = {{.vaddr = 0x5000}, {.vaddr = 0x6000}};
        walk(wants, 2);
        check_scopes(&wants[0], (uint64_t[]){inside, 0});
        check_scopes(&wants[1], (uint64_t[]){behind, 0});
    }
}

/* Code that a linker threw away has its range outside of the program, or ends before it begins. */
static void test_ranges_that_are_none(void **state)
{
    (void)state;
    put_abbrevs(&dwarf);
    const size_t start = begin_tree(&dwarf);
    put_function(&dwarf, 0, 0x9000);
    put_end(&dwarf);
    put_function(&dwarf, UINT64_MAX, 0x9000);
    put_end(&dwarf);
    put_function(&dwarf, 0x2000, UINT32_MAX);
    put_end(&dwarf);
    const uint64_t real = put_function(&dwarf, 0x2000, 0x10);
    put_end(&dwarf);
    end_tree(&dwarf, start);
    struct sp_dwarf_want wants[] = {{.vaddr = 0x2000}};
    walk(wants, 1);
    check_scopes(&wants[0], (uint64_t[]){real, 0});
}

/* A tree deeper than any real one, which ends nowhere. */
static void test_depth(void **state)
{
    (void)state;
    put_abbrevs(&dwarf);
    const size_t start = begin_tree(&dwarf);
    put_function(&dwarf, 0x2000, 0x100);
    for (uint64_t i = 0; i < 2000; i++)
        put_call(&dwarf, 0, 0x2000, 0x100, 1);
    end_unit(&dwarf, start);
    struct sp_dwarf_want wants[] = {{.vaddr = 0x2000}};
    walk(wants, 1);
    uint32_t n = 0;
    for (uint32_t at = wants[0].top; at != SP_DWARF_NO_NODE; at = functions.nodes[at].next)
        n++;
    assert_int_equal(n, SP_FRAMES_MAX);
}

/* An unknown code ends the walk: what was found before it is there. */
static void test_damage(void **state)
{
    (void)state;
    put_abbrevs(&dwarf);
    const size_t start = begin_tree(&dwarf);
    const uint64_t first = put_function(&dwarf, 0x2000, 0x10);
    put_end(&dwarf);
    put_entry(&dwarf, 99);
    put_function(&dwarf, 0x3000, 0x10);
    end_tree(&dwarf, start);
    struct sp_dwarf_want wants[] = {{.vaddr = 0x2000}, {.vaddr = 0x3000}};
    walk(wants, 2);
    check_scopes(&wants[0], (uint64_t[]){first, 0});
    check_scopes(&wants[1], (uint64_t[]){0});
}

static int teardown(void **state)
{
    (void)state;
    sp_dwarf_functions_done(&functions);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inlined_calls),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_functions_in_types),
        cmocka_unit_test(test_ranges_that_are_none),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
