/* Libraries that come and go, told by mappings that are read now and then and by the log: who was at an address, when.
 */
#include <stdio.h>
#include <stdlib.h>

#include "collector/mappings.h"

#include "check.h"

#define PROGRAM "10000-20000 r-xp 00000000 00:00 1 /bin/program\n"
#define FIRST PROGRAM "50000-60000 r-xp 00001000 00:00 7 /lib/first.so\n"
#define SECOND PROGRAM "50000-60000 r-xp 00001000 00:00 8 /lib/second.so\n"

static const uint64_t program_code = 0x10500, plugin_code = 0x50500;

static struct {
    struct sp_profile *profile;
    struct sp_mappings mappings;
    bool is_unsure;
} the;

static int set_up(void **state)
{
    (void)state;
    the.profile = sp_profile_new();
    the.mappings = (struct sp_mappings){.pid = 1};
    return the.profile == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    sp_mappings_done(&the.mappings);
    sp_profile_free(the.profile);
    return 0;
}

/* The log has been read in `epoch`. */
static void tell(uint64_t epoch)
{
    sp_mappings_unloads_told(&the.mappings, &(struct sp_unload_state){.epoch = epoch});
}

static void read_maps(const char *text)
{
    FILE *maps = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(maps);
    assert_int_equal(sp_mappings_read_text(&the.mappings, the.profile, maps), 0);
    fclose(maps);
}

/* In a drain of its own, in `epoch`. */
static void read_in(uint64_t epoch, const char *text)
{
    sp_mappings_begin_drain(&the.mappings);
    tell(epoch);
    read_maps(text);
    tell(epoch);
}

/* The log tells of what was at the plugin's place. `name` NULL: not known; as build ids serve names, too. */
static void unload(const char *name, enum sp_unload_kind kind, uint64_t from, uint64_t until)
{
    struct sp_unload unload = {.from = from, .until = until, .kind = kind, .n_parts = 1};
    unload.parts[0].start = 0x50000;
    unload.parts[0].limit = 0x60000;
    unload.parts[0].file_offset = 0x1000;
    if (name != NULL) {
        snprintf(unload.path, sizeof unload.path, "/lib/%s.so", name);
        snprintf(unload.build_id, sizeof unload.build_id, "%s", name);
    }
    sp_mappings_unload(&the.mappings, the.profile, &unload);
}

/* The name of the file that had the address; "none", or "unsure". */
static const char *who(uint64_t address, uint64_t epoch)
{
    const uint32_t index = sp_mappings_find(&the.mappings, the.profile, address, epoch, &the.is_unsure);
    if (index == SP_NONE)
        return the.is_unsure ? "unsure" : "none";
    assert_false(the.is_unsure);
    return strrchr(sp_profile_text(the.profile, the.profile->mappings.at[index].file), '/') + 1;
}

static void expect(uint64_t epoch, const char *name)
{
    assert_string_equal(who(plugin_code, epoch), name);
    assert_string_equal(who(program_code, epoch), "program"); /* whatever happens to others */
}

static void test_departures_two_libraries_at_one_place(void **state)
{
    (void)state;
    read_maps(PROGRAM);
    unload("first", SP_UNLOAD_GONE, 1, 2);
    unload("second", SP_UNLOAD_GONE, 3, 4);
    unload("first", SP_UNLOAD_GONE, 5, 6);
    tell(6);
    expect(0, "first.so");
    expect(1, "first.so");
    expect(2, "second.so");
    expect(3, "second.so");
    expect(4, "first.so");
    expect(5, "first.so");
    expect(6, "none");
    read_in(6, SECOND);
    expect(6, "second.so");
    expect(1, "first.so");
}

static void test_departures_what_was_read_goes_when_it_is_told(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    read_in(0, FIRST);
    expect(0, "first.so");
    sp_mappings_begin_drain(&the.mappings);
    unload(NULL, SP_UNLOAD_GONE, 1, 2);
    tell(2);
    expect(0, "first.so"); /* without a build id, it is what was read last */
    expect(1, "first.so");
    expect(2, "none");
    read_in(2, SECOND);
    expect(1, "first.so");
    expect(2, "second.so");
}

