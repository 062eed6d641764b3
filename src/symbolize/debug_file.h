/*
 * Where the DWARF of a program or library is: in the file itself, or in one beside it.
 *
 * Place on the way of a sample: dwarf_source.c asks it when it opens a module. It alone knows the directories.
 * Context: ordinary code; one image by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DEBUG_FILE_H
#define SIGPROF_SYMBOLIZE_DEBUG_FILE_H

#include "symbolize/elf_image.h"

/*
 * Opens what has the debug data of `image`, which was opened from `path`. In this order: the file itself; by build id
 * /usr/lib/debug/.build-id/xx/yyy.debug; by .gnu_debuglink NAME: in the file's directory, in its .debug/, and in
 * /usr/lib/debug followed by that directory.
 * A file found by build id must have that build id. One found by name must have the CRC that the link says, and no
 * other build id. Returns 0, `*debug`, which is closed by sp_elf_image_close, and whether it is another file
 * than `path`; or -ENOENT; -ESTALE when there was only a file of another build; -ENOMEM.
 */
int sp_debug_file_open(struct sp_elf_image *debug, bool *is_separate, const struct sp_elf_image *image,
                       const char *path);

#endif
