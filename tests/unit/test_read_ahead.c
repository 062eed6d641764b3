/*
 * Files read ahead, by a thread and by who takes them (cli/read_ahead.c): their profiles come in order, and so do the
 * errors. ThreadSanitizer looks at it, too.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/bytes.h"
#include "read_ahead.h"
#include "test_folder.h"

enum { FILES = 60, BROKEN = 17, PATH_BYTES = 64 };

static char paths[FILES][PATH_BYTES];
static const char *files[FILES];

/* File i is a profile whose only sample has the value i; one is not there. */
static int make_files(void **state)
{
    if (make_test_folder(state) != 0)
        return -1;
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(paths[i], PATH_BYTES, "%s/%u", test_folder, i);
        files[i] = paths[i];
        FILE *file = i == BROKEN ? NULL : fopen(paths[i], "w");
        if (file != NULL) {
            fprintf(file, "main;f %u\n", i);
            fclose(file);
        }
    }
    return 0;
}

static void assert_next_is(struct sp_read_ahead *ahead, int64_t value)
{
    struct sp_profile *profile;
    char why[SP_READ_AHEAD_WHY_BYTES] = "";
    if (sp_read_ahead_next(ahead, &profile, why) != 0)
        fail_msg("not read: %s", why);
    assert_int_equal(profile->samples.n, 1);
    assert_int_equal(profile->values.at[0], value);
    sp_profile_free(profile);
}

/* Takes files[first .. first + n), sleeping between them for so long. */
static void assert_in_order(unsigned first, size_t n, useconds_t pause_us)
{
    struct sp_read_ahead *ahead = sp_read_ahead_new(files + first, n);
    assert_non_null(ahead);
    for (size_t i = 0; i < n; i++) {
        usleep(pause_us);
        assert_next_is(ahead, first + (unsigned)i);
    }
    sp_read_ahead_free(ahead);
}

static void test_profiles_come_in_order(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++)
        assert_in_order(BROKEN + 1, FILES - BROKEN - 1, 0); /* the taker reads, too */
    assert_in_order(BROKEN + 1, FILES - BROKEN - 1, 1000);  /* the reader waits for it */
    assert_in_order(0, 1, 0);
    assert_in_order(0, 2, 0);
}

static void test_an_error_comes_in_its_place(void **state)
{
    (void)state;
    struct sp_read_ahead *ahead = sp_read_ahead_new(files, FILES);
    struct sp_profile *profile;
    char why[SP_READ_AHEAD_WHY_BYTES] = "";
    assert_non_null(ahead);
    for (unsigned i = 0; i < FILES; i++) {
        if (i != BROKEN) {
            assert_next_is(ahead, i);
            continue;
        }
        assert_int_equal(sp_read_ahead_next(ahead, &profile, why), -ENOENT);
        assert_non_null(strstr(why, strerror(ENOENT)));
    }
    sp_read_ahead_free(ahead);
}

/* Standard input, which does not end, is read by the thread: a broken file before it is heard of. */
static void test_no_error_waits_for_stdin(void **state)
{
    (void)state;
    int ends[2];
    const int stdin_before = dup(STDIN_FILENO);
    const char *const broken_then_stdin[] = {paths[BROKEN], "-"};
    struct sp_profile *profile;
    char why[SP_READ_AHEAD_WHY_BYTES] = "";
    assert_int_equal(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    struct sp_read_ahead *ahead = sp_read_ahead_new(broken_then_stdin, 2);
    assert_non_null(ahead);
    assert_int_equal(sp_read_ahead_next(ahead, &profile, why), -ENOENT);
    assert_int_equal(write(ends[1], "main;f 5\n", 9), 9);
    close(ends[1]);
    assert_next_is(ahead, 5);
    sp_read_ahead_free(ahead);
    dup2(stdin_before, STDIN_FILENO);
    close(stdin_before);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles_come_in_order),
        cmocka_unit_test(test_an_error_comes_in_its_place),
        cmocka_unit_test(test_no_error_waits_for_stdin),
    };
    return cmocka_run_group_tests(tests, make_files, remove_test_folder);
}
