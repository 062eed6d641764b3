/* Which object an address is in: what the C library tells, what is listed, and who is who. */
#include "handler/object.h"

#include "check.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

enum { PAGE = 4096, PLACES = 6 };

static struct sp_unwind_memory memory;
static char *pages; /* PLACES pages that are in no object; they hold made-up ones */

static int set_up(void **state)
{
    (void)state;
    memset(&memory, 0, sizeof memory);
    pages = mmap(NULL, PLACES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED;
}

static int tear_down(void **state)
{
    (void)state;
    sp_objects_publish(NULL);
    return munmap(pages, PLACES * PAGE);
}

static bool find(uintptr_t address, struct sp_unwind_memory *known, struct sp_object *object)
{
    struct sp_loader loader = sp_loader_new(0, 0);
    return sp_object_find(address, known, &loader, object);
}

static uintptr_t own_code(void)
{
    return (uintptr_t)&set_up;
}

static uintptr_t libc_code(void)
{
    return (uintptr_t)dlsym(RTLD_DEFAULT, "qsort");
}

/* Where the C library does not tell of objects, only listed ones can be looked for here. */
static void need_told(void)
{
    if (!sp_objects_are_told(own_code())) {
        puts("the C library does not tell of objects");
        skip();
    }
}

/* That an object holds the address, and that its tables can be read and say something about it. */
static void expect_tables(uintptr_t address, const struct sp_object *object)
{
    struct sp_loader loader = sp_loader_new(0, 0);
    struct sp_cfi_row row;
    const struct sp_tables *tables = &object->tables;
    assert_true(object->low <= address && address < object->high);
    assert_true(object->low <= tables->low && tables->low < tables->high && tables->high <= object->high + 16);
    assert_true(tables->header >= tables->low && tables->header < tables->high);
    for (uintptr_t at = tables->low; at < tables->high; at += PAGE)
        assert_true(sp_can_load(&loader, at, 1));
    assert_true(sp_can_load(&loader, tables->high - 1, 1));
    assert_int_equal(sp_cfi_find(tables, address, &row), SP_CFI_FOUND);
    assert_true(row.begin <= address && address < row.end);
}

static void test_object_of_the_program_and_of_libc(void **state)
{
    (void)state;
    need_told();
    const uintptr_t addresses[] = {own_code(), libc_code()};
    struct sp_object objects[2];
    for (unsigned i = 0; i < 2; i++) {
        assert_true(find(addresses[i], i == 0 ? NULL : &memory, &objects[i]));
        expect_tables(addresses[i], &objects[i]);
    }
    assert_true(objects[0].low != objects[1].low);
    assert_int_not_equal(objects[0].identity, objects[1].identity);
}

static void test_object_vdso(void **state)
{
    (void)state;
    need_told();
    const uintptr_t vdso = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    struct sp_object object;
    if (vdso == 0) {
        puts("the kernel gives no vDSO");
        skip();
    }
    assert_true(find(vdso + 64, &memory, &object));
    assert_int_equal(object.low, vdso);
    assert_true(object.tables.header > vdso && object.tables.header < object.high);
    assert_true(object.tables.low >= vdso && object.tables.high <= object.high + 16);
}

static void test_object_none(void **state)
{
    (void)state;
    struct sp_object object;
    char on_stack;
    const uintptr_t addresses[] = {0, 1, PAGE, (uintptr_t)&on_stack, (uintptr_t)pages, (uintptr_t)1 << 63, UINTPTR_MAX};
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        assert_false(find(addresses[i], NULL, &object));
        assert_false(find(addresses[i], &memory, &object));
        assert_false(sp_objects_are_told(addresses[i]));
    }
}

static void test_identity_is_the_object_s(void **state)
{
    (void)state;
    need_told();
    struct sp_object first, again;
    const uintptr_t code = libc_code();
    assert_true(find(code, NULL, &first));
    for (unsigned i = 0; i < 8; i++) { /* with memory and without, at its beginning and at its end */
        assert_true(find(i % 4 == 0   ? first.low
                         : i % 4 == 1 ? first.high - 1
                                      : code + i,
                         i < 4 ? NULL : &memory, &again));
        assert_int_equal(again.identity, first.identity);
        assert_int_equal(again.low, first.low);
        assert_int_equal(again.high, first.high);
        assert_memory_equal(&again.tables, &first.tables, sizeof first.tables);
    }
}

static void test_identity_changes_when_objects_do(void **state)
{
    (void)state;
    need_told();
    uint64_t seen[20];
    for (unsigned i = 0; i < 20; i++) {
        struct sp_object object;
        assert_true(find(own_code(), &memory, &object));
        expect_tables(own_code(), &object);
        seen[i] = object.identity;
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(seen[j], seen[i]);
        sp_objects_changed();
    }
}

