/*
 * Tests of src/symbolize/perf_files.c: whose map names a location, and which files are believed.
 */
#include "symbolize/perf_files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/sp_test_perf_XXXXXX";

static void path_of(int pid, char path[64])
{
    snprintf(path, 64, "%s/perf-%d.map", directory, pid);
}

static void write_map(int pid, const char *text)
{
    char path[64];
    path_of(pid, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static struct sp_profile *new_profile(void)
{
    struct sp_profile *profile = sp_profile_new();
    sp_profile_add_sample_type(profile, "samples", "count");
    profile->time_ns = (int64_t)time(NULL) * 1000000000;
    return profile;
}

static uint32_t add_mapping(struct sp_profile *profile, const char *file)
{
    struct sp_mapping mapping = {.start = 0x1000, .limit = 0x9000, .file = sp_profile_string(profile, file)};
    return sp_profile_add_mapping(profile, &mapping);
}

/* A sample of one location; `pid` 0: without a label. */
static void add_sample(struct sp_profile *profile, uint32_t location, int pid)
{
    struct sp_label label = {.key = sp_profile_string(profile, "pid"), .num = pid};
    int64_t value = 1;
    sp_profile_add_sample(profile, &location, 1, &label, pid != 0, &value);
}

static void add_account(struct sp_profile *profile, int pid)
{
    struct sp_account account = {.pid = pid};
    sp_profile_add_account(profile, &account);
}

static const char *name_of(const struct sp_profile *profile, uint32_t location)
{
    const struct sp_location *at = &profile->locations.at[location];
    if (at->n_lines == 0)
        return "(none)";
    return sp_profile_text(profile, profile->functions.at[profile->lines.at[at->first_line].function].name);
}

static void test_perf_files_of_the_only_process(void **state)
{
    (void)state;
    static const char *const files[] = {"//anon",    "[anon:v8]", "[heap]", "", "/memfd:jit (deleted)",
                                        "/dev/zero", "/bin/ls",   "[vdso]"};
    write_map(70, "2000 100 made\n");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct sp_profile *profile = new_profile();
        struct sp_perf_files_stats stats;
        uint32_t location = sp_profile_location(profile, add_mapping(profile, files[i]), 0x2010);
        uint32_t other = sp_profile_location(profile, 0, 0x3000);
        add_account(profile, 70);
        add_account(profile, 70);
        add_sample(profile, location, 0);
        add_sample(profile, other, 0);
        assert_int_equal(sp_perf_files_name(profile, directory, &stats), 0);
        bool is_made = i < 6;
        assert_string_equal(name_of(profile, location), is_made ? "made" : "(none)");
        assert_string_equal(name_of(profile, other), "(none)");
        assert_int_equal(profile->mappings.at[0].has_functions, is_made);
        assert_int_equal(stats.named, is_made);
        assert_int_equal(stats.locations, is_made ? 2 : 0);
        assert_int_equal(stats.maps, is_made);
        char why[200];
        assert_int_equal(sp_profile_check(profile, why, sizeof(why)), 0);
        sp_profile_free(profile);
    }
}

static void test_perf_files_of_several_processes(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_perf_files_stats stats;
    write_map(71, "2000 100 of 71\n4000 100 of 71\n");
    write_map(72, "2000 100 of 72\n4000 100 of 72\n");
    uint32_t mapping = add_mapping(profile, "//anon");
    uint32_t first = sp_profile_location(profile, mapping, 0x2000);
    uint32_t second = sp_profile_location(profile, mapping, 0x2001);
    uint32_t both = sp_profile_location(profile, mapping, 0x4000);
    uint32_t unlabelled = sp_profile_location(profile, mapping, 0x4001);
    uint32_t unmapped = sp_profile_location(profile, SP_NONE, 0x4002);
    add_account(profile, 71);
    add_account(profile, 72);
    add_sample(profile, first, 71);
    add_sample(profile, second, 72);
    add_sample(profile, both, 71);
    add_sample(profile, both, 72);
    add_sample(profile, unlabelled, 0);
    add_sample(profile, unmapped, 72);
    assert_int_equal(sp_perf_files_name(profile, directory, &stats), 0);
    assert_string_equal(name_of(profile, first), "of 71");
    assert_string_equal(name_of(profile, second), "of 72");
    assert_string_equal(name_of(profile, both), "(none)");
    assert_string_equal(name_of(profile, unlabelled), "(none)");
    assert_string_equal(name_of(profile, unmapped), "of 72");
    assert_int_equal(stats.maps, 2);
    assert_int_equal(stats.named, 3);
    sp_profile_free(profile);
}

/* Names nothing from the map of `pid`; the number of files refused. */
static unsigned refused(int pid)
{
    struct sp_profile *profile = new_profile();
    struct sp_perf_files_stats stats;
    uint32_t location = sp_profile_location(profile, add_mapping(profile, "//anon"), 0x2010);
    add_account(profile, pid);
    add_sample(profile, location, 0);
    assert_int_equal(sp_perf_files_name(profile, directory, &stats), 0);
    assert_string_equal(name_of(profile, location), "(none)");
    sp_profile_free(profile);
    return (unsigned)stats.refused;
}

static void test_perf_files_that_are_not_believed(void **state)
{
    (void)state;
    char path[64], other[64];
    assert_int_equal(refused(80), 0); /* there is none */

    write_map(81, "2000 100 from an earlier process of that number\n");
    path_of(81, path);
    const struct timespec old[2] = {{.tv_sec = time(NULL) - 100}, {.tv_sec = time(NULL) - 100}};
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_int_equal(refused(81), 1);

    write_map(82, "2000 100 elsewhere\n");
    path_of(82, other);
    path_of(83, path);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(refused(83), 1);

    path_of(84, path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(refused(84), 1);

    path_of(85, path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(refused(85), 1);

    write_map(86, "2000 100 too large\n");
    path_of(86, path);
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_int_equal(refused(86), 1);

    write_map(87, "");
    assert_int_equal(refused(87), 0);

    if (geteuid() == 0) {
        write_map(88, "2000 100 another user's\n");
        path_of(88, path);
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(refused(88), 1);
    }
}

static void test_perf_files_leaves_what_has_a_name(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    write_map(89, "2000 100 from the map\n");
    uint32_t location = sp_profile_location(profile, add_mapping(profile, "//anon"), 0x2010);
    struct sp_function function = {.name = sp_profile_string(profile, "named")};
    struct sp_line line = {.function = sp_profile_function(profile, &function)};
    sp_profile_set_lines(profile, location, &line, 1);
    add_account(profile, 89);
    add_sample(profile, location, 0);
    assert_int_equal(sp_perf_files_name(profile, directory, NULL), 0);
    assert_string_equal(name_of(profile, location), "named");
    sp_profile_free(profile);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perf_files_of_the_only_process),
        cmocka_unit_test(test_perf_files_of_several_processes),
        cmocka_unit_test(test_perf_files_that_are_not_believed),
        cmocka_unit_test(test_perf_files_leaves_what_has_a_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
