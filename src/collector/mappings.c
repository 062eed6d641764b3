/*
 * /proc/PID/maps, read again and again, as one history.
 *
 * Place: collector. Context: ordinary code, one thread at a time. The text is the kernel's, but the paths in it are the
 * process's: they may hold any byte but a newline (proc(5)).
 */
#include "collector/mappings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "collector/build_id.h"

/* Behind the path of a file that has been removed. */
static const char deleted[] = " (deleted)";

/* Room for one more item: doubles. False without memory. */
static bool reserve(void **at, size_t n, size_t *capacity, size_t item_bytes)
{
    if (n < *capacity)
        return true;
    const size_t wanted = *capacity == 0 ? 64 : 2 * *capacity;
    void *grown = reallocarray(*at, wanted, item_bytes);
    if (grown == NULL)
        return false;
    *at = grown;
    *capacity = wanted;
    return true;
}

/* A line of maps that is executable. */
struct line {
    uint64_t start, limit, offset, inode;
    unsigned major, minor;
    const char *path;
};

static bool parse_line(char *text, struct line *line)
{
    char permissions[5];
    int path_at = 0;
    text[strcspn(text, "\n")] = '\0';
    if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &line->start, &line->limit,
               permissions, &line->offset, &line->major, &line->minor, &line->inode, &path_at) != 7 ||
        path_at == 0 || permissions[2] != 'x')
        return false;
    line->path = text[path_at] != '\0' ? text + path_at : "//anon"; /* as perf names code without a file */
    return strcmp(line->path, "[vsyscall]") != 0;
}

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/*
 * Whether it is code made at run time. A memfd, shared anonymous memory and System V's have inodes, and names that are
 * deleted, as have the files of compilers that unlink them at once. [stack] is left out: with it, an executable stack
 * would make code of every pointer into it.
 */
static bool is_without_file(const char *path)
{
    const size_t length = strlen(path), tail = sizeof deleted - 1;
    if (length >= tail && strcmp(path + length - tail, deleted) == 0)
        return true;
    return begins_with(path, "//anon") || begins_with(path, "[anon") || begins_with(path, "/memfd:") ||
           strcmp(path, "[heap]") == 0 || strcmp(path, "/dev/zero") == 0;
}

static struct sp_mapped_file file_of(const struct line *line, pid_t pid)
{
    return (struct sp_mapped_file){.pid = pid,
                                   .start = line->start,
                                   .limit = line->limit,
                                   .major = line->major,
                                   .minor = line->minor,
                                   .inode = line->inode,
                                   .path = line->path};
}

/* The file of a mapping: its number among the images, and its build id. */
static uint32_t see_file(const struct sp_mappings *mappings, const struct line *line, char text[SP_BUILD_ID_TEXT])
{
    const struct sp_mapped_file file = file_of(line, mappings->pid);
    bool is_by_path;
    if (mappings->images != NULL && !mappings->has_released)
        return sp_images_see(mappings->images, &file, text);
    const int fd = sp_mapped_file_open(&file, &is_by_path);
    if (fd >= 0) {
        sp_build_id_of_open_file(fd, text);
        close(fd);
    }
    return SP_NO_IMAGE;
}

/* A known file is mapped still. */
static void see_again(const struct sp_mappings *mappings, const struct sp_known_mapping *known, const struct line *line,
                      const struct sp_profile *profile)
{
    const struct sp_mapped_file file = file_of(line, mappings->pid);
    if (known->image != SP_NO_IMAGE && !mappings->has_released &&
        strcmp(sp_profile_text(profile, known->mapping.file), line->path) != 0)
        sp_images_lost_path(mappings->images, known->image, &file);
}

/* What of a mapping identifies its code, as sp_images_see has it. */
static uint32_t see(const struct sp_mappings *mappings, const struct line *line, char text[SP_BUILD_ID_TEXT])
{
    text[0] = '\0';
    if (strcmp(line->path, "[vdso]") == 0) { /* the kernel has one for all of us */
        const void *own = (const void *)getauxval(AT_SYSINFO_EHDR);
        if (own != NULL)
            sp_build_id_of_image(own, line->limit - line->start, text);
    } else if (line->path[0] == '/' && line->inode != 0) {
        return see_file(mappings, line, text);
    }
    return SP_NO_IMAGE;
}

