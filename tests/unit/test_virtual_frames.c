/* Functions of interpreters out of a segment: their names in the profile, and a segment that makes no sense. */
#include "collector/virtual_frames.h"

#include <stdlib.h>

#include "small_segment.h"

static struct sp_segment segment;
static struct sp_profile *profile;
static struct sp_virtual_functions functions;
static struct sp_virtual_locations locations;

static int set_up(void **state)
{
    (void)state;
    segment = new_segment((struct small_segment){0});
    profile = sp_profile_new();
    functions = (struct sp_virtual_functions){0};
    locations = (struct sp_virtual_locations){0};
    return profile == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    sp_virtual_functions_done(&functions);
    sp_virtual_locations_done(&locations);
    sp_profile_free(profile);
    free_segment(&segment);
    return 0;
}

static struct sp_function_name *add_name(const char *name, const char *file, uint32_t line)
{
    const uint64_t used = sp_load_relaxed(&segment.header->names_used);
    struct sp_function_name *head = (struct sp_function_name *)(void *)(sp_segment_names(&segment) + used);
    head->name_bytes = (uint16_t)strlen(name);
    head->file_bytes = (uint16_t)strlen(file);
    head->start_line = line;
    head->bytes = (uint32_t)(sizeof *head + strlen(name) + strlen(file) + 7) / 8 * 8;
    memcpy(head + 1, name, head->name_bytes);
    memcpy((char *)(head + 1) + head->name_bytes, file, head->file_bytes);
    sp_store_release(&segment.header->names_used, used + head->bytes);
    return head;
}

static uint32_t location_of(uint32_t function, uint32_t line)
{
    return sp_virtual_location(&locations, &functions, &segment, profile, sp_pc_virtual(function, line));
}

static void expect(uint32_t location, const char *name, const char *file, int64_t start_line, int64_t line)
{
    assert_true(location < profile->locations.n);
    const struct sp_location *at = &profile->locations.at[location];
    assert_int_equal(at->mapping, SP_NONE);
    assert_int_equal(at->address, 0);
    assert_int_equal(at->n_lines, 1);
    const struct sp_line *first = &profile->lines.at[at->first_line];
    const struct sp_function *function = &profile->functions.at[first->function];
    assert_int_equal(first->line, line);
    assert_string_equal(sp_profile_text(profile, function->name), name);
    assert_string_equal(sp_profile_text(profile, function->filename), file);
    assert_int_equal(function->start_line, start_line);
}

static void test_names_and_lines(void **state)
{
    (void)state;
    add_name("fib", "fib.lua", 3);
    add_name("main chunk", "", 0);
    expect(location_of(1, 5), "fib", "fib.lua", 3, 5);
    expect(location_of(2, 9), "main chunk", "", 0, 9);
    assert_int_equal(location_of(1, 5), location_of(1, 5));
    assert_int_not_equal(location_of(1, 5), location_of(1, 6));
    assert_int_equal(profile->locations.n, 3);
}

/* They are read as they come, each once. */
static void test_names_that_come_later(void **state)
{
    (void)state;
    add_name("first", "f", 1);
    expect(location_of(1, 1), "first", "f", 1, 1);
    expect(location_of(2, 1), "[unknown function]", "", 0, 1);
    add_name("second", "f", 2);
    expect(location_of(2, 1), "second", "f", 2, 1);
}

/* Two processes have the same numbers for different functions, and one location for the same one. */
static void test_numbers_are_the_targets_own(void **state)
{
    (void)state;
    struct sp_virtual_functions others = {0};
    add_name("first", "f", 1);
    add_name("both", "f", 2);
    const uint32_t both = location_of(2, 7);
    sp_store_relaxed(&segment.header->names_used, (uint64_t)0);
    add_name("both", "f", 2);
    assert_int_equal(sp_virtual_location(&locations, &others, &segment, profile, sp_pc_virtual(1, 7)), both);
    sp_virtual_functions_done(&others);
}

static void expect_unknown(void)
{
    expect(location_of(2, 1), "[unknown function]", "", 0, 1);
    assert_true(functions.is_damaged);
    assert_int_equal(sp_profile_error(profile), 0);
    functions.is_damaged = false;
}

static void test_entries_that_make_no_sense(void **state)
{
    (void)state;
    add_name("first", "f", 1);
    struct sp_function_name *second = add_name("second", "f", 1);
    const struct sp_function_name good = *second;
    const uint64_t used = sp_load_relaxed(&segment.header->names_used);
    second->bytes = 0;
    expect_unknown();
    second->bytes = good.bytes + 8;
    expect_unknown();
    second->bytes = good.bytes - 8;
    expect_unknown();
    second->bytes = good.bytes - 1;
    expect_unknown();
    second->bytes = UINT32_MAX - 7;
    expect_unknown();
    *second = good;
    second->name_bytes = SP_NAME_BYTES;
    expect_unknown();
    *second = good;
    second->file_bytes = UINT16_MAX;
    expect_unknown();
    *second = good;
    sp_store_relaxed(&segment.header->names_used, used - 8);
    expect_unknown();
    sp_store_relaxed(&segment.header->names_used, (uint64_t)SP_NAMES_BYTES + 8);
    expect_unknown();
    sp_store_relaxed(&segment.header->names_used, used);
    expect(location_of(2, 1), "second", "f", 1, 1);
    expect(location_of(SP_VIRTUAL_FUNCTIONS, 1), "[unknown function]", "", 0, 1);
    expect(location_of(0, 1), "[unknown function]", "", 0, 1);
}

static void test_random_bytes(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (unsigned round = 0; round < 300; round++) {
        uint64_t *words = (uint64_t *)(void *)sp_segment_names(&segment);
        for (unsigned i = 0; i < 4096; i++) {
            const uint64_t word = next_random(&random);
            words[i] = word % 2 == 0 ? word : (word >> 8) % 64 * 8 | (word >> 20) % 8 << 32;
        }
        sp_store_relaxed(&segment.header->names_used, round % 4 == 0 ? random : random % 32768);
        functions.bytes = functions.known.n = 0;
        functions.is_damaged = false;
        for (uint32_t function = 1; function < 50; function++)
            assert_true(location_of(function, 1) < profile->locations.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_and_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_come_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_are_the_targets_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_entries_that_make_no_sense, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_bytes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
