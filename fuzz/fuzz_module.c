/*
 * libFuzzer target: ELF files and debug data as no toolchain would write them, on the whole way of a module.
 *
 * The input becomes files, a profile is made with a mapping of the first and locations all over it, and
 * sp_symbolize_profile names them: DWARF, symbol tables, minidebuginfo, PLT. The second file stands wherever the first
 * may refer to: as its debug file, its split DWARF, and what several files have in common (dwz).
 *
 *   input   ┌──────┬────────────────────┬──────────────────────────┐
 *           │ head │ module             │ companion (may be empty) │
 *           └──────┴────────────────────┴──────────────────────────┘
 *   folder    module   companion = companion.dwo = companion.alt = module.debug = module.dwp
 *
 * What is asserted besides the sanitizers: the profile holds together, the statistics add up, and memory stays within
 * memory_limit(). fuzz/make_module_corpus.py makes such inputs by compilers.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sanitizer/allocator_interface.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbolize/symbolize.h"

enum {
    LOCATIONS = 512,
    WINDOW = 48, /* bytes that one mutation of a section changes */
    SECTIONS_MAX = 64
};

/* Any address: a page's beginning, far from 0. */
#define MAPPED_AT UINT64_C(0x10000000)
/* What zlib makes of a byte at most. Minidebuginfo is held to less. */
#define ZLIB_RATIO 1032
/*
 * What is needed whatever a file's size: 0.3 MB for an empty one, which is room for names and for what is asked, and as
 * much again for each thread that names.
 */
#define FIXED_BYTES ((size_t)1 << 20)
/* A decoder of xz: its dictionary is as large as the file says, up to a limit of the reader's. */
#define DECODER_BYTES ((size_t)41 << 20)

struct head {
    uint32_t module_bytes; /* little-endian, as the machine is */
    uint32_t style;        /* of demangling; modulo three */
};

struct input {
    struct head head;
    const uint8_t *module, *companion;
    size_t module_bytes, companion_bytes;
};

/* A fault of the code that is tested. */
#define require(condition) \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), abort()))

/* Heap taken since measuring began, by any thread. Files are not mapped, so there is little else. */
static struct {
    _Atomic bool is_on;
    _Atomic int64_t now, peak;
} heap;

static void on_malloc(const volatile void *block, size_t bytes)
{
    (void)block;
    if (!atomic_load(&heap.is_on))
        return;
    const int64_t now = atomic_fetch_add(&heap.now, (int64_t)bytes) + (int64_t)bytes;
    int64_t peak = atomic_load(&heap.peak);
    while (now > peak && !atomic_compare_exchange_weak(&heap.peak, &peak, now))
        ;
}

static void on_free(const volatile void *block)
{
    if (block && atomic_load(&heap.is_on))
        atomic_fetch_sub(&heap.now, (int64_t)__sanitizer_get_allocated_size(block));
}

static bool read_input(struct input *input, const uint8_t *data, size_t size)
{
    if (size < sizeof input->head)
        return false;
    memcpy(&input->head, data, sizeof input->head);
    const size_t left = size - sizeof input->head;
    input->module = data + sizeof input->head;
    input->module_bytes = input->head.module_bytes < left ? input->head.module_bytes : left;
    input->companion = input->module + input->module_bytes;
    input->companion_bytes = left - input->module_bytes;
    return true;
}

/* A section of a 64-bit file, inside of it. */
struct section {
    uint64_t offset, size;
    uint32_t flags;
    bool is_debug; /* .debug_*, .symtab and the like: read by what is tested */
    bool is_mini;  /* .gnu_debugdata */
};

/* The name of a section, or NULL. */
static const char *name_at(const uint8_t *file, size_t size, const Elf64_Shdr *names, uint32_t name)
{
    if (names->sh_offset >= size || name >= size - names->sh_offset)
        return NULL;
    const char *at = (const char *)file + names->sh_offset + name;
    return memchr(at, '\0', size - names->sh_offset - name) ? at : NULL;
}

