/*
 * A traceback function of the host's as the handler calls it: what it gives, and what it may not do.
 */
#include "handler/host_traceback.h"

#include <stdlib.h>

#include "sigprof/traceback.h"
#include "small_segment.h"

enum { DEPTH = 8, SHARDS = 2, SHARD = 1 };

static struct sp_segment segment;
static uint64_t pcs[DEPTH];
static enum sp_stack_end end;
static int context; /* its address stands for a ucontext_t */

static int set_up(void **state)
{
    (void)state;
    const uint64_t words = sp_traceback_words(DEPTH);
    segment = new_segment((struct small_segment){.max_depth = DEPTH, .n_shards = SHARDS});
    sp_traceback.canary = 0x1234567;
    sp_traceback.buffers = calloc(SHARDS * words, sizeof(uint64_t));
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        for (uint32_t i = 0; i < SP_CANARY_WORDS; i++)
            sp_traceback.buffers[shard * words + DEPTH + i] = sp_traceback.canary + i;
    sp_store_relaxed(&sp_traceback.has_overrun, 0u);
    memset(pcs, 0, sizeof pcs);
    return sp_traceback.buffers == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    sp_store_relaxed(&sp_traceback.function, NULL);
    free(sp_traceback.buffers);
    free_segment(&segment);
    return 0;
}

static uint32_t take(sp_traceback_function *function)
{
    sp_store_relaxed(&sp_traceback.function, function);
    return sp_traceback_take(&segment, SHARD, &context, pcs, &end);
}

/* How often it was called, and how often for nothing, with nonsense, and beyond its buffer. */
static void assert_counts(uint64_t called, uint64_t empty, uint64_t garbled, uint64_t overrun)
{
    const struct sp_shard *shard = sp_segment_shard(&segment, SHARD);
    assert_int_equal(sp_load_relaxed(&shard->tracebacks), called);
    assert_int_equal(sp_load_relaxed(&shard->tracebacks_empty), empty);
    assert_int_equal(sp_load_relaxed(&shard->tracebacks_garbled), garbled);
    assert_int_equal(sp_load_relaxed(&shard->tracebacks_overrun), overrun);
}

/* The shapes of Go's documentation. */
struct cgoTracebackArg {
    uintptr_t Context;
    uintptr_t SigContext;
    uintptr_t *Buf;
    uintptr_t Max;
};

static void three(void *p)
{
    const struct cgoTracebackArg *arg = p;
    assert_int_equal(arg->Context, 0);
    assert_ptr_equal(arg->SigContext, &context);
    assert_int_equal(arg->Max, DEPTH);
    arg->Buf[0] = 0x1000;
    arg->Buf[1] = 0x2000;
    arg->Buf[2] = 0x3000;
    arg->Buf[3] = 0;
    arg->Buf[4] = 0x5000; /* not asked for */
}

/* Callers are stored as return addresses, which the collector takes 1 from: they come out as they were given. */
static void test_stack_of_a_function_for_go(void **state)
{
    (void)state;
    assert_int_equal(take(three), 3);
    assert_int_equal(pcs[0], 0x1000);
    assert_int_equal(pcs[1], 0x2001);
    assert_int_equal(pcs[2], 0x3001);
    assert_int_equal(end, SP_STACK_COMPLETE);
    assert_counts(1, 0, 0, 0);
}

static void unterminated(void *p)
{
    const struct sigprof_traceback_argument *argument = p;
    argument->buf[0] = 0x7000;
    argument->buf[1] = 0x8000;
}

/* What an earlier call has left in the buffer is no part of a stack. */
static void test_no_end_is_written(void **state)
{
    (void)state;
    assert_int_equal(take(three), 3);
    assert_int_equal(take(unterminated), 2);
    assert_int_equal(pcs[1], 0x8001);
    assert_int_equal(end, SP_STACK_COMPLETE);
}

static void nothing(void *p)
{
    (void)p;
}

