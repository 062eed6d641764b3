/*
 * Finds a module's file, and the one with its debug data. See debug_file.h for the place and the order of the search.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/debug_file.h"

#include "symbolize/elf_section.h"
#include "symbolize/symbol_source.h"
#include "util/regular_file.h"

#include <errno.h>
#include <gelf.h>
#include <libdeflate.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEBUG_DIRECTORY "/usr/lib/debug"
/* A link is a name and a CRC. */
#define LINK_MAX_BYTES (NAME_MAX + 16)
/* What is read for a CRC: seconds. A link leads to whatever has its name, and a hole in a file costs nothing to make.
 */
#define CRC_BYTES_MAX (UINT64_C(4) << 30)

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

/* The CRC of a whole file, as .gnu_debuglink has it. Returns 0 or -errno. */
static int crc_of(const struct sp_elf_image *debug, uint32_t *crc)
{
    static const size_t CHUNK = 1 << 16;
    char bytes[1 << 16];
    uint32_t sum = 0;
    struct stat st;
    ssize_t got;
    if (fstat(debug->fd, &st) != 0)
        return -errno;
    if ((uint64_t)st.st_size > CRC_BYTES_MAX)
        return -EFBIG;
    for (off_t at = 0; (got = pread(debug->fd, bytes, CHUNK, at)) > 0; at += got)
        sum = libdeflate_crc32(sum, bytes, (size_t)got);
    if (got < 0)
        return -errno;
    *crc = sum;
    return 0;
}

size_t sp_debug_n_directories(const struct sp_debug_places *places)
{
    return places->n_directories + 2;
}

struct sp_image_place sp_debug_directory(const struct sp_debug_places *places, int root, size_t i)
{
    if (i < places->n_directories)
        return (struct sp_image_place){-1, places->directories[i]};
    return (struct sp_image_place){i == places->n_directories ? root : -1, DEBUG_DIRECTORY};
}

/* Opens a candidate that has DWARF. Not to be found is as little of an error as not to be one. */
static int open_candidate(struct sp_elf_image *debug, int root, const char *path)
{
    struct sp_elf_image candidate;
    int error = sp_elf_image_open_sections(&candidate, root, path);
    if (error)
        return error == -ENOMEM ? error : -ENOENT;
    if (!has_dwarf(&candidate)) {
        sp_elf_image_close(&candidate);
        return -ENOENT;
    }
    *debug = candidate;
    return 0;
}

/* What a search has come to, after one more place: to go on, unless it is found or there is no memory. */
static bool is_settled(int error, int *result)
{
    if (error == 0 || error == -ENOMEM || *result == -ENOENT)
        *result = error;
    return error == 0 || error == -ENOMEM;
}

/* Where a directory has the file of a build: the debug file (".debug"), or the program itself (""). False: too long. */
static bool path_by_id(char path[PATH_MAX], const struct sp_image_place *place, const char *build_id,
                       const char *suffix)
{
    int length = snprintf(path, PATH_MAX, "%s/.build-id/%.2s/%s%s", place->path, build_id, build_id + 2, suffix);
    return length >= 0 && length < PATH_MAX;
}

/* Opens the candidate with a build id in one directory. */
static int open_with_id(struct sp_elf_image *debug, const struct sp_image_place *place, const char *build_id)
{
    char path[PATH_MAX];
    if (!path_by_id(path, place, build_id, ".debug"))
        return -ENOENT;
    int error = open_candidate(debug, place->root, path);
    if (!error && strcasecmp(debug->build_id, build_id) != 0) {
        sp_elf_image_close(debug);
        error = -ESTALE;
    }
    return error;
}

/* Opens a candidate by name if it belongs to the image. */
static int open_linked(struct sp_elf_image *debug, const struct sp_elf_image *image, int root, const char *path,
                       uint32_t crc)
{
    uint32_t found;
    int error = open_candidate(debug, root, path);
    if (error)
        return error;
    const bool is_other =
        image->build_id[0] != '\0' && debug->build_id[0] != '\0' && strcasecmp(debug->build_id, image->build_id) != 0;
    if (!is_other && crc_of(debug, &found) == 0 && found == crc)
        return 0;
    sp_elf_image_close(debug);
    return -ESTALE;
}

