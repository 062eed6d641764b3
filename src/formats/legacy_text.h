/*
 * The legacy profiles that are text: of the heap, of contention, of threads, and Go's counts (goroutines and the like),
 * as gperftools, tcmalloc and /debug/pprof/NAME?debug=1 print them.
 *
 *     heap profile: 1: 16 [2: 32] @ heap/1048576        heap, also growth and fragmentation
 *     1: 16 [2: 32] @ 0x401000 0x402000
 *     --- mutex:                                        contention, also --- contention: and --- contentionz N ---
 *     cycles/second=2000000000
 *     sampling period=1
 *     2000 3 @ 0x401000 0x402000
 *     goroutine profile: total 3                        counts
 *     3 @ 0x401000 0x402000
 *     --- threadz 1 ---                                 threads
 *     --- Thread 7f00 (name: worker/12) stack: ---
 *       0x401000 0x402000
 *     MAPPED_LIBRARIES:                                 at the end of any of them, or --- Memory map: ---
 *
 * Place on the way of a sample: see formats.h. Here is also what the readers of the kinds share.
 * Context: ordinary code.
 * Source: google/pprof, profile/legacy_profile.go.
 */
#ifndef SIGPROF_FORMATS_LEGACY_TEXT_H
#define SIGPROF_FORMATS_LEGACY_TEXT_H

#include "formats/formats.h"
#include "formats/id_map.h"
#include "formats/text_lines.h"

extern const struct sp_format sp_format_legacy_text;

struct sp_legacy_text {
    struct sp_lines lines;
    struct sp_span line; /* the current one, without white space around it */
    bool at_end;         /* there is none */
    struct sp_profile *profile;
    struct sp_id_map locations; /* by address; that of 0 is: */
    uint32_t location_of_0;
    uint32_t *stack; /* of the sample that is being read, the leaf first */
    size_t n_stack, stack_capacity;
    const char *wrong; /* NULL, or what is wrong with the current line */
};

/* Takes the next line. */
void sp_legacy_text_next(struct sp_legacy_text *text);
/* Takes lines until one is neither empty nor a comment; the current one counts. */
void sp_legacy_text_skip_comments(struct sp_legacy_text *text);
/* Whether the current line begins the memory map. */
bool sp_legacy_text_is_map(const struct sp_legacy_text *text);
/* Records what is wrong with the current line, unless something is already. */
void sp_legacy_text_fail(struct sp_legacy_text *text, const char *wrong);
/*
 * Appends the addresses of `list`, which begin with 0x, to the stack: return addresses, of which one is taken off, but
 * for the leaf's where `has_leaf`.
 */
void sp_legacy_text_add_addresses(struct sp_legacy_text *text, struct sp_span list, bool has_leaf);
/* Towards zero, and to the limits what is beyond them. */
int64_t sp_legacy_text_round(double value);

/* Takes from the beginning of a line; false, and nothing is taken, when it is not there. Blanks before it are skipped.
 */
bool sp_legacy_take_text(struct sp_span *line, const char *text);
bool sp_take_whole(struct sp_span *line, int64_t *value);

/* The readers of the kinds: the current line is the first. */
void sp_legacy_text_heap(struct sp_legacy_text *text);
void sp_legacy_text_contention(struct sp_legacy_text *text);
void sp_legacy_text_counts(struct sp_legacy_text *text);
void sp_legacy_text_threads(struct sp_legacy_text *text);

/* The frames that pprof takes out of such profiles: of the profiler itself. */
extern const char sp_legacy_alloc_frames[], sp_legacy_alloc_kept_frames[], sp_legacy_lock_frames[],
    sp_legacy_cpu_frames[];

#endif
