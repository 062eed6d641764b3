/*
 * Minidebuginfo in a build without liblzma: none. See mini_debug.h.
 *
 * Context: ordinary code.
 */
#include "symbolize/mini_debug.h"

#include <errno.h>

const bool sp_mini_debug_is_read = false;

int sp_mini_debug_open(const struct sp_elf_image *image, struct sp_elf_image **mini)
{
    (void)image;
    (void)mini;
    return -ENOENT;
}

void sp_mini_debug_close(struct sp_elf_image *mini)
{
    (void)mini;
}
