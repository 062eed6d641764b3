/*
 * What of a profile is looked at: which samples, which of their frames and labels, and how finely frames are told
 * apart.
 *
 * Place on the way of a sample: profile → *select* → report. Everything here changes a profile in place; names, rules
 * and their order are those of pprof's options of the same names.
 *
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_SELECT_SELECTION_H
#define SIGPROF_SELECT_SELECTION_H

#include <stdbool.h>

#include "profile/profile.h"

/* As the user typed them; NULL or "": not asked for. */
struct sp_selection {
    const char *focus, *ignore, *hide, *show, *show_from, *prune_from; /* regular expressions on frames */
    const char *tagfocus, *tagignore; /* on labels: [key=]regex, or a range of numbers */
    const char *tagshow, *taghide;    /* regular expressions on labels' keys */
    const char *tagroot, *tagleaf;    /* keys, separated by commas */
};

/* What a numeric label of some key is measured in. */
struct sp_label_units;

/* The units of the numeric labels of `profile`, by key: NULL when there is no memory. */
struct sp_label_units *sp_label_units_new(const struct sp_profile *profile);
void sp_label_units_free(struct sp_label_units *units);
/* The unit of numeric labels with that key (a string of the profile, which outlives the units); never NULL. */
const char *sp_label_unit(const struct sp_label_units *units, uint32_t key);

/* Where selection has something to say to the user, such as "Focus expression matched no samples". Either may be NULL.
 */
struct sp_notes {
    void (*say)(void *context, const char *text);
    void *context;
};
void sp_note(const struct sp_notes *notes, const char *text);

/* Says, once, which keys have other units than the one that is used. */
void sp_label_units_warn(struct sp_label_units *units, const struct sp_notes *notes);

/*
 * Drops the frames that the profile itself asks to drop (drop_frames, keep_frames). 0, -EINVAL with `why` (a bad
 * expression, which pprof passes over in silence; nothing has changed), -ENOMEM.
 */
int sp_select_remove_uninteresting(struct sp_profile *profile, char *why, size_t why_size);

/* Puts labels' values onto the stacks as frames (tagroot, tagleaf), shown in `unit`. 0 or -ENOMEM. */
int sp_select_tag_frames(struct sp_profile *profile, const struct sp_selection *selection, const char *unit,
                         const struct sp_notes *notes);

/* Applies all other members of `selection`. 0, -EINVAL (a bad expression: `why` names the option and what), -ENOMEM. */
int sp_select(struct sp_profile *profile, const struct sp_selection *selection, const struct sp_label_units *units,
              const struct sp_notes *notes, char *why, size_t why_size);

enum sp_granularity {
    SP_BY_FUNCTION,
    SP_BY_FILE,
    SP_BY_FILE_AND_FUNCTION,
    SP_BY_LINE,
    SP_BY_ADDRESS,
};

struct sp_granularity_options {
    enum sp_granularity by;
    bool has_no_inlines; /* a frame per location: the function that was not inlined */
    bool has_columns;    /* by line: columns too */
};

/*
 * Forgets what does not count at that granularity (names, files, lines, addresses). Nothing is merged; no function or
 * location is added after. 0.
 */
int sp_select_granularity(struct sp_profile *profile, const struct sp_granularity_options *options);

#endif