/* An image keeps its path when the file is removed; of other files it tells that the code is made at run time. */
static bool is_path_of(const struct sp_known_mapping *known, const char *path, const struct sp_profile *profile)
{
    const char *known_path = sp_profile_text(profile, known->mapping.file);
    const size_t length = strlen(known_path);
    if (strncmp(known_path, path, length) != 0)
        return false;
    return path[length] == '\0' || (known->image != SP_NO_IMAGE && strcmp(path + length, deleted) == 0);
}

static bool is_same(const struct sp_known_mapping *known, const struct line *line, const struct sp_profile *profile)
{
    return known->mapping.start == line->start && known->mapping.limit == line->limit &&
           known->mapping.file_offset == line->offset && known->inode == line->inode && known->major == line->major &&
           known->minor == line->minor && is_path_of(known, line->path, profile);
}

/* The newest known mapping that is the line's, or known.n. */
static size_t find_known(const struct sp_mappings *mappings, const struct line *line, const struct sp_profile *profile)
{
    for (size_t i = mappings->known.n; i-- > 0;)
        if (is_same(&mappings->known.at[i], line, profile))
            return i;
    return mappings->known.n;
}

static int take_line(struct sp_mappings *mappings, struct sp_profile *profile, const struct line *line)
{
    char build_id[SP_BUILD_ID_TEXT];
    size_t position = find_known(mappings, line, profile);
    if (!reserve((void **)&mappings->live.at, mappings->live.n, &mappings->live.capacity, sizeof(uint32_t)))
        return -ENOMEM;
    if (position == mappings->known.n) {
        if (!reserve((void **)&mappings->known.at, mappings->known.n, &mappings->known.capacity,
                     sizeof(struct sp_known_mapping)))
            return -ENOMEM;
        const uint32_t image = see(mappings, line, build_id);
        mappings->known.at[mappings->known.n++] = (struct sp_known_mapping){
            .mapping = {.start = line->start,
                        .limit = line->limit,
                        .file_offset = line->offset,
                        .file = sp_profile_string(profile, line->path),
                        .build_id = sp_profile_string(profile, build_id)},
            .index = SP_NONE,
            .major = line->major,
            .minor = line->minor,
            .inode = line->inode,
            .image = image,
            .is_without_file = is_without_file(line->path),
        };
    } else {
        see_again(mappings, &mappings->known.at[position], line, profile);
    }
    mappings->known.at[position].is_live = true;
    mappings->live.at[mappings->live.n++] = (uint32_t)position; /* maps is in order of addresses */
    return 0;
}

int sp_mappings_read_text(struct sp_mappings *mappings, struct sp_profile *profile, FILE *maps)
{
    char *text = NULL;
    size_t capacity = 0;
    int error = 0;
    bool is_first = true;
    while (error == 0 && getline(&text, &capacity, maps) > 0) {
        struct line line;
        if (is_first) { /* only now is it sure that there is something to read */
            for (size_t i = 0; i < mappings->live.n; i++)
                mappings->known.at[mappings->live.at[i]].is_live = false;
            mappings->live.n = 0;
            is_first = false;
        }
        if (parse_line(text, &line))
            error = take_line(mappings, profile, &line);
    }
    free(text);
    return error;
}

/* The profile's index of an equal mapping: of a process that was forked, or that was here before; or SP_NONE. */
static uint32_t find_equal(const struct sp_profile *profile, const struct sp_mapping *mapping)
{
    for (size_t i = 0; i < profile->mappings.n; i++) {
        const struct sp_mapping *at = &profile->mappings.at[i];
        if (at->start == mapping->start && at->limit == mapping->limit && at->file_offset == mapping->file_offset &&
            at->file == mapping->file && at->build_id == mapping->build_id)
            return (uint32_t)i;
    }
    return SP_NONE;
}

static uint32_t index_of(struct sp_known_mapping *known, struct sp_profile *profile)
{
    if (known->index == SP_NONE)
        known->index = find_equal(profile, &known->mapping);
    if (known->index == SP_NONE)
        known->index = sp_profile_add_mapping(profile, &known->mapping);
    return known->index;
}

