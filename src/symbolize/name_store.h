/*
 * What one thread has found: names of addresses, each text and function once.
 *
 * Place on the way of a sample: module_names.c fills one for each of its threads while modules are open; symbolize.c
 * copies from them into the profile when all is found. A name is made presentable here, once for each function, and so
 * by several threads.
 *
 * Representation: a profile that has strings, functions and locations alone. A location is what was found of one
 * address; its functions are as the source had them, and `names` has what to call them.
 *
 * Context: ordinary code; one store by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_NAME_STORE_H
#define SIGPROF_SYMBOLIZE_NAME_STORE_H

#include "profile/profile.h"
#include "symbolize/demangle.h"
#include "symbolize/symbol_source.h"

/* Room for a demangled name; a longer one stays mangled. */
#define SP_NAME_MAX_BYTES 16384

/* Invariant: names[i] and copies[i] are of found->functions.at[i]. */
struct sp_name_store {
    enum sp_demangle_style style;
    struct sp_profile *found;
    uint32_t *names;  /* strings of `found` */
    uint32_t *copies; /* functions of the profile that was copied to; SP_NONE: not yet */
    size_t capacity;
    char name[SP_NAME_MAX_BYTES];
};

/* Returns 0 or -ENOMEM. Freed by sp_name_store_done, also after a failure. */
int sp_name_store_init(struct sp_name_store *store, enum sp_demangle_style style);
void sp_name_store_done(struct sp_name_store *store);

/*
 * Keeps frames[0..n), innermost first, each with a system_name. Returns what sp_name_store_copy takes for it; SP_NONE
 * when there is no memory.
 */
uint32_t sp_name_store_add(struct sp_name_store *store, const struct sp_named_frame *frames, uint32_t n);

/*
 * Gives the lines of `location` of `profile` what was kept as `found`. All calls are for one profile, whose sticky
 * error tells when there was no memory.
 */
void sp_name_store_copy(struct sp_name_store *store, uint32_t found, struct sp_profile *profile, uint32_t location);

#endif
