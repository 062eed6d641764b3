/*
 * The source of names, files, lines and inlined calls: DWARF, of a file itself or in one beside it.
 *
 * Place on the way of a sample: symbolize.c → *this* → debug_file, dwarf_units, dwarf_functions, libdw.
 * The addresses asked for are sorted by unit, and each unit is read once, by one walk over its entries and one over its
 * line table. What libdw keeps of a unit it frees with the whole Dwarf only; so that is opened anew from time to time.
 * Context: ordinary code; a module by one thread at a time.
 */
#include "symbolize/debug_file.h"
#include "symbolize/dwarf_functions.h"
#include "symbolize/dwarf_units.h"
#include "symbolize/elf_symbols.h"
#include "symbolize/normal_path.h"
#include "symbolize/symbol_source.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Bytes of .debug_info read before libdw's memory is given back. */
#define REOPEN_BYTES (4U << 20)
/* What the ranges of an honest file may be in number, whatever its size says. */
#define RANGES_MIN 65536

struct dwarf_module {
    struct sp_elf_image image;     /* as it was mapped: file offsets are places in this one */
    struct sp_elf_image debug;     /* the file with the DWARF, perhaps the same again */
    struct sp_elf_symbols symbols; /* of `debug`, where that is another file: the mapped one is without */
    Dwarf *dwarf;
    struct sp_dwarf_units units;
    struct sp_dwarf_functions functions;
    uint64_t budget;     /* ranges that may still be read */
    uint64_t bytes_read; /* of .debug_info, since `dwarf` was opened */
    char paths[SP_FRAMES_MAX][PATH_MAX];
};

static void close_module(void *opaque)
{
    struct dwarf_module *module = opaque;
    sp_dwarf_functions_done(&module->functions);
    sp_dwarf_units_done(&module->units);
    if (module->dwarf)
        dwarf_end(module->dwarf);
    sp_elf_symbols_done(&module->symbols);
    sp_elf_image_close(&module->debug);
    sp_elf_image_close(&module->image);
    free(module);
}

/*
 * libdw opens the files that DWARF refers to when it comes to need them, and would wait at a FIFO. False for a path
 * that exists and is no regular file.
 */
static bool may_be_opened(const char *path)
{
    struct stat st;
    return stat(path, &st) != 0 || S_ISREG(st.st_mode);
}

/* Whether the Dwarf, just opened, refers to nothing that must not be touched. */
static bool has_safe_alternate(Dwarf *dwarf)
{
    const char *name;
    const void *id;
    if (dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id) <= 0)
        return true;
    /* A relative one lies below the debug file's directory; only links of distributions are such. */
    return name[0] != '/' || may_be_opened(name);
}

/* Opens the Dwarf, anew where it is open. Returns 0, -EBADMSG, or -ENOENT where there is nothing of use. */
static int open_dwarf(struct dwarf_module *module)
{
    if (module->dwarf)
        dwarf_end(module->dwarf);
    module->bytes_read = 0;
    module->dwarf = dwarf_begin_elf(module->debug.elf, DWARF_C_READ, NULL);
    if (!module->dwarf)
        return -EBADMSG;
    return has_safe_alternate(module->dwarf) ? 0 : -EBADMSG;
}

static int open_images(struct dwarf_module *module, const struct sp_module_id *id, const struct sp_debug_places *places)
{
    struct sp_image_place place;
    int error = sp_module_image_open(&module->image, &place, id, places);
    if (error)
        return error;
    bool is_separate;
    error = sp_debug_file_open(&module->debug, &is_separate, &module->image, &place, places);
    if (!error && is_separate && sp_elf_symbols_init(&module->symbols, &module->debug) == -ENOMEM)
        error = -ENOMEM;
    return error;
}

/* Each range takes two bytes at the least. */
static uint64_t ranges_in(const struct sp_elf_image *debug)
{
    struct stat st;
    return RANGES_MIN + (fstat(debug->fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0);
}

static int open_module(const struct sp_module_id *id, const struct sp_debug_places *places, void **out)
{
    if (!sp_module_is_file(id))
        return -ENOENT;
    struct dwarf_module *module = calloc(1, sizeof(*module));
    if (!module)
        return -ENOMEM;
    module->image.fd = module->debug.fd = -1;
    int error = open_images(module, id, places);
    if (!error)
        error = open_dwarf(module);
    if (!error) {
        module->budget = ranges_in(&module->debug);
        error = sp_dwarf_units_init(&module->units, module->dwarf, &module->image, &module->budget);
    }
    if (error)
        close_module(module);
    else
        *out = module;
    return error;
}

/* A text of the file's, or NULL when it is longer than any that is of use. */
static const char *text_of(const char *text, size_t max)
{
    return text && text[0] != '\0' && strnlen(text, max) < max ? text : NULL;
}

static const char *linkage_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    if (!dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) &&
        !dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
        return NULL;
    return text_of(dwarf_formstring(&attribute), SP_ELF_NAME_MAX);
}

