/*
 * The selection as a whole: all expressions are compiled before anything changes, then they are applied in pprof's
 * order, and the user hears of those that matched nothing.
 *
 * Place on the way of a sample: see selection.h. Context: ordinary code of one thread.
 */
#include "select/selection.h"

#include <errno.h>
#include <stdio.h>

#include "select/frame_filter.h"
#include "select/tag_filter.h"

struct compiled {
    struct sp_regex *focus, *ignore, *hide, *show, *show_from, *prune_from, *tagshow, *taghide;
    struct sp_tag_filter *tagfocus, *tagignore;
};

void sp_note(const struct sp_notes *notes, const char *text)
{
    if (notes && notes->say)
        notes->say(notes->context, text);
}

static void note_no_match(const struct sp_notes *notes, const void *filter, bool has_match, const char *option)
{
    char text[64];
    if (!filter || has_match)
        return;
    snprintf(text, sizeof(text), "%s expression matched no samples", option);
    sp_note(notes, text);
}

/* Where the reasons for a bad expression go. */
struct reason {
    char *why;
    size_t size;
};

/* Compiles an option's value, where there is one and no error before. */
static void compile_regex(int *error, const char *name, const char *value, struct sp_regex **regex,
                          const struct reason *reason)
{
    char what[1024] = "";
    if (*error || !value || !*value)
        return;
    *error = sp_regex_new(value, regex, what, sizeof(what));
    if (*error == -EINVAL && reason->size)
        snprintf(reason->why, reason->size, "parsing %s regexp: %s", name, what);
}

static void compile_tags(int *error, const char *name, const char *value, const struct sp_label_units *units,
                         const struct sp_notes *notes, struct sp_tag_filter **filter, const struct reason *reason)
{
    if (!*error && value && *value)
        *error = sp_tag_filter_new(name, value, units, notes, filter, reason->why, reason->size);
}

static int compile(struct compiled *compiled, const struct sp_selection *selection, const struct sp_label_units *units,
                   const struct sp_notes *notes, const struct reason *reason)
{
    int error = 0;
    compile_regex(&error, "focus", selection->focus, &compiled->focus, reason);
    compile_regex(&error, "ignore", selection->ignore, &compiled->ignore, reason);
    compile_regex(&error, "hide", selection->hide, &compiled->hide, reason);
    compile_regex(&error, "show", selection->show, &compiled->show, reason);
    compile_regex(&error, "show_from", selection->show_from, &compiled->show_from, reason);
    compile_tags(&error, "tagfocus", selection->tagfocus, units, notes, &compiled->tagfocus, reason);
    compile_tags(&error, "tagignore", selection->tagignore, units, notes, &compiled->tagignore, reason);
    compile_regex(&error, "prune_from", selection->prune_from, &compiled->prune_from, reason);
    compile_regex(&error, "tagshow", selection->tagshow, &compiled->tagshow, reason);
    compile_regex(&error, "taghide", selection->taghide, &compiled->taghide, reason);
    return error;
}

static void free_compiled(struct compiled *compiled)
{
    sp_regex_free(compiled->focus);
    sp_regex_free(compiled->ignore);
    sp_regex_free(compiled->hide);
    sp_regex_free(compiled->show);
    sp_regex_free(compiled->show_from);
    sp_regex_free(compiled->prune_from);
    sp_regex_free(compiled->tagshow);
    sp_regex_free(compiled->taghide);
    sp_tag_filter_free(compiled->tagfocus);
    sp_tag_filter_free(compiled->tagignore);
}

static int apply_names(struct sp_profile *profile, const struct compiled *compiled, const struct sp_notes *notes)
{
    struct sp_name_filter names = {
        .focus = compiled->focus, .ignore = compiled->ignore, .hide = compiled->hide, .show = compiled->show};
    int error = sp_filter_by_name(profile, &names);
    if (error)
        return error;
    note_no_match(notes, compiled->focus, names.has_focused, "Focus");
    note_no_match(notes, compiled->ignore, names.has_ignored, "Ignore");
    note_no_match(notes, compiled->hide, names.has_hidden, "Hide");
    note_no_match(notes, compiled->show, names.has_shown, "Show");
    bool has_match = true;
    if (compiled->show_from)
        error = sp_show_from(profile, compiled->show_from, &has_match);
    if (!error)
        note_no_match(notes, compiled->show_from, has_match, "ShowFrom");
    return error;
}

static int apply_tags(struct sp_profile *profile, const struct compiled *compiled, const struct sp_notes *notes)
{
    bool has_focused, has_ignored, has_shown, has_hidden;
    int error = sp_filter_by_tag(profile, compiled->tagfocus, compiled->tagignore, &has_focused, &has_ignored);
    if (error)
        return error;
    note_no_match(notes, compiled->tagfocus, has_focused, "TagFocus");
    note_no_match(notes, compiled->tagignore, has_ignored, "TagIgnore");
    error = sp_filter_tags(profile, compiled->tagshow, compiled->taghide, &has_shown, &has_hidden);
    if (error)
        return error;
    note_no_match(notes, compiled->tagshow, has_shown, "TagShow");
    note_no_match(notes, compiled->taghide, has_hidden, "TagHide");
    return 0;
}

int sp_select(struct sp_profile *profile, const struct sp_selection *selection, const struct sp_label_units *units,
              const struct sp_notes *notes, char *why, size_t why_size)
{
    struct compiled compiled = {0};
    const struct reason reason = {why, why_size};
    int error = compile(&compiled, selection, units, notes, &reason);
    if (!error)
        error = apply_names(profile, &compiled, notes);
    if (!error)
        error = apply_tags(profile, &compiled, notes);
    if (!error && compiled.prune_from)
        error = sp_prune_from(profile, compiled.prune_from);
    free_compiled(&compiled);
    return error;
}
