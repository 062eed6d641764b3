/*
 * The labels of a sample, as pprof prints them. See label_lines.h.
 * Context: ordinary code.
 */
#include "report/label_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_wanted(const struct sp_label *label, bool are_numbers)
{
    return are_numbers ? sp_label_is_number(label) : sp_label_is_text(label);
}

bool sp_label_lines_has(const struct sp_profile *profile, const struct sp_sample *sample, bool are_numbers)
{
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        if (is_wanted(&profile->labels.at[sample->first_label + i], are_numbers))
            return true;
    }
    return false;
}

static bool has_room(struct sp_label_lines *lines, size_t n)
{
    if (!lines->stream)
        lines->stream = open_memstream(&lines->buffer, &lines->buffer_size);
    if (n <= lines->capacity)
        return lines->stream;
    uint32_t *positions = reallocarray(lines->positions, n, sizeof(*positions));
    lines->positions = positions ? positions : lines->positions;
    const char **texts = reallocarray(lines->texts, n, sizeof(*texts));
    lines->texts = texts ? texts : lines->texts;
    if (!positions || !texts)
        return false;
    lines->capacity = n;
    return lines->stream;
}

static int compare_by_key(const void *a, const void *b, void *profile)
{
    const struct sp_label *labels = (*(const struct sp_profile *const *)profile)->labels.at;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    uint32_t left_key = labels[left].key, right_key = labels[right].key;
    if (left_key != right_key)
        return left_key < right_key ? -1 : 1;
    return (left > right) - (left < right);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Finds the wanted labels, those of one key next to each other: their number. */
static size_t collect(struct sp_label_lines *lines, const struct sp_profile *profile, const struct sp_sample *sample,
                      bool are_numbers)
{
    size_t n = 0;
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        if (is_wanted(&profile->labels.at[sample->first_label + i], are_numbers))
            lines->positions[n++] = sample->first_label + i;
    }
    if (n > 1)
        qsort_r(lines->positions, n, sizeof(*lines->positions), compare_by_key, &profile);
    return n;
}

static struct sp_label_group group_from(const struct sp_label_lines *lines, const struct sp_profile *profile,
                                        size_t first, size_t end)
{
    struct sp_label_group group = {.at = lines->positions + first};
    const struct sp_label *labels = profile->labels.at;
    uint32_t key = labels[group.at[0]].key;
    while (first + group.n < end && labels[group.at[group.n]].key == key)
        group.has_units |= labels[group.at[group.n++]].unit != 0;
    return group;
}

/* Writes all groups to the buffer, each with a NUL behind it: their number; 0 when there is no memory. */
static size_t write_groups(struct sp_label_lines *lines, const struct sp_profile *profile, size_t n, sp_label_put *put,
                           const void *context)
{
    size_t n_groups = 0;
    rewind(lines->stream);
    for (size_t i = 0; i < n; n_groups++) {
        struct sp_label_group group = group_from(lines, profile, i, n);
        put(profile, &group, context, lines->stream);
        fputc('\0', lines->stream);
        i += group.n;
    }
    return fflush(lines->stream) == 0 && !ferror(lines->stream) ? n_groups : 0;
}

int sp_label_lines_print(struct sp_label_lines *lines, const struct sp_profile *profile, const struct sp_sample *sample,
                         bool are_numbers, sp_label_put *put, const void *context, const char *separator, FILE *out)
{
    if (!sp_label_lines_has(profile, sample, are_numbers))
        return 0;
    if (!has_room(lines, sample->n_labels))
        return -ENOMEM;
    size_t n = collect(lines, profile, sample, are_numbers);
    size_t n_groups = write_groups(lines, profile, n, put, context);
    if (n_groups == 0)
        return -ENOMEM;
    const char *text = lines->buffer;
    for (size_t i = 0; i < n_groups; text += strlen(text) + 1)
        lines->texts[i++] = text;
    qsort(lines->texts, n_groups, sizeof(*lines->texts), compare_texts);
    for (size_t i = 0; i < n_groups; i++)
        fprintf(out, "%s%s", i > 0 ? separator : "", lines->texts[i]);
    return 0;
}

void sp_label_lines_done(struct sp_label_lines *lines)
{
    if (lines->stream)
        fclose(lines->stream);
    free(lines->buffer);
    free(lines->positions);
    free(lines->texts);
    *lines = (struct sp_label_lines){0};
}
