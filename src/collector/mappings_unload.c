/*
 * Libraries go, and a process becomes two: what that does to the history.
 *
 * Place and context: see mappings.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/mappings.h"

enum { TOLD_LIMIT = 1 << 14 /* mappings known from the log alone */ };

static bool overlap(const struct sp_mapping *mapping, uint64_t start, uint64_t limit)
{
    return mapping->start < limit && start < mapping->limit;
}

static void depart(const struct sp_mappings *mappings, struct sp_known_mapping *known)
{
    sp_mappings_let_go(mappings, known);
    known->is_live = known->is_lasting = false;
    known->is_departed = true;
    known->told_epoch = 0;
}

/* What is live in [start, limit) is not any more; of the whole address space, but for what is lasting. */
static void end_live(struct sp_mappings *mappings, uint64_t start, uint64_t limit, bool is_sparing)
{
    size_t kept = 0;
    for (size_t i = 0; i < mappings->live.n; i++) {
        struct sp_known_mapping *known = &mappings->known.at[mappings->live.at[i]];
        if (overlap(&known->mapping, start, limit) && !(is_sparing && known->is_lasting))
            depart(mappings, known);
        else
            mappings->live.at[kept++] = mappings->live.at[i];
    }
    mappings->live.n = kept;
}

static bool is_file_of(const struct sp_known_mapping *known, const struct sp_profile *profile,
                       const struct sp_unload *unload)
{
    return unload->path[0] == '\0' || sp_mappings_is_path_of(known, unload->path, profile);
}

/*
 * Whether a known mapping is a part of what was unloaded. With a build id, it is the same code at the same place,
 * whenever that was. Without one, it has to be what the last reading had there, before this came to its end.
 */
static bool is_of(const struct sp_mappings *mappings, const struct sp_known_mapping *known,
                  const struct sp_profile *profile, const struct sp_unload *unload, uint32_t part)
{
    const bool is_there = known->is_live && unload->until > mappings->read_before;
    return known->mapping.start == unload->parts[part].start && known->mapping.limit == unload->parts[part].limit &&
           known->mapping.file_offset == unload->parts[part].file_offset &&
           strcmp(sp_profile_text(profile, known->mapping.build_id), unload->build_id) == 0 &&
           (unload->build_id[0] != '\0' ? is_file_of(known, profile, unload) : is_there);
}

static uint32_t find_told(const struct sp_mappings *mappings, const struct sp_profile *profile,
                          const struct sp_unload *unload, uint32_t part)
{
    for (size_t i = mappings->known.n; i-- > 0;)
        if (is_of(mappings, &mappings->known.at[i], profile, unload, part))
            return (uint32_t)i;
    return SP_NONE;
}

static uint32_t learn_told(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_unload *unload,
                           uint32_t part)
{
    if (mappings->n_told == TOLD_LIMIT)
        return SP_NONE;
    struct sp_known_mapping *known = sp_mappings_add_known(mappings);
    if (known == NULL)
        return SP_NONE;
    mappings->n_told++;
    *known = (struct sp_known_mapping){.mapping = {.start = unload->parts[part].start,
                                                   .limit = unload->parts[part].limit,
                                                   .file_offset = unload->parts[part].file_offset,
                                                   .file = sp_profile_string(profile, unload->path),
                                                   .build_id = sp_profile_string(profile, unload->build_id)},
                                       .index = SP_NONE,
                                       .image = SP_NO_IMAGE,
                                       .is_nameless = unload->path[0] == '\0'};
    return (uint32_t)(known - mappings->known.at);
}

static uint32_t find_or_learn(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_unload *unload,
                              uint32_t part)
{
    const uint32_t found = find_told(mappings, profile, unload, part);
    return found != SP_NONE ? found : learn_told(mappings, profile, unload, part);
}

/* By start address. What has come last is behind the rest. */
static void sort_live(struct sp_mappings *mappings)
{
    uint32_t *live = mappings->live.at;
    for (size_t i = 1; i < mappings->live.n; i++) {
        const uint32_t position = live[i];
        size_t at = i;
        for (; at > 0 && mappings->known.at[live[at - 1]].mapping.start > mappings->known.at[position].mapping.start;
             at--)
            live[at] = live[at - 1];
        live[at] = position;
    }
}

/* It was there in unload->from, and so in each epoch before that in which nothing has gone from there. */
static void take_present(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_unload *unload,
                         uint32_t part)
{
    const uint32_t position = find_or_learn(mappings, profile, unload, part);
    if (position == SP_NONE) {
        sp_departures_raise_horizon(&mappings->departures, unload->until);
        return;
    }
    struct sp_known_mapping *known = &mappings->known.at[position];
    known->told_epoch = unload->from;
    mappings->has_told = true;
    if (known->is_live || unload->from < mappings->read_before) /* the last reading may know better */
        return;
    end_live(mappings, known->mapping.start, known->mapping.limit, false);
    if (!sp_mappings_make_live(mappings, position))
        return;
    known->is_departed = false;
    known->came_in = mappings->drain;
    sort_live(mappings);
}

