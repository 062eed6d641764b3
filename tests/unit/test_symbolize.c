/*
 * Tests of src/symbolize as its callers see it, on real files: this program, libc, the vDSO.
 *
 * Damaged files are in test_elf_symbols.c, names in test_demangle.c.
 */
#include "symbolize/elf_symbols.h"
#include "symbolize/symbolize.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cmocka.h>

/* Symbols as hand-written assembly makes them: nested, without size, without type, aliases. */
__asm__(".pushsection .text.sp_test,\"ax\",%progbits\n"
        ".globl sp_test_outer\n.type sp_test_outer,%function\n"
        "sp_test_outer:\n.skip 16\n"
        ".type sp_test_inner,%function\n"
        "sp_test_inner:\n.skip 8\n.size sp_test_inner, 8\n"
        "sp_test_label:\n.skip 8\n"
        ".size sp_test_outer, 32\n"
        ".globl sp_test_unsized\n"
        "sp_test_unsized:\n.skip 24\n"
        ".globl __sp_test_alias\n.type __sp_test_alias,%function\n"
        ".globl sp_test_alias\n.type sp_test_alias,%function\n"
        ".weak sp_test_a_weak\n.type sp_test_a_weak,%function\n"
        "__sp_test_alias:\nsp_test_alias:\nsp_test_a_weak:\nsp_test_a_local:\n.skip 16\n"
        ".size __sp_test_alias, 16\n.size sp_test_alias, 16\n.size sp_test_a_weak, 16\n"
        /* What gives an ifunc its address, and the ifunc's own name, at one place. */
        ".globl sp_test_ifunc\n.type sp_test_ifunc,%gnu_indirect_function\n"
        ".type sp_test_resolver,%function\n"
        "sp_test_ifunc:\nsp_test_resolver:\n.skip 16\n"
        ".size sp_test_ifunc, 16\n.size sp_test_resolver, 16\n"
        ".globl sp_test_only_ifunc\n.type sp_test_only_ifunc,%gnu_indirect_function\n"
        "sp_test_only_ifunc:\n.skip 16\n.size sp_test_only_ifunc, 16\n"
        /* A part that the compiler split off, beside a gap. */
        ".type sp_test_part.cold,%function\n"
        "sp_test_part.cold:\n.skip 16\n.size sp_test_part.cold, 8\n"
        ".type sp_test_behind,%function\nsp_test_behind:\n.skip 8\n.size sp_test_behind, 8\n"
        /* As C libraries do: a weak name for users, a strong one for themselves, a local one that is the shortest. */
        ".weak sp_test_weak\n.type sp_test_weak,%function\n"
        ".globl __sp_test_strong\n.type __sp_test_strong,%function\n"
        ".type sp_local,%function\n"
        "__sp_test_strong:\nsp_test_weak:\nsp_local:\n.skip 8\n"
        ".size __sp_test_strong, 8\n.size sp_test_weak, 8\n.size sp_local, 8\n"
        ".popsection\n"
        /* As Go's linker does: its code is between two symbols, and C's is outside. */
        ".pushsection .text.sp_go,\"ax\",%progbits\n"
        ".globl sp_test_go\n.hidden sp_test_go\n"
        ".type runtime.text,%function\n.type runtime.etext,%function\n"
        ".type main.cold,%function\n.type sp_c.cold,%function\n"
        "runtime.text:\nsp_test_go:\n"
        "main.cold:\n.skip 8\n.size main.cold, 8\n"
        "runtime.etext:\n"
        "sp_c.cold:\n.skip 8\n.size sp_c.cold, 8\n"
        ".popsection\n");
extern const char sp_test_outer[], sp_test_unsized[], sp_test_alias[], sp_test_go[];

void sp_test_visible(void);
void sp_test_visible(void) {}

static int hidden_function(int x)
{
    return x + 1;
}
static int (*volatile call_hidden)(int) = hidden_function;

/* Where an address of this process is mapped from. */
struct place {
    uint64_t address;
    struct sp_mapping mapping; /* texts not set */
    char file[4096];
    char build_id[2 * SP_ELF_BUILD_ID_MAX + 1];
};

