/*
 * .eh_frame_hdr and .eh_frame: from an address to the entry that covers it.
 *
 * Place: handler, below cfi. Context: signal handler; no state, any number of calls overlap. Reads nothing outside of
 * the tables' bounds.
 *
 * Source: Linux Standard Base 5.0, Core, 10.6 "Exception Frames".
 */
#ifndef SIGPROF_HANDLER_EH_FRAME_H
#define SIGPROF_HANDLER_EH_FRAME_H

#include "handler/cfi.h"
#include "handler/table_reader.h"

#pragma GCC visibility push(hidden)

/* An entry (FDE) together with what its CIE says. */
struct sp_fde {
    uintptr_t begin, end; /* the addresses that it covers */
    struct sp_table_reader initial, program;
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t return_column;
    uint8_t pointer_encoding;
    bool has_augmentation_data;
    bool is_signal_frame;
    uint32_t scanned; /* entries that were looked at; also set where none is found */
};

/* Finds the entry that covers `pc`, by the sorted table of .eh_frame_hdr or, where there is none, one after another. */
enum sp_cfi_status sp_fde_find(const struct sp_tables *tables, uintptr_t pc, struct sp_fde *fde);

#pragma GCC visibility pop

#endif
