/*
 * Stacks of threads as text, and Go's counts of stacks. See legacy_text.h.
 *
 * A thread's stack is a leaf and return addresses, of which the first may be the leaf once more; a thread may have that
 * of the one before. Counts have return addresses only.
 *
 * Context: ordinary code.
 */
#include <string.h>

#include "formats/legacy_text.h"

static void start(struct sp_legacy_text *text, const char *type)
{
    struct sp_profile *profile = text->profile;
    sp_profile_add_sample_type(profile, type, "count");
    profile->period_type = profile->sample_types.n ? profile->sample_types.at[0] : (struct sp_value_type){0};
    profile->period = 1;
    profile->drop_frames = sp_profile_string(profile, sp_legacy_cpu_frames);
}

void sp_legacy_text_counts(struct sp_legacy_text *text)
{
    size_t n = 0;
    while (!sp_is_blank(text->line.at[n]))
        n++;
    start(text, sp_profile_text(text->profile, sp_profile_string_n(text->profile, text->line.at, n)));
    for (sp_legacy_text_next(text); !text->profile->error; sp_legacy_text_next(text)) {
        int64_t count;
        sp_legacy_text_skip_comments(text);
        struct sp_span line = text->line, ahead = line;
        if (text->at_end || sp_legacy_take_text(&ahead, "---") || sp_legacy_text_is_map(text))
            return;
        text->n_stack = 0;
        const bool is_sample = sp_take_whole(&line, &count) && sp_legacy_take_text(&line, "@");
        if (is_sample)
            sp_legacy_text_add_addresses(text, line, false);
        if (!is_sample || text->n_stack == 0)
            sp_legacy_text_fail(text, "it is not \"COUNT @ ADDRESSES\"");
        if (text->wrong)
            return;
        sp_profile_append_sample(text->profile, text->stack, (uint32_t)text->n_stack, NULL, 0, &count);
    }
}

static bool begins_with(struct sp_span line, const char *words)
{
    return sp_legacy_take_text(&line, words);
}

static bool contains(struct sp_span line, const char *words)
{
    return line.n > 0 && memmem(line.at, line.n, words, strlen(words)) != NULL;
}

/* Takes lines of a stack up to the next line of dashes. False: it is that of the thread before. */
static bool read_stack(struct sp_legacy_text *text)
{
    bool is_same = false;
    text->n_stack = 0;
    for (sp_legacy_text_next(text); !text->at_end && !text->wrong && !text->profile->error; sp_legacy_text_next(text)) {
        if (begins_with(text->line, "---") || sp_legacy_text_is_map(text))
            break;
        if (contains(text->line, "same as previous thread"))
            is_same = true;
        else
            sp_legacy_text_add_addresses(text, text->line, true);
    }
    return !is_same && text->n_stack > 0;
}

static void add_sample(struct sp_legacy_text *text)
{
    const struct sp_location *locations = text->profile->locations.at;
    const int64_t one = 1;
    if (text->profile->error)
        return;
    if (text->n_stack > 1 && locations[text->stack[0]].address == locations[text->stack[1]].address + 1) {
        text->n_stack--;
        memmove(text->stack + 1, text->stack + 2, (text->n_stack - 1) * sizeof *text->stack);
    }
    sp_profile_append_sample(text->profile, text->stack, (uint32_t)text->n_stack, NULL, 0, &one);
}

void sp_legacy_text_threads(struct sp_legacy_text *text)
{
    struct sp_profile *profile = text->profile;
    start(text, "thread");
    if (begins_with(text->line, "--- threadz")) {
        do
            sp_legacy_text_next(text);
        while (!text->at_end && !begins_with(text->line, "-") && !sp_legacy_text_is_map(text));
    }
    while (!text->at_end && !text->wrong && !profile->error && !sp_legacy_text_is_map(text)) {
        if (begins_with(text->line, "---- no stack trace for"))
            return;
        if (!begins_with(text->line, "--- Thread ") || !contains(text->line, ") stack: ---")) {
            sp_legacy_text_fail(text, "it is not \"--- Thread ID (name: NAME/NUMBER) stack: ---\"");
            return;
        }
        if (read_stack(text))
            add_sample(text);
        else if (profile->samples.n > 0 && !profile->error)
            profile->values.at[profile->samples.n - 1]++;
    }
}
