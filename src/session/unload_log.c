/*
 * A ring of words, whose reader may be another process, and slow, and gone.
 *
 * Place and context: see unload_log.h. Nobody waits for the reader. The ring's pages are reserved with the first entry,
 * as most programs never unload anything; a page that cannot be had must not be touched, as it would be a SIGBUS.
 */
#include "session/unload_log.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; headers of Debian 11 lack it */
#endif

enum {
    ENTRY_WORDS_LIMIT = SP_UNLOAD_HEAD_WORDS + 3 * SP_UNLOAD_PARTS + (SP_BUILD_ID_BYTES + SP_UNLOAD_PATH_BYTES) / 8
};

void sp_unload_log_give_up(const struct sp_segment *segment, uint64_t until)
{
    struct sp_unload_log *log = &segment->header->unloads;
    uint64_t known = sp_load_relaxed(&log->untold_until);
    while (known < until && !sp_cas_seq_cst(&log->untold_until, &known, until))
        ;
    sp_add_seq_cst(&log->untold, (uint64_t)1);
}

/* Where the kernel does not know the advice (before 5.14), the whole segment was reserved when it was made. */
static bool is_present(const struct sp_segment *segment)
{
    struct sp_unload_log *log = &segment->header->unloads;
    if (sp_load_relaxed(&log->is_present) != 0)
        return true;
    const size_t bytes = SP_UNLOAD_WORDS * sizeof(uint64_t);
    const int saved = errno;
    const bool is_had = madvise(sp_segment_unloads(segment), bytes, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
    errno = saved;
    if (is_had)
        sp_store_relaxed(&log->is_present, 1u);
    return is_had;
}

static uint32_t words_of(uint32_t bytes)
{
    return (bytes + 7) / 8;
}

/* The object as an entry: its length in words. */
static uint32_t put_together(uint64_t *entry, const struct sp_unloaded_object *object, enum sp_unload_kind kind,
                             uint64_t from, uint64_t until)
{
    const uint32_t path_bytes = (uint32_t)strnlen(object->path, sizeof object->path);
    uint64_t *at = entry + SP_UNLOAD_HEAD_WORDS;
    for (uint32_t i = 0; i < object->n_parts; i++) {
        *at++ = object->parts[i].start;
        *at++ = object->parts[i].limit;
        *at++ = object->parts[i].file_offset;
    }
    memcpy(at, object->build_id, object->build_id_bytes);
    at += words_of(object->build_id_bytes);
    memcpy(at, object->path, path_bytes);
    at += words_of(path_bytes);
    const uint64_t length = (uint64_t)(at - entry);
    entry[0] = length | (uint64_t)object->n_parts << 16 | (uint64_t)object->build_id_bytes << 24 |
               (uint64_t)kind << 32 | (uint64_t)path_bytes << 48;
    entry[1] = from;
    entry[2] = until;
    return (uint32_t)length;
}

void sp_unload_log_write(const struct sp_segment *segment, const struct sp_unloaded_object *object,
                         enum sp_unload_kind kind, uint64_t from, uint64_t until)
{
    struct sp_unload_log *log = &segment->header->unloads;
    uint64_t entry[ENTRY_WORDS_LIMIT] = {0};
    const uint32_t length = put_together(entry, object, kind, from, until);
    const uint64_t written = sp_load_relaxed(&log->written), taken = sp_load_acquire(&log->taken);
    if (written - taken > SP_UNLOAD_WORDS - length || !is_present(segment)) {
        sp_unload_log_give_up(segment, until);
        return;
    }
    uint64_t *ring = sp_segment_unloads(segment);
    for (uint32_t i = 0; i < length; i++)
        ring[(written + i) % SP_UNLOAD_WORDS] = entry[i];
    sp_store_release(&log->written, written + length);
}