/* Without a build id, what is told and what was read may be two. */
static void test_departures_older_than_the_reading_are_not_what_was_read(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    read_in(5, FIRST);
    unload(NULL, SP_UNLOAD_GONE, 3, 4);
    expect(3, "unsure");
    expect(5, "first.so");
}

static void test_departures_while_reading_make_nobody_sure(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    sp_mappings_begin_drain(&the.mappings);
    tell(5);
    read_maps(FIRST);
    unload(NULL, SP_UNLOAD_GONE, 6, 7); /* just before, or just after */
    tell(8);
    expect(5, "unsure");
    expect(7, "none");
}

static void test_departures_contested_are_unsure(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    unload("first", SP_UNLOAD_CONTESTED, 3, 6);
    tell(6);
    read_in(6, SECOND);
    expect(2, "first.so");
    expect(3, "unsure");
    expect(5, "unsure");
    expect(6, "second.so");
}

static void test_departures_without_a_path_are_unsure(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    unload(NULL, SP_UNLOAD_GONE, 1, 2);
    tell(2);
    expect(1, "unsure");
}

/* What could not be told: only what has been there from the beginning is known, and what is read since. */
static void test_departures_gap(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    read_in(0, FIRST);
    sp_mappings_begin_drain(&the.mappings);
    sp_mappings_unloads_told(&the.mappings,
                             &(struct sp_unload_state){.epoch = 9, .is_gap = true, .unknown_until = 8, .untold = 1});
    expect(7, "none");
    expect(8, "none");
    read_in(9, FIRST);
    expect(7, "unsure");
    expect(8, "first.so");
    unload("second", SP_UNLOAD_GONE, 10, 11);
    tell(11);
    expect(7, "unsure");
    expect(10, "second.so");
}

static void test_departures_are_forgotten_and_then_nobody_is_named(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    unload("first", SP_UNLOAD_GONE, 1, 2);
    tell(2);
    read_in(2, SECOND);
    expect(1, "first.so");
    for (unsigned i = 0; i < 100; i++)
        read_in(2, SECOND);
    expect(1, "unsure");
    expect(2, "second.so");
    assert_int_equal(the.mappings.departures.list.n, 0);
}

/* Unmapped by hand: samples of the time around it may be of either. */
static void test_departures_without_a_word(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    read_in(0, FIRST);
    expect(0, "first.so");
    read_in(0, SECOND);
    for (unsigned i = 0; i < 3; i++) { /* some of the samples that are drained next may be older */
        expect(0, "unsure");
        read_in(0, SECOND);
    }
    expect(0, "second.so");
    read_in(0, PROGRAM);
    expect(0, "second.so"); /* the last one that was seen there */
}

/* Something is gone, or just about to go, and nobody has told yet: what has come to its place may be younger than
 * samples. */
static void unfinished(const char *name)
{
    const struct sp_unload_state open = {.epoch = 4, .is_open = true};
    read_in(0, PROGRAM);
    sp_mappings_begin_drain(&the.mappings);
    unload(name, SP_UNLOAD_PRESENT, 3, 4);
    sp_mappings_unloads_told(&the.mappings, &open);
    for (unsigned i = 0; i < 5; i++) {
        read_maps(SECOND);
        sp_mappings_unloads_told(&the.mappings, &open);
        expect(2, name != NULL ? "first.so" : "unsure");
        expect(3, "unsure");
        expect(4, "unsure");
        sp_mappings_begin_drain(&the.mappings);
    }
    unload(name, SP_UNLOAD_GONE, 3, 4);
    tell(5);
    expect(3, name != NULL ? "first.so" : "unsure");
    expect(4, "second.so");
}

static void test_departures_unfinished(void **state)
{
    (void)state;
    unfinished("first");
}

