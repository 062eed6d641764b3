/* The log of unloaded objects, as the session writes it and as the collector reads it, whatever stands in it. */
#include "collector/unloads.h"

#include "session/unload_log.h"
#include "small_segment.h"

enum { ENTRIES = 1024 };

static struct taken {
    uint32_t n;
    struct sp_unload last;
    uint64_t untils[ENTRIES];
} taken;

static void take(void *user, const struct sp_unload *unload)
{
    (void)user;
    assert_true(unload->n_parts <= SP_UNLOAD_PARTS);
    assert_true(unload->from < unload->until);
    assert_true(unload->kind < SP_UNLOAD_KINDS);
    assert_true(strlen(unload->path) <= SP_UNLOAD_PATH_BYTES);
    assert_true(strlen(unload->build_id) < SP_BUILD_ID_TEXT);
    for (uint32_t i = 0; i < unload->n_parts; i++)
        assert_true(unload->parts[i].start < unload->parts[i].limit);
    taken.untils[taken.n++ % ENTRIES] = unload->until;
    taken.last = *unload;
}

static struct sp_unload_state read_all(const struct sp_segment *segment, struct sp_unload_reader *reader)
{
    taken.n = 0;
    return sp_unloads_take(segment, reader, take, NULL);
}

static const struct sp_unloaded_object plugin = {.n_parts = 2,
                                                 .build_id_bytes = 5,
                                                 .parts = {{0x1000, 0x3000, 0x1000}, {0x8000, 0x9000, 0x4000}},
                                                 .build_id = {0xab, 1, 2, 3, 0xff},
                                                 .path = "/opt/plugin.so"};

static void test_unloads_what_is_written_is_read_once(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    struct sp_unload_reader reader = {0};
    sp_unload_log_write(&segment, &plugin, SP_UNLOAD_CONTESTED, 7, 9);
    sp_store_relaxed(&segment.header->unloads.epoch, (uint64_t)9);
    const struct sp_unload_state told = read_all(&segment, &reader);
    assert_int_equal(taken.n, 1);
    assert_int_equal(taken.last.from, 7);
    assert_int_equal(taken.last.until, 9);
    assert_int_equal(taken.last.kind, SP_UNLOAD_CONTESTED);
    assert_int_equal(taken.last.n_parts, 2);
    assert_int_equal(taken.last.parts[1].limit, 0x9000);
    assert_int_equal(taken.last.parts[1].file_offset, 0x4000);
    assert_string_equal(taken.last.build_id, "ab010203ff");
    assert_string_equal(taken.last.path, "/opt/plugin.so");
    assert_false(told.is_gap);
    assert_false(told.is_open);
    assert_int_equal(told.epoch, 9);
    read_all(&segment, &reader);
    assert_int_equal(taken.n, 0);
    free_segment(&segment);
}

static void test_unloads_bare_and_longest_objects(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    struct sp_unload_reader reader = {0};
    struct sp_unloaded_object longest = {.n_parts = SP_UNLOAD_PARTS, .build_id_bytes = SP_BUILD_ID_BYTES};
    memset(longest.path, 'x', sizeof longest.path); /* no NUL */
    for (uint32_t i = 0; i < SP_UNLOAD_PARTS; i++)
        longest.parts[i] = (struct sp_unloaded_part){i, i + 1, 0};
    sp_unload_log_write(&segment, &(struct sp_unloaded_object){0}, SP_UNLOAD_GONE, 0, 1);
    sp_unload_log_write(&segment, &longest, SP_UNLOAD_GONE, 1, 2);
    assert_false(read_all(&segment, &reader).is_gap);
    assert_int_equal(taken.n, 2);
    assert_int_equal(taken.last.n_parts, SP_UNLOAD_PARTS);
    assert_int_equal(strlen(taken.last.path), SP_UNLOAD_PATH_BYTES);
    assert_int_equal(strlen(taken.last.build_id), 2 * SP_BUILD_ID_BYTES);
    free_segment(&segment);
}

static void test_unloads_go_round_the_ring(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    struct sp_unload_reader reader = {0};
    for (uint64_t round = 0; round < 3000; round += 3) {
        for (uint64_t i = 0; i < 3; i++)
            sp_unload_log_write(&segment, &plugin, SP_UNLOAD_GONE, round + i, round + i + 1);
        assert_false(read_all(&segment, &reader).is_gap);
        assert_int_equal(taken.n, 3);
        for (uint64_t i = 0; i < 3; i++)
            assert_int_equal(taken.untils[i], round + i + 1);
        assert_string_equal(taken.last.path, plugin.path);
    }
    free_segment(&segment);
}

