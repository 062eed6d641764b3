/*
 * Who was at an address, in an epoch.
 *
 * Place and context: see mappings.h. Three tell: the departures of the past, the mappings as they were read last, and
 * what the log says is there. Where they leave it open which of two libraries it was, there is no answer.
 */
#include "collector/mappings.h"

static bool overlaps(const struct sp_known_mapping *known, const struct sp_mapping *other)
{
    return known->mapping.start < other->limit && other->start < known->mapping.limit;
}

/* The profile's index of an equal mapping: of a process that was forked, or that was here before; or SP_NONE. */
static uint32_t find_equal(const struct sp_profile *profile, const struct sp_mapping *mapping)
{
    for (size_t i = 0; i < profile->mappings.n; i++) {
        const struct sp_mapping *at = &profile->mappings.at[i];
        if (at->start == mapping->start && at->limit == mapping->limit && at->file_offset == mapping->file_offset &&
            at->file == mapping->file && at->build_id == mapping->build_id)
            return (uint32_t)i;
    }
    return SP_NONE;
}

static uint32_t index_of(struct sp_known_mapping *known, struct sp_profile *profile)
{
    if (known->index == SP_NONE)
        known->index = find_equal(profile, &known->mapping);
    if (known->index == SP_NONE)
        known->index = sp_profile_add_mapping(profile, &known->mapping);
    return known->index;
}

/* profile.proto: "the first mapping is the main binary". Only once there is a sample: exec(3) may still change it. */
static void add_executable_first(struct sp_mappings *mappings, struct sp_profile *profile)
{
    for (size_t i = 0; i < mappings->live.n && profile->mappings.n == 0; i++) {
        struct sp_known_mapping *known = &mappings->known.at[mappings->live.at[i]];
        if (known->mapping.file == mappings->executable)
            index_of(known, profile);
    }
}

static bool holds(const struct sp_known_mapping *known, uint64_t address)
{
    return address >= known->mapping.start && address < known->mapping.limit;
}

