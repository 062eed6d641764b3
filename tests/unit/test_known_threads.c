/* Which thread a record or a tid belongs to, and what becomes of tids that come back. */
#include "collector/known_threads.h"

#include "small_segment.h"

enum { MANY = 5000, SLOT = 3 };

static struct sp_thread_key key_of(int32_t tid, uint32_t slot, uint32_t generation)
{
    return (struct sp_thread_key){tid, (uint64_t)generation << 24 | slot};
}

static void test_known_thread_is_one_for_its_key(void **state)
{
    (void)state;
    struct sp_known_threads threads = {0};
    for (int round = 0; round < 2; round++)
        for (int32_t tid = 1; tid <= MANY; tid++) {
            struct sp_known_thread *thread = sp_known_thread(&threads, key_of(tid % 7 + 1, (uint32_t)tid, 9));
            assert_non_null(thread);
            assert_int_equal(thread->weight, (uint64_t)round);
            thread->weight++;
        }
    assert_int_equal(threads.known.n, MANY);
    assert_null(sp_known_thread_find(&threads, key_of(1, 7, 8)));
    sp_known_threads_done(&threads);
}

static void test_known_thread_without_a_slot_is_its_tid(void **state)
{
    (void)state;
    struct sp_known_threads threads = {0};
    sp_known_thread(&threads, key_of(5, 0, 0))->weight = 1;
    assert_int_equal(sp_known_thread(&threads, key_of(5, 0, 77))->weight, 1); /* slot 0 has no generation */
    sp_known_thread(&threads, key_of(5, 0, 0))->ended_ns = 1;
    assert_null(sp_known_thread_find(&threads, key_of(5, 0, 0)));
    assert_int_equal(sp_known_thread(&threads, key_of(5, 0, 0))->weight, 0); /* the tid has come back */
    assert_int_equal(threads.known.n, 2);
    sp_known_threads_done(&threads);
}

static struct sp_segment segment_with_thread(int32_t tid)
{
    struct sp_segment segment = new_segment((struct small_segment){0});
    struct sp_slot *slot = sp_segment_slot(&segment, SLOT);
    sp_store_relaxed(&slot->tid, tid);
    sp_store_relaxed(&slot->generation, 12u);
    memcpy(slot->name, "0123456789abcdef", SP_THREAD_NAME_BYTES); /* without an end */
    sp_store_relaxed(sp_segment_index(&segment) + ((uint32_t)tid & (segment.geometry.n_index - 1)), (uint32_t)SLOT);
    return segment;
}

static void test_known_thread_now_has_the_slot_of_its_tid(void **state)
{
    (void)state;
    struct sp_known_threads threads = {0};
    struct sp_segment segment = segment_with_thread(1 << 23);
    struct sp_known_thread *thread = sp_known_thread_now(&threads, &segment, 1 << 23);
    assert_true(thread->key.slot_generation == ((uint64_t)12 << 24 | SLOT));
    assert_ptr_equal(sp_known_thread_slot(thread, &segment), sp_segment_slot(&segment, SLOT));
    sp_store_relaxed(&sp_segment_slot(&segment, SLOT)->generation, 13u);
    assert_null(sp_known_thread_slot(thread, &segment)); /* another thread's now */
    assert_true(sp_known_thread_now(&threads, &segment, 4)->key.slot_generation == 0);
    sp_known_threads_done(&threads);
    free_segment(&segment);
}

static void test_known_thread_name_is_read_from_its_slot(void **state)
{
    (void)state;
    struct sp_known_threads threads = {0};
    struct sp_profile *profile = sp_profile_new();
    struct sp_segment segment = segment_with_thread(1 << 23);
    struct sp_known_thread *thread = sp_known_thread_now(&threads, &segment, 1 << 23);
    const uint32_t name = sp_known_thread_name(thread, &segment, 1 << 23, 5, profile);
    assert_string_equal(sp_profile_text(profile, name), "0123456789abcdef");
    sp_segment_slot(&segment, SLOT)->name[0] = 'x'; /* not read twice in one drain, but in the next */
    assert_int_equal(sp_known_thread_name(thread, &segment, 1 << 23, 5, profile), name);
    assert_int_not_equal(sp_known_thread_name(thread, &segment, 1 << 23, 6, profile), name);
    sp_known_threads_done(&threads);
    sp_profile_free(profile);
    free_segment(&segment);
}

