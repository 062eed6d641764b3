/*
 * Tests of src/symbolize/debug_file.c and src/util/regular_file.c: this program without its debug data, which is laid
 * out in directories, in this root and in another.
 */
#include "symbolize/debug_file.h"
#include "symbolize/symbol_source.h"
#include "util/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/sp_test_places_XXXXXX";
static char program[64], build_id[2 * SP_ELF_BUILD_ID_MAX + 1];

/* Whether a shell command ends well, in the directory. */
__attribute__((format(printf, 1, 2))) static bool run(const char *format, ...)
{
    char command[2048], inside[2200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    snprintf(inside, sizeof(inside), "cd %s && { %s; } >/dev/null 2>&1", directory, command);
    return system(inside) == 0;
}

/* The program without its debug data, which is in program.debug, and its build id. 0, or not where tools are missing.
 */
static int make_files(void **state)
{
    (void)state;
    struct sp_elf_image image;
    if (!mkdtemp(directory))
        return -1;
    snprintf(program, sizeof(program), "%s/program", directory);
    bool made = run("objcopy --only-keep-debug /proc/%d/exe program.debug && strip -g -o program /proc/%d/exe && "
                    "objcopy --add-gnu-debuglink=program.debug program && mv program.debug kept",
                    (int)getpid(), (int)getpid());
    if (made && sp_elf_image_open_file(&image, program) == 0) {
        memcpy(build_id, image.build_id, sizeof(build_id));
        sp_elf_image_close(&image);
    }
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    return run("rm -rf %s", directory) ? 0 : -1;
}

static void need_files(void)
{
    if (build_id[0] == '\0') {
        print_message("objcopy or strip is missing, or this program has no debug data or build id\n");
        skip();
    }
}

/* Puts the debug file where a build id leads, below a directory of the test's. */
static void put_by_id(const char *below, const char *id)
{
    assert_true(run("mkdir -p %s/.build-id/%.2s && cp kept %s/.build-id/%.2s/%s.debug", below, id, below, id, id + 2));
}

/* What comes of a search for the program's debug file; closed again. */
static int search_from(const struct sp_image_place *place, const struct sp_debug_places *places)
{
    struct sp_elf_image image, debug;
    bool is_separate = false;
    assert_int_equal(sp_elf_image_open_file(&image, program), 0);
    int error = sp_debug_file_open(&debug, &is_separate, &image, place, places);
    if (error == 0) {
        assert_true(is_separate);
        sp_elf_image_close(&debug);
    }
    sp_elf_image_close(&image);
    return error;
}

static int search(const char *in)
{
    char path[PATH_MAX];
    const char *const directories[] = {"/nonexistent", path};
    const struct sp_image_place place = {-1, program};
    snprintf(path, sizeof(path), "%s/%s", directory, in);
    return search_from(&place, &(struct sp_debug_places){.directories = directories, .n_directories = 2});
}

static void test_a_directory_has_files_by_build_id(void **state)
{
    (void)state;
    need_files();
    assert_int_equal(search("by-id"), -ENOENT);
    put_by_id("by-id", build_id);
    assert_int_equal(search("by-id"), 0);
}

static void test_a_directory_has_files_by_name(void **state)
{
    (void)state;
    need_files();
    assert_true(run("mkdir -p by-name%s && cp kept by-name%s/program.debug", directory, directory));
    assert_int_equal(search("by-name"), 0);
    assert_true(run("printf x >>by-name%s/program.debug", directory)); /* another CRC */
    assert_int_equal(search("by-name"), -ESTALE);
}

/* Its CRC would take an hour. */
static void test_a_huge_file_is_not_read(void **state)
{
    (void)state;
    need_files();
    assert_true(run("mkdir -p huge%s && cp kept huge%s/program.debug", directory, directory));
    if (!run("truncate -s 4T huge%s/program.debug", directory))
        skip();
    assert_int_equal(search("huge"), -ESTALE);
}

static void test_a_file_of_another_build_is_not_used(void **state)
{
    (void)state;
    need_files();
    assert_true(run("mkdir -p stale/.build-id/%.2s && cp /proc/self/exe stale/.build-id/%.2s/%s.debug", build_id,
                    build_id, build_id + 2));
    put_by_id("other", "0123456789abcdef");
    struct sp_elf_image debug;
    char path[PATH_MAX];
    const char *const directories[] = {path};
    const struct sp_image_place place = {-1, program};
    const struct sp_debug_places places = {.directories = directories, .n_directories = 1};
    snprintf(path, sizeof(path), "%s/other", directory);
    assert_int_equal(sp_debug_file_open_by_build_id(&debug, "0123456789abcdef", &place, &places), -ESTALE);
    assert_int_equal(sp_debug_file_open_by_build_id(&debug, "", &place, &places), -ENOENT);
    assert_int_equal(search("stale"), -ENOENT); /* it has no DWARF */
}

/* A program that is not where it was. */
static void test_a_directory_has_programs_by_build_id(void **state)
{
    (void)state;
    need_files();
    struct sp_elf_image image;
    struct sp_image_place place;
    char path[PATH_MAX];
    const char *const directories[] = {path};
    const struct sp_module_id id = {"/nonexistent", build_id};
    const struct sp_debug_places places = {.directories = directories, .n_directories = 1};
    snprintf(path, sizeof(path), "%s/programs", directory);
    assert_int_equal(sp_module_image_open(&image, &place, &id, &places), -ENOENT);
    assert_true(run("mkdir -p programs/.build-id/%.2s && cp /bin/true programs/.build-id/%.2s/%s", build_id, build_id,
                    build_id + 2));
    assert_int_equal(sp_module_image_open(&image, &place, &id, &places), -ENOENT); /* another build */
    assert_true(run("cp program programs/.build-id/%.2s/%s", build_id, build_id + 2));
    assert_int_equal(sp_module_image_open(&image, &place, &id, &places), 0);
    assert_string_equal(image.build_id, build_id);
    assert_int_equal(place.root, -1);
    sp_elf_image_close(&image);
}

/* Where only the debug file is left, the mapping tells where the code was in the program. */
static void test_a_debug_file_stands_for_its_program(void **state)
{
    (void)state;
    need_files();
    struct sp_elf_image image, debug;
    struct sp_image_place place;
    char path[PATH_MAX];
    const char *const directories[] = {path};
    struct sp_module_id id = {.path = "/nonexistent", .build_id = build_id};
    const struct sp_debug_places places = {.directories = directories, .n_directories = 1};
    snprintf(path, sizeof(path), "%s/alone", directory);
    put_by_id("alone", build_id);
    assert_int_equal(sp_elf_image_open_file(&image, program), 0);
    const struct sp_elf_segment *code = NULL;
    for (size_t i = 0; i < image.n_segments; i++)
        if (image.segments[i].is_code)
            code = &image.segments[i];
    assert_non_null(code);
    assert_int_equal(sp_module_image_open(&debug, &place, &id, &places), -ENOENT); /* nothing is known of its mapping */
    id.code_offset = code->file_offset & ~UINT64_C(4095);
    id.code_size = ((code->file_offset + code->file_size + 4095) & ~UINT64_C(4095)) - id.code_offset;
    assert_int_equal(sp_module_image_open(&debug, &place, &id, &places), 0);
    assert_true(sp_elf_image_is(&debug, build_id));
    for (uint64_t offset = code->file_offset; offset < code->file_offset + code->file_size; offset += 64) {
        uint64_t expected = 1, vaddr = 2;
        assert_true(sp_elf_image_vaddr(&image, offset, &expected) && sp_elf_image_vaddr(&debug, offset, &vaddr));
        assert_int_equal(vaddr, expected);
    }
    sp_elf_image_close(&debug);
    id.code_size += UINT64_C(1) << 20; /* the mapping is not of this segment, whatever the size of pages */
    assert_int_equal(sp_module_image_open(&debug, &place, &id, &places), -ENOENT);
    sp_elf_image_close(&image);
}

/* The root is another; a link in it that begins with a slash stays in it. */
static void test_another_root(void **state)
{
    (void)state;
    need_files();
    put_by_id("root/kept/debug", build_id);
    assert_true(run("mkdir -p root/usr/lib && ln -s /kept/debug root/usr/lib/debug && ln -s /kept outside"));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/root", directory);
    const int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = sp_open_regular(root, "/usr/lib/../../kept/debug");
    if (fd == -ENOENT) {
        print_message("this kernel has no openat2\n");
        skip();
    }
    assert_int_equal(fd, -EBADMSG); /* a directory */
    const struct sp_image_place place = {root, "/usr/bin/program"};
    assert_int_equal(search_from(&place, &(struct sp_debug_places){.n_directories = 0}), 0);
    assert_int_equal(sp_open_regular(root, "/../../../../../../etc/passwd"), -ENOENT);
    close(root);
}

static void test_only_regular_files_are_opened(void **state)
{
    (void)state;
    need_files();
    assert_true(run("mkfifo fifo"));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/fifo", directory);
    assert_int_equal(sp_open_regular(-1, path), -EBADMSG);
    assert_int_equal(sp_open_regular(-1, "/dev/null"), -EBADMSG);
    assert_int_equal(sp_open_regular(-1, "/nonexistent"), -ENOENT);
    const int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int error = sp_open_regular(root, "fifo");
    assert_true(error == -EBADMSG || error == -ENOENT);
    close(root);
}

/* What a fetch gives: the kept debug file, or the program. */
static int fetch(void *user, enum sp_fetched kind, const char *id)
{
    char path[PATH_MAX];
    int *asked = user;
    asked[kind]++;
    snprintf(path, sizeof(path), "%s/%s", directory, kind == SP_FETCHED_IMAGE ? "program" : "kept");
    return strcmp(id, build_id) == 0 || strcmp(id, "00ff") == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -ENOENT;
}

static void test_what_is_not_here_is_fetched(void **state)
{
    (void)state;
    need_files();
    struct sp_elf_image image;
    struct sp_image_place place = {-1, program};
    int asked[SP_FETCHED_KINDS] = {0};
    const struct sp_debug_places places = {.fetch = fetch, .fetch_user = asked};
    assert_int_equal(search_from(&place, &places), 0);
    assert_int_equal(asked[SP_FETCHED_DEBUG_FILE], 1);
    assert_int_equal(sp_module_image_open(&image, &place, &(struct sp_module_id){"/nonexistent", build_id}, &places),
                     0);
    assert_string_equal(image.build_id, build_id);
    sp_elf_image_close(&image);
    assert_int_equal(sp_module_image_open(&image, &place, &(struct sp_module_id){program, build_id}, &places), 0);
    sp_elf_image_close(&image);
    assert_int_equal(asked[SP_FETCHED_IMAGE], 1);
}

static void test_what_is_fetched_is_checked(void **state)
{
    (void)state;
    need_files();
    struct sp_elf_image image;
    struct sp_image_place place = {-1, program};
    int asked[SP_FETCHED_KINDS] = {0};
    static const char *const ids[] = {"00ff", "ffff", "", "../../../etc/passwd", "0"};
    const struct sp_debug_places places = {.fetch = fetch, .fetch_user = asked};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        int error = sp_module_image_open(&image, &place, &(struct sp_module_id){"/nonexistent", ids[i]}, &places);
        assert_int_equal(error, i == 0 ? -ESTALE : -ENOENT);
        assert_int_equal(sp_debug_file_open_by_build_id(&image, ids[i], &place, &places), -ENOENT);
    }
    assert_int_equal(asked[SP_FETCHED_IMAGE], 2); /* the rest are no build ids */
    assert_int_equal(asked[SP_FETCHED_DEBUG_FILE], 2);
}

