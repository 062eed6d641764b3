/* Which descriptors the host is kept from closing, and closing around them. */
#include "session/own_descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler/entry.h"
#include "small_segment.h"

enum { NUMBER = 400 };

/* /dev/null under a high number, kept. */
static void keep_one(void)
{
    struct stat status;
    const int low = open("/dev/null", O_RDONLY);
    assert_int_equal(dup2(low, NUMBER), NUMBER);
    close(low);
    assert_int_equal(fstat(NUMBER, &status), 0);
    const struct sp_descriptor descriptor = {NUMBER, status.st_dev, status.st_ino};
    sp_store_seq_cst(&sp_handler.pid, (int32_t)getpid());
    sp_descriptor_keep(&descriptor);
}

static void let_go(void)
{
    sp_descriptor_keep(NULL);
    close(NUMBER);
}

static void test_descriptor_kept_is_ours(void **state)
{
    (void)state;
    keep_one();
    assert_true(sp_descriptor_is_ours(NUMBER));
    assert_false(sp_descriptor_is_ours(NUMBER + 1));
    assert_false(sp_descriptor_is_ours(-1));
    sp_descriptor_keep(NULL);
    assert_false(sp_descriptor_is_ours(NUMBER));
    let_go();
}

/* As a script does that takes a lock by a number of its own choice: it must be able to close it. */
static void test_descriptor_taken_by_the_host_is_the_hosts(void **state)
{
    (void)state;
    keep_one();
    const int other = open("/dev/zero", O_RDONLY);
    assert_int_equal(dup2(other, NUMBER), NUMBER);
    assert_false(sp_descriptor_is_ours(NUMBER));
    close(other);
    let_go();
}

static void test_descriptor_of_the_parent_is_not_the_childs(void **state)
{
    (void)state;
    keep_one();
    sp_store_seq_cst(&sp_handler.pid, (int32_t)getpid() + 1);
    assert_false(sp_descriptor_is_ours(NUMBER));
    let_go();
}

static struct {
    unsigned n, first[4], last[4];
    int flags;
    unsigned fails_at; /* the call that fails; 0: none */
} closed;

static int note_range(unsigned first, unsigned last, int flags)
{
    assert_true(closed.n < 4);
    closed.first[closed.n] = first;
    closed.last[closed.n] = last;
    closed.flags = flags;
    if (++closed.n != closed.fails_at)
        return 0;
    errno = EINVAL;
    return -1;
}

static int close_others(unsigned first, unsigned last)
{
    closed.n = 0;
    return sp_descriptor_close_others(note_range, first, last, 6);
}

static void expect_ranges(unsigned n, const unsigned *bounds)
{
    assert_int_equal(closed.n, n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(closed.first[i], bounds[2 * i]);
        assert_int_equal(closed.last[i], bounds[2 * i + 1]);
    }
}

static void test_close_others_goes_around(void **state)
{
    (void)state;
    keep_one();
    assert_int_equal(close_others(3, UINT_MAX), 0);
    expect_ranges(2, (const unsigned[]){3, NUMBER - 1, NUMBER + 1, UINT_MAX});
    assert_int_equal(closed.flags, 6);
    assert_int_equal(close_others(NUMBER, NUMBER + 5), 0);
    expect_ranges(1, (const unsigned[]){NUMBER + 1, NUMBER + 5});
    assert_int_equal(close_others(3, NUMBER), 0);
    expect_ranges(1, (const unsigned[]){3, NUMBER - 1});
    assert_int_equal(close_others(NUMBER, NUMBER), 0);
    expect_ranges(0, NULL);
    assert_int_equal(close_others(3, NUMBER - 1), 0);
    expect_ranges(1, (const unsigned[]){3, NUMBER - 1});
    let_go();
    assert_int_equal(close_others(3, UINT_MAX), 0);
    expect_ranges(1, (const unsigned[]){3, UINT_MAX});
}

static void test_close_others_tells_the_first_failure(void **state)
{
    (void)state;
    keep_one();
    for (closed.fails_at = 1; closed.fails_at <= 2; closed.fails_at++) {
        assert_int_equal(close_others(3, UINT_MAX), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(closed.n, closed.fails_at);
    }
    closed.fails_at = 0;
    let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptor_kept_is_ours),
        cmocka_unit_test(test_descriptor_taken_by_the_host_is_the_hosts),
        cmocka_unit_test(test_descriptor_of_the_parent_is_not_the_childs),
        cmocka_unit_test(test_close_others_goes_around),
        cmocka_unit_test(test_close_others_tells_the_first_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
