/*
 * Frames that a profile itself asks to drop (drop_frames, keep_frames), and prune_from.
 *
 * Both go by names without parameters. Frames are dropped *beneath* a match, towards the leaf: with the match where the
 * profile asks for it, without where the user does.
 *
 * Place on the way of a sample: inside src/select. Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "select/frame_filter.h"
#include "select/selection.h"
#include "select/text_matches.h"

/* What becomes of a stack at a location. */
enum {
    NOT_PRUNED,
    PRUNE_BENEATH, /* what is called from here goes */
    PRUNE_WITH,    /* this one too */
};

struct pruning {
    struct sp_text_matches drop, keep;
    bool has_keep;
};

static bool is_dropped(struct pruning *pruning, const struct sp_profile *profile, const struct sp_line *line)
{
    if (line->function == SP_NONE)
        return false;
    uint32_t name = profile->functions.at[line->function].name;
    return name != 0 && sp_text_matches(&pruning->drop, name) &&
           !(pruning->has_keep && sp_text_matches(&pruning->keep, name));
}

/* Drops the lines up to the outermost that is to go, unless it is the last. */
static unsigned char prune_location(struct sp_profile *profile, struct sp_location *location, struct pruning *pruning)
{
    const struct sp_line *lines = profile->lines.at + location->first_line;
    uint32_t n = location->n_lines;
    while (n > 0 && !is_dropped(pruning, profile, &lines[n - 1]))
        n--;
    if (n == 0)
        return NOT_PRUNED;
    if (n == location->n_lines)
        return PRUNE_WITH;
    location->first_line += n;
    location->n_lines -= n;
    return PRUNE_BENEATH;
}

/* Cuts a stack off at the first such location from the root, but not before there was one that is not: the user's. */
static void prune_sample(struct sp_profile *profile, struct sp_sample *sample, const unsigned char *fates)
{
    const uint32_t *stack = profile->sample_locations.at + sample->first_location;
    bool has_user_frame = false;
    for (uint32_t i = sample->n_locations; i > 0; i--) {
        unsigned char fate = fates[stack[i - 1]];
        if (fate == NOT_PRUNED) {
            has_user_frame = true;
        } else if (has_user_frame) {
            uint32_t cut = fate == PRUNE_WITH ? i : i - 1;
            sample->first_location += cut;
            sample->n_locations -= cut;
            return;
        }
    }
}

static int prune(struct sp_profile *profile, const struct sp_regex *drop, const struct sp_regex *keep)
{
    struct pruning pruning = {.has_keep = keep};
    unsigned char *fates = malloc(profile->locations.n + 1);
    int error = sp_text_matches_init(&pruning.drop, profile, drop);
    if (keep)
        error |= sp_text_matches_init(&pruning.keep, profile, keep);
    if (!fates || error)
        error = -ENOMEM;
    pruning.drop.is_simplified = pruning.keep.is_simplified = true;
    for (size_t i = 0; i < profile->locations.n && !error; i++)
        fates[i] = prune_location(profile, &profile->locations.at[i], &pruning);
    for (size_t i = 0; i < profile->samples.n && !error; i++)
        prune_sample(profile, &profile->samples.at[i], fates);
    sp_text_matches_done(&pruning.drop);
    sp_text_matches_done(&pruning.keep);
    free(fates);
    return error;
}

/* The expression that matches a whole name by `pattern`. */
static int compile_whole(const char *pattern, struct sp_regex **regex, char *why, size_t why_size)
{
    char *whole, reason[256] = "";
    if (asprintf(&whole, "^(%s)$", pattern) < 0)
        return -ENOMEM;
    int error = sp_regex_new(whole, regex, reason, sizeof(reason));
    free(whole);
    if (error == -EINVAL && why_size)
        snprintf(why, why_size, "failed to compile regexp %.100s: %s", pattern, reason);
    return error;
}

int sp_select_remove_uninteresting(struct sp_profile *profile, char *why, size_t why_size)
{
    if (!profile->drop_frames)
        return 0;
    struct sp_regex *drop = NULL, *keep = NULL;
    int error = compile_whole(sp_profile_text(profile, profile->drop_frames), &drop, why, why_size);
    if (!error && profile->keep_frames)
        error = compile_whole(sp_profile_text(profile, profile->keep_frames), &keep, why, why_size);
    if (!error)
        error = prune(profile, drop, keep);
    sp_regex_free(drop);
    sp_regex_free(keep);
    return error;
}

/* Whether the location matches; its lines before the innermost that does are dropped. */
static bool prune_location_from(struct sp_profile *profile, struct sp_location *location, struct pruning *pruning)
{
    const struct sp_line *lines = profile->lines.at + location->first_line;
    for (uint32_t i = 0; i < location->n_lines; i++) {
        if (is_dropped(pruning, profile, &lines[i])) {
            location->first_line += i;
            location->n_lines -= i;
            return true;
        }
    }
    return false;
}

static void prune_sample_from(struct sp_profile *profile, struct sp_sample *sample, const unsigned char *fates)
{
    const uint32_t *stack = profile->sample_locations.at + sample->first_location;
    for (uint32_t i = 0; i < sample->n_locations; i++) {
        if (fates[stack[i]] == PRUNE_BENEATH) {
            sample->first_location += i;
            sample->n_locations -= i;
            return;
        }
    }
}

int sp_prune_from(struct sp_profile *profile, const struct sp_regex *regex)
{
    struct pruning pruning = {0};
    unsigned char *fates = malloc(profile->locations.n + 1);
    int error = sp_text_matches_init(&pruning.drop, profile, regex);
    if (!fates)
        error = -ENOMEM;
    pruning.drop.is_simplified = true;
    for (size_t i = 0; i < profile->locations.n && !error; i++)
        fates[i] = prune_location_from(profile, &profile->locations.at[i], &pruning) ? PRUNE_BENEATH : NOT_PRUNED;
    for (size_t i = 0; i < profile->samples.n && !error; i++)
        prune_sample_from(profile, &profile->samples.at[i], fates);
    sp_text_matches_done(&pruning.drop);
    free(fates);
    return error;
}