static bool is_read(const char *name, uint32_t type)
{
    return strncmp(name, ".debug_", 7) == 0 || strncmp(name, ".gnu_debug", 10) == 0 || type == SHT_SYMTAB ||
           type == SHT_DYNSYM || type == SHT_STRTAB || type == SHT_RELA || type == SHT_NOTE || type == SHT_DYNAMIC ||
           strncmp(name, ".plt", 4) == 0;
}

/*
 * Lists the sections that are inside of a file; the program that is tested has its own way to do so. As there, the size
 * of an entry that the header tells does not matter, and numbers that do not fit into it are in the first section.
 */
static size_t list_sections(const uint8_t *file, size_t size, struct section *sections)
{
    Elf64_Ehdr header;
    Elf64_Shdr names, one;
    size_t n = 0;
    if (size < sizeof header)
        return 0;
    memcpy(&header, file, sizeof header);
    const size_t table = header.e_shoff;
    if (table >= size || size - table < sizeof one)
        return 0;
    const size_t room = (size - table) / sizeof one;
    memcpy(&one, file + table, sizeof one);
    const size_t n_sections = header.e_shnum != 0 ? header.e_shnum : one.sh_size;
    const size_t of_names = header.e_shstrndx != SHN_XINDEX ? header.e_shstrndx : one.sh_link;
    if (of_names >= room)
        return 0;
    memcpy(&names, file + table + of_names * sizeof one, sizeof names);
    for (size_t i = 0; i < n_sections && i < room && n < SECTIONS_MAX; i++) {
        memcpy(&one, file + table + i * sizeof one, sizeof one);
        const char *name = name_at(file, size, &names, one.sh_name);
        if (!name || one.sh_size == 0 || one.sh_type == SHT_NOBITS || one.sh_offset >= size ||
            one.sh_size > size - one.sh_offset)
            continue;
        sections[n++] = (struct section){.offset = one.sh_offset,
                                         .size = one.sh_size,
                                         .flags = (uint32_t)one.sh_flags,
                                         .is_debug = is_read(name, one.sh_type),
                                         .is_mini = strcmp(name, ".gnu_debugdata") == 0};
    }
    return n;
}

/* What the sections of a file that are compressed may take besides. */
static size_t compressed_limit(const uint8_t *file, size_t size)
{
    struct section sections[SECTIONS_MAX];
    const size_t n = list_sections(file, size, sections);
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const char *bytes = (const char *)file + sections[i].offset;
        const bool is_old = sections[i].size > 4 && memcmp(bytes, "ZLIB", 4) == 0;
        if ((sections[i].flags & SHF_COMPRESSED) || is_old)
            sum += sections[i].size * ZLIB_RATIO;
        if (sections[i].is_mini)
            sum += sections[i].size * ZLIB_RATIO + DECODER_BYTES;
    }
    return sum;
}

/* Heap that naming may take: by the files, and by the result, which doubles as it grows. */
static size_t memory_limit(const struct input *input, const struct sp_profile *profile)
{
    return FIXED_BYTES + 2 * (input->module_bytes + input->companion_bytes) + 3 * profile->memory_bytes +
           compressed_limit(input->module, input->module_bytes) +
           compressed_limit(input->companion, input->companion_bytes);
}

static char folder[32];

static const char *const companions[] = {"companion.dwo", "companion.alt", "module.debug", "module.dwp"};

/* A file of the folder. Not relative to it: a fuzzer's own paths may be relative to where it was started. */
struct path {
    char text[64];
};

