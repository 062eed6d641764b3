/* The history of this process's own mappings. */
#include "collector/mappings.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096 };

static struct {
    struct sp_profile *profile;
    struct sp_mappings mappings;
} the;

static int set_up(void **state)
{
    (void)state;
    the.profile = sp_profile_new();
    the.mappings = (struct sp_mappings){.pid = getpid()};
    return the.profile == NULL || sp_mappings_read(&the.mappings, the.profile) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    sp_mappings_done(&the.mappings);
    sp_profile_free(the.profile);
    return 0;
}

static uint32_t find(const void *address)
{
    bool is_unsure;
    return sp_mappings_find(&the.mappings, the.profile, (uint64_t)(uintptr_t)address, 0, &is_unsure);
}

static const struct sp_mapping *mapping_of(const void *address)
{
    const uint32_t index = find(address);
    assert_int_not_equal(index, SP_NONE);
    return &the.profile->mappings.at[index];
}

static void *map_code(void)
{
    void *at = mmap(NULL, 3 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    return at;
}

static void test_mappings_executable_is_first(void **state)
{
    (void)state;
    char own[4096];
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    assert_true(length > 0);
    own[length] = '\0';
    const struct sp_mapping *libc = mapping_of((const void *)(uintptr_t)&getenv); /* asked for first, yet not first */
    assert_true(libc->limit > libc->start);
    assert_string_equal(sp_profile_text(the.profile, the.profile->mappings.at[0].file), own);
    const struct sp_mapping *code = mapping_of((const void *)(uintptr_t)&map_code);
    assert_ptr_equal(code, &the.profile->mappings.at[0]);
    assert_true((uintptr_t)&map_code >= code->start && (uintptr_t)&map_code < code->limit);
}

static void test_mappings_data_and_nothing_are_not_found(void **state)
{
    (void)state;
    static int data;
    assert_int_equal(find(&data), SP_NONE);
    assert_int_equal(find(NULL), SP_NONE);
    assert_int_equal(find((const void *)UINTPTR_MAX), SP_NONE);
}

static void test_mappings_edges(void **state)
{
    (void)state;
    char *code = map_code();
    mprotect(code, PAGE, PROT_NONE);
    mprotect(code + 2 * PAGE, PAGE, PROT_NONE);
    assert_int_equal(sp_mappings_read(&the.mappings, the.profile), 0);
    assert_int_equal(find(code + PAGE - 1), SP_NONE);
    assert_int_not_equal(find(code + PAGE), SP_NONE);
    assert_int_not_equal(find(code + 2 * PAGE - 1), SP_NONE);
    assert_int_equal(find(code + 2 * PAGE), SP_NONE);
    assert_string_equal(sp_profile_text(the.profile, mapping_of(code + PAGE)->file), "//anon");
    munmap(code, 3 * PAGE);
}

static void test_mappings_gone_is_still_known(void **state)
{
    (void)state;
    char *code = map_code();
    assert_int_equal(sp_mappings_read(&the.mappings, the.profile), 0);
    munmap(code, 3 * PAGE);
    assert_int_equal(sp_mappings_read(&the.mappings, the.profile), 0);
    assert_int_not_equal(find(code + 5), SP_NONE); /* nobody asked while it was there */
}

static void test_mappings_live_goes_before_gone(void **state)
{
    (void)state;
    char *code = map_code();
    assert_int_equal(sp_mappings_read(&the.mappings, the.profile), 0);
    const uint32_t old = find(code);
    mprotect(code + PAGE, 2 * PAGE, PROT_NONE); /* another mapping at the same address */
    assert_int_equal(sp_mappings_read(&the.mappings, the.profile), 0);
    const uint32_t new = find(code);
    assert_int_not_equal(old, new);
    assert_int_equal(the.profile->mappings.at[new].limit - the.profile->mappings.at[new].start, PAGE);
    assert_int_equal(find(code + PAGE), old);
    munmap(code, 3 * PAGE);
}

static void test_mappings_read_again_adds_nothing(void **state)
{
    (void)state;
    find((const void *)(uintptr_t)&map_code);
    sp_mappings_read(&the.mappings, the.profile);
    const size_t known = the.mappings.known.n;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(sp_mappings_read(&the.mappings, the.profile), 0);
    assert_int_equal(the.mappings.known.n, known);
}

/* A process that is gone: an error or an empty file, and what was known stays. */
static void test_mappings_of_a_dead_process_stay(void **state)
{
    (void)state;
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    the.mappings.pid = child;
    assert_true(sp_mappings_read(&the.mappings, the.profile) < 0);
    assert_int_not_equal(find((const void *)(uintptr_t)&map_code), SP_NONE);
}

/* As for a forked process: what is mapped in the parent is mapped in the child, in this profile or another one. */
static void check_copy(struct sp_profile *profile)
{
    struct sp_mappings copy = {.pid = getpid()};
    assert_int_equal(sp_mappings_copy(&copy, profile, &the.mappings, the.profile, 0), 0);
    const struct sp_mapping *own = mapping_of((const void *)(uintptr_t)&getenv);
    bool is_unsure;
    const uint32_t index = sp_mappings_find(&copy, profile, (uint64_t)(uintptr_t)&getenv, 0, &is_unsure);
    assert_int_not_equal(index, SP_NONE);
    const struct sp_mapping *copied = &profile->mappings.at[index];
    assert_int_equal(copied->start, own->start);
    assert_string_equal(sp_profile_text(profile, copied->file), sp_profile_text(the.profile, own->file));
    assert_string_equal(sp_profile_text(profile, copied->build_id), sp_profile_text(the.profile, own->build_id));
    sp_mappings_done(&copy);
}

static void test_mappings_copy_in_one_profile_is_the_same_mapping(void **state)
{
    (void)state;
    check_copy(the.profile);
    const size_t n = the.profile->mappings.n;
    check_copy(the.profile);
    assert_int_equal(the.profile->mappings.n, n);
}

static void test_mappings_copy_into_another_profile(void **state)
{
    (void)state;
    struct sp_profile *other = sp_profile_new();
    check_copy(other);
    sp_profile_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mappings_executable_is_first),
        TEST(test_mappings_data_and_nothing_are_not_found),
        TEST(test_mappings_edges),
        TEST(test_mappings_gone_is_still_known),
        TEST(test_mappings_live_goes_before_gone),
        TEST(test_mappings_read_again_adds_nothing),
        TEST(test_mappings_of_a_dead_process_stay),
        TEST(test_mappings_copy_in_one_profile_is_the_same_mapping),
        TEST(test_mappings_copy_into_another_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