static void test_unloads_without_room_are_a_gap(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    struct sp_unload_reader reader = {0};
    for (uint64_t i = 0; i < ENTRIES; i++)
        sp_unload_log_write(&segment, &plugin, SP_UNLOAD_GONE, i, i + 1);
    sp_store_relaxed(&segment.header->unloads.epoch, (uint64_t)ENTRIES);
    const struct sp_unload_state told = read_all(&segment, &reader);
    assert_true(taken.n > 100 && taken.n < ENTRIES);
    assert_true(told.is_gap);
    assert_int_equal(told.untold, ENTRIES - taken.n);
    assert_int_equal(told.unknown_until, ENTRIES);
    sp_unload_log_write(&segment, &plugin, SP_UNLOAD_GONE, ENTRIES, ENTRIES + 1);
    assert_false(read_all(&segment, &reader).is_gap); /* told once */
    assert_int_equal(taken.n, 1);
    free_segment(&segment);
}

static void test_unloads_open_is_told(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    struct sp_unload_reader reader = {0};
    sp_store_relaxed(&segment.header->unloads.open, 2u);
    assert_true(read_all(&segment, &reader).is_open);
    free_segment(&segment);
}

/* An entry as the session writes it, then one word of it overwritten. */
static void expect_gap(uint32_t word, uint64_t value)
{
    struct sp_segment segment = new_segment((struct small_segment){0});
    struct sp_unload_reader reader = {0};
    sp_unload_log_write(&segment, &plugin, SP_UNLOAD_GONE, 7, 9);
    sp_segment_unloads(&segment)[word] = value;
    sp_store_relaxed(&segment.header->unloads.epoch, (uint64_t)9);
    const struct sp_unload_state told = read_all(&segment, &reader);
    assert_int_equal(taken.n, 0);
    assert_true(told.is_gap);
    assert_int_equal(told.unknown_until, 10);
    sp_unload_log_write(&segment, &plugin, SP_UNLOAD_GONE, 9, 10); /* what comes next is read */
    assert_false(read_all(&segment, &reader).is_gap);
    assert_int_equal(taken.n, 1);
    free_segment(&segment);
}

static void test_unloads_damaged_entries_are_a_gap(void **state)
{
    (void)state;
    const uint64_t length = 3 + 2 * 3 + 1 + 2, id = 5 << 24, path = (uint64_t)14 << 48;
    expect_gap(0, 0);
    expect_gap(0, UINT64_MAX);
    expect_gap(0, (length + 1) | 2 << 16 | id | path);  /* not the length of what is in it */
    expect_gap(0, (length + 3) | 3 << 16 | id | path);  /* more than is written */
    expect_gap(0, (length + 21) | 9 << 16 | id | path); /* too many parts */
    expect_gap(0, length | 2 << 16 | id | path | (uint64_t)SP_UNLOAD_KINDS << 32);
    expect_gap(1, 9); /* from = until */
    expect_gap(2, 7);
    expect_gap(4, 0x1000); /* an empty part */
}

/* Anything at all: nothing is read out of bounds, and each call ends. */
static void test_unloads_random_words(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    struct sp_unload_log *log = &segment.header->unloads;
    struct sp_unload_reader reader = {0};
    uint64_t seed = 88172645463325252u;
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t *ring = sp_segment_unloads(&segment);
        for (unsigned i = 0; i < 40; i++)
            ring[next_random(&seed) % SP_UNLOAD_WORDS] = next_random(&seed) >> next_random(&seed) % 64;
        const uint64_t step = next_random(&seed) >> next_random(&seed) % 64;
        sp_store_relaxed(&log->written, round % 2 == 0 ? reader.taken + step % SP_UNLOAD_WORDS : step);
        sp_store_relaxed(&log->epoch, next_random(&seed));
        sp_store_relaxed(&log->untold_until, next_random(&seed));
        const struct sp_unload_state told = read_all(&segment, &reader);
        assert_true(told.unknown_until <= told.epoch + 1 || told.epoch == UINT64_MAX);
        assert_int_equal(sp_load_relaxed(&log->taken), reader.taken);
    }
    free_segment(&segment);
}

static void test_unloads_whole_epoch_is_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(sp_whole_epoch(5, 7), 5);
    assert_int_equal(sp_whole_epoch(9, 7), 9);
    assert_int_equal(sp_whole_epoch(UINT32_MAX, UINT64_C(0x200000001)), UINT64_C(0x1ffffffff));
    assert_int_equal(sp_whole_epoch(2, UINT64_C(0x1ffffffff)), UINT64_C(0x200000002));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unloads_what_is_written_is_read_once),
        cmocka_unit_test(test_unloads_bare_and_longest_objects),
        cmocka_unit_test(test_unloads_go_round_the_ring),
        cmocka_unit_test(test_unloads_without_room_are_a_gap),
        cmocka_unit_test(test_unloads_open_is_told),
        cmocka_unit_test(test_unloads_damaged_entries_are_a_gap),
        cmocka_unit_test(test_unloads_random_words),
        cmocka_unit_test(test_unloads_whole_epoch_is_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
