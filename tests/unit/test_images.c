/* Files that are kept within reach: of mappings that this process makes, so that nothing but the paths is foreign. */
#include "collector/images.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096 };

static char directory[] = "/tmp/sp_test_images_XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(directory);
}

/* A mapping of a file, as the kernel shows it. */
struct mapped {
    struct sp_mapped_file file;
    char path[4200];
};

/* An ELF file's beginning, or none; without build id in either case. */
static void fill(int fd, const char *magic)
{
    char page[PAGE] = {0};
    memcpy(page, magic, strlen(magic));
    assert_int_equal(write(fd, page, sizeof page), sizeof page);
}

static void path_of(const char *name, char path[64])
{
    snprintf(path, 64, "%s/%s", directory, name);
}

static int make_file(const char *name, const char *magic)
{
    char path[64];
    path_of(name, path);
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    fill(fd, magic);
    return fd;
}

static void remove_file(const char *name)
{
    char path[64];
    path_of(name, path);
    assert_int_equal(unlink(path), 0);
}

/* Fills in what /proc/self/maps says of the mapping at `at`. */
static void read_line(struct mapped *mapped, const void *at)
{
    char *text = NULL;
    size_t capacity = 0;
    bool is_found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (!is_found && getline(&text, &capacity, maps) > 0)
        is_found = sscanf(text, "%" SCNx64 "-%" SCNx64 " %*s %*x %x:%x %" SCNu64 " %4199[^\n]", &mapped->file.start,
                          &mapped->file.limit, &mapped->file.major, &mapped->file.minor, &mapped->file.inode,
                          mapped->path) == 6 &&
                   mapped->file.start == (uintptr_t)at;
    assert_true(is_found);
    free(text);
    fclose(maps);
    mapped->file.pid = getpid();
    mapped->file.path = mapped->path;
}

static void map(struct mapped *mapped, int fd)
{
    void *at = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(at != MAP_FAILED);
    read_line(mapped, at);
}

static void unmap(const struct mapped *mapped)
{
    void *at = (void *)(uintptr_t)mapped->file.start;
    assert_int_equal(munmap(at, PAGE), 0);
}

static void make_mapped(struct mapped *mapped, const char *name)
{
    const int fd = make_file(name, ELFMAG);
    map(mapped, fd);
    close(fd);
}

static struct sp_images *new_images(size_t held, bool is_sparing)
{
    struct sp_images *images = sp_images_new(
        &(struct sp_images_limits){.held = held, .is_sparing = is_sparing, .lowest = is_sparing ? 320 : 0});
    assert_non_null(images);
    return images;
}

static uint32_t see(struct sp_images *images, const struct mapped *mapped)
{
    char build_id[SP_BUILD_ID_TEXT];
    const uint32_t number = sp_images_see(images, &mapped->file, build_id);
    assert_string_equal(build_id, "");
    return number;
}

/* What a search by the mapping's path says; a file that is found must be the mapping's. */
static int find(const struct sp_images *images, const struct mapped *mapped)
{
    struct sp_found_image found;
    struct stat st;
    const int error = sp_images_find(images, mapped->path, "", &found);
    if (error != 0)
        return error;
    assert_int_equal(fstat(found.fd, &st), 0);
    assert_int_equal(st.st_ino, mapped->file.inode);
    assert_int_equal(found.root, -1);
    assert_int_equal(found.prefix, 0);
    close(found.fd);
    return 0;
}

static void test_images_a_file_is_held_once(void **state)
{
    (void)state;
    struct mapped once, again, other;
    struct sp_images *images = new_images(8, false);
    const int fd = make_file("it", ELFMAG);
    map(&once, fd);
    map(&again, fd);
    make_mapped(&other, "other");
    const uint32_t number = see(images, &once);
    assert_int_not_equal(number, SP_NO_IMAGE);
    assert_int_equal(see(images, &again), number);
    assert_int_equal(sp_images_held(images), 1);
    assert_int_not_equal(see(images, &other), number);
    assert_int_equal(sp_images_held(images), 2);
    remove_file("it");
    assert_int_equal(find(images, &once), 0); /* though its path leads nowhere */
    assert_int_equal(sp_images_find(images, "/no/such", "", NULL), -ENOENT);
    assert_int_equal(sp_images_find(images, once.path, "00", NULL), -ENOENT);
    sp_images_free(images);
    remove_file("other");
    unmap(&once);
    unmap(&again);
    unmap(&other);
    close(fd);
}