static void test_departures_unfinished_and_nameless(void **state)
{
    (void)state;
    unfinished(NULL);
}

/* As long as it is there, it is what it is. */
static void test_departures_told_to_be_there(void **state)
{
    (void)state;
    const struct sp_unload_state open = {.epoch = 3, .is_open = true};
    read_in(0, PROGRAM);
    sp_mappings_begin_drain(&the.mappings);
    unload("first", SP_UNLOAD_PRESENT, 3, 4);
    sp_mappings_unloads_told(&the.mappings, &open);
    expect(2, "first.so");
    expect(3, "first.so");
    read_maps(PROGRAM); /* nothing is there, and it has gone a moment ago */
    sp_mappings_unloads_told(&the.mappings, &open);
    expect(2, "first.so");
    expect(3, "none");
    unload("first", SP_UNLOAD_GONE, 3, 4);
    tell(4);
    expect(3, "first.so");
    expect(4, "none");
}

/* The mappings call it by another name; when all is told, it can but be that. */
static void test_departures_told_under_another_name(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    sp_mappings_begin_drain(&the.mappings);
    unload("first", SP_UNLOAD_PRESENT, 3, 4);
    read_maps(SECOND);
    sp_mappings_unloads_told(&the.mappings, &(struct sp_unload_state){.epoch = 3, .is_open = true});
    expect(3, "unsure");
    tell(3);
    expect(3, "second.so");
}

static void test_departures_out_of_order_name_nobody(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    unload("first", SP_UNLOAD_GONE, 8, 9);
    unload("second", SP_UNLOAD_GONE, 3, 4);
    tell(9);
    expect(3, "unsure");
    expect(8, "unsure");
    expect(9, "none");
}

/* The child of a fork in `epoch`: who its parent's code is. */
static const char *who_in_child(uint64_t epoch)
{
    struct sp_mappings child = {.pid = 2};
    assert_int_equal(sp_mappings_copy(&child, the.profile, &the.mappings, the.profile, epoch), 0);
    sp_mappings_begin_drain(&child);
    const uint32_t index = sp_mappings_find(&child, the.profile, plugin_code, epoch, &the.is_unsure);
    const uint32_t program = sp_mappings_find(&child, the.profile, program_code, epoch, &the.is_unsure);
    assert_int_not_equal(program, SP_NONE);
    sp_mappings_done(&child);
    return index == SP_NONE ? "none"
                            : strrchr(sp_profile_text(the.profile, the.profile->mappings.at[index].file), '/') + 1;
}

static void test_departures_child_has_what_was_there_at_the_fork(void **state)
{
    (void)state;
    read_in(0, PROGRAM);
    unload("first", SP_UNLOAD_GONE, 3, 4);
    unload("second", SP_UNLOAD_CONTESTED, 7, 9);
    tell(9);
    read_in(9, FIRST);
    assert_string_equal(who_in_child(3), "first.so");
    assert_string_equal(who_in_child(4), "second.so");
    assert_string_equal(who_in_child(6), "second.so");
    assert_string_equal(who_in_child(7), "none");
    assert_string_equal(who_in_child(9), "first.so");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_departures_two_libraries_at_one_place),
        TEST(test_departures_what_was_read_goes_when_it_is_told),
        TEST(test_departures_older_than_the_reading_are_not_what_was_read),
        TEST(test_departures_while_reading_make_nobody_sure),
        TEST(test_departures_contested_are_unsure),
        TEST(test_departures_without_a_path_are_unsure),
        TEST(test_departures_gap),
        TEST(test_departures_are_forgotten_and_then_nobody_is_named),
        TEST(test_departures_without_a_word),
        TEST(test_departures_unfinished),
        TEST(test_departures_unfinished_and_nameless),
        TEST(test_departures_told_to_be_there),
        TEST(test_departures_told_under_another_name),
        TEST(test_departures_out_of_order_name_nobody),
        TEST(test_departures_child_has_what_was_there_at_the_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