static struct path path_of(const char *name)
{
    struct path path;
    snprintf(path.text, sizeof path.text, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const uint8_t *bytes, size_t n)
{
    const int fd = open(path_of(name).text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

static void remove_folder(void)
{
    for (size_t i = 0; i < sizeof companions / sizeof *companions; i++)
        unlink(path_of(companions[i]).text);
    unlink(path_of("companion").text);
    unlink(path_of("module").text);
    rmdir(folder);
}

/* Makes the folder, and in it the companion under all its names. */
static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s/sigprof-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    require(mkdtemp(folder) != NULL);
    atexit(remove_folder);
    write_file("companion", NULL, 0);
    for (size_t i = 0; i < sizeof companions / sizeof *companions; i++)
        require(link(path_of("companion").text, path_of(companions[i]).text) == 0);
}

/* A mapping of the whole file, and locations at even distances: half of them in what is executable. */
static struct sp_profile *make_profile(const struct input *input)
{
    struct section sections[SECTIONS_MAX];
    const size_t n = list_sections(input->module, input->module_bytes, sections);
    struct sp_profile *profile = sp_profile_new();
    require(profile != NULL);
    const struct sp_mapping mapping = {.start = MAPPED_AT,
                                       .limit = MAPPED_AT + input->module_bytes,
                                       .file = sp_profile_string(profile, path_of("module").text)};
    const uint32_t index = sp_profile_add_mapping(profile, &mapping);
    for (uint64_t i = 0; i < LOCATIONS / 2; i++)
        sp_profile_location(profile, index, MAPPED_AT + input->module_bytes * i / (LOCATIONS / 2));
    for (size_t k = 0; k < n; k++)
        for (uint64_t i = 0; (sections[k].flags & SHF_EXECINSTR) && i < LOCATIONS / 2; i++)
            if (sections[k].size * i / (LOCATIONS / 2) != sections[k].size * (i + 1) / (LOCATIONS / 2))
                sp_profile_location(profile, index,
                                    MAPPED_AT + sections[k].offset + sections[k].size * i / (LOCATIONS / 2));
    require(sp_profile_error(profile) == 0);
    return profile;
}

/* What sp_symbolize_profile promises. */
static void check_result(const struct sp_profile *profile, const struct sp_symbolize_stats *stats)
{
    char why[200] = "";
    uint64_t named = 0;
    if (sp_profile_check(profile, why, sizeof why) != 0)
        fprintf(stderr, "%s\n", why);
    require(why[0] == '\0');
    require(stats->locations == stats->named + stats->uncovered + stats->anonymous + stats->withheld);
    for (size_t i = 0; i < profile->locations.n; i++)
        named += profile->locations.at[i].n_lines > 0;
    require(named == stats->named);
    require(profile->mappings.at[0].has_functions == (named > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool has_folder;
    struct input input;
    struct sp_symbolize_stats stats = {.locations = 0};
    if (!has_folder)
        make_folder();
    has_folder = true;
    if (!read_input(&input, data, size))
        return -1;
    write_file("module", input.module, input.module_bytes);
    write_file("companion", input.companion, input.companion_bytes);
    struct sp_profile *profile = make_profile(&input);
    const struct sp_symbolize_options options = {.demangle = (enum sp_demangle_style)(input.head.style % 3)};
    heap.now = heap.peak = 0;
    heap.is_on = true;
    const int error = sp_symbolize_profile(profile, &options, &stats);
    heap.is_on = false;
    require(error == 0);
    check_result(profile, &stats);
    const size_t limit = memory_limit(&input, profile);
    if ((size_t)heap.peak > limit)
        fprintf(stderr, "%lld bytes of heap for a file of %zu and one of %zu, where %zu are allowed\n",
                (long long)heap.peak, input.module_bytes, input.companion_bytes, limit);
    require((size_t)heap.peak <= limit);
    sp_profile_free(profile);
    return 0;
}

/*
 * Every second mutation changes a few bytes of a section that is read, in place: of a file, most bytes matter little,
 * and a byte more moves all that stands behind it.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct section sections[SECTIONS_MAX];
    struct input input;
    if (seed % 2 == 0 || !read_input(&input, data, size))
        return LLVMFuzzerMutate(data, size, max_size);
    const bool is_module = seed / 2 % 4 != 0 || input.companion_bytes == 0;
    uint8_t *const file = data + sizeof input.head + (is_module ? 0 : input.module_bytes);
    size_t n = list_sections(file, is_module ? input.module_bytes : input.companion_bytes, sections);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (sections[i].is_debug)
            sections[kept++] = sections[i];
    if (kept == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    const struct section *section = &sections[seed / 8 % kept];
    const size_t bytes = section->size < WINDOW ? section->size : WINDOW;
    const size_t at = section->offset + seed / 512 % (section->size - bytes + 1);
    uint8_t window[WINDOW];
    memcpy(window, file + at, bytes);
    const size_t changed = LLVMFuzzerMutate(window, bytes, bytes);
    memcpy(file + at, window, changed);
    return size;
}
