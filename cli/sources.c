/*
 * Reading the profiles that a command looks at. See sources.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "formats/formats.h"
#include "mangled_names.h"
#include "profile/merge.h"
#include "profile/scale.h"
#include "select/selection.h"

enum { WHY_BYTES = 512, MOST_SECONDS = 24 * 60 * 60 };

static int take_base(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    (void)command, (void)option;
    return value[0] ? sp_words_add(to, value) : SP_EXIT_OK;
}

#define AT(member) offsetof(struct sp_sources, member)

const struct sp_option sp_sources_options[SP_SOURCES_OPTIONS] = {
    {.name = "base",
     .value_name = "FILE",
     .help = "what FILE has more than this one, as two readings of one process; may be\ngiven again",
     .take = take_base,
     .offset = AT(base)},
    {.name = "diff-base",
     .value_name = "FILE",
     .help = "the difference to this one, percentages being of it (see also sigprof diff)",
     .take = take_base,
     .offset = AT(diff_base)},
    {.name = "normalize",
     .help = "scaled to the base before it is taken off",
     .take = sp_take_flag,
     .offset = AT(is_normalised)},
    {.name = "seconds",
     .value_name = "N",
     .help = "of a profile that is fetched: how long it is to be recorded",
     .take = sp_take_count,
     .least = 0,
     .most = MOST_SECONDS,
     .offset = AT(seconds)},
    {.name = "timeout",
     .value_name = "N",
     .help = "seconds to wait for it",
     .take = sp_take_count,
     .least = 0,
     .most = MOST_SECONDS,
     .offset = AT(timeout)},
};

int sp_sources_take_file(struct sp_sources *sources, const char *file)
{
    return sp_words_add(&sources->files, file);
}

/* Where names of files cannot be right: SP_EXIT_OK or SP_EXIT_USAGE. `n_stdin` counts those that are stdin. */
static int check_files(const struct sp_command *command, const struct sp_words *files, size_t *n_stdin)
{
    for (size_t i = 0; i < files->n; i++) {
        if (files->at[i][0] == '\0')
            return sp_usage_error(command, "FILE is an empty word");
        *n_stdin += strcmp(files->at[i], "-") == 0;
    }
    return *n_stdin > 1 ? sp_usage_error(command, "standard input can be read once only") : SP_EXIT_OK;
}

int sp_sources_check(const struct sp_command *command, const struct sp_sources *sources)
{
    if (sources->files.n == 0)
        return sp_usage_error(command, "FILE is missing");
    if (sources->base.n > 0 && sources->diff_base.n > 0)
        return sp_usage_error(command, "--base and --diff-base cannot both be given");
    if (sources->is_normalised && sources->base.n + sources->diff_base.n == 0)
        return sp_usage_error(command, "--normalize needs a --base or --diff-base to scale to");
    size_t n_stdin = 0;
    int status = check_files(command, &sources->files, &n_stdin);
    if (status == SP_EXIT_OK)
        status = check_files(command, &sources->base, &n_stdin);
    return status == SP_EXIT_OK ? check_files(command, &sources->diff_base, &n_stdin) : status;
}

static const char *shown_name(const char *file)
{
    return strcmp(file, "-") == 0 ? "stdin" : file;
}

const char *sp_sources_name(const struct sp_sources *sources)
{
    return sources->files.n == 0 ? "" : shown_name(sources->files.at[0]);
}

/* One profile, as it is if `is_whole`; NULL, having complained. */
static struct sp_profile *read_one(const struct sp_sources *sources, const char *file, bool is_whole)
{
    char why[WHY_BYTES];
    struct sp_profile *profile = NULL;
    int error;
    if (sp_is_address(file))
        error = sp_fetch_profile(file, sources->seconds, sources->timeout, &profile, why, sizeof why);
    else
        error = sp_profile_read_file(file, &profile, why, sizeof why);
    if (error)
        sp_complain("%s: %s", shown_name(file), why);
    else if (!is_whole)
        sp_profile_ensure_mapping(profile);
    return error ? NULL : profile;
}

/* The sum of what is in the merger; NULL, having complained. */
static struct sp_profile *finish(struct sp_merger *merger)
{
    char why[WHY_BYTES];
    struct sp_profile *sum = NULL;
    const int error = sp_merger_finish(merger, &sum, why, sizeof why);
    if (error)
        sp_complain("the profiles cannot be added up: %s", error == -ENOMEM ? strerror(ENOMEM) : why);
    return error ? NULL : sum;
}

/* Adds one profile, which is freed. False, having complained, when the sum cannot be had. */
static bool add(struct sp_merger *merger, const char *file, struct sp_profile *profile)
{
    char why[WHY_BYTES];
    const int error = sp_merger_add(merger, profile, why, sizeof why);
    sp_profile_free(profile);
    if (error)
        sp_complain("%s cannot be added to the others: %s", shown_name(file),
                    error == -ENOMEM ? strerror(ENOMEM) : why);
    return error == 0;
}

