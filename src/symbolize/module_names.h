/*
 * The names of addresses in several modules, found by several threads.
 *
 * Place on the way of a sample: symbolize.c has the addresses of a profile, sorted by module; here each module is
 * opened once, in every source that has it, its addresses are named, and it is closed.
 *
 * A module goes through stages, one after the other; the tasks of a stage are done at the same time, by whoever has
 * nothing to do:
 *
 *   open ──▶ chunks of the first source that has batches ──▶ ... ──▶ what is left, by what any source finds ──▶ close
 *
 * No more modules are open at once than there are threads, so that memory is bounded, and what is found does not depend
 * on how many threads there are.
 * Context: ordinary code of one caller at a time; the threads are gone when it returns.
 */
#ifndef SIGPROF_SYMBOLIZE_MODULE_NAMES_H
#define SIGPROF_SYMBOLIZE_MODULE_NAMES_H

#include "symbolize/name_store.h"

/* What was found of an address. */
struct sp_found_name {
    uint32_t store; /* of whose stores[] */
    uint32_t found; /* for sp_name_store_copy; SP_NONE: nobody knows it */
};

/* A module and the addresses in it. */
struct sp_module_names {
    struct sp_module_id id;
    const struct sp_module_address *addresses; /* ascending */
    size_t n;
    struct sp_found_name *names; /* written: n of them */
    bool is_open;                /* written: a source had it */
    int error;                   /* written: where none had, the worst that one said, as of struct sp_symbol_source */
};

struct sp_naming_options {
    enum sp_demangle_style style;
    const struct sp_debug_places *places;
    unsigned threads; /* as in struct sp_symbolize_options */
    /* NULL, or told before module `i` of 1..n is opened; by any thread, one call at a time. */
    void (*on_module)(void *user, size_t i, size_t n, const char *path);
    void *user;
};

/* Stores of the threads that there were. All zero at first; freed by sp_naming_done. */
struct sp_naming {
    struct sp_name_store *stores;
    unsigned n;
};

/*
 * Names the addresses of modules[0..n). Returns 0 or -ENOMEM. `naming` is to be freed in either case. With fewer
 * threads than asked for, it takes longer.
 */
int sp_name_modules(struct sp_naming *naming, struct sp_module_names *modules, size_t n,
                    const struct sp_naming_options *options);
void sp_naming_done(struct sp_naming *naming);

#endif
