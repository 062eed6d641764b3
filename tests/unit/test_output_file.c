/* A file that is there whole or not at all. */
#include "util/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char folder[] = "/tmp/sigprof-output-XXXXXX", path[64], link_path[64];

static int set_up(void **state)
{
    (void)state;
    memcpy(strrchr(folder, '-') + 1, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    unlink(link_path);
    return rmdir(folder); /* fails when a temporary file was left */
}

static void expect_content(const char *expected)
{
    char text[64] = "";
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    const ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    assert_int_equal(got, strlen(expected));
    assert_string_equal(text, expected);
}

static void put(const char *at, const char *text)
{
    struct sp_output_file file;
    assert_int_equal(sp_output_open(at, &file), 0);
    assert_int_equal(sp_output_write(file.fd, text, strlen(text)), 0);
    assert_int_equal(sp_output_commit(&file), 0);
}

static void test_output_appears_at_commit(void **state)
{
    (void)state;
    struct sp_output_file file;
    assert_int_equal(sp_output_open(path, &file), 0);
    assert_int_equal(sp_output_write(file.fd, "new", 3), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(sp_output_commit(&file), 0);
    expect_content("new");
}

static void test_output_old_stays_until_commit_and_after_abandon(void **state)
{
    (void)state;
    struct sp_output_file file;
    put(path, "old");
    assert_int_equal(sp_output_open(path, &file), 0);
    assert_int_equal(sp_output_write(file.fd, "new", 3), 0);
    expect_content("old");
    sp_output_abandon(&file);
    expect_content("old");
    sp_output_abandon(&file); /* again: nothing happens */
    put(path, "newer");
    expect_content("newer");
}

static void test_output_keeps_the_mode(void **state)
{
    (void)state;
    struct stat status;
    put(path, "old");
    chmod(path, 0640);
    put(path, "new");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
}

static void test_output_follows_a_link(void **state)
{
    (void)state;
    struct stat status;
    put(path, "old");
    assert_int_equal(symlink(path, link_path), 0);
    put(link_path, "new");
    expect_content("new");
    assert_int_equal(lstat(link_path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static void test_output_two_at_once_do_not_meet(void **state)
{
    (void)state;
    struct sp_output_file one, two;
    assert_int_equal(sp_output_open(path, &one), 0);
    assert_int_equal(sp_output_open(path, &two), 0);
    sp_output_write(one.fd, "one", 3);
    sp_output_write(two.fd, "two", 3);
    assert_int_equal(sp_output_commit(&two), 0);
    assert_int_equal(sp_output_commit(&one), 0);
    expect_content("one");
}

static void test_output_errors(void **state)
{
    (void)state;
    struct sp_output_file file = {.fd = 77};
    assert_int_equal(sp_output_open("/no such folder/file", &file), -ENOENT);
    assert_int_equal(sp_output_open(folder, &file), -EISDIR);
    assert_int_equal(file.fd, 77); /* untouched */
    assert_int_equal(sp_output_write(-1, "x", 1), -EBADF);
}

static void test_output_device_is_written_itself(void **state)
{
    (void)state;
    struct sp_output_file file;
    if (access("/dev/full", W_OK) != 0)
        skip();
    put("/dev/null", "anything");
    assert_int_equal(sp_output_open("/dev/full", &file), 0);
    assert_int_equal(sp_output_write(file.fd, "x", 1), -ENOSPC);
    sp_output_abandon(&file);
    assert_int_equal(access("/dev/full", F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_output_appears_at_commit),        TEST(test_output_old_stays_until_commit_and_after_abandon),
        TEST(test_output_keeps_the_mode),           TEST(test_output_follows_a_link),
        TEST(test_output_two_at_once_do_not_meet),  TEST(test_output_errors),
        TEST(test_output_device_is_written_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
