/*
 * The labels of a sample, as pprof prints them: a text for each key with all its values, the texts sorted.
 *
 * Place on the way of a sample: under the reports traces and raw. A profile has a sample's labels in a list; pprof has
 * maps of key to values, one of texts and one of numbers, and drops labels that are neither.
 *
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_REPORT_LABEL_LINES_H
#define SIGPROF_REPORT_LABEL_LINES_H

#include <stdbool.h>
#include <stdio.h>

#include "profile/profile.h"

/* All labels of one key of a sample, texts or numbers: profile->labels.at[at[0..n)], as they were set. */
struct sp_label_group {
    const uint32_t *at;
    uint32_t n;
    bool has_units; /* at least one */
};

/* What a report makes of a group. */
typedef void sp_label_put(const struct sp_profile *profile, const struct sp_label_group *group, const void *context,
                          FILE *out);

/* Room that one sample after the other is printed with. Zero-initialised is empty. */
struct sp_label_lines {
    uint32_t *positions;
    const char **texts;
    size_t capacity; /* of each */
    FILE *stream;    /* writes to buffer */
    char *buffer;
    size_t buffer_size;
};

/* Whether a label counts, and as what: a text, or a number. */
static inline bool sp_label_is_text(const struct sp_label *label)
{
    return label->str != 0;
}
static inline bool sp_label_is_number(const struct sp_label *label)
{
    return label->str == 0 && (label->num != 0 || label->unit != 0);
}

/*
 * Prints the labels of `sample` that are numbers, or those that are texts, with `separator` between the texts that
 * `put` writes: 0 or -ENOMEM.
 */
int sp_label_lines_print(struct sp_label_lines *lines, const struct sp_profile *profile, const struct sp_sample *sample,
                         bool are_numbers, sp_label_put *put, const void *context, const char *separator, FILE *out);
/* Whether the sample has any of them. */
bool sp_label_lines_has(const struct sp_profile *profile, const struct sp_sample *sample, bool are_numbers);
void sp_label_lines_done(struct sp_label_lines *lines);

#endif