/* What a .gnu_debuglink says, and the directory of the file that says it. */
struct link {
    const char *name;
    uint32_t crc;
    const char *directory; /* without a slash at its end */
    int directory_length;
};

/* False when there is no link of use: it is a name alone; anything else would lead the reader around in the system. */
static bool read_link(struct link *link, const struct sp_elf_image *image, const struct sp_image_place *place)
{
    const char *slash = strrchr(place->path, '/');
    struct sp_reader reader;
    if (!sp_elf_section_read(image, ".gnu_debuglink", LINK_MAX_BYTES, &reader))
        return false;
    link->name = sp_elf_section_text(&reader);
    sp_reader_sub(&reader, -sp_reader_position(&reader) & 3); /* the CRC is on a multiple of four */
    link->crc = (uint32_t)sp_reader_fixed(&reader, sizeof(link->crc));
    if (reader.error || !link->name || link->name[0] == '\0' || strchr(link->name, '/') || !slash ||
        slash - place->path > PATH_MAX)
        return false;
    link->directory = place->path;
    link->directory_length = (int)(slash - place->path);
    return true;
}

/* Opens the candidate at PREFIX, the image's directory, SUFFIX and the link's name. */
static int open_at_link(struct sp_elf_image *debug, const struct sp_elf_image *image, const struct link *link,
                        const struct sp_image_place *prefix, const char *suffix)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s%.*s%s/%s", prefix->path, link->directory_length, link->directory,
                          suffix, link->name);
    if (length < 0 || (size_t)length >= sizeof(path))
        return -ENOENT;
    return open_linked(debug, image, prefix->root, path, link->crc);
}

static int open_by_link(struct sp_elf_image *debug, const struct sp_elf_image *image,
                        const struct sp_image_place *place, const struct sp_debug_places *places)
{
    const struct sp_image_place beside = {place->root, ""};
    struct link link;
    int result = -ENOENT;
    if (!read_link(&link, image, place) || is_settled(open_at_link(debug, image, &link, &beside, ""), &result) ||
        is_settled(open_at_link(debug, image, &link, &beside, "/.debug"), &result))
        return result;
    for (size_t i = 0; i < sp_debug_n_directories(places); i++) {
        const struct sp_image_place directory = sp_debug_directory(places, place->root, i);
        if (is_settled(open_at_link(debug, image, &link, &directory, ""), &result))
            break;
    }
    return result;
}

/* Whether a build id is one: it becomes part of paths, and may be a foreign profile's. */
static bool is_build_id(const char *text)
{
    const size_t length = strlen(text);
    return length >= 4 && length <= 2 * SP_ELF_BUILD_ID_MAX && strspn(text, "0123456789abcdef") == length;
}

/* Fetches a file of a build; -ENOENT where there is none to be had. */
static int fetch(struct sp_elf_image *image, enum sp_fetched kind, const char *build_id,
                 const struct sp_debug_places *places)
{
    if (!places->fetch || !is_build_id(build_id))
        return -ENOENT;
    const int fd = places->fetch(places->fetch_user, kind, build_id);
    if (fd < 0)
        return fd == -ENOMEM ? fd : -ENOENT;
    const bool is_debug = kind == SP_FETCHED_DEBUG_FILE;
    const int error = is_debug ? sp_elf_image_open_sections_fd(image, fd) : sp_elf_image_open_fd(image, fd);
    return error == 0 || error == -ENOMEM ? error : -ENOENT;
}

static int fetch_debug_file(struct sp_elf_image *debug, const char *build_id, const struct sp_debug_places *places)
{
    int error = fetch(debug, SP_FETCHED_DEBUG_FILE, build_id, places);
    if (!error && !(has_dwarf(debug) && strcasecmp(debug->build_id, build_id) == 0)) {
        sp_elf_image_close(debug);
        error = -ENOENT;
    }
    return error;
}

/* The search by build id on this machine. */
static int open_by_build_id(struct sp_elf_image *debug, const char *build_id, const struct sp_image_place *place,
                            const struct sp_debug_places *places)
{
    int result = -ENOENT;
    if (!is_build_id(build_id))
        return -ENOENT;
    for (size_t i = 0; i < sp_debug_n_directories(places); i++) {
        const struct sp_image_place directory = sp_debug_directory(places, place->root, i);
        if (is_settled(open_with_id(debug, &directory, build_id), &result))
            break;
    }
    return result;
}

