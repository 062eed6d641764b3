/* Finding source files by a profile's path, and their lines. Files are made in a folder of the test's own. */
#include "check.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "report/names.h"
#include "report/source_file.h"
#include "test_folder.h"

static void assert_line(const struct sp_source_file *file, int64_t number, const char *expected)
{
    size_t length = 0;
    const char *text = sp_source_line(file, number, &length);
    assert_non_null(text);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(text, expected, length);
}

/* A file below the test's folder, looked for as `path` with that search path (below the folder, too). */
static struct sp_source_files *files_of(const char *search, char text[PATH_MAX])
{
    snprintf(text, PATH_MAX, "%s%s", test_folder, search);
    struct sp_source_files *files = sp_source_files_new(text, NULL);
    assert_non_null(files);
    return files;
}

static void write_file(const char *name, const char *text, size_t n)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", test_folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

static void test_trim_guesses_by_the_search_path(void **state)
{
    (void)state;
    assert_string_equal(sp_trimmed_path("/remote/my-project/foo/bar.c", NULL, "/local/my-project"), "foo/bar.c");
    assert_string_equal(sp_trimmed_path("/remote/my-project/foo/bar.c", "", "/x:/local/my-project/"), "foo/bar.c");
    assert_string_equal(sp_trimmed_path("/remote/foo/bar.c", NULL, "/local/my-project"), "/remote/foo/bar.c");
    assert_string_equal(sp_trimmed_path("/remote/foo/bar.c", NULL, NULL), "/remote/foo/bar.c");
    assert_string_equal(sp_trimmed_path("/remote/foo/bar.c", NULL, ""), "/remote/foo/bar.c");
    assert_string_equal(sp_trimmed_path("", NULL, "/a"), "");
}

static void test_trim_takes_prefixes_when_given(void **state)
{
    (void)state;
    assert_string_equal(sp_trimmed_path("/a/b/c.c", "/a", "/local/b"), "b/c.c");
    assert_string_equal(sp_trimmed_path("/a/b/c.c", "/x:/a/b/", NULL), "c.c");
    assert_string_equal(sp_trimmed_path("/ab/c.c", "/a", NULL), "/ab/c.c");
    assert_string_equal(sp_trimmed_path("/proc/self/cwd/c.c", NULL, NULL), "c.c");
    assert_string_equal(sp_trimmed_path("/proc/self/cwd/./c.c", "/a", NULL), "c.c");
}

static void test_lines_end_in_every_way(void **state)
{
    (void)state;
    char search[PATH_MAX];
    struct sp_source_files *files = files_of("", search);
    write_file("mixed.c", "one\r\ntwo\n\nf\303\xff\0ur", 16);
    const struct sp_source_file *file = sp_source_files_get(files, "mixed.c");
    assert_int_equal(file->error, 0);
    assert_int_equal(file->n_lines, 4);
    assert_line(file, 1, "one");
    assert_line(file, 2, "two");
    assert_line(file, 3, "");
    size_t length;
    assert_memory_equal(sp_source_line(file, 4, &length), "f\303\xff\0ur", 6);
    assert_int_equal(length, 6);
    assert_null(sp_source_line(file, 0, &length));
    assert_null(sp_source_line(file, 5, &length));
    assert_null(sp_source_line(file, INT64_MAX, &length));
    assert_null(sp_source_line(file, INT64_MIN, &length));
    write_file("empty.c", "", 0);
    file = sp_source_files_get(files, "empty.c");
    assert_int_equal(file->error, 0);
    assert_null(sp_source_line(file, 1, &length));
    sp_source_files_free(files);
}

static void test_files_are_found_above_the_search_path(void **state)
{
    (void)state;
    char search[PATH_MAX];
    assert_true(run_in_test_folder("mkdir -p deep/er && echo below > deep/b.c && echo above > a.c"));
    struct sp_source_files *files = files_of("/deep/er", search);
    assert_line(sp_source_files_get(files, "b.c"), 1, "below");
    assert_line(sp_source_files_get(files, "a.c"), 1, "above");
    assert_line(sp_source_files_get(files, "/elsewhere/er/../b.c"), 1, "below"); /* trimmed behind "er" */
    assert_int_equal(sp_source_files_get(files, "c.c")->error, -ENOENT);
    sp_source_files_free(files);
}

static void test_more_files_than_are_kept(void **state)
{
    (void)state;
    char search[PATH_MAX], name[32];
    assert_true(run_in_test_folder("for i in 0 1 2 3 4 5 6 7 8 9; do echo $i > kept$i.c; done"));
    struct sp_source_files *files = files_of("", search);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 10; i++) {
            snprintf(name, sizeof(name), "kept%d.c", i);
            assert_line(sp_source_files_get(files, name), 1, (char[]){(char)('0' + i), '\0'});
        }
    sp_source_files_free(files);
}

