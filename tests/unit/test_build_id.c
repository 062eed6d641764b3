/* Build ids of images: right ones, none, and images cut off or damaged at any byte. */
#include "collector/build_id.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "check.h"

/* Whether what is at a path is an ELF file, and its build id. */
static bool read_file(const char *path, char text[SP_BUILD_ID_TEXT])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const bool is_elf = sp_build_id_of_open_file(fd, text);
    close(fd);
    return is_elf;
}

/* A head, one PT_NOTE, and in it two notes, the second with the id. */
struct image {
    Elf64_Ehdr head;
    Elf64_Phdr segment;
    struct {
        Elf64_Nhdr head;
        char name[4];
        uint8_t data[8];
    } other;
    struct {
        Elf64_Nhdr head;
        char name[4];
        uint8_t data[20];
    } id;
};

static struct image make_image(void)
{
    struct image image = {.head = {.e_phoff = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1},
                          .segment = {.p_type = PT_NOTE,
                                      .p_offset = offsetof(struct image, other),
                                      .p_filesz = sizeof image - offsetof(struct image, other)},
                          .other = {.head = {4, 6, NT_GNU_ABI_TAG}, .name = "GNU"},
                          .id = {.head = {4, 20, NT_GNU_BUILD_ID}, .name = "GNU"}};
    memcpy(image.head.e_ident, ELFMAG, SELFMAG);
    image.head.e_ident[EI_CLASS] = ELFCLASS64;
    for (uint8_t i = 0; i < 20; i++)
        image.id.data[i] = (uint8_t)(0xa0 + i);
    return image;
}

static const char *const right = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3";

/* Looks at a copy of exactly `size` bytes, so that AddressSanitizer sees a look beyond. */
static void find(const void *image, size_t size, char text[SP_BUILD_ID_TEXT])
{
    void *copy = malloc(size != 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, image, size);
    memset(text, 'x', SP_BUILD_ID_TEXT);
    sp_build_id_of_image(copy, size, text);
    free(copy);
}

static void test_build_id_behind_another_note(void **state)
{
    (void)state;
    char text[SP_BUILD_ID_TEXT];
    const struct image image = make_image();
    find(&image, sizeof image, text);
    assert_string_equal(text, right);
}

static void test_build_id_of_a_cut_image_is_none(void **state)
{
    (void)state;
    char text[SP_BUILD_ID_TEXT];
    const struct image image = make_image();
    for (size_t size = 0; size < sizeof image; size++) {
        find(&image, size, text);
        assert_string_equal(text, "");
    }
}

static void test_build_id_of_another_kind_of_file_is_none(void **state)
{
    (void)state;
    char text[SP_BUILD_ID_TEXT];
    struct image image = make_image();
    image.head.e_ident[EI_CLASS] = ELFCLASS32;
    find(&image, sizeof image, text);
    assert_string_equal(text, "");
    image = make_image();
    image.id.head.n_descsz = 0;
    find(&image, sizeof image, text);
    assert_string_equal(text, "");
    memset(&image, 'a', sizeof image);
    find(&image, sizeof image, text);
    assert_string_equal(text, "");
}

/* Every byte of the image in turn, and random ones: an answer in hex or none, and no look beyond the image. */
static void test_build_id_of_a_damaged_image_ends(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    char text[SP_BUILD_ID_TEXT];
    for (unsigned round = 0; round < 20000; round++) {
        struct image image = make_image();
        uint8_t *bytes = (uint8_t *)&image;
        for (unsigned i = 0; i <= round % 3; i++) {
            const uint64_t r = next_random(&random);
            bytes[r % sizeof image] = (uint8_t)(r >> 32 & 1 ? 0xff : r >> 40);
        }
        find(&image, sizeof image, text);
        assert_true(strlen(text) < SP_BUILD_ID_TEXT && strspn(text, "0123456789abcdef") == strlen(text));
    }
}

static int find_libc(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    if (strstr(info->dlpi_name, "libc.so") == NULL)
        return 0;
    char *path = user;
    snprintf(path, 4096, "%s", info->dlpi_name);
    return 1;
}

static void test_build_id_of_libc_is_what_debian_gave_it(void **state)
{
    (void)state;
    char path[4096], text[SP_BUILD_ID_TEXT];
    if (dl_iterate_phdr(find_libc, path) == 0)
        skip(); /* a static libc, or another */
    assert_true(read_file(path, text));
    assert_int_equal(strlen(text), 40);
}

static void test_build_id_of_the_vdso(void **state)
{
    (void)state;
    char text[SP_BUILD_ID_TEXT];
    const void *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);
    if (vdso == NULL)
        skip();
    sp_build_id_of_image(vdso, 4096, text);
    assert_true(strlen(text) > 0);
}

static void test_build_id_of_what_is_no_elf_file_is_none(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/dev/null", "/proc/self/maps", "/proc/self/mem"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char text[SP_BUILD_ID_TEXT] = "x";
        assert_false(read_file(paths[i], text));
        assert_string_equal(text, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_id_behind_another_note),
        cmocka_unit_test(test_build_id_of_a_cut_image_is_none),
        cmocka_unit_test(test_build_id_of_another_kind_of_file_is_none),
        cmocka_unit_test(test_build_id_of_a_damaged_image_ends),
        cmocka_unit_test(test_build_id_of_libc_is_what_debian_gave_it),
        cmocka_unit_test(test_build_id_of_the_vdso),
        cmocka_unit_test(test_build_id_of_what_is_no_elf_file_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
