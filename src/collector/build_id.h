/*
 * The GNU build id of an ELF image.
 *
 * Place: collector. Context: ordinary code. The files are foreign: every field is checked against the image's bounds.
 */
#ifndef SIGPROF_COLLECTOR_BUILD_ID_H
#define SIGPROF_COLLECTOR_BUILD_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a build id in hex, up to 32 bytes, and a NUL. */
enum { SP_BUILD_ID_TEXT = 65 };

/*
 * Stores the build id of the open regular file in lower-case hex; "" when it has none or cannot be read. Returns
 * whether it is an ELF file.
 */
bool sp_build_id_of_open_file(int fd, char text[SP_BUILD_ID_TEXT]);

/* The same for an image in memory, for example the vDSO's, of at most `size` bytes. */
void sp_build_id_of_image(const void *image, size_t size, char text[SP_BUILD_ID_TEXT]);

/* n bytes, at most 32, as text. */
void sp_build_id_to_text(const uint8_t *bytes, size_t n, char text[SP_BUILD_ID_TEXT]);

#endif
