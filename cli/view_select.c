/*
 * What of a profile is looked at. See view_select.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "view_select.h"

#include <errno.h>
#include <stdlib.h>

#include "frame_limit.h"

static void say(void *context, const char *text)
{
    const struct sp_view_select *select = context;
    if (select->side)
        sp_complain("%s: %s", select->side, text);
    else
        sp_complain("%s", text);
}

static int apply_filters(struct sp_view_select *select)
{
    const struct sp_notes notes = {.say = say, .context = select};
    return sp_select(select->profile, &select->options->selection, select->units, &notes, select->why,
                     select->why_size);
}

int sp_view_select_first(struct sp_view_select *select)
{
    const struct sp_view_options *options = select->options;
    const struct sp_notes notes = {.say = say, .context = select};
    select->units = sp_label_units_new(select->profile);
    if (!select->units)
        return -ENOMEM;
    sp_label_units_warn(select->units, &notes);
    const int error = sp_select_tag_frames(select->profile, &options->selection, options->unit, &notes);
    return error || !options->is_relative ? error : apply_filters(select);
}

int sp_view_select_rest(struct sp_view_select *select, const struct sp_granularity_options *granularity,
                        uint64_t most_frames)
{
    int error = select->options->is_relative ? 0 : apply_filters(select);
    if (!error)
        error = sp_select_granularity(select->profile, granularity);
    return error ? error : sp_limit_frames(select->profile, most_frames, select->why, select->why_size);
}

void sp_view_select_done(struct sp_view_select *select)
{
    sp_label_units_free(select->units);
    select->units = NULL;
}

struct sp_granularity_options sp_view_granularity(const struct sp_view_options *options)
{
    return (struct sp_granularity_options){
        .by = options->by == SP_VIEW_BY_DEFAULT ? SP_BY_FUNCTION : (enum sp_granularity)(options->by - 1),
        .has_no_inlines = options->has_no_inlines,
        .has_columns = options->has_columns,
    };
}

int sp_active_filters_init(struct sp_active_filters *filters, const struct sp_selection *selection)
{
    const struct {
        const char *name, *value;
    } all[] = {
        {"focus", selection->focus},         {"ignore", selection->ignore},       {"hide", selection->hide},
        {"show", selection->show},           {"show_from", selection->show_from}, {"tagfocus", selection->tagfocus},
        {"tagignore", selection->tagignore}, {"tagshow", selection->tagshow},     {"taghide", selection->taghide},
    };
    _Static_assert(sizeof all / sizeof all[0] == sizeof filters->at / sizeof filters->at[0], "one place for each");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!all[i].value || all[i].value[0] == '\0')
            continue;
        if (asprintf(&filters->at[filters->n], "%s=%s", all[i].name, all[i].value) < 0)
            return -ENOMEM;
        filters->n++;
    }
    return 0;
}

void sp_active_filters_done(struct sp_active_filters *filters)
{
    for (size_t i = 0; i < filters->n; i++)
        free(filters->at[i]);
    *filters = (struct sp_active_filters){0};
}
