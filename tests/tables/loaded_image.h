/*
 * An ELF file in memory at the relative places that a loader gives its segments, readable only: what the handler would
 * see of its unwind tables, without running a line of it.
 */
#ifndef SIGPROF_TESTS_LOADED_IMAGE_H
#define SIGPROF_TESTS_LOADED_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libelf.h>

#include "handler/cfi.h"

/* Why a file has nothing to compare. */
enum image_status {
    IMAGE_READY = 0,
    IMAGE_NOT_ELF,     /* or cannot be read */
    IMAGE_NOT_LOADED,  /* a relocatable file, or no segments: nothing maps it as it is */
    IMAGE_OTHER_CPU,   /* not the one that this program was compiled for */
    IMAGE_NO_HEADER,   /* no .eh_frame_hdr: the handler has no tables there */
    IMAGE_NO_CONTENTS, /* the segments are there, their bytes are not: a file of debug information */
    IMAGE_SPLIT,       /* .eh_frame is in another segment than .eh_frame_hdr */
    IMAGE_STATUSES
};

struct loaded_image {
    int fd;
    Elf *elf;
    char *at; /* reserved memory */
    size_t bytes;
    uintptr_t base;          /* what is added to an address of the file */
    struct sp_tables tables; /* low and high: the segment's bytes in the file */
    uintptr_t frames;        /* .eh_frame [frames, frames_end) */
    uintptr_t frames_end;    /* where there are no section headers, that of the segment */
    bool has_sections;
};

/* `path` "vdso" stands for the one that the kernel has mapped here. An image that is not IMAGE_READY holds nothing. */
enum image_status loaded_image_load(struct loaded_image *image, const char *path);

/* Makes .eh_frame_hdr say that it has no search table, as linkers write it when they do not understand an FDE. */
void loaded_image_drop_index(struct loaded_image *image);

void loaded_image_done(struct loaded_image *image);

#endif
