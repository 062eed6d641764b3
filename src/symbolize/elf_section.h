/*
 * Small sections of an ELF image by name: links from one file to another.
 *
 * Place on the way of a sample: under debug_file.c and dwarf_alternate.c, above libelf.
 * Context: ordinary code; one image by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_ELF_SECTION_H
#define SIGPROF_SYMBOLIZE_ELF_SECTION_H

#include "symbolize/elf_image.h"
#include "util/reader.h"

/*
 * A reader of the first section `name` that has bytes, and no more than `max`; they belong to the image. False when
 * there is none.
 */
bool sp_elf_section_read(const struct sp_elf_image *image, const char *name, size_t max, struct sp_reader *reader);

/* The text that comes next, or NULL when it has no end. */
const char *sp_elf_section_text(struct sp_reader *reader);

#endif