/* The live mapping that holds `address`, or NULL. */
static struct sp_known_mapping *find_live(const struct sp_mappings *mappings, uint64_t address)
{
    size_t low = 0, high = mappings->live.n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        struct sp_known_mapping *known = &mappings->known.at[mappings->live.at[middle]];
        if (holds(known, address))
            return known;
        if (address < known->mapping.start)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Whether it was there from the beginning, or the log is complete since `epoch`. */
static bool is_within_sight(const struct sp_mappings *mappings, bool is_lasting, uint64_t epoch)
{
    return is_lasting || epoch >= mappings->departures.horizon;
}

enum { OLDER_DRAINS = 2 };

/*
 * Whether samples that are read now may be older than what was seen in drain number `drain`: in the same drain; in the
 * next one, if they were taken between the turn of a shard and the reading; and once more, if a shard could not be
 * turned.
 */
static bool is_recent(const struct sp_mappings *mappings, uint64_t drain)
{
    return mappings->drain != 0 && drain + OLDER_DRAINS >= mappings->drain;
}

/*
 * Whether something that the log says is there was not there when the mappings were read, and nobody has told yet that
 * it is gone: then the sample may have been taken in that.
 */
static bool has_ghost(const struct sp_mappings *mappings, const struct sp_mapping *at)
{
    for (size_t i = 0; i < mappings->known.n && mappings->has_told; i++)
        if (sp_known_mapping_is_ghost(&mappings->known.at[i]) && overlaps(&mappings->known.at[i], at))
            return true;
    return false;
}

/* One that has come a moment ago may have come after the sample, which was taken in what was there before. */
static bool is_live_sure(const struct sp_mappings *mappings, const struct sp_known_mapping *live, uint64_t epoch)
{
    return epoch < live->told_epoch || live->is_lasting ||
           !((live->is_replacing && is_recent(mappings, live->came_in)) || has_ghost(mappings, &live->mapping));
}

/* What has gone a moment ago, and nobody will tell. */
static bool is_gone_sure(const struct sp_mappings *mappings, const struct sp_known_mapping *gone)
{
    const bool is_old = mappings->drain != 0 && !is_recent(mappings, gone->left_in);
    return !is_old && gone->told_epoch == 0 && (mappings->open_in == 0 || !is_recent(mappings, mappings->open_in));
}

static bool is_present_sure(const struct sp_mappings *mappings, const struct sp_known_mapping *present, uint64_t epoch)
{
    return !present->is_nameless && is_within_sight(mappings, present->is_lasting, epoch) &&
           (present->is_live ? is_live_sure(mappings, present, epoch) : is_gone_sure(mappings, present));
}

/* What was at `address` and has gone without a word, the newest first; or NULL. */
static struct sp_known_mapping *find_gone(const struct sp_mappings *mappings, uint64_t address)
{
    for (size_t i = mappings->known.n; i-- > 0;) {
        struct sp_known_mapping *known = &mappings->known.at[i];
        if (!known->is_live && !known->is_departed && known->reading != 0 && holds(known, address))
            return known;
    }
    return NULL;
}

static struct sp_known_mapping *find_departed(const struct sp_mappings *mappings, const struct sp_departure *departure,
                                              uint64_t epoch)
{
    const bool is_sure = departure->known != SP_NONE && !mappings->known.at[departure->known].is_nameless &&
                         is_within_sight(mappings, departure->is_lasting, epoch) &&
                         !(departure->is_contested && epoch >= departure->from);
    return is_sure ? &mappings->known.at[departure->known] : NULL;
}

/* The live mapping that holds `address`, or one that has gone without a word; or NULL. */
static struct sp_known_mapping *find_present(const struct sp_mappings *mappings, uint64_t address)
{
    struct sp_known_mapping *last = mappings->last < mappings->known.n ? &mappings->known.at[mappings->last] : NULL;
    if (last != NULL && last->is_live && holds(last, address))
        return last;
    struct sp_known_mapping *live = find_live(mappings, address);
    return live != NULL ? live : find_gone(mappings, address);
}

/* What the log says was there later than in `epoch`: then it was there already, as nothing has gone from there since.
 */
static struct sp_known_mapping *find_told(const struct sp_mappings *mappings, uint64_t address, uint64_t epoch)
{
    for (size_t i = mappings->known.n; i-- > 0 && mappings->has_told;) {
        struct sp_known_mapping *known = &mappings->known.at[i];
        if (epoch < known->told_epoch && !known->is_departed && !known->is_nameless && holds(known, address) &&
            is_within_sight(mappings, known->is_lasting, epoch))
            return known;
    }
    return NULL;
}

/* What held `address` in `epoch`; or NULL, and whether something did. */
static struct sp_known_mapping *find_in_epoch(const struct sp_mappings *mappings, uint64_t address, uint64_t epoch,
                                              bool *is_unsure)
{
    const struct sp_departure *departure = sp_departures_find(&mappings->departures, address, epoch);
    struct sp_known_mapping *found = NULL, *present = NULL;
    if (departure != NULL)
        found = find_departed(mappings, departure, epoch);
    else if ((present = find_present(mappings, address)) != NULL && is_present_sure(mappings, present, epoch))
        found = present;
    else
        found = find_told(mappings, address, epoch);
    *is_unsure = found == NULL && (departure != NULL || present != NULL);
    return found;
}

uint32_t sp_mappings_find(struct sp_mappings *mappings, struct sp_profile *profile, uint64_t address, uint64_t epoch,
                          bool *is_unsure)
{
    if (profile->mappings.n == 0)
        add_executable_first(mappings, profile);
    struct sp_known_mapping *found = find_in_epoch(mappings, address, epoch, is_unsure);
    if (found == NULL)
        return SP_NONE;
    mappings->last = (uint32_t)(found - mappings->known.at);
    return index_of(found, profile);
}
