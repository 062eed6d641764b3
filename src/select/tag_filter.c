/*
 * tagfocus, tagignore, tagshow and taghide. See tag_filter.h.
 *
 * Whether a label is wanted is found out once for each key and value (pair_memo.h).
 *
 * Context: ordinary code of one thread.
 */
#include "select/tag_filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select/labels.h"
#include "select/pair_memo.h"
#include "select/tag_range.h"
#include "select/text_matches.h"

struct expression {
    struct sp_regex *regex;
    struct sp_pair_memo memo; /* by key and value; with a wanted key, by value */
};

struct sp_tag_filter {
    const struct sp_label_units *units;
    char *key; /* that is wanted, or NULL: any */
    bool is_range;
    struct sp_tag_range range;
    struct sp_pair_memo range_memo;
    struct expression *expressions;
    size_t n;
    char *text; /* "key:value", as it is matched */
    size_t text_capacity;
};

static int say_bad(const char *name, const char *what, char *why, size_t why_size)
{
    if (why_size)
        snprintf(why, why_size, "parsing %s regexp: %s", name, what);
    return -EINVAL;
}

static int add_expression(struct sp_tag_filter *filter, const char *name, const char *pattern, char *why,
                          size_t why_size)
{
    char reason[512] = "";
    struct expression *added = &filter->expressions[filter->n++];
    int error = sp_pair_memo_init(&added->memo);
    if (!error)
        error = sp_regex_new(pattern, &added->regex, reason, sizeof(reason));
    return error == -EINVAL ? say_bad(name, reason, why, why_size) : error;
}

/* The expressions of a list with commas. */
static int add_expressions(struct sp_tag_filter *filter, const char *name, const char *list, char *why, size_t why_size)
{
    size_t n = 1;
    for (const char *at = list; *at; at++)
        n += *at == ',';
    filter->expressions = calloc(n, sizeof(*filter->expressions));
    char *copy = strdup(list), *rest = copy;
    int error = copy && filter->expressions ? 0 : -ENOMEM;
    while (!error && rest)
        error = add_expression(filter, name, strsep(&rest, ","), why, why_size);
    free(copy);
    return error;
}

static void note_range(const char *name, const char *value, const struct sp_notes *notes)
{
    char *text;
    if (asprintf(&text, "%s:Interpreted '%s' as range, not regexp", name, value) < 0)
        return;
    sp_note(notes, text);
    free(text);
}

static int read_filter(struct sp_tag_filter *filter, const char *name, const char *value, const struct sp_notes *notes,
                       char *why, size_t why_size)
{
    const char *equals = strchr(value, '=');
    if (equals && equals > value && !(filter->key = strndup(value, (size_t)(equals - value))))
        return -ENOMEM;
    if (equals)
        value = equals + 1;
    int is_range = sp_tag_range_read(&filter->range, value);
    if (is_range == 0)
        return add_expressions(filter, name, value, why, why_size);
    if (is_range < 0) {
        if (why_size)
            snprintf(why, why_size, "parsing %s range '%s': a number is too large", name, value);
        return -EINVAL;
    }
    filter->is_range = true;
    note_range(name, value, notes);
    return 0;
}

int sp_tag_filter_new(const char *name, const char *value, const struct sp_label_units *units,
                      const struct sp_notes *notes, struct sp_tag_filter **filter, char *why, size_t why_size)
{
    struct sp_tag_filter *made = calloc(1, sizeof(*made));
    if (!made)
        return -ENOMEM;
    made->units = units;
    int error = sp_pair_memo_init(&made->range_memo);
    if (!error)
        error = read_filter(made, name, value, notes, why, why_size);
    if (error)
        sp_tag_filter_free(made);
    else
        *filter = made;
    return error;
}

void sp_tag_filter_free(struct sp_tag_filter *filter)
{
    if (!filter)
        return;
    for (size_t i = 0; i < filter->n; i++) {
        sp_regex_free(filter->expressions[i].regex);
        sp_pair_memo_done(&filter->expressions[i].memo);
    }
    sp_pair_memo_done(&filter->range_memo);
    free(filter->expressions);
    free(filter->key);
    free(filter->text);
    free(filter);
}

static bool is_wanted_key(const struct sp_tag_filter *filter, const struct sp_profile *profile,
                          const struct sp_label *label)
{
    return !filter->key || strcmp(filter->key, profile->strings.at[label->key]) == 0;
}

/* 1, 0 or -ENOMEM. */
static int is_in_range(struct sp_tag_filter *filter, const struct sp_label *label)
{
    uint32_t result;
    if (sp_pair_memo_get(&filter->range_memo, label->key, (uint64_t)label->num, &result))
        return (int)result;
    result = sp_tag_range_has(&filter->range, label->num, sp_label_unit(filter->units, label->key));
    int error = sp_pair_memo_put(&filter->range_memo, label->key, (uint64_t)label->num, result);
    return error ? error : (int)result;
}

/* The text that a label is matched by: its value, or "key:value" where any key will do. NULL: no memory. */
static const char *label_text(struct sp_tag_filter *filter, const struct sp_profile *profile,
                              const struct sp_label *label)
{
    const char *key = profile->strings.at[label->key], *value = profile->strings.at[label->str];
    if (filter->key)
        return value;
    size_t needed = strlen(key) + strlen(value) + 2;
    if (needed > filter->text_capacity) {
        char *larger = realloc(filter->text, needed * 2);
        if (!larger)
            return NULL;
        filter->text = larger;
        filter->text_capacity = needed * 2;
    }
    snprintf(filter->text, filter->text_capacity, "%s:%s", key, value);
    return filter->text;
}

