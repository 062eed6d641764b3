/* From a segment with records to a profile: what stands in pcs beside addresses. */
#include "collector/collector_state.h"

#include <sys/mman.h>
#include <unistd.h>

#include "small_segment.h"

static struct {
    struct sp_segment segment;
    struct sp_collector *collector;
    struct sp_target *target;
} the;

static int set_up(void **state)
{
    (void)state;
    the.segment = new_segment((struct small_segment){0});
    the.collector = sp_collector_new(the.segment.geometry.period_ns, 0);
    the.target = sp_collector_attach(the.collector, &the.segment, getpid(), NULL);
    return the.target == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    sp_collector_free(the.collector);
    free_segment(&the.segment);
    return 0;
}

/* Another record of this thread's, into the first shard. */
static void add_record_of(enum sp_record_kind kind, const uint64_t *pcs, uint32_t depth, enum sp_stack_end end)
{
    struct sp_shard *shard = sp_segment_shard(&the.segment, 0);
    const uint32_t half = sp_load_relaxed(&shard->active), used = sp_load_relaxed(&shard->used[half]);
    uint64_t *record = sp_segment_records(&the.segment, 0, half) + used;
    assert_true(used + SP_RECORD_HEAD_WORDS + depth <= the.segment.geometry.half_words);
    record[0] = (uint64_t)depth << 16 | (uint64_t)kind << 8 | (uint64_t)end;
    record[1] = sp_record_slot(1, 1);
    record[2] = (uint64_t)gettid();
    record[3] = record[4] = 1;
    memcpy(record + SP_RECORD_HEAD_WORDS, pcs, depth * sizeof *pcs);
    sp_store_release(&shard->used[half], used + SP_RECORD_HEAD_WORDS + depth);
}

static void add_record(const uint64_t *pcs, uint32_t depth, enum sp_stack_end end)
{
    add_record_of(SP_RECORD_SAMPLE, pcs, depth, end);
}

static const struct sp_profile *collect(struct sp_ledger *ledger)
{
    char why[256] = "";
    sp_collector_drain(the.target);
    sp_collector_ledger(the.collector, ledger);
    const struct sp_profile *profile = sp_collector_profile(the.collector, 1);
    assert_non_null(profile);
    if (sp_profile_check(profile, why, sizeof why) != 0)
        fail_msg("the profile does not hold together: %s", why);
    return profile;
}

static const struct sp_location *location(const struct sp_profile *profile, size_t sample, uint32_t frame)
{
    assert_true(sample < profile->samples.n && frame < profile->samples.at[sample].n_locations);
    return &profile->locations.at[profile->sample_locations.at[profile->samples.at[sample].first_location + frame]];
}

static bool is_omission(const struct sp_profile *profile, const struct sp_location *at)
{
    if (at->n_lines != 1)
        return false;
    const struct sp_function *function = &profile->functions.at[profile->lines.at[at->first_line].function];
    return strcmp(sp_profile_text(profile, function->name), SP_OMITTED_FRAMES) == 0;
}

static void test_gap_is_a_frame_with_a_name_and_no_address(void **state)
{
    (void)state;
    const uint64_t here = (uint64_t)(uintptr_t)&collect;
    const uint64_t first[] = {here, here + 20, SP_PC_GAP, here + 40}, other[] = {here + 1, SP_PC_GAP, here + 41};
    struct sp_ledger ledger;
    add_record(first, 4, SP_STACK_CUT_DEPTH);
    add_record(other, 3, SP_STACK_CUT_DEPTH);
    const struct sp_profile *profile = collect(&ledger);
    assert_int_equal(profile->samples.n, 2);
    const struct sp_location *omitted = location(profile, 0, 2);
    assert_true(is_omission(profile, omitted));
    assert_int_equal(omitted->mapping, SP_NONE);
    assert_int_equal(omitted->address, 0);
    assert_ptr_equal(location(profile, 1, 1), omitted);
    assert_int_equal(location(profile, 0, 1)->address, here + 19);
    assert_int_equal(location(profile, 0, 3)->address, here + 39);
    assert_int_not_equal(location(profile, 0, 3)->mapping, SP_NONE);
    assert_int_equal(ledger.ends[SP_STACK_CUT_DEPTH], 2);
    assert_int_equal(ledger.frames, 5);
    assert_int_equal(ledger.unmapped_frames, 0);
}

