/*
 * Where a module's file is, and the file with its DWARF: the same, or one beside it.
 *
 * Place on the way of a sample: the sources of symbols ask it when they open a module. It alone knows the directories.
 * Context: ordinary code; one image by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DEBUG_FILE_H
#define SIGPROF_SYMBOLIZE_DEBUG_FILE_H

#include "symbolize/debug_places.h"
#include "symbolize/elf_image.h"

struct sp_module_id;

/*
 * Where a module's image was found: `path`, which is the end of the module's, below `root`, as in struct
 * sp_found_image.
 */
struct sp_image_place {
    int root;
    const char *path;
};

/*
 * Opens a module's own file, by what `places` knows of it or by its path; or, by its build id, from
 * DIRECTORY/.build-id/xx/yyy; or fetches it; or opens its debug file instead. 0, `*image`,
 * which is closed by sp_elf_image_close, and `*place`; or -ESTALE: its build id is not the module's; or an error of
 * sp_elf_image_open_file.
 */
int sp_module_image_open(struct sp_elf_image *image, struct sp_image_place *place, const struct sp_module_id *id,
                         const struct sp_debug_places *places);

/*
 * Opens what has the debug data of `image`, which was found at `place`. In this order: the file itself; by build id
 * DIRECTORY/.build-id/xx/yyy.debug in all directories; by .gnu_debuglink NAME: in the file's directory, in its .debug/,
 * and in each directory followed by the file's. The directories are those of `places`, then /usr/lib/debug of the
 * place's root, then ours. Then it is fetched.
 * A file found by build id must have that build id. One found by name must have the CRC that the link says, at most
 * 4 GiB, and no other build id. Returns 0 and whether it is another file than `image`, which then is `*debug` and is
 * closed by sp_elf_image_close; or -ENOENT; -ESTALE when there was only a file of another build; -ENOMEM.
 */
int sp_debug_file_open(struct sp_elf_image *debug, bool *is_separate, const struct sp_elf_image *image,
                       const struct sp_image_place *place, const struct sp_debug_places *places);

/* The part of it that goes by a build id (in hex): for files that debug data refers to so. 0, -ENOENT, -ESTALE,
 * -ENOMEM. */
int sp_debug_file_open_by_build_id(struct sp_elf_image *debug, const char *build_id, const struct sp_image_place *place,
                                   const struct sp_debug_places *places);

/* The directories of debug files, in the order in which they are asked, for what else is laid out like that. */
size_t sp_debug_n_directories(const struct sp_debug_places *places);
struct sp_image_place sp_debug_directory(const struct sp_debug_places *places, int root, size_t i);

#endif
