/* The ledger's sums, and its words in the profile. */
#include "collector/ledger.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>

static const struct sp_ledger some = {
    .period_ns = 10000000,
    .fired = {100, 120},
    .recorded = {90, 105},
    .lost = {[SP_LOSS_BUSY] = {7, 9}, [SP_LOSS_FULL] = {3, 6}},
    .settled = {4, 5},
    .collected = {85, 99},
    .over_memory = {5, 6},
    .withheld = {1, 2},
    .early = 3,
    .stray = 1,
    .trigger_asked = SP_TRIGGER_AUTO,
    .trigger_used = 1 << SP_TRIGGER_TIMER,
    .tick_ns = 4000000,
    .perf_error = EACCES,
    .kernel_ns = 1500000000,
    .unsampled_ns = {[SP_GAP_BLOCKED] = 200000000, [SP_GAP_NO_SLOT] = 10000000},
    .ends = {[SP_STACK_COMPLETE] = 80, [SP_STACK_CUT_DEPTH] = 1, [SP_STACK_CUT_MEMORY] = 2, [SP_STACK_CUT_RULES] = 16},
    .frames_walked = 4321,
    .rules_missed = 21,
    .virtual_placed = 31,
    .virtual_dropped = 32,
    .virtual_damaged = 33,
    .names_refused = 34,
    .tracebacks = 44,
    .tracebacks_empty = 43,
    .tracebacks_garbled = 42,
    .tracebacks_overrun = 41,
    .threads_armed = 4,
};

static void test_ledger_sums(void **state)
{
    (void)state;
    assert_int_equal(sp_ledger_lost(&some), 15);
    assert_int_equal(sp_ledger_cut(&some), 19);
    assert_int_equal(sp_ledger_lost(&(struct sp_ledger){0}), 0);
    assert_int_equal(sp_ledger_cut(&(struct sp_ledger){0}), 0);
}

static void test_ledger_every_loss_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_LOSSES; i++)
        assert_true(strlen(sp_loss_name((enum sp_loss)i)) > 0);
}

static bool is_said(const struct sp_profile *profile, const char *words)
{
    for (size_t i = 0; i < profile->comments.n; i++)
        if (strstr(sp_profile_text(profile, profile->comments.at[i]), words) != NULL)
            return true;
    return false;
}

static void test_ledger_comments_say_each_number(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_ledger_comment(&some, profile);
    assert_true(is_said(profile, "fired 100 (120)"));
    assert_true(is_said(profile, "recorded 90 (105)"));
    assert_true(is_said(profile, "shards busy 7 (9)"));
    assert_true(is_said(profile, "shards full 3 (6)"));
    assert_true(is_said(profile, "memory limit 5 (6)"));
    assert_true(is_said(profile, "settled 4 (5)"));
    assert_true(is_said(profile, "withheld 1 (2)"));
    assert_true(is_said(profile, "cut by depth 1, cut by memory 2, cut by missing rules 16,"));
    assert_true(is_said(profile, "walked 4321 frames, rules missed 21"));
    assert_true(is_said(profile, "called 44, empty 43, garbled 42, overrun 41"));
    assert_true(is_said(profile, "interpreters: frames 31, dropped 32, damaged 33, functions refused 34"));
    assert_true(is_said(profile, "armed 4"));
    assert_true(is_said(profile, "trigger: asked auto at 100 Hz, used timer, tick 250 Hz, achieved 85.85859 Hz; perf"));
    assert_true(is_said(profile, "perf_event_paranoid"));
    assert_true(
        is_said(profile, "cpu: kernel 1.500 s, recorded 0.990 s, lost 0.210 s, unsampled 0.210 s, outside 0.090"));
    const size_t n = profile->comments.n;
    sp_ledger_comment(&some, profile); /* replaces the old ones */
    assert_int_equal(profile->comments.n, n);
    sp_profile_free(profile);
}

static void test_ledger_cpu_time_adds_up(void **state)
{
    (void)state;
    struct sp_ledger ledger = some;
    assert_int_equal(sp_ledger_recorded_ns(&ledger), 990000000);
    assert_int_equal(sp_ledger_lost_ns(&ledger), 210000000);
    assert_int_equal(sp_ledger_unsampled_ns(&ledger), 210000000);
    assert_int_equal(sp_ledger_outside_ns(&ledger), 90000000);
    ledger.named_lost_ns = 10000000; /* that much stands in both of two lines */
    assert_int_equal(sp_ledger_lost_ns(&ledger), 200000000);
    assert_int_equal(sp_ledger_outside_ns(&ledger), 100000000);
    ledger.kernel_ns = 1000000000; /* chance sampled more than there is */
    assert_int_equal(sp_ledger_outside_ns(&ledger), 0);
    assert_true(sp_ledger_achieved_hz(&(struct sp_ledger){.period_ns = 1000}) == 0);
}

static void test_ledger_facts_are_read_back(void **state)
{
    (void)state;
    struct sp_ledger read;
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    assert_false(sp_ledger_read_facts(profile, &read));
    sp_ledger_write_facts(&(struct sp_ledger){.stray = 7}, profile);
    sp_ledger_write_facts(&some, profile); /* replaces the old ones */
    memset(&read, 0xaa, sizeof read);
    assert_true(sp_ledger_read_facts(profile, &read));
    assert_memory_equal(&read, &some, sizeof read);
    assert_string_equal(sp_profile_text(profile, sp_profile_fact(profile, "trigger.used")->text), "timer");
    sp_profile_set_fact(profile, "ledger.version", 2, NULL);
    assert_false(sp_ledger_read_facts(profile, &read));
    sp_profile_free(profile);
}