static void find_executable(struct sp_mappings *mappings, struct sp_profile *profile)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)mappings->pid);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return;
    path[length] = '\0';
    mappings->executable = sp_profile_string(profile, path);
}

/* profile.proto: "the first mapping is the main binary". Only once there is a sample: exec(3) may still change it. */
static void add_executable_first(struct sp_mappings *mappings, struct sp_profile *profile)
{
    for (size_t i = 0; i < mappings->live.n && profile->mappings.n == 0; i++) {
        struct sp_known_mapping *known = &mappings->known.at[mappings->live.at[i]];
        if (known->mapping.file == mappings->executable)
            index_of(known, profile);
    }
}

int sp_mappings_read(struct sp_mappings *mappings, struct sp_profile *profile)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)mappings->pid);
    FILE *maps = fopen(path, "re");
    if (maps == NULL)
        return -errno;
    const int error = sp_mappings_read_text(mappings, profile, maps);
    fclose(maps);
    if (error == 0 && mappings->executable == 0)
        find_executable(mappings, profile);
    return error;
}

static uint32_t copy_string(struct sp_profile *profile, const struct sp_profile *theirs, uint32_t string)
{
    return profile == theirs ? string : sp_profile_string(profile, sp_profile_text(theirs, string));
}

int sp_mappings_copy(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_mappings *from,
                     const struct sp_profile *theirs)
{
    for (size_t i = 0; i < from->live.n; i++) {
        const struct sp_known_mapping *known = &from->known.at[from->live.at[i]];
        if (!reserve((void **)&mappings->known.at, i, &mappings->known.capacity, sizeof *mappings->known.at) ||
            !reserve((void **)&mappings->live.at, i, &mappings->live.capacity, sizeof *mappings->live.at))
            return -ENOMEM;
        struct sp_known_mapping copy = *known;
        copy.mapping.file = copy_string(profile, theirs, known->mapping.file);
        copy.mapping.build_id = copy_string(profile, theirs, known->mapping.build_id);
        copy.index = SP_NONE;
        if (mappings->images != from->images)
            copy.image = SP_NO_IMAGE;
        sp_images_share(mappings->images, copy.image);
        mappings->known.at[mappings->known.n++] = copy;
        mappings->live.at[mappings->live.n++] = (uint32_t)i;
    }
    mappings->executable = copy_string(profile, theirs, from->executable);
    return 0;
}

static bool holds(const struct sp_known_mapping *known, uint64_t address)
{
    return address >= known->mapping.start && address < known->mapping.limit;
}

/* The live mapping that holds `address`, or NULL. */
static struct sp_known_mapping *find_live(const struct sp_mappings *mappings, uint64_t address)
{
    size_t low = 0, high = mappings->live.n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        struct sp_known_mapping *known = &mappings->known.at[mappings->live.at[middle]];
        if (holds(known, address))
            return known;
        if (address < known->mapping.start)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

uint32_t sp_mappings_find(struct sp_mappings *mappings, struct sp_profile *profile, uint64_t address)
{
    if (profile->mappings.n == 0)
        add_executable_first(mappings, profile);
    if (mappings->last < mappings->known.n && mappings->known.at[mappings->last].is_live &&
        holds(&mappings->known.at[mappings->last], address))
        return index_of(&mappings->known.at[mappings->last], profile);
    struct sp_known_mapping *found = find_live(mappings, address);
    for (size_t i = mappings->known.n; found == NULL && i-- > 0;)
        if (holds(&mappings->known.at[i], address))
            found = &mappings->known.at[i];
    if (found == NULL)
        return SP_NONE;
    mappings->last = (uint32_t)(found - mappings->known.at);
    return index_of(found, profile);
}

void sp_mappings_release_files(struct sp_mappings *mappings)
{
    for (size_t i = 0; i < mappings->known.n && !mappings->has_released; i++)
        sp_images_release(mappings->images, mappings->known.at[i].image);
    mappings->has_released = true;
}

void sp_mappings_done(struct sp_mappings *mappings)
{
    sp_mappings_release_files(mappings);
    free(mappings->known.at);
    free(mappings->live.at);
    *mappings = (struct sp_mappings){0};
}