/* No handler writes these, but the program may have. Addresses near 0 stay addresses, apart from the omission. */
static void test_gap_where_none_can_be_is_data(void **state)
{
    (void)state;
    const uint64_t here = (uint64_t)(uintptr_t)&collect;
    const uint64_t leaf[] = {SP_PC_GAP, here}, twice[] = {here, SP_PC_GAP, SP_PC_GAP}, zero[] = {0, 2, 0};
    struct sp_ledger ledger;
    add_record(leaf, 2, SP_STACK_COMPLETE);
    add_record(twice, 3, SP_STACK_COMPLETE);
    add_record(zero, 3, SP_STACK_COMPLETE);
    const struct sp_profile *profile = collect(&ledger);
    assert_int_equal(profile->samples.n, 3);
    assert_false(is_omission(profile, location(profile, 0, 0)));
    assert_int_equal(location(profile, 0, 0)->address, SP_PC_GAP);
    assert_true(is_omission(profile, location(profile, 1, 1)));
    assert_true(is_omission(profile, location(profile, 1, 2)));
    for (uint32_t i = 0; i < 3; i++)
        assert_false(is_omission(profile, location(profile, 2, i)));
    assert_int_equal(ledger.unmapped_frames, 4);
}

/* The innermost frame may be an interpreter's: the interrupted pc behind it is stored as a return address. */
static void test_frame_of_an_interpreter(void **state)
{
    (void)state;
    const uint64_t here = (uint64_t)(uintptr_t)&collect;
    const uint64_t pcs[] = {sp_pc_virtual(1, 7), here + 1, sp_pc_virtual(1, 9), here + 21, sp_pc_virtual(1, 7)};
    struct sp_ledger ledger;
    add_record(pcs, 5, SP_STACK_COMPLETE);
    const struct sp_profile *profile = collect(&ledger);
    const struct sp_location *inner = location(profile, 0, 0);
    assert_int_equal(inner->mapping, SP_NONE);
    assert_int_equal(inner->n_lines, 1);
    assert_int_equal(profile->lines.at[inner->first_line].line, 7);
    assert_int_equal(location(profile, 0, 1)->address, here);
    assert_int_equal(profile->lines.at[location(profile, 0, 2)->first_line].line, 9);
    assert_int_equal(location(profile, 0, 3)->address, here + 20);
    assert_ptr_equal(location(profile, 0, 4), inner);
    assert_int_equal(ledger.frames, 2);
    assert_int_equal(ledger.unmapped_frames, 0);
}

