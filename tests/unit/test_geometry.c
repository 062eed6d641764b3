/* The size of a segment for a rate, a depth, a number of CPUs and a limit. */
#include "session/session.h"

#include <errno.h>

#include "check.h"

static const struct sp_session_config plain = {.period_ns = 10000000, .max_depth = 512};

static bool is_power_of_2(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static void test_geometry_is_a_valid_layout(void **state)
{
    (void)state;
    static const uint64_t periods[] = {1, 10000, 1000000, 10000000, 1000000000, UINT64_C(1) << 50};
    static const uint32_t depths[] = {1, 64, 512, SP_DEPTH_LIMIT}, cpus[] = {1, 2, 3, 64, 1000};
    for (size_t i = 0; i < 6 * 4 * 5; i++) {
        const struct sp_session_config config = {.period_ns = periods[i % 6], .max_depth = depths[i / 6 % 4]};
        struct sp_geometry geometry;
        assert_int_equal(sp_session_geometry(&config, cpus[i / 24], &geometry), 0);
        struct sp_geometry again = geometry;
        assert_true(sp_geometry_layout(&again));
        assert_memory_equal(&again, &geometry, sizeof geometry);
        assert_true(is_power_of_2(geometry.n_shards) && is_power_of_2(geometry.n_buckets));
        assert_true(geometry.half_words >= 8 * (SP_RECORD_HEAD_WORDS + config.max_depth));
        assert_int_equal(geometry.max_depth, config.max_depth);
        assert_int_equal(geometry.period_ns, config.period_ns);
    }
}

static void test_geometry_has_a_slot_for_each_thread(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 3, 4, 100, 1000, 16383, 16384, SP_SLOTS_LIMIT - 1};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        struct sp_session_config config = plain;
        struct sp_geometry geometry;
        config.max_threads = threads[i];
        assert_int_equal(sp_session_geometry(&config, 2, &geometry), 0);
        assert_true(is_power_of_2(geometry.n_slots));
        assert_true(geometry.n_slots > threads[i]); /* slot 0 is nobody's */
    }
}

static void test_geometry_backstop_is_at_most_100_hz(void **state)
{
    (void)state;
    for (uint64_t hz = 1; hz <= 100000; hz *= 10) {
        struct sp_session_config config = plain;
        struct sp_geometry geometry;
        config.period_ns = 1000000000 / hz;
        assert_int_equal(sp_session_geometry(&config, 2, &geometry), 0);
        assert_true(geometry.backstop_periods >= 1);
        assert_true(geometry.backstop_periods * geometry.period_ns >= 10000000);
    }
}

static void test_geometry_small_buffer_is_cheap_on_a_large_machine(void **state)
{
    (void)state;
    struct sp_session_config config = plain;
    struct sp_geometry large, small;
    assert_int_equal(sp_session_geometry(&config, 128, &large), 0);
    config.buffer_ms = 250;
    assert_int_equal(sp_session_geometry(&config, 128, &small), 0);
    assert_in_range(small.n_shards, 1, 16);
    assert_true(small.bytes < large.bytes);
    /* 250 ms of 100 Hz on 128 CPUs, of 64 frames */
    assert_true((uint64_t)small.n_shards * small.half_words >= UINT64_C(25) * 128 * 64);
}

static void test_geometry_out_of_range_is_einval(void **state)
{
    (void)state;
    static const struct sp_session_config wrong[] = {
        {.period_ns = 0, .max_depth = 1},
        {.period_ns = 1, .max_depth = 0},
        {.period_ns = 1, .max_depth = SP_DEPTH_LIMIT + 1},
        {.period_ns = 1, .max_depth = 1, .max_threads = SP_SLOTS_LIMIT},
        {.period_ns = 1, .max_depth = 1, .max_threads = UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sp_geometry geometry;
        assert_int_equal(sp_session_geometry(&wrong[i], 2, &geometry), -EINVAL);
    }
}

/* Every limit either gives a segment within it or is refused; what is refused is below what was taken. */
static void test_geometry_keeps_within_the_memory_limit(void **state)
{
    (void)state;
    struct sp_session_config config = plain;
    uint64_t smallest = UINT64_MAX, largest_refused = 0;
    config.period_ns = 10000;
    for (config.memory_bytes = 4096; config.memory_bytes < UINT64_C(1) << 34;
         config.memory_bytes += config.memory_bytes / 4) {
        struct sp_geometry geometry = {.bytes = 77};
        const int result = sp_session_geometry(&config, 4, &geometry);
        if (result == 0) {
            assert_true(geometry.names_at <= config.memory_bytes);
            smallest = config.memory_bytes < smallest ? config.memory_bytes : smallest;
        } else {
            assert_int_equal(result, -ENOMEM);
            assert_int_equal(geometry.bytes, 77); /* untouched */
            largest_refused = config.memory_bytes;
        }
    }
    assert_true(largest_refused != 0 && largest_refused < smallest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry_is_a_valid_layout),
        cmocka_unit_test(test_geometry_has_a_slot_for_each_thread),
        cmocka_unit_test(test_geometry_backstop_is_at_most_100_hz),
        cmocka_unit_test(test_geometry_small_buffer_is_cheap_on_a_large_machine),
        cmocka_unit_test(test_geometry_out_of_range_is_einval),
        cmocka_unit_test(test_geometry_keeps_within_the_memory_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