static void test_images_what_is_no_elf_file_is_none(void **state)
{
    (void)state;
    struct mapped mapped;
    struct sp_images *images = new_images(8, false);
    const int fd = make_file("it", "#!/bin/sh");
    map(&mapped, fd);
    assert_int_equal(see(images, &mapped), SP_NO_IMAGE);
    assert_int_equal(sp_images_held(images), 0);
    assert_int_equal(find(images, &mapped), -ENOENT);
    sp_images_share(images, SP_NO_IMAGE);
    sp_images_release(images, SP_NO_IMAGE);
    sp_images_free(images);
    remove_file("it");
    unmap(&mapped);
    close(fd);
}

/* Nothing may be held: the path serves as long as it leads to the same file, unchanged. */
static void test_images_without_descriptors_believe_the_path_that_leads_there(void **state)
{
    (void)state;
    struct mapped mapped;
    struct sp_images *images = new_images(0, false);
    make_mapped(&mapped, "it");
    see(images, &mapped);
    assert_int_equal(sp_images_held(images), 0);
    assert_int_equal(find(images, &mapped), 0);
    remove_file("it");
    assert_int_equal(find(images, &mapped), -ENOENT);
    close(make_file("it", ELFMAG));
    assert_int_equal(find(images, &mapped), -ESTALE);
    sp_images_free(images);
    remove_file("it");
    unmap(&mapped);
}

static void test_images_a_file_that_was_written_to_is_another(void **state)
{
    (void)state;
    struct mapped mapped;
    struct sp_images *images = new_images(8, false);
    const int fd = make_file("it", ELFMAG);
    map(&mapped, fd);
    const uint32_t number = see(images, &mapped);
    fill(fd, "more");
    assert_int_equal(find(images, &mapped), -ESTALE);
    assert_int_not_equal(see(images, &mapped), number);
    assert_int_equal(find(images, &mapped), -ESTALE); /* one of two */
    sp_images_free(images);
    remove_file("it");
    unmap(&mapped);
    close(fd);
}

static void test_images_two_files_of_one_path_are_not_told_apart(void **state)
{
    (void)state;
    struct mapped first, second;
    struct sp_images *images = new_images(8, false);
    make_mapped(&first, "it");
    see(images, &first);
    remove_file("it");
    make_mapped(&second, "it");
    assert_string_equal(first.path, second.path);
    see(images, &second);
    assert_int_equal(find(images, &second), -ESTALE);
    sp_images_free(images);
    remove_file("it");
    unmap(&first);
    unmap(&second);
}

/* What has no name is found among the descriptors, or by /proc/PID/map_files. */
static void test_images_a_memfd_is_held_even_when_sparing(void **state)
{
    (void)state;
    struct mapped mapped, plain;
    struct sp_images *images = new_images(8, true);
    const int fd = memfd_create("it", MFD_CLOEXEC);
    assert_true(fd >= 0);
    fill(fd, ELFMAG);
    map(&mapped, fd);
    make_mapped(&plain, "it");
    assert_non_null(strstr(mapped.path, "/memfd:it"));
    see(images, &mapped);
    see(images, &plain);
    assert_int_equal(sp_images_held(images), 1);
    assert_true(fcntl(320, F_GETFD) >= 0); /* out of the host's way */
    close(fd);
    assert_int_equal(find(images, &mapped), 0);
    assert_int_equal(find(images, &plain), 0);
    sp_images_free(images);
    assert_int_equal(fcntl(320, F_GETFD), -1);
    remove_file("it");
    unmap(&mapped);
    unmap(&plain);
}