/* Only locations of a stack that the host's function gave are for its symbolizer. */
static void test_stack_of_the_hosts_function(void **state)
{
    (void)state;
    const uint64_t ours[] = {0x5000}, theirs[] = {0x6000, 0x7001};
    struct sp_ledger ledger;
    size_t n;
    struct sp_shard *shard = sp_segment_shard(&the.segment, 0);
    const uint32_t at = sp_load_relaxed(&shard->used[sp_load_relaxed(&shard->active)]);
    add_record(theirs, 2, SP_STACK_COMPLETE);
    sp_segment_records(&the.segment, 0, sp_load_relaxed(&shard->active))[at] |= SP_RECORD_TRACEBACK << 8;
    add_record(ours, 1, SP_STACK_COMPLETE);
    const struct sp_profile *profile = collect(&ledger);
    const bool *is_foreign = sp_collector_foreign(the.collector, &n);
    assert_int_equal(profile->locations.n, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(i < n && is_foreign[i], profile->locations.at[i].address != 0x5000);
    assert_int_equal(location(profile, 0, 1)->address, 0x7000);
}

static bool is_code(uint64_t address)
{
    struct sp_code_range *ranges = sp_segment_unwind(&the.segment)->code_ranges;
    for (uint32_t i = 0; i < SP_CODE_RANGES; i++)
        if (address >= sp_load_relaxed(&ranges[i].low) && address < sp_load_relaxed(&ranges[i].high))
            return true;
    return false;
}

static uint64_t make_code(void)
{
    void *at = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    return (uint64_t)(uintptr_t)at;
}

static void drain_one(uint64_t pc, enum sp_stack_end end)
{
    add_record(&pc, 1, end);
    the.target->maps_read_ns = INT64_MAX; /* the next regular look is far away, however slow the machine is */
    sp_collector_drain(the.target);
}

/* Its caller is what a walk does not get over: the leaf is in the program. */
static void test_code_made_since_is_published_when_a_stack_lacks_rules(void **state)
{
    (void)state;
    const uint64_t here = (uint64_t)(uintptr_t)&collect, code = make_code();
    assert_false(is_code(here));
    drain_one(here, SP_STACK_COMPLETE);
    assert_false(is_code(code)); /* no reason to look */
    drain_one(here, SP_STACK_CUT_RULES);
    assert_true(is_code(code));
    assert_false(is_code(here));
    munmap((void *)(uintptr_t)code, 3 * 4096);
    drain_one(here, SP_STACK_CUT_RULES);
    assert_false(is_code(code));
}

static void test_code_made_since_is_published_when_it_is_sampled(void **state)
{
    (void)state;
    const uint64_t here = (uint64_t)(uintptr_t)&collect;
    drain_one(here, SP_STACK_CUT_RULES); /* a look that finds nothing: no other for that reason */
    const uint64_t code = make_code();
    drain_one(here, SP_STACK_CUT_RULES);
    assert_false(is_code(code));
    drain_one(code + 5, SP_STACK_CUT_RULES);
    assert_true(is_code(code));
    munmap((void *)(uintptr_t)code, 3 * 4096);
}

/* The last record, by which a period is owed to the start routine. */
static void add_end(void)
{
    const uint64_t words[SP_END_WORDS] = {(uint64_t)(uintptr_t)&collect, 5000, 0};
    add_record_of(SP_RECORD_END, words, SP_END_WORDS, SP_STACK_COMPLETE);
}

static void test_refused_samples_are_counted_and_not_in_the_profile(void **state)
{
    (void)state;
    static const uint64_t nowhere = 0;
    const uint64_t here = (uint64_t)(uintptr_t)&collect;
    struct sp_ledger ledger;
    sp_collector_expect_filter(the.collector);
    add_record(&here, 1, SP_STACK_COMPLETE);
    add_record_of(SP_RECORD_FILTERED, &nowhere, 1, SP_STACK_COMPLETE);
    add_record_of(SP_RECORD_FILTERED, &nowhere, 1, SP_STACK_COMPLETE);
    add_end();
    const struct sp_profile *profile = collect(&ledger);
    assert_int_equal(profile->samples.n, 1);
    assert_int_equal(profile->values.at[0], 1);
    assert_int_equal(ledger.collected.weight, 1);
    assert_int_equal(ledger.filtered.weight, 3); /* with what was owed at the end */
    assert_int_equal(ledger.filtered.deliveries, 3);
    assert_int_equal(ledger.unsampled_ns[SP_GAP_FILTERED], 3 * the.segment.geometry.period_ns);
}

/* What is owed at the end of a thread goes into the profile where the filter has wanted all before, and some. */
static void test_end_is_the_filters_answer(void **state)
{
    (void)state;
    const uint64_t here = (uint64_t)(uintptr_t)&collect;
    struct sp_ledger ledger;
    sp_collector_expect_filter(the.collector);
    add_end();
    collect(&ledger);
    assert_int_equal(ledger.filtered.weight, 1);
    tear_down(state);
    set_up(state);
    sp_collector_expect_filter(the.collector);
    add_record(&here, 1, SP_STACK_COMPLETE);
    add_end();
    collect(&ledger);
    assert_int_equal(ledger.filtered.weight, 0);
    assert_int_equal(ledger.collected.weight, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gap_is_a_frame_with_a_name_and_no_address),
        TEST(test_gap_where_none_can_be_is_data),
        TEST(test_frame_of_an_interpreter),
        TEST(test_stack_of_the_hosts_function),
        TEST(test_code_made_since_is_published_when_a_stack_lacks_rules),
        TEST(test_code_made_since_is_published_when_it_is_sampled),
        TEST(test_refused_samples_are_counted_and_not_in_the_profile),
        TEST(test_end_is_the_filters_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
