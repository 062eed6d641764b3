/* From known threads to accounts: what counts as unsampled, and that thousands of threads become few accounts. */
#include "collector/cpu_accounts.h"

#include <stdio.h>

#include "small_segment.h"

enum { PERIOD_NS = 10000000, MS = 1000000 };

/* A process of which nothing is known. */
struct fixture {
    struct sp_segment segment;
    struct sp_known_threads threads;
    struct sp_folded_threads folded;
    struct sp_profile *profile;
    struct sp_ledger ledger;
    struct sp_account_owner owner;
};

static void set_up(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->segment = new_segment((struct small_segment){0});
    fixture->segment.geometry.period_ns = PERIOD_NS;
    sp_store_relaxed(&fixture->segment.header->tick_ns, (uint64_t)4 * MS);
    fixture->profile = sp_profile_new();
    assert_non_null(fixture->profile);
    fixture->owner = (struct sp_account_owner){.segment = &fixture->segment,
                                               .threads = &fixture->threads,
                                               .folded = &fixture->folded,
                                               .pid = 77,
                                               .name = sp_profile_string(fixture->profile, "program")};
}

static void tear_down(struct fixture *fixture)
{
    char why[256] = "";
    if (sp_profile_check(fixture->profile, why, sizeof why) != 0)
        fail_msg("the profile does not hold together: %s", why);
    assert_int_equal(sp_profile_error(fixture->profile), 0);
    sp_known_threads_done(&fixture->threads);
    sp_folded_threads_done(&fixture->folded);
    sp_profile_free(fixture->profile);
    free_segment(&fixture->segment);
}

static struct sp_known_thread *add_thread(struct fixture *fixture, int32_t tid, const char *name, uint64_t kernel_ns,
                                          uint64_t weight, enum sp_gap gap)
{
    struct sp_known_thread *thread = sp_known_thread(&fixture->threads, (struct sp_thread_key){tid, 1});
    assert_non_null(thread);
    thread->name = sp_profile_string(fixture->profile, name);
    thread->since_ns = 5000;
    thread->clock_ns = 5000 + kernel_ns;
    thread->weight = weight;
    thread->gap = gap;
    return thread;
}

static void write(struct fixture *fixture)
{
    sp_cpu_accounts_write(&fixture->owner, fixture->profile);
    sp_cpu_accounts_add(&fixture->owner, &fixture->ledger);
}

static const struct sp_account *account_of(const struct fixture *fixture, int32_t tid)
{
    for (size_t i = 0; i < fixture->profile->accounts.n; i++)
        if (fixture->profile->accounts.at[i].tid == tid)
            return &fixture->profile->accounts.at[i];
    fail_msg("no account of thread %d", tid);
    return NULL;
}

static const struct sp_account *process_account(const struct fixture *fixture)
{
    return &fixture->profile->accounts.at[fixture->profile->accounts.n - 1];
}

static void test_accounts_thread_that_is_sampled_has_no_gap(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    add_thread(&fixture, 1, "main", 995 * MS, 99, SP_GAP_NONE);
    add_thread(&fixture, 2, "worker", 227 * MS, 20, SP_GAP_UNKNOWN); /* 27 ms: two periods, two ticks */
    add_thread(&fixture, 3, "idle", 0, 0, SP_GAP_NONE);
    write(&fixture);
    assert_int_equal(fixture.profile->accounts.n, 3); /* nothing of the thread that used nothing */
    assert_int_equal(account_of(&fixture, 1)->kernel_ns, 995 * MS);
    assert_int_equal(account_of(&fixture, 1)->recorded_ns, 990 * MS);
    assert_int_equal(account_of(&fixture, 2)->unsampled_ns, 0);
    assert_int_equal(account_of(&fixture, 2)->reason, 0);
    const struct sp_account *process = process_account(&fixture);
    assert_int_equal(process->n_threads, 0);
    assert_int_equal(process->tid, 0);
    assert_int_equal(process->pid, 77);
    assert_string_equal(sp_profile_text(fixture.profile, process->process), "program");
    assert_int_equal(process->kernel_ns, (995 + 227) * MS);
    assert_int_equal(process->recorded_ns, 1190 * MS);
    assert_int_equal(fixture.ledger.kernel_ns, (995 + 227) * MS);
    assert_int_equal(sp_ledger_unsampled_ns(&fixture.ledger), 0);
    tear_down(&fixture);
}

static void test_accounts_what_was_refused_is_unsampled_by_its_name(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    add_thread(&fixture, 1, "main", 1000 * MS, 60, SP_GAP_NONE)->filtered = 40;
    add_thread(&fixture, 2, "other", 15 * MS, 0, SP_GAP_NONE)->filtered = 1;
    write(&fixture);
    assert_int_equal(account_of(&fixture, 1)->recorded_ns, 600 * MS);
    assert_int_equal(account_of(&fixture, 1)->unsampled_ns, 400 * MS);
    assert_string_equal(sp_profile_text(fixture.profile, account_of(&fixture, 1)->reason), "filtered");
    assert_int_equal(account_of(&fixture, 2)->unsampled_ns, 10 * MS);
    assert_int_equal(fixture.ledger.unsampled_ns[SP_GAP_FILTERED], 410 * MS);
    assert_int_equal(sp_ledger_unsampled_ns(&fixture.ledger), 410 * MS);
    tear_down(&fixture);
}