/* The second time no page needs to be probed: these are system calls. */
static void test_memory_saves_probes(void **state)
{
    (void)state;
    need_told();
    const uintptr_t addresses[] = {own_code(), libc_code()};
    for (unsigned i = 0; i < 2; i++) {
        struct sp_object object;
        struct sp_loader loader = sp_loader_new(0, 0);
        assert_true(sp_object_find(addresses[i], &memory, &loader, &object));
        assert_true(loader.probes_left < SP_PROBES_LIMIT);
        loader = sp_loader_new(0, 0);
        loader.probes_left = 0;
        assert_true(sp_object_find(addresses[i], &memory, &loader, &object));
        expect_tables(addresses[i], &object);
    }
}

/* What nobody has made sure of is not read. */
static void test_object_without_probes_has_no_tables(void **state)
{
    (void)state;
    need_told();
    struct sp_object object;
    struct sp_loader loader = sp_loader_new(0, 0);
    loader.probes_left = 0;
    assert_true(sp_object_find(libc_code(), &memory, &loader, &object));
    assert_int_equal(object.tables.header, 0);
    assert_true(object.low <= libc_code() && libc_code() < object.high);
}

/* The memory is the host's to overwrite. Any words there may make tables unknown, but never lead out of an object. */
static void test_memory_overwritten(void **state)
{
    (void)state;
    need_told();
    uint64_t random = 99;
    struct sp_object known;
    assert_true(find(libc_code(), &memory, &known));
    for (unsigned round = 0; round < 20000; round++) {
        struct sp_object object;
        for (unsigned i = 0; i < SP_PARTS; i++) {
            const uint64_t before = sp_load_relaxed(&memory.parts[i]);
            /* The tag stays in each other round: then the place is believed. */
            const uint64_t kept = round % 2 != 0 ? before & ~((UINT64_C(1) << 44) - 1) : next_random(&random) << 44;
            sp_store_relaxed(&memory.parts[i], kept | next_random(&random) >> (20 + round % 30));
        }
        assert_true(find(libc_code(), &memory, &object));
        assert_int_equal(object.low, known.low);
        if (object.tables.header == 0)
            continue;
        assert_int_equal(object.tables.header, known.tables.header);
        assert_true(object.tables.low >= known.low && object.tables.high <= known.high + 16);
        assert_true(object.tables.low <= known.tables.header && known.tables.header < object.tables.high);
    }
}

/* A part that would do, a little shorter, but with another object's tag: the tables are looked for anew. */
static void test_memory_of_another_object(void **state)
{
    (void)state;
    need_told();
    enum { UNITS_SHIFT = 20, TAG_SHIFT = 44 };
    struct sp_object known, object;
    assert_true(find(libc_code(), &memory, &known));
    for (unsigned bit = TAG_SHIFT; bit < 64; bit++) {
        for (unsigned i = 0; i < SP_PARTS; i++) {
            const uint64_t part = sp_load_relaxed(&memory.parts[i]);
            if (part != 0)
                sp_store_relaxed(&memory.parts[i], (part - (UINT64_C(1) << UNITS_SHIFT)) ^ UINT64_C(1) << bit);
        }
        assert_true(find(libc_code(), &memory, &object));
        assert_memory_equal(&object.tables, &known.tables, sizeof known.tables);
    }
}

/* A list of n objects: [2 × PAGE × i, + PAGE) from the pages' beginning, with its own address for tables. */
static struct sp_object_list *new_list(uint32_t n, size_t step)
{
    struct sp_object_list *list = calloc(1, sizeof *list + n * sizeof list->at[0]);
    assert_non_null(list);
    list->n = n;
    for (uint32_t i = 0; i < n; i++) {
        const uintptr_t low = (uintptr_t)pages + i * step;
        list->at[i].low = low;
        list->at[i].high = low + PAGE;
        list->at[i].tables = (struct sp_tables){.low = low, .high = low + PAGE, .header = low + 64};
    }
    return list;
}

static void expect_listed(const struct sp_object_list *list, uint32_t number, uintptr_t address)
{
    struct sp_object object;
    assert_true(find(address, &memory, &object));
    assert_int_equal(object.low, list->at[number].low);
    assert_int_equal(object.high, list->at[number].high);
    assert_memory_equal(&object.tables, &list->at[number].tables, sizeof object.tables);
}

static void expect_none(uintptr_t address)
{
    struct sp_object object;
    assert_false(find(address, &memory, &object));
}

static void test_list_borders(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= PLACES / 2; n++) {
        struct sp_object_list *list = new_list(n, 2 * PAGE);
        sp_objects_publish(list);
        expect_none((uintptr_t)pages - 1);
        for (uint32_t i = 0; i < n; i++) {
            const uintptr_t low = list->at[i].low;
            expect_listed(list, i, low);
            expect_listed(list, i, low + PAGE / 2);
            expect_listed(list, i, low + PAGE - 1);
            expect_none(low + PAGE);
            expect_none(low + 2 * PAGE - 1);
        }
        sp_objects_publish(NULL);
        free(list);
    }
}

