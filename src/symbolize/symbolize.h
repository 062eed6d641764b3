/*
 * Addresses become names.
 *
 * Place on the way of a sample: profile → *symbolize* → formats. It reads the mappings and locations of a profile and
 * gives lines to those locations that have none. It knows nothing of formats or reports.
 * Context: ordinary code; one profile by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_SYMBOLIZE_H
#define SIGPROF_SYMBOLIZE_SYMBOLIZE_H

#include "profile/profile.h"
#include "symbolize/debug_places.h"
#include "symbolize/demangle.h"

/* How profiles are named. Zero-initialised is the default. */
struct sp_symbolize_options {
    bool is_forced; /* also locations that have lines: what is found takes their place, what is not leaves them */
    enum sp_demangle_style demangle;
    struct sp_debug_places places;
    /* To look names up with, at most: the caller's is one of them, and so 0 counts as 1. No more than there are CPUs.
     */
    unsigned threads;
    /*
     * NULL, or called before module `i` of 1..n is opened: it may take long. `path` is as the profile has it. By any of
     * the threads, one call at a time.
     */
    void (*on_module)(void *user, size_t i, size_t n, const char *path);
    void *user; /* for on_module */
};

/* A file that gave no names. */
struct sp_symbolize_problem {
    uint32_t file; /* string of the profile */
    /*
     * -ENOENT: it is missing. -ESTALE: it is not the file that was mapped, most often by its build id. -ENODATA: it has
     * no symbols. -EBADMSG: it is no ELF file, or is damaged. Or the -errno of open(2).
     */
    int error;
    uint64_t locations; /* that are without a name for it */
};

/* Of more files than this, those that most locations lack are told. */
#define SP_SYMBOLIZE_PROBLEMS_MAX 16

/* locations = named + uncovered + anonymous + withheld */
struct sp_symbolize_stats {
    uint64_t locations;  /* looked at: had no lines yet, or is_forced */
    uint64_t named;      /* of these, got a function */
    uint64_t uncovered;  /* are in files that were opened, and know no function there */
    uint64_t anonymous;  /* are in memory that is no file's */
    uint64_t withheld;   /* are in files that gave no names */
    uint64_t modules;    /* files opened */
    uint64_t mismatched; /* files whose build id is not the mapping's: not used */
    uint64_t unused;     /* files that gave no names, mismatched ones included */
    struct sp_symbolize_problem problems[SP_SYMBOLIZE_PROBLEMS_MAX]; /* most locations first */
    size_t n_problems;
};

/*
 * Names every location of `profile` that has a mapping and no lines; sets the has_* flags of a mapping to what any of
 * its locations has. A location without a symbol keeps its address and mapping and gets no line.
 * `options` and `stats` may be NULL. Returns 0, or -ENOMEM. A file that is gone, damaged or replaced is no error: its
 * locations stay without names.
 */
int sp_symbolize_profile(struct sp_profile *profile, const struct sp_symbolize_options *options,
                         struct sp_symbolize_stats *stats);

/* Sets the has_* flags of each mapping by what any of its locations has: for who gives locations lines himself. */
void sp_symbolize_mark_mappings(struct sp_profile *profile);

#endif
