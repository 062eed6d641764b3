/*
 * The files of programs and libraries, kept within reach while they are mapped, for whoever names their functions when
 * the processes are gone.
 *
 * Place: collector; mappings.c shows each file that it sees, symbolize asks in the end, through the one who owns both.
 *
 * A file is known by what the kernel says of the mapping: device, inode, path. It is opened once, at first sight,
 * however many processes map it, and then is one of these:
 *
 *   held       an open descriptor: whatever becomes of the path, this is the file
 *   reachable  no descriptor; its path led to it, and is believed as long as the file there is the same and unchanged
 *   lost       nothing led to it: its path is not believed, unless it turns out to lead there after all
 *
 * A descriptor keeps a file system busy, and the program that is recorded may want to unmount it; and on NFS and the
 * like it keeps a removed file in its directory, under another name. As long as a process has the file mapped, that is
 * nothing new. Then, a file becomes *reachable*
 *   - where it is on such a remote file system, and its path led to it
 *   - where its path leads to it still, and its mount is not one of those that were there before us.
 * Where its path never served, in another mount namespace, a copy in memory is held instead, up to a size. It stays
 * held itself where it is without a name. There is a limit for descriptors; below it, files that only their descriptor
 * leads to come first.
 *
 * Context: ordinary code, one thread at a time, but for sp_images_find.
 */
#ifndef SIGPROF_COLLECTOR_IMAGES_H
#define SIGPROF_COLLECTOR_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/build_id.h"
#include "collector/mapped_file.h"
#include "util/found_image.h"

#define SP_NO_IMAGE UINT32_MAX

struct sp_images;

struct sp_images_limits {
    size_t held;     /* descriptors, at most */
    bool is_sparing; /* a file is held only where its path does not lead to it */
    int lowest;      /* descriptors are this or above, where the process may have such; 0: any */
};

/* Notes which mounts there are. NULL without memory. */
struct sp_images *sp_images_new(const struct sp_images_limits *limits);
void sp_images_free(struct sp_images *images);

/*
 * The number of the file of a mapping that is there now, which counts as a user of it until sp_images_release, and its
 * build id ("": none). SP_NO_IMAGE, and "", for what is no ELF file, and without memory.
 */
uint32_t sp_images_see(struct sp_images *images, const struct sp_mapped_file *file, char build_id[SP_BUILD_ID_TEXT]);

/* Tells that the path of a known file no longer leads to it: now is the time to get hold of it, if that was not done.
 */
void sp_images_lost_path(struct sp_images *images, uint32_t number, const struct sp_mapped_file *file);

/* One more user of it, and one less. The number stays good. SP_NO_IMAGE is fine. */
void sp_images_share(struct sp_images *images, uint32_t number);
void sp_images_release(struct sp_images *images, uint32_t number);

/*
 * An sp_find_image: `user` is a const struct sp_images *, which nobody changes meanwhile. -ESTALE also where there were
 * several files of that path without a build id.
 */
int sp_images_find(const void *user, const char *path, const char *build_id, struct sp_found_image *found);

/* How many descriptors are open. */
size_t sp_images_held(const struct sp_images *images);

#endif