static void unload_part(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_unload *unload,
                        uint32_t part)
{
    struct sp_departure departure = {.start = unload->parts[part].start,
                                     .limit = unload->parts[part].limit,
                                     .from = unload->from,
                                     .until = unload->until,
                                     .drain = mappings->drain,
                                     .known = find_or_learn(mappings, profile, unload, part),
                                     .is_contested = unload->kind == SP_UNLOAD_CONTESTED};
    if (departure.known == SP_NONE)
        sp_departures_raise_horizon(&mappings->departures, unload->until);
    else
        departure.is_lasting = mappings->known.at[departure.known].is_lasting;
    sp_departures_add(&mappings->departures, &departure);
    if (unload->until > mappings->read_after) /* a later reading has what came then */
        end_live(mappings, departure.start, departure.limit, false);
    if (departure.known != SP_NONE && !mappings->known.at[departure.known].is_live)
        depart(mappings, &mappings->known.at[departure.known]);
}

void sp_mappings_unload(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_unload *unload)
{
    for (uint32_t i = 0; i < unload->n_parts; i++) {
        if (unload->kind == SP_UNLOAD_PRESENT)
            take_present(mappings, profile, unload, i);
        else
            unload_part(mappings, profile, unload, i);
    }
}

/* All is told: what the log says is there is what the mappings have, under another name, or has gone without a word. */
static void forget_ghosts(struct sp_mappings *mappings)
{
    for (size_t i = 0; i < mappings->known.n && mappings->has_told; i++)
        if (sp_known_mapping_is_ghost(&mappings->known.at[i]))
            depart(mappings, &mappings->known.at[i]);
}

void sp_mappings_unloads_told(struct sp_mappings *mappings, const struct sp_unload_state *state)
{
    mappings->epoch = state->epoch;
    if (mappings->read_before == UINT64_MAX)
        mappings->read_before = state->epoch;
    if (state->is_open)
        mappings->open_in = mappings->drain;
    else
        forget_ghosts(mappings);
    if (!state->is_gap)
        return;
    sp_departures_raise_horizon(&mappings->departures, state->unknown_until);
    end_live(mappings, 0, UINT64_MAX, true);
}

void sp_mappings_begin_drain(struct sp_mappings *mappings)
{
    mappings->drain++;
    sp_departures_forget(&mappings->departures, mappings->drain);
}

static uint32_t copy_string(struct sp_profile *profile, const struct sp_profile *theirs, uint32_t string)
{
    return profile == theirs ? string : sp_profile_string(profile, sp_profile_text(theirs, string));
}

/* Whether what is live now was there in `epoch`, as far as the log tells. */
static bool was_there(const struct sp_mappings *mappings, const struct sp_known_mapping *live, uint64_t epoch)
{
    for (size_t i = 0; i < mappings->departures.list.n; i++) {
        const struct sp_departure *at = &mappings->departures.list.at[i];
        if (at->until > epoch && overlap(&live->mapping, at->start, at->limit))
            return false;
    }
    return live->is_lasting || epoch >= mappings->departures.horizon;
}

/* `from` has it. */
static int copy_known(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_mappings *from,
                      const struct sp_known_mapping *known, const struct sp_profile *theirs)
{
    struct sp_known_mapping *copy = sp_mappings_add_known(mappings);
    if (copy == NULL || !sp_mappings_make_live(mappings, (uint32_t)(copy - mappings->known.at)))
        return -ENOMEM;
    *copy = *known;
    copy->mapping.file = copy_string(profile, theirs, known->mapping.file);
    copy->mapping.build_id = copy_string(profile, theirs, known->mapping.build_id);
    copy->index = SP_NONE;
    if (mappings->images != from->images)
        copy->image = SP_NO_IMAGE;
    copy->is_using = copy->image != SP_NO_IMAGE;
    sp_images_share(mappings->images, copy->image);
    copy->reading = mappings->reading;
    copy->came_in = copy->told_epoch = 0;
    copy->is_live = true;
    copy->is_departed = copy->is_replacing = false;
    return 0;
}

/* What has been unloaded since `epoch`. */
static int copy_departed(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_mappings *from,
                         const struct sp_profile *theirs, uint64_t epoch)
{
    int error = 0;
    for (size_t i = 0; i < from->departures.list.n && error == 0; i++) {
        const struct sp_departure *at = &from->departures.list.at[i];
        const bool is_sure = at->known != SP_NONE && !(at->is_contested && epoch >= at->from) &&
                             (at->is_lasting || epoch >= from->departures.horizon);
        if (is_sure && sp_departures_find(&from->departures, at->start, epoch) == at)
            error = copy_known(mappings, profile, from, &from->known.at[at->known], theirs);
    }
    return error;
}

int sp_mappings_copy(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_mappings *from,
                     const struct sp_profile *theirs, uint64_t epoch)
{
    int error = 0;
    mappings->reading = 1;
    mappings->epoch = mappings->read_after = mappings->read_before = epoch;
    mappings->departures.horizon = epoch;
    for (size_t i = 0; i < from->live.n && error == 0; i++) {
        const struct sp_known_mapping *live = &from->known.at[from->live.at[i]];
        if (was_there(from, live, epoch))
            error = copy_known(mappings, profile, from, live, theirs);
    }
    if (error == 0)
        error = copy_departed(mappings, profile, from, theirs, epoch);
    sort_live(mappings);
    mappings->executable = copy_string(profile, theirs, from->executable);
    return error;
}
