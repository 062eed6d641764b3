/*
 * tagroot and tagleaf: labels' values as frames. See selection.h.
 *
 * Each sample gets a frame for each of the keys, an unnamed one where it has no such label. The frame's function is
 * called by the values, and its file by the key.
 *
 * Place on the way of a sample: see selection.h. Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"
#include "select/labels.h"
#include "select/pair_memo.h"
#include "select/selection.h"

/* Keys, in the order in which they were given. */
struct keys {
    uint32_t *at; /* strings */
    uint32_t n;
    bool has_match;
};

struct tag_frames {
    struct sp_profile *profile;
    const char *unit;
    struct keys roots, leaves;
    struct sp_pair_memo locations; /* by key and values */
};

static int read_keys(struct sp_profile *profile, struct keys *keys, const char *list)
{
    if (!list || !*list)
        return 0;
    keys->at = malloc((strlen(list) + 1) * sizeof(*keys->at));
    if (!keys->at)
        return -ENOMEM;
    while (*list) {
        size_t length = strcspn(list, ",");
        if (length)
            keys->at[keys->n++] = sp_profile_string_n(profile, list, length);
        list += length + (list[length] == ',');
    }
    return sp_profile_error(profile);
}

/* A frame that is called `values` in file `key`, made when there is none yet. 0 or -ENOMEM. */
static int find_location(struct tag_frames *frames, uint32_t key, uint32_t values, uint32_t *location)
{
    if (sp_pair_memo_get(&frames->locations, key, values, location))
        return 0;
    const struct sp_function function = {.name = values, .filename = key};
    const struct sp_line line = {.function = sp_profile_append_function(frames->profile, &function)};
    const struct sp_location added = {.mapping = SP_NONE};
    *location = sp_profile_add_location(frames->profile, &added, &line, 1);
    int error = sp_profile_error(frames->profile);
    return error ? error : sp_pair_memo_put(&frames->locations, key, values, *location);
}

static void print_number(const struct tag_frames *frames, const struct sp_label *label, bool has_units, FILE *out)
{
    char number[SP_VALUE_TEXT_BYTES];
    const char *from = has_units ? sp_profile_text(frames->profile, label->unit) : "";
    const char *unit = sp_scaled_text(label->num, from, has_units ? frames->unit : "", number);
    fprintf(out, "%s%s", number, unit);
}

/* Prints the values of a key: texts first, then numbers. */
static void print_values(const struct tag_frames *frames, const struct sp_label *labels, uint32_t n, uint32_t key,
                         FILE *out)
{
    bool has_units = false, has_one = false;
    for (uint32_t i = 0; i < n; i++) {
        if (labels[i].key != key)
            continue;
        has_units |= sp_label_is_number(&labels[i]) && labels[i].unit != 0;
        if (sp_label_is_text(&labels[i])) {
            fprintf(out, "%s%s", has_one ? "," : "", sp_profile_text(frames->profile, labels[i].str));
            has_one = true;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (labels[i].key != key || !sp_label_is_number(&labels[i]))
            continue;
        fputs(has_one ? "," : "", out);
        print_number(frames, &labels[i], has_units, out);
        has_one = true;
    }
}

/* The string of several values, or of a number. 0 or -ENOMEM. */
static int join_values(struct tag_frames *frames, const struct sp_label *labels, uint32_t n, uint32_t key,
                       uint32_t *values)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    print_values(frames, labels, n, key, out);
    int error = fclose(out) == 0 ? 0 : -ENOMEM;
    if (!error) {
        *values = sp_profile_string_n(frames->profile, text, size);
        error = sp_profile_error(frames->profile);
    }
    free(text);
    return error;
}

/* The string of a sample's values of a key; "" and false where it has none. */
static int find_values(struct tag_frames *frames, const struct sp_sample *sample, uint32_t key, uint32_t *values,
                       bool *has_value)
{
    const struct sp_label *labels = frames->profile->labels.at + sample->first_label;
    uint32_t n_texts = 0, n_numbers = 0;
    *values = 0;
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        if (labels[i].key != key)
            continue;
        n_numbers += sp_label_is_number(&labels[i]);
        if (sp_label_is_text(&labels[i])) {
            n_texts++;
            *values = labels[i].str;
        }
    }
    *has_value = n_texts || n_numbers;
    if (n_numbers == 0 && n_texts <= 1)
        return 0;
    return join_values(frames, labels, sample->n_labels, key, values);
}

/* Puts the frames of `keys`, last key first, at sample_locations[at]. */
static int put_frames(struct tag_frames *frames, struct keys *keys, const struct sp_sample *sample, size_t at)
{
    for (uint32_t i = keys->n; i > 0; i--) {
        uint32_t values, location;
        bool has_value;
        int error = find_values(frames, sample, keys->at[i - 1], &values, &has_value);
        if (!error)
            error = find_location(frames, keys->at[i - 1], values, &location);
        if (error)
            return error;
        keys->has_match |= has_value;
        sp_profile_replace_location(frames->profile, at++, location);
    }
    return 0;
}

static int add_frames(struct tag_frames *frames)
{
    struct sp_profile *profile = frames->profile;
    uint32_t n_added = frames->roots.n + frames->leaves.n;
    if (n_added == 0 || profile->samples.n == 0)
        return 0;
    sp_profile_widen_stacks(profile, frames->leaves.n, frames->roots.n);
    int error = sp_profile_error(profile);
    for (size_t i = 0; i < profile->samples.n && !error; i++) {
        const struct sp_sample sample = profile->samples.at[i];
        size_t behind = (size_t)sample.first_location + sample.n_locations - frames->roots.n;
        error = put_frames(frames, &frames->roots, &sample, behind);
        if (!error)
            error = put_frames(frames, &frames->leaves, &sample, sample.first_location);
    }
    return error;
}

int sp_select_tag_frames(struct sp_profile *profile, const struct sp_selection *selection, const char *unit,
                         const struct sp_notes *notes)
{
    struct tag_frames frames = {.profile = profile, .unit = unit};
    int error = sp_pair_memo_init(&frames.locations);
    if (!error)
        error = read_keys(profile, &frames.roots, selection->tagroot);
    if (!error)
        error = read_keys(profile, &frames.leaves, selection->tagleaf);
    if (!error)
        error = add_frames(&frames);
    if (!error && selection->tagroot && *selection->tagroot && !frames.roots.has_match)
        sp_note(notes, "TagRoot expression matched no samples");
    if (!error && selection->tagleaf && *selection->tagleaf && !frames.leaves.has_match)
        sp_note(notes, "TagLeaf expression matched no samples");
    free(frames.roots.at);
    free(frames.leaves.at);
    sp_pair_memo_done(&frames.locations);
    return error;
}
