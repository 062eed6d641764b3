/*
 * Words of a ring that another process writes, and may have overwritten with anything.
 *
 * Place and context: see unloads.h. The position is the reader's own; an entry is copied before it is looked at. What
 * makes no sense ends the reading, as the start of the next entry cannot be known, and is a gap.
 */
#include "collector/unloads.h"

#include <string.h>

enum {
    ENTRY_WORDS_LIMIT =
        SP_UNLOAD_HEAD_WORDS + 3 * SP_UNLOAD_PARTS + (SP_BUILD_ID_BYTES + SP_UNLOAD_PATH_BYTES) / (int)sizeof(uint64_t)
};

static void copy_words(const struct sp_segment *segment, uint64_t at, uint64_t *words, uint32_t n)
{
    const volatile uint64_t *ring = sp_segment_unloads(segment);
    for (uint32_t i = 0; i < n; i++)
        words[i] = ring[(at + i) % SP_UNLOAD_WORDS];
}

/* The numbers of an entry's word 0. */
struct entry_head {
    uint32_t length, n_parts, build_id_bytes, path_bytes, kind;
};

static struct entry_head head_of(uint64_t word)
{
    return (struct entry_head){.length = (uint32_t)word & 0xffff,
                               .n_parts = (uint32_t)(word >> 16) & 0xff,
                               .build_id_bytes = (uint32_t)(word >> 24) & 0xff,
                               .path_bytes = (uint32_t)(word >> 48),
                               .kind = (uint32_t)(word >> 32) & 0xff};
}

static uint32_t words_of(uint32_t bytes)
{
    return (bytes + 7) / 8;
}

static bool is_sound(const struct entry_head *head)
{
    return head->n_parts <= SP_UNLOAD_PARTS && head->build_id_bytes <= SP_BUILD_ID_BYTES &&
           head->path_bytes <= SP_UNLOAD_PATH_BYTES && head->kind < SP_UNLOAD_KINDS &&
           head->length ==
               SP_UNLOAD_HEAD_WORDS + 3 * head->n_parts + words_of(head->build_id_bytes) + words_of(head->path_bytes);
}

static bool read_parts(const uint64_t *words, const struct entry_head *head, struct sp_unload *unload)
{
    unload->n_parts = head->n_parts;
    for (uint32_t i = 0; i < head->n_parts; i++, words += 3) {
        unload->parts[i].start = words[0];
        unload->parts[i].limit = words[1];
        unload->parts[i].file_offset = words[2];
        if (words[0] >= words[1])
            return false;
    }
    return true;
}

static void read_texts(const uint64_t *words, const struct entry_head *head, struct sp_unload *unload)
{
    sp_build_id_to_text((const uint8_t *)words, head->build_id_bytes, unload->build_id);
    memcpy(unload->path, words + words_of(head->build_id_bytes), head->path_bytes);
    unload->path[head->path_bytes] = '\0';
}

/* Reads the entry at `at`, behind which `room` words are written: its length in words, 0 when it makes no sense. */
static uint32_t read_entry(const struct sp_segment *segment, uint64_t at, uint64_t room, struct sp_unload *unload)
{
    uint64_t words[ENTRY_WORDS_LIMIT];
    copy_words(segment, at, words, 1);
    const struct entry_head head = head_of(words[0]);
    if (!is_sound(&head) || head.length > room)
        return 0;
    copy_words(segment, at + 1, words + 1, head.length - 1);
    unload->kind = (enum sp_unload_kind)head.kind;
    unload->from = words[1];
    unload->until = words[2];
    const uint64_t *rest = words + SP_UNLOAD_HEAD_WORDS;
    if (unload->from >= unload->until || !read_parts(rest, &head, unload))
        return 0;
    read_texts(rest + 3 * (size_t)head.n_parts, &head, unload);
    return head.length;
}

/* Whether all that is written made sense. */
static bool take_entries(const struct sp_segment *segment, struct sp_unload_reader *reader, sp_take_unload *take,
                         void *user)
{
    struct sp_unload_log *log = &segment->header->unloads;
    const uint64_t written = sp_load_acquire(&log->written);
    bool is_sane = written - reader->taken <= SP_UNLOAD_WORDS;
    while (is_sane && reader->taken != written) {
        struct sp_unload unload;
        const uint32_t length = read_entry(segment, reader->taken, written - reader->taken, &unload);
        is_sane = length != 0;
        if (is_sane)
            take(user, &unload);
        reader->taken += length;
    }
    reader->taken = written;
    sp_store_release(&log->taken, written);
    return is_sane;
}

struct sp_unload_state sp_unloads_take(const struct sp_segment *segment, struct sp_unload_reader *reader,
                                       sp_take_unload *take, void *user)
{
    struct sp_unload_log *log = &segment->header->unloads;
    struct sp_unload_state state = {.is_open = sp_load_acquire(&log->open) != 0};
    const bool is_sane = take_entries(segment, reader, take, user);
    const uint64_t untold = sp_load_seq_cst(&log->untold), unknown_until = sp_load_seq_cst(&log->untold_until);
    state.epoch = sp_load_acquire(&log->epoch);
    state.is_gap = !is_sane || untold != reader->untold;
    state.unknown_until = !is_sane || unknown_until > state.epoch + 1 ? state.epoch + 1 : unknown_until;
    state.untold = untold - reader->untold + !is_sane;
    reader->untold = untold;
    return state;
}
