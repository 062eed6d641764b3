/*
 * libFuzzer target: everything that is done with a profile once it is read: selection by options that the input
 * chooses, all reports, all writers, and merging it and comparing it with itself.
 *
 * Input: how (struct how, in FIXED_BYTES), one line that is the text of the options that were chosen, and a profile of
 * any format. Asserted besides the sanitizers: steps fail only as their interface says, and the profile holds together
 * after selection, and differs in nothing from itself.
 */
#include <stdbool.h>

#include "formats/bytes.h"
#include "fuzz_format.h"
#include "profile/merge.h"
#include "profile/scale.h"
#include "report/diff.h"
#include "report/report.h"

enum { FIXED_BYTES = 8, MOST_TEXT = 200, N_OPTIONS = 12 };

/* What the first bytes say. */
struct how {
    unsigned options; /* bits: which members of sp_selection are the text */
    struct sp_granularity_options granularity;
    struct sp_report_options report;
    bool is_summed; /* taken off itself before it is looked at */
};

static const struct sp_report_kind *const kinds[] = {
    &sp_report_top, &sp_report_tree, &sp_report_peek,     &sp_report_traces,
    &sp_report_raw, &sp_report_tags, &sp_report_comments, &sp_report_dot,
};
static const char *const units[] = {SP_UNIT_MINIMUM, "auto", "ns", "MB", "count", "years"};
#define N_UNITS (sizeof units / sizeof units[0])

static struct how read_how(const uint8_t data[FIXED_BYTES])
{
    static const size_t counts[] = {80, 0, 1, 5};
    return (struct how){
        .options = data[0] | (unsigned)(data[1] & 0xf) << 8,
        .granularity = {.by = data[2] % (SP_BY_ADDRESS + 1),
                        .has_no_inlines = data[2] & 0x40,
                        .has_columns = data[2] & 0x80},
        .is_summed = data[1] & 0x10,
        .report = {.value_index = data[3] & 3,
                   .mean_index = data[3] & 4 ? 0 : SP_NO_VALUE,
                   .by_cum = data[3] & 8,
                   .drop_negative = data[3] & 0x10,
                   .has_compact_labels = data[3] & 0x20,
                   .divide_by = data[4] & 0x80 ? -0.125 : (data[4] & 0x7f) + 1,
                   .unit = units[data[5] % N_UNITS],
                   .node_count = counts[data[6] & 3],
                   .node_fraction = data[7] & 1 ? 0.005 : 0,
                   .edge_fraction = data[7] & 2 ? 0.001 : 0},
    };
}

static struct sp_selection selection_of(unsigned options, const char *text)
{
    struct sp_selection selection = {0};
    const char **const members[N_OPTIONS] = {
        &selection.focus,     &selection.ignore,   &selection.hide,      &selection.show,
        &selection.show_from, &selection.tagfocus, &selection.tagignore, &selection.tagshow,
        &selection.taghide,   &selection.tagroot,  &selection.tagleaf,   &selection.prune_from,
    };
    for (unsigned i = 0; i < N_OPTIONS; i++) {
        if (options & 1u << i)
            *members[i] = text;
    }
    return selection;
}

static void require_whole(const struct sp_profile *profile)
{
    char why[FUZZ_WHY_BYTES] = "";
    const int error = sp_profile_check(profile, why, sizeof why);
    if (error)
        fprintf(stderr, "%s\n", why);
    require(error == 0);
}

/* Prints it as text and as JSON. */
static void print(struct sp_profile *profile, const struct sp_report_kind *kind,
                  const struct sp_report_options *options)
{
    int (*const prints[])(struct sp_report *, FILE *, char *, size_t) = {kind->print, kind->print_json};
    for (size_t i = 0; i < 2 && prints[i]; i++) {
        struct sp_report report = {0};
        char why[FUZZ_WHY_BYTES] = "", *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        require(out);
        int error = sp_report_init(&report, profile, options);
        if (!error)
            error = prints[i](&report, out, why, sizeof why);
        require(error == 0 || error == -ENODATA || (error == -ENOENT && options->symbol));
        require(fclose(out) == 0);
        free(text);
        sp_report_done(&report);
    }
}

static void require_alike(const struct sp_diff_value *value)
{
    require(value->value[SP_OLD] == value->value[SP_NEW] && !value->is_significant);
}