static int open_separate(struct sp_elf_image *debug, const struct sp_elf_image *image,
                         const struct sp_image_place *place, const struct sp_debug_places *places)
{
    int result = -ENOENT;
    if (!is_settled(open_by_build_id(debug, image->build_id, place, places), &result) &&
        !is_settled(open_by_link(debug, image, place, places), &result))
        is_settled(fetch_debug_file(debug, image->build_id, places), &result);
    return result;
}

/* Opens what somebody has found, or the path. */
static int open_found(struct sp_elf_image *image, struct sp_image_place *place, const struct sp_module_id *id,
                      const struct sp_debug_places *places)
{
    struct sp_found_image found;
    int error = places->find_image ? places->find_image(places->find_user, id->path, id->build_id, &found) : -ENOENT;
    *place = (struct sp_image_place){-1, id->path};
    if (error == -ENOENT)
        return sp_elf_image_open_file(image, id->path);
    if (error)
        return error;
    *place = (struct sp_image_place){found.root, id->path + found.prefix};
    return sp_elf_image_open_fd(image, found.fd);
}

/* Closes an image that is open, but not the module's. */
static int check_image(struct sp_elf_image *image, int error, const struct sp_module_id *id)
{
    if (error || sp_elf_image_is(image, id->build_id))
        return error;
    sp_elf_image_close(image);
    return -ESTALE;
}

/* Opens a module's image in one of the directories by its build id. 0, or none is there. */
static int open_in_directories(struct sp_elf_image *image, const struct sp_module_id *id,
                               const struct sp_debug_places *places)
{
    int error = -ENOENT;
    for (size_t i = 0; i < sp_debug_n_directories(places) && error; i++) {
        const struct sp_image_place directory = sp_debug_directory(places, -1, i);
        char path[PATH_MAX];
        if (path_by_id(path, &directory, id->build_id, ""))
            error = check_image(image, sp_elf_image_open_file(image, path), id);
    }
    return error;
}

/* The debug file has all names; what the program alone has is where its code is in the file, which the mapping tells.
 */
static int open_debug_file_instead(struct sp_elf_image *image, const struct sp_module_id *id,
                                   const struct sp_image_place *place, const struct sp_debug_places *places)
{
    int error = id->code_size == 0 ? -ENOENT : sp_debug_file_open_by_build_id(image, id->build_id, place, places);
    if (error)
        return error;
    if (!sp_elf_image_place_code(image, id->code_offset, id->code_size)) {
        sp_elf_image_close(image);
        return -ENOENT;
    }
    memcpy(image->build_id, id->build_id, strlen(id->build_id) + 1); /* it has that one by its sections */
    return 0;
}

int sp_module_image_open(struct sp_elf_image *image, struct sp_image_place *place, const struct sp_module_id *id,
                         const struct sp_debug_places *places)
{
    int error = check_image(image, open_found(image, place, id, places), id);
    if (error == 0 || error == -ENOMEM || !is_build_id(id->build_id))
        return error;
    *place = (struct sp_image_place){-1, id->path};
    if (open_in_directories(image, id, places) == 0)
        return 0;
    if (fetch(image, SP_FETCHED_IMAGE, id->build_id, places) == 0)
        return check_image(image, 0, id);
    return open_debug_file_instead(image, id, place, places) == 0 ? 0 : error;
}

int sp_debug_file_open_by_build_id(struct sp_elf_image *debug, const char *build_id, const struct sp_image_place *place,
                                   const struct sp_debug_places *places)
{
    int result = -ENOENT;
    if (!is_settled(open_by_build_id(debug, build_id, place, places), &result))
        is_settled(fetch_debug_file(debug, build_id, places), &result);
    return result;
}

int sp_debug_file_open(struct sp_elf_image *debug, bool *is_separate, const struct sp_elf_image *image,
                       const struct sp_image_place *place, const struct sp_debug_places *places)
{
    const bool is_own = has_dwarf(image);
    int error = is_own ? 0 : open_separate(debug, image, place, places);
    if (!error)
        *is_separate = !is_own;
    return error;
}
