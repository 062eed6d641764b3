/*
 * focus, ignore, hide, show and show_from. See frame_filter.h.
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "select/frame_filter.h"
#include "select/text_matches.h"

/* What a location means to the stacks that it is in. */
enum {
    FOCUSED = 1,
    IGNORED = 2,
    HIDDEN = 4,
};

/* The matches of the four expressions; those that there are not have no regex. */
struct name_matches {
    struct sp_text_matches focus, ignore, hide, show;
};

static int init_one(struct sp_text_matches *matches, const struct sp_profile *profile, const struct sp_regex *regex)
{
    *matches = (struct sp_text_matches){0};
    return regex ? sp_text_matches_init(matches, profile, regex) : 0;
}

static int init_matches(struct name_matches *matches, const struct sp_profile *profile,
                        const struct sp_name_filter *filter)
{
    /* Each of them is initialized, whatever came of the others. */
    int error = init_one(&matches->focus, profile, filter->focus);
    error |= init_one(&matches->ignore, profile, filter->ignore);
    error |= init_one(&matches->hide, profile, filter->hide);
    error |= init_one(&matches->show, profile, filter->show);
    return error ? -ENOMEM : 0;
}

static void free_matches(struct name_matches *matches)
{
    sp_text_matches_done(&matches->focus);
    sp_text_matches_done(&matches->ignore);
    sp_text_matches_done(&matches->hide);
    sp_text_matches_done(&matches->show);
}

/* Keeps the lines whose match is `is_kept`, and those without a function. */
static void keep_lines(struct sp_profile *profile, struct sp_location *location, struct sp_text_matches *matches,
                       bool is_kept)
{
    struct sp_line *lines = profile->lines.at + location->first_line;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < location->n_lines; i++) {
        if (lines[i].function == SP_NONE || sp_line_matches(matches, &lines[i]) == is_kept)
            lines[kept++] = lines[i];
    }
    location->n_lines = kept;
}

static unsigned char hide_lines(struct sp_profile *profile, struct sp_location *location, struct sp_text_matches *hide,
                                bool *has_hidden)
{
    if (!sp_location_matches(hide, location))
        return 0;
    *has_hidden = true;
    if (sp_mapping_matches(hide, location))
        location->n_lines = 0;
    else
        keep_lines(profile, location, hide, false);
    return location->n_lines ? 0 : HIDDEN;
}

static unsigned char show_lines(struct sp_profile *profile, struct sp_location *location, struct sp_text_matches *show,
                                bool *has_shown)
{
    if (!sp_mapping_matches(show, location))
        keep_lines(profile, location, show, true);
    if (!location->n_lines)
        return HIDDEN;
    *has_shown = true;
    return 0;
}

static unsigned char filter_location(struct sp_profile *profile, struct sp_location *location,
                                     struct name_matches *matches, struct sp_name_filter *filter)
{
    unsigned char meaning = 0;
    if (filter->ignore && sp_location_matches(&matches->ignore, location)) {
        filter->has_ignored = true;
        meaning = IGNORED;
    } else if (!filter->focus || sp_location_matches(&matches->focus, location)) {
        filter->has_focused = true;
        meaning = FOCUSED;
    }
    if (filter->hide)
        meaning |= hide_lines(profile, location, &matches->hide, &filter->has_hidden);
    if (filter->show)
        meaning |= show_lines(profile, location, &matches->show, &filter->has_shown);
    return meaning;
}

/* Takes hidden locations off a stack, and tells whether the sample is kept. */
static bool filter_sample(struct sp_profile *profile, struct sp_sample *sample, const unsigned char *meanings)
{
    uint32_t *stack = profile->sample_locations.at + sample->first_location;
    unsigned char all = 0;
    for (uint32_t i = 0; i < sample->n_locations; i++)
        all |= meanings[stack[i]];
    if (!(all & FOCUSED) || all & IGNORED)
        return false;
    if (!(all & HIDDEN))
        return true;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sample->n_locations; i++) {
        if (!(meanings[stack[i]] & HIDDEN))
            stack[kept++] = stack[i];
    }
    sample->n_locations = kept;
    return kept > 0;
}

static void filter_all(struct sp_profile *profile, struct name_matches *matches, struct sp_name_filter *filter,
                       unsigned char *meanings, bool *is_kept)
{
    for (size_t i = 0; i < profile->locations.n; i++)
        meanings[i] = filter_location(profile, &profile->locations.at[i], matches, filter);
    for (size_t i = 0; i < profile->samples.n; i++)
        is_kept[i] = filter_sample(profile, &profile->samples.at[i], meanings);
}

int sp_filter_by_name(struct sp_profile *profile, struct sp_name_filter *filter)
{
    if (!filter->focus && !filter->ignore && !filter->hide && !filter->show)
        return 0;
    struct name_matches matches;
    unsigned char *meanings = malloc(profile->locations.n + 1);
    bool *is_kept = malloc(profile->samples.n + 1);
    int error = init_matches(&matches, profile, filter);
    if (!meanings || !is_kept)
        error = -ENOMEM;
    if (!error) {
        filter_all(profile, &matches, filter, meanings, is_kept);
        sp_profile_keep_samples(profile, is_kept);
        error = sp_profile_error(profile);
    }
    free_matches(&matches);
    free(is_kept);
    free(meanings);
    return error;
}

/* Whether the location matches; its lines behind the outermost that does are dropped. A mapping keeps all lines. */
static bool show_location_from(struct sp_profile *profile, struct sp_location *location,
                               struct sp_text_matches *matches)
{
    if (sp_mapping_matches(matches, location))
        return true;
    const struct sp_line *lines = profile->lines.at + location->first_line;
    for (uint32_t i = location->n_lines; i > 0; i--) {
        if (sp_line_matches(matches, &lines[i - 1])) {
            location->n_lines = i;
            return true;
        }
    }
    return false;
}

static void show_all_from(struct sp_profile *profile, struct sp_text_matches *matches, bool *is_first, bool *is_kept,
                          bool *has_match)
{
    for (size_t i = 0; i < profile->locations.n; i++) {
        is_first[i] = show_location_from(profile, &profile->locations.at[i], matches);
        *has_match |= is_first[i];
    }
    for (size_t i = 0; i < profile->samples.n; i++) {
        struct sp_sample *sample = &profile->samples.at[i];
        const uint32_t *stack = profile->sample_locations.at + sample->first_location;
        uint32_t n = sample->n_locations;
        while (n > 0 && !is_first[stack[n - 1]])
            n--;
        sample->n_locations = n;
        is_kept[i] = n > 0;
    }
}

int sp_show_from(struct sp_profile *profile, const struct sp_regex *regex, bool *has_match)
{
    struct sp_text_matches matches;
    bool *is_first = malloc(profile->locations.n + 1);
    bool *is_kept = malloc(profile->samples.n + 1);
    int error = sp_text_matches_init(&matches, profile, regex);
    *has_match = false;
    if (!is_first || !is_kept)
        error = -ENOMEM;
    if (!error) {
        show_all_from(profile, &matches, is_first, is_kept, has_match);
        sp_profile_keep_samples(profile, is_kept);
        error = sp_profile_error(profile);
    }
    sp_text_matches_done(&matches);
    free(is_kept);
    free(is_first);
    return error;
}