/* Compares it with itself, and prints that as text and as JSON. */
static void compare(struct sp_profile *profile, const struct how *how)
{
    struct sp_profile *const sides[] = {profile, profile};
    const struct sp_diff_options options = {.sample_type = "",
                                            .is_normalized = how->options & 1,
                                            .by = how->granularity.by,
                                            .by_cum = how->report.by_cum,
                                            .n_most = how->report.node_count,
                                            .large = how->report.node_fraction,
                                            .unit = how->report.unit};
    void (*const prints[])(const struct sp_diff *, FILE *) = {sp_diff_print, sp_diff_print_json};
    struct sp_diff diff;
    char why[FUZZ_WHY_BYTES] = "", *text = NULL;
    size_t size = 0;
    const int error = sp_diff_init(&diff, sides, &options, why, sizeof why);
    require(error == 0 || (error == -EINVAL && why[0] != '\0'));
    for (size_t i = 0; error == 0 && i < diff.n; i++) {
        require_alike(&diff.rows[i].flat);
        require_alike(&diff.rows[i].cum);
    }
    for (size_t i = 0; error == 0 && i < 2; i++) {
        FILE *out = open_memstream(&text, &size);
        require(out);
        prints[i](&diff, out);
        require(fclose(out) == 0);
        free(text);
    }
    sp_diff_done(&diff);
}

static void print_all(struct sp_profile *profile, const struct how *how, const char *text)
{
    struct sp_report_options options = how->report;
    struct sp_regex *symbol = NULL;
    char why[FUZZ_WHY_BYTES];
    if (sp_regex_new(text, &symbol, why, sizeof why) != 0)
        require(sp_regex_new(".", &symbol, why, sizeof why) == 0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        options.symbol = kinds[i] == &sp_report_peek ? symbol : NULL;
        print(profile, kinds[i], &options);
    }
    sp_regex_free(symbol);
}

/* Selects as a command does: false when it is refused. */
static bool select_from(struct sp_profile *profile, const struct how *how, const char *text)
{
    const struct sp_selection selection = selection_of(how->options, text);
    const struct sp_notes silence = {0};
    char why[FUZZ_WHY_BYTES] = "";
    int error = sp_select_remove_uninteresting(profile, why, sizeof why);
    require(error == 0 || (error == -EINVAL && why[0] != '\0'));
    struct sp_label_units *label_units = sp_label_units_new(profile);
    require(label_units);
    require(sp_select_tag_frames(profile, &selection, how->report.unit, &silence) == 0);
    error = sp_select(profile, &selection, label_units, &silence, why, sizeof why);
    require(error == 0 || (error == -EINVAL && why[0] != '\0'));
    sp_label_units_free(label_units);
    if (error == 0)
        require(sp_select_granularity(profile, &how->granularity) == 0);
    require_whole(profile);
    return error == 0;
}

static void write_all(const struct sp_profile *profile)
{
    for (size_t i = 0; sp_formats[i]; i++) {
        struct sp_bytes bytes = {0};
        if (!sp_formats[i]->write)
            continue;
        const int error = sp_formats[i]->write(profile, NULL, &bytes);
        require(error == 0 || error == -ENOTSUP);
        sp_bytes_done(&bytes);
    }
}

/* The profile less itself, in its place. */
static struct sp_profile *take_off_itself(struct sp_profile *profile)
{
    struct sp_profile *both[] = {profile, NULL}, *difference;
    char why[FUZZ_WHY_BYTES] = "";
    require(sp_profile_compact(profile, &both[1]) == 0);
    require(sp_profile_set_label(both[1], SP_BASE_LABEL, SP_BASE_LABEL_VALUE) == 0);
    require(sp_profile_scale(both[1], -1) == 0);
    const int error = sp_profile_merge(both, 2, &difference, why, sizeof why);
    require(error == 0 || (error == -EINVAL && why[0] != '\0'));
    sp_profile_free(both[1]);
    if (error)
        return profile;
    sp_profile_free(profile);
    return difference;
}

/* The profile after the first line, ready to be looked at; NULL when there is none. */
static struct sp_profile *read_profile(const uint8_t *data, size_t size)
{
    struct sp_bytes bytes = {0};
    struct sp_profile *profile = NULL;
    char why[FUZZ_WHY_BYTES] = "";
    sp_bytes_put(&bytes, data, size);
    if (sp_profile_read_bytes(&bytes, FUZZ_LIMIT, &profile, why, sizeof why) != 0)
        return NULL;
    sp_profile_ensure_mapping(profile);
    if (sp_profile_drop_doubled_types(profile, why, sizeof why) != 0) {
        sp_profile_free(profile);
        return NULL;
    }
    return profile;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < FIXED_BYTES)
        return 0;
    const struct how how = read_how(data);
    data += FIXED_BYTES, size -= FIXED_BYTES;
    const uint8_t *end = memchr(data, '\n', size);
    char text[MOST_TEXT] = "";
    if (!end || (size_t)(end - data) >= sizeof text)
        return 0;
    memcpy(text, data, (size_t)(end - data));
    struct sp_profile *profile = read_profile(end + 1, size - (size_t)(end - data) - 1);
    if (!profile)
        return 0;
    write_all(profile);
    if (how.is_summed)
        profile = take_off_itself(profile);
    if (select_from(profile, &how, text)) {
        print_all(profile, &how, text);
        compare(profile, &how);
    }
    sp_profile_free(profile);
    return 0;
}
