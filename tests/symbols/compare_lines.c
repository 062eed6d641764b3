/*
 * Compares files, lines and columns of random addresses with what libdw says of them, unit by unit.
 *
 * usage: compare_lines FILE N         N addresses; exits with 1 when one in a thousand differs, and shows some
 *        compare_lines --time FILE    how fast all line tables of the file are read by us, and by libdw
 *
 * Where they differ in honest files, libdw is wrong: of a row without bytes at the end of a sequence it says that it
 * covers the first byte of the sequence that begins there. (addr2line and llvm-symbolizer say what we say.)
 */
#include "symbolize/dwarf_lines.h"
#include "symbolize/normal_path.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHOWN 5

struct comparison {
    struct sp_elf_image image;
    struct sp_dwarf_file file;
    struct sp_dwarf_lines *lines;
    Dwarf *dwarf;
    uint64_t random;
    size_t n_units, n, n_different;
    int64_t ns;
};

/* The time that this thread has run: the machine may be busy. */
static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t next_random(struct comparison *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    return c->random ^= c->random << 17;
}

/* Calls `visit` with the first entry of each unit that has a line table. */
static void visit_units(struct comparison *c, void (*visit)(struct comparison *, Dwarf_Die *, uint64_t offset))
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die die;
    Dwarf_Attribute attribute;
    Dwarf_Word offset;
    uint8_t type;
    while (dwarf_get_units(c->dwarf, cu, &cu, NULL, &type, &die, NULL) == 0)
        if ((type == DW_UT_compile || type == DW_UT_skeleton) && dwarf_attr(&die, DW_AT_stmt_list, &attribute) &&
            dwarf_formudata(&attribute, &offset) == 0)
            visit(c, &die, offset);
}

static const char *directory_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    return dwarf_attr(die, DW_AT_comp_dir, &attribute) ? dwarf_formstring(&attribute) : NULL;
}

static int open_lines(struct comparison *c, Dwarf_Die *die, uint64_t offset)
{
    return sp_dwarf_lines_open(
        c->lines, &(struct sp_dwarf_line_unit){.file = &c->file, .offset = offset, .directory = directory_of(die)});
}

/* The path as libdw has it, put in `directory` if that is not NULL, and made normal. */
static const char *reference_path(Dwarf_Line *row, const char *directory, char out[PATH_MAX])
{
    static char joined[PATH_MAX];
    const char *name = dwarf_linesrc(row, NULL, NULL);
    if (!name)
        return NULL;
    const bool is_in = name[0] != '/' && directory;
    snprintf(joined, sizeof(joined), "%s%s%s", is_in ? directory : "", is_in ? "/" : "", name);
    return sp_normal_path(joined, out);
}

static bool is_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/*
 * Whether a path is libdw's, as it is or in the unit's directory. Where that is a relative one, version 5 has it in its
 * table, too: then it is there once for a file of another directory, and for one of its own twice, which is what
 * llvm-symbolizer and addr2line tell.
 */
static bool is_path_of(const char *path, Dwarf_Die *die, Dwarf_Line *row, char out[PATH_MAX])
{
    return is_equal(path, reference_path(row, directory_of(die), out)) ||
           is_equal(path, reference_path(row, NULL, out));
}

/* Whether there is code at the address, and the unit's: not in a gap, nor what a linker threw away. */
static bool is_code(struct comparison *c, Dwarf_Die *die, uint64_t vaddr)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(c->image.elf, section));) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && (header.sh_flags & SHF_EXECINSTR) && vaddr >= header.sh_addr &&
            vaddr - header.sh_addr < header.sh_size)
            return dwarf_haspc(die, vaddr) == 1;
    }
    return false;
}

static void compare_place(struct comparison *c, Dwarf_Die *die, const struct sp_dwarf_place *place)
{
    static char out[PATH_MAX], reference_out[PATH_MAX];
    int line = 0, column = 0;
    Dwarf_Line *row = dwarf_getsrc_die(die, place->vaddr);
    const char *path = place->is_known ? sp_dwarf_lines_path(c->lines, place->file, out) : NULL;
    const bool is_same_path = row ? is_path_of(path, die, row, reference_out) : !path;
    if (row) {
        dwarf_lineno(row, &line);
        dwarf_linecol(row, &column);
    }
    c->n++;
    if (place->is_known == !!row && (int)place->line == line && (int)place->column == column && is_same_path)
        return;
    if (c->n_different++ < SHOWN)
        printf("%#" PRIx64 ": %s:%" PRIu32 ":%" PRIu32 ", libdw says %s:%d:%d\n", place->vaddr, path ? path : "??",
               place->line, place->column, row ? reference_out : "??", line, column);
}