static void test_accounts_gap_has_its_reason(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    add_thread(&fixture, 1, "blocks", 500 * MS, 0, SP_GAP_BLOCKED);
    add_thread(&fixture, 2, "half", 500 * MS, 20, SP_GAP_REPLACED);
    add_thread(&fixture, 3, "odd", 100 * MS, 0, SP_GAP_NONE);
    write(&fixture);
    assert_int_equal(account_of(&fixture, 1)->unsampled_ns, 500 * MS);
    assert_string_equal(sp_profile_text(fixture.profile, account_of(&fixture, 1)->reason), "SIGPROF blocked");
    assert_int_equal(account_of(&fixture, 2)->unsampled_ns, 300 * MS);
    assert_string_equal(sp_profile_text(fixture.profile, account_of(&fixture, 2)->reason), "handler replaced");
    assert_string_equal(sp_profile_text(fixture.profile, account_of(&fixture, 3)->reason), "unknown");
    assert_int_equal(fixture.ledger.unsampled_ns[SP_GAP_BLOCKED], 500 * MS);
    assert_int_equal(fixture.ledger.unsampled_ns[SP_GAP_REPLACED], 300 * MS);
    assert_int_equal(fixture.ledger.unsampled_ns[SP_GAP_UNKNOWN], 100 * MS);
    assert_int_equal(process_account(&fixture)->unsampled_ns, 900 * MS);
    tear_down(&fixture);
}

/* Lost samples have their own line: what is missing for them is not named twice. */
static void test_accounts_losses_explain_what_nothing_else_does(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    fixture.owner.lost_ns = 150 * MS;
    add_thread(&fixture, 1, "a", 100 * MS, 0, SP_GAP_UNKNOWN);
    add_thread(&fixture, 2, "b", 100 * MS, 0, SP_GAP_UNKNOWN);
    add_thread(&fixture, 3, "c", 100 * MS, 0, SP_GAP_BLOCKED);
    write(&fixture);
    assert_int_equal(account_of(&fixture, 1)->unsampled_ns, 0);
    assert_int_equal(account_of(&fixture, 2)->unsampled_ns, 50 * MS);
    assert_int_equal(account_of(&fixture, 3)->unsampled_ns, 100 * MS);
    tear_down(&fixture);
}

static void test_accounts_settled_thread_names_only_what_has_a_reason(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    add_thread(&fixture, 1, "lost", 100 * MS, 0, SP_GAP_UNKNOWN)->is_settled = true;
    add_thread(&fixture, 2, "blocked", 100 * MS, 0, SP_GAP_BLOCKED)->is_settled = true;
    struct sp_known_thread *withheld = add_thread(&fixture, 3, "withheld", 100 * MS, 0, SP_GAP_BLOCKED);
    withheld->is_settled = withheld->is_withheld = true;
    write(&fixture);
    assert_int_equal(account_of(&fixture, 1)->unsampled_ns, 0);
    assert_int_equal(account_of(&fixture, 2)->unsampled_ns, 100 * MS);
    assert_int_equal(account_of(&fixture, 3)->unsampled_ns, 100 * MS);
    assert_int_equal(fixture.ledger.named_lost_ns, 100 * MS); /* of thread 2: it had no place, and counts as lost too */
    tear_down(&fixture);
}

static void test_accounts_samples_know_better_than_an_old_reading(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    add_thread(&fixture, 1, "killed", 20 * MS, 90, SP_GAP_NONE);
    add_thread(&fixture, 2, "ended", 1985 * MS, 200, SP_GAP_NONE)->is_settled = true;
    fixture.owner.kernel_ns = (uint64_t)3000 * MS;
    write(&fixture);
    assert_int_equal(account_of(&fixture, 1)->kernel_ns, 900 * MS);
    assert_int_equal(account_of(&fixture, 2)->kernel_ns, 1985 * MS); /* exact, though chance recorded more */
    assert_int_equal(process_account(&fixture)->kernel_ns, 3000LL * MS);
    tear_down(&fixture);
}

/* The target counts those that leave no record: they are in no other account, whether a look has seen them or not. */
static void test_accounts_brief_threads_are_one(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    fixture.owner.brief_name = sp_profile_string(fixture.profile, "(brief)");
    fixture.owner.n_brief = 3;
    fixture.owner.brief_ns = 6 * MS;
    add_thread(&fixture, 1, "seen", 2 * MS, 0, SP_GAP_NONE); /* its slot is free again */
    add_thread(&fixture, 2, "sampled", 5 * MS, 1, SP_GAP_NONE);
    write(&fixture);
    assert_int_equal(fixture.profile->accounts.n, 3);
    assert_int_equal(account_of(&fixture, 0)->n_threads, 3);
    assert_int_equal(account_of(&fixture, 0)->kernel_ns, 6 * MS);
    assert_int_equal(process_account(&fixture)->kernel_ns, 16 * MS); /* one period of thread 2 is 10 ms */
    sp_store_relaxed(&sp_segment_slot(&fixture.segment, 1)->state, (uint32_t)SP_SLOT_LIVE);
    fixture.profile->accounts.n = 0;
    write(&fixture);
    assert_int_equal(account_of(&fixture, 1)->kernel_ns, 2 * MS); /* alive */
    tear_down(&fixture);
}

