/*
 * Heap profiles as text, also of growth and fragmentation. See legacy_text.h.
 *
 * The header's last word tells how the profile was sampled. "heap" (Go; the number is twice the rate) and heap_v2 were
 * by a Poisson process: an allocation of S bytes is in the profile with probability 1 - exp(-S / rate), and counts are
 * divided by that.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <string.h>

#include "formats/legacy_text.h"

struct heap {
    int64_t period;
    bool is_sampled; /* to be scaled */
    bool has_allocs;
};

/* exp(x) for x ≤ 0 as FreeBSD's e_exp.c has it; the library needs no libm for it. */
static double exp_of(double x)
{
    static const double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    if (!(x > -708))
        return 0;
    const int k = (int)(x / 0.6931471805599453 - 0.5);
    const double high = x - k * ln2_high, low = k * ln2_low, r = high - low, t = r * r;
    const double c = r - t * (1.66666666666666657415e-01 +
                              t * (-2.77777777770155933842e-03 +
                                   t * (6.61375632143793436117e-05 +
                                        t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))));
    double result = 1 - ((low - r * c / (2 - c)) - high);
    for (int i = 0; i > k; i--)
        result /= 2;
    return result;
}

static void scale(int64_t *count, int64_t *size, int64_t rate)
{
    if (*count == 0 || *size == 0 || rate <= 1)
        return;
    const double mean = (double)*size / (double)*count;
    if (mean <= 0) /* no size that an allocation can have */
        return;
    const double factor = 1 / (1 - exp_of(-mean / (double)rate));
    *count = sp_legacy_text_round((double)*count * factor);
    *size = sp_legacy_text_round((double)*size * factor);
}

/* "COUNT: SIZE" */
static bool take_pair(struct sp_span *line, int64_t *pair)
{
    return sp_take_whole(line, &pair[0]) && sp_legacy_take_text(line, ":") && sp_take_whole(line, &pair[1]);
}

/* "COUNT: SIZE [COUNT: SIZE] @": what is in use, and what was allocated. */
static bool take_pairs(struct sp_span *line, int64_t *in_use, int64_t *allocated)
{
    return take_pair(line, in_use) && sp_legacy_take_text(line, "[") && take_pair(line, allocated) &&
           sp_legacy_take_text(line, "]") && sp_legacy_take_text(line, "@");
}

/* The letters, digits and underscores that a line begins with. */
static struct sp_span take_kind(struct sp_span *line)
{
    struct sp_span kind = {line->at, 0};
    while (kind.n < line->n && (line->at[kind.n] == '_' || (line->at[kind.n] >= 'a' && line->at[kind.n] <= 'z') ||
                                (line->at[kind.n] >= '0' && line->at[kind.n] <= '9')))
        kind.n++;
    line->at += kind.n;
    line->n -= kind.n;
    return kind;
}

static bool is_word(struct sp_span word, const char *text)
{
    return word.n == strlen(text) && memcmp(word.at, text, word.n) == 0;
}

static bool parse_header(struct sp_span line, struct heap *heap)
{
    int64_t in_use[2], allocated[2], rate = 0;
    if (!sp_legacy_take_text(&line, "heap profile:") || !take_pairs(&line, in_use, allocated))
        return false;
    while (line.n > 0 && sp_is_blank(line.at[0]))
        line.at++, line.n--;
    const struct sp_span kind = take_kind(&line);
    sp_legacy_take_text(&line, "/");
    sp_take_whole(&line, &rate);
    *heap = (struct heap){.period = 1};
    if (is_word(kind, "growth") || is_word(kind, "growthz") || is_word(kind, "fragmentation") ||
        is_word(kind, "fragmentationz"))
        return true;
    heap->has_allocs =
        (allocated[0] != in_use[0] && allocated[0] != 0) || (allocated[1] != in_use[1] && allocated[1] != 0);
    if (is_word(kind, "heapprofile"))
        return true;
    heap->is_sampled = true;
    heap->period = is_word(kind, "heap") ? rate / 2 : rate;
    return is_word(kind, "heap") || is_word(kind, "heap_v2") || is_word(kind, "heapz_v2");
}

/* Puts a pair as it counts into `values`, and the size of a block where there is one into `*block`. */
static void put_values(struct sp_legacy_text *text, const struct heap *heap, const int64_t *pair, int64_t *values,
                       int64_t *block)
{
    values[0] = pair[0];
    values[1] = pair[1];
    if (pair[0] == 0 && pair[1] != 0)
        sp_legacy_text_fail(text, "there are bytes of no object");
    if (pair[0] == 0)
        return;
    *block = pair[0] == -1 ? -(pair[1] + (pair[1] == INT64_MIN)) : pair[1] / pair[0];
    if (heap->is_sampled && pair[1] == 0)
        values[0] = 0;
    else if (heap->is_sampled)
        scale(&values[0], &values[1], heap->period);
}

static void read_sample(struct sp_legacy_text *text, const struct heap *heap)
{
    int64_t in_use[2], allocated[2], values[4];
    struct sp_span line = text->line;
    struct sp_label label = {.key = sp_profile_string(text->profile, "bytes")};
    size_t n = 0;
    if (!take_pairs(&line, in_use, allocated)) {
        sp_legacy_text_fail(text, "it is not \"COUNT: SIZE [COUNT: SIZE] @ ADDRESSES\"");
        return;
    }
    if (heap->has_allocs) {
        put_values(text, heap, allocated, values, &label.num);
        n = 2;
    }
    put_values(text, heap, in_use, values + n, &label.num);
    text->n_stack = 0;
    sp_legacy_text_add_addresses(text, line, false);
    sp_profile_append_sample(text->profile, text->stack, (uint32_t)text->n_stack, &label, 1, values);
}

void sp_legacy_text_heap(struct sp_legacy_text *text)
{
    struct sp_profile *profile = text->profile;
    struct heap heap;
    if (!parse_header(text->line, &heap)) {
        sp_legacy_text_fail(text, "it is not the header of a heap profile of a known kind");
        return;
    }
    if (heap.has_allocs) {
        sp_profile_add_sample_type(profile, "alloc_objects", "count");
        sp_profile_add_sample_type(profile, "alloc_space", "bytes");
    }
    sp_profile_add_sample_type(profile, heap.has_allocs ? "inuse_objects" : "objects", "count");
    sp_profile_add_sample_type(profile, heap.has_allocs ? "inuse_space" : "space", "bytes");
    profile->period_type =
        (struct sp_value_type){sp_profile_string(profile, "space"), sp_profile_string(profile, "bytes")};
    profile->period = heap.period;
    profile->drop_frames = sp_profile_string(profile, sp_legacy_alloc_frames);
    profile->keep_frames = sp_profile_string(profile, sp_legacy_alloc_kept_frames);
    for (sp_legacy_text_next(text); !text->wrong && !profile->error; sp_legacy_text_next(text)) {
        sp_legacy_text_skip_comments(text);
        if (text->at_end || sp_legacy_text_is_map(text))
            return;
        read_sample(text, &heap);
    }
}