static void read_build_id(struct place *place, const struct dl_phdr_info *info, const ElfW(Phdr) * segment)
{
    const char *at = (const char *)(info->dlpi_addr + segment->p_vaddr), *end = at + segment->p_filesz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
        const ElfW(Nhdr) *note = (const void *)at;
        const char *name = at + sizeof(*note);
        const unsigned char *id = (const unsigned char *)name + ((note->n_namesz + 3U) & ~3U);
        if (note->n_type == NT_GNU_BUILD_ID && strcmp(name, "GNU") == 0)
            for (size_t i = 0; i < note->n_descsz && i < 60; i++)
                sprintf(place->build_id + 2 * i, "%02x", id[i]);
        at = (const char *)id + ((note->n_descsz + 3U) & ~3U);
    }
}

static int find_place(struct dl_phdr_info *info, size_t size, void *opaque)
{
    (void)size;
    struct place *place = opaque;
    bool is_found = false;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || place->address - start >= segment->p_memsz)
            continue;
        uint64_t page = start & 4095;
        place->mapping = (struct sp_mapping){
            .start = start - page, .limit = start + segment->p_memsz, .file_offset = segment->p_offset - page};
        snprintf(place->file, sizeof(place->file), "%s", info->dlpi_name);
        is_found = true;
    }
    for (size_t i = 0; is_found && i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_NOTE)
            read_build_id(place, info, &info->dlpi_phdr[i]);
    if (is_found && place->file[0] == '\0')
        place->file[readlink("/proc/self/exe", place->file, sizeof(place->file) - 1)] = '\0';
    return is_found;
}

static struct place place_of(const void *address)
{
    struct place place = {.address = (uint64_t)(uintptr_t)address};
    assert_int_equal(dl_iterate_phdr(find_place, &place), 1);
    return place;
}

static uint32_t add_place(struct sp_profile *profile, const struct place *place)
{
    struct sp_mapping mapping = place->mapping;
    mapping.file = sp_profile_string(profile, place->file);
    mapping.build_id = sp_profile_string(profile, place->build_id);
    return sp_profile_add_mapping(profile, &mapping);
}

/* sp_symbolize_profile, and the equation that its statistics have to keep. */
static void symbolize(struct sp_profile *profile, const struct sp_symbolize_options *options,
                      struct sp_symbolize_stats *stats)
{
    assert_int_equal(sp_symbolize_profile(profile, options, stats), 0);
    assert_int_equal(stats->locations, stats->named + stats->uncovered + stats->anonymous + stats->withheld);
}

/* The function of a location, or NULL. */
static const struct sp_function *function_of(const struct sp_profile *profile, uint32_t location)
{
    const struct sp_location *at = &profile->locations.at[location];
    return at->n_lines ? &profile->functions.at[profile->lines.at[at->first_line].function] : NULL;
}

static const char *name_of(const struct sp_profile *profile, uint32_t location)
{
    const struct sp_function *function = function_of(profile, location);
    return function ? sp_profile_text(profile, function->name) : "(none)";
}

static void assert_name(const void *address, const char *expected)
{
    struct place place = place_of(address);
    struct sp_profile *profile = sp_profile_new();
    struct sp_symbolize_stats stats;
    uint32_t location = sp_profile_location(profile, add_place(profile, &place), place.address);
    symbolize(profile, NULL, &stats);
    assert_string_equal(name_of(profile, location), expected);
    assert_int_equal(stats.locations, 1);
    assert_int_equal(stats.named, 1);
    assert_int_equal(stats.modules, 1);
    assert_int_equal(stats.mismatched, 0);
    assert_true(profile->mappings.at[0].has_functions);
    /* By the debug data that this test is built with, or without. */
    bool has_file = profile->functions.at[0].filename != 0;
    assert_int_equal(profile->mappings.at[0].has_filenames, has_file);
    assert_int_equal(profile->mappings.at[0].has_line_numbers, profile->lines.at[0].line != 0);
    assert_false(profile->mappings.at[0].has_inline_frames);
    char why[200];
    assert_int_equal(sp_profile_check(profile, why, sizeof(why)), 0);
    sp_profile_free(profile);
}

