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
#include "util/room.h"

/* Behind the path of a file that has been removed. */
static const char deleted[] = " (deleted)";

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

static void read_build_id(const struct line *line, pid_t pid, char text[SP_BUILD_ID_TEXT])
{
    const struct sp_mapped_file file = file_of(line, pid);
    bool is_by_path;
    const int fd = sp_mapped_file_open(&file, &is_by_path);
    text[0] = '\0';
    if (fd < 0)
        return;
    sp_build_id_of_open_file(fd, text);
    close(fd);
}

/* The file of a mapping: its number among the images, and its build id. */
static uint32_t see_file(const struct sp_mappings *mappings, const struct line *line, char text[SP_BUILD_ID_TEXT])
{
    const struct sp_mapped_file file = file_of(line, mappings->pid);
    if (mappings->images != NULL && !mappings->has_released)
        return sp_images_see(mappings->images, &file, text);
    read_build_id(line, mappings->pid, text);
    return SP_NO_IMAGE;
}

/* A known file is mapped still. */
static void see_again(const struct sp_mappings *mappings, const struct sp_known_mapping *known, const struct line *line,
                      const struct sp_profile *profile)
{
    const struct sp_mapped_file file = file_of(line, mappings->pid);
    if (strcmp(sp_profile_text(profile, known->mapping.file), line->path) != 0)
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

/* Of files that are no image, a path that was removed tells that the code is made at run time. */
bool sp_mappings_is_path_of(const struct sp_known_mapping *known, const char *path, const struct sp_profile *profile)
{
    const char *known_path = sp_profile_text(profile, known->mapping.file);
    const size_t length = strlen(known_path);
    if (strncmp(known_path, path, length) != 0)
        return false;
    return path[length] == '\0' || (known->image != SP_NO_IMAGE && strcmp(path + length, deleted) == 0);
}

/* Of what only the log has told, the file is not known. */
static bool is_same(const struct sp_known_mapping *known, const struct line *line, const struct sp_profile *profile)
{
    const bool is_same_file = known->inode == line->inode && known->major == line->major && known->minor == line->minor;
    return known->mapping.start == line->start && known->mapping.limit == line->limit &&
           known->mapping.file_offset == line->offset && (is_same_file || known->reading == 0) &&
           sp_mappings_is_path_of(known, line->path, profile);
}

static bool has_build_id(const struct sp_known_mapping *known, const struct sp_profile *profile, const char *build_id)
{
    return strcmp(sp_profile_text(profile, known->mapping.build_id), build_id) == 0;
}

/*
 * The newest known mapping that is the line's, or known.n. What was unloaded and is there again may be another build,
 * written into the same file.
 */
static size_t find_known(const struct sp_mappings *mappings, const struct line *line, const struct sp_profile *profile)
{
    char build_id[SP_BUILD_ID_TEXT];
    bool is_read = false;
    for (size_t i = mappings->known.n; i-- > 0;) {
        const struct sp_known_mapping *known = &mappings->known.at[i];
        if (!is_same(known, line, profile))
            continue;
        const bool is_doubtful = known->is_departed || known->reading == 0;
        if (is_doubtful && !is_read)
            read_build_id(line, mappings->pid, build_id);
        is_read |= is_doubtful;
        if (!is_doubtful || has_build_id(known, profile, build_id))
            return i;
    }
    return mappings->known.n;
}

static bool overlaps(const struct sp_known_mapping *known, uint64_t start, uint64_t limit)
{
    return known->mapping.start < limit && start < known->mapping.limit;
}

/* Whether the last reading had something else where the line is, of which nobody has told that it was unloaded. */
static bool replaces_another(const struct sp_mappings *mappings, const struct line *line,
                             const struct sp_profile *profile)
{
    for (size_t i = 0; i < mappings->known.n; i++) {
        const struct sp_known_mapping *known = &mappings->known.at[i];
        if (known->reading != 0 && known->reading + 1 == mappings->reading && !known->is_departed &&
            overlaps(known, line->start, line->limit) &&
            (known->inode != line->inode || !sp_mappings_is_path_of(known, line->path, profile)))
            return true;
    }
    return false;
}

struct sp_known_mapping *sp_mappings_add_known(struct sp_mappings *mappings)
{
    if (!sp_make_room((void **)&mappings->known.at, mappings->known.n, &mappings->known.capacity,
                      sizeof(struct sp_known_mapping)))
        return NULL;
    return &mappings->known.at[mappings->known.n++];
}

bool sp_mappings_make_live(struct sp_mappings *mappings, uint32_t position)
{
    if (!sp_make_room((void **)&mappings->live.at, mappings->live.n, &mappings->live.capacity, sizeof(uint32_t)))
        return false;
    mappings->known.at[position].is_live = true;
    mappings->live.at[mappings->live.n++] = position;
    return true;
}

static struct sp_known_mapping *learn_line(struct sp_mappings *mappings, struct sp_profile *profile,
                                           const struct line *line)
{
    char build_id[SP_BUILD_ID_TEXT];
    struct sp_known_mapping *known = sp_mappings_add_known(mappings);
    if (known == NULL)
        return NULL;
    const uint32_t image = see(mappings, line, build_id);
    *known = (struct sp_known_mapping){
        .mapping = {.start = line->start,
                    .limit = line->limit,
                    .file_offset = line->offset,
                    .file = sp_profile_string(profile, line->path),
                    .build_id = sp_profile_string(profile, build_id)},
        .index = SP_NONE,
        .image = image,
        .is_using = image != SP_NO_IMAGE,
        .is_lasting = mappings->reading == 1,
        .is_without_file = is_without_file(line->path),
    };
    return known;
}

/* A known mapping is in the reading, too: its file may be new to us, as only the log has told of it, or come again. */
static void see_known(struct sp_mappings *mappings, struct sp_known_mapping *known, const struct line *line,
                      const struct sp_profile *profile)
{
    char build_id[SP_BUILD_ID_TEXT];
    if (mappings->has_released)
        return;
    if (known->is_using) {
        see_again(mappings, known, line, profile);
    } else if (known->reading == 0 || known->image != SP_NO_IMAGE) {
        known->image = see(mappings, line, build_id);
        known->is_using = known->image != SP_NO_IMAGE;
    }
}

static int take_line(struct sp_mappings *mappings, struct sp_profile *profile, const struct line *line)
{
    const size_t position = find_known(mappings, line, profile);
    const bool is_known = position < mappings->known.n;
    struct sp_known_mapping *known = is_known ? &mappings->known.at[position] : learn_line(mappings, profile, line);
    if (known == NULL || !sp_mappings_make_live(mappings, (uint32_t)position)) /* maps is in order of addresses */
        return -ENOMEM;
    if (is_known)
        see_known(mappings, known, line, profile);
    if (known->reading == 0 || known->reading + 1 != mappings->reading || known->is_departed) {
        known->came_in = mappings->drain;
        known->is_replacing = replaces_another(mappings, line, profile);
    }
    known->major = line->major;
    known->minor = line->minor;
    known->inode = line->inode;
    known->reading = mappings->reading;
    known->is_departed = false;
    return 0;
}

/* Nothing is live until the next reading has it. */
static void end_reading(struct sp_mappings *mappings)
{
    for (size_t i = 0; i < mappings->live.n; i++) {
        struct sp_known_mapping *known = &mappings->known.at[mappings->live.at[i]];
        known->is_live = false;
        known->left_in = mappings->drain;
    }
    mappings->live.n = 0;
}

void sp_mappings_let_go(const struct sp_mappings *mappings, struct sp_known_mapping *known)
{
    if (known->is_using)
        sp_images_release(mappings->images, known->image);
    known->is_using = false;
}

/* Files that the reading has not are mapped no more. */
static void let_go_of_gone(struct sp_mappings *mappings)
{
    for (size_t i = 0; i < mappings->known.n; i++)
        if (!mappings->known.at[i].is_live)
            sp_mappings_let_go(mappings, &mappings->known.at[i]);
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
            end_reading(mappings);
            mappings->reading++;
            mappings->read_after = mappings->epoch;
            mappings->read_before = UINT64_MAX;
            is_first = false;
        }
        if (parse_line(text, &line))
            error = take_line(mappings, profile, &line);
    }
    free(text);
    if (error == 0)
        let_go_of_gone(mappings);
    return error;
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

void sp_mappings_release_files(struct sp_mappings *mappings)
{
    for (size_t i = 0; i < mappings->known.n; i++)
        sp_mappings_let_go(mappings, &mappings->known.at[i]);
    mappings->has_released = true;
}

void sp_mappings_done(struct sp_mappings *mappings)
{
    sp_mappings_release_files(mappings);
    free(mappings->known.at);
    free(mappings->live.at);
    sp_departures_done(&mappings->departures);
    *mappings = (struct sp_mappings){0};
}
