/*
 * Makes and unmakes the memory of a segment.
 *
 * Place: session. Context: ordinary code, while no session runs.
 */
#ifndef SIGPROF_SESSION_SEGMENT_MEMORY_H
#define SIGPROF_SESSION_SEGMENT_MEMORY_H

#include "handler/segment.h"

/*
 * Maps a segment of `geometry` (laid out) with every page present but those of slots not ready yet, and fills in its
 * header. `memfd` NULL: private.
 * Otherwise shared, and the file's descriptor, sealed against changes of size, is stored there (close-on-exec, the
 * caller's to close). Returns 0 with `*segment` set, or -errno; -ENOMEM when the memory cannot be had for real.
 */
int sp_segment_create(const struct sp_geometry *geometry, int *memfd, struct sp_segment *segment);

/* Unmaps; `segment->header` becomes NULL. Does nothing when it is. */
void sp_segment_destroy(struct sp_segment *segment);

#endif