static void test_own_functions_have_names(void **state)
{
    (void)state;
    assert_name((const void *)(uintptr_t)sp_test_visible, "sp_test_visible");
    assert_name((const void *)(uintptr_t)call_hidden, "hidden_function");
    assert_name((const char *)(uintptr_t)call_hidden + 1, "hidden_function");
}

static void test_symbols_nested_unsized_aliased(void **state)
{
    (void)state;
    assert_name(sp_test_outer, "sp_test_outer");
    assert_name(sp_test_outer + 15, "sp_test_outer");
    assert_name(sp_test_outer + 16, "sp_test_inner");
    assert_name(sp_test_outer + 23, "sp_test_inner");
    assert_name(sp_test_outer + 24, "sp_test_outer"); /* a label inside a sized function names nothing */
    assert_name(sp_test_outer + 31, "sp_test_outer");
    assert_name(sp_test_unsized, "sp_test_unsized");
    assert_name(sp_test_unsized + 23, "sp_test_unsized");
    assert_name(sp_test_alias, "sp_test_alias");
    assert_name(sp_test_alias + 15, "sp_test_alias");
}

static void test_symbols_of_ifuncs_and_parts(void **state)
{
    (void)state;
    assert_name(sp_test_alias + 16, "sp_test_ifunc");
    assert_name(sp_test_alias + 32, "sp_test_only_ifunc");
    assert_name(sp_test_alias + 48, "sp_test_part");
    assert_name(sp_test_alias + 64, "sp_test_behind");
    assert_name(sp_test_alias + 72, "sp_test_weak");
    struct place place = place_of(sp_test_alias + 56);
    struct sp_profile *profile = sp_profile_new();
    uint32_t mapping = add_place(profile, &place);
    uint32_t gap = sp_profile_location(profile, mapping, place.address);
    uint32_t part = sp_profile_location(profile, mapping, place.address - 8);
    assert_int_equal(sp_symbolize_profile(profile, NULL, NULL), 0);
    assert_null(function_of(profile, gap)); /* behind the end of one and before the next */
    assert_string_equal(sp_profile_text(profile, function_of(profile, part)->system_name), "sp_test_part.cold");
    sp_profile_free(profile);
}

static void test_suffixes_are_not_taken_off_in_go(void **state)
{
    (void)state;
    assert_name(sp_test_go, "main.cold");
    assert_name(sp_test_go + 7, "main.cold");
    assert_name(sp_test_go + 8, "sp_c");
}

static void test_libc_exports_have_their_names(void **state)
{
    (void)state;
    static const char *const names[] = {"malloc", "qsort",  "printf", "getenv", "fopen",
                                        "strtol", "system", "getpid", "abort",  "nanosleep"};
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(libc);
    struct sp_profile *profile = sp_profile_new();
    struct sp_symbolize_stats stats;
    uint32_t n = sizeof(names) / sizeof(names[0]);
    for (uint32_t i = 0; i < n; i++) {
        struct place place = place_of(dlsym(libc, names[i]));
        if (i == 0)
            add_place(profile, &place);
        assert_int_equal(sp_profile_location(profile, 0, place.address), i);
    }
    symbolize(profile, NULL, &stats);
    assert_int_equal(stats.named, n);
    assert_int_equal(stats.modules, 1);
    for (uint32_t i = 0; i < n; i++) /* the name may be an alias: then of the same address */
        assert_ptr_equal(dlsym(libc, name_of(profile, i)), dlsym(libc, names[i]));
    assert_string_equal(name_of(profile, 0), "malloc");
    sp_profile_free(profile);
    dlclose(libc);
}

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