static void test_list_of_neighbours(void **state)
{
    (void)state;
    struct sp_object_list *list = new_list(PLACES, PAGE);
    sp_objects_publish(list);
    for (uint32_t i = 0; i < PLACES; i++) {
        expect_listed(list, i, list->at[i].low);
        expect_listed(list, i, list->at[i].high - 1);
    }
    expect_none((uintptr_t)pages + PLACES * PAGE);
    sp_objects_publish(NULL);
    free(list);
}

static void test_list_replaced(void **state)
{
    (void)state;
    struct sp_object_list *first = new_list(2, 2 * PAGE), *second = new_list(1, 2 * PAGE), *empty = new_list(0, 0);
    assert_null(sp_objects_publish(first));
    expect_listed(first, 1, first->at[1].low);
    assert_ptr_equal(sp_objects_publish(second), first);
    expect_listed(second, 0, first->at[0].low);
    expect_none(first->at[1].low);
    assert_ptr_equal(sp_objects_publish(empty), second);
    expect_none(first->at[0].low);
    assert_ptr_equal(sp_objects_publish(NULL), empty);
    expect_none(first->at[0].low);
    free(first);
    free(second);
    free(empty);
}

static void test_list_of_an_object_without_tables(void **state)
{
    (void)state;
    struct sp_object_list *list = new_list(1, 0);
    list->at[0].tables = (struct sp_tables){0};
    sp_objects_publish(list);
    expect_listed(list, 0, list->at[0].low);
    sp_objects_publish(NULL);
    free(list);
}

/* Other tables at the same place are another object, though nobody said that anything had changed. */
static void test_identity_of_other_tables_at_one_place(void **state)
{
    (void)state;
    struct sp_object_list *list = new_list(1, 0);
    struct sp_object first, other, again;
    sp_objects_publish(list);
    char *const count = (char *)list->at[0].tables.header + 8;
    assert_true(find(list->at[0].low, &memory, &first));
    *count = 1;
    assert_true(find(list->at[0].low, &memory, &other));
    *count = 0;
    assert_true(find(list->at[0].low, &memory, &again));
    assert_int_not_equal(other.identity, first.identity);
    assert_int_equal(again.identity, first.identity);
    sp_objects_publish(NULL);
    free(list);
}

/* What the C library tells is current, a list may be old. */
static void test_list_has_no_say_where_the_c_library_tells(void **state)
{
    (void)state;
    need_told();
    struct sp_object told, object;
    assert_true(find(own_code(), NULL, &told));
    struct sp_object_list *list = new_list(1, 0);
    list->at[0].low = PAGE;
    list->at[0].high = UINTPTR_MAX;
    sp_objects_publish(list);
    assert_true(find(own_code(), NULL, &object));
    assert_memory_equal(&object, &told, sizeof told);
    assert_true(find((uintptr_t)pages, NULL, &object));
    assert_int_equal(object.low, PAGE);
    sp_objects_publish(NULL);
    free(list);
}

/* Last of all, for it cannot be taken back: what stays is the same after every dlclose, what may go is not. */
static void test_object_that_stays(void **state)
{
    (void)state;
    struct sp_object before, after;
    const uintptr_t stays = libc_code(), goes = own_code();
    need_told();
    assert_true(find(stays, &memory, &before));
    sp_objects_keep(stays);
    sp_objects_keep(stays); /* once is enough */
    assert_true(find(stays, NULL, &after));
    assert_int_equal(after.identity, before.identity);
    assert_int_equal(after.tables.header, before.tables.header);
    assert_true(find(goes, &memory, &before));
    sp_objects_changed();
    assert_true(find(goes, &memory, &after));
    assert_int_not_equal(after.identity, before.identity);
    const uint64_t kept = before.identity;
    assert_true(find(stays, &memory, &before));
    sp_objects_changed();
    assert_true(find(stays, &memory, &after));
    assert_int_equal(after.identity, before.identity);
    assert_int_not_equal(after.identity, kept);
    assert_true(find(after.low, NULL, &before) && before.identity == after.identity);
    assert_true(find(after.high - 1, NULL, &before) && before.identity == after.identity);
    assert_true(!find(after.high, NULL, &before) || before.identity != after.identity);
    assert_true(!find(after.low - 1, NULL, &before) || before.identity != after.identity);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_object_of_the_program_and_of_libc),
        TEST(test_object_vdso),
        TEST(test_object_none),
        TEST(test_identity_is_the_object_s),
        TEST(test_identity_changes_when_objects_do),
        TEST(test_memory_saves_probes),
        TEST(test_object_without_probes_has_no_tables),
        TEST(test_memory_overwritten),
        TEST(test_memory_of_another_object),
        TEST(test_list_borders),
        TEST(test_list_of_neighbours),
        TEST(test_list_replaced),
        TEST(test_list_of_an_object_without_tables),
        TEST(test_identity_of_other_tables_at_one_place),
        TEST(test_list_has_no_say_where_the_c_library_tells),
        TEST(test_object_that_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