/* Every number of the struct is among the facts: none can be forgotten. */
static void test_ledger_facts_have_every_number(void **state)
{
    (void)state;
    struct sp_ledger ledger, read;
    uint64_t *words = (uint64_t *)(void *)&ledger;
    const size_t none = offsetof(struct sp_ledger, unsampled_ns[SP_GAP_NONE]) / sizeof *words;
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    for (size_t i = 0; i < sizeof ledger / sizeof *words; i++)
        words[i] = i == none ? 0 : i + 1;
    sp_ledger_write_facts(&ledger, profile);
    assert_true(sp_ledger_read_facts(profile, &read));
    assert_memory_equal(&read, &ledger, sizeof read);
    sp_profile_free(profile);
}

static void test_ledger_hostile_facts_are_bounded(void **state)
{
    (void)state;
    struct sp_ledger read;
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_set_fact(profile, "ledger.version", 1, NULL);
    sp_profile_set_fact(profile, "fired.count", INT64_MIN, NULL);
    sp_profile_set_fact(profile, "collected.weight", INT64_MAX, NULL);
    sp_profile_set_fact(profile, "lost.no place.weight", INT64_MAX, NULL);
    sp_profile_set_fact(profile, "period_ns", INT64_MAX, NULL);
    sp_profile_set_fact(profile, "trigger.asked", INT64_MAX, NULL);
    sp_profile_set_fact(profile, "trigger.perf_error", INT64_MAX, NULL);
    assert_true(sp_ledger_read_facts(profile, &read));
    assert_int_equal(read.fired.deliveries, 0);
    assert_true(sp_ledger_recorded_ns(&read) == UINT64_MAX);
    assert_true(sp_ledger_lost_ns(&read) == UINT64_MAX);
    assert_int_equal(sp_ledger_outside_ns(&read), 0);
    char text[SP_REFUSAL_BYTES];
    assert_non_null(sp_perf_refusal(&read, text));
    sp_ledger_comment(&read, profile);
    assert_int_equal(sp_profile_error(profile), 0);
    sp_profile_free(profile);
}

static void test_ledger_comments_name_the_largest_gaps(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    for (int i = 1; i <= 11; i++) {
        char name[16];
        snprintf(name, sizeof name, "worker-%d", i);
        sp_profile_add_account(profile, &(struct sp_account){.pid = 1,
                                                             .tid = 100 + i,
                                                             .n_threads = 1,
                                                             .thread = sp_profile_string(profile, name),
                                                             .reason = sp_profile_string(profile, "no slot"),
                                                             .unsampled_ns = i * 1000000000LL});
    }
    sp_profile_add_account(profile, &(struct sp_account){.pid = 1, .unsampled_ns = 66000000000});
    sp_ledger_comment(&some, profile);
    assert_true(is_said(profile, "sigprof unsampled: thread \"worker-11\" (tid 111): 11.000 s, no slot"));
    assert_true(is_said(profile, "worker-4\""));
    assert_false(is_said(profile, "worker-3\""));
    assert_true(is_said(profile, "sigprof unsampled: and 3 more"));
    sp_profile_free(profile);
}

static void test_ledger_refusals_say_why_and_what_helps(void **state)
{
    (void)state;
    char text[SP_REFUSAL_BYTES];
    static const int errors[] = {EACCES, EPERM, ENOSYS, EMFILE, ENFILE, ENOENT, EINVAL, SP_PERF_UNDER_SECCOMP};
    assert_null(sp_perf_refusal(&(struct sp_ledger){0}, text));
    assert_null(sp_timer_refusal(&(struct sp_ledger){0}, text));
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        const struct sp_ledger ledger = {.perf_error = (uint64_t)errors[i]};
        assert_ptr_equal(sp_perf_refusal(&ledger, text), text);
        assert_true(strlen(text) > 25 && text[strlen(text) - 1] == ')'); /* not cut off */
    }
    assert_non_null(sp_timer_refusal(&(struct sp_ledger){.timer_error = EAGAIN}, text));
    assert_non_null(strstr(text, "ulimit -i"));
}

static void test_ledger_largest_numbers_are_whole(void **state)
{
    (void)state;
    struct sp_ledger huge;
    memset(&huge, 0xff, sizeof huge);
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_ledger_comment(&huge, profile);
    assert_int_equal(sp_profile_error(profile), 0);
    assert_true(is_said(profile, "stray 18446744073709551615"));
    assert_true(is_said(profile, "rules missed 18446744073709551615"));
    sp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledger_sums),
        cmocka_unit_test(test_ledger_every_loss_has_a_name),
        cmocka_unit_test(test_ledger_comments_say_each_number),
        cmocka_unit_test(test_ledger_cpu_time_adds_up),
        cmocka_unit_test(test_ledger_facts_are_read_back),
        cmocka_unit_test(test_ledger_facts_have_every_number),
        cmocka_unit_test(test_ledger_hostile_facts_are_bounded),
        cmocka_unit_test(test_ledger_comments_name_the_largest_gaps),
        cmocka_unit_test(test_ledger_refusals_say_why_and_what_helps),
        cmocka_unit_test(test_ledger_largest_numbers_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
