/*
 * Damaged debug data: whatever stands in a file, naming ends, and the rest of the profile holds together.
 *
 *   test_damage PROGRAM [ROUNDS]
 *
 * PROGRAM is a small one with debug data. Each round changes some bytes of its .debug_* sections, or cuts the file, and
 * names a sweep of addresses. A hang is an alarm; bad memory is the sanitizers' to see.
 */
#include "symbolize/elf_image.h"
#include "symbolize/symbolize.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTIONS_MAX 32
#define ROUND_SECONDS 20

struct original {
    unsigned char *bytes;
    size_t size;
    struct {
        size_t start, size;
    } sections[SECTIONS_MAX]; /* .debug_* */
    size_t n_sections;
    uint64_t code_offset, code_size, code_start;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static bool read_bytes(struct original *original, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st) != 0)
        return false;
    original->size = (size_t)st.st_size;
    original->bytes = malloc(original->size);
    bool is_read = original->bytes && fread(original->bytes, 1, original->size, file) == original->size;
    fclose(file);
    return is_read;
}

/* Notes where the debug sections and the code are. */
static bool read_layout(struct original *original, const char *path)
{
    struct sp_elf_image image;
    size_t names;
    if (sp_elf_image_open_file(&image, path) != 0 || elf_getshdrstrndx(image.elf, &names) != 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(image.elf, section));) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) ? elf_strptr(image.elf, names, header.sh_name) : NULL;
        if (!name)
            continue;
        if (strcmp(name, ".text") == 0) {
            original->code_offset = header.sh_offset;
            original->code_size = header.sh_size;
            original->code_start = header.sh_addr;
        } else if (strncmp(name, ".debug_", 7) == 0 && header.sh_size > 0 && original->n_sections < SECTIONS_MAX) {
            original->sections[original->n_sections].start = header.sh_offset;
            original->sections[original->n_sections++].size = header.sh_size;
        }
    }
    sp_elf_image_close(&image);
    return original->n_sections > 0 && original->code_size > 0;
}

/* Writes the file with some damage. */
static bool write_damaged(const struct original *original, const char *path, uint64_t *random)
{
    unsigned char *bytes = malloc(original->size);
    size_t size = original->size;
    if (!bytes)
        return false;
    memcpy(bytes, original->bytes, size);
    bool is_cut = next_random(random) % 16 == 0;
    for (uint64_t n = 1 + next_random(random) % 12; n > 0 && !is_cut; n--) {
        size_t section = next_random(random) % original->n_sections;
        size_t at = original->sections[section].start + next_random(random) % original->sections[section].size;
        static const unsigned char odd[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        bytes[at] =
            (unsigned char)(next_random(random) % 2 ? odd[next_random(random) % sizeof(odd)] : next_random(random));
    }
    if (is_cut)
        size = next_random(random) % size;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write(fd, bytes, size) == (ssize_t)size;
    if (fd >= 0)
        close(fd);
    free(bytes);
    return is_written;
}

/* Names every eighth byte of the code. Returns how many got a name, or -1. */
static int64_t name_code(const struct original *original, const char *path)
{
    struct sp_profile *profile = sp_profile_new();
    struct sp_symbolize_stats stats = {.named = 0};
    if (!profile)
        return -1;
    struct sp_mapping mapping = {.start = original->code_start,
                                 .limit = original->code_start + original->code_size,
                                 .file_offset = original->code_offset,
                                 .file = sp_profile_string(profile, path)};
    uint32_t index = sp_profile_add_mapping(profile, &mapping);
    for (uint64_t i = 0; i < original->code_size; i += 8)
        sp_profile_location(profile, index, original->code_start + i);
    char why[200];
    alarm(ROUND_SECONDS);
    int error = sp_symbolize_profile(profile, NULL, &stats);
    alarm(0);
    if (error || sp_profile_check(profile, why, sizeof(why)) != 0)
        return -1;
    sp_profile_free(profile);
    return (int64_t)stats.named;
}

int main(int argc, char **argv)
{
    struct original original = {.bytes = NULL};
    char path[] = "/tmp/damaged_XXXXXX";
    int fd = mkstemp(path);
    uint64_t random = argc > 3 ? strtoull(argv[3], NULL, 0) : 88172645463325252;
    int rounds = argc > 2 ? atoi(argv[2]) : 500;
    if (argc < 2 || fd < 0 || !read_bytes(&original, argv[1]) || !read_layout(&original, argv[1])) {
        fprintf(stderr, "%s: no program with debug data\n", argc > 1 ? argv[1] : "");
        return 1;
    }
    close(fd);
    int64_t total = 0, best = name_code(&original, argv[1]);
    for (int round = 0; round < rounds; round++) {
        int64_t named = write_damaged(&original, path, &random) ? name_code(&original, path) : -1;
        if (named < 0) {
            printf("round %d: no profile\n", round);
            return 1;
        }
        total += named;
    }
    unlink(path);
    free(original.bytes);
    printf("%d rounds; %lld named of %lld\n", rounds, (long long)total, (long long)best * rounds);
    /* Symbols are not damaged, so most of the names are there whatever the debug data says. */
    return best > 0 && total > best * rounds / 2 ? 0 : 1;
}
