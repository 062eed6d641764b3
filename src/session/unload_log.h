/*
 * Writing the log of unloaded objects: struct sp_unload_log has what it is for and how it looks.
 *
 * Place: session, beside the handlers; the collector reads it. Context: ordinary code, one writer at a time.
 */
#ifndef SIGPROF_SESSION_UNLOAD_LOG_H
#define SIGPROF_SESSION_UNLOAD_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "handler/segment.h"

/* What of an object is executable, in whole pages. */
struct sp_unloaded_part {
    uint64_t start, limit, file_offset;
};

/* An object as it is, or was, loaded. */
struct sp_unloaded_object {
    uint32_t n_parts, build_id_bytes;
    struct sp_unloaded_part parts[SP_UNLOAD_PARTS];
    uint8_t build_id[SP_BUILD_ID_BYTES];
    char path[SP_UNLOAD_PATH_BYTES]; /* "": not known for sure */
};

/*
 * Tells of `object`. What is gone was there in epoch `from` and is not there when epoch `until` begins. What is present
 * is there in epoch `from`. Where there is no room, that is told.
 */
void sp_unload_log_write(const struct sp_segment *segment, const struct sp_unloaded_object *object,
                         enum sp_unload_kind kind, uint64_t from, uint64_t until);

/* Tells that before epoch `until` anything may have been unloaded. Any thread, at any time. */
void sp_unload_log_give_up(const struct sp_segment *segment, uint64_t until);

#endif
