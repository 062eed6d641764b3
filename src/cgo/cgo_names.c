/*
 * Names by the way that profiles get theirs: the addresses become the locations of a small profile.
 *
 * Place: see cgo_seen.h. Context: see cgo_names.h. A module is read once for all addresses that are wanted, so it
 * is worth while to find those of all tracebacks when the first is asked for: Go asks when its profile is written.
 *
 * Readers take no lock: a bucket's list only grows, by names that are whole.
 */
#include "cgo/cgo_names.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgo/cgo_seen.h"
#include "collector/mappings.h"
#include "handler/order.h"
#include "symbolize/symbolize.h"

enum { BUCKETS = 1 << 12, NAMES_LIMIT = 1 << 17 };

static _Atomic(struct sp_cgo_name *) buckets[BUCKETS];
static pthread_mutex_t finding = PTHREAD_MUTEX_INITIALIZER;
static uint32_t n_names; /* with `finding` locked */

static _Atomic(struct sp_cgo_name *) *bucket_of(uintptr_t pc)
{
    return &buckets[(uint64_t)pc * 0x9e3779b97f4a7c15u >> 52];
}

const struct sp_cgo_name *sp_cgo_name_known(uintptr_t pc)
{
    const struct sp_cgo_name *name = sp_load_acquire(bucket_of(pc));
    while (name != NULL && name->pc != pc)
        name = name->next;
    return name;
}

/* A copy that stays; NULL for "" and without memory. */
static const char *keep(const char *text)
{
    return text[0] != '\0' ? strdup(text) : NULL;
}

static void keep_frame(const struct sp_profile *profile, const struct sp_line *line, struct sp_cgo_frame *frame)
{
    if (line->function >= profile->functions.n)
        return;
    const struct sp_function *function = &profile->functions.at[line->function];
    frame->function = keep(sp_profile_text(profile, function->name));
    frame->file = keep(sp_profile_text(profile, function->filename));
    frame->line = line->line > 0 ? (uintptr_t)line->line : 0;
}

static void keep_name(const struct sp_profile *profile, const struct sp_location *location)
{
    _Atomic(struct sp_cgo_name *) *bucket = bucket_of((uintptr_t)location->address);
    struct sp_cgo_name *name = calloc(1, sizeof *name + location->n_lines * sizeof *name->frames);
    if (name == NULL)
        return;
    name->pc = (uintptr_t)location->address;
    name->n = location->n_lines;
    for (uint32_t i = 0; i < location->n_lines; i++)
        keep_frame(profile, &profile->lines.at[location->first_line + i], &name->frames[i]);
    name->next = sp_load_relaxed(bucket);
    sp_store_release(bucket, name);
    n_names++;
}

/* The location of a pc, in what is mapped now. */
static void add_location(struct sp_mappings *mappings, struct sp_profile *profile, uintptr_t pc)
{
    bool is_unsure;
    sp_profile_location(profile, sp_mappings_find(mappings, profile, pc, mappings->epoch, &is_unsure), pc);
}

/* Makes locations of `pc` and of all addresses that tracebacks have given and that have no name yet. */
static void add_locations(struct sp_mappings *mappings, struct sp_profile *profile, uintptr_t pc)
{
    add_location(mappings, profile, pc);
    for (uint32_t i = 0; i < SP_CGO_SEEN && n_names + profile->locations.n < NAMES_LIMIT; i++) {
        const uintptr_t seen = sp_load_relaxed(&sp_cgo_seen[i]);
        if (seen != 0 && sp_cgo_name_known(seen) == NULL)
            add_location(mappings, profile, seen);
    }
}

static void find_names(struct sp_profile *profile, uintptr_t pc)
{
    struct sp_mappings mappings = {.pid = getpid()};
    sp_mappings_read(&mappings, profile);
    add_locations(&mappings, profile, pc);
    sp_mappings_done(&mappings);
    if (sp_profile_error(profile) == 0 && sp_symbolize_profile(profile, NULL, NULL) == 0)
        for (size_t i = 0; i < profile->locations.n; i++)
            keep_name(profile, &profile->locations.at[i]);
}

const struct sp_cgo_name *sp_cgo_name_find(uintptr_t pc)
{
    const struct sp_cgo_name *name = sp_cgo_name_known(pc);
    if (name != NULL)
        return name;
    pthread_mutex_lock(&finding);
    name = sp_cgo_name_known(pc);
    if (name == NULL && n_names < NAMES_LIMIT) {
        struct sp_profile *profile = sp_profile_new();
        if (profile != NULL)
            find_names(profile, pc);
        sp_profile_free(profile);
        name = sp_cgo_name_known(pc);
    }
    pthread_mutex_unlock(&finding);
    return name;
}
