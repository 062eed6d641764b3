/*
 * What was unloaded from where, and when: which mapping an address was in, in an epoch of the past.
 *
 * Place: inside the collector's mappings (mappings.c). Context: ordinary code, one thread at a time.
 *
 * The departures of one place follow each other: what the first that is later than an epoch took away was there in that
 * epoch. They are needed as long as there may be samples of such epochs in the segment, and forgotten a while later; of
 * epochs before that, and of those in which something was unloaded that could not be told, too little is known.
 */
#ifndef SIGPROF_COLLECTOR_DEPARTURES_H
#define SIGPROF_COLLECTOR_DEPARTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* What was mapped at [start, limit) was there in epoch `from`, and in no epoch from `until` on. */
struct sp_departure {
    uint64_t start, limit, from, until;
    uint64_t drain;    /* number of the drain that has heard of it */
    uint32_t known;    /* position in mappings.known; SP_NONE: what it was is not known */
    bool is_contested; /* in [from, until) something else may have been there */
    bool is_lasting;   /* it had been there from the beginning */
};

struct sp_departures {
    SP_ARRAY(struct sp_departure) list; /* in order of `until` */
    uint64_t horizon;                   /* of earlier epochs, too little is known */
};

/* One more. Without memory, and where it is older than the last one, which no honest target tells, the horizon is
 * raised. */
void sp_departures_add(struct sp_departures *departures, const struct sp_departure *departure);

/* The first later than `epoch` from where `address` is, or NULL. */
const struct sp_departure *sp_departures_find(const struct sp_departures *departures, uint64_t address, uint64_t epoch);

/* Of epochs before `epoch`, too little is known. */
void sp_departures_raise_horizon(struct sp_departures *departures, uint64_t epoch);

/* Forgets what was heard of long before drain number `drain`. */
void sp_departures_forget(struct sp_departures *departures, uint64_t drain);

void sp_departures_done(struct sp_departures *departures);

#endif