/* Symbolizes the vDSO with a build id; the stats. All functions are asked for. */
static struct sp_symbolize_stats symbolize_vdso(const char *build_id, bool *has_clock)
{
    const char *bytes;
    struct sp_elf_image image;
    struct sp_elf_symbols symbols;
    size_t size = vdso_bytes(&bytes);
    assert_int_equal(sp_elf_image_open_memory(&image, bytes, size), 0);
    assert_int_equal(sp_elf_symbols_init(&symbols, &image), 0);
    struct place place = {.mapping = {.start = (uint64_t)(uintptr_t)bytes, .file_offset = 0}, .file = "[vdso]"};
    place.mapping.limit = place.mapping.start + size;
    snprintf(place.build_id, sizeof(place.build_id), "%s", build_id ? build_id : image.build_id);
    struct sp_profile *profile = sp_profile_new();
    struct sp_symbolize_stats stats;
    uint32_t mapping = add_place(profile, &place);
    for (size_t i = 0; i < symbols.n; i++)
        sp_profile_location(profile, mapping, place.mapping.start + symbols.at[i].start);
    symbolize(profile, NULL, &stats);
    *has_clock = false;
    for (uint32_t i = 0; i < profile->locations.n; i++)
        *has_clock |= strstr(name_of(profile, i), "clock_gettime") != NULL;
    sp_profile_free(profile);
    sp_elf_symbols_done(&symbols);
    sp_elf_image_close(&image);
    return stats;
}

static void test_vdso_needs_its_build_id(void **state)
{
    (void)state;
    const char *bytes;
    bool has_clock;
    if (vdso_bytes(&bytes) == 0)
        skip();
    struct sp_symbolize_stats stats = symbolize_vdso(NULL, &has_clock);
    assert_true(has_clock);
    assert_int_equal(stats.named, stats.locations);
    stats = symbolize_vdso("0123456789abcdef", &has_clock);
    assert_false(has_clock);
    assert_int_equal(stats.named, 0);
    assert_int_equal(stats.mismatched, 1);
    stats = symbolize_vdso("", &has_clock);
    assert_int_equal(stats.named, 0);
}

static void test_wrong_build_id_is_not_used(void **state)
{
    (void)state;
    struct place place = place_of((const void *)(uintptr_t)sp_test_visible);
    assert_int_not_equal(strlen(place.build_id), 0);
    struct sp_profile *profile = sp_profile_new();
    struct sp_symbolize_stats stats;
    place.build_id[0] = place.build_id[0] == '0' ? '1' : '0';
    uint32_t location = sp_profile_location(profile, add_place(profile, &place), place.address);
    symbolize(profile, NULL, &stats);
    assert_int_equal(profile->locations.at[location].n_lines, 0);
    assert_int_equal(profile->functions.n, 0);
    assert_int_equal(stats.mismatched, 1);
    assert_int_equal(stats.modules, 0);
    assert_int_equal(stats.unused, 1);
    assert_int_equal(stats.problems[0].error, -ESTALE);
    assert_string_equal(sp_profile_text(profile, stats.problems[0].file), place.file);
    assert_false(profile->mappings.at[0].has_functions);
    sp_profile_free(profile);
}

static void test_location_without_symbol_has_no_line(void **state)
{
    (void)state;
    struct place place = place_of((const void *)(uintptr_t)sp_test_visible);
    struct sp_profile *profile = sp_profile_new();
    struct sp_symbolize_stats stats;
    uint32_t mapping = add_place(profile, &place);
    uint32_t named = sp_profile_location(profile, mapping, place.address);
    uint32_t outside = sp_profile_location(profile, mapping, place.mapping.limit + 4096);
    uint32_t unmapped = sp_profile_location(profile, SP_NONE, place.address);
    symbolize(profile, NULL, &stats);
    assert_string_equal(name_of(profile, named), "sp_test_visible");
    assert_null(function_of(profile, outside));
    assert_null(function_of(profile, unmapped));
    assert_int_equal(profile->locations.at[outside].mapping, mapping);
    assert_int_equal(stats.locations, 2);
    assert_int_equal(stats.named, 1);
    /* One name is enough: a reader that names the mapping itself would put less in the place of it. */
    assert_true(profile->mappings.at[0].has_functions);
    sp_profile_free(profile);
}

static void test_file_that_is_no_elf_gives_no_names(void **state)
{
    (void)state;
    static const char *const files[] = {"",
                                        "[heap]",
                                        "//anon",
                                        "/no/such/file",
                                        "/usr/bin/gone (deleted)",
                                        "/memfd:x (deleted)",
                                        "/dev/zero",
                                        "/",
                                        "/etc/passwd",
                                        "/proc/self/maps",
                                        "relative",
                                        "[vdso"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct sp_profile *profile = sp_profile_new();
        struct sp_symbolize_stats stats;
        struct place place = {.mapping = {.start = 4096, .limit = 8192}};
        snprintf(place.file, sizeof(place.file), "%s", files[i]);
        sp_profile_location(profile, add_place(profile, &place), 4100);
        symbolize(profile, NULL, &stats);
        assert_int_equal(stats.named + stats.modules + stats.mismatched, 0);
        sp_profile_free(profile);
    }
}

