/*
 * Finds and opens the file that several programs share. See dwarf_alternate.h for the place and the contract.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_alternate.h"

#include "symbolize/elf_section.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A link is a path and an id. */
#define LINK_MAX_BYTES (PATH_MAX + 512)

/* A reference to another file. */
struct link {
    const char *path;
    const uint8_t *id; /* build id, or checksum */
    size_t id_size;
    bool is_sup; /* as DWARF 5 has it */
};

/* Reads .debug_sup (DWARF 5, 7.3.6): of a file that refers to another, or of that. */
static bool read_sup(const struct sp_elf_image *image, bool is_supplementary, struct link *link)
{
    struct sp_reader reader;
    if (!sp_elf_section_read(image, ".debug_sup", LINK_MAX_BYTES, &reader))
        return false;
    const uint64_t version = sp_reader_fixed(&reader, 2);
    const bool is_wanted = (sp_reader_fixed(&reader, 1) != 0) == is_supplementary;
    link->path = sp_elf_section_text(&reader);
    if (!link->path || version < 2 || !is_wanted)
        return false;
    const uint64_t size = sp_reader_varint(&reader);
    const struct sp_reader id = sp_reader_sub(&reader, size);
    link->id = id.at;
    link->id_size = sp_reader_left(&id);
    link->is_sup = true;
    return !reader.error && link->id_size > 0;
}

/* Reads .gnu_debugaltlink: a path, and then a build id to the end. */
static bool read_link(const struct sp_elf_image *debug, struct link *link)
{
    struct sp_reader reader;
    if (!sp_elf_section_read(debug, ".gnu_debugaltlink", LINK_MAX_BYTES, &reader))
        return read_sup(debug, false, link);
    link->path = sp_elf_section_text(&reader);
    link->id = reader.at;
    link->id_size = sp_reader_left(&reader);
    link->is_sup = false;
    return link->path && link->id_size > 0 && link->id_size <= SP_ELF_BUILD_ID_MAX;
}

static void write_hex(const struct link *link, char hex[2 * SP_ELF_BUILD_ID_MAX + 1])
{
    hex[0] = '\0';
    for (size_t i = 0; i < link->id_size && i < SP_ELF_BUILD_ID_MAX; i++)
        snprintf(hex + 2 * i, 3, "%02x", link->id[i]);
}

/* Whether an image is the one that a link means. */
static bool is_meant(const struct sp_elf_image *image, const struct link *link)
{
    char hex[2 * SP_ELF_BUILD_ID_MAX + 1];
    struct link own;
    if (link->is_sup)
        return read_sup(image, true, &own) && own.id_size == link->id_size &&
               memcmp(own.id, link->id, link->id_size) == 0;
    write_hex(link, hex);
    return strcmp(image->build_id, hex) == 0;
}

/* The directory of an open file, as the kernel knows it: with no slash at its end; `out` has PATH_MAX bytes. */
static bool directory_of(const struct sp_elf_image *image, char *out)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", image->fd);
    ssize_t length = image->fd >= 0 ? readlink(path, out, PATH_MAX - 1) : -1;
    if (length <= 0 || out[0] != '/')
        return false;
    out[length] = '\0';
    *strrchr(out, '/') = '\0';
    return true;
}

/* Takes an image that was opened, if it is the one. */
static int take_image(struct sp_dwarf_alternate *alternate, const struct link *link)
{
    int error = -ENOENT;
    if (is_meant(&alternate->image, link))
        error = sp_dwarf_file_open(&alternate->file, &alternate->image, false);
    if (error)
        sp_elf_image_close(&alternate->image);
    return error == -ENOMEM || error == 0 ? error : -ENOENT;
}

static int open_candidate(struct sp_dwarf_alternate *alternate, int root, const char *path, const struct link *link)
{
    int error = sp_elf_image_open_sections(&alternate->image, root, path);
    if (error)
        return error == -ENOMEM ? error : -ENOENT;
    return take_image(alternate, link);
}

/* Opens the file by the path that the link has. */
static int open_by_path(struct sp_dwarf_alternate *alternate, const struct sp_elf_image *debug, int root,
                        const struct link *link)
{
    char directory[PATH_MAX], path[2 * PATH_MAX];
    const bool is_absolute = link->path[0] == '/';
    if (strlen(link->path) >= PATH_MAX || (!is_absolute && !directory_of(debug, directory)))
        return -ENOENT;
    snprintf(path, sizeof(path), "%s%s%s", is_absolute ? "" : directory, is_absolute ? "" : "/", link->path);
    int error = open_candidate(alternate, root, path, link);
    /* The debug file may have been one of ours. */
    return error == -ENOENT && root >= 0 ? open_candidate(alternate, -1, path, link) : error;
}

static int open_link(struct sp_dwarf_alternate *alternate, const struct sp_elf_image *debug, const struct link *link,
                     const struct sp_image_place *place, const struct sp_debug_places *places)
{
    char hex[2 * SP_ELF_BUILD_ID_MAX + 1];
    int error = open_by_path(alternate, debug, place->root, link);
    if (error != -ENOENT || link->is_sup)
        return error;
    write_hex(link, hex);
    error = sp_debug_file_open_by_build_id(&alternate->image, hex, place, places);
    return error == 0 ? take_image(alternate, link) : error == -ENOMEM ? error : -ENOENT;
}

int sp_dwarf_alternate_open(struct sp_dwarf_alternate *out, const struct sp_elf_image *debug,
                            const struct sp_image_place *place, const struct sp_debug_places *places,
                            struct sp_dwarf_reading *reading)
{
    struct sp_dwarf_alternate alternate = {.image.fd = -1};
    struct link link;
    int error = read_link(debug, &link) ? open_link(&alternate, debug, &link, place, places) : -ENOENT;
    if (error)
        return error;
    *out = alternate;
    struct sp_dwarf_view view = {.file = &out->file};
    error = sp_dwarf_units_init(&out->units, &view, NULL, reading);
    sp_dwarf_view_done(&view);
    if (error)
        sp_dwarf_alternate_close(out);
    return error;
}

void sp_dwarf_alternate_close(struct sp_dwarf_alternate *alternate)
{
    sp_dwarf_units_done(&alternate->units);
    sp_dwarf_file_close(&alternate->file);
    sp_elf_image_close(&alternate->image);
}
