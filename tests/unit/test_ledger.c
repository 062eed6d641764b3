/* The ledger's sums, and its words in the profile. */
#include "collector/ledger.h"

#include "check.h"

static const struct sp_ledger some = {
    .period_ns = 10000000,
    .fired = {100, 120},
    .recorded = {90, 105},
    .lost = {[SP_LOSS_BUSY] = {7, 9}, [SP_LOSS_FULL] = {3, 6}},
    .collected = {85, 99},
    .over_memory = {5, 6},
    .ends = {[SP_STACK_COMPLETE] = 80, [SP_STACK_CUT_DEPTH] = 1, [SP_STACK_CUT_MEMORY] = 2, [SP_STACK_CUT_RULES] = 16},
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
    assert_true(is_said(profile, "armed 4"));
    const size_t n = profile->comments.n;
    sp_ledger_comment(&some, profile); /* replaces the old ones */
    assert_int_equal(profile->comments.n, n);
    sp_profile_free(profile);
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
    assert_true(is_said(profile, "in no mapping 18446744073709551615"));
    sp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledger_sums),
        cmocka_unit_test(test_ledger_every_loss_has_a_name),
        cmocka_unit_test(test_ledger_comments_say_each_number),
        cmocka_unit_test(test_ledger_largest_numbers_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
