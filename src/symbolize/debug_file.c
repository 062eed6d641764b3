/*
 * Finds the file with an image's debug data. See debug_file.h for the place and the order of the search.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/debug_file.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <gelf.h>
#include <libdeflate.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DEBUG_DIRECTORY "/usr/lib/debug"

/* Whether there are bytes of .debug_info, plain or in the old compressed form. */
static bool has_dwarf(const struct sp_elf_image *image)
{
    size_t names;
    if (elf_getshdrstrndx(image->elf, &names) != 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS || header.sh_size == 0)
            continue;
        const char *name = elf_strptr(image->elf, names, header.sh_name);
        if (name && (strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0))
            return true;
    }
    return false;
}

/*
 * The build id by the sections. A debug file's program headers may still be those of the file that it was made from,
 * and lead to other bytes here.
 */
static bool has_build_id(const struct sp_elf_image *debug, const char *build_id)
{
    const void *bytes;
    ssize_t size = dwelf_elf_gnu_build_id(debug->elf, &bytes);
    if (size <= 0 || (size_t)size * 2 != strlen(build_id))
        return false;
    for (ssize_t i = 0; i < size; i++) {
        char digits[3];
        snprintf(digits, sizeof(digits), "%02x", ((const unsigned char *)bytes)[i]);
        if (strncasecmp(digits, build_id + 2 * i, 2) != 0)
            return false;
    }
    return true;
}

/* The CRC of a whole file, as .gnu_debuglink has it. Returns 0 or -errno. */
static int crc_of(const struct sp_elf_image *debug, uint32_t *crc)
{
    static const size_t CHUNK = 1 << 16;
    char bytes[1 << 16];
    uint32_t sum = 0;
    ssize_t got;
    for (off_t at = 0; (got = pread(debug->fd, bytes, CHUNK, at)) > 0; at += got)
        sum = libdeflate_crc32(sum, bytes, (size_t)got);
    if (got < 0)
        return -errno;
    *crc = sum;
    return 0;
}

/*
 * Makes the sections of strings end with a NUL: libdw (0.188) reads names of line tables beyond the section where the
 * file has none there. The bytes are libelf's own copy.
 */
static void terminate_strings(const struct sp_elf_image *debug)
{
    size_t names;
    if (elf_getshdrstrndx(debug->elf, &names) != 0)
        return;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(debug->elf, section));) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) ? elf_strptr(debug->elf, names, header.sh_name) : NULL;
        if (!name || header.sh_type == SHT_NOBITS ||
            (strcmp(name, ".debug_str") != 0 && strcmp(name, ".debug_line_str") != 0))
            continue;
        if ((header.sh_flags & SHF_COMPRESSED) && elf_compress(section, 0, 0) < 0)
            continue;
        Elf_Data *data = elf_rawdata(section, NULL);
        if (data && data->d_buf && data->d_size > 0)
            ((char *)data->d_buf)[data->d_size - 1] = '\0';
    }
}

/* Opens a candidate that has DWARF. Not to be found is as little of an error as not to be one. */
static int open_candidate(struct sp_elf_image *debug, const char *path)
{
    struct sp_elf_image candidate;
    int error = sp_elf_image_open_file(&candidate, path);
    if (error)
        return error == -ENOMEM ? error : -ENOENT;
    if (!has_dwarf(&candidate)) {
        sp_elf_image_close(&candidate);
        return -ENOENT;
    }
    *debug = candidate;
    return 0;
}

static int open_by_build_id(struct sp_elf_image *debug, const char *build_id)
{
    char path[PATH_MAX];
    if (strlen(build_id) < 3)
        return -ENOENT;
    snprintf(path, sizeof(path), DEBUG_DIRECTORY "/.build-id/%.2s/%s.debug", build_id, build_id + 2);
    int error = open_candidate(debug, path);
    if (!error && !has_build_id(debug, build_id)) {
        sp_elf_image_close(debug);
        error = -ESTALE;
    }
    return error;
}

/* Opens a candidate by name if it belongs to the image. */
static int open_linked(struct sp_elf_image *debug, const struct sp_elf_image *image, const char *path, uint32_t crc)
{
    const void *unused;
    uint32_t found;
    int error = open_candidate(debug, path);
    if (error)
        return error;
    bool is_other = image->build_id[0] != '\0' && dwelf_elf_gnu_build_id(debug->elf, &unused) > 0 &&
                    !has_build_id(debug, image->build_id);
    if (!is_other && crc_of(debug, &found) == 0 && found == crc)
        return 0;
    sp_elf_image_close(debug);
    return -ESTALE;
}

static int open_by_link(struct sp_elf_image *debug, const struct sp_elf_image *image, const char *path)
{
    static const char *const places[][2] = {{"", ""}, {"", "/.debug"}, {DEBUG_DIRECTORY, ""}};
    GElf_Word crc = 0;
    const char *name = dwelf_elf_gnu_debuglink(image->elf, &crc);
    const char *slash = strrchr(path, '/');
    /* A link is a name alone; anything else would lead a foreign file's reader around in this system. */
    if (!name || name[0] == '\0' || strchr(name, '/') || !slash)
        return -ENOENT;
    int result = -ENOENT;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char candidate[PATH_MAX];
        int length = snprintf(candidate, sizeof(candidate), "%s%.*s%s/%s", places[i][0], (int)(slash - path), path,
                              places[i][1], name);
        if (length < 0 || (size_t)length >= sizeof(candidate))
            continue;
        int error = open_linked(debug, image, candidate, crc);
        if (error == 0 || error == -ENOMEM)
            return error;
        if (error == -ESTALE)
            result = error;
    }
    return result;
}

/* Opens the file itself once more: what reads the DWARF has a libelf of its own. */
static int open_own(struct sp_elf_image *debug, const struct sp_elf_image *image, const char *path)
{
    int error = sp_elf_image_open_file(debug, path);
    if (!error && !sp_elf_image_is(debug, image->build_id)) {
        sp_elf_image_close(debug); /* replaced since */
        error = -ESTALE;
    }
    return error;
}

static int open_separate(struct sp_elf_image *debug, const struct sp_elf_image *image, const char *path)
{
    int by_id = open_by_build_id(debug, image->build_id);
    if (by_id == 0 || by_id == -ENOMEM)
        return by_id;
    int by_link = open_by_link(debug, image, path);
    return by_link == -ENOENT ? by_id : by_link;
}

int sp_debug_file_open(struct sp_elf_image *debug, bool *is_separate, const struct sp_elf_image *image,
                       const char *path)
{
    bool is_own = has_dwarf(image);
    int error = is_own ? open_own(debug, image, path) : open_separate(debug, image, path);
    if (error)
        return error;
    terminate_strings(debug);
    *is_separate = !is_own;
    return 0;
}
