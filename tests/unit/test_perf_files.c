/*
 * Tests of src/symbolize/perf_files.c: whose map names a location, and which files are believed.
 */
#include "symbolize/perf_files.h"

#include <errno.h>
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

#include "test_folder.h"

static void path_of(int pid, char path[64])
{
    snprintf(path, 64, "%s/perf-%d.map", test_folder, pid);
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

static const char *name_in_sample(const struct sp_profile *profile, size_t sample)
{
    return name_of(profile, profile->sample_locations.at[profile->samples.at[sample].first_location]);
}

static const struct sp_perf_files_options in_directory = {.directory = test_folder};

/* Names, and sees whether the profile holds together. */
static int name_by(struct sp_profile *profile, const struct sp_perf_files_options *options,
                   struct sp_perf_files_stats *stats)
{
    char why[200] = "";
    const int error = sp_perf_files_name(profile, options, stats);
    sp_profile_check(profile, why, sizeof(why));
    assert_string_equal(why, "");
    return error;
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
        assert_int_equal(name_by(profile, &in_directory, &stats), 0);
        bool is_made = i < 6;
        assert_string_equal(name_of(profile, location), is_made ? "made" : "(none)");
        assert_string_equal(name_of(profile, other), "(none)");
        assert_int_equal(profile->mappings.at[0].has_functions, is_made);
        assert_int_equal(stats.named, is_made);
        assert_int_equal(stats.locations, is_made ? 2 : 0);
        assert_int_equal(stats.maps, is_made);
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
    assert_int_equal(name_by(profile, &in_directory, &stats), 0);
    assert_string_equal(name_of(profile, first), "of 71");
    assert_string_equal(name_of(profile, second), "of 72");
    assert_string_equal(name_in_sample(profile, 2), "of 71");
    assert_string_equal(name_in_sample(profile, 3), "of 72");
    assert_string_equal(name_of(profile, unlabelled), "(none)");
    assert_string_equal(name_of(profile, unmapped), "of 72");
    assert_int_equal(stats.maps, 2);
    assert_int_equal(stats.locations, 6);
    assert_int_equal(stats.named, 5);
    assert_int_equal(profile->locations.n, 6);
    sp_profile_free(profile);
}

/* One location of the samples of four processes: what each calls it, and how many locations there are then. */
static void assert_shared(const char *const maps[4], const char *const expected[4], size_t n_locations)
{
    struct sp_profile *profile = new_profile();
    struct sp_perf_text texts[4];
    const uint32_t mapping = add_mapping(profile, "//anon");
    const uint32_t leaf = sp_profile_location(profile, mapping, 0x2000);
    const uint32_t root = sp_profile_location(profile, mapping, 0x3000);
    for (int i = 0; i < 4; i++) {
        const uint32_t stack[] = {leaf, leaf, root};
        const struct sp_label label = {.key = sp_profile_string(profile, "pid"), .num = 60 + i};
        const int64_t value = 1;
        texts[i] = (struct sp_perf_text){60 + i, maps[i], strlen(maps[i])};
        sp_profile_add_sample(profile, stack, 3, &label, 1, &value);
        sp_profile_add_sample(profile, stack + 1, 2, &label, 1, &value);
    }
    const struct sp_perf_files_options options = {.texts = texts, .n_texts = 4};
    assert_int_equal(name_by(profile, &options, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        const uint32_t *at = &profile->sample_locations.at[profile->samples.at[2 * i].first_location];
        assert_string_equal(name_of(profile, at[0]), expected[i]);
        assert_int_equal(at[0], at[1]);
        assert_int_equal(at[2], root);
        assert_int_equal(profile->locations.at[at[0]].address, 0x2000);
        assert_int_equal(profile->locations.at[at[0]].mapping, mapping);
        assert_string_equal(name_in_sample(profile, 2 * i + 1), expected[i]);
    }
    assert_int_equal(profile->locations.n, n_locations);
    sp_profile_free(profile);
}

static void test_perf_files_split_what_processes_share(void **state)
{
    (void)state;
    static const char one[] = "2000 10 one\n", two[] = "2000 10 two\n";
    assert_shared((const char *const[]){one, one, one, one}, (const char *const[]){"one", "one", "one", "one"}, 2);
    assert_shared((const char *const[]){"", "", "", ""}, (const char *const[]){"(none)", "(none)", "(none)", "(none)"},
                  2);
    assert_shared((const char *const[]){one, two, one, one}, (const char *const[]){"one", "two", "one", "one"}, 3);
    assert_shared((const char *const[]){"", two, "", one}, (const char *const[]){"(none)", "two", "(none)", "one"}, 4);
}

static void test_perf_files_that_are_given(void **state)
{
    (void)state;
    static const char text[] = "2000 100 given\n";
    struct sp_perf_text given = {.at = text, .size = sizeof(text) - 1};
    const struct sp_perf_files_options options = {.texts = &given, .n_texts = 1};
    struct sp_perf_files_stats stats;
    for (int pids = 0; pids < 3; pids++) { /* of none that is known, of one, and of two */
        struct sp_profile *profile = new_profile();
        const uint32_t mapping = add_mapping(profile, "//anon");
        const uint32_t location = sp_profile_location(profile, mapping, 0x2010);
        const uint32_t other = sp_profile_location(profile, mapping, 0x2011);
        add_account(profile, 70);
        add_account(profile, 90); /* without code made at run time */
        add_sample(profile, location, pids > 0 ? 70 : 0);
        add_sample(profile, other, pids > 1 ? 71 : pids > 0 ? 70 : 0);
        given.pid = 0;
        assert_int_equal(name_by(profile, &options, &stats), pids > 1 ? -EINVAL : 0);
        assert_string_equal(name_of(profile, location), pids > 1 ? "(none)" : "given");
        given.pid = 71;
        assert_int_equal(name_by(profile, &options, &stats), 0);
        assert_int_equal(stats.named, pids > 1);
        assert_string_equal(name_of(profile, other), "given");
        sp_profile_free(profile);
    }
}

static void test_perf_files_put_texts_in_parts(void **state)
{
    (void)state;
    static const char text[] = "2000 10 JS:*fib /srv/app.js:12:13\n2010 10 _ZN1a1bEi\n";
    const struct sp_perf_text given = {.at = text, .size = sizeof(text) - 1};
    for (int style = SP_DEMANGLE_SHORT; style <= SP_DEMANGLE_NONE; style++) {
        const bool is_none = style == SP_DEMANGLE_NONE;
        const struct sp_perf_files_options options = {
            .texts = &given, .n_texts = 1, .demangle = (enum sp_demangle_style)style};
        struct sp_profile *profile = new_profile();
        const uint32_t mapping = add_mapping(profile, "//anon");
        add_sample(profile, sp_profile_location(profile, mapping, 0x2000), 0);
        add_sample(profile, sp_profile_location(profile, mapping, 0x2010), 0);
        assert_int_equal(name_by(profile, &options, NULL), 0);
        assert_string_equal(name_in_sample(profile, 0), is_none ? "JS:*fib /srv/app.js:12:13" : "fib");
        assert_string_equal(name_in_sample(profile, 1), is_none                     ? "_ZN1a1bEi"
                                                        : style == SP_DEMANGLE_FULL ? "a::b(int)"
                                                                                    : "a::b");
        const struct sp_function *function = &profile->functions.at[0];
        assert_string_equal(sp_profile_text(profile, function->system_name), "JS:*fib /srv/app.js:12:13");
        assert_string_equal(sp_profile_text(profile, function->filename), "/srv/app.js");
        assert_int_equal(function->start_line, 12);
        assert_true(profile->mappings.at[mapping].has_filenames);
        assert_false(profile->mappings.at[mapping].has_line_numbers);
        sp_profile_free(profile);
    }
}

static void test_perf_file_read_of_odd_files(void **state)
{
    (void)state;
    char path[64], *text = NULL;
    size_t size = 0;
    write_map(95, "2000 10 one\n");
    path_of(95, path);
    assert_int_equal(sp_perf_file_read(path, &text, &size), 0);
    assert_int_equal(size, 12);
    assert_memory_equal(text, "2000 10 one\n", size);
    free(text);
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_int_equal(sp_perf_file_read(path, &text, &size), -EFBIG);
    assert_int_equal(sp_perf_file_read(test_folder, &text, &size), -EISDIR);
    assert_int_equal(sp_perf_file_read("/dev/null", &text, &size), -ESPIPE);
    assert_int_equal(sp_perf_file_read("/no/such/file", &text, &size), -ENOENT);
}

/* Names nothing from the map of `pid`; the number of files refused. */
static unsigned refused(int pid)
{
    struct sp_profile *profile = new_profile();
    struct sp_perf_files_stats stats;
    uint32_t location = sp_profile_location(profile, add_mapping(profile, "//anon"), 0x2010);
    add_account(profile, pid);
    add_sample(profile, location, 0);
    assert_int_equal(name_by(profile, &in_directory, &stats), 0);
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
    assert_int_equal(name_by(profile, &in_directory, NULL), 0);
    assert_string_equal(name_of(profile, location), "named");
    sp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perf_files_of_the_only_process),
        cmocka_unit_test(test_perf_files_of_several_processes),
        cmocka_unit_test(test_perf_files_split_what_processes_share),
        cmocka_unit_test(test_perf_files_that_are_given),
        cmocka_unit_test(test_perf_files_put_texts_in_parts),
        cmocka_unit_test(test_perf_file_read_of_odd_files),
        cmocka_unit_test(test_perf_files_that_are_not_believed),
        cmocka_unit_test(test_perf_files_leaves_what_has_a_name),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