static int compare_places(const void *a, const void *b)
{
    const struct sp_dwarf_place *x = a, *y = b;
    return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

/* An address that row `i` of libdw's covers, or that is behind the last one. */
static uint64_t address_in_row(struct comparison *c, Dwarf_Lines *rows, size_t i)
{
    Dwarf_Addr start, end;
    Dwarf_Line *next = dwarf_onesrcline(rows, i + 1);
    dwarf_lineaddr(dwarf_onesrcline(rows, i), &start);
    if (!next || dwarf_lineaddr(next, &end) != 0 || end <= start)
        return start;
    return start + next_random(c) % (end - start < 64 ? end - start : 64);
}

static size_t wanted_per_unit;

static void compare_unit(struct comparison *c, Dwarf_Die *die, uint64_t offset)
{
    Dwarf_Lines *rows;
    size_t n_rows;
    if (dwarf_getsrclines(die, &rows, &n_rows) != 0 || n_rows == 0)
        return;
    if (open_lines(c, die, offset) != 0) {
        printf("the table at %#" PRIx64 " cannot be read\n", offset);
        c->n_different++;
        return;
    }
    struct sp_dwarf_place *places = calloc(wanted_per_unit, sizeof(*places));
    if (!places)
        abort();
    for (size_t i = 0; i < wanted_per_unit; i++)
        places[i].vaddr = address_in_row(c, rows, next_random(c) % n_rows);
    qsort(places, wanted_per_unit, sizeof(*places), compare_places);
    sp_dwarf_lines_find(c->lines, places, wanted_per_unit);
    for (size_t i = 0; i < wanted_per_unit; i++)
        if (is_code(c, die, places[i].vaddr))
            compare_place(c, die, &places[i]);
    free(places);
}

static void count_unit(struct comparison *c, Dwarf_Die *die, uint64_t offset)
{
    (void)die, (void)offset;
    c->n_units++;
}

static void time_unit(struct comparison *c, Dwarf_Die *die, uint64_t offset)
{
    struct sp_dwarf_place places[16] = {{0}};
    Dwarf_Addr base, start = 0, end = 0;
    dwarf_ranges(die, 0, &base, &start, &end);
    for (size_t i = 0; i < 16; i++)
        places[i].vaddr = start + (end - start) / 16 * i;
    const int64_t begin = now_ns();
    if (open_lines(c, die, offset) == 0)
        sp_dwarf_lines_find(c->lines, places, 16);
    c->ns += now_ns() - begin;
}

static void time_libdw(struct comparison *c, Dwarf_Die *die, uint64_t offset)
{
    Dwarf_Lines *rows;
    size_t n_rows;
    (void)offset;
    const int64_t begin = now_ns();
    dwarf_getsrclines(die, &rows, &n_rows);
    c->ns += now_ns() - begin;
}

static void show_speed(struct comparison *c, const char *who)
{
    const double megabytes = (double)c->file.sections[SP_DWARF_LINE].size / 1e6;
    printf("%s: %.1f MB in %.0f ms, %.0f MB/s\n", who, megabytes, (double)c->ns / 1e6, megabytes * 1e9 / (double)c->ns);
    c->ns = 0;
}

int main(int argc, char **argv)
{
    struct comparison c = {.random = 88172645463325252U, .lines = sp_dwarf_lines_new()};
    if (argc != 3 || !c.lines)
        return 2;
    const bool is_timed = strcmp(argv[1], "--time") == 0;
    const char *path = argv[is_timed ? 2 : 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    c.dwarf = dwarf_begin(fd, DWARF_C_READ);
    if (!c.dwarf || sp_elf_image_open_file(&c.image, path) != 0 || sp_dwarf_file_open(&c.file, &c.image, false) != 0) {
        printf("%s: no DWARF\n", path);
        return 2;
    }
    if (is_timed) {
        visit_units(&c, time_unit);
        show_speed(&c, "sigprof");
        visit_units(&c, time_libdw);
        show_speed(&c, "libdw");
        c.n = 1;
    } else {
        visit_units(&c, count_unit);
        wanted_per_unit = c.n_units ? strtoul(argv[2], NULL, 10) / c.n_units + 1 : 0;
        visit_units(&c, compare_unit);
        printf("%zu units, %zu addresses, %zu differ\n", c.n_units, c.n, c.n_different);
    }
    sp_dwarf_lines_free(c.lines);
    sp_dwarf_file_close(&c.file);
    sp_elf_image_close(&c.image);
    dwarf_end(c.dwarf);
    close(fd);
    return c.n == 0 || c.n_different * 1000 > c.n;
}