static void test_module_mapped_twice_is_opened_once(void **state)
{
    (void)state;
    struct place place = place_of((const void *)(uintptr_t)sp_test_visible);
    struct sp_profile *profile = sp_profile_new();
    struct sp_symbolize_stats stats;
    uint32_t first = sp_profile_location(profile, add_place(profile, &place), place.address);
    place.mapping.start += 1 << 30;
    place.mapping.limit += 1 << 30;
    uint32_t second = sp_profile_location(profile, add_place(profile, &place), place.address + (1 << 30));
    symbolize(profile, NULL, &stats);
    assert_int_equal(stats.modules, 1);
    assert_ptr_equal(function_of(profile, first), function_of(profile, second));
    assert_string_equal(name_of(profile, second), "sp_test_visible");
    symbolize(profile, NULL, &stats); /* again: nothing left to do */
    assert_int_equal(stats.locations, 0);
    sp_profile_free(profile);
}

/* A profile of `n` mappings of files that are not there; each has one location more than the one before. */
static struct sp_profile *profile_of_missing_files(uint32_t n)
{
    struct sp_profile *profile = sp_profile_new();
    struct place place = {.mapping = {.start = 4096, .limit = 8192}};
    for (uint32_t i = 0; i < n; i++) {
        snprintf(place.file, sizeof(place.file), "/no/such/file%u", i);
        uint32_t mapping = add_place(profile, &place);
        for (uint32_t k = 0; k <= i; k++)
            sp_profile_location(profile, mapping, 4096 + k);
    }
    return profile;
}

static void test_files_without_names_are_told_worst_first(void **state)
{
    (void)state;
    const uint32_t n = SP_SYMBOLIZE_PROBLEMS_MAX + 5;
    struct sp_profile *profile = profile_of_missing_files(n);
    struct sp_symbolize_stats stats;
    symbolize(profile, NULL, &stats);
    assert_int_equal(stats.unused, n);
    assert_int_equal(stats.mismatched, 0);
    assert_int_equal(stats.n_problems, SP_SYMBOLIZE_PROBLEMS_MAX);
    for (uint32_t i = 0; i < SP_SYMBOLIZE_PROBLEMS_MAX; i++) {
        char file[32];
        snprintf(file, sizeof(file), "/no/such/file%u", n - 1 - i);
        assert_string_equal(sp_profile_text(profile, stats.problems[i].file), file);
        assert_int_equal(stats.problems[i].locations, n - i);
        assert_int_equal(stats.problems[i].error, -ENOENT);
    }
    sp_profile_free(profile);
}

static void test_file_that_is_no_program_is_told(void **state)
{
    (void)state;
    static const char *const files[] = {"/etc/passwd", "/dev/zero", "[heap]", "//anon", ""};
    static const int errors[] = {-EBADMSG, -EBADMSG, 0, 0, 0};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct sp_profile *profile = sp_profile_new();
        struct sp_symbolize_stats stats;
        struct place place = {.mapping = {.start = 4096, .limit = 8192}};
        snprintf(place.file, sizeof(place.file), "%s", files[i]);
        sp_profile_location(profile, add_place(profile, &place), 4100);
        symbolize(profile, NULL, &stats);
        assert_int_equal(stats.n_problems, errors[i] != 0);
        assert_int_equal(stats.unused, stats.n_problems);
        if (errors[i] != 0)
            assert_int_equal(stats.problems[0].error, errors[i]);
        sp_profile_free(profile);
    }
}

/* What on_module was called with. */
struct calls {
    size_t n, of;
    char last[64];
};

static void note_module(void *user, size_t i, size_t n, const char *path)
{
    struct calls *calls = user;
    assert_int_equal(i, ++calls->n);
    calls->of = n;
    snprintf(calls->last, sizeof(calls->last), "%s", path);
}

