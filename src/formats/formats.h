/*
 * The table of profile formats: each is one file with one const struct; whoever needs one searches the table.
 *
 * Place on the way of a sample: profile → *formats* → file, and file → *formats* → profile → report.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_FORMATS_H
#define SIGPROF_FORMATS_FORMATS_H

#include "profile/profile.h"

/* A growing block of bytes. Zero-initialised is empty; `sp_bytes_done` frees. */
struct sp_bytes {
    uint8_t *at;
    size_t n, capacity;
    int error; /* sticky -ENOMEM */
};
void sp_bytes_done(struct sp_bytes *bytes);

/* What a writer is told. */
struct sp_write_options {
    /*
     * Which sample type's values are written, by formats that can tell one only, and shown first, by those that have
     * all. SP_VALUE_DEFAULT, or beyond the last: the profile's default type, or else its last one, as pprof has it.
     */
    size_t value_index;
    /* Whether a large file may be made by two threads at once. */
    bool may_use_threads;
};
#define SP_VALUE_DEFAULT SIZE_MAX

struct sp_format {
    const char *name;        /* what the user types, for example "pprof" */
    const char *description; /* one line */
    const char *suffixes;    /* of the names of its files, with blanks between them; the usual one is first */
    bool is_binary;          /* nothing for a terminal */
    bool has_names;          /* of functions: what has none need not look them up */
    /* Whether data[0..size) looks like this format (cheap, by its first bytes). NULL: cannot be read. */
    bool (*looks_like)(const uint8_t *data, size_t size);
    /*
     * Reads a profile: 0 and a new `*profile` (the caller's to free), or -EINVAL (damaged: `why` names what and at
     * which byte), -EFBIG (more than `memory_limit` bytes), -ENOMEM. Outputs untouched on failure.
     */
    int (*read)(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                size_t why_size);
    /*
     * Appends the profile to `out`: 0, or -ENOMEM, -EINVAL when the profile does not hold together, -ENOTSUP when it
     * has what this format cannot tell. `options` may be NULL: all as the defaults are. NULL: cannot be written.
     */
    int (*write)(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out);
};

/* NULL-terminated. The first one is the default for writing. */
extern const struct sp_format *const sp_formats[];

/* The format that is `name`, or NULL. */
const struct sp_format *sp_format_find(const char *name);

/* The first format that data[0..size), not compressed, look like, or NULL. */
const struct sp_format *sp_format_of(const uint8_t *data, size_t size);
/* The format to write a file of that name in, by the longest suffix that fits; NULL when none does. */
const struct sp_format *sp_format_of_path(const char *path);

/* Default for memory_limit: bytes that one profile may decompress to and take. */
#define SP_FORMAT_MEMORY_LIMIT ((size_t)4 << 30)

/*
 * Reads a profile of any known format, bare or in gzip or zstd, from `bytes`, which it takes and leaves empty. Errors
 * as sp_format.read, and -ENOTSUP for zstd in a build without libzstd; `why` always gets a sentence on failure.
 */
int sp_profile_read_bytes(struct sp_bytes *bytes, size_t memory_limit, struct sp_profile **profile, char *why,
                          size_t why_size);

/*
 * The same from a file; "-" is stdin. Errors as sp_profile_read_bytes, and those of open(2) and read(2);
 * `why` always gets a sentence on failure, which does not repeat the path ("it is empty").
 */
int sp_profile_read_file(const char *path, struct sp_profile **profile, char *why, size_t why_size);

#endif