/* Reads and adds up several profiles: NULL, having complained, when none could be read or they do not go together. */
static struct sp_profile *read_several(const struct sp_sources *sources, const struct sp_words *words)
{
    struct sp_merger *merger = sp_merger_new();
    size_t n_read = 0;
    bool is_good = merger != NULL;
    for (size_t i = 0; is_good && i < words->n; i++) {
        struct sp_profile *one = read_one(sources, words->at[i], false);
        if (!one)
            continue;
        n_read++;
        is_good = add(merger, words->at[i], one);
    }
    if (is_good && n_read > 0 && n_read < words->n)
        sp_complain("read %zu of %zu profiles", n_read, words->n);
    struct sp_profile *sum = is_good && n_read > 0 ? finish(merger) : NULL;
    sp_merger_free(merger);
    return sum;
}

/* A profile alone is not merged, but pprof does something to it. NULL, having complained. */
static struct sp_profile *read_single(const struct sp_sources *sources, const char *file)
{
    char why[WHY_BYTES];
    struct sp_profile *profile = read_one(sources, file, false);
    const int error = profile ? sp_profile_drop_doubled_types(profile, why, sizeof why) : 0;
    if (!error)
        return profile;
    sp_complain("%s: %s", shown_name(file), error == -ENOMEM ? strerror(ENOMEM) : why);
    sp_profile_free(profile);
    return NULL;
}

static struct sp_profile *read_all(const struct sp_sources *sources, const struct sp_words *words)
{
    return words->n == 1 ? read_single(sources, words->at[0]) : read_several(sources, words);
}

/* Marks and negates the base, so that it can be added: 0 or an error. */
static int prepare_base(const struct sp_sources *sources, struct sp_profile *profile, struct sp_profile *base,
                        char *why, size_t why_size)
{
    int error = 0;
    if (sources->diff_base.n > 0)
        error = sp_profile_set_label(base, SP_BASE_LABEL, SP_BASE_LABEL_VALUE);
    if (!error && sources->is_normalised)
        error = sp_profile_normalize(profile, base, why, why_size);
    return error ? error : sp_profile_scale(base, -1);
}

/* The profile less its base; both are freed. NULL, having complained. */
static struct sp_profile *subtract(const struct sp_sources *sources, struct sp_profile *profile,
                                   struct sp_profile *base)
{
    char why[WHY_BYTES] = "";
    struct sp_profile *both[] = {profile, base}, *difference = NULL;
    int error = prepare_base(sources, profile, base, why, sizeof why);
    if (!error)
        error = sp_profile_merge(both, 2, &difference, why, sizeof why);
    if (error)
        sp_complain("%s cannot be compared with its base: %s", sp_sources_name(sources),
                    why[0] ? why : strerror(-error));
    sp_profile_free(profile);
    sp_profile_free(base);
    return error ? NULL : difference;
}

/* Drops what the profile asks to drop: SP_EXIT_OK, or has complained. */
static int make_ready(const struct sp_sources *sources, struct sp_profile *profile)
{
    char why[WHY_BYTES] = "";
    int error = sp_demangle_profile(profile);
    if (!error)
        error = sp_select_remove_uninteresting(profile, why, sizeof why);
    if (error)
        sp_complain("%s: %s", sp_sources_name(sources), why[0] ? why : strerror(-error));
    return error && error != -EINVAL ? SP_EXIT_FAILED : SP_EXIT_OK; /* a bad expression in it drops nothing */
}

int sp_sources_read(const struct sp_sources *sources, bool is_whole, struct sp_profile **profile)
{
    const struct sp_words *bases = sources->diff_base.n > 0 ? &sources->diff_base : &sources->base;
    if (is_whole && sources->files.n == 1 && bases->n == 0) {
        *profile = read_one(sources, sources->files.at[0], true);
        return *profile ? SP_EXIT_OK : SP_EXIT_FAILED;
    }
    struct sp_profile *sum = read_all(sources, &sources->files);
    struct sp_profile *base = sum && bases->n > 0 ? read_all(sources, bases) : NULL;
    if (base)
        sum = subtract(sources, sum, base);
    if (!sum || (bases->n > 0 && !base) || (!is_whole && make_ready(sources, sum) != SP_EXIT_OK)) {
        sp_profile_free(sum);
        return SP_EXIT_FAILED;
    }
    *profile = sum;
    return SP_EXIT_OK;
}

void sp_sources_done(struct sp_sources *sources)
{
    free(sources->files.at);
    free(sources->base.at);
    free(sources->diff_base.at);
    *sources = (struct sp_sources){0};
}