static void test_each_module_is_announced(void **state)
{
    (void)state;
    struct calls calls = {0};
    struct sp_symbolize_options options = {.on_module = note_module, .user = &calls};
    struct sp_profile *profile = profile_of_missing_files(7);
    assert_int_equal(sp_symbolize_profile(profile, &options, NULL), 0);
    assert_int_equal(calls.n, 7);
    assert_int_equal(calls.of, 7);
    assert_string_equal(calls.last, "/no/such/file6");
    sp_profile_free(profile);
}

/* Gives a location a line of somebody else's, and its mapping all flags. */
static void name_wrongly(struct sp_profile *profile, uint32_t location)
{
    struct sp_mapping *mapping = &profile->mappings.at[profile->locations.at[location].mapping];
    struct sp_function function = {.name = sp_profile_string(profile, "wrong"),
                                   .filename = sp_profile_string(profile, "wrong.c")};
    struct sp_line lines[2] = {{.function = sp_profile_function(profile, &function), .line = 5}, {.function = 0}};
    sp_profile_set_lines(profile, location, lines, 2);
    mapping->has_functions = mapping->has_filenames = mapping->has_line_numbers = mapping->has_inline_frames = true;
}

static void test_names_that_are_there_stay_unless_forced(void **state)
{
    (void)state;
    struct place place = place_of((const void *)(uintptr_t)sp_test_visible);
    struct sp_profile *profile = sp_profile_new();
    struct sp_symbolize_stats stats;
    uint32_t mapping = add_place(profile, &place);
    uint32_t known = sp_profile_location(profile, mapping, place.address);
    name_wrongly(profile, known);
    symbolize(profile, NULL, &stats);
    assert_int_equal(stats.locations, 0);
    assert_string_equal(name_of(profile, known), "wrong");
    struct sp_symbolize_options options = {.is_forced = true};
    symbolize(profile, &options, &stats);
    assert_int_equal(stats.named, 1);
    assert_string_equal(name_of(profile, known), "sp_test_visible");
    assert_true(profile->mappings.at[mapping].has_functions);
    sp_profile_free(profile);
}

static void test_forced_names_keep_what_is_not_found_and_flags_true(void **state)
{
    (void)state;
    struct sp_symbolize_options options = {.is_forced = true};
    struct sp_profile *profile = profile_of_missing_files(2);
    name_wrongly(profile, 0);
    assert_int_equal(sp_symbolize_profile(profile, &options, NULL), 0);
    assert_string_equal(name_of(profile, 0), "wrong");
    assert_true(profile->mappings.at[0].has_filenames && profile->mappings.at[0].has_inline_frames);
    name_wrongly(profile, 1);
    struct sp_line line = {.function = 0};
    struct sp_function nameless = {.name = sp_profile_string(profile, "right")};
    line.function = sp_profile_function(profile, &nameless);
    sp_profile_set_lines(profile, 1, &line, 1);
    assert_int_equal(sp_symbolize_profile(profile, &options, NULL), 0);
    assert_true(profile->mappings.at[1].has_functions);
    assert_false(profile->mappings.at[1].has_filenames || profile->mappings.at[1].has_line_numbers ||
                 profile->mappings.at[1].has_inline_frames);
    sp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_functions_have_names),
        cmocka_unit_test(test_symbols_nested_unsized_aliased),
        cmocka_unit_test(test_symbols_of_ifuncs_and_parts),
        cmocka_unit_test(test_suffixes_are_not_taken_off_in_go),
        cmocka_unit_test(test_libc_exports_have_their_names),
        cmocka_unit_test(test_vdso_needs_its_build_id),
        cmocka_unit_test(test_wrong_build_id_is_not_used),
        cmocka_unit_test(test_location_without_symbol_has_no_line),
        cmocka_unit_test(test_file_that_is_no_elf_gives_no_names),
        cmocka_unit_test(test_module_mapped_twice_is_opened_once),
        cmocka_unit_test(test_files_without_names_are_told_worst_first),
        cmocka_unit_test(test_file_that_is_no_program_is_told),
        cmocka_unit_test(test_each_module_is_announced),
        cmocka_unit_test(test_names_that_are_there_stay_unless_forced),
        cmocka_unit_test(test_forced_names_keep_what_is_not_found_and_flags_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
