/* The FDEs of an image's .eh_frame, all of them, whether .eh_frame_hdr's table leads to them or not. */
#ifndef SIGPROF_TESTS_ENTRIES_H
#define SIGPROF_TESTS_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loaded_image.h"

/* The addresses that an FDE covers. */
struct entry_range {
    uintptr_t begin, end;
    bool is_shared; /* another FDE covers some of them too: which one is found is not said anywhere */
};

struct entry_list {
    struct entry_range *ranges; /* sorted */
    size_t n, capacity;
    size_t empty;      /* FDEs beside these that cover nothing */
    size_t unreadable; /* beside these: CIEs that are not understood, and what ends the list early */
};

/* 0, or -1 when memory is short. */
int entry_list_read(struct entry_list *list, const struct loaded_image *image);

void entry_list_done(struct entry_list *list);

#endif