static void test_no_stack_is_counted(void **state)
{
    (void)state;
    assert_int_equal(take(three), 3);
    assert_int_equal(take(nothing), 0);
    assert_counts(2, 1, 0, 0);
    assert_int_equal(take(NULL), 0);
    assert_counts(2, 1, 0, 0);
}

static void looping(void *p)
{
    const struct sigprof_traceback_argument *argument = p;
    for (uintptr_t i = 0; i < argument->max; i++)
        argument->buf[i] = 0x4000 + i % 2;
}

static void test_loop_ends_at_max(void **state)
{
    (void)state;
    assert_int_equal(take(looping), DEPTH);
    assert_int_equal(end, SP_STACK_CUT_DEPTH);
    assert_int_equal(pcs[DEPTH - 1], 0x4002);
    assert_counts(1, 0, 0, 0);
    assert_non_null(sp_load_relaxed(&sp_traceback.function));
}

#if defined(__x86_64__) /* elsewhere the high bits may be an authentication code, and are taken off */
static void garbage(void *p)
{
    const struct sigprof_traceback_argument *argument = p;
    argument->buf[0] = 0x1000;
    argument->buf[1] = UINT64_C(0xffffffffff600123); /* vsyscall is an address */
    argument->buf[2] = UINT64_C(0x8000012300000007);
    argument->buf[3] = 0x2000;
}

static void garbage_at_once(void *p)
{
    const struct sigprof_traceback_argument *argument = p;
    argument->buf[0] = UINT64_C(0x8000012300000007);
    argument->buf[1] = 0x2000;
}

static void test_garbage_ends_the_stack(void **state)
{
    (void)state;
    assert_int_equal(take(garbage), 2);
    assert_int_equal(end, SP_STACK_CUT_MEMORY);
    assert_int_equal(pcs[1], UINT64_C(0xffffffffff600124));
    assert_counts(1, 0, 1, 0);
    assert_int_equal(take(garbage_at_once), 0);
    assert_counts(2, 0, 2, 0);
}
#endif

static void overrunning_by_end(void *p) /* the usual way: no room was left for the 0 */
{
    const struct sigprof_traceback_argument *argument = p;
    for (uintptr_t i = 0; i < argument->max; i++)
        argument->buf[i] = 0x4000;
    argument->buf[argument->max] = 0;
}

static void overrunning_far(void *p)
{
    const struct sigprof_traceback_argument *argument = p;
    argument->buf[0] = 0x4000;
    argument->buf[argument->max + SP_CANARY_WORDS - 1] = 0x5000;
}

static void assert_disabled_by(sp_traceback_function *function)
{
    assert_int_equal(take(function), 0);
    assert_counts(1, 0, 0, 1);
    assert_null(sp_load_relaxed(&sp_traceback.function));
    assert_int_equal(sp_load_relaxed(&sp_traceback.has_overrun), 1);
}

static void test_overrun_disables_the_function(void **state)
{
    (void)state;
    assert_disabled_by(overrunning_by_end);
    assert_int_equal(sp_traceback_take(&segment, SHARD, &context, pcs, &end), 0);
    assert_counts(1, 0, 0, 1);
}

static void test_far_overrun_disables_the_function(void **state)
{
    (void)state;
    assert_disabled_by(overrunning_far);
}

/* It may scribble over its argument as it likes. */
static void forging(void *p)
{
    struct sigprof_traceback_argument *argument = p;
    argument->buf[0] = 0x1000;
    argument->buf = NULL;
    argument->max = 1 << 20;
}

static void test_argument_is_not_read_back(void **state)
{
    (void)state;
    assert_int_equal(take(forging), 1);
    assert_int_equal(pcs[0], 0x1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stack_of_a_function_for_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_end_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_stack_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loop_ends_at_max, set_up, tear_down),
#if defined(__x86_64__)
        cmocka_unit_test_setup_teardown(test_garbage_ends_the_stack, set_up, tear_down),
#endif
        cmocka_unit_test_setup_teardown(test_overrun_disables_the_function, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_far_overrun_disables_the_function, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_argument_is_not_read_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