static void test_accounts_thousands_of_ended_threads_are_few(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    for (int32_t tid = 1; tid <= 20000; tid++) {
        struct sp_known_thread *thread =
            add_thread(&fixture, tid, tid % 2 != 0 ? "odd" : "even", 10 * MS, 1, SP_GAP_NONE);
        thread->ended_ns = tid;
        thread->is_settled = true;
        if (tid % 100 == 0)
            sp_cpu_accounts_fold(&fixture.owner, &fixture.threads, &fixture.folded, tid - 50);
        assert_true(fixture.threads.known.n <= SP_ACCOUNTS_KEPT + 200);
    }
    add_thread(&fixture, 30000, "alive", 10 * MS, 1, SP_GAP_NONE);
    sp_cpu_accounts_fold(&fixture.owner, &fixture.threads, &fixture.folded, 19000);
    write(&fixture);
    assert_true(fixture.profile->accounts.n <= SP_ACCOUNTS_KEPT + 200);
    assert_int_equal(account_of(&fixture, 30000)->kernel_ns, 10 * MS);
    assert_true(account_of(&fixture, 0)->n_threads > 9000);
    assert_int_equal(process_account(&fixture)->kernel_ns, 20001LL * 10 * MS); /* none is lost */
    assert_int_equal(process_account(&fixture)->recorded_ns, 20001LL * 10 * MS);
    tear_down(&fixture);
}

static void test_accounts_thousands_of_names_are_few(void **state)
{
    (void)state;
    struct fixture fixture;
    char name[32];
    set_up(&fixture);
    for (int32_t tid = 1; tid <= 5000; tid++) {
        snprintf(name, sizeof name, "worker-%d", tid);
        struct sp_known_thread *thread =
            add_thread(&fixture, tid, name, 100 * MS, 0, tid % 2 != 0 ? SP_GAP_BLOCKED : SP_GAP_NO_TIMER);
        thread->ended_ns = 1;
        thread->is_settled = thread->is_withheld = true;
    }
    sp_cpu_accounts_fold(&fixture.owner, &fixture.threads, &fixture.folded, 2);
    assert_int_equal(fixture.threads.known.n, 0);
    write(&fixture);
    assert_true(fixture.profile->accounts.n <= SP_ACCOUNTS_KEPT + SP_GAPS + 1);
    assert_int_equal(fixture.ledger.unsampled_ns[SP_GAP_BLOCKED], 2500ULL * 100 * MS);
    assert_int_equal(fixture.ledger.unsampled_ns[SP_GAP_NO_TIMER], 2500ULL * 100 * MS);
    tear_down(&fixture);
}

/* Clocks that no kernel gave: the sums stay within int64_t, the profile valid. */
static void test_accounts_of_hostile_numbers_stay_in_range(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    for (int32_t tid = 1; tid <= 3000; tid++) {
        struct sp_known_thread *thread = add_thread(&fixture, tid, "x", 0, UINT64_MAX / 3, SP_GAP_BLOCKED);
        thread->clock_ns = tid % 3 == 0 ? UINT64_MAX : (uint64_t)tid << 50;
        thread->weight = tid % 2 == 0 ? 0 : UINT64_MAX / 2;
        thread->ended_ns = 1;
        thread->is_settled = tid % 5 != 0;
    }
    fixture.owner.kernel_ns = fixture.owner.lost_ns = UINT64_MAX;
    write(&fixture);
    sp_cpu_accounts_fold(&fixture.owner, &fixture.threads, &fixture.folded, 2);
    write(&fixture);
    assert_true(fixture.ledger.kernel_ns <= INT64_MAX);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts_thread_that_is_sampled_has_no_gap),
        cmocka_unit_test(test_accounts_what_was_refused_is_unsampled_by_its_name),
        cmocka_unit_test(test_accounts_gap_has_its_reason),
        cmocka_unit_test(test_accounts_losses_explain_what_nothing_else_does),
        cmocka_unit_test(test_accounts_settled_thread_names_only_what_has_a_reason),
        cmocka_unit_test(test_accounts_samples_know_better_than_an_old_reading),
        cmocka_unit_test(test_accounts_brief_threads_are_one),
        cmocka_unit_test(test_accounts_thousands_of_ended_threads_are_few),
        cmocka_unit_test(test_accounts_thousands_of_names_are_few),
        cmocka_unit_test(test_accounts_of_hostile_numbers_stay_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