/* A number of an entry's own, or 0. */
static uint32_t number_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    bool has = dwarf_attr(die, name, &attribute) && dwarf_formudata(&attribute, &value) == 0;
    return has && value <= INT32_MAX ? (uint32_t)value : 0;
}

/* Fills in what a frame has of its function. */
static void describe(Dwarf_Die *die, bool is_inlined, struct sp_named_frame *frame)
{
    int line;
    frame->system_name = linkage_name(die);
    frame->name = frame->system_name ? NULL : text_of(dwarf_diename(die), SP_ELF_NAME_MAX);
    if (is_inlined && !frame->system_name)
        frame->system_name = frame->name;
    if (dwarf_decl_line(die, &line) == 0 && line > 0)
        frame->start_line = line;
}

/* Where in its source a frame is. */
struct source_place {
    const char *filename;
    int64_t line, column;
};

static struct source_place place_of_row(Dwarf_Die *unit, uint64_t vaddr)
{
    struct source_place place = {.line = 0};
    Dwarf_Line *row = dwarf_getsrc_die(unit, vaddr);
    int line, column;
    if (!row)
        return place;
    place.filename = text_of(dwarf_linesrc(row, NULL, NULL), PATH_MAX);
    place.line = dwarf_lineno(row, &line) == 0 ? line : 0;
    place.column = dwarf_linecol(row, &column) == 0 ? column : 0;
    return place;
}

static struct source_place place_of_call(Dwarf_Die *call, Dwarf_Files *files)
{
    uint32_t file = number_of(call, DW_AT_call_file);
    return (struct source_place){.filename = files ? text_of(dwarf_filesrc(files, file, NULL, NULL), PATH_MAX) : NULL,
                                 .line = number_of(call, DW_AT_call_line),
                                 .column = number_of(call, DW_AT_call_column)};
}

/* A unit that is open. */
struct open_unit {
    Dwarf_Die die; /* of the split unit where there is one */
    Dwarf_Files *files;
    const char *directory; /* that relative names are in, or NULL */
};

/* A file's name as an absolute path where the unit says of what. Written to `out` if need be. */
static const char *path_of(const struct open_unit *unit, const char *name, char out[PATH_MAX])
{
    char joined[PATH_MAX];
    if (!name || name[0] == '/' || !unit->directory)
        return sp_normal_path(name, out);
    int length = snprintf(joined, sizeof(joined), "%s/%s", unit->directory, name);
    if (length < 0 || (size_t)length >= sizeof(joined))
        return name;
    const char *path = sp_normal_path(joined, out);
    return path == out ? out : strcpy(out, joined);
}

/* Writes the frames of an address. Returns how many; one without a name where there are only lines. */
static uint32_t frames_of(struct dwarf_module *module, struct open_unit *unit, const struct sp_dwarf_want *want,
                          struct sp_named_frame *frames)
{
    struct source_place place = place_of_row(&unit->die, want->vaddr);
    uint32_t n = 0;
    for (uint32_t at = want->top; at != SP_DWARF_NO_NODE && n < SP_FRAMES_MAX; n++) {
        const struct sp_dwarf_node *node = &module->functions.nodes[at];
        Dwarf_Die *die = &module->functions.scopes[node->scope];
        frames[n] = (struct sp_named_frame){.line = place.line, .column = place.column};
        frames[n].filename = path_of(unit, place.filename, module->paths[n]);
        describe(die, node->level > 0, &frames[n]);
        place = place_of_call(die, unit->files);
        at = node->next;
    }
    if (n == 0 && place.filename)
        frames[n++] = (struct sp_named_frame){
            .filename = path_of(unit, place.filename, module->paths[0]), .line = place.line, .column = place.column};
    return n;
}

/* A text of an entry's own, or NULL. */
static const char *text_attribute(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    return dwarf_attr(die, name, &attribute) ? text_of(dwarf_formstring(&attribute), PATH_MAX) : NULL;
}