/* One that is not held, since its path serves, is held when that is over. */
static void test_images_a_file_that_loses_its_path_is_held(void **state)
{
    (void)state;
    struct mapped mapped;
    struct sp_images *images = new_images(8, true);
    const int fd = make_file("it", ELFMAG);
    map(&mapped, fd);
    const uint32_t number = see(images, &mapped);
    assert_int_equal(sp_images_held(images), 0);
    remove_file("it");
    assert_int_equal(find(images, &mapped), -ENOENT);
    struct mapped removed;
    read_line(&removed, (const void *)(uintptr_t)mapped.file.start);
    assert_non_null(strstr(removed.path, " (deleted)"));
    sp_images_lost_path(images, number, &removed.file);
    assert_int_equal(sp_images_held(images), 1);
    assert_int_equal(find(images, &mapped), 0);
    sp_images_free(images);
    unmap(&mapped);
    close(fd);
}

/* A host closes what it finds, and opens something else. */
static void test_images_a_number_that_the_host_has_taken_is_the_hosts(void **state)
{
    (void)state;
    struct mapped mapped;
    struct sp_images *images = new_images(8, true);
    const int fd = memfd_create("it", MFD_CLOEXEC), other = make_file("it", ELFMAG);
    fill(fd, ELFMAG);
    map(&mapped, fd);
    see(images, &mapped);
    assert_int_equal(dup2(other, 320), 320);
    assert_int_equal(find(images, &mapped), -ENOENT);
    sp_images_free(images);
    assert_true(fcntl(320, F_GETFD) >= 0);
    close(320);
    close(other);
    close(fd);
    remove_file("it");
    unmap(&mapped);
}

/* Where they are short, files that only their descriptor leads to come first. */
static void test_images_descriptors_are_bounded(void **state)
{
    (void)state;
    enum { FILES = 8, LIMIT = 4 };
    struct mapped mapped[FILES];
    struct sp_images *images = new_images(LIMIT, false);
    for (int i = 0; i < FILES; i++) {
        char name[8];
        snprintf(name, sizeof name, "it%d", i);
        make_mapped(&mapped[i], name);
        see(images, &mapped[i]);
        remove_file(name);
    }
    assert_int_equal(sp_images_held(images), LIMIT - LIMIT / 4);
    struct mapped nameless;
    const int fd = memfd_create("it", MFD_CLOEXEC);
    fill(fd, ELFMAG);
    map(&nameless, fd);
    see(images, &nameless);
    assert_int_equal(sp_images_held(images), LIMIT);
    assert_int_equal(find(images, &nameless), 0);
    sp_images_free(images);
    close(fd);
    unmap(&nameless);
    for (int i = 0; i < FILES; i++)
        unmap(&mapped[i]);
}

/* The last user's end gives up nothing here: the mount was there before. */
static void test_images_outlive_their_users(void **state)
{
    (void)state;
    struct mapped mapped;
    struct sp_images *images = new_images(8, false);
    make_mapped(&mapped, "it");
    const uint32_t number = see(images, &mapped);
    sp_images_share(images, number);
    sp_images_release(images, number);
    sp_images_release(images, number);
    assert_int_equal(sp_images_held(images), 1);
    remove_file("it");
    assert_int_equal(find(images, &mapped), 0);
    sp_images_free(images);
    unmap(&mapped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_a_file_is_held_once),
        cmocka_unit_test(test_images_what_is_no_elf_file_is_none),
        cmocka_unit_test(test_images_without_descriptors_believe_the_path_that_leads_there),
        cmocka_unit_test(test_images_a_file_that_was_written_to_is_another),
        cmocka_unit_test(test_images_two_files_of_one_path_are_not_told_apart),
        cmocka_unit_test(test_images_a_memfd_is_held_even_when_sparing),
        cmocka_unit_test(test_images_a_file_that_loses_its_path_is_held),
        cmocka_unit_test(test_images_a_number_that_the_host_has_taken_is_the_hosts),
        cmocka_unit_test(test_images_descriptors_are_bounded),
        cmocka_unit_test(test_images_outlive_their_users),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
