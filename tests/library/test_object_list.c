/*
 * The list of loaded objects: the same objects with the same tables as the C library tells, none too many, renewed when
 * libraries come and go; and two libraries that are loaded at one place in turn are told apart without being told that
 * anything has changed.
 *
 * usage: library_object_list NARROW_LIBRARY WIDE_LIBRARY
 */
#include "session/object_list.h"

#include <dlfcn.h>
#include <sys/auxv.h>

#include "handler/object.h"
#include "handler/rule_cache.h"
#include "require.h"

enum { ROUNDS = 20 };

/* What is published, without changing it. */
static const struct sp_object_list *published(void)
{
    const struct sp_object_list *list = sp_objects_publish(NULL);
    sp_objects_publish(list);
    return list;
}

static const struct sp_listed_object *find_listed(const struct sp_object_list *list, uintptr_t address)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (address >= list->at[i].low && address < list->at[i].high)
            return &list->at[i];
    return NULL;
}

static void *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        fprintf(stderr, "%s\n", dlerror());
    require(library != NULL);
    return library;
}

static uintptr_t function_of(void *library)
{
    const uintptr_t address = (uintptr_t)dlsym(library, "listed_function");
    require(address != 0);
    return address;
}

static void test_list_is_sorted_and_has_no_object_twice(void)
{
    require_equal(sp_object_list_publish(), 0);
    const struct sp_object_list *list = published();
    require(list != NULL && list->n >= 2);
    for (uint32_t i = 0; i < list->n; i++) {
        require(list->at[i].low < list->at[i].high);
        require(i == 0 || list->at[i - 1].high <= list->at[i].low);
    }
    const uintptr_t vdso = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    require(vdso == 0 || find_listed(list, vdso) != NULL);
}

/* Both say where an object's tables are; by either the same rows are found. */
static void test_list_says_what_the_c_library_tells(void)
{
    const uintptr_t addresses[] = {(uintptr_t)&find_listed, (uintptr_t)dlsym(RTLD_DEFAULT, "qsort"),
                                   (uintptr_t)dlsym(RTLD_DEFAULT, "printf"), (uintptr_t)dlsym(RTLD_DEFAULT, "dlopen")};
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct sp_loader loader = sp_loader_new(0, 0);
        struct sp_object told;
        struct sp_cfi_row by_told, by_listed;
        const struct sp_listed_object *listed = find_listed(published(), addresses[i]);
        require(listed != NULL);
        require(sp_object_find(addresses[i], NULL, &loader, &told));
        require_equal(listed->low, told.low);
        require_equal(listed->tables.header, told.tables.header);
        require_equal(sp_cfi_find(&told.tables, addresses[i], &by_told), SP_CFI_FOUND);
        require_equal(sp_cfi_find(&listed->tables, addresses[i], &by_listed), SP_CFI_FOUND);
        require(by_told.begin == by_listed.begin && by_told.end == by_listed.end);
        require(by_told.cfa_register == by_listed.cfa_register && by_told.cfa_offset == by_listed.cfa_offset);
    }
}

static void test_list_is_renewed_when_objects_come_and_go(const char *path)
{
    require_equal(sp_object_list_publish(), 0);
    const struct sp_object_list *before = published();
    const uint32_t n = before->n;
    require_equal(sp_object_list_publish(), 0);
    require(published() == before); /* nothing has changed */
    void *library = load(path);
    const uintptr_t address = function_of(library);
    require(find_listed(published(), address) == NULL);
    require_equal(sp_object_list_publish(), 0);
    require_equal(published()->n, n + 1);
    require(find_listed(published(), address) != NULL);
    dlclose(library);
    require_equal(sp_object_list_publish(), 0);
    require_equal(published()->n, n);
    require(find_listed(published(), address) == NULL);
}

/* What is known of a library once it is loaded: where its function is, who it is, and what rule holds there. */
struct known {
    uintptr_t address;
    uint64_t identity;
    uint32_t rule;
};

static struct known learn(const char *path, struct sp_unwind_memory *memory)
{
    struct sp_loader loader = sp_loader_new(0, 0);
    struct sp_object object;
    struct sp_cfi_row row;
    void *library = load(path);
    struct known known = {.address = function_of(library) + 16};
    require_equal(sp_object_list_publish(), 0);
    require(sp_object_find(known.address, memory, &loader, &object));
    known.identity = object.identity;
    require_equal(sp_cfi_find(&object.tables, known.address, &row), SP_CFI_FOUND);
    known.rule = sp_rule_pack(&object.tables, &row, known.address);
    const uint64_t key = sp_rule_key(known.address, false, object.identity);
    const uint32_t cached = sp_rule_look(memory, key);
    require(cached == 0 || cached == known.rule); /* never what was learnt of the other */
    sp_rule_keep(memory, key, known.rule);
    dlclose(library);
    return known;
}

/* Returns how often the one came to where the other had been, which is the system's to decide. */
static unsigned test_libraries_at_one_place_are_told_apart(const char *narrow, const char *wide)
{
    static struct sp_unwind_memory memory;
    unsigned same_place = 0;
    struct known before = learn(narrow, &memory);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const struct known now = learn(i % 2 == 0 ? wide : narrow, &memory);
        require(now.identity != before.identity);
        same_place += now.address == before.address;
        if (now.address == before.address)
            require(now.rule != before.rule);
        before = now;
    }
    printf("at one place %u of %u times\n", same_place, (unsigned)ROUNDS);
    return same_place;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s NARROW_LIBRARY WIDE_LIBRARY\n", argv[0]);
        return 2;
    }
    test_list_is_sorted_and_has_no_object_twice();
    test_list_says_what_the_c_library_tells();
    test_list_is_renewed_when_objects_come_and_go(argv[1]);
    return test_libraries_at_one_place_are_told_apart(argv[1], argv[2]) > 0 ? 0 : EXIT_SKIP;
}