/* Whether the split unit that a skeleton names may be opened. (libdw also tries the debug file's own directory.) */
static bool has_safe_split(Dwarf_Die *skeleton)
{
    char path[2 * PATH_MAX];
    const char *directory = text_attribute(skeleton, DW_AT_comp_dir);
    const char *name = text_attribute(skeleton, DW_AT_dwo_name);
    if (!name)
        name = text_attribute(skeleton, DW_AT_GNU_dwo_name);
    if (!name)
        return false;
    bool is_joined = name[0] != '/' && directory;
    snprintf(path, sizeof(path), "%s%s%s", is_joined ? directory : "", is_joined ? "/" : "", name);
    return may_be_opened(path);
}

/* Opens a unit by the place of its first entry. */
static bool open_unit(struct dwarf_module *module, const struct sp_dwarf_unit *from, struct open_unit *unit)
{
    Dwarf_Die die, split;
    uint8_t type;
    size_t n;
    if (!dwarf_offdie(module->dwarf, from->die, &die))
        return false;
    unit->die = die;
    unit->directory = text_attribute(&die, DW_AT_comp_dir);
    if (dwarf_cu_info(die.cu, NULL, &type, NULL, NULL, NULL, NULL, NULL) == 0 && type == DW_UT_skeleton &&
        has_safe_split(&die) && dwarf_cu_info(die.cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) == 0 && split.cu)
        unit->die = split;
    if (dwarf_getsrcfiles(&unit->die, &unit->files, &n) != 0)
        unit->files = NULL;
    return true;
}

/* Where found frames go. */
struct out {
    sp_frame_sink *sink;
    void *arg;
};

/* Names wants[0..n), all of one unit. */
static int name_unit(struct dwarf_module *module, uint32_t index, struct sp_dwarf_want *wants, size_t n,
                     const struct out *out)
{
    const struct sp_dwarf_unit *from = &module->units.at[index];
    struct sp_named_frame frames[SP_FRAMES_MAX];
    struct open_unit unit;
    if (module->bytes_read > REOPEN_BYTES && open_dwarf(module) != 0)
        return 0;
    module->bytes_read += from->size;
    if (!open_unit(module, from, &unit))
        return 0;
    int error = sp_dwarf_functions_read(&module->functions, &unit.die, &module->image, wants, n, &module->budget);
    for (size_t i = 0; i < n && !error; i++) {
        uint32_t n_frames = frames_of(module, &unit, &wants[i], frames);
        if (n_frames > 0)
            out->sink(out->arg, wants[i].index, frames, n_frames);
    }
    return error;
}

static int compare_wants(const void *a, const void *b)
{
    const struct sp_dwarf_want *x = a, *y = b;
    if (x->unit != y->unit)
        return x->unit < y->unit ? -1 : 1;
    return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

/* Sorts the addresses by unit. Returns how many have one. */
static size_t sort_by_unit(const struct dwarf_module *module, const struct sp_module_address *addresses, size_t n,
                           struct sp_dwarf_want *wants)
{
    size_t n_wants = 0;
    for (size_t i = 0; i < n; i++) {
        struct sp_dwarf_want want = {.index = i};
        if (!sp_elf_image_vaddr(&module->image, addresses[i].file_offset, &want.vaddr))
            continue;
        want.unit = sp_dwarf_units_find(&module->units, want.vaddr);
        if (want.unit != SP_DWARF_NO_UNIT)
            wants[n_wants++] = want;
    }
    qsort(wants, n_wants, sizeof(*wants), compare_wants);
    return n_wants;
}

static int find_all(void *opaque, const struct sp_module_address *addresses, size_t n, sp_frame_sink *sink, void *arg)
{
    struct dwarf_module *module = opaque;
    const struct out out = {sink, arg};
    struct sp_dwarf_want *wants = calloc(n + 1, sizeof(*wants));
    if (!wants)
        return -ENOMEM;
    size_t n_wants = sort_by_unit(module, addresses, n, wants);
    int error = 0;
    for (size_t first = 0, end; first < n_wants && module->dwarf && !error; first = end) {
        for (end = first + 1; end < n_wants && wants[end].unit == wants[first].unit;)
            end++;
        error = name_unit(module, wants[first].unit, &wants[first], end - first, &out);
    }
    free(wants);
    return error;
}

static uint32_t find_symbol(const void *opaque, const struct sp_module_address *address, struct sp_named_frame *frames,
                            uint32_t max)
{
    const struct dwarf_module *module = opaque;
    const char *name = sp_elf_symbols_at(&module->symbols, &module->image, address->file_offset);
    if (max == 0 || !name)
        return 0;
    frames[0] = (struct sp_named_frame){.system_name = name};
    return 1;
}

const struct sp_symbol_source sp_source_dwarf = {"dwarf", open_module, find_symbol, close_module, find_all};
