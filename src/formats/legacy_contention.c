/*
 * Profiles of contention as text. See legacy_text.h.
 *
 * Attributes come first, one a line with = in it. Delays are told in cycles, of one event in so many as the sampling
 * period says; both are undone.
 *
 * Context: ordinary code.
 */
#include "formats/legacy_text.h"

struct contention {
    int64_t period, cpu_hz;
};

/* Takes attributes until a line is none. */
static void read_attributes(struct sp_legacy_text *text, struct contention *contention)
{
    for (;; sp_legacy_text_next(text)) {
        int64_t ms, ignored;
        sp_legacy_text_skip_comments(text);
        struct sp_span line = text->line;
        bool is_fine = true;
        if (sp_legacy_take_text(&line, "cycles/second"))
            is_fine = sp_legacy_take_text(&line, "=") && sp_take_whole(&line, &contention->cpu_hz);
        else if (sp_legacy_take_text(&line, "sampling period"))
            is_fine = sp_legacy_take_text(&line, "=") && sp_take_whole(&line, &contention->period);
        else if (sp_legacy_take_text(&line, "discarded samples"))
            is_fine = sp_legacy_take_text(&line, "=") && (sp_take_whole(&line, &ignored) || true);
        else if (sp_legacy_take_text(&line, "ms since reset")) {
            is_fine = sp_legacy_take_text(&line, "=") && sp_take_whole(&line, &ms) &&
                      !__builtin_mul_overflow(ms, 1000000, &text->profile->duration_ns);
        } else
            return;
        if (!is_fine) {
            sp_legacy_text_fail(text, "it is not an attribute and its number");
            return;
        }
    }
}

static void read_sample(struct sp_legacy_text *text, const struct contention *contention)
{
    struct sp_span line = text->line;
    int64_t delay, events;
    if (!sp_take_whole(&line, &delay) || !sp_take_whole(&line, &events) || !sp_legacy_take_text(&line, "@") ||
        delay < 0 || events < 0) {
        sp_legacy_text_fail(text, "it is not \"DELAY COUNT @ ADDRESSES\"");
        return;
    }
    if (contention->period > 0) {
        const double cpu_ghz = (double)contention->cpu_hz / 1e9;
        if (contention->cpu_hz > 0)
            delay = sp_legacy_text_round((double)delay * (double)contention->period / cpu_ghz);
        if (__builtin_mul_overflow(events, contention->period, &events))
            events = INT64_MAX;
    }
    const int64_t values[] = {events, delay};
    text->n_stack = 0;
    sp_legacy_text_add_addresses(text, line, false);
    sp_profile_append_sample(text->profile, text->stack, (uint32_t)text->n_stack, NULL, 0, values);
}

void sp_legacy_text_contention(struct sp_legacy_text *text)
{
    struct sp_profile *profile = text->profile;
    struct contention contention = {.period = 1};
    sp_profile_add_sample_type(profile, "contentions", "count");
    sp_profile_add_sample_type(profile, "delay", "nanoseconds");
    profile->period_type =
        (struct sp_value_type){sp_profile_string(profile, "contentions"), sp_profile_string(profile, "count")};
    profile->drop_frames = sp_profile_string(profile, sp_legacy_lock_frames);
    sp_legacy_text_next(text);
    read_attributes(text, &contention);
    profile->period = contention.period;
    while (!text->wrong && !profile->error) {
        struct sp_span line = text->line;
        if (text->at_end || sp_legacy_take_text(&line, "---") || sp_legacy_text_is_map(text))
            return;
        read_sample(text, &contention);
        if (text->wrong)
            return;
        sp_legacy_text_next(text);
        sp_legacy_text_skip_comments(text);
    }
}