/* 1, 0 or -ENOMEM. */
static int is_match(struct sp_tag_filter *filter, struct expression *expression, const struct sp_profile *profile,
                    const struct sp_label *label)
{
    uint32_t result;
    if (sp_pair_memo_get(&expression->memo, label->key, label->str, &result))
        return (int)result;
    const char *text = label_text(filter, profile, label);
    if (!text)
        return -ENOMEM;
    result = sp_regex_matches(expression->regex, text);
    int error = sp_pair_memo_put(&expression->memo, label->key, label->str, result);
    return error ? error : (int)result;
}

/* Whether a label of the sample lies in the range. 1, 0 or -ENOMEM. */
static int has_in_range(struct sp_tag_filter *filter, const struct sp_profile *profile, const struct sp_sample *sample)
{
    int result = 0;
    for (uint32_t i = 0; i < sample->n_labels && result == 0; i++) {
        const struct sp_label *label = &profile->labels.at[sample->first_label + i];
        if (sp_label_is_number(label) && is_wanted_key(filter, profile, label))
            result = is_in_range(filter, label);
    }
    return result;
}

/* Whether a label of the sample matches. 1, 0 or -ENOMEM. */
static int has_match(struct sp_tag_filter *filter, struct expression *expression, const struct sp_profile *profile,
                     const struct sp_sample *sample)
{
    int result = 0;
    for (uint32_t i = 0; i < sample->n_labels && result == 0; i++) {
        const struct sp_label *label = &profile->labels.at[sample->first_label + i];
        if (sp_label_is_text(label) && is_wanted_key(filter, profile, label))
            result = is_match(filter, expression, profile, label);
    }
    return result;
}

/* Whether the filter matches the sample. 1, 0 or -ENOMEM. */
static int wants(struct sp_tag_filter *filter, const struct sp_profile *profile, const struct sp_sample *sample)
{
    if (filter->is_range)
        return has_in_range(filter, profile, sample);
    /* Any of them with a key, all of them without: they end the search, or all have been looked at. */
    int ends = filter->key ? 1 : 0;
    for (size_t i = 0; i < filter->n; i++) {
        int result = has_match(filter, &filter->expressions[i], profile, sample);
        if (result < 0 || result == ends)
            return result;
    }
    return !ends;
}

int sp_filter_by_tag(struct sp_profile *profile, struct sp_tag_filter *focus, struct sp_tag_filter *ignore,
                     bool *has_focused, bool *has_ignored)
{
    *has_focused = *has_ignored = false;
    if (!focus && !ignore)
        return 0;
    bool *is_kept = malloc(profile->samples.n + 1);
    int error = is_kept ? 0 : -ENOMEM;
    for (size_t i = 0; i < profile->samples.n && !error; i++) {
        int is_focused = focus ? wants(focus, profile, &profile->samples.at[i]) : 1;
        int is_ignored = ignore ? wants(ignore, profile, &profile->samples.at[i]) : 0;
        if (is_focused < 0 || is_ignored < 0)
            error = -ENOMEM;
        *has_focused |= is_focused > 0;
        *has_ignored |= is_ignored > 0;
        is_kept[i] = is_focused > 0 && is_ignored == 0;
    }
    if (!error) {
        sp_profile_keep_samples(profile, is_kept);
        error = sp_profile_error(profile);
    }
    free(is_kept);
    return error;
}

/* Whether the label stays; and whether its key was matched. */
static bool is_shown_label(const struct sp_label *label, struct sp_text_matches *show, struct sp_text_matches *hide,
                           bool *has_shown, bool *has_hidden)
{
    if (!sp_label_is_text(label) && !sp_label_is_number(label))
        return false;
    bool is_shown = !show->regex || sp_text_matches(show, label->key);
    bool is_hidden = hide->regex && sp_text_matches(hide, label->key);
    *has_shown |= is_shown;
    *has_hidden |= is_hidden;
    return is_shown && !is_hidden;
}

int sp_filter_tags(struct sp_profile *profile, const struct sp_regex *show, const struct sp_regex *hide,
                   bool *has_shown, bool *has_hidden)
{
    struct sp_text_matches shown = {0}, hidden = {0};
    *has_shown = *has_hidden = false;
    if (!show && !hide)
        return 0;
    int error = show ? sp_text_matches_init(&shown, profile, show) : 0;
    if (hide && !error)
        error = sp_text_matches_init(&hidden, profile, hide);
    for (size_t i = 0; i < profile->samples.n && !error; i++) {
        struct sp_sample *sample = &profile->samples.at[i];
        struct sp_label *labels = profile->labels.at + sample->first_label;
        uint32_t kept = 0;
        for (uint32_t k = 0; k < sample->n_labels; k++) {
            if (is_shown_label(&labels[k], &shown, &hidden, has_shown, has_hidden))
                labels[kept++] = labels[k];
        }
        sample->n_labels = kept;
    }
    sp_text_matches_done(&shown);
    sp_text_matches_done(&hidden);
    return error;
}
