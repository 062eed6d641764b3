/*
 * A short list by epoch.
 *
 * Place and context: see departures.h. Most programs unload nothing, and the list is empty. One that does nothing else
 * fills it with what it can unload in DRAINS_KEPT drains.
 */
#include "collector/departures.h"

#include <stdlib.h>
#include <string.h>

enum { DRAINS_KEPT = 32, DEPARTURES_LIMIT = 1 << 16 };

void sp_departures_raise_horizon(struct sp_departures *departures, uint64_t epoch)
{
    if (epoch > departures->horizon)
        departures->horizon = epoch;
}

static bool reserve(struct sp_departures *departures)
{
    if (departures->list.n < departures->list.capacity)
        return true;
    const size_t wanted = departures->list.n == 0 ? 64 : 2 * departures->list.n;
    if (wanted > DEPARTURES_LIMIT)
        return false;
    struct sp_departure *grown = reallocarray(departures->list.at, wanted, sizeof *grown);
    if (grown == NULL)
        return false;
    departures->list.at = grown;
    departures->list.capacity = wanted;
    return true;
}

void sp_departures_add(struct sp_departures *departures, const struct sp_departure *departure)
{
    const size_t n = departures->list.n;
    const uint64_t last = n > 0 ? departures->list.at[n - 1].until : 0;
    if (departure->until < last || !reserve(departures))
        sp_departures_raise_horizon(departures, departure->until < last ? last : departure->until);
    else
        departures->list.at[departures->list.n++] = *departure;
}

const struct sp_departure *sp_departures_find(const struct sp_departures *departures, uint64_t address, uint64_t epoch)
{
    size_t low = 0, high = departures->list.n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (departures->list.at[middle].until <= epoch)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < departures->list.n; low++)
        if (address >= departures->list.at[low].start && address < departures->list.at[low].limit)
            return &departures->list.at[low];
    return NULL;
}

void sp_departures_forget(struct sp_departures *departures, uint64_t drain)
{
    size_t old = 0;
    while (old < departures->list.n && departures->list.at[old].drain + DRAINS_KEPT < drain)
        old++;
    if (old == 0)
        return;
    sp_departures_raise_horizon(departures, departures->list.at[old - 1].until);
    departures->list.n -= old;
    memmove(departures->list.at, departures->list.at + old, departures->list.n * sizeof *departures->list.at);
}

void sp_departures_done(struct sp_departures *departures)
{
    free(departures->list.at);
    *departures = (struct sp_departures){0};
}
