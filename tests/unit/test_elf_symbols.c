/*
 * Tests of src/symbolize/elf_symbols.c and elf_image.c on damaged files.
 *
 * A damaged file may give no name or a wrong one, but never a crash: build with ASan and UBSan for this to mean much.
 */
#include "symbolize/demangle.h"
#include "symbolize/elf_symbols.h"

#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The vDSO's bytes: all of its pages up to the section headers' end. */
static size_t vdso_bytes(const char **bytes)
{
    *bytes = (const char *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
    if (!*bytes) {
        print_message("no vDSO on this machine\n");
        return 0;
    }
    const ElfW(Ehdr) *header = (const void *)*bytes;
    return header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
}

/* Looks through all that an image offers; whatever it is, the ranges must hold together. Returns how many there are. */
static size_t exercise(struct sp_elf_image *image)
{
    struct sp_elf_symbols symbols;
    uint64_t vaddr;
    for (uint64_t offset = 0; offset < 16384; offset += 512)
        sp_elf_image_vaddr(image, offset * offset, &vaddr);
    assert_true(strlen(image->build_id) <= 2 * SP_ELF_BUILD_ID_MAX);
    if (sp_elf_symbols_init(&symbols, image) != 0)
        return 0;
    assert_true(sp_elf_symbols_are_valid(&symbols));
    for (size_t i = 0; i < symbols.n; i++) {
        const char *name = sp_elf_symbols_find(&symbols, symbols.at[i].start);
        char out[1024];
        if (name)
            sp_demangle(name, SP_DEMANGLE_SHORT, out, sizeof(out));
    }
    assert_null(sp_elf_symbols_find(&symbols, UINT64_MAX));
    size_t n = symbols.n;
    sp_elf_symbols_done(&symbols);
    return n;
}

/* The same bytes through both ways of opening, which must agree. */
static size_t exercise_bytes(const char *path, const char *bytes, size_t size)
{
    struct sp_elf_image image;
    size_t from_memory = 0, from_file = 0;
    if (sp_elf_image_open_memory(&image, bytes, size) == 0) {
        from_memory = exercise(&image);
        sp_elf_image_close(&image);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    if (sp_elf_image_open_file(&image, path) == 0) {
        from_file = exercise(&image);
        sp_elf_image_close(&image);
    }
    assert_int_equal(from_memory, from_file);
    return from_file;
}

/* A sample ELF file: the vDSO where there is one (small: a few KiB), else this program. */
static char *sample_elf(size_t *size)
{
    const char *bytes;
    char *copy;
    *size = vdso_bytes(&bytes);
    if (*size > 0) {
        copy = malloc(*size);
        assert_non_null(copy);
        memcpy(copy, bytes, *size);
        return copy;
    }
    struct stat st;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    *size = (size_t)st.st_size;
    copy = malloc(*size);
    assert_non_null(copy);
    assert_int_equal(read(fd, copy, *size), *size);
    close(fd);
    return copy;
}

static void test_truncated_files_do_no_harm(void **state)
{
    (void)state;
    char path[] = "/tmp/sp_test_symbolize_XXXXXX";
    close(mkstemp(path));
    size_t size;
    char *bytes = sample_elf(&size);
    size_t step = size / 1000 + 1;
    assert_true(exercise_bytes(path, bytes, size) > 0);
    for (size_t length = 0; length < size; length += length < 256 ? 1 : step)
        exercise_bytes(path, bytes, length);
    free(bytes);
    unlink(path);
}

static void test_flipped_bytes_do_no_harm(void **state)
{
    (void)state;
    char path[] = "/tmp/sp_test_symbolize_XXXXXX";
    close(mkstemp(path));
    size_t size;
    char *bytes = sample_elf(&size), *copy = malloc(size);
    const ElfW(Ehdr) *header = (const void *)bytes;
    unsigned seed = 1, with_symbols = 0;
    for (int round = 0; round < 4000; round++) {
        memcpy(copy, bytes, size);
        for (int flips = 1 + round % 8; flips > 0; flips--) {
            /* Most flips go where the structure is: the headers, and the table of sections. */
            size_t at = (size_t)rand_r(&seed);
            at = flips % 3 == 0   ? at % size
                 : flips % 3 == 1 ? at % 512
                                  : header->e_shoff + at % (size - header->e_shoff);
            copy[at] = (char)(rand_r(&seed) % 5 ? rand_r(&seed) : 0xff);
        }
        with_symbols += exercise_bytes(path, copy, size) > 0;
    }
    assert_in_range(with_symbols, 200, 3800); /* the damage reaches both the reading and the refusing */
    free(copy);
    free(bytes);
    unlink(path);
}

/* A copy of this program's file, to be freed. */
static char *own_bytes(size_t *size)
{
    struct stat status;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    *size = (size_t)status.st_size;
    char *bytes = malloc(*size);
    assert_int_equal(read(fd, bytes, *size), *size);
    close(fd);
    return bytes;
}

/* Go's linker leaves the note out of every segment. */
static void test_build_id_is_found_in_a_section_alone(void **state)
{
    (void)state;
    size_t size;
    char *bytes = own_bytes(&size);
    char wanted[2 * SP_ELF_BUILD_ID_MAX + 1];
    struct sp_elf_image image;
    assert_int_equal(sp_elf_image_open_memory(&image, bytes, size), 0);
    strcpy(wanted, image.build_id);
    sp_elf_image_close(&image);
    assert_int_not_equal(strlen(wanted), 0);
    const ElfW(Ehdr) *header = (const void *)bytes;
    ElfW(Phdr) *segments = (void *)(bytes + header->e_phoff);
    for (size_t i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_NOTE)
            segments[i].p_type = PT_NULL;
    assert_int_equal(sp_elf_image_open_memory(&image, bytes, size), 0);
    assert_string_equal(image.build_id, wanted);
    sp_elf_image_close(&image);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated_files_do_no_harm),
        cmocka_unit_test(test_flipped_bytes_do_no_harm),
        cmocka_unit_test(test_build_id_is_found_in_a_section_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