/* A key out of a damaged record never leads out of the slots. */
static void test_known_thread_slot_is_bounded(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    for (uint32_t slot = segment.geometry.n_slots; slot <= 0xffffff; slot += 4099) {
        const struct sp_known_thread thread = {.key = key_of(1, slot, 0)};
        assert_null(sp_known_thread_slot(&thread, &segment));
    }
    sp_store_relaxed(&segment.header->slots_ready, UINT32_MAX);
    const struct sp_known_thread thread = {.key = key_of(1, segment.geometry.n_slots, 0)};
    assert_null(sp_known_thread_slot(&thread, &segment));
    free_segment(&segment);
}

static void test_known_thread_settled_is_remembered_for_a_while(void **state)
{
    (void)state;
    struct sp_known_threads threads = {0};
    const int64_t now_ns = 5000000000;
    struct sp_known_thread *thread = sp_known_thread(&threads, key_of(5, 1, 1));
    sp_known_thread_settle(&threads, thread, 100, 350, now_ns);
    assert_int_equal(sp_known_thread_kernel_ns(thread), 250);
    assert_true(sp_known_threads_has_settled(&threads, 5, now_ns + 1000));
    assert_false(sp_known_threads_has_settled(&threads, 6, now_ns + 1000));
    assert_false(sp_known_threads_has_settled(&threads, 5, now_ns + 2000000000));
    sp_known_threads_done(&threads);
}

/* Seen without a slot first, then with one: no nanosecond stands in both accounts. */
static void test_known_thread_account_without_a_slot_ends_where_the_slots_begins(void **state)
{
    (void)state;
    struct sp_known_threads threads = {0};
    sp_known_thread(&threads, key_of(5, 0, 0))->clock_ns = 900;
    sp_known_thread_end_slotless(&threads, 5, 400, 1);
    sp_known_thread_end_slotless(&threads, 5, 100, 2); /* is closed */
    sp_known_thread_end_slotless(&threads, 6, 100, 2); /* never was */
    assert_int_equal(threads.known.n, 1);
    assert_int_equal(sp_known_thread_kernel_ns(&threads.known.at[0]), 400);
    sp_known_threads_done(&threads);
}

static bool is_odd(void *user, const struct sp_known_thread *thread)
{
    (void)user;
    return thread->key.tid % 2 != 0;
}

static void test_known_threads_forgotten_leave_the_others(void **state)
{
    (void)state;
    struct sp_known_threads threads = {0};
    for (int32_t tid = 1; tid <= MANY; tid++)
        sp_known_thread(&threads, key_of(tid, 1, (uint32_t)tid))->weight = (uint64_t)tid;
    sp_known_threads_keep(&threads, is_odd, NULL);
    assert_int_equal(threads.known.n, MANY / 2);
    for (int32_t tid = 1; tid <= MANY; tid++) {
        const struct sp_known_thread *thread = sp_known_thread_find(&threads, key_of(tid, 1, (uint32_t)tid));
        assert_true(tid % 2 == 0 ? thread == NULL : thread != NULL && thread->weight == (uint64_t)tid);
    }
    sp_known_threads_done(&threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_thread_is_one_for_its_key),
        cmocka_unit_test(test_known_thread_without_a_slot_is_its_tid),
        cmocka_unit_test(test_known_thread_now_has_the_slot_of_its_tid),
        cmocka_unit_test(test_known_thread_name_is_read_from_its_slot),
        cmocka_unit_test(test_known_thread_slot_is_bounded),
        cmocka_unit_test(test_known_thread_settled_is_remembered_for_a_while),
        cmocka_unit_test(test_known_thread_account_without_a_slot_ends_where_the_slots_begins),
        cmocka_unit_test(test_known_threads_forgotten_leave_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