static void test_only_regular_files_of_a_bounded_size_are_read(void **state)
{
    (void)state;
    char search[PATH_MAX], path[PATH_MAX], text[2 * PATH_MAX];
    assert_true(run_in_test_folder("mkfifo fifo.c; mkdir dir.c; truncate -s 33M large.c; ln -s loop.c loop.c"));
    struct sp_source_files *files = files_of("", search);
    assert_int_equal(sp_source_files_get(files, "fifo.c")->error, -ENOENT);
    assert_int_equal(sp_source_files_get(files, "dir.c")->error, -ENOENT);
    assert_int_equal(sp_source_files_get(files, "loop.c")->error, -ENOENT);
    assert_int_equal(sp_source_files_get(files, "large.c")->error, -EFBIG);
    assert_int_equal(sp_source_files_get(files, "/dev/zero")->error, -EBADMSG);
    snprintf(path, sizeof(path), "/./%s/fifo.c", test_folder);
    const struct sp_source_file *file = sp_source_files_get(files, path);
    assert_int_equal(file->error, -ENOENT); /* trimmed: the folder's name is the search path's */
    sp_source_files_free(files);
    files = sp_source_files_new("/", NULL);
    snprintf(path, sizeof(path), "%s/fifo.c", test_folder);
    file = sp_source_files_get(files, path);
    assert_int_equal(file->error, -EBADMSG);
    sp_source_error_text(files, file, text, sizeof(text));
    assert_non_null(strstr(text, "fifo.c: not a regular file"));
    sp_source_files_free(files);
}

static void test_errors_are_in_pprofs_words(void **state)
{
    (void)state;
    char text[256];
    struct sp_source_files *files = sp_source_files_new("/nowhere/at:/all", NULL);
    sp_source_error_text(files, sp_source_files_get(files, "a.c"), text, sizeof(text));
    assert_string_equal(text, "could not find file a.c on path /nowhere/at:/all");
    sp_source_error_text(files, sp_source_files_get(files, "/nowhere/b.c"), text, sizeof(text));
    assert_string_equal(text, "open /nowhere/b.c: no such file or directory");
    sp_source_files_free(files);
}

static void test_paths_that_are_too_long(void **state)
{
    (void)state;
    char search[PATH_MAX];
    char *path = malloc(100001);
    struct sp_source_files *files = files_of("", search);
    memset(path, 'a', 100000);
    path[100000] = '\0';
    assert_int_equal(sp_source_files_get(files, path)->error, -ENOENT);
    path[0] = '/';
    assert_int_equal(sp_source_files_get(files, path)->error, -ENAMETOOLONG);
    sp_source_files_free(files);
    files = sp_source_files_new(path, path);
    assert_int_equal(sp_source_files_get(files, "a.c")->error, -ENOENT);
    sp_source_files_free(files);
    free(path);
}

static void test_go_files_are_in_the_module_cache_or_in_goroot(void **state)
{
    (void)state;
    char search[PATH_MAX], text[PATH_MAX];
    assert_true(run_in_test_folder("mkdir -p cache/example.org/!some/m@v1.2.0/Sub root/src/runtime && "
                                   "echo module > cache/example.org/!some/m@v1.2.0/Sub/a.go && "
                                   "echo runtime > root/src/runtime/proc.go"));
    snprintf(text, sizeof(text), "%s/cache", test_folder);
    setenv("GOMODCACHE", text, 1);
    snprintf(text, sizeof(text), "%s/root", test_folder);
    setenv("GOROOT", text, 1);
    struct sp_source_files *files = files_of("/none", search);
    assert_line(sp_source_files_get(files, "example.org/Some/m@v1.2.0/Sub/a.go"), 1, "module");
    assert_line(sp_source_files_get(files, "/home/x/go/pkg/mod/example.org/!some/m@v1.2.0/Sub/a.go"), 1, "module");
    assert_line(sp_source_files_get(files, "runtime/proc.go"), 1, "runtime");
    assert_int_equal(sp_source_files_get(files, "runtime/no.go")->error, -ENOENT);
    assert_int_equal(sp_source_files_get(files, "m@v1")->error, -ENOENT);
    sp_source_files_free(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trim_guesses_by_the_search_path),
        cmocka_unit_test(test_trim_takes_prefixes_when_given),
        cmocka_unit_test(test_lines_end_in_every_way),
        cmocka_unit_test(test_files_are_found_above_the_search_path),
        cmocka_unit_test(test_more_files_than_are_kept),
        cmocka_unit_test(test_only_regular_files_of_a_bounded_size_are_read),
        cmocka_unit_test(test_errors_are_in_pprofs_words),
        cmocka_unit_test(test_paths_that_are_too_long),
        cmocka_unit_test(test_go_files_are_in_the_module_cache_or_in_goroot),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