/* What find_image of a test gives: an error, or the file at a path. */
struct finding {
    int error;
    const char *file;
};

static int find_image(const void *user, const char *path, const char *id, struct sp_found_image *found)
{
    (void)path;
    (void)id;
    const struct finding *finding = user;
    if (finding->error)
        return finding->error;
    *found = (struct sp_found_image){open(finding->file, O_RDONLY | O_CLOEXEC), -1, 0};
    return 0;
}

static int open_image(const char *path, const char *id_text, struct finding finding)
{
    struct sp_elf_image image;
    struct sp_image_place place;
    const struct sp_module_id id = {path, id_text};
    const struct sp_debug_places places = {.find_image = find_image, .find_user = &finding};
    int error = sp_module_image_open(&image, &place, &id, &places);
    if (error == 0) {
        assert_string_equal(image.build_id, build_id);
        assert_ptr_equal(place.path, path);
        sp_elf_image_close(&image);
    }
    return error;
}

static void test_who_holds_an_image_is_asked_first(void **state)
{
    (void)state;
    need_files();
    assert_int_equal(open_image("/memfd:gone (deleted)", build_id, (struct finding){0, program}), 0);
    assert_int_equal(open_image("/memfd:gone (deleted)", "00ff", (struct finding){0, program}), -ESTALE);
    assert_int_equal(open_image(program, "", (struct finding){-ESTALE, NULL}), -ESTALE);
    assert_int_equal(open_image(program, build_id, (struct finding){-ENOENT, NULL}), 0);
    assert_int_equal(open_image("/nonexistent", build_id, (struct finding){-ENOENT, NULL}), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_directory_has_files_by_build_id),
        cmocka_unit_test(test_a_directory_has_files_by_name),
        cmocka_unit_test(test_a_huge_file_is_not_read),
        cmocka_unit_test(test_a_file_of_another_build_is_not_used),
        cmocka_unit_test(test_a_directory_has_programs_by_build_id),
        cmocka_unit_test(test_a_debug_file_stands_for_its_program),
        cmocka_unit_test(test_another_root),
        cmocka_unit_test(test_only_regular_files_are_opened),
        cmocka_unit_test(test_who_holds_an_image_is_asked_first),
        cmocka_unit_test(test_what_is_not_here_is_fetched),
        cmocka_unit_test(test_what_is_fetched_is_checked),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
