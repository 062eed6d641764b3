/*
 * Writes a profile as folded stacks.
 *
 * Place on the way of a sample: profile → *this* → file; folded.h shows a line. Stacks that read the same become one
 * line, where the first of them stood; those whose values add up to zero are left out.
 *
 * Representation: a frame is a text, with a number that is found once for each location. Equal stacks are found by a
 * hash of these numbers, over samples; nothing is kept of a stack but its first sample.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/folded.h"
#include "formats/location_frames.h"
#include "profile/index.h"
#include "util/hash.h"
#include "util/room.h"

/* A text in `names`, NUL behind it. */
struct frame_text {
    size_t start, length;
};

struct stack {
    uint32_t sample; /* the first of those that read so */
    int64_t value;
};

struct writer {
    const struct sp_profile *profile;
    struct sp_location_frames frames;
    struct frame_text *texts;
    size_t n_texts, texts_room;
    struct sp_bytes names;
    struct sp_index *text_index, *stack_index;
    uint32_t *known; /* [strings.n]: the text of a function of that name + 1 */
    struct stack *stacks;
    size_t n_stacks;
};

/* A semicolon would part the name in two, and a control character might end the line. */
static void put_clean(struct sp_bytes *to, const char *text, size_t n)
{
    if (!sp_bytes_reserve(to, n))
        return;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        to->at[to->n++] = c == ';' ? ':' : c < 0x20 || c == 0x7f ? ' ' : c;
    }
}

/* The number of the text that was put at the end of `names` from `start` on: an equal one's, or a new one. */
static uint32_t intern_text(struct writer *writer, size_t start)
{
    const char *names = (const char *)writer->names.at;
    const size_t length = writer->names.n - start;
    const uint64_t hash = sp_hash_bytes(sp_hash_seed(), names + start, length);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(writer->text_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(writer->text_index, &probe)) {
        const struct frame_text *text = &writer->texts[i];
        if (text->length == length && memcmp(names + text->start, names + start, length) == 0) {
            writer->names.n = start;
            return i;
        }
    }
    void *texts = writer->texts;
    const bool has_room = sp_make_room(&texts, writer->n_texts, &writer->texts_room, sizeof *writer->texts);
    writer->texts = texts;
    if (!has_room || sp_index_put(writer->text_index, hash, (uint32_t)writer->n_texts) != 0)
        return SP_NONE;
    writer->texts[writer->n_texts] = (struct frame_text){start, length};
    return (uint32_t)writer->n_texts++;
}

/* The name's number; those of functions are remembered by the string. */
static uint32_t intern_frame(void *user, const struct sp_frame_place *place)
{
    struct writer *writer = user;
    char buffer[SP_FRAME_NAME_BYTES];
    const uint32_t function = place->line != NULL ? place->line->function : SP_NONE;
    const uint32_t string = function != SP_NONE ? writer->profile->functions.at[function].name : 0;
    if (string != 0 && writer->known[string] != 0)
        return writer->known[string] - 1;
    const struct sp_frame_name name = sp_frame_name(writer->profile, place, buffer);
    const size_t start = writer->names.n;
    put_clean(&writer->names, name.open, strlen(name.open));
    put_clean(&writer->names, name.text, name.length);
    put_clean(&writer->names, name.close, strlen(name.close));
    const uint32_t text = writer->names.error == 0 ? intern_text(writer, start) : SP_NONE;
    if (string != 0 && text != SP_NONE)
        writer->known[string] = text + 1;
    return text;
}

static uint64_t hash_stack(const struct writer *writer, size_t sample)
{
    struct sp_frame_walk walk = sp_frame_walk(&writer->frames, writer->profile, sample);
    uint64_t hash = sp_hash_seed();
    for (uint32_t frame; (frame = sp_frame_walk_outwards(&walk)) != SP_NONE;)
        hash = sp_hash_word(hash, frame);
    return hash;
}

static bool are_equal(const struct writer *writer, size_t a, size_t b)
{
    struct sp_frame_walk left = sp_frame_walk(&writer->frames, writer->profile, a);
    struct sp_frame_walk right = sp_frame_walk(&writer->frames, writer->profile, b);
    uint32_t frame;
    do {
        frame = sp_frame_walk_outwards(&left);
        if (frame != sp_frame_walk_outwards(&right))
            return false;
    } while (frame != SP_NONE);
    return true;
}

static int64_t saturating_sum(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static bool add_stack(struct writer *writer, uint32_t sample, int64_t value)
{
    const uint64_t hash = hash_stack(writer, sample);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(writer->stack_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(writer->stack_index, &probe)) {
        if (are_equal(writer, writer->stacks[i].sample, sample)) {
            writer->stacks[i].value = saturating_sum(writer->stacks[i].value, value);
            return true;
        }
    }
    if (sp_index_put(writer->stack_index, hash, (uint32_t)writer->n_stacks) != 0)
        return false;
    writer->stacks[writer->n_stacks++] = (struct stack){sample, value};
    return true;
}

static void put_stack(const struct writer *writer, const struct stack *stack, struct sp_bytes *out)
{
    char value[32];
    struct sp_frame_walk walk = sp_frame_walk(&writer->frames, writer->profile, stack->sample);
    uint32_t frame = sp_frame_walk_inwards(&walk);
    if (frame == SP_NONE)
        sp_bytes_put(out, "<unknown>", 9);
    while (frame != SP_NONE) {
        const struct frame_text *text = &writer->texts[frame];
        sp_bytes_put(out, writer->names.at + text->start, text->length);
        frame = sp_frame_walk_inwards(&walk);
        if (frame != SP_NONE)
            sp_bytes_put(out, ";", 1);
    }
    sp_bytes_put(out, value, (size_t)snprintf(value, sizeof value, " %" PRId64 "\n", stack->value));
}

static int write_stacks(struct writer *writer, size_t value_index, struct sp_bytes *out)
{
    const struct sp_profile *profile = writer->profile;
    const size_t n_types = profile->sample_types.n;
    for (uint32_t i = 0; i < profile->samples.n; i++) {
        const int64_t value = profile->values.at[i * n_types + value_index];
        if (value != 0 && !add_stack(writer, i, value))
            return -ENOMEM;
    }
    for (size_t i = 0; i < writer->n_stacks; i++) {
        if (writer->stacks[i].value != 0)
            put_stack(writer, &writer->stacks[i], out);
    }
    return out->error;
}

static void done(struct writer *writer)
{
    sp_location_frames_done(&writer->frames);
    sp_bytes_done(&writer->names);
    sp_index_free(writer->text_index);
    sp_index_free(writer->stack_index);
    free(writer->texts);
    free(writer->known);
    free(writer->stacks);
}

int sp_folded_write(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out)
{
    if (sp_profile_check(profile, NULL, 0) != 0)
        return -EINVAL;
    struct writer writer = {
        .profile = profile,
        .text_index = sp_index_new(),
        .stack_index = sp_index_new(),
        .known = calloc(profile->strings.n, sizeof *writer.known),
        .stacks = calloc(profile->samples.n + 1, sizeof *writer.stacks),
    };
    int error = -ENOMEM;
    if (writer.text_index != NULL && writer.stack_index != NULL && writer.known != NULL && writer.stacks != NULL)
        error = sp_location_frames_init(&writer.frames, profile, intern_frame, &writer);
    if (error == 0)
        error = write_stacks(&writer, sp_write_value_index(profile, options), out);
    done(&writer);
    return error;
}
