/* The layout of a segment: what is refused, and that the parts do not overlap. */
#include "handler/segment.h"

#include "check.h"

static struct sp_geometry sensible(void)
{
    return (struct sp_geometry){.version = SP_SEGMENT_VERSION,
                                .max_depth = 128,
                                .n_slots = 1024,
                                .n_shards = 4,
                                .n_buckets = 64,
                                .half_words = 4096,
                                .period_ns = 10000000,
                                .backstop_periods = 1};
}

static void expect_order(const struct sp_geometry *g)
{
    assert_true(g->index_at >= sizeof(struct sp_header));
    assert_true(g->fds_at >= g->index_at + g->n_index * sizeof(uint32_t));
    assert_true(g->slots_at >= g->fds_at + SP_PERF_FDS * sizeof(uint32_t));
    assert_true(g->shards_at >= g->slots_at + g->n_slots * sizeof(struct sp_slot));
    assert_true(g->halves_at >= g->shards_at + g->n_shards * sizeof(struct sp_shard));
    assert_true(g->half_bytes >= ((uint64_t)g->n_buckets * SP_BUCKET_WAYS + g->half_words) * sizeof(uint64_t));
    assert_true(g->bytes >= g->halves_at + 2 * (uint64_t)g->n_shards * g->half_bytes);
    assert_int_equal(g->bytes % 4096, 0);
    assert_int_equal(g->slots_at % 4096 | g->shards_at % 4096, 0); /* each made present by itself */
    assert_int_equal(
        g->fds_at % 128 | g->slots_at % 128 | g->shards_at % 128 | g->halves_at % 128 | g->half_bytes % 128, 0);
    assert_true(g->n_index >= SP_INDEX_PROBE);
    assert_int_equal(g->n_index & (g->n_index - 1), 0);
}

static void test_layout_parts_do_not_overlap(void **state)
{
    (void)state;
    for (uint32_t n_slots = 2; n_slots <= SP_SLOTS_LIMIT; n_slots *= 4)
        for (uint32_t n_shards = 1; n_shards <= SP_SHARDS_LIMIT; n_shards *= 4)
            for (uint32_t max_depth = 1; max_depth <= SP_DEPTH_LIMIT; max_depth *= 8) {
                struct sp_geometry geometry = sensible();
                geometry.n_slots = n_slots;
                geometry.n_shards = n_shards;
                geometry.max_depth = max_depth;
                geometry.half_words = sp_record_words_limit(&geometry);
                assert_true(sp_geometry_layout(&geometry));
                expect_order(&geometry);
            }
}

static void test_layout_largest_does_not_overflow(void **state)
{
    (void)state;
    struct sp_geometry geometry = sensible();
    geometry.n_slots = SP_SLOTS_LIMIT;
    geometry.n_shards = SP_SHARDS_LIMIT;
    geometry.n_buckets = 1u << 20;
    geometry.half_words = 1u << 28;
    geometry.max_depth = SP_DEPTH_LIMIT;
    assert_true(sp_geometry_layout(&geometry));
    expect_order(&geometry);
    assert_true(geometry.bytes < (uint64_t)1 << 42);
}

static void test_layout_out_of_range_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t field;
        uint32_t value;
    } wrong[] = {
#define FIELD(name, value) {offsetof(struct sp_geometry, name), value}
        FIELD(version, 0),
        FIELD(version, SP_SEGMENT_VERSION + 1),
        FIELD(max_depth, 0),
        FIELD(max_depth, SP_DEPTH_LIMIT + 1),
        FIELD(max_depth, UINT32_MAX),
        FIELD(n_slots, 0),
        FIELD(n_slots, 1),
        FIELD(n_slots, 3),
        FIELD(n_slots, 1000),
        FIELD(n_slots, 2 * SP_SLOTS_LIMIT),
        FIELD(n_slots, 1u << 31),
        FIELD(n_shards, 0),
        FIELD(n_shards, 6),
        FIELD(n_shards, 2 * SP_SHARDS_LIMIT),
        FIELD(n_shards, 1u << 31),
        FIELD(n_buckets, 0),
        FIELD(n_buckets, 65),
        FIELD(n_buckets, 1u << 21),
        FIELD(n_buckets, 1u << 31),
        FIELD(half_words, 0),
        FIELD(half_words, SP_RECORD_HEAD_WORDS + 127),
        FIELD(half_words, (1u << 28) + 1),
        FIELD(half_words, UINT32_MAX),
#undef FIELD
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sp_geometry geometry = sensible();
        memcpy((char *)&geometry + wrong[i].field, &wrong[i].value, sizeof wrong[i].value);
        if (sp_geometry_layout(&geometry))
            fail_msg("case %zu: %u was taken", i, wrong[i].value);
    }
    struct sp_geometry geometry = sensible();
    geometry.period_ns = 0;
    assert_false(sp_geometry_layout(&geometry));
    geometry = sensible();
    geometry.backstop_periods = 0;
    assert_false(sp_geometry_layout(&geometry));
}

static void test_record_fields_come_back(void **state)
{
    (void)state;
    const uint64_t word = (uint64_t)0xdeadbeef << 32 | (uint64_t)SP_DEPTH_LIMIT << 16 | SP_STACK_CUT_RULES;
    assert_int_equal(sp_record_depth(word), SP_DEPTH_LIMIT);
    assert_int_equal(sp_record_end(word), SP_STACK_CUT_RULES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_parts_do_not_overlap),
        cmocka_unit_test(test_layout_largest_does_not_overflow),
        cmocka_unit_test(test_layout_out_of_range_is_refused),
        cmocka_unit_test(test_record_fields_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
