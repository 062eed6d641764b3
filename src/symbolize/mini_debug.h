/*
 * Minidebuginfo: a symbol table that distributions leave in stripped files, as an ELF file compressed with xz inside
 * the section .gnu_debugdata.
 *
 * Place on the way of a sample: under elf_symbols.c. Two files implement it: mini_debug_lzma.c, and mini_debug_none.c
 * where the build has no liblzma.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_MINI_DEBUG_H
#define SIGPROF_SYMBOLIZE_MINI_DEBUG_H

#include "symbolize/elf_image.h"

/* Whether this build reads minidebuginfo. */
extern const bool sp_mini_debug_is_read;

/*
 * Opens what is compressed in `image`. Returns 0 and `*mini`, -ENOENT when there is nothing or the build cannot read
 * it, -EBADMSG when it is damaged or larger than is sensible, -ENOMEM. Closed by sp_mini_debug_close.
 */
int sp_mini_debug_open(const struct sp_elf_image *image, struct sp_elf_image **mini);
void sp_mini_debug_close(struct sp_elf_image *mini);

#endif
